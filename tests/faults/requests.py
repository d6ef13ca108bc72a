# SPDX-License-Identifier: Apache-2.0
"""Every request in every state of a live migration, and what becomes of it (doc/requests.md), for real: the migration is held
in the state by fault points, the request is sent, its answer and what comes of it are looked at."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import Refused, main, until  # noqa: E402
from worstlab import TERMINAL, WorstLab  # noqa: E402

STALL_S = 8      # longer than a destination needs to be ready for the first byte
SETTLE_S = 90    # for what only has to come in the end, on a machine that is busy
HOLDS = "/var/tmp/nova-lite-holds" + os.environ.get("NOVA_LITE_TEST_TAG", "")
SOURCE = ["checked", "prepared", "switched", "cleaning", "rollback"]
DEST = ["claimed", "preparing"]
BEFORE = ["requested", "claimed", "checked", "preparing", "prepared"]
AFTER = ["switched", "cleaning"]
STATES = BEFORE + ["migrating"] + AFTER + ["rollback"]

# What nobody may do to a server while an operation works on it, and the word of the refusal.
BUSY = [({"os-start": None}, "start"), ({"os-stop": None}, "stop"), ({"reboot": {"type": "SOFT"}}, "reboot"),
        ({"reboot": {"type": "HARD"}}, "reboot"), ({"os-migrateLive": {"host": None, "block_migration": "auto"}}, "os-migrateLive"),
        ({"pause": None}, "pause"), ({"unpause": None}, "unpause"), ({"suspend": None}, "suspend"), ({"resume": None}, "resume"),
        ({"resize": {"flavorRef": "2"}}, "resize"), ({"migrate": None}, "migrate"), ({"rebuild": {"imageRef": "00000000-0000-4000-8000-000000000000"}}, "rebuild"),
        ({"evacuate": {}}, "evacuate")]

lab = WorstLab("requests", "DEFAULT.report_interval=2", "DEFAULT.service_down_time=20")  # leases are not what this is about
api = lab.api


class Gates(threading.Thread):
    """A migration stops at each fault point until its file is gone: all are removed at once but those of closed states."""

    def __init__(self):
        super().__init__(daemon=True)
        os.makedirs(HOLDS, exist_ok=True)
        self.closed, self.ended = set(), threading.Event()

    def run(self):
        while not self.ended.is_set():
            for name in os.listdir(HOLDS):
                if name not in self.closed:
                    os.unlink(os.path.join(HOLDS, name))
            time.sleep(0.01)

    def wait_held(self, state):
        for _ in until(60, lambda: "%s: %s" % (state, os.listdir(HOLDS)), pause=0.01):
            if state in os.listdir(HOLDS):
                return

    @staticmethod
    def points(service, states):
        return ",".join("%s:%s:before=hold(%s/%s)" % (service, state, HOLDS, state) for state in states)


gates = Gates()


def arm():
    """Once: the daemons with the fault points at which migrations are held."""
    if gates.is_alive():
        return
    gates.start()
    lab.arm("HostA", "scheduler", gates.points("scheduler", ["requested"]))
    for host in lab.hosts:
        lab.arm(host, "compute", gates.points("compute", SOURCE + DEST))
    for _ in until(60, lambda: api.get("/os-services")):
        if all(s["state"] == "up" for s in api.get("/os-services")["services"]):
            return


def here_and_there(uuid):
    home = api.server(uuid)["OS-EXT-SRV-ATTR:host"]
    return home, "HostC" if home == "HostB" else "HostB"


def held_in(uuid, state):
    """A migration of the server that stands still in the state."""
    home, dest = here_and_there(uuid)
    cap = 2 if state in ("migrating", "rollback") else 0
    lab.option(home, "libvirt.live_migration_bandwidth", cap)
    gates.closed = {state}
    number = api.live_migrate(uuid, dest)
    if cap:
        lab.wait_copying(uuid, number)
    if state == "rollback":
        assert refusal("DELETE", "/servers/%s/migrations/%d" % (uuid, number)) == (202, "")
    if state != "migrating":
        gates.wait_held(state)
    assert api.migration(uuid, number)["state"] == state, api.migration(uuid, number)
    return number


def refusal(method, path, body=None):
    try:
        api.request(method, path, body)
    except Refused as refused:
        return refused.status, refused.message
    return 202, ""


def end_of(uuid, number):
    gates.closed = set()
    return api.wait_migration(uuid, number, SETTLE_S)


def nothing_else_may_begin(uuid):
    for body, word in BUSY:
        answer = refusal("POST", "/servers/%s/action" % uuid, body)
        assert answer == (409, "Cannot '%s' instance %s while it is in task_state migrating" % (word, uuid)), (body, answer)


def check_force(uuid, number, state):
    path = "/servers/%s/migrations/%d/action" % (uuid, number)
    if state == "migrating":
        return  # it would finish the copy: a case of its own
    status, text = refusal("POST", path, {"force_complete": None})
    assert status == 400 and "Cannot force complete while the migration is in this state" in text, (state, status, text)
    assert ("too late" in text) == (state in AFTER + ["rollback"]), (state, text)


def check_abort(uuid, number, state):
    status, text = refusal("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
    if state in BEFORE + ["migrating"]:
        assert status == 202, (state, status, text)
        return "cancelled"
    assert status == 400 and "too late" in text, (state, status, text)
    return "done" if state in AFTER else "cancelled"


def abort_and_all_that_is_refused():
    """One migration for each state: what is refused changes nothing, an abort cancels or is too late."""
    arm()
    uuid = lab.guest("asked")
    began = time.monotonic()
    for state in STATES:
        home, dest = here_and_there(uuid)
        number = held_in(uuid, state)
        seq = lab.sql("SELECT seq FROM operations WHERE id = %d" % number)
        nothing_else_may_begin(uuid)
        check_force(uuid, number, state)
        assert state == "migrating" or lab.sql("SELECT seq FROM operations WHERE id = %d" % number) == seq, state
        want = check_abort(uuid, number, state)
        migration = end_of(uuid, number)
        assert migration["state"] == want, (state, migration)
        server = api.wait_status(uuid, "ACTIVE", SETTLE_S)
        assert server["OS-EXT-SRV-ATTR:host"] == (dest if want == "done" else home), (state, server)
        lab.check_books()
    assert lab.serial(uuid)["ok"]
    lab.counts_on(uuid)
    api.delete(uuid, SETTLE_S)
    cells = len(STATES) * (len(BUSY) + 2) - 1
    return "%d cells in %d states, %.1f s" % (cells, len(STATES), time.monotonic() - began)


def delete_in_every_state():
    """The migration ends first, back or forward; then everything is gone, once."""
    arm()
    for state in STATES:
        uuid = api.boot("doomed-" + state, host="HostB", image="testguest-steady" if state in ("migrating", "rollback")
                        else "testguest", flavor="m1.micro")
        if state in ("migrating", "rollback"):
            lab.wait_counting(uuid, 20)
        number = held_in(uuid, state)
        assert refusal("DELETE", "/servers/" + uuid) == (202, ""), state
        assert api.server(uuid)["OS-EXT-STS:task_state"] == "deleting", state
        gates.closed = set()
        for _ in until(SETTLE_S, lambda: api.server(uuid)):
            if refusal("GET", "/servers/" + uuid)[0] == 404:
                break
        story = api.get("/nova-lite/migrations/%d" % number)["migration"]
        assert story["state"] == ("done" if state in AFTER else "cancelled"), (state, story)
        assert lab.where(uuid) == [], state
        assert not os.path.exists("%s/HostA/export/%s" % (lab.directory, uuid)), state
        assert lab.sql("SELECT count(*) FROM claims WHERE instance = '%s'" % uuid) == [["0"]], state
        assert lab.sql("SELECT count(*) FROM operations WHERE instance = '%s' AND kind = 'delete' AND state = 'done'" % uuid) == [
            ["1"]], state
    lab.check_books()
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)


def an_abort_of_one_that_waits_for_its_turn():
    """max_concurrent_live_migrations is 1: the second of two is queued, and its abort frees what it has booked."""
    first, number = lab.slow_copy("first", 2)
    second = api.boot("second", host="HostB")
    waiting = api.live_migrate(second, "HostC")
    lab.wait_state(second, waiting, ["checked"], 30)
    assert api.migration(second, waiting)["status"] == "queued"
    assert refusal("DELETE", "/servers/%s/migrations/%d" % (second, waiting)) == (202, "")
    migration = api.wait_migration(second, waiting, SETTLE_S)
    assert migration["state"] == "cancelled" and migration["reason"] == "aborted on request", migration
    assert lab.sql("SELECT role FROM claims WHERE instance = '%s'" % second) == [["H"]]
    assert api.migration(first, number)["state"] == "migrating"
    assert lab.sql("SELECT outgoing FROM hosts WHERE name = 'HostB'") == [["1"]]
    lab.check_books(idle=False)
    api.delete(second, SETTLE_S)
    return first, number


def it_is_not_disturbed_and_completes_by_force():
    uuid, number = an_abort_of_one_that_waits_for_its_turn()
    status, text = refusal("POST", "/servers/%s/migrations/%d/action" % (uuid, number), {"force_complete": None})
    assert status == 202, (status, text)
    lab.let_it_finish(uuid)
    lab.settled(uuid, number, "done", "HostC", SETTLE_S)
    assert api.migration(uuid, number)["force_requested"]
    api.delete(uuid, SETTLE_S)


def a_forced_copy_that_fails_leaves_the_guest_running():
    """The guest is paused so that the copy can finish; then the destination's QEMU dies."""
    uuid, number = lab.slow_copy("forced", 2)
    assert refusal("POST", "/servers/%s/migrations/%d/action" % (uuid, number), {"force_complete": None})[0] == 202
    lab.wait_domain("HostB", uuid, "paused", 30)
    lab.run("kill", "HostC", "qemu", uuid)
    lab.settled(uuid, number, "failed", "HostB", SETTLE_S)
    assert lab.domain_state("HostB", uuid) == "running"
    api.delete(uuid, SETTLE_S)


def a_flag_outlives_the_daemon_that_should_honour_it():
    """The source's daemon is dead in mid-copy: nobody may start the guest, an abort is kept, and the next daemon honours it."""
    uuid, number = lab.slow_copy("orphan", 2)
    lab.run("kill", "HostB", "compute")
    nothing_else_may_begin(uuid)
    assert refusal("DELETE", "/servers/%s/migrations/%d" % (uuid, number)) == (202, "")
    assert lab.sql("SELECT abort_requested FROM operations WHERE id = %d" % number) == [["t"]]
    assert lab.domain_state("HostB", uuid) == "running"
    lab.run("start", "HostB", "compute")
    lab.settled(uuid, number, "cancelled", "HostB", SETTLE_S)
    assert api.migration(uuid, number)["reason"] == "aborted on request"
    api.delete(uuid, SETTLE_S)


def a_paused_guest_moves_and_stays_paused():
    """Once. QEMU would end if it were told to move it again before it has run: that is refused, and nothing is lost."""
    uuid = api.boot("still", host="HostB")
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    lab.wait_counting(uuid)
    home = "HostB"
    for host in ("HostC", "HostB"):
        lab.virsh(home, "suspend", uuid)
        api.wait_status(uuid, "PAUSED", SETTLE_S)
        api.move(uuid, host, SETTLE_S)
        assert lab.domain_state(host, uuid) == "paused"
        assert api.wait_status(uuid, "PAUSED", SETTLE_S)["OS-EXT-SRV-ATTR:host"] == host
        migration = api.wait_migration(uuid, api.live_migrate(uuid, home), SETTLE_S)
        assert migration["state"] == "error" and "has not run since it was moved" in migration["reason"], migration
        assert lab.domain_state(host, uuid) == "paused"
        lab.virsh(host, "resume", uuid)
        api.wait_status(uuid, "ACTIVE", SETTLE_S)
        lab.counts_on(uuid)
        home = host
    api.delete(uuid, SETTLE_S)


def a_copy_that_moves_no_byte_is_ended():
    """The destination's QEMU stands still: its libvirt answers, so nothing else would end the copy for a long time."""
    lab.option("HostB", "libvirt.live_migration_progress_timeout", STALL_S)
    try:
        uuid, number = lab.slow_copy("stalled", 4)
    finally:
        lab.option("HostB", "libvirt.live_migration_progress_timeout", 150)  # each migration keeps what it began with
    lab.run("pause", "HostC", "qemu", uuid)
    began = time.monotonic()
    migration = api.wait_migration(uuid, number, SETTLE_S)
    took = time.monotonic() - began
    assert migration["state"] == "failed" and "live_migration_progress_timeout" in migration["reason"], migration
    assert took >= STALL_S - 1, took
    lab.settled(uuid, number, "failed", "HostB", SETTLE_S)
    api.delete(uuid, SETTLE_S)
    return "ended after %.1f s" % took


def stop_nicely(host):
    """SIGTERM to the compute service; the seconds until it had ended."""
    pid = next(s["pid"] for h in lab.status()["hosts"] if h["name"] == host for s in h["services"] if s["name"] == "compute")
    began = time.monotonic()
    lab.run("exec", host, "kill", "-TERM", str(pid))
    lab.wait_dead(host, "compute", 60)
    return time.monotonic() - began


def a_daemon_that_is_stopped_leaves_the_copy_running():
    """... the next one adopts it, and its time counts from the permit, not from the restart."""
    lab.option("HostB", "libvirt.live_migration_completion_timeout", 6)  # for each GiB, of which it counts two
    uuid, number = lab.slow_copy("adopted", 2)
    took = stop_nicely("HostB")
    assert took < 10, "the service needed %.1f s to stop" % took
    assert "Unbounded" in lab.virsh("HostB", "domjobinfo", uuid), "the copy has ended with the daemon"
    assert lab.domain_state("HostB", uuid) == "running"
    lab.run("start", "HostB", "compute")
    migration = api.wait_migration(uuid, number, SETTLE_S)
    assert migration["state"] == "failed" and "live_migration_completion_timeout" in migration["reason"], migration
    at = {line["to_state"]: line["ms"] for line in migration["journal"] if line["from_state"] != line["to_state"]}
    ran = (at["rollback"] - at["migrating"]) / 1000
    assert ran >= 12, "ended after %.1f s" % ran
    adopted = [line for line in lab.run("logs", "HostB", "compute").splitlines() if "took up a migration begun earlier" in line]
    assert adopted, "the new daemon did not adopt the copy"
    lab.option("HostB", "libvirt.live_migration_completion_timeout", 800)
    lab.settled(uuid, number, "failed", "HostB", SETTLE_S)
    api.delete(uuid, SETTLE_S)
    return "stopped in %.1f s, the copy ended %.1f s after its permit" % (took, ran)


def a_daemon_that_is_stopped_at_the_switch():
    """It finishes what is a matter of milliseconds, or the next one does: the guest runs once, on its destination."""
    lab.arm("HostB", "compute", "compute:migrating:switch=sleep(1500)")
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    uuid = lab.guest("late")
    number = api.live_migrate(uuid, "HostC")
    for _ in until(60, lambda: api.migration(uuid, number), pause=0.01):
        if lab.domain_state("HostB", uuid) in ("paused", "absent"):
            break
    took = stop_nicely("HostB")
    lab.run("start", "HostB", "compute")
    lab.settled(uuid, number, "done", "HostC", SETTLE_S)
    api.delete(uuid, SETTLE_S)
    return "stopped in %.1f s" % took


def a_migration_that_nobody_can_take():
    """Ends in error before anything is touched."""
    uuid = api.boot("unwanted", host="HostB")
    services = {s["host"]: s["id"] for s in api.get("/os-services?binary=nova-compute")["services"]}
    api.request("PUT", "/os-services/" + services["HostC"], {"status": "disabled"})
    migration = api.wait_migration(uuid, api.live_migrate(uuid), SETTLE_S)
    api.request("PUT", "/os-services/" + services["HostC"], {"status": "enabled"})
    assert migration["state"] == "error" and "HostC" in migration["reason"], migration
    api.wait_status(uuid, "ACTIVE", SETTLE_S)
    api.delete(uuid, SETTLE_S)


def every_end_has_a_reason_and_both_sides_evidence():
    """Of all migrations of this lab; and the story of each can be told."""
    rows = lab.sql("""SELECT o.id, o.state, coalesce(o.reason, ''), j.evidence -> 'source' IS NOT NULL, j.evidence -> 'dest' IS NOT NULL
        FROM operations o JOIN journal j ON j.operation = o.id AND j.seq = o.seq WHERE o.kind = 'live-migration'""")
    seen = {}
    for number, state, reason, source, dest in rows:
        assert state in TERMINAL, (number, state)
        assert reason and source == "t" and dest == "t", (number, state, reason, source, dest)
        seen.setdefault(state, number)
    assert set(seen) == set(TERMINAL), seen
    for state, number in seen.items():
        told = lab.command("nova-lite", "migration", "explain", number).stdout
        assert "It ended at" in told and " as %s: " % state in told and "requested -> " in told, told
        assert "source (" in told or "not touched" in told, told
    uuid = lab.sql("SELECT uuid FROM operations WHERE id = %s" % seen["done"])[0][0]
    assert lab.command("nova-lite", "migration", "explain", uuid).stdout == lab.command(
        "nova-lite", "migration", "explain", seen["done"]).stdout
    missing = lab.command("nova-lite", "migration", "explain", "99999", check=False)
    assert missing.returncode == 3 and "99999" in missing.stderr, missing
    return "%d migrations" % len(rows)


CASES = [abort_and_all_that_is_refused, delete_in_every_state, it_is_not_disturbed_and_completes_by_force,
         a_forced_copy_that_fails_leaves_the_guest_running, a_flag_outlives_the_daemon_that_should_honour_it,
         a_paused_guest_moves_and_stays_paused, a_copy_that_moves_no_byte_is_ended,
         a_daemon_that_is_stopped_leaves_the_copy_running, a_daemon_that_is_stopped_at_the_switch, a_migration_that_nobody_can_take,
         every_end_has_a_reason_and_both_sides_evidence]
try:
    status = main(CASES)
finally:
    gates.ended.set()
    lab.down()
sys.exit(status)
