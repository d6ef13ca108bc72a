# SPDX-License-Identifier: Apache-2.0
"""The worst moments of a switch: somebody freezes, dies or is cut off exactly there.  One copy runs, always, on the
right host."""
import sys
import time

from worstlab import ENDED_S, Twice, WorstLab, main, until, watched

KEEPALIVE_S = 12  # the lab's libvirt gives a silent peer up after 3 + 3 x 3 s

lab = WorstLab("worst-switch", "DEFAULT.max_concurrent_live_migrations=6")
api = lab.api


def verdicts(uuid, number):
    return [(entry["evidence"] or {}).get("verdict") for entry in lab.journal(uuid, number)]


def the_source_libvirtd_dies_before_it_can_ask_for_finish():
    """All that is left to do is libvirt's.  The destination's libvirtd ends what was sent to it; the guest stands
    still on the source
    with its libvirtd dead, which is shown, and goes on there when that is back."""
    uuid, number = lab.slow_copy("switching")
    with watched(lab, uuid):
        # QEMU stops the guest and asks libvirtd, which cannot answer, for leave to send the last of its memory
        lab.let_it_finish(uuid)
        lab.run("pause", "HostB", "libvirtd")
        for _ in until(20, lambda: "the guest does not stop for the switch", pause=0.05):
            if lab.silent(uuid) > 1:
                break
        lab.run("kill", "HostB", "libvirtd")
        assert lab.wait_blocked(uuid, number) == ("source host unreachable", "HostB")
        lab.wait_domain("HostC", uuid, "absent")
        lab.run("start", "HostB", "libvirtd")
        first = lab.settled(uuid, number, "failed", "HostB")

    # all memory is over and the request to finish is under way, but never arrives
    _, number = lab.slow_copy("switching", uuid=uuid)
    with watched(lab, uuid):
        lab.run("link", "HostC", "down", "--port", "16509")
        lab.let_it_finish(uuid)
        lab.wait_domain("HostB", uuid, "paused")
        lab.run("kill", "HostB", "libvirtd")
        assert lab.wait_blocked(uuid, number) == ("source host unreachable", "HostB")
        for _ in until(KEEPALIVE_S + 10, lambda: "the destination keeps its copy"):
            if lab.state_inside("HostC", uuid) == "absent":
                break
        lab.run("link", "HostC", "up")
        lab.run("start", "HostB", "libvirtd")
        second = lab.settled(uuid, number, "failed", "HostB")
    api.delete(uuid)
    return "the guest ran on the source %.1f and %.1f s after its libvirtd was back" % (first, second)


def the_source_libvirtd_dies_before_confirm_and_no_lock_protects_the_guest():
    """Where locks prove nothing only the source's end does: the guest waits, visibly, for the source's libvirtd, and
    then moves."""
    uuid = lab.without_locks("confirm")
    _, number = lab.slow_copy("confirm", uuid=uuid)
    with watched(lab, uuid):
        lab.run("pause", "HostC", "libvirtd")
        lab.let_it_finish(uuid)
        lab.wait_domain("HostB", uuid, "paused")
        time.sleep(1)  # the source's libvirtd has asked the destination's to finish
        lab.run("kill", "HostB", "libvirtd")
        lab.run("resume", "HostC", "libvirtd")
        assert lab.wait_blocked(uuid, number) == ("source host unreachable", "HostB")
        assert lab.domain_state("HostC", uuid) == "paused"
        lab.run("start", "HostB", "libvirtd")
        took = lab.settled(uuid, number, "done", "HostC")
    assert any((entry["evidence"] or {}).get("earlier") == "stop source" for entry in lab.journal(uuid, number)), lab.journal(uuid, \
        number)
    api.delete(uuid)
    return "settled %.1f s after the source's libvirtd was back" % took


def frozen_at_finish(copies):
    """The destination's libvirtd stands still when it is asked to finish; the source's gives it up, and lets the
    guests go on."""
    lab.run("pause", "HostC", "libvirtd")
    for uuid, _ in copies:
        lab.let_it_finish(uuid)
    for uuid, _ in copies:
        lab.wait_domain("HostB", uuid, "paused")
    for uuid, _ in copies:
        lab.wait_domain("HostB", uuid, "running", KEEPALIVE_S + 10)
    for uuid, number in copies:
        assert lab.wait_blocked(uuid, number) == ("destination host unreachable", "HostC")


def the_destination_libvirtd_is_frozen_exactly_at_finish():
    """With locks and without, strict and not.  Only without either does the destination run when it wakes up: seen
    and ended at once."""
    names = [("locks-strict", True), ("locks-loose", False), ("nolocks-strict", True), ("nolocks-loose", False)]
    guests = {name: lab.guest(name) if name.startswith("locks") else lab.without_locks(name) for name, _ in names}
    copies = {name: lab.slow_copy(name, strict=strict, uuid=guests[name]) for name, strict in names}
    lab.be_strict(True)
    checker = lab.checker()
    frozen_at_finish(list(copies.values()))
    split = copies["nolocks-loose"]
    twice = Twice(lab, split[0])
    twice.start()
    lab.run("resume", "HostC", "libvirtd")
    began = time.monotonic()
    for uuid, number in copies.values():
        api.wait_migration(uuid, number, ENDED_S)
    took = time.monotonic() - began
    for name, (uuid, number) in copies.items():
        lab.settled(uuid, number, "failed", "HostB", once=name != "nolocks-loose")
    seconds = twice.stop()
    status, text = checker.end()
    found = [line for line in text.splitlines() if line.startswith("VIOLATION") and split[0] not in line]
    assert status != 2 and not found, text
    for name, (uuid, number) in copies.items():
        assert ("split" in verdicts(uuid, number)) == (name == "nolocks-loose" and seconds > 0), \
            (name, verdicts(uuid, number))
    assert seconds <= 2, "two copies ran for %.2f s" % seconds
    reason = api.migration(*split)["reason"]
    assert seconds == 0 or "two copies" in reason, reason
    for uuid in guests.values():
        api.delete(uuid)
    return "all ended %.1f s after it woke up; without lock and strictness two copies ran for %.2f s" % (took, seconds)


def the_link_is_cut_in_mid_copy():
    """Both hosts are well and do not see each other: the copy ends there, bounded, and the guest never leaves the
    source."""
    uuid, number = lab.slow_copy("cut")
    with watched(lab, uuid, most=2.0) as watch:
        lab.run("link", "HostC", "down")
        assert lab.wait_blocked(uuid, number, KEEPALIVE_S + 10) == ("destination host unreachable", "HostC")
        assert lab.domain_state("HostB", uuid) == "running"
        lab.run("link", "HostC", "up")
        took = lab.settled(uuid, number, "failed", "HostB")
    api.delete(uuid)
    return "failed %.1f s after the link was back; the guest stood still for %.2f s" % (took, watch.still)


def cut_at_the_switch(uuid, seconds):
    """The link is gone when the source asks the destination to finish, for so long."""
    lab.run("link", "HostC", "down", "--port", "16509")
    lab.let_it_finish(uuid)
    lab.wait_domain("HostB", uuid, "paused")
    lab.run("link", "HostC", "down")
    if seconds:
        time.sleep(seconds)
    else:
        lab.wait_domain("HostB", uuid, "running", KEEPALIVE_S + 10)
    lab.run("link", "HostC", "up")


def the_link_is_cut_at_the_switch():
    """For a moment: the switch is completed.  For longer than the hypervisors wait: the source goes on."""
    uuid, number = lab.slow_copy("blink")
    with watched(lab, uuid):
        cut_at_the_switch(uuid, 2)
        first = lab.settled(uuid, number, "done", "HostC")
    api.delete(uuid)

    uuid, number = lab.slow_copy("cut")
    with watched(lab, uuid):
        cut_at_the_switch(uuid, 0)
        second = lab.settled(uuid, number, "failed", "HostB")
    api.delete(uuid)
    return "settled %.1f and %.1f s after the link was back" % (first, second)


def the_destination_qemu_dies_after_the_flip():
    """The memory is lost: the guest is started once more from its disk, where it belongs now, and the operation says
    so."""
    said = []
    for point in ("compute:switched:before", "compute:cleaning:before"):
        lab.arm("HostB", "compute", point + "=hold(/run/worst)")
        lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
        uuid = lab.guest("lost")
        with watched(lab, uuid):
            number = api.live_migrate(uuid, "HostC")
            lab.wait_held("HostB")
            lab.run("kill", "HostC", "qemu", uuid)
            lab.release("HostB")
            took = lab.settled(uuid, number, "done", "HostC", 20)
        assert "started again" in api.migration(uuid, number)["reason"], api.migration(uuid, number)
        assert lab.serial(uuid)["boots"] == "2", lab.serial(uuid)["text"]
        said.append("%.1f s" % took)
        api.delete(uuid)
    lab.restart("HostB", "compute")
    return "runs again after " + ", ".join(said)


def the_destination_qemu_dies_before_it_was_started():
    """The source has ended for it, and nobody has recorded that yet."""
    lab.arm("HostB", "compute", "compute:migrating:switch=hold(/run/worst)")
    lab.option("HostB", "libvirt.live_migration_bandwidth", 0)
    uuid = lab.guest("gone")
    with watched(lab, uuid):
        number = api.live_migrate(uuid, "HostC")
        lab.wait_state(uuid, number, ["migrating"])
        lab.run("kill", "HostC", "compute")  # it would start the guest in the other's place
        lab.wait_held("HostB")
        lab.wait_domain("HostB", uuid, "absent")
        lab.run("kill", "HostC", "qemu", uuid)
        lab.run("start", "HostC", "compute")
        lab.release("HostB")
        took = lab.settled(uuid, number, "done", "HostC", 20)
    assert "started again" in api.migration(uuid, number)["reason"], api.migration(uuid, number)
    assert lab.serial(uuid)["boots"] == "2", lab.serial(uuid)["text"]
    api.delete(uuid)
    lab.restart("HostB", "compute")
    return "runs again after %.1f s" % took


try:
    status = main(lab.each([the_source_libvirtd_dies_before_it_can_ask_for_finish,
                   the_source_libvirtd_dies_before_confirm_and_no_lock_protects_the_guest,
                   the_destination_libvirtd_is_frozen_exactly_at_finish, the_link_is_cut_in_mid_copy,
                   the_link_is_cut_at_the_switch,
                   the_destination_qemu_dies_after_the_flip,
                   the_destination_qemu_dies_before_it_was_started]))
finally:
    lab.down()
sys.exit(status)
