-- SPDX-License-Identifier: Apache-2.0
-- Statements on operations.  Each begins with a line `-- :name NAME SHAPE ARG...' that tools/sql2c.awk turns
-- into an enum value and a row of nova_queries[]: SHAPE is what it returns (one, many or none), each ARG
-- names a parameter.  psql runs them as they stand.
--
-- Locks are taken in one order everywhere: the instance's row, host_lease rows by id, the operation's row,
-- hosts rows by id, the pool's row, addresses, the usage of the project (at the commit; a create takes it first).

-- :name operation_get one id
SELECT * FROM operation_rows WHERE id = $1::bigint;

-- :name operation_get_by_uuid one uuid
SELECT * FROM operation_rows WHERE uuid = $1::uuid;

-- :name operation_get_active one instance
SELECT * FROM operation_rows WHERE instance = $1::uuid AND finished_at IS NULL;

-- :name operations_of_host many host
SELECT * FROM operation_rows
 WHERE owner_host_id = $1::integer AND finished_at IS NULL
   AND (not_before IS NULL OR not_before <= clock_timestamp())
 ORDER BY id;

-- :name operations_involving_host many host
SELECT * FROM operation_rows
 WHERE (source_host_id = $1::integer OR dest_host_id = $1::integer) AND finished_at IS NULL
 ORDER BY id;

-- :name operations_for_scheduler many limit
SELECT * FROM operation_rows
 WHERE owner_host_id IS NULL AND finished_at IS NULL
   AND (not_before IS NULL OR not_before <= clock_timestamp())
 ORDER BY changed_at
 LIMIT $1::integer;

-- :name operations_of_absent many after limit
-- Those whose owner's lease has run out, page by page.  Only a hint: whoever writes proves it again.
SELECT r.*
  FROM operation_rows r
 WHERE r.finished_at IS NULL AND r.id > $1::bigint
   AND r.owner_host_id IN (SELECT l.host_id FROM host_lease l WHERE l.lease_until <= clock_timestamp())
 ORDER BY r.id
 LIMIT $2::integer;

-- :name operations_next_lapse one
-- When the next lease runs out on which an operation depends; NULL: there is none.
SELECT (extract(epoch FROM min(l.lease_until) - clock_timestamp()) * 1000)::bigint AS ms
  FROM host_lease l
 WHERE l.lease_until > clock_timestamp()
   AND EXISTS (SELECT 1 FROM operations o WHERE o.owner_host_id = l.host_id AND o.finished_at IS NULL);

-- :name operation_journal many id
SELECT j.seq, nova_usec(j.at) AS at_us, h.name AS host, j.actor, j.from_state, j.to_state, j.message, j.evidence
  FROM journal j LEFT JOIN hosts h ON h.id = j.host_id
 WHERE j.operation = $1::bigint
 ORDER BY j.seq;

-- :name operation_age one id state
-- Since the operation was last moved into the state, by this clock.
SELECT (extract(epoch FROM clock_timestamp() - max(j.at)) * 1000)::bigint AS age_ms
  FROM journal j
 WHERE j.operation = $1::bigint AND j.to_state = $2 AND (j.from_state <> j.to_state OR j.seq = 0)
HAVING max(j.at) IS NOT NULL;

-- :name operation_attempts many id
SELECT a.host_id, h.name AS host, a.reason
  FROM attempts a JOIN hosts h ON h.id = a.host_id
 WHERE a.operation = $1::bigint
 ORDER BY a.at, a.host_id;

-- :name operation_begin one uuid instance kind state for_source requested_host strict project user request vm_states
-- Run with the instance's row locked, so that what is read here cannot change before the commit.  The owner is
-- the instance's host when for_source, else a scheduler.
WITH home AS MATERIALIZED (
    SELECT l.host_id, l.epoch
      FROM host_lease l
     WHERE l.host_id = (SELECT i.host_id FROM instances i WHERE i.uuid = $2::uuid) AND $5::boolean
       FOR SHARE
), begun AS (
    INSERT INTO operations (uuid, instance, kind, state, project_id, user_id, request_id, source_host_id,
                            requested_host, strict, owner_host_id, owner_epoch, pre_power)
    SELECT $1::uuid, i.uuid, $3, $4, COALESCE($8, i.project_id), COALESCE($9, i.user_id), COALESCE($10, ''), i.host_id,
           $6, $7::boolean, (SELECT host_id FROM home), COALESCE((SELECT epoch FROM home), 0), i.power_state
      FROM instances i
     WHERE i.uuid = $2::uuid AND i.deleted_at IS NULL AND NOT i.delete_requested
       AND i.vm_state = ANY ($11::text[])
       AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.instance = i.uuid AND o.finished_at IS NULL)
    RETURNING id, seq, state, instance
), noted AS (
    INSERT INTO journal (operation, seq, actor, from_state, to_state, message)
    SELECT id, seq, 'api', state, state, 'requested' FROM begun
), touched AS (
    UPDATE instances SET updated_at = clock_timestamp() WHERE uuid IN (SELECT instance FROM begun)
)
SELECT id FROM begun;

-- :name operation_record one uuid instance kind state project user request message
-- An operation that is over as it begins: there was nothing to act on.
WITH begun AS (
    INSERT INTO operations (uuid, instance, kind, state, project_id, user_id, request_id, source_host_id, finished_at)
    SELECT $1::uuid, i.uuid, $3, $4, COALESCE($5, i.project_id), COALESCE($6, i.user_id), COALESCE($7, ''), i.host_id,
           clock_timestamp()
      FROM instances i
     WHERE i.uuid = $2::uuid
    RETURNING id, seq, state
), noted AS (
    INSERT INTO journal (operation, seq, actor, from_state, to_state, message)
    SELECT id, seq, 'api', state, state, $8 FROM begun
)
SELECT id FROM begun;

-- :name operation_step one id seq from_state to_state writer epoch owner actor message evidence blocked blocked_host wait_ms reason dest pre_power holds_slots attempts downtime_ms total_ms trace terminal unless_aborted absent
-- The one door: every change of an operation's state, and every note, is this statement.  writer and epoch are
-- the fence of a compute service, NULL for a scheduler; owner is the host that must act next.  The lease rows
-- are locked so that neither a take-over of the writer nor a registration of the next owner can slip in
-- between: whoever registers later sees this row and re-owns it.  No row comes back when nothing was changed.
-- absent: the owner, in whose place a scheduler or the destination writes.  Its lease must have run out, and its
-- row is locked as well: a renewal or a registration comes either before, and then nothing is changed here, or
-- after the commit.
WITH leases AS MATERIALIZED (
    SELECT host_id, epoch, lease_until > clock_timestamp() AS valid
      FROM host_lease
     WHERE host_id IN ($5::integer, $7::integer, $24::integer)
     ORDER BY host_id
       FOR SHARE
), moved AS (
    UPDATE operations o
       SET state = $4,
           seq = o.seq + 1,
           owner_host_id = $7::integer,
           owner_epoch = COALESCE((SELECT l.epoch FROM leases l WHERE l.host_id = $7::integer), 0),
           blocked = $11,
           blocked_host = $12,
           not_before = clock_timestamp() + $13::bigint * interval '1 millisecond',
           reason = $14,
           dest_host_id = $15::integer,
           pre_power = $16::smallint,
           holds_slots = COALESCE($17::boolean, o.holds_slots),
           attempts = $18::integer,
           downtime_ms = $19::bigint,
           total_ms = $20::bigint,
           trace = COALESCE($21::jsonb, o.trace),
           changed_at = clock_timestamp(),
           finished_at = CASE WHEN $22::boolean THEN clock_timestamp() END
     WHERE o.id = $1::bigint AND o.seq = $2::integer AND o.state = $3
       AND o.owner_host_id IS NOT DISTINCT FROM COALESCE($24::integer, $5::integer)
       AND CASE WHEN $24::integer IS NULL THEN $5::integer IS NULL OR o.owner_epoch = $6::bigint
                ELSE EXISTS (SELECT 1 FROM leases l WHERE l.host_id = $24::integer AND NOT l.valid)
                     AND ($5::integer IS NULL OR o.dest_host_id = $5::integer)
           END
       AND ($5::integer IS NULL
            OR EXISTS (SELECT 1 FROM leases l
                        WHERE l.host_id = $5::integer AND l.epoch = $6::bigint AND l.valid))
       AND NOT ($23::boolean AND o.abort_requested)
    RETURNING o.id, o.seq, o.owner_epoch, o.changed_at, o.finished_at, o.not_before
), noted AS (
    INSERT INTO journal (operation, seq, host_id, epoch, actor, from_state, to_state, message, evidence)
    SELECT id, seq, $5::integer, $6::bigint, $8, $3, $4, $9, $10::jsonb FROM moved
)
SELECT seq, owner_epoch, nova_usec(changed_at) AS changed_us, nova_usec(finished_at) AS finished_us,
       nova_usec(not_before) AS not_before_us
  FROM moved;

-- :name operation_refusal one id writer epoch
-- Why operation_step changed nothing; a new snapshot, so it sees what the step ran into.
SELECT o.seq, o.state, o.owner_host_id, o.owner_epoch, o.abort_requested, l.epoch AS lease_epoch,
       COALESCE(l.epoch = $3::bigint AND l.lease_until > clock_timestamp(), false) AS fence_holds,
       h.name AS writer_name
  FROM operations o
  LEFT JOIN host_lease l ON l.host_id = $2::integer
  LEFT JOIN hosts h ON h.id = $2::integer
 WHERE o.id = $1::bigint;

-- :name operation_proof one id seq from_state to_state writer epoch
-- Whether a step whose COMMIT was not answered has been committed: its line in the journal.
SELECT j.at
  FROM journal j
 WHERE j.operation = $1::bigint AND j.seq = $2::integer AND j.from_state = $3 AND j.to_state = $4
   AND j.host_id IS NOT DISTINCT FROM $5::integer AND j.epoch IS NOT DISTINCT FROM $6::bigint;

-- :name operation_proof_of_uuid one uuid
SELECT id FROM operations WHERE uuid = $1::uuid;

-- :name operation_request_abort one id instance kind_states
UPDATE operations SET abort_requested = true
 WHERE id = $1::bigint AND instance = $2::uuid AND kind || '/' || state = ANY ($3::text[])
RETURNING id;

-- :name operation_request_force one id instance kind_states
UPDATE operations SET force_requested = true
 WHERE id = $1::bigint AND instance = $2::uuid AND kind || '/' || state = ANY ($3::text[])
RETURNING id;

-- :name operation_ask_active_to_abort one instance kind_states
-- For a delete of its server, in the states in which that ends the operation.
UPDATE operations SET abort_requested = true
 WHERE instance = $1::uuid AND finished_at IS NULL AND kind || '/' || state = ANY ($2::text[])
RETURNING id, kind, state;

-- :name operation_note_attempt none id host reason
INSERT INTO attempts (operation, host_id, reason)
VALUES ($1::bigint, $2::integer, $3)
ON CONFLICT (operation, host_id) DO UPDATE SET reason = EXCLUDED.reason, at = clock_timestamp();

-- :name operation_progress one writer epoch id memory_total memory_processed memory_remaining disk_total disk_processed disk_remaining percent iteration dirty_rate rate expected_downtime_ms
INSERT INTO progress (operation, memory_total, memory_processed, memory_remaining, disk_total, disk_processed,
                      disk_remaining, percent, iteration, dirty_rate, rate, expected_downtime_ms)
SELECT $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::bigint, $10::smallint,
       $11::integer, $12::bigint, $13::bigint, $14::bigint
  FROM host_lease l
 WHERE l.host_id = $1::integer AND l.epoch = $2::bigint AND l.lease_until > clock_timestamp()
   AND EXISTS (SELECT 1 FROM operations o
                WHERE o.id = $3::bigint AND (o.source_host_id = l.host_id OR o.dest_host_id = l.host_id))
ON CONFLICT (operation) DO UPDATE
   SET memory_total = EXCLUDED.memory_total, memory_processed = EXCLUDED.memory_processed,
       memory_remaining = EXCLUDED.memory_remaining, disk_total = EXCLUDED.disk_total,
       disk_processed = EXCLUDED.disk_processed, disk_remaining = EXCLUDED.disk_remaining,
       percent = GREATEST(progress.percent, EXCLUDED.percent), iteration = EXCLUDED.iteration,
       dirty_rate = EXCLUDED.dirty_rate, rate = EXCLUDED.rate,
       expected_downtime_ms = EXCLUDED.expected_downtime_ms, updated_at = clock_timestamp()
RETURNING operation;

-- :name operations_active_counts many
SELECT kind, state, count(*) AS n FROM operations WHERE finished_at IS NULL GROUP BY kind, state;
