# SPDX-License-Identifier: Apache-2.0
"""The switch while something dies: the guest runs on at once, and what the database says follows."""
import sys
import time

from novalab import Lab, Watch, main, until

lab = Lab("switch", "--set", "DEFAULT.report_interval=1", "--set", "DEFAULT.service_down_time=4")
api = lab.api


def slow_copy(name, mib_s=8):
    """A busy guest whose copy from HostB will take long; the migration is under way when this returns."""
    lab.run("set", "HostB", "libvirt.live_migration_bandwidth", str(mib_s))
    lab.run("reload", "HostB", "compute")
    uuid = api.boot(name, flavor="m1.micro", image="testguest-steady", host="HostB")
    lab.wait_counting(uuid, 20)
    number = api.live_migrate(uuid, "HostC")
    for _ in until(30, lambda: api.migration(uuid, number), pause=0.02):
        migration = api.migration(uuid, number)
        if migration["state"] == "migrating" and migration["memory_processed_bytes"] > 0:
            return uuid, number
        assert migration["state"] not in ("done", "failed", "error", "cancelled"), migration


def let_it_finish(uuid):
    """Lifts the cap of the running copy, behind everybody's back."""
    lab.virsh("HostB", "migrate-setspeed", uuid, "10000")


def runs_on(host, uuid, seconds):
    began = time.monotonic()
    for _ in until(seconds, lambda: {h: lab.domain_state(h, uuid) for h in lab.hosts}, pause=0.02):
        if lab.domain_state(host, uuid) == "running":
            return time.monotonic() - began


def lock_was_seen(uuid, number):
    """What the destination wrote into the journal when it agreed to take the guest."""
    return [line["evidence"]["image_lock"] for line in api.migration(uuid, number)["journal"] if line.get("evidence") and
            "image_lock" in line["evidence"]]


def settle(uuid, number, host):
    migration = api.wait_migration(uuid, number, 60)
    assert migration["state"] == "done", migration
    assert api.wait_status(uuid, "ACTIVE", 30)["OS-EXT-SRV-ATTR:host"] == host
    for _ in until(30, lambda: lab.where(uuid)):
        if lab.where(uuid) == [host]:
            break
    lab.check_books()
    counter = int(lab.serial(uuid)["counter"])
    time.sleep(1)
    report = lab.serial(uuid)
    assert report["ok"] and report["went_back"] == "0" and int(report["counter"]) > counter, report["text"]


def the_source_libvirtd_dies_before_confirm():
    """The destination's libvirtd is frozen at Finish, the source's killed, then the destination's goes on: the source's QEMU
    stands still with nobody to end it."""
    uuid, number = slow_copy("confirm")
    lab.run("pause", "HostC", "libvirtd")
    let_it_finish(uuid)
    for _ in until(20, lambda: lab.domain_state("HostB", uuid), pause=0.02):
        if lab.domain_state("HostB", uuid) == "paused":
            break
    watch = Watch(lab, uuid)
    assert lock_was_seen(uuid, number) == [True]
    time.sleep(1)  # all memory is over, and the source's libvirtd has asked the destination's to finish
    lab.run("kill", "HostB", "libvirtd")
    lab.run("resume", "HostC", "libvirtd")
    took = runs_on("HostC", uuid, 15)
    lab.run("start", "HostB", "libvirtd")
    watch.start()
    settle(uuid, number, "HostC")
    watch.stop()
    api.delete(uuid)
    return "the guest ran %.1f s after the destination went on" % took


def postgresql_and_rabbitmq_are_away_during_the_switch():
    uuid, number = slow_copy("outage")
    watch = Watch(lab, uuid)
    watch.start()
    lab.run("kill", "HostA", "postgres")
    lab.run("kill", "HostA", "rabbitmq")
    let_it_finish(uuid)
    took = runs_on("HostC", uuid, 20)
    for _ in until(5, lambda: lab.domain_state("HostB", uuid), pause=0.05):  # libvirtd sees its end a little later
        if lab.domain_state("HostB", uuid) == "absent":
            break
    time.sleep(3)
    assert lab.domain_state("HostC", uuid) == "running"
    lab.run("start", "HostA", "postgres")
    lab.run("start", "HostA", "rabbitmq")
    settle(uuid, number, "HostC")
    watch.stop()
    api.delete(uuid)
    return "the guest ran on the destination %.1f s after the cap was lifted, without either" % took


def the_source_compute_service_dies_in_mid_copy():
    """libvirt goes on by itself; the next start of the service finds what has become of it."""
    uuid, number = slow_copy("adopt")
    watch = Watch(lab, uuid)
    watch.start()
    lab.run("kill", "HostB", "compute")
    let_it_finish(uuid)
    time.sleep(2)
    lab.run("start", "HostB", "compute")
    settle(uuid, number, "HostC")
    watch.stop()
    api.delete(uuid)


def the_destination_libvirtd_dies_in_mid_copy():
    uuid, number = slow_copy("dest")
    watch = Watch(lab, uuid)
    watch.start()
    lab.run("kill", "HostC", "libvirtd")
    lab.run("start", "HostC", "libvirtd")
    migration = api.wait_migration(uuid, number, 60)
    assert migration["state"] == "failed" and migration["reason"], migration
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostB"
    watch.stop()
    lab.check_books()
    assert lab.serial(uuid)["ok"]
    api.delete(uuid)


def the_guest_dies_in_mid_copy():
    uuid, number = slow_copy("died")
    lab.run("kill", "HostB", "qemu", uuid)
    migration = api.wait_migration(uuid, number, 60)
    assert migration["state"] == "failed" and migration["reason"], migration
    for _ in until(30, lambda: api.server(uuid)):
        server = api.server(uuid)
        if server["status"] in ("SHUTOFF", "ERROR") and not server["OS-EXT-STS:task_state"]:
            break
    assert server["OS-EXT-SRV-ATTR:host"] == "HostB"
    assert lab.where(uuid) == []
    lab.check_books()
    api.delete(uuid)


try:
    status = main([the_source_libvirtd_dies_before_confirm, postgresql_and_rabbitmq_are_away_during_the_switch,
                   the_source_compute_service_dies_in_mid_copy, the_destination_libvirtd_dies_in_mid_copy,
                   the_guest_dies_in_mid_copy])
finally:
    lab.down()
sys.exit(status)
