/* SPDX-License-Identifier: Apache-2.0 */
#include "db/rows.h"

#include <string.h>

static bool unknown(const char *what, const char *word, GError **error)
{
	return nova_fail(error, NOVA_FAULT_INTERNAL,
			 "the database holds %s '%s', which this program does not know", what,
			 word ? word : "");
}

/* ---- hosts ---- */

nova_host *nova_row_host(nova_result *row)
{
	nova_host *h = nova_host_new();
	nova_inventory *inv = &h->inventory;

	h->id = (int)nova_result_int(row, "id");
	h->name = nova_result_dup(row, "name");
	h->uuid = nova_result_dup(row, "uuid");
	h->service_id = (int)nova_result_int(row, "service_id");
	h->service_uuid = nova_result_dup(row, "service_uuid");
	h->zone = nova_result_dup(row, "zone");
	h->my_ip = nova_result_dup(row, "my_ip");
	h->migration_address = nova_result_dup(row, "migration_address");
	inv->hypervisor_hostname = nova_result_dup(row, "hypervisor_hostname");
	inv->hypervisor_type = nova_result_dup(row, "hypervisor_type");
	inv->hypervisor_version = (int)nova_result_int(row, "hypervisor_version");
	inv->libvirt_version = (int)nova_result_int(row, "libvirt_version");
	inv->cpu_info_json = nova_result_dup(row, "cpu_info");
	inv->cpu_xml = nova_result_dup(row, "cpu_xml");
	inv->machines = nova_result_dup(row, "machines");
	h->disabled = nova_result_bool(row, "disabled");
	h->disabled_reason = nova_result_dup(row, "disabled_reason");
	h->forced_down = nova_result_bool(row, "forced_down");
	h->storage_ok = nova_result_bool(row, "storage_ok");
	h->health = nova_result_dup(row, "health");
	inv->vcpus = (int)nova_result_int(row, "vcpus");
	inv->memory_mb = nova_result_int(row, "memory_mb");
	inv->reserved_vcpus = (int)nova_result_int(row, "reserved_vcpus");
	inv->reserved_memory_mb = nova_result_int(row, "reserved_memory_mb");
	inv->reserved_disk_gb = nova_result_int(row, "reserved_disk_gb");
	inv->cpu_ratio = nova_result_float(row, "cpu_ratio");
	inv->ram_ratio = nova_result_float(row, "ram_ratio");
	inv->disk_ratio = nova_result_float(row, "disk_ratio");
	inv->max_migrations = (int)nova_result_int(row, "max_migrations");
	h->cap_vcpus = (int)nova_result_int(row, "cap_vcpus");
	h->used_vcpus = (int)nova_result_int(row, "used_vcpus");
	h->cap_memory_mb = nova_result_int(row, "cap_memory_mb");
	h->used_memory_mb = nova_result_int(row, "used_memory_mb");
	h->outgoing = (int)nova_result_int(row, "outgoing");
	h->incoming = (int)nova_result_int(row, "incoming");
	h->pool_id = (int)nova_result_int(row, "pool_id");
	inv->pool_free_gb = nova_result_int(row, "pool_free_gb");
	inv->pool_fsid = nova_result_dup(row, "pool_fsid");
	inv->pool_kind = nova_result_dup(row, "pool_kind");
	inv->pool_total_gb = nova_result_int(row, "pool_total_gb");
	h->pool_cap_gb = nova_result_int(row, "pool_cap_gb");
	h->pool_used_gb = nova_result_int(row, "pool_used_gb");
	h->pool_shared = nova_result_bool(row, "pool_shared");
	h->epoch = nova_result_int(row, "epoch");
	h->boot_id = nova_result_dup(row, "boot_id");
	h->up = nova_result_bool(row, "up");
	h->seen_us = nova_result_int(row, "seen_us");
	h->running_vms = (int)nova_result_int(row, "running_vms");
	return h;
}

GPtrArray *nova_rows_hosts(nova_result *result)
{
	GPtrArray *hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);

	while (nova_result_next(result))
		g_ptr_array_add(hosts, nova_row_host(result));
	return hosts;
}

/* ---- instances ---- */

/* One address a line, its fields parted by tabs: network, address, family, MAC, bridge. */
static void read_addresses(nova_instance *instance, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line && **line; line++) {
		g_auto(GStrv) f = g_strsplit(*line, "\t", 5);

		if (g_strv_length(f) == 5)
			g_ptr_array_add(
				instance->addresses,
				nova_address_new(f[0], f[1], strcmp(f[2], "6") == 0 ? 6 : 4, f[3], f[4]));
	}
}

nova_instance *nova_row_instance(nova_result *row, GError **error)
{
	g_autoptr(nova_instance) i = nova_instance_new();
	const char *word;

	i->id = nova_result_int(row, "id");
	i->uuid = nova_result_dup(row, "uuid");
	i->project_id = nova_result_dup(row, "project_id");
	i->user_id = nova_result_dup(row, "user_id");
	i->name = nova_result_dup(row, "display_name");
	i->description = nova_result_dup(row, "description");
	i->hostname = nova_result_dup(row, "hostname");
	word = nova_result_text(row, "vm_state");
	if (!nova_vm_state_from_name(word, &i->vm_state)) {
		unknown("vm_state", word, error);
		return NULL;
	}
	i->power_state = (nova_power_state)nova_result_int(row, "power_state");
	i->wanted_power = nova_result_bool(row, "wanted_power");
	i->delete_requested = nova_result_bool(row, "delete_requested");
	i->token = nova_result_int(row, "token");
	i->host_id = (int)nova_result_int(row, "host_id");
	i->host = nova_result_dup(row, "host");
	i->node = nova_result_dup(row, "node");
	i->zone = nova_result_dup(row, "zone");
	i->flavor_id = nova_result_int(row, "flavor_id");
	i->flavorid = nova_result_dup(row, "flavorid");
	i->flavor_name = nova_result_dup(row, "flavor_name");
	i->vcpus = (int)nova_result_int(row, "vcpus");
	i->memory_mb = nova_result_int(row, "memory_mb");
	i->root_gb = nova_result_int(row, "root_gb");
	i->ephemeral_gb = nova_result_int(row, "ephemeral_gb");
	i->swap_mb = nova_result_int(row, "swap_mb");
	i->extra_specs_json = nova_result_dup(row, "extra_specs");
	i->image_id = nova_result_dup(row, "image_id");
	i->machine = nova_result_dup(row, "machine");
	i->metadata_json = nova_result_dup(row, "metadata");
	i->tags_json = nova_result_dup(row, "tags");
	i->key_name = nova_result_dup(row, "key_name");
	i->user_data = nova_result_dup(row, "user_data");
	i->config_drive = nova_result_dup(row, "config_drive");
	i->reservation_id = nova_result_dup(row, "reservation_id");
	i->launch_index = (int)nova_result_int(row, "launch_index");
	i->access_ip_v4 = nova_result_dup(row, "access_ip_v4");
	i->access_ip_v6 = nova_result_dup(row, "access_ip_v6");
	i->fault_code = (int)nova_result_int(row, "fault_code");
	i->fault_message = nova_result_dup(row, "fault_message");
	i->fault_details = nova_result_dup(row, "fault_details");
	i->fault_created_us = nova_result_int(row, "fault_us");
	i->created_us = nova_result_int(row, "created_us");
	i->updated_us = nova_result_int(row, "updated_us");
	i->launched_us = nova_result_int(row, "launched_us");
	i->terminated_us = nova_result_int(row, "terminated_us");
	i->deleted_us = nova_result_int(row, "deleted_us");
	i->op_id = nova_result_int(row, "op_id");
	i->busy = i->op_id != 0;
	if (i->busy) {
		word = nova_result_text(row, "op_kind");
		if (!nova_op_kind_from_name(word, &i->op_kind)) {
			unknown("operation kind", word, error);
			return NULL;
		}
		word = nova_result_text(row, "op_state");
		if (!nova_op_state_from_name(word, &i->op_state)) {
			unknown("operation state", word, error);
			return NULL;
		}
	}
	i->saved_operation = nova_result_int(row, "saved_operation");
	i->locked_by = nova_result_dup(row, "locked_by");
	i->locked_reason = nova_result_dup(row, "locked_reason");
	i->host_up = nova_result_bool(row, "host_up");
	i->host_disabled = nova_result_bool(row, "host_disabled");
	i->host_forced_down = nova_result_bool(row, "host_forced_down");
	i->server_group = nova_result_dup(row, "server_group");
	i->progress = (int)nova_result_int(row, "op_percent");
	read_addresses(i, nova_result_text(row, "addresses"));
	return g_steal_pointer(&i);
}

GPtrArray *nova_rows_instances(nova_result *result, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_instance_free);

	while (nova_result_next(result)) {
		nova_instance *instance = nova_row_instance(result, error);

		if (!instance)
			return NULL;
		g_ptr_array_add(list, instance);
	}
	return g_steal_pointer(&list);
}

/* ---- operations ---- */

static int64_t int_or(nova_result *row, const char *column, int64_t otherwise)
{
	return nova_result_is_null(row, column) ? otherwise : nova_result_int(row, column);
}

nova_operation *nova_row_operation(nova_result *row, GError **error)
{
	g_autoptr(nova_operation) op = nova_operation_new();
	const char *word;

	op->id = nova_result_int(row, "id");
	op->uuid = nova_result_dup(row, "uuid");
	word = nova_result_text(row, "kind");
	if (!nova_op_kind_from_name(word, &op->kind)) {
		unknown("operation kind", word, error);
		return NULL;
	}
	word = nova_result_text(row, "state");
	if (!nova_op_state_from_name(word, &op->state)) {
		unknown("operation state", word, error);
		return NULL;
	}
	op->seq = (int)nova_result_int(row, "seq");
	op->instance_uuid = nova_result_dup(row, "instance");
	op->project_id = nova_result_dup(row, "project_id");
	op->user_id = nova_result_dup(row, "user_id");
	op->request_id = nova_result_dup(row, "request_id");
	op->source_host_id = (int)nova_result_int(row, "source_host_id");
	op->dest_host_id = (int)nova_result_int(row, "dest_host_id");
	op->source_host = nova_result_dup(row, "source_host");
	op->dest_host = nova_result_dup(row, "dest_host");
	op->source_node = nova_result_dup(row, "source_node");
	op->dest_node = nova_result_dup(row, "dest_node");
	op->source_address = nova_result_dup(row, "source_address");
	op->dest_address = nova_result_dup(row, "dest_address");
	op->requested_host = nova_result_dup(row, "requested_host");
	op->owner_epoch = nova_result_int(row, "owner_epoch");
	op->abort_requested = nova_result_bool(row, "abort_requested");
	op->force_requested = nova_result_bool(row, "force_requested");
	op->strict = nova_result_bool(row, "strict");
	op->pre_power = (nova_power_state)nova_result_int(row, "pre_power");
	op->attempts = (int)nova_result_int(row, "attempts");
	word = nova_result_text(row, "blocked");
	if (word && !nova_blocked_from_name(word, &op->blocked)) {
		unknown("blocking reason", word, error);
		return NULL;
	}
	op->blocked_host = nova_result_dup(row, "blocked_host");
	op->reason = nova_result_dup(row, "reason");
	op->not_before_us = nova_result_int(row, "not_before_us");
	op->downtime_ms = int_or(row, "downtime_ms", -1);
	op->total_ms = int_or(row, "total_ms", -1);
	op->created_us = nova_result_int(row, "created_us");
	op->changed_us = nova_result_int(row, "changed_us");
	op->finished_us = nova_result_int(row, "finished_us");
	op->memory_total = nova_result_int(row, "memory_total");
	op->memory_processed = nova_result_int(row, "memory_processed");
	op->memory_remaining = nova_result_int(row, "memory_remaining");
	op->disk_total = nova_result_int(row, "disk_total");
	op->disk_processed = nova_result_int(row, "disk_processed");
	op->disk_remaining = nova_result_int(row, "disk_remaining");
	op->rate = nova_result_int(row, "rate");
	op->dirty_rate = nova_result_int(row, "dirty_rate");
	op->iteration = (int)nova_result_int(row, "iteration");
	op->percent = (int)nova_result_int(row, "percent");
	op->flavor_id = nova_result_int(row, "flavor_id");
	op->former_flavor_id = nova_result_int(row, "former_flavor_id");
	op->wanted_flavor_id = nova_result_int(row, "wanted_flavor_id");
	op->wanted_vcpus = (int)nova_result_int(row, "wanted_vcpus");
	op->wanted_memory_mb = nova_result_int(row, "wanted_memory_mb");
	op->wanted_disk_gb = nova_result_int(row, "wanted_disk_gb");
	op->ran = nova_result_bool(row, "ran");
	op->outcome = nova_result_dup(row, "outcome");
	return g_steal_pointer(&op);
}

GPtrArray *nova_rows_operations(nova_result *result, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_operation_free);

	while (nova_result_next(result)) {
		nova_operation *op = nova_row_operation(result, error);

		if (!op)
			return NULL;
		g_ptr_array_add(list, op);
	}
	return g_steal_pointer(&list);
}
