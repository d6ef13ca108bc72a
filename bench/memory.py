# SPDX-License-Identifier: Apache-2.0
"""PSS of each daemon, before and after requests; the floor beside it is a program that is linked with the same libraries and does nothing.

libvirtd, RabbitMQ and PostgreSQL stand below for scale.
"""
import argparse
import json
import os
import subprocess

from figures import table
from novalite import Api, lab

parser = argparse.ArgumentParser()
parser.add_argument("--requests", type=int, default=1000)
options, _ = parser.parse_known_args()
OURS = ("api", "scheduler", "compute")


def pss(text):
    """MiB"""
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def measure():
    found = {}
    for host in json.loads(lab("status", "--json"))["hosts"]:
        for service in host["services"]:
            if service["pid"] and service["state"] == "running":
                found[host["name"], service["name"]] = pss(
                    lab("exec", host["name"], "cat", "/proc/%d/smaps_rollup" % service["pid"]))
    return found


def floor(name):
    program = os.path.join(os.environ["NOVA_LITE_BINDIR"], "bench", "floor_" + name)
    process = subprocess.Popen([program], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        with open("/proc/%d/smaps_rollup" % process.pid) as rollup:
            return pss(rollup.read())
    finally:
        process.kill()
        process.wait()


def main():
    api = Api()
    before = measure()
    for _ in range(options.requests // 2):
        api.request("GET", "/servers/detail")
        api.request("GET", "/os-services")
    after = measure()
    print("\nmemory (PSS, MiB), %d requests between the figures" % options.requests)
    rows = []
    for (host, name), size in sorted(after.items(), key=lambda item: (item[0][1] not in OURS, item[0])):
        rows.append((host, name, "%.1f" % before.get((host, name), 0), "%.1f" % size,
                     "%.1f" % floor(name) if name in OURS else "-"))
    table(("host", "process", "before", "after", "floor"), rows)


main()
