# SPDX-License-Identifier: Apache-2.0
"""A server's life in the lab: built, listed, shown, stopped, started, rebooted, deleted - with this project's command."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from novalab import TOP, Lab, Refused, main, until

lab = Lab("servers")
api = lab.api
made = {}


def client(*words, **kwargs):
    return lab.command("nova-lite", *words, **kwargs).stdout


def the_lab_is_up_within_15_seconds():
    assert all(s["state"] == "up" for s in api.get("/os-services")["services"])
    assert lab.seconds_up < 15, "it took %.1f s" % lab.seconds_up
    return "in %.1f s" % lab.seconds_up


def boot_prints_the_server_and_it_becomes_active():
    text = client("boot", "--flavor", "m1.nano", "--image", "testguest", "--host", "HostB", "--wait", "vm1")
    assert re.search(r"\| status +\| ACTIVE +\|", text), text
    made["vm1"] = re.search(r"\| id +\| ([0-9a-f-]{36})", text).group(1)
    assert lab.where(made["vm1"]) == ["HostB"]
    lab.check_books()


def list_and_show_say_what_people_expect():
    lines = client("list").splitlines()
    assert re.match(r"^\| +ID +\| +Name +\| +Status +\| +Networks +\|$", lines[1]), lines[1]
    assert re.match(r"^\| %s \| vm1 +\| ACTIVE +\| private=10\.80\.\d+\.\d+ +\|$" % made["vm1"], lines[3]), lines[3]
    server = json.loads(client("-o", "json", "show", "vm1"))
    assert server["OS-EXT-SRV-ATTR:host"] == "HostB"
    assert server["OS-EXT-SRV-ATTR:instance_name"] == "instance-00000001"
    assert client("-o", "value", "list").split()[:3] == [made["vm1"], "vm1", "ACTIVE"]


def the_guest_counts_on_its_console():
    for _ in until(20, lambda: client("console-log", "vm1")):
        if re.search(r"^C 0*[1-9]\d*", client("console-log", "vm1"), re.M):
            return


def stop_presses_the_power_button():
    client("stop", "vm1")
    server = api.wait_status(made["vm1"], "SHUTOFF")
    assert server["OS-EXT-STS:power_state"] == 4
    assert lab.where(made["vm1"]) == []
    assert lab.serial(made["vm1"])["powered_off"] != "0", lab.serial(made["vm1"])["text"]


def a_stopped_server_cannot_be_stopped_or_moved():
    for body in ({"os-stop": None}, {"os-migrateLive": {"host": None, "block_migration": "auto"}}):
        try:
            api.action(made["vm1"], body)
        except Refused as refused:
            assert refused.status == 409 and "while it is in vm_state stopped" in refused.message, str(refused)
        else:
            raise AssertionError("accepted: %s" % body)


def start_goes_on_with_the_same_disk():
    before = int(lab.serial(made["vm1"])["counter"])
    client("start", "vm1")
    api.wait_status(made["vm1"], "ACTIVE")
    assert lab.where(made["vm1"]) == ["HostB"]
    report = None
    for _ in until(20, lambda: report["text"]):
        report = lab.serial(made["vm1"])
        if int(report["counter"]) > before and int(report["boots"]) >= 2:
            break
    assert report["ok"], report["text"]


def states(uuid, kind):
    """What the newest operation of that kind walked through."""
    return [row[0] for row in lab.sql("""
        SELECT j.to_state FROM journal j WHERE j.from_state <> j.to_state AND j.operation =
          (SELECT max(id) FROM operations WHERE instance = '%s' AND kind = '%s') ORDER BY j.seq""" % (uuid, kind))]


def soft_reboot_asks_the_guest():
    boots = int(lab.serial(made["vm1"])["boots"])
    client("reboot", "vm1")
    api.wait_status(made["vm1"], "ACTIVE", 120)
    for _ in until(20, lambda: lab.serial(made["vm1"])["text"]):
        if int(lab.serial(made["vm1"])["boots"]) > boots:
            break
    assert states(made["vm1"], "reboot-soft") == ["rebooting", "done"], states(made["vm1"], "reboot-soft")
    assert lab.where(made["vm1"]) == ["HostB"]


def a_guest_that_does_not_listen_is_rebooted_and_stopped_by_force():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        image = os.path.join(directory, "deaf.qcow2")
        subprocess.run([os.path.join(TOP, "lab/guest/mkguest"), image, "--preset", "idle", "--ignore-power-button"],
                       check=True)
        lab.command("nova-lite-manage", "image", "add", "deaf", image)
    lab.run("set", "HostC", "DEFAULT.shutdown_timeout", "4")
    lab.run("reload", "HostC", "compute")
    uuid = api.boot("deaf", image="deaf", host="HostC")
    lab.wait_counting(uuid, 10)
    began = time.monotonic()
    client("reboot", "deaf")
    api.wait_status(uuid, "ACTIVE", 60)
    assert time.monotonic() - began >= 4, "force came before the deadline"
    assert states(uuid, "reboot-soft") == ["rebooting", "rebooting-hard", "done"], states(uuid, "reboot-soft")
    for _ in until(20, lambda: lab.serial(uuid)["text"]):
        if int(lab.serial(uuid)["boots"]) == 2:
            break
    client("stop", "deaf")
    api.wait_status(uuid, "SHUTOFF", 60)
    assert lab.where(uuid) == []
    api.delete(uuid)


def hard_reboot_starts_it_again():
    boots = int(lab.serial(made["vm1"])["boots"])
    client("reboot", "--hard", "vm1")
    api.wait_status(made["vm1"], "ACTIVE", 60)
    for _ in until(20, lambda: lab.serial(made["vm1"])["text"]):
        if int(lab.serial(made["vm1"])["boots"]) > boots:
            return


def actions_are_recorded():
    words = [a["action"] for a in api.get("/servers/%s/os-instance-actions" % made["vm1"])["instanceActions"]]
    assert words == ["reboot", "reboot", "start", "stop", "create"], words


def services_hypervisors_and_resources_are_listed():
    text = client("service-list")
    assert len(re.findall(r"\| nova-compute +\| Host[BC] +\| nova +\| enabled \| up ", text)) == 2, text
    assert re.search(r"\| nova-scheduler +\| HostA +\| internal \| enabled \| up ", text), text
    assert len(re.findall(r"\| up +\| enabled +\|", client("hypervisor-list"))) == 2
    described = client("host-describe", "HostB")
    assert re.search(r"\| HostB \| \(total\) ", described) and re.search(r"\| HostB \| default +\| 1 +\| 64 ", described), described
    text = lab.command("nova-lite-manage", "service", "describe_resource", "HostB").stdout.splitlines()
    assert text[0] == "%-17s%-7s%8s%10s%8s" % ("HOST", "PROJECT", "cpu", "mem(mb)", "hdd"), text
    assert [line.split()[0] for line in text[1:4]] == ["HostB(total)", "HostB(used_now)", "HostB(used_max)"], text
    assert text[3].split()[1:] == ["1", "64", "1"], text
    smile = lab.command("nova-manage", "service", "list").stdout
    assert len(re.findall(r"^HostB +nova-compute +enabled  :-\) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", smile, re.M)) == 1, smile


def a_guest_that_powers_itself_off_is_noticed():
    uuid = api.boot("self-off", host="HostC")
    lab.wait_counting(uuid)
    lab.virsh("HostC", "shutdown", uuid)
    api.wait_status(uuid, "SHUTOFF", 30)
    api.delete(uuid)


def delete_leaves_nothing():
    client("delete", "--wait", "vm1")
    assert lab.where(made["vm1"]) == []
    assert lab.run("exec", "HostB", "sh", "-c", "ls /var/lib/nova-lite/instances | grep -c %s || true" % made["vm1"]).strip() == "0"
    assert lab.sql("SELECT count(*) FROM claims") == [["0"]]
    assert lab.sql("SELECT count(*) FROM addresses WHERE instance IS NOT NULL") == [["0"]]
    lab.check_books()
    done = lab.command("nova-lite", "show", "vm1", check=False)
    assert done.returncode == 3 and "No server with a name or ID of 'vm1' exists." in done.stderr, done.stderr


def names_are_refused_clearly():
    for words, status, text in (
            (("show", "nobody"), 3, "No server with a name or ID of 'nobody' exists."),
            (("boot", "--flavor", "m9", "--image", "testguest", "x"), 3, "No flavor with a name or ID of 'm9' exists"),
            (("boot", "--flavor", "m1.nano", "--image", "none", "x"), 3, "No image with a name or ID of 'none' exists"),
            (("frobnicate",), 2, "there is no command 'frobnicate'"),
            (("boot", "x"), 2, "boot needs --flavor and --image")):
        done = lab.command("nova-lite", *words, check=False)
        assert done.returncode == status and text in done.stderr, (words, done.returncode, done.stderr)


def a_host_that_lost_power_shows_its_guests_as_stopped():
    made["boot"] = uuid = api.boot("boot", host="HostC")
    lab.wait_counting(uuid, 10)
    lab.run("kill", "HostC", "host")
    lab.run("boot", "HostC")
    assert api.wait_status(uuid, "SHUTOFF", 60)["OS-EXT-SRV-ATTR:host"] == "HostC"
    lab.check_books()


def or_starts_them_again_when_told_to():
    uuid = made["boot"]
    lab.run("set", "HostC", "DEFAULT.resume_guests_state_on_host_boot", "true")
    boots = int(lab.serial(uuid)["boots"])

    def booted_once_more(boots):
        for _ in until(60, lambda: (api.server(uuid)["status"], lab.serial(uuid)["text"])):
            if int(lab.serial(uuid).get("boots", 0)) == boots + 1 and api.server(uuid)["status"] == "ACTIVE":
                return boots + 1

    api.action(uuid, {"os-start": None})
    boots = booted_once_more(boots)
    lab.run("kill", "HostC", "host")
    lab.run("boot", "HostC")
    boots = booted_once_more(boots)
    api.wait_status(uuid, "ACTIVE")
    assert lab.where(uuid) == ["HostC"]
    lab.check_books()
    api.delete(uuid)


def ten_servers_at_once_are_built_and_deleted():
    body = {"server": {"name": "many", "min_count": 10, "max_count": 10, "networks": "auto",
                       "flavorRef": api.named("/flavors/detail", "flavors", "m1.nano")["id"],
                       "imageRef": api.named("/v2/images", "images", "testguest")["id"]}}
    api.request("POST", "/servers", body)
    servers = []
    for _ in until(60, lambda: [(s["name"], s["status"], s.get("fault")) for s in servers]):
        servers = api.get("/servers/detail?name=^many-")["servers"]
        if len(servers) == 10 and all(s["status"] == "ACTIVE" and not s["OS-EXT-STS:task_state"] for s in servers):
            break
    lab.check_books()
    spread = {s["OS-EXT-SRV-ATTR:host"] for s in servers}
    assert spread == {"HostB", "HostC"}, spread
    for server in servers:
        api.request("DELETE", "/servers/" + server["id"])
    for _ in until(60, lambda: api.get("/servers?name=^many-")):
        if not api.get("/servers?name=^many-")["servers"]:
            break
    lab.check_books()


try:
    status = main([the_lab_is_up_within_15_seconds, boot_prints_the_server_and_it_becomes_active,
                   list_and_show_say_what_people_expect, the_guest_counts_on_its_console, stop_presses_the_power_button,
                   a_stopped_server_cannot_be_stopped_or_moved, start_goes_on_with_the_same_disk,
                   soft_reboot_asks_the_guest, hard_reboot_starts_it_again,
                   a_guest_that_does_not_listen_is_rebooted_and_stopped_by_force,
                   actions_are_recorded, services_hypervisors_and_resources_are_listed,
                   a_guest_that_powers_itself_off_is_noticed, delete_leaves_nothing, names_are_refused_clearly,
                   a_host_that_lost_power_shows_its_guests_as_stopped, or_starts_them_again_when_told_to,
                   ten_servers_at_once_are_built_and_deleted])
finally:
    lab.down()
sys.exit(status)
