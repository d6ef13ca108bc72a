# SPDX-License-Identifier: Apache-2.0
"""Single rows of doc/faults.md, in one lab."""
import contextlib
import subprocess
import sys
import time

from worstlab import PAUSE_S, WorstLab, main, watched

SHOWN_S = 10   # it has ended within this
PORTS = "49152:49215"

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


try:
    status = main(lab.each([closed_migration_ports_refuse]))
finally:
    lab.down()
sys.exit(status)
