# SPDX-License-Identifier: Apache-2.0
"""Storage that is not mounted, not the same, not visible yet, not writable for QEMU, full, or hung: a migration is refused with the
reason, nothing of a guest is ever removed but by its delete, and the daemons go on."""
import contextlib
import os
import sys
import threading
import time

from worstlab import WorstLab, watched
from novalab import Refused, main, until
from unlinkwatch import UnlinkWatch, no_unlinks

INSTANCES = "/var/lib/nova-lite/instances"
EMPTY, OTHER = "/var/lib/nova-lite/empty", "/var/lib/nova-lite/other"
OTHER_ID = "00000000-1111-4222-8333-444444444444"
SEEN_S = 5     # a heartbeat a second, whose check has its deadline at 0.7 s: seen well within this
made = {}

lab = WorstLab("storage", "DEFAULT.live_migration_retry_count=2")
api = lab.api
EXPORT = lab.directory + "/HostA/export"


def service(host):
    for row in api.get("/nova-lite/services")["services"]:
        if row["binary"] == "nova-compute" and row["host"] == host:
            return row
    raise AssertionError("no compute service on " + host)


def wait_health(host, text, seconds=SEEN_S):
    """Until the list of services says so (None: well); meanwhile and then the service is up."""
    began, row = time.monotonic(), None
    for _ in until(seconds, lambda: "health of %s is %r, not %r" % (host, row["health"], text), pause=0.05):
        row = service(host)
        assert row["state"] == "up", row
        if row["health"] is None if text is None else text in (row["health"] or ""):
            return time.monotonic() - began, row["health"]


def epoch(host):
    return lab.sql("SELECT epoch FROM host_lease JOIN hosts ON id = host_id WHERE name = '%s'" % host)[0][0]


def inode(uuid):
    status = os.stat("%s/%s/disk" % (EXPORT, uuid))
    return status.st_dev, status.st_ino


def inside(host, *words, **more):
    return lab.run("exec", host, *words, **more)


@contextlib.contextmanager
def put_over(host, directory):
    """An ordinary local directory in place of the mount, as after a boot without it; the host is well again afterwards."""
    inside(host, "mkdir", "-p", EMPTY, OTHER)
    inside(host, "sh", "-c", "echo %s >%s/.nova-lite-fsid" % (OTHER_ID, OTHER))
    inside(host, "mount", "--bind", directory, INSTANCES)
    try:
        yield
    finally:
        inside(host, "umount", "-l", INSTANCES)
    wait_health(host, None)


def move(uuid, host):
    if lab.where(uuid) != [host]:
        api.move(uuid, host)


def refusal(uuid, host, *texts):
    """Asks for a migration and expects a refusal that says all of this; the guest is not touched.  Its reason."""
    before = inode(uuid)
    source = lab.where(uuid)
    migration = api.wait_migration(uuid, api.live_migrate(uuid, host), 30)
    assert migration["state"] == "error", migration
    for text in texts:
        assert text in migration["reason"], "%r is not in: %s" % (text, migration["reason"])
    assert lab.where(uuid) == source and inode(uuid) == before
    server = api.wait_status(uuid, "ACTIVE")
    assert server["OS-EXT-SRV-ATTR:host"] == source[0], server
    lab.check_books()
    return migration["reason"]


def restart(host, *faults):
    lab.run("kill", host, "compute")
    lab.run("start", host, "compute", *faults)


def leftovers():
    return [name for name in os.listdir(EXPORT) if name.startswith(".nova-lite-nonce")]


# --- who may not take a guest -------------------------------------------------------------------------------------


def a_guest_runs():
    made["vm"] = lab.guest("stays")
    api.move(made["vm"], "HostC")
    api.move(made["vm"], "HostB")  # so that what is refused below is known to work otherwise


def block_migration_is_refused_on_shared_storage():
    uuid = made["vm"]
    move(uuid, "HostB")
    before, operations = inode(uuid), lab.sql("SELECT count(*) FROM operations")
    for wish in ({"block_migration": True, "host": "HostC"}, {"block_migration": True, "host": None}):
        for version in ("2.1", "2.25", "2.87"):
            body = dict(wish, disk_over_commit=False) if version == "2.1" else wish
            try:
                api.action(uuid, {"os-migrateLive": body}, version)
            except Refused as refused:
                assert refused.status == 501 and "does not copy disks" in refused.message, refused
                continue
            raise AssertionError("a copy of disks was agreed to")
    assert inode(uuid) == before and lab.sql("SELECT count(*) FROM operations") == operations


def a_host_without_the_mount_is_not_chosen():
    """The daemon that was running sees it, also when it is started anew; the empty directory stays empty."""
    uuid = made["vm"]
    move(uuid, "HostB")
    pools = lab.sql("SELECT id, fsid, kind, total_gb, cap_gb FROM pools")
    with no_unlinks(EXPORT):
        with put_over("HostC", EMPTY):
            took, health = wait_health("HostC", "Is it mounted?")
            assert health.startswith("storage: "), health
            listed = inside("HostA", "nova-lite-manage", "service", "list")
            assert ":-)" in listed and "unwell: storage: " in listed, listed
            refusal(uuid, None, "HostC", "Is it mounted?")
            restart("HostC")
            wait_health("HostC", "Is it mounted?")
            refusal(uuid, "HostC", "Is it mounted?")
            assert inside("HostC", "ls", "-A", INSTANCES).split() == [], "something was made where nothing is mounted"
            assert lab.sql("SELECT id, fsid, kind, total_gb, cap_gb FROM pools") == pools
            assert lab.sql("SELECT count(DISTINCT pool_id) FROM hosts") == [["1"]]
    api.move(uuid, "HostC")
    return "seen after %.1f s: %s" % (took, health)


def a_host_with_guests_does_not_take_another_file_system():
    """HostC, with a guest at home, is started on a directory with an identity of its own."""
    uuid = made["vm"]
    move(uuid, "HostC")
    with no_unlinks(EXPORT), put_over("HostC", OTHER):
        restart("HostC")
        wait_health("HostC", "is the file system " + OTHER_ID)
        homeless = api.boot("nowhere", host="HostC", wait=False)
        server = None
        for _ in until(20, lambda: server):
            server = api.server(homeless)
            if server["status"] == "ERROR":
                break
        assert "HostC" in server["fault"]["message"], server["fault"]
        assert lab.domain_state("HostC", uuid) == "running"
        assert inside("HostC", "ls", "-A", INSTANCES).split() == [".nova-lite-fsid"]
    api.delete(homeless)
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    api.move(uuid, "HostB")


def a_disk_that_qemu_may_not_open_refuses():
    """The destination's QEMU runs as another user than the source's."""
    uuid = made["vm"]
    move(uuid, "HostB")
    inside("HostC", "sh", "-c", "cp /etc/libvirt/qemu.conf /var/lib/nova-lite/qemu.conf && "
           "sed -i 's/^user = .*/user = \"nobody\"/; s/^group = .*/group = \"nogroup\"/' /etc/libvirt/qemu.conf")
    try:
        lab.run("kill", "HostC", "libvirtd")
        lab.run("start", "HostC", "libvirtd")
        wait_health("HostC", None, 15)
        with no_unlinks(EXPORT):
            reason = refusal(uuid, "HostC", "Permission denied", "as uid 65534")
        assert lab.domain_state("HostC", uuid) == "absent"
        states = {entry["to_state"] for entry in lab.journal(uuid, api.newest_migration(uuid)["id"])}
        assert "preparing" not in states, states  # nothing was done that would have to be undone
    finally:
        inside("HostC", "sh", "-c", "cp /var/lib/nova-lite/qemu.conf /etc/libvirt/qemu.conf")
        lab.run("kill", "HostC", "libvirtd")
        lab.run("start", "HostC", "libvirtd")
        wait_health("HostC", None, 15)
    api.move(uuid, "HostC")
    api.move(uuid, "HostB")
    return reason


# --- the proof that storage is shared -------------------------------------------------------------------------------


def a_proof_that_sees_nothing_only_refuses():
    """Wrong negatives on either side and a file that cannot be made; each is a refusal, never a copy of the disk, and no file stays."""
    uuid, reasons = made["vm"], []
    move(uuid, "HostB")
    with no_unlinks(EXPORT):
        # once the file cannot be made (the source makes its own when it has seen the other), then none is seen
        for host, unseen in (("HostB", "2-"), ("HostC", "1-")):
            restart(host, "NOVA_LITE_FAULT=compute:proof:put=error:1,compute:proof:seen=error:" + unseen)
            for text in ("compute:proof:put", "'%s' does not see" % host):
                reasons.append(refusal(uuid, "HostC", text))
            restart(host)
    for _ in until(SEEN_S, leftovers):
        if not leftovers():
            break
    return "; ".join(reasons)


def a_file_that_is_seen_late_is_waited_for():
    uuid = made["vm"]
    for host in ("HostB", "HostC"):
        restart(host, "NOVA_LITE_FAULT=compute:proof:seen=error:1")
        with no_unlinks(EXPORT):
            migration = api.move(uuid, "HostC" if lab.where(uuid) == ["HostB"] else "HostB")
        assert migration["state"] == "done"
        restart(host)
    assert not leftovers()
    move(uuid, "HostB")


# --- storage that hangs -----------------------------------------------------------------------------------------------


def hung_storage_hangs_nobody():
    """The server stands still for longer than the lease (and shorter than GlusterFS has patience: then guests would see errors).  Leases
    are kept, every question is answered, what needs no files goes on."""
    uuid, quiet = made["vm"], lab.guest("quiet", "HostC")
    move(uuid, "HostB")
    epochs = [epoch(host) for host in lab.hosts]
    console = {}

    def read_console():  # its log is on the storage
        at = time.monotonic()
        try:
            console["answer"] = api.action(quiet, {"os-getConsoleOutput": {"length": 5}})
        except Refused as refused:
            console["answer"] = refused
        console["took"] = time.monotonic() - at

    lab.run("pause", "HostA", "storage")
    began = time.monotonic()
    reader = threading.Thread(target=read_console, daemon=True)
    try:
        reader.start()
        seen = max(wait_health(host, "storage: ")[0] for host in lab.hosts)
        number = api.live_migrate(uuid, "HostC")
        asked = time.monotonic()
        migration = api.wait_migration(uuid, number, 5)
        refused = time.monotonic() - asked
        assert migration["state"] == "error" and "instances_path does not work" in migration["reason"], migration
        slowest = rounds = 0
        while time.monotonic() - began < 7.5:
            for path in ("/servers/detail", "/os-services", "/nova-lite/services", "/servers/" + uuid):
                at = time.monotonic()
                api.get(path)
                slowest = max(slowest, time.monotonic() - at)
            for host in lab.hosts:
                row = service(host)
                assert row["state"] == "up" and row["health"].startswith("storage: "), row
                assert lab.domain_state(host, uuid) == ("running" if host == "HostB" else "absent")
            rounds += 1
            time.sleep(0.2)
        assert rounds > 2 and slowest < 2, (rounds, slowest)
        assert [epoch(host) for host in lab.hosts] == epochs, "a lease was lost"
    finally:
        lab.run("resume", "HostA", "storage")
    well = max(wait_health(host, None)[0] for host in lab.hosts)
    reader.join(30)
    assert not reader.is_alive(), "the console's log is still being read"
    for guest in (uuid, quiet):
        lab.counts_on(guest)
    api.move(uuid, "HostC")
    api.move(uuid, "HostB")
    api.delete(quiet)
    lab.check_books()
    return "shown after %.1f s, a migration refused after %.1f s, slowest answer %.2f s, console's log after %.1f s: %s; well %.1f s " \
        "after it went on" % (seen, refused, slowest, console["took"], str(console["answer"])[:60], well)


def a_daemon_starts_while_its_storage_hangs():
    """It takes up its running migration, which ends when the storage goes on."""
    uuid, number = lab.slow_copy("adopted")
    with watched(lab, uuid):
        lab.run("pause", "HostA", "storage")
        try:
            lab.run("kill", "HostB", "compute")
            lab.run("start", "HostB", "compute")
            began = time.monotonic()
            for _ in until(8, lambda: service("HostB"), pause=0.05):
                row = service("HostB")
                if row["state"] == "up" and (row["health"] or "").startswith("storage: "):
                    break
            took = time.monotonic() - began
        finally:
            lab.run("resume", "HostA", "storage")
        wait_health("HostB", None)
        lab.let_it_finish(uuid)
        ended = lab.settled(uuid, number, "done", "HostC", 20)
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    api.delete(uuid)
    return "up and unwell after %.1f s, migration done %.1f s after the storage went on" % (took, ended)


# --- deleting -----------------------------------------------------------------------------------------------------------


def delete_operation(uuid):
    return lab.sql("SELECT state, coalesce(blocked, ''), coalesce(blocked_host, '') FROM operations "
                   "WHERE instance = '%s' AND kind = 'delete' ORDER BY id DESC LIMIT 1" % uuid)


def wait_gone(uuid, seconds=20):
    for _ in until(seconds, lambda: api.server(uuid)):
        try:
            api.server(uuid)
        except Refused as refused:
            if refused.status == 404:
                return


def a_delete_waits_for_the_right_file_system():
    """Not mounted, or another one: the guest is ended, its files stay, the delete says what it waits for."""
    for directory in (EMPTY, OTHER):
        uuid = lab.guest("undead", "HostC")
        before = inode(uuid)
        with put_over("HostC", directory), no_unlinks(EXPORT):
            api.request("DELETE", "/servers/" + uuid)
            for _ in until(10, lambda: delete_operation(uuid)):
                if delete_operation(uuid) == [["deleting", "storage not answering", "HostC"]]:
                    break
            assert lab.where(uuid) == []
            restart("HostC")  # also a daemon that never saw the right one removes nothing
            wait_health("HostC", "storage: ")
            assert inode(uuid) == before and delete_operation(uuid)[0][0] == "deleting"
            left = [name for name in inside("HostC", "ls", "-A", INSTANCES).split()
                    if not name.startswith(".nova-lite-check.")]  # of the look at the storage that is just being taken
            assert left == ([".nova-lite-fsid"] if directory == OTHER else []), left
        wait_gone(uuid)
        assert not os.path.exists("%s/%s" % (EXPORT, uuid))
        lab.check_books()


def a_delete_waits_for_the_former_host():
    """The migration's source has not been cleaned and cannot be reached: its files are the guest's until it has answered."""
    uuid = lab.guest("gone")
    hold = lab.directory + "/HostB/hold"
    restart("HostB", "NOVA_LITE_FAULT=compute:cleaning:before=hold(%s):1" % hold)
    number = api.live_migrate(uuid, "HostC")
    lab.wait_state(uuid, number, ("cleaning",), 30)
    for _ in until(10, lambda: "the step is not held"):
        if os.path.exists(hold):
            break
    before = inode(uuid)
    with no_unlinks(EXPORT):
        lab.run("link", "HostB", "down")
        os.unlink(hold)
        api.request("DELETE", "/servers/" + uuid)
        for _ in until(15, lambda: service("HostB"), pause=0.2):
            if service("HostB")["state"] == "down":
                break
        assert delete_operation(uuid) == [], "the delete has begun"
        assert api.migration(uuid, number)["state"] == "cleaning"
        assert inode(uuid) == before and lab.domain_state("HostC", uuid) == "running"
    watch = UnlinkWatch(EXPORT)
    watch.start()
    lab.run("link", "HostB", "up")
    wait_gone(uuid, 30)
    events = watch.stop()
    assert events and events[0] == uuid, "the first to go was not the whole directory, by its rename: %s" % events
    assert all(path == uuid or path.startswith(".trash/" + uuid) for path in events), events
    assert lab.sql("SELECT state FROM operations WHERE id = %d" % number) == [["done"]]
    restart("HostB")
    lab.check_books()


def a_copy_on_the_former_host_is_ended_before_anything_is_removed():
    """Somebody has started an old copy there, on another disk: it is ended first."""
    uuid = lab.guest("twice")
    api.move(uuid, "HostC")
    xml = inside("HostC", "virsh", "-q", "-c", "qemu:///system", "dumpxml", uuid)
    path = lab.directory + "/HostB/copy.xml"
    inside("HostB", "qemu-img", "create", "-q", "-f", "qcow2", "/var/lib/nova-lite/copy", "1G")
    with open(path, "w", encoding="utf-8") as file:
        file.write(xml.replace("%s/%s/disk" % (INSTANCES, uuid), "/var/lib/nova-lite/copy").replace("console.", "copy."))
    lab.run("pause", "HostB", "compute")  # its reconciler would be as quick
    lab.virsh("HostB", "create", path)
    assert lab.where(uuid) == ["HostB", "HostC"]
    api.delete(uuid)
    assert lab.where(uuid) == []
    lab.run("resume", "HostB", "compute")
    for _ in until(20, lambda: service("HostB")):
        if service("HostB")["state"] == "up":
            break
    lab.check_books()


try:
    status = main([a_guest_runs, block_migration_is_refused_on_shared_storage, a_host_without_the_mount_is_not_chosen,
                   a_host_with_guests_does_not_take_another_file_system, a_disk_that_qemu_may_not_open_refuses,
                   a_proof_that_sees_nothing_only_refuses, a_file_that_is_seen_late_is_waited_for,
                   hung_storage_hangs_nobody, a_daemon_starts_while_its_storage_hangs,
                   a_delete_waits_for_the_right_file_system, a_delete_waits_for_the_former_host,
                   a_copy_on_the_former_host_is_ended_before_anything_is_removed])
finally:
    lab.down()
sys.exit(status)
