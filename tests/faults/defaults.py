# SPDX-License-Identifier: Apache-2.0
"""With the intervals as they are delivered: whatever dies, within 60 s the operation has ended or shows for what it waits.

The other tests use short intervals.  Here one lab has the defaults, and two daemons die for good at the same moment, each with a
migration in its hands.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import Lab, main, until  # noqa: E402

BOUND = 60

lab = Lab("defaults", "--hosts", "3")
api = lab.api


def is_settled(migration):
    return migration["state"] in ("done", "failed", "cancelled", "error") or migration.get("blocked")


def in_mid_copy(name, source, dest):
    """A guest whose copy does not end before its cap is lifted."""
    lab.run("set", source, "libvirt.live_migration_bandwidth", "8")
    lab.run("reload", source, "compute")
    uuid = api.boot(name, flavor="m1.micro", image="testguest-steady", host=source)
    lab.wait_counting(uuid, 20)
    number = api.live_migrate(uuid, dest)
    for _ in until(30, lambda: api.migration(uuid, number)):
        migration = api.migration(uuid, number)
        if migration["state"] == "migrating" and migration["memory_processed_bytes"] > 0:
            return uuid, number


def before_the_copy(name, source, dest):
    """A migration whose destination will never be ready: its next try hangs."""
    lab.run("kill", dest, "compute")
    lab.run("start", dest, "compute", "NOVA_LITE_FAULT=compute:preparing:try=sleep(600000)")
    uuid = api.boot(name, flavor="m1.nano", host=source)
    number = api.live_migrate(uuid, dest)
    for _ in until(60, lambda: api.migration(uuid, number)):
        if api.migration(uuid, number)["state"] == "preparing":
            return uuid, number


def two_daemons_die_for_good():
    waiting = before_the_copy("waiting", "HostC", "HostD")
    copying = in_mid_copy("copying", "HostB", "HostC")
    lab.run("kill", "HostB", "compute")
    lab.run("kill", "HostD", "compute")
    died = time.monotonic()
    lab.virsh("HostB", "migrate-setspeed", copying[0], "10000")
    open_, took = {"copying": copying, "waiting": waiting}, {}
    for _ in until(BOUND, lambda: {name: api.migration(*which) for name, which in open_.items()}, pause=0.5):
        for name, which in list(open_.items()):
            if is_settled(api.migration(*which)):
                took[name] = time.monotonic() - died
                del open_[name]
        if not open_:
            break
    # The destination was named and nothing had been done: this one is over, and the guest was not touched.
    migration = api.migration(*waiting)
    assert migration["state"] == "error" and "HostD" in migration["reason"], migration
    assert api.wait_status(waiting[0], "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    # libvirt goes on with the other: the guest runs where it has arrived, and that is what users see, without HostB's service.
    for _ in until(max(1, BOUND - (time.monotonic() - died)), lambda: api.server(copying[0])):
        if api.server(copying[0])["OS-EXT-SRV-ATTR:host"] == "HostC":
            break
    owned = time.monotonic() - died
    assert lab.domain_state("HostC", copying[0]) == "running" and lab.domain_state("HostB", copying[0]) == "absent"
    migration = api.migration(*copying)
    assert migration["blocked"] and migration["blocked_host"] == "HostB", migration
    lab.run("start", "HostB", "compute")
    lab.run("start", "HostD", "compute")
    assert api.wait_migration(*copying, 60)["state"] == "done"
    lab.check_books()
    report = lab.serial(copying[0])
    assert report["ok"] and report["went_back"] == "0", report["text"]
    return "shown or ended after %s; the guest was the destination's after %.0f s" % (
        ", ".join("%.0f s (%s)" % (seconds, name) for name, seconds in sorted(took.items())), owned)


try:
    status = main([two_daemons_die_for_good])
finally:
    lab.down()
sys.exit(status)
