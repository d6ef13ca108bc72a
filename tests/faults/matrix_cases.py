# SPDX-License-Identifier: Apache-2.0
"""The cases of the fault matrix: which there are, which cannot be, and which are run by default."""
import collections
import itertools
import random

# When: the state of the migration in which the fault strikes, and how that moment is held.
STATES = {
    "requested": "asked for; the scheduler has not committed a host",
    "claimed": "the destination checks that it can take the guest",
    "checked": "the source takes its part of the storage proof and a slot",
    "preparing": "the destination prepares",
    "prepared": "the source is about to commit the permit",
    "call": "the permit is committed, libvirt has not been called",
    "midcopy": "memory is being copied",
    "switch": "all memory is over, the source stands still, the destination's libvirtd is asked to finish",
    "resumed": "the guest runs on the destination, which the database does not know yet",
    "switched": "the database says the destination",
    "cleaning": "what the source has left is removed",
    "rollback": "an aborted copy is being undone",
}
# Who.
ACTORS = {
    "source-compute": "nova-lite-compute of the source",
    "dest-compute": "nova-lite-compute of the destination",
    "scheduler": "nova-lite-scheduler",
    "api": "nova-lite-api",
    "source-libvirtd": "libvirtd of the source",
    "dest-libvirtd": "libvirtd of the destination",
    "source-qemu": "the guest's QEMU on the source",
    "dest-qemu": "the guest's QEMU on the destination",
    "postgresql": "PostgreSQL",
    "rabbitmq": "RabbitMQ",
    "source-link": "the source's network cable",
    "dest-link": "the destination's network cable",
    "source-host": "all of the source",
    "dest-host": "all of the destination",
}
# What: for processes and hosts; what it means for a cable stands behind the comma.
FAULTS = {
    "kill": "killed, started again after the lease is over; a cable: out for as long",
    "pause": "stopped for longer than the lease, then it goes on; a cable: only libvirt and its data do not pass",
    "restart": "ended and started again at once; a cable: out for half a second",
}
GUESTS = {
    "disk": "a disk that QEMU's image locks protect",
    "nodisk": "no disk that a second QEMU could not open as well: no lock keeps two copies apart",
}
SWITCHES = {
    "strict": "live_migration_strict_switchover on",
    "loose": "off",
}

DIMENSIONS = (STATES, ACTORS, FAULTS, GUESTS, SWITCHES)
Case = collections.namedtuple("Case", "state actor fault guest switch")
ERROR = "error"  # Case(ERROR, POINT, ...): a step fails twice at this fault point

BEFORE_CALL = ("requested", "claimed", "checked", "preparing", "prepared")
NO_DEST_QEMU = BEFORE_CALL + ("call", "rollback")
SOURCE_ENDED = ("resumed", "switched", "cleaning")
DAEMONS = ("source-compute", "dest-compute", "scheduler", "api")
SERVERS = ("postgresql", "rabbitmq")
# A step that fails there is repeated; each point of a live migration outside of start and end of the process.
ERROR_POINTS = (
    "scheduler:requested:before", "scheduler:requested:after",
    "compute:claimed:before", "compute:claimed:after", "compute:checked:before", "compute:checked:after",
    "compute:preparing:before", "compute:preparing:try", "compute:preparing:after",
    "compute:prepared:before", "compute:prepared:after", "compute:migrating:before", "compute:migrating:call",
    "compute:migrating:resume", "compute:migrating:flip", "compute:migrating:after",
    "compute:switched:before", "compute:switched:after", "compute:cleaning:before", "compute:cleaning:after",
    "compute:rollback:before", "compute:rollback:after",
)


NEVER_FAIL = ("compute:migrating:switch", "compute:migrating:stopped")  # and what is committed
OF_A_RESIZE = ("compute:switched:start",)  # whose states have the same names


def points_left_out(points):
    """Points of a live migration's steps that no case fails at."""
    states = set(STATES) | {"migrating"}
    return [point for point in points if point.split(":")[0] in ("compute", "scheduler") and point.split(":")[1] in states and
            (point.split(":")[0] == "scheduler") == (point.split(":")[1] == "requested") and
            not point.endswith(":committed") and point not in ERROR_POINTS + NEVER_FAIL + OF_A_RESIZE]


def name_of(case):
    return ".".join(case)


def is_needless(case):
    """Why this case cannot be, or says nothing that another does not say; None: it is run."""
    if case.actor.endswith("-qemu") and case.fault == "restart":
        return "a guest's process is not restarted: it ends, which is the kill"
    if case.actor == "dest-qemu" and case.state in NO_DEST_QEMU:
        return "the destination has no process of the guest in this state"
    if case.actor == "source-qemu" and case.state in SOURCE_ENDED:
        return "the end of the source's process is what this state begins with"
    if case.state in BEFORE_CALL and (case.guest == "nodisk") != (case.switch == "loose"):
        return "before the call nobody looks at disk or switch: one pair of both differs from the rest, and is run"
    if case.state == "rollback" and case.switch == "loose":
        return "an aborted copy has no switch"
    return None


def every():
    """All combinations, also those that are not run."""
    return [Case(*row) for row in itertools.product(STATES, ACTORS, FAULTS, GUESTS, SWITCHES)]


def error_cases():
    return [Case(ERROR, point, "twice", "disk", "strict") for point in ERROR_POINTS]


def possible():
    return [case for case in every() if not is_needless(case)] + error_cases()


def is_lethal(case):
    """Whether the guest's own process or host dies where the guest is."""
    if case.actor == "source-qemu":
        return case.fault == "kill"
    if case.actor == "dest-qemu":
        return case.fault == "kill" and case.state in SOURCE_ENDED + ("switch",)
    if case.actor == "source-host":
        return case.fault != "pause" and case.state not in SOURCE_ENDED
    if case.actor == "dest-host":
        return case.fault != "pause" and case.state in SOURCE_ENDED + ("switch",)
    return False


def is_quick(case):
    """Kills of a daemon, PostgreSQL or RabbitMQ: the guest may not notice."""
    return case.state == ERROR or (case.fault != "pause" and case.actor in DAEMONS + SERVERS)


def may_split(case):
    """libvirt's own window: its destination starts the guest late, when its source has given up and gone on, and no lock hinders
    it.  The strict switch is there to close it; without, the second copy is found and ended."""
    return case.switch == "loose" and case.guest == "nodisk" and case.state in ("midcopy", "switch")


# What every run must have: the moments at which the most has gone wrong elsewhere.
ALWAYS = (
    "switch.dest-libvirtd.pause.disk.strict", "switch.dest-libvirtd.pause.nodisk.strict",
    "switch.dest-libvirtd.pause.disk.loose", "switch.dest-libvirtd.pause.nodisk.loose",
    "switch.source-libvirtd.kill.disk.strict", "switch.source-libvirtd.kill.nodisk.loose",
    "switch.source-compute.kill.disk.strict", "switch.dest-link.kill.nodisk.strict",
    "midcopy.source-compute.kill.nodisk.strict", "midcopy.source-qemu.kill.disk.strict",
    "midcopy.source-host.kill.disk.strict", "midcopy.source-compute.pause.disk.strict",
    "resumed.postgresql.kill.disk.strict", "resumed.source-host.kill.nodisk.strict",
    "resumed.source-compute.kill.disk.strict", "call.source-compute.kill.disk.strict",
    "preparing.dest-compute.kill.disk.strict", "requested.scheduler.kill.disk.strict",
)


def pairs_of(case):
    return list(itertools.combinations(enumerate(case), 2))


def parse(name):
    parts = name.split(".")
    for case in possible():
        if parts == list(case):
            return case
    for case in every():
        if parts == list(case):
            raise SystemExit("matrix: %s is not run: %s" % (name, is_needless(case)))
    raise SystemExit("matrix: there is no case '%s'; --list prints them" % name)


def chosen(count=66):
    """The fixed part: ALWAYS, then whatever shows most pairs (this state with that actor ...) that were not shown yet and is
    least like what is there, and every error point."""
    rest = [case for case in possible() if case.state != ERROR]
    taken, shown, used = [], set(), collections.Counter()

    def take(case):
        taken.append(case)
        rest.remove(case)
        shown.update(pairs_of(case))
        used.update(enumerate(case))

    def worth(case):
        new = sum(2 for pair in pairs_of(case) if pair not in shown)
        return new - sum(used[value] * len(values) for value, values in zip(enumerate(case), DIMENSIONS)) / (count / 4)

    for name in ALWAYS:
        take(parse(name))
    while len(taken) < count:
        take(max(rest, key=worth))
    return taken + error_cases()


def some(seed, count):
    """Any, the same for the same numbers."""
    cases = possible()
    return random.Random(seed).sample(cases, min(count, len(cases)))
