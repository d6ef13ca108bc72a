/* SPDX-License-Identifier: Apache-2.0 */
#include "model/instance.h"

#include "model/matrix.h"

#include <inttypes.h>
#include <string.h>

static const char *const vm_state_names[] = {
	[NOVA_VM_BUILDING] = "building", [NOVA_VM_ACTIVE] = "active", [NOVA_VM_PAUSED] = "paused",
	[NOVA_VM_SUSPENDED] = "suspended", [NOVA_VM_RESIZED] = "resized",
	[NOVA_VM_STOPPED] = "stopped",	 [NOVA_VM_ERROR] = "error",   [NOVA_VM_DELETED] = "deleted",
};
G_STATIC_ASSERT(G_N_ELEMENTS(vm_state_names) == NOVA_VM__COUNT);

/* Nova's API status: the first row whose vm_state and task_state fit; task NULL fits every task. */
static const struct status_row {
	nova_vm_state vm_state;
	const char *task;
	const char *status;
} statuses[] = {
	{ NOVA_VM_ACTIVE, "rebooting", "REBOOT" },
	{ NOVA_VM_ACTIVE, "rebooting_hard", "HARD_REBOOT" },
	{ NOVA_VM_ACTIVE, "migrating", "MIGRATING" },
	{ NOVA_VM_ACTIVE, "rebuilding", "REBUILD" },
	{ NOVA_VM_ACTIVE, "rebuild_block_device_mapping", "REBUILD" },
	{ NOVA_VM_ACTIVE, "rebuild_spawning", "REBUILD" },
	{ NOVA_VM_STOPPED, "rebuilding", "REBUILD" },
	{ NOVA_VM_STOPPED, "rebuild_block_device_mapping", "REBUILD" },
	{ NOVA_VM_STOPPED, "rebuild_spawning", "REBUILD" },
	{ NOVA_VM_ERROR, "rebuilding", "REBUILD" },
	{ NOVA_VM_ERROR, "rebuild_block_device_mapping", "REBUILD" },
	{ NOVA_VM_ERROR, "rebuild_spawning", "REBUILD" },
	{ NOVA_VM_ACTIVE, "resize_prep", "RESIZE" },
	{ NOVA_VM_ACTIVE, "resize_migrating", "RESIZE" },
	{ NOVA_VM_ACTIVE, "resize_finish", "RESIZE" },
	{ NOVA_VM_STOPPED, "resize_prep", "RESIZE" },
	{ NOVA_VM_STOPPED, "resize_migrating", "RESIZE" },
	{ NOVA_VM_STOPPED, "resize_finish", "RESIZE" },
	{ NOVA_VM_RESIZED, "resize_reverting", "REVERT_RESIZE" },
	{ NOVA_VM_RESIZED, NULL, "VERIFY_RESIZE" },
	{ NOVA_VM_ACTIVE, NULL, "ACTIVE" },
	{ NOVA_VM_BUILDING, NULL, "BUILD" },
	{ NOVA_VM_STOPPED, NULL, "SHUTOFF" },
	{ NOVA_VM_SUSPENDED, NULL, "SUSPENDED" },
	{ NOVA_VM_PAUSED, "migrating", "MIGRATING" },
	{ NOVA_VM_PAUSED, NULL, "PAUSED" },
	{ NOVA_VM_ERROR, NULL, "ERROR" },
	{ NOVA_VM_DELETED, NULL, "DELETED" },
};

nova_instance *nova_instance_new(void)
{
	nova_instance *instance = g_new0(nova_instance, 1);

	instance->addresses = g_ptr_array_new_with_free_func((GDestroyNotify)nova_address_free);
	return instance;
}

void nova_instance_free(nova_instance *instance)
{
	if (!instance)
		return;
	char *const strings[] = {
		instance->uuid,		 instance->project_id,	 instance->user_id,
		instance->name,		 instance->description,	 instance->hostname,
		instance->host,		 instance->node,	 instance->zone,
		instance->flavorid,	 instance->flavor_name,	 instance->extra_specs_json,
		instance->image_id,	 instance->machine,	 instance->metadata_json,
		instance->tags_json,	 instance->key_name,	 instance->user_data,
		instance->config_drive,	 instance->reservation_id, instance->access_ip_v4,
		instance->access_ip_v6,	 instance->fault_message, instance->fault_details,
		instance->locked_by,	 instance->locked_reason, instance->server_group,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	if (instance->addresses)
		g_ptr_array_unref(instance->addresses);
	g_free(instance);
}

nova_address *nova_address_new(const char *network, const char *address, int version, const char *mac,
			       const char *bridge)
{
	nova_address *a = g_new0(nova_address, 1);

	a->network = g_strdup(network);
	a->address = g_strdup(address);
	a->version = version;
	a->mac = g_strdup(mac);
	a->bridge = g_strdup(bridge);
	return a;
}

void nova_address_free(nova_address *address)
{
	if (!address)
		return;
	g_free(address->network);
	g_free(address->address);
	g_free(address->mac);
	g_free(address->bridge);
	g_free(address);
}

const char *nova_vm_state_name(nova_vm_state state)
{
	return vm_state_names[state];
}

bool nova_vm_state_from_name(const char *name, nova_vm_state *ret)
{
	for (size_t i = 0; name && i < NOVA_VM__COUNT; i++)
		if (strcmp(vm_state_names[i], name) == 0) {
			*ret = (nova_vm_state)i;
			return true;
		}
	return false;
}

const char *nova_instance_task_state(const nova_instance *instance)
{
	if (instance->busy) {
		const nova_flow_row *row = nova_flow_row_of(instance->op_kind, instance->op_state);

		return instance->delete_requested ? "deleting" : (row ? row->task_state : NULL);
	}
	return NULL;
}

const char *nova_instance_status(nova_vm_state vm_state, const char *task_state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++)
		if (statuses[i].vm_state == vm_state &&
		    (!statuses[i].task || g_strcmp0(statuses[i].task, task_state) == 0))
			return statuses[i].status;
	return "UNKNOWN";
}

char *nova_instance_domain_name(int64_t id)
{
	return g_strdup_printf("instance-%08" PRIx64, (uint64_t)id);
}

bool nova_instance_may_begin(const nova_instance *instance, nova_op_kind kind, const char *action,
			     GError **error)
{
	const char *task = nova_instance_task_state(instance);
	nova_ask ask = nova_ask_of_kind(kind);
	nova_cell cell;

	if (kind == NOVA_OP_BUILD) /* nobody asks for one: it begins with its server */
		cell.answer = task ? NOVA_ANSWER_BUSY :
				     nova_op_kind_vm_states(kind) & (1u << instance->vm_state) ? NOVA_ANSWER_BEGINS :
												 NOVA_ANSWER_STATE;
	else if (instance->busy && instance->vm_state != NOVA_VM_DELETED)
		cell = nova_matrix_busy(ask, instance->op_kind, instance->op_state);
	else if (instance->delete_requested && kind != NOVA_OP_DELETE)
		cell = nova_matrix_busy(ask, NOVA_OP_DELETE, NOVA_OPS_REQUESTED); /* it is about to begin */
	else
		cell = nova_matrix_idle(ask, instance->vm_state);
	const nova_refusal_facts facts = {
		.instance_uuid = instance->uuid,
		.action = action,
		.task_state = task ? task : "deleting",
		.vm_state = instance->vm_state,
	};

	return nova_cell_check(ask, cell, &facts, error);
}
