# SPDX-License-Identifier: Apache-2.0
"""Runs the real nova and openstack programs many times, quickly: a server process imports them once and forks for each command,
whose main() then talks real HTTP as the program does.

    shell = ClientShell(environment)
    status, stdout, stderr = shell.run("nova list --minimal")
"""
import io
import json
import os
import shlex
import subprocess
import sys


class ClientShell:
    def __init__(self, environment):
        self.server = subprocess.Popen([sys.executable, os.path.abspath(__file__)], env=dict(environment, COLUMNS="400"),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, command, **variables):
        """Of `variables' those that are None are taken out of the environment."""
        json.dump({"words": shlex.split(command), "variables": variables}, self.server.stdin)
        self.server.stdin.write("\n")
        self.server.stdin.flush()
        answer = json.loads(self.server.stdout.readline())
        return answer["status"], answer["stdout"], answer["stderr"]

    def end(self):
        self.server.stdin.close()
        self.server.wait(30)


def preload():
    import novaclient.shell  # noqa: F401
    import novaclient.v2.shell  # noqa: F401
    import openstack  # noqa: F401
    import openstackclient.shell  # noqa: F401
    for name in ("compute.client", "image.client", "identity.client", "network.client", "volume.client", "object.client",
                 "compute.v2.server", "compute.v2.service", "compute.v2.hypervisor", "compute.v2.flavor", "compute.v2.host",
                 "identity.v3.token", "identity.v3.project", "identity.v3.user", "image.v2.image", "common.availability_zone"):
        __import__("openstackclient." + name)


def child(words, variables):
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    sys.argv = words
    status = 0
    try:
        if words[0] == "nova":
            import novaclient.shell
            novaclient.shell.main(words[1:])
        elif words[0] == "openstack":
            import openstackclient.shell
            status = openstackclient.shell.main(words[1:])
        else:
            raise AssertionError("no client " + words[0])
    except SystemExit as end:
        status = end.code
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status or 0))


def run_forked(words, variables):
    files = [os.memfd_create("out"), os.memfd_create("err")]
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(files[0], 1)
            os.dup2(files[1], 2)
            sys.stdout, sys.stderr = io.TextIOWrapper(os.fdopen(1, "wb", 0), write_through=True), io.TextIOWrapper(
                os.fdopen(2, "wb", 0), write_through=True)
            child(words, variables)
        except BaseException:  # as the interpreter would: said, and exit 1
            import traceback
            traceback.print_exc()
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    texts = []
    for file in files:
        os.lseek(file, 0, os.SEEK_SET)
        with os.fdopen(file, "rb") as text:
            texts.append(text.read().decode())
    return {"status": status, "stdout": texts[0], "stderr": texts[1]}


if __name__ == "__main__":
    preload()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run_forked(asked["words"], asked["variables"])), flush=True)
