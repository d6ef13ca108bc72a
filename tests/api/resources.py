# SPDX-License-Identifier: Apache-2.0
"""Tests of what is no server: key pairs, quotas, usage, groups, aggregates.  Each function here is one, run by test_api.c as
`resources.py NAME'.  Key sets of answers are written out by hand, for the microversions at which they change.
"""
import base64
import os
import subprocess
import sys
import tempfile
import threading
import uuid

from client import BASE, IMAGE, NOWHERE, ask, boot, booted, client, equal, fault, get, sql

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIOsbAoyhLWEHjzYYFj6pUSpXgCBSPcOQvh8WLTLzKZ1 me@here"


def token(user="admin", project="default"):
    return f"{user}:{project}"


def fresh():
    return "p" + uuid.uuid4().hex[:10]


def keys(value, want):
    equal(set(value), set(want.split()))


def refuse_bodies(method, path, cases):
    """Each case: body, microversion, what the text must have in it."""
    for body, version, words in cases:
        answer = ask(method, "/v2.1" + path, body, version)
        fault(answer, 400)
        assert words in answer.message(), (body, version, answer.message())


# ---- key pairs ----

KEYPAIR_20 = "name public_key fingerprint"


def keypairs():
    me = token("u" + fresh())
    for version, status, want in (("2.1", 200, KEYPAIR_20 + " user_id"), ("2.2", 201, KEYPAIR_20 + " type user_id"),
                                  ("2.87", 201, KEYPAIR_20 + " type user_id")):
        name = "k " + version.replace(".", "-")
        made = ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": name, "public_key": ED25519}}, version, token=me)
        equal(made.status, status, made.text)
        keys(made.json["keypair"], want)
        equal(made.json["keypair"]["public_key"], ED25519)
        shown = get("/os-keypairs/" + name.replace(" ", "%20"), version, token=me)["keypair"]
        keys(shown, want + " created_at deleted deleted_at updated_at id")
        equal((shown["deleted"], shown["deleted_at"], shown["updated_at"]), (False, None, None))
        listed = get("/os-keypairs", version, token=me)
        keys(listed, "keypairs")
        keys(listed["keypairs"][0], "keypair")
        keys(listed["keypairs"][0]["keypair"], want.replace(" user_id", ""))
    with tempfile.NamedTemporaryFile("w") as file:  # ssh-keygen knows the fingerprint too
        file.write(ED25519 + "\n")
        file.flush()
        said = subprocess.run(["ssh-keygen", "-E", "md5", "-lf", file.name], capture_output=True, text=True) \
            if os.path.exists("/usr/bin/ssh-keygen") else None
        if said:
            assert "MD5:" + shown["fingerprint"] + " " in said.stdout, said
    fault(ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k 2-1", "public_key": ED25519}}, token=me), 409,
          "Key pair 'k 2-1' already exists.")
    page = get("/os-keypairs?limit=2", "2.35", token=me)
    equal([k["keypair"]["name"] for k in page["keypairs"]], ["k 2-1", "k 2-2"])
    equal(page["keypairs_links"], [{"rel": "next", "href": f"{BASE}/v2.1/os-keypairs?limit=2&marker=k%202-2"}])
    rest = get("/os-keypairs?limit=2&marker=k%202-2", "2.35", token=me)
    equal([k["keypair"]["name"] for k in rest["keypairs"]], ["k 2-87"])
    assert "keypairs_links" not in rest
    fault(ask("GET", "/v2.1/os-keypairs?marker=none", version="2.35", token=me), 400, "marker [none] not found")
    fault(ask("GET", "/v2.1/os-keypairs?x=1", version="2.75", token=me), 400,
          "Additional properties are not allowed ('x' was unexpected)")
    # a pair made here: the private key is shown once and fits the public one
    made = ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": "born"}}, "2.2", token=me, timeout=120).json["keypair"]
    keys(made, KEYPAIR_20 + " type user_id private_key")
    assert made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----\n"), made["private_key"][:40]
    assert made["public_key"].startswith("ssh-rsa AAAA")
    assert "private_key" not in get("/os-keypairs/born", token=me)["keypair"]
    equal(sql("SELECT count(*) FROM keypairs k WHERE k::text LIKE '%PRIVATE%'"), "0")
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "key")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(made["private_key"])
        public = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"], capture_output=True,
                                check=True).stdout
        blob = base64.b64decode(made["public_key"].split()[1])
        assert blob[-256:] in public  # the modulus
    # keys belong to users
    you = token("v" + fresh())
    fault(ask("GET", "/v2.1/os-keypairs/born", token=you), 404, f"Keypair born not found for user {you.split(':')[0]}")
    equal(get("/os-keypairs?user_id=" + me.split(":")[0], "2.1", token=you), {"keypairs": []})
    equal(len(get("/os-keypairs?user_id=" + me.split(":")[0], "2.10")["keypairs"]), 4)
    made = ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": "gift", "public_key": ED25519,
                                                          "user_id": you.split(":")[0]}}, "2.10")
    equal((made.status, made.json["keypair"]["user_id"]), (201, you.split(":")[0]))
    equal(ask("DELETE", "/v2.1/os-keypairs/gift", token=you).status, 202)
    equal(ask("DELETE", "/v2.1/os-keypairs/born", version="2.2", token=me).status, 204)
    fault(ask("DELETE", "/v2.1/os-keypairs/born", version="2.2", token=me), 404)


def keypair_bodies():
    refuse_bodies("POST", "/os-keypairs", [
        ({"keypair": {}}, "2.1", "'name' is a required property"),
        ({"keypair": []}, "2.1", "[] is not of type 'object'"),
        ({}, "2.1", "'keypair' is a required property"),
        ({"keypair": {"name": 5}}, "2.1", "5 is not of type 'string'"),
        ({"keypair": {"name": ""}}, "2.1", "'' is too short"),
        ({"keypair": {"name": "n" * 256}}, "2.1", "is too long"),
        ({"keypair": {"name": " n"}}, "2.1", "Can not start or end with whitespace"),
        ({"keypair": {"name": "n!"}}, "2.1", "Keypair data is invalid: Keypair name contains unsafe characters"),
        ({"keypair": {"name": "n", "public_key": 1}}, "2.1", "is not of type 'string'"),
        ({"keypair": {"name": "n", "type": "ssh"}}, "2.1", "Additional properties are not allowed ('type' was"),
        ({"keypair": {"name": "n", "type": "dsa"}}, "2.2", "is not one of ['ssh', 'x509']"),
        ({"keypair": {"name": "n", "type": "x509"}}, "2.2", "only key pairs of the type ssh"),
        ({"keypair": {"name": "n", "user_id": "u"}}, "2.9", "Additional properties are not allowed ('user_id' was"),
        ({"keypair": {"name": "n", "more": 1}}, "2.87", "Additional properties are not allowed ('more' was"),
    ] + [({"keypair": {"name": "n", "public_key": bad}}, "2.1", "failed to generate fingerprint") for bad in (
        "", "ssh-rsa", "ssh-rsa notbase64!", "ssh-rsa AAAA", "ssh-rsa " + ED25519.split()[1], ED25519 + "\nssh-rsa x",
        ED25519[:40], "x" * 20000)])


def keypair_at_create():
    me = token("w" + fresh(), fresh())
    fault(ask("POST", "/v2.1/servers", {"server": {"name": "n", "imageRef": IMAGE, "flavorRef": "1", "key_name": "k"}},
              token=me), 400, "Invalid key_name provided.")
    ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k", "public_key": ED25519}}, token=me)
    made = ask("POST", "/v2.1/servers", {"server": {"name": "n", "imageRef": IMAGE, "flavorRef": "1", "key_name": "k"}},
               token=me)
    equal(made.status, 202, made.text)
    sid = made.json["server"]["id"]
    equal(get("/servers/" + sid, token=me)["server"]["key_name"], "k")
    ask("DELETE", "/v2.1/os-keypairs/k", token=me)
    equal(get("/servers/" + sid, token=me)["server"]["key_name"], "k")
    equal(sql(f"SELECT key_data FROM instances WHERE uuid = '{sid}'"), ED25519)


# ---- quotas ----

QUOTAS = "instances cores ram key_pairs metadata_items server_groups server_group_members"
QUOTAS_56 = QUOTAS + " injected_files injected_file_content_bytes injected_file_path_bytes"
QUOTAS_35 = QUOTAS_56 + " fixed_ips floating_ips security_groups security_group_rules"


def quota_sets():
    project = fresh()
    path = "/os-quota-sets/" + project
    for version, want in (("2.1", QUOTAS_35), ("2.35", QUOTAS_35), ("2.36", QUOTAS_56), ("2.56", QUOTAS_56),
                          ("2.57", QUOTAS), ("2.87", QUOTAS)):
        for where in ("", "/defaults"):
            shown = get(path + where, version)["quota_set"]
            keys(shown, want + " id")
            equal((shown["id"], shown["instances"], shown["key_pairs"], shown["server_groups"]), (project, -1, 100, 10))
        detail = get(path + "/detail", version)["quota_set"]
        keys(detail, want + " id")
        equal(detail["ram"], {"limit": -1, "in_use": 0, "reserved": 0})
        changed = ask("PUT", "/v2.1" + path, {"quota_set": {"cores": "7", "ram": 100}}, version)
        equal(changed.status, 200, changed.text)
        keys(changed.json["quota_set"], want)
        equal((changed.json["quota_set"]["cores"], changed.json["quota_set"]["ram"]), (7, 100))
        equal(get(path, version)["quota_set"]["cores"], 7)
        equal(get(path + "/defaults", version)["quota_set"]["cores"], -1)
        equal(ask("DELETE", "/v2.1" + path, version=version).status, 202)
        equal(get(path, version)["quota_set"]["cores"], -1)
    mine = token("carol", project)
    equal(get(path, token=mine)["quota_set"]["id"], project)
    fault(ask("GET", "/v2.1" + path + "?x=1", version="2.75"), 400,
          "Additional properties are not allowed ('x' was unexpected)")


def quota_bodies():
    path = "/os-quota-sets/" + fresh()
    refuse_bodies("PUT", path, [
        ({}, "2.1", "'quota_set' is a required property"),
        ({"quota_set": 1}, "2.1", "is not of type 'object'"),
        ({"quota_set": {"cores": None}}, "2.1", "None is not of type"),
        ({"quota_set": {"cores": "many"}}, "2.1", "does not match '^-?[0-9]+$'"),
        ({"quota_set": {"cores": -2}}, "2.1", "-2 is less than the minimum of -1"),
        ({"quota_set": {"cores": "-2"}}, "2.1", "must be in the range of -1"),
        ({"quota_set": {"cores": 2**31}}, "2.1", "is greater than the maximum of 2147483647"),
        ({"quota_set": {"cores": "2147483648"}}, "2.1", "must be in the range of -1 and 2147483647"),
        ({"quota_set": {"force": "perhaps"}}, "2.1", "is not one of [True"),
        ({"quota_set": {"planets": 1}}, "2.1", "Additional properties are not allowed ('planets' was unexpected)"),
        ({"quota_set": {"fixed_ips": 4}}, "2.35", "this cloud does not have them"),
        ({"quota_set": {"fixed_ips": -1}}, "2.36", "Additional properties are not allowed ('fixed_ips' was"),
        ({"quota_set": {"injected_files": 0}}, "2.57", "Additional properties are not allowed ('injected_files' was"),
    ])
    equal(ask("PUT", "/v2.1" + path, {"quota_set": {"fixed_ips": -1, "injected_files": 0}}, "2.1").status, 200)
    fault(ask("PUT", "/v2.1" + path + "?user_id=u", {"quota_set": {"cores": 4}}), 400,
          "Quotas are those of a project; single users have none of their own.")
    equal(sql(f"SELECT count(*) FROM quota_limits WHERE project_id = '{path.split('/')[-1]}'"), "0")


def quota_at_create():
    project = fresh()
    mine = token("dave", project)

    def make(want=202, **more):
        body = {"name": "q", "imageRef": IMAGE, "flavorRef": "1"}
        body.update(more)
        answer = ask("POST", "/v2.1/servers", {"server": body}, token=mine)
        equal(answer.status, want, answer.text)
        return answer

    def limit(**limits):
        equal(ask("PUT", "/v2.1/os-quota-sets/" + project, {"quota_set": limits}).status, 200)

    limit(instances=3)
    first = make().json["server"]["id"]
    fault(make(403, min_count=3), 403, "Quota exceeded for instances: Requested 3, but already used 1 of 3 instances")
    equal(sql(f"SELECT count(*) FROM instances WHERE project_id = '{project}'"), "1")
    make(min_count=1, max_count=5)  # as many as fit
    equal(sql(f"SELECT count(*) FROM instances WHERE project_id = '{project}'"), "3")
    fault(make(403), 403, "Quota exceeded for instances: Requested 1, but already used 3 of 3 instances")
    limit(instances=-1, cores=3, ram=192)
    fault(make(403), 403, "Quota exceeded for cores, ram: Requested 1, but already used 3 of 3 cores, ram")
    limit(cores=10, ram=200)
    fault(make(403), 403, "Quota exceeded for ram: Requested 64, but already used 192 of 200 ram")
    fault(ask("PUT", "/v2.1/os-quota-sets/" + project, {"quota_set": {"cores": 2}}), 400,
          "Quota limit 2 for cores must be greater than or equal to already used and reserved 3.")
    equal(ask("PUT", "/v2.1/os-quota-sets/" + project, {"quota_set": {"cores": 2, "force": True}}).status, 200)
    equal(ask("DELETE", "/v2.1/os-quota-sets/" + project).status, 202)
    fault(make(403, metadata={f"k{i}": "v" for i in range(6)}), 403, "Maximum number of metadata items exceeds 5")
    sql(f"UPDATE operations SET state = 'error', finished_at = now() WHERE instance = '{first}'")
    sql(f"UPDATE instances SET vm_state = 'error' WHERE uuid = '{first}'")
    equal(ask("DELETE", "/v2.1/servers/" + first, token=mine).status, 204)
    equal(get("/limits", token=mine)["limits"]["absolute"]["totalInstancesUsed"], 2)


def quota_of_a_hundred():
    """A hundred clients at once create, some list and delete: no 5xx, and never more than the quota."""
    project, answers, over = fresh(), [], []
    mine = token("erin", project)
    equal(ask("PUT", "/v2.1/os-quota-sets/" + project, {"quota_set": {"instances": 25, "key_pairs": 5}}).status, 200)

    def one(i):
        try:
            made = ask("POST", "/v2.1/servers", {"server": {"name": f"h{i}", "imageRef": IMAGE, "flavorRef": "1"}},
                       token=mine, timeout=120)
            answers.append(made.status)
            if made.status == 403 and "Quota exceeded for instances: Requested 1, but already used 25 of 25" not in \
                    made.message():
                over.append(made.message())
            if i % 4 == 0:
                answers.append(ask("GET", "/v2.1/servers/detail", token=mine, timeout=120).status)
        except Exception as error:
            over.append(repr(error))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(over, [])
    equal((answers.count(202), answers.count(403), answers.count(200)), (25, 75, 25))
    equal(sql(f"SELECT count(*) FROM instances WHERE project_id = '{project}' AND deleted_at IS NULL"), "25")
    equal(sql(f"SELECT instances, cores, ram_mb FROM project_usage WHERE project_id = '{project}'"), "25|25|1600")
    # deleting makes room, exactly
    sql(f"UPDATE operations SET state = 'error', finished_at = now() WHERE project_id = '{project}'")
    sql(f"UPDATE instances SET vm_state = 'error' WHERE project_id = '{project}'")
    ids = sql(f"SELECT uuid FROM instances WHERE project_id = '{project}'").split()
    answers.clear()
    gone = [threading.Thread(target=lambda s=s: answers.append(ask("DELETE", "/v2.1/servers/" + s, token=mine,
                                                                     timeout=120).status)) for s in ids[:10]]
    for thread in gone:
        thread.start()
    for thread in gone:
        thread.join()
    equal(answers, [204] * 10)
    answers.clear()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(1, 40, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(over, [])
    equal((answers.count(202), answers.count(403)), (10, 10))
    equal(sql(f"SELECT instances FROM project_usage WHERE project_id = '{project}'"), "25")


LIMITS = """maxTotalInstances maxTotalCores maxTotalRAMSize maxServerMeta maxTotalKeypairs maxServerGroups
    maxServerGroupMembers totalRAMUsed totalCoresUsed totalInstancesUsed totalServerGroupsUsed"""
LIMITS_56 = LIMITS + " maxPersonality maxPersonalitySize"
LIMITS_38 = LIMITS_56 + " maxImageMeta"
LIMITS_35 = LIMITS_38 + """ maxTotalFloatingIps maxSecurityGroups maxSecurityGroupRules totalFloatingIpsUsed
    totalSecurityGroupsUsed"""


def limits():
    project = fresh()
    mine = token("fred", project)
    equal(ask("PUT", "/v2.1/os-quota-sets/" + project, {"quota_set": {"instances": 4, "ram": 1000}}).status, 200)
    ask("POST", "/v2.1/servers", {"server": {"name": "l", "imageRef": IMAGE, "flavorRef": "2"}}, token=mine)
    for version, want in (("2.1", LIMITS_35), ("2.36", LIMITS_38), ("2.39", LIMITS_56), ("2.57", LIMITS),
                          ("2.87", LIMITS)):
        body = get("/limits", version, token=mine)["limits"]
        keys(body, "rate absolute")
        keys(body["absolute"], want)
    absolute = body["absolute"]
    equal((absolute["maxTotalInstances"], absolute["maxTotalRAMSize"], absolute["maxServerMeta"]), (4, 1000, 5))
    equal((absolute["totalInstancesUsed"], absolute["totalCoresUsed"], absolute["totalRAMUsed"]), (1, 1, 128))
    equal(get("/limits?tenant_id=" + project, "2.87")["limits"]["absolute"], absolute)
    fault(ask("GET", "/v2.1/limits?x=1", version="2.75"), 400,
          "Additional properties are not allowed ('x' was unexpected)")


USAGE = "tenant_id start stop total_hours total_memory_mb_usage total_vcpus_usage total_local_gb_usage"
SERVER_USAGE = "instance_id name hours memory_mb local_gb vcpus tenant_id flavor started_at ended_at state uptime"


def usage():
    project = fresh()
    mine = token("gina", project)
    sids = []
    for i in range(3):
        made = ask("POST", "/v2.1/servers", {"server": {"name": f"u{i}", "imageRef": IMAGE, "flavorRef": "2"}},
                   token=mine)
        sids.append(made.json["server"]["id"])
    # one ran the whole day, one for two hours of it, one never
    sql(f"UPDATE instances SET launched_at = '2020-02-01 12:00+00', vm_state = 'active' WHERE uuid = '{sids[0]}';"
        f"UPDATE instances SET launched_at = '2020-02-02 01:00+00', terminated_at = '2020-02-02 03:00+00' WHERE uuid ="
        f" '{sids[1]}'")
    when = "start=2020-02-02T00:00:00&end=2020-02-03T00:00:00.000000"
    shown = get(f"/os-simple-tenant-usage/{project}?{when}", token=mine)
    keys(shown, "tenant_usage")
    shown = shown["tenant_usage"]
    keys(shown, USAGE + " server_usages")
    equal((shown["total_hours"], shown["total_vcpus_usage"], shown["total_memory_mb_usage"],
           shown["total_local_gb_usage"]), (26.0, 26.0, 26.0 * 128, 52.0))
    equal((shown["start"], shown["stop"]), ("2020-02-02T00:00:00.000000", "2020-02-03T00:00:00.000000"))
    by_id = {s["instance_id"]: s for s in shown["server_usages"]}
    equal(set(by_id), set(sids[:2]))
    keys(by_id[sids[0]], SERVER_USAGE)
    equal([by_id[sids[1]][k] for k in ("hours", "ended_at", "state", "uptime")],
          [2.0, "2020-02-02T03:00:00.000000", "terminated", 7200])
    equal([by_id[sids[0]][k] for k in ("hours", "ended_at", "state", "flavor")], [24.0, None, "active", "m1.small"])
    listed = [u for u in get(f"/os-simple-tenant-usage?{when}")["tenant_usages"] if u["tenant_id"] == project]
    keys(listed[0], USAGE)
    listed = [u for u in get(f"/os-simple-tenant-usage?{when}&detailed=1")["tenant_usages"] if u["tenant_id"] == project]
    keys(listed[0], USAGE + " server_usages")
    equal(get(f"/os-simple-tenant-usage/nobody?{when}"), {"tenant_usage": {}})
    page = get(f"/os-simple-tenant-usage/{project}?{when}&limit=1", "2.40", token=mine)
    last = page["tenant_usage"]["server_usages"][0]["instance_id"]
    equal(page["tenant_usage_links"][0]["rel"], "next")
    assert f"marker={last}" in page["tenant_usage_links"][0]["href"]
    rest = get(f"/os-simple-tenant-usage/{project}?{when}&limit=5&marker={last}", "2.40", token=mine)
    equal([s["instance_id"] for s in rest["tenant_usage"]["server_usages"]], [s for s in sorted(sids[:2]) if s != last])
    fault(ask("GET", f"/v2.1/os-simple-tenant-usage?marker={NOWHERE}", version="2.40"), 400,
          f"marker [{NOWHERE}] not found")
    fault(ask("GET", "/v2.1/os-simple-tenant-usage?start=2020-02-02&end=2020-02-01"), 400,
          "Invalid start time. The start time cannot occur after the end time.")
    fault(ask("GET", "/v2.1/os-simple-tenant-usage?start=yesterday"), 400, "Datetime is in invalid format")
    fault(ask("GET", "/v2.1/os-simple-tenant-usage?x=1", version="2.75"), 400,
          "Additional properties are not allowed ('x' was unexpected)")


# ---- server groups ----

GROUP_20 = "id name policies metadata members"
GROUP_64 = "id name policy rules members project_id user_id"


def server_groups():
    project = fresh()
    mine = token("hugo", project)

    def make(group, version, want=200):
        answer = ask("POST", "/v2.1/os-server-groups", {"server_group": group}, version, token=mine)
        equal(answer.status, want, answer.text)
        return answer

    for version, group, want in (
            ("2.1", {"name": "g", "policies": ["affinity"]}, GROUP_20),
            ("2.12", {"name": "g", "policies": ["anti-affinity"]}, GROUP_20),
            ("2.13", {"name": "g", "policies": ["anti-affinity"]}, GROUP_20 + " project_id user_id"),
            ("2.15", {"name": "g", "policies": ["soft-affinity"]}, GROUP_20 + " project_id user_id"),
            ("2.63", {"name": "g", "policies": ["soft-anti-affinity"]}, GROUP_20 + " project_id user_id"),
            ("2.64", {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": "3"}}, GROUP_64),
            ("2.87", {"name": "g", "policy": "soft-anti-affinity"}, GROUP_64)):
        made = make(group, version).json["server_group"]
        keys(made, want)
        for key in set(group) - {"rules"}:
            equal(made[key], group[key])
        if "rules" in made:
            equal(made["rules"], {"max_server_per_host": 3} if "rules" in group else {})
        equal(made["members"], [])
        equal(get("/os-server-groups/" + made["id"], version, token=mine)["server_group"], made)
        keys(get("/os-server-groups", version, token=mine)["server_groups"][0], want)
    old = get("/os-server-groups", "2.1", token=mine)["server_groups"]
    equal([g["policies"] for g in old],
          [["affinity"], ["anti-affinity"], ["anti-affinity"], ["soft-affinity"], ["soft-anti-affinity"]])  # max_limit
    equal([g["policies"] for g in get("/os-server-groups?offset=5", "2.1", token=mine)["server_groups"]],
          [["anti-affinity"], ["soft-anti-affinity"]])
    equal([g["id"] for g in get("/os-server-groups?limit=2&offset=3", token=mine)["server_groups"]],
          [g["id"] for g in old[3:5]])
    gid = old[0]["id"]
    # a server joins by a hint; the group and the server say so
    made = ask("POST", "/v2.1/servers", {"server": {"name": "m", "imageRef": IMAGE, "flavorRef": "1"},
                                          "os:scheduler_hints": {"group": gid}}, token=mine)
    equal(made.status, 202, made.text)
    sid = made.json["server"]["id"]
    equal(get("/os-server-groups/" + gid, token=mine)["server_group"]["members"], [sid])
    equal(get("/servers/" + sid, "2.71", token=mine)["server"]["server_groups"], [gid])
    assert "server_groups" not in get("/servers/" + sid, "2.70", token=mine)["server"]
    for body, status, words in (({"group": NOWHERE}, 400, f"Instance group {NOWHERE} could not be found."),
                                ({"group": "g"}, 400, "'g' is not a 'uuid'"),
                                ({"same_host": "s"}, 400, "'s' is not"),
                                ({"different_host": [sid, 5]}, 400, "is not valid under any of the given schemas"),
                                ({"cidr": "10.0.0.0/24"}, 400, "does not match"),
                                ({"query": 5}, 400, "5 is not of type"),
                                ({"query": "[]"}, 501, "hint 'query'"),
                                ({"cidr": "/24", "build_near_host_ip": "10.0.0.1"}, 501, "hint '"),
                                ({"colour": "blue"}, 501, "hint 'colour'")):
        answer = ask("POST", "/v2.1/servers", {"server": {"name": "m", "imageRef": IMAGE, "flavorRef": "1"},
                                                "OS-SCH-HNT:scheduler_hints": body}, token=mine)
        fault(answer, status)
        assert words in answer.message(), answer.message()
    for body, want in (({"same_host": sid}, f"{{{sid}}}|"), ({"different_host": [sid, NOWHERE]}, f"|{{{sid},{NOWHERE}}}"),
                       ({"same_host": [], "different_host": sid}, f"{{}}|{{{sid}}}")):
        made = ask("POST", "/v2.1/servers", {"server": {"name": "h", "imageRef": IMAGE, "flavorRef": "1"},
                                              "os:scheduler_hints": body}, token=mine)
        equal(made.status, 202, made.text)
        equal(sql(f"SELECT same_host_as, not_host_of FROM instances WHERE uuid = '{made.json['server']['id']}'"), want)
        ask("DELETE", "/v2.1/servers/" + made.json["server"]["id"], token=mine)
    # a group of another project cannot be joined
    fault(ask("POST", "/v2.1/servers", {"server": {"name": "m", "imageRef": IMAGE, "flavorRef": "1"},
                                         "os:scheduler_hints": {"group": gid}}), 400,
          f"Instance group {gid} could not be found.")
    equal(ask("PUT", "/v2.1/os-quota-sets/" + project, {"quota_set": {"server_groups": 7, "server_group_members": 1}})
          .status, 200)
    fault(make({"name": "g", "policies": ["affinity"]}, "2.1", 403), 403, "Quota exceeded, too many server groups.")
    fault(ask("POST", "/v2.1/servers", {"server": {"name": "m", "imageRef": IMAGE, "flavorRef": "1"},
                                         "os:scheduler_hints": {"group": gid}}, token=mine), 403,
          "Quota exceeded, too many servers in group")
    equal(get("/limits", token=mine)["limits"]["absolute"]["totalServerGroupsUsed"], 7)
    equal(ask("DELETE", "/v2.1/os-server-groups/" + gid, token=mine).status, 204)
    fault(ask("DELETE", "/v2.1/os-server-groups/" + gid, token=mine), 404, f"Instance group {gid} could not be found.")
    fault(ask("GET", "/v2.1/os-server-groups/" + gid, token=mine), 404, f"Instance group {gid} could not be found.")
    fault(ask("GET", "/v2.1/os-server-groups/g", token=mine), 404, "Instance group g could not be found.")
    equal(get("/servers/" + sid, "2.71", token=mine)["server"]["server_groups"], [])
    assert len(get("/os-server-groups?all_projects=1")["server_groups"]) >= 5


def server_group_bodies():
    refuse_bodies("POST", "/os-server-groups", [
        ({}, "2.1", "'server_group' is a required property"),
        ({"server_group": []}, "2.1", "is not of type 'object'"),
        ({"server_group": {"name": "g"}}, "2.1", "'policies' is a required property"),
        ({"server_group": {"policies": ["affinity"]}}, "2.1", "'name' is a required property"),
        ({"server_group": {"name": "g" * 256, "policies": ["affinity"]}}, "2.1", "is too long"),
        ({"server_group": {"name": "g", "policies": "affinity"}}, "2.1", "is not of type 'array'"),
        ({"server_group": {"name": "g", "policies": []}}, "2.1", "[] is too short"),
        ({"server_group": {"name": "g", "policies": ["affinity", "anti-affinity"]}}, "2.1", "is too long"),
        ({"server_group": {"name": "g", "policies": ["soft-affinity"]}}, "2.14", "is not one of ['anti-affinity', 'aff"),
        ({"server_group": {"name": "g", "policies": ["closer"]}}, "2.15", "is not one of"),
        ({"server_group": {"name": "g", "policy": "affinity"}}, "2.63", "'policies' is a required property"),
        ({"server_group": {"name": "g", "policies": ["affinity"]}}, "2.64", "'policy' is a required property"),
        ({"server_group": {"name": "g", "policy": "affinity", "rules": {"max_server_per_host": 2}}}, "2.64",
         "Only anti-affinity policy supports rules."),
        ({"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 0}}}, "2.64",
         "0 is less than the minimum of 1"),
        ({"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": "0"}}}, "2.64",
         "at least 1"),
        ({"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"more": 1}}}, "2.64", "('more' was"),
        ({"server_group": {"name": "g", "policies": ["affinity"], "x": 1}}, "2.1", "('x' was unexpected)"),
    ])
    fault(ask("GET", "/v2.1/os-server-groups?limit=x"), 400)
    fault(ask("GET", "/v2.1/os-server-groups?x=1", version="2.75"), 400,
          "Additional properties are not allowed ('x' was unexpected)")


# ---- aggregates and zones ----

AGGREGATE_NEW = "id name availability_zone created_at updated_at deleted deleted_at"
AGGREGATE = AGGREGATE_NEW + " hosts metadata"


def aggregates():
    name, zone = "agg-" + fresh(), "zone-" + fresh()

    def act(key, value, want=200, version="2.1"):
        answer = ask("POST", f"/v2.1/os-aggregates/{number}/action", {key: value}, version)
        equal(answer.status, want, answer.text)
        return answer

    made = ask("POST", "/v2.1/os-aggregates", {"aggregate": {"name": name, "availability_zone": zone}})
    equal(made.status, 200, made.text)
    keys(made.json["aggregate"], AGGREGATE_NEW)
    number = made.json["aggregate"]["id"]
    made = ask("POST", "/v2.1/os-aggregates", {"aggregate": {"name": name + "-2"}}, "2.41").json["aggregate"]
    keys(made, AGGREGATE_NEW + " uuid")
    other = made["id"]
    equal((made["availability_zone"], made["deleted"], made["deleted_at"], made["updated_at"]), (None, False, None, None))
    fault(ask("POST", "/v2.1/os-aggregates", {"aggregate": {"name": name}}), 409, f"Aggregate {name} already exists.")
    for version, want in (("2.1", AGGREGATE), ("2.40", AGGREGATE), ("2.41", AGGREGATE + " uuid"),
                          ("2.87", AGGREGATE + " uuid")):
        one = get(f"/os-aggregates/{number}", version)["aggregate"]
        keys(one, want)
        assert one in get("/os-aggregates", version)["aggregates"]
    equal((one["metadata"], one["hosts"], one["availability_zone"]), ({"availability_zone": zone}, [], zone))
    keys(act("add_host", {"host": "HostC"}).json["aggregate"], AGGREGATE)
    equal(get(f"/os-aggregates/{number}")["aggregate"]["hosts"], ["HostC"])
    fault(act("add_host", {"host": "HostC"}, 409), 409, f"Aggregate {number} already has host HostC.")
    fault(act("add_host", {"host": "HostX"}, 404), 404, "Compute host HostX could not be found.")
    fault(ask("POST", f"/v2.1/os-aggregates/{other}/action", {"remove_host": {"host": "HostC"}}), 404,
          f"Aggregate {other} has no host HostC.")
    # the zone is there, for hosts, services and servers
    zones = {z["zoneName"]: z for z in get("/os-availability-zone")["availabilityZoneInfo"]}
    equal(zones[zone], {"zoneName": zone, "zoneState": {"available": True}, "hosts": None})
    detail = {z["zoneName"]: z for z in get("/os-availability-zone/detail")["availabilityZoneInfo"]}
    equal(list(detail[zone]["hosts"]), ["HostC"])
    keys(detail[zone]["hosts"]["HostC"]["nova-compute"], "available active updated_at")
    equal([s["zone"] for s in get("/os-services?host=HostC")["services"]], [zone])
    made = ask("POST", "/v2.1/servers", {"server": {"name": "z", "imageRef": IMAGE, "flavorRef": "1",
                                                     "availability_zone": zone}})
    equal(made.status, 202, made.text)
    equal(sql(f"SELECT availability_zone FROM instances WHERE uuid = '{made.json['server']['id']}'"), zone)
    made = ask("POST", "/v2.1/servers", {"server": {"name": "z", "imageRef": IMAGE, "flavorRef": "1",
                                                     "availability_zone": zone + ":HostC"}})
    equal(sql(f"SELECT i.availability_zone, o.requested_host FROM instances i JOIN operations o ON o.instance = i.uuid"
              f" WHERE i.uuid = '{made.json['server']['id']}'"), zone + "|HostC")
    fault(ask("POST", "/v2.1/servers", {"server": {"name": "z", "imageRef": IMAGE, "flavorRef": "1",
                                                    "availability_zone": "nowhere"}}), 400,
          "The requested availability zone is not available")
    # a host is in one zone
    equal(ask("PUT", f"/v2.1/os-aggregates/{other}", {"aggregate": {"availability_zone": "else"}}).status, 200)
    answer = ask("POST", f"/v2.1/os-aggregates/{other}/action", {"add_host": {"host": "HostC"}})
    fault(answer, 409)
    assert "already in availability zone(s)" in answer.message(), answer.message()
    renamed = ask("PUT", f"/v2.1/os-aggregates/{number}", {"aggregate": {"name": name + "-new"}}, "2.41")
    keys(renamed.json["aggregate"], AGGREGATE + " uuid")
    assert renamed.json["aggregate"]["updated_at"]
    fault(ask("PUT", f"/v2.1/os-aggregates/{number}", {"aggregate": {"name": name + "-2"}}), 409)
    meta = act("set_metadata", {"metadata": {"ssd": "true", "disk": "fast"}}).json["aggregate"]["metadata"]
    equal(meta, {"ssd": "true", "disk": "fast", "availability_zone": zone})
    meta = act("set_metadata", {"metadata": {"ssd": None}}).json["aggregate"]["metadata"]
    equal(meta, {"disk": "fast", "availability_zone": zone})
    answer = ask("DELETE", f"/v2.1/os-aggregates/{number}")
    fault(answer, 400)
    assert "Host aggregate is not empty." in answer.message()
    equal(act("remove_host", {"host": "HostC"}).json["aggregate"]["hosts"], [])
    equal(get("/os-services?host=HostC")["services"][0]["zone"], "nova")
    for each in (number, other):
        equal(ask("DELETE", f"/v2.1/os-aggregates/{each}").status, 200)
        fault(ask("GET", f"/v2.1/os-aggregates/{each}"), 404, f"Aggregate {each} could not be found.")
    fault(ask("GET", "/v2.1/os-aggregates/x"), 404, "Aggregate x could not be found.")


def aggregate_bodies():
    number = ask("POST", "/v2.1/os-aggregates", {"aggregate": {"name": fresh()}}).json["aggregate"]["id"]
    refuse_bodies("POST", "/os-aggregates", [
        ({}, "2.1", "'aggregate' is a required property"),
        ({"aggregate": 1}, "2.1", "1 is not of type 'object'"),
        ({"aggregate": {}}, "2.1", "'name' is a required property"),
        ({"aggregate": {"name": ""}}, "2.1", "'' is too short"),
        ({"aggregate": {"name": "a" * 256}}, "2.1", "is too long"),
        ({"aggregate": {"name": "a", "availability_zone": ""}}, "2.1", "'' is too short"),
        ({"aggregate": {"name": "a", "availability_zone": "z:h"}}, "2.1", "does not match"),
        ({"aggregate": {"name": "a", "hosts": []}}, "2.1", "('hosts' was unexpected)"),
    ])
    refuse_bodies("PUT", f"/os-aggregates/{number}", [
        ({"aggregate": {}}, "2.1", "does not have enough properties"),
        ({"aggregate": {"name": 1}}, "2.1", "1 is not of type 'string'"),
        ({"aggregate": {"name": "a", "metadata": {}}}, "2.1", "('metadata' was unexpected)"),
    ])
    refuse_bodies("POST", f"/os-aggregates/{number}/action", [
        ({}, "2.1", "Malformed request body"),
        ({"add_host": {"host": "HostB"}, "remove_host": {"host": "HostB"}}, "2.1", "Malformed request body"),
        ({"paint": {}}, "2.1", "('paint' was unexpected)"),
        ({"add_host": None}, "2.1", "None is not of type 'object'"),
        ({"add_host": {}}, "2.1", "'host' is a required property"),
        ({"add_host": {"host": "a b"}}, "2.1", "does not match"),
        ({"add_host": {"host": "HostB", "x": 1}}, "2.1", "('x' was unexpected)"),
        ({"set_metadata": {}}, "2.1", "'metadata' is a required property"),
        ({"set_metadata": {"metadata": {"k": 1}}}, "2.1", "1 is not of type 'string', 'null'"),
        ({"set_metadata": {"metadata": {"k": "v" * 256}}}, "2.1", "is too long"),
        ({"set_metadata": {"metadata": {"a;b": "v"}}}, "2.1", "does not match any of the regexes"),
        ({"set_metadata": {"metadata": {"availability_zone": "a:b"}}}, "2.1", "does not match"),
    ])
    equal(ask("DELETE", f"/v2.1/os-aggregates/{number}").status, 200)


# ---- labels of servers ----

def server_metadata():
    sid = booted("labelled", metadata={"a": "1"})
    path = f"/v2.1/servers/{sid}/metadata"

    def do(method, where="", body=None, want=200):
        answer = ask(method, path + where, body)
        equal(answer.status, want, answer.text)
        return answer.json

    equal(do("POST", "", {"metadata": {"b": "2"}}), {"metadata": {"a": "1", "b": "2"}})
    equal(do("PUT", "/c", {"meta": {"c": "3"}}), {"meta": {"c": "3"}})
    equal(do("GET"), {"metadata": {"a": "1", "b": "2", "c": "3"}})
    equal(do("GET", "/c"), {"meta": {"c": "3"}})
    equal(do("DELETE", "/a", None, 204), None)
    fault(ask("DELETE", path + "/a"), 404, "Metadata item was not found")
    equal(do("PUT", "", {"metadata": {"only": "this"}}), {"metadata": {"only": "this"}})
    equal(get("/servers/" + sid)["server"]["metadata"], {"only": "this"})
    fault(ask("PUT", path + "/c", {"meta": {"d": "3"}}), 400, "Request body and URI mismatch")
    fault(ask("PUT", path + "/c", {"meta": {"c": "3", "d": "4"}}), 400, "Request body contains too many items")
    # the quota of this API is five, however they come
    many = {f"k{i}": "v" for i in range(6)}
    fault(ask("PUT", path, {"metadata": many}), 403, "Maximum number of metadata items exceeds 5")
    fault(ask("POST", path, {"metadata": dict(list(many.items())[:5])}), 403,
          "Maximum number of metadata items exceeds 5")
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(ask("PUT", f"{path}/t{i}", {"meta": {f"t{i}": "v"}}).status))
               for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal((answers.count(200), answers.count(403)), (4, 8))
    equal(len(do("GET")["metadata"]), 5)
    for method, where, key in (("POST", "", "metadata"), ("PUT", "", "metadata"), ("PUT", "/k", "meta")):
        refuse_bodies(method, f"/servers/{sid}/metadata{where}", [
            ({}, "2.1", f"'{key}' is a required property"),
            ({key: []}, "2.1", "is not of type 'object'"),
            ({key: {"k": 1}}, "2.1", "1 is not of type 'string'"),
            ({key: {"k": "v" * 256}}, "2.1", "is too long"),
            ({key: {"k" * 256: "v"}}, "2.1", "does not match any of the regexes"),
            ({key: {"k": "v"}, "x": 1}, "2.1", "('x' was unexpected)"),
        ])
    ask("POST", f"/v2.1/servers/{sid}/action", {"os-stop": None})
    fault(ask("POST", path, {"metadata": {"only": "that"}}), 409,
          f"Cannot 'update metadata' instance {sid} while it is in task_state powering-off")
    fault(ask("DELETE", path + "/only"), 409,
          f"Cannot 'delete metadata' instance {sid} while it is in task_state powering-off")


def server_tags():
    sid = booted("tagged")
    path = f"/v2.1/servers/{sid}/tags"

    def do(method, where="", body=None, want=200, version="2.26"):
        answer = ask(method, path + where, body, version)
        equal(answer.status, want, answer.text)
        return answer

    equal(do("PUT", "", {"tags": ["a", "b", "a"]}).json, {"tags": ["a", "b"]})
    made = do("PUT", "/c%20d", want=201)
    equal(made.headers["Location"], f"{BASE}/v2.1/servers/{sid}/tags/c%20d")
    do("PUT", "/c%20d", want=204)
    equal(do("GET").json, {"tags": ["a", "b", "c d"]})
    do("GET", "/c%20d", want=204)
    do("DELETE", "/a", want=204)
    fault(do("DELETE", "/a", want=404), 404, f"Server {sid} has no tag 'a'")
    equal(get("/servers/" + sid, "2.26")["server"]["tags"], ["b", "c d"])
    equal(do("PUT", "", {"tags": [f"t{i}" for i in range(50)]}).status, 200)
    fault(do("PUT", "/more", want=400), 400, "The number of tags exceeded the per-server limit 50")
    do("PUT", "/t7", want=204)
    do("DELETE", "", want=204)
    equal(do("GET").json, {"tags": []})
    assert "Maximum length of a tag is 60" in do("PUT", "/" + "x" * 61, want=400).message()
    assert "without characters" in do("PUT", "/a%2Cb", want=400).message()
    refuse_bodies("PUT", f"/servers/{sid}/tags", [
        ({}, "2.26", "'tags' is a required property"),
        ({"tags": "a"}, "2.26", "is not of type 'array'"),
        ({"tags": [1]}, "2.26", "1 is not of type 'string'"),
        ({"tags": [""]}, "2.26", "'' is too short"),
        ({"tags": ["a,b"]}, "2.26", "does not match"),
        ({"tags": ["x" * 61]}, "2.26", "is too long"),
        ({"tags": [f"t{i}" for i in range(51)]}, "2.26", "is too long"),
        ({"tags": [], "x": 1}, "2.26", "('x' was unexpected)"),
    ])
    fault(do("PUT", "", {"tags": []}, want=404, version="2.25"), 404, "The resource could not be found.")
    building = boot().json["server"]["id"]
    fault(ask("PUT", f"/v2.1/servers/{building}/tags/t", version="2.26"), 409,
          f"Cannot 'update tag' instance {building} while it is in vm_state building")


# ---- flavors ----

FLAVOR = """id name ram disk swap OS-FLV-EXT-DATA:ephemeral OS-FLV-DISABLED:disabled vcpus os-flavor-access:is_public
    rxtx_factor links"""


def flavor_changes():
    name, project = "f-" + fresh(), fresh()
    body = {"name": name, "ram": "64", "vcpus": 2, "disk": 1, "id": "auto", "swap": 3, "rxtx_factor": 2.5,
            "OS-FLV-EXT-DATA:ephemeral": 4, "os-flavor-access:is_public": False}
    made = ask("POST", "/v2.1/flavors", {"flavor": body})
    equal(made.status, 200, made.text)
    flavor = made.json["flavor"]
    keys(flavor, FLAVOR)
    equal([flavor[k] for k in ("ram", "vcpus", "swap", "rxtx_factor", "os-flavor-access:is_public")], [64, 2, 3, 2.5, False])
    path = "/flavors/" + flavor["id"]
    fault(ask("POST", "/v2.1/flavors", {"flavor": body}), 409, f"Flavor with name {name} already exists.")
    described = ask("PUT", "/v2.1" + path, {"flavor": {"description": "words"}}, "2.55")
    keys(described.json["flavor"], FLAVOR + " description")
    equal(described.json["flavor"]["description"], "words")
    fault(ask("PUT", "/v2.1" + path, {"flavor": {"description": "words"}}, "2.54"), 404)
    equal(ask("POST", "/v2.1" + path + "/os-extra_specs", {"extra_specs": {"a:b": "c", "n": 5}}).json,
          {"extra_specs": {"a:b": "c", "n": "5"}})
    equal(ask("PUT", "/v2.1" + path + "/os-extra_specs/n", {"n": "6"}).json, {"n": "6"})
    fault(ask("PUT", "/v2.1" + path + "/os-extra_specs/n", {"m": "6"}), 400, "Request body and URI mismatch")
    equal(ask("DELETE", "/v2.1" + path + "/os-extra_specs/a:b").status, 200)
    equal(get(path, "2.61")["flavor"]["extra_specs"], {"n": "6"})
    fault(ask("DELETE", "/v2.1" + path + "/os-extra_specs/a:b"), 404)
    # access, which the administrator of every test here has
    equal(get(path + "/os-flavor-access"), {"flavor_access": []})
    one = {"flavor_access": [{"flavor_id": flavor["id"], "tenant_id": project}]}
    equal(ask("POST", "/v2.1" + path + "/action", {"addTenantAccess": {"tenant": project}}).json, one)
    fault(ask("POST", "/v2.1" + path + "/action", {"addTenantAccess": {"tenant": project}}), 409,
          f"Flavor access already exists for flavor {flavor['id']} and project {project} combination.")
    equal(get(path + "/os-flavor-access"), one)
    equal(ask("POST", "/v2.1" + path + "/action", {"removeTenantAccess": {"tenant": project}}).json, {"flavor_access": []})
    fault(ask("POST", "/v2.1" + path + "/action", {"removeTenantAccess": {"tenant": project}}), 404)
    fault(get_any("/flavors/1/os-flavor-access"), 404, "Access list not available for public flavors.")
    fault(ask("POST", "/v2.1/flavors/1/action", {"addTenantAccess": {"tenant": project}}), 409,
          "Can not add access to a public flavor.")
    assert name not in [f["name"] for f in get("/flavors?is_public=true&limit=5")["flavors"]]
    equal(ask("DELETE", "/v2.1" + path).status, 202)
    fault(ask("DELETE", "/v2.1" + path), 404, f"Flavor {flavor['id']} could not be found.")
    refuse_bodies("POST", "/flavors", [
        ({}, "2.1", "'flavor' is a required property"),
        ({"flavor": {"name": "x", "ram": 1, "vcpus": 1}}, "2.1", "'disk' is a required property"),
        ({"flavor": {**body, "name": "y" * 256}}, "2.1", "is too long"),
        ({"flavor": {**body, "ram": 0}}, "2.1", "0 is less than the minimum of 1"),
        ({"flavor": {**body, "ram": "0"}}, "2.1", "It must be from 1"),
        ({"flavor": {**body, "vcpus": "9999999999"}}, "2.1", "It must be from 1"),
        ({"flavor": {**body, "disk": -1}}, "2.1", "-1 is less than the minimum of 0"),
        ({"flavor": {**body, "rxtx_factor": "fast"}}, "2.1", "rxtx_factor"),
        ({"flavor": {**body, "id": " x"}}, "2.1", "does not match"),
        ({"flavor": {**body, "description": "d"}}, "2.54", "('description' was unexpected)"),
    ])


def get_any(path):
    return ask("GET", "/v2.1" + path)


# ---- the real clients ----

def real_clients():
    name = "cli-" + uuid.uuid4().hex[:6]
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(ED25519 + "\n")
        file.flush()
        client("nova", "keypair-add", "--pub-key", file.name, name)
        assert name in [row[0] for row in client("nova", "keypair-list")[1:]]
        client("nova", "keypair-show", name)
        client("nova", "keypair-delete", name)
        client("openstack", "keypair", "create", "--public-key", file.name, name)
        assert name in [row[0] for row in client("openstack", "keypair", "list")[1:]]
        client("openstack", "keypair", "delete", name)
    client("nova", "quota-update", "--cores", "77", "climate")
    equal(dict(client("nova", "quota-show", "--tenant", "climate")[1:])["cores"], "77")
    client("nova", "quota-delete", "--tenant", "climate")
    client("nova", "quota-defaults", "--tenant", "climate")
    client("nova", "usage", "--tenant", "default")
    client("nova", "usage-list")
    client("nova", "server-group-create", name, "anti-affinity")
    group = next(row[0] for row in client("nova", "server-group-list")[1:] if row[1] == name)
    client("nova", "server-group-get", group)
    client("nova", "server-group-delete", group)
    client("openstack", "server", "group", "create", "--policy", "affinity", name)
    assert name in [row[1] for row in client("openstack", "server", "group", "list")[1:]]
    client("openstack", "server", "group", "delete", name)
    client("nova", "aggregate-create", name, "zone-" + name)
    client("nova", "aggregate-add-host", name, "HostB")
    client("nova", "aggregate-set-metadata", name, "ssd=true")
    assert "zone-" + name in [row[0] for row in client("nova", "availability-zone-list")[1:]]
    equal(client("openstack", "aggregate", "list")[0], ["ID", "Name", "Availability Zone"])
    client("openstack", "aggregate", "remove", "host", name, "HostB")
    client("openstack", "aggregate", "delete", name)
    shown = {row[0]: row[2] for row in client("nova", "limits")[1:] if len(row) == 3}
    assert "Instances" in shown, shown
    client("openstack", "limits", "show", "--absolute")


# ---- key sets at every microversion ----

SERVER = """id name status tenant_id user_id metadata hostId image flavor created updated addresses accessIPv4 accessIPv6 links
    OS-DCF:diskConfig progress OS-EXT-AZ:availability_zone config_drive key_name OS-SRV-USG:launched_at OS-SRV-USG:terminated_at
    OS-EXT-SRV-ATTR:host OS-EXT-SRV-ATTR:instance_name OS-EXT-SRV-ATTR:hypervisor_hostname OS-EXT-STS:task_state OS-EXT-STS:vm_state
    OS-EXT-STS:power_state os-extended-volumes:volumes_attached"""
SERVER_LATER = {3: """OS-EXT-SRV-ATTR:reservation_id OS-EXT-SRV-ATTR:launch_index OS-EXT-SRV-ATTR:hostname OS-EXT-SRV-ATTR:kernel_id
                      OS-EXT-SRV-ATTR:ramdisk_id OS-EXT-SRV-ATTR:root_device_name OS-EXT-SRV-ATTR:user_data""",
                9: "locked", 16: "host_status", 19: "description", 26: "tags", 63: "trusted_image_certificates", 73: "locked_reason"}
SERVER_CHANGED = """id name status tenant_id user_id metadata hostId image flavor created updated addresses accessIPv4 accessIPv6 links
    OS-DCF:diskConfig progress"""
HYPERVISOR_SHORT = "id hypervisor_hostname state status"
HYPERVISOR = HYPERVISOR_SHORT + """ hypervisor_type hypervisor_version host_ip service vcpus memory_mb local_gb vcpus_used memory_mb_used
    local_gb_used free_ram_mb free_disk_gb current_workload running_vms disk_available_least cpu_info"""
STATISTICS = """count vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used free_ram_mb free_disk_gb current_workload
    running_vms disk_available_least"""
FLAVOR_FULL = """id name ram disk vcpus swap OS-FLV-EXT-DATA:ephemeral OS-FLV-DISABLED:disabled os-flavor-access:is_public rxtx_factor
    links"""
ACTION = "action instance_uuid request_id user_id project_id start_time message"
GROUP = "id name members metadata"

# path, where in the answer, keys at 2.1, what came when, what went after; {sid}, {fid} and {gid} are filled in
KEY_SETS = [
    ("/servers", "servers.0", "id name links", {}, {}),
    ("/servers/detail", "servers.0", SERVER, SERVER_LATER, {}),
    ("/servers/{sid}", "server", SERVER, {**SERVER_LATER, 71: "server_groups"}, {}),
    ("/servers/{sid}/os-instance-actions", "instanceActions.0", ACTION, {58: "updated_at"}, {}),
    ("/servers/{sid}/os-instance-actions/{rid}", "instanceAction", ACTION + " events", {58: "updated_at"}, {}),
    ("/servers/{sid}/os-instance-actions/{rid}", "instanceAction.events.0", "event start_time finish_time result traceback",
     {62: "host hostId", 84: "details"}, {}),
    ("/servers/{sid}/ips", "", "addresses", {}, {}),
    ("/servers/{sid}/metadata", "", "metadata", {}, {}),
    ("/os-services", "services.0", "binary host id zone status state updated_at disabled_reason", {11: "forced_down"}, {}),
    ("/os-hypervisors", "hypervisors.0", HYPERVISOR_SHORT, {}, {}),
    ("/os-hypervisors/detail", "hypervisors.0", HYPERVISOR, {}, {}),
    ("/os-hypervisors/detail", "hypervisors.0.service", "id host disabled_reason", {}, {}),
    ("/os-hypervisors/statistics", "hypervisor_statistics", STATISTICS, {}, {}),
    ("/flavors", "flavors.0", "id name links", {55: "description"}, {}),
    ("/flavors/detail", "flavors.0", FLAVOR_FULL, {55: "description", 61: "extra_specs"}, {}),
    ("/flavors/{fid}", "flavor", FLAVOR_FULL, {55: "description", 61: "extra_specs"}, {}),
    ("/os-migrations", "migrations.0", """id status instance_uuid source_compute source_node dest_compute dest_node dest_host
        old_instance_type_id new_instance_type_id created_at updated_at""",
     {23: "migration_type", 59: "uuid", 80: "user_id project_id"}, {}),
    ("/os-aggregates", "aggregates.0", "id name availability_zone metadata hosts created_at updated_at deleted deleted_at", {41: "uuid"}, {}),
    ("/os-server-groups/{gid}", "server_group", GROUP + " policies", {13: "project_id user_id", 64: "policy rules"}, {63: "policies metadata"}),
    ("/os-keypairs", "keypairs.0.keypair", "name public_key fingerprint", {2: "type"}, {}),
    ("/os-quota-sets/default", "quota_set", QUOTAS_35 + " id", {}, {
        35: "fixed_ips floating_ips security_groups security_group_rules",
        56: "injected_files injected_file_content_bytes injected_file_path_bytes"}),
    ("/limits", "limits.absolute", LIMITS_35, {}, {
        35: "maxTotalFloatingIps maxSecurityGroups maxSecurityGroupRules totalFloatingIpsUsed totalSecurityGroupsUsed",
        38: "maxImageMeta", 56: "maxPersonality maxPersonalitySize"}),
    ("/os-availability-zone", "availabilityZoneInfo.0", "zoneName zoneState hosts", {}, {}),
    ("/os-availability-zone/detail", "availabilityZoneInfo.0", "zoneName zoneState hosts", {}, {}),
    ("/os-simple-tenant-usage", "tenant_usages.0", USAGE, {}, {}),
    ("/extensions", "extensions.0", "alias name description links namespace updated", {}, {}),
]


def at(answer, where):
    for step in where.split(".") if where else ():
        answer = answer[int(step)] if step.isdigit() else answer[step]
    return answer


def key_sets():
    """What every answer has at every microversion from 2.1 to 2.87: no key more, none less."""
    sid = booted("keys")
    sql(f"""INSERT INTO operations (kind, state, instance, project_id, user_id, request_id, finished_at)
            VALUES ('live-migration', 'done', '{sid}', 'default', 'u', 'req-keys', now())""")
    ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": "keys", "public_key": ED25519}})
    zone = ask("POST", "/v2.1/os-aggregates", {"aggregate": {"name": fresh()}}).json["aggregate"]["id"]
    group = ask("POST", "/v2.1/os-server-groups", {"server_group": {"name": "keys", "policies": ["affinity"]}}).json["server_group"]["id"]
    request = get(f"/servers/{sid}/os-instance-actions")["instanceActions"][-1]["request_id"]
    fill = {"sid": sid, "fid": "1", "gid": group, "rid": request}
    wrong = []
    for minor in range(1, 88):
        for path, where, first, later, until in KEY_SETS:
            want = set(first.split())
            want |= {key for since, more in later.items() if minor >= since for key in more.split()}
            want -= {key for last, less in until.items() if minor > last for key in less.split()}
            have = set(at(get(path.format(**fill), f"2.{minor}"), where))
            if have != want:
                wrong.append(f"{path} at 2.{minor}: more: {sorted(have - want)}, less: {sorted(want - have)}")
        changed = ask("PUT", "/v2.1/servers/" + sid, {"server": {"name": "keys"}}, f"2.{minor}").json["server"]
        want = set((SERVER if minor >= 75 else SERVER_CHANGED).split())
        want |= {key for since, more in SERVER_LATER.items() if minor >= since and (minor >= 75 or since in (9, 19, 26, 63, 73))
                 for key in more.split()}
        want |= {"server_groups"} if minor >= 71 else set()
        if set(changed) != want:
            wrong.append(f"PUT at 2.{minor}: more: {sorted(set(changed) - want)}, less: {sorted(want - set(changed))}")
    ask("DELETE", f"/v2.1/os-aggregates/{zone}")
    ask("DELETE", "/v2.1/os-keypairs/keys")
    assert not wrong, "%d:\n%s" % (len(wrong), "\n".join(wrong[:40]))


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]]()
    except AssertionError as failure:
        sys.exit(f"{sys.argv[1]}: {failure or 'assertion failed'} at line"
                 f" {[f.lineno for f in __import__('traceback').extract_tb(failure.__traceback__)]}")
