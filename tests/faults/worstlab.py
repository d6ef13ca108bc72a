# SPDX-License-Identifier: Apache-2.0
"""What the tests of the ten worst faults share: a lab with short intervals, a guest in mid-copy, and what its end must look like."""
import glob
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import Lab, Watch, until  # noqa: E402

ENDED_S = 10     # an operation ends, or is visibly blocked, within this after the fault is over (with these intervals)
PAUSE_S = 2.0    # how long a guest may stand still because a daemon, PostgreSQL or RabbitMQ dies
SHORT = ["DEFAULT.report_interval=1", "DEFAULT.service_down_time=4", "DEFAULT.operation_active_poll_interval=1",
         "DEFAULT.operation_poll_interval=2", "DEFAULT.sync_power_state_interval=5", "database.retry_interval=1",
         "libvirt.keepalive_interval=1", "libvirt.keepalive_count=3"]
TERMINAL = ("done", "failed", "cancelled", "error")


class Pulse(threading.Thread):
    """The guest's longest silence: it writes to its serial line ten times a second, and the line's log is on the shared storage."""

    def __init__(self, lab, uuid):
        super().__init__(daemon=True)
        self.pattern = "%s/HostA/export/%s/console.*.log" % (lab.directory, uuid)
        self.longest, self.ended = 0.0, threading.Event()

    def run(self):
        size, since = -1, time.monotonic()
        while not self.ended.is_set():
            now = sum(os.stat(path).st_size for path in glob.glob(self.pattern))
            if now != size:
                size, since = now, time.monotonic()
            self.longest = max(self.longest, time.monotonic() - since)
            time.sleep(0.02)

    def stop(self, most=None):
        self.ended.set()
        self.join()
        assert most is None or self.longest <= most, "the guest was silent for %.2f s" % self.longest
        return self.longest


class WorstLab(Lab):
    def __init__(self, name, *more, hosts=2):
        words = [word for setting in SHORT + list(more) for word in ("--set", setting)]
        super().__init__(name, "--shared", "gluster", "--hosts", str(hosts), *words)

    def option(self, host, name, value, service="compute"):
        self.run("set", host, name, str(value))
        self.run("reload", host, service)

    def arm(self, host, service, fault):
        """Starts a daemon anew with these fault points."""
        self.run("kill", host, service)
        self.run("start", host, service, "NOVA_LITE_FAULT=" + fault)

    def is_dead(self, host, service):
        for row in self.status()["hosts"]:
            for known in row["services"]:
                if row["name"] == host and known["name"] == service:
                    return known["state"] == "dead"
        raise AssertionError("no service %s on %s" % (service, host))

    def wait_dead(self, host, service, seconds=30):
        for _ in until(seconds, lambda: "%s on %s does not end" % (service, host)):
            if self.is_dead(host, service):
                return

    def restart(self, host, service):
        """An undisturbed one in place of whatever there is."""
        if not self.is_dead(host, service):
            self.run("kill", host, service)
        self.run("start", host, service)

    def guest(self, name, host="HostB"):
        uuid = self.api.boot(name, flavor="m1.micro", image="testguest-steady", host=host)
        self.wait_counting(uuid, 20)
        return uuid

    def slow_copy(self, name, mib_s=4):
        """A guest whose copy from HostB to HostC will take long; it is under way when this returns."""
        self.option("HostB", "libvirt.live_migration_bandwidth", mib_s)
        uuid = self.guest(name)
        number = self.api.live_migrate(uuid, "HostC")
        self.wait_copying(uuid, number)
        return uuid, number

    def wait_copying(self, uuid, number):
        migration = None
        for _ in until(30, lambda: migration, pause=0.02):
            migration = self.api.migration(uuid, number)
            assert migration["state"] not in TERMINAL, migration
            if migration["state"] == "migrating" and migration["memory_processed_bytes"] > 0:
                return migration

    def let_it_finish(self, uuid, host="HostB"):
        """Lifts the cap of the running copy, behind everybody's back."""
        self.virsh(host, "migrate-setspeed", uuid, "10000")

    def wait_domain(self, host, uuid, state, seconds=20):
        began = time.monotonic()
        for _ in until(seconds, lambda: {h: self.domain_state(h, uuid) for h in self.hosts}, pause=0.02):
            if self.domain_state(host, uuid) == state:
                return time.monotonic() - began

    def wait_state(self, uuid, number, states, seconds=20):
        migration = None
        for _ in until(seconds, lambda: "not %s: %s" % (states, json.dumps(migration)), pause=0.05):
            migration = self.api.migration(uuid, number)
            if migration["state"] in states:
                return migration
            assert migration["state"] not in TERMINAL, migration

    def wait_blocked(self, uuid, number, seconds=ENDED_S):
        """Until the migration says that it waits; why and for whom."""
        migration = None
        for _ in until(seconds, lambda: "not blocked: %s" % json.dumps(migration), pause=0.05):
            migration = self.api.migration(uuid, number)
            if migration["blocked"]:
                assert migration["blocked_host"], migration
                return migration["blocked"], migration["blocked_host"]
            assert migration["state"] not in TERMINAL, migration

    def journal(self, uuid, number):
        return self.api.migration(uuid, number)["journal"]

    def settled(self, uuid, number, state, host, seconds=ENDED_S, status="ACTIVE"):
        """The migration ends so, the guest is there alone and counts on, and the books agree; the seconds it took."""
        began = time.monotonic()
        migration = self.api.wait_migration(uuid, number, seconds)
        took = time.monotonic() - began
        assert migration["state"] == state and (state == "done" or migration["reason"]), migration
        server = self.api.wait_status(uuid, status, seconds)
        assert server["OS-EXT-SRV-ATTR:host"] == host, server
        there = [host] if status == "ACTIVE" else []
        for _ in until(seconds, lambda: self.where(uuid)):
            if self.where(uuid) == there:
                break
        self.check_books()
        if status == "ACTIVE":
            self.counts_on(uuid)
        return took

    def counts_on(self, uuid):
        counter = int(self.serial(uuid)["counter"])
        report = None
        for _ in until(10, lambda: report["text"]):
            report = self.serial(uuid)
            assert report["ok"] and report["went_back"] == "0" and report["disk_lost"] == "0", report["text"]
            if int(report["counter"]) > counter:
                return


class watched:
    """with watched(lab, uuid, most=2.0): no second copy runs meanwhile, and the guest is not silent for longer."""

    def __init__(self, lab, uuid, most=None):
        self.watch, self.pulse, self.most = Watch(lab, uuid), Pulse(lab, uuid), most

    def __enter__(self):
        self.watch.start()
        self.pulse.start()
        return self

    def __exit__(self, kind, error, trace):
        self.watch.ended.set()
        self.pulse.ended.set()
        if kind is None:
            self.watch.stop()
            self.silent = self.pulse.stop(self.most)
