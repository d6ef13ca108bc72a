# SPDX-License-Identifier: Apache-2.0
"""Who is who: hosts that come back, stale definitions, two daemons of one name, destinations that are not what they seem.  Whatever
a host still has or believes, a guest runs where its row says, once."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import LAB_PROGRAM, Lab, Watch, main, until  # noqa: E402

RECOVERY = 10   # seconds, with these intervals

lab = Lab("identity", "--hosts", "3", "--set", "DEFAULT.report_interval=1", "--set", "DEFAULT.service_down_time=4",
          "--set", "DEFAULT.operation_poll_interval=2", "--set", "DEFAULT.sync_power_state_interval=5",
          "--set", "DEFAULT.live_migration_retry_count=2", "--set", "libvirt.call_timeout=8")
api = lab.api
made = {}
files = tempfile.TemporaryDirectory(prefix="nova-lite-identity-")
FOREIGN = "11111111-2222-4333-8444-555555555555"


def wait_up(host, state="up", seconds=40):
    for _ in until(seconds, lambda: api.get("/os-services?host=" + host)):
        if [s["state"] for s in api.get("/os-services?host=%s&binary=nova-compute" % host)["services"]] == [state]:
            return


def wait_log(host, pattern, since=0, seconds=20, service="compute"):
    """Until the service's log has a line like that after the first `since' characters; the line."""
    text = ""
    for _ in until(seconds, lambda: "no line like %r in the log of %s on %s; its end: %s" % (pattern, service, host, text[-1500:])):
        text = lab.run("logs", host, service)[since:]
        found = re.search(".*(?:%s).*" % pattern, text)
        if found:
            return found.group(0)


def log_size(host, service="compute"):
    return len(lab.run("logs", host, service))


def name_of(uuid):
    return "instance-%08x" % int(lab.sql("SELECT id FROM instances WHERE uuid = '%s'" % uuid)[0][0])


def definition(host, uuid, token=None):
    """The running guest's definition, perhaps with another token."""
    xml = lab.virsh(host, "dumpxml", "--security-info", uuid)
    if token is not None:
        xml, n = re.subn(r"(<(?:\w+:)?token>)\d+(<)", r"\g<1>%d\g<2>" % token, xml)
        assert n == 1, xml
    return xml


def define(host, xml, autostart=False):
    name, uuid = re.search("<name>(.*?)</name>", xml).group(1), re.search("<uuid>(.*?)</uuid>", xml).group(1)
    path = os.path.join(files.name, name + ".xml")
    with open(path, "w") as out:
        out.write(xml)
    lab.virsh(host, "define", path)
    if autostart:
        lab.virsh(host, "autostart", uuid, check=False)  # where a daemon runs, it may be gone already


def foreign(uuid=FOREIGN, name="somebody-elses"):
    return ("<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>" % (name, uuid))


def wait_absent(host, uuid, seconds=RECOVERY):
    began = time.monotonic()
    for _ in until(seconds, lambda: "%s still has %s: %s" % (host, uuid, lab.domain_state(host, uuid))):
        if lab.domain_state(host, uuid) == "absent":
            return time.monotonic() - began


def token(uuid):
    return int(lab.sql("SELECT token FROM instances WHERE uuid = '%s'" % uuid)[0][0])


def starts_in_log(host, uuid):
    """How often libvirt has started a process of this guest there."""
    text = lab.run("exec", host, "sh", "-c", "cat /var/log/libvirt/qemu/%s.log 2>/dev/null || true" % name_of(uuid))
    return len(re.findall(r"starting up libvirt version", text))


def inode(uuid):
    return lab.run("exec", "HostC", "stat", "-c", "%i", "/var/lib/nova-lite/instances/%s/disk" % uuid).strip()


def settled():
    lab.check_books()
    for uuid, in lab.sql("SELECT uuid FROM instances WHERE deleted_at IS NULL AND vm_state = 'active'"):
        report = lab.serial(uuid)
        assert report["ok"], report["text"]


# ---- definitions without a process ----

def stale_definitions_are_removed_and_foreign_ones_left_alone():
    """Of a guest that moved on: on its old source (older token) and on a third host, where a migration might have left one that never
    ran (newer token)."""
    made["mover"] = uuid = api.boot("mover", host="HostB")
    made["old"] = definition("HostB", uuid)
    api.move(uuid, "HostC")
    inode_before, since = inode(uuid), log_size("HostB")
    define("HostB", foreign())
    define("HostB", made["old"], autostart=True)
    took = wait_absent("HostB", uuid)
    define("HostD", definition("HostC", uuid, token(uuid) + 1), autostart=True)
    took = max(took, wait_absent("HostD", uuid))
    wait_log("HostB", r"leaving domain 'somebody-elses' alone: nova-lite did not make it.*instance=" + FOREIGN, since)
    assert lab.domain_state("HostB", FOREIGN) == "shut off"
    assert inode(uuid) == inode_before
    settled()
    return "gone %.1f s after they appeared at most" % took


def a_stale_definition_from_before_the_daemon_was_there():
    uuid = made["mover"]
    lab.run("kill", "HostB", "compute")
    define("HostB", made["old"], autostart=True)
    lab.run("start", "HostB", "compute")
    wait_absent("HostB", uuid)
    settled()


def a_definition_of_the_owners_own():
    """On the host that owns the guest: what it says of the guest's end is recorded first."""
    uuid = api.boot("defined", host="HostB")
    lab.wait_counting(uuid)                        # a test guest that ends in its first boot is another one at its second
    define("HostB", definition("HostB", uuid))     # the running, transient domain becomes a persistent one
    lab.virsh("HostB", "destroy", uuid)
    wait_absent("HostB", uuid)
    api.wait_status(uuid, "SHUTOFF", 20)
    api.action(uuid, {"os-start": None})
    api.wait_status(uuid, "ACTIVE")
    settled()
    api.delete(uuid)


# ---- a host that is booted ----

def a_booted_host_starts_what_it_owns_once_and_nothing_else():
    """resume_guests_state_on_host_boot, a guest that ran there, one that was stopped, and a stale definition with autostart of one that
    lives elsewhere."""
    moved, stays, off = made["mover"], api.boot("stays", host="HostB"), api.boot("off", host="HostB")
    made["stays"] = stays
    api.action(off, {"os-stop": None})
    api.wait_status(off, "SHUTOFF")
    lab.wait_counting(stays)
    before = starts_in_log("HostB", stays), starts_in_log("HostB", off), starts_in_log("HostC", moved)
    lab.run("set", "HostB", "DEFAULT.resume_guests_state_on_host_boot", "true")
    lab.run("kill", "HostB", "compute")
    define("HostB", made["old"], autostart=True)
    lab.run("kill", "HostB", "host")
    watch = Watch(lab, moved)
    watch.start()
    began = time.monotonic()
    lab.run("boot", "HostB")
    api.wait_status(stays, "ACTIVE", 60)
    for _ in until(30, lambda: lab.domain_state("HostB", stays)):
        if lab.domain_state("HostB", stays) == "running":
            break
    took = time.monotonic() - began
    wait_absent("HostB", moved)
    for _ in until(30, lambda: api.server(stays)):  # a whole pass more of the daemon: nothing is started twice
        if lab.sql("SELECT 1 FROM hosts WHERE name = 'HostB' AND updated_at > clock_timestamp() - interval '1 day'"):
            break
    lab.run("reload", "HostB", "compute")
    time.sleep(2)
    watch.stop()
    assert starts_in_log("HostB", stays) == before[0] + 1, "started more than once"
    assert starts_in_log("HostB", off) == before[1] and starts_in_log("HostC", moved) == before[2]
    rows = lab.sql("SELECT state FROM operations WHERE instance = '%s' AND kind = 'start'" % stays)
    assert rows == [["done"]], rows
    assert api.server(off)["status"] == "SHUTOFF" and api.server(moved)["status"] == "ACTIVE"
    assert api.server(moved)["OS-EXT-SRV-ATTR:host"] == "HostC"
    settled()
    api.delete(off)
    return "the guest was back %.1f s after power on" % took


# ---- a host that was away ----

def give_to(uuid, host):
    """What an evacuation does to the rows, by hand: the guest is another host's, stopped there until somebody starts it."""
    lab.sql("""BEGIN;
        UPDATE hosts SET fence_wanted_at = clock_timestamp(), fence_confirmed_at = clock_timestamp() WHERE name <> '%(host)s';
        UPDATE hosts h SET used_vcpus = used_vcpus - c.vcpus, used_memory_mb = used_memory_mb - c.memory_mb
          FROM claims c WHERE c.instance = '%(uuid)s' AND c.role = 'H' AND h.id = c.host_id;
        UPDATE claims SET host_id = (SELECT id FROM hosts WHERE name = '%(host)s') WHERE instance = '%(uuid)s' AND role = 'H';
        UPDATE hosts h SET used_vcpus = used_vcpus + c.vcpus, used_memory_mb = used_memory_mb + c.memory_mb
          FROM claims c WHERE c.instance = '%(uuid)s' AND c.role = 'H' AND h.id = c.host_id;
        UPDATE instances SET host_id = (SELECT id FROM hosts WHERE name = '%(host)s'), token = token + 1, vm_state = 'stopped',
               power_state = 4 WHERE uuid = '%(uuid)s';
        UPDATE hosts SET fence_wanted_at = NULL, fence_confirmed_at = NULL;
        COMMIT;""" % {"uuid": uuid, "host": host})


def away_and_back(back):
    """HostB loses its link, its guest becomes HostC's, HostB comes back: its copy is destroyed before anything else, the disk stays."""
    uuid = api.boot("away", host="HostB")
    lab.wait_counting(uuid)
    disk, since = inode(uuid), log_size("HostB")
    pid = [s["pid"] for h in lab.status()["hosts"] if h["name"] == "HostB" for s in h["services"] if s["name"] == "compute"][0]
    lab.run("link", "HostB", "down")
    cut = time.monotonic()
    wait_up("HostB", "down")
    give_to(uuid, "HostC")
    # A renewal that is on its way may still arrive and save the lease: until the host's own clock has ended it too.
    time.sleep(max(0, cut + 8 - time.monotonic()))
    began = time.monotonic()
    back()
    took = wait_absent("HostB", uuid, 30)
    wait_up("HostB")
    assert inode(uuid) == disk
    assert api.server(uuid)["OS-EXT-SRV-ATTR:host"] == "HostC" and api.server(uuid)["status"] == "SHUTOFF"
    api.action(uuid, {"os-start": None})
    api.wait_status(uuid, "ACTIVE", 30)
    assert lab.where(uuid) == ["HostC"]
    active = "SELECT id, kind, state FROM operations WHERE finished_at IS NULL"
    for _ in until(20, lambda: lab.sql(active)):  # a host that was booted starts its own guests
        if not lab.sql(active):
            break
    lab.check_books()
    return uuid, since, pid, time.monotonic() - began if took is None else took


def a_host_whose_link_was_cut_destroys_the_copy_it_no_longer_owns():
    uuid, since, pid, took = away_and_back(lambda: lab.run("link", "HostB", "up"))
    text = lab.run("logs", "HostB", "compute")[since:]
    lost, stale = text.index("registered anew"), text.index("destroying a stale copy of the guest")
    assert lost < stale, text
    again = [s["pid"] for h in lab.status()["hosts"] if h["name"] == "HostB" for s in h["services"] if s["name"] == "compute"][0]
    assert again == pid, "the daemon was restarted"
    api.delete(uuid)
    return "destroyed %.1f s after the link was back" % took


def a_host_that_was_booted_meanwhile_starts_nothing_it_no_longer_owns():
    def reboot():
        lab.run("kill", "HostB", "host")
        lab.run("link", "HostB", "up", check=False)
        lab.run("boot", "HostB")

    starts = {}
    uuid, since, pid, took = away_and_back(reboot)
    starts = starts_in_log("HostB", uuid)
    assert starts == 1, "started %d times on HostB" % starts
    api.delete(uuid)


# ---- two of one name ----

def second_daemon(host, *more, conf=None, seconds=20):
    """Starts another nova-lite-compute in the host, with a configuration of its own; its log and exit status (None: still running,
    then it is ended)."""
    program = lab.run("exec", host, "sh", "-c", "readlink -f /proc/$(pgrep -o -x nova-lite-compu)/exe", check=False).strip()
    if not program or not os.path.exists(program):
        program = os.path.join(os.environ.get("NOVA_LITE_BINDIR", ""), "nova-lite-compute")
    done = subprocess.run([LAB_PROGRAM, "exec", host,
                           "timeout", str(seconds), program, "--config-file", conf, *more],
                          env=lab.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds + 30)
    return done.stdout, None if done.returncode == 124 else done.returncode


def copy_conf(machine, to, **options):
    """The host's configuration with other values in [DEFAULT]."""
    with open(lab.run("conf", machine).strip()) as file:
        text = file.read()
    for key, value in options.items():
        text = re.sub(r"(?m)^%s\s*=.*\n" % key, "", text)
        text = text.replace("[DEFAULT]\n", "[DEFAULT]\n%s = %s\n" % (key, value), 1)
    text = re.sub(r"(?m)^log_file\s*=.*\n", "", text)
    path = os.path.join(files.name, to)
    with open(path, "w") as file:
        file.write(text)
    return path


def a_second_daemon_on_the_same_host_is_refused():
    text, status = second_daemon("HostB", conf=lab.run("conf", "HostB").strip())
    said = text + lab.run("logs", "HostB", "compute")
    assert status == 1 and re.search("a host has one nova-lite-compute; stop the other one first", said), (status, text)
    wait_up("HostB")


def a_second_daemon_with_its_own_lock_file_fences_the_first_which_stays_quiet():
    """A copied configuration with another state_path defeats the lock file: the one that started last acts, the other waits, and
    they do not take the lease from each other in turn."""
    epochs = "SELECT epoch FROM host_lease l JOIN hosts h ON h.id = l.host_id WHERE h.name = 'HostB'"
    since, epoch = log_size("HostB"), int(lab.sql(epochs)[0][0])
    conf = copy_conf("HostB", "twin.conf", state_path="/run/nova-lite-twin", instances_path="/var/lib/nova-lite/instances")
    lab.run("exec", "HostB", "mkdir", "-p", "/run/nova-lite-twin")
    text, status = second_daemon("HostB", conf=conf, seconds=7)
    assert status is None or status == 0, (status, text)
    line = wait_log("HostB", "another nova-lite-compute has registered as host 'HostB' since", since)
    wait_log("HostB", "registered anew", since, 15)
    wait_up("HostB")
    now = int(lab.sql(epochs)[0][0])
    assert now == epoch + 2, "the epoch went from %d to %d: the two took it from each other (%s)" % (epoch, now, line)


def another_name_for_the_same_machine_is_refused_until_it_is_renamed():
    lab.run("kill", "HostD", "compute")
    lab.run("set", "HostD", "DEFAULT.host", "HostX")
    lab.run("exec", "HostD", "sh", "-c", "echo 127.0.0.1 HostX >> /etc/hosts")
    try:
        text, status = second_daemon("HostD", conf=copy_conf("HostD", "renamed.conf"))
        assert status == 1 and re.search(r"registered as 'HostD' and now calls itself 'HostX': its guests would be orphaned.*"
                                         r"service rename HostD HostX", text), (status, text)
        refused = lab.command("nova-lite-manage", "service", "rename", "HostB", "HostY", check=False)
        assert refused.returncode == 1 and "stop its nova-lite-compute" in refused.stderr, refused
        wait_up("HostD", "down")
        lab.command("nova-lite-manage", "service", "rename", "HostD", "HostX")
        lab.run("start", "HostD", "compute")
        wait_up("HostX")
    finally:
        lab.run("kill", "HostD", "compute", check=False)
        lab.sql("UPDATE host_lease SET lease_until = now() WHERE host_id = (SELECT id FROM hosts WHERE name IN ('HostX', 'HostD'))")
        lab.command("nova-lite-manage", "service", "rename", "HostX", "HostD", check=False)
        lab.run("set", "HostD", "DEFAULT.host", "HostD")
        lab.run("start", "HostD", "compute")
    wait_up("HostD")


def a_copied_machine_is_refused_while_the_first_lives():
    """HostD as a copy of HostB: the same name and, for libvirt, the same host UUID, but another boot."""
    uuid = lab.sql("SELECT uuid FROM hosts WHERE name = 'HostB'")[0][0]
    epochs = "SELECT epoch FROM host_lease l JOIN hosts h ON h.id = l.host_id WHERE h.name = 'HostB'"
    epoch = lab.sql(epochs)
    lab.run("kill", "HostD", "compute")
    lab.run("kill", "HostD", "libvirtd")

    def set_uuid(value):
        lab.run("exec", "HostD", "sh", "-c", "sed -i '/^host_uuid/d' /etc/libvirt/libvirtd.conf; echo 'host_uuid = \"%s\"' >> "
                "/etc/libvirt/libvirtd.conf" % value)

    own = lab.sql("SELECT uuid FROM hosts WHERE name = 'HostD'")[0][0]
    set_uuid("99999999-2222-4333-8444-555555555555")
    try:
        lab.run("start", "HostD", "libvirtd")
        text, status = second_daemon("HostD", conf=copy_conf("HostD", "other.conf", host="HostB"))
        assert status == 1 and "host name 'HostB' belongs to another machine" in text, (status, text)
        lab.run("kill", "HostD", "libvirtd")
        set_uuid(uuid)
        lab.run("start", "HostD", "libvirtd")
        text, status = second_daemon("HostD", conf=copy_conf("HostD", "copy.conf", host="HostB"), seconds=8)
        assert "waiting, not acting: another machine holds the lease of host 'HostB'" in text, text
        assert "is ready" not in text and status is None, (status, text)
        assert lab.sql(epochs) == epoch, "the copy got the lease"
    finally:
        lab.run("kill", "HostD", "libvirtd", check=False)
        set_uuid(own)
        lab.run("start", "HostD", "libvirtd")
        lab.run("start", "HostD", "compute")
    wait_up("HostD")
    wait_up("HostB")


# ---- destinations that cannot take the guest ----

def refused_then_next(host, pattern, uuid=None, named=True):
    """Asked for by name the migration ends with that reason and the guest is untouched; asked without a name it goes to the third host
    and the journal says why not to this one."""
    uuid = uuid or made["mover"]
    here, before = api.server(uuid)["OS-EXT-SRV-ATTR:host"], token(uuid)
    other = next(h for h in lab.hosts if h not in (host, here))
    if named:
        migration = api.wait_migration(uuid, api.live_migrate(uuid, host), 40)
        assert migration["state"] == "error" and re.search(pattern, migration["reason"]), migration
        assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == here and token(uuid) == before
    # The scheduler prefers the emptiest host: make sure that it tries this one first.
    vcpus, memory = lab.sql("SELECT cap_vcpus, cap_memory_mb FROM hosts WHERE name = '%s'" % other)[0]
    lab.sql("UPDATE hosts SET cap_vcpus = used_vcpus + 1, cap_memory_mb = used_memory_mb + 512 WHERE name = '%s'" % other)
    try:
        migration = api.wait_migration(uuid, api.live_migrate(uuid), 60)
    finally:
        lab.sql("UPDATE hosts SET cap_vcpus = %s, cap_memory_mb = %s WHERE name = '%s'" % (vcpus, memory, other))
    assert migration["state"] == "done" and migration["dest_host"] == other, migration
    told = json.dumps(migration)
    assert re.search(pattern, told), told
    api.wait_status(uuid, "ACTIVE")
    api.move(uuid, here)


def a_namesake_on_the_destination():
    """A foreign domain of the same uuid or the same name refuses; a stale one of the same uuid is removed."""
    uuid = made["mover"]
    xml = foreign(uuid, "taken")
    define("HostB", xml)
    try:
        refused_then_next("HostB", "host 'HostB' has a domain with this uuid that nova-lite did not make")
        assert lab.domain_state("HostB", uuid) == "shut off"
    finally:
        lab.virsh("HostB", "undefine", uuid)
    define("HostB", foreign(FOREIGN[:-1] + "6", name_of(uuid)))
    try:
        refused_then_next("HostB", r"host 'HostB' has another domain named '%s' \(uuid %s\)" % (name_of(uuid), FOREIGN[:-1] + "6"))
    finally:
        lab.virsh("HostB", "undefine", FOREIGN[:-1] + "6")
    # The daemon of HostB would have removed this one by itself: it appears when the scheduler has chosen already.
    lab.run("pause", "HostB", "compute")
    define("HostB", made["old"], autostart=True)
    number = api.live_migrate(uuid, "HostB")
    lab.run("resume", "HostB", "compute")
    migration = api.wait_migration(uuid, number, 60)
    assert migration["state"] == "done" and lab.where(uuid) == ["HostB"], migration
    api.move(uuid, "HostC")
    settled()


def all_migration_ports_taken():
    uuid = made["mover"]
    script = ("import socket, sys\nheld = []\nfor port in range(49152, 49216):\n s = socket.socket(socket.AF_INET6)\n"
              " s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"  # as QEMU: connections that have just ended are no hindrance
              " s.bind(('::', port))\n s.listen()\n held.append(s)\nprint('held', flush=True)\nsys.stdin.read()\n")
    holder = subprocess.Popen([LAB_PROGRAM, "exec", "HostB", "python3", "-c", script], env=lab.environment, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        refused_then_next("HostB", "49152")
    finally:
        holder.stdin.close()
        holder.wait(20)
    api.move(uuid, "HostB")
    api.move(uuid, "HostC")


def an_address_that_is_not_the_destinations():
    """It does not resolve, nobody answers there, or the libvirt of another host does."""
    uuid = made["mover"]
    lab.sql("UPDATE hosts SET migration_address = 'no.such.name.invalid' WHERE name = 'HostB'")
    try:
        refused_then_next("HostB", "cannot reach libvirt on 'HostB' at 'no.such.name.invalid'")
        lab.sql("UPDATE hosts SET migration_address = (SELECT my_ip FROM hosts WHERE name = 'HostD') WHERE name = 'HostB'")
        migration = api.wait_migration(uuid, api.live_migrate(uuid, "HostB"), 40)
        assert migration["state"] == "error" and "answers the libvirt of another machine" in migration["reason"], migration
        assert lab.where(uuid) == ["HostC"]
    finally:
        lab.sql("UPDATE hosts SET migration_address = name WHERE name = 'HostB'")
    api.wait_status(uuid, "ACTIVE")
    settled()


# ---- guests that change their life by themselves ----

def power_of(uuid):
    server = api.server(uuid)
    return server["status"], server["OS-EXT-STS:power_state"]


def events_during_a_migration_do_not_change_what_the_server_is():
    """Suspended and resumed behind our back all the time while it is copied: the row says active from beginning to end."""
    uuid = api.boot("flooded", flavor="m1.micro", image="testguest-steady", host="HostB")
    lab.wait_counting(uuid)
    lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "8")
    lab.run("reload", "HostB", "compute")
    number = api.live_migrate(uuid, "HostC")
    for _ in until(30, lambda: api.migration(uuid, number)):
        if api.migration(uuid, number)["state"] == "migrating":
            break
    flood = subprocess.Popen(["virsh", "-q", "-c", lab.environment["VIRSH_HOSTB"]], stdin=subprocess.PIPE, text=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    flood.stdin.write(("suspend %s\nresume %s\n" % (uuid, uuid)) * 200)
    flood.stdin.close()
    seen, samples = set(), 0
    try:
        for _ in until(90, lambda: api.migration(uuid, number), 0.05):
            seen.add(lab.sql("SELECT vm_state FROM instances WHERE uuid = '%s'" % uuid)[0][0])
            samples += 1
            if api.migration(uuid, number)["state"] in ("done", "failed", "cancelled", "error"):
                break
    finally:
        flood.kill()
        flood.wait()
    assert seen == {"active"}, seen
    api.wait_status(uuid, "ACTIVE")
    lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "0")
    lab.run("reload", "HostB", "compute")
    here = api.server(uuid)["OS-EXT-SRV-ATTR:host"]
    for _ in until(15, lambda: (lab.where(uuid), lab.domain_state(here, uuid))):
        if lab.where(uuid) == [here] and lab.domain_state(here, uuid) == "running":
            break
    settled()
    made["flooded"] = uuid
    return "%d samples, the migration ended %s" % (samples, api.migration(uuid, number)["state"])


def what_a_guest_does_by_itself_is_noticed():
    """By libvirt's event, and when libvirtd was away at that moment by looking."""
    uuid = made["flooded"]
    took = {}
    host = api.server(uuid)["OS-EXT-SRV-ATTR:host"]

    def noticed(label, act, status, power):
        began = time.monotonic()
        act()
        for _ in until(20, lambda: "%s: %s" % (label, power_of(uuid))):
            if power_of(uuid) == (status, power):
                break
        took[label] = time.monotonic() - began
        if status != "ACTIVE":
            api.action(uuid, {"os-start": None})
            api.wait_status(uuid, "ACTIVE")
            lab.wait_counting(uuid)

    def without_libvirtd(act):
        lab.run("kill", host, "libvirtd")
        act()
        lab.run("start", host, "libvirtd")

    noticed("crashed", lambda: lab.run("kill", host, "qemu", uuid), "SHUTOFF", 6)
    noticed("powered off", lambda: lab.virsh(host, "shutdown", "--mode", "acpi", uuid), "SHUTOFF", 4)
    noticed("crashed, libvirtd away", lambda: without_libvirtd(lambda: lab.run("kill", host, "qemu", uuid)), "SHUTOFF", 6)
    boots = int(lab.serial(uuid)["boots"])
    lab.virsh(host, "reset", uuid)
    for _ in until(20, lambda: lab.serial(uuid)["text"]):
        if int(lab.serial(uuid)["boots"]) > boots:
            break
    assert power_of(uuid) == ("ACTIVE", 1)
    lab.check_books()
    return ", ".join("%s %.1f s" % item for item in took.items())


try:
    status = main([stale_definitions_are_removed_and_foreign_ones_left_alone, a_stale_definition_from_before_the_daemon_was_there,
                   a_definition_of_the_owners_own, a_booted_host_starts_what_it_owns_once_and_nothing_else,
                   a_host_whose_link_was_cut_destroys_the_copy_it_no_longer_owns,
                   a_host_that_was_booted_meanwhile_starts_nothing_it_no_longer_owns,
                   a_second_daemon_on_the_same_host_is_refused,
                   a_second_daemon_with_its_own_lock_file_fences_the_first_which_stays_quiet,
                   another_name_for_the_same_machine_is_refused_until_it_is_renamed,
                   a_copied_machine_is_refused_while_the_first_lives,
                   a_namesake_on_the_destination, all_migration_ports_taken, an_address_that_is_not_the_destinations,
                   events_during_a_migration_do_not_change_what_the_server_is, what_a_guest_does_by_itself_is_noticed])
finally:
    if not os.environ.get("KEEP"):
        lab.down()
sys.exit(status)
