-- SPDX-License-Identifier: Apache-2.0
-- Pausing, suspending, locking, and setting a server's state by hand.

ALTER TABLE operations DROP CONSTRAINT operations_kind, DROP CONSTRAINT operations_state;
ALTER TABLE operations
    ADD CONSTRAINT operations_kind CHECK (kind IN ('build', 'delete', 'start', 'stop', 'reboot-soft', 'reboot-hard',
        'live-migration', 'pause', 'unpause', 'suspend', 'resume',
        'lock', 'unlock', 'reset-state')),
    ADD CONSTRAINT operations_state CHECK (state IN ('requested', 'claimed', 'checked', 'preparing', 'prepared', 'migrating',
        'switched', 'cleaning', 'rollback', 'spawning', 'undoing', 'deleting', 'starting', 'stopping', 'rebooting',
        'rebooting-hard', 'pausing', 'unpausing', 'suspending', 'resuming', 'done', 'failed', 'cancelled', 'error'));

-- The memory of a suspended guest is in a file that belongs to the operation which suspended it.  A row that names none
-- has no such memory, whatever files there are.
ALTER TABLE instances DROP CONSTRAINT instances_vm_state;
ALTER TABLE instances
    ADD CONSTRAINT instances_vm_state CHECK (vm_state IN ('building', 'active', 'paused', 'stopped', 'suspended', 'error', 'deleted')),
    ADD COLUMN saved_operation bigint REFERENCES operations,
    ADD CONSTRAINT instances_saved CHECK (vm_state <> 'suspended' OR saved_operation IS NOT NULL);

-- Who keeps others from changing the server: somebody of its project, or an admin of another.
ALTER TABLE instances
    ADD COLUMN locked_by text CONSTRAINT instances_locked_by CHECK (locked_by IN ('owner', 'admin')),
    ADD COLUMN locked_reason text;

CREATE OR REPLACE VIEW instance_rows AS
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
       i.created_at, i.updated_at, i.launched_at, i.terminated_at, i.deleted_at,
       i.locked_by, i.locked_reason, i.saved_operation
  FROM instances i
  LEFT JOIN hosts h ON h.id = i.host_id
  LEFT JOIN operations o ON o.instance = i.uuid AND o.finished_at IS NULL
  LEFT JOIN progress p ON p.operation = o.id;
