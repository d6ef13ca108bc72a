# SPDX-License-Identifier: Apache-2.0
"""A lab in which one case of the fault matrix after the other is run: moments are held, something dies, everything is healed and
looked at.  The lab is not built anew between two cases, and guests that live go on living."""
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import libvirt
import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from matrix_cases import points_left_out  # noqa: E402
from novalab import TOP, Lab, Refused, until  # noqa: E402

LEASE = 6            # seconds, service_down_time
FAULT = 7            # how long something is away: longer than the lease and libvirt's keepalive
FLAP = 0.5
BOUND = 10           # from the healing to the operation's end, beside what a migration takes anyway
PAUSE_BOUND = 2.0    # of the guest, by the death of a daemon, PostgreSQL or RabbitMQ
SLOW, FAST = 4, 100000  # MiB/s
MOMENT = 30          # for the moment of the fault to come
SETTINGS = ("DEFAULT.report_interval=2", "DEFAULT.service_down_time=%d" % LEASE, "DEFAULT.operation_poll_interval=2",
            "DEFAULT.operation_active_poll_interval=1", "DEFAULT.sync_power_state_interval=5", "DEFAULT.rpc_response_timeout=5",
            "database.retry_interval=1", "database.connect_timeout=2", "libvirt.call_timeout=8", "libvirt.keepalive_interval=1")
IMAGE = ("--preset", "steady", "--lines", "20", "--seed", "0x6e6f7661")
COMMS = {"compute": "nova-lite-compu", "scheduler": "nova-lite-sched", "api": "nova-lite-api", "libvirtd": "libvirtd",
         "qemu": "qemu-system-x86", "postgres": "postgres"}
OURS = ("compute", "scheduler", "api")
MIGRATION_PORTS = ("16509", "49152", "49153")
ENDED = ("done", "failed", "cancelled", "error")

libvirt.registerErrorHandler(lambda *_: None, None)


class Pulse(threading.Thread):
    """The guest's heart: it writes twenty lines a second; the longest time without a new one is its longest pause, seen in the
    files of the storage server, where no host's trouble hides them."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.directory, self.ended, self.longest, self.at = directory, threading.Event(), 0.0, 0.0

    def size(self):
        return sum(entry.stat().st_size for entry in os.scandir(self.directory) if entry.name.startswith("console."))

    def run(self):
        size, since = self.size(), time.monotonic()
        while not self.ended.wait(0.02):
            try:
                now, new = time.monotonic(), self.size()
            except FileNotFoundError:  # the guest was deleted
                return
            if new != size:
                if now - since > self.longest:
                    self.longest, self.at = now - since, since
                size, since = new, now

    def stop(self):
        self.ended.set()
        self.join()
        return self.longest


class MatrixLab(Lab):
    def __init__(self, name):
        self.databases, self.hypervisors, self.lock = {}, {}, threading.Lock()
        super().__init__(name, *(word for setting in SETTINGS for word in ("--set", setting)))
        self.hold = os.path.join(self.directory, "hold")
        self.guests, self.inodes, self.switch = {}, {}, "strict"
        self.armed = set()
        for host in self.hosts:  # libvirt's own keepalive, between two libvirtds
            for file in ("qemu.conf", "libvirtd.conf"):
                path = os.path.join(self.directory, host, "etc-libvirt", file)
                with open(path, encoding="utf-8") as conf:
                    text = re.sub(r"(?m)^(keepalive_interval) = \d+", r"\1 = 1", conf.read())
                with open(path, "w", encoding="utf-8") as conf:
                    conf.write(text)
            self.run("kill", host, "libvirtd")
            self.run("start", host, "libvirtd")
            self.virsh(host, "domcapabilities", "--virttype", "qemu", timeout=120)  # asks QEMU, which can take long
        for kind, more in (("disk", ()), ("nodisk", ("--disk-every", "0"))):
            with tempfile.NamedTemporaryFile(suffix=".qcow2", dir="/var/tmp") as image:
                subprocess.run([os.path.join(TOP, "lab/guest/mkguest"), image.name, *IMAGE, *more], check=True)
                self.command("nova-lite-manage", "image", "add", "matrix-" + kind, image.name, "--disk-format", "qcow2")
        left_out = points_left_out(self.command("nova-lite-manage", "flow", "faults").stdout.split())
        assert not left_out, "matrix_cases.ERROR_POINTS lacks %s" % left_out
        self.healthy()

    def end(self):
        self.down()
        with contextlib.suppress(FileNotFoundError):  # the checker's
            os.unlink(os.path.join(self.directory, "check-invariants.log"))
            os.rmdir(self.directory)

    # ---- looking ----

    def sql(self, statement):
        """Rows as lists of text, by a connection that is kept: psql takes too long to be asked fifty times a second."""
        thread = threading.get_ident()
        try:
            if thread not in self.databases:
                env = self.environment
                connection = psycopg2.connect(host=env["PGHOST"], port=env["PGPORT"], user=env["PGUSER"],
                                              dbname=env["PGDATABASE"], connect_timeout=2, keepalives_idle=1,
                                              options="-c statement_timeout=5000")
                connection.autocommit = True
                self.databases[thread] = connection
            with self.databases[thread].cursor() as cursor:
                cursor.execute(statement)
                rows = cursor.fetchall() if cursor.description else []
        except psycopg2.Error:
            self.databases.pop(thread, None)
            raise
        return [["" if value is None else str(value) for value in row] for row in rows]

    def hypervisor(self, host):
        connection = self.hypervisors.get(host)
        if connection is None:
            connection = self.hypervisors[host] = libvirt.open(self.environment["VIRSH_" + host.upper()])
        return connection

    def domain(self, host, uuid):
        """None: the hypervisor says that there is none."""
        for last in (False, True):
            try:
                return self.hypervisor(host).lookupByUUIDString(uuid)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return None
                self.hypervisors.pop(host, None)  # it was restarted meanwhile
                if last:
                    raise

    def domain_state(self, host, uuid):
        words = {libvirt.VIR_DOMAIN_RUNNING: "running", libvirt.VIR_DOMAIN_PAUSED: "paused"}
        try:
            domain = self.domain(host, uuid)
            return words.get(domain.state()[0], "other") if domain else "absent"
        except libvirt.libvirtError as error:
            return "absent" if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN else "unknown"

    def operation(self, number):
        """The row, or None while the database does not answer."""
        try:
            rows = self.sql("SELECT state, blocked, blocked_host, reason, round(extract(epoch FROM coalesce(finished_at,"
                            " clock_timestamp())) * 1000) FROM operations WHERE id = %d" % number)
        except psycopg2.Error:
            return None
        return dict(zip(("state", "blocked", "host", "reason", "ms"), rows[0])) if rows else None

    def instance(self, uuid):
        row = self.sql("SELECT h.name, i.vm_state, i.power_state FROM instances i LEFT JOIN hosts h ON h.id = i.host_id "
                       "WHERE i.uuid = '%s'" % uuid)[0]
        return dict(zip(("host", "vm_state", "power_state"), row))

    def files(self, uuid):
        return next(glob.iglob(os.path.join(self.directory, "HostA/export/**/" + uuid), recursive=True))

    def serial(self, uuid):
        parts = glob.glob(os.path.join(self.files(uuid), "console.*.log"))
        parts.sort(key=lambda path: int(re.search(r"console\.(\d+)\.log$", path)[1]))
        text = b"".join(open(part, "rb").read() for part in parts)
        done = subprocess.run([os.path.join(TOP, "lab/guest/checkserial"), "/dev/stdin"], input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        report = dict(line.split(None, 1) for line in done.stdout.decode().splitlines() if len(line.split(None, 1)) == 2)
        return dict(report, ok=done.returncode == 0, text=done.stdout.decode())

    # ---- processes ----

    def pids(self, host, service, uuid=None):
        """As this machine counts them."""
        with open(os.path.join(self.directory, host, "init"), encoding="ascii") as file:
            space = os.readlink("/proc/%s/ns/pid" % file.read().split()[0])
        found = []
        for entry in os.listdir("/proc"):
            try:
                if not entry.isdigit() or os.readlink("/proc/%s/ns/pid" % entry) != space:
                    continue
                with open("/proc/%s/stat" % entry, encoding="ascii") as file:
                    comm, rest = re.fullmatch(r"\d+ \((.*)\) (.*)\n", file.read()).groups()
                if comm != COMMS[service] or rest[0] in "ZX":
                    continue
                if uuid:
                    with open("/proc/%s/cmdline" % entry, "rb") as file:
                        if uuid.encode() not in file.read().split(b"\0"):
                            continue
                found.append(int(entry))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
        return found

    def signal(self, signo, host, service, uuid=None):
        """Sends at once; the processes it went to."""
        pids = self.pids(host, service, uuid)
        for pid in pids:
            try:
                os.kill(pid, signo)
            except ProcessLookupError:
                pass
        return pids

    def wait_gone(self, host, service, uuid=None, seconds=15):
        for _ in until(seconds, lambda: "%s on %s does not end" % (service, host), pause=0.01):
            if not self.pids(host, service, uuid):
                return

    def start(self, host, service, *points):
        self.armed.discard((host, service))
        if points:
            self.armed.add((host, service))
        self.run("start", host, service, *(["NOVA_LITE_FAULT=" + ",".join(points)] if points else []))

    def restart(self, host, service, *points):
        if self.signal(signal.SIGKILL, host, service):
            self.wait_gone(host, service)
        self.start(host, service, *points)

    def release(self):
        try:
            os.unlink(self.hold)
        except FileNotFoundError:
            pass

    # ---- health between two cases ----

    def healthy(self, seconds=60):
        """Everything runs, nothing is armed, nothing is under way."""
        self.release()
        for host, service in sorted(self.armed):
            self.restart(host, service)
        for _ in until(seconds, lambda: "the lab is not healthy: %s" % self.run("status", check=False)):
            try:
                up = [s["state"] == "up" for s in self.api.get("/os-services")["services"]]
                if all(up) and len(up) > len(self.hosts) and not self.sql(
                        "SELECT 1 FROM operations WHERE finished_at IS NULL UNION ALL SELECT 1 FROM hosts WHERE health IS NOT NULL"):
                    return
            except (Refused, OSError, psycopg2.Error):
                pass

    def be(self, switch):
        if self.switch != switch:
            self.run("set", "HostA", "libvirt.live_migration_strict_switchover", "true" if switch == "strict" else "false")
            self.run("reload", "HostA", "api")
            self.switch = switch

    def guest(self, kind):
        """Its uuid: alive, counting, and of that kind."""
        uuid = self.guests.get(kind)
        if not uuid:
            uuid = self.guests[kind] = self.api.boot("matrix-" + kind, flavor="m1.micro", image="matrix-" + kind)
            self.inodes[uuid] = self.disk(uuid)
        row = self.instance(uuid)
        if row["vm_state"] != "active":
            self.api.action(uuid, {"os-start": None})
            self.api.wait_status(uuid, "ACTIVE")
        host = self.instance(uuid)["host"]
        if kind == "nodisk":
            self.take_locks_away(host, uuid)
        self.counts(uuid)
        return uuid, host

    def take_locks_away(self, host, uuid):
        """The same guest, booted from a read-only copy beside the servers' directories: nobody opens its own disk, no lock is on
        it, and the copy every QEMU may read."""
        xml = self.domain(host, uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE)
        if "<readonly/>" in xml:
            return
        shutil.copy(os.path.join(self.files(uuid), "disk"), os.path.join(os.path.dirname(self.files(uuid)), "matrix-boot"))
        xml = re.sub(r"(<source file='[^']*/)%s/disk('.*?)(\s*</disk>)" % uuid, r"\1matrix-boot\2<readonly/>\3", xml, flags=re.S)
        assert "matrix-boot" in xml and "<readonly/>" in xml, xml
        self.domain(host, uuid).destroy()
        self.hypervisor(host).createXML(xml, 0)
        for _ in until(20, lambda: self.instance(uuid)):  # the compute service has seen both
            if self.instance(uuid)["vm_state"] == "active" and self.domain_state(host, uuid) == "running":
                return

    def counts(self, uuid, more=20):
        first = None
        for _ in until(20, lambda: "the guest does not count: %s" % self.serial(uuid)["text"], pause=0.05):
            report = self.serial(uuid)
            now = (int(report.get("boots", 0)), int(report.get("counter", 0)))
            first = first or now
            if now[0] == first[0] and now[1] >= first[1] + more:
                return report
            if now[0] != first[0]:
                first = now

    def owner_counts(self, uuid, more):
        """Like counts, by the owner's log alone: where two copies ran, the one that was ended may have come further and into
        a younger log."""
        first = now = None
        for _ in until(20, lambda: "the owner's copy does not count: %s" % now, pause=0.05):
            token = self.sql("SELECT token FROM instances WHERE uuid = '%s'" % uuid)[0][0]
            with open(os.path.join(self.files(uuid), "console.%s.log" % token), encoding="latin-1") as file:
                found = re.findall(r"^C (\d{10}) .*\n", file.read(), re.M)
            now = int(found[-1]) if found else 0
            first = first or now
            if now >= first + more:
                return

    def disk(self, uuid):
        return {name: os.stat(os.path.join(self.files(uuid), name)).st_ino for name in os.listdir(self.files(uuid))
                if "console" not in name and not name.startswith(".")}
