# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the API over one kept connection, the lab, and figures."""
import http.client
import json
import os
import statistics
import subprocess
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


def lab(*words, **kwargs):
    return subprocess.run([LAB, *words], check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def virsh(host, *words):
    uri = os.environ["VIRSH_" + host.upper()]
    return subprocess.run(["virsh", "-c", uri, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True).stdout


def summary(values):
    """median (min - max)"""
    return "%.0f (%.0f - %.0f)" % (statistics.median(values), min(values), max(values))


def table(headings, rows):
    widths = [max(len(str(row[i])) for row in [headings] + rows) for i in range(len(headings))]
    for row in [headings] + rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
