# SPDX-License-Identifier: Apache-2.0
"""Single rows of doc/faults.md, in one lab: ports, QEMUs and libvirtds that hang, a lost answer, daemons that are frozen."""
import contextlib
import os
import subprocess
import sys
import time

from worstlab import ENDED_S, PAUSE_S, WorstLab, main, until, watched
from novalab import Refused

SHOWN_S = 10   # a hitch is shown, or has ended, within this
ANSWER_S = 6   # an abort has its answer
HANG_S = 20    # much longer than a lease, keepalive and the deadline of a call
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
        lab.next_host(uuid, "49152")
    api.delete(uuid)
    return "refused after %.1f s" % took


def closed_in_mid_migration(name):
    """They are closed after they have been looked at; the migration and when libvirt was told."""
    lab.arm("HostB", "compute", "compute:migrating:call=hold(/run/worst):1")
    uuid = lab.guest(name)
    number = api.live_migrate(uuid, "HostC")
    lab.wait_held("HostB")
    return uuid, number


def ports_that_close_before_the_first_byte_are_shown_and_an_abort_is_answered():
    uuid, number = closed_in_mid_migration("closing")
    with watched(lab, uuid, most=PAUSE_S):
        with closed("HostC"):
            lab.release("HostB")
            began = time.monotonic()
            assert lab.wait_blocked(uuid, number, SHOWN_S) == ("destination host unreachable", "HostC")
            shown = time.monotonic() - began
            said = [entry["message"] for entry in lab.journal(uuid, number) if entry["message"] and "49152" in entry["message"]]
            assert said, lab.journal(uuid, number)
            began = time.monotonic()
            api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
            answered = time.monotonic() - began
            assert answered <= ANSWER_S, answered
            assert lab.domain_state("HostB", uuid) == "running"
        took = lab.settled(uuid, number, "cancelled", "HostB", 35)  # TCP asks again when it is due
    lab.restart("HostB", "compute")
    api.delete(uuid)
    return "shown after %.1f s, the abort answered after %.1f s, cancelled %.1f s after the ports were open" % (shown, answered, took)


def a_connection_that_is_given_up_ends_it():
    """As it does after two minutes with TCP's own default, here after fifteen seconds."""
    path = "net.ipv4.tcp_syn_retries"
    usual = lab.run("exec", "HostB", "sysctl", "-n", path).strip()
    uuid, number = closed_in_mid_migration("given-up")
    lab.run("exec", "HostB", "sysctl", "-qw", path + "=3")
    try:
        with watched(lab, uuid, most=PAUSE_S), closed("HostC"):
            lab.release("HostB")
            lab.wait_blocked(uuid, number, SHOWN_S)
            took = lab.settled(uuid, number, "failed", "HostB", 25)
    finally:
        lab.run("exec", "HostB", "sysctl", "-qw", "%s=%s" % (path, usual))
    reason = api.migration(uuid, number)["reason"]
    lab.restart("HostB", "compute")
    api.delete(uuid)
    return "failed %.1f s after it was shown: %s" % (took, reason)


# ---- QEMU ----

def timed(function, *words):
    began = time.monotonic()
    function(*words)
    return time.monotonic() - began


def power(uuid, action, status):
    api.action(uuid, {action: None})
    api.wait_status(uuid, status, 20)


def a_hung_qemu_holds_up_nobody_else():
    """The source's QEMU of a guest in mid-copy stands still: that is shown; the others of its host are moved, stopped, started and made as
    ever.  So it is with the destination's QEMU."""
    others = {name: lab.guest(name) for name in ("moves", "stops")}
    uuid, number = lab.slow_copy("hangs")
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    took = {}
    checker = lab.checker()
    lab.run("pause", "HostB", "qemu", uuid)
    began = time.monotonic()
    assert lab.wait_blocked(uuid, number, SHOWN_S) == ("hypervisor not answering", "HostB")
    shown = time.monotonic() - began
    took["move"] = timed(api.move, others["moves"], "HostD", 30)
    took["stop"] = timed(power, others["stops"], "os-stop", "SHUTOFF")
    took["start"] = timed(power, others["stops"], "os-start", "ACTIVE")
    began = time.monotonic()
    others["new"] = api.boot("new", host="HostB")
    took["create"] = time.monotonic() - began
    took["delete"] = timed(api.delete, others["new"])
    lab.wait_up()
    assert all(seconds < 20 for seconds in took.values()), took
    lab.run("resume", "HostB", "qemu", uuid)
    for _ in until(ENDED_S, lambda: api.migration(uuid, number)):
        if not api.migration(uuid, number)["blocked"]:
            break

    lab.run("pause", "HostC", "qemu", uuid)
    assert lab.wait_blocked(uuid, number, SHOWN_S) == ("hypervisor not answering", "HostC")
    lab.run("resume", "HostC", "qemu", uuid)
    lab.let_it_finish(uuid)
    lab.settled(uuid, number, "done", "HostC", 20)
    checker.stop()
    for guest in (uuid, others["moves"], others["stops"]):
        api.delete(guest)
    return "shown after %.1f s, meanwhile %s" % (shown, ", ".join("%s %.1f s" % pair for pair in took.items()))


def left_stopped(name):
    """A migration whose source's QEMU was stopped by a daemon that died before it looked at it again."""
    lab.arm("HostC", "compute", "compute:image-lock=error:1")
    lab.arm("HostB", "compute", "compute:migrating:stopped=exit:1")
    lab.wait_up()
    uuid, number = lab.slow_copy(name)
    lab.run("pause", "HostC", "libvirtd")
    lab.let_it_finish(uuid)
    lab.wait_domain("HostB", uuid, "paused")
    time.sleep(1)  # the source's libvirtd has asked the destination's to finish
    lab.run("kill", "HostB", "libvirtd")
    lab.run("resume", "HostC", "libvirtd")
    lab.wait_blocked(uuid, number)
    lab.run("start", "HostB", "libvirtd")
    lab.wait_dead("HostB", "compute")
    states = lab.run("exec", "HostB", "sh", "-c",
                     "for p in $(pgrep -f -- '-uuid %s'); do cut -d' ' -f3 /proc/$p/stat; done" % uuid).split()
    assert "T" in states, states
    return uuid, number


def a_source_left_stopped_goes_on():
    """With the destination complete the migration goes forward; with the destination's QEMU gone the guest runs on where it was."""
    took = {}
    for end, home in (("done", "HostC"), ("failed", "HostB")):
        checker = lab.checker()
        uuid, number = left_stopped("stopped-" + end)
        if end == "failed":
            lab.run("kill", "HostC", "qemu", uuid)
        lab.run("start", "HostB", "compute")
        took[end] = lab.settled(uuid, number, end, home, 20)
        checker.stop()
        lab.restart("HostC", "compute")
        api.delete(uuid)
    log = open(lab.directory + "/HostB/log/compute.log", encoding="utf-8").read()
    assert log.count("was left stopped, letting it go on") == 2
    return ", ".join("%s %.1f s after the start" % pair for pair in took.items())


# ---- libvirtd ----

def a_hung_libvirtd_is_shown_and_holds_up_no_other_host():
    """The destination's, for long: its guest runs on, migrations to it are not begun, other hosts work as ever; then all goes on."""
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    here, there = lab.guest("here"), lab.guest("there", "HostC")
    took = {}
    with watched(lab, there, most=PAUSE_S):
        lab.run("pause", "HostC", "libvirtd")
        began = time.monotonic()
        for _ in until(SHOWN_S, lab.health):
            if "libvirt" in lab.health()["HostC"]:
                break
        shown = time.monotonic() - began
        assert not lab.health()["HostB"] and not lab.health()["HostD"], lab.health()
        number = api.live_migrate(here, "HostC")
        migration = api.wait_migration(here, number, SHOWN_S)
        assert migration["state"] == "error" and "HostC" in migration["reason"], migration
        took["move"] = timed(api.move, here, "HostD", 30)
        took["move back"] = timed(api.move, here, "HostB", 30)
        api.request("POST", "/servers/%s/action" % there, {"reboot": {"type": "HARD"}})
        time.sleep(max(0.0, began + HANG_S - time.monotonic()))
        assert lab.silent(there) < PAUSE_S and api.server(there)["status"] == "HARD_REBOOT", api.server(there)
        lab.run("resume", "HostC", "libvirtd")
    took["reboot when it answers"] = timed(api.wait_status, there, "ACTIVE", 20)
    for _ in until(SHOWN_S, lab.health):
        if not any(lab.health().values()):
            break
    lab.wait_counting(there, 20)
    lab.check_books()
    for uuid in (here, there):
        api.delete(uuid)
    return "shown after %.1f s, %s" % (shown, ", ".join("%s %.1f s" % pair for pair in took.items()))


# ---- hosts that die ----

def a_guest_its_user_paused_is_kept_when_the_source_host_dies():
    """It has arrived and stands still there, as its user wanted; its source host loses power before that is recorded."""
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    uuid = lab.guest("still")
    lab.arm("HostB", "compute", "compute:migrating:flip=sleep(60000)")
    lab.wait_up()
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
    lab.wait_up()
    lab.check_books()
    checker.stop()
    lab.virsh("HostC", "resume", uuid)
    api.wait_status(uuid, "ACTIVE", 20)
    report = lab.wait_counting(uuid, counter + 1)
    assert report["went_back"] == "0" and report["memory_errors"] == "0", report["text"]
    lab.wait_up()
    api.delete(uuid)
    return "shown after %.1f s, done %.1f s after the boot" % (shown, took)


# ---- a lost answer ----

def the_answer_to_finish_is_lost():
    """The source's libvirtd asks, the destination's does it, and nothing of what it answers arrives: once with the image lock seen, once
    without.  One copy runs, and soon."""
    lab.arm("HostC", "compute", "compute:image-lock=error:1")
    lab.wait_up()
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
    lab.wait_up()
    uuid, number = move(name)
    if "rollback" in point:
        with contextlib.suppress(Refused):
            api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
    lab.wait_service(host, "compute", "paused")
    epoch, before = lab.epoch(host), len(lab.journal(uuid, number))
    for _ in until(20, lambda: "the lease of %s does not run out" % host, pause=0.3):
        if not lab.has_lease(host):
            break
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


try:
    status = main(lab.each([
        closed_migration_ports_refuse, ports_that_close_before_the_first_byte_are_shown_and_an_abort_is_answered,
        a_connection_that_is_given_up_ends_it, a_hung_qemu_holds_up_nobody_else, a_source_left_stopped_goes_on,
        a_hung_libvirtd_is_shown_and_holds_up_no_other_host, a_guest_its_user_paused_is_kept_when_the_source_host_dies,
        the_answer_to_finish_is_lost, a_compute_service_is_frozen_past_its_lease_in_the_other_states,
        postgresql_is_away_in_mid_copy]))
finally:
    lab.down()
sys.exit(status)
