# SPDX-License-Identifier: Apache-2.0
"""The checker itself: a violation of each invariant is planted in a real lab and must be found; without one, nothing may be."""
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import Lab, main, until  # noqa: E402
import invariants as inv  # noqa: E402

lab = Lab("checker", "--set", "DEFAULT.report_interval=1", "--set", "DEFAULT.service_down_time=4",
          "--set", "DEFAULT.operation_active_poll_interval=1", "--set", "database.retry_interval=1")
api = lab.api
INSTANCES = "/var/lib/nova-lite/instances"
BARE = """<domain type='qemu'%s><name>%s</name><uuid>%s</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices/></domain>"""
HELD = "compute:preparing:before"
CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check-invariants")
guests = {}


def guest(name="planted", host="HostB"):
    """One guest is enough for most of what follows."""
    if name not in guests:
        guests[name] = api.boot(name, host=host)
        lab.wait_counting(guests[name])
    return guests[name]


def other(host):
    return next(h for h in lab.hosts if h != host)


def home(uuid):
    return api.server(uuid)["OS-EXT-SRV-ATTR:host"]


def on(host, script):
    return lab.run("exec", host, "sh", "-ec", script)


def virsh_file(host, command, xml):
    path = lab.directory + "/HostA/log/planted.xml"
    with open(path, "w") as file:
        file.write(xml)
    return lab.virsh(host, command, path)


def domain_name(uuid):
    return lab.virsh(home(uuid), "domname", uuid)


class Planted:
    """A checker that is meant to find something: `found' waits for it, leaving ends it and looks at what else it said."""

    def __init__(self, number, also=(), options=()):
        self.number, self.also, self.options = number, set(also), options

    def __enter__(self):
        self.checker = lab.checker(*self.options)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return self

    def read(self):
        for line in self.checker.process.stdout:
            self.lines.append(line)

    def found(self, pattern="", seconds=15):
        """Until it says so."""
        began = time.monotonic()
        for _ in until(seconds, lambda: "I%d '%s' was not found, but: %s" % (self.number, pattern, self.lines), pause=0.01):
            for line in self.lines:
                if line.startswith("VIOLATION I%d " % self.number) and re.search(pattern, line):
                    return "found after %.2f s" % (time.monotonic() - began)

    def __exit__(self, kind, *_):
        self.checker.process.terminate()
        status = self.checker.process.wait(timeout=120)
        self.reader.join()
        if kind:
            return
        said = "".join(self.lines) + self.checker.process.stderr.read()
        numbers = {int(n) for n in re.findall(r"^VIOLATION I(\d+) ", said, re.M)}
        assert status == 1 and self.number in numbers, "exit %d: %s" % (status, said)
        assert numbers <= {self.number} | self.also, "more than was planted: %s" % said


# ---- judges alone ----------------------------------------------------------------------------------------------------

def the_judges_tell_a_switch_from_two_copies():
    """What no lab can be made to do on purpose, in the order in which it may be seen."""
    def seen(*samples, alive=lambda *_: True):
        book = inv.Book()
        judge = inv.Copies(book, alive)
        for t0, host, state in samples:
            judge.sample(host, t0, t0 + 1, [("u", {"B": 1, "C": 2}[host], state, 1)] if state else [])
        return len(book.found)

    assert seen((0, "B", 1), (1, "C", 3), (2, "B", 1), (3, "C", 1), (4, "C", 1)) == 0, "a switch"
    assert seen((0, "B", 1), (0, "C", 1), (5, "C", 1)) == 0, "a switch between two questions"
    assert seen((0, "B", 1), (2, "C", 1), (4, "B", 3), (6, "C", 1)) == 0, "the source stands still"
    assert seen((0, "B", 1), (2, "C", 1), (4, "B", 1)) == 1, "the source went on"
    assert seen((0, "B", 1), (2, "C", 1), (4, "B", 0), (6, "B", 1)) == 0, "it moved there and back, under the same number"
    assert seen((0, "B", 1), (2, "C", 1), (4, "B", 1), alive=lambda host, *_: host != "B") == 0, "its QEMU is dead"

    def ran(*rows):
        book = inv.Book()
        judge = inv.Vcpus(book)
        for t, (old, young) in enumerate(rows):
            judge.sample(t, [("B", 1, 10, "u", old, "S")] + ([] if young is None else [("C", 2, 20, "u", young, "S")]))
        return len(book.found)

    ms = 1000000
    assert ran((0, None), (500 * ms, 0), (900 * ms, 5 * ms), (1400 * ms, 8 * ms)) == 0, "the younger only arrives"
    assert ran((500 * ms, 0), (900 * ms, 5 * ms), (901 * ms, 90 * ms), (903 * ms, 400 * ms)) == 0, "a switch"
    assert ran((500 * ms, 0), (900 * ms, 5 * ms), (901 * ms, 90 * ms), (950 * ms, 400 * ms)) == 1, "both run"

    def said(*growths):
        book = inv.Book()
        judge = inv.Serial(book, "u")
        for n, (token, text) in enumerate(growths):
            judge.growth(token, text + "\n", n * 10**8)
        return sorted(key[1] for _, key in book.found)

    def boot(found, identity=10):
        return "B %010d E 00000000 D 00000000 I %08x N 00000001 R 00000001 00000009" % (found, identity)

    def count(counter, written=0, memory=0, disk=0):
        return "C %010d E %08d D %08d W %010d" % (counter, memory, disk, written)

    assert said((1, boot(0)), (1, count(10)), (2, count(20, 10)), (2, boot(15)), (2, count(25, 15))) == []
    assert said((1, count(10)), (1, count(9)[:-3]), (1, count(11))) == [], "a line that was cut short"
    assert said((1, count(10)), (1, count(9))) == ["back"]
    assert said((1, count(10)), (2, count(10))) == ["back"]
    assert said((1, count(10)), (2, count(20)), (1, count(20))) == ["sources"]
    assert said((1, count(10, 10)), (1, boot(5))) == ["lost"]
    assert said((1, boot(5)), (1, boot(9, 11))) == ["identity"]
    assert said((1, count(5, memory=1))) == ["memory"] and said((1, count(5, disk=2))) == ["disk"]

    def files(*steps):
        """Looks at the disk (its inode) and snapshots (how many rebuilds have come so far)."""
        book = inv.Book()
        disks = inv.Disks(book)
        for t, (kind, value) in enumerate(steps):
            if kind == "look":
                disks.sample("/u/disk", "u", (1, value), t)
            else:
                disks.snapshot(t, {"instances": [{"uuid": "u", "replacing": value}]})
        return len(book.found)

    assert files(("snap", 0), ("look", 7), ("snap", 0), ("look", 7), ("snap", 0)) == 0
    assert files(("snap", 0), ("look", 7), ("snap", 0), ("look", 8), ("snap", 0)) == 1, "nobody has asked for it"
    assert files(("snap", 0), ("look", 7), ("look", 8), ("snap", 1), ("look", 8), ("snap", 1)) == 0, "a rebuild"
    assert files(("snap", 0), ("look", 7), ("look", 8), ("snap", 1), ("look", 9), ("snap", 1)) == 1, "once more than asked for"
    book = inv.Book()
    judge = inv.Serial(book, "u")
    for line, rebuilt in ((boot(0), False), (count(10, 10), False), (boot(0, 11), True), (count(3), False)):
        if rebuilt:
            judge.rebuilt()
        judge.growth(1, line + "\n", 10**8)
    assert not book.found, "a rebuilt guest begins anew"

    instance = {"uuid": "u", "last_op": 1}
    idle, busy = ({"operations": ops, "instances": [instance]} for ops in (
        [], [{"instance": "u", "id": 1, "kind": "live-migration"}]))
    assert inv.judge_answer(busy, {"u": "migrating"}, busy) == [] == inv.judge_answer(idle, {"u": None}, idle)
    assert inv.judge_answer(busy, {"u": None}, idle) == [], "it ended meanwhile"
    assert inv.judge_answer(busy, {"u": None}, busy) and inv.judge_answer(idle, {"u": "migrating"}, idle)
    going = {"operations": busy["operations"], "instances": [dict(instance, delete_requested=True)]}
    assert inv.judge_answer(busy, {"u": "deleting"}, going) == [], "its deletion was asked for"
    assert inv.judge_answer(busy, {"u": "deleting"}, busy), "nobody asked for it"

    operation = dict(id=1, seq=3, state="checked", kind="live-migration", instance="u", blocked=None, processed=0, source=1,
                     dest=2, holds_slots=False)
    for more, well, bad in (([], True, 1), ([], False, 0), ([dict(operation, id=2, holds_slots=True, seq=9)], True, 1)):
        book = inv.Book()
        still = inv.Still(book, 10)
        for t in range(0, 30):
            still.snapshot(t, {"operations": [operation] + [dict(o, processed=t) for o in more]}, well)
        assert len(book.found) == (0 if more else bad), (more, well, book.found)


# ---- nothing planted -------------------------------------------------------------------------------------------------

def a_healthy_lab_has_no_violation():
    """Migrations, also while libvirtd, the compute service and PostgreSQL are killed and libvirtd is frozen; a guest that
    comes and goes, one that is switched off and on, one that is rebooted hard."""
    steady = api.boot("steady", flavor="m1.micro", image="testguest-steady", host="HostB")
    uuid = guest()
    moved = 0
    checker = lab.checker()
    for _ in until(180, lambda: "only %d migrations succeeded" % moved):
        if moved >= 4:
            break
        for number in [(u, api.live_migrate(u)) for u in (uuid, steady)]:
            moved += api.wait_migration(*number)["state"] == "done"
    for host, service in (("HostB", "libvirtd"), ("HostA", "postgres"), ("HostC", "compute")):
        numbers = [(u, api.live_migrate(u)) for u in (uuid, steady)]
        lab.run("kill", host, service)
        lab.run("start", host, service)
        for number in numbers:
            api.wait_migration(*number)
    lab.run("pause", "HostB", "libvirtd")
    time.sleep(2)
    lab.run("resume", "HostB", "libvirtd")
    api.action(steady, {"os-stop": None})
    short = api.boot("short", host="HostC")
    api.delete(short)
    api.wait_status(steady, "SHUTOFF")
    api.action(steady, {"os-start": None})
    api.wait_status(steady, "ACTIVE")
    api.action(uuid, {"reboot": {"type": "HARD"}})
    api.wait_status(uuid, "ACTIVE")
    gaps = checker.stop()
    assert uuid in gaps and steady in gaps, gaps
    api.delete(steady)
    return "%d migrations; longest times without counting: %s ms" % (moved, sorted(gaps.values()))


def once_judges_now():
    done = lab.command(CHECK, "--lab", lab.directory, "--once", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    nowhere = lab.command(CHECK, "--lab", "/nonexistent", "--once", check=False)
    assert nowhere.returncode == 2 and "no lab" in nowhere.stderr, nowhere


# ---- planted ---------------------------------------------------------------------------------------------------------

def i1_a_second_domain_runs():
    uuid = guest()
    there = other(home(uuid))
    with Planted(1, also=(2, 10)) as planted:
        virsh_file(there, "create", BARE % ("", domain_name(uuid), uuid))
        took = planted.found("hypervisors say so")
        lab.virsh(there, "destroy", uuid)
    return took


def i1_a_second_process_runs_unknown_to_libvirt():
    """And libvirtd is frozen on both hosts."""
    uuid = guest()
    there = other(home(uuid))
    with Planted(1) as planted:
        for host in lab.hosts:
            lab.run("pause", host, "libvirtd")
        try:
            on(there, "qemu-system-x86_64 -uuid %s -name x,debug-threads=on -m 16 -accel tcg -display none -daemonize "
                      "-nodefaults" % uuid)
            took = planted.found("the process on")
        finally:
            lab.run("kill", there, "qemu", uuid)
            for host in lab.hosts:
                lab.run("resume", host, "libvirtd")
    return took


def i2_a_stale_definition():
    uuid = guest()
    there = other(home(uuid))
    with Planted(2, also=(10,)) as planted:
        virsh_file(there, "define", BARE % ("", domain_name(uuid), uuid))
        took = planted.found("has a domain of it")
        planted.found("persistent definition")
        lab.virsh(there, "undefine", uuid)
    return took


def i3_a_counter():
    with Planted(3) as planted:
        lab.sql("UPDATE hosts SET used_vcpus = used_vcpus + 1 WHERE name = 'HostC'")
        took = planted.found("HostC: used")
        lab.sql("UPDATE hosts SET used_vcpus = used_vcpus - 1 WHERE name = 'HostC'")
    return took


def i4_two_active_operations():
    uuid = guest()
    columns = "kind, state, instance, project_id, user_id, request_id"
    with Planted(4, also=(2, 8, 10, 11)) as planted:
        lab.sql("BEGIN; DROP INDEX operations_one_active; INSERT INTO operations (%s) SELECT 'live-migration', 'migrating', '%s', "
                "'p', 'u', 'req-planted-' || n FROM generate_series(1, 2) n; COMMIT" % (columns, uuid))
        took = planted.found("both active")
        lab.sql("BEGIN; DELETE FROM operations WHERE request_id LIKE 'req-planted-%'; CREATE UNIQUE INDEX operations_one_active ON "
                "operations (instance) WHERE finished_at IS NULL; COMMIT")
    return took


def i5_a_state_that_is_held():
    uuid = guest()
    there = other(home(uuid))
    with Planted(5, options=("--bound", "3")) as planted:
        lab.run("kill", there, "compute")
        lab.run("start", there, "compute", "NOVA_LITE_FAULT=%s=sleep(8000):1" % HELD)
        number = api.live_migrate(uuid, there)
        took = planted.found("has been")
        api.wait_migration(uuid, number)
        lab.run("kill", there, "compute")
        lab.run("start", there, "compute")
    return took


def i6_another_file_in_the_place_of_a_disk():
    uuid = guest("thrown-away", "HostC")
    api.action(uuid, {"os-stop": None})
    api.wait_status(uuid, "SHUTOFF")
    with Planted(6, also=(7,)) as planted:
        on("HostB", "cd %s/%s && cp disk copy && mv copy disk" % (INSTANCES, uuid))
        took = planted.found("another file")
    return took


def i7_a_disk_is_unlinked():
    uuid = guest("thrown-away", "HostC")
    with Planted(7, also=(6,)) as planted:
        on("HostB", "rm %s/%s/disk" % (INSTANCES, uuid))
        took = planted.found("disk' was unlinked")
    api.delete(guests.pop("thrown-away"))
    return took


def i8_an_end_that_changes_and_a_journal_with_a_gap():
    guest()
    number = lab.sql("SELECT max(id) FROM operations WHERE kind = 'live-migration' AND state = 'done'")[0][0]
    with Planted(8) as planted:
        time.sleep(2.5)  # it must have seen the end first
        lab.sql("UPDATE operations SET state = 'failed' WHERE id = %s" % number)
        took = planted.found("was changed afterwards")
        lab.sql("UPDATE operations SET state = 'done' WHERE id = %s" % number)
        lab.sql("UPDATE journal SET seq = 99 WHERE operation = %s AND seq = 3" % number)
    with Planted(8) as planted:
        planted.found("its journal")
        lab.sql("UPDATE journal SET seq = 3 WHERE operation = %s AND seq = 99" % number)
        lab.sql("UPDATE journal SET to_state = 'done' WHERE operation = %s AND seq = 2" % number)
    with Planted(8) as planted:
        planted.found("may not follow")
        lab.sql("UPDATE journal SET to_state = 'checked' WHERE operation = %s AND seq = 2" % number)
    return took


def i9_a_counter_that_goes_back():
    uuid = guest()
    token = int(lab.sql("SELECT token FROM instances WHERE uuid = '%s'" % uuid)[0][0])
    log = "%s/%s/console.%%d.log" % (INSTANCES, uuid)
    line = "C 0000000001 E 00000000 D 00000000 W 0000000000"
    try:
        with Planted(9) as planted:
            on("HostA", "printf '\\n%s\\n' >> %s" % (line, log % token))
            took = planted.found("went back")
            # What an older copy would write; on a line of its own, as the end of that copy may have cut its last one short.
            on("HostA", "printf '\\n%s\\n' >> %s" % (line, log % (token - 1)))
            planted.found("the copy of token %d counts" % (token - 1))
    finally:
        api.delete(guests.pop("planted"))  # its log stays wrong
    return took


def i10_a_token_that_is_not_the_rows():
    uuid = guest("token")
    host, token = home(uuid), int(lab.sql("SELECT token FROM instances WHERE uuid = '%s'" % uuid)[0][0])
    set_token = "<instance><token>%d</token><operation>1</operation></instance>"
    words = (host, "metadata", uuid, "--uri", "http://nova-lite.org/xmlns/instance/1.0", "--key", "nova", "--live", "--set")
    with Planted(10) as planted:
        lab.virsh(*words, set_token % (token + 7))
        took = planted.found("has token %d" % (token + 7))
        lab.virsh(*words, set_token % token)
    return took


def i11_an_accepted_request_without_an_end():
    uuid = guest("token")
    with Planted(11) as planted:
        time.sleep(2.5)
        number = lab.sql("SELECT max(id) FROM operations o WHERE NOT EXISTS (SELECT FROM claims c WHERE c.operation = o.id)")[0][0]
        lab.sql("BEGIN; DELETE FROM attempts WHERE operation = {0}; DELETE FROM journal WHERE operation = {0}; "
                "DELETE FROM operations WHERE id = {0}; COMMIT".format(number))
        took = planted.found("its row is gone")
    lab.run("kill", "HostA", "scheduler")
    with Planted(11, options=("--bound", "2")):
        api.live_migrate(uuid)
    lab.run("start", "HostA", "scheduler")
    return took


try:
    status = main([the_judges_tell_a_switch_from_two_copies, a_healthy_lab_has_no_violation, once_judges_now,
                   i1_a_second_domain_runs, i1_a_second_process_runs_unknown_to_libvirt, i2_a_stale_definition, i3_a_counter,
                   i4_two_active_operations, i5_a_state_that_is_held, i6_another_file_in_the_place_of_a_disk,
                   i7_a_disk_is_unlinked, i8_an_end_that_changes_and_a_journal_with_a_gap, i9_a_counter_that_goes_back,
                   i10_a_token_that_is_not_the_rows, i11_an_accepted_request_without_an_end])
finally:
    lab.down()
sys.exit(status)
