# SPDX-License-Identifier: Apache-2.0
"""One case of the fault matrix, from the request to the verdict."""
import contextlib
import os
import re
import signal
import time
from collections import namedtuple

import libvirt
import psycopg2

from matrix_cases import ERROR, is_lethal, is_quick, may_split
from matrix_lab import (BOUND, ENDED, FAST, FAULT, FLAP, MIGRATION_PORTS, MOMENT, OURS, PAUSE_BOUND, SLOW, Pulse)
from novalab import Refused, until

# outcome: the operation's last state.  recovery: seconds from the healing to it.  pause: the guest's longest, None: not judged.
Result = namedtuple("Result", "case outcome recovery pause wrong notes seconds phases")

ABORTED = ("rollback",)
# Where the moment is held: the daemon and the point.  The point before a step, or the one after it, or when it is committed.
POINTS = {
    "requested": ("scheduler", "scheduler:requested:%s"),
    "claimed": ("dest", "compute:claimed:%s"),
    "checked": ("source", "compute:checked:%s"),
    "preparing": ("dest", "compute:preparing:%s"),
    "prepared": ("source", "compute:prepared:%s"),
    "call": ("source", "compute:migrating:call"),
    "resumed": ("source", "compute:migrating:flip"),
    "switched": ("source", "compute:switched:%s"),
    "cleaning": ("source", "compute:cleaning:%s"),
    "rollback": ("source", "compute:rollback:%s"),
}
WHERE = {"kill": "after", "pause": "before", "restart": "committed"}


class Run:
    """A case under way."""

    def __init__(self, lab, case):
        self.lab, self.case = lab, case
        self.wrong, self.notes = [], []
        self.number = self.uuid = self.source = self.dest = None
        self.pulse = None
        self.frozen = False  # the destination's libvirtd, by us, to hold the switch
        self.blocked = set()
        self.phases, self.phase_began = [], time.monotonic()

    def phase(self, name):
        """Ends here."""
        now = time.monotonic()
        self.phases.append("%s %.1f" % (name, now - self.phase_began))
        self.phase_began = now

    # ---- who and where ----

    def target(self):
        """(host, service, uuid of a guest) of the actor."""
        side, _, what = self.case.actor.partition("-")
        if side in ("source", "dest"):
            host = self.source if side == "source" else self.dest
            return host, what, self.uuid if what == "qemu" else None
        return "HostA", {"postgresql": "postgres"}.get(self.case.actor, self.case.actor), None

    def holder(self):
        where = POINTS.get(self.case.state)
        if not where:
            return None
        return ("HostA", "scheduler") if where[0] == "scheduler" else (self.source if where[0] == "source" else self.dest, "compute")

    def arm(self):
        holder = self.holder()
        if not holder:
            return
        point = POINTS[self.case.state][1]
        if "%s" in point:
            # a committed step is the next one's: only the daemon that took it is of interest then
            where = WHERE[self.case.fault]
            if where == "committed" and self.target()[:2] != holder:
                where = "before"
            point %= where
        self.lab.restart(*holder, "%s=hold(%s):1" % (point, self.lab.hold))

    # ---- up to the moment ----

    def speed(self, mib_s):
        with contextlib.suppress(libvirt.libvirtError, AttributeError):
            self.lab.domain(self.source, self.uuid).migrateSetMaxSpeed(mib_s, 0)

    def ask(self):
        self.lab.api.action(self.uuid, {"os-migrateLive": {"host": self.dest, "block_migration": "auto"}})
        self.number = int(self.lab.sql("SELECT max(id) FROM operations WHERE instance = '%s'" % self.uuid)[0][0])

    def ended(self):
        row = self.lab.operation(self.number)
        return row if row and row["state"] in ENDED else None

    def wait(self, what, come):
        for _ in until(MOMENT, lambda: "%s did not come: %s" % (what, self.lab.operation(self.number)), pause=0.01):
            if come():
                return
            assert not self.ended(), "%s did not come, the migration has ended: %s" % (what, self.ended())

    def copying(self):
        try:
            return self.lab.domain(self.source, self.uuid).jobInfo()[7] > 4 << 20  # bytes of memory that went over
        except (libvirt.libvirtError, AttributeError):
            return False

    def reach(self):
        state = self.case.state
        self.speed(SLOW if state in ("midcopy", "switch") + ABORTED else FAST)
        self.ask()
        if state in ("midcopy", "switch") + ABORTED:
            self.wait("the copy", self.copying)
        if state in ABORTED:
            self.lab.api.request("DELETE", "/servers/%s/migrations/%d" % (self.uuid, self.number))
        if state in POINTS:
            self.wait("the moment", lambda: os.path.exists(self.lab.hold))
        elif state == "switch":
            self.lab.signal(signal.SIGSTOP, self.dest, "libvirtd")
            self.frozen = True
            self.speed(FAST)
            self.wait("the switch", lambda: self.lab.domain_state(self.source, self.uuid) == "paused")

    def go_on(self):
        """Whatever was held to have the moment; the fault has struck."""
        self.lab.release()
        if self.frozen and self.target()[:2] != (self.dest, "libvirtd") and self.case.actor != "dest-host":
            self.lab.signal(signal.SIGCONT, self.dest, "libvirtd")
            self.frozen = False
        if self.case.state == "midcopy" and self.case.actor not in ("source-libvirtd", "source-host"):
            self.speed(FAST)

    # ---- the fault ----

    def strike(self):
        host, service, uuid = self.target()
        if service == "link":
            ports = MIGRATION_PORTS if self.case.fault == "pause" else [None]
            for port in ports:
                self.lab.run("link", host, "down", *(["--port", port] if port else []))
        elif self.case.fault == "pause":
            if service in ("host", "rabbitmq"):
                self.lab.run("pause", host, service)
            else:
                assert self.lab.signal(signal.SIGSTOP, host, service, uuid), "there is no %s on %s" % (service, host)
        elif service in ("host", "postgres", "rabbitmq"):
            self.lab.run("kill", host, service)
        else:
            term = self.case.fault == "restart" and not self.frozen
            assert self.lab.signal(signal.SIGTERM if term else signal.SIGKILL, host, service, uuid), \
                "there is no %s on %s" % (service, host)

    def heal(self):
        host, service, uuid = self.target()
        if service == "link":
            self.lab.run("link", host, "up")
        elif self.case.fault == "pause":
            if service in ("host", "rabbitmq"):
                self.lab.run("resume", host, service)
            else:
                self.lab.signal(signal.SIGCONT, host, service, uuid)
        elif service != "qemu":
            if service not in ("host", "postgres", "rabbitmq"):
                self.lab.wait_gone(host, service, seconds=20)
            if service == "host":
                self.lab.armed.discard((host, "compute"))
            if service in OURS:
                self.lab.start(host, service)
            else:
                self.lab.run("start", host, service)
        self.frozen = False

    def last(self):
        """How long it lasts; what is shown meanwhile is noted."""
        if self.case.fault == "restart" and not self.case.actor.endswith("-link"):
            return
        until_time = time.monotonic() + (FLAP if self.case.fault == "restart" else FAULT)
        while time.monotonic() < until_time:
            if self.case.actor != "postgresql":
                self.note_blocked()
            time.sleep(0.1)

    def note_blocked(self):
        row = self.lab.operation(self.number)
        if row and row["blocked"]:
            self.blocked.add(row["blocked"])
            if not row["host"]:
                self.wrong.append("blocked (%s) without saying by whom" % row["blocked"])

    # ---- after the healing ----

    def settle(self, healed, healed_ms):
        """Until the operation has ended; the time since the healing, with the copy that may still have to be made."""
        late = False
        for _ in until(90, lambda: "the operation never ended: %s" % self.lab.operation(self.number), pause=0.03):
            row = self.ended()
            if row:
                return row, max(0.0, (float(row["ms"]) - healed_ms) / 1000)
            if self.case.state in ("midcopy", "switch"):
                self.speed(FAST)
            self.note_blocked()
            if not late and time.monotonic() - healed > BOUND:
                late = True
                self.wrong.append("not ended %.1f s after the healing: %s" % (BOUND, self.lab.operation(self.number)))
        return None

    def judge_row(self, row):
        if row["state"] != "done" and not row["reason"]:
            self.wrong.append("%s without a reason" % row["state"])
        evidence = self.lab.sql("SELECT count(*) FROM journal WHERE operation = %d AND evidence IS NOT NULL" % self.number)
        begun = self.lab.sql("SELECT count(*) FROM journal WHERE operation = %d AND to_state = 'migrating'" % self.number)
        if begun != [["0"]] and evidence == [["0"]]:
            self.wrong.append("ended without evidence")
        gaps = self.lab.sql("SELECT count(*), max(seq) - min(seq) + 1 FROM journal WHERE operation = %d" % self.number)[0]
        if gaps[0] != gaps[1]:
            self.wrong.append("the journal has gaps: %s rows, %s numbers" % tuple(gaps))

    def judge_guest(self, row):
        """Exactly one copy, where the database says; a guest that was killed may be off, if that is what everybody says."""
        state = {}
        for _ in until(BOUND, lambda: "database and hypervisors disagree: %s" % state):
            instance = self.lab.instance(self.uuid)
            state = dict(instance, **{host: self.lab.domain_state(host, self.uuid) for host in self.lab.hosts})
            where = [host for host in self.lab.hosts if state[host] != "absent"]
            busy = self.lab.sql("SELECT 1 FROM operations WHERE finished_at IS NULL AND instance = '%s'" % self.uuid)
            if busy:
                continue  # a guest whose memory was lost after the switch is being started again
            if where == [instance["host"]] and state[where[0]] == "running" and instance["vm_state"] == "active":
                break
            if not where and instance["vm_state"] == "stopped":
                break
        alive = bool(where)
        if not alive and not is_lethal(self.case):
            self.wrong.append("the guest was lost: %s" % state)
        if row["state"] == "done" and instance["host"] != self.dest:
            self.wrong.append("completed, but the host is %s" % instance["host"])
        if row["state"] != "done" and instance["host"] != self.source:
            self.wrong.append("%s, but the host is %s" % (row["state"], instance["host"]))
        if row["state"] == "done" and not alive and not row["reason"]:
            self.wrong.append("completed with a lost guest and no word about it")
        if not alive:
            self.notes.append("guest off")
        return alive

    def judge_files(self, alive, boots):
        now = self.lab.disk(self.uuid)
        if now != self.lab.inodes[self.uuid]:
            self.wrong.append("files of the disk: %s, before: %s" % (now, self.lab.inodes[self.uuid]))
        if alive:
            try:
                (self.lab.owner_counts if may_split(self.case) else self.lab.counts)(self.uuid, 5)
            except AssertionError as stuck:
                self.wrong.append(str(stuck))
        report = self.lab.serial(self.uuid)
        if not report["ok"] and may_split(self.case) and report["verdict"] == "back":
            self.notes.append("two copies, one was ended")
            self.lab.api.delete(self.uuid)  # its counters say so for ever
            del self.lab.guests[self.case.guest]
        elif not report["ok"]:
            self.wrong.append("the guest says: %s" % re.sub(r"\s+", " ", report["text"]))
        if int(report["boots"]) != boots:
            if is_lethal(self.case):
                self.notes.append("started again")
            else:
                self.wrong.append("the guest was booted %d times" % (int(report["boots"]) - boots))

    def judge_books(self):
        said = None
        for _ in until(BOUND, lambda: "the books: %s" % said):
            try:
                self.lab.check_books()
                return
            except AssertionError as error:
                said = error
            except psycopg2.Error as error:
                said = error

    def judge(self, row, boots):
        alive = False
        for check in (lambda: self.judge_row(row), lambda: self.judge_guest(row)):
            try:
                alive = check()
            except AssertionError as error:
                self.wrong.append(str(error))
        for check in (self.judge_books, lambda: self.judge_files(alive, boots)):
            try:
                check()
            except AssertionError as error:
                self.wrong.append(str(error))

    # ---- all of it ----

    def run(self):
        began = time.monotonic()
        lab, case = self.lab, self.case
        lab.healthy()
        self.phase("health")
        lab.be(case.switch)
        self.uuid, self.source = lab.guest(case.guest)
        self.phase("guest")
        self.dest = next(host for host in lab.hosts if host != self.source)
        boots = int(lab.serial(self.uuid)["boots"])
        row, recovery = None, 0.0
        try:
            if case.state == ERROR:
                row, recovery = self.fail_twice()
            else:
                row, recovery = self.fault()
            self.phase("end")
            self.judge(row, boots)
            self.phase("verdict")
        except (AssertionError, Refused, libvirt.libvirtError, psycopg2.Error, OSError) as error:
            self.wrong.append("%s: %s" % (type(error).__name__, error))
        finally:
            pause = self.pulse.stop() if self.pulse else None
        if pause is not None and is_quick(case) and pause > PAUSE_BOUND:
            self.wrong.append("the guest was paused for %.1f s" % pause)
        if self.blocked:
            self.notes.append("blocked: " + ", ".join(sorted(self.blocked)))
        return Result(case, row["state"] if row else "-", recovery, pause if is_quick(case) else None, self.wrong, self.notes,
                      time.monotonic() - began, self.phases)

    def fault(self):
        self.arm()
        self.pulse = Pulse(self.lab.files(self.uuid))
        self.pulse.start()
        self.phase("arm")
        self.reach()
        self.phase("moment")
        self.strike()
        self.go_on()
        self.phase("strike")
        self.last()
        self.phase("last")
        self.heal()
        self.phase("heal")
        healed = time.monotonic()
        healed_ms = time.time() * 1000  # all hosts have this machine's clock
        return self.settle(healed, healed_ms)

    def fail_twice(self):
        """The step fails at the point two times and is repeated by itself: nothing else happens to the guest."""
        point = self.case.actor
        rolls_back = point.startswith(("compute:rollback:", "compute:migrating:after"))
        if point.startswith("scheduler:"):
            self.lab.restart("HostA", "scheduler", point + "=error:1-2")
        else:
            side = self.dest if point.split(":")[1] in ("claimed", "preparing") else self.source
            self.lab.restart(side, "compute", point + "=error:1-2")
        self.pulse = Pulse(self.lab.files(self.uuid))
        self.pulse.start()
        self.speed(SLOW if rolls_back else FAST)
        self.ask()
        asked_ms = time.time() * 1000
        if rolls_back:
            self.wait("the copy", self.copying)
            self.lab.api.request("DELETE", "/servers/%s/migrations/%d" % (self.uuid, self.number))
        row, seconds = self.settle(time.monotonic(), asked_ms)
        want = "cancelled" if rolls_back else "failed" if point == "compute:migrating:call" else "done"
        if row["state"] != want:
            self.wrong.append("ended as %s (%s) although the step failed only twice" % (row["state"], row["reason"]))
        return row, seconds


def run_case(lab, case):
    return Run(lab, case).run()
