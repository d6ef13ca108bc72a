-- SPDX-License-Identifier: Apache-2.0
-- Statements on resizes.  All but the last run with the instance's row locked.

-- :name resize_begin one operation instance flavor_id flavorid flavor_name vcpus memory_mb root_gb ephemeral_gb swap_mb extra_specs
-- What both flavors are, and what more than now is held for the new one.
WITH noted AS (
    INSERT INTO resizes (operation, former, wanted, vm_state, disk_gb)
    SELECT $1::bigint, nova_flavor_of(i),
           jsonb_build_object('flavor_id', $3::bigint, 'flavorid', $4::text, 'flavor_name', $5::text, 'vcpus', $6::integer,
               'memory_mb', $7::bigint, 'root_gb', $8::bigint, 'ephemeral_gb', $9::bigint, 'swap_mb', $10::bigint,
               'extra_specs', $11::jsonb),
           i.vm_state, (SELECT COALESCE(sum(d.disk_gb), 0) FROM disk_claims d WHERE d.instance = i.uuid)
      FROM instances i
     WHERE i.uuid = $2::uuid
)
UPDATE instances i
   SET held_vcpus = GREATEST($6::integer - i.vcpus, 0), held_memory_mb = GREATEST($7::bigint - i.memory_mb, 0)
 WHERE i.uuid = $2::uuid
RETURNING i.held_vcpus, i.held_memory_mb;

-- :name resize_revert_begin one operation instance
-- Back to the host that still has a claim; what more than now the old flavor needs is held.
WITH resize AS (
    SELECT r.* FROM instances i JOIN resizes r ON r.operation = i.resized_by WHERE i.uuid = $2::uuid
), pointed AS (
    UPDATE operations o
       SET dest_host_id = (SELECT c.host_id FROM claims c WHERE c.instance = $2::uuid AND c.role = 'O')
     WHERE o.id = $1::bigint
), said AS (
    UPDATE resizes SET outcome = 'reverting' WHERE operation = (SELECT operation FROM resize)
), noted AS (
    INSERT INTO resizes (operation, former, wanted, vm_state, disk_gb, of)
    SELECT $1::bigint, wanted, former, vm_state, disk_gb, operation FROM resize
)
UPDATE instances i
   SET held_vcpus = GREATEST((r.former ->> 'vcpus')::integer - i.vcpus, 0),
       held_memory_mb = GREATEST((r.former ->> 'memory_mb')::bigint - i.memory_mb, 0)
  FROM resize r
 WHERE i.uuid = $2::uuid
RETURNING i.held_vcpus, i.held_memory_mb;

-- :name resize_flip one instance operation source dest back
-- Host, token and flavor in one; the guest is off.
WITH noted AS (
    UPDATE resizes SET flipped = true WHERE operation = $2::bigint
), told AS (
    UPDATE resizes SET outcome = 'reverted' WHERE operation = (SELECT r.of FROM resizes r WHERE r.operation = $2::bigint)
)
UPDATE instances i
   SET host_id = $4::integer, token = i.token + 1, power_state = 4, flavor_id = (f.it ->> 'flavor_id')::bigint,
       flavorid = f.it ->> 'flavorid', flavor_name = f.it ->> 'flavor_name', vcpus = (f.it ->> 'vcpus')::integer,
       memory_mb = (f.it ->> 'memory_mb')::bigint, root_gb = (f.it ->> 'root_gb')::bigint,
       ephemeral_gb = (f.it ->> 'ephemeral_gb')::bigint, swap_mb = (f.it ->> 'swap_mb')::bigint,
       extra_specs = f.it -> 'extra_specs', held_vcpus = 0, held_memory_mb = 0, updated_at = clock_timestamp()
  FROM (SELECT CASE WHEN $5::boolean THEN r.former ELSE r.wanted END AS it FROM resizes r WHERE r.operation = $2::bigint) f
 WHERE i.uuid = $1::uuid AND i.host_id = $3::integer
RETURNING i.token;

-- :name resize_unhold none instance operation
-- The end of a resize or a reverting, however it came: what was held for it, and the word for one that did not come about.
WITH told AS (
    UPDATE resizes SET outcome = NULL
     WHERE outcome = 'reverting' AND operation = (SELECT r.of FROM resizes r WHERE r.operation = $2::bigint)
)
UPDATE instances SET held_vcpus = 0, held_memory_mb = 0
 WHERE uuid = $1::uuid AND (held_vcpus, held_memory_mb) <> (0, 0);

-- :name resize_settle one instance
-- The new size stays.
WITH resized AS (
    SELECT uuid, resized_by FROM instances WHERE uuid = $1::uuid AND resized_by IS NOT NULL
), told AS (
    UPDATE resizes SET outcome = 'confirmed' WHERE operation = (SELECT resized_by FROM resized)
)
UPDATE instances i
   SET resized_by = NULL, vm_state = CASE WHEN i.power_state IN (1, 3) THEN 'active' ELSE 'stopped' END,
       updated_at = clock_timestamp()
  FROM resized r
 WHERE i.uuid = r.uuid
RETURNING i.uuid;

-- :name disk_claim_grow one instance disk_gb
-- A claim that is as large already stays.  No row: the pool has no room.
WITH more AS (
    SELECT d.instance, d.pool_id, GREATEST($2::bigint - d.disk_gb, 0) AS gb FROM disk_claims d WHERE d.instance = $1::uuid
), booked AS (
    UPDATE pools p SET used_gb = p.used_gb + m.gb, updated_at = clock_timestamp()
      FROM more m
     WHERE p.id = m.pool_id AND p.cap_gb - p.used_gb >= m.gb
    RETURNING p.id
)
UPDATE disk_claims d SET disk_gb = d.disk_gb + m.gb
  FROM more m JOIN booked b ON b.id = m.pool_id
 WHERE d.instance = m.instance AND d.pool_id = m.pool_id
RETURNING d.pool_id;

-- :name disk_claim_restore none operation
-- A disk that was not touched is as large as before.
WITH less AS (
    SELECT d.instance, d.pool_id, d.disk_gb - r.disk_gb AS gb
      FROM resizes r JOIN operations o ON o.id = r.operation JOIN disk_claims d ON d.instance = o.instance
     WHERE r.operation = $1::bigint AND NOT r.flipped AND r.of IS NULL
), lowered AS (
    UPDATE disk_claims d SET disk_gb = d.disk_gb - l.gb FROM less l WHERE d.instance = l.instance AND d.pool_id = l.pool_id
)
UPDATE pools p SET used_gb = p.used_gb - l.gb, updated_at = clock_timestamp() FROM less l WHERE p.id = l.pool_id;

-- :name resizes_overdue many seconds limit
-- Those nobody has confirmed or reverted for so long.
SELECT i.uuid, i.project_id, i.user_id
  FROM instances i JOIN operations o ON o.id = i.resized_by
 WHERE i.deleted_at IS NULL AND i.vm_state = 'resized' AND NOT i.delete_requested
   AND o.finished_at <= clock_timestamp() - make_interval(secs => $1::integer)
   AND NOT EXISTS (SELECT 1 FROM operations a WHERE a.instance = i.uuid AND a.finished_at IS NULL)
 ORDER BY o.finished_at
 LIMIT $2::integer;
