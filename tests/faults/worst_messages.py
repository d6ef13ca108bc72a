# SPDX-License-Identifier: Apache-2.0
"""The broker dies and loses what it held, messages are lost, doubled and come late, while twenty requests at once want the last room
on two hosts: every request ends, nothing is done twice, no claim is wrong."""
import concurrent.futures
import sys
import time

import amqp

from worstlab import Refused, WorstLab, main, until

SERVICES = (("HostA", "api"), ("HostA", "scheduler"), ("HostB", "compute"), ("HostC", "compute"))
# a fifth of what is sent never arrives or arrives twice; a third of what arrives waits, so that later ones overtake it
FAULTS = ("rpc:send:cast=drop:20%,rpc:send:cast=dup:20%,rpc:send:call=dup:20%,rpc:send:reply=dup:20%,"
          "rpc:deliver=sleep(200):30%,rpc:deliver=dup:20%,rpc:deliver=drop:10%")
# queues of answers, too, whose names nobody knows beforehand
LOSE_ALL = """[rabbit_amqqueue:delete(Q, false, false, <<"test">>) || Q <- rabbit_amqqueue:list()], ok."""
CLOSE_ALL = """[rabbit_networking:close_connection(P, "test") || P <- rabbit_networking:connections()], ok."""
QUEUES = ("compute.HostB", "compute.HostC", "scheduler.HostA", "scheduler", "compute")

lab = WorstLab("worst-messages", "DEFAULT.max_concurrent_live_migrations=2", "DEFAULT.cpu_allocation_ratio=2")
api = lab.api


def broker(expression):
    return lab.run("exec", "HostA", "env", "HOME=/var/lib/rabbitmq", "RABBITMQ_NODENAME=rabbit@HostA", "/usr/sbin/rabbitmqctl", "-q",
                   "eval", expression)


def each_queue(act):
    """act(channel, name) of every queue on a connection of its own; None where the broker or the queue is not there."""
    answers = {}
    for queue in QUEUES:
        try:
            with amqp.Connection(lab.address + ":5672", "nova", "lab", connect_timeout=5) as connection:
                answers[queue] = act(connection.channel(), queue)
        except (OSError, amqp.exceptions.AMQPError):
            answers[queue] = None
    return answers


def wait_listening(seconds=60):
    """Until every service reads its queues."""
    seen = {}
    for _ in until(seconds, lambda: "not every service listens: %s" % seen, pause=0.3):
        seen = each_queue(lambda channel, queue: channel.queue_declare(queue, passive=True).consumer_count)
        if all(seen.values()):
            return


def queues_that_vanish_are_declared_again():
    """All queues are deleted under their readers, then all connections closed: every service notices, and messages arrive again."""
    wait_listening()
    began = time.monotonic()
    broker(LOSE_ALL)
    wait_listening()
    first = time.monotonic() - began
    broker(CLOSE_ALL)
    wait_listening()
    uuid = api.boot("rung", host="HostB")
    api.move(uuid, "HostC", 30)
    api.delete(uuid)
    return "readers were back within %.1f s" % first


def ask(request):
    """One of the twenty; what became of it at once."""
    kind, argument = request
    try:
        if kind == "boot":
            return kind, api.boot(argument, wait=False)
        if kind == "move":
            return kind, (argument, api.live_migrate(argument))
        api.action(argument, {"reboot": {"type": "HARD"}})
        return kind, argument
    except Refused as refused:
        assert refused.status == 409, refused
        return "refused", argument


def twenty_requests_at_once():
    """Two hosts have room for four guests each and run three each: six moves, six builds, six reboots and two deletes."""
    wait_listening()
    guests = [api.boot("g%d" % i, host=lab.hosts[i % 2], wait=False) for i in range(6)]
    for uuid in guests:
        api.wait_status(uuid, "ACTIVE")
    for host, service in SERVICES:
        lab.arm(host, service, FAULTS)
    checker = lab.checker("--bound", "120")
    requests = [("move", uuid) for uuid in guests] + [("boot", "n%d" % i) for i in range(6)] + [("reboot", uuid) for uuid in guests]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(ask, request) for request in requests]
        deletes = [pool.submit(api.request, "DELETE", "/servers/" + uuid) for uuid in guests[4:]]
        lab.run("kill", "HostA", "rabbitmq")
        lab.run("start", "HostA", "rabbitmq", check=False)  # on a busy machine it takes longer than the lab waits
        wait_listening(120)
        each_queue(lambda channel, queue: channel.queue_delete(queue))
        answers = [answer.result() for answer in answers]
        for delete in deletes:
            delete.result()
    broker(CLOSE_ALL)
    left = []
    for _ in until(90, lambda: "not ended: %s" % left, pause=0.5):
        left = lab.sql("SELECT id, kind, state, blocked FROM operations WHERE finished_at IS NULL")
        if not left:
            break
    wrong = lab.sql("SELECT instance, count(*) FROM operations WHERE kind = 'build' GROUP BY instance HAVING count(*) <> 1")
    assert not wrong, "built more than once: %s" % wrong
    built = [argument for kind, argument in answers if kind == "boot"]
    assert len(built) == 6, answers
    for uuid in built:
        server = api.server(uuid)
        assert server["status"] == "ACTIVE" or (server["status"] == "ERROR" and "No valid host" in server["fault"]["message"]), server
    for uuid in guests[:4]:
        assert api.server(uuid)["status"] == "ACTIVE", api.server(uuid)
    for uuid in guests[4:]:
        assert not lab.sql("SELECT FROM instances WHERE uuid = '%s' AND deleted_at IS NULL" % uuid)
    lab.check_books()
    for host, used, room in lab.sql("SELECT name, used_vcpus, cap_vcpus FROM hosts WHERE name <> 'HostA'"):
        assert int(used) <= int(room), (host, used, room)
    checker.stop()
    for host, service in SERVICES:
        lab.restart(host, service)
    wait_listening()
    kinds = [kind for kind, _ in answers]
    return "%d accepted, %d refused (409); of six builds %d found room" % (
        len(kinds) - kinds.count("refused") + 2, kinds.count("refused"),
        sum(api.server(uuid)["status"] == "ACTIVE" for uuid in built))


try:
    status = main(lab.each([queues_that_vanish_are_declared_again, twenty_requests_at_once]))
finally:
    lab.down()
sys.exit(status)
