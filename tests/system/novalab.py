# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a lab of their own, the API, what the hypervisors and the database say, and a tiny test runner."""
import contextlib
import glob
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LAB_PROGRAM = os.path.join(TOP, "lab", "nova-lite-lab")


class Refused(Exception):
    """The API answered 400 or more."""

    def __init__(self, status, body, headers):
        super().__init__("%d %s" % (status, body))
        self.status, self.headers = status, headers
        try:
            self.message = next(iter(json.loads(body).values()))["message"]
        except (ValueError, StopIteration, TypeError, KeyError):
            self.message = body


class Api:
    """As one user: the administrator of a lab without users, or whom log_in() made it."""

    def __init__(self, endpoint):
        self.url = urllib.parse.urlsplit(endpoint)
        self.token = "test"

    def log_in(self, auth_url, user, password, project="default"):
        """Everything from now on with a token of this user."""
        auth = {"identity": {"methods": ["password"], "password": {"user": {"name": user, "password": password,
                                                                           "domain": {"id": "default"}}}},
                "scope": {"project": {"name": project, "domain": {"id": "default"}}}}
        url = urllib.parse.urlsplit(auth_url)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        try:
            connection.request("POST", url.path + "/v3/auth/tokens", json.dumps({"auth": auth}), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        if reply.status != 201:
            raise Refused(reply.status, text, reply.headers)
        self.token = reply.headers["X-Subject-Token"]
        return self

    def request(self, method, path, body=None, version="2.87", token=None):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        headers = {"X-Auth-Token": token or self.token, "OpenStack-API-Version": "compute " + version}
        if body is not None:
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self.url.path + path, body, headers)
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        if reply.status >= 400:
            raise Refused(reply.status, text, reply.headers)
        return json.loads(text) if text else None

    def get(self, path, version="2.87"):
        return self.request("GET", path, version=version)

    def named(self, path, key, name):
        for row in self.get(path)[key]:
            if row["name"] == name:
                return row
        raise AssertionError("no %s named %s" % (key, name))

    def server(self, uuid):
        return self.get("/servers/" + uuid)["server"]

    def boot(self, name, flavor="m1.nano", image="testguest", host=None, wait=True, **more):
        server = dict(more, name=name, networks=more.get("networks", "auto"),
                      flavorRef=self.named("/flavors/detail", "flavors", flavor)["id"],
                      imageRef=self.named("/v2/images", "images", image)["id"])
        if host:
            server["host"] = host
        uuid = self.request("POST", "/servers", {"server": server})["server"]["id"]
        if wait:
            self.wait_status(uuid, "ACTIVE")
        return uuid

    def wait_status(self, uuid, status, seconds=60):
        """Until the server has the status and no task."""
        server = None
        for _ in until(seconds, lambda: "%s is %s (task %s, fault %s), not %s" % (
                uuid, server["status"], server["OS-EXT-STS:task_state"], server.get("fault"), status)):
            server = self.server(uuid)
            if server["status"] == status and server["OS-EXT-STS:task_state"] is None:
                return server
            if server["status"] == "ERROR" and status != "ERROR":
                raise AssertionError("%s is in ERROR: %s" % (uuid, server.get("fault")))

    def action(self, uuid, body, version="2.87"):
        return self.request("POST", "/servers/%s/action" % uuid, body, version)

    def live_migrate(self, uuid, host=None, version="2.87"):
        """Asks; the id of the migration."""
        self.action(uuid, {"os-migrateLive": {"host": host, "block_migration": "auto"}}, version)
        return self.newest_migration(uuid)["id"]

    def newest_migration(self, uuid):
        return self.get("/os-migrations?instance_uuid=%s&limit=1" % uuid)["migrations"][0]

    def migration(self, uuid, number):
        return self.get("/nova-lite/servers/%s/migrations/%d" % (uuid, number))["migration"]

    def wait_migration(self, uuid, number, seconds=90):
        """Until it has ended, however."""
        migration = None
        for _ in until(seconds, lambda: "migration %d is still %s" % (number, json.dumps(migration))):
            migration = self.migration(uuid, number)
            if migration["state"] in ("done", "failed", "cancelled", "error"):
                return migration

    def move(self, uuid, host=None, seconds=90):
        migration = self.wait_migration(uuid, self.live_migrate(uuid, host), seconds)
        if migration["state"] != "done":
            raise AssertionError("the migration did not succeed: %s" % json.dumps(migration, indent=1))
        return migration

    def delete(self, uuid, seconds=60):
        self.request("DELETE", "/servers/" + uuid)
        for _ in until(seconds, lambda: "%s is not gone: %s" % (uuid, self.server(uuid))):
            try:
                self.server(uuid)
            except Refused as refused:
                if refused.status == 404:
                    return
                raise


def until(seconds, what, pause=0.1):
    """Loops with a pause; fails with what() at the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(pause)
    raise AssertionError("after %g s: %s" % (seconds, what()))


class Lab:
    """A lab of the test's own, by name; taken down at the end.  NOVA_LITE_TEST_TAG is added to the name, so that the same test can
    run twice at the same time."""

    up = []     # all labs of this process

    def __init__(self, name, *up):
        self.directory = "/var/tmp/nova-lite-test-" + name + os.environ.get("NOVA_LITE_TEST_TAG", "")
        self.environment = dict(os.environ, NOVA_LITE_LAB=self.directory)
        self.run("down", check=False)
        began = time.monotonic()
        self.run("up", *up)
        self.seconds_up = time.monotonic() - began
        for line in self.run("env").splitlines():
            match = re.match(r"export (\w+)=(.*)$", line)
            if match:
                word = subprocess.run(["bash", "-c", "printf %s " + match.group(2)], stdout=subprocess.PIPE, text=True)
                self.environment[match.group(1)] = word.stdout
        if self.environment["OS_AUTH_TYPE"] == "password":
            self.environment.pop("OS_ENDPOINT", None)
        self.api = self.api_of("admin", "lab")
        self.hosts = [h["name"] for h in self.status()["hosts"] if h["name"] != "HostA"]
        Lab.up.append(self)

    def run(self, *words, check=True, timeout=180, **kwargs):
        done = subprocess.run([LAB_PROGRAM, *words], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, **kwargs)
        if check and done.returncode != 0:
            raise AssertionError("lab %s: exit %d: %s" % (" ".join(words), done.returncode, done.stdout))
        return done.stdout

    def api_of(self, user, password, project="default"):
        """The API as this user sees it; without users everybody is the administrator."""
        auth_url = self.environment["OS_AUTH_URL"]
        if self.environment["OS_AUTH_TYPE"] != "password":
            return Api(self.environment["OS_ENDPOINT"])
        return Api(auth_url.removesuffix("/identity") + "/v2.1").log_in(auth_url, user, password, project)

    def down(self):
        self.run("down")
        if self in Lab.up:
            Lab.up.remove(self)

    def keep_logs(self, name):
        """A copy of all logs, of the guests' consoles and of the journal that survives the lab; returns its directory."""
        kept = "%s-%s" % (self.directory, re.sub(r"[ :/]+", "-", name))
        shutil.rmtree(kept, ignore_errors=True)
        for host in ["HostA"] + self.hosts:
            shutil.copytree(os.path.join(self.directory, host, "log"), os.path.join(kept, host), ignore_dangling_symlinks=True)
        for path in glob.glob(os.path.join(self.directory, "HostA/export/**/console.*"), recursive=True):
            os.makedirs(os.path.join(kept, os.path.basename(os.path.dirname(path))), exist_ok=True)
            shutil.copy(path, os.path.join(kept, os.path.basename(os.path.dirname(path))))
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(os.path.join(self.directory, "check-invariants.log"), kept)
        with contextlib.suppress(Exception), open(os.path.join(kept, "journal"), "w", encoding="utf-8") as file:
            for row in self.sql("SELECT * FROM journal ORDER BY operation, seq"):
                print(*row, sep="\t", file=file)
        return kept

    def status(self):
        return json.loads(self.run("status", "--json"))

    def command(self, *words, check=True, timeout=60):
        """A program on this machine with the lab's environment: nova, openstack, nova-lite ..."""
        done = subprocess.run(words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError("%s: exit %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done

    def sql(self, statement):
        """Rows as lists of text."""
        done = self.command("psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return [line.split("\t") for line in done.stdout.splitlines() if line]

    def virsh(self, host, *words, check=True, timeout=30):
        uri = self.environment["VIRSH_" + host.upper()]
        return self.command("virsh", "-q", "-c", uri, *words, check=check, timeout=timeout).stdout.strip()

    def domain_state(self, host, uuid):
        """`running', `paused', ...; `absent' when the hypervisor says so."""
        done = self.command("virsh", "-q", "-c", self.environment["VIRSH_" + host.upper()], "domstate", uuid,
                            check=False, timeout=30)
        if done.returncode == 0:
            return done.stdout.strip()
        if "failed to get domain" in done.stderr or "Domain not found" in done.stderr:
            return "absent"
        return "unknown"

    def where(self, uuid):
        return [host for host in self.hosts if self.domain_state(host, uuid) != "absent"]

    def serial(self, uuid):
        """What the test guest has said: checkserial's verdict over all parts of its console log, oldest first."""
        host = next(h for h in self.hosts)
        base = "/var/lib/nova-lite/instances/" + uuid
        text = self.run("exec", host, "sh", "-c", "cat $(ls -v %s/console.*.log)" % base)
        done = subprocess.run([os.path.join(TOP, "lab/guest/checkserial"), "/dev/stdin"], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        report = dict(line.split(None, 1) for line in done.stdout.splitlines() if len(line.split(None, 1)) == 2)
        report["ok"] = done.returncode == 0
        report["text"] = done.stdout
        return report

    def wait_counting(self, uuid, least=1, seconds=30):
        """Until the test guest has come so far: before that it hears no power button."""
        report = {"text": "nothing"}
        for _ in until(seconds, lambda: report["text"]):
            report = self.serial(uuid)
            if int(report.get("counter", 0)) >= least:
                return report

    def checker(self, *options):
        """Starts to watch all invariants of this lab (tests/faults/check-invariants); see Checker."""
        return Checker(self, *options)

    def check_books(self, idle=True):
        """Claims, counters, hosts and hypervisors agree."""
        wrong = self.sql("""
            SELECT h.name, h.used_vcpus, h.used_memory_mb, coalesce(c.v, 0), coalesce(c.m, 0) FROM hosts h
            LEFT JOIN (SELECT host_id, sum(vcpus) v, sum(memory_mb) m FROM claims GROUP BY host_id) c ON c.host_id = h.id
            WHERE h.used_vcpus <> coalesce(c.v, 0) OR h.used_memory_mb <> coalesce(c.m, 0)""")
        assert not wrong, "host counters differ from claims: %s" % wrong
        wrong = self.sql("""
            SELECT p.id, p.used_gb, coalesce(c.d, 0) FROM pools p
            LEFT JOIN (SELECT pool_id, sum(disk_gb) d FROM disk_claims GROUP BY pool_id) c ON c.pool_id = p.id
            WHERE p.used_gb <> coalesce(c.d, 0)""")
        assert not wrong, "pool counters differ from claims: %s" % wrong
        wrong = self.sql("""
            SELECT i.uuid, i.host_id, c.host_id FROM instances i LEFT JOIN claims c ON c.instance = i.uuid AND c.role = 'H'
            WHERE i.deleted_at IS NULL AND i.host_id IS DISTINCT FROM c.host_id""")
        assert not wrong, "home claims differ from hosts: %s" % wrong
        if not idle:
            return
        wrong = self.sql("""
            SELECT c.instance, c.role FROM claims c WHERE c.role <> 'H' AND NOT EXISTS
              (SELECT FROM operations o WHERE o.instance = c.instance AND o.finished_at IS NULL) AND NOT
              (c.role = 'O' AND EXISTS (SELECT FROM instances i WHERE i.uuid = c.instance AND i.vm_state = 'resized'))""")
        assert not wrong, "claims left over: %s" % wrong
        wrong = self.sql("SELECT name, outgoing, incoming FROM hosts WHERE outgoing <> 0 OR incoming <> 0")
        assert not wrong, "migration slots left over: %s" % wrong
        for uuid, host, state in self.sql("""
                SELECT i.uuid, h.name, CASE WHEN i.vm_state <> 'resized' THEN i.vm_state WHEN i.power_state = 1 THEN 'active'
                       ELSE 'stopped' END FROM instances i JOIN hosts h ON h.id = i.host_id
                WHERE i.deleted_at IS NULL"""):
            there = self.where(uuid)
            assert there == ([host] if state in ("active", "paused") else []), \
                "%s is %s on %s by the database, its domain is on %s" % (uuid, state, host, there)


class Watch(threading.Thread):
    """Samples a guest on every hypervisor without pause: more than one running copy in one sample is a violation.

    A sample asks the hosts one after the other, so a switch between two questions could look like two copies: a suspicion is asked again
    in the other order and only counts when it shows in both.
    """

    def __init__(self, lab, uuid):
        super().__init__(daemon=True)
        self.lab, self.uuid = lab, uuid
        self.samples, self.violations, self.ended = 0, [], threading.Event()

    def running(self, hosts):
        return [host for host in hosts if self.lab.domain_state(host, self.uuid) == "running"]

    def run(self):
        while not self.ended.is_set():
            seen = self.running(self.lab.hosts)
            self.samples += 1
            if len(seen) > 1:
                again = self.running(self.lab.hosts[::-1])
                if len(again) > 1:
                    self.violations.append(again)

    def stop(self):
        self.ended.set()
        self.join()
        assert not self.violations, "two running copies: %s" % self.violations
        assert self.samples > 0, "no sample was taken"
        return self.samples


class Checker:
    """All invariants, watched from outside by a process of its own from here to stop():

        with lab.checker(): ...         or          checker = lab.checker("--bound", "20"); ...; gaps = checker.stop()

    stop() waits until everything has settled, fails with every violation, and gives the longest time in ms that each test
    guest did not count.  Take it before the lab goes down.  What was seen and when is in the file `log'.
    """

    def __init__(self, lab, *options):
        self.log = lab.directory + "/HostA/log/check-invariants.log"
        self.process = subprocess.Popen([os.path.join(TOP, "tests/faults/check-invariants"), "--lab", lab.directory,
                                         "--log", self.log, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.first = self.process.stdout.readline()
        if not self.first.startswith("checking"):
            raise AssertionError("check-invariants: " + self.first + "".join(self.process.communicate()))

    def end(self):
        """Ends it: (exit status, what it printed)."""
        if self.process.poll() is None:
            self.process.terminate()
        text, errors = self.process.communicate(timeout=180)
        return self.process.returncode, text + errors

    def stop(self):
        status, text = self.end()
        assert status == 0, "check-invariants, exit %d (log: %s):\n%s" % (status, self.log, text)
        return {words[1]: int(words[2]) for words in map(str.split, text.splitlines()) if words and words[0] == "GAP"}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
            self.process.communicate()
        else:
            self.stop()


def main(cases):
    """Runs functions in order, each with a line of its own; the exit status says whether all passed."""
    wanted = sys.argv[1:]
    passed = failed = 0
    for case in cases:
        name = case.__name__.replace("_", " ")
        if wanted and case.__name__ not in wanted:
            continue
        began = time.monotonic()
        try:
            said = case()
            passed += 1
            print("ok      %s (%.1f s)%s" % (name, time.monotonic() - began, ": " + said if said else ""), flush=True)
        except Exception:  # whatever it is, the others shall run
            failed += 1
            print("not ok  %s (%.1f s)" % (name, time.monotonic() - began))
            traceback.print_exc(file=sys.stdout)
            for lab in Lab.up:
                with contextlib.suppress(OSError, shutil.Error):
                    print("logs: " + lab.keep_logs(case.__name__))
            sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0
