# SPDX-License-Identifier: Apache-2.0
"""Tests of users, tokens and rights: each function here is one, run by test_api.c as `identity.py NAME', in order.

Users come from nova-lite-manage, as an administrator makes them; what a request does is looked at from outside, and
in the database and the log for what must not be there.
"""
import base64
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time

import client
from client import BASE, DATABASE, IMAGE, ask, equal, sql

DIRECTORY = os.environ["API_DIRECTORY"]
BUILD = os.environ["API_BUILD"]
HERE = os.path.dirname(os.path.abspath(__file__))
TOKENS = "/identity/v3/auth/tokens"
CACHE_S = 2  # [token] cache_time of the configuration under test
PASSWORD = {"root": "Swordfish-1-root", "reader": "Swordfish-2-reader", "member": "Swordfish-3-member",
            "manager": "Swordfish-4-manager", "other": "Swordfish-5-other", "loner": "Swordfish-6-loner",
            "victim": "Swordfish-7-victim"}
REFUSED = {"error": {"code": 401, "title": "Unauthorized",
                     "message": "The request you have made requires authentication."}}
ISSUED = os.path.join(DIRECTORY, "images", "tokens")  # every token these tests got, for no_secrets_in_sight


def manage(*words, password=None, want=0):
    out = subprocess.run([BUILD + "/nova-lite-manage", "--config-file", DIRECTORY + "/api.conf", *words],
                         input=None if password is None else password + "\n", capture_output=True, text=True, timeout=60)
    if out.returncode != want:
        raise AssertionError(f"{words} ended with {out.returncode}: {out.stdout} {out.stderr}")
    return out.stdout.strip() if want == 0 else out.stderr.strip()


def auth(user=None, password=None, project=None, project_id=None, user_id=None, scope=None, domain=None, token=None):
    if token:
        identity = {"methods": ["token"], "token": {"id": token}}
    else:
        who = {"id": user_id} if user_id else {"name": user, "domain": domain or {"id": "default"}}
        who["password"] = password if password is not None else PASSWORD[user]
        identity = {"methods": ["password"], "password": {"user": who}}
    body = {"auth": {"identity": identity}}
    if project:
        scope = {"project": {"name": project, "domain": {"name": "Default"}}}
    if project_id:
        scope = {"project": {"id": project_id}}
    if scope is not None:
        body["auth"]["scope"] = scope
    return body


def login(*words, want=201, query="", **more):
    answer = ask("POST", TOKENS + query, auth(*words, **more), token=None)
    equal(answer.status, want, answer.text)
    if want == 201:
        with open(ISSUED, "a") as issued:
            issued.write(answer.headers["X-Subject-Token"] + "\n")
    return answer


def token_of(*words, **more):
    return login(*words, **more).headers["X-Subject-Token"]


def get(path, token, want=200, **more):
    answer = ask("GET", path, token=token, **more)
    equal(answer.status, want, (path, answer.text))
    return answer


def wait_for(what, condition):
    """What a change must bring about within the time the cache is allowed; returns how long it took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > CACHE_S + 5:
            raise AssertionError(f"{what}: still not after {CACHE_S + 5} s")
        time.sleep(0.1)
    return time.monotonic() - begun


# ---- users ----

def make_users():
    manage("identity", "bootstrap", "--user", "root", password=PASSWORD["root"])
    manage("identity", "bootstrap", "--user", "root", password=PASSWORD["root"])  # makes it so, again
    equal(sql("SELECT id, name FROM identity.projects"), "default|default")
    blue = manage("project", "create", "blue", "--description", "the first")
    manage("project", "create", "red")
    for name in ("reader", "member", "manager"):
        manage("user", "create", name, "--project", "blue", "--role", name, password=PASSWORD[name])
    path = DIRECTORY + "/images/password"
    with open(path, "w") as file:
        file.write(PASSWORD["other"] + "\nnot this line\n")
    manage("user", "create", "other", "--password-file", path)
    os.unlink(path)
    manage("role", "add", "other", "red", "manager")
    manage("user", "create", "loner", password=PASSWORD["loner"])
    manage("user", "create", "victim", "--project", "blue", password=PASSWORD["victim"])
    equal(sql("SELECT count(*) FROM identity.users WHERE password_hash LIKE '$y$%'"), "7")
    assert "exists already" in manage("user", "create", "loner", password="x", want=1)
    assert "no role 'king'" in manage("role", "add", "loner", "red", "king", want=2)
    assert "Could not find user" in manage("role", "add", "nobody", "red", "reader", want=1)
    assert "empty" in manage("user", "create", "e", password="", want=2)
    assert "no password" in manage("user", "create", "e", "--password-file", "/dev/null", want=2)
    listed = manage("role", "list").splitlines()
    equal([line.split() for line in listed if "reader" in line], [["reader", "blue", "reader"]])
    assert any(blue in line and "the first" in line for line in manage("project", "list").splitlines())
    assert "user list" in manage("--help") and "set_password" in manage("--help")


# ---- the Identity API ----

def discovery():
    for path in ("/identity", "/identity/"):
        answer = ask("GET", path, token=None)
        equal(answer.status, 300)
        value = answer.json["versions"]["values"][0]
        equal((value["id"], value["status"]), ("v3.14", "stable"))
        equal(value["links"], [{"rel": "self", "href": BASE + "/identity/v3/"}])
    for path in ("/identity/v3", "/identity/v3/"):
        equal(ask("GET", path, token=None).json["version"]["id"], "v3.14")
    unknown = ask("GET", "/identity/v3/nonesuch", token=None)
    equal((unknown.status, unknown.json["error"]["code"]), (404, 404))
    equal(ask("GET", "/identity/v2.0", token=None).status, 404)
    # A name nobody configured is no danger where tokens are: no page has one.
    equal(ask("GET", "/v2.1", token=None, headers={"Host": "some.name"}).status, 200)


def login_forms():
    blue = sql("SELECT id FROM identity.projects WHERE name = 'blue'")
    member = sql("SELECT id FROM identity.users WHERE name = 'member'")
    answer = login("member", project="blue")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer.headers["X-Subject-Token"])
    equal(answer.headers["Vary"], "X-Auth-Token")
    token = answer.json["token"]
    equal(set(token), {"methods", "user", "audit_ids", "expires_at", "issued_at", "project", "is_domain", "roles",
                       "catalog"})
    equal(token["methods"], ["password"])
    domain = {"id": "default", "name": "Default"}
    equal(token["user"], {"id": member, "name": "member", "domain": domain, "password_expires_at": None})
    equal(token["project"], {"id": blue, "name": "blue", "domain": domain})
    equal([role["name"] for role in token["roles"]], ["member", "reader"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", token["expires_at"])
    equal({s["type"]: {(e["interface"], e["url"]) for e in s["endpoints"]} for s in token["catalog"]},
          {kind: {(i, BASE + path) for i in ("public", "internal", "admin")}
           for kind, path in (("compute", "/v2.1"), ("identity", "/identity"), ("image", "/image"))})
    for more in ({"project_id": blue}, {}, {"user_id": member, "password": PASSWORD["member"]},
                 {"domain": {"name": "Default"}}):
        words = () if "user_id" in more else ("member",)
        equal(login(*words, **more).json["token"]["project"]["name"], "blue")
    assert "catalog" not in login("member", query="?nocatalog").json["token"]
    for scope in ("unscoped", {"unscoped": {}}):
        bare = login("member", scope=scope).json["token"]
        assert "project" not in bare and "catalog" not in bare and "roles" not in bare
    # Compute services fetch images with a password.
    words = "Basic " + base64.b64encode(f"reader:{PASSWORD['reader']}".encode()).decode()
    for path, want in ((f"/image/v2/images/{IMAGE}/file", 200), ("/v2.1/servers", 401), ("/identity/v3/users", 401)):
        equal(ask("GET", path, token=None, headers={"Authorization": words}).status, want)
    assert "project" not in login("loner").json["token"]
    equal([r["name"] for r in login("root").json["token"]["roles"]], ["admin", "manager", "member", "reader"])
    equal([r["name"] for r in login("manager").json["token"]["roles"]], ["manager", "member", "reader"])


def login_refused():
    blue = sql("SELECT id FROM identity.projects WHERE name = 'blue'")
    for body in (auth("loner", "wrong"), auth("nobody", "wrong"), auth("loner", project="blue"),
                 auth("loner", project="nowhere"), auth("loner", project_id=blue), auth("loner", project_id="nowhere"),
                 auth("loner", domain={"id": "else"}), auth("loner", domain={"name": "Else"}),
                 auth(token="A" * 43), auth(token="x")):
        answer = ask("POST", TOKENS, body, token=None)
        equal((answer.status, answer.json), (401, REFUSED))
        equal(answer.headers["WWW-Authenticate"], f'Keystone uri="{BASE}/identity/v3"')
        equal(answer.headers["X-Subject-Token"], None)
    otp = {"auth": {"identity": {"methods": ["totp"], "totp": {}}}}
    assert "unsupported method" in ask("POST", TOKENS, otp, token=None).json["error"]["message"]
    for body in ({}, {"auth": {}}, {"auth": {"identity": {}}}, {"auth": {"identity": {"methods": "password"}}}, [], "x",
                 {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "a"}}}}},
                 {"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "a"}}}}},
                 {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": 1, "password": "a"}}}}},
                 auth("loner", scope={"project": {}}), auth("loner", scope={"system": {"all": True}}),
                 auth("loner", scope=7)):
        answer = ask("POST", TOKENS, body, token=None)
        equal((answer.status, answer.json["error"]["title"]), (400, "Bad Request"), body)
    equal(ask("POST", TOKENS, token=None, raw="{").status, 400)
    equal(ask("POST", TOKENS, token=None, raw="{}", headers={"Content-Type": "text/plain"}).status, 415)
    # Without a project there is nothing to do in compute.
    bare = token_of("loner")
    refused = ask("GET", "/v2.1/flavors", token=bare)
    client.fault(refused, 403, "The token of 'loner' is for no project; ask for one that is.")
    get("/identity/v3/auth/projects", bare)
    for token in (None, "", "x", "A" * 43, "A" * 5000):
        answer = ask("GET", "/v2.1/servers", token=token)
        equal((answer.status, answer.json), (401, REFUSED))
        equal(answer.headers["WWW-Authenticate"], f'Keystone uri="{BASE}/identity/v3"')


def token_of_token():
    bare = login("member", scope="unscoped")
    scoped = login(token=bare.headers["X-Subject-Token"], project="blue")
    old, new = bare.json["token"], scoped.json["token"]
    equal(new["methods"], ["password", "token"])
    equal(new["expires_at"], old["expires_at"])
    equal(new["audit_ids"][1], old["audit_ids"][0])
    get("/v2.1/servers", scoped.headers["X-Subject-Token"])


def token_show_and_revoke():
    mine, theirs, root = token_of("member"), token_of("reader"), token_of("root")

    def about(caller, subject, method="GET"):
        return ask(method, TOKENS, token=caller, headers={"X-Subject-Token": subject})
    shown = about(mine, mine)
    equal((shown.status, shown.json["token"]["user"]["name"]), (200, "member"))
    equal(about(root, theirs).json["token"]["user"]["name"], "reader")
    equal(about(mine, theirs).status, 403)
    equal(about(root, "A" * 43).status, 404)
    equal(about("A" * 43, mine).status, 401)
    head = about(mine, mine, "HEAD")
    equal((head.status, head.text), (200, b""))
    equal(about(mine, theirs, "DELETE").status, 403)
    get("/v2.1/servers", theirs)  # is remembered now
    equal(about(root, theirs, "DELETE").status, 204)
    get("/v2.1/servers", theirs, 401)
    equal(about(root, theirs).status, 404)
    equal(about(mine, mine, "DELETE").status, 204)
    get("/v2.1/servers", mine, 401)
    equal(ask("POST", TOKENS, auth(token=mine), token=None).status, 401)


def end_token(token):
    digest = hashlib.sha256(token.encode()).hexdigest()
    equal(sql(f"UPDATE identity.tokens SET expires_at = now() - interval '1 s' WHERE digest = '{digest}'"
              " RETURNING user_id IS NOT NULL"), "t")


def token_ends():
    token = token_of("member")
    end_token(token)
    get("/v2.1/servers", token, 401)
    issued = login("member").json["token"]
    length = [time.mktime(time.strptime(issued[k][:19], "%Y-%m-%dT%H:%M:%S")) for k in ("issued_at", "expires_at")]
    equal(round(length[1] - length[0]), 3600)
    token_of("member")
    equal(sql("SELECT count(*) FROM identity.tokens WHERE expires_at < now()"), "0")  # swept by the new ones


def changes_count_in_time():
    """What nova-lite-manage changes is true here after at most [token] cache_time, also for tokens in use."""
    token = token_of("victim")

    def status():
        return ask("GET", "/v2.1/servers", token=token).status

    def soon(what, want):
        took = wait_for(what, lambda: status() == want)
        assert took < CACHE_S + 2, f"{what}: {took:.1f} s"
    equal(status(), 200)
    manage("role", "remove", "victim", "blue", "member")
    soon("no role any more", 401)
    manage("role", "add", "victim", "blue", "reader")
    soon("a role again", 200)
    equal(ask("POST", "/v2.1/servers", {"server": {"name": "v", "imageRef": IMAGE, "flavorRef": "1"}},
              token=token).status, 403)
    manage("project", "disable", "blue")
    soon("project disabled", 401)
    equal(ask("POST", TOKENS, auth("victim", project="blue"), token=None).status, 401)
    manage("project", "enable", "blue")
    soon("project enabled", 200)
    PASSWORD["victim"] = "Swordfish-8-changed"
    manage("user", "set_password", "victim", password=PASSWORD["victim"])
    soon("password changed", 401)
    equal(ask("POST", TOKENS, auth("victim", "Swordfish-7-victim"), token=None).status, 401)
    token = token_of("victim")
    equal(status(), 200)
    manage("user", "disable", "victim")
    soon("user disabled", 401)
    equal(ask("POST", TOKENS, auth("victim"), token=None).status, 401)
    manage("user", "enable", "victim")
    equal(status(), 401)  # does not come back
    token = token_of("victim")
    equal(status(), 200)
    manage("user", "delete", "victim")
    soon("user deleted", 401)
    equal(ask("POST", TOKENS, auth("victim"), token=None).status, 401)


def identity_lists():
    root, member = token_of("root"), token_of("member")
    ids = dict(line.split("|") for line in sql("SELECT name, id FROM identity.users").splitlines())
    blue = sql("SELECT id FROM identity.projects WHERE name = 'blue'")
    users = get("/identity/v3/users", root).json
    equal({u["name"] for u in users["users"]}, set(ids))
    equal(users["links"], {"next": None, "previous": None, "self": BASE + "/identity/v3/users"})
    assert "password" not in json.dumps(users).replace("password_expires_at", "")
    equal([u["id"] for u in get("/identity/v3/users?name=member", root).json["users"]], [ids["member"]])
    equal(get("/identity/v3/users?domain_id=else", root).json["users"], [])
    equal(get(f"/identity/v3/users/{ids['member']}", member).json["user"]["name"], "member")
    get(f"/identity/v3/users/{ids['reader']}", member, 403)
    get("/identity/v3/users/member", root, 404)  # a name is no id: clients try the id first
    equal({p["name"] for p in get("/identity/v3/projects", root).json["projects"]}, {"default", "blue", "red"})
    equal([p["id"] for p in get("/identity/v3/projects?name=blue", root).json["projects"]], [blue])
    equal([p["name"] for p in get("/identity/v3/auth/projects", member).json["projects"]], ["blue"])
    equal(get(f"/identity/v3/projects/{blue}", member).json["project"]["description"], "the first")
    equal([r["name"] for r in get("/identity/v3/roles", root).json["roles"]], ["admin", "manager", "member", "reader"])
    given = get(f"/identity/v3/role_assignments?user.id={ids['reader']}&include_names=True", root).json
    equal([(a["user"]["name"], a["scope"]["project"]["name"], a["role"]["name"]) for a in given["role_assignments"]],
          [("reader", "blue", "reader")])
    equal(get("/identity/v3/domains/default", member).json["domain"]["name"], "Default")


# ---- rights ----

def read_matrix():
    rows = []
    with open(HERE + "/roles.matrix") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                request, answers = line.rsplit("|", 1)
                method, path, *body = request.strip().split(None, 2)
                rows.append((method, path, body[0] if body else None, [int(a) for a in answers.split()]))
    return rows


def read_table():
    """(method, path) of every route and the name of every action, as the program prints them."""
    out = subprocess.run([BUILD + "/tools/print_routes"], check=True, capture_output=True, text=True).stdout
    routes, actions, prefix = set(), set(), ""
    for line in out.splitlines():
        cells = [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
        if line.startswith("## "):
            prefix = {"Images": "/image", "Identity": "/identity/v3", "Server": None}.get(line.split()[1], "")
            parts = "Parts" in line
        elif len(cells) > 3 and cells[0] in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
            routes.add((cells[0], prefix + cells[1]))
        elif len(cells) == 5 and prefix is None and not parts and cells[0] != "action" and not cells[0].startswith("-"):
            actions.add(cells[0])
    return routes, actions


def role_matrix():
    rows = read_matrix()
    routes, actions = read_table()
    assert len(routes) > 60 and len(actions) > 30, (len(routes), len(actions))
    plain = {(m, re.split(r"[@?]", p)[0]) for m, p, _, _ in rows}
    named = {next(iter(json.loads(b))) for _, p, b, _ in rows if p.startswith("/servers/{id}/action")}
    equal(routes - plain - {("POST", "/servers/{id}/action")}, set(), "routes the matrix does not know")
    equal(plain - routes, set(), "routes that do not exist")
    equal(actions ^ named, set(), "actions")
    tokens = {"nobody": None, "reader": token_of("reader"), "member": token_of("member"),
              "manager": token_of("manager"), "admin": token_of("root"), "other": token_of("other", project="red")}
    tokens["expired"] = token_of("manager")
    end_token(tokens["expired"])
    callers = ["nobody", "expired", "reader", "member", "manager", "admin", "other"]

    def server():
        made = ask("POST", "/v2.1/servers", {"server": {"name": "m", "imageRef": IMAGE, "flavorRef": "1",
                                                         "networks": "none"}}, "2.87", token=tokens["member"])
        equal(made.status, 202, made.text)
        return made.json["server"]["id"]
    standing = server()
    ids = {"{image}": IMAGE, "{migration}": "999999", "{word}": "enable",
           "{user}": sql("SELECT id FROM identity.users WHERE name = 'reader'"),
           "{project}": sql("SELECT id FROM identity.projects WHERE name = 'blue'")}
    wrong = []
    for method, path, body, answers in rows:
        equal(len(answers), len(callers), path)
        where, _, version = path.partition("@")
        for caller, want in zip(callers, answers):
            url = where if where.startswith(("/identity", "/image/")) else "/v2.1" + where
            if "/servers/{id}" in url:
                fresh = method != "GET" and caller not in ("nobody", "expired")
                url = url.replace("/servers/{id}", "/servers/" + (server() if fresh else standing))
            for word, value in ids.items():
                url = url.replace(word, value)
            url = re.sub(r"\{[a-z]+\}", "nonesuch", url)
            answer = ask(method, url, token=tokens[caller], version=version or None,
                         raw=body.replace("{image}", IMAGE) if body else None)
            if answer.status != want:
                wrong.append(f"{caller}: {method} {path} {body or ''} answered {answer.status}, not {want}: {answer.text}")
            elif want == 403:
                assert "Policy doesn't allow " in answer.text.decode(), answer.text
    assert not wrong, "\n" + "\n".join(wrong)
    print(f"{len(rows)} requests by {len(callers)} callers")


def locked_servers():
    """Of a locked server a member changes nothing; an admin may, and takes away what it has locked itself."""
    tokens = {"member": token_of("member"), "manager": token_of("manager"), "admin": token_of("root")}
    made = ask("POST", "/v2.1/servers", {"server": {"name": "shut", "imageRef": IMAGE, "flavorRef": "1",
                                                     "networks": "none"}}, "2.87", token=tokens["member"])
    sid = made.json["server"]["id"]
    sql(f"UPDATE operations SET state = 'done', finished_at = now(), owner_host_id = NULL WHERE instance = '{sid}';"
        f"UPDATE instances SET vm_state = 'active', power_state = 1, token = 1, launched_at = now(),"
        f" host_id = (SELECT id FROM hosts WHERE name = 'HostB') WHERE uuid = '{sid}'")

    def act(who, body, version="2.87"):
        return ask("POST", f"/v2.1/servers/{sid}/action", body, version, token=tokens[who])
    equal(act("member", {"lock": {"locked_reason": "mine"}}).status, 202)
    for who in ("member", "manager"):
        for body in ({"os-stop": None}, {"os-start": None}, {"reboot": {"type": "HARD"}}, {"pause": None}, {"suspend": None},
                     {"resume": None}, {"unpause": None}, {"forceDelete": None}):
            answer = act(who, body)
            equal(answer.status, 409, body, answer.text)
            equal(answer.json["conflictingRequest"]["message"], f"Instance {sid} is locked")
        gone = ask("DELETE", f"/v2.1/servers/{sid}", token=tokens[who])
        equal((gone.status, gone.json["conflictingRequest"]["message"]), (409, f"Instance {sid} is locked"))
    equal(act("manager", {"os-migrateLive": {"host": None, "block_migration": "auto"}}).status, 409)
    equal(sql(f"SELECT count(*) FROM operations WHERE instance = '{sid}' AND finished_at IS NULL"), "0")
    equal(ask("PUT", f"/v2.1/servers/{sid}", {"server": {"name": "still"}}, token=tokens["member"]).status, 200)
    equal(act("manager", {"unlock": None}).status, 202)  # of the same project
    equal(act("member", {"lock": None}).status, 202)
    equal(act("admin", {"lock": {"locked_reason": "audit"}}).status, 202)
    equal(sql(f"SELECT locked_by, locked_reason FROM instances WHERE uuid = '{sid}'"), "admin|audit")
    refusal = act("member", {"unlock": None})
    equal(refusal.status, 403)
    equal(refusal.json["forbidden"]["message"],
          "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.")
    equal(act("admin", {"pause": None}).status, 202)
    equal(act("admin", {"unlock": None}).status, 202)
    equal(ask("DELETE", f"/v2.1/servers/{sid}", token=tokens["member"]).status, 204)


def what_roles_see():
    tokens = {"reader": token_of("reader"), "manager": token_of("manager"), "admin": token_of("root")}
    made = ask("POST", "/v2.1/servers", {"server": {"name": "seen", "imageRef": IMAGE, "flavorRef": "1",
                                                     "networks": "none"}}, "2.87", token=tokens["manager"])
    sid = made.json["server"]["id"]
    sql(f"UPDATE operations SET state = 'done', finished_at = now(), owner_host_id = NULL WHERE instance = '{sid}';"
        f"UPDATE instances SET vm_state = 'active', power_state = 1, token = 1, launched_at = now(),"
        f" host_id = (SELECT id FROM hosts WHERE name = 'HostB') WHERE uuid = '{sid}'")

    def show(who, path=f"/v2.1/servers/{sid}", version="2.87"):
        return get(path, tokens[who], version=version).json
    for who, sees in (("reader", False), ("manager", False), ("admin", True)):
        server = show(who)["server"]
        equal([k for k in server if k.startswith("OS-EXT-SRV-ATTR:")] != [], sees, who)
        equal("host_status" in server, sees, who)
        assert "HostB" in json.dumps(server) or not sees
    assert "HostB" not in json.dumps([show("manager"), show("reader")])

    # Filters about hosts are passed over for those who may not use them, and work for the admin.
    def names(who, query, version="2.87"):
        return {s["name"] for s in show(who, "/v2.1/servers?limit=5&name=^seen$&" + query, version)["servers"]}
    equal(names("manager", "host=HostC"), {"seen"})
    equal(names("admin", "all_tenants=1&host=HostC"), set())
    equal(names("admin", "all_tenants=1&host=HostB"), {"seen"})
    equal(names("manager", "vm_state=stopped", "2.82"), {"seen"})
    equal(names("manager", "vm_state=stopped", "2.83"), set())
    equal(names("manager", "deleted=False"), {"seen"})
    get("/v2.1/servers?status=deleted", tokens["manager"], 403)
    get("/v2.1/servers?sort_key=host", tokens["manager"], 403)
    equal(names("admin", ""), set())  # its own project is another one

    # A manager may move it, but neither choose nor see the host.
    moved = ask("POST", f"/v2.1/servers/{sid}/action", {"os-migrateLive": {"host": None, "block_migration": "auto"}},
                "2.87", token=tokens["manager"])
    equal(moved.status, 202, moved.text)
    for path, key in ((f"/v2.1/servers/{sid}/migrations", "migrations"), ("/v2.1/os-migrations", "migrations")):
        mine, all_ = show("manager", path)[key], show("admin", path)[key]
        equal({m[k] for m in mine for k in ("source_compute", "dest_compute", "source_node", "dest_node")}, {None})
        assert any(m["source_compute"] == "HostB" for m in all_)
    mid = show("manager", f"/v2.1/servers/{sid}/migrations")["migrations"][0]["id"]
    equal(ask("DELETE", f"/v2.1/servers/{sid}/migrations/{mid}", token=tokens["manager"], version="2.87").status, 202)
    equal(ask("GET", "/v2.1/servers", token=tokens["manager"]).status, 200)
    actions = show("manager", f"/v2.1/servers/{sid}/os-instance-actions")["instanceActions"]
    equal({a["action"] for a in actions}, {"create", "live-migration"})
    red = get("/v2.1/servers/detail", token_of("other", project="red"), version="2.87").json["servers"]
    assert all(s["tenant_id"] != actions[0]["project_id"] for s in red)


def overridden_policy():
    reader, member, root = token_of("reader"), token_of("member"), token_of("root")
    get("/v2.1/os-services", reader)
    for token in (member, root):
        answer = ask("POST", "/v2.1/servers", {"server": {"name": "v", "imageRef": IMAGE, "flavorRef": "1"}}, token=token)
        client.fault(answer, 403, "Policy doesn't allow os_compute_api:servers:create to be performed.")
    servers = get("/v2.1/servers/detail", member).json["servers"]
    assert servers and all("OS-EXT-SRV-ATTR:host" in s for s in servers)
    assert all("OS-EXT-SRV-ATTR:host" not in s for s in get("/v2.1/servers/detail", reader).json["servers"])


# ---- real clients ----

OURS = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "no_proxy": "127.0.0.1"}


def nova_lite(*words, env, want=0):
    out = subprocess.run([BUILD + "/nova-lite", *words], env=env, capture_output=True, text=True, timeout=60)
    equal(out.returncode, want, words, out.stdout, out.stderr)
    return out.stdout + out.stderr


def our_client():
    """nova-lite logs in by the variables every client knows, and finds the service in the catalog."""
    env = {**OURS, "OS_AUTH_URL": BASE + "/identity", "OS_USERNAME": "member", "OS_PASSWORD": PASSWORD["member"]}
    assert "m1.tiny" in nova_lite("flavor-list", env=env)
    assert "m1.tiny" in nova_lite("flavor-list", env={**env, "OS_AUTH_URL": BASE + "/identity/v3/",
                                                      "OS_PROJECT_NAME": "blue", "OS_PROJECT_DOMAIN_NAME": "Default"})
    assert "Policy doesn't allow" in nova_lite("service-list", env=env, want=4)
    assert "does not accept the user 'member'" in nova_lite("flavor-list", env={**env, "OS_PASSWORD": "wrong"}, want=1)
    assert "does not accept" in nova_lite("flavor-list", env={**env, "OS_PROJECT_NAME": "red"}, want=1)
    bare = {**env, "OS_USERNAME": "loner", "OS_PASSWORD": PASSWORD["loner"]}
    assert "set OS_PROJECT_NAME" in nova_lite("flavor-list", env=bare, want=2)


def real_clients():
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "OS_AUTH_URL": BASE + "/identity",
           "OS_USERNAME": "root", "OS_PASSWORD": PASSWORD["root"], "OS_PROJECT_NAME": "default",
           "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_IDENTITY_API_VERSION": "3"}

    def run(*words, want=0, **more):
        out = subprocess.run(words, env={**env, **more}, capture_output=True, text=True, timeout=120)
        equal(out.returncode, want, words, out.stdout, out.stderr)
        return out.stdout + out.stderr
    member = {"OS_USERNAME": "member", "OS_PASSWORD": PASSWORD["member"], "OS_PROJECT_NAME": "blue"}
    made = run("nova", "boot", "--flavor", "m1.tiny", "--image", "tiny", "--nic", "none", "by-nova", **member)
    assert "by-nova" in made and "BUILD" in made
    assert "by-nova" in run("nova", "list", **member)
    assert "by-nova" not in run("nova", "list")
    assert "by-nova" in run("nova", "list", "--all-tenants")
    assert "Policy doesn't allow" in run("nova", "service-list", want=1, **member)
    assert "HostB" in run("nova", "service-list")
    assert "HTTP 401" in run("nova", "list", want=1, OS_PASSWORD="wrong")
    blue = sql("SELECT id FROM identity.projects WHERE name = 'blue'")
    assert blue in run("openstack", "project", "list")
    assert "manager" in run("openstack", "user", "list")
    assert "reader" in run("openstack", "role", "assignment", "list", "--names")
    assert "by-nova" in run("openstack", "server", "list", "--project", "blue", "--all-projects")
    assert blue in run("openstack", "server", "show", "by-nova", **member)
    assert "image" in run("openstack", "catalog", "list")
    token = run("openstack", "token", "issue", "-f", "value", "-c", "id").strip()
    get("/v2.1/os-services", token)
    run("openstack", "token", "revoke", token)
    get("/v2.1/os-services", token, 401)
    run("openstack", "server", "delete", "by-nova", **member)


# ---- those who try ----

def failed_logins_wait():
    manage("user", "create", "slow", "--project", "blue", password="Swordfish-9-slow")
    PASSWORD["slow"] = "Swordfish-9-slow"

    def try_(password, name="slow"):
        return ask("POST", TOKENS, auth(name, password), token=None)
    for _ in range(5):
        equal(try_("Swordfish-wrong").status, 401)
    equal(try_("Swordfish-9-slow").status, 201)  # the first failures are free, and success clears them
    for name in ("slow", "slow-nobody"):
        while (answer := try_("Swordfish-wrong", name)).status == 401:
            pass
        equal(answer.status, 429)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert "try again in" in answer.json["error"]["message"]
    # Even the right password has to wait; others from here do not yet.
    answer = try_("Swordfish-9-slow")
    equal(answer.status, 429)
    time.sleep(int(answer.headers["Retry-After"]))
    equal(try_("Swordfish-9-slow").status, 201)
    log = open(DIRECTORY + "/api.log").read()
    assert re.search(r"login of 'slow' from 127\.0\.0\.1 failed", log)


def many_logins_do_not_starve():
    """Requests with a token are answered while far more users log in than there are threads."""
    token = token_of("member")
    stop, statuses = threading.Event(), []

    def log_in():
        while not stop.is_set():
            statuses.append(ask("POST", TOKENS, auth("manager"), token=None, timeout=60).status)
    threads = [threading.Thread(target=log_in) for _ in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    worst = 0
    for _ in range(30):
        begun = time.monotonic()
        get("/v2.1/flavors", token)
        worst = max(worst, time.monotonic() - begun)
    stop.set()
    for thread in threads:
        thread.join()
    equal(set(statuses), {201})
    print(f"{len(statuses)} logins; slowest request beside them {worst * 1000:.0f} ms")
    assert worst < 5, worst


def no_secrets_in_sight():
    log = open(DIRECTORY + "/api.log").read()
    dump = subprocess.run([sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_dump"))[-1], DATABASE], check=True, capture_output=True,
                          text=True).stdout
    config = manage("config", "dump")
    assert "identity.tokens" in dump and "auth = b" in config and "answered" in log
    with open(ISSUED) as file:
        tokens = file.read().split()
    assert len(tokens) > 10
    for where, text in (("log", log), ("database", dump), ("config dump", config)):
        assert "Swordfish" not in text, f"a password is in the {where}"
        for token in tokens:
            assert token not in text, f"a token is in the {where}"
    for caller in (None, "Swordfish-as-a-token"):
        for path in ("/v2.1/servers", "/identity/v3/users", "/identity/v3/nonesuch"):
            assert b"Swordfish" not in ask("GET", path, token=caller).text


# ---- basic ----

def basic():
    def with_(user, password, path="/v2.1/servers", **more):
        words = base64.b64encode(f"{user}:{password}".encode()).decode()
        return ask("GET", path, token=None, headers={"Authorization": "Basic " + words, **more})
    equal(with_("member", PASSWORD["member"]).status, 200)
    equal(with_("member", PASSWORD["member"], "/v2.1/os-services").status, 403)
    equal(with_("root", PASSWORD["root"], "/v2.1/os-services").status, 200)
    for user, password in (("member", "Swordfish-wrong"), ("nobody", "Swordfish-wrong")):
        answer = with_(user, password)
        equal((answer.status, answer.json), (401, REFUSED))
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="nova-lite"')
    for header in ("", "Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer x"):
        equal(ask("GET", "/v2.1/servers", token=None, headers={"Authorization": header}).status, 401)
    equal(ask("GET", "/v2.1/servers", token="A" * 43).status, 401)
    client.fault(with_("loner", PASSWORD["loner"]), 403, "The user 'loner' has no project of its own, or no role in it.")
    client.fault(with_("member", PASSWORD["member"], Origin="http://evil.example"), 403)
    client.fault(with_("member", PASSWORD["member"], Host="evil.example"), 403)
    begun = time.monotonic()
    for _ in range(50):
        equal(with_("member", PASSWORD["member"]).status, 200)
    print(f"50 requests in {time.monotonic() - begun:.2f} s")
    manage("user", "set_password", "member", password="Swordfish-10-member")
    wait_for("the old password", lambda: with_("member", PASSWORD["member"]).status == 401)
    equal(with_("member", "Swordfish-10-member").status, 200)
    # There are no tokens to be had.
    words = "Basic " + base64.b64encode(f"root:{PASSWORD['root']}".encode()).decode()
    equal(ask("POST", TOKENS, auth("root"), token=None).status, 401)
    equal(ask("POST", TOKENS, auth("root"), token=None, headers={"Authorization": words}).status, 404)
    ours = {**OURS, "OS_AUTH_TYPE": "http_basic", "OS_ENDPOINT": BASE + "/v2.1", "OS_USERNAME": "root",
            "OS_PASSWORD": PASSWORD["root"]}
    assert "HostB" in nova_lite("service-list", env=ours)
    assert "HTTP 401" in nova_lite("service-list", env={**ours, "OS_PASSWORD": "wrong"}, want=1)
    curl = subprocess.run(["curl", "-s", "-u", "root:" + PASSWORD["root"], BASE + "/v2.1/flavors"], check=True,
                          capture_output=True, text=True).stdout
    assert json.loads(curl)["flavors"]


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]]()
    except AssertionError as failure:
        sys.exit(f"{sys.argv[1]}: {failure or 'assertion failed'} at line"
                 f" {[f.lineno for f in __import__('traceback').extract_tb(failure.__traceback__)]}")
