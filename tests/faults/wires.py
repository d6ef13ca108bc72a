# SPDX-License-Identifier: Apache-2.0
"""What is slow, stuck, half dead or nonsense between the parts: messages, statements, connections, clocks, threads, files.  Guests move
and run on, daemons neither die nor hang, and what they can no longer do they say."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

import amqp

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import LAB_PROGRAM, Lab, Refused, main, until  # noqa: E402

STATEMENT_MS = 2000
GRACE_S = 3          # how much longer than statement_timeout a daemon waits for the server
CONNECT_S = 5        # connect_timeout
LEASE_S = 4
HEARTBEAT_S = 4      # of AMQP; two of them without a sign of life end a connection
MARGIN_S = 6         # a loaded machine

lab = Lab("wires", "--hosts", "2", "--set", "DEFAULT.report_interval=1", "--set", "DEFAULT.service_down_time=%d" % LEASE_S,
          "--set", "DEFAULT.sync_power_state_interval=5", "--set", "libvirt.call_timeout=10",
          "--set", "database.statement_timeout=%d" % STATEMENT_MS, "--set", "DEFAULT.max_concurrent_live_migrations=3",
          "--set", "oslo_messaging_rabbit.heartbeat_timeout_threshold=%d" % HEARTBEAT_S)
api = lab.api
made = {}
files = tempfile.TemporaryDirectory(prefix="nova-lite-wires-")


class Log:
    """What a service says from here on."""

    def __init__(self, host, service):
        self.host, self.service, self.since = host, service, 0
        self.since = len(self.text())

    def text(self):
        return lab.run("logs", self.host, self.service)[self.since:]

    def wait(self, pattern, seconds=20):
        """Until there is such a line; how long it took."""
        began = time.monotonic()
        for _ in until(seconds, lambda: "%s on %s did not say %r in %g s but: %s" % (
                self.service, self.host, pattern, seconds, self.text()[-1500:])):
            if re.search(pattern, self.text()):
                return time.monotonic() - began

    def count(self, pattern):
        return len(re.findall(pattern, self.text()))


def service_pid(host, name):
    return [s["pid"] for h in lab.status()["hosts"] if h["name"] == host for s in h["services"] if s["name"] == name][0]


class SameProcesses:
    """The daemons that were there at the beginning are there at the end."""

    def pids(self):
        return [(h["name"], s["name"], s["pid"]) for h in lab.status()["hosts"] for s in h["services"]
                if s["name"] in ("api", "scheduler", "compute")]

    def __enter__(self):
        self.before = self.pids()

    def __exit__(self, kind, *_):
        if not kind:
            assert self.pids() == self.before, (self.before, self.pids())


def is_up(host):
    return [s["state"] for s in api.get("/os-services?host=%s&binary=nova-compute" % host)["services"]] == ["up"]


def wait_up(host, up=True, seconds=40):
    for _ in until(seconds, lambda: "%s is not %s: %s" % (host, "up" if up else "down", api.get("/os-services?host=" + host))):
        if is_up(host) == up:
            return


def slow_copy(host, mib_s):
    lab.run("set", host, "libvirt.live_migration_bandwidth", str(mib_s))
    lab.run("reload", host, "compute")


def wait_state(uuid, number, *states, seconds=30):
    for _ in until(seconds, lambda: json.dumps(api.migration(uuid, number)), 0.05):
        state = api.migration(uuid, number)["state"]
        if state in states:
            return state


def copying(uuid, dest, host="HostB"):
    """Begins a migration that takes its time; its id, once memory is being copied."""
    slow_copy(host, 4)
    number = api.live_migrate(uuid, dest)
    wait_state(uuid, number, "migrating")
    job = ""
    for _ in until(20, lambda: job):
        job = lab.virsh(host, "domjobinfo", uuid, check=False)
        if re.search(r"^Data processed: +[1-9]", job, re.M):  # libvirt has set its speed by now
            return number


def hurry(uuid, host="HostB"):
    slow_copy(host, 0)
    done = None
    for _ in until(30, lambda: done):  # a QEMU that stood still may be busy with earlier questions
        done = lab.command("virsh", "-q", "-c", lab.environment["VIRSH_" + host.upper()], "migrate-setspeed", uuid, "1000", check=False)
        if done.returncode == 0 or "no domain" in done.stderr or "failed to get domain" in done.stderr:
            return


def elsewhere(host):
    return {"HostB": "HostC", "HostC": "HostB"}[host]


def where(uuid):
    return api.server(uuid)["OS-EXT-SRV-ATTR:host"]


def at_home():
    """The mover on HostB, whatever the test before has left."""
    slow_copy("HostB", 0)
    if where(made["mover"]) != "HostB":
        api.move(made["mover"], "HostB")


def settled():
    for _ in until(20, lambda: lab.sql("SELECT id, state FROM operations WHERE finished_at IS NULL")):
        if not lab.sql("SELECT 1 FROM operations WHERE finished_at IS NULL"):
            break
    lab.check_books()
    for uuid, in lab.sql("SELECT uuid FROM instances WHERE deleted_at IS NULL AND vm_state = 'active'"):
        report = lab.serial(uuid)
        assert report["ok"], report["text"]


class Holding:
    """A transaction of somebody else that holds rows for a while."""

    def __init__(self, *statements):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"], env=lab.environment, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.say("BEGIN", *statements)
        self.say("SELECT 'holding'")
        for line in self.psql.stdout:
            if line.strip() == "holding":
                return
        raise AssertionError("psql ended")

    def say(self, *statements):
        for statement in statements:
            self.psql.stdin.write(statement + ";\n")
        self.psql.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.stdin.close()  # rolls back
        self.psql.wait(30)
        self.psql.stdout.close()


def build_the_servers():
    made["mover"] = api.boot("mover", flavor="m1.micro", image="testguest-steady", host="HostB", wait=False)
    made["other"] = api.boot("other", host="HostC", wait=False)
    api.wait_status(made["mover"], "ACTIVE")
    api.wait_status(made["other"], "ACTIVE")
    lab.wait_counting(made["mover"])


# ---- messages ----

def envelope(method, args, **more):
    inner = dict({"method": method, "args": args, "namespace": "nova_lite", "version": "1.0"}, **more)
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)})


def poison_is_dead_lettered_and_the_next_message_handled():
    """With a dead-letter exchange set by policy, as an administrator would, no message of garbage is lost and none stops the queue."""
    def rabbit(*words):
        return lab.run("exec", "HostA", "env", "HOME=/var/lib/rabbitmq", "RABBITMQ_NODENAME=rabbit@HostA", "/usr/sbin/rabbitmqctl", "-q", *words)

    rabbit("set_policy", "dead", "^(compute|scheduler)", '{"dead-letter-exchange":"dead"}', "--apply-to", "queues")
    logs = [Log("HostB", "compute"), Log("HostA", "scheduler")]
    poison = [b"", b"not JSON", b"{", b"null", b"[]", b"\xff\xfe\x00\x01", os.urandom(5000), b'{"oslo.version": "3.0", "oslo.message": "{}"}',
              b'{"oslo.version": "2.0", "oslo.message": {}}', b"[" * 5000 + b"]" * 5000, b"[" + b"1," * 200000 + b"1]",
              b"{" + b" " * (2 << 20) + b"}", envelope(7, {}).encode(), envelope("x", []).encode(), envelope("x" * 999, {}).encode()]
    wrong = [envelope("live_migration", {"operation": "1", "seq": None}), envelope("live_migration", {"operation": [1]}),
             envelope("no_such_method", {}), envelope("live_migration", {"operation": 1, "seq": 1}, version="9.9"),
             envelope("live_migration", {"operation": 2 ** 63, "seq": 10 ** 30}), envelope("live_migration", {"operation": 1, "seq": 1}, namespace="x")]
    connection = amqp.Connection(host=lab.environment["PGHOST"] + ":5672", userid="nova", password="lab")
    with SameProcesses():
        connection.connect()
        channel = connection.channel()
        channel.exchange_declare("dead", "fanout", auto_delete=False)
        queue = channel.queue_declare("dead", exclusive=True).queue
        channel.queue_bind(queue, "dead")
        for topic in ("compute.HostB", "scheduler"):
            for body in poison + wrong:
                channel.basic_publish(amqp.Message(body, content_type="application/json", content_encoding="utf-8"), "nova", topic)
        dead, deadline = 0, time.monotonic() + 20
        while dead < 2 * len(poison) and time.monotonic() < deadline:
            if channel.basic_get(queue, no_ack=True):
                dead += 1
            else:
                time.sleep(0.1)
        assert dead == 2 * len(poison), "%d of %d arrived in the dead-letter queue" % (dead, 2 * len(poison))
        began = time.monotonic()
        api.move(made["mover"], elsewhere(where(made["mover"])))  # by doorbells alone within seconds: the poll is every 30 s
        took = time.monotonic() - began
        assert took < 25, "the next messages were not handled: %.1f s" % took
        api.move(made["mover"], elsewhere(where(made["mover"])))
    connection.close()
    for log in logs:
        assert 1 <= log.count("messages: rejecting one of") <= 8, log.text()
    rabbit("clear_policy", "dead")
    settled()
    return "%d dead letters; the migration after them took %.1f s" % (dead, took)


# ---- the database ----

def rows_that_somebody_holds_delay_the_record_and_not_the_guest():
    """The operation's and the instance's rows are locked over the whole switch: the guest moves, leases hold, then the flip is made."""
    at_home()
    uuid = made["mover"]
    number = copying(uuid, "HostC")
    log = Log("HostB", "compute")
    with SameProcesses():
        with Holding("SELECT 1 FROM operations WHERE id = %d FOR UPDATE" % number,
                     "SELECT 1 FROM instances WHERE uuid = '%s' FOR UPDATE" % uuid):
            hurry(uuid)
            began = time.monotonic()
            for _ in until(20, lambda: (lab.domain_state("HostB", uuid), lab.domain_state("HostC", uuid))):
                if lab.domain_state("HostC", uuid) == "running":
                    break
            moved = time.monotonic() - began
            log.wait("statement timeout", STATEMENT_MS / 1000 + GRACE_S + MARGIN_S)
            assert where(uuid) == "HostB"  # not recorded yet, and the API still answers
            assert is_up("HostB") and is_up("HostC")
            api.action(made["other"], {"reboot": {"type": "HARD"}})
            api.wait_status(made["other"], "ACTIVE", 30)
        migration = api.wait_migration(uuid, number, 20)
    assert migration["state"] == "done" and where(uuid) == "HostC", migration
    settled()
    api.move(uuid, "HostB")
    return "the guest ran on the destination %.1f s after the copy was let go" % moved


def a_lease_row_that_somebody_holds_costs_only_that_host_its_lease():
    epochs = "SELECT epoch FROM host_lease l JOIN hosts h ON h.id = l.host_id WHERE h.name = 'HostB'"
    epoch, log = lab.sql(epochs), Log("HostB", "compute")
    with SameProcesses():
        with Holding("SELECT 1 FROM host_lease WHERE host_id = (SELECT id FROM hosts WHERE name = 'HostB') FOR UPDATE"):
            wait_up("HostB", False, LEASE_S + MARGIN_S)
            log.wait("could not renew the lease, retrying: .*statement timeout")
            assert is_up("HostC")
            api.action(made["other"], {"reboot": {"type": "HARD"}})
            api.wait_status(made["other"], "ACTIVE", 30)
            began = time.monotonic()
            try:  # needs that row: the answer is an honest "try again", and comes soon
                api.action(made["mover"], {"reboot": {"type": "HARD"}})
            except Refused as refused:
                assert refused.status == 503, refused
            assert time.monotonic() - began < STATEMENT_MS / 1000 * 3 + MARGIN_S
        wait_up("HostB")
        api.wait_status(made["mover"], "ACTIVE", 30)
    log.wait("registered anew")
    assert int(lab.sql(epochs)[0][0]) == int(epoch[0][0]) + 1
    settled()


PROXY = """
import os, select, socket, sys, threading, time
def pump(a, b, slow):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            if slow:
                try:
                    time.sleep(float(open(sys.argv[1]).read() or 0))
                except OSError:
                    pass
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
def serve(client):
    server = socket.create_connection(("127.0.0.1", 5432))
    threading.Thread(target=pump, args=(client, server, True), daemon=True).start()
    pump(server, client, False)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 15432))
listener.listen(50)
print("listening", flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"""


def every_statement_slow():
    """The source's daemon reaches the database through a proxy that delays each of its messages by 3 s, more than statement_timeout."""
    at_home()
    uuid, delay = made["mover"], os.path.join(files.name, "delay")
    with open(delay, "w") as file:
        file.write("0")
    with open(os.path.join(files.name, "proxy.py"), "w") as file:
        file.write(PROXY)
    proxy = subprocess.Popen([LAB_PROGRAM, "exec", "HostA", "/usr/bin/python3", file.name, delay], env=lab.environment,
                             stdout=subprocess.PIPE, text=True)
    assert proxy.stdout.readline() == "listening\n"
    with open(lab.run("conf", "HostB").strip()) as conf:
        old = re.search(r"(?m)^connection\s*=\s*(.*)$", conf.read()).group(1)
    new = re.sub(r"HostA(:5432)?", "HostA:15432", old) if "://" in old else re.sub(r"port=\d+", "", old) + " port=15432"
    try:
        lab.run("kill", "HostB", "compute")
        lab.run("set", "HostB", "database.connection", new)
        lab.run("start", "HostB", "compute")
        wait_up("HostB")
        number = copying(uuid, "HostC")
        log = Log("HostB", "compute")
        with SameProcesses():
            with open(delay, "w") as file:
                file.write("3")
            time.sleep(2)  # every connection has met the delay
            hurry(uuid)
            began = time.monotonic()
            for _ in until(30, lambda: (lab.domain_state("HostB", uuid), lab.domain_state("HostC", uuid))):
                if lab.domain_state("HostC", uuid) == "running":
                    break
            moved = time.monotonic() - began
            began = time.monotonic()
            api.action(made["other"], {"reboot": {"type": "HARD"}})
            api.wait_status(made["other"], "ACTIVE", 30)
            others = time.monotonic() - began
            with open(delay, "w") as file:
                file.write("0")
            migration = api.wait_migration(uuid, number, 40)
        assert migration["state"] == "done", migration
        wait_up("HostB")
        said = log.count("could not renew the lease")
        assert said <= 10, log.text()
    finally:
        lab.run("kill", "HostB", "compute", check=False)
        lab.run("set", "HostB", "database.connection", old)
        lab.run("start", "HostB", "compute")
        proxy.terminate()
        proxy.wait(10)
    wait_up("HostB")
    slow_copy("HostB", 0)
    settled()
    api.move(uuid, "HostB")
    return "the guest ran on the destination after %.1f s; a reboot on the other host took %.1f s" % (moved, others)


def a_deadlock_is_repeated():
    """A transaction of somebody else holds the claims and then wants the instance's row, which the flip has locked: PostgreSQL ends the
    flip, which has waited longer, with 40P01; it is made again."""
    at_home()
    uuid, held = made["mover"], os.path.join(files.name, "flip")
    lab.run("kill", "HostB", "compute")
    lab.run("start", "HostB", "compute", "NOVA_LITE_FAULT=compute:migrating:flip=hold(%s):1" % held)
    wait_up("HostB")
    postgres = Log("HostA", "postgres")
    number = api.live_migrate(uuid, "HostC")
    for _ in until(40, lambda: json.dumps(api.migration(uuid, number))):
        if os.path.exists(held):
            break
    with Holding("SELECT 1 FROM claims WHERE instance = '%s' FOR UPDATE" % uuid) as psql:
        os.unlink(held)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'nova-lite-compute%'"
        for _ in until(20, lambda: lab.sql("SELECT query, wait_event FROM pg_stat_activity WHERE usename = 'nova'"), 0.02):
            if lab.sql(waits) != [["0"]]:
                break
        psql.say("SELECT 1 FROM instances WHERE uuid = '%s' FOR UPDATE" % uuid)
        postgres.wait("deadlock detected", 20)
    migration = api.wait_migration(uuid, number, 30)
    assert migration["state"] == "done", migration
    assert "deadlock" not in json.dumps(migration), migration
    lab.run("kill", "HostB", "compute")
    lab.run("start", "HostB", "compute")
    wait_up("HostB")
    settled()
    api.move(uuid, "HostB")


def guests_that_change_places_do_not_get_in_each_others_way():
    """Two from HostB to HostC and two back at the same time, twice."""
    here = [made["mover"], api.boot("swap1", host="HostB")]
    there = [made["other"], api.boot("swap2", host="HostC")]
    for _ in range(2):
        asked, answers = [(uuid, elsewhere(where(uuid))) for uuid in here + there], {}

        def ask(uuid, dest):
            answers[uuid] = api.live_migrate(uuid, dest)

        threads = [threading.Thread(target=ask, args=pair) for pair in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for uuid, dest in asked:
            migration = api.wait_migration(uuid, answers[uuid], 60)
            assert migration["state"] == "done" and migration["dest_host"] == dest, migration
    settled()
    api.delete(here[1])
    api.delete(there[1])


# ---- half-open connections ----

def packets_to_the_database_vanish():
    """Without a RST: noticed by statement_timeout and grace, the lease is lost by the local clock; back by itself."""
    at_home()
    log = Log("HostB", "compute")
    with SameProcesses():
        lab.run("link", "HostB", "down", "--port", "5432")
        try:
            noticed = log.wait("could not renew the lease, retrying", STATEMENT_MS / 1000 + GRACE_S + CONNECT_S + 1 + MARGIN_S)
            wait_up("HostB", False)
            assert is_up("HostC")
            assert lab.domain_state("HostB", made["mover"]) == "running"
        finally:
            lab.run("link", "HostB", "up")
        began = time.monotonic()
        wait_up("HostB", seconds=30)
        back = time.monotonic() - began
    api.move(made["mover"], "HostC")
    api.move(made["mover"], "HostB")
    settled()
    return "noticed after %.1f s, up %.1f s after packets went through again" % (noticed, back)


def packets_to_the_broker_vanish():
    """Noticed by AMQP heartbeats; meanwhile rows are polled, so that a migration goes on without messages."""
    at_home()
    log = Log("HostB", "compute")
    with SameProcesses():
        lab.run("link", "HostB", "down", "--port", "5672")
        try:
            noticed = log.wait(r"messages.*(no sign of life|connection broke|timed out|lost)", 2 * HEARTBEAT_S + 1 + MARGIN_S)
            assert is_up("HostB")
            migration = api.move(made["mover"], "HostC", 60)
        finally:
            lab.run("link", "HostB", "up")
        log.wait(r"messages \(server compute\): connected to broker|connected to broker", 30)
    api.move(made["mover"], "HostB", 60)
    settled()
    return "noticed after %.1f s; a migration without messages took %s ms" % (noticed, migration["total_ms"])


# ---- clocks ----

def a_clock_that_is_wrong_and_jumps_changes_nothing():
    """The source's daemon lives 10 minutes in the future, then in the past: only the database's clock and the local boot time count."""
    clock = os.path.join(files.name, "clock")

    def set_clock(text):
        with open(clock + ".new", "w") as file:
            file.write(text)
        os.rename(clock + ".new", clock)

    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
    fake = ["LD_PRELOAD=" + library, "FAKETIME_TIMESTAMP_FILE=" + clock, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    set_clock("+600")
    said = int(lab.run("exec", "HostB", "env", *fake, "date", "+%s"))
    assert abs(said - time.time() - 600) < 30, "libfaketime does not work: %d" % (said - time.time())
    lab.run("kill", "HostB", "compute")
    lab.run("start", "HostB", "compute", *fake)
    wait_up("HostB")
    assert "libfaketime" in lab.run("exec", "HostB", "cat", "/proc/%d/maps" % service_pid("HostB", "compute"))
    epoch = "SELECT epoch FROM host_lease l JOIN hosts h ON h.id = l.host_id WHERE h.name = 'HostB'"
    before, stop, down = lab.sql(epoch), threading.Event(), []

    def look():
        while not stop.is_set():
            if not is_up("HostB"):
                down.append(time.monotonic())
            time.sleep(0.2)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        with SameProcesses():
            for step in ("+600", "-600", "+0", "-86400"):
                set_clock(step)
                api.move(made["mover"], elsewhere(where(made["mover"])))
            time.sleep(LEASE_S)
    finally:
        stop.set()
        looker.join()
    assert not down and lab.sql(epoch) == before, (down, before, lab.sql(epoch))
    times = [row[0] for row in lab.sql("SELECT abs(extract(epoch FROM (clock_timestamp() - max(at))))::integer FROM journal")]
    assert int(times[0]) < 120, "the journal has the wrong clock: %s" % times
    lab.run("kill", "HostB", "compute")
    lab.run("start", "HostB", "compute")
    wait_up("HostB")
    settled()


# ---- stuck threads ----

def workers_that_hang_take_the_host_down():
    """The only worker of HostC hangs, while its heart could beat on: after four leases the lease is given up, the reason is in the log."""
    uuid, held = made["other"], os.path.join(files.name, "wedge")
    api.action(uuid, {"os-stop": None})
    api.wait_status(uuid, "SHUTOFF")
    lab.run("kill", "HostC", "compute")
    lab.run("set", "HostC", "DEFAULT.executor_thread_pool_size", "1")
    lab.run("set", "HostC", "libvirt.call_timeout", str(LEASE_S))
    lab.run("start", "HostC", "compute", "NOVA_LITE_FAULT=compute:starting:before=hold(%s):1" % held)
    wait_up("HostC")
    log = Log("HostC", "compute")
    with SameProcesses():
        api.action(uuid, {"os-start": None})
        for _ in until(20, lambda: "the worker did not come to the point"):
            if os.path.exists(held):
                break
        took = log.wait("self-check failed: its worker threads make no progress; not renewing the lease", 4 * LEASE_S + MARGIN_S)
        wait_up("HostC", False, LEASE_S + MARGIN_S)
        os.unlink(held)
        wait_up("HostC")
        api.wait_status(uuid, "ACTIVE", 30)
    lab.run("kill", "HostC", "compute")
    lab.run("set", "HostC", "DEFAULT.executor_thread_pool_size", "16")
    lab.run("set", "HostC", "libvirt.call_timeout", "10")
    lab.run("start", "HostC", "compute")
    wait_up("HostC")
    settled()
    return "given up after %.1f s" % took


# ---- the start ----

def a_name_that_does_not_resolve_at_the_start_is_waited_for():
    lab.run("kill", "HostB", "compute")
    hosts = lab.run("exec", "HostB", "cat", "/etc/hosts")
    with open(os.path.join(files.name, "hosts"), "w") as file:
        file.write(hosts)
    log = Log("HostB", "compute")
    lab.run("exec", "HostB", "sh", "-c", "grep -v HostB %s > /etc/hosts" % file.name)
    starting = threading.Thread(target=lambda: lab.run("start", "HostB", "compute", check=False))
    starting.start()
    try:
        log.wait("the host's name 'HostB' does not resolve.*retrying in", 20)
    finally:
        lab.run("exec", "HostB", "sh", "-c", "cat %s > /etc/hosts" % file.name)
        starting.join()
    wait_up("HostB")


try:
    status = main([build_the_servers, poison_is_dead_lettered_and_the_next_message_handled,
                   rows_that_somebody_holds_delay_the_record_and_not_the_guest, a_lease_row_that_somebody_holds_costs_only_that_host_its_lease,
                   every_statement_slow, a_deadlock_is_repeated, guests_that_change_places_do_not_get_in_each_others_way,
                   packets_to_the_database_vanish, packets_to_the_broker_vanish, a_clock_that_is_wrong_and_jumps_changes_nothing,
                   workers_that_hang_take_the_host_down,
                   a_name_that_does_not_resolve_at_the_start_is_waited_for])
finally:
    if not os.environ.get("KEEP"):
        lab.down()
sys.exit(status)
