# SPDX-License-Identifier: Apache-2.0
"""PSS of each daemon, idle and after requests, beside what runs them: an empty process with the same libraries would be the floor, so
the floor printed is the daemon itself right after its start; libvirtd, RabbitMQ and PostgreSQL stand beside for scale."""
import argparse
import json

from novalite import Api, lab, table

parser = argparse.ArgumentParser()
parser.add_argument("--requests", type=int, default=1000)
options, _ = parser.parse_known_args()
OURS = ("api", "scheduler", "compute")


def pss_kib(host, pid):
    text = lab("exec", host, "cat", "/proc/%d/smaps_rollup" % pid)
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def measure():
    found = {}
    for host in json.loads(lab("status", "--json"))["hosts"]:
        for service in host["services"]:
            if service["pid"] and service["state"] == "running":
                found[host["name"], service["name"]] = pss_kib(host["name"], service["pid"])
    return found


def main():
    api = Api()
    before = measure()
    for _ in range(options.requests):
        api.request("GET", "/servers/detail")
        api.request("GET", "/os-services")
    after = measure()
    print("\nmemory (PSS, MiB), %d requests of two kinds between the figures" % options.requests)
    rows = []
    for (host, name), size in sorted(after.items(), key=lambda item: (item[0][1] not in OURS, item[0])):
        rows.append((host, name, "%.1f" % (before.get((host, name), 0) / 1024), "%.1f" % (size / 1024)))
    table(("host", "process", "before", "after"), rows)


main()
