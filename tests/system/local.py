# SPDX-License-Identifier: Apache-2.0
"""Nothing shared: each host has its own instance directories, and a live migration is refused with the reason."""
import re
import sys

from novalab import Lab, Refused, main

lab = Lab("local", "--shared", "local")
api = lab.api


def refused(pattern, uuid):
    try:
        api.live_migrate(uuid, "HostC", version="2.30")
    except Refused as refusal:
        assert refusal.status == 400 and re.search(pattern, refusal.message), str(refusal)
    else:
        raise AssertionError("accepted")
    assert api.wait_status(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostB"
    lab.check_books()


def pools_are_counted_apart():
    assert lab.sql("SELECT count(DISTINCT pool_id) FROM hosts") == [["2"]]


def no_shared_storage():
    uuid = api.boot("vm", host="HostB")
    refused(r"HostC: its instances_path is not the file system that HostB has: live migration needs shared storage", uuid)
    api.delete(uuid)


def no_room_on_disk():
    uuid = api.boot("vm2", host="HostB")
    lab.sql("UPDATE pools SET cap_gb = used_gb WHERE id = (SELECT pool_id FROM hosts WHERE name = 'HostC')")
    refused(r"HostC: needs 1 GB of disk, 0 of 0 GB are free", uuid)
    api.delete(uuid)


try:
    status = main([pools_are_counted_apart, no_shared_storage, no_room_on_disk])
finally:
    lab.down()
sys.exit(status)
