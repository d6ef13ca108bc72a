-- SPDX-License-Identifier: Apache-2.0
-- Statements on the metadata and tags of servers, and on what changes of flavors.

-- :name labels_metadata one uuid replace items drop limit
-- Whoever waited for the row sees it as it is then, also when counting.
UPDATE instances
   SET metadata = ((CASE WHEN $2::boolean THEN '{}' ELSE metadata END) || COALESCE($3::jsonb, '{}')) - COALESCE($4::text, ''),
       updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND deleted_at IS NULL
   AND ($3::jsonb IS NULL OR $5::bigint < 0
        OR (SELECT count(*) FROM jsonb_object_keys((CASE WHEN $2::boolean THEN '{}' ELSE metadata END) || $3::jsonb)) <= $5::bigint)
RETURNING metadata;

-- :name labels_tags one uuid tag
SELECT tags, COALESCE(tags ? $2::text, false) AS has FROM instances WHERE uuid = $1::uuid AND deleted_at IS NULL;

-- :name labels_set_tags one uuid tags
UPDATE instances SET tags = $2::jsonb, updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND deleted_at IS NULL
RETURNING uuid;

-- :name labels_add_tag one uuid tag most
UPDATE instances SET tags = tags || to_jsonb($2::text), updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND deleted_at IS NULL AND NOT tags ? $2::text AND jsonb_array_length(tags) < $3::integer
RETURNING uuid;

-- :name labels_drop_tag one uuid tag
UPDATE instances SET tags = tags - $2::text, updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND deleted_at IS NULL AND tags ? $2::text
RETURNING uuid;

-- ---- flavors ----

-- :name flavor_delete one flavorid
DELETE FROM flavors WHERE flavorid = $1 RETURNING id;

-- :name flavor_describe one flavorid description
UPDATE flavors SET description = $2 WHERE flavorid = $1 RETURNING id;

-- :name flavor_set_specs one flavorid specs drop
UPDATE flavors SET extra_specs = (extra_specs || COALESCE($2::jsonb, '{}')) - COALESCE($3::text, '')
 WHERE flavorid = $1
RETURNING id;

-- :name flavor_access_list many flavorid
SELECT a.project_id FROM flavor_access a JOIN flavors f ON f.id = a.flavor_id WHERE f.flavorid = $1 ORDER BY a.project_id;

-- :name flavor_access_add one flavorid project
INSERT INTO flavor_access (flavor_id, project_id) SELECT f.id, $2 FROM flavors f WHERE f.flavorid = $1 RETURNING flavor_id;

-- :name flavor_access_proof one flavorid project
SELECT a.flavor_id FROM flavor_access a JOIN flavors f ON f.id = a.flavor_id WHERE f.flavorid = $1 AND a.project_id = $2;

-- :name flavor_access_remove one flavorid project
DELETE FROM flavor_access a USING flavors f
 WHERE f.id = a.flavor_id AND f.flavorid = $1 AND a.project_id = $2
RETURNING a.flavor_id;
