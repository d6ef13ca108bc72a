# SPDX-License-Identifier: Apache-2.0
"""The lab with NFS storage: hosts, server and locks by virsh alone, then servers of nova-lite moved while whatever dies dies.

Where this machine's kernel has no NFS client, the compute hosts are User-mode Linux machines.  They are slow: starting
a guest takes some 7 s and a migration some 9 s, because QEMU reads libvirt's few hundred questions byte by byte.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import time

from novalab import LAB_PROGRAM, TOP, Lab, main, until
from unlinkwatch import no_unlinks

INSTANCES = "/var/lib/nova-lite/instances"
NFS_MAGIC = "6969"
LIVE, PEER2PEER, PAUSED, UNSAFE = 1 << 0, 1 << 1, 1 << 5, 1 << 9
UUID = "11111111-2222-4333-8444-0000000000f5"
DOMAIN = """<domain type='qemu'><name>raw</name><uuid>%s</uuid><memory unit='MiB'>48</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>
<source file='%s/raw/disk'/><target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><mac address='52:54:00:00:00:f5'/><source bridge='br-private'/>
<model type='virtio'/></interface>
<serial type='file'><source path='%s/raw/console.%d.log' append='on'/><target port='0'/></serial>
<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>
"""
SCRATCH = tempfile.TemporaryDirectory(dir="/var/tmp")  # which every kind of host sees
made = {"scratch": SCRATCH.name}


def kernel_mounts_nfs():
    with open("/proc/filesystems", encoding="ascii") as file:
        return "nfs4" in file.read().split() or subprocess.run(["modprobe", "-q", "nfsv4"], check=False).returncode == 0


def kinds(lab):
    return {host["name"]: host["kind"] for host in lab.status()["hosts"]}


def inside(host, *words, **more):
    return made["lab"].run("exec", host, *words, **more)


def exit_status(host, *words, **more):
    return subprocess.run([LAB_PROGRAM, "exec", host, *words], env=made["lab"].environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=180, check=False, **more)


def trace_migrations(lab):
    for host in lab.hosts:
        for words in (("daemon-log-filters", "1:qemu.qemu_migration"),
                      ("daemon-log-outputs", "1:file:/var/log/libvirt/libvirtd.log")):
            lab.run("exec", host, "virt-admin", "-c", "libvirtd:///system", *words)


def migrate_flags(lab, host):
    """Of the migrate calls that this host's libvirt has seen as the source."""
    log = lab.run("exec", host, "cat", "/var/log/libvirt/libvirtd.log")
    return {int(flags, 16) for flags in re.findall(r"dconnuri=qemu\+tcp://.*flags=0x([0-9a-f]+)", log)}


def define(console):
    """The domain with its console log number so-and-so, as a file that every host can read."""
    path = os.path.join(made["scratch"], "%d.xml" % console)
    with open(path, "w", encoding="ascii") as file:
        file.write(DOMAIN % (UUID, INSTANCES, INSTANCES, console))
    return path


def virsh(host, *words, check=True):
    """Typed on the host itself: a User-mode Linux host answers this machine as fast, but migrations start there."""
    done = exit_status(host, "virsh", "-q", "-c", "qemu:///system", *words)
    if check and done.returncode != 0:
        raise AssertionError("%s: virsh %s: %s" % (host, " ".join(words), done.stdout))
    return done.stdout.strip()


def counter():
    """The guest's, once its console logs prove that it is well."""
    # number 4 is from after the power failure, which may have cut the last line of number 3
    text = inside("HostA", "sh", "-c", """
        cd %s/raw
        for n in 1 2 3 4; do
            [ -e console.$n.log ] || continue
            [ $n -lt 4 ] || echo
            cat console.$n.log
        done""" % INSTANCES)
    done = subprocess.run([os.path.join(TOP, "lab/guest/checkserial"), "/dev/stdin"], input=text, text=True,
                          stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stdout
    return int(re.search(r"^counter (\d+)$", done.stdout, re.M).group(1))


def wait_counter(above, seconds=30):
    for _ in until(seconds, lambda: "the guest's counter does not pass %d" % above):
        if counter() > above:
            return


def lock_refuses(host):
    """A second start on another host: QEMU there cannot get the image's lock."""
    text = virsh(host, "create", define(9), check=False)
    assert 'Failed to get "write" lock' in text, text
    assert made["lab"].domain_state(host, UUID) == "absent"


def move_raw(source, dest, console, *flags):
    began = time.monotonic()
    virsh(source, "migrate", "--live", "--p2p", *flags, "--xml", define(console), "raw", "qemu+tcp://%s/system" % dest)
    took = time.monotonic() - began
    assert made["lab"].where(UUID) == [dest]
    wait_counter(counter())
    return took


# --- hosts, storage and guests without nova-lite's daemons --------------------------------------------------------


def the_lab_comes_up():
    made["lab"] = lab = Lab("nfs", "--shared", "nfs", "--no-services")
    assert lab.status()["shared"] == "nfs"
    kind = "ns" if kernel_mounts_nfs() else "uml"
    assert kinds(lab) == {"HostA": "ns", "HostB": kind, "HostC": kind}, kinds(lab)
    trace_migrations(lab)
    return "%.1f s, hosts of kind %s" % (lab.seconds_up, kind)


def hosts_mount_nfs_4_2_with_their_kernels():
    for host in made["lab"].hosts:
        assert inside(host, "stat", "-f", "-c", "%t %T", INSTANCES).split() == [NFS_MAGIC, "nfs"]
        mount = inside(host, "findmnt", "-rno", "FSTYPE,OPTIONS", INSTANCES)
        assert mount.startswith("nfs4 ") and "vers=4.2" in mount and "hard" in mount, mount
    listening = inside("HostA", "ss", "-Hltn")
    assert ":2049" in listening and not re.search(r":111\s", listening), listening
    inside("HostB", "sh", "-c", "echo hello >%s/note" % INSTANCES)
    assert inside("HostC", "cat", INSTANCES + "/note") == "hello\n"
    assert inside("HostA", "cat", INSTANCES + "/note") == "hello\n"
    inside("HostB", "touch", "/var/lib/nova-lite/mine")
    assert exit_status("HostC", "test", "-e", "/var/lib/nova-lite/mine").returncode == 1, "state_path is not private"


def exec_carries_input_output_and_status():
    began = time.monotonic()
    assert exit_status("HostB", "sh", "-c", "exit 7").returncode == 7
    took = time.monotonic() - began
    data = os.urandom(8 << 20)
    there_and_back = "cat >%s/blob && cat %s/blob" % (INSTANCES, INSTANCES)
    done = subprocess.run([LAB_PROGRAM, "exec", "HostB", "sh", "-c", there_and_back],
                          env=made["lab"].environment, input=data, stdout=subprocess.PIPE, timeout=60, check=True)
    assert done.stdout == data, "8 MiB came back different"
    assert exit_status("HostC", "cmp", "-s", "-", INSTANCES + "/blob", input="x").returncode == 1
    done = subprocess.run([LAB_PROGRAM, "exec", "HostC", "cat", INSTANCES + "/blob"], env=made["lab"].environment,
                          stdout=subprocess.PIPE, timeout=60, check=True)
    assert done.stdout == data, "HostC reads something else than HostB wrote"
    assert exit_status("HostB", "no-such-program").returncode == 127
    return "%.0f ms for a small program" % (took * 1000)


def nobody_else_gives_a_host_orders():
    lab = made["lab"]
    if kinds(lab)["HostB"] != "uml":
        return "hosts of this kind have no agent"
    number = re.search(r"^LAB_NUM=(\d+)$", open(lab.directory + "/lab.conf", encoding="ascii").read(), re.M).group(1)
    secret = lab.directory + "/HostB/agent-secret"
    assert os.stat(secret).st_mode & 0o077 == 0, "others can read the secret"
    agent = os.path.join(TOP, "lab/lib/uml-agent")
    order = ["ip", "netns", "exec", "nll" + number, agent, "run"]
    done = subprocess.run([*order, secret, "169.254.1.2", "7", "hostname"], stdout=subprocess.PIPE, text=True,
                          check=True)
    assert done.stdout == "HostB\n"
    done = subprocess.run([*order, lab.directory + "/HostC/agent-secret", "169.254.1.2", "7", "hostname"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 126 and "wrong secret" in done.stderr and not done.stdout, done
    # from the lab's network, even with a route to the agent's address
    inside("HostC", "sh", "-c", "ip route replace 169.254.1.2 via $(getent hosts HostB | cut -d' ' -f1)")
    reach = "timeout 3 bash -c 'exec 3<>/dev/tcp/'$0/$1"
    reached = exit_status("HostC", "bash", "-c", reach, "HostB", "16509").returncode == 0
    assert reached, "HostC does not reach HostB at all"
    reached = exit_status("HostC", "bash", "-c", reach, "169.254.1.2", "7").returncode == 0
    assert not reached, "HostC reaches HostB's agent"


def a_guest_runs_from_nfs():
    inside("HostA", "mkdir", INSTANCES + "/raw")
    subprocess.run([os.path.join(TOP, "lab/guest/mkguest"), os.path.join(made["scratch"], "disk")], check=True)
    inside("HostB", "cp", os.path.join(made["scratch"], "disk"), INSTANCES + "/raw/disk")
    began = time.monotonic()
    virsh("HostB", "create", define(1))
    took = time.monotonic() - began
    for _ in until(20, lambda: "the guest says nothing"):
        if "\nC " in inside("HostA", "cat", INSTANCES + "/raw/console.1.log"):
            break
    wait_counter(100)
    return "start %.1f s" % took


def the_image_lock_refuses_a_second_start():
    lock_refuses("HostC")
    wait_counter(counter())


def it_migrates_without_unsafe():
    lab = made["lab"]
    took = move_raw("HostB", "HostC", 2)
    flags = migrate_flags(lab, "HostB")
    assert flags, "libvirt has logged no migrate call"
    for value in flags:
        assert value & LIVE and value & PEER2PEER and not value & UNSAFE, hex(value)
    return "%.1f s" % took


def the_log_would_show_unsafe():
    """The same question has another answer when the flag is there; and the guest is home again."""
    lab = made["lab"]
    took = move_raw("HostC", "HostB", 3, "--unsafe")
    flags = migrate_flags(lab, "HostC")
    assert flags and all(value & UNSAFE for value in flags), flags
    return "%.1f s" % took


def a_power_failure_frees_the_image():
    lab = made["lab"]
    boot_id = inside("HostB", "cat", "/proc/sys/kernel/random/boot_id")
    inside("HostB", "touch", "/var/lib/nova-lite/kept")
    before = counter()
    lab.run("kill", "HostB", "host")
    assert [host["power"] for host in lab.status()["hosts"]] == ["on", "off", "on"]
    lock_refuses("HostC")  # the server keeps a dead host's locks until its lease is over or it is back
    began = time.monotonic()
    lab.run("boot", "HostB")
    took = time.monotonic() - began
    assert inside("HostB", "cat", "/proc/sys/kernel/random/boot_id") != boot_id
    assert inside("HostB", "stat", "-f", "-c", "%t", INSTANCES).strip() == NFS_MAGIC
    assert exit_status("HostB", "test", "-e", "/var/lib/nova-lite/kept").returncode == 0, "state_path was lost"
    assert lab.where(UUID) == []
    began = time.monotonic()
    for _ in until(60, lambda: "the lock of the dead host is never released: %s" % text):
        text = virsh("HostC", "create", define(4), check=False)
        if lab.where(UUID) == ["HostC"]:
            break
    started = time.monotonic() - began
    wait_counter(before, 40)
    return "boot %.1f s, guest on the other host %.1f s later" % (took, started)


def a_frozen_host_and_a_pulled_cable_pass():
    lab = made["lab"]
    lab.run("pause", "HostB", "host")
    assert [host["power"] for host in lab.status()["hosts"]] == ["on", "paused", "on"]
    lab.run("resume", "HostB", "host")
    lab.run("link", "HostB", "down", "--port", "2049")
    assert exit_status("HostB", "timeout", "-s", "KILL", "3", "stat", "-f", INSTANCES).returncode == 137
    lab.run("link", "HostB", "up")
    for _ in until(30, lambda: "HostB does not find the server again"):
        if exit_status("HostB", "timeout", "-s", "KILL", "3", "cat", INSTANCES + "/note").stdout == "hello\n":
            break
    for verb in ("pause", "resume", "kill", "start"):
        lab.run(verb, "HostB", "libvirtd")
    lab.run("pause", "HostC", "qemu", UUID)
    lab.run("resume", "HostC", "qemu", UUID)
    wait_counter(counter())
    lab.run("kill", "HostC", "qemu", UUID)
    for _ in until(10, lambda: "its domain stays"):
        if lab.where(UUID) == []:
            return


def nothing_is_left_after_down():
    lab = made["lab"]
    lab.down()
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if (lab.directory + "/").encode() in file.read():
                    left.append(pid)
        except OSError:
            pass
    assert not left and not os.path.exists(lab.directory), left


# --- nova-lite on it ------------------------------------------------------------------------------------------------


def nova_lite_comes_up_on_it():
    made["lab"] = lab = Lab("nfs", "--shared", "nfs", "--set", "DEFAULT.report_interval=2",
                            "--set", "DEFAULT.max_concurrent_live_migrations=2",
                            "--set", "DEFAULT.operation_active_poll_interval=1", "--set", "libvirt.call_timeout=60")
    trace_migrations(lab)
    return "%.1f s" % lab.seconds_up


def a_server_runs_from_nfs():
    lab = made["lab"]
    began = time.monotonic()
    made["vm"] = uuid = lab.api.boot("mover", host="HostB", wait=False)
    made["idle"] = lab.api.boot("idle", host="HostC", wait=False)
    lab.api.wait_status(uuid, "ACTIVE", 120)
    took = time.monotonic() - began
    made["victim"] = lab.api.boot("victim", host="HostB", wait=False)
    for host in lab.hosts:
        assert inside(host, "stat", "-f", "-c", "%t", "%s/%s/disk" % (INSTANCES, uuid)).strip() == NFS_MAGIC
    assert lab.where(uuid) == ["HostB"]
    lab.check_books(idle=False)
    return "%.1f s" % took


def nova_lite_moves_it_there_and_back():
    lab, uuid = made["lab"], made["vm"]
    pauses, times = [], []
    for dest in ("HostC", "HostB"):
        before = int(lab.serial(uuid)["counter"])
        migration = lab.api.move(uuid, dest, 150)
        assert lab.where(uuid) == [dest] and migration["dest_host"] == dest
        pauses.append(migration["downtime_ms"])
        times.append(migration["total_ms"])
        for _ in until(20, lambda: lab.serial(uuid)["text"]):
            if int(lab.serial(uuid)["counter"]) > before + 100:
                break
    report = lab.serial(uuid)
    assert report["verdict"] == "ok" and report["resets"] == "0" and report["went_back"] == "0", report["text"]
    for name in ("idle", "victim"):
        lab.api.wait_status(made[name], "ACTIVE", 60)
    lab.check_books()
    return "total %s ms, pauses %s ms, counter %s" % (times, pauses, report["counter"])


# --- and while something dies or hangs ------------------------------------------------------------------------------


def export():
    return made["lab"].directory + "/HostA/export"


def logged(uuid):
    """The guest's console logs as the server has them: no mount is needed."""
    parts = sorted(glob.glob("%s/%s/console.[0-9]*.log" % (export(), uuid)), key=lambda path: int(path.split(".")[-2]))
    text = ""
    for path in parts:
        with open(path, encoding="ascii", errors="replace") as file:
            text += file.read()
    done = subprocess.run([os.path.join(TOP, "lab/guest/checkserial"), "/dev/stdin"], input=text, text=True,
                          stdout=subprocess.PIPE, check=False)
    return dict(line.split(None, 1) for line in done.stdout.splitlines() if len(line.split(None, 1)) == 2)


def counts_on(*uuids, seconds=30):
    """Each goes on counting, with nothing lost of memory or disk, and no error seen."""
    before = {uuid: int(logged(uuid)["counter"]) for uuid in uuids}
    report = None
    for _ in until(seconds, lambda: report):
        reports = [logged(uuid) for uuid in uuids]
        for report in reports:
            for field in ("memory_errors", "disk_errors", "went_back", "disk_lost", "resets"):
                assert report[field] == "0", report
        if all(int(report["counter"]) > before[uuid] + 50 for uuid, report in zip(uuids, reports)):
            return


def inode(uuid):
    status = os.stat("%s/%s/disk" % (export(), uuid))
    return status.st_dev, status.st_ino


def slow_copy(uuid, source, dest):
    """1 MiB a second is less than what the guest writes: the copy goes on until let_it_finish()."""
    lab = made["lab"]
    lab.run("set", source, "libvirt.live_migration_bandwidth", "1")
    lab.run("reload", source, "compute")
    number = lab.api.live_migrate(uuid, dest)
    migration = None
    for _ in until(60, lambda: migration, pause=0.05):
        migration = lab.api.migration(uuid, number)
        assert migration["state"] not in ("done", "failed", "error", "cancelled"), migration
        if migration["state"] == "migrating" and migration["memory_processed_bytes"] > 0:
            return number


def let_it_finish(uuid, host):
    made["lab"].virsh(host, "migrate-setspeed", uuid, "10000")


def wait_domain(host, uuid, state, seconds=40):
    for _ in until(seconds, lambda: made["lab"].domain_state(host, uuid), pause=0.05):
        if made["lab"].domain_state(host, uuid) == state:
            return


def settled(uuid, number, state, host, seconds=60):
    """The seconds it took."""
    lab = made["lab"]
    began = time.monotonic()
    migration = lab.api.wait_migration(uuid, number, seconds)
    assert migration["state"] == state and (state == "done" or migration["reason"]), migration
    assert lab.api.server(uuid)["OS-EXT-SRV-ATTR:host"] == host
    return time.monotonic() - began


def alone_on(host, *uuids):
    for uuid in uuids:
        for _ in until(15, lambda: made["lab"].where(uuid)):
            if made["lab"].where(uuid) == [host]:
                break


def rollbacks_remove_nothing():
    """The destination's libvirtd stands still exactly at Finish of one guest, while another's QEMU is killed in mid-copy."""
    lab, mover, victim = made["lab"], made["vm"], made["victim"]
    before = inode(mover), inode(victim)
    numbers = [slow_copy(uuid, "HostB", "HostC") for uuid in (mover, victim)]
    with no_unlinks(export()):
        lab.run("pause", "HostC", "libvirtd")
        let_it_finish(mover, "HostB")
        wait_domain("HostB", mover, "paused")
        lab.run("kill", "HostB", "qemu", victim)
        began = time.monotonic()
        for _ in until(20, lambda: lab.api.migration(victim, numbers[1])):  # who waits, says so
            migration = lab.api.migration(victim, numbers[1])
            if migration["blocked_host"] == "HostC":
                break
            assert migration["state"] != "done", migration
        wait_domain("HostB", mover, "running")  # libvirt has given up
        stood = time.monotonic() - began
        lab.run("resume", "HostC", "libvirtd")
        took = max(settled(mover, numbers[0], "failed", "HostB"), settled(victim, numbers[1], "failed", "HostB"))
        alone_on("HostB", mover)
    server = None
    for _ in until(20, lambda: server):
        server = lab.api.server(victim)
        if server["status"] == "SHUTOFF" and not server["OS-EXT-STS:task_state"]:
            break
    assert lab.where(victim) == [] and (inode(mover), inode(victim)) == before
    counts_on(mover)
    lab.check_books()
    return "the guest went on at the source after %.1f s, both settled %.1f s after the destination was back" % (stood, took)


def the_source_libvirtd_dies_before_confirm():
    lab, mover = made["lab"], made["vm"]
    number = slow_copy(mover, "HostB", "HostC")
    with no_unlinks(export()):
        lab.run("pause", "HostC", "libvirtd")
        let_it_finish(mover, "HostB")
        wait_domain("HostB", mover, "paused")
        time.sleep(2)  # all memory is over, and the source's libvirtd has asked the destination's to finish
        lab.run("kill", "HostB", "libvirtd")
        lab.run("resume", "HostC", "libvirtd")
        began = time.monotonic()
        wait_domain("HostC", mover, "running")
        ran = time.monotonic() - began
        lab.run("start", "HostB", "libvirtd")
        took = settled(mover, number, "done", "HostC")
        alone_on("HostC", mover)
    counts_on(mover)
    lab.check_books()
    return "it ran %.1f s after the destination went on, settled %.1f s after the source's libvirtd was back" % (ran, took)


def services():
    return {row["host"]: row for row in made["lab"].api.get("/nova-lite/services")["services"] if row["binary"] == "nova-compute"}


def wait_health(well, seconds):
    began = time.monotonic()
    for _ in until(seconds, services):
        rows = services()
        assert all(row["state"] == "up" for row in rows.values()), rows
        if all((row["health"] is None) if well else (row["health"] or "").startswith("storage: ") for row in rows.values()):
            return time.monotonic() - began


def a_server_that_hangs_for_a_minute_is_survived():
    """With one guest in mid-copy and others at rest.  The hosts say what is wrong with them and get nothing new; nobody else hangs."""
    lab, mover, idle = made["lab"], made["vm"], made["idle"]
    for host in lab.hosts:
        lab.run("set", host, "libvirt.live_migration_bandwidth", "1")
    number = slow_copy(mover, "HostC", "HostB")
    epochs = lab.sql("SELECT host_id, epoch FROM host_lease ORDER BY 1")
    slowest = rounds = 0
    with no_unlinks(export()):
        lab.run("pause", "HostA", "storage")
        began = time.monotonic()
        try:
            shown = wait_health(False, 15)
            refused = lab.api.wait_migration(idle, lab.api.live_migrate(idle, "HostB"), 20)
            assert refused["state"] == "error" and "instances_path does not work" in refused["reason"], refused
            while time.monotonic() - began < 60:
                at = time.monotonic()
                lab.api.get("/servers/detail")
                rows = services()
                slowest = max(slowest, time.monotonic() - at)
                assert all(row["state"] == "up" and row["health"] for row in rows.values()), rows
                assert lab.domain_state("HostC", idle) == "running"
                assert lab.api.migration(mover, number)["state"] == "migrating"
                rounds += 1
                time.sleep(3)
        finally:
            lab.run("resume", "HostA", "storage")
        well = wait_health(True, 20)
        counts_on(mover, idle)
        let_it_finish(mover, "HostC")
        settled(mover, number, "done", "HostB")
        alone_on("HostB", mover)
    assert lab.sql("SELECT host_id, epoch FROM host_lease ORDER BY 1") == epochs, "a lease was lost"
    assert rounds > 5 and slowest < 3, (rounds, slowest)
    counts_on(mover, idle)
    lab.check_books()
    return "shown after %.1f s, slowest answer %.2f s, well %.1f s after it went on" % (shown, slowest, well)


def a_crash_of_the_server_is_survived():
    """In mid-copy.  The server asks its clients who held which lock; none is lost."""
    lab, mover, idle = made["lab"], made["vm"], made["idle"]
    number = slow_copy(mover, "HostB", "HostC")
    with no_unlinks(export()):
        lab.run("kill", "HostA", "storage")
        wait_health(False, 15)
        lab.run("start", "HostA", "storage")
        began = time.monotonic()
        wait_health(True, 100)
        counts_on(mover, idle, seconds=60)
        took = time.monotonic() - began
        let_it_finish(mover, "HostB")
        settled(mover, number, "done", "HostC")
        alone_on("HostC", mover)
    counts_on(mover, idle)
    lab.check_books()
    return "%.1f s until both guests wrote again" % took


def unsafe_was_never_asked_for():
    for host in made["lab"].hosts:
        flags = migrate_flags(made["lab"], host)
        assert flags, "libvirt of %s has logged no migrate call" % host
        for value in flags:
            assert value & LIVE and value & PEER2PEER and value & PAUSED and not value & UNSAFE, hex(value)


def the_image_lock_refuses_a_second_start_of_a_server():
    lab, uuid = made["lab"], made["vm"]
    xml = inside("HostC", "virsh", "-q", "-c", "qemu:///system", "dumpxml", uuid)
    path = os.path.join(made["scratch"], "server.xml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"console\.\d+\.log", "console.second.log", xml))
    text = virsh("HostB", "create", path, check=False)
    assert 'Failed to get "write" lock' in text, text
    assert lab.where(uuid) == ["HostC"]
    counts_on(uuid)


def they_are_deleted():
    lab = made["lab"]
    uuids = [made[name] for name in ("vm", "victim", "idle")]
    for uuid in uuids:
        lab.api.request("DELETE", "/servers/" + uuid)
    for _ in until(60, lambda: lab.api.get("/servers")):
        if not lab.api.get("/servers")["servers"]:
            break
    for uuid in uuids:
        assert exit_status("HostB", "test", "-e", "%s/%s" % (INSTANCES, uuid)).returncode == 1
    lab.check_books()


def auto_takes_nfs_only_where_this_kernel_mounts_it():
    made["lab"].down()
    made["lab"] = lab = Lab("nfs", "--shared", "auto", "--hosts", "1", "--no-services")
    expected = "nfs" if kernel_mounts_nfs() else "gluster"
    assert lab.status()["shared"] == expected and kinds(lab)["HostB"] == "ns", lab.status()
    return expected


try:
    status = main([the_lab_comes_up, hosts_mount_nfs_4_2_with_their_kernels, exec_carries_input_output_and_status,
                   nobody_else_gives_a_host_orders, a_guest_runs_from_nfs, the_image_lock_refuses_a_second_start,
                   it_migrates_without_unsafe, the_log_would_show_unsafe, a_power_failure_frees_the_image,
                   a_frozen_host_and_a_pulled_cable_pass,
                   nothing_is_left_after_down, nova_lite_comes_up_on_it, a_server_runs_from_nfs,
                   nova_lite_moves_it_there_and_back, rollbacks_remove_nothing, the_source_libvirtd_dies_before_confirm,
                   a_server_that_hangs_for_a_minute_is_survived, a_crash_of_the_server_is_survived, unsafe_was_never_asked_for,
                   the_image_lock_refuses_a_second_start_of_a_server, they_are_deleted,
                   auto_takes_nfs_only_where_this_kernel_mounts_it])
finally:
    if "lab" in made:
        made["lab"].down()
sys.exit(status)
