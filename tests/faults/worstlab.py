# SPDX-License-Identifier: Apache-2.0
"""What the tests of the ten worst faults share: a lab with short intervals, a guest in mid-copy, and what its end
must look like."""
import functools
import glob
import json
import os
import sys
import threading
import time

import libvirt

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import Lab, Refused, main, until  # noqa: E402,F401

ENDED_S = 10     # an operation ends, or is visibly blocked, within this after the fault is over (with these intervals)
PAUSE_S = 2.0    # how long a guest may stand still because a daemon, PostgreSQL or RabbitMQ dies
SHORT = ["DEFAULT.report_interval=1", "DEFAULT.service_down_time=4", "DEFAULT.operation_active_poll_interval=1",
         "DEFAULT.operation_poll_interval=2", "DEFAULT.sync_power_state_interval=5", "database.retry_interval=1",
         "libvirt.keepalive_interval=1", "libvirt.keepalive_count=3"]
WRAPPER = r"""#!/bin/bash
d=@HOST@/qemu-nolock off=
[ ! -e "$d/all" ] || off=1
for word; do [[ ! $word =~ ^[0-9a-f-]{36}$ || ! -e $d/$word ]] || off=1; done
if [ -n "$off" ]; then
	for word; do
		case $word in '{"driver":"file",'*) word='{"driver":"file","locking":"off",'${word#'{"driver":"file",'} ;; esac
		set -- "${@:2}" "$word"
	done
fi
for modules in /usr/lib/*-linux-gnu/qemu; do export QEMU_MODULE_DIR=$modules; done # it looks beside itself
exec @HOST@/qemu-real/qemu-system-x86_64 -L /usr/share/qemu -L /usr/share/seabios "$@"
"""
WRAP = """mkdir -p $1/qemu-real $1/qemu-nolock && touch $1/qemu-real/qemu-system-x86_64 && chmod 755 $1/qemu-wrapper &&
mount --bind /usr/bin/qemu-system-x86_64 $1/qemu-real/qemu-system-x86_64 &&
mount --bind $1/qemu-wrapper /usr/bin/qemu-system-x86_64"""
TERMINAL = ("done", "failed", "cancelled", "error")


class Twice(threading.Thread):
    """For how long two hypervisors say that a guest runs, asked every few milliseconds over connections of its own."""

    def __init__(self, lab, uuid):
        super().__init__(daemon=True)
        self.uuid, self.uris = uuid, [lab.environment["VIRSH_" + host.upper()] for host in lab.hosts[:2]]
        self.first = self.last = None
        self.ended = threading.Event()

    def runs(self, connection):
        try:
            return connection.lookupByUUIDString(self.uuid).state()[0] == libvirt.VIR_DOMAIN_RUNNING
        except libvirt.libvirtError:
            return False

    def run(self):
        libvirt.registerErrorHandler(lambda *_: None, None)
        connections = [libvirt.openReadOnly(uri) for uri in self.uris]
        while not self.ended.is_set():
            if all(self.runs(connection) for connection in connections):
                self.last = time.monotonic()
                self.first = self.first or self.last
            time.sleep(0.005)

    def stop(self):
        self.ended.set()
        self.join(30)
        return self.last - self.first if self.first else 0.0


class WorstLab(Lab):
    def __init__(self, name, *more, hosts=2, storage=None):
        words = [word for setting in SHORT + list(more) for word in ("--set", setting)]
        self.strict, self.reloads, self.wrapped, self.checkers = True, 0, False, []
        words += ["--storage-size", storage] if storage else []
        super().__init__(name, "--shared", "gluster", "--hosts", str(hosts), *words)
        self.address = self.api.url.hostname  # of HostA

    def down(self):
        for checker in self.checkers:  # they write into the lab's directory
            checker.end()
        super().down()

    def checker(self, *options):
        self.checkers.append(super().checker(*options))
        return self.checkers[-1]

    def each(self, cases):
        """The cases, each leaving a lab that is well for the next one even if it fails."""
        def guarded(case):
            @functools.wraps(case)
            def run():
                try:
                    return case()
                except BaseException:
                    for checker in self.checkers:
                        checker.end()
                    self.heal()
                    raise
            return run
        return [guarded(case) for case in cases]

    def heal(self):
        for host in self.status()["hosts"]:
            self.run("link", host["name"], "up")
            self.run("exec", host["name"], "sh", "-c", "rm -f /run/worst", check=False)
            for service in host["services"]:
                if service["state"] == "paused":
                    self.run("resume", host["name"], service["name"])
                if service["name"] == "compute":
                    self.restart(host["name"], "compute")
                elif service["state"] == "dead":
                    self.run("start", host["name"], service["name"])
        self.be_strict(True)
        for row in self.sql("SELECT uuid FROM instances WHERE deleted_at IS NULL"):
            self.api.delete(row[0])

    def option(self, host, name, value, service="compute"):
        self.run("set", host, name, str(value))
        self.run("reload", host, service)

    def arm(self, host, service, fault):
        """Starts a daemon anew with these fault points."""
        self.run("kill", host, service)
        self.run("start", host, service, "NOVA_LITE_FAULT=" + fault)

    def service_state(self, host, service):
        for row in self.status()["hosts"]:
            for known in row["services"]:
                if row["name"] == host and known["name"] == service:
                    return known["state"]
        raise AssertionError("no service %s on %s" % (service, host))

    def is_dead(self, host, service):
        return self.service_state(host, service) == "dead"

    def wait_service(self, host, service, state, seconds=30):
        for _ in until(seconds, lambda: "%s on %s is not %s" % (service, host, state)):
            if self.service_state(host, service) == state:
                return

    def wait_dead(self, host, service, seconds=30):
        self.wait_service(host, service, "dead", seconds)

    def epoch(self, host):
        return int(self.sql("SELECT l.epoch FROM host_lease l JOIN hosts h ON h.id = l.host_id "
                            "WHERE h.name = '%s'" % host)[0][0])

    def has_lease(self, host):
        return self.sql("SELECT l.lease_until > clock_timestamp() FROM host_lease l JOIN hosts h ON h.id = l.host_id "
                        "WHERE h.name = '%s'" % host) == [["t"]]

    def wait_up(self, *hosts, seconds=30, stays=0):
        """Until the compute services of these hosts, or all, are up, and have been for so long."""
        services, since = {}, None
        for _ in until(seconds, lambda: services):
            services = {s["host"]: s["state"] for s in self.api.get("/os-services?binary=nova-compute")["services"]}
            if not all(services.get(host) == "up" for host in hosts or self.hosts):
                since = None
                continue
            since = since or time.monotonic()
            if time.monotonic() - since >= stays:
                return

    def health(self):
        """What each compute service says is wrong with its host; empty: nothing."""
        services = self.api.get("/nova-lite/services")["services"]
        return {s["host"]: s["health"] or "" for s in services if s["binary"] == "nova-compute"}

    def next_host(self, uuid, what):
        """Asks for a migration to wherever: to HostC, which has the most room and refuses, and then to HostD; what was said of HostC."""
        ballast = self.api.boot("ballast", host="HostD")
        number = self.api.live_migrate(uuid)
        self.settled(uuid, number, "done", "HostD", 30)
        tried = self.sql("SELECT h.name, a.reason FROM attempts a JOIN hosts h ON h.id = a.host_id WHERE operation = %d" % number)
        assert len(tried) == 1 and tried[0][0] == "HostC" and what in tried[0][1], tried
        self.api.delete(ballast)
        return tried[0][1]

    def pid(self, host, service):
        for row in self.status()["hosts"]:
            for known in row["services"]:
                if row["name"] == host and known["name"] == service:
                    return str(known["pid"])
        raise AssertionError("no %s on %s" % (service, host))

    def files(self, uuid):
        """A guest's files in the directory behind the share: name -> inode."""
        return {entry.name: entry.inode() for entry in os.scandir("%s/HostA/export/%s" % (self.directory, uuid))}

    def restart(self, host, service):
        """An undisturbed one in place of whatever there is."""
        if not self.is_dead(host, service):
            self.run("kill", host, service)
        self.run("start", host, service)

    def guest(self, name, host="HostB"):
        uuid = self.api.boot(name, flavor="m1.micro", image="testguest-steady", host=host)
        self.wait_counting(uuid, 20)
        return uuid

    def slow_copy(self, name, mib_s=4, strict=True, uuid=None):
        """A guest whose copy from HostB to HostC will take long; it is under way when this returns."""
        self.option("HostB", "libvirt.live_migration_bandwidth", mib_s)
        uuid = uuid or self.guest(name)
        self.be_strict(strict)
        number = self.api.live_migrate(uuid, "HostC")
        assert self.api.migration(uuid, number)["strict"] == strict
        self.wait_copying(uuid, number)
        return uuid, number

    def be_strict(self, strict):
        """How migrations that are asked for from now on switch."""
        if strict == self.strict:
            return
        self.option("HostA", "libvirt.live_migration_strict_switchover", "true" if strict else "false", "api")
        log = os.path.join(self.directory, "HostA/log/api.log")
        for _ in until(10, lambda: "the API does not read its configuration anew"):
            if open(log, encoding="utf-8").read().count("live_migration_strict_switchover") > self.reloads:
                break
        self.strict, self.reloads = strict, self.reloads + 1

    def without_locks(self, name):
        """A guest whose QEMUs, here and wherever it goes, take no image lock: to the locks it is as if it had no disk.

        No storage of the lab is without locks.  So QEMU's program is, on the compute hosts, a script that says
        "locking": "off"
        (an option of QEMU's own) for the images of chosen guests before it starts the real one.
        """
        if not self.wrapped:
            for host in self.hosts:
                directory = os.path.join(self.directory, host)
                with open(directory + "/qemu-wrapper", "w", encoding="utf-8") as wrapper:
                    wrapper.write(WRAPPER.replace("@HOST@", directory))
                self.run("exec", host, "sh", "-c", WRAP, "wrap", directory)
            self.wrapped = True
        marks = [os.path.join(self.directory, host, "qemu-nolock") for host in self.hosts]
        for mark in marks:
            with open(mark + "/all", "w", encoding="utf-8"):
                pass
        uuid = self.guest(name)
        for mark in marks:
            os.rename(mark + "/all", mark + "/" + uuid)
        line = self.run("exec", "HostB", "sh", "-c",
                "tr '\\0' ' ' </proc/$(pgrep -f -- '^[^ ]*qemu.*%s')/cmdline" % uuid)
        assert '"locking":"off"' in line, line
        return uuid

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

    def wait_held(self, host, seconds=20):
        """Until a fault point hold(/run/worst) holds a step there."""
        for _ in until(seconds, lambda: "nothing is held on " + host):
            if self.run("exec", host, "ls", "/run/worst", check=False).strip() == "/run/worst":
                return

    def release(self, host):
        self.run("exec", host, "rm", "/run/worst")

    def state_inside(self, host, uuid):
        """The same as domain_state, asked on the host itself: for one that is cut off."""
        text = self.run("exec", host, "virsh", "-q", "domstate", uuid, check=False).strip()
        return "absent" if "failed to get domain" in text else text

    def silent(self, uuid):
        """Seconds since the guest last wrote to its serial line, which it does ten times a second."""
        logs = glob.glob("%s/HostA/export/%s/console.*.log" % (self.directory, uuid))
        return time.time() - max(os.stat(log).st_mtime for log in logs)

    def wait_domain(self, host, uuid, state, seconds=20):
        began = time.monotonic()
        for _ in until(seconds, lambda: "%s is %s on %s" % (uuid, self.domain_state(host, uuid), host), pause=0.02):
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

    def settled(self, uuid, number, state, host, seconds=ENDED_S, status="ACTIVE", once=True):
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
            self.counts_on(uuid, once)
        return took

    def counts_on(self, uuid, once=True):
        """once: no other copy has ever written to its serial line or its disk."""
        what = "counter" if once else "lines"
        counter = int(self.serial(uuid)[what])
        report = None
        for _ in until(10, lambda: report["text"]):
            report = self.serial(uuid)
            assert report["memory_errors"] == "0", report["text"]
            assert not once or (report["ok"] and report["went_back"] == "0" and report["disk_lost"] == "0"), \
                report["text"]
            if int(report[what]) > counter:
                return


class watched:
    """with watched(lab, uuid, most=2.0): all invariants hold meanwhile, and the guest never stands still for longer
    (s)."""

    def __init__(self, lab, uuid, most=None):
        self.checker, self.uuid, self.most, self.still = lab.checker(), uuid, most, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            self.checker.end()
            return
        self.still = self.checker.stop()[self.uuid] / 1000
        assert self.most is None or self.still <= self.most, "the guest stood still for %.2f s" % self.still
