-- SPDX-License-Identifier: Apache-2.0
-- Statements on hosts, leases, pools and services.

-- :name hosts_all many
-- Without counting their guests, which there are a hundred times as many of.
SELECT r.*, 0 AS running_vms
  FROM host_rows r
 WHERE r.id NOT IN (SELECT x.id FROM hosts x WHERE x.deleted_at IS NOT NULL)
 ORDER BY r.name;

-- :name hosts_page many after limit pattern
-- By name; limit NULL: all that come after.  OFFSET 0: the rest is looked up for the hosts of the page only.
SELECT r.*, (SELECT count(*) FROM claims c WHERE c.host_id = r.id AND c.role = 'H') AS running_vms
  FROM (SELECT h.id FROM hosts h
         WHERE h.deleted_at IS NULL AND ($1::text IS NULL OR h.name > $1::text)
           AND ($3::text IS NULL OR strpos(h.hypervisor_hostname, $3::text) > 0)
         ORDER BY h.name
         LIMIT $2::integer) page
 CROSS JOIN LATERAL (SELECT * FROM host_rows WHERE id = page.id OFFSET 0) r
 ORDER BY r.name;

-- :name host_get_by_name one name
SELECT r.*, (SELECT count(*) FROM claims c WHERE c.host_id = r.id AND c.role = 'H') AS running_vms
  FROM host_rows r
  JOIN hosts x ON x.id = r.id AND x.deleted_at IS NULL
 WHERE r.name = $1;

-- :name host_get_by_uuid one uuid
SELECT r.*, (SELECT count(*) FROM claims c WHERE c.host_id = r.id AND c.role = 'H') AS running_vms
  FROM host_rows r
  JOIN hosts x ON x.id = r.id AND x.deleted_at IS NULL
 WHERE r.uuid = $1::uuid;

-- :name host_get_by_id one id
SELECT r.*, (SELECT count(*) FROM claims c WHERE c.host_id = r.id AND c.role = 'H') AS running_vms
  FROM host_rows r
 WHERE r.id = $1::integer;

-- :name hosts_namesakes many name uuid
SELECT id, name, uuid FROM hosts WHERE name = $1 OR uuid = $2::uuid;

-- :name host_create one name uuid
WITH made AS (
    INSERT INTO hosts (name, uuid) VALUES ($1, $2::uuid) ON CONFLICT DO NOTHING RETURNING id
), leased AS (
    INSERT INTO host_lease (host_id) SELECT id FROM made
)
SELECT id FROM made;

-- :name lease_look one host
-- Before a registration; the lock keeps the holder from renewing meanwhile.
SELECT epoch, boot_id, lease_until > clock_timestamp() AS valid,
       CASE WHEN lease_until > clock_timestamp()
            THEN ceil(extract(epoch FROM lease_until - clock_timestamp()))::integer ELSE 0 END AS left_s
  FROM host_lease WHERE host_id = $1::integer FOR UPDATE;

-- :name lease_take_over one host boot_id seconds
-- From here on every write that carries an older epoch is refused.
UPDATE host_lease l
   SET epoch = l.epoch + 1, boot_id = $2, lease_until = clock_timestamp() + make_interval(secs => $3::integer),
       renewed_at = clock_timestamp(), started_at = clock_timestamp()
  FROM (SELECT host_id, boot_id FROM host_lease WHERE host_id = $1::integer FOR UPDATE) old
 WHERE l.host_id = old.host_id
RETURNING l.epoch, old.boot_id AS old_boot_id;

-- :name host_revive none host
UPDATE hosts SET deleted_at = NULL, updated_at = clock_timestamp() WHERE id = $1::integer AND deleted_at IS NOT NULL;

-- :name host_of_service one service_uuid
SELECT id FROM hosts WHERE service_uuid = $1::uuid AND deleted_at IS NULL;

-- :name host_forget one host
-- With its lease locked: a valid one says that it lives, and only what has one can be booked on.
UPDATE hosts h
   SET deleted_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE h.id = $1::integer AND h.deleted_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM host_lease l WHERE l.host_id = h.id AND l.lease_until > clock_timestamp())
   AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.host_id = h.id)
   AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.host_id = h.id AND i.deleted_at IS NULL)
   AND NOT EXISTS (SELECT 1 FROM operations o
                    WHERE o.finished_at IS NULL AND h.id IN (o.source_host_id, o.dest_host_id, o.owner_host_id))
RETURNING h.id;

-- :name host_leave_aggregates none host
DELETE FROM aggregate_hosts WHERE host_id = $1::integer;

-- :name lease_void none host
-- A daemon that only slept has to register anew.
UPDATE host_lease SET epoch = epoch + 1 WHERE host_id = $1::integer;

-- :name service_forget one uuid down_seconds
DELETE FROM services
 WHERE uuid = $1::uuid AND (seen_at IS NULL OR seen_at < clock_timestamp() - make_interval(secs => $2::integer))
RETURNING id;

-- :name operations_reown none host epoch message evidence
-- Whatever they waited for, the host that must act is here: it looks anew.
WITH mine AS (
    UPDATE operations
       SET owner_epoch = $2::bigint, seq = seq + 1, changed_at = clock_timestamp(), blocked = NULL, blocked_host = NULL
     WHERE owner_host_id = $1::integer AND finished_at IS NULL
    RETURNING id, seq, state, source_host_id
)
INSERT INTO journal (operation, seq, host_id, epoch, actor, from_state, to_state, message, evidence)
SELECT id, seq, $1::integer, $2::bigint, CASE WHEN source_host_id = $1::integer THEN 'source' ELSE 'dest' END, state, state, $3,
       $4::jsonb
  FROM mine;

-- :name host_introduce none host my_ip migration_address hypervisor_hostname
UPDATE hosts
   SET my_ip = COALESCE($2, ''), migration_address = COALESCE($3, $2, ''), hypervisor_hostname = COALESCE($4, name),
       updated_at = clock_timestamp()
 WHERE id = $1::integer
   AND (my_ip, migration_address, hypervisor_hostname) IS DISTINCT FROM (COALESCE($2, ''), COALESCE($3, $2, ''), COALESCE($4, name));

-- :name lease_renew one host epoch seconds health storage_ok
-- Also renews a lease that has run out, as long as nobody has registered since.  The host's row is touched
-- only when its health changes: a heartbeat must not wait for those who book on it.
WITH lease AS (
    UPDATE host_lease
       SET lease_until = clock_timestamp() + make_interval(secs => $3::integer), renewed_at = clock_timestamp()
     WHERE host_id = $1::integer AND epoch = $2::bigint
    RETURNING host_id
), noted AS (
    UPDATE hosts h
       SET health = $4, storage_ok = $5::boolean, updated_at = clock_timestamp()
      FROM lease
     WHERE h.id = lease.host_id AND (h.health, h.storage_ok) IS DISTINCT FROM ($4::text, $5::boolean)
)
SELECT host_id FROM lease;

-- :name lease_release one host epoch
UPDATE host_lease SET lease_until = LEAST(lease_until, clock_timestamp())
 WHERE host_id = $1::integer AND epoch = $2::bigint
RETURNING host_id;

-- :name fence_hold one host epoch
-- Holds the lease against a take-over until the transaction ends.
SELECT host_id FROM host_lease
 WHERE host_id = $1::integer AND epoch = $2::bigint AND lease_until > clock_timestamp()
   FOR SHARE;

-- :name fence_look one host
SELECT h.name, l.epoch, l.lease_until > clock_timestamp() AS valid
  FROM hosts h JOIN host_lease l ON l.host_id = h.id
 WHERE h.id = $1::integer;

-- :name host_lock one host
SELECT id, pool_id FROM hosts WHERE id = $1::integer FOR NO KEY UPDATE;

-- :name pool_get one fsid
SELECT id, kind, total_gb, cap_gb FROM pools WHERE fsid = $1::uuid;

-- :name pool_put one fsid kind total_gb cap_gb
INSERT INTO pools (fsid, kind, total_gb, cap_gb)
VALUES ($1::uuid, $2, $3::bigint, $4::bigint)
ON CONFLICT (fsid) DO UPDATE
   SET kind = EXCLUDED.kind, total_gb = EXCLUDED.total_gb, cap_gb = GREATEST(EXCLUDED.cap_gb, pools.used_gb),
       updated_at = clock_timestamp()
RETURNING id;

-- :name host_report none host hypervisor_hostname hypervisor_type hypervisor_version libvirt_version cpu_info cpu_xml machines vcpus memory_mb reserved_vcpus reserved_memory_mb reserved_disk_gb cpu_ratio ram_ratio disk_ratio cap_vcpus cap_memory_mb pool pool_free_gb max_migrations
-- A capacity below what is claimed becomes what is claimed: the host gets nothing new until it drains.
UPDATE hosts
   SET hypervisor_hostname = COALESCE($2, hypervisor_hostname), hypervisor_type = COALESCE($3, hypervisor_type),
       hypervisor_version = $4::integer, libvirt_version = $5::integer, cpu_info = COALESCE($6::jsonb, '{}'), cpu_xml = $7,
       machines = COALESCE($8, ''), vcpus = $9::integer, memory_mb = $10::bigint, reserved_vcpus = $11::integer,
       reserved_memory_mb = $12::bigint, reserved_disk_gb = $13::bigint,
       cpu_ratio = $14::double precision, ram_ratio = $15::double precision, disk_ratio = $16::double precision,
       cap_vcpus = GREATEST($17::integer, used_vcpus), cap_memory_mb = GREATEST($18::bigint, used_memory_mb),
       pool_id = COALESCE($19::integer, pool_id),
       pool_free_gb = CASE WHEN $19::integer IS NULL THEN pool_free_gb ELSE $20::bigint END, max_migrations = $21::integer, updated_at = clock_timestamp()
 WHERE id = $1::integer;

-- :name host_set_disabled one name disabled reason
UPDATE hosts
   SET disabled = $2::boolean, disabled_reason = CASE WHEN $2::boolean THEN $3 END, updated_at = clock_timestamp()
 WHERE name = $1
RETURNING id;

-- :name host_rename one name new_name
-- Only while no daemon serves it and nothing is being done with it.
UPDATE hosts h
   SET name = $2, updated_at = clock_timestamp()
 WHERE h.name = $1
   AND NOT EXISTS (SELECT FROM host_lease l WHERE l.host_id = h.id AND l.lease_until > clock_timestamp())
   AND NOT EXISTS (SELECT FROM operations o
                    WHERE o.finished_at IS NULL AND (o.source_host_id = h.id OR o.dest_host_id = h.id))
RETURNING id;

-- :name host_set_forced_down one name forced_down
UPDATE hosts SET forced_down = $2::boolean, updated_at = clock_timestamp() WHERE name = $1 RETURNING id;

-- :name host_usage many host
SELECT project_id, sum(vcpus)::bigint AS vcpus, sum(memory_mb)::bigint AS memory_mb,
       sum(root_gb + ephemeral_gb)::bigint AS disk_gb
  FROM instances
 WHERE host_id = $1::integer AND deleted_at IS NULL
 GROUP BY project_id
 ORDER BY project_id;

-- :name service_beat none binary host
INSERT INTO services (binary_name, host, seen_at)
VALUES ($1, $2, clock_timestamp())
ON CONFLICT (binary_name, host) DO UPDATE SET seen_at = EXCLUDED.seen_at;

-- :name services_all many host binary down_seconds
-- In the order of bytes: comparing names by a locale would take longer than all the rest.
SELECT * FROM (
    SELECT h.service_id AS id, h.service_uuid AS uuid, 'nova-compute' AS binary_name, h.name AS host, h.zone, h.disabled,
           h.disabled_reason, h.forced_down,
           COALESCE(l.lease_until > clock_timestamp(), false) AND NOT h.forced_down AS up,
           nova_usec(l.renewed_at) AS updated_us, h.health
      FROM hosts h LEFT JOIN host_lease l ON l.host_id = h.id
     WHERE h.deleted_at IS NULL
    UNION ALL
    SELECT id, uuid, binary_name, host, zone, disabled, disabled_reason, false,
           COALESCE(seen_at > clock_timestamp() - make_interval(secs => $3::integer), false),
           nova_usec(seen_at), NULL
      FROM services) s
 WHERE ($1::text IS NULL OR host = $1::text) AND ($2::text IS NULL OR binary_name = $2::text)
 ORDER BY binary_name COLLATE "C", host COLLATE "C";

-- :name cloud_free one
-- What the hosts have free that may get guests; a file system is counted once however many of them share it.
WITH seen AS MATERIALIZED (
    SELECT h.cap_vcpus - h.used_vcpus AS vcpus, h.cap_memory_mb - h.used_memory_mb AS memory_mb, h.pool_id, h.disabled,
           COALESCE(l.lease_until > clock_timestamp(), false) AND NOT h.forced_down AS up
      FROM hosts h LEFT JOIN host_lease l ON l.host_id = h.id
)
SELECT count(*) FILTER (WHERE up AND NOT disabled) AS up, count(*) FILTER (WHERE NOT up AND NOT disabled) AS down,
       count(*) FILTER (WHERE disabled) AS disabled,
       COALESCE(sum(vcpus) FILTER (WHERE up AND NOT disabled), 0)::bigint AS vcpus,
       COALESCE(sum(memory_mb) FILTER (WHERE up AND NOT disabled), 0)::bigint AS memory_mb,
       (SELECT COALESCE(sum(p.cap_gb - p.used_gb), 0)::bigint FROM pools p
         WHERE p.id IN (SELECT s.pool_id FROM seen s WHERE s.up AND NOT s.disabled)) AS disk_gb
  FROM seen;
