# SPDX-License-Identifier: Apache-2.0
"""Tests of what is no server: key pairs, quotas, usage.  Each function here is one, run by test_api.c as
`resources.py NAME'.  Key sets of answers are written out by hand, for the microversions at which they change.
"""
import base64
import os
import subprocess
import sys
import tempfile
import threading
import uuid

from client import BASE, IMAGE, NOWHERE, ask, client, equal, fault, get, sql

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
    made = ask("POST", "/v2.1/os-keypairs", {"keypair": {"name": "born"}}, "2.2", token=me).json["keypair"]
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
    shown = {row[0]: row[2] for row in client("nova", "limits")[1:] if len(row) == 3}
    assert "Instances" in shown, shown
    client("openstack", "limits", "show", "--absolute")


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]]()
    except AssertionError as failure:
        sys.exit(f"{sys.argv[1]}: {failure or 'assertion failed'} at line"
                 f" {[f.lineno for f in __import__('traceback').extract_tb(failure.__traceback__)]}")
