-- SPDX-License-Identifier: Apache-2.0
-- Statements on server groups, host aggregates and availability zones.

-- :name group_create one uuid project user name policy max_per_host
INSERT INTO server_groups (uuid, project_id, user_id, name, policy, max_per_host)
VALUES ($1::uuid, $2, $3, $4, $5, $6::integer)
RETURNING id;

-- :name groups_count one project
SELECT count(*) AS n FROM server_groups WHERE project_id = $1;

-- :name group_proof one uuid
SELECT id FROM server_groups WHERE uuid = $1::uuid;

-- :name groups_list many uuid project limit offset
SELECT g.id, g.uuid, g.project_id, g.user_id, g.name, g.policy, COALESCE(g.max_per_host, 0) AS max_per_host,
       (SELECT string_agg(i.uuid::text, ' ' ORDER BY i.id) FROM instances i
         WHERE i.group_id = g.id AND i.deleted_at IS NULL) AS members
  FROM server_groups g
 WHERE ($1::uuid IS NULL OR g.uuid = $1::uuid) AND ($2::text IS NULL OR g.project_id = $2::text)
 ORDER BY g.id
 LIMIT $3::integer OFFSET $4::integer;

-- :name group_lock one uuid project
SELECT id FROM server_groups WHERE uuid = $1::uuid AND project_id = $2 FOR NO KEY UPDATE;

-- :name group_count one id
SELECT count(*) AS n FROM instances WHERE group_id = $1::bigint AND deleted_at IS NULL;

-- :name group_release many uuid project
-- Members first, as everybody locks; NULL: of any project.
SELECT i.id FROM instances i
 WHERE i.group_id = (SELECT g.id FROM server_groups g WHERE g.uuid = $1::uuid AND ($2::text IS NULL OR g.project_id = $2::text))
 ORDER BY i.id
   FOR NO KEY UPDATE;

-- :name group_delete one uuid project
DELETE FROM server_groups WHERE uuid = $1::uuid AND ($2::text IS NULL OR project_id = $2::text) RETURNING id;

-- :name instance_wishes many instance
-- What the scheduler must know besides room: the zone, the group, and how many other members are where.
SELECT i.availability_zone AS zone, g.policy, COALESCE(g.max_per_host, 1) AS max_per_host, c.host_id,
       count(DISTINCT c.instance) AS members
  FROM instances i
  LEFT JOIN server_groups g ON g.id = i.group_id
  LEFT JOIN instances m ON m.group_id = g.id AND m.uuid <> i.uuid AND m.deleted_at IS NULL
  LEFT JOIN claims c ON c.instance = m.uuid AND c.role IN ('H', 'I')
 WHERE i.uuid = $1::uuid
 GROUP BY i.availability_zone, g.policy, g.max_per_host, c.host_id;

-- :name instance_neighbours many instance
-- Where the servers are, or are on their way to, beside which this one shall be or not be.
SELECT c.host_id, COALESCE(m.uuid = ANY (i.same_host_as) AND c.role = 'H', false) AS same,
       COALESCE(m.uuid = ANY (i.not_host_of), false) AS apart, i.same_host_as IS NOT NULL AS wanted
  FROM instances i
  LEFT JOIN instances m ON m.uuid = ANY (i.same_host_as || i.not_host_of) AND m.deleted_at IS NULL
  LEFT JOIN claims c ON c.instance = m.uuid AND c.role IN ('H', 'I')
 WHERE i.uuid = $1::uuid AND (i.same_host_as IS NOT NULL OR i.not_host_of IS NOT NULL);

-- :name aggregates_lock one
-- Aggregates change one after the other: a host's zone follows from all of them.
SELECT pg_advisory_xact_lock(hashtextextended('nova aggregates', 0)) IS NULL AS locked;

-- :name aggregates_list many id
SELECT a.id, a.uuid, a.name, a.metadata, nova_usec(a.created_at) AS created_us, nova_usec(a.updated_at) AS updated_us,
       (SELECT string_agg(h.name, E'\t' ORDER BY h.name) FROM aggregate_hosts x JOIN hosts h ON h.id = x.host_id
         WHERE x.aggregate_id = a.id) AS hosts
  FROM aggregates a
 WHERE $1::integer IS NULL OR a.id = $1::integer
 ORDER BY a.id;

-- :name aggregate_create one uuid name zone
INSERT INTO aggregates (uuid, name, metadata)
VALUES ($1::uuid, $2, CASE WHEN $3::text IS NULL THEN '{}' ELSE jsonb_build_object('availability_zone', $3::text) END)
RETURNING id;

-- :name aggregate_get_by_uuid one uuid
SELECT id FROM aggregates WHERE uuid = $1::uuid;

-- :name aggregate_change one id name metadata
-- Members of metadata that are null go.
UPDATE aggregates
   SET name = COALESCE($2, name), metadata = jsonb_strip_nulls(metadata || COALESCE($3::jsonb, '{}')),
       updated_at = clock_timestamp()
 WHERE id = $1::integer
RETURNING id;

-- :name aggregate_delete one id
DELETE FROM aggregates WHERE id = $1::integer RETURNING id;

-- :name aggregate_add_host one id host
INSERT INTO aggregate_hosts (aggregate_id, host_id) SELECT $1::integer, h.id FROM hosts h
 WHERE h.name = $2 AND h.deleted_at IS NULL
RETURNING host_id;

-- :name aggregate_remove_host one id host
DELETE FROM aggregate_hosts x USING hosts h
 WHERE x.aggregate_id = $1::integer AND h.id = x.host_id AND h.name = $2
RETURNING x.host_id;

-- :name aggregate_touch none id
UPDATE aggregates SET updated_at = clock_timestamp() WHERE id = $1::integer;

-- :name zones_in_conflict one
-- Zones of a host that is to be in several.
SELECT string_agg(DISTINCT quote_literal(a.metadata ->> 'availability_zone'), ', ') AS zones
  FROM aggregate_hosts x JOIN aggregates a ON a.id = x.aggregate_id AND a.metadata ? 'availability_zone'
 GROUP BY x.host_id
HAVING count(DISTINCT a.metadata ->> 'availability_zone') > 1
 LIMIT 1;

-- :name zones_of_servers one any
-- A host whose zone is about to change although servers on it asked for the one it has (any: although it has servers).
SELECT h.name
  FROM hosts h
  LEFT JOIN LATERAL (SELECT a.metadata ->> 'availability_zone' AS zone
                       FROM aggregate_hosts x JOIN aggregates a ON a.id = x.aggregate_id
                      WHERE x.host_id = h.id AND a.metadata ? 'availability_zone' LIMIT 1) z ON true
 WHERE h.zone <> COALESCE(z.zone, 'nova')
   AND EXISTS (SELECT 1 FROM instances i
                WHERE i.host_id = h.id AND i.deleted_at IS NULL AND ($1::boolean OR i.availability_zone = h.zone))
 LIMIT 1;

-- :name zones_apply none
UPDATE hosts h
   SET zone = n.zone, updated_at = clock_timestamp()
  FROM (SELECT o.id, COALESCE((SELECT a.metadata ->> 'availability_zone'
                                 FROM aggregate_hosts x JOIN aggregates a ON a.id = x.aggregate_id
                                WHERE x.host_id = o.id AND a.metadata ? 'availability_zone' LIMIT 1), 'nova') AS zone
          FROM hosts o) n
 WHERE n.id = h.id AND h.zone <> n.zone;
