# SPDX-License-Identifier: Apache-2.0
"""What a host can be short of: descriptors, memory and threads, room on its storage, features of its cpu."""
import contextlib
import http.client
import os
import sys
import time

from worstlab import ENDED_S, PAUSE_S, Refused, WorstLab, main, until, watched

lab = WorstLab("shortage", "DEFAULT.max_concurrent_live_migrations=4", hosts=3, storage="30G")
api = lab.api


# ---- descriptors ----

@contextlib.contextmanager
def short_of_descriptors(host, service):
    """It may open no more than it has open now: the lowest number that is free is the first it may not have."""
    process = lab.pid(host, service)
    limits = lab.run("exec", host, "prlimit", "--noheadings", "-o", "SOFT,HARD", "--nofile", "--pid", process).split()
    taken = {int(number) for number in lab.run("exec", host, "ls", "/proc/%s/fd" % process).split()}
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    lab.run("exec", host, "prlimit", "--pid", process, "--nofile=%d:%s" % (free, limits[1]))
    try:
        yield
    finally:
        lab.run("exec", host, "prlimit", "--pid", process, "--nofile=" + ":".join(limits))
    assert lab.pid(host, service) == process, "%s on %s has ended" % (service, host)


def ask(timeout=4):
    """The status the API gives a request; 0: it says nothing."""
    connection = http.client.HTTPConnection(api.url.hostname, api.url.port, timeout=timeout)
    try:
        connection.request("GET", api.url.path + "/servers", headers={"X-Auth-Token": "test"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def no_descriptors_are_left():
    """In the API, the scheduler and both compute services: nothing is taken for done, and all goes on when there is room again."""
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    uuid = lab.guest("room")
    with short_of_descriptors("HostA", "api"):
        said = ask()
        assert said == 0 or said >= 500, said
    for _ in until(ENDED_S, lambda: "the API does not answer again"):
        if ask() == 200:
            break
    ends = {}
    with watched(lab, uuid, most=PAUSE_S):
        for host, service in (("HostA", "scheduler"), ("HostC", "compute"), ("HostB", "compute")):
            with short_of_descriptors(host, service):
                number = api.live_migrate(uuid, "HostC")
                time.sleep(6)
                during = api.migration(uuid, number)
            migration = api.wait_migration(uuid, number, 30)
            ends[service + " on " + host] = "%s, then %s" % (during["blocked"] or during["state"], migration["state"])
            home = "HostC" if migration["state"] == "done" else "HostB"
            assert migration["state"] == "done" or migration["reason"], migration
            lab.settled(uuid, number, migration["state"], home, 20)
            lab.wait_up()
            if home == "HostC":
                api.move(uuid, "HostB", 40)
        # in mid-copy
        _, number = lab.slow_copy("room", uuid=uuid)
        with short_of_descriptors("HostB", "compute"):
            lab.let_it_finish(uuid)
            time.sleep(4)
        migration = api.wait_migration(uuid, number, 30)
        lab.settled(uuid, number, migration["state"], "HostC" if migration["state"] == "done" else "HostB", 20)
        ends["mid-copy"] = migration["state"]
    api.delete(uuid)
    return ", ".join("%s: %s" % pair for pair in ends.items())


# ---- memory and threads ----

@contextlib.contextmanager
def short_of_memory(host, service):
    """It may map no more than it has mapped, so it gets no thread either.  A daemon that cannot go on ends at once."""
    process = lab.pid(host, service)
    used = lab.run("exec", host, "sed", "-n", "s/^VmSize:[^0-9]*\\([0-9]*\\) kB/\\1/p", "/proc/%s/status" % process).strip()
    lab.run("exec", host, "prlimit", "--pid", process, "--as=%d:unlimited" % (int(used) * 1024))
    died = []
    try:
        yield died
    finally:
        if lab.is_dead(host, service):
            died.append(service)
            lab.run("start", host, service)  # as the service manager would
        else:
            lab.run("exec", host, "prlimit", "--pid", process, "--as=unlimited")


def no_memory_is_left():
    """For the API, the scheduler and both compute services, in a migration's beginning and in mid-copy."""
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    uuid = lab.guest("thin")
    ends = {}
    with short_of_memory("HostA", "api") as died:
        said = [ask() for _ in range(3)]
    ends["api"] = "%s%s" % (said, ", ended" if died else "")
    for _ in until(ENDED_S, lambda: "the API does not answer again"):
        if ask() == 200:
            break

    def settle(numbers, died):
        """How they ended; every guest is back on HostB afterwards."""
        states = [api.wait_migration(guest, number, 30)["state"] for guest, number in numbers]
        lab.wait_up()
        for (guest, number), state in zip(numbers, states):  # no migration is open when the books are looked at
            lab.settled(guest, number, state, "HostC" if state == "done" else "HostB", 20)
        for (guest, _), state in zip(numbers, states):
            if state == "done":
                api.move(guest, "HostB", 40)
        return "/".join(states) + (", ended" if died else "")

    guests = [uuid] + [lab.guest("thin-%d" % i) for i in range(2)]  # each copy has a thread of its own
    checker = lab.checker()
    for host, service in (("HostA", "scheduler"), ("HostC", "compute"), ("HostB", "compute")):
        with short_of_memory(host, service) as died:
            numbers = [(guest, api.live_migrate(guest, "HostC")) for guest in guests]
            time.sleep(4)
        ends[service + " on " + host] = settle(numbers, died)
    for host in ("HostB", "HostC"):
        numbers = [lab.slow_copy("", uuid=guest) for guest in guests]
        with short_of_memory(host, "compute") as died:
            for guest in guests:
                lab.let_it_finish(guest)
            time.sleep(4)
        ends["mid-copy, " + host] = settle(numbers, died)
    gaps = checker.stop()
    assert max(gaps[guest] for guest in guests) < PAUSE_S * 1000, gaps
    for guest in guests:
        api.delete(guest)
    return ", ".join("%s: %s" % pair for pair in ends.items())


# ---- cpu ----

# A host whose libvirt takes the guest's cpu model for one with 3DNow!, which no processor has had for many years.
OTHER_MAP = """set -e
cp -r /usr/share/libvirt/cpu_map $1/cpu_map
sed -i "s,</model>,<feature name='3dnow'/></model>," $1/cpu_map/x86_kvm64.xml
mount --bind $1/cpu_map /usr/share/libvirt/cpu_map
rm -rf /var/cache/libvirt/qemu/capabilities"""


def a_cpu_that_does_not_fit_refuses():
    """Before anything is touched, with the feature that lacks; without a name the next host is taken."""
    if not os.path.exists("/dev/kvm"):
        return "not shown: without KVM every host emulates the same cpu"
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    lab.run("exec", "HostC", "sh", "-c", OTHER_MAP, "map", lab.directory + "/HostC")
    lab.restart("HostC", "libvirtd")
    lab.run("set", "HostB", "libvirt.cpu_mode", "custom")
    lab.run("set", "HostB", "libvirt.cpu_models", "kvm64")
    lab.run("set", "HostC", "libvirt.virt_type", "kvm")
    try:
        for host in ("HostB", "HostC"):
            lab.restart(host, "compute")
        lab.wait_up()
        uuid = lab.guest("cpu")
        with watched(lab, uuid, most=PAUSE_S):
            number = api.live_migrate(uuid, "HostC")
            migration = api.wait_migration(uuid, number, ENDED_S)
            assert migration["state"] == "error" and "3dnow" in migration["reason"], migration
            assert lab.where(uuid) == ["HostB"]
            said = lab.next_host(uuid, "cpu")
        api.delete(uuid)
    finally:
        lab.run("exec", "HostC", "umount", "/usr/share/libvirt/cpu_map")
        lab.restart("HostC", "libvirtd")
        lab.run("set", "HostB", "libvirt.cpu_models", "")
        lab.run("set", "HostB", "libvirt.cpu_mode", "none")
        lab.run("set", "HostC", "libvirt.virt_type", "qemu")
        for host in ("HostB", "HostC"):
            lab.restart(host, "compute")
        lab.wait_up()
    return said


# ---- room ----

# Room for a snapshot of the disk, which is some blocks, but not for a cluster of its image, which every write needs after it.
FILL = """cd $1; rm -f filler rest; sync -f .
room() { df --output=avail -B1024 . | tail -1; }
fallocate -l $(($(room) - 8192))K filler
dd if=/dev/zero of=rest bs=4k count=$((($(room) - 44) / 4)) conv=fsync"""


def storage_is_full_in_mid_copy():
    """The guest's next write needs room that is not there: it stands still on the source with its data, the copy is ended with that
    reason, and it goes on where it was when there is room."""
    export = lab.directory + "/HostA/export"
    uuid, number = lab.slow_copy("full", 2)
    snapshot = '{"execute":"blockdev-snapshot-internal-sync","arguments":{"device":"libvirt-1-format","name":"full-%d"}}'
    try:
        for turn in range(8):
            lab.run("exec", "HostA", "sh", "-c", FILL, "fill", export)
            lab.virsh("HostB", "qemu-monitor-command", uuid, snapshot % turn, check=False)  # the copy may have been ended already
            with contextlib.suppress(AssertionError):
                lab.wait_domain("HostB", uuid, "paused", 1.5)
                break
        migration = api.wait_migration(uuid, number, ENDED_S)
        assert "I/O error" in lab.virsh("HostB", "domstate", "--reason", uuid)
        assert migration["state"] == "failed" and "QEMU has paused the guest on host 'HostB'" in migration["reason"], migration
        assert lab.where(uuid) == ["HostB"]
        said = lab.health()["HostB"]
    finally:
        for name in ("filler", "rest"):
            lab.run("exec", "HostA", "rm", "-f", export + "/" + name)
    server = None
    for _ in until(20, lambda: server, pause=1):  # a file system gives room back when it has committed, some seconds later
        server = api.server(uuid)
        if server["status"] == "ACTIVE" and lab.domain_state("HostB", uuid) == "running":
            break
        if server["status"] == "PAUSED":
            with contextlib.suppress(Refused):
                api.action(uuid, {"unpause": None})
    lab.counts_on(uuid)
    lab.wait_up()
    lab.check_books()
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    api.move(uuid, "HostC", 40)
    lab.counts_on(uuid)
    api.delete(uuid)
    return "%s; the host said: %s" % (migration["reason"], said or "nothing")


try:
    status = main(lab.each([no_descriptors_are_left, no_memory_is_left, a_cpu_that_does_not_fit_refuses, storage_is_full_in_mid_copy]))
finally:
    lab.down()
sys.exit(status)
