# SPDX-License-Identifier: Apache-2.0
"""The daemon that must act is dead, frozen, or its whole host is, and does not come back: what nobody has begun goes on elsewhere,
everything else waits visibly, and nothing is guessed.  Three hosts, leases of four seconds."""
import http.client
import sys
import time

from worstlab import ENDED_S, WorstLab
from novalab import Refused, main, until

lab = WorstLab("absent", "scheduler.caretaker_interval=1", "DEFAULT.max_concurrent_live_migrations=2", hosts=3)
api = lab.api


def services(**wanted):
    """Waits until each of these compute services is `up' or `down'."""
    for _ in until(30, lambda: api.get("/os-services?binary=nova-compute")):
        states = {s["host"]: s["state"] for s in api.get("/os-services?binary=nova-compute")["services"]}
        if all(states.get(host) == state for host, state in wanted.items()):
            return


def enable(host, yes):
    for service in api.get("/os-services?host=%s&binary=nova-compute" % host)["services"]:
        api.request("PUT", "/os-services/%s" % service["id"], {"status": "enabled" if yes else "disabled"})


def arm(host, fault):
    """A compute service with this fault point, whatever became of the one before; all are up."""
    for other in lab.hosts:
        if lab.is_dead(other, "compute") and other != host:
            lab.run("start", other, "compute")
    if not lab.is_dead(host, "compute"):
        lab.run("kill", host, "compute")
    lab.run("start", host, "compute", "NOVA_LITE_FAULT=" + fault)
    services(**{other: "up" for other in lab.hosts})


def database_time():
    return float(lab.sql("SELECT extract(epoch FROM clock_timestamp())")[0][0])


def noted_after(number, since, what, seconds=ENDED_S + 20):
    """Until the journal has a line like that; how long after `since' it was written, by the database's clock.  The bound is on that."""
    rows = []
    for _ in until(seconds, lambda: "operation %d: no %s" % (number, what)):
        rows = lab.sql("SELECT extract(epoch FROM at) FROM journal WHERE operation = %d AND %s ORDER BY seq LIMIT 1" % (number, what))
        if rows:
            took = float(rows[0][0]) - since
            assert took <= ENDED_S, "%s only after %.1f s" % (what, took)
            return took


def entered(number, state):
    """When the operation came into the state in which the daemon dies at once, by the database's clock."""
    for _ in until(30, lambda: "operation %d does not come to %s" % (number, state)):
        rows = lab.sql("SELECT extract(epoch FROM max(at)) FROM journal WHERE operation = %d AND to_state = '%s' AND from_state <> to_state"
                       % (number, state))
        if rows and rows[0] != [""]:
            return float(rows[0][0])


def blocked(uuid, number, since, reason, host):
    """It shows, soon enough, that it waits, why and for whom: in the API and in the journal."""
    took = noted_after(number, since, "message ~ 'is down'")
    assert lab.wait_blocked(uuid, number) == (reason, host), api.migration(uuid, number)
    return took


def back(host):
    """An undisturbed daemon on a host that has power, and all of them up."""
    lab.restart(host, "compute")
    for other in lab.hosts:
        if lab.is_dead(other, "compute"):
            lab.run("start", other, "compute")
    services(**{h: "up" for h in lab.hosts})


def ends_at(uuid, number, state, host):
    lab.settled(uuid, number, state, host, seconds=40)


# ---- the destination ----

def destination_dies(state, action):
    """Of HostC and HostD only HostC may be chosen first; its daemon dies in that state and stays dead."""
    enable("HostD", False)
    arm("HostC", "compute:%s:before=%s" % (state, action))
    uuid = lab.guest("next")
    number = api.live_migrate(uuid)
    since = entered(number, state)
    enable("HostD", True)
    took = noted_after(number, since, "from_state = '%s' AND to_state = 'requested' AND actor = 'scheduler'" % state)
    ends_at(uuid, number, "done", "HostD")
    tried = [row for row in lab.sql("SELECT h.name, a.reason FROM attempts a JOIN hosts h ON h.id = a.host_id WHERE operation = %d" % number)]
    assert len(tried) == 1 and tried[0][0] == "HostC" and "went down" in tried[0][1], tried
    return uuid, number, took


def the_next_host_is_taken_when_the_destination_dies_checking():
    uuid, _, took = destination_dies("claimed", "exit")
    back("HostC")
    api.delete(uuid)
    return "after %.1f s" % took


def and_when_it_dies_preparing():
    uuid, _, took = destination_dies("preparing", "exit")
    back("HostC")
    api.delete(uuid)
    return "after %.1f s" % took


def a_frozen_destination_that_wakes_up_changes_nothing():
    uuid, number, took = destination_dies("claimed", "stop")
    before = lab.sql("SELECT state, seq FROM operations WHERE id = %d" % number)
    lab.run("resume", "HostC", "compute")
    services(HostC="up")
    assert lab.sql("SELECT state, seq FROM operations WHERE id = %d" % number) == before
    assert lab.where(uuid) == ["HostD"]
    back("HostC")
    lab.check_books()
    api.delete(uuid)
    return "taken from it after %.1f s" % took


def a_named_destination_that_dies_ends_it_in_error():
    took = {}
    for state in ("claimed", "preparing"):
        arm("HostC", "compute:%s:before=exit" % state)
        uuid = lab.guest("named")
        number = api.live_migrate(uuid, "HostC")
        took[state] = noted_after(number, entered(number, state), "to_state = 'error'")
        ends_at(uuid, number, "error", "HostB")
        reason = api.migration(uuid, number)["reason"]
        assert "HostC" in reason and "went down" in reason, reason
        api.delete(uuid)
    back("HostC")
    return str({state: round(s, 1) for state, s in took.items()})


# ---- the source ----

def source_dies(state, name):
    arm("HostB", "compute:%s:before=exit" % state)
    uuid = lab.guest(name)
    number = api.live_migrate(uuid, "HostC")
    return uuid, number, blocked(uuid, number, entered(number, state), "source host unreachable", "HostB")


def a_dead_source_is_shown_and_an_abort_is_honoured():
    uuid, number, took = source_dies("checked", "abort")
    assert api.migration(uuid, number)["state"] == "checked"
    since = database_time()
    api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
    cancelled = noted_after(number, since, "to_state = 'cancelled' AND actor = 'scheduler'")
    assert lab.domain_state("HostB", uuid) == "running"
    back("HostB")
    ends_at(uuid, number, "cancelled", "HostB")
    api.delete(uuid)
    return "shown after %.1f s, aborted %.1f s after the request" % (took, cancelled)


def so_is_a_delete():
    uuid, number, _ = source_dies("prepared", "delete")
    since = database_time()
    api.request("DELETE", "/servers/" + uuid)
    noted_after(number, since, "to_state = 'cancelled'")
    delete = []
    for _ in until(20, lambda: "the delete does not show that it waits: %s" % delete):
        delete = lab.sql("SELECT kind, state, blocked, blocked_host FROM operations WHERE instance = '%s' AND finished_at IS NULL" % uuid)
        if delete and delete[0][2]:
            break
    assert delete == [["delete", "requested", "source host unreachable", "HostB"]], delete
    back("HostB")
    for _ in until(30, lambda: api.server(uuid)):
        try:
            api.server(uuid)
        except Refused as refused:
            assert refused.status == 404
            break
    assert lab.where(uuid) == []
    lab.check_books()


def a_source_that_comes_back_goes_on():
    uuid, number, took = source_dies("prepared", "back")
    back("HostB")
    ends_at(uuid, number, "done", "HostC")
    assert not api.migration(uuid, number)["blocked"]
    api.delete(uuid)
    return "shown after %.1f s" % took


# ---- the source, during the copy and the switch ----

def the_destination_flips_when_the_source_daemon_is_dead():
    uuid, number = lab.slow_copy("midcopy")
    since = database_time()
    lab.run("kill", "HostB", "compute")
    lab.let_it_finish(uuid)
    ran = lab.wait_domain("HostC", uuid, "running", 60)
    took = noted_after(number, since, "to_state = 'switched' AND actor = 'dest'")
    assert api.server(uuid)["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.wait_blocked(uuid, number) == ("source host unreachable", "HostB")
    assert api.migration(uuid, number)["state"] == "switched"
    back("HostB")
    ends_at(uuid, number, "done", "HostC")
    api.delete(uuid)
    return "it ran there after %.1f s, recorded %.1f s after the daemon's death" % (ran, took)


def the_source_host_dies_after_the_switch_before_the_flip():
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    arm("HostB", "compute:migrating:flip=sleep(60000)")
    uuid = lab.guest("switched")
    number = api.live_migrate(uuid, "HostC")
    lab.wait_domain("HostC", uuid, "running", 60)
    assert api.migration(uuid, number)["state"] == "migrating"
    since = database_time()
    lab.run("kill", "HostB", "host")
    took = noted_after(number, since, "to_state = 'switched' AND actor = 'dest'")
    assert api.server(uuid)["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.wait_blocked(uuid, number) == ("source host unreachable", "HostB")
    lab.run("boot", "HostB")
    ends_at(uuid, number, "done", "HostC")
    services(HostB="up")
    api.delete(uuid)
    return "recorded %.1f s after the host's death" % took


def host_dies_in_mid_copy(resume):
    lab.option("HostB", "DEFAULT.resume_guests_state_on_host_boot", str(resume).lower())
    uuid, number = lab.slow_copy("power")
    since = database_time()
    lab.run("kill", "HostB", "host")
    took = blocked(uuid, number, since, "source host unreachable", "HostB")
    for _ in range(20):
        assert lab.domain_state("HostC", uuid) != "running", "an incomplete copy runs"
        time.sleep(0.05)
    assert api.migration(uuid, number)["state"] == "migrating"
    lab.run("boot", "HostB")
    migration = api.wait_migration(uuid, number, 40)
    assert migration["state"] == "failed" and "ended with its host" in migration["reason"], migration
    server = api.wait_status(uuid, "ACTIVE" if resume else "SHUTOFF", 40)
    assert server["OS-EXT-SRV-ATTR:host"] == "HostB", server
    assert lab.where(uuid) == (["HostB"] if resume else [])
    services(HostB="up")
    lab.check_books()
    starts = lab.sql("SELECT count(*) FROM operations WHERE instance = '%s' AND kind = 'start'" % uuid)
    assert starts == [["1" if resume else "0"]], starts
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    api.delete(uuid)
    return "shown after %.1f s" % took


def the_source_host_dies_in_mid_copy_and_its_guest_is_started_once():
    return host_dies_in_mid_copy(True)


def or_stays_off_by_policy():
    return host_dies_in_mid_copy(False)


# ---- controller services ----

def a_scheduler_that_dies_loses_nothing():
    for point in ("scheduler:requested:before", "scheduler:requested:after", "scheduler:requested:committed"):
        lab.arm("HostA", "scheduler", point + "=exit")
        uuid = api.boot("scheduled", host="HostB", wait=False)
        lab.wait_dead("HostA", "scheduler")
        lab.run("start", "HostA", "scheduler")
        api.wait_status(uuid, "ACTIVE", 40)
        lab.arm("HostA", "scheduler", point + "=exit")
        number = api.live_migrate(uuid, "HostC")
        lab.wait_dead("HostA", "scheduler")
        lab.run("start", "HostA", "scheduler")
        migration = api.wait_migration(uuid, number, 40)
        assert migration["state"] == "done", migration
        lab.check_books()
        api.delete(uuid)


def an_api_that_dies_has_begun_it_or_not():
    uuid = api.boot("asked", host="HostB")
    seen = {}
    for point, begun in (("api:begin:before", False), ("api:begin:committed", True)):
        lab.arm("HostA", "api", point + "=exit")
        host = api.server(uuid)["OS-EXT-SRV-ATTR:host"]
        other = "HostC" if host == "HostB" else "HostB"
        before = int(lab.sql("SELECT count(*) FROM operations WHERE kind = 'live-migration' AND instance = '%s'" % uuid)[0][0])
        try:
            api.action(uuid, {"os-migrateLive": {"host": other, "block_migration": "auto"}})
            raise AssertionError("the API has answered although it died")
        except (OSError, http.client.HTTPException):
            pass
        lab.wait_dead("HostA", "api")
        rows = lab.sql("SELECT id FROM operations WHERE kind = 'live-migration' AND instance = '%s' ORDER BY id" % uuid)
        assert len(rows) - before == (1 if begun else 0), rows
        if begun:  # without the API
            state = None
            for _ in until(30, lambda: "state %s" % state):
                state = lab.sql("SELECT state FROM operations WHERE id = %s" % rows[-1][0])[0][0]
                if state == "done":
                    break
        else:
            assert lab.sql("SELECT count(*) FROM operations WHERE finished_at IS NULL AND instance = '%s'" % uuid) == [["0"]]
        lab.run("start", "HostA", "api")
        server = api.wait_status(uuid, "ACTIVE", 20)
        assert server["OS-EXT-SRV-ATTR:host"] == (other if begun else host), server
        seen[point] = server["OS-EXT-SRV-ATTR:host"]
    lab.check_books()
    api.delete(uuid)


try:
    status = main([the_next_host_is_taken_when_the_destination_dies_checking, and_when_it_dies_preparing,
                   a_frozen_destination_that_wakes_up_changes_nothing, a_named_destination_that_dies_ends_it_in_error,
                   a_dead_source_is_shown_and_an_abort_is_honoured, so_is_a_delete, a_source_that_comes_back_goes_on,
                   the_destination_flips_when_the_source_daemon_is_dead, the_source_host_dies_after_the_switch_before_the_flip,
                   the_source_host_dies_in_mid_copy_and_its_guest_is_started_once, or_stays_off_by_policy,
                   a_scheduler_that_dies_loses_nothing, an_api_that_dies_has_begun_it_or_not])
finally:
    lab.down()
sys.exit(status)
