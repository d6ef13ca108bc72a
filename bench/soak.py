# SPDX-License-Identifier: Apache-2.0
"""soak --minutes M [--seed N] [--hosts N] [--guests N] [--name NAME] [--quiet]

Guests that check themselves are migrated at random, without a pause, while daemons, hypervisors, guests, links, PostgreSQL,
RabbitMQ and whole hosts are killed, frozen and cut off; tests/faults/check-invariants watches.  The same seed gives the
same faults and wishes in the same order.  Ctrl-C ends it early, with the same report.

Exit status 0: no violation, no guest lost, no claim leaked, and after each fault all operations came to an end.  Otherwise
1, and the lab's files are kept.
"""
import argparse
import collections
import os
import random
import signal
import statistics
import sys
import threading
import time

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "system"), os.path.join(HERE, "..", "tests", "faults")]
from novalab import Lab, Refused  # noqa: E402
from worstlab import SHORT  # noqa: E402

SETTLED_S = 90      # an operation that has not ended so long after the fault is over does not recover
START_S = 120       # a guest that was killed must run again by then


class Trouble:
    """One kind of fault: of what and where, how often, how long it is held, what to do, what undoes it.  service: the kill of
    a service, which no guest may feel."""

    def __init__(self, kind, where, weight, least, most, act, undo=None, service=False):
        self.kind, self.where, self.weight, self.least, self.most = kind, where, weight, least, most
        self.act, self.undo, self.service = act, undo, service
        self.name = kind + (" on " + where if where not in ("HostA", "guest") else "")


class SoakLab(Lab):
    def run(self, *words, **kwargs):
        return super().run(*words, start_new_session=True, **kwargs)    # not ended by the terminal's Ctrl-C


class Soak:
    def __init__(self, arguments):
        self.arguments = arguments
        self.faults, self.wishes = random.Random(arguments.seed), random.Random(arguments.seed + 1)
        settings = SHORT + ["DEFAULT.resume_guests_state_on_host_boot=true", "DEFAULT.max_concurrent_live_migrations=2"]
        self.lab = SoakLab(arguments.name, "--hosts", str(arguments.hosts), "--shared", "gluster",
                           *(word for s in settings for word in ("--set", s)))
        self.guests, self.connection = [], None
        self.ended, self.moving = threading.Event(), threading.Event()
        self.done = collections.Counter()
        self.recoveries, self.wrong, self.lines, self.cycles = [], [], [], []

    def say(self, text):
        if not self.arguments.quiet:
            print("%s %s" % (time.strftime("%H:%M:%S"), text), flush=True)

    # -- what is asked

    def rows(self, statement):
        """Straight from the database; None while it is away."""
        try:
            if not self.connection:
                self.connection = psycopg2.connect(host=self.lab.environment["PGHOST"], user="nova", dbname="nova",
                                                   connect_timeout=2, tcp_user_timeout=3000, keepalives_idle=2,
                                                   options="-c statement_timeout=5000")
                self.connection.autocommit = True
            with self.connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        except psycopg2.Error:
            self.connection = None
            return None

    def open_operations(self):
        return self.rows("SELECT id, kind, state, blocked, blocked_host, instance FROM operations WHERE finished_at IS NULL")

    # -- the wishes

    def move(self):
        """Runs in a thread of its own: asks for migrations as long as it may, and takes some of the wishes back."""
        aborts = []
        while not self.ended.is_set():
            self.ended.wait(self.wishes.uniform(0.1, 0.6))
            if not self.moving.is_set():
                continue
            try:
                now = time.monotonic()
                for when, uuid, number in [a for a in aborts if a[0] <= now]:
                    self.lab.api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
                aborts = [a for a in aborts if a[0] > now]
                servers = self.lab.api.get("/servers/detail")["servers"]
                if sum(1 for s in servers if s["OS-EXT-STS:task_state"]) > self.arguments.hosts:
                    continue
                idle = [s for s in servers if s["status"] == "ACTIVE" and not s["OS-EXT-STS:task_state"]]
                if not idle:
                    continue
                if self.wishes.random() < 0.08:
                    self.other_wish(servers)
                    continue
                guest = self.wishes.choice(sorted(idle, key=lambda s: s["name"]))
                named = self.wishes.choice([None] + [h for h in self.lab.hosts if h != guest["OS-EXT-SRV-ATTR:host"]])
                unwanted = self.wishes.random() < 0.1
                number = self.lab.api.live_migrate(guest["id"], named)
                if unwanted:
                    aborts.append((time.monotonic() + self.wishes.uniform(0, 2), guest["id"], number))
            except (Refused, OSError, ValueError, IndexError):
                aborts = [a for a in aborts if a[0] > time.monotonic()]  # a host is down, the API is away, too late: so be it

    def other_wish(self, servers):
        """A guest more, or that one's end, whatever it is doing; or a hard reboot."""
        extra = next((s for s in servers if s["name"] == "extra"), None)
        if self.wishes.random() < 0.3:
            guest = self.wishes.choice(sorted(servers, key=lambda s: s["name"]))
            self.lab.api.action(guest["id"], {"reboot": {"type": "HARD"}})
        elif extra:
            self.lab.api.request("DELETE", "/servers/" + extra["id"])
        else:
            self.lab.api.boot("extra", wait=False)

    # -- the faults

    def troubles(self):
        """All there is, for one random host, guest and port."""
        run, pick = self.lab.run, self.faults.choice
        host, guest = pick(self.lab.hosts), pick(self.guests)
        port = pick(["16509", "5672", "5432", "49152"])
        known = []
        for service, at, weight in (("compute", host, 6), ("libvirtd", host, 6), ("postgres", "HostA", 3), ("rabbitmq", "HostA", 2),
                                    ("scheduler", "HostA", 2), ("api", "HostA", 1)):
            kill, start = lambda a=at, s=service: run("kill", a, s), lambda a=at, s=service: run("start", a, s)
            no_guest_feels = service != "libvirtd"
            known += [Trouble("kill " + service, at, weight, 0, 0.1, kill, start, no_guest_feels),
                      Trouble("kill %s for longer" % service, at, weight / 2, 2, 8, kill, start, no_guest_feels),
                      Trouble("freeze " + service, at, weight / 2, 0.5, 8, lambda a=at, s=service: run("pause", a, s),
                              lambda a=at, s=service: run("resume", a, s))]
        return known + [
            Trouble("kill guest", "guest", 3, 0, 0.1, lambda: self.signal_guest("kill", guest)),
            Trouble("freeze guest", "guest", 2, 0.5, 5, lambda: self.signal_guest("pause", guest),
                    lambda: self.signal_guest("resume", guest)),
            Trouble("freeze storage", "HostA", 1, 0.5, 4, lambda: run("pause", "HostA", "storage"),
                    lambda: run("resume", "HostA", "storage")),
            Trouble("unplug", host, 3, 0.5, 6, lambda: run("link", host, "down"), lambda: run("link", host, "up")),
            Trouble("cut port " + port, host, 3, 0.5, 12, lambda: run("link", host, "down", "--port", port),
                    lambda: run("link", host, "up", "--port", port)),
            Trouble("freeze all", host, 2, 0.5, 6, lambda: run("pause", host, "host"), lambda: run("resume", host, "host")),
            Trouble("power off", host, 2, 1, 5, lambda: run("kill", host, "host"), lambda: run("boot", host))]

    def signal_guest(self, verb, guest):
        """Every process of it, wherever it is; there may be none."""
        for host in self.lab.hosts:
            self.lab.run(verb, host, "qemu", guest, check=False)

    def one_fault(self):
        """Something dies and comes back, or two things do; then everything must come to rest."""
        known = self.troubles()
        chosen = [self.faults.choices(known, [t.weight for t in known])[0]]
        if self.faults.random() < self.arguments.double:
            second = self.faults.choices(known, [t.weight for t in known])[0]
            if second.where != chosen[0].where and "guest" not in (second.where, chosen[0].where):
                chosen.append(second)
        held, before = self.faults.uniform(chosen[0].least, chosen[0].most), self.faults.uniform(0.3, 2.5)
        self.moving.set()
        if self.ended.wait(before):
            return
        began, acted = time.time(), []
        try:
            for trouble in chosen:
                trouble.act()
                acted.append(trouble)
            self.ended.wait(held)
        finally:
            for trouble in acted:
                if trouble.undo:
                    trouble.undo()
        self.moving.clear()
        for trouble in chosen:
            self.done[trouble.kind] += 1
        what = " and ".join(trouble.name for trouble in chosen)
        took = self.settle()
        self.cycles.append((began, time.time(), what, len(chosen) == 1 and chosen[0].service))
        if took is None:
            self.wrong.append("%s: after %d s there is still %s" % (what, SETTLED_S, self.open_operations()))
            self.say("NOT SETTLED " + self.wrong[-1])
        else:
            self.recoveries.append(took)
            self.say("%-34s %4.1f s   settled after %4.1f s" % (what, held, took))
        self.revive()

    def settle(self):
        """Until no operation is open: how long it took."""
        began = time.monotonic()
        while time.monotonic() - began < SETTLED_S:
            if self.open_operations() == []:
                return time.monotonic() - began
            time.sleep(0.05)
        return None

    def revive(self, seconds=START_S):
        """Starts guests that were killed, as their users would; gives those that do not run in the end."""
        deadline, off = time.monotonic() + seconds, self.guests
        while time.monotonic() < deadline:
            try:
                servers = {s["id"]: s for s in self.lab.api.get("/servers/detail")["servers"]}
                off = [u for u in self.guests if u not in servers or servers[u]["status"] != "ACTIVE" or
                       servers[u]["OS-EXT-STS:task_state"]]
                for uuid in off:
                    if uuid not in servers or servers[uuid]["OS-EXT-STS:task_state"]:
                        continue
                    if servers[uuid]["status"] == "SHUTOFF":
                        self.lab.api.action(uuid, {"os-start": None})
                    elif servers[uuid]["status"] == "ERROR":
                        self.lab.api.action(uuid, {"reboot": {"type": "HARD"}})
                if not off:
                    return []
            except (Refused, OSError, ValueError):
                pass
            time.sleep(0.3)
        return off

    # -- all of it

    def watch(self):
        self.checker = self.lab.checker()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.checker.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("VIOLATION"):
                print(line, end="", flush=True)

    def unwatch(self):
        self.checker.process.terminate()
        self.checker.process.wait(timeout=180)
        self.reader.join(10)
        return self.checker.process.returncode

    def gaps(self):
        """(ms, cycle or None) of each time a guest did not count, from half a second."""
        found = []
        with open(self.checker.log) as log:
            for line in log:
                words = line.split()
                if words[1] != "GAP":
                    continue
                hours, minutes, seconds = words[0].split(":")
                at = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
                found.append((int(words[3].rstrip(",")), next((
                    c for c in self.cycles if (at - c[0] % 86400) % 86400 <= c[1] - c[0]), None)))
        return found

    def counting(self, uuid):
        """Whether the guest goes on counting."""
        first = int(self.lab.serial(uuid).get("counter", 0))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if int(self.lab.serial(uuid).get("counter", 0)) > first:
                return True
            time.sleep(0.3)
        return False

    def run(self):
        for n in range(self.arguments.guests):
            image, flavor = (("testguest", "m1.nano"), ("testguest-steady", "m1.micro"))[n % 2]
            self.guests.append(self.lab.api.boot("soak%d" % n, flavor, image, self.lab.hosts[n % len(self.lab.hosts)], wait=False))
        for uuid in self.guests:
            self.lab.api.wait_status(uuid, "ACTIVE", 120)
            self.lab.wait_counting(uuid)
        self.watch()
        mover = threading.Thread(target=self.move)
        mover.start()
        began = time.monotonic()
        try:
            while time.monotonic() - began < self.arguments.minutes * 60 and not self.ended.is_set():
                self.one_fault()
        finally:
            self.ended.set()
            mover.join()
        minutes = (time.monotonic() - began) / 60
        if self.settle() is None:
            self.wrong.append("at the end there is still %s" % self.open_operations())
        for server in self.lab.api.get("/servers")["servers"]:
            if server["name"] == "extra":
                self.lab.api.delete(server["id"])
        lost = self.revive() or [u for u in self.guests if not self.counting(u)]
        status = self.unwatch()
        return self.report(minutes, lost, status)

    def report(self, minutes, lost, status):
        outcomes = dict(self.rows("SELECT state, count(*) FROM operations WHERE kind = 'live-migration' GROUP BY 1 ORDER BY 1"))
        leaked = self.rows("SELECT count(*) FROM claims c WHERE c.role <> 'H' OR NOT EXISTS (SELECT FROM instances i "
                           "WHERE i.uuid = c.instance AND i.host_id = c.host_id AND i.deleted_at IS NULL)")[0][0]
        pause = [r[0] for r in self.rows("SELECT downtime_ms FROM operations WHERE downtime_ms >= 0 AND state = 'done'")]
        violations = [line for line in self.lines if line.startswith("VIOLATION")]
        felt, usual = (max([ms for ms, cycle in self.gaps() if wanted(cycle)], default=0)
                       for wanted in (lambda cycle: cycle and cycle[3], lambda cycle: not cycle))
        gaps = sorted(int(line.split()[2]) for line in self.lines if line.startswith("GAP"))
        print("\nsoak: %.1f minutes, seed %d, %d hosts, %d guests" % (
            minutes, self.arguments.seed, self.arguments.hosts, self.arguments.guests))
        print("migrations    %d: %s" % (sum(outcomes.values()), ", ".join("%d %s" % (n, s) for s, n in outcomes.items())))
        print("faults        %d: %s" % (sum(self.done.values()), ", ".join(
            "%d %s" % (n, name) for name, n in sorted(self.done.items()))))
        print("violations    %d" % len(violations))
        print("lost guests   %d%s" % (len(lost), ": " + ", ".join(lost) if lost else ""))
        print("leaked claims %d" % leaked)
        if self.recoveries:
            print("recovery      p50 %.1f s, p99 %.1f s, worst %.1f s (from the fault's end to no operation open)" % (
                statistics.median(self.recoveries), quantile(self.recoveries, 0.99), max(self.recoveries)))
        if pause:
            print("switch        p50 %d ms, p99 %d ms of %d migrations" % (statistics.median(pause), quantile(pause, 0.99), len(pause)))
        print("silence       longest of any guest: %d ms while one service was killed, %d ms while nothing was (0: under 500)" % (
            felt, usual))
        if gaps:
            print("              longest of each guest, ms: %s (frozen and cut off hosts and guests included)" % gaps)
        for line in violations + self.wrong:
            print(line)
        good = status == 0 and not violations and not lost and not leaked and not self.wrong
        print("%d passed, %d failed" % (good, not good))
        return good


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--guests", type=int, default=8)
    parser.add_argument("--double", type=float, default=0.25, help="how often two things die at once (0.25)")
    parser.add_argument("--name", default="soak", help="of the lab")
    parser.add_argument("--quiet", action="store_true", help="only the report and violations")
    arguments = parser.parse_args()
    print("soak: seed %d" % arguments.seed, flush=True)
    soak = Soak(arguments)

    def end(number, _):
        if soak.ended.is_set():
            raise KeyboardInterrupt
        print("soak: %s: the end after this fault" % signal.Signals(number).name, flush=True)
        soak.ended.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    good = False
    try:
        good = soak.run()
    finally:
        if good:
            soak.lab.down()
        else:
            soak.lab.run("down", "--keep")
            print("the lab's files are kept in %s" % soak.lab.directory)
    return 0 if good else 1


sys.exit(main())
