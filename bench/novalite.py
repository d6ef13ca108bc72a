# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks with a lab share: the API over one kept connection, and the lab."""
import http.client
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse

LAB = os.environ["NOVA_LITE_LAB_PROGRAM"]


class Api:
    def __init__(self):
        self.url = urllib.parse.urlsplit(os.environ["OS_ENDPOINT"])
        self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=120)

    def request(self, method, path, body=None, version="2.87"):
        headers = {"X-Auth-Token": "bench", "OpenStack-API-Version": "compute " + version}
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        self.connection.request(method, self.url.path + path, body, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status >= 400:
            raise RuntimeError("%s %s: %d %s" % (method, path, reply.status, text.decode()))
        return json.loads(text) if text else None

    def by_name(self, path, key, name):
        for row in self.request("GET", path)[key]:
            if row["name"] == name:
                return row
        raise RuntimeError("no %s named %s" % (key, name))

    def server(self, uuid):
        return self.request("GET", "/servers/" + uuid)["server"]

    def boot(self, name, flavor, image, host):
        body = {"server": {
            "name": name, "networks": "auto", "host": host,
            "flavorRef": self.by_name("/flavors/detail", "flavors", flavor)["id"],
            "imageRef": self.by_name("/v2/images", "images", image)["id"]}}
        uuid = self.request("POST", "/servers", body)["server"]["id"]
        deadline = time.monotonic() + 120
        while True:
            server = self.server(uuid)
            if server["status"] == "ACTIVE":
                return uuid
            if server["status"] == "ERROR" or time.monotonic() > deadline:
                raise RuntimeError("%s is %s: %s" % (name, server["status"], server.get("fault")))
            time.sleep(0.1)

    def delete(self, uuid):
        self.request("DELETE", "/servers/" + uuid)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.server(uuid)
            except RuntimeError:
                return
            time.sleep(0.1)

    def migrate(self, uuid, host):
        """Moves the server; seconds from the request to `done', and the operation as the service tells it."""
        began = time.monotonic()
        self.request("POST", "/servers/%s/action" % uuid,
                     {"os-migrateLive": {"host": host, "block_migration": "auto"}})
        newest = self.request("GET", "/os-migrations?instance_uuid=%s&limit=1" % uuid)["migrations"][0]
        path = "/nova-lite/servers/%s/migrations/%d" % (uuid, newest["id"])
        while True:
            migration = self.request("GET", path)["migration"]
            if migration["state"] in ("done", "failed", "cancelled", "error"):
                break
            time.sleep(0.005)
        took = time.monotonic() - began
        if migration["state"] != "done":
            raise RuntimeError("migration %(id)d %(state)s: %(reason)s" % migration)
        return took, migration


class PauseClock:
    """How long guests stood still at a switch, by QEMU's own clock: from the source's STOP event to the destination's RESUME event.

    Both carry the time at which QEMU itself stopped and started the CPUs, and all hosts of the lab share one clock.
    """
    LINE = re.compile(r"^event (STOP|RESUME) at (\d+\.\d+) for domain '([^']*)'")

    def __init__(self, hosts):
        self.listeners = {
            host: subprocess.Popen(["stdbuf", "-oL", "virsh", "-c", os.environ["VIRSH_" + host.upper()], "qemu-monitor-event", "--loop"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
            for host in hosts}
        self.seen = []  # (host, event, domain, seconds)
        for host, listener in self.listeners.items():
            threading.Thread(target=self.read, args=(host, listener.stdout), daemon=True).start()
        time.sleep(1)  # until both have subscribed

    def read(self, host, lines):
        for line in lines:
            match = self.LINE.match(line)
            if match:
                self.seen.append((host, match.group(1), match.group(3), float(match.group(2))))

    def pause_ms(self, domain, source, dest):
        """Of the newest move of this domain between these hosts; waits until both events have come."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            stops = [at for host, event, name, at in self.seen if (host, event, name) == (source, "STOP", domain)]
            starts = [at for host, event, name, at in self.seen if (host, event, name) == (dest, "RESUME", domain)]
            if stops and starts and starts[-1] > stops[-1]:
                return (starts[-1] - stops[-1]) * 1000
            time.sleep(0.01)
        raise RuntimeError("no STOP on %s and RESUME on %s of %s in %s" % (source, dest, domain, self.seen))

    def close(self):
        for listener in self.listeners.values():
            listener.terminate()
            listener.wait()


def lab(*words, **kwargs):
    return subprocess.run([LAB, *words], check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def virsh(host, *words):
    uri = os.environ["VIRSH_" + host.upper()]
    return subprocess.run(["virsh", "-c", uri, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True).stdout
