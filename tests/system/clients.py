# SPDX-License-Identifier: Apache-2.0
"""The real nova and openstack commands, unmodified and without Keystone, against the lab."""
import json
import re
import sys

from novalab import Lab, main, until

lab = Lab("clients", "--set", "DEFAULT.rpc_response_timeout=8")
api = lab.api
made = {}


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


try:
    status = main([nova_boot, nova_list, nova_show, nova_service_list, nova_hypervisor_list, nova_live_migration,
                   nova_server_migration_list, openstack_server_list, openstack_server_show, openstack_server_migrate,
                   openstack_compute_service_list, openstack_hypervisor_list, openstack_host_show,
                   openstack_server_create_and_delete, nova_lite_why, nova_stop_start_reboot_delete])
finally:
    lab.down()
sys.exit(status)
