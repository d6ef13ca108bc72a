# SPDX-License-Identifier: Apache-2.0
"""What is refused, and how: each refusal names its reason and changes nothing."""
import re
import sys
import threading

from novalab import Lab, Refused, main, until

# HostC is kept small, so that it can be full.
lab = Lab("refusals", "--hosts", "2", "--set", "DEFAULT.report_interval=1", "--set", "DEFAULT.service_down_time=4")
api = lab.api
made = {}


def snapshot():
    return (lab.sql("SELECT uuid, vm_state, host_id, token FROM instances ORDER BY uuid"),
            lab.sql("SELECT instance, host_id, role FROM claims ORDER BY 1, 2"),
            lab.sql("SELECT name, used_vcpus, used_memory_mb, outgoing, incoming FROM hosts ORDER BY 1"))


def refused(host, status, pattern, uuid=None):
    """Asked in the form that answers after the checks (2.30): refused at once, and nothing has changed."""
    uuid = uuid or made["vm"]
    before = snapshot()
    try:
        api.live_migrate(uuid, host, version="2.30")
    except Refused as refusal:
        assert refusal.status == status and re.search(pattern, refusal.message), str(refusal)
    else:
        raise AssertionError("accepted")
    api.wait_status(uuid, before[0][[row[0] for row in before[0]].index(uuid)][1] == "active" and "ACTIVE" or "SHUTOFF")
    assert snapshot() == before, (before, snapshot())
    lab.check_books()


def build_the_server():
    made["vm"] = api.boot("vm", host="HostB")


def unknown_host():
    refused("HostX", 400, r"^Compute host HostX could not be found\.")


def same_host():
    refused("HostB", 400, r"Unable to migrate instance \(%s\) to current host \(HostB\)\." % made["vm"])


def disabled_host():
    lab.command("nova-lite-manage", "service", "disable", "HostC", "--reason", "new memory")
    refused("HostC", 400, r"HostC: the compute service is disabled: new memory")
    refused(None, 400, r"No valid host was found\..*HostC: the compute service is disabled")
    lab.command("nova-lite-manage", "service", "enable", "HostC")


def no_room_for_memory():
    lab.sql("UPDATE hosts SET cap_memory_mb = used_memory_mb + 63 WHERE name = 'HostC'")
    refused("HostC", 400, r"HostC: needs 64 MB of memory, 63 of \d+ MB are free")
    report_again("HostC")


def no_room_for_cpus():
    lab.sql("UPDATE hosts SET cap_vcpus = used_vcpus WHERE name = 'HostC'")
    refused("HostC", 400, r"HostC: needs 1 vcpus, 0 of \d+ are free")
    report_again("HostC")


def report_again(host):
    """A start of the daemon reports the real capacity."""
    lab.run("kill", host, "compute")
    lab.run("start", host, "compute")
    for _ in until(30, lambda: lab.sql("SELECT name, cap_memory_mb, cap_vcpus FROM hosts")):
        if lab.sql("SELECT 1 FROM hosts WHERE name = '%s' AND cap_memory_mb > 1000 AND cap_vcpus > 1" % host):
            break
    wait_up(host)


def wait_up(host, state="up"):
    for _ in until(40, lambda: api.get("/os-services")):
        if [s["state"] for s in api.get("/os-services?host=%s&binary=nova-compute" % host)["services"]] == [state]:
            return


def host_down():
    lab.run("kill", "HostC", "compute")
    wait_up("HostC", "down")
    refused("HostC", 400, r"Compute service of HostC is unavailable at this time")
    lab.run("start", "HostC", "compute")
    wait_up("HostC")


def wrong_state():
    uuid = api.boot("off", host="HostB")
    api.action(uuid, {"os-stop": None})
    api.wait_status(uuid, "SHUTOFF")
    refused("HostC", 409, r"Cannot 'os-migrateLive' instance %s while it is in vm_state stopped" % uuid, uuid)
    api.delete(uuid)


def of_two_requests_at_once_one_wins():
    outcomes = []

    def ask():
        try:
            api.action(made["vm"], {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}})
            outcomes.append("accepted")
        except Refused as refusal:
            outcomes.append((refusal.status, refusal.message))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("accepted") == 1, outcomes
    for outcome in outcomes:
        assert outcome == "accepted" or (outcome[0] == 409 and "while it is in task_state migrating" in outcome[1]), outcomes
    api.wait_migration(made["vm"], api.newest_migration(made["vm"])["id"])
    api.wait_status(made["vm"], "ACTIVE")
    assert len(lab.sql("SELECT id FROM operations WHERE kind = 'live-migration' AND instance = '%s' AND state = 'done'" % made["vm"])) == 1
    api.move(made["vm"], "HostB")


def the_late_form_says_why_in_the_migration():
    """From 2.34 on the answer is 202 and the reason is in the migration and the action."""
    lab.command("nova-lite-manage", "service", "disable", "HostC")
    number = api.live_migrate(made["vm"], "HostC")
    migration = api.wait_migration(made["vm"], number, 20)
    assert migration["state"] == "error" and "HostC: the compute service is disabled" in migration["reason"], migration
    actions = api.get("/servers/%s/os-instance-actions" % made["vm"])["instanceActions"]
    assert actions[0]["message"] == "Error", actions[0]
    detail = api.get("/servers/%s/os-instance-actions/%s" % (made["vm"], actions[0]["request_id"]))["instanceAction"]
    assert any("disabled" in (e.get("details") or "") for e in detail["events"]), detail
    lab.command("nova-lite-manage", "service", "enable", "HostC")
    assert api.wait_status(made["vm"], "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostB"


def a_build_that_fits_nowhere_says_why():
    lab.sql("INSERT INTO flavors (flavorid, name, vcpus, memory_mb, root_gb) VALUES ('huge', 'huge', 1, 100000000, 1)")
    uuid = api.boot("huge", flavor="huge", wait=False)
    server = api.wait_status(uuid, "ERROR", 20)
    assert re.search(r"No valid host was found\. .*HostB: needs 100000000 MB of memory", server["fault"]["message"]), server["fault"]
    api.delete(uuid)
    lab.check_books()


try:
    status = main([build_the_server, unknown_host, same_host, disabled_host, no_room_for_memory, no_room_for_cpus, host_down, wrong_state,
                   of_two_requests_at_once_one_wins, the_late_form_says_why_in_the_migration, a_build_that_fits_nowhere_says_why])
finally:
    lab.down()
sys.exit(status)
