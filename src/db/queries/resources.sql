-- SPDX-License-Identifier: Apache-2.0
-- Statements on key pairs, quotas and usage.

-- :name keypair_lock one user
-- Creations of one user's key pairs come one after the other, so that their number can be counted.
SELECT pg_advisory_xact_lock(hashtextextended('nova key pairs of ' || $1::text, 0)) IS NULL AS locked;

-- :name keypair_count one user
SELECT count(*) AS n FROM keypairs WHERE user_id = $1;

-- :name keypair_create one user name public_key fingerprint
INSERT INTO keypairs (user_id, name, public_key, fingerprint) VALUES ($1, $2, $3, $4) RETURNING id;

-- :name keypair_proof one user name fingerprint
SELECT id FROM keypairs WHERE user_id = $1 AND name = $2 AND fingerprint = $3;

-- :name keypair_get one user name
SELECT id, user_id, name, type, public_key, fingerprint, nova_usec(created_at) AS created_us
  FROM keypairs WHERE user_id = $1 AND name = $2;

-- :name keypair_of_instance one uuid
-- The key itself, as it was when the server was created.
SELECT key_data FROM instances WHERE uuid = $1::uuid;

-- :name keypairs_of_user many user after limit
SELECT id, user_id, name, type, public_key, fingerprint, nova_usec(created_at) AS created_us
  FROM keypairs
 WHERE user_id = $1 AND ($2::text IS NULL OR name > $2::text)
 ORDER BY name
 LIMIT $3::integer;

-- :name keypair_delete one user name
DELETE FROM keypairs WHERE user_id = $1 AND name = $2 RETURNING id;

-- :name quota_limits_of many project
SELECT resource, hard_limit FROM quota_limits WHERE project_id = $1;

-- :name quota_limit_set none project resource hard_limit
INSERT INTO quota_limits (project_id, resource, hard_limit) VALUES ($1, $2, $3::integer)
ON CONFLICT (project_id, resource) DO UPDATE SET hard_limit = EXCLUDED.hard_limit;

-- :name quota_limits_forget none project
DELETE FROM quota_limits WHERE project_id = $1;

-- :name usage_lock one project
-- Holds the project's sums until the commit and reads them as they are then.
INSERT INTO project_usage (project_id) VALUES ($1)
ON CONFLICT (project_id) DO UPDATE SET instances = project_usage.instances
RETURNING instances, cores, ram_mb;

-- :name usage_of one project user
SELECT COALESCE(sum(u.instances), 0)::bigint AS instances, COALESCE(sum(u.cores), 0)::bigint AS cores,
       COALESCE(sum(u.ram_mb), 0)::bigint AS ram_mb,
       (SELECT count(*) FROM keypairs k WHERE k.user_id = $2) AS key_pairs,
       (SELECT count(*) FROM server_groups g WHERE g.project_id = $1) AS server_groups
  FROM project_usage u
 WHERE u.project_id = $1;

-- :name usage_periods many begin_us end_us project marker limit
-- Servers that ran at some time of a period, by project and server.
SELECT i.uuid, i.project_id, i.display_name, i.flavor_name, i.vcpus, i.memory_mb, i.root_gb + i.ephemeral_gb AS local_gb,
       i.vm_state, nova_usec(i.launched_at) AS launched_us, nova_usec(i.terminated_at) AS terminated_us
  FROM instances i
 WHERE i.launched_at < to_timestamp($2::bigint / 1000000.0)
   AND (i.terminated_at IS NULL OR i.terminated_at > to_timestamp($1::bigint / 1000000.0))
   AND ($3::text IS NULL OR i.project_id = $3::text)
   AND ($4::uuid IS NULL OR (i.project_id, i.uuid) > (SELECT m.project_id, m.uuid FROM instances m WHERE m.uuid = $4::uuid))
 ORDER BY i.project_id, i.uuid
 LIMIT $5::integer;
