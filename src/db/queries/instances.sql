-- SPDX-License-Identifier: Apache-2.0
-- Statements on instances and their addresses.  The list query is put together by instance_list.c.

-- :name instance_get one uuid project deleted
SELECT * FROM instance_rows
 WHERE uuid = $1::uuid AND ($2::text IS NULL OR project_id = $2::text) AND (deleted_at IS NULL OR $3::boolean);

-- :name instances_on_host many host
SELECT * FROM instance_rows WHERE host_id = $1::integer AND deleted_at IS NULL ORDER BY id;

-- :name instance_lock one uuid
-- Who holds this lock decides what happens to the instance: begin, delete, claim, flip and finish take it first.
SELECT uuid, project_id, user_id, host_id, vm_state, token, delete_requested, delete_request_id, deleted_at IS NOT NULL AS deleted,
       vcpus, memory_mb, root_gb + ephemeral_gb AS disk_gb
  FROM instances
 WHERE uuid = $1::uuid
   FOR NO KEY UPDATE;

-- :name instance_create one uuid project user name description hostname vm_state power_state wanted_power flavor_id flavorid flavor_name vcpus memory_mb root_gb ephemeral_gb swap_mb extra_specs image metadata tags key_name user_data config_drive reservation launch_index access_v4 access_v6 key_data group zone same_host_as not_host_of
INSERT INTO instances (uuid, project_id, user_id, display_name, description, hostname, vm_state, power_state,
                       wanted_power, flavor_id, flavorid, flavor_name, vcpus, memory_mb, root_gb, ephemeral_gb,
                       swap_mb, extra_specs, image_id, metadata, tags, key_name, user_data, config_drive,
                       reservation_id, launch_index, access_ip_v4, access_ip_v6, key_data, group_id, availability_zone,
                       same_host_as, not_host_of)
VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8::smallint,
        $9::boolean, $10::bigint, $11, $12, $13::integer, $14::bigint, $15::bigint, $16::bigint,
        $17::bigint, COALESCE($18::jsonb, '{}'), $19::uuid, COALESCE($20::jsonb, '{}'), COALESCE($21::jsonb, '[]'), $22, $23,
        COALESCE($24, ''), $25, $26::integer, $27::inet, $28::inet, $29, $30::bigint, $31,
        $32::text[]::uuid[], $33::text[]::uuid[])
RETURNING id;

-- :name instance_proof one uuid
SELECT id FROM instances WHERE uuid = $1::uuid;

-- :name instance_touch none uuid
UPDATE instances SET updated_at = clock_timestamp() WHERE uuid = $1::uuid;

-- :name instance_settle none uuid host
-- A build's host is booked: the instance lives there, under a new token.
UPDATE instances SET host_id = $2::integer, token = token + 1, updated_at = clock_timestamp() WHERE uuid = $1::uuid;

-- :name instance_unsettle none uuid
UPDATE instances SET host_id = NULL, updated_at = clock_timestamp() WHERE uuid = $1::uuid;

-- :name instance_flip one uuid source dest power_state
UPDATE instances
   SET host_id = $3::integer, token = token + 1, power_state = $4::smallint, updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND host_id = $2::integer
RETURNING token;

-- :name instance_outcome none uuid vm_state power_state wanted_power launched fault fault_code fault_message fault_details operation
-- A suspended server's memory is the operation's, one in error keeps what it has, any other has none.
-- NULL leaves a column alone; fault: NULL leaves it, false clears it, true sets it.
UPDATE instances
   SET vm_state = COALESCE($2::text, vm_state),
       saved_operation = CASE WHEN $2::text = 'suspended' THEN $10::bigint
                              WHEN $2::text IS NULL OR $2::text = 'error' THEN saved_operation END,
       resized_by = CASE WHEN $2::text = 'resized' THEN $10::bigint WHEN $2::text IS NULL THEN resized_by END,
       power_state = COALESCE($3::smallint, power_state),
       wanted_power = COALESCE($4::boolean, wanted_power),
       launched_at = CASE WHEN $5::boolean THEN COALESCE(launched_at, clock_timestamp()) ELSE launched_at END,
       fault_code = CASE $6::boolean WHEN true THEN $7::integer WHEN false THEN NULL ELSE fault_code END,
       fault_message = CASE $6::boolean WHEN true THEN $8::text WHEN false THEN NULL ELSE fault_message END,
       fault_details = CASE $6::boolean WHEN true THEN $9::text WHEN false THEN NULL ELSE fault_details END,
       fault_at = CASE $6::boolean WHEN true THEN clock_timestamp() WHEN false THEN NULL ELSE fault_at END,
       updated_at = clock_timestamp()
 WHERE uuid = $1::uuid;

-- :name instance_mark_deleted none uuid vm_state power_state
UPDATE instances
   SET vm_state = $2, power_state = $3::smallint, host_id = NULL, delete_requested = false, deleted_at = clock_timestamp(),
       terminated_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE uuid = $1::uuid;

-- :name instance_wish_deleted none uuid request
UPDATE instances
   SET delete_requested = true, delete_request_id = COALESCE(delete_request_id, $2), updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND NOT delete_requested;

-- :name instance_wish_granted none uuid
UPDATE instances SET delete_requested = false WHERE uuid = $1::uuid AND delete_requested;

-- :name instance_observe one uuid host epoch token power_state vm_state
-- Run with the instance's row locked: no operation can begin meanwhile.
UPDATE instances i
   SET power_state = $5::smallint, vm_state = $6,
       saved_operation = CASE WHEN $6 IN ('suspended', 'error') THEN i.saved_operation END, updated_at = clock_timestamp()
 WHERE i.uuid = $1::uuid AND i.host_id = $2::integer AND i.token = $4::bigint AND i.deleted_at IS NULL
   AND (i.power_state, i.vm_state) IS DISTINCT FROM ($5::smallint, $6::text)
   AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.instance = i.uuid AND o.finished_at IS NULL)
   AND EXISTS (SELECT 1 FROM host_lease l
                WHERE l.host_id = $2::integer AND l.epoch = $3::bigint AND l.lease_until > clock_timestamp() FOR SHARE)
RETURNING i.uuid;

-- :name instance_update one uuid name description access_v4 access_v6
UPDATE instances
   SET display_name = COALESCE($2, display_name), description = COALESCE($3, description),
       access_ip_v4 = COALESCE($4::inet, access_ip_v4), access_ip_v6 = COALESCE($5::inet, access_ip_v6),
       updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND deleted_at IS NULL
RETURNING uuid;

-- :name instance_rebuild none uuid operation image name describe description metadata key key_name key_data data user_data access_v4 access_v6
-- In the transaction that begins the operation.  NULL leaves a column alone, and so does a flag that is false.
WITH kept AS (
    UPDATE operations o SET old_image = i.image_id FROM instances i WHERE o.id = $2::bigint AND i.uuid = $1::uuid
)
UPDATE instances
   SET image_id = $3::uuid, display_name = COALESCE($4, display_name),
       description = CASE WHEN $5::boolean THEN $6::text ELSE description END, metadata = COALESCE($7::jsonb, metadata),
       key_name = CASE WHEN $8::boolean THEN $9::text ELSE key_name END,
       key_data = CASE WHEN $8::boolean THEN $10::text ELSE key_data END,
       user_data = CASE WHEN $11::boolean THEN $12::text ELSE user_data END,
       access_ip_v4 = COALESCE($13::inet, access_ip_v4), access_ip_v6 = COALESCE($14::inet, access_ip_v6),
       updated_at = clock_timestamp()
 WHERE uuid = $1::uuid;

-- :name instance_rebuild_undo none uuid operation
-- The disk is the old one still.
UPDATE instances i SET image_id = o.old_image, updated_at = clock_timestamp()
  FROM operations o
 WHERE i.uuid = $1::uuid AND o.id = $2::bigint AND o.instance = i.uuid AND o.old_image IS NOT NULL;

-- :name instance_set_lock none uuid locked_by reason
-- Somebody of the project leaves a lock as it is.
UPDATE instances
   SET locked_by = $2, locked_reason = $3, updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND (locked_by IS NULL OR $2 = 'admin');

-- :name instance_unlock none uuid
UPDATE instances SET locked_by = NULL, locked_reason = NULL, updated_at = clock_timestamp()
 WHERE uuid = $1::uuid AND locked_by IS NOT NULL;

-- :name instance_reset_state none uuid vm_state
-- In error the fault stays what it was; a server said to be well has none.
UPDATE instances
   SET vm_state = $2,
       fault_code = CASE WHEN $2 = 'error' THEN fault_code END,
       fault_message = CASE WHEN $2 = 'error' THEN fault_message END,
       fault_details = CASE WHEN $2 = 'error' THEN fault_details END,
       fault_at = CASE WHEN $2 = 'error' THEN fault_at END,
       updated_at = clock_timestamp()
 WHERE uuid = $1::uuid;

-- :name instance_set_machine one uuid machine host epoch operation
UPDATE instances i
   SET machine = COALESCE(i.machine, $2), updated_at = clock_timestamp()
 WHERE i.uuid = $1::uuid AND i.host_id = $3::integer
   AND EXISTS (SELECT 1 FROM operations o
                WHERE o.id = $5::bigint AND o.instance = i.uuid AND o.finished_at IS NULL
                  AND o.owner_host_id = $3::integer AND o.owner_epoch = $4::bigint)
   AND EXISTS (SELECT 1 FROM host_lease l
                WHERE l.host_id = $3::integer AND l.epoch = $4::bigint AND l.lease_until > clock_timestamp() FOR SHARE)
RETURNING i.machine;

-- :name address_take one network instance
-- The lowest free address; one that another transaction is taking is passed over, not waited for.
UPDATE addresses
   SET instance = $2::uuid
 WHERE (network_id, address) = (SELECT a.network_id, a.address
                                  FROM addresses a
                                 WHERE a.network_id = $1::integer AND a.instance IS NULL
                                 ORDER BY a.address
                                 LIMIT 1
                                   FOR UPDATE SKIP LOCKED)
RETURNING host(address) AS address;

-- :name addresses_free none instance
UPDATE addresses SET instance = NULL WHERE instance = $1::uuid;
