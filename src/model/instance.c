/* SPDX-License-Identifier: Apache-2.0 */
#include "model/instance.h"

#include "common/error.h"

#include <inttypes.h>
#include <string.h>

static const char *const vm_state_names[] = {
	[NOVA_VM_BUILDING] = "building", [NOVA_VM_ACTIVE] = "active", [NOVA_VM_PAUSED] = "paused",
	[NOVA_VM_STOPPED] = "stopped",	 [NOVA_VM_ERROR] = "error",   [NOVA_VM_DELETED] = "deleted",
};
G_STATIC_ASSERT(G_N_ELEMENTS(vm_state_names) == NOVA_VM__COUNT);

#define IN(s) (1u << NOVA_VM_##s)

/* The operation x state matrix for an idle instance.  A busy one refuses everything but DELETE, which
 * becomes a wish recorded in the row. */
static const unsigned allowed_in[] = {
	[NOVA_OP_BUILD] = IN(BUILDING),
	[NOVA_OP_DELETE] = IN(BUILDING) | IN(ACTIVE) | IN(PAUSED) | IN(STOPPED) | IN(ERROR),
	[NOVA_OP_START] = IN(STOPPED),
	[NOVA_OP_STOP] = IN(ACTIVE) | IN(ERROR),
	[NOVA_OP_REBOOT_SOFT] = IN(ACTIVE),
	[NOVA_OP_REBOOT_HARD] = IN(ACTIVE) | IN(PAUSED) | IN(STOPPED) | IN(ERROR),
	[NOVA_OP_LIVE_MIGRATION] = IN(ACTIVE) | IN(PAUSED),
};
G_STATIC_ASSERT(G_N_ELEMENTS(allowed_in) == NOVA_OP__COUNT);

/* Nova's API status: the first row whose vm_state and task_state fit; task NULL fits every task. */
static const struct status_row {
	nova_vm_state vm_state;
	const char *task;
	const char *status;
} statuses[] = {
	{ NOVA_VM_ACTIVE, "rebooting", "REBOOT" },
	{ NOVA_VM_ACTIVE, "rebooting_hard", "HARD_REBOOT" },
	{ NOVA_VM_ACTIVE, "migrating", "MIGRATING" },
	{ NOVA_VM_ACTIVE, NULL, "ACTIVE" },
	{ NOVA_VM_BUILDING, NULL, "BUILD" },
	{ NOVA_VM_STOPPED, NULL, "SHUTOFF" },
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

unsigned nova_op_kind_vm_states(nova_op_kind kind)
{
	return allowed_in[kind];
}

bool nova_instance_may_begin(const nova_instance *instance, nova_op_kind kind, const char *action,
			     GError **error)
{
	const char *task = nova_instance_task_state(instance);

	if (task && kind != NOVA_OP_DELETE)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot '%s' instance %s while it is in task_state %s", action,
				 instance->uuid, task);
	if (!(allowed_in[kind] & (1u << instance->vm_state)))
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot '%s' instance %s while it is in vm_state %s", action,
				 instance->uuid, vm_state_names[instance->vm_state]);
	if (instance->delete_requested && kind != NOVA_OP_DELETE)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot '%s' instance %s while it is in task_state deleting", action,
				 instance->uuid);
	return true;
}
