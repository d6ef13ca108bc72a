# SPDX-License-Identifier: Apache-2.0
"""Pause, suspend, lock and the rest of a server's life with the real nova and openstack commands, and with a daemon that
dies at every step of them: memory is neither lost nor loaded twice."""
import json
import re
import sys

from novalab import Lab, Refused, main, until

lab = Lab("lifecycle", "--set", "DEFAULT.report_interval=2", "--set", "DEFAULT.service_down_time=6",
          "--set", "DEFAULT.operation_poll_interval=1", "--set", "DEFAULT.operation_active_poll_interval=1",
          "--set", "DEFAULT.allow_resize_to_same_host=true")
api = lab.api
made = {}
HOST = "HostB"


def run(*words):
    return lab.command(*words, timeout=120).stdout


def refused(status, text, ask, *args):
    try:
        ask(*args)
    except Refused as refusal:
        assert refusal.status == status and text in refusal.message, str(refusal)
    else:
        raise AssertionError("accepted: %s" % (args,))


def action_of(uuid, word):
    """The newest action of that name, with its events."""
    actions = api.get("/servers/%s/os-instance-actions" % uuid)["instanceActions"]
    newest = next(a for a in actions if a["action"] == word)
    return api.get("/servers/%s/os-instance-actions/%s" % (uuid, newest["request_id"]))["instanceAction"]


def directory(uuid):
    return lab.run("exec", HOST, "ls", "/var/lib/nova-lite/instances/" + uuid).split()


def memory_files(uuid):
    return [name for name in directory(uuid) if name.startswith("memory.")]


def counter(uuid):
    return int(lab.serial(uuid)["counter"])


def goes_on(uuid, before, boots=1):
    """The same guest counts on: it was not booted anew."""
    report = None
    for _ in until(30, lambda: report["text"]):
        report = lab.serial(uuid)
        if int(report["counter"]) > before:
            break
    assert int(report["boots"]) == boots and report["ok"], report["text"]


def service_state(host, service):
    there = next(h for h in lab.status()["hosts"] if h["name"] == host)
    return next(s["state"] for s in there["services"] if s["name"] == service)


def dies_at(uuid, point, body, again=True):
    """Asks for the action with a daemon that ends at the point; it is started again when it has."""
    lab.run("kill", HOST, "compute")
    lab.run("start", HOST, "compute", "NOVA_LITE_FAULT=%s=exit" % point)
    api.action(uuid, body)
    for _ in until(40, lambda: "the daemon did not die at " + point):
        if service_state(HOST, "compute") == "dead":
            break
    if again:
        lab.run("start", HOST, "compute")


def a_server_is_built():
    made["vm"] = api.boot("vm", host=HOST)
    lab.wait_counting(made["vm"])


def nova_pauses_and_openstack_unpauses():
    run("nova", "pause", "vm")
    server = api.wait_status(made["vm"], "PAUSED")
    assert server["OS-EXT-STS:power_state"] == 3 and lab.domain_state(HOST, made["vm"]) == "paused"
    before = counter(made["vm"])
    refused(409, "Cannot 'pause' instance %s while it is in vm_state paused" % made["vm"], api.action, made["vm"],
            {"pause": None})
    refused(409, "while it is in vm_state paused", api.action, made["vm"], {"suspend": None})
    assert counter(made["vm"]) == before
    run("openstack", "server", "unpause", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    goes_on(made["vm"], before)
    action = action_of(made["vm"], "pause")
    assert [e["event"] for e in action["events"]] == ["compute_pause_instance"], action
    assert action["events"][0]["result"] == "Success" and action["message"] is None, action


def a_paused_guest_moves_and_can_be_let_go_on_there():
    run("nova", "pause", "vm")
    api.wait_status(made["vm"], "PAUSED")
    before = counter(made["vm"])
    api.move(made["vm"], "HostC")
    assert lab.domain_state("HostC", made["vm"]) == "paused"
    run("nova", "unpause", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    goes_on(made["vm"], before)
    api.move(made["vm"], HOST)


def a_daemon_that_dies_in_a_pause_ends_it_when_it_is_back():
    for body, point, status in (({"pause": None}, "compute:pausing:before", "PAUSED"),
                                ({"unpause": None}, "compute:unpausing:after", "ACTIVE")):
        dies_at(made["vm"], point, body)
        api.wait_status(made["vm"], status)


def nova_suspends_and_resumes():
    before = counter(made["vm"])
    run("nova", "suspend", "vm")
    server = api.wait_status(made["vm"], "SUSPENDED")
    assert server["OS-EXT-STS:power_state"] == 4 and lab.where(made["vm"]) == []
    assert len(memory_files(made["vm"])) == 1, directory(made["vm"])
    mode = lab.run("exec", HOST, "stat", "-c", "%a",
                   "/var/lib/nova-lite/instances/%s/%s" % (made["vm"], memory_files(made["vm"])[0])).strip()
    assert mode == "600", mode
    for body in ({"os-start": None}, {"pause": None}, {"suspend": None}, {"os-migrateLive": {"host": None, "block_migration": "auto"}}):
        refused(409, "while it is in vm_state suspended", api.action, made["vm"], body)
    lab.check_books()
    run("nova", "resume", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    goes_on(made["vm"], before)
    assert memory_files(made["vm"]) == []
    assert lab.where(made["vm"]) == [HOST]
    before = counter(made["vm"])
    run("openstack", "server", "suspend", "vm")
    api.wait_status(made["vm"], "SUSPENDED")
    run("openstack", "server", "resume", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    goes_on(made["vm"], before)
    for word, event in (("suspend", "compute_suspend_instance"), ("resume", "compute_resume_instance")):
        assert [(e["event"], e["result"]) for e in action_of(made["vm"], word)["events"]] == [(event, "Success")]


def a_daemon_that_dies_anywhere_in_a_suspend_loses_nothing():
    points = ["compute:suspending:before", "compute:suspending:after", "compute:suspending:committed"]
    back = ["compute:resuming:before", "compute:resuming:loaded", "compute:resuming:dropped", "compute:resuming:after",
            "compute:resuming:committed"]
    for i, point in enumerate(back):
        before = counter(made["vm"])
        dies_at(made["vm"], points[i % len(points)], {"suspend": None})
        api.wait_status(made["vm"], "SUSPENDED")
        assert len(memory_files(made["vm"])) == 1 and lab.where(made["vm"]) == []
        dies_at(made["vm"], point, {"resume": None})
        api.wait_status(made["vm"], "ACTIVE")
        goes_on(made["vm"], before)
        assert memory_files(made["vm"]) == [], point
        lab.check_books()
    return "%d deaths" % (2 * len(back))


def a_guest_that_ends_before_its_processors_start_is_never_loaded_twice():
    """The file goes before the processors start: what died after that is booted from its disk, never with old memory."""
    run("nova", "suspend", "vm")
    api.wait_status(made["vm"], "SUSPENDED")
    dies_at(made["vm"], "compute:resuming:dropped", {"resume": None}, again=False)
    assert memory_files(made["vm"]) == [] and lab.domain_state(HOST, made["vm"]) == "paused"
    lab.run("kill", HOST, "qemu", made["vm"])
    lab.run("start", HOST, "compute")
    api.wait_status(made["vm"], "SHUTOFF")
    assert "start the server to boot it from its disk" in action_of(made["vm"], "resume")["events"][0]["details"]
    run("nova", "start", "vm")
    api.wait_status(made["vm"], "ACTIVE")


def memory_that_is_not_ours_or_not_whole_is_refused():
    lab.wait_counting(made["vm"])
    run("nova", "suspend", "vm")
    api.wait_status(made["vm"], "SUSPENDED")
    path = "/var/lib/nova-lite/instances/%s/%s" % (made["vm"], memory_files(made["vm"])[0])
    head = lab.run("exec", HOST, "head", "-c", "16", path)
    assert head.startswith("LibvirtQemudSave"), head
    cases = (("of ownership token", lambda: lab.sql("UPDATE instances SET token = token + 1 WHERE uuid = '%s'" % made["vm"]),
              lambda: lab.sql("UPDATE instances SET token = token - 1 WHERE uuid = '%s'" % made["vm"])),
             ("cannot read the saved memory",
              lambda: lab.run("exec", HOST, "sh", "-c", "printf LibvirtQemudPart | dd of=%s conv=notrunc" % path),
              lambda: lab.run("exec", HOST, "sh", "-c", "printf LibvirtQemudSave | dd of=%s conv=notrunc" % path)))
    for text, spoil, mend in cases:
        spoil()
        api.action(made["vm"], {"resume": None})
        api.wait_status(made["vm"], "SUSPENDED")
        action = action_of(made["vm"], "resume")
        assert action["message"] == "Error" and text in action["events"][0]["details"], action
        assert lab.where(made["vm"]) == [] and len(memory_files(made["vm"])) == 1
        mend()
    before = counter(made["vm"])
    api.action(made["vm"], {"resume": None})
    api.wait_status(made["vm"], "ACTIVE")
    goes_on(made["vm"], before, boots=2)


def a_hard_reboot_of_a_suspended_server_boots_it_anew():
    run("nova", "suspend", "vm")
    api.wait_status(made["vm"], "SUSPENDED")
    before = counter(made["vm"])
    run("nova", "reboot", "--hard", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    assert memory_files(made["vm"]) == []
    goes_on(made["vm"], before, boots=3)


def a_suspended_server_stays_so_when_its_host_was_down():
    run("nova", "suspend", "vm")
    api.wait_status(made["vm"], "SUSPENDED")
    before = counter(made["vm"])
    lab.run("kill", HOST, "host")
    lab.run("boot", HOST)
    for _ in until(60, lambda: api.get("/os-services")):
        if all(s["state"] == "up" for s in api.get("/os-services?binary=nova-compute")["services"]):
            break
    assert api.server(made["vm"])["status"] == "SUSPENDED"
    run("nova", "resume", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    goes_on(made["vm"], before, boots=3)


def diagnostics_come_from_the_hypervisor():
    text = run("nova", "diagnostics", "vm")
    assert re.search(r"\| driver +\| libvirt", text) and re.search(r"\| num_cpus +\| 1 ", text), text
    new = api.get("/servers/%s/diagnostics" % made["vm"], "2.48")
    assert sorted(new) == sorted("""config_drive cpu_details disk_details driver hypervisor hypervisor_os memory_details
        nic_details num_cpus num_disks num_nics state uptime""".split()), new
    assert (new["state"], new["hypervisor"]) == ("running", "qemu"), new
    assert new["num_disks"] == len(new["disk_details"]) == 1, new
    assert new["cpu_details"][0]["time"] > 0 and new["memory_details"]["maximum"] > 0, new
    assert new["disk_details"][0]["read_bytes"] > 0 and new["uptime"] > 0, new
    macs = [a["OS-EXT-IPS-MAC:mac_addr"] for n in api.server(made["vm"])["addresses"].values() for a in n]
    assert [nic["mac_address"] for nic in new["nic_details"]] == macs, (new, macs)
    old = api.get("/servers/%s/diagnostics" % made["vm"], "2.47")
    assert old["cpu0_time"] > 0 and old["vda_read"] > 0 and old["memory"] > 0, old
    assert any(key.endswith("_rx_packets") for key in old), old
    shown = json.loads(run("openstack", "--os-compute-api-version", "2.48", "server", "show", "--diagnostics", "vm",
                           "-f", "json"))
    assert shown["state"] == "running", shown


def locks_consoles_and_states_by_hand():
    run("nova", "lock", "--reason", "upgrade", "vm")
    server = api.server(made["vm"])
    assert (server["locked"], server["locked_reason"]) == (True, "upgrade"), server
    run("openstack", "server", "unlock", "vm")
    assert not api.server(made["vm"])["locked"]
    done = lab.command("nova", "get-vnc-console", "vm", "novnc", check=False)
    assert done.returncode == 1 and "Unavailable console type novnc." in done.stderr, done.stderr
    run("nova", "reset-state", "vm")
    assert api.server(made["vm"])["status"] == "ERROR"
    run("nova", "reset-state", "--active", "vm")
    api.wait_status(made["vm"], "ACTIVE")


def disks(uuid):
    return sorted(name for name in directory(uuid) if "disk" in name)


def new_guest(uuid, old):
    """Another guest than `old' counts, and its console has nothing of that one."""
    report = {"text": "nothing"}
    for _ in until(60, lambda: report["text"]):
        report = lab.serial(uuid)
        if report["ok"] and report["identity"] != old and int(report["counter"]) > 0:
            break
    assert report["boots"] == "1", report["text"]
    return report["identity"]


def nova_rebuilds_and_nothing_of_the_old_disk_is_left():
    address = list(api.server(made["vm"])["addresses"].values())
    token = lab.sql("SELECT token, host_id FROM instances WHERE uuid = '%s'" % made["vm"])
    old = lab.wait_counting(made["vm"])["identity"]
    with lab.checker():
        run("nova", "rebuild", "--poll", "vm", "testguest", "--name", "vm-new")
        server = api.wait_status(made["vm"], "ACTIVE")
        old = new_guest(made["vm"], old)
    assert server["name"] == "vm-new" and list(server["addresses"].values()) == address, server
    assert lab.sql("SELECT token, host_id FROM instances WHERE uuid = '%s'" % made["vm"]) == token
    assert disks(made["vm"]) == ["disk"], directory(made["vm"])
    action = action_of(made["vm"], "rebuild")
    assert [(e["event"], e["result"]) for e in action["events"]] == [("compute_rebuild_instance", "Success")], action
    lab.check_books()
    run("openstack", "server", "set", "--name", "vm", made["vm"])
    run("nova", "stop", "vm")
    api.wait_status(made["vm"], "SHUTOFF", 90)
    run("openstack", "server", "rebuild", "--image", "testguest", "vm")
    api.wait_status(made["vm"], "SHUTOFF")
    assert lab.where(made["vm"]) == [] and disks(made["vm"]) == ["disk"]
    run("nova", "start", "vm")
    api.wait_status(made["vm"], "ACTIVE")
    old = new_guest(made["vm"], old)
    run("nova", "reset-state", "vm")
    assert "accepted" in run("nova-lite", "rebuild", "vm", "testguest")
    api.wait_status(made["vm"], "ACTIVE")
    new_guest(made["vm"], old)
    lab.check_books()


def a_daemon_that_dies_in_a_rebuild_makes_one_new_disk():
    """Before the new disk is whole the old guest goes on; afterwards there is the new one."""
    image = api.server(made["vm"])["image"]["id"]
    points = ["compute:%s:%s" % (state, when) for state in ("rebuilding", "replacing", "spawning")
              for when in ("before", "after", "committed")]
    for point in points:
        old = lab.wait_counting(made["vm"])["identity"]
        dies_at(made["vm"], point, {"rebuild": {"imageRef": image}}, again=False)
        if point in ("compute:rebuilding:before", "compute:rebuilding:after", "compute:rebuilding:committed"):
            assert lab.serial(made["vm"])["identity"] == old and lab.domain_state(HOST, made["vm"]) == "running", point
        lab.run("start", HOST, "compute")
        api.wait_status(made["vm"], "ACTIVE")
        new_guest(made["vm"], old)
        assert lab.where(made["vm"]) == [HOST]
        assert disks(made["vm"]) == ["disk"], (point, directory(made["vm"]))
        lab.check_books()
    return "%d deaths" % len(points)


def a_rebuild_whose_image_is_not_to_be_had_touches_nothing():
    """The image is known, but its file is gone and was never fetched: the guest counts on, with its old image."""
    before, server = counter(made["vm"]), api.server(made["vm"])
    lab.sql("INSERT INTO images SELECT '11111111-2222-4333-8444-555555555555', 'lost', status, disk_format, container_format, "
            "visibility, owner, size, virtual_size, checksum, min_disk, min_ram, 'lost' FROM images WHERE name = 'testguest'")
    api.action(made["vm"], {"rebuild": {"imageRef": "11111111-2222-4333-8444-555555555555"}})
    now = api.wait_status(made["vm"], "ACTIVE", 90)
    assert now["image"] == server["image"], now
    action = action_of(made["vm"], "rebuild")
    assert action["message"] == "Error" and "was not touched" in action["events"][0]["details"], action
    goes_on(made["vm"], before)
    assert disks(made["vm"]) == ["disk"], directory(made["vm"])
    lab.sql("DELETE FROM images WHERE name = 'lost'")


def only(*hosts):
    """New guests go to these hosts and to no other."""
    for host in lab.hosts:
        run("nova-lite", "service-enable" if host in hosts else "service-disable", host)


def home():
    return api.server(made["vm"])["OS-EXT-SRV-ATTR:host"]


def size():
    """Memory in MB and disk in GB as the hypervisor has them, and the flavor's name as users see it."""
    memory = int(re.search(r"Max memory: +(\d+) KiB", lab.virsh(home(), "dominfo", made["vm"]))[1]) // 1024
    disk = int(re.search(r"Capacity: +(\d+)", lab.virsh(home(), "domblkinfo", made["vm"], "vda"))[1]) >> 30
    return memory, disk, api.server(made["vm"])["flavor"]["original_name"]


def boots_on(before, boots):
    """The same guest, booted again from its disk: what it had written is there."""
    report = {"text": "nothing"}
    for _ in until(60, lambda: report["text"]):
        report = lab.serial(made["vm"])
        if int(report.get("boots", 0)) == boots and int(report["counter"]) >= before:
            break
    assert report["ok"] and report["resets"] == str(boots - 1), report["text"]


def booted_so_far():
    report = lab.wait_counting(made["vm"])
    return int(report["boots"])


def memory_claims():
    return sorted((role, int(mb)) for role, mb in lab.sql("SELECT role, memory_mb FROM claims WHERE instance = '%s'" % made["vm"]))


def resizes_to_another_host_and_on_its_own():
    """Confirmed and reverted, with the real clients; what the guest writes in between is never lost."""
    seen = []
    for there, grow, end in (("HostC", "m1.micro", "nova resize-confirm"), (None, "m1.tiny", "openstack server resize confirm"),
                             ("HostB", "m1.small", "nova resize-revert"), (None, "m1.small", "openstack server resize revert")):
        start, boots, old = home(), booted_so_far(), size()
        there = there or start
        only(there)
        with lab.checker("--bound", "60"):
            if end.startswith("nova"):
                run("nova", "resize", "--poll", "vm", grow)
            else:
                run("openstack", "server", "resize", "--flavor", grow, "--wait", "vm")
            api.wait_status(made["vm"], "VERIFY_RESIZE")
            assert home() == there and lab.where(made["vm"]) == [there]
            flavor = api.named("/flavors/detail", "flavors", grow)
            assert size() == (flavor["ram"], max(old[1], flavor["disk"]), grow), size()
            assert memory_claims() == [("H", flavor["ram"]), ("O", old[0])], memory_claims()
            written = counter(made["vm"])
            boots_on(written, boots + 1)
            newest = api.newest_migration(made["vm"])
            assert (newest["status"], newest["migration_type"], newest["source_compute"], newest["dest_compute"]) == \
                ("finished", "resize", start, there), newest
            refused(409, "while it is in vm_state resized", api.action, made["vm"], {"os-stop": None})
            written = counter(made["vm"])
            run(*end.split(), "vm")
            api.wait_status(made["vm"], "ACTIVE")
            confirmed = "confirm" in end
            assert home() == (there if confirmed else start) and lab.where(made["vm"]) == [home()]
            assert api.newest_migration(made["vm"])["status"] == ("confirmed" if confirmed else "reverted")
            if confirmed:
                goes_on(made["vm"], written, boots + 1)
                assert size()[2] == grow and memory_claims() == [("H", flavor["ram"])]
            else:
                boots_on(written - 20, boots + 2)
                assert size() == (old[0], max(old[1], flavor["disk"]), old[2]), (size(), old)
                assert memory_claims() == [("H", old[0])]
        lab.check_books()
        seen.append("%s %s" % (end.split()[-1], "moved" if there != start else "stayed"))
    only(*lab.hosts)
    words = {a["action"] for a in api.get("/servers/%s/os-instance-actions" % made["vm"])["instanceActions"]}
    assert {"resize", "confirmResize", "revertResize"} <= words, words
    events = [e["event"] for e in action_of(made["vm"], "resize")["events"]]
    assert events[::-1] == ["conductor_migrate_server", "compute_prep_resize", "compute_resize_instance", "compute_finish_resize"], events
    return ", ".join(seen)


def deadly(host, point, ask, status):
    """The daemon of the host dies at the point; the action comes to its end when it is back."""
    lab.run("kill", host, "compute")
    lab.run("start", host, "compute", "NOVA_LITE_FAULT=%s=exit" % point)
    for _ in until(30, lambda: api.get("/os-services")):
        if all(s["state"] == "up" for s in api.get("/os-services?binary=nova-compute")["services"]):
            break
    ask()
    for _ in until(60, lambda: "the daemon did not die at " + point):
        if service_state(host, "compute") == "dead":
            break
    lab.run("start", host, "compute")
    api.wait_status(made["vm"], status, 90)


def a_daemon_that_dies_in_a_resize_or_its_reverting_ends_it_when_it_is_back():
    deaths = 0
    for after in ("before", "after", "committed"):
        for state in ("claimed", "stopping", "switched"):
            source = home()
            dest = "HostC" if source == "HostB" else "HostB"
            only(dest)
            written = counter(made["vm"])
            deadly(source if state == "stopping" else dest, "compute:%s:%s" % (state, after),
                   lambda: run("nova", "resize", "vm", "m1.small"), "VERIFY_RESIZE")
            assert lab.where(made["vm"]) == [dest] == [home()] and size()[2] == "m1.small"
            lab.check_books()
            assert int(lab.wait_counting(made["vm"], written - 20)["counter"]) >= written - 20
            if state != "claimed":
                deadly(dest if state == "stopping" else source, "compute:%s:%s" % (state, after),
                       lambda: run("nova", "resize-revert", "vm"), "ACTIVE")
                assert lab.where(made["vm"]) == [source] == [home()]
                deaths += 1
            else:
                run("nova-lite", "resize-revert", "vm")
                api.wait_status(made["vm"], "ACTIVE", 90)
            assert size()[2] != "m1.small"
            lab.check_books()
            lab.wait_counting(made["vm"], written - 20)
            deaths += 1
    only(*lab.hosts)
    return "%d deaths" % deaths


def a_resize_that_fails_on_the_new_host_goes_back():
    source = home()
    dest = "HostC" if source == "HostB" else "HostB"
    only(dest)
    old, boots, token = size(), booted_so_far(), lab.sql("SELECT token FROM instances WHERE uuid = '%s'" % made["vm"])
    lab.run("kill", dest, "compute")
    lab.run("start", dest, "compute", "NOVA_LITE_FAULT=compute:switched:start=error")
    for _ in until(30, lambda: api.get("/os-services")):
        if all(s["state"] == "up" for s in api.get("/os-services?binary=nova-compute")["services"]):
            break
    written = counter(made["vm"])
    run("nova", "resize", "vm", "m1.small")
    api.wait_status(made["vm"], "ACTIVE", 90)
    assert (home(), lab.where(made["vm"]), size()) == (source, [source], old), size()
    assert lab.sql("SELECT token FROM instances WHERE uuid = '%s'" % made["vm"]) != token
    assert api.newest_migration(made["vm"])["status"] == "error"
    assert action_of(made["vm"], "resize")["message"] == "Error"
    boots_on(written - 20, boots + 1)
    lab.check_books()
    lab.run("kill", dest, "compute")
    lab.run("start", dest, "compute")
    only(*lab.hosts)


def a_resize_without_a_host_and_a_deletion_while_it_waits():
    only()
    run("nova", "resize", "vm", "m1.small")
    api.wait_status(made["vm"], "ACTIVE")
    assert api.newest_migration(made["vm"])["status"] == "error"
    assert "No valid host was found" in action_of(made["vm"], "resize")["events"][0]["details"]
    only(*lab.hosts)
    gone = api.boot("gone", host=HOST)
    api.action(gone, {"resize": {"flavorRef": "2"}})
    api.wait_status(gone, "VERIFY_RESIZE", 90)
    api.delete(gone)
    lab.check_books()


def a_suspended_server_is_deleted_with_its_memory():
    run("nova", "suspend", "vm")
    api.wait_status(made["vm"], "SUSPENDED")
    api.delete(made["vm"])
    assert made["vm"] not in lab.run("exec", HOST, "ls", "/var/lib/nova-lite/instances")
    lab.check_books()


try:
    status = main([a_server_is_built, nova_pauses_and_openstack_unpauses, a_paused_guest_moves_and_can_be_let_go_on_there,
                   a_daemon_that_dies_in_a_pause_ends_it_when_it_is_back, nova_suspends_and_resumes,
                   a_daemon_that_dies_anywhere_in_a_suspend_loses_nothing,
                   a_guest_that_ends_before_its_processors_start_is_never_loaded_twice,
                   memory_that_is_not_ours_or_not_whole_is_refused, a_hard_reboot_of_a_suspended_server_boots_it_anew,
                   diagnostics_come_from_the_hypervisor, a_suspended_server_stays_so_when_its_host_was_down,
                   locks_consoles_and_states_by_hand, nova_rebuilds_and_nothing_of_the_old_disk_is_left,
                   a_daemon_that_dies_in_a_rebuild_makes_one_new_disk, a_rebuild_whose_image_is_not_to_be_had_touches_nothing,
                   resizes_to_another_host_and_on_its_own,
                   a_daemon_that_dies_in_a_resize_or_its_reverting_ends_it_when_it_is_back,
                   a_resize_that_fails_on_the_new_host_goes_back, a_resize_without_a_host_and_a_deletion_while_it_waits,
                   a_suspended_server_is_deleted_with_its_memory])
finally:
    lab.down()
sys.exit(status)
