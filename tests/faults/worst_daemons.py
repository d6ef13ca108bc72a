# SPDX-License-Identifier: Apache-2.0
"""The guest ends in mid-copy; compute services die or freeze; PostgreSQL dies: in each state of a migration."""
import contextlib
import os
import sys
import time

from worstlab import ENDED_S, PAUSE_S, WorstLab, main, until, watched

CRASHED, SHUTDOWN = 6, 4
OTHER = {"HostB": "HostC", "HostC": "HostB"}

lab = WorstLab("worst-daemons", "DEFAULT.max_concurrent_live_migrations=4")
api = lab.api


class Traveller:
    """One guest that goes back and forth between the two hosts, so that each case need not boot one."""

    def __init__(self, name):
        self.option_no_cap()
        self.uuid, self.host = lab.guest(name), "HostB"

    @staticmethod
    def option_no_cap():
        for host in lab.hosts:
            lab.option(host, "libvirt.live_migration_bandwidth", 0)

    @property
    def dest(self):
        return OTHER[self.host]

    def go(self):
        return api.live_migrate(self.uuid, self.dest)

    def arrived(self, number, seconds=ENDED_S):
        took = lab.settled(self.uuid, number, "done", self.dest, seconds)
        self.host = self.dest
        return took

    def stayed(self, number, state="failed", seconds=ENDED_S):
        return lab.settled(self.uuid, number, state, self.host, seconds)


def the_guest_ends_in_mid_copy():
    """Its QEMU is killed; told to quit; its power button is pressed.  It stays where it was, switched off, and starts again from its
    disk; nothing is left on the destination."""
    def monitor(uuid, command):  # libvirt itself lets nobody press the button of a guest that moves
        lab.run("exec", "HostB", "virsh", "qemu-monitor-command", uuid, '{"execute":"%s"}' % command, check=False)

    ways = {
        "killed": (lambda uuid: lab.run("kill", "HostB", "qemu", uuid), CRASHED, "ended unexpectedly"),
        "quit": (lambda uuid: monitor(uuid, "quit"), None, "'HostB'"),
        "button": (lambda uuid: monitor(uuid, "system_powerdown"), SHUTDOWN, "shut itself down"),
    }
    copies = {way: lab.slow_copy(way) for way in ways}
    checker = lab.checker()
    for way, (end, _, _) in ways.items():
        end(copies[way][0])
    for uuid, number in copies.values():  # the books are looked at when no migration is open
        api.wait_migration(uuid, number, ENDED_S)
    for way, (_, power, said) in ways.items():
        uuid, number = copies[way]
        lab.settled(uuid, number, "failed", "HostB", status="SHUTOFF")
        reason = api.migration(uuid, number)["reason"]
        assert said in reason, (way, reason)
        assert power in (None, api.server(uuid)["OS-EXT-STS:power_state"]), (way, api.server(uuid))
    for uuid, _ in copies.values():
        api.action(uuid, {"os-start": None})
    for uuid, _ in copies.values():
        api.wait_status(uuid, "ACTIVE", 30)
        lab.wait_counting(uuid, 20)
        report = lab.serial(uuid)
        assert report["ok"] and report["boots"] == "2" and report["disk_lost"] == "0", report["text"]
    checker.stop()
    for uuid, _ in copies.values():
        api.delete(uuid)


def a_compute_service_dies_at_the_end():
    """After the switch and before the guest is started, after that and before it is recorded, before and after
    cleaning; and the
    destination's, which nobody needs once it has prepared.  Started again, it goes on where it died."""
    cases = [("compute:migrating:resume", "source"), ("compute:migrating:flip", "source"),
            ("compute:migrating:committed", "source"),
             ("compute:switched:after", "source"), ("compute:cleaning:before", "source"),
                     ("compute:cleaning:committed", "source"),
             ("compute:preparing:committed", "dest")]
    guest = Traveller("late")
    slowest = 0
    with watched(lab, guest.uuid, most=PAUSE_S) as watch:
        for point, who in cases:
            host = guest.host if who == "source" else guest.dest
            lab.arm(host, "compute", point + "=exit")
            number = guest.go()
            lab.wait_dead(host, "compute")
            if who == "dest":
                api.wait_migration(guest.uuid, number, ENDED_S)  # without it
            lab.run("start", host, "compute")
            slowest = max(slowest, guest.arrived(number))
    api.delete(guest.uuid)
    return "%d deaths, slowest recovery %.1f s, longest pause of the guest %.2f s" % (len(cases), slowest, watch.still)


def an_adopted_copy_is_steered():
    """The source's service is killed in mid-copy: the next one goes on reporting, and hears an abort."""
    uuid, number = lab.slow_copy("adopted")
    with watched(lab, uuid, most=PAUSE_S):
        lab.run("kill", "HostB", "compute")
        lab.run("start", "HostB", "compute")
        before = lab.wait_copying(uuid, number)["memory_processed_bytes"]
        for _ in until(ENDED_S, lambda: "no progress is reported"):
            if lab.wait_copying(uuid, number)["memory_processed_bytes"] > before:
                break
        api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
        took = lab.settled(uuid, number, "cancelled", "HostB")
    api.delete(uuid)
    return "cancelled after %.1f s" % took


def a_compute_service_is_frozen_past_its_lease():
    """What it was about to write is refused, it registers anew, looks again and only then goes on."""
    cases = [("compute:claimed:after", "dest"), ("compute:checked:after", "source"),
             ("compute:migrating:call", "source"), ("compute:migrating:flip", "source"), ("compute:cleaning:after", "source")]
    guest = Traveller("frozen")
    slowest = 0
    with watched(lab, guest.uuid, most=PAUSE_S) as watch:
        for point, who in cases:
            host = guest.host if who == "source" else guest.dest
            lab.arm(host, "compute", point + "=stop:1")
            epoch = lab.epoch(host)
            number = guest.go()
            lab.wait_service(host, "compute", "paused")
            before = len(lab.journal(guest.uuid, number))
            for _ in until(20, lambda: "the lease of %s does not run out" % host, pause=0.3):
                if not lab.has_lease(host):
                    break
            lab.run("resume", host, "compute")
            ended = api.wait_migration(guest.uuid, number, ENDED_S)["state"]
            slowest = max(slowest, guest.arrived(number) if ended == "done" else guest.stayed(number, ended))
            # Another host may have been asked meanwhile.
            assert ended == "done" or point == "compute:claimed:after", api.migration(guest.uuid, number)
            if point == "compute:migrating:call":  # not by the step that was about to begin it, which knew too little
                log = open(lab.directory + "/" + host + "/log/compute.log", encoding="utf-8").read()
                assert "the copy could not be started: host '%s'" % host in log, "it went on with the call"
            assert lab.epoch(host) > epoch, "%s: it went on with its old epoch" % point
            assert len(lab.journal(guest.uuid, number)) > before
            lab.restart(host, "compute")
    api.delete(guest.uuid)
    return "%d times, slowest recovery %.1f s, longest pause of the guest %.2f s" % (len(cases), slowest, watch.still)


def postgresql_is_killed_in_every_state():
    """Held in one state after the other, the database is killed and started under each; the migration goes through
    all of it."""
    states = {"HostB": ["checked", "prepared", "switched", "cleaning"], "HostC": ["claimed", "preparing"]}
    guest = Traveller("outages")
    spec = {host: ["compute:%s:after=hold(/run/worst):1" % state for state in names] for host, names in states.items()}
    spec["HostB"].append("compute:migrating:flip=hold(/run/worst):1")
    for host, points in spec.items():
        lab.arm(host, "compute", ",".join(points))
    with watched(lab, guest.uuid, most=PAUSE_S) as watch:
        number = guest.go()
        for host, point in (("HostC", "claimed"), ("HostB", "checked"), ("HostC", "preparing"), ("HostB",
                "prepared"), ("HostB", "flip"),
                            ("HostB", "switched"), ("HostB", "cleaning")):
            lab.wait_held(host, 30)
            lab.run("kill", "HostA", "postgres")
            lab.release(host)
            if point == "flip":
                assert lab.domain_state("HostC", guest.uuid) == "running"
                time.sleep(float(os.environ.get("NOVA_LITE_TEST_OUTAGE", 3)))
                assert lab.domain_state("HostC", guest.uuid) == "running"
            lab.run("start", "HostA", "postgres")
        took = guest.arrived(number)
    for host in lab.hosts:
        lab.restart(host, "compute")
    api.delete(guest.uuid)
    return "7 outages in one migration, over %.1f s after the last, longest pause of the guest %.2f s" % (took,
            watch.still)


def the_answers_to_commits_are_lost():
    """Every second COMMIT is done and its answer lost, in every service: what was committed is found out, and done
    once."""
    for host, service in (("HostA", "api"), ("HostA", "scheduler"), ("HostB", "compute"), ("HostC", "compute")):
        lab.arm(host, service, "db:committed=error:50%")
    for host in ("HostB", "HostC"):  # each try to register has two commits, and the tries become rare
        for _ in range(8):
            with contextlib.suppress(AssertionError):
                lab.wait_up(host, seconds=14, stays=5)
                break
            lab.arm(host, "compute", "db:committed=error:50%")
    guest = Traveller("unknown")
    with watched(lab, guest.uuid, most=PAUSE_S):
        for _ in range(2):
            guest.arrived(guest.go(), 20)
        api.action(guest.uuid, {"reboot": {"type": "HARD"}})
        api.wait_status(guest.uuid, "ACTIVE", 20)
        assert lab.sql("SELECT count(*) FROM operations WHERE instance = '%s'" % guest.uuid) == [["4"]]
    api.delete(guest.uuid)
    for host, service in (("HostA", "api"), ("HostA", "scheduler"), ("HostB", "compute"), ("HostC", "compute")):
        lab.restart(host, service)


def a_rollback_unlinks_nothing():
    """Failing at each step, on either host, dying in the rollback, aborted: the checker watches the directory behind
    the share, and
    the guest's files stay what they are."""
    guest = Traveller("rollback")
    cases = [("HostC", "compute:claimed:after=error:1", "done"), ("HostC", "compute:preparing:try=error:1-2", "done"),
             ("HostB", "compute:prepared:after=error:1", "done"), ("HostB", "compute:migrating:call=error", "failed"),
             ("HostB", "compute:rollback:after=exit", "cancelled"), ("HostB", "compute:rollback:before=exit", "killed")]
    files = lab.files(guest.uuid)
    with watched(lab, guest.uuid, most=PAUSE_S):
        for host, fault, end in cases:
            if guest.host == "HostC":
                guest.arrived(guest.go())
            lab.arm(host, "compute", fault)
            if end in ("done", "failed"):
                number = guest.go()
                took = guest.arrived(number, 20) if end == "done" else guest.stayed(number)
            else:
                _, number = lab.slow_copy("rollback", uuid=guest.uuid)
                if end == "cancelled":
                    api.request("DELETE", "/servers/%s/migrations/%d" % (guest.uuid, number))
                else:
                    lab.run("kill", "HostC", "qemu", guest.uuid)
                lab.wait_dead(host, "compute")
                lab.run("start", host, "compute")
                took = guest.stayed(number, "cancelled" if end == "cancelled" else "failed")
                guest.option_no_cap()
            assert took <= 20
            if not lab.is_dead(host, "compute"):
                lab.restart(host, "compute")
        assert files.items() <= lab.files(guest.uuid).items(), (files, lab.files(guest.uuid))
    api.delete(guest.uuid)
    return "%d ways" % len(cases)


try:
    status = main(lab.each([the_guest_ends_in_mid_copy, a_compute_service_dies_at_the_end,
            an_adopted_copy_is_steered, a_compute_service_is_frozen_past_its_lease,
                            postgresql_is_killed_in_every_state, the_answers_to_commits_are_lost,
                            a_rollback_unlinks_nothing]))
finally:
    lab.down()
sys.exit(status)
