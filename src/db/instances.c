/* SPDX-License-Identifier: Apache-2.0 */
#include "db/instances.h"

#include "common/uuid.h"
#include "db/begin.h"
#include "db/fence.h"
#include "db/quota_tx.h"
#include "db/rows.h"
#include "db/op_step.h"
#include "model/matrix.h"

#include <string.h>

static bool not_found(const char *uuid, GError **error)
{
	return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.",
			 uuid ? uuid : "");
}

/* ---- create ---- */

typedef struct create_arg {
	const nova_instance *instance;
	const nova_instance_plan *plan;
	nova_beginning beginning;
	int64_t operation;
} create_arg;

static bool insert_row(nova_tx *tx, const nova_instance *i, const nova_instance_plan *plan, int64_t group,
		       GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autofree char *same = plan->same_host_as ? nova_arg_array(plan->same_host_as) : NULL;
	g_autofree char *apart = plan->not_host_of ? nova_arg_array(plan->not_host_of) : NULL;

	if (nova_tx_run(tx, NOVA_Q_INSTANCE_CREATE,
			NOVA_ARGS(nova_arg_text(i->uuid), nova_arg_text(i->project_id),
				  nova_arg_text(i->user_id), nova_arg_text(i->name),
				  nova_arg_text(i->description), nova_arg_text(i->hostname),
				  nova_arg_text(nova_vm_state_name(NOVA_VM_BUILDING)),
				  nova_arg_int(NOVA_POWER_NOSTATE), nova_arg_bool(true),
				  nova_arg_int(i->flavor_id), nova_arg_text(i->flavorid),
				  nova_arg_text(i->flavor_name), nova_arg_int(i->vcpus),
				  nova_arg_int(i->memory_mb), nova_arg_int(i->root_gb),
				  nova_arg_int(i->ephemeral_gb), nova_arg_int(i->swap_mb),
				  nova_arg_text(i->extra_specs_json), nova_arg_text(i->image_id),
				  nova_arg_text(i->metadata_json), nova_arg_text(i->tags_json),
				  nova_arg_text(i->key_name), nova_arg_text(i->user_data),
				  nova_arg_text(i->config_drive), nova_arg_text(i->reservation_id),
				  nova_arg_int(i->launch_index), nova_arg_text(i->access_ip_v4),
				  nova_arg_text(i->access_ip_v6), nova_arg_text(plan->key_data),
				  nova_arg_id(group), nova_arg_text(plan->zone), nova_arg_text(same),
				  nova_arg_text(apart)),
			NULL, &why))
		return true;
	if (strcmp(nova_tx_constraint(tx), "instances_uuid_key") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "a server with the uuid %s exists already",
				 i->uuid);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

/* Members of a group are made one after the other, so that they can be counted. */
static bool join_group(nova_tx *tx, const nova_instance *i, const nova_instance_plan *plan, int64_t *ret_group,
		       GError **error)
{
	g_autoptr(nova_result) group = NULL;
	g_autoptr(nova_result) count = NULL;
	nova_quotas limits, used = { 0 };

	if (!plan->group)
		return true;
	if (!nova_tx_one(tx, NOVA_Q_GROUP_LOCK, NOVA_ARGS(nova_arg_text(plan->group), nova_arg_text(i->project_id)),
			 &group, error))
		return false;
	if (!group)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Instance group %s could not be found.", plan->group);
	*ret_group = nova_result_int(group, "id");
	if (!plan->quotas)
		return true;
	if (!nova_quota_tx_limits(tx, i->project_id, plan->quotas, &limits, error) ||
	    !nova_tx_one(tx, NOVA_Q_GROUP_COUNT, NOVA_ARGS(nova_arg_int(*ret_group)), &count, error))
		return false;
	used.of[NOVA_QUOTA_SERVER_GROUP_MEMBERS] = nova_result_int(count, "n");
	return nova_quota_fits(&limits, &used, NOVA_QUOTA_SERVER_GROUP_MEMBERS, 1) ||
	       nova_fail(error, NOVA_FAULT_FORBIDDEN, "Quota exceeded, too many servers in group");
}

static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	create_arg *create = arg;
	const nova_instance *instance = create->instance;
	const nova_instance_plan *plan = create->plan;
	int64_t operation, group = 0;

	if (plan->quotas && !nova_quota_tx_admit(tx, instance->project_id, plan->quotas, 1, instance->vcpus,
						 instance->memory_mb, error))
		return false;
	if (!join_group(tx, instance, plan, &group, error) || !insert_row(tx, instance, plan, group, error) ||
	    !nova_beginning_run(tx, &create->beginning, &operation, error))
		return false;
	if (!operation)
		return nova_fail(error, NOVA_FAULT_INTERNAL, "the build of %s did not begin",
				 instance->uuid);
	if (plan->network_id) {
		g_autoptr(nova_result) address = NULL;

		if (!nova_tx_one(tx, NOVA_Q_ADDRESS_TAKE,
				 NOVA_ARGS(nova_arg_int(plan->network_id), nova_arg_text(instance->uuid)),
				 &address, error))
			return false;
		if (!address)
			return nova_fail(
				error, NOVA_FAULT_NO_MORE_ADDRESSES,
				"No fixed IP addresses available for network %d: every address is in use",
				plan->network_id);
	}
	create->operation = operation;
	return true;
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	create_arg *create = arg;

	return nova_beginning_proof(tx, &create->beginning, ret_committed, error);
}

bool nova_instances_create(nova_db *db, const nova_instance *instance, const nova_instance_plan *plan,
			   const nova_requester *by, int64_t *ret_operation, GError **error)
{
	static const nova_job job = { .name = "creation of a server",
				      .run = run_create,
				      .proof = prove_create };
	create_arg create = {
		.instance = instance,
		.plan = plan,
		.beginning = nova_beginning_of(NOVA_OP_BUILD, instance->uuid, by),
	};

	if (!nova_uuid_is_valid(instance->uuid) || !nova_uuid_is_valid(instance->image_id))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' is no uuid",
				 nova_uuid_is_valid(instance->uuid) ? instance->image_id : instance->uuid);
	create.beginning.requested_host = plan->requested_host;
	if (!nova_tx_do(db, &job, &create, error))
		return false;
	if (ret_operation)
		*ret_operation = create.operation;
	return true;
}

/* ---- read ---- */

nova_instance *nova_instances_find(nova_db *db, const char *uuid, const char *project_id, bool deleted,
				   GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_uuid_is_valid(uuid) ||
	    !nova_db_one(db, NOVA_Q_INSTANCE_GET,
			 NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(project_id), nova_arg_bool(deleted)),
			 &row, error) ||
	    !row)
		return NULL;
	return nova_row_instance(row, error);
}

bool nova_instances_on_host(nova_db *db, int host_id, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_INSTANCES_ON_HOST, NOVA_ARGS(nova_arg_int(host_id)), &rows, error))
		return false;
	GPtrArray *list = nova_rows_instances(rows, error);

	if (!list)
		return false;
	*ret = list;
	return true;
}

/* ---- delete ---- */

typedef struct delete_arg {
	const char *uuid, *project_id;
	nova_beginning beginning;
	int64_t operation;
} delete_arg;

/* With the instance's row locked nobody begins or ends an operation on it. */
static bool run_delete(nova_tx *tx, void *arg, GError **error)
{
	delete_arg *del = arg;
	g_autoptr(nova_result) instance = NULL;
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_operation) active = NULL;
	nova_arg uuid = nova_arg_text(del->uuid);
	int64_t operation = 0;

	if (!nova_op_step_lock_instance(tx, del->uuid, &instance, error))
		return false;
	if (nova_result_bool(instance, "deleted") ||
	    (del->project_id && strcmp(del->project_id, nova_result_text(instance, "project_id")) != 0))
		return not_found(del->uuid, error);
	if (!nova_tx_one(tx, NOVA_Q_OPERATION_GET_ACTIVE, NOVA_ARGS(uuid), &row, error))
		return false;
	if (row) {
		active = nova_row_operation(row, error);
		if (!active)
			return false;
	}
	nova_answer answer = active ? nova_matrix_busy(NOVA_ASK_DELETE, active->kind, active->state).answer :
				      NOVA_ANSWER_BEGINS;

	if (answer == NOVA_ANSWER_JOINS) {
		operation = active->id;
	} else if (active) {
		g_auto(GStrv) flag_states = nova_matrix_flag_states(NOVA_ASK_DELETE);
		g_autofree char *states = nova_arg_array((const char *const *)flag_states);

		if (!nova_tx_run(
			    tx, NOVA_Q_INSTANCE_WISH_DELETED,
			    NOVA_ARGS(uuid, nova_arg_text(del->beginning.by ? del->beginning.by->request_id
									    : NULL)),
			    NULL, error) ||
		    !nova_tx_run(tx, NOVA_Q_OPERATION_ASK_ACTIVE_TO_ABORT,
				 NOVA_ARGS(uuid, nova_arg_text(states)), NULL, error))
			return false;
	} else if (nova_result_is_null(instance, "host_id")) {
		if (!nova_beginning_delete_at_once(tx, &del->beginning, &operation, error))
			return false;
	} else {
		if (!nova_beginning_run(tx, &del->beginning, &operation, error))
			return false;
		if (!operation)
			return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
					 "Cannot 'delete' instance %s while it is in vm_state %s", del->uuid,
					 nova_result_text(instance, "vm_state"));
	}
	del->operation = operation;
	return true;
}

static bool prove_delete(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	delete_arg *del = arg;

	return nova_beginning_proof(tx, &del->beginning, ret_committed, error);
}

bool nova_instances_delete(nova_db *db, const char *uuid, const char *project_id, const nova_requester *by,
			   int64_t *ret_operation, GError **error)
{
	static const nova_job job = { .name = "deletion of a server",
				      .run = run_delete,
				      .proof = prove_delete };
	delete_arg del = {
		.uuid = uuid,
		.project_id = project_id,
		.beginning = nova_beginning_of(NOVA_OP_DELETE, uuid, by),
	};

	if (!nova_uuid_is_valid(uuid))
		return not_found(uuid, error);
	if (!nova_tx_do(db, &job, &del, error))
		return false;
	if (ret_operation)
		*ret_operation = del.operation;
	return true;
}

/* ---- what a reconciler sees ---- */

typedef struct observe_arg {
	const nova_fence *fence;
	const char *uuid;
	int64_t token;
	nova_power_state power;
	nova_vm_state vm_state;
	bool changed;
} observe_arg;

static bool run_observe(nova_tx *tx, void *arg, GError **error)
{
	observe_arg *seen = arg;
	g_autoptr(nova_result) instance = NULL;
	g_autoptr(nova_result) row = NULL;

	if (!nova_op_step_lock_instance(tx, seen->uuid, &instance, error) ||
	    !nova_fence_hold(tx, seen->fence, error) ||
	    !nova_tx_one(tx, NOVA_Q_INSTANCE_OBSERVE,
			 NOVA_ARGS(nova_arg_text(seen->uuid), nova_arg_int(seen->fence->host_id),
				   nova_arg_int(seen->fence->epoch), nova_arg_int(seen->token),
				   nova_arg_int(seen->power),
				   nova_arg_text(nova_vm_state_name(seen->vm_state))),
			 &row, error))
		return false;
	seen->changed = row != NULL;
	return true;
}

bool nova_instances_observe(nova_db *db, const nova_fence *fence, const char *uuid, int64_t token,
			    nova_power_state power, nova_vm_state vm_state, bool *ret_changed, GError **error)
{
	static const nova_job job = { .name = "observation of a guest", .run = run_observe };
	observe_arg seen = {
		.fence = fence, .uuid = uuid, .token = token, .power = power, .vm_state = vm_state
	};

	if (!nova_uuid_is_valid(uuid))
		return not_found(uuid, error);
	if (!nova_tx_do(db, &job, &seen, error))
		return false;
	*ret_changed = seen.changed;
	return true;
}

/* ---- update ---- */

bool nova_instances_update(nova_db *db, const char *uuid, const char *name, const char *description,
			   const char *access_ip_v4, const char *access_ip_v6, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_uuid_is_valid(uuid))
		return not_found(uuid, error);
	if (!nova_db_one(db, NOVA_Q_INSTANCE_UPDATE,
			 NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(name), nova_arg_text(description),
				   nova_arg_text(access_ip_v4), nova_arg_text(access_ip_v6)),
			 &row, error))
		return false;
	return row || not_found(uuid, error);
}
