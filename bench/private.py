# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL and a nova-lite-api on it, for measurements that need no lab."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

BUILD = os.environ["NOVA_LITE_BINDIR"]
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postgres:
    """As delivered, but for fsync, which no measured statement waits for, and the journal's level: the data are made here."""
    def __init__(self, directory):
        self.bin = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self.directory, self.port = directory, free_port()
        data = os.path.join(directory, "data")
        if AS_POSTGRES:
            shutil.chown(directory, "postgres")
        subprocess.run([*AS_POSTGRES, self.bin / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                        "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=directory)
        options = {"fsync": "off", "max_connections": "120", "listen_addresses": "127.0.0.1", "wal_level": "minimal",
                   "max_wal_senders": "0", "max_wal_size": "8GB", "autovacuum": "off"}
        self.process = subprocess.Popen(
            [*AS_POSTGRES, self.bin / "postgres", "-D", data, "-k", directory, "-p", str(self.port)] +
            [word for name, value in options.items() for word in ("-c", name + "=" + value)],
            cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", directory, "-p", str(self.port)]).returncode:
            if self.process.poll() is not None:
                raise RuntimeError("PostgreSQL ended at once")
            time.sleep(0.1)
        self.psql("CREATE DATABASE nova", database="postgres")

    def environment(self, database="nova"):
        return dict(os.environ, PGHOST=self.directory, PGPORT=str(self.port), PGUSER="postgres", PGDATABASE=database)

    def psql(self, sql, *options, database="nova"):
        return subprocess.run([self.bin / "psql", "-qXAtv", "ON_ERROR_STOP=1", *options], input=sql, text=True, check=True,
                              stdout=subprocess.PIPE, env=self.environment(database)).stdout

    def uri(self):
        return "postgresql://postgres@/nova?host=%s&port=%d" % (self.directory, self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class PrivateApi:
    """nova-lite-api without a broker: reading needs none."""
    def __init__(self, directory, postgres, workers=4):
        self.port = free_port()
        conf = os.path.join(directory, "nova-lite.conf")
        with open(conf, "w") as out:
            out.write("[DEFAULT]\nhost = bench\nmy_ip = 127.0.0.1\nosapi_compute_listen = 127.0.0.1\n"
                      "osapi_compute_listen_port = %d\nosapi_compute_workers = %d\ntransport_url = rabbit://guest:guest@127.0.0.1:1/\n"
                      "log_file = %s/api.log\n[database]\nconnection = %s\n" % (self.port, workers, directory, postgres.uri()))
        subprocess.run([os.path.join(BUILD, "nova-lite-manage"), "--config-file", conf, "db", "sync"], check=True,
                       stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([os.path.join(BUILD, "nova-lite-api"), "--config-file", conf])
        self.url = "http://127.0.0.1:%d" % self.port
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(self.url + "/").close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("nova-lite-api does not answer; see %s/api.log" % directory)
                time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Private:
    """Both, in a directory that goes with them."""
    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="nova-bench-")
        os.chmod(self.directory, 0o755)
        self.postgres = Postgres(tempfile.mkdtemp(dir=self.directory))
        self.api = PrivateApi(self.directory, self.postgres)
        return self

    def __exit__(self, *_):
        self.api.stop()
        self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
