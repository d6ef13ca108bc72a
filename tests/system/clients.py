# SPDX-License-Identifier: Apache-2.0
"""The real nova and openstack commands, unmodified and without Keystone, against the lab."""
import hashlib
import json
import os
import re
import sys
import tempfile

from novalab import Lab, main, until

lab = Lab("clients", "--set", "DEFAULT.rpc_response_timeout=8")
api = lab.api
made = {}
scratch = tempfile.TemporaryDirectory(dir="/var/tmp")


def run(*words):
    return lab.command(*words, timeout=120).stdout


def rows(text):
    """A printed table as a list of dicts."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def properties(text):
    return {next(iter(row.values())): list(row.values())[1] for row in rows(text)}


def nova_boot():
    shown = properties(run("nova", "boot", "--flavor", "m1.nano", "--image", "testguest", "vm1"))
    assert shown["name"] == "vm1" and shown["status"] == "BUILD" and "testguest" in shown["image"], shown
    made["vm1"] = shown["id"]
    api.wait_status(made["vm1"], "ACTIVE")


def nova_list():
    listed = rows(run("nova", "list"))
    assert list(listed[0]) == ["ID", "Name", "Status", "Task State", "Power State", "Networks"], listed
    assert listed[0]["ID"] == made["vm1"] and listed[0]["Status"] == "ACTIVE" and listed[0]["Power State"] == "Running"
    assert re.match(r"private=10\.80\.\d+\.\d+$", listed[0]["Networks"]), listed


def nova_show():
    shown = properties(run("nova", "show", "vm1"))
    assert shown["OS-EXT-SRV-ATTR:host"] in lab.hosts and shown["id"] == made["vm1"], shown
    assert shown["flavor:original_name"] == "m1.nano" and "private network" in shown, shown
    made["host"] = shown["OS-EXT-SRV-ATTR:host"]
    made["other"] = next(h for h in lab.hosts if h != made["host"])


def nova_service_list():
    listed = rows(run("nova", "service-list"))
    assert list(listed[0]) == ["Id", "Binary", "Host", "Zone", "Status", "State", "Updated_at", "Disabled Reason", "Forced down"], listed
    assert sorted((s["Binary"], s["Host"]) for s in listed) == [("nova-compute", "HostB"), ("nova-compute", "HostC"), ("nova-scheduler", "HostA")], listed
    assert all(s["State"] == "up" for s in listed), listed


def nova_hypervisor_list():
    listed = rows(run("nova", "hypervisor-list"))
    assert sorted(h["Hypervisor hostname"] for h in listed) == ["HostB", "HostC"], listed
    assert all(h["State"] == "up" and h["Status"] == "enabled" for h in listed), listed


def nova_live_migration():
    assert run("nova", "live-migration", "vm1", made["other"]) == ""
    for _ in until(60, lambda: api.newest_migration(made["vm1"])):
        if api.newest_migration(made["vm1"])["status"] == "completed":
            break
    assert api.wait_status(made["vm1"], "ACTIVE")["OS-EXT-SRV-ATTR:host"] == made["other"]


def nova_server_migration_list():
    assert rows(run("nova", "server-migration-list", "vm1")) == []
    uuid = api.boot("slow", flavor="m1.micro", image="testguest-steady", host="HostB")
    lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "2")
    lab.run("reload", "HostB", "compute")
    lab.wait_counting(uuid, 10)
    run("nova", "live-migration", "slow", "HostC")
    number = api.newest_migration(uuid)["id"]
    for _ in until(30, lambda: api.migration(uuid, number)):
        if api.migration(uuid, number)["memory_processed_bytes"] > 0:
            break
    listed = rows(run("nova", "server-migration-list", "slow"))
    assert len(listed) == 1 and listed[0]["Status"] == "running" and listed[0]["Dest Compute"] == "HostC", listed
    shown = properties(run("nova", "server-migration-show", "slow", listed[0]["Id"]))
    assert shown["source_compute"] == "HostB" and int(shown["memory_total_bytes"]) > 0, shown
    run("nova", "live-migration-abort", "slow", listed[0]["Id"])
    api.wait_migration(uuid, int(listed[0]["Id"]))
    assert api.newest_migration(uuid)["status"] == "cancelled"
    lab.run("set", "HostB", "libvirt.live_migration_bandwidth", "0")
    lab.run("reload", "HostB", "compute")
    api.delete(uuid)


def openstack_server_list():
    listed = json.loads(run("openstack", "server", "list", "-f", "json"))
    assert [(s["ID"], s["Name"], s["Status"]) for s in listed] == [(made["vm1"], "vm1", "ACTIVE")], listed
    assert "private" in str(listed[0]["Networks"]), listed


def openstack_server_show():
    shown = json.loads(run("openstack", "server", "show", "vm1", "-f", "json"))
    assert shown["id"] == made["vm1"] and shown["OS-EXT-SRV-ATTR:host"] == made["other"], shown


def openstack_server_migrate():
    run("openstack", "--os-compute-api-version", "2.30", "server", "migrate", "--live-migration", "--host", made["host"], "--wait", "vm1")
    assert api.wait_status(made["vm1"], "ACTIVE")["OS-EXT-SRV-ATTR:host"] == made["host"]


def openstack_compute_service_list():
    listed = json.loads(run("openstack", "compute", "service", "list", "-f", "json"))
    assert sorted(s["Host"] for s in listed) == ["HostA", "HostB", "HostC"] and all(s["State"] == "up" for s in listed), listed


def openstack_hypervisor_list():
    listed = json.loads(run("openstack", "hypervisor", "list", "-f", "json"))
    assert sorted(h["Hypervisor Hostname"] for h in listed) == ["HostB", "HostC"], listed


def openstack_host_show():
    listed = json.loads(run("openstack", "host", "show", made["host"], "-f", "json"))
    assert [r["Project"] for r in listed][:3] == ["(total)", "(used_now)", "(used_max)"], listed
    assert listed[2]["CPU"] == 1 and listed[2]["Memory MB"] == 64, listed


def openstack_server_create_and_delete():
    run("openstack", "--os-compute-api-version", "2.37", "server", "create", "--flavor", "m1.nano", "--image", "testguest", "--nic", "none", "--wait", "vm2")
    assert api.named("/servers", "servers", "vm2")
    run("openstack", "server", "delete", "--wait", "vm2")


def nova_lite_why():
    """Where a server could go; every filter that refuses, with what helps; one host; who is nobody; nobody to ask."""
    host = api.server(made["vm1"])["OS-EXT-SRV-ATTR:host"]
    other = next(h for h in lab.hosts if h != host)
    said = run("nova-lite", "why", "vm1")
    assert said.startswith("vm1 is on %s; 1 of 2 hosts would take it.\n" % host), said
    fits, refuses = rows(said)
    assert (fits["Host"], fits["Fits"], refuses["Host"], refuses["Fits"]) == (other, "yes", host, "no"), said
    assert float(fits["Weight"]) >= 0 and refuses["Filter"] == "source" and "current host" in refuses["Why not"], said
    run("nova", "service-disable", "--reason", "new disks", next(
        s["Id"] for s in rows(run("nova", "service-list")) if s["Host"] == other))
    refused = lab.command("nova-lite", "why", "vm1", "--host", other, check=False)
    assert refused.returncode == 4, refused
    row, = rows(refused.stdout)
    assert row["Host"] == other and row["Filter"] == "ComputeFilter" and "new disks" in row["Why not"], row
    assert "enable the service" in row["What helps"], row
    told = json.loads(lab.command("nova-lite", "--output", "json", "why", "vm1", check=False).stdout)
    assert told["hosts_fitting"] == 0 and {h["host"] for h in told["hosts"]} == {host, other}, told
    run("nova", "service-enable", next(s["Id"] for s in rows(run("nova", "service-list")) if s["Host"] == other))
    unknown = lab.command("nova-lite", "why", "vm1", "--host", "HostZ", check=False)
    assert unknown.returncode == 3 and "Compute host HostZ could not be found." in unknown.stderr, unknown
    lab.run("kill", "HostA", "scheduler")
    unanswered = lab.command("nova-lite", "why", "vm1", check=False, timeout=120)
    assert unanswered.returncode == 1 and "No scheduler answers" in unanswered.stderr, unanswered
    lab.run("start", "HostA", "scheduler")
    assert api.server(made["vm1"])["OS-EXT-SRV-ATTR:host"] == host
    lab.check_books()


def nova_stop_start_reboot_delete():
    run("nova", "stop", "vm1")
    api.wait_status(made["vm1"], "SHUTOFF")
    run("nova", "start", "vm1")
    api.wait_status(made["vm1"], "ACTIVE")
    run("nova", "reboot", "--hard", "vm1")
    api.wait_status(made["vm1"], "ACTIVE")
    run("nova", "delete", "vm1")
    for _ in until(30, lambda: run("nova", "list")):
        if not rows(run("nova", "list")):
            break
    lab.check_books()


def lite(*words):
    return run("nova-lite", *words)


def lite_fails(status, text, *words):
    done = lab.command("nova-lite", *words, check=False)
    assert done.returncode == status and text in done.stderr, "%s: exit %d: %s%s" % (words, done.returncode, done.stdout, done.stderr)


def nova_lite_key_pairs_and_quotas():
    key = path_of("lite.pub", PUBLIC_KEY + "\n")
    assert properties(lite("keypair-add", "--pub-key", key, "k1"))["name"] == "k1"
    assert lite("keypair", "create", "k2").startswith("-----BEGIN ")
    listed = rows(lite("keypair-list"))
    assert [(k["Name"], k["Type"]) for k in listed] == [("k1", "ssh"), ("k2", "ssh")], listed
    assert properties(lite("keypair", "show", "k1"))["public_key"] == PUBLIC_KEY
    lite_fails(4, "already exists", "keypair-add", "k1")
    lite_fails(7, "nonesuch", "keypair-delete", "k1", "nonesuch", "k2")
    lite_fails(3, "HTTP 404", "keypair", "show", "k1")
    assert properties(lite("quota", "set", "--instances", "7", "--ram", "-1", "other"))["instances"] == "7"
    shown = {q["Quota"]: (q["Limit"], q["In Use"]) for q in rows(lite("quota-show", "other"))}
    assert shown["instances"] == ("7", "0") and shown["ram"] == ("-1", "0"), shown
    lite("quota", "delete", "other")
    assert {q["Quota"]: q["Limit"] for q in rows(lite("quota", "show", "other"))}["instances"] == "-1"
    assert properties(lite("quota-defaults"))["key_pairs"] == "100"
    assert {q["Quota"]: q["In Use"] for q in rows(lite("quota-show"))}["instances"] == str(len(api.get("/servers")["servers"]))
    lite_fails(2, "which limit", "quota-update", "other")
    lite_fails(2, "usage:", "quota-update")
    assert "maxTotalCores" in properties(lite("limits"))


def nova_lite_groups_aggregates_and_flavors():
    made["group"] = properties(lite("server-group-create", "--max-per-host", "2", "g", "anti-affinity"))["id"]
    assert [g["Name"] for g in rows(lite("group", "list"))] == ["g"]
    assert properties(lite("group", "show", "g"))["policy"] == "anti-affinity"
    lite_fails(4, "HTTP 400", "group", "create", "h", "togetherness")
    lite("server-group-delete", "g")
    lite_fails(3, "no server group 'g'", "group", "show", "g")
    assert properties(lite("aggregate", "create", "rack", "zone1"))["availability_zone"] == "zone1"
    assert properties(lite("aggregate", "add-host", "rack", "HostC"))["hosts"] == '["HostC"]'
    assert "zone1" in lite("availability-zone-list")
    assert json.loads(properties(lite("aggregate", "set", "rack", "ssd=true"))["metadata"])["ssd"] == "true"
    assert "ssd" not in properties(lite("aggregate-set-metadata", "rack", "ssd"))["metadata"]
    assert properties(lite("aggregate-update", "--name", "row", "rack"))["name"] == "row"
    lite_fails(4, "HTTP 400", "aggregate-delete", "row")
    lite("aggregate-remove-host", "row", "HostC")
    assert [(a["Name"], a["Hosts"]) for a in rows(lite("aggregate-list"))] == [("row", "[]")]
    lite("aggregate-delete", "row")
    assert rows(lite("aggregate", "list")) == []
    assert properties(lite("flavor-create", "--description", "words", "--private", "f1", "auto", "96", "1", "1"))["description"] == "words"
    assert properties(lite("flavor", "set", "f1", "a=1", "b=2")) == {"a": "1", "b": "2"}
    lite("flavor", "unset", "f1", "a")
    shown = properties(lite("flavor-show", "f1"))
    assert json.loads(shown["extra_specs"]) == {"b": "2"} and shown["ram"] == "96", shown
    assert properties(lite("flavor", "update", "f1", "others"))["description"] == "others"
    lite("flavor-delete", "f1")
    lite_fails(3, "no flavor 'f1'", "flavor-delete", "f1")


def nova_lite_states_and_labels():
    uuid = api.boot("lite", host="HostB")
    lab.wait_counting(uuid)
    for word, status in (("pause", "PAUSED"), ("unpause", "ACTIVE"), ("suspend", "SUSPENDED"), ("resume", "ACTIVE")):
        assert "Request to %s server lite has been accepted." % word in lite(word, "lite")
        api.wait_status(uuid, status)
    lite_fails(4, "while it is in vm_state active", "unpause", "lite")
    lite("lock", "--reason", "mine", "lite")
    assert api.server(uuid)["locked_reason"] == "mine"
    lite("unlock", "lite")
    assert api.server(uuid)["locked"] is False
    lite("reset-state", "lite")
    assert api.server(uuid)["status"] == "ERROR"
    lite("reset-state", "--active", "lite")
    api.wait_status(uuid, "ACTIVE")
    shown = properties(lite("diagnostics", "lite"))
    assert shown["driver"] == "libvirt" and shown["num_cpus"] == "1", shown
    assert properties(lite("metadata", "set", "lite", "role=db", "of=a=b")) == {"role": "db", "of": "a=b"}
    lite("metadata", "unset", "lite", "of")
    assert properties(lite("metadata", "show", "lite")) == {"role": "db"}
    lite_fails(2, "is not KEY=VALUE", "metadata", "set", "lite", "role")
    lite("tag", "add", "lite", "blue", "green")
    assert [t["Tag"] for t in rows(lite("tag", "list", "lite"))] == ["blue", "green"]
    lite("server-tag-delete", "lite", "blue")
    assert api.server(uuid)["tags"] == ["green"]
    shown = properties(lite("usage"))
    assert int(shown["servers"]) >= 1 and float(shown["total_hours"]) > 0, shown
    assert [u["Project"] for u in rows(lite("usage", "list"))] == ["default"]
    lite("delete", "--wait", "lite")
    lab.check_books()


USER_DATA = """#!/bin/sh
while :; do
    echo 3 >/proc/sys/vm/drop_caches
    mount -t iso9660 -o ro /dev/vdb /mnt
    echo "told: $(md5sum </mnt/openstack/latest/user_data | cut -c1-32) $(md5sum </mnt/ec2/latest/user-data | cut -c1-32)"
    umount /mnt
    sleep 1
done
"""
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmpBkgpn4TkBHuGKBlbVO8jpDzz8IsAQwNe9EcUHgT0 someone"
# Dies with the daemon that has called it, the first time.
DEADLY_TOOL = """#!/bin/sh
if mkdir %s/died 2>/dev/null; then
    touch "$3.half"
    kill -9 $PPID
    exit 1
fi
exec xorrisofs "$@"
"""


def path_of(name, text, mode=0o644):
    path = os.path.join(scratch.name, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def instance_files(uuid, host="HostB"):
    return sorted(lab.run("exec", host, "sh", "-c", "ls -A /var/lib/nova-lite/instances/%s 2>/dev/null || true" % uuid).split())


def console_of(uuid, token):
    return lab.run("exec", "HostB", "sh", "-c", "cat /var/lib/nova-lite/instances/%s/console.%d.log || true" % (uuid, token))


def guest_is_told(uuid, token, least, data=USER_DATA):
    """The guest has read what it was given from the disk, whole, that often since this part of its console log began."""
    told = "told: %s %s" % ((hashlib.md5(data.encode()).hexdigest(),) * 2)
    text = ""
    for _ in until(60, lambda: text[-3000:]):
        text = console_of(uuid, token)
        if text.count(told) >= least:
            break
    assert text.count("told:") - text.count(told) <= 1, text[-3000:]  # the last line may be half written
    return text


def nova_boot_with_a_config_drive_and_a_daemon_that_dies_making_it():
    tool = path_of("mkisofs", DEADLY_TOOL % scratch.name, 0o755)
    lab.run("set", "HostB", "DEFAULT.mkisofs_cmd", tool)
    lab.run("reload", "HostB", "compute")
    run("nova", "keypair-add", "--pub-key", path_of("key.pub", PUBLIC_KEY + "\n"), "mine")
    shown = properties(run("nova", "boot", "--flavor", "m1.tiny", "--image", "linux", "--availability-zone", "nova:HostB", "--key-name", "mine",
                           "--config-drive", "true", "--user-data", path_of("user-data", USER_DATA), "--meta", "role=db", "told"))
    made["told"] = shown["id"]
    assert shown["config_drive"] == "True" and shown["key_name"] == "mine", shown
    for _ in until(30, lambda: "the daemon did not die"):
        if os.path.exists(scratch.name + "/died"):
            break
    assert any(name.startswith(".iso.") for name in instance_files(made["told"])), instance_files(made["told"])
    lab.run("start", "HostB", "compute")
    server = api.wait_status(made["told"], "ACTIVE")
    assert server["config_drive"] == "True", server
    files = instance_files(made["told"])
    assert "config.iso" in files and not any(name.startswith(".iso.") for name in files), files
    text = guest_is_told(made["told"], 1, 2)
    assert "config drive vdb: server %s" % made["told"] in text, text[-3000:]
    assert "config drive key: " + PUBLIC_KEY in text, text[-3000:]
    out = scratch.name + "/iso"
    lab.run("exec", "HostB", "xorriso", "-osirrox", "on", "-indev",
            "/var/lib/nova-lite/instances/%s/config.iso" % made["told"], "-extract", "/", out)
    with open(out + "/openstack/latest/meta_data.json", encoding="utf-8") as file:
        meta = json.load(file)
    assert meta["uuid"] == made["told"] and meta["meta"] == {"role": "db"} and meta["keys"][0]["data"].strip() == PUBLIC_KEY, meta
    with open(out + "/openstack/latest/network_data.json", encoding="utf-8") as file:
        network = json.load(file)
    assert network["networks"][0]["ip_address"] == server["addresses"]["private"][0]["addr"], network


def the_guest_reads_it_after_a_live_migration_too():
    before = console_of(made["told"], 1)
    for token, host in ((2, "HostC"), (3, "HostB")):
        run("nova", "live-migration", "told", host)
        for _ in until(60, lambda: api.newest_migration(made["told"])):
            if api.newest_migration(made["told"])["status"] == "completed":
                break
        assert api.wait_status(made["told"], "ACTIVE")["OS-EXT-SRV-ATTR:host"] == host
        text = guest_is_told(made["told"], token, 2)
        assert "Welcome to" not in text, text[-3000:]
    assert "Welcome to" in before, before[-3000:]
    diagnostics = properties(run("nova", "diagnostics", "told"))
    assert diagnostics["config_drive"] == "True" and diagnostics["num_disks"] == "2", diagnostics


def a_rebuild_makes_the_config_drive_anew():
    """What the guest is told from then on is what the rebuild said."""
    later = USER_DATA + "# later\n"
    run("nova", "rebuild", "--user-data", path_of("later", later), "--description", "rebuilt", "told", "linux")
    assert api.wait_status(made["told"], "ACTIVE")["description"] == "rebuilt"
    assert sorted(name for name in instance_files(made["told"]) if "iso" in name) == ["config.iso"], instance_files(made["told"])
    text = guest_is_told(made["told"], 3, 2, later)
    assert "Welcome to" in text, text[-3000:]


def a_config_drive_goes_with_its_server():
    run("openstack", "server", "delete", "--wait", "told")
    assert instance_files(made["told"]) == []
    run("nova", "keypair-delete", "mine")
    lab.check_books()


try:
    status = main([nova_boot, nova_list, nova_show, nova_service_list, nova_hypervisor_list, nova_live_migration,
                   nova_server_migration_list, openstack_server_list, openstack_server_show, openstack_server_migrate,
                   openstack_compute_service_list, openstack_hypervisor_list, openstack_host_show,
                   openstack_server_create_and_delete, nova_lite_why, nova_stop_start_reboot_delete,
                   nova_lite_key_pairs_and_quotas, nova_lite_groups_aggregates_and_flavors, nova_lite_states_and_labels,
                   nova_boot_with_a_config_drive_and_a_daemon_that_dies_making_it, the_guest_reads_it_after_a_live_migration_too,
                   a_rebuild_makes_the_config_drive_anew, a_config_drive_goes_with_its_server])
finally:
    lab.down()
sys.exit(status)
