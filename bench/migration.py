# SPDX-License-Identifier: Apache-2.0
"""The same guest moved by nova-lite and by raw virsh, turn and turn about.

Two guests of the same image, size and load, on the same hosts and storage: one a server of nova-lite's, the other a transient domain
nobody manages.  Time: from the request (the start of virsh) until it is over.  Pause: from QEMU's STOP event on the source to its RESUME
event on the destination, for both (PauseClock); the last line is what nova-lite itself has recorded as the pause.
"""
import argparse
import re
import statistics
import subprocess
import time
import uuid as uuids

from figures import summary, table
from novalite import Api, PauseClock, lab, virsh

parser = argparse.ArgumentParser()
parser.add_argument("--pairs", type=int, default=10)
parser.add_argument("--flavor", default="m1.micro")
parser.add_argument("--image", default="testguest-steady")
options, _ = parser.parse_known_args()
HOSTS = ("HostB", "HostC")


def make_raw(api, server):
    """A twin of the server's domain under another name, with a disk of its own."""
    xml = virsh(HOSTS[0], "dumpxml", server)
    twin = str(uuids.uuid4())
    directory = re.search(r"<source file='([^']*)/disk'", xml).group(1)
    raw = directory.rsplit("/", 1)[0] + "/raw-" + twin
    lab("exec", HOSTS[0], "mkdir", "-p", raw)
    lab("exec", HOSTS[0], "qemu-img", "convert", "-U", "-O", "qcow2", directory + "/disk", raw + "/disk")
    xml = re.sub(r"^<domain ([^>]*) id='\d+'", r"<domain \1", xml, flags=re.M)
    xml = re.sub(r"<backingStore type.*?</backingStore>", "", xml, flags=re.S)
    xml = re.sub(r"<metadata>.*?</metadata>", "", xml, flags=re.S)
    xml = re.sub(r"<name>[^<]*</name>", "<name>raw</name>", xml, count=1)
    xml = xml.replace(directory, raw).replace(server, twin)
    xml = re.sub(r"<mac address='fa:16:3e", "<mac address='fa:16:3f", xml)
    xml = re.sub(r"<seclabel.*?</seclabel>|<seclabel[^>]*/>", "", xml, flags=re.S)
    path = raw + "/domain.xml"
    lab("exec", HOSTS[0], "sh", "-c", "cat > " + path, input=xml)
    lab("exec", HOSTS[0], "virsh", "create", path)
    return raw


def raw_migrate(source, dest):
    began = time.monotonic()
    virsh(source, "migrate", "--live", "--p2p", "raw", "qemu+tcp://%s/system" % dest)
    return time.monotonic() - began


def main():
    api = Api()
    server = api.boot("bench-migration", options.flavor, options.image, HOSTS[0])
    name = virsh(HOSTS[0], "domname", server).strip()
    raw = make_raw(api, server)
    clock = PauseClock(HOSTS)
    time.sleep(2)
    times = {"raw": [], "ours": []}
    pauses = {"raw": [], "ours": []}
    recorded = []
    try:
        for i in range(options.pairs + 1):
            source, dest = HOSTS[i % 2], HOSTS[(i + 1) % 2]
            took, migration = api.migrate(server, dest)
            raw_took = raw_migrate(source, dest)
            pause, raw_pause = clock.pause_ms(name, source, dest), clock.pause_ms("raw", source, dest)
            if i == 0:
                continue  # the first pair warms caches on both sides
            times["ours"].append(took * 1000)
            pauses["ours"].append(pause)
            recorded.append(migration["downtime_ms"] - pause)
            times["raw"].append(raw_took * 1000)
            pauses["raw"].append(raw_pause)
    finally:
        clock.close()
        for host in HOSTS:
            try:
                virsh(host, "destroy", "raw")
            except subprocess.CalledProcessError:
                pass  # it is on the other one
        lab("exec", HOSTS[0], "rm", "-r", raw)
        api.delete(server)
    print("\nlive migration, %s, %s, %d pairs, ms: median (least - most)" %
          (options.flavor, options.image, options.pairs))
    rows = []
    for what, values in (("request to completed", times), ("guest pause", pauses)):
        ours, floor = statistics.median(values["ours"]), statistics.median(values["raw"])
        rows.append((what, summary(values["ours"]), summary(values["raw"]), "%+.0f" % (ours - floor),
                     "%.2f" % (ours / floor)))
    table(("", "nova-lite", "raw virsh", "difference", "ratio"), rows)
    print("pause as recorded by nova-lite, less the true one: " + summary(recorded))


main()
