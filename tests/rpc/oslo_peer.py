#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real oslo.messaging peer for the RPC tests.

    oslo_peer.py server URL TOPIC HOST    serves until its standard input closes; prints "ready"
    oslo_peer.py client URL TOPIC HOST    runs every check against a server; prints "ok NAME" lines
"""
import sys
import threading
import time
import types

from oslo_config import cfg
import oslo_messaging
from oslo_messaging.rpc import dispatcher

# Nova's exceptions without Nova: what matters is that class and module are found by name.
nova = types.ModuleType("nova")
nova_exception = types.ModuleType("nova.exception")


class InstanceNotFound(Exception):
    pass


InstanceNotFound.__module__ = "nova.exception"
nova_exception.InstanceNotFound = InstanceNotFound
nova.exception = nova_exception
sys.modules["nova"] = nova
sys.modules["nova.exception"] = nova_exception


class Endpoint:
    target = oslo_messaging.Target(version="1.2")

    def __init__(self):
        self.noted = []

    def echo(self, ctxt, x):
        return x

    def context(self, ctxt):
        return {k: ctxt.get(k) for k in ("request_id", "user_id", "project_id", "is_admin")}

    def note(self, ctxt, x):
        self.noted.append(x)

    def notes(self, ctxt):
        return self.noted

    def fail(self, ctxt, kind):
        if kind == "nova":
            raise InstanceNotFound("Instance 42 could not be found.")
        raise ValueError("bad thing")

    def slow(self, ctxt, seconds):
        time.sleep(seconds)
        return "done"


class LiteEndpoint:
    target = oslo_messaging.Target(namespace="nova_lite", version="1.0")

    def echo(self, ctxt, x):
        return ["lite", x]


def transport_for(url):
    conf = cfg.CONF
    conf([])
    transport = oslo_messaging.get_rpc_transport(conf, url, allowed_remote_exmods=["nova.exception"])
    return transport


def serve(url, topic, host):
    transport = transport_for(url)
    cfg.CONF.register_opts(dispatcher._dispatcher_opts)
    cfg.CONF.set_override("rpc_ping_enabled", True)
    server = oslo_messaging.get_rpc_server(
        transport, oslo_messaging.Target(topic=topic, server=host, exchange="nova"),
        [Endpoint(), LiteEndpoint()], executor="threading")
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop()
    server.wait()


def expect(kind, name, function):
    """Runs function and wants it to raise `kind'; for a RemoteError also of the remote class `name'."""
    try:
        function()
    except kind as error:
        if name is not None and error.exc_type != name:
            raise AssertionError("%s instead of %s" % (error.exc_type, name))
        return error
    raise AssertionError("%s was not raised" % kind)


class Checks:
    def __init__(self, url, topic, host):
        self.topic, self.host = topic, host
        self.context = {"request_id": "req-1", "user_id": "u1", "project_id": "p1", "is_admin": True}
        self.client = oslo_messaging.get_rpc_client(
            transport_for(url), oslo_messaging.Target(topic=topic, exchange="nova"), timeout=20)

    def call(self, method, prepare=None, **args):
        return self.client.prepare(**(prepare or {"version": "1.0"})).call(self.context, method, **args)

    def wait_for_note(self, value, count):
        for _ in range(100):
            if self.call("notes").count(value) >= count:
                return
            time.sleep(0.05)
        raise AssertionError("%r did not arrive" % (value,))

    def check_call_to_topic(self):
        value = {"a": [1, 2.5, None, "\u00e9\u4e16", True], "b": {}, "big": 2 ** 62, "text": "x" * 100000}
        assert self.call("echo", x=value) == value

    def check_call_to_host(self):
        assert self.call("echo", {"server": self.host, "version": "1.2"}, x=7) == 7

    def check_null_result(self):
        assert self.call("echo", x=None) is None

    def check_namespace(self):
        assert self.call("echo", {"namespace": "nova_lite", "version": "1.0"}, x=1) == ["lite", 1]

    def check_context(self):
        assert self.call("context") == self.context

    def check_cast(self):
        self.client.prepare(version="1.0", server=self.host).cast(self.context, "note", x="cast")
        self.wait_for_note("cast", 1)

    def check_fanout(self):
        self.client.prepare(version="1.0", fanout=True).cast(self.context, "note", x="fanout")
        self.wait_for_note("fanout", 1)

    def check_nova_failure(self):
        error = expect(nova_exception.InstanceNotFound, None, lambda: self.call("fail", kind="nova"))
        assert "Instance 42" in str(error), error

    def check_builtin_failure(self):
        error = expect(NotImplementedError, None, lambda: self.call("fail", kind="builtin"))
        assert "not built" in str(error), error

    def check_unknown_method(self):
        expect(oslo_messaging.RemoteError, "NoSuchMethod", lambda: self.call("nothing"))
        expect(oslo_messaging.RemoteError, "NoSuchMethod", lambda: self.call("_private"))
        expect(oslo_messaging.RemoteError, "NoSuchMethod", lambda: self.call("newer"))

    def check_since(self):
        assert self.call("newer", {"version": "1.2"}) == "newer"

    def check_wrong_arguments(self):
        expect(oslo_messaging.RemoteError, "Invalid", lambda: self.call("slow", seconds="soon"))
        expect(oslo_messaging.RemoteError, "Invalid", lambda: self.call("slow"))
        expect(oslo_messaging.RemoteError, "Invalid", lambda: self.call("notes", odd=1))

    def check_wrong_version(self):
        for version in ("1.3", "2.0"):
            expect(oslo_messaging.RemoteError, "UnsupportedVersion",
                   lambda: self.call("echo", {"version": version}, x=1))
        expect(oslo_messaging.RemoteError, "UnsupportedVersion",
               lambda: self.call("echo", {"namespace": "strange", "version": "1.0"}, x=1))

    def check_ping(self):
        assert self.call("oslo_rpc_server_ping") == "pong"
        pong = self.call("ping", {"namespace": "baseapi", "version": "1.0"}, arg="1.21 GigaWatts")
        assert pong == {"service": self.topic, "arg": "1.21 GigaWatts"}, pong

    def check_monitored_call(self):
        # Without signs of life the call would end after 2 seconds.
        begun = time.monotonic()
        result = self.call("slow", {"version": "1.0", "call_monitor_timeout": 2, "timeout": 20}, seconds=4.5)
        assert result == "done" and time.monotonic() - begun > 4

    def check_timeout(self):
        expect(oslo_messaging.MessagingTimeout, None,
               lambda: self.call("slow", {"version": "1.0", "timeout": 1}, seconds=2))

    def check_undeliverable(self):
        options = oslo_messaging.TransportOptions(at_least_once=True)
        expect(oslo_messaging.MessageUndeliverable, None,
               lambda: self.call("echo", {"version": "1.0", "server": "nobody", "transport_options": options}, x=1))

    def check_many_callers(self):
        wrong = []

        def work(number):
            for i in range(20):
                if self.call("echo", x=[number, i]) != [number, i]:
                    wrong.append((number, i))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong


def check_all(url, topic, host):
    checks = Checks(url, topic, host)
    for name in [n for n in dir(checks) if n.startswith("check_")]:
        getattr(checks, name)()
        print("ok", name[len("check_"):], flush=True)


if __name__ == "__main__":
    {"server": serve, "client": check_all}[sys.argv[1]](*sys.argv[2:])
