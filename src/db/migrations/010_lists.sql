-- SPDX-License-Identifier: Apache-2.0
-- Lists are one statement each.

-- The same number without numeric arithmetic, which is many times slower: a double tells microseconds apart for the next
-- two centuries.
CREATE OR REPLACE FUNCTION nova_usec(at timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (date_part('epoch', at) * 1000000)::bigint;

-- How many guests each host has, without looking at the claims themselves.
CREATE INDEX claims_homes ON claims (host_id) WHERE role = 'H';

-- With what a server shows of its host, and its group.  Nothing here may be volatile, as clock_timestamp() is: the planner
-- would then make the whole view before it looks for one row of it.
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
       i.locked_by, i.locked_reason, i.saved_operation,
       COALESCE(l.lease_until > statement_timestamp(), false) AND NOT h.forced_down AS host_up,
       COALESCE(h.disabled, false) AS host_disabled, COALESCE(h.forced_down, false) AS host_forced_down,
       g.uuid AS server_group
  FROM instances i
  LEFT JOIN hosts h ON h.id = i.host_id
  LEFT JOIN host_lease l ON l.host_id = i.host_id
  LEFT JOIN server_groups g ON g.id = i.group_id
  LEFT JOIN operations o ON o.instance = i.uuid AND o.finished_at IS NULL
  LEFT JOIN progress p ON p.operation = o.id;
