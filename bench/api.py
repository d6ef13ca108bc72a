# SPDX-License-Identifier: Apache-2.0
"""Reading through the API, beside what it is made of: an HTTP server that does nothing, and the same statements without the API.

The floor of one server is 1/(1/E + 1/P): E, requests/s of an empty libmicrohttpd handler with the same threads; P, of pgbench with the
statement the API uses.  The floor of a list is the same SELECT in psql.  Each figure is a median over rounds in which floor and ours
follow each other, so that both have seen the same machine; only their ratio says something when it is not quiet.
"""
import argparse
import os
import re
import statistics
import subprocess
import tempfile

from private import BUILD, Private
from figures import table

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=int, default=2, help="of each run")
parser.add_argument("--servers", type=int, default=1000000)
parser.add_argument("--hosts", type=int, default=10000)
options, _ = parser.parse_known_args()
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FEW, WORKERS = 1000, 4
HEADERS = ["-H", "X-Auth-Token: bench", "-H", "OpenStack-API-Version: compute 2.87"]
UUID_OF = "('00000000-0000-4000-8000-' || lpad(to_hex(%s), 12, '0'))::uuid"

HOSTS = """
INSERT INTO pools (fsid, kind, total_gb, cap_gb) VALUES (gen_random_uuid(), 'nfs', 10000000, 10000000);
INSERT INTO hosts (name, uuid, hypervisor_hostname, my_ip, pool_id, vcpus, memory_mb, cap_vcpus, cap_memory_mb, cpu_info, cpu_xml)
SELECT format('host-%%s', n), gen_random_uuid(), format('host-%%s', n), '192.0.2.1', 1, 64, 262144, 256, 262144,
       '{"arch": "x86_64", "model": "EPYC", "vendor": "AMD", "features": [], "topology": {"sockets": 2, "cores": 16, "threads": 2}}', NULL
  FROM generate_series(1, %(hosts)d) n;
INSERT INTO host_lease (host_id, epoch, lease_until, renewed_at) SELECT id, 1, 'infinity', now() FROM hosts;
INSERT INTO networks (label, cidr, bridge) VALUES ('private', '10.0.0.0/8', 'br100');
"""
# Servers FROM to TO; what is indexed is made again afterwards, which is much faster.
SERVERS = """
SET session_replication_role = replica; SET maintenance_work_mem = '256MB';
CREATE TEMP TABLE later AS SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS def FROM pg_index
 WHERE indrelid IN ('instances'::regclass, 'claims'::regclass, 'addresses'::regclass)
   AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = indexrelid);
DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE 'DROP INDEX ' || i.name; END LOOP; END $$;
INSERT INTO instances (uuid, project_id, user_id, display_name, hostname, vm_state, power_state, host_id, flavor_id, flavorid,
                       flavor_name, vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb, image_id, reservation_id, metadata, tags,
                       created_at, updated_at, launched_at)
SELECT %(uuid)s, 'default', 'admin', 'vm-' || n, 'vm-' || n, 'active', 1, n %% %(hosts)d + 1, 1, '1', 'm1.tiny', 1, 512, 1, 0, 0,
       gen_random_uuid(), 'r-' || n, '{"role": "bench"}', '["blue"]', at, at, at
  FROM (SELECT n, now() - (%(to)d - n) * interval '1 s' AS at FROM generate_series(%(from)d, %(to)d) n) s;
INSERT INTO claims (instance, host_id, role, vcpus, memory_mb)
SELECT uuid, host_id, 'H', 1, 512 FROM instances WHERE id >= %(from)d;
INSERT INTO addresses (network_id, address, mac, instance)
SELECT 1, '10.0.0.0'::inet + n, ('fa163e' || lpad(to_hex(n & 16777215), 6, '0'))::macaddr, %(uuid)s
  FROM generate_series(%(from)d, %(to)d) n;
DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE i.def; END LOOP; END $$;
VACUUM ANALYZE;
"""
LIST = ("SELECT i.* FROM instance_rows i WHERE i.project_id = 'default' AND i.deleted_at IS NULL"
        " ORDER BY i.created_at DESC, i.id DESC LIMIT 1000")


def statement(name, *values):
    """A statement of the catalogue with values for its parameters."""
    for file in ("instances", "hosts"):
        with open(os.path.join(TOP, "src/db/queries", file + ".sql")) as text:
            found = re.search(r"^-- :name %s .*?\n(.*?);$" % name, text.read(), re.S | re.M)
        if found:
            return re.sub(r"\$(\d+)", lambda match: values[int(match.group(1)) - 1],
                          re.sub(r"^--.*\n", "", found.group(1), flags=re.M))
    raise RuntimeError("no statement " + name)


def run(*words, **more):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def wrk(url, clients, script=None):
    """Requests/s, and the median latency in ms."""
    out = run("wrk", "-t1", "-c%d" % clients, "-d%ds" % options.seconds, "--timeout", "20s", "--latency", *HEADERS,
              *(["-s", script] if script else []), url)
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(out)
    value, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def pgbench(postgres, clients):
    """Transactions/s of the statement behind GET /servers/{id}."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        os.chmod(script.name, 0o644)
        script.write("\\set n random(1, %d)\n%s;\n" %
                     (FEW, statement("instance_get", UUID_OF % ":n::integer", "'default'", "false").replace("\n", " ")))
        script.flush()
        out = run(postgres.bin / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(options.seconds),
                  "-f", script.name, env=postgres.environment(), stderr=subprocess.DEVNULL)
    return float(re.search(r"tps = ([\d.]+)", out).group(1))


def psql(postgres, sql, times=20):
    """Median ms of a SELECT as psql sees it, the rows thrown away."""
    out = postgres.psql("\\timing on\n\\o /dev/null\n" + (sql + ";\n") * times)
    return statistics.median(float(ms) for ms in re.findall(r"Time: ([\d.]+) ms", out))


def rounds(*what):
    """Each of these in turn, several times over; their medians."""
    seen = [[measure() for measure in what] for _ in range(options.rounds)]
    return [statistics.median(column) for column in zip(*seen)]


def one_server(private, floor_url, rows):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('local n = 0\nfunction request()\n n = n %% %d + 1\n return wrk.format("GET", string.format('
                     '"/v2.1/servers/00000000-0000-4000-8000-%%012x", n))\nend\n' % FEW)
        script.flush()
        for clients in (1, 8):
            e, p, ours = rounds(lambda: wrk(floor_url, clients)[0], lambda: pgbench(private.postgres, clients),
                                lambda: wrk(private.api.url, clients, script.name)[0])
            floor = 1 / (1 / e + 1 / p)
            rows.append(("GET /servers/{id}, %d client%s, requests/s" % (clients, "s"[:clients > 1]), "%.0f" % ours,
                         "%.0f (E %.0f, P %.0f)" % (floor, e, p), "%.0f %%" % (100 * ours / floor), ">= 60 %, >= 3000/s"))


def one_list(private, path, sql, goal, rows, note=""):
    floor, ours = rounds(lambda: psql(private.postgres, sql), lambda: wrk(private.api.url + "/v2.1" + path, 1)[1])
    rows.append(("GET %s%s, ms" % (path, note), "%.1f" % ours, "%.1f" % floor, "%.2f x" % (ours / floor), goal))


def main():
    rows = []
    with Private() as private, subprocess.Popen([os.path.join(BUILD, "bench/floor_http"), str(WORKERS)], stdout=subprocess.PIPE,
                                                text=True) as floor:
        try:
            floor_url = "http://127.0.0.1:%d/" % int(floor.stdout.readline())
            filled = {"hosts": options.hosts, "uuid": UUID_OF % "n::integer"}
            private.postgres.psql(HOSTS % filled + SERVERS % dict(filled, **{"from": 1, "to": FEW}))
            one_server(private, floor_url, rows)
            one_list(private, "/servers/detail?limit=1000", LIST, "<= 25, <= 3 x", rows, ", %d servers" % FEW)
            if options.servers > FEW:
                private.postgres.psql(SERVERS % dict(filled, **{"from": FEW + 1, "to": options.servers}))
                one_list(private, "/servers/detail?limit=1000", LIST, "<= 25, <= 3 x", rows, ", %d servers" % options.servers)
            one_list(private, "/os-services", statement("services_all", "NULL", "NULL", "30"), "<= 80", rows,
                     " of %d hosts" % options.hosts)
            one_list(private, "/os-hypervisors/detail?limit=1000", statement("hosts_page", "NULL", "1000", "NULL"), "<= 25", rows)
        finally:
            floor.kill()
    print("\nreading through the API: medians of %d rounds" % options.rounds)
    table(("", "nova-lite", "floor", "ratio", "goal"), rows)


main()
