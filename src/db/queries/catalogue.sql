-- SPDX-License-Identifier: Apache-2.0
-- Statements on flavors, images and networks.

-- :name flavor_create none flavorid name vcpus memory_mb root_gb ephemeral_gb swap_mb rxtx_factor is_public disabled description extra_specs
INSERT INTO flavors (flavorid, name, vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb, rxtx_factor, is_public, disabled,
                     description, extra_specs)
VALUES ($1, $2, $3::integer, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::double precision, $9::boolean, $10::boolean,
        $11, COALESCE($12::jsonb, '{}'));

-- :name flavor_proof one flavorid name
SELECT id FROM flavors WHERE flavorid = $1 AND name = $2;

-- :name flavor_get one flavorid project
-- NULL: of any project; else those it may use.
SELECT * FROM flavors f
 WHERE flavorid = $1 AND ($2::text IS NULL OR is_public
                          OR EXISTS (SELECT 1 FROM flavor_access a WHERE a.flavor_id = f.id AND a.project_id = $2::text));

-- :name flavors_all many project
SELECT * FROM flavors f
 WHERE $1::text IS NULL OR is_public
    OR EXISTS (SELECT 1 FROM flavor_access a WHERE a.flavor_id = f.id AND a.project_id = $1::text)
 ORDER BY flavorid;

-- :name image_create none id name status disk_format container_format visibility owner size virtual_size checksum min_disk min_ram file properties
INSERT INTO images (id, name, status, disk_format, container_format, visibility, owner, size, virtual_size, checksum, min_disk,
                    min_ram, file, properties)
VALUES ($1::uuid, $2, COALESCE($3, 'active'), $4, COALESCE($5, 'bare'), COALESCE($6, 'public'), COALESCE($7, ''), $8::bigint,
        $9::bigint, $10, $11::integer, $12::integer, $13, COALESCE($14::jsonb, '{}'));

-- :name image_proof one id
SELECT id FROM images WHERE id = $1::uuid;

-- :name image_get one id
SELECT *, nova_usec(created_at) AS created_us, nova_usec(updated_at) AS updated_us FROM images WHERE id = $1::uuid;

-- :name images_all many name
SELECT *, nova_usec(created_at) AS created_us, nova_usec(updated_at) AS updated_us
  FROM images
 WHERE $1::text IS NULL OR name = $1::text
 ORDER BY created_at DESC, id;

-- :name network_create one uuid label cidr gateway bridge
INSERT INTO networks (uuid, label, cidr, gateway, bridge) VALUES ($1::uuid, $2, $3::cidr, $4::inet, $5) RETURNING id;

-- :name network_proof one uuid
SELECT id FROM networks WHERE uuid = $1::uuid;

-- :name network_fill none network mac_base
-- Every usable address, with a MAC of the range OpenStack uses: fa:16:3e and a number that counts up.
INSERT INTO addresses (network_id, address, mac)
SELECT n.id, host(n.cidr)::inet + k,
       ('fa163e' || lpad(to_hex(($2::bigint + k) & 16777215), 6, '0'))::macaddr
  FROM networks n, generate_series(1, (1::bigint << (32 - masklen(n.cidr))) - 2) AS k
 WHERE n.id = $1::integer AND (n.gateway IS NULL OR host(n.cidr)::inet + k <> n.gateway);

-- :name network_overlap one cidr
SELECT label, cidr FROM networks WHERE cidr && $1::cidr LIMIT 1;

-- :name networks_all many
SELECT n.id, n.uuid, n.label, n.cidr, host(n.gateway) AS gateway, n.bridge,
       (SELECT count(*) FROM addresses a WHERE a.network_id = n.id) AS total,
       (SELECT count(*) FROM addresses a WHERE a.network_id = n.id AND a.instance IS NOT NULL) AS used
  FROM networks n
 ORDER BY n.label;

-- :name network_get one uuid_or_label
SELECT n.id, n.uuid, n.label, n.cidr, host(n.gateway) AS gateway, n.bridge,
       (SELECT count(*) FROM addresses a WHERE a.network_id = n.id) AS total,
       (SELECT count(*) FROM addresses a WHERE a.network_id = n.id AND a.instance IS NOT NULL) AS used
  FROM networks n
 WHERE n.uuid::text = lower($1::text) OR n.label = $1::text
 ORDER BY n.uuid::text = lower($1::text) DESC
 LIMIT 1;
