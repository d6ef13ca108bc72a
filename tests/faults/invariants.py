# SPDX-License-Identifier: Apache-2.0
"""The invariants a cloud must hold at every moment, as judges over samples; no I/O here.

I1  no guest runs twice                          I7  no file of a guest is unlinked unless the guest is being deleted
I2  at rest only its host has a guest's domain   I8  journals have no gap, states follow the tables, ends are ends
I3  counters are the sums of claims              I9  a guest's own counter never goes back, nor comes from two sources
I4  `migrating' is one active migration          I10 the owner's domain carries the row's token
I5  nothing stands still while all is well       I11 what was accepted comes to an end
I6  disks stay where they are, the same files

A sample says when its question was sent (t0) and when the answer was there (t1), by CLOCK_MONOTONIC: what it says was
true at some moment between.  Two samples of different places are never taken for one moment: a judge that needs both
orders them by these times.
"""
import collections
import re

RUNNING = (1, 2)            # libvirt's domain states: running, blocked
TERMINAL = ("done", "failed", "cancelled", "error")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Book:
    """What was found, each thing once."""

    def __init__(self, say=lambda line: None):
        self.found, self.say = {}, say

    def add(self, number, key, text):
        if (number, key) not in self.found:
            self.found[number, key] = "VIOLATION I%d %s" % (number, text)
            self.say(self.found[number, key])

    def lines(self):
        return list(self.found.values())


# ---- I1 by what the hypervisors say ----------------------------------------------------------------------------------

class Copies:
    """A copy that ran between two moments at which another one ran: both ran, whatever the order of the questions.

    A hypervisor may not have noticed yet that a QEMU died, so a copy only counts if its process was seen alive after
    the sample began (`alive' says so; None: cannot know).
    """

    def __init__(self, book, alive):
        self.book, self.alive = book, alive
        self.runs = collections.defaultdict(dict)  # uuid -> (host, domain id) -> end of its first run, last samples

    def forget(self, host):
        """The hypervisor was away: its numbers may begin anew."""
        self.sample(host, 0, 0, ())

    def sample(self, host, t0, t1, domains):
        there = {(uuid, number) for uuid, number, _, _ in domains}
        for uuid, copies in self.runs.items():
            for gone in [c for c in copies if c[0] == host and (uuid, c[1]) not in there]:
                del copies[gone]
        for uuid, number, state, _ in domains:
            if state not in RUNNING:
                continue
            first, mine = self.runs[uuid].setdefault((host, number), (t1, collections.deque(maxlen=64)))
            for (other, _), (_, theirs) in self.runs[uuid].items():
                between = [a0 for a0, a1 in theirs if other != host and a0 >= first and a1 <= t0]
                if between and self.alive(other, uuid, between[-1]) is not False \
                        and self.alive(host, uuid, t0) is not False:
                    self.book.add(1, (uuid, "state"), "%s runs on %s and on %s (their hypervisors say so)" % (
                        uuid, host, other))
            mine.append((t0, t1))


# ---- I1 by the processes themselves ----------------------------------------------------------------------------------

class Vcpus:
    """Once a younger process of a guest has run its processors, no older one may run them again.

    Seen in /proc, so also while libvirtd is frozen.  An incoming QEMU uses a little processor time before its guest
    runs, and a stopped one a little afterwards: both limits are well above that.
    """

    STARTED_NS = 40_000_000
    WENT_ON_NS = 20_000_000

    def __init__(self, book):
        self.book = book
        self.processes = {}     # (host, pid, start) -> dict

    def sample(self, t, processes):
        """processes: (host, pid, start, uuid, cpu_ns, state) of all that are alive."""
        seen = set()
        for host, pid, start, uuid, cpu, state in processes:
            key = (host, pid, start)
            seen.add(key)
            p = self.processes.setdefault(key, {"uuid": uuid, "host": host, "base": cpu, "age": start, "first": t,
                                                "ran": False, "mark": None})
            p["cpu"], p["state"], p["last"] = cpu, state, t
        for key in [k for k, p in self.processes.items() if k not in seen and p["last"] < t - 30]:
            del self.processes[key]
        guests = collections.defaultdict(list)
        for key in seen:
            guests[self.processes[key]["uuid"]].append(self.processes[key])
        for uuid, copies in guests.items():
            if len(copies) < 2:
                continue
            copies.sort(key=lambda p: p["age"])
            for younger in copies[1:]:
                if not younger["ran"] and younger["cpu"] - younger["base"] >= self.STARTED_NS:
                    younger["ran"] = True
                    for older in copies[:copies.index(younger)]:
                        older["mark"] = older["cpu"]
            for older in copies[:-1]:
                if older["mark"] is not None and older["cpu"] - older["mark"] >= self.WENT_ON_NS:
                    self.book.add(1, (uuid, "vcpu"), "%s: the process on %s went on after the younger one on %s had "
                                  "begun to run" % (uuid, older["host"], copies[-1]["host"]))

    def alive(self, host, uuid, t):
        """Whether a process of the guest was seen alive, and able to run, on the host at t or later."""
        return any(p["host"] == host and p["uuid"] == uuid and p["last"] >= t and p["state"] not in "TtZX"
                   for p in self.processes.values())


# ---- I2, I10: at rest ------------------------------------------------------------------------------------------------

class Rest:
    """Where domains may be.  A hypervisor's sample is judged by the rows only if those were the same before it was
    asked and after it had answered."""

    def __init__(self, book, bound):
        self.book, self.bound = book, bound
        self.stable = {}        # uuid -> (key, t1 of the first snapshot that had it, row)
        self.active = {}        # uuid -> active operation
        self.hosts = {}         # id -> name
        self.pending = []       # (host, t0, t1, domains or None, details or None)
        self.wrong = {}         # what has to be seen twice -> since when
        self.all_well_since = None

    def snapshot(self, t0, t1, snap, well):
        if not well:
            self.all_well_since = None
        elif self.all_well_since is None:
            self.all_well_since = t1
        self.hosts = {h["id"]: h["name"] for h in snap["hosts"]}
        self.active = {o["instance"]: o for o in snap["operations"]}
        rows = {i["uuid"]: i for i in snap["instances"]}
        for uuid, row in rows.items():
            key = (row["host_id"], row["token"], row["vm_state"], row["deleted"], row["last_op"], row["last_seq"])
            old = self.stable.get(uuid)
            self.stable[uuid] = (key, old[1] if old and old[0] == key else t1, row)
        for uuid in set(self.stable) - set(rows):
            del self.stable[uuid]
        ready = [p for p in self.pending if p[2] <= t0]
        self.pending = [p for p in self.pending if p[2] > t0]
        for sample in ready:
            self.judge(*sample)

    def sample(self, host, t0, t1, domains):
        self.pending.append((host, t0, t1, domains, None))
        del self.pending[:-2000]

    def details(self, host, t0, t1, details):
        self.pending.append((host, t0, t1, None, details))

    def twice(self, fact, t):
        """True when this was found before, a moment ago at least."""
        return t - self.wrong.setdefault(fact, t) >= 0.15

    def judge(self, host, t0, t1, domains, details):
        if domains is not None:
            self.judge_places(host, t0, t1, {d[0]: d for d in domains})
        else:
            for uuid, detail in details.items():
                known = self.stable.get(uuid)
                if known and known[1] <= t0:
                    self.judge_detail(host, t1, uuid, detail, known[2])
                elif not known and detail["token"] is not None and self.stable and self.twice(("none", host, uuid), t1):
                    self.book.add(2, ("none", host, uuid), "%s: a domain of nova-lite on %s, but no such instance" % (
                        uuid, host))

    def judge_places(self, host, t0, t1, domains):
        for uuid, (_, since, row) in self.stable.items():
            home = self.hosts.get(row["host_id"])
            op = self.active.get(uuid)
            gone = ("gone", uuid)
            if since > t0:
                self.wrong.pop(gone, None)
                self.wrong.pop(("elsewhere", host, uuid), None)
                continue
            allowed = {home}
            if op:
                allowed |= {self.hosts.get(op["source"]), self.hosts.get(op["dest"])}
            if row["deleted"]:
                allowed = set()
            if uuid in domains and host not in allowed:
                fact = ("elsewhere", host, uuid)
                if self.twice(fact, t1):
                    self.book.add(2, fact, "%s: %s has a domain of it, by the database it is %s%s" % (
                        uuid, host, "deleted" if row["deleted"] else "on %s" % home,
                        "" if not op else ", operation %d is %s" % (op["id"], op["state"])))
            else:
                self.wrong.pop(("elsewhere", host, uuid), None)
            if op or row["deleted"] or host != home or uuid in domains or row["vm_state"] not in ("active", "paused") \
                    or self.all_well_since is None:
                if host == home:
                    self.wrong.pop(gone, None)
            elif t1 - max(self.wrong.setdefault(gone, t1), self.all_well_since) > self.bound:
                self.book.add(2, gone, "%s is %s on %s by the database, but there has been no domain of it for %.0f s" % (
                    uuid, row["vm_state"], home, t1 - self.wrong[gone]))

    def judge_detail(self, host, t1, uuid, detail, row):
        home, op, token = self.hosts.get(row["host_id"]), self.active.get(uuid), row["token"]
        has = detail["token"]
        if detail["persistent"] and self.twice(("persistent", host, uuid), t1):
            self.book.add(2, ("persistent", host, uuid), "%s: %s has a persistent definition of it" % (uuid, host))
        if has is None:
            wrong = "%s has a domain of it without a token" % host
        elif op:
            incoming = op["kind"] in ("live-migration", "resize", "resize-revert") and host == self.hosts.get(op["dest"])
            wrong = None if has <= token or (incoming and has == token + 1) else \
                "the domain on %s has token %d, the row %d" % (host, has, token)
        elif host == home:
            wrong = None if has == token else "the owner's domain on %s has token %d, the row %d" % (host, has, token)
        else:
            wrong = None if has < token else "%s is not the owner, its domain has token %d, the row %d" % (host, has, token)
        fact = ("token", host, uuid, wrong)
        if wrong and self.twice(fact, t1):
            self.book.add(10, fact, "%s: %s" % (uuid, wrong))


# ---- I3, I4: one snapshot of the database is enough ------------------------------------------------------------------

def judge_books(snap):
    """(key, text) of each disagreement between claims, counters, capacities and rows."""
    wrong = []
    claims = collections.defaultdict(lambda: [0, 0])
    resized = {i["uuid"] for i in snap["instances"] if i["vm_state"] == "resized"}
    homes = collections.defaultdict(list)
    active = {o["instance"]: o for o in snap["operations"]}
    for c in snap["claims"]:
        claims[c["host_id"]][0] += c["vcpus"]
        claims[c["host_id"]][1] += c["memory_mb"]
        if c["role"] == "H":
            homes[c["instance"]].append(c["host_id"])
            continue
        op = active.get(c["instance"])
        # an outgoing claim was the home's and keeps the operation that made it
        if c["role"] == "O" and c["instance"] in resized and (not op or op["kind"] == "resize-revert"):
            continue        # the old size of a server whose user has not decided
        if not op or op["kind"] not in ("live-migration", "resize", "resize-revert") or \
                (c["host_id"] != op["dest" if c["role"] == "I" or op["kind"] == "resize-revert" else "source"]):
            wrong.append((("left", c["instance"], c["role"]), "%s: a claim of role %s without the operation for it" % (
                c["instance"], c["role"])))
    for h in snap["hosts"]:
        vcpus, memory = claims[h["id"]]
        if (h["used_vcpus"], h["used_memory_mb"]) != (vcpus, memory):
            wrong.append((("sum", h["name"]), "%s: used %d vcpus, %d MiB; claims are %d vcpus, %d MiB" % (
                h["name"], h["used_vcpus"], h["used_memory_mb"], vcpus, memory)))
        if h["used_vcpus"] > h["cap_vcpus"] or h["used_memory_mb"] > h["cap_memory_mb"]:
            wrong.append((("cap", h["name"]), "%s: more is used than there is: %d of %d vcpus, %d of %d MiB" % (
                h["name"], h["used_vcpus"], h["cap_vcpus"], h["used_memory_mb"], h["cap_memory_mb"])))
        for column, side in (("outgoing", "source"), ("incoming", "dest")):
            held = sum(1 for o in snap["operations"] if o["holds_slots"] and o[side] == h["id"])
            if h[column] != held:
                wrong.append((("slots", h["name"], column), "%s: %d %s migrations counted, %d hold a slot" % (
                    h["name"], h[column], column, held)))
    for p in snap["pools"]:
        if p["used_gb"] != p["claimed_gb"] or p["used_gb"] > p["cap_gb"]:
            wrong.append((("pool", p["id"]), "pool %d: %d GiB used, %d claimed, capacity %d" % (
                p["id"], p["used_gb"], p["claimed_gb"], p["cap_gb"])))
    for i in snap["instances"]:
        have = homes.get(i["uuid"], [])
        want = [] if i["deleted"] or i["host_id"] is None else [i["host_id"]]
        if have != want:
            wrong.append((("home", i["uuid"]), "%s: home claims on hosts %s, it belongs on %s" % (i["uuid"], have, want)))
    return wrong


def judge_tasks(snap):
    """A server has at most one active operation; what users see as its task is that one."""
    wrong, seen = [], {}
    for o in snap["operations"]:
        if o["instance"] in seen:
            wrong.append(((o["instance"],), "%s: operations %d and %d are both active" % (
                o["instance"], seen[o["instance"]], o["id"])))
        seen[o["instance"]] = o["id"]
    deleted = {i["uuid"] for i in snap["instances"] if i["deleted"]}
    for o in snap["operations"]:
        if o["instance"] in deleted:
            wrong.append(((o["instance"], "deleted"), "%s is deleted, but operation %d (%s) of it is active" % (
                o["instance"], o["id"], o["kind"])))
    return wrong


def judge_answer(before, servers, after):
    """Task states as the API gave them between two snapshots: `migrating' is one active migration and nothing else; but for a
    server whose deletion was asked for meanwhile, which is `deleting' at once."""
    wrong = []
    old, new = ({o["instance"]: (o["id"], o["kind"]) for o in s["operations"]} for s in (before, after))
    last = [{i["uuid"]: i["last_op"] for i in s["instances"]} for s in (before, after)]
    going = {i["uuid"] for i in after["instances"] if i.get("delete_requested")}
    for uuid, task in servers.items():
        if task == "deleting" and uuid in going:
            continue
        if old.get(uuid) != new.get(uuid) or last[0].get(uuid) != last[1].get(uuid):
            continue
        moving = uuid in old and old[uuid][1] == "live-migration"
        if (task == "migrating") != moving:
            wrong.append(((uuid, "task"), "%s: the API says task_state %s, active is %s" % (
                uuid, task, "operation %d, %s" % old[uuid] if uuid in old else "no operation")))
    return wrong


# ---- I5 --------------------------------------------------------------------------------------------------------------

class Still:
    """Operations that stand still although everything has been well for `bound' seconds."""

    # These wait for a guest that may be deaf, up to its own deadline.
    PATIENT = {("stop", "stopping"), ("reboot-soft", "rebooting")}

    def __init__(self, book, bound, patience=60):
        self.book, self.bound, self.patience = book, bound, patience
        self.since, self.well_since = {}, None

    def snapshot(self, t, snap, well):
        if not well:
            self.well_since = None
        elif self.well_since is None:
            self.well_since = t
        now = {}
        for o in snap["operations"]:
            key = (o["id"], o["seq"], o["state"], o["blocked"], o["processed"])
            now[key] = self.since.get(key, t)
            if self.well_since is None or self.queued(o, snap["operations"]):
                now[key] = t
                continue
            bound = self.bound + (self.patience if (o["kind"], o["state"]) in self.PATIENT else 0)
            if t - max(now[key], self.well_since) > bound:
                self.book.add(5, (o["id"], o["state"]), "operation %d (%s of %s) has been %s for %.0f s%s" % (
                    o["id"], o["kind"], o["instance"], o["state"], t - now[key],
                    ", blocked (%s) while everything answers" % o["blocked"] if o["blocked"] else ""))
        self.since = now

    @staticmethod
    def queued(o, operations):
        return o["state"] == "checked" and any(
            p["holds_slots"] and p["id"] != o["id"] and (p["source"] == o["source"] or p["dest"] == o["dest"])
            for p in operations)


# ---- I6, I7 ----------------------------------------------------------------------------------------------------------

class Disks:
    """The same file, from first to last, or from one rebuild to the next: another one is judged by the first snapshot from
    after the look."""

    def __init__(self, book):
        self.book, self.first, self.other, self.replacing = book, {}, {}, {}

    def sample(self, path, uuid, inode, when=0):
        """inode: (device, inode), or None when there is no such file."""
        if inode is None:
            self.book.add(6, (path, "gone"), "%s: its disk %s is gone" % (uuid, path))
        elif self.first.setdefault(path, inode) != inode:
            self.other[path] = (when, uuid, inode)

    def snapshot(self, t0, snap):
        rows = {i["uuid"]: i.get("replacing", 0) for i in snap["instances"]}
        for path, (when, uuid, inode) in list(self.other.items()):
            if when >= t0 or uuid not in rows:
                continue
            if rows[uuid] == self.replacing.get(uuid, rows[uuid]):
                self.book.add(6, (path, "other"), "%s: its disk %s is another file than at first" % (uuid, path))
            self.first[path] = inode
            self.replacing[uuid] = rows[uuid]
            del self.other[path]
        for uuid, count in rows.items():
            self.replacing.setdefault(uuid, count)

    def forget(self, uuid):
        for kept in (self.first, self.other):
            for path in [p for p in kept if uuid in p]:
                del kept[path]


# Names nova-lite makes and removes itself, beside and in guests' directories.
OWN_NAMES = re.compile(r"\.nova-lite-(nonce|check|lock|fsid)\..+|\.part\..+|\.disk\..+|disk\.\d+|\.nfs.+|console\.\d+\.log")


def judge_unlink(directory, name, snap):
    """What is wrong with the removal of a name; `snap' was taken afterwards.  A removal is announced by the row before it
    is begun: deleting, or a build that has never been done."""
    if OWN_NAMES.fullmatch(name):
        return None
    if directory == "_base":
        users = [i["uuid"] for i in snap["instances"] if i["image_id"] == name and not i["deleted"]]
        return "the base image %s was unlinked, %s use(s) it" % (name, ", ".join(users)) if users else None
    uuid = directory or name
    row = next((i for i in snap["instances"] if i["uuid"] == uuid), None)
    if not UUID.fullmatch(uuid) or not row or row["deleted"] or row["last_kind"] == "delete":
        return None
    if re.fullmatch(r"memory\.\d+", name) and row["last_kind"] in ("suspend", "resume", "reboot-hard", "rebuild"):
        return None
    if name == "disk" and row["last_kind"] == "rebuild":
        return None
    if row["last_kind"] == "build" and row["vm_state"] in ("building", "error"):
        return None
    return "%s: '%s' was unlinked, but the instance is not deleted (%s, last operation %s)" % (
        uuid, (directory + "/" if directory else "") + name, row["vm_state"], row["last_kind"])


# ---- I8, I11 ---------------------------------------------------------------------------------------------------------

class History:
    """All operations, again and again: rows that have ended stay as they are, none vanishes."""

    def __init__(self, book, graph):
        self.book, self.graph, self.known = book, graph, {}

    def rows(self, rows, complete=True):
        now = {r["id"]: r for r in rows}
        for number, old in self.known.items():
            new = now.get(number)
            if not new:
                if complete:
                    self.book.add(11, (number, "gone"), "operation %d (%s) was accepted and its row is gone" % (
                        number, old["kind"]))
                continue
            if old["state"] in TERMINAL and new["digest"] != old["digest"]:
                self.book.add(8, (number, "end"), "operation %d (%s) had ended as %s and was changed afterwards (now %s)" % (
                    number, old["kind"], old["state"], new["state"]))
            if new["seq"] < old["seq"]:
                self.book.add(8, (number, "seq"), "operation %d: seq went back from %d to %d" % (
                    number, old["seq"], new["seq"]))
        self.known.update(now)
        asked = {}
        for r in rows:
            key = (r["request_id"], r["kind"], r["instance"])
            if r["kind"] in ("live-migration", "build") and asked.setdefault(key, r["id"]) != r["id"]:
                self.book.add(11, key, "request %s became operations %d and %d" % (key[0], asked[key], r["id"]))

    def journal(self, row, lines):
        """One operation's journal, in the order of seq."""
        number = row["id"]
        if [line["seq"] for line in lines] != list(range(row["seq"] + 1)):
            self.book.add(8, (number, "gap"), "operation %d: its row has seq %d, its journal %s" % (
                number, row["seq"], [line["seq"] for line in lines]))
            return
        if lines[-1]["to"] != row["state"]:
            self.book.add(8, (number, "last"), "operation %d is %s, its journal ends with %s" % (
                number, row["state"], lines[-1]["to"]))
        state = lines[0]["from"]
        for line in lines:
            if line["from"] != state:
                self.book.add(8, (number, "chain"), "operation %d: seq %d leaves %s, but it was %s" % (
                    number, line["seq"], line["from"], state))
            if line["to"] != line["from"] and line["to"] not in self.graph[row["kind"]].get(line["from"], ()):
                self.book.add(8, (number, "graph"), "operation %d (%s): %s may not follow %s" % (
                    number, row["kind"], line["to"], line["from"]))
            state = line["to"]

    def at_rest(self, snap):
        """When all should have ended: what has not, unless it says whom it waits for."""
        for o in snap["operations"]:
            if not o["blocked"]:
                self.book.add(11, (o["id"], "open"), "operation %d (%s of %s) was accepted and has not ended: %s" % (
                    o["id"], o["kind"], o["instance"], o["state"]))
        active = {o["instance"] for o in snap["operations"]}
        for i in snap["instances"]:
            if i["delete_requested"] and not i["deleted"] and i["uuid"] not in active and i["last_kind"] != "delete":
                self.book.add(11, (i["uuid"], "delete"), "%s: its deletion was accepted and is not carried out" % i["uuid"])


def read_graph(text):
    """What may follow what, from `nova-lite-manage flow': kind -> state -> set of states."""
    graph, kind = {}, None
    for line in text.splitlines():
        if match := re.match(r"## .*\(([a-z-]+)\)$", line):
            kind = graph.setdefault(match[1], collections.defaultdict(set))
        elif (match := re.match(r"\s+([a-z_]+) --> ([a-z_]+)", line)) and kind is not None:
            kind[match[1].replace("_", "-")].add(match[2].replace("_", "-"))
    return graph


# ---- I9 --------------------------------------------------------------------------------------------------------------

class Serial:
    """What one test guest says on its serial port.  Each owner (token) writes a log of its own."""

    # Numbers have a fixed width: a line that the end of a guest has cut short is none.
    BOOT = re.compile(r"B (\d{10}) E (\d{8}) D (\d{8}) I ([0-9a-f]{8}) N (\d{8}) R \d{8} \d{8}")
    COUNT = re.compile(r"C (\d{10}) E (\d{8}) D (\d{8}) W (\d{10})")

    def __init__(self, book, uuid):
        self.book, self.uuid = book, uuid
        self.last = self.written = self.identity = None
        self.token = 0          # the youngest that has counted
        self.lines = self.gap_ms = 0
        self.when = None        # of the last count, ns
        self.boots = 0

    def rebuilt(self):
        """Another guest begins, on a disk of its own."""
        self.last = self.written = self.identity = self.when = None

    def wrong(self, what, text):
        self.book.add(9, (self.uuid, what), "%s: %s" % (self.uuid, text))

    def growth(self, token, text, when, steady=True):
        """Whole lines that a log has grown by; `when' it was last written to, in ns.  Within one look the logs are to be
        read youngest first and handed over oldest first.  steady: the guest was meant to run all the time since the
        last growth.  Returns the gap in ms that ends here, or 0."""
        counts = 0
        gap = 0
        for line in text.splitlines():
            line = line.rstrip("\r")
            match = self.BOOT.fullmatch(line) or self.COUNT.fullmatch(line)
            if not match:
                continue
            if token < self.token:
                self.wrong("sources", "the copy of token %d counts (%s) after the one of token %d has" % (
                    token, line, self.token))
                continue
            self.token = token
            if line[0] == "B":
                self.boot(match)
                counts = 0
                self.when = None
                continue
            counter, memory, disk, written = (int(match[n]) for n in range(1, 5))
            if self.last is not None and counter <= self.last:
                self.wrong("back", "its counter went back from %d to %d (token %d)" % (self.last, counter, token))
            if memory:
                self.wrong("memory", "it found %d errors in its memory" % memory)
            if disk:
                self.wrong("disk", "it found %d errors on its disk" % disk)
            self.last, self.written = counter, written
            counts += 1
            self.lines += 1
        if counts:
            if self.when is not None and steady:
                # Several lines at once are a late look: all but one of them came at their usual pace of 100 ms.
                gap = max(0, (when - self.when) // 1000000 - 100 * (counts - 1))
                self.gap_ms = max(self.gap_ms, gap)
            self.when = when
        return gap

    def boot(self, match):
        found = int(match[1])
        self.boots += 1
        if self.written is not None and found < self.written:
            self.wrong("lost", "a boot found %d on its disk, %d had been written" % (found, self.written))
        if self.identity not in (None, match[4]):
            self.wrong("identity", "it was %s and is %s" % (self.identity, match[4]))
        if int(match[2]) or int(match[3]):
            self.wrong("errors", "it had found %s memory and %s disk errors" % (match[2], match[3]))
        self.identity, self.last, self.written = match[4], None, found
