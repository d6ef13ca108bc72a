# SPDX-License-Identifier: Apache-2.0
"""Tests of nova-lite-api: each function here is one, run by test_api.c as `client.py NAME'.

They speak HTTP themselves, so that headers and connections are seen as they are, and look at the database to see
what a request has left there.  Servers a test makes are its own; others may be there beside them.
"""
import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

PORT = int(os.environ["API_PORT"])
DATABASE = os.environ["API_DATABASE"]
IMAGE = os.environ["API_IMAGE"]
BASE = f"http://127.0.0.1:{PORT}"
NOWHERE = "00000000-0000-0000-0000-000000000000"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read()
        try:
            self.json = json.loads(self.text) if self.text else None
        except ValueError:
            self.json = None

    def message(self):
        return next(iter(self.json.values()))["message"]


def ask(method, path, body=None, version=None, token="notused", connection=None, headers=None, raw=None, timeout=20):
    conn = connection or http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
    h = {"Accept": "application/json"}
    if token is not None:
        h["X-Auth-Token"] = token
    if version:
        h["OpenStack-API-Version"] = "compute " + version
        h["X-OpenStack-Nova-API-Version"] = version
    if body is not None or raw is not None:
        h["Content-Type"] = "application/json"
    h.update(headers or {})
    conn.request(method, path, raw if raw is not None else json.dumps(body) if body is not None else None, h)
    answer = Answer(conn.getresponse())
    if not connection:
        conn.close()
    return answer


def get(path, version=None, want=200, **more):
    answer = ask("GET", "/v2.1" + path, version=version, **more)
    equal(answer.status, want, answer.text)
    return answer.json


def equal(have, want, *why):
    if have != want:
        raise AssertionError(f"{have!r} is not {want!r} {why}")


def fault(answer, status, text=None):
    equal(answer.status, status, answer.text)
    names = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 406: "computeFault", 409: "conflictingRequest",
             413: "overLimit", 415: "badMediaType", 501: "notImplemented", 503: "serviceUnavailable"}
    equal(list(answer.json), [names[status]])
    equal(answer.json[names[status]]["code"], status)
    if text is not None:
        equal(answer.message(), text)


def sql(text):
    out = subprocess.run(["psql", DATABASE, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text], check=True,
                         capture_output=True, text=True)
    return out.stdout.strip()


def boot(name=None, version="2.87", **more):
    server = {"name": name or "vm-" + uuid.uuid4().hex[:8], "imageRef": IMAGE, "flavorRef": "1", "networks": "none"}
    server.update(more)
    return ask("POST", "/v2.1/servers", {"server": server}, version)


def booted(name=None, host="HostB", state="active", **more):
    """A server as it would be with a compute service that has done its work."""
    answer = boot(name, **more)
    equal(answer.status, 202, answer.text)
    sid = answer.json["server"]["id"]
    power = {"active": 1, "paused": 3}.get(state, 4)
    saved = f"(SELECT max(id) FROM operations WHERE instance = '{sid}')" if state == "suspended" else "NULL"
    sql(f"UPDATE operations SET state = 'done', finished_at = now(), owner_host_id = NULL WHERE instance = '{sid}';"
        f"UPDATE instances SET vm_state = '{state}', power_state = {power}, token = 1, saved_operation = {saved},"
        f" launched_at = now(), host_id = (SELECT id FROM hosts WHERE name = '{host}') WHERE uuid = '{sid}'")
    return sid


def act(sid, body, version=None):
    return ask("POST", f"/v2.1/servers/{sid}/action", body, version)


def finish(sid, state="done", reason="NULL"):
    sql(f"UPDATE operations SET state = '{state}', finished_at = now(), changed_at = now(), reason = {reason}"
        f" WHERE instance = '{sid}' AND finished_at IS NULL")


# ---- protocol ----

def ready():
    for _ in range(200):
        try:
            if ask("GET", "/").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("nova-lite-api does not answer")


def versions():
    root = ask("GET", "/", token=None)
    equal(root.status, 200)
    equal([v["id"] for v in root.json["versions"]], ["v2.1"])
    equal(root.json["versions"][0]["version"], "2.87")
    equal(root.headers["X-Openstack-Request-Id"], None)
    for path in ("/v2.1", "/v2.1/"):
        one = ask("GET", path, token=None)
        equal(one.status, 200)
        equal(one.json["version"]["links"][0]["href"], BASE + "/v2.1/")
        equal(one.headers["OpenStack-API-Version"], "compute 2.1")
    choices = ask("GET", "/elsewhere", token=None)
    equal(choices.status, 300)
    equal(choices.json["choices"][0]["links"][0]["href"], BASE + "/v2.1/elsewhere")
    equal(ask("GET", "/image", token=None).status, 300)
    latest = ask("GET", "/v2.1/servers", headers={"OpenStack-API-Version": "compute latest"})
    equal(latest.headers["OpenStack-API-Version"], "compute 2.87")


def rejected():
    no_token = ask("GET", "/v2.1/servers", token=None)
    equal(no_token.status, 401)
    equal(no_token.json, {"error": {"code": 401, "title": "Unauthorized",
                                    "message": "The request you have made requires authentication."}})
    assert no_token.headers["WWW-Authenticate"].startswith("Keystone uri=")
    fault(ask("GET", "/v2.1/servers", headers={"Host": "evil.example"}), 403)
    high = ask("GET", "/v2.1/servers", version="2.999")
    fault(high, 406, "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.87.")
    equal(high.headers["OpenStack-API-Version"], "compute 2.999")
    equal(high.headers["X-OpenStack-Nova-API-Version"], "2.999")
    equal(high.headers.get_all("Vary"), ["OpenStack-API-Version", "X-OpenStack-Nova-API-Version"])
    fault(ask("GET", "/v2.1/servers?limit=abc"), 400,
          "Invalid input for query parameters limit. Value: abc. 'abc' does not match '^[0-9]*$'")
    fault(ask("GET", "/v2.1/servers?foo=bar", version="2.75"), 400, "'foo' does not match any of the regexes: '^_'")
    fault(ask("POST", "/v2.1/servers", raw="{\"server\": "), 400, "Malformed request body")
    fault(ask("POST", "/v2.1/servers", raw="x", headers={"Content-Type": "text/plain"}), 415,
          "Unsupported Content-Type")
    fault(ask("GET", "/v2.1/nonesuch"), 404, "The resource could not be found.")
    fault(ask("PUT", "/v2.1/servers", {}), 404, "The resource could not be found.")
    fault(ask("GET", "/v2.1/servers/" + NOWHERE), 404, f"Instance {NOWHERE} could not be found.")
    fault(ask("GET", "/v2.1/servers/xyz"), 404, "Instance xyz could not be found.")
    fault(act(NOWHERE, {"os-nope": None}), 400, "There is no such action: os-nope")
    fault(act(NOWHERE, {"os-start": None}), 404, f"Instance {NOWHERE} could not be found.")
    fault(act(NOWHERE, {"pause": None}), 404, f"Instance {NOWHERE} could not be found.")
    ids = ask("GET", "/v2.1/servers").headers
    equal(ids["X-Openstack-Request-Id"], ids["X-Compute-Request-Id"])
    assert re.fullmatch(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids["X-Compute-Request-Id"])


def keep_alive():
    conn = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    ports = set()
    for i in range(3):
        equal(ask("GET", "/v2.1/servers/detail", connection=conn).status, 200)
        ports.add(conn.sock.getsockname())
        equal(ask("POST", "/v2.1/servers", {}, connection=conn).status, 400)
        ports.add(conn.sock.getsockname())
        equal(ask("DELETE", "/v2.1/servers/" + NOWHERE, connection=conn).status, 404)
        ports.add(conn.sock.getsockname())
    equal(len(ports), 1)


def slow_client():
    """One that sends nothing more is let go; one that is only slow is served; nobody else waits for either."""
    silent = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    silent.send(b"GET /v2.1/ser")
    slow = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    request = (f"POST /v2.1/servers HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nX-Auth-Token: x\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").encode()
    for i in range(0, len(request), 20):
        slow.send(request[i:i + 20])
        time.sleep(0.1)
        equal(ask("GET", "/").status, 200)
    assert slow.recv(100).startswith(b"HTTP/1.1 400")
    silent.settimeout(10)
    equal(silent.recv(100), b"")


def oversized():
    fault(ask("POST", "/v2.1/servers", raw="{\"server\": \"" + "x" * 200000 + "\"}"), 413, "Request is too large.")
    # answered before the body is sent: one out of all reason, and one whose sender waits to be asked for it
    for length, more in ((10**9, ""), (200000, "Expect: 100-continue\r\n")):
        conn = socket.create_connection(("127.0.0.1", PORT), timeout=10)
        conn.send((f"POST /v2.1/servers HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nX-Auth-Token: x\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n").encode())
        assert conn.recv(1000).startswith(b"HTTP/1.1 413")
    deep = "[" * 100000
    fault(ask("POST", "/v2.1/servers", raw=deep), 400, "Malformed request body")
    name = "n" * 100000
    answer = ask("POST", "/v2.1/servers", {"server": {"name": name, "flavorRef": "1"}})
    equal(answer.status, 400)
    assert len(answer.text) < 20000
    many = "&".join(f"a{i}=1" for i in range(250))
    fault(ask("GET", "/v2.1/servers?" + many), 400, "The query string of the request cannot be read.")


def raw(data, timeout=15, then=b"", port=PORT):
    """What comes back until the connection is closed or nothing more comes."""
    conn = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    got = b""
    try:
        conn.sendall(data)
        if then is None:
            conn.shutdown(socket.SHUT_WR)
        while True:
            piece = conn.recv(65536)
            if not piece:
                return got, True
            got += piece
    except (BrokenPipeError, ConnectionResetError):
        return got, True
    except socket.timeout:
        return got, False
    finally:
        conn.close()


HEAD = f"Host: 127.0.0.1:{PORT}\r\nX-Auth-Token: x\r\n"


def rough_clients():
    """Requests of all shapes are answered or their connections closed, and nobody else notices."""
    get_ = f"GET /v2.1/flavors HTTP/1.1\r\n{HEAD}"
    # HTTP/1.0: answered and closed
    got, closed = raw(f"GET /v2.1/flavors HTTP/1.0\r\n{HEAD}\r\n".encode())
    assert closed and b" 200 " in got.split(b"\r\n")[0] and b'"flavors"' in got, got
    # pipelined: answered in order, on one connection
    got, _ = raw((f"{get_}\r\nGET /v2.1/nonesuch HTTP/1.1\r\n{HEAD}\r\nGET /v2.1/extensions HTTP/1.1\r\n{HEAD}"
                  "Connection: close\r\n\r\n").encode())
    lines = [line for line in got.split(b"\r\n") if b"HTTP/1.1 " in line]
    equal([re.search(rb"HTTP/1.1 (\d+)", line).group(1) for line in lines], [b"200", b"404", b"200"])
    # half-closed: it still gets its answer
    got, _ = raw(f"{get_}\r\n".encode(), then=None)
    assert got.startswith(b"HTTP/1.1 200"), got
    # half of a request, then closed: nothing to answer
    got, closed = raw(get_.encode(), then=None)
    assert closed and b" 200 " not in got, got
    # headers of 10000 bytes are fine, far more are refused
    got, _ = raw(f"{get_}X-Long: {'x' * 10000}\r\nConnection: close\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 200"), got[:200]
    many = "".join(f"X-{i}: y\r\n" for i in range(1000))
    got, _ = raw(f"{get_}{many}Connection: close\r\n\r\n".encode())
    assert got[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 431"), got[:200]
    for rest in (f"X-Long: {'x' * 100000}\r\n", "".join(f"X-{i}: y\r\n" for i in range(10000))):
        got, closed = raw(f"{get_}{rest}\r\n".encode())
        assert closed and (not got or got.startswith(b"HTTP/1.1 431")), got[:200]
    got, closed = raw(f"GET /v2.1/flavors?{'x' * 100000} HTTP/1.1\r\n{HEAD}\r\n".encode())
    assert closed and (not got or got[9:12] in (b"414", b"431")), got[:200]
    # a body of 1 MiB is refused, whether its length is said or not
    post = f"POST /v2.1/servers HTTP/1.1\r\n{HEAD}Content-Type: application/json\r\n"
    got, _ = raw(f"{post}Content-Length: {1 << 20}\r\n\r\n".encode() + b"x" * (1 << 20))
    assert got.startswith(b"HTTP/1.1 413"), got[:200]
    chunks = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(16)) + b"0\r\n\r\n"
    got, closed = raw(f"{post}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    assert closed and not got or got.startswith(b"HTTP/1.1 413"), got[:200]
    # no HTTP at all
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, b"\r\n" * 50 + b"x\r\n\r\n",
                 b"GET\r\n\r\n", b"\x00" * 1000, f"{post}Content-Length: -1\r\n\r\n".encode(),
                 f"{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx".encode(),
                 f"{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode()):
        got, closed = raw(junk)
        assert closed and b" 200 " not in got, (junk[:40], got[:200], closed)
    equal(ask("GET", "/").status, 200)


def slow_loris():
    """Connections that send a byte of a header now and then are closed in time; meanwhile others are served at once."""
    began = time.monotonic()
    slow = []
    for _ in range(200):
        conn = socket.create_connection(("127.0.0.1", PORT), timeout=10)
        conn.sendall(b"GET /v2.1/servers HTTP/1.1\r\nX-Slow: ")
        slow.append(conn)
    # one that had been served before
    conn = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    conn.sendall(f"GET /v2.1/flavors HTTP/1.1\r\n{HEAD}\r\n".encode())
    assert conn.recv(65536).startswith(b"HTTP/1.1 200")
    conn.sendall(b"GET /v2.1/fla")
    slow.append(conn)
    longest = 0
    while slow and time.monotonic() - began < 12:
        asked = time.monotonic()
        equal(ask("GET", "/v2.1/flavors").status, 200)
        longest = max(longest, time.monotonic() - asked)
        for conn in slow[:]:
            conn.setblocking(False)
            try:
                conn.send(b"y")
                closed = conn.recv(100) == b""
            except BlockingIOError:
                closed = False
            except OSError:
                closed = True
            if closed:
                conn.close()
                slow.remove(conn)
        time.sleep(0.25)
    equal(len(slow), 0, "are still open after 12 s of headers, with client_socket_timeout = 2")
    assert longest < 2, f"another client waited {longest:.1f} s"


# ---- a second API beside the first ----

class OtherApi:
    """With further lines of its configuration and variables of its environment; ends with the block."""

    def __init__(self, more="", environment=None, scheme="http"):
        self.directory = tempfile.mkdtemp()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with open(os.environ["API_DIRECTORY"] + "/api.conf") as first:
            text = re.sub(r"(?m)^osapi_compute_listen_port = .*$", f"osapi_compute_listen_port = {self.port}", first.read())
        self.conf, self.log = self.directory + "/api.conf", self.directory + "/log"
        with open(self.conf, "w") as out:
            out.write(text + more.replace("@", self.directory))
        self.base = f"{scheme}://127.0.0.1:{self.port}"
        self.environment = environment or {}

    def start(self):
        self.process = subprocess.Popen([os.environ["API_BUILD"] + "/nova-lite-api", "--config-file", self.conf],
                                        env={**os.environ, **self.environment}, stderr=open(self.log, "a"))

    def said(self, words, seconds=20):
        """Until it has logged this."""
        for _ in range(seconds * 20):
            with open(self.log) as log:
                if words in log.read():
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"it did not say '{words}': {open(self.log).read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            shutil.rmtree(self.directory)


def certify(directory, name, days="30", key=None):
    """A certificate for 127.0.0.1 that signs itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days,
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{directory}/{name}.key",
                    "-out", f"{directory}/{name}.pem"], check=True, capture_output=True)


TLS = "[wsgi]\nssl_cert_file = @/shown.pem\nssl_key_file = @/shown.key\n"


def tls():
    """Real clients over TLS; another certificate without a restart; what is no TLS; what cannot be used."""
    with OtherApi(TLS, scheme="https") as api:
        for name in ("one", "two"):
            certify(api.directory, name)

        def show(cert, key):
            shutil.copy(f"{api.directory}/{cert}.pem", api.directory + "/shown.pem")
            shutil.copy(f"{api.directory}/{key}.key", api.directory + "/shown.key")

        def curl(trusted, *more, path="/v2.1/flavors"):
            out = subprocess.run(["curl", "-sS", "-m", "10", "--cacert", f"{api.directory}/{trusted}.pem", "-H", "X-Auth-Token: x",
                                  *more, api.base + path], capture_output=True, text=True)
            return out.returncode, out.stdout + out.stderr

        # what cannot be used is named at the start
        api.start()
        equal(api.process.wait(20), 1)
        api.said(f"the TLS certificate cannot be read: Failed to open file “{api.directory}/shown.pem”")
        show("one", "two")
        api.start()
        equal(api.process.wait(20), 1)
        api.said(f"the TLS key '{api.directory}/shown.key' is not that of the certificate '{api.directory}/shown.pem'")
        show("one", "one")
        api.start()
        api.said("with TLS")
        equal(curl("one")[0], 0)
        document = json.loads(curl("one", path="/")[1])
        equal(document["versions"][0]["links"][0]["href"], api.base + "/v2.1/")
        equal(curl("two")[0], 60)
        for version, want in (("1.2", 0), ("1.3", 0), ("1.1", 35)):
            equal(curl("one", "--tlsv1.0", "--tls-max", version, "--ciphers", "DEFAULT:@SECLEVEL=0")[0], want, version)
        # other clients
        env = {**CLIENT, "OS_ENDPOINT": api.base + "/v2.1", "OS_CACERT": api.directory + "/one.pem"}
        for words, more in ((["openstack", "--os-cacert", api.directory + "/one.pem", "flavor", "list"], ONLY_OPENSTACK),
                            (["nova", "flavor-list"], ONLY_NOVA), ([os.environ["API_BUILD"] + "/nova-lite", "flavor-list"], {})):
            out = subprocess.run(words, env={**env, **more}, capture_output=True, text=True, timeout=60)
            assert out.returncode == 0 and "m1.tiny" in out.stdout, (words, out)
        said = ours("flavor-list", want=1, env={**OURS, "OS_ENDPOINT": api.base + "/v2.1"})
        assert "does OS_CACERT name the file" in said, said
        assert "m1.tiny" in ours("--insecure", "flavor-list", env={**OURS, "OS_ENDPOINT": api.base + "/v2.1"})
        # no TLS: closed, and others are served
        got, closed = raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", port=api.port)
        assert closed and not got.startswith(b"HTTP"), got
        silent = socket.create_connection(("127.0.0.1", api.port), timeout=10)
        silent.sendall(b"\x16\x03\x01")
        equal(curl("one")[0], 0)
        assert silent.recv(100)[:1] in (b"", b"\x15")  # closed, perhaps with an alert
        # another certificate, for connections made from then on
        show("two", "two")
        api.process.send_signal(1)
        for _ in range(100):
            if curl("two")[0] == 0:
                break
            time.sleep(0.05)
        equal((curl("two")[0], curl("one")[0]), (0, 60))
        # one that does not fit is reported, and the last good one stays
        show("one", "two")
        api.process.send_signal(1)
        api.said("the certificate that was loaded before stays in use")
        equal(curl("two")[0], 0)
        api.process.terminate()
        equal(api.process.wait(20), 0)
    with OtherApi("[wsgi]\nssl_cert_file = /x\n") as api:
        api.start()
        equal(api.process.wait(20), 78)
        api.said("[wsgi] ssl_cert_file and ssl_key_file belong together")


def scrape(port, path="/metrics"):
    """As Prometheus does; families by name, each checked for what its format asks and the parser lets pass."""
    from prometheus_client.parser import text_string_to_metric_families
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    conn.request("GET", path)
    answer = conn.getresponse()
    text = answer.read().decode()
    if path != "/metrics":
        return answer.status, text
    equal(answer.status, 200)
    equal(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
    assert text.endswith("\n")
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    equal(len(series), len(set(series)), "a series twice")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name, family in families.items():
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), name
        if family.type == "histogram":
            for key in {tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) for s in family.samples}:
                own = [s for s in family.samples if set(key) == {(k, v) for k, v in s.labels.items() if k != "le"}]
                buckets = [s.value for s in own if s.name.endswith("_bucket")]
                equal(buckets, sorted(buckets), name)
                equal(own[len(buckets) - 1].labels["le"], "+Inf")
                equal(buckets[-1], next(s.value for s in own if s.name.endswith("_count")))
    return families


def value_of(families, name, sample=None, **labels):
    return sum(s.value for s in families[name].samples if s.name == (sample or s.name) and labels.items() <= s.labels.items())


def metrics():
    """Requests, statements and the pool of an API, and the whole cloud as a scheduler counts it; whatever clients ask for, there are
    no more series than routes and statuses."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        port, scheduler_port = one.getsockname()[1], two.getsockname()[1]
    secret = "hunter-" + uuid.uuid4().hex
    with OtherApi(f"metrics_listen = 127.0.0.1:{port}\n[scheduler]\nmetrics_listen = 127.0.0.1:{scheduler_port}\n") as api:
        api.start()
        api.said("is ready")
        their = lambda path: http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
        for path, times in (("/v2.1/servers", 3), ("/v2.1/servers/" + NOWHERE, 2), ("/v2.1/nonesuch/" + secret, 4)):
            for _ in range(times):
                ask("GET", path, token=secret, connection=their(path), headers={"Host": f"127.0.0.1:{api.port}"})
        for i in range(20):
            ask("GET", f"/v2.1/{secret}/{i}", connection=their(""), headers={"Host": f"127.0.0.1:{api.port}"})
        seen = scrape(port)
        requests = "nova_lite_http_requests"
        equal(value_of(seen, requests, route="GET /v2.1/servers", status="200"), 3)
        equal(value_of(seen, requests, route="GET /v2.1/servers/{id}", status="404"), 2)
        equal(value_of(seen, requests, route="other", status="404"), 24)
        equal(value_of(seen, "nova_lite_http_request_seconds", "nova_lite_http_request_seconds_count", route="GET /v2.1/servers"), 3)
        equal(value_of(seen, requests), 29)
        assert value_of(seen, "nova_lite_db_statements", result="ok") >= 5
        assert value_of(seen, "nova_lite_db_statement_seconds", "nova_lite_db_statement_seconds_count") >= 5
        assert value_of(seen, "nova_lite_db_connections", state="idle") >= 1
        equal(value_of(seen, "nova_lite_db_connections", state="used"), 0)
        equal(value_of(seen, "nova_lite_db_up"), 1)
        equal(value_of(seen, "nova_lite_rpc_connected"), 0)  # there is none in these tests
        equal(scrape(port, "/healthcheck"), (200, "OK\n"))
        equal(scrape(port, "/elsewhere")[0], 404)
        for family in seen.values():
            for sample in family.samples:
                assert secret not in str(sample.labels), sample
        scheduler = subprocess.Popen([os.environ["API_BUILD"] + "/nova-lite-scheduler", "--config-file", api.conf],
                                     stderr=open(api.log, "a"))
        try:
            api.said("serving metrics on 127.0.0.1:%d" % scheduler_port)
            cloud = scrape(scheduler_port)
            equal(value_of(cloud, "nova_lite_hosts"), int(sql("SELECT count(*) FROM hosts")))
            equal(value_of(cloud, "nova_lite_free", resource="vcpus"),
                  int(sql("SELECT sum(cap_vcpus - used_vcpus) FROM hosts h JOIN host_lease l ON l.host_id = h.id"
                          " WHERE lease_until > now() AND NOT disabled AND NOT forced_down")))
            equal(value_of(cloud, "nova_lite_free", resource="disk_gb"), int(sql("SELECT sum(cap_gb - used_gb) FROM pools")))
            assert "nova_lite_operations_active" in cloud
            equal(scrape(scheduler_port, "/healthcheck"), (200, "OK\n"))
        finally:
            scheduler.terminate()
            equal(scheduler.wait(20), 0)
    with OtherApi("metrics_listen = nowhere\n") as api:
        api.start()
        api.said("must be ADDRESS:PORT")
        equal(api.process.wait(20), 78)


def notify_systemd():
    """What systemd is told by sd_notify's protocol, and the level of each line on standard error."""
    with OtherApi() as api:
        path = api.directory + "/notify"
        systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        systemd.bind(path)
        systemd.settimeout(20)
        api.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000"}
        api.start()
        hear = lambda: systemd.recv(1000).decode()
        equal(hear(), "READY=1")
        equal(ask("GET", "/").status, 200)
        times = []
        for _ in range(4):
            equal(hear(), "WATCHDOG=1")
            times.append(time.monotonic())
        assert all(b - a < 0.6 for a, b in zip(times, times[1:])), times
        api.process.send_signal(19)  # one that stands still does not say that it is well
        systemd.settimeout(1.5)
        try:
            while time.monotonic() - times[-1] < 1.2:
                hear()
            raise AssertionError("a stopped process goes on")
        except socket.timeout:
            pass
        api.process.send_signal(18)
        systemd.settimeout(20)
        api.process.send_signal(1)
        heard = [hear() for _ in range(3)]
        while not any(h.startswith("RELOADING") for h in heard[:-1]):
            heard.append(hear())
        i = next(k for k, h in enumerate(heard) if h.startswith("RELOADING"))
        assert re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+$", heard[i]), heard
        equal(next(h for h in heard[i + 1:] if h != "WATCHDOG=1"), "READY=1")
        api.process.terminate()
        while (last := hear()) != "STOPPING=1":
            equal(last, "WATCHDOG=1")
        equal(api.process.wait(20), 0)
        with open(api.log) as log:
            lines = log.read().splitlines()
        assert lines and all(re.match("<[3467]>", line) for line in lines), lines
        assert any(line.startswith("<6>") and "is ready" in line for line in lines), lines
    # not for this process: not a word
    with OtherApi() as api:
        path = api.directory + "/notify"
        systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        systemd.bind(path)
        systemd.settimeout(20)
        api.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}
        api.start()
        equal(systemd.recv(1000), b"READY=1")
        systemd.settimeout(0.6)
        try:
            raise AssertionError(systemd.recv(1000))
        except socket.timeout:
            pass


# ---- servers ----

SHOW_21 = set("""id name status tenant_id user_id metadata hostId image flavor created updated addresses accessIPv4
    accessIPv6 links OS-DCF:diskConfig progress OS-EXT-AZ:availability_zone config_drive key_name
    OS-SRV-USG:launched_at OS-SRV-USG:terminated_at OS-EXT-SRV-ATTR:host OS-EXT-SRV-ATTR:instance_name
    OS-EXT-SRV-ATTR:hypervisor_hostname OS-EXT-STS:task_state OS-EXT-STS:vm_state OS-EXT-STS:power_state
    os-extended-volumes:volumes_attached""".split())
SHOW_287 = SHOW_21 | set("""OS-EXT-SRV-ATTR:reservation_id OS-EXT-SRV-ATTR:launch_index OS-EXT-SRV-ATTR:hostname
    OS-EXT-SRV-ATTR:kernel_id OS-EXT-SRV-ATTR:ramdisk_id OS-EXT-SRV-ATTR:root_device_name OS-EXT-SRV-ATTR:user_data
    locked host_status description tags trusted_image_certificates server_groups locked_reason""".split())


def create_leaves_rows():
    answer = boot("cap 2.87", networks="auto", metadata={"k": "v"}, description="words", tags=["a", "b", "a"],
                  user_data="aGVsbG8=",
                  block_device_mapping_v2=[{"uuid": IMAGE, "boot_index": 0, "source_type": "image",
                                            "destination_type": "local", "delete_on_termination": True}])
    equal(answer.status, 202, answer.text)
    server = answer.json["server"]
    equal(set(server), {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"})
    equal(server["security_groups"], [{"name": "default"}])
    equal(answer.headers["Location"], BASE + "/v2.1/servers/" + server["id"])
    row = sql("SELECT i.display_name, i.hostname, i.vm_state, i.project_id, i.user_id, i.metadata, i.tags, i.memory_mb,"
              f" i.description, o.kind, o.state, o.request_id FROM instances i JOIN operations o ON o.instance = i.uuid"
              f" WHERE i.uuid = '{server['id']}'").split("|")
    equal(row[:11], ["cap 2.87", "cap-2-87", "building", "default", "admin", '{"k": "v"}', '["a", "b"]', "64", "words",
                     "build", "requested"])
    equal(row[11], answer.headers["X-Openstack-Request-Id"])
    equal(sql(f"SELECT count(*) FROM addresses WHERE instance = '{server['id']}'"), "1")
    shown = get("/servers/" + server["id"], "2.87")["server"]
    equal(shown["status"], "BUILD")
    equal(shown["OS-EXT-STS:task_state"], "scheduling")
    equal(shown["hostId"], "")
    equal(shown["OS-EXT-SRV-ATTR:host"], None)
    equal(shown["addresses"]["private"][0]["OS-EXT-IPS:type"], "fixed")
    equal(shown["OS-EXT-SRV-ATTR:user_data"], "aGVsbG8=")


def create_refused():
    fault(ask("POST", "/v2.1/servers", {"server": {"flavorRef": "1"}}), 400,
          "Invalid input for field/attribute server. Value: {'flavorRef': '1'}. 'name' is a required property")
    fault(boot(flavorRef="nope"), 400, "Flavor nope could not be found.")
    fault(boot(imageRef=NOWHERE), 400, "Can not find requested image")
    fault(boot(imageRef=""), 400, "Missing imageRef attribute")
    fault(boot(flavorRef="3"), 400, "Flavor's memory is too small for requested image.")
    fault(boot(key_name="k"), 400, "Invalid key_name provided.")
    fault(boot(availability_zone="nova:NoHost"), 400, "Compute host NoHost could not be found.")
    fault(boot(availability_zone="mars"), 400, "The requested availability zone is not available")
    fault(boot(host="NoHost"), 400, "Compute host NoHost could not be found.")
    fault(boot(min_count=3, max_count=2), 400, "min_count must be <= max_count")
    fault(boot(config_drive="maybe"), 400)
    fault(boot(user_data="x" * 65536), 400)
    fault(boot(user_data="no base64"), 400, "Invalid input for field/attribute user_data. Value: no base64. 'no base64' is not a 'base64'")
    fault(boot(personality=[]), 400)  # no member of the body from 2.57 on
    fault(ask("POST", "/v2.1/servers", {"server": {"name": "n", "imageRef": IMAGE, "flavorRef": "1",
                                                    "personality": [{"path": "/etc/motd", "contents": ""}]}}, "2.36"), 501)
    fault(boot(networks=[{"uuid": NOWHERE}]), 400, f"Network {NOWHERE} could not be found.")
    fault(boot(block_device_mapping_v2=[{"boot_index": 0, "uuid": NOWHERE, "source_type": "volume",
                                         "destination_type": "volume"}]), 400)
    fault(boot(security_groups=[{"name": "web"}]), 400, "Security group web not found for project default.")
    before = sql("SELECT count(*) FROM instances")
    boot(flavorRef="nope")
    equal(sql("SELECT count(*) FROM instances"), before)


def create_several():
    answer = boot("pack", min_count=1, max_count="3", return_reservation_id=True)
    equal(answer.status, 202, answer.text)
    equal(list(answer.json), ["reservation_id"])
    reservation = answer.json["reservation_id"]
    assert re.fullmatch("r-[a-z0-9]{8}", reservation)
    equal(sql(f"SELECT string_agg(display_name, ',' ORDER BY launch_index) FROM instances WHERE reservation_id ="
              f" '{reservation}'"), "pack-1,pack-2,pack-3")
    found = get("/servers?reservation_id=" + reservation)["servers"]
    equal(len(found), 3)


def create_networks():
    net = sql("SELECT uuid FROM networks WHERE label = 'private'")
    for version, networks, count in (("2.36", [], "1"), ("2.37", "none", "0"), ("2.37", "auto", "1"),
                                     ("2.87", [{"uuid": net}], "1")):
        answer = boot(version=version, networks=networks)
        equal(answer.status, 202, answer.text)
        sid = answer.json["server"]["id"]
        equal(sql(f"SELECT count(*) FROM addresses WHERE instance = '{sid}'"), count, version, networks)
    answer = boot(availability_zone="nova:HostC")
    equal(answer.status, 202, answer.text)
    equal(sql(f"SELECT requested_host FROM operations WHERE instance = '{answer.json['server']['id']}'"), "HostC")


def show_by_version():
    sid = booted("shown")
    for path in (f"/servers/{sid}", f"/default/servers/{sid}"):
        one = get(path, "2.1")["server"]
        equal(set(one), SHOW_21)
    equal(one["status"], "ACTIVE")
    equal(one["flavor"]["id"], "1")
    equal(one["OS-EXT-SRV-ATTR:host"], "HostB")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["created"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", one["OS-SRV-USG:launched_at"])
    two = get(f"/servers/{sid}", "2.87")["server"]
    equal(set(two), SHOW_287)
    equal(two["host_status"], "UP")
    equal(two["flavor"], {"vcpus": 1, "ram": 64, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "m1.tiny",
                          "extra_specs": {"hw:cpu_policy": "shared"}})
    listed = get("/servers/detail?uuid=" + sid, "2.87")["servers"]
    equal(len(listed), 1)
    equal(set(listed[0]), SHOW_287 - {"server_groups"})
    equal(set(get("/servers?uuid=" + sid, "2.87")["servers"][0]), {"id", "name", "links"})


def list_pages():
    project = "pages" + uuid.uuid4().hex[:6]
    token = "alice:" + project
    made = []
    for i in range(7):
        answer = ask("POST", "/v2.1/servers", {"server": {"name": f"p{i}", "imageRef": IMAGE, "flavorRef": "1"}},
                     token=token)
        equal(answer.status, 202, answer.text)
        made.append(answer.json["server"]["id"])
    made.reverse()
    seen, path = [], "/servers?limit=3"
    while path:
        page = get(path, token=token)
        seen += [s["id"] for s in page["servers"]]
        path = None
        if "servers_links" in page:
            equal(page["servers_links"][0]["rel"], "next")
            equal(page["servers_links"][0]["href"], f"{BASE}/v2.1/servers?limit=3&marker={seen[-1]}")
            path = page["servers_links"][0]["href"][len(BASE + "/v2.1"):]
    equal(seen, made)
    equal(len(get("/servers/detail", token=token)["servers"]), 5)  # [api] max_limit
    equal(len(get("/servers?limit=1000", token=token)["servers"]), 5)
    equal(get("/servers?limit=0", token=token), {"servers": []})
    oldest = get("/servers/detail?limit=2&sort_key=created_at&sort_dir=asc", token=token)
    equal([s["id"] for s in oldest["servers"]], made[:-3:-1])
    fault(ask("GET", f"/v2.1/servers?marker={NOWHERE}", token=token), 400, f"marker [{NOWHERE}] not found")
    equal(get("/servers", token="bob:nobody")["servers"], [])


def list_filters():
    mark = uuid.uuid4().hex[:8]
    a = booted(f"{mark}-a", tags=["red", "blue"], networks="auto")
    b = booted(f"{mark}-b", host="HostC", state="stopped", tags=["red"])
    c = booted(f"{mark}-c", flavorRef="2")

    def ids(query, version="2.83"):
        found = get(f"/servers?name={mark}&{query}", version)["servers"]
        return {s["id"] for s in found}

    equal(ids("x=1", "2.1"), {a, b, c})
    equal(ids("host=HostC"), {b})
    equal(ids("status=ACTIVE"), {a, c})
    equal(ids("status=active&status=SHUTOFF"), {a, b, c})
    equal(ids("status=nonsense", "2.1"), set())
    fault(ask("GET", "/v2.1/servers?status=nonsense", version="2.38"), 400, "Invalid status value")
    equal(ids("vm_state=stopped"), {b})
    equal(ids("flavor=2"), {c})
    equal(ids("flavor=unknown"), set())
    equal(ids("image=" + IMAGE), {a, b, c})
    equal(ids("tags=red,blue"), {a})
    equal(ids("tags-any=blue,green"), {a})
    equal(ids("not-tags=red"), {c})
    equal(ids("not-tags-any=blue"), {b, c})
    equal(ids("ip=10.0.0."), {a})
    equal(ids("power_state=4"), {b})
    equal(ids("node=^HostB$"), {a, c})
    equal(ids("availability_zone=nova"), {a, b, c})
    equal(ids("deleted=False"), {a, b, c})
    equal(ids("deleted=True"), set())
    equal(ids("all_tenants=1"), {a, b, c})
    equal(ids("all_tenants=1&project_id=elsewhere"), set())
    equal(ids("locked=true"), set())
    equal(ids("changes-since=2001-01-01T00:00:00Z"), {a, b, c})
    equal(ids("changes-since=2201-01-01T00:00:00Z"), set())
    fault(ask("GET", "/v2.1/servers?name=["), 400,
          "Invalid input for query parameters name. Value: [. '[' is not a 'regex'")
    equal(ids("limit=1&sort_key=display_name&sort_dir=asc"), {a})


def update_server():
    sid = booted("before")
    answer = ask("PUT", f"/v2.1/servers/{sid}", {"server": {"name": "after"}})
    equal(answer.status, 200, answer.text)
    equal(answer.json["server"]["name"], "after")
    assert "OS-EXT-STS:vm_state" not in answer.json["server"]
    answer = ask("PUT", f"/v2.1/servers/{sid}", {"server": {"description": "new words"}}, "2.87")
    equal(set(answer.json["server"]), SHOW_287)
    equal(answer.json["server"]["description"], "new words")
    equal(sql(f"SELECT display_name, description FROM instances WHERE uuid = '{sid}'"), "after|new words")
    fault(ask("PUT", f"/v2.1/servers/{sid}", {"server": {"description": "x"}}, "2.18"), 400)
    answer = ask("PUT", f"/v2.1/servers/{sid}", {"server": {"accessIPv4": "192.0.2.1", "accessIPv6": "2001:db8::1"}})
    equal((answer.json["server"]["accessIPv4"], answer.json["server"]["accessIPv6"]), ("192.0.2.1", "2001:db8::1"))
    equal(ask("PUT", f"/v2.1/servers/{sid}", {"server": {"name": "again"}}).json["server"]["accessIPv4"], "192.0.2.1")
    for wrong in ({"accessIPv4": "2001:db8::1"}, {"accessIPv4": "192.0.2.999"}, {"accessIPv6": "192.0.2.1"}, {"accessIPv4": None}):
        fault(ask("PUT", f"/v2.1/servers/{sid}", {"server": wrong}), 400)
    sid = boot(accessIPv4="192.0.2.7", accessIPv6="2001:db8::7").json["server"]["id"]
    server = get("/servers/" + sid)["server"]
    equal((server["accessIPv4"], server["accessIPv6"]), ("192.0.2.7", "2001:db8::7"))
    fault(boot(accessIPv6="192.0.2.7"), 400)


def config_drives():
    """Asked for, or the image cannot do without; Nova's word for yes is a text."""
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    for more, want in (({"config_drive": True, "user_data": data}, "True"), ({"config_drive": "yes"}, "True"), ({"config_drive": False}, ""),
                       ({}, "")):
        made = boot(**more)
        equal(made.status, 202, made.text)
        server = get("/servers/" + made.json["server"]["id"], "2.87")["server"]
        equal(server["config_drive"], want)
        equal(server["OS-EXT-SRV-ATTR:user_data"], more.get("user_data"))
    made = boot(user_data="A" * 65532)
    equal(made.status, 202, made.text)
    secret = boot(adminPass="tell nobody")
    equal(secret.json["server"]["adminPass"], "tell nobody")
    equal(sql(f"SELECT count(*) FROM instances i WHERE i::text LIKE '%tell nobody%'"), "0")
    sql(f"UPDATE images SET properties = properties || '{{\"img_config_drive\": \"mandatory\"}}' WHERE id = '{IMAGE}'")
    try:
        equal(get("/servers/" + boot().json["server"]["id"], "2.87")["server"]["config_drive"], "True")
    finally:
        sql(f"UPDATE images SET properties = properties - 'img_config_drive' WHERE id = '{IMAGE}'")


def gone_for_good():
    """Removed from Nova, which says so in every microversion; what it only proxied is not there."""
    sid = booted()
    for path in ("/os-cells", "/os-cells/detail", "/os-certificates/root", "/os-cloudpipe", "/os-fping", "/os-agents",
                 f"/servers/{sid}/consoles", f"/servers/{sid}/os-virtual-interfaces", "/default/os-cells"):
        for version in ("2.1", "2.87"):
            answer = ask("GET", "/v2.1" + path, version=version)
            equal((answer.status, answer.json), (410, {"computeFault": {
                "code": 410, "message": "This resource is no longer available. No forwarding address is given."}}), path)
    equal(ask("POST", "/v2.1/os-agents", {}).status, 410)
    for path in ("os-networks", "os-tenant-networks", "os-floating-ips", "os-floating-ip-pools", "os-fixed-ips/10.0.0.1", "os-security-groups",
                 "os-security-group-rules", "os-volumes", "os-snapshots", "os-baremetal-nodes", "os-cellars"):
        fault(ask("GET", "/v2.1/" + path), 404)
    log = get("/os-instance_usage_audit_log")["instance_usage_audit_logs"]
    equal(set(log), set("""period_beginning period_ending num_hosts num_hosts_done num_hosts_running num_hosts_not_run hosts_not_run
        total_instances total_errors overall_status log""".split()))
    equal((log["num_hosts"], log["hosts_not_run"], log["overall_status"]), (2, ["HostB", "HostC"], "0 of 2 hosts done. 0 errors."))
    log = get("/os-instance_usage_audit_log/2026-01-15%2000:00:00")["instance_usage_audit_log"]
    equal((log["period_beginning"], log["period_ending"]), ("2025-12-01 00:00:00", "2026-01-01 00:00:00"))
    fault(ask("GET", "/v2.1/os-instance_usage_audit_log/yesterday"), 400, "Invalid timestamp for date yesterday")
    fault(ask("POST", f"/v2.1/servers/{sid}/os-interface", {"interfaceAttachment": {}}), 400,
          "This cloud attaches no further interfaces: a server keeps the network it was created with.")
    fault(ask("POST", f"/v2.1/servers/{sid}/os-volume_attachments", {"volumeAttachment": {"volumeId": NOWHERE}}), 400,
          "This cloud has no volumes.")
    equal(get(f"/servers/{sid}/os-server-password"), {"password": ""})
    equal(ask("DELETE", f"/v2.1/servers/{sid}/os-server-password").status, 204)
    for method, path in (("PUT", ""), ("GET", "/startup"), ("GET", "/shutdown"), ("GET", "/reboot")):
        fault(ask(method, "/v2.1/os-hosts/HostB" + path, {"status": "enable"} if method == "PUT" else None), 501,
              "The requested functionality is not supported.")
        fault(ask(method, "/v2.1/os-hosts/HostB" + path, version="2.43"), 404)


def delete_server():
    sid = booted("gone")
    answer = ask("DELETE", f"/v2.1/servers/{sid}")
    equal(answer.status, 204)
    equal(answer.text, b"")
    equal(sql(f"SELECT kind, state FROM operations WHERE instance = '{sid}' AND finished_at IS NULL"),
          "delete|requested")
    equal(get(f"/servers/{sid}")["server"]["OS-EXT-STS:task_state"], "deleting")
    equal(ask("DELETE", f"/v2.1/servers/{sid}").status, 204)
    fault(ask("DELETE", f"/v2.1/servers/{NOWHERE}"), 404)


def busy_server():
    """An active operation makes everything but DELETE a conflict."""
    sid = booted("busy")
    equal(act(sid, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.87").status, 202)
    equal(get(f"/servers/{sid}")["server"]["status"], "MIGRATING")
    fault(act(sid, {"os-migrateLive": {"host": None, "block_migration": "auto"}}, "2.87"), 409,
          f"Cannot 'os-migrateLive' instance {sid} while it is in task_state migrating")
    fault(act(sid, {"os-stop": None}), 409, f"Cannot 'stop' instance {sid} while it is in task_state migrating")
    fault(act(sid, {"pause": None}), 409, f"Cannot 'pause' instance {sid} while it is in task_state migrating")
    equal(ask("DELETE", f"/v2.1/servers/{sid}").status, 204)
    equal(sql(f"SELECT delete_requested FROM instances WHERE uuid = '{sid}'"), "t")
    equal(sql(f"SELECT abort_requested FROM operations WHERE instance = '{sid}' AND kind = 'live-migration'"), "t")


def one_of_many():
    """Of requests at the same moment one is accepted."""
    sid = booted("wanted")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(act(sid, {"os-stop": None}).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(answers), [202] + [409] * 7)
    equal(sql(f"SELECT count(*) FROM operations WHERE instance = '{sid}' AND kind = 'stop'"), "1")


def actions_begin_operations():
    for state, body, kind in (("stopped", {"os-start": None}, "start"), ("active", {"os-stop": {}}, "stop"),
                              ("active", {"reboot": {"type": "SOFT"}}, "reboot-soft"),
                              ("active", {"reboot": {"type": "hard"}}, "reboot-hard"),
                              ("active", {"pause": None}, "pause"), ("paused", {"unpause": {}}, "unpause"),
                              ("active", {"suspend": None}, "suspend"), ("suspended", {"resume": None}, "resume"),
                              ("suspended", {"reboot": {"type": "HARD"}}, "reboot-hard")):
        sid = booted(state=state)
        answer = act(sid, body)
        equal(answer.status, 202, answer.text)
        equal(answer.text, b"")
        equal(sql(f"SELECT kind, state, request_id FROM operations WHERE instance = '{sid}' AND finished_at IS NULL"),
              f"{kind}|requested|{answer.headers['X-Openstack-Request-Id']}")
    sid = booted(state="stopped")
    fault(act(sid, {"os-stop": None}), 409, f"Cannot 'stop' instance {sid} while it is in vm_state stopped")
    for word in ("pause", "unpause", "suspend", "resume"):
        fault(act(sid, {word: None}), 409, f"Cannot '{word}' instance {sid} while it is in vm_state stopped")
    for word in ("os-start", "os-stop", "pause", "suspend"):
        fault(act(booted(state="suspended"), {word: None}), 409)
    equal(get(f"/servers/{booted(state='suspended')}")["server"]["status"], "SUSPENDED")
    equal(act(sid, {"forceDelete": None}).status, 202)


def rebuild():
    """What is changed is changed at once and shown; refusals change nothing."""
    for state in ("active", "stopped", "error"):
        sid = booted("old-" + state, state=state, metadata={"a": "1"})
        answer = act(sid, {"rebuild": {"imageRef": IMAGE, "name": "new-" + state, "adminPass": "secret", "metadata": {"b": "2"},
                                       "description": "fresh", "user_data": "YQ==", "accessIPv4": "192.0.2.7",
                                       "OS-DCF:diskConfig": "AUTO", "trusted_image_certificates": None}}, "2.87")
        equal(answer.status, 202, answer.text)
        server = answer.json["server"]
        equal(set(server) - SHOW_287, {"adminPass", "user_data"})
        equal(SHOW_287 - set(server) - {"progress"}, set())
        equal((server["id"], server["name"], server["status"], server["adminPass"], server["metadata"], server["description"]),
              (sid, "new-" + state, "REBUILD", "secret", {"b": "2"}, "fresh"))
        equal((server["user_data"], server["accessIPv4"], server["OS-EXT-STS:task_state"]), ("YQ==", "192.0.2.7", "rebuilding"))
        equal(answer.headers["Location"], f"{BASE}/v2.1/servers/{sid}")
        equal(sql(f"SELECT kind, state, old_image, request_id FROM operations WHERE instance = '{sid}' AND finished_at IS NULL"),
              f"rebuild|requested|{IMAGE}|{answer.headers['X-Openstack-Request-Id']}")
        fault(act(sid, {"rebuild": {"imageRef": IMAGE}}), 409,
              f"Cannot 'rebuild' instance {sid} while it is in task_state rebuilding")
        equal([s["id"] for s in get(f"/servers?status=REBUILD&name=new-{state}")["servers"]], [sid])
        equal(get(f"/servers/{sid}/os-instance-actions")["instanceActions"][0]["action"], "rebuild")
    for state in ("paused", "suspended"):
        sid = booted(state=state)
        fault(act(sid, {"rebuild": {"imageRef": IMAGE}}), 409,
              f"Cannot 'rebuild' instance {sid} while it is in vm_state {state}")
    sid = booted("same", metadata={"a": "1"}, user_data="YQ==")
    before = sql(f"SELECT i::text FROM instances i WHERE uuid = '{sid}'")
    for args in ({}, {"imageRef": "x"}, {"imageRef": ""}, {"imageRef": 1}, {"imageRef": IMAGE, "name": ""},
                 {"imageRef": IMAGE, "name": None}, {"imageRef": IMAGE, "name": "x" * 256}, {"imageRef": IMAGE, "other": 1},
                 {"imageRef": IMAGE, "description": "d"}, {"imageRef": IMAGE, "metadata": {"a": 1}}, {"imageRef": IMAGE, "metadata": []},
                 {"imageRef": IMAGE, "accessIPv4": "x"}, {"imageRef": IMAGE, "adminPass": 1},
                 {"imageRef": IMAGE, "OS-DCF:diskConfig": "x"}, {"imageRef": IMAGE, "preserve_ephemeral": 3}, None, "text", []):
        fault(act(sid, {"rebuild": args}, "2.18"), 400)
    fault(act(sid, {"rebuild": {"imageRef": NOWHERE}}), 400, "Cannot find image for rebuild")
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "key_name": "k"}}, "2.53"), 400)
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "user_data": "YQ=="}}, "2.56"), 400)
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "user_data": "?"}}, "2.57"), 400)
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "personality": []}}, "2.57"), 400)
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "trusted_image_certificates": None}}, "2.62"), 400)
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "key_name": "nonesuch"}}, "2.54"), 400)
    fault(act(sid, {"rebuild": {"imageRef": IMAGE, "metadata": {str(n): "v" for n in range(6)}}}), 403,
          "Maximum number of metadata items exceeds 5")
    for version, args in (("2.56", {"personality": [{"path": "/x", "contents": "YQ=="}]}), ("2.87", {"preserve_ephemeral": True}),
                          ("2.87", {"trusted_image_certificates": ["a"]})):
        fault(act(sid, {"rebuild": {"imageRef": IMAGE, **args}}, version), 501)
    fault(act(NOWHERE, {"rebuild": {"imageRef": IMAGE}}), 404)
    equal(sql(f"SELECT count(*) FROM operations WHERE instance = '{sid}' AND finished_at IS NULL"), "0")
    equal(sql(f"SELECT i::text FROM instances i WHERE uuid = '{sid}'"), before)
    answer = act(sid, {"rebuild": {"imageRef": IMAGE}}, "2.1")
    server = answer.json["server"]
    equal((server["name"], server["metadata"]), ("same", {"a": "1"}))
    equal(len(server["adminPass"]), 12)
    assert not {"key_name", "user_data", "OS-EXT-STS:vm_state"} & set(server), server
    equal(sql(f"SELECT user_data FROM instances WHERE uuid = '{sid}'"), "YQ==")
    sid = booted("emptied", user_data="YQ==")
    server = act(sid, {"rebuild": {"imageRef": IMAGE, "user_data": None, "key_name": None, "description": None}},
                 "2.57").json["server"]
    equal((server["user_data"], server["key_name"], server["description"]), (None, None, None))


def resized(sid, host="HostC"):
    """As it would be after a compute service has resized it."""
    sql(f"UPDATE operations SET state = 'done', finished_at = now(), owner_host_id = NULL, dest_host_id = (SELECT id FROM hosts "
        f"WHERE name = '{host}') WHERE instance = '{sid}' AND finished_at IS NULL;"
        f"UPDATE instances SET vm_state = 'resized', resized_by = (SELECT max(id) FROM operations WHERE instance = '{sid}'),"
        f" held_vcpus = 0, held_memory_mb = 0 WHERE uuid = '{sid}'")


def resize():
    def migration(sid, version="2.80", **query):
        more = "".join(f"&{k}={v}" for k, v in query.items())
        return get(f"/os-migrations?instance_uuid={sid}{more}", version)["migrations"]

    for state in ("active", "stopped"):
        sid = booted(state=state)
        answer = act(sid, {"resize": {"flavorRef": "2", "OS-DCF:diskConfig": "AUTO"}})
        equal((answer.status, answer.text), (202, b""))
        server = get(f"/servers/{sid}")["server"]
        equal((server["status"], server["OS-EXT-STS:task_state"], server["flavor"]["id"]), ("RESIZE", "resize_prep", "1"))
        equal(sql(f"SELECT o.kind, o.state, former ->> 'flavorid', wanted ->> 'flavorid', r.vm_state FROM operations o JOIN resizes r"
                  f" ON r.operation = o.id WHERE instance = '{sid}'"), f"resize|requested|1|2|{state}")
        fault(act(sid, {"resize": {"flavorRef": "2"}}), 409,
              f"Cannot 'resize' instance {sid} while it is in task_state resize_prep")
        fault(act(sid, {"confirmResize": None}), 409,
              f"Cannot 'confirmResize' instance {sid} while it is in task_state resize_prep")
        one = migration(sid)[0]
        equal((one["migration_type"], one["status"], "links" in one), ("resize", "pre-migrating", False))
        equal([one["old_instance_type_id"], one["new_instance_type_id"]],
              [int(sql(f"SELECT id FROM flavors WHERE flavorid = '{f}'")) for f in "12"])
        equal(get(f"/servers/{sid}/migrations", "2.80")["migrations"], [])
        equal(migration(sid, migration_type="live-migration"), [])
        equal(len(migration(sid, migration_type="resize", status="pre-migrating")), 1)
    for state in ("paused", "suspended", "error"):
        sid = booted(state=state)
        for word, args in (("resize", {"flavorRef": "2"}), ("confirmResize", None), ("revertResize", None)):
            fault(act(sid, {word: args}), 409, f"Cannot '{word}' instance {sid} while it is in vm_state {state}")
    sid = booted(flavorRef="2")
    before = sql(f"SELECT i::text FROM instances i WHERE uuid = '{sid}'")
    for args in ({}, None, "2", {"flavorRef": ""}, {"flavorRef": None}, {"flavorRef": "1", "x": 1}, {"flavorRef": ["1"]},
                 {"flavorRef": "1", "OS-DCF:diskConfig": "x"}):
        fault(act(sid, {"resize": args}), 400)
    fault(act(sid, {"resize": {"flavorRef": "nonesuch"}}), 400, "Flavor nonesuch could not be found.")
    fault(act(sid, {"resize": {"flavorRef": "2"}}), 400, "When resizing, instances must change flavor!")
    fault(act(sid, {"resize": {"flavorRef": 1}}), 400, "Server disk was unable to be resized because: Unable to resize disk "
          "down: the flavor has 1 GB, the server 2 GB.")
    fault(act(booted(), {"resize": {"flavorRef": "3"}}), 400, "Flavor's memory is too small for requested image.")
    fault(act(NOWHERE, {"resize": {"flavorRef": "2"}}), 404)
    equal(sql(f"SELECT i::text FROM instances i WHERE uuid = '{sid}'"), before)
    for end in ("confirm", "revert", "delete"):
        sid = booted()
        equal(act(sid, {"resize": {"flavorRef": "2"}}).status, 202)
        resized(sid)
        server = get(f"/servers/{sid}")["server"]
        equal((server["status"], server["OS-EXT-STS:vm_state"], server["progress"]), ("VERIFY_RESIZE", "resized", 0))
        equal(migration(sid)[0]["status"], "finished")
        equal(len(migration(sid, status="finished")), 1)
        for body in ({"os-start": None}, {"os-stop": None}, {"resize": {"flavorRef": "1"}}, {"pause": None}, {"reboot": {"type": "HARD"}},
                     {"rebuild": {"imageRef": IMAGE}}, {"os-resetState": {"state": "active"}}):
            fault(act(sid, body), 409)
        if end == "confirm":
            answer = act(sid, {"confirmResize": None})
            equal((answer.status, answer.text), (204, b""))
            equal(get(f"/servers/{sid}")["server"]["status"], "ACTIVE")
            equal([m["status"] for m in migration(sid)], ["confirmed"])
            equal((len(migration(sid, status="confirmed")), migration(sid, status="finished")), (1, []))
            fault(act(sid, {"confirmResize": None}), 409)
        elif end == "revert":
            equal(act(sid, {"revertResize": None}).status, 202)
            server = get(f"/servers/{sid}")["server"]
            equal((server["status"], server["OS-EXT-STS:task_state"]), ("REVERT_RESIZE", "resize_reverting"))
            equal([m["status"] for m in migration(sid)], ["reverting"])
            fault(act(sid, {"confirmResize": None}), 409)
        else:
            equal(ask("DELETE", f"/v2.1/servers/{sid}").status, 204)
            equal(sql(f"SELECT vm_state, resized_by IS NULL FROM instances WHERE uuid = '{sid}'"), "active|t")
        words = {"confirm": "confirmResize", "revert": "revertResize", "delete": "delete"}
        equal([a["action"] for a in get(f"/servers/{sid}/os-instance-actions")["instanceActions"]][:2], [words[end], "resize"])


def locks():
    """Locked by its project, an admin passes and may take the lock over; what is locked is seen from 2.9 and 2.73 on."""
    sid = booted("locked")
    equal(act(sid, {"lock": "whatever"}, "2.1").status, 202)
    server = get(f"/servers/{sid}", "2.87")["server"]
    equal((server["locked"], server["locked_reason"]), (True, None))
    assert "locked" not in get(f"/servers/{sid}", "2.8")["server"]
    assert "locked_reason" not in get(f"/servers/{sid}", "2.72")["server"]
    equal({s["id"] for s in get("/servers?locked=true", "2.73")["servers"]}, {sid})
    assert sid not in {s["id"] for s in get("/servers?locked=false", "2.73")["servers"]}
    equal({s["id"] for s in get("/servers?locked_by=owner", "2.73")["servers"]}, {sid})
    equal(act(sid, {"lock": {"locked_reason": "again"}}, "2.73").status, 202)
    equal(get(f"/servers/{sid}", "2.73")["server"]["locked_reason"], None)
    equal(act(sid, {"os-stop": None}).status, 202)
    finish(sid)
    sql(f"UPDATE instances SET vm_state = 'active' WHERE uuid = '{sid}'")
    equal(act(sid, {"unlock": None}).status, 202)
    equal(act(sid, {"lock": {"locked_reason": "upgrade"}}, "2.73").status, 202)
    equal(get(f"/servers/{sid}", "2.73")["server"]["locked_reason"], "upgrade")
    for version, value in (("2.73", {}), ("2.73", None), ("2.72", {"locked_reason": 1}), ("2.1", [])):
        equal(act(sid, {"lock": value}, version).status, 202, version, value)
    for value in ({"locked_reason": ""}, {"locked_reason": "x" * 256}, {"locked_reason": 1}, {"other": "x"}, "text", [], 1):
        fault(act(sid, {"lock": value}, "2.73"), 400)
    actions = get(f"/servers/{sid}/os-instance-actions")["instanceActions"]
    equal([a["action"] for a in actions if "lock" in a["action"]].count("unlock"), 1)
    one = [a for a in actions if a["action"] == "unlock"][0]
    detail = get(f"/servers/{sid}/os-instance-actions/{one['request_id']}", "2.51")["instanceAction"]
    equal([(e["event"], e["result"]) for e in detail["events"]], [("api_unlock", "Success")])
    equal(act(sid, {"unlock": None}).status, 202)
    equal(get(f"/servers/{sid}", "2.73")["server"]["locked"], False)
    equal(sql(f"SELECT locked_reason IS NULL FROM instances WHERE uuid = '{sid}'"), "t")


def reset_state():
    sid = booted("broken")
    equal(act(sid, {"os-resetState": {"state": "error"}}).status, 202)
    server = get(f"/servers/{sid}")["server"]
    equal((server["status"], server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:task_state"]), ("ERROR", "error", None))
    sql(f"UPDATE instances SET fault_code = 500, fault_message = 'm', fault_at = now() WHERE uuid = '{sid}'")
    equal(get(f"/servers/{sid}")["server"]["fault"]["message"], "m")
    equal(act(sid, {"os-resetState": {"state": "active"}}).status, 202)
    equal(get(f"/servers/{sid}")["server"]["status"], "ACTIVE")
    equal(sql(f"SELECT fault_code IS NULL FROM instances WHERE uuid = '{sid}'"), "t")
    equal([a["action"] for a in get(f"/servers/{sid}/os-instance-actions")["instanceActions"]][:2],
          ["resetState", "resetState"])
    for value in (None, {}, {"state": "paused"}, {"state": 1}, {"state": "active", "more": 1}):
        fault(act(sid, {"os-resetState": value}), 400)
    equal(act(sid, {"os-stop": None}).status, 202)
    fault(act(sid, {"os-resetState": {"state": "error"}}), 409,
          f"Cannot 'os-resetState' instance {sid} while it is in task_state powering-off")
    equal(act(sid, {"lock": None}).status, 202)
    fault(act(NOWHERE, {"os-resetState": {"state": "error"}}), 404)


def consoles_and_diagnostics():
    """Guests have no graphical console; without a host to ask there are no counters."""
    sid = booted("viewed")
    new = f"/v2.1/servers/{sid}/remote-consoles"
    vnc = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    fault(ask("POST", new, vnc, "2.6"), 400, "Unavailable console type novnc.")
    equal(ask("POST", new, vnc, "2.5").status, 404)
    for body in ({}, {"remote_console": {"protocol": "vnc"}}, {"remote_console": {"protocol": "x", "type": "novnc"}},
                 {"remote_console": {"protocol": "mks", "type": "webmks"}}, {"remote_console": vnc["remote_console"], "x": 1}):
        fault(ask("POST", new, body, "2.7"), 400)
        assert "Unavailable" not in ask("POST", new, body, "2.7").message(), body
    fault(ask("POST", new, {"remote_console": {"protocol": "mks", "type": "webmks"}}, "2.8"), 400,
          "Unavailable console type webmks.")
    for word, kind in (("VNC", "novnc"), ("VNC", "xvpvnc"), ("SPICE", "spice-html5"), ("Serial", "serial"),
                       ("RDP", "rdp-html5")):
        name = f"os-get{word}Console"
        fault(act(sid, {name: {"type": kind}}), 400, f"Unavailable console type {kind}.")
        fault(act(sid, {name: {"type": kind}}, "2.6"), 400, f"There is no such action: {name}")
        fault(act(sid, {name: {"type": "other"}}), 400)
        fault(act(sid, {name: None}), 400)
    stopped = booted("off", state="stopped")
    fault(ask("GET", f"/v2.1/servers/{stopped}/diagnostics"), 409,
          f"Cannot 'get_diagnostics' instance {stopped} while it is in power_state shutdown")
    fault(ask("GET", f"/v2.1/servers/{NOWHERE}/diagnostics"), 404)


# ---- live migration ----

def live_migration_async():
    sid = booted("mover")
    live = {"host": "HostC", "block_migration": "auto"}
    fault(act(sid, {"os-migrateLive": {**live, "host": "NoHost"}}, "2.87"), 400, "Compute host NoHost could not be found.")
    fault(act(sid, {"os-migrateLive": {**live, "block_migration": True}}, "2.87"), 501)
    fault(act(sid, {"os-migrateLive": {**live, "foo": 1}}, "2.87"), 400)
    fault(act(sid, {"os-migrateLive": {"host": None, "block_migration": "auto", "force": True}}, "2.30"), 400,
          "Can't force to a non-provided destination")
    stopped = booted("sleeper", state="stopped")
    fault(act(stopped, {"os-migrateLive": live}, "2.87"), 409,
          f"Cannot 'os-migrateLive' instance {stopped} while it is in vm_state stopped")
    begun = time.monotonic()
    equal(act(sid, {"os-migrateLive": live}, "2.34").status, 202)
    assert time.monotonic() - begun < 1
    equal(sql(f"SELECT kind, state, requested_host, strict FROM operations WHERE instance = '{sid}' AND"
              " finished_at IS NULL"), "live-migration|requested|HostC|t")


def later(seconds, what, *args):
    timer = threading.Timer(seconds, what, args)
    timer.start()
    return timer


def live_migration_sync():
    """Below 2.34 the answer is the hosts' verdict."""
    old = {"host": "HostC", "block_migration": False, "disk_over_commit": False}
    sid = booted("refused")
    fault(act(sid, {"os-migrateLive": {**old, "host": "HostB"}}), 400,
          f"Unable to migrate instance ({sid}) to current host (HostB).")
    timer = later(0.5, finish, sid, "error", "'No valid host was found. HostC: memory, 10 MiB free, 64 needed'")
    begun = time.monotonic()
    fault(act(sid, {"os-migrateLive": old}), 400, "No valid host was found. HostC: memory, 10 MiB free, 64 needed")
    timer.join()
    assert 0.4 < time.monotonic() - begun < 3

    sid = booted("agreed")
    timer = later(0.5, sql, f"UPDATE operations SET state = 'preparing' WHERE instance = '{sid}' AND finished_at IS NULL")
    equal(act(sid, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.30").status, 202)
    timer.join()
    finish(sid)

    sid = booted("unheard")  # nobody acts: 202 after rpc_response_timeout, and others are served meanwhile
    begun = time.monotonic()
    timer = later(0.2, many_at_once)
    equal(act(sid, {"os-migrateLive": old}).status, 202)
    timer.join()
    assert 2.5 < time.monotonic() - begun < 5


def wait_for_verdict():
    """Asked while the service is told to stop: accepted, as it is."""
    sid = booted("cut short")
    equal(act(sid, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.30").status, 202)


SERVER_MIGRATION = set("""id server_uuid status source_compute source_node dest_compute dest_node dest_host
    memory_total_bytes memory_processed_bytes memory_remaining_bytes disk_total_bytes disk_processed_bytes
    disk_remaining_bytes created_at updated_at uuid user_id project_id""".split())
MIGRATION = set("""id status instance_uuid source_compute source_node dest_compute dest_node dest_host
    old_instance_type_id new_instance_type_id created_at updated_at uuid user_id project_id migration_type""".split())


def migrations_and_abort():
    sid = booted("aborted")
    equal(get(f"/servers/{sid}/migrations", "2.80"), {"migrations": []})
    fault(ask("DELETE", f"/v2.1/servers/{sid}/migrations/1", version="2.24"), 409,
          f"Instance {sid} is in an invalid state for 'abort live migration'")
    equal(act(sid, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.87").status, 202)
    one = get(f"/servers/{sid}/migrations", "2.80")["migrations"][0]
    equal(set(one), SERVER_MIGRATION)
    equal((one["status"], one["source_compute"], one["server_uuid"]), ("accepted", "HostB", sid))
    mid = one["id"]
    equal(get(f"/servers/{sid}/migrations/{mid}", "2.80")["migration"], one)
    equal(get(f"/servers/{mid}/migrations/{sid}", "2.80")["migration"], one)  # as one client sends it
    fault(ask("GET", f"/v2.1/servers/{sid}/migrations/99999", version="2.80"), 404,
          f"In-progress live migration 99999 is not found for server {sid}.")
    fault(ask("DELETE", f"/v2.1/servers/{sid}/migrations/99999", version="2.80"), 404,
          f"Migration 99999 not found for instance {sid}")
    fault(ask("POST", f"/v2.1/servers/{sid}/migrations/{mid}/action", {"force_complete": None}, "2.80"), 400,
          f"Migration {mid} state of instance {sid} is accepted. Cannot force complete while the migration is in this"
          " state.")
    listed = get(f"/os-migrations?instance_uuid={sid}", "2.80")["migrations"]
    equal(set(listed[0]), MIGRATION | {"links"})
    equal(set(get(f"/os-migrations?instance_uuid={sid}", "2.1")["migrations"][0]),
          MIGRATION - {"uuid", "user_id", "project_id", "migration_type"})
    assert isinstance(listed[0]["new_instance_type_id"], int)
    sql(f"UPDATE operations SET state = 'migrating' WHERE id = {mid}")
    equal(get(f"/os-migrations?instance_uuid={sid}&status=running", "2.80")["migrations"][0]["id"], mid)
    equal(ask("POST", f"/v2.1/servers/{sid}/migrations/{mid}/action", {"force_complete": None}, "2.22").status, 202)
    equal(ask("DELETE", f"/v2.1/servers/{sid}/migrations/{mid}", version="2.24").status, 202)
    equal(sql(f"SELECT abort_requested, force_requested FROM operations WHERE id = {mid}"), "t|t")
    sql(f"UPDATE operations SET state = 'switched' WHERE id = {mid}")
    fault(ask("DELETE", f"/v2.1/servers/{sid}/migrations/{mid}", version="2.80"), 400,
          f"Migration {mid} state of instance {sid} is running. Cannot abort live migration while the migration is in"
          " this state: too late, the guest runs on its destination.")
    finish(sid, "done")
    fault(ask("GET", f"/v2.1/servers/{sid}/migrations/{mid}", version="2.80"), 404,
          f"Live migration {mid} for server {sid} is not in progress.")
    done = get(f"/os-migrations?instance_uuid={sid}", "2.80")["migrations"][0]
    equal(set(done), MIGRATION)
    equal(done["status"], "completed")
    equal(get("/os-migrations?migration_type=evacuation", "2.80"), {"migrations": []})
    equal(len(get("/os-migrations?limit=1", "2.80")["migrations"]), 1)
    fault(ask("GET", "/v2.1/os-migrations?bogus=1", version="2.59"), 400,
          "Additional properties are not allowed ('bogus' was unexpected)")


def instance_actions():
    sid = booted("acted")
    rid = act(sid, {"os-stop": None}).headers["X-Openstack-Request-Id"]
    op = sql(f"SELECT id FROM operations WHERE instance = '{sid}' AND kind = 'stop'")
    sql(f"INSERT INTO journal (operation, seq, actor, from_state, to_state, message) VALUES"
        f" ({op}, 101, 'source', 'requested', 'stopping', NULL), ({op}, 102, 'source', 'stopping', 'error', 'it hangs')")
    finish(sid, "error", "'it hangs'")
    listed = get(f"/servers/{sid}/os-instance-actions", "2.58")["instanceActions"]
    equal([a["action"] for a in listed], ["stop", "create"])
    equal(set(listed[0]), set("action instance_uuid request_id user_id project_id start_time message updated_at".split()))
    equal(set(get(f"/servers/{sid}/os-instance-actions", "2.57")["instanceActions"][0]),
          set("action instance_uuid request_id user_id project_id start_time message".split()))
    equal((listed[0]["message"], listed[1]["message"]), ("Error", None))
    one = get(f"/servers/{sid}/os-instance-actions/{rid}", "2.84")["instanceAction"]
    event = one["events"][0]
    equal(set(event), set("event start_time finish_time result traceback host hostId details".split()))
    equal((event["event"], event["result"], event["details"]), ("compute_stop_instance", "Error", "it hangs"))
    equal(set(get(f"/servers/{sid}/os-instance-actions/{rid}", "2.1")["instanceAction"]["events"][0]),
          set("event start_time finish_time result traceback".split()))
    fault(ask("GET", f"/v2.1/servers/{sid}/os-instance-actions/req-none"), 404, "Action req-none not found")
    page = get(f"/servers/{sid}/os-instance-actions?limit=1", "2.58")
    equal(page["links"][0]["href"],
          f"{BASE}/v2.1/servers/{sid}/os-instance-actions?limit=1&marker={listed[0]['request_id']}")
    rest = get(f"/servers/{sid}/os-instance-actions?limit=1&marker={listed[0]['request_id']}", "2.58")
    equal([a["action"] for a in rest["instanceActions"]], ["create"])


def console_without_broker():
    sid = booted("silent")
    begun = time.monotonic()
    fault(act(sid, {"os-getConsoleOutput": {"length": 10}}), 503)
    assert time.monotonic() - begun < 6
    waiting = boot("nowhere yet").json["server"]["id"]
    fault(act(waiting, {"os-getConsoleOutput": {}}), 409, f"Instance {waiting} is not ready")


# ---- hosts and catalogues ----

def services():
    found = get("/os-services", "2.1")["services"]
    equal({s["binary"] for s in found}, {"nova-compute", "nova-scheduler"})
    equal(set(found[0]), set("binary host id zone status state updated_at disabled_reason".split()))
    one = get("/os-services?host=HostC&binary=nova-compute", "2.53")["services"]
    equal(len(one), 1)
    equal((one[0]["state"], one[0]["status"], one[0]["zone"], one[0]["forced_down"]), ("up", "enabled", "nova", False))
    sid = one[0]["id"]
    uuid.UUID(sid)
    off = ask("PUT", f"/v2.1/os-services/{sid}", {"status": "disabled", "disabled_reason": "broken fan"}, "2.53")
    equal(off.status, 200, off.text)
    equal((off.json["service"]["status"], off.json["service"]["disabled_reason"]), ("disabled", "broken fan"))
    fault(ask("PUT", f"/v2.1/os-services/{sid}", {}, "2.53"), 400,
          "No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    fault(ask("PUT", f"/v2.1/os-services/{NOWHERE}", {"status": "enabled"}, "2.53"), 404)
    on = ask("PUT", "/v2.1/os-services/enable", {"host": "HostC", "binary": "nova-compute"})
    equal(on.json, {"service": {"host": "HostC", "binary": "nova-compute", "status": "enabled"}})
    down = ask("PUT", "/v2.1/os-services/force-down",
               {"host": "HostC", "binary": "nova-compute", "forced_down": True}, "2.11")
    equal(down.json["service"]["forced_down"], True)
    equal(get("/os-services?host=HostC", "2.53")["services"][0]["state"], "down")
    ask("PUT", f"/v2.1/os-services/{sid}", {"forced_down": False}, "2.53")
    equal(get("/os-services?host=HostC", "2.53")["services"][0]["state"], "up")
    fault(ask("PUT", "/v2.1/os-services/enable", {"host": "HostX", "binary": "nova-compute"}), 404)
    zones = get("/os-availability-zone")["availabilityZoneInfo"]
    equal(zones, [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}])
    detail = get("/os-availability-zone/detail")["availabilityZoneInfo"]
    equal({z["zoneName"] for z in detail}, {"nova", "internal"})


def service_delete():
    """Only what is down, and has nothing: its row stays for what refers to it, and comes back when it registers."""
    def there():
        return {s["host"]: s for s in get("/os-services", "2.87")["services"]}

    sql("""INSERT INTO hosts (name, uuid) VALUES ('HostX', gen_random_uuid());
           INSERT INTO host_lease (host_id, epoch, lease_until) SELECT id, 7, now() + interval '1 hour' FROM hosts WHERE name = 'HostX';
           INSERT INTO services (binary_name, host, seen_at) VALUES ('nova-scheduler', 'HostY', now())""")
    service, scheduler = there()["HostX"], there()["HostY"]
    for one in (service, scheduler):
        fault(ask("DELETE", "/v2.1/os-services/" + one["id"], version="2.53"), 409,
              f"The service {one['binary']} on {one['host']} is running and would be back at once: stop it first, and wait until it is down.")
    sql("UPDATE host_lease SET lease_until = now() WHERE host_id = (SELECT id FROM hosts WHERE name = 'HostX')")
    sql("UPDATE services SET seen_at = now() - interval '1 hour' WHERE host = 'HostY'")
    zone = ask("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "service_delete"}}).json["aggregate"]["id"]
    equal(ask("POST", f"/v2.1/os-aggregates/{zone}/action", {"add_host": {"host": "HostX"}}).status, 200)
    sid = booted("resident", host="HostX")
    fault(ask("DELETE", "/v2.1/os-services/" + service["id"], version="2.53"), 409,
          "Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
    sql(f"UPDATE instances SET host_id = NULL WHERE uuid = '{sid}'")
    fault(ask("DELETE", "/v2.1/os-services/nonesuch", version="2.53"), 400, "Invalid uuid nonesuch")
    fault(ask("DELETE", "/v2.1/os-services/nonesuch"), 400)
    fault(ask("DELETE", "/v2.1/os-services/" + NOWHERE, version="2.53"), 404, f"Service {NOWHERE} could not be found.")
    equal(ask("DELETE", "/v2.1/os-services/" + service["id"], version="2.53").status, 204)
    number = next(s["id"] for s in get("/os-services", "2.52")["services"] if s["host"] == "HostY")
    equal(ask("DELETE", f"/v2.1/os-services/{number}", version="2.52").status, 204)
    assert not {"HostX", "HostY"} & set(there()), there()
    assert "HostX" not in [h["hypervisor_hostname"] for h in get("/os-hypervisors")["hypervisors"]]
    equal(get(f"/os-aggregates/{zone}")["aggregate"]["hosts"], [])
    equal(sql("SELECT epoch FROM host_lease WHERE host_id = (SELECT id FROM hosts WHERE name = 'HostX')"), "8")
    fault(boot(host="HostX"), 400, "Compute host HostX could not be found.")
    fault(ask("DELETE", "/v2.1/os-services/" + service["id"], version="2.53"), 404)
    ask("DELETE", f"/v2.1/os-aggregates/{zone}")


HYPERVISOR = set("""id hypervisor_hostname state status hypervisor_type hypervisor_version host_ip service vcpus memory_mb
    local_gb vcpus_used memory_mb_used local_gb_used free_ram_mb free_disk_gb current_workload running_vms
    disk_available_least cpu_info""".split())


def hypervisors():
    sid = booted("resident")
    old = get("/os-hypervisors/detail", "2.1")["hypervisors"]
    equal([h["hypervisor_hostname"] for h in old], ["HostB", "HostC"])
    equal(set(old[0]), HYPERVISOR)
    equal(json.loads(old[0]["cpu_info"])["arch"], "x86_64")
    new = get("/os-hypervisors/detail", "2.87")["hypervisors"]
    equal(new[0]["id"], "00000000-0000-4000-8000-00000000000b")
    equal(new[0]["cpu_info"]["topology"]["cores"], 4)
    equal(set(get("/os-hypervisors", "2.1")["hypervisors"][0]), set("id hypervisor_hostname state status".split()))
    equal(get(f"/os-hypervisors/{old[0]['id']}", "2.1")["hypervisor"], old[0])
    equal(get(f"/os-hypervisors/{new[0]['id']}", "2.87")["hypervisor"], new[0])
    fault(ask("GET", "/v2.1/os-hypervisors/HostB"), 404, "Hypervisor with ID 'HostB' could not be found.")
    fault(ask("GET", "/v2.1/os-hypervisors/HostB", version="2.53"), 404, "Hypervisor with ID 'HostB' could not be found.")
    fault(ask("GET", f"/v2.1/os-hypervisors/{NOWHERE}", version="2.53"), 404,
          f"Hypervisor with ID '{NOWHERE}' could not be found.")
    with_servers = get("/os-hypervisors?hypervisor_hostname_pattern=HostB&with_servers=True", "2.53")["hypervisors"]
    assert sid in [s["uuid"] for s in with_servers[0]["servers"]]
    fault(ask("GET", "/v2.1/os-hypervisors?hypervisor_hostname_pattern=xyz", version="2.53"), 404,
          "No hypervisor matching 'xyz' could be found.")
    equal(len(get("/os-hypervisors/Host/search")["hypervisors"]), 2)
    assert "servers" in get("/os-hypervisors/HostB/servers")["hypervisors"][0]
    stats = get("/os-hypervisors/statistics")["hypervisor_statistics"]
    equal((stats["count"], stats["vcpus"], stats["local_gb"]), (2, 8, 100))
    page = get("/os-hypervisors?limit=1", "2.53")
    equal(len(page["hypervisors"]), 1)
    equal(page["hypervisors_links"][0]["href"], f"{BASE}/v2.1/os-hypervisors?limit=1&marker={new[0]['id']}")
    equal(get("/os-hypervisors?limit=1&marker=" + new[0]["id"], "2.53")["hypervisors"][0]["id"], new[1]["id"])
    fault(ask("GET", f"/v2.1/os-hypervisors/{old[0]['id']}/uptime"), 501)


def hosts():
    listed = get("/os-hosts")["hosts"]
    assert {"host_name": "HostB", "service": "compute", "zone": "nova"} in listed, listed
    equal({h["service"] for h in get("/os-hosts?zone=nova")["hosts"]}, {"compute"})
    rows = [r["resource"] for r in get("/os-hosts/HostC")["host"]]
    equal([r["project"] for r in rows[:3]], ["(total)", "(used_now)", "(used_max)"])
    equal(rows[0], {"host": "HostC", "project": "(total)", "cpu": 4, "memory_mb": 4096, "disk_gb": 100})
    equal(rows[1]["memory_mb"], 512)
    fault(ask("GET", "/v2.1/os-hosts/HostX"), 404, "Compute host HostX could not be found.")
    fault(ask("GET", "/v2.1/os-hosts", version="2.43"), 404)


def flavors():
    equal([f["name"] for f in get("/flavors")["flavors"]], ["m1.tiny", "m1.small", "m1.short"])
    equal([f["id"] for f in get("/flavors?sort_key=memory_mb&sort_dir=desc")["flavors"]], ["2", "1", "3"])
    equal([f["id"] for f in get("/flavors?minRam=64&is_public=None")["flavors"]], ["1", "2"])
    page = get("/flavors?limit=1")
    equal(page["flavors_links"][0]["href"], f"{BASE}/v2.1/flavors?limit=1&marker=1")
    equal([f["id"] for f in get("/flavors?limit=1&marker=1")["flavors"]], ["2"])
    one = get("/flavors/1")["flavor"]
    equal((one["ram"], one["swap"], one["rxtx_factor"]), (64, "", 1.0))
    equal(get("/flavors/1", "2.61")["flavor"]["extra_specs"], {"hw:cpu_policy": "shared"})
    equal(get("/flavors/1/os-extra_specs"), {"extra_specs": {"hw:cpu_policy": "shared"}})
    equal(get("/flavors/1/os-extra_specs/hw:cpu_policy"), {"hw:cpu_policy": "shared"})
    fault(ask("GET", "/v2.1/flavors/nope"), 404, "Flavor nope could not be found.")
    fault(ask("GET", "/v2.1/flavors?minRam=x"), 400)


def images():
    for prefix in ("/image", "/v2.1"):
        found = ask("GET", prefix + "/v2/images").json
        equal(found["images"][0]["name"], "tiny")
        equal(found["schema"], "/v2/schemas/images")
        one = ask("GET", f"{prefix}/v2/images/{IMAGE}").json
        equal((one["id"], one["status"], one["disk_format"], one["size"], one["os_type"]),
              (IMAGE, "active", "raw", 100000, "linux"))
        equal(ask("GET", f"{prefix}/v2/images?name=other").json["images"], [])
        equal(len(ask("GET", f"{prefix}/v2/images?id=in:{NOWHERE},{IMAGE}").json["images"]), 1)
        data = ask("GET", f"{prefix}/v2/images/{IMAGE}/file")
        equal(data.status, 200)
        equal(data.headers["Content-Type"], "application/octet-stream")
        equal(data.text, b"i" * 100000)
        equal(ask("GET", f"{prefix}/v2/images/{NOWHERE}").status, 404)
        equal(ask("GET", f"{prefix}/v2/images/..%2F..%2Fetc%2Fpasswd/file").status, 404)
    equal(ask("GET", "/image/v2/images", token=None).status, 401)
    equal(set(get("/images", "2.35")["images"][0]), {"id", "name", "links"})
    equal(get("/images/" + IMAGE, "2.1")["image"]["OS-EXT-IMG-SIZE:size"], 100000)
    fault(ask("GET", "/v2.1/images", version="2.36"), 404)


def small_answers():
    sid = booted("small", networks="auto", metadata={"k": "v"}, tags=["t"])
    equal(get(f"/servers/{sid}/metadata"), {"metadata": {"k": "v"}})
    equal(get(f"/servers/{sid}/metadata/k"), {"meta": {"k": "v"}})
    fault(ask("GET", f"/v2.1/servers/{sid}/metadata/x"), 404, "Metadata item was not found")
    addresses = get(f"/servers/{sid}/ips")["addresses"]
    equal(set(addresses["private"][0]), {"addr", "version"})
    equal(get(f"/servers/{sid}/ips/private"), addresses)
    equal(get(f"/servers/{sid}/tags", "2.26"), {"tags": ["t"]})
    equal(ask("GET", f"/v2.1/servers/{sid}/tags/t", version="2.26").status, 204)
    equal(get(f"/servers/{sid}/os-interface"), {"interfaceAttachments": []})
    equal(get(f"/servers/{sid}/os-volume_attachments"), {"volumeAttachments": []})
    equal(get(f"/servers/{sid}/os-security-groups"), {"security_groups": []})
    absolute = get("/limits?reserved=False")["limits"]["absolute"]
    equal(absolute["maxTotalInstances"], -1)
    assert absolute["totalInstancesUsed"] >= 1 and "maxPersonality" in absolute
    assert "maxPersonality" not in get("/limits", "2.57")["limits"]["absolute"]
    assert any(e["alias"] == "os-services" for e in get("/extensions")["extensions"])
    equal(get("/extensions/os-hosts")["extension"]["name"], "Hosts")


def many_at_once():
    errors = []

    def work():
        try:
            conn = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
            for _ in range(20):
                equal(ask("GET", "/v2.1/servers/detail", version="2.87", connection=conn).status, 200)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(errors, [])


# ---- real clients ----

CLIENT = {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": BASE + "/v2.1", "PATH": "/usr/bin:/bin", "HOME": "/tmp",
          "LC_ALL": "C.UTF-8"}
ONLY_NOVA = {"OS_USERNAME": "u", "OS_PROJECT_ID": "x", "OS_AUTH_URL": "x"}  # has to be set; what it says does not matter
ONLY_OPENSTACK = {"OS_IMAGE_ENDPOINT_OVERRIDE": BASE + "/image", "OS_IDENTITY_API_VERSION": "3"}


def client(*command, want=0):
    """Runs a client and returns its table as a list of rows; the first has the columns."""
    env = {**CLIENT, **(ONLY_NOVA if command[0] == "nova" else ONLY_OPENSTACK)}
    out = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    if out.returncode != want:
        raise AssertionError(f"{' '.join(command)} ended with {out.returncode}: {out.stdout} {out.stderr}")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.stdout.splitlines() if line.startswith("|")]
    return rows or (out.stdout + out.stderr)


def nova_client():
    if not os.path.exists("/usr/bin/nova"):
        raise AssertionError("python3-novaclient is not installed")
    name = "cli-" + uuid.uuid4().hex[:6]
    made = dict(client("nova", "boot", "--flavor", "m1.tiny", "--image", IMAGE, "--nic", "none", name)[1:])
    equal((made["name"], made["status"], made["flavor:original_name"]), (name, "BUILD", "m1.tiny"))
    equal(made["image"], f"tiny ({IMAGE})")
    sid = made["id"]
    other = booted(name + "-on")
    equal(client("nova", "list")[0], ["ID", "Name", "Status", "Task State", "Power State", "Networks"])
    listed = client("nova", "list", "--name", name)
    equal({row[1]: row[2] for row in listed[1:]}, {name: "BUILD", name + "-on": "ACTIVE"})
    shown = dict(client("nova", "show", name + "-on")[1:])
    equal((shown["OS-EXT-SRV-ATTR:host"], shown["host_status"], shown["flavor:ram"]), ("HostB", "UP", "64"))
    equal(set(shown), set(made) - {"adminPass", "security_groups"})  # these two are of the answer to boot
    client("nova", "live-migration", other, "HostC")
    moving = client("nova", "server-migration-list", other)
    equal(moving[0], ["Id", "Source Node", "Dest Node", "Source Compute", "Dest Compute", "Dest Host", "Status",
                      "Server UUID", "Created At", "Updated At", "Project ID", "User ID", "Total Memory Bytes",
                      "Processed Memory Bytes", "Remaining Memory Bytes", "Total Disk Bytes", "Processed Disk Bytes",
                      "Remaining Disk Bytes"])
    mid = moving[1][0]
    equal(dict(client("nova", "server-migration-show", other, mid)[1:])["server_uuid"], other)
    assert any(row[0] == mid for row in client("nova", "migration-list")[1:])
    client("nova", "live-migration-abort", other, mid)
    equal(sql(f"SELECT abort_requested FROM operations WHERE id = {mid}"), "t")
    finish(other, "cancelled", "'aborted'")
    assert "Conflict" not in client("nova", "stop", other)
    finish(other)
    equal([row[0] for row in client("nova", "instance-action-list", other)[1:]], ["create", "live-migration", "stop"])
    services_ = client("nova", "service-list")
    equal(services_[0], ["Id", "Binary", "Host", "Zone", "Status", "State", "Updated_at", "Disabled Reason", "Forced down"])
    equal(client("nova", "hypervisor-list")[0], ["ID", "Hypervisor hostname", "State", "Status"])
    equal(dict(client("nova", "hypervisor-show", "HostB")[1:])["memory_mb"], "4096")
    equal(dict(client("nova", "hypervisor-stats")[1:])["vcpus"], "8")
    equal(client("nova", "flavor-list")[0],
          ["ID", "Name", "Memory_MiB", "Disk", "Ephemeral", "Swap", "VCPUs", "RXTX_Factor", "Is_Public", "Description"])
    client("nova", "limits")
    client("nova", "availability-zone-list")
    equal(client("nova", "version-list")[1][:2], ["v2.1", "CURRENT"])
    client("nova", "delete", sid)
    client("nova", "show", NOWHERE, want=1)


def openstack_client():
    if not os.path.exists("/usr/bin/openstack"):
        raise AssertionError("python3-openstackclient is not installed")
    name = "osc-" + uuid.uuid4().hex[:6]
    made = dict(client("openstack", "server", "create", "--flavor", "m1.tiny", "--image", "tiny", "--nic", "none",
                       "--os-compute-api-version", "2.37", name)[1:])
    equal((made["name"], made["image"]), (name, f"tiny ({IMAGE})"))
    other = booted(name + "-on")
    listed = client("openstack", "server", "list")
    equal(listed[0], ["ID", "Name", "Status", "Networks", "Image", "Flavor"])
    row = next(row for row in listed[1:] if row[1] == name + "-on")
    equal(row[2:], ["ACTIVE", "", "tiny", "m1.tiny"])
    equal(dict(client("openstack", "server", "show", name + "-on")[1:])["OS-EXT-SRV-ATTR:host"], "HostB")
    timer = later(1.0, wait_and_agree, other)
    client("openstack", "server", "migrate", "--live-migration", "--host", "HostC", "--os-compute-api-version", "2.30",
           other)
    timer.join()
    migrations = client("openstack", "server", "migration", "list", "--os-compute-api-version", "2.80")
    equal(migrations[0], ["Id", "UUID", "Source Node", "Dest Node", "Source Compute", "Dest Compute", "Dest Host", "Status",
                          "Server UUID", "Old Flavor", "New Flavor", "Type", "Created At", "Updated At"])
    equal(client("openstack", "compute", "service", "list")[0],
          ["ID", "Binary", "Host", "Zone", "Status", "State", "Updated At"])
    equal(client("openstack", "hypervisor", "list")[0], ["ID", "Hypervisor Hostname", "Hypervisor Type", "Host IP", "State"])
    equal(dict(client("openstack", "hypervisor", "show", "HostB")[1:])["memory_mb"], "4096")
    equal(client("openstack", "host", "show", "HostC")[0], ["Host", "Project", "CPU", "Memory MB", "Disk GB"])
    equal(client("openstack", "flavor", "list")[0], ["ID", "Name", "RAM", "Disk", "Ephemeral", "VCPUs", "Is Public"])
    equal(client("openstack", "image", "list")[1], [IMAGE, "tiny", "active"])
    client("openstack", "server", "event", "list", other)
    client("openstack", "server", "delete", name)


def wait_and_agree(sid):
    for _ in range(300):
        if sql(f"UPDATE operations SET state = 'preparing' WHERE instance = '{sid}' AND kind = 'live-migration' AND"
               " finished_at IS NULL RETURNING id"):
            return
        time.sleep(0.1)


# ---- our client ----

OURS = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "no_proxy": "127.0.0.1",
        "OS_ENDPOINT": BASE + "/v2.1"}


def ours(*words, want=0, env=OURS):
    out = subprocess.run([os.environ["API_BUILD"] + "/nova-lite", *words], env=env, capture_output=True, text=True, timeout=60)
    equal(out.returncode, want, words, out.stdout, out.stderr)
    return out.stdout + out.stderr


def ours_json(*words):
    return json.loads(ours("-o", "json", *words))


def our_commands():
    name = "own-" + uuid.uuid4().hex[:6]
    sid = booted(name)
    equal(ours_json("vm", "show", name)["id"], sid)
    ours("rename", name, name + "-b")
    name += "-b"
    equal(ours_json("show", sid)["name"], name)
    assert name in ours("vm", "list", "--host", "HostB")
    assert sid in ours("hypervisor-servers", "HostB")
    equal(ours_json("host", "show", "HostB")["memory_mb"], 4096)
    equal(ours_json("hypervisor-stats")["vcpus"], 8)
    equal(ours_json("flavor-show", "m1.tiny")["id"], ours_json("flavor-show", "1")["id"])
    assert "There is no flavor 'nonesuch'" in ours("flavor-show", "nonesuch", want=3)
    equal([z["zoneName"] for z in ours_json("availability-zone-list")], ["nova"])
    equal(ours_json("version-list")[0]["version"], "2.87")
    assert "totalInstancesUsed" in ours_json("limits")
    # services, by the host's name and by ID
    shown = ours_json("service-disable", "HostC", "--reason", "a new fan")[0]
    equal((shown["status"], shown["disabled_reason"]), ("disabled", "a new fan"))
    equal(ours_json("host", "enable", shown["id"])[0]["status"], "enabled")
    equal(ours_json("service-force-down", "HostC")[0]["forced_down"], True)
    equal(ours_json("service-force-down", "--unset", "HostC")[0]["forced_down"], False)
    ours("service-enable", "HostZ", want=3)
    # migrations, by server and by number
    act(sid, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.87")
    listed = ours_json("migration-list", "--server", name)
    equal([(m["instance_uuid"], m["source_compute"]) for m in listed[:1]], [(sid, "HostB")])
    number = str(listed[0]["id"])
    equal([m["id"] for m in ours_json("migration", "list", "--server", sid, "--host", "HostB", "--limit", "1")], [int(number)])
    equal(ours_json("migration", "show", number)["server_uuid"], sid)
    equal(ours_json("migration", "show", listed[0]["uuid"])["id"], int(number))
    ours("migration", "force-complete", number, want=4)  # it does not run yet
    ours("live-migration-force-complete", name, number, want=4)
    ours("migration", "abort", number)
    equal(sql(f"SELECT abort_requested FROM operations WHERE id = {number}"), "t")
    finish(sid, "cancelled", "'aborted'")
    assert "was aborted" in ours("migration", "watch", number, want=1)
    ours("migration", "watch", "999999999", want=3)
    actions = ours_json("instance-action-list", name)
    assert "live-migration" in [a["action"] for a in actions], actions
    request = next(a["request_id"] for a in actions if a["action"] == "live-migration")
    assert ours_json("instance-action", name, request)["events"]
    assert "Finish_Time" in ours("instance-action", name, request)
    ours("instance-action", name, "req-" + NOWHERE, want=3)
    # several at once: 7 when some were refused, their fault when all were
    out = ours("stop", name, "nonesuch-1", want=7)
    assert f"Request to stop server {name} has been accepted" in out and "nonesuch-1" in out, out
    finish(sid)
    ours("start", "nonesuch-1", "nonesuch-2", want=1)
    ours("start", "nonesuch-1", want=3)
    ours("delete", name, "nonesuch-1", want=7)
    finish(sid)
    # the others' spelling of the wrong use
    ours("fly", want=2)
    ours("migration", want=2)
    ours("show", want=2)
    ours("live-migration", "--help", env={"PATH": "/usr/bin", "OS_CLOUD": "none such"})


def our_batch():
    """host-evacuate-live asks for each server and says what became of it."""
    host = "HostC"
    one, two = booted("ev-" + uuid.uuid4().hex[:6], host), booted("ev-" + uuid.uuid4().hex[:6], host, state="stopped")
    assert {one, two} <= {s["uuid"] for s in ours_json("hypervisor-servers", host)}
    report = json.loads(ours("-o", "json", "host-evacuate-live", host, "--target-host", "HostB", want=7))
    said = {line["server_uuid"]: line for line in report}
    equal((said[one]["live_migration_accepted"], said[two]["live_migration_accepted"]), (True, False))
    assert "Cannot 'os-migrateLive' instance" in said[two]["error_message"], said
    for sid in said:
        finish(sid, "cancelled")
    for sid in (one, two):
        ask("DELETE", "/v2.1/servers/" + sid)
        finish(sid)


def our_clouds_yaml():
    """nova-lite finds the service in the same file as the other clients."""
    directory = tempfile.mkdtemp()
    try:
        with open(directory + "/clouds.yaml", "w") as out:
            out.write(f"clouds:\n  here:\n    auth_type: none\n    auth:\n      endpoint: {BASE}/v2.1\n"
                      "  away:\n    auth_type: none\n    auth:\n      endpoint: http://127.0.0.1:1/v2.1\n")
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "OS_CLIENT_CONFIG_FILE": directory + "/clouds.yaml"}
        assert "m1.tiny" in ours("--os-cloud", "here", "flavor-list", env=env)
        assert "m1.tiny" in ours("flavor-list", env={**env, "OS_CLOUD": "here"})
        # what the file says, the environment does not change; the command line does
        assert "m1.tiny" in ours("flavor-list", env={**env, "OS_CLOUD": "here", "OS_ENDPOINT": "http://127.0.0.1:1/"})
        assert "m1.tiny" in ours("--os-cloud", "away", "--os-endpoint", BASE + "/v2.1", "flavor-list", env=env)
        said = ours("--os-cloud", "away", "flavor-list", want=1, env=env)
        assert "compute_endpoint_override of the cloud 'away'" in said, said
        said = ours("--os-cloud", "nowhere", "flavor-list", want=2, env=env)
        assert f"there is no cloud 'nowhere' in {directory}/clouds.yaml; there are: here, away" in said, said
        # in the user's directory
        home = directory + "/home/.config/openstack"
        os.makedirs(home)
        os.rename(directory + "/clouds.yaml", home + "/clouds.yaml")
        assert "m1.tiny" in ours("--os-cloud", "here", "flavor-list", env={"PATH": "/usr/bin", "HOME": directory + "/home"})
        other = subprocess.run(["openstack", "--os-cloud", "here", "flavor", "list"], capture_output=True, text=True, timeout=60,
                               env={"PATH": "/usr/bin:/bin", "HOME": directory + "/home"})
        assert "m1.tiny" in other.stdout, other
    finally:
        shutil.rmtree(directory)


# ---- without a database ----

def database_away():
    answer = ask("GET", "/v2.1/servers", timeout=40)
    fault(answer, 503, "The service cannot reach its database at the moment. Please try again.")
    equal(answer.headers["OpenStack-API-Version"], "compute 2.1")
    equal(ask("GET", "/").status, 200)
    fault(boot(), 503)


def database_back():
    for _ in range(100):
        if ask("GET", "/v2.1/servers").status == 200:
            equal(boot().status, 202)
            return
        time.sleep(0.1)
    raise AssertionError("still no answer after the database has come back")


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]]()
    except AssertionError as failure:
        sys.exit(f"{sys.argv[1]}: {failure or 'assertion failed'} at line"
                 f" {[f.lineno for f in __import__('traceback').extract_tb(failure.__traceback__)]}")
