-- SPDX-License-Identifier: Apache-2.0
-- Statements on claims.  A claim and the counter it stands for change in one statement, so that neither can
-- be forgotten; the CHECKs on hosts and pools turn a mistake into an error instead of over-commitment.

-- :name claim_host one instance host role operation vcpus memory_mb
-- Everything that makes a host unfit is checked again here: the scheduler chose by numbers that may be old.
WITH booked AS (
    UPDATE hosts h
       SET used_vcpus = h.used_vcpus + $5::integer, used_memory_mb = h.used_memory_mb + $6::bigint
     WHERE h.id = $2::integer AND NOT h.disabled AND NOT h.forced_down AND h.storage_ok AND h.health IS NULL
       AND h.fence_wanted_at IS NULL AND h.fence_confirmed_at IS NULL
       AND h.cap_vcpus - h.used_vcpus >= $5::integer AND h.cap_memory_mb - h.used_memory_mb >= $6::bigint
       AND EXISTS (SELECT 1 FROM host_lease l WHERE l.host_id = h.id AND l.lease_until > clock_timestamp())
    RETURNING h.id, h.pool_id
), claimed AS (
    INSERT INTO claims (instance, host_id, role, operation, vcpus, memory_mb)
    SELECT $1::uuid, id, $3::"char", $4::bigint, $5::integer, $6::bigint FROM booked
)
SELECT id, pool_id FROM booked;

-- :name claim_disk one instance pool disk_gb
WITH booked AS (
    UPDATE pools
       SET used_gb = used_gb + $3::bigint, updated_at = clock_timestamp()
     WHERE id = $2::integer AND cap_gb - used_gb >= $3::bigint
    RETURNING id
)
INSERT INTO disk_claims (instance, pool_id, disk_gb)
SELECT $1::uuid, id, $3::bigint FROM booked
RETURNING pool_id;

-- :name claims_lock_hosts many instance operation
-- Whatever a transaction is about to release, it holds the hosts concerned in id order first.
SELECT h.id
  FROM hosts h
 WHERE h.id IN (SELECT c.host_id FROM claims c WHERE c.instance = $1::uuid
                UNION
                SELECT unnest(ARRAY[o.source_host_id, o.dest_host_id]) FROM operations o WHERE o.id = $2::bigint)
 ORDER BY h.id
   FOR NO KEY UPDATE;

-- :name claims_release none instance roles
WITH gone AS (
    DELETE FROM claims
     WHERE instance = $1::uuid AND role::text = ANY ($2::text[])
    RETURNING host_id, vcpus, memory_mb
)
UPDATE hosts h
   SET used_vcpus = h.used_vcpus - g.vcpus, used_memory_mb = h.used_memory_mb - g.memory_mb
  FROM gone g
 WHERE h.id = g.host_id;

-- :name disk_claims_release none instance
WITH gone AS (
    DELETE FROM disk_claims WHERE instance = $1::uuid RETURNING pool_id, disk_gb
)
UPDATE pools p
   SET used_gb = p.used_gb - g.disk_gb, updated_at = clock_timestamp()
  FROM gone g
 WHERE p.id = g.pool_id;

-- :name removal_books one instance operation host
-- What must be known before a guest's files are removed.  An operation had the permit if its journal says so.
SELECT COALESCE((SELECT o.id FROM operations o
                  WHERE o.instance = $1::uuid AND o.finished_at IS NULL AND o.id <> $2::bigint LIMIT 1), 0) AS other_operation,
       (SELECT min(h.name) FROM claims c JOIN hosts h ON h.id = c.host_id
         WHERE c.instance = $1::uuid AND c.host_id <> $3::integer) AS claimant,
       (SELECT CASE WHEN count(*) = 1 THEN min(p.fsid::text) END FROM disk_claims d JOIN pools p ON p.id = d.pool_id
         WHERE d.instance = $1::uuid) AS disk_fsid,
       former.name AS former_host, former.migration_address AS former_address
  FROM (SELECT 1) always
  LEFT JOIN (SELECT h.name, h.migration_address
               FROM operations o
               JOIN hosts h ON h.id = CASE WHEN o.source_host_id = $3::integer THEN o.dest_host_id ELSE o.source_host_id END
              WHERE o.instance = $1::uuid AND o.kind IN ('live-migration', 'resize', 'resize-revert')
                AND o.source_host_id <> o.dest_host_id
                AND EXISTS (SELECT 1 FROM journal j WHERE j.operation = o.id
                             AND j.to_state = CASE o.kind WHEN 'live-migration' THEN 'migrating' ELSE 'switched' END)
              ORDER BY o.id DESC
              LIMIT 1) former ON true;

-- :name claim_turn one instance host from_role to_role
UPDATE claims SET role = $4::"char"
 WHERE instance = $1::uuid AND host_id = $2::integer AND role = $3::"char"
RETURNING host_id;

-- :name slot_take_outgoing one host
UPDATE hosts SET outgoing = outgoing + 1
 WHERE id = $1::integer AND (max_migrations = 0 OR outgoing < max_migrations)
RETURNING id;

-- :name slot_take_incoming one host
UPDATE hosts SET incoming = incoming + 1
 WHERE id = $1::integer AND (max_migrations = 0 OR incoming < max_migrations)
RETURNING id;

-- :name slots_of_host one host
SELECT name, outgoing, incoming, max_migrations FROM hosts WHERE id = $1::integer;

-- :name slots_release one operation dest
-- Only an operation that holds its slots gives them back, and it stops holding them here.
WITH held AS (
    UPDATE operations SET holds_slots = false
     WHERE id = $1::bigint AND holds_slots
    RETURNING source_host_id
), freed AS (
    UPDATE hosts h
       SET outgoing = h.outgoing - CASE WHEN h.id = held.source_host_id THEN 1 ELSE 0 END,
           incoming = h.incoming - CASE WHEN h.id = $2::integer THEN 1 ELSE 0 END
      FROM held
     WHERE h.id IN (held.source_host_id, $2::integer)
)
SELECT source_host_id FROM held;

-- :name slots_of_stuck many seconds limit
-- Migrations that have waited for somebody for so long that others shall not wait for them.
SELECT id FROM operations
 WHERE finished_at IS NULL AND holds_slots AND blocked IS NOT NULL
   AND changed_at <= clock_timestamp() - make_interval(secs => $1::integer)
 ORDER BY id
 LIMIT $2::integer;

-- :name slots_give_up one operation seconds
UPDATE operations SET holds_slots = false
 WHERE id = $1::bigint AND finished_at IS NULL AND holds_slots AND blocked IS NOT NULL
   AND changed_at <= clock_timestamp() - make_interval(secs => $2::integer)
RETURNING source_host_id, dest_host_id;

-- :name slots_free none source dest
-- In id order, as everybody locks hosts.
WITH both_hosts AS MATERIALIZED (
    SELECT id FROM hosts WHERE id IN ($1::integer, $2::integer) ORDER BY id FOR NO KEY UPDATE
)
UPDATE hosts h
   SET outgoing = h.outgoing - CASE WHEN h.id = $1::integer THEN 1 ELSE 0 END,
       incoming = h.incoming - CASE WHEN h.id = $2::integer THEN 1 ELSE 0 END
  FROM both_hosts b
 WHERE h.id = b.id;

-- :name slots_ahead one operation
-- How many too many older migrations wait for a slot of one of the same hosts and could have both theirs now; 0: there
-- is room for this one beside them, or no room at all.
WITH older AS (
    SELECT count(*) FILTER (WHERE x.source_host_id = me.source_host_id) AS outgoing,
           count(*) FILTER (WHERE x.dest_host_id = me.dest_host_id) AS incoming
      FROM operations me
      JOIN operations x ON x.finished_at IS NULL AND x.kind = me.kind AND x.state = me.state AND x.id < me.id
                       AND x.blocked IS NULL AND NOT x.abort_requested
                       AND (x.source_host_id = me.source_host_id OR x.dest_host_id = me.dest_host_id)
      JOIN hosts s ON s.id = x.source_host_id AND (s.max_migrations = 0 OR s.outgoing < s.max_migrations)
      JOIN hosts d ON d.id = x.dest_host_id AND (d.max_migrations = 0 OR d.incoming < d.max_migrations)
     WHERE me.id = $1::bigint
)
SELECT GREATEST(CASE WHEN s.outgoing < s.max_migrations THEN older.outgoing - (s.max_migrations - s.outgoing) + 1 END,
                CASE WHEN d.incoming < d.max_migrations THEN older.incoming - (d.max_migrations - d.incoming) + 1 END,
                0) AS ahead
  FROM older, operations me
  JOIN hosts s ON s.id = me.source_host_id
  JOIN hosts d ON d.id = me.dest_host_id
 WHERE me.id = $1::bigint;
