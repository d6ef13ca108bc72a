# SPDX-License-Identifier: Apache-2.0
"""Live migration in the lab: to a named host, to a chosen one, ten times to and fro, aborted, capped; watched all the while."""
import re
import sys
import time

from novalab import Lab, Refused, Watch, main, until

lab = Lab("migrate", "--set", "compute.metrics_listen=127.0.0.1:9775")
api = lab.api
made = {}


def migration_flags(host):
    """The flags of the migrate calls that libvirt of this host has seen, as numbers."""
    log = lab.run("exec", host, "sh", "-c", "cat /var/log/libvirt/libvirtd.log")
    return {int(f, 16) for f in re.findall(r"dconnuri=qemu\+tcp://.*flags=0x([0-9a-f]+)", log)}


def trace_migrations_in_libvirt():
    for host in lab.hosts:
        lab.run("exec", host, "virt-admin", "-c", "libvirtd:///system", "daemon-log-filters", "1:qemu.qemu_migration")
        lab.run("exec", host, "virt-admin", "-c", "libvirtd:///system", "daemon-log-outputs", "1:file:/var/log/libvirt/libvirtd.log")


def a_server_moves_to_a_named_host():
    trace_migrations_in_libvirt()
    made["vm"] = uuid = api.boot("mover", flavor="m1.micro", image="testguest-steady", host="HostB")
    watch = Watch(lab, uuid)
    watch.start()
    done = lab.command("nova-lite", "live-migration", "mover", "HostC", "--wait")
    samples = watch.stop()
    lines = done.stdout.splitlines()
    assert lines[0] == "Migration of %s initiated." % uuid, lines
    assert re.match(r"Migration of mover completed: it runs on HostC\.  Total time \d+\.\d s, downtime \d+ ms\.$", lines[1]), lines
    assert api.server(uuid)["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.where(uuid) == ["HostC"]
    lab.check_books()
    return "%d samples" % samples


def the_flags_of_the_configuration_reach_libvirt():
    flags = migration_flags("HostB")
    live, peer2peer, persist, undefine, paused, unsafe, abort_on_error = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 5, 1 << 9, 1 << 12
    assert flags, "libvirt has logged no migrate call"
    for value in flags:
        assert value & live and value & peer2peer and value & paused and value & abort_on_error, hex(value)
        assert not value & (persist | undefine | unsafe), hex(value)


def it_moves_back_to_a_chosen_host():
    migration = api.move(made["vm"])
    assert migration["dest_host"] == "HostB", migration
    lab.check_books()


def ten_moves_lose_nothing():
    uuid = made["vm"]
    watch = Watch(lab, uuid)
    watch.start()
    pauses = []
    for i in range(10):
        dest = ("HostC", "HostB")[i % 2]
        migration = api.move(uuid, dest)
        pauses.append(migration["downtime_ms"])
        host = lab.sql("SELECT h.name FROM instances i JOIN hosts h ON h.id = i.host_id WHERE i.uuid = '%s'" % uuid)
        assert host == [[dest]] and lab.where(uuid) == [dest], (host, lab.where(uuid))
        lab.check_books()
    samples = watch.stop()
    time.sleep(1)
    report = lab.serial(uuid)
    assert report["ok"] and report["went_back"] == "0" and report["memory_errors"] == "0" and report["disk_lost"] == "0", report["text"]
    return "pauses %s ms, %d samples, counter %s" % (pauses, samples, report["counter"])


def metrics_count_the_moves():
    seconds = pauses = 0
    for host in ("HostB", "HostC"):
        text = lab.run("exec", host, "curl", "-sf", "http://127.0.0.1:9775/metrics")
        value = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}
        seconds += value["nova_lite_migration_seconds_count"]
        pauses += value["nova_lite_migration_pause_seconds_count"]
        assert 0 <= value["nova_lite_lease_age_seconds"] < 20 and 5 < value["nova_lite_lease_left_seconds"] <= 30, text
        assert value["nova_lite_rpc_connected"] == 1 and value['nova_lite_db_statements_total{result="ok"}'] > 10, text
        assert lab.run("exec", host, "curl", "-sf", "http://127.0.0.1:9775/healthcheck") == "OK\n"
    (done, timed), = lab.sql("SELECT count(*), count(downtime_ms) FROM operations WHERE kind = 'live-migration' AND state = 'done'")
    assert (seconds, pauses) == (int(done), int(timed)) and seconds > 0, (seconds, pauses, done, timed)
    return "%d moves" % seconds


def the_disk_is_intact_when_it_is_off():
    uuid = made["vm"]
    api.action(uuid, {"os-stop": None})
    api.wait_status(uuid, "SHUTOFF")
    counter = int(lab.serial(uuid)["counter"])
    host = api.server(uuid)["OS-EXT-SRV-ATTR:host"]
    disk = "/var/lib/nova-lite/instances/%s/disk" % uuid
    lab.run("exec", host, "qemu-img", "check", "-q", disk)
    api.action(uuid, {"os-start": None})
    api.wait_status(uuid, "ACTIVE")
    for _ in until(20, lambda: lab.serial(uuid)["text"]):
        report = lab.serial(uuid)
        if int(report["counter"]) > counter:
            break
    assert report["ok"] and report["disk_lost"] == "0", report["text"]


def the_journal_tells_the_whole_story():
    migration = api.migration(made["vm"], api.newest_migration(made["vm"])["id"])
    path = [row["to_state"] for row in migration["journal"] if row["to_state"] != row["from_state"] or row["seq"] == 0]
    expected = ["claimed", "checked", "preparing", "prepared", "migrating", "switched", "cleaning", "done"]
    assert [state for state in path if state != "requested"] == expected, path
    events = api.get("/servers/%s/os-instance-actions" % made["vm"])["instanceActions"]
    request = next(a["request_id"] for a in events if a["action"] == "live-migration")
    names = [e["event"] for e in api.get("/servers/%s/os-instance-actions/%s" % (made["vm"], request))["instanceAction"]["events"]]
    for name in ("conductor_live_migrate_instance", "compute_check_can_live_migrate_destination", "compute_pre_live_migration",
                 "compute_live_migration", "compute_post_live_migration_at_destination"):
        assert name in names, names


def slow(host, mib_s):
    """Cap of the next migration from a host, taken over by SIGHUP."""
    lab.run("set", host, "libvirt.live_migration_bandwidth", str(mib_s))
    lab.run("reload", host, "compute")


def a_new_bandwidth_cap_holds_for_the_next_migration():
    uuid = api.boot("capped", flavor="m1.micro", image="testguest-steady", host="HostB")
    lab.wait_counting(uuid, 20)
    fast = api.move(uuid, "HostC")["total_ms"]
    api.move(uuid, "HostB")
    slow("HostB", 20)
    time.sleep(0.5)
    number = api.live_migrate(uuid, "HostC")
    rates = []
    migration = None
    for _ in until(90, lambda: migration, pause=0.3):
        migration = api.migration(uuid, number)
        if migration["state"] == "migrating" and migration["rate_bytes"]:
            rates.append(migration["rate_bytes"] / (1 << 20))
        if migration["state"] in ("done", "failed", "cancelled", "error"):
            break
    slow("HostB", 0)
    assert migration["state"] == "done", migration
    assert migration["total_ms"] > 2 * fast, "capped %d ms, free %d ms" % (migration["total_ms"], fast)
    assert rates and max(rates) < 30, rates
    made["busy"] = uuid
    return "free %d ms, at 20 MiB/s %d ms" % (fast, migration["total_ms"])


def an_abort_in_mid_copy_leaves_the_server_where_it_is():
    uuid = made["busy"]
    source = api.server(uuid)["OS-EXT-SRV-ATTR:host"]
    dest = "HostB" if source == "HostC" else "HostC"
    slow(source, 4)
    time.sleep(0.5)
    number = api.live_migrate(uuid, dest)
    for _ in until(30, lambda: api.migration(uuid, number)):
        migration = api.migration(uuid, number)
        if migration["state"] == "migrating" and migration["memory_processed_bytes"] > 0:
            break
    running = api.get("/servers/%s/migrations" % uuid)["migrations"]
    assert [m["id"] for m in running] == [number] and running[0]["status"] == "running", running
    assert api.server(uuid)["status"] == "MIGRATING"
    lab.command("nova-lite", "live-migration-abort", uuid, str(number))
    migration = api.wait_migration(uuid, number, 30)
    slow(source, 0)
    assert migration["state"] == "cancelled" and migration["reason"], migration
    assert api.server(uuid)["status"] == "ACTIVE"
    assert lab.where(uuid) == [source]
    lab.check_books()
    assert api.newest_migration(uuid)["status"] == "cancelled"
    try:
        api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
    except Refused as refused:
        assert refused.status in (400, 404, 409), str(refused)
    else:
        raise AssertionError("an abort of a finished migration was accepted")
    api.move(uuid, dest)
    report = lab.serial(uuid)
    assert report["ok"], report["text"]


def a_delete_in_mid_copy_deletes():
    uuid = made["busy"]
    source = api.server(uuid)["OS-EXT-SRV-ATTR:host"]
    slow(source, 4)
    time.sleep(0.5)
    number = api.live_migrate(uuid, "HostB" if source == "HostC" else "HostC")
    for _ in until(30, lambda: api.migration(uuid, number)):
        if api.migration(uuid, number)["state"] == "migrating":
            break
    api.delete(uuid, 60)
    slow(source, 0)
    assert lab.where(uuid) == []
    lab.check_books()


def configure(host, **options):
    """Options of [libvirt] that the next migration from a host uses."""
    for name, value in options.items():
        lab.run("set", host, "libvirt." + name, str(value))
    lab.run("reload", host, "compute")
    time.sleep(0.5)


def endless_copy(name):
    """A guest whose copy from HostB cannot catch up with it; the number of its migration, under way."""
    uuid = api.boot(name, flavor="m1.micro", image="testguest-steady", host="HostB")
    lab.wait_counting(uuid, 20)
    configure("HostB", live_migration_bandwidth=4)
    number = api.live_migrate(uuid, "HostC")
    for _ in until(30, lambda: api.migration(uuid, number)):
        if api.migration(uuid, number)["memory_processed_bytes"] > 0:
            return uuid, number


def a_copy_that_takes_too_long_is_aborted():
    configure("HostB", live_migration_completion_timeout=1)  # for each GiB, of which it counts two
    uuid, number = endless_copy("late")
    migration = api.wait_migration(uuid, number, 30)
    assert migration["state"] == "failed" and "live_migration_completion_timeout" in migration["reason"], migration
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostB"
    lab.check_books()
    assert lab.serial(uuid)["ok"]
    api.delete(uuid)


def or_forced_to_complete():
    configure("HostB", live_migration_completion_timeout=1, live_migration_timeout_action="force_complete")
    uuid, number = endless_copy("forced")
    migration = api.wait_migration(uuid, number, 60)
    assert migration["state"] == "done", migration
    configure("HostB", live_migration_completion_timeout=800, live_migration_timeout_action="abort")
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.domain_state("HostC", uuid) == "running"
    lab.check_books()
    assert lab.serial(uuid)["ok"]
    api.delete(uuid)


def force_complete_finishes_a_copy_that_cannot():
    uuid, number = endless_copy("wished")
    api.request("POST", "/servers/%s/migrations/%d/action" % (uuid, number), {"force_complete": None})
    migration = api.wait_migration(uuid, number, 60)
    assert migration["state"] == "done", migration
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.domain_state("HostC", uuid) == "running"
    configure("HostB", live_migration_bandwidth=0)
    assert lab.serial(uuid)["ok"]
    api.delete(uuid)


def a_paused_guest_arrives_paused():
    uuid = api.boot("paused", host="HostB")
    lab.virsh("HostB", "suspend", uuid)
    api.wait_status(uuid, "PAUSED", 30)
    api.move(uuid, "HostC")
    assert lab.domain_state("HostC", uuid) == "paused"
    assert api.wait_status(uuid, "PAUSED")["OS-EXT-SRV-ATTR:host"] == "HostC"
    lab.virsh("HostC", "resume", uuid)
    api.wait_status(uuid, "ACTIVE", 30)
    api.delete(uuid)


def preparation_is_tried_again_as_often_as_configured():
    uuid = api.boot("retry", host="HostB")
    lab.run("set", "HostC", "DEFAULT.live_migration_retry_count", "5")
    lab.run("kill", "HostC", "compute")
    lab.run("start", "HostC", "compute", "NOVA_LITE_FAULT=compute:preparing:try=error:1-4")
    for _ in until(40, lambda: api.get("/os-services")):
        if all(s["state"] == "up" for s in api.get("/os-services?binary=nova-compute")["services"]):
            break
    began = time.monotonic()
    api.move(uuid, "HostC")
    took = time.monotonic() - began
    assert took >= 4, "four failed tries, one second apart, took only %.1f s" % took
    api.move(uuid, "HostB")
    lab.run("kill", "HostC", "compute")
    lab.run("start", "HostC", "compute", "NOVA_LITE_FAULT=compute:preparing:try=error")
    for _ in until(40, lambda: api.get("/os-services")):
        if all(s["state"] == "up" for s in api.get("/os-services?binary=nova-compute")["services"]):
            break
    migration = api.wait_migration(uuid, api.live_migrate(uuid, "HostC"), 60)
    assert migration["state"] == "error" and "HostC" in migration["reason"], migration
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostB"
    lab.run("kill", "HostC", "compute")
    lab.run("start", "HostC", "compute")
    lab.check_books()
    api.delete(uuid)
    return "%.1f s with four failures" % took


try:
    status = main([a_server_moves_to_a_named_host, the_flags_of_the_configuration_reach_libvirt, it_moves_back_to_a_chosen_host,
                   ten_moves_lose_nothing, metrics_count_the_moves, the_disk_is_intact_when_it_is_off, the_journal_tells_the_whole_story,
                   a_new_bandwidth_cap_holds_for_the_next_migration, an_abort_in_mid_copy_leaves_the_server_where_it_is,
                   a_delete_in_mid_copy_deletes, a_copy_that_takes_too_long_is_aborted, or_forced_to_complete,
                   force_complete_finishes_a_copy_that_cannot, a_paused_guest_arrives_paused, preparation_is_tried_again_as_often_as_configured])
finally:
    lab.down()
sys.exit(status)
