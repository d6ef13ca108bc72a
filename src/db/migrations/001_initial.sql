-- SPDX-License-Identifier: Apache-2.0
-- The first schema.  Times are timestamptz by the database's clock.  Public ids are uuids; the integer
-- operations.id is the migration id of the API.  Names of states are those of src/model/flow.c and
-- src/model/instance.c; a test compares the CHECK lists below with those tables.

CREATE SEQUENCE service_ids;

-- Times leave the database as microseconds since 1970.
CREATE FUNCTION nova_usec(at timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;

-- A file system that holds instance directories.  However many hosts share it, its space is one row:
-- a guest's disk is counted once and not a second time while the guest moves.
CREATE TABLE pools (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fsid        uuid NOT NULL UNIQUE,           -- content of .nova-lite-fsid on it
    kind        text NOT NULL,
    total_gb    bigint NOT NULL CHECK (total_gb >= 0),
    cap_gb      bigint NOT NULL CHECK (cap_gb >= 0),
    used_gb     bigint NOT NULL DEFAULT 0 CHECK (used_gb BETWEEN 0 AND cap_gb),
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- used_* and outgoing/incoming change only in the transaction that changes the claim (or holds_slots of
-- the operation) behind them.
CREATE TABLE hosts (
    id                  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                text NOT NULL UNIQUE,
    uuid                uuid NOT NULL UNIQUE,   -- libvirt's host UUID
    service_id          integer NOT NULL UNIQUE DEFAULT nextval('service_ids'),
    service_uuid        uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    zone                text NOT NULL DEFAULT 'nova',
    my_ip               text NOT NULL DEFAULT '',
    migration_address   text NOT NULL DEFAULT '',
    hypervisor_hostname text NOT NULL DEFAULT '',
    hypervisor_type     text NOT NULL DEFAULT 'QEMU',
    hypervisor_version  integer NOT NULL DEFAULT 0,
    libvirt_version     integer NOT NULL DEFAULT 0,
    cpu_info            jsonb NOT NULL DEFAULT '{}',
    cpu_xml             text,
    machines            text NOT NULL DEFAULT '',
    disabled            boolean NOT NULL DEFAULT false,
    disabled_reason     text,
    forced_down         boolean NOT NULL DEFAULT false,
    fence_wanted_at     timestamptz,
    fence_confirmed_at  timestamptz,
    storage_ok          boolean NOT NULL DEFAULT true,
    health              text,                   -- NULL: healthy
    vcpus               integer NOT NULL DEFAULT 0,
    memory_mb           bigint NOT NULL DEFAULT 0,
    reserved_vcpus      integer NOT NULL DEFAULT 0,
    reserved_memory_mb  bigint NOT NULL DEFAULT 0,
    reserved_disk_gb    bigint NOT NULL DEFAULT 0,
    cpu_ratio           double precision NOT NULL DEFAULT 1.0,
    ram_ratio           double precision NOT NULL DEFAULT 1.0,
    disk_ratio          double precision NOT NULL DEFAULT 1.0,
    cap_vcpus           integer NOT NULL DEFAULT 0 CHECK (cap_vcpus >= 0),
    used_vcpus          integer NOT NULL DEFAULT 0 CHECK (used_vcpus BETWEEN 0 AND cap_vcpus),
    cap_memory_mb       bigint NOT NULL DEFAULT 0 CHECK (cap_memory_mb >= 0),
    used_memory_mb      bigint NOT NULL DEFAULT 0 CHECK (used_memory_mb BETWEEN 0 AND cap_memory_mb),
    pool_id             integer REFERENCES pools,
    pool_free_gb        bigint NOT NULL DEFAULT 0, -- as last measured, for people
    max_migrations      integer NOT NULL DEFAULT 1, -- per direction; 0: no limit
    outgoing            integer NOT NULL DEFAULT 0 CHECK (outgoing >= 0),
    incoming            integer NOT NULL DEFAULT 0 CHECK (incoming >= 0),
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz
) WITH (fillfactor = 70);

CREATE INDEX hosts_by_pool ON hosts (pool_id);

-- Liveness, apart from the counters: a heartbeat must not wait behind a claim.
CREATE TABLE host_lease (
    host_id     integer PRIMARY KEY REFERENCES hosts,
    epoch       bigint NOT NULL DEFAULT 0,      -- +1 at every start of the daemon
    boot_id     text NOT NULL DEFAULT '',
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    renewed_at  timestamptz,
    started_at  timestamptz
) WITH (fillfactor = 50);

-- Controller services; a compute service is its host's row.
CREATE TABLE services (
    id          integer PRIMARY KEY DEFAULT nextval('service_ids'),
    uuid        uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    binary_name text NOT NULL,
    host        text NOT NULL,
    zone        text NOT NULL DEFAULT 'internal',
    disabled    boolean NOT NULL DEFAULT false,
    disabled_reason text,
    seen_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (binary_name, host)
) WITH (fillfactor = 50);

CREATE TABLE flavors (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flavorid     text NOT NULL UNIQUE,
    name         text NOT NULL UNIQUE,
    vcpus        integer NOT NULL CHECK (vcpus > 0),
    memory_mb    bigint NOT NULL CHECK (memory_mb > 0),
    root_gb      bigint NOT NULL CHECK (root_gb >= 0),
    ephemeral_gb bigint NOT NULL DEFAULT 0 CHECK (ephemeral_gb >= 0),
    swap_mb      bigint NOT NULL DEFAULT 0 CHECK (swap_mb >= 0),
    rxtx_factor  double precision NOT NULL DEFAULT 1.0,
    is_public    boolean NOT NULL DEFAULT true,
    disabled     boolean NOT NULL DEFAULT false,
    description  text,
    extra_specs  jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE images (
    id               uuid PRIMARY KEY,
    name             text NOT NULL,
    status           text NOT NULL DEFAULT 'active',
    disk_format      text NOT NULL CHECK (disk_format IN ('qcow2', 'raw')),
    container_format text NOT NULL DEFAULT 'bare',
    visibility       text NOT NULL DEFAULT 'public',
    owner            text NOT NULL DEFAULT '',
    size             bigint NOT NULL,
    virtual_size     bigint NOT NULL,
    checksum         text NOT NULL,             -- SHA-256, hex
    min_disk         integer NOT NULL DEFAULT 0,
    min_ram          integer NOT NULL DEFAULT 0,
    file             text NOT NULL,
    properties       jsonb NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE networks (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    label      text NOT NULL UNIQUE,
    cidr       cidr NOT NULL,
    gateway    inet,
    bridge     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE instances (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            uuid NOT NULL UNIQUE,
    project_id      text NOT NULL,
    user_id         text NOT NULL,
    display_name    text NOT NULL,
    description     text,
    hostname        text NOT NULL,
    vm_state        text NOT NULL
        CONSTRAINT instances_vm_state CHECK (vm_state IN ('building', 'active', 'paused', 'stopped', 'error', 'deleted')),
    power_state     smallint NOT NULL DEFAULT 0,
    wanted_power    boolean NOT NULL DEFAULT true,
    delete_requested boolean NOT NULL DEFAULT false,
    delete_request_id text,                     -- request that asked for it
    token           bigint NOT NULL DEFAULT 0,
    host_id         integer REFERENCES hosts,
    flavor_id       bigint NOT NULL,
    flavorid        text NOT NULL,
    flavor_name     text NOT NULL,
    vcpus           integer NOT NULL,
    memory_mb       bigint NOT NULL,
    root_gb         bigint NOT NULL,
    ephemeral_gb    bigint NOT NULL,
    swap_mb         bigint NOT NULL,
    extra_specs     jsonb NOT NULL DEFAULT '{}',
    image_id        uuid NOT NULL,
    machine         text,
    metadata        jsonb NOT NULL DEFAULT '{}',
    tags            jsonb NOT NULL DEFAULT '[]',
    key_name        text,
    user_data       text,
    config_drive    text NOT NULL DEFAULT '',
    reservation_id  text NOT NULL,
    launch_index    integer NOT NULL DEFAULT 0,
    access_ip_v4    inet,
    access_ip_v6    inet,
    fault_code      integer,
    fault_message   text,
    fault_details   text,
    fault_at        timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    launched_at     timestamptz,
    terminated_at   timestamptz,
    deleted_at      timestamptz
) WITH (fillfactor = 80);
CREATE INDEX instances_by_project ON instances (project_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_created ON instances (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_host ON instances (host_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_name ON instances (display_name) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_updated ON instances (updated_at);

CREATE TABLE addresses (
    network_id  integer NOT NULL REFERENCES networks,
    address     inet NOT NULL,
    mac         macaddr NOT NULL,
    instance    uuid REFERENCES instances (uuid),
    PRIMARY KEY (network_id, address)
);
CREATE INDEX addresses_by_instance ON addresses (instance) WHERE instance IS NOT NULL;
CREATE INDEX addresses_free ON addresses (network_id, address) WHERE instance IS NULL;

CREATE TABLE operations (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    kind            text NOT NULL
        CONSTRAINT operations_kind CHECK (kind IN ('build', 'delete', 'start', 'stop', 'reboot-soft', 'reboot-hard',
                                                   'live-migration')),
    state           text NOT NULL
        CONSTRAINT operations_state CHECK (state IN ('requested', 'claimed', 'checked', 'preparing', 'prepared', 'migrating',
            'switched', 'cleaning', 'rollback', 'spawning', 'undoing', 'deleting', 'starting', 'stopping', 'rebooting',
            'rebooting-hard', 'done', 'failed', 'cancelled', 'error')),
    seq             integer NOT NULL DEFAULT 0,
    instance        uuid NOT NULL REFERENCES instances (uuid),
    project_id      text NOT NULL,
    user_id         text NOT NULL,
    request_id      text NOT NULL,
    source_host_id  integer REFERENCES hosts,
    dest_host_id    integer REFERENCES hosts,
    requested_host  text,
    owner_host_id   integer REFERENCES hosts,   -- who must act; NULL: a scheduler, or nobody
    owner_epoch     bigint NOT NULL DEFAULT 0,
    abort_requested boolean NOT NULL DEFAULT false,
    force_requested boolean NOT NULL DEFAULT false,
    strict          boolean NOT NULL DEFAULT true,
    pre_power       smallint NOT NULL DEFAULT 1,
    holds_slots     boolean NOT NULL DEFAULT false, -- counted in hosts.outgoing and hosts.incoming
    attempts        integer NOT NULL DEFAULT 0,
    blocked         text
        CONSTRAINT operations_blocked CHECK (blocked IN ('source host unreachable', 'destination host unreachable',
            'hypervisor not answering', 'storage not answering', 'database refused the flip', 'fencing awaited')),
    blocked_host    text,
    reason          text,
    trace           jsonb,                      -- the scheduler's last decision: every host and why (not)
    not_before      timestamptz,
    downtime_ms     bigint,
    total_ms        bigint,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    CONSTRAINT operations_finished CHECK ((state IN ('done', 'failed', 'cancelled', 'error')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 70);
-- One active operation per instance: this index is what makes a second request a 409.
CREATE UNIQUE INDEX operations_one_active ON operations (instance) WHERE finished_at IS NULL;
CREATE INDEX operations_by_owner ON operations (owner_host_id) WHERE finished_at IS NULL;
CREATE INDEX operations_for_scheduler ON operations (changed_at) WHERE finished_at IS NULL AND owner_host_id IS NULL;
CREATE INDEX operations_by_instance ON operations (instance, id DESC);
CREATE INDEX operations_by_source ON operations (source_host_id, id DESC);
CREATE INDEX operations_by_dest ON operations (dest_host_id, id DESC);
CREATE INDEX operations_by_kind ON operations (kind, created_at DESC, id DESC);
CREATE INDEX operations_by_created ON operations (created_at DESC, id DESC);

-- Hosts an operation has tried in vain; forgotten with the operation.
CREATE TABLE attempts (
    operation   bigint NOT NULL REFERENCES operations,
    host_id     integer NOT NULL REFERENCES hosts,
    reason      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (operation, host_id)
);

CREATE TABLE journal (
    operation   bigint NOT NULL REFERENCES operations,
    seq         integer NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    host_id     integer REFERENCES hosts,
    epoch       bigint,
    actor       text NOT NULL,
    from_state  text NOT NULL,
    to_state    text NOT NULL,
    message     text,
    evidence    jsonb,
    PRIMARY KEY (operation, seq)
);

-- Progress of running copies: written often, worth nothing after a crash.
CREATE UNLOGGED TABLE progress (
    operation        bigint PRIMARY KEY,
    memory_total     bigint NOT NULL DEFAULT 0,
    memory_processed bigint NOT NULL DEFAULT 0,
    memory_remaining bigint NOT NULL DEFAULT 0,
    disk_total       bigint NOT NULL DEFAULT 0,
    disk_processed   bigint NOT NULL DEFAULT 0,
    disk_remaining   bigint NOT NULL DEFAULT 0,
    percent          smallint NOT NULL DEFAULT 0,
    iteration        integer NOT NULL DEFAULT 0,
    dirty_rate       bigint NOT NULL DEFAULT 0, -- bytes per second
    rate             bigint NOT NULL DEFAULT 0, -- bytes per second
    expected_downtime_ms bigint NOT NULL DEFAULT 0,
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- What each instance holds on a host.  H: home, I: incoming, O: outgoing.  Every change goes together
-- with the host's counters in one transaction.
CREATE TABLE claims (
    instance    uuid NOT NULL REFERENCES instances (uuid),
    host_id     integer NOT NULL REFERENCES hosts,
    role        "char" NOT NULL CHECK (role IN ('H', 'I', 'O')),
    operation   bigint REFERENCES operations,
    vcpus       integer NOT NULL,
    memory_mb   bigint NOT NULL,
    PRIMARY KEY (instance, host_id),
    UNIQUE (instance, role)
);
CREATE INDEX claims_by_host ON claims (host_id);

CREATE TABLE disk_claims (
    instance    uuid NOT NULL REFERENCES instances (uuid),
    pool_id     integer NOT NULL REFERENCES pools,
    disk_gb     bigint NOT NULL,
    PRIMARY KEY (instance, pool_id)
);

-- ---- rows as the programs read them ----

CREATE VIEW host_rows AS
SELECT h.id, h.name, h.uuid, h.service_id, h.service_uuid, h.zone, h.my_ip, h.migration_address,
       h.hypervisor_hostname, h.hypervisor_type, h.hypervisor_version, h.libvirt_version, h.cpu_info, h.cpu_xml,
       h.machines, h.disabled, h.disabled_reason, h.forced_down, h.storage_ok, h.health,
       h.vcpus, h.memory_mb, h.reserved_vcpus, h.reserved_memory_mb, h.reserved_disk_gb,
       h.cpu_ratio, h.ram_ratio, h.disk_ratio, h.max_migrations,
       h.cap_vcpus, h.used_vcpus, h.cap_memory_mb, h.used_memory_mb, h.outgoing, h.incoming,
       h.pool_id, h.pool_free_gb, p.fsid AS pool_fsid, p.kind AS pool_kind, p.total_gb AS pool_total_gb,
       p.cap_gb AS pool_cap_gb, p.used_gb AS pool_used_gb,
       EXISTS (SELECT 1 FROM hosts x WHERE x.pool_id = h.pool_id AND x.id <> h.id) AS pool_shared,
       COALESCE(l.epoch, 0) AS epoch, COALESCE(l.boot_id, '') AS boot_id,
       COALESCE(l.lease_until > clock_timestamp(), false) AND NOT h.forced_down AS up,
       nova_usec(l.renewed_at) AS seen_us
  FROM hosts h
  LEFT JOIN host_lease l ON l.host_id = h.id
  LEFT JOIN pools p ON p.id = h.pool_id;

-- created_at, updated_at, launched_at, terminated_at and deleted_at are there for conditions and order.
CREATE VIEW instance_rows AS
SELECT i.id, i.uuid, i.project_id, i.user_id, i.display_name, i.description, i.hostname, i.vm_state,
       i.power_state, i.wanted_power, i.delete_requested, i.token, i.host_id, h.name AS host,
       h.hypervisor_hostname AS node, COALESCE(h.zone, '') AS zone,
       i.flavor_id, i.flavorid, i.flavor_name, i.vcpus, i.memory_mb, i.root_gb, i.ephemeral_gb, i.swap_mb,
       i.extra_specs, i.image_id, i.machine, i.metadata, i.tags, i.key_name, i.user_data, i.config_drive,
       i.reservation_id, i.launch_index, host(i.access_ip_v4) AS access_ip_v4, host(i.access_ip_v6) AS access_ip_v6,
       i.fault_code, i.fault_message, i.fault_details, nova_usec(i.fault_at) AS fault_us,
       nova_usec(i.created_at) AS created_us, nova_usec(i.updated_at) AS updated_us,
       nova_usec(i.launched_at) AS launched_us, nova_usec(i.terminated_at) AS terminated_us,
       nova_usec(i.deleted_at) AS deleted_us,
       o.id AS op_id, o.kind AS op_kind, o.state AS op_state, COALESCE(p.percent, 0) AS op_percent,
       (SELECT string_agg(concat_ws(E'\t', n.label, host(a.address), family(a.address), a.mac, n.bridge), E'\n'
                          ORDER BY a.network_id, a.address)
          FROM addresses a JOIN networks n ON n.id = a.network_id
         WHERE a.instance = i.uuid) AS addresses,
       i.created_at, i.updated_at, i.launched_at, i.terminated_at, i.deleted_at
  FROM instances i
  LEFT JOIN hosts h ON h.id = i.host_id
  LEFT JOIN operations o ON o.instance = i.uuid AND o.finished_at IS NULL
  LEFT JOIN progress p ON p.operation = o.id;

CREATE VIEW operation_rows AS
SELECT o.id, o.uuid, o.kind, o.state, o.seq, o.instance, o.project_id, o.user_id, o.request_id,
       o.source_host_id, o.dest_host_id, s.name AS source_host, d.name AS dest_host,
       s.hypervisor_hostname AS source_node, d.hypervisor_hostname AS dest_node,
       s.migration_address AS source_address, d.migration_address AS dest_address,
       o.requested_host, o.owner_host_id, o.owner_epoch, o.abort_requested, o.force_requested, o.strict,
       o.pre_power, o.attempts, o.blocked, o.blocked_host, o.reason, nova_usec(o.not_before) AS not_before_us,
       o.downtime_ms, o.total_ms, nova_usec(o.created_at) AS created_us, nova_usec(o.changed_at) AS changed_us,
       nova_usec(o.finished_at) AS finished_us,
       p.memory_total, p.memory_processed, p.memory_remaining, p.disk_total, p.disk_processed, p.disk_remaining,
       p.rate, p.dirty_rate, p.iteration, p.percent, i.flavor_id, o.not_before, o.created_at, o.changed_at, o.finished_at
  FROM operations o
  JOIN instances i ON i.uuid = o.instance
  LEFT JOIN hosts s ON s.id = o.source_host_id
  LEFT JOIN hosts d ON d.id = o.dest_host_id
  LEFT JOIN progress p ON p.operation = o.id;
