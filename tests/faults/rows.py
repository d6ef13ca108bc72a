# SPDX-License-Identifier: Apache-2.0
"""Single rows of doc/faults.md, in one lab: ports, a lost answer, daemons that are frozen or short of descriptors."""
import contextlib
import http.client
import os
import subprocess
import sys
import time

from worstlab import ENDED_S, PAUSE_S, WorstLab, main, until, watched
from novalab import Refused

SHOWN_S = 10   # a hitch is shown, or has ended, within this
PORTS = "49152:49215"
OUTAGE_S = float(os.environ.get("NOVA_LITE_TEST_OUTAGE", 6))

lab = WorstLab("rows", "DEFAULT.max_concurrent_live_migrations=4", hosts=3)
api = lab.api


def ebtables(action, *rule):
    switch = "nll" + lab.status()["network"].split(".")[2]
    done = subprocess.run(["ip", "netns", "exec", switch, "ebtables", action, "FORWARD", *rule, "-j", "DROP"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@contextlib.contextmanager
def dropped(host, *ends):
    """TCP packets with these ends (ebtables' words) from (--ip-sport) or to (--ip-dport) a host vanish."""
    cable = "h%d" % (1 + lab.hosts.index(host))
    rules = [("-i" if end[0] == "--ip-sport" else "-o", cable, "-p", "IPv4", "--ip-proto", "tcp", *end) for end in ends]
    for rule in rules:
        ebtables("-A", *rule)
    try:
        yield
    finally:
        for rule in rules:
            ebtables("-D", *rule)


def closed(host, ports=PORTS):
    """A firewall that drops what comes to these ports of the host."""
    return dropped(host, ("--ip-dport", ports))


def up(*hosts):
    for _ in until(30, lambda: api.get("/os-services?binary=nova-compute")):
        services = {s["host"]: s["state"] for s in api.get("/os-services?binary=nova-compute")["services"]}
        if all(services[host] == "up" for host in hosts or lab.hosts):
            return


def next_host(uuid, what):
    """Asks for a migration to wherever: to HostC, which has the most room, and then to HostD; what was said of HostC."""
    ballast = api.boot("ballast", host="HostD")
    number = api.live_migrate(uuid)
    lab.settled(uuid, number, "done", "HostD", 30)
    tried = lab.sql("SELECT h.name, a.reason FROM attempts a JOIN hosts h ON h.id = a.host_id WHERE operation = %d" % number)
    assert len(tried) == 1 and tried[0][0] == "HostC" and what in tried[0][1], tried
    api.delete(ballast)
    return tried[0][1]


# ---- ports ----

def closed_migration_ports_refuse():
    """Before anything is touched, with the reason; without a name the next host is taken."""
    uuid = lab.guest("ports")
    with watched(lab, uuid, most=PAUSE_S), closed("HostC"):
        began = time.monotonic()
        number = api.live_migrate(uuid, "HostC")
        migration = api.wait_migration(uuid, number, SHOWN_S)
        took = time.monotonic() - began
        assert migration["state"] == "error" and "49152" in migration["reason"] and "HostC" in migration["reason"], migration
        assert lab.where(uuid) == ["HostB"]
        next_host(uuid, "49152")
    api.delete(uuid)
    return "refused after %.1f s" % took


# ---- hosts that die ----

def a_guest_its_user_paused_is_kept_when_the_source_host_dies():
    """It has arrived and stands still there, as its user wanted; its source host loses power before that is recorded."""
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    uuid = lab.guest("still")
    lab.arm("HostB", "compute", "compute:migrating:flip=sleep(60000)")
    up()
    lab.virsh("HostB", "suspend", uuid)
    api.wait_status(uuid, "PAUSED", 20)
    counter = int(lab.serial(uuid)["counter"])
    checker = lab.checker()
    number = api.live_migrate(uuid, "HostC")
    for _ in until(30, lambda: lab.where(uuid)):
        if lab.where(uuid) == ["HostC"] and "user" in lab.virsh("HostC", "domstate", "--reason", uuid):
            break
    assert api.migration(uuid, number)["state"] == "migrating"
    began = time.monotonic()
    lab.run("kill", "HostB", "host")
    reason = lab.wait_blocked(uuid, number, SHOWN_S)
    shown = time.monotonic() - began
    assert reason == ("source host unreachable", "HostB"), reason
    assert lab.domain_state("HostC", uuid) == "paused"
    lab.run("boot", "HostB")
    began = time.monotonic()
    migration = api.wait_migration(uuid, number, 30)
    took = time.monotonic() - began
    assert migration["state"] == "done", migration
    assert api.wait_status(uuid, "PAUSED", 20)["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.where(uuid) == ["HostC"] and lab.domain_state("HostC", uuid) == "paused"
    up()
    lab.check_books()
    checker.stop()
    lab.virsh("HostC", "resume", uuid)
    api.wait_status(uuid, "ACTIVE", 20)
    report = lab.wait_counting(uuid, counter + 1)
    assert report["went_back"] == "0" and report["memory_errors"] == "0", report["text"]
    up()
    api.delete(uuid)
    return "shown after %.1f s, done %.1f s after the boot" % (shown, took)


# ---- a lost answer ----

def the_answer_to_finish_is_lost():
    """The source's libvirtd asks, the destination's does it, and nothing of what it answers arrives: once with the image lock seen, once
    without.  One copy runs, and soon."""
    lab.arm("HostC", "compute", "compute:locks=error:1")
    up()
    copies = [lab.slow_copy(name) for name in ("unseen", "seen")]
    checker = lab.checker()
    with dropped("HostC", ("--ip-sport", "16509")):
        for uuid, _ in copies:
            lab.let_it_finish(uuid)
        began, finished = time.monotonic(), {}
        for _ in until(20, lambda: "not finished: %s" % finished, pause=0.05):
            for uuid, _ in copies:
                state = lab.run("exec", "HostC", "virsh", "-q", "domstate", "--reason", uuid, check=False)
                if "(user)" in state or "running" in state:
                    finished.setdefault(uuid, time.monotonic() - began)
            if len(finished) == len(copies):
                break
        ends = {uuid: api.wait_migration(uuid, number, 40)["state"] for uuid, number in copies}
        took = time.monotonic() - began
    for uuid, number in copies:
        lab.settled(uuid, number, ends[uuid], "HostC" if ends[uuid] == "done" else "HostB", 20)
    gaps = checker.stop()
    lab.restart("HostC", "compute")
    for uuid, _ in copies:
        api.delete(uuid)
    return "without lock %s, with lock %s, within %.1f s; longest pauses %s ms" % (
        ends[copies[0][0]], ends[copies[1][0]], took, [gaps[uuid] for uuid, _ in copies])


# ---- daemons and the database ----

def frozen(point, host, name, move):
    """A compute service stops at that point until its lease has run out, and goes on."""
    lab.arm(host, "compute", point + "=stop:1")
    up()
    uuid, number = move(name)
    if "rollback" in point:
        with contextlib.suppress(Refused):
            api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
    lab.wait_service(host, "compute", "paused")
    epoch = lab.epoch(host)
    for _ in until(20, lambda: "the lease of %s does not run out" % host, pause=0.3):
        if not lab.has_lease(host):
            break
    before = len(lab.journal(uuid, number))
    lab.run("resume", host, "compute")
    state = api.wait_migration(uuid, number, ENDED_S)["state"]
    took = lab.settled(uuid, number, state, "HostC" if state == "done" else "HostB")
    for _ in until(ENDED_S, lambda: "%s goes on with its old epoch" % host):
        if lab.epoch(host) > epoch:
            break
    assert len(lab.journal(uuid, number)) > before
    lab.restart(host, "compute")
    api.delete(uuid)
    return state, took


def a_compute_service_is_frozen_past_its_lease_in_the_other_states():
    def quick(name):
        lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
        uuid = lab.guest(name)
        return uuid, api.live_migrate(uuid, "HostC")

    checker = lab.checker()
    ends = {"preparing": frozen("compute:preparing:after", "HostC", "preparing", quick),
            "prepared": frozen("compute:prepared:after", "HostB", "prepared", quick),
            "rollback": frozen("compute:rollback:after", "HostB", "rollback", lab.slow_copy)}
    checker.stop()
    assert ends["preparing"][0] in ("error", "done") and ends["prepared"][0] == "done" and ends["rollback"][0] == "cancelled", ends
    return ", ".join("%s: %s after %.1f s" % (state, *end) for state, end in ends.items())


def postgresql_is_away_in_mid_copy():
    """The copy goes on and the guest with it; it is recorded when the database is back."""
    uuid, number = lab.slow_copy("away", 2)
    with watched(lab, uuid, most=PAUSE_S) as watch:
        lab.run("kill", "HostA", "postgres")
        time.sleep(OUTAGE_S)
        assert lab.silent(uuid) < PAUSE_S
        lab.run("start", "HostA", "postgres")
        lab.let_it_finish(uuid)
        took = lab.settled(uuid, number, "done", "HostC", 20)
    api.delete(uuid)
    return "away for %g s; done %.1f s after, longest pause %.2f s" % (OUTAGE_S, took, watch.still)


def pid(host, service):
    for row in lab.status()["hosts"]:
        for known in row["services"]:
            if row["name"] == host and known["name"] == service:
                return str(known["pid"])
    raise AssertionError("no %s on %s" % (service, host))


@contextlib.contextmanager
def short_of_descriptors(host, service):
    """It may open no more than it has open now: the lowest number that is free is the first it may not have."""
    process = pid(host, service)
    limits = lab.run("exec", host, "prlimit", "--noheadings", "-o", "SOFT,HARD", "--nofile", "--pid", process).split()
    taken = {int(number) for number in lab.run("exec", host, "ls", "/proc/%s/fd" % process).split()}
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    lab.run("exec", host, "prlimit", "--pid", process, "--nofile=%d:%s" % (free, limits[1]))
    try:
        yield
    finally:
        lab.run("exec", host, "prlimit", "--pid", process, "--nofile=" + ":".join(limits))
    assert pid(host, service) == process, "%s on %s has ended" % (service, host)


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
            up()
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


try:
    status = main(lab.each([
        closed_migration_ports_refuse, a_guest_its_user_paused_is_kept_when_the_source_host_dies, the_answer_to_finish_is_lost,
        a_compute_service_is_frozen_past_its_lease_in_the_other_states, postgresql_is_away_in_mid_copy, no_descriptors_are_left]))
finally:
    lab.down()
sys.exit(status)
