# SPDX-License-Identifier: Apache-2.0
"""Bad input: every wrong setting, missing peer and malformed message is named in words a user can act on, and ends nothing."""
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid as uuids

import amqp

from novalab import Lab, Refused, main, until

lab = Lab("input", "--hosts", "2", "--set", "DEFAULT.report_interval=2", "--set", "DEFAULT.service_down_time=6")
api = lab.api
DAEMONS = ("api", "scheduler", "compute")
PROGRAMS = ("nova-lite-api", "nova-lite-scheduler", "nova-lite-compute", "nova-lite-manage")
INSTANCES = "/var/lib/nova-lite/instances"


# ---- tools ----

class Log:
    """What a service has logged since this was made."""

    def __init__(self, host, service):
        self.path = "%s/%s/log/%s.log" % (lab.directory, host, service)
        self.name = "%s's %s" % (host, service)
        self.start = os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def text(self):
        with open(self.path, errors="replace") as file:
            file.seek(self.start)
            return file.read()

    def lines(self, pattern):
        return [line for line in self.text().splitlines() if re.search(pattern, line)]

    def wait(self, pattern, seconds=10):
        for _ in until(seconds, lambda: "%s has not said %r: %s" % (self.name, pattern, self.text())):
            if self.lines(pattern):
                return self.lines(pattern)[0]

    def never(self, pattern):
        assert not self.lines(pattern), "%s: %s" % (self.name, self.lines(pattern))


class Trial(Log):
    """A daemon with changed settings, started inside a host of the lab."""

    def __init__(self, host, service, label="", **settings):
        super().__init__(host, "trial-" + service + label)
        self.host, self.conf = host, "%s/%s/trial-%s%s.conf" % (lab.directory, host, service, label)
        self.pid_file = self.path + ".pid"
        with open("%s/%s/nova-lite.conf" % (lab.directory, host)) as file:
            text = file.read()
        for name, value in settings.items():
            group, key = name.split("__")
            text += "\n[%s]\n%s = %s\n" % (group, key, value)
        with open(self.conf, "w") as file:
            file.write(text)
        self.inside('{ nova-lite-%s --config-file %s & echo $! >%s; wait $!; echo "status $?"; } >>%s 2>&1 </dev/null &' % (
            service, self.conf, self.pid_file, self.path))

    def inside(self, script):
        return lab.run("exec", self.host, "bash", "-c", script)

    def stop(self, signal="TERM"):
        self.inside("kill -%s $(cat %s) 2>/dev/null || true" % (signal, self.pid_file))
        self.wait(r"^status \d+$", 15)

    def status(self, seconds=10):
        return int(self.wait(r"^status \d+$", seconds).split()[1])

    def refused(self, pattern, status=1, seconds=10):
        """It has ended by itself, with this reason in one line."""
        found = self.status(seconds)
        assert found == status and self.lines(pattern) and not self.lines("is ready"), \
            "ended with %d, not %d and %r: %s" % (found, status, pattern, self.text())

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if not self.lines(r"^status \d+$"):
            self.stop("KILL")


def all_up(seconds=30):
    services = None
    for _ in until(seconds, lambda: services):
        services = [(s["host"], s["state"]) for s in api.get("/os-services")["services"]]
        if len(services) == 3 and all(state == "up" for _, state in services):
            return


def pids():
    return {(h["name"], s["name"]): (s["pid"], s["state"]) for h in lab.status()["hosts"] for s in h["services"]
            if s["name"] in DAEMONS}


class SameProcesses:
    """No daemon has ended meanwhile, none has been started anew."""

    def __enter__(self):
        self.before = pids()

    def __exit__(self, kind, *ignored):
        if kind is None:
            after = pids()
            assert after == self.before, (self.before, after)


# ---- configuration files ----

GOOD = ["[DEFAULT]", "host = localhost", "[database]", "connection = postgresql://nova:s3cret@127.0.0.1:1/nova"]
work = tempfile.mkdtemp(prefix="nova-lite-input-")


def run_with(program, lines, *words, seconds=5):
    path = os.path.join(work, "nova-lite.conf")
    with open(path, "wb") as file:
        file.write(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
    return plainly(program, "--config-file", path, *words, seconds=seconds), path


def plainly(program, *words, seconds=5):
    """Without the lab's own wrappers, which add the lab's configuration."""
    places = [place for place in lab.environment["PATH"].split(":") if not place.startswith(lab.directory)]
    found = shutil.which(program, path=":".join(places))
    return subprocess.run([found, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds)


def refuse_file(lines, pattern, programs=PROGRAMS):
    """Ends at once with EX_CONFIG, says the pattern (after FILE:) in one line, repeats no secret, starts nothing."""
    for program in programs:
        done, path = run_with(program, lines, *(("config", "dump") if program == "nova-lite-manage" else ()))
        said = done.stderr
        assert done.returncode == 78, (program, done.returncode, said)
        assert re.search("^(<3>)?" + re.escape(path) + ":" + pattern + "$", said, re.M), (program, pattern, said)
        assert "s3cret" not in said + done.stdout and "connected" not in said and "ready" not in said, said
        assert not done.stdout, done.stdout


def wrong_options_are_named_with_file_line_and_what_was_meant():
    for lines, pattern in (
            (["[libvirt]", "live_migration_bandwith = 3"],
             "6: unknown option 'live_migration_bandwith' in .libvirt., did you mean 'live_migration_bandwidth'."),
            (["[libvrt]", "x = qemu"], "6: unknown group .libvrt., did you mean .libvirt.."),
            (["[libvrt]", "virt_type = qemu"], "6: no option 'virt_type' in .libvrt.: it belongs to .libvirt."),
            (["[DEFAULT]", "virt_type = qemu"], "6: no option 'virt_type' in .DEFAULT.: it belongs to .libvirt."),
            (["[libvirt]", "live_migration_bandwidth = fast"],
             "6: .libvirt. live_migration_bandwidth: 'fast' is not a whole number"),
            (["[libvirt]", "live_migration_bandwidth = 99999999999999999999"],
             "6: .libvirt. live_migration_bandwidth: 9+ is out of range: 0 to 8796093022207 MiB/s"),
            (["[libvirt]", "live_migration_downtime = 5"],
             "6: .libvirt. live_migration_downtime: 5 is out of range: 100 to 2000000 ms"),
            (["[DEFAULT]", "ram_allocation_ratio = nan"], "6: .DEFAULT. ram_allocation_ratio: 'nan' is not a number"),
            (["[libvirt]", "virt_type = xen"], "6: .libvirt. virt_type: 'xen' is not one of: qemu or kvm"),
            (["[libvirt]", "live_migration_timeout_action = abrt"],
             "6: .libvirt. live_migration_timeout_action: 'abrt' is not one of: abort or force_complete"),
            (["[DEFAULT]", "debug = maybe"], "6: .DEFAULT. debug: 'maybe' is neither true nor false"),
            (["[DEFAULT]", "state_path = here"], "6: .DEFAULT. state_path: 'here' is not an absolute path"),
            (["[DEFAULT]", "instances_path = $nowhere/x"],
             "6: .DEFAULT. instances_path: .nowhere names no option; write .. for a dollar sign"),
            (["[DEFAULT]", "my_ip = a b"], "6: .DEFAULT. my_ip: 'a b' is neither a host name nor an address"),
            (["[DEFAULT"], "5: a group must end with '.'"),
            (["debug"], "5: neither a group, a comment nor 'key = value'"),
            (["= 3"], "5: nothing before the '='"),
            ([b"debug = \xff\xfe"], "5: not UTF-8 text"),
            ([b"debug = \x00"], "5: not UTF-8 text"),
            (["[DEFAULT]", "report_interval = 20"],
             r"6: \[DEFAULT\] service_down_time \(30 s\) must be at least twice report_interval \(20 s\)"),
            (["[libvirt]", "live_migration_uri = qemu+tcp://HostC/system"],
             r"6: \[libvirt\] live_migration_uri 'qemu\+tcp://HostC/system' must contain %s once, for the destination host, and no other %"),
            (["[libvirt]", "cpu_mode = custom"], r"6: \[libvirt\] cpu_mode = custom needs cpu_models"),
            (["[database]", "connection = mysql://nova:s3cret@127.0.0.1/nova"],
             r"6: \[database\] connection must be a PostgreSQL URI .*"),
            (["[database]", "connection = postgresql://nova:s3cret@[::1/nova"], r"6: \[database\] connection cannot be read: .*"),
            (["[database]", "connection = user=nova password='s3cret"], r"6: \[database\] connection cannot be read: .*"),
            (["[DEFAULT]", "transport_url = amqps://nova:s3cret@HostA/"],
             r"6: \[DEFAULT\] transport_url must begin with rabbit://"),
            (["[DEFAULT]", "transport_url = rabbit://nova:s3cret@HostA:port/"], r"6: \[DEFAULT\] transport_url.*port.*"),
            (["[DEFAULT]", "transport_url = rabbit://nova:s3cret@HostA,HostB/"], r"6: \[DEFAULT\] transport_url gives user and password for some .*")):
        # what needs a parser of the daemons' own is not seen by the command that only prints
        own = "connection cannot be read" in pattern or "transport_url.*port" in pattern or "for some" in pattern
        refuse_file(GOOD + lines, pattern, *([PROGRAMS[:3]] if own else []))


def several_mistakes_are_named_at_once():
    for program in ("nova-lite-api", "nova-lite-manage"):
        done, path = run_with(program, GOOD + ["[libvirt]", "cpu_mod = x", "[api]", "max_limit = 0", "[DEFAULT]", "debug = 7"],
                              *(("config", "dump") if program == "nova-lite-manage" else ()))
        assert done.returncode == 78 and [line for line in (6, 8, 10) if "%s:%d: " % (path, line) not in done.stderr] == [], done.stderr


def options_of_one_daemon_are_refused_by_it():
    refuse_file(GOOD + ["[api]", "auth_none_allowed_addresses = 10.0.0.0/8, 300.0.0.0/8"],
                r"6: \[api\] auth_none_allowed_addresses: '300.0.0.0/8' is no network; write ADDRESS or ADDRESS/BITS", ("nova-lite-api",))
    refuse_file(GOOD + ["[api]", "max_microversion = 2.999"], r"6: \[api\] max_microversion.*2\.999.*", ("nova-lite-api",))
    refuse_file(GOOD + ["[filter_scheduler]", "enabled_filters = ComputeFilter, CorFilter"],
                r"6: \[filter_scheduler\] enabled_filters: there is no filter 'CorFilter'; there are ComputeFilter, CoreFilter, .*",
                ("nova-lite-scheduler",))
    refuse_file(GOOD + ["[libvirt]", "virt_type = qemu", "cpu_mode = host-model"],
                r"7: \[libvirt\] cpu_mode = host-model needs \[libvirt\] virt_type = kvm: .*", ("nova-lite-compute",))


def migration_flags_are_refused_with_the_reason():
    """Each set that libvirt or QEMU refuse, or accept and then get wrong."""
    base = ["VIR_MIGRATE_LIVE", "VIR_MIGRATE_PEER2PEER"]
    loose = ["live_migration_strict_switchover = false"]
    for flags, more, pattern in (
            (base + ["VIR_MIGRATE_LIFE"], [], "no flag 'VIR_MIGRATE_LIFE', did you mean 'VIR_MIGRATE_LIVE'."),
            (["live"], [], "no flag 'live', did you mean 'VIR_MIGRATE_LIVE'."),
            (base + ["FASTER"], [], "no flag 'FASTER'; the names are those of libvirt's virDomainMigrateFlags, .*"),
            (base + ["VIR_MIGRATE_TUNNELLED"], [], "VIR_MIGRATE_TUNNELLED is not possible: .*; remove it, and use VIR_MIGRATE_TLS .*"),
            (base + ["VIR_MIGRATE_PAUSED"], [], "VIR_MIGRATE_PAUSED is not possible: .*live_migration_strict_switchover.*"),
            (base + ["VIR_MIGRATE_NON_SHARED_DISK"], [], "VIR_MIGRATE_NON_SHARED_DISK is not possible: .*shared storage.*"),
            (base + ["VIR_MIGRATE_NON_SHARED_INC"], [], "VIR_MIGRATE_NON_SHARED_INC is not possible: .*shared storage.*"),
            (base + ["VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES"], [], "VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES is not possible: .*"),
            (base + ["VIR_MIGRATE_UNSAFE"], [], "VIR_MIGRATE_UNSAFE is not possible: .*"),
            (base + ["VIR_MIGRATE_OFFLINE"], [], "VIR_MIGRATE_OFFLINE is not possible: .*"),
            (base + ["VIR_MIGRATE_RDMA_PIN_ALL"], [], "VIR_MIGRATE_RDMA_PIN_ALL is not possible: .*"),
            (base + ["VIR_MIGRATE_POSTCOPY_RESUME"], [], "VIR_MIGRATE_POSTCOPY_RESUME is not possible: .*"),
            (["VIR_MIGRATE_LIVE"], [], "VIR_MIGRATE_PEER2PEER is missing: .*; add VIR_MIGRATE_PEER2PEER"),
            (base + ["VIR_MIGRATE_POSTCOPY"], [], "VIR_MIGRATE_POSTCOPY needs live_migration_strict_switchover = false: .*"),
            (base + ["VIR_MIGRATE_POSTCOPY", "VIR_MIGRATE_PARALLEL"], loose, "VIR_MIGRATE_POSTCOPY with VIR_MIGRATE_PARALLEL: .*loses pages; .*"),
            (base + ["VIR_MIGRATE_POSTCOPY", "VIR_MIGRATE_AUTO_CONVERGE"], loose, "VIR_MIGRATE_POSTCOPY with VIR_MIGRATE_AUTO_CONVERGE: .*"),
            (["VIR_MIGRATE_PEER2PEER", "VIR_MIGRATE_POSTCOPY"], loose, "VIR_MIGRATE_POSTCOPY without VIR_MIGRATE_LIVE: .*"),
            (base + ["VIR_MIGRATE_COMPRESSED", "VIR_MIGRATE_PARALLEL"], [], "VIR_MIGRATE_COMPRESSED with VIR_MIGRATE_PARALLEL: .*"),
            (base + ["VIR_MIGRATE_ZEROCOPY"], [], "VIR_MIGRATE_ZEROCOPY without VIR_MIGRATE_PARALLEL: .*"),
            (base + ["VIR_MIGRATE_ZEROCOPY", "VIR_MIGRATE_PARALLEL", "VIR_MIGRATE_TLS"], [], "VIR_MIGRATE_ZEROCOPY with VIR_MIGRATE_TLS: .*")):
        refuse_file(GOOD + ["[libvirt]", "virt_type = qemu", "live_migration_flag = " + ", ".join(flags)] + more,
                    r"7: \[libvirt\] live_migration_flag: " + pattern, ("nova-lite-compute",))


def files_that_cannot_be_read_are_named():
    for program in PROGRAMS:
        words = ("config", "dump") if program == "nova-lite-manage" else ()
        for option, path, reason in (("--config-file", work + "/none.conf", "cannot be read: No such file or directory"),
                                     ("--config-file", work, "not a file"),
                                     ("--config-dir", work + "/none.d", "cannot be read: .*No such file or directory.*")):
            done = plainly(program, option, path, *words)
            assert done.returncode == 78 and re.search(re.escape(path) + ": " + reason, done.stderr), (done.returncode, done.stderr)
    for program in PROGRAMS[:3]:
        for words, said in ((("--config-fil=x",), "Unknown option --config-fil"), (("extra",), "extra")):
            done = plainly(program, *words)
            assert done.returncode == 78 and said in done.stderr and program + " --help" in done.stderr, (words, done.stderr)


def dump_masks_secrets():
    done, _ = run_with("nova-lite-manage", GOOD + ["[DEFAULT]", "transport_url = rabbit://nova:s3cret@HostA:5672/"], "config", "dump")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^# connection = \*{4}$", done.stdout, re.M) and re.search(r"^# transport_url = \*{4}$", done.stdout, re.M), done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def a_broken_file_at_sighup_changes_nothing():
    with SameProcesses():
        for host, service in (("HostA", "api"), ("HostA", "scheduler"), ("HostB", "compute")):
            log = Log(host, service)
            lab.run("set", host, "DEFAULT.debug", "perhaps")
            lab.run("reload", host, service)
            log.wait(r"nova-lite\.conf:\d+: \[DEFAULT\] debug: 'perhaps' is neither true nor false")
            log.wait("configuration not reloaded, keeping the one in effect")
            log.never("^<6>reloaded|^<7>")
            lab.run("set", host, "DEFAULT.debug", "false")
        log = Log("HostB", "compute")
        lab.run("set", "HostB", "libvirt.live_migration_strict_switchover", "false")
        lab.run("set", "HostB", "libvirt.live_migration_flag", "VIR_MIGRATE_TUNNELLED")
        lab.run("reload", "HostB", "compute")
        log.wait(r"nova-lite\.conf:\d+: \[libvirt\] live_migration_flag: VIR_MIGRATE_TUNNELLED is not possible")
        log.wait("configuration not reloaded, keeping the one in effect")
        log.never("^<6>reloaded")
        lab.run("set", "HostB", "libvirt.live_migration_strict_switchover", "true")
        lab.run("set", "HostB", "libvirt.live_migration_flag", "VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER")
    all_up()


def a_good_file_at_sighup_takes_over_what_it_can():
    with SameProcesses():
        log = Log("HostA", "api")
        size = api.get("/flavors?limit=1000")
        lab.run("set", "HostA", "api.max_limit", "1")
        lab.run("set", "HostA", "DEFAULT.osapi_compute_listen_port", "9999")
        lab.run("reload", "HostA", "api")
        log.wait(r"reloaded \[api\] max_limit")
        log.wait(r"\[DEFAULT\] osapi_compute_listen_port changed, it takes effect with the next restart")
        assert len(size["flavors"]) > 1 and len(api.get("/flavors?limit=1000")["flavors"]) == 1
        lab.run("set", "HostA", "api.max_limit", "1000")
        lab.run("set", "HostA", "DEFAULT.osapi_compute_listen_port", "8774")
        lab.run("reload", "HostA", "api")
        log = Log("HostB", "compute")
        lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "16")
        lab.run("set", "HostB", "DEFAULT.report_interval", "3")
        lab.run("reload", "HostB", "compute")
        log.wait(r"reloaded \[libvirt\] live_migration_bandwidth")
        log.wait(r"\[DEFAULT\] report_interval changed, it takes effect with the next restart")
        lab.run("set", "HostB", "DEFAULT.report_interval", "2")
        lab.run("reload", "HostB", "compute")


# ---- what the compute service needs of its host ----

def a_second_daemon_on_a_host_is_refused():
    with Trial("HostC", "compute") as trial:
        trial.refused(r"nova-lite-compute\.lock' is held by another process \(pid \d+\): a host has one nova-lite-compute; stop the other one first")
    all_up()


def a_host_name_that_does_not_resolve():
    lab.run("kill", "HostC", "compute")
    with Trial("HostC", "compute", DEFAULT__host="HostX") as trial:
        trial.wait(r"could not start checks of this host: the host's name 'HostX' does not resolve \(.*\): if that lasts, add it to DNS "
                   r"or to /etc/hosts on every host, retrying in 1 s")
        trial.never("is ready")


def a_changed_host_name_is_a_conflict():
    with Trial("HostC", "compute", DEFAULT__host="localhost") as trial:
        trial.refused(r"this machine \(host uuid [0-9a-f-]{36}\) is registered as 'HostC' and now calls itself 'localhost': "
                      r"its guests would be orphaned; set \[DEFAULT\] host = HostC, or rename the host with 'nova-lite-manage service rename "
                      r"HostC localhost', or, if this is a copy of that machine, give it a host uuid")
    with Trial("HostC", "compute", DEFAULT__host="HostB") as trial:
        # it is both: which of the two is found first depends on the order of rows
        trial.refused(r"this machine \(host uuid [0-9a-f-]{36}\) is registered as 'HostC' and now calls itself 'HostB': |"
                      r"host name 'HostB' belongs to another machine \(host uuid .*\): give this one another name in \[DEFAULT\] host")


def an_instances_path_that_is_missing_is_waited_for():
    path = "/var/lib/nova-lite/elsewhere"
    with Trial("HostC", "compute", DEFAULT__instances_path=path) as trial:
        trial.wait(r"starting without storage, nothing new comes here until it works: .*%s: No such file or directory" % path)
        trial.wait("is ready", 15)
        trial.wait(r"storage: .*%s: No such file or directory" % path, 15)
        trial.inside("mkdir %s && mount --bind %s %s" % (path, INSTANCES, path))
        all_up()
        trial.never("file system of this host alone")
        trial.stop()
        trial.inside("umount %s" % path)


def an_instances_path_that_cannot_be_written():
    path = "/var/lib/nova-lite/elsewhere"
    lab.run("exec", "HostC", "bash", "-c", "mount --bind %s %s && mount -o remount,bind,ro %s" % (INSTANCES, path, path))
    with Trial("HostC", "compute", DEFAULT__instances_path=path) as trial:
        trial.wait(r"starting without storage, nothing new comes here until it works: .*%s.*: Read-only file system" % path)
    lab.run("exec", "HostC", "umount", path)
    lab.run("exec", "HostC", "bash", "-c", "rmdir %s && touch %s" % (path, path))
    with Trial("HostC", "compute", DEFAULT__instances_path=path) as trial:
        trial.wait(r"starting without storage, nothing new comes here until it works: .*%s.*: Not a directory" % path)
    lab.run("exec", "HostC", "rm", path)


def an_instances_path_that_is_not_mounted_or_not_executable_is_warned_about():
    path = "/var/lib/nova-lite/local"
    lab.run("exec", "HostC", "install", "-d", "-m", "700", "-o", "postgres", path)
    with Trial("HostC", "compute", DEFAULT__instances_path=path) as trial:
        trial.wait(r"instances_path '%s' is on a file system of this host alone \('.+'\): its guests cannot be live-migrated; "
                   r"mount the shared directory there" % path)
        trial.wait(r"instances_path '%s' has mode 700: QEMU, if it runs as another user, cannot reach the disks; run chmod o\+x on it" % path)
        trial.wait(r"instances_path '%s' belongs to uid \d+, not to the uid 0 this service runs as" % path)
        trial.wait("is ready", 15)


def without_libvirtd_it_waits_for_it():
    lab.run("kill", "HostC", "libvirtd")
    with Trial("HostC", "compute") as trial:
        trial.wait(r"could not start hypervisor: .*libvirt.*, retrying in 1 s", 20)
        lab.run("start", "HostC", "libvirtd")
        trial.wait("is ready", 20)


def without_a_free_migration_port():
    holder = "import socket,time\nkept=[]\nfor p in range(49152,49216):\n s=socket.socket();s.setsockopt(1,2,1)\n try:s.bind(('',p));s.listen();kept.append(s)\n except OSError:pass\nprint('held',flush=True)\ntime.sleep(60)"
    held = subprocess.Popen([os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lab/nova-lite-lab"), "exec", "HostC",
                             "/usr/bin/python3", "-c", holder], env=lab.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert held.stdout.readline().strip() == "held"
        with Trial("HostC", "compute") as trial:
            trial.wait(r"none of the ports 49152 to 49215 is free on this host: no migration can come in.*")
            trial.wait("is ready", 15)  # it has guests of its own to look after
    finally:
        lab.run("exec", "HostC", "bash", "-c", "kill $(pgrep -f 'range.49152')", check=False)
        held.wait(10)
    lab.run("start", "HostC", "compute")
    all_up()


# ---- peers that are away ----

def without_a_broker_everything_starts_and_serves():
    lab.run("kill", "HostA", "rabbitmq")
    started = (("HostA", "scheduler"), ("HostA", "api"), ("HostB", "compute"), ("HostC", "compute"))
    for host, service in started:
        lab.run("kill", host, service)
    logs = [Log(host, service) for host, service in started]
    for host, service in started:
        lab.run("start", host, service)
    for log in logs:
        log.wait("is ready")
        log.wait(r"messages \(sender\): cannot connect to HostA port 5672: Connection refused, retrying in [\d.]+ s")
    uuid = api.boot("unheard", wait=False)
    api.wait_status(uuid, "ACTIVE", 30)
    with SameProcesses():
        for log in logs:
            away = log.lines(r"^<[34]>messages \(sender\)")
            assert len(away) == 1, (log.name, away)
        lab.run("start", "HostA", "rabbitmq")
        for log in logs:
            log.wait(r"messages \(sender\): connected to broker HostA:5672", 35)
            log.never("nova:lab")
        for log in logs[:1] + logs[2:]:
            log.wait(r"messages \(server \w+\): connected to broker HostA:5672", 35)
    api.delete(uuid)


def wrong_credentials_of_the_broker():
    with Trial("HostA", "scheduler", DEFAULT__transport_url="rabbit://nova:s3cret@HostA:5672/") as trial:
        trial.wait(r"messages \(sender\): .*HostA.*(refuse|ACCESS_REFUSED|password|credentials).*retrying in")
        trial.wait("is ready")
        trial.never("s3cret")


def without_a_database_everything_waits_for_it():
    started = (("HostA", "scheduler"), ("HostA", "api"), ("HostB", "compute"), ("HostC", "compute"))
    lab.run("kill", "HostA", "postgres")
    logs = []
    starters = []
    for host, service in started:
        lab.run("kill", host, service)
        logs.append(Log(host, service))
        starters.append(threading.Thread(target=lab.run, args=("start", host, service)))
        starters[-1].start()
    for log in logs:
        log.wait(r"could not start database.*: cannot reach database 'nova' at HostA port 5432: .*refused.*, retrying in 1 s", 20)
    for starter in starters:
        starter.join()
    with SameProcesses():
        lab.run("start", "HostA", "postgres")
        for log in logs:
            log.wait("is ready", 30)
            lines = log.lines("could not start database")
            assert len(lines) < 6, (log.name, lines)
    all_up()


def a_database_without_or_with_another_schema():
    base = "postgresql://nova@HostA:5432/nova?options=-csearch_path%%3D"
    lab.sql("CREATE SCHEMA IF NOT EXISTS bare")
    lab.sql("CREATE SCHEMA IF NOT EXISTS newer")
    lab.sql("CREATE TABLE IF NOT EXISTS newer.schema_migrations AS TABLE public.schema_migrations")
    lab.sql("INSERT INTO newer.schema_migrations SELECT 999, '999_later', checksum, now() FROM public.schema_migrations WHERE version = 1")
    for service in ("api", "scheduler"):
        with Trial("HostA", service, database__connection=(base % ()) + "bare", DEFAULT__osapi_compute_listen_port="8775") as trial:
            trial.refused("the database has no nova-lite schema yet; run `nova-lite-manage db sync'", seconds=15)
    with Trial("HostA", "scheduler", database__connection=(base % ()) + "newer") as trial:
        trial.refused(r"the database has schema version 999 \(999_later\), this program knows up to \d+; install the newer nova-lite here too")
    done, _ = run_with("nova-lite-manage", ["[DEFAULT]", "host = localhost", "[database]",
                                            "connection = " + (base % ()).replace("HostA", lab.environment["PGHOST"]) + "bare"], "service", "list")
    assert done.returncode == 1 and "run `nova-lite-manage db sync'" in done.stderr, (done.returncode, done.stderr)


def wrong_words_in_the_connection():
    hba = "/var/lib/postgresql/data/pg_hba.conf"
    lab.run("exec", "HostA", "bash", "-c",
            "sed -i '1i host nova locked 0.0.0.0/0 scram-sha-256' %s && psql -X -q -h /run/postgresql -U postgres "
            "-c \"CREATE ROLE locked LOGIN PASSWORD 'right'\" -c 'SELECT pg_reload_conf()'" % hba)
    trials = [(Trial("HostA", "scheduler", label, database__connection=connection), pattern) for label, connection, pattern in (
        ("a", "postgresql://locked:s3cret@HostA:5432/nova", "password authentication failed for user .locked."),
        ("b", "postgresql://nova:s3cret@HostQ:5432/nova", "could not translate host name .HostQ. to address"),
        ("c", "postgresql://nova:s3cret@HostA:5432/nope", "nope"))]
    for trial, pattern in trials:
        with trial:
            trial.wait(r"could not start database: cannot reach database '\w+' at Host[AQ] port 5432: .*%s.*, retrying in 1 s" % pattern, 20)
            trial.never("s3cret")


# ---- HTTP ----

def raw(data, pause=None, ended=False):
    """Everything the API answers to these bytes on one connection; ended: with nothing to follow them."""
    with socket.create_connection((api.url.hostname, api.url.port), 3) as sock:
        answer = b""
        try:
            for part in data if isinstance(data, list) else [data]:
                sock.sendall(part)
                if pause:
                    time.sleep(pause)
            if ended:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has closed: what it said is read below
        try:
            while True:
                part = sock.recv(65536)
                if not part:
                    break
                answer += part
        except (ConnectionResetError, TimeoutError):
            pass  # it waits for the rest of a request, for [wsgi] client_socket_timeout
        return answer.decode("latin1")


def head(method, path, *headers, host=None, token="test", length=None, content="application/json"):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: %s" % (host or api.url.netloc)]
    if token:
        lines.append("X-Auth-Token: " + token)
    if length is not None:
        lines += ["Content-Length: %d" % length, "Content-Type: " + content]
    return "\r\n".join(lines + list(headers) + ["Connection: close", "", ""]).encode()


def asked(method, path, status, body=None, *headers, says="", **kwargs):
    answer = raw(head(method, path, *headers, length=None if body is None else len(body), **kwargs) + (body or b""))
    assert answer.startswith("HTTP/1.1 %d " % status), "%s %s %r: %s" % (method, path, (body or b"")[:60], answer[:600])
    assert says in answer, answer[:600]
    assert status < 400 or "X-Openstack-Request-Id: req-" in answer or status == 401, answer[:600]
    return answer


def healthy():
    assert api.get("/servers")["servers"] == [], "the API has taken something in"
    assert api.get("/flavors?limit=1")["flavors"]


def bodies_that_are_no_requests():
    with SameProcesses():
        log = Log("HostA", "api")
        good = json.dumps({"server": {"name": "x", "networks": "auto",
                                      "flavorRef": api.named("/flavors/detail", "flavors", "m1.nano")["id"],
                                      "imageRef": str(uuids.uuid4())}}).encode()
        for body in (b"{", b"nonsense", b"[1, 2", good[:-1], good + b"x", b'{"server": {"name": "a\x00b"}}', b"\xff\xfe{}", b"\x00" * 40,
                     b'{"server": {"name": "\xc3\x28"}}', b"[" * 5000 + b"]" * 5000, b'{"a":' * 40 + b"1" + b"}" * 40, b"'{}'",
                     b'{"server": NaN}', b'{"server": 1e999}', b'{"server": {"name": "\\ud800"}}'):
            asked("POST", "/v2.1/servers", 400, body)
        for body in (b"", b"null", b"[]", b"7", b'"server"', b"{}", b'{"server": null}', b'{"server": []}', b'{"servers": {}}',
                     b'{"server": {"name": 7}}', b'{"server": {"name": "x", "flavorRef": {}}}',
                     b'{"server": {"name": "x", "flavorRef": "1", "imageRef": "' + b"y" * 60000 + b'"}}'):
            asked("POST", "/v2.1/servers", 400, body)
        asked("POST", "/v2.1/servers", 415, good, content="text/xml")
        asked("POST", "/v2.1/servers", 415, good, content="application/x-www-form-urlencoded")
        asked("POST", "/v2.1/servers", 413, b"{" + b" " * (200 << 10) + b"}", says="Request is too large.")
        for _ in range(20):  # a client that only listens when it has sent all
            try:
                api.request("POST", "/servers", b"{" + b" " * (200 << 10) + b"}")
            except Refused as refused:
                assert refused.status == 413 and refused.message == "Request is too large.", str(refused)
            else:
                raise AssertionError("accepted")
        asked("POST", "/v2.1/servers", 413, None, "Content-Length: 100000000", says="Request is too large.")
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        answer = raw(head("POST", "/v2.1/servers", "Transfer-Encoding: chunked", "Content-Type: application/json")
                     + chunk * 4 + b"0\r\n\r\n")
        assert answer.startswith("HTTP/1.1 413 "), answer[:300]
        for action in (b'{"os-migrateLive": {"host": 7}}', b'{"os-migrateLive": null, "os-stop": null}', b'{"fly": null}', b"{}",
                       b'{"os-migrateLive": {"host": "' + b"h" * 5000 + b'", "block_migration": "auto"}}'):
            asked("POST", "/v2.1/servers/%s/action" % uuids.uuid4(), 400, action)
        healthy()
        log.never(r"^<[0-4]>")


def requests_that_are_none():
    with SameProcesses():
        log = Log("HostA", "api")
        for method, path in (("GET", "/v2.1/nothing"), ("GET", "/v2.1/servers/../../etc/passwd"), ("GET", "/v2.1/servers/%2e%2e"),
                             ("PUT", "/v2.1/servers"), ("BREW", "/v2.1/servers"), ("GET", "/v2.1/servers/" + "a" * 5000),
                             ("DELETE", "/v2.1/os-services"), ("GET", "/v2.1/servers/%00"), ("GET", "/v2.1/%ff%fe"),
                             ("GET", "/v2.1/servers/' OR 1=1 --".replace(" ", "%20")), ("GET", "/v2.1//")):
            answer = raw(head(method, path))
            assert re.match(r"HTTP/1\.1 (404|400|405) ", answer), (method, path, answer[:300])
        for query in ("limit=-1", "limit=x", "marker=%00", "marker=nobody", "sort_key=%27", "a=%zz"):
            answer = raw(head("GET", "/v2.1/servers?" + query))
            assert re.match(r"HTTP/1\.1 400 ", answer), (query, answer[:300])
        for header in ("OpenStack-API-Version: compute 9.9", "X-OpenStack-Nova-API-Version: two", "OpenStack-API-Version: compute 2.999999999999"):
            assert re.match(r"HTTP/1\.1 (400|406) ", raw(head("GET", "/v2.1/servers", header))), header
        asked("GET", "/v2.1/servers", 401, token=None)
        asked("GET", "/v2.1/servers", 403, host="attacker.example", says="Add it to [api] allowed_hosts")
        asked("GET", "/", 403, host="attacker.example:8774")
        assert re.match(r"HTTP/1\.1 (431|413|400) ", raw(head("GET", "/v2.1/servers", "X-Long: " + "x" * 200000)))
        assert re.match(r"HTTP/1\.1 (414|413|400) ", raw(head("GET", "/v2.1/servers?name=" + "x" * 200000)))
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200), os.urandom(4000), b"\r\n" * 200, b"GET\r\n\r\n",
                        b"GET / HTTP/9.9\r\n\r\n", b"GET /v2.1 HTTP/1.1\r\n\r\n", b"POST /v2.1/servers HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                        b"POST /v2.1/servers HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"):
            answer = raw(garbage, ended=True)
            assert not re.match(r"HTTP/1\.1 (2|500)", answer), (garbage[:40], answer[:300])
        healthy()
        log.never(r"^<[0-4]>")


def pipelined_garbage_ends_only_its_own_connection():
    with SameProcesses():
        keep = head("GET", "/v2.1/flavors").replace(b"Connection: close\r\n", b"")
        answer = raw([keep, b"\x01\x02 garbage\r\n\r\n", keep], 0.1, ended=True)
        assert answer.count("HTTP/1.1 200 ") == 1, answer[:2000]
        answer = raw(keep * 19 + head("GET", "/v2.1/flavors"))
        assert answer.count("HTTP/1.1 200 ") == 20, answer.count("HTTP/1.1 200 ")
        # half a request on many connections keeps nobody else out
        halves = [socket.create_connection((api.url.hostname, api.url.port), 5) for _ in range(100)]
        for half in halves:
            half.sendall(b"POST /v2.1/servers HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        healthy()
        for half in halves:
            half.close()
        healthy()


# ---- AMQP ----

class Broker:
    """A peer that speaks AMQP and nothing of ours."""

    def __init__(self):
        self.connection = amqp.Connection(host=lab.environment["PGHOST"] + ":5672", userid="nova", password="lab")
        self.connection.connect()
        self.channel = self.connection.channel()

    def send(self, body, topic, exchange="nova", content_type="application/json", content_encoding="utf-8", **more):
        self.channel.basic_publish(amqp.Message(body, content_type=content_type, content_encoding=content_encoding, **more),
                                   exchange=exchange, routing_key=topic)

    def everywhere(self, body, **more):
        self.send(body, "scheduler", **more)
        self.send(body, "compute.HostB", **more)
        self.send(body, "compute", exchange="compute_fanout", **more)
        self.send(body, "scheduler", exchange="scheduler_fanout", **more)

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


def envelope(method="build_instances", args=None, **more):
    inner = dict({"method": method, "args": {"operation": 1, "seq": 1} if args is None else args, "namespace": "nova_lite",
                  "version": "1.0", "_unique_id": uuids.uuid4().hex}, **more)
    inner = {key: value for key, value in inner.items() if value is not Ellipsis}
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)})


def bells(method, *operations):
    return [envelope(method, {"operation": number, "seq": 1}) for number in operations]


LISTENERS = (("HostA", "scheduler"), ("HostB", "compute"), ("HostC", "compute"))


def queues_are_empty():
    left = None
    for _ in until(15, lambda: left):
        text = lab.run("exec", "HostA", "env", "HOME=/var/lib/rabbitmq", "RABBITMQ_NODENAME=rabbit@HostA", "/usr/sbin/rabbitmqctl", "-q",
                       "list_queues", "name", "messages", timeout=30)
        left = [line for line in text.splitlines() if re.match(r"(compute|scheduler)\S*\s+[1-9]", line)]
        if not left:
            return


def each_second_at_most_one_line(logs, seconds):
    for log in logs:
        lines = log.lines(r"^<[0-4]>")
        assert lines, "%s has said nothing" % log.name
        assert len(lines) <= seconds + 2, "%s: %d lines in %.1f s: %s" % (log.name, len(lines), seconds, lines[:8])


def malformed_messages_are_rejected_with_few_words():
    with SameProcesses(), Broker() as broker:
        logs = [Log(host, service) for host, service in LISTENERS]
        began = time.monotonic()
        for body in (b"", b"not JSON", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe\x00", b"{}", b'{"oslo.message": "{}"}',
                     b'{"oslo.version": "1.0", "oslo.message": "{}"}', b'{"oslo.version": "2.0", "oslo.message": {}}',
                     b'{"oslo.version": "2.0", "oslo.message": "not JSON"}', b'{"oslo.version": "2.0", "oslo.message": "[]"}',
                     b'{"oslo.version": "2.0"}', b"[" * 4000 + b"]" * 4000, b'{"a":' * 300 + b"1" + b"}" * 300,
                     b"[" + b"1," * 200000 + b"1]", envelope(method=Ellipsis), envelope(method=7), envelope(method=""),
                     envelope(method="x" * 1000), envelope(args=[]), envelope(args="x"), envelope(_msg_id="only"), envelope(_unique_id={}),
                     envelope(version=1), envelope(namespace=[])):
            for _ in range(5):
                broker.everywhere(body)
        broker.everywhere(envelope(), content_type="text/plain")
        broker.everywhere(envelope().encode(), content_encoding="utf-16")
        broker.everywhere(envelope().encode(), content_type="application/x-python-pickle", content_encoding=None)
        broker.everywhere(b"{" + b" " * (2 << 20) + b"}")
        broker.everywhere(os.urandom(2 << 20))
        queues_are_empty()
        each_second_at_most_one_line(logs, time.monotonic() - began)
        for log in logs:
            log.wait(r"messages: rejecting one of \d+ bytes to '(compute|scheduler)': .+ \(and \d+ others since the last such line\)")
    all_up()


def messages_of_the_wrong_shape_are_answered_or_logged():
    with SameProcesses(), Broker() as broker:
        logs = [Log(host, service) for host, service in LISTENERS]
        began = time.monotonic()
        for _ in range(10):
            for args in ({"operation": "1", "seq": 1}, {"operation": None, "seq": 1}, {"operation": 1.5, "seq": 1}, {"operation": [1], "seq": 1},
                         {"operation": {}, "seq": 1}, {"operation": True, "seq": 1}, {"operation": 1}, {"seq": 1}, {},
                         {"operation": 1, "seq": 1, "more": 1}):
                for method in ("build_instances", "live_migrate_instance", "build_and_run_instance", "rollback_live_migration_at_destination"):
                    broker.everywhere(envelope(method, args))
            for method in ("no_such_method", "_private", "__class__", "reboot_instance; DROP TABLE hosts"):
                broker.everywhere(envelope(method))
            broker.everywhere(envelope(version="9.0"))
            broker.everywhere(envelope(version="x.y"))
            broker.everywhere(envelope(namespace=Ellipsis))
            broker.everywhere(envelope(namespace="other"))
        queues_are_empty()
        each_second_at_most_one_line(logs, time.monotonic() - began)
    all_up()


def doorbells_of_nothing_or_of_others_do_nothing():
    before = lab.sql("SELECT * FROM operations ORDER BY id")
    ended = [int(row[0]) for row in lab.sql("SELECT id FROM operations WHERE finished_at IS NOT NULL")]
    assert ended, "there is no ended operation"
    with SameProcesses(), Broker() as broker:
        logs = [Log(host, service) for host, service in LISTENERS]
        began = time.monotonic()
        for method in ("build_instances", "live_migrate_instance", "build_and_run_instance", "terminate_instance", "start_instance", "live_migration",
                       "check_can_live_migrate_destination", "post_live_migration", "live_migration_abort", "live_migration_force_complete",
                       "rollback_live_migration_at_destination"):
            for body in bells(method, 0, -1, -2**63, 2**63 - 1, 2**63, 2**64, 10**30, 999999, *ended):
                broker.everywhere(body)
        queues_are_empty()
        seconds = time.monotonic() - began
        for log in logs:
            lines = log.lines(r"^<[0-4]>")
            assert len(lines) <= seconds + 2, "%s: %d lines in %.1f s: %s" % (log.name, len(lines), seconds, lines[:8])
    assert lab.sql("SELECT * FROM operations ORDER BY id") == before
    all_up()


def hundred_doorbells_around_a_live_migration():
    uuid = api.boot("vm", host="HostB", image="testguest")
    lab.wait_counting(uuid)
    methods = ("live_migrate_instance", "check_can_live_migrate_destination", "check_can_live_migrate_source", "pre_live_migration",
               "live_migration", "post_live_migration", "rollback_live_migration", "live_migration_abort", "live_migration_force_complete",
               "build_and_run_instance", "terminate_instance", "stop_instance", "rollback_live_migration_at_destination")
    shuffle = random.Random(4)
    with SameProcesses(), Broker() as broker:
        for to in ("HostC", "HostB"):
            number = int(lab.sql("SELECT coalesce(max(id), 0) FROM operations")[0][0]) + 1
            # half of them are the same message twice, as after a lost confirm
            messages = [body for method in methods for _ in range(4) for body in bells(method, number)] * 2
            shuffle.shuffle(messages)
            assert len(messages) > 100
            stop = threading.Event()

            def ring():
                for body in messages:
                    if stop.is_set():
                        return
                    for topic in ("scheduler", "compute.HostB", "compute.HostC"):
                        broker.send(body, topic)
                    time.sleep(0.02)
            ringer = threading.Thread(target=ring)
            ringer.start()
            try:
                found = api.live_migrate(uuid, to)
                migration = api.wait_migration(uuid, found, 60)
            finally:
                stop.set()
                ringer.join()
            operation = lab.sql("SELECT id FROM operations WHERE kind = 'live-migration' ORDER BY id DESC LIMIT 1")[0][0]
            assert int(operation) == number, "the doorbells rang for %d, the migration is %s" % (number, operation)
            assert migration["state"] == "done", json.dumps(migration, indent=1)
            api.wait_status(uuid, "ACTIVE")
            assert lab.where(uuid) == [to]
            lab.check_books()
    report = lab.serial(uuid)
    assert report["ok"] and int(report.get("boots", 1)) == 1, report["text"]
    api.delete(uuid)
    lab.check_books()


try:
    status = main([wrong_options_are_named_with_file_line_and_what_was_meant, several_mistakes_are_named_at_once,
                   options_of_one_daemon_are_refused_by_it, migration_flags_are_refused_with_the_reason,
                   files_that_cannot_be_read_are_named, dump_masks_secrets, a_broken_file_at_sighup_changes_nothing,
                   a_good_file_at_sighup_takes_over_what_it_can, bodies_that_are_no_requests, requests_that_are_none,
                   pipelined_garbage_ends_only_its_own_connection, malformed_messages_are_rejected_with_few_words,
                   messages_of_the_wrong_shape_are_answered_or_logged, hundred_doorbells_around_a_live_migration,
                   doorbells_of_nothing_or_of_others_do_nothing,
                   a_second_daemon_on_a_host_is_refused, a_host_name_that_does_not_resolve,
                   a_changed_host_name_is_a_conflict, an_instances_path_that_is_missing_is_waited_for,
                   an_instances_path_that_cannot_be_written,
                   an_instances_path_that_is_not_mounted_or_not_executable_is_warned_about, without_libvirtd_it_waits_for_it,
                   without_a_free_migration_port, without_a_broker_everything_starts_and_serves, wrong_credentials_of_the_broker,
                   without_a_database_everything_waits_for_it, a_database_without_or_with_another_schema, wrong_words_in_the_connection])
finally:
    lab.down()
    shutil.rmtree(work)
sys.exit(status)
