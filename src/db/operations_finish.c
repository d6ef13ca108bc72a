/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of an operation: what it held is released, the instance gets its outcome, and a delete that waited
 * for it begins, all in one transaction.
 */
#include "db/operations.h"

#include "common/metrics.h"
#include "db/begin.h"
#include "db/op_step.h"
#include "db/resize_tx.h"

#include <inttypes.h>

typedef struct finish_move {
	nova_op_step step; /* first: see nova_op_step_proof() */
	const nova_op_outcome *outcome;
	nova_beginning wish; /* the delete operation that may follow */
	int64_t delete_id;
} finish_move;

/* NULL leaves vm_state, power and wanted_power alone. */
static bool write_outcome(nova_tx *tx, const nova_operation *op, const nova_op_outcome *o, GError **error)
{
	nova_arg fault = nova_arg_null();

	if (o->fault_code)
		fault = nova_arg_bool(true);
	else if (o->state == NOVA_OPS_DONE)
		fault = nova_arg_bool(false);
	return nova_tx_run(
		tx, NOVA_Q_INSTANCE_OUTCOME,
		NOVA_ARGS(nova_arg_text(op->instance_uuid),
			  o->set_vm_state ? nova_arg_text(nova_vm_state_name(o->vm_state)) : nova_arg_null(),
			  o->set_power ? nova_arg_int(o->power_state) : nova_arg_null(),
			  o->set_wanted_power ? nova_arg_bool(o->wanted_power) : nova_arg_null(),
			  nova_arg_bool(o->launched), fault, nova_arg_id(o->fault_code),
			  nova_arg_text(o->fault_message ? o->fault_message : o->reason),
			  nova_arg_text(o->fault_details), nova_arg_int(op->id)),
		NULL, error);
}

/* What a migration holds beside the guest's home: before the flip the incoming claim, after it the outgoing
 * one.  Never both, and never neither while it is active. */
static bool release_migration(nova_tx *tx, const nova_operation *op, GError **error)
{
	const char *const roles[] = { "I", "O", NULL };
	g_autofree char *role_list = nova_arg_array(roles);
	nova_arg uuid = nova_arg_text(op->instance_uuid);

	return nova_tx_run(tx, NOVA_Q_CLAIMS_LOCK_HOSTS, NOVA_ARGS(uuid, nova_arg_int(op->id)), NULL,
			   error) &&
	       nova_tx_run(tx, NOVA_Q_SLOTS_RELEASE,
			   NOVA_ARGS(nova_arg_int(op->id), nova_arg_id(op->dest_host_id)), NULL, error) &&
	       nova_tx_run(tx, NOVA_Q_CLAIMS_RELEASE, NOVA_ARGS(uuid, nova_arg_text(role_list)), NULL, error);
}

static bool release_home(nova_tx *tx, const nova_operation *op, GError **error)
{
	const char *const roles[] = { "H", NULL };
	g_autofree char *role_list = nova_arg_array(roles);
	nova_arg uuid = nova_arg_text(op->instance_uuid);

	return nova_tx_run(tx, NOVA_Q_INSTANCE_UNSETTLE, NOVA_ARGS(uuid), NULL, error) &&
	       nova_tx_run(tx, NOVA_Q_CLAIMS_RELEASE, NOVA_ARGS(uuid, nova_arg_text(role_list)), NULL,
			   error) &&
	       nova_tx_run(tx, NOVA_Q_DISK_CLAIMS_RELEASE, NOVA_ARGS(uuid), NULL, error);
}

/* A delete that was asked for while the operation ran.  Begun before any host's row is locked: it may need
 * the lease of the instance's host, which comes first in the order of locks. */
static bool grant_wish(nova_tx *tx, const finish_move *move, bool homeless, int64_t *ret_id, GError **error)
{
	if (!nova_tx_run(tx, NOVA_Q_INSTANCE_WISH_GRANTED,
			 NOVA_ARGS(nova_arg_text(move->step.op->instance_uuid)), NULL, error))
		return false;
	return homeless ? nova_beginning_delete_at_once(tx, &move->wish, ret_id, error)
			: nova_beginning_run(tx, &move->wish, ret_id, error);
}

static bool run_finish(nova_tx *tx, void *arg, GError **error)
{
	finish_move *move = arg;
	const nova_op_outcome *o = move->outcome;
	const nova_operation *op = move->step.op;
	g_autoptr(nova_result) instance = NULL;
	int64_t delete_id = 0;

	if (!nova_op_step_lock_instance(tx, op->instance_uuid, &instance, error) ||
	    !nova_op_step_run(tx, &move->step, error))
		return false;
	bool wish = nova_result_bool(instance, "delete_requested") && !o->deleted;
	bool homeless = o->release_home || nova_result_is_null(instance, "host_id");
	nova_requester by = {
		.project_id = op->project_id,
		.user_id = op->user_id,
		.request_id = nova_result_text(instance, "delete_request_id"),
	};

	move->wish.by = &by;
	if (o->deleted) {
		if (!nova_tx_run(tx, NOVA_Q_INSTANCE_MARK_DELETED,
				 NOVA_ARGS(nova_arg_text(op->instance_uuid),
					   nova_arg_text(nova_vm_state_name(NOVA_VM_DELETED)),
					   nova_arg_int(NOVA_POWER_NOSTATE)),
				 NULL, error) ||
		    !nova_beginning_release_all(tx, op->instance_uuid, op->id, error))
			return false;
	} else {
		if (!write_outcome(tx, op, o, error))
			return false;
		if (wish && !homeless && !grant_wish(tx, move, false, &delete_id, error))
			return false;
		if (o->image_back && !nova_tx_run(tx, NOVA_Q_INSTANCE_REBUILD_UNDO,
						  NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(op->id)),
						  NULL, error))
			return false;
		if (op->kind == NOVA_OP_LIVE_MIGRATION && !release_migration(tx, op, error))
			return false;
		if (nova_op_kind_resizes(op->kind) && !nova_resize_tx_end(tx, op, o->state == NOVA_OPS_DONE, error))
			return false;
		if (o->release_home && !release_home(tx, op, error))
			return false;
		if (wish && homeless && !grant_wish(tx, move, true, &delete_id, error))
			return false;
	}
	move->wish.by = NULL;
	move->delete_id = delete_id;
	return true;
}

/* What this daemon has ended; only a migration that was completed has a time and a pause worth comparing. */
static void count_end(const nova_operation *op)
{
	nova_metric_add(NOVA_METRIC_OPERATIONS_ENDED, op->kind, op->state, 1);
	if (op->kind != NOVA_OP_LIVE_MIGRATION || op->state != NOVA_OPS_DONE)
		return;
	if (op->total_ms >= 0)
		nova_metric_observe(NOVA_METRIC_MIGRATION_SECONDS, 0, (double)op->total_ms / 1e3);
	if (op->downtime_ms >= 0)
		nova_metric_observe(NOVA_METRIC_MIGRATION_PAUSE_SECONDS, 0, (double)op->downtime_ms / 1e3);
}

bool nova_operations_finish(nova_db *db, const nova_fence *fence, nova_operation *op,
			    const nova_op_outcome *outcome, const char *evidence, int64_t *ret_delete,
			    GError **error)
{
	static const nova_job job = { .name = "end of an operation",
				      .run = run_finish,
				      .proof = nova_op_step_proof };
	finish_move move = {
		.step = nova_op_step_of(op, fence, outcome->state, outcome->reason,
					evidence ? evidence : nova_op_step_untouched(op)),
		.outcome = outcome,
		.wish = nova_beginning_of(NOVA_OP_DELETE, op->instance_uuid, NULL),
	};

	if (!nova_op_state_is_terminal(outcome->state))
		return nova_fail(error, NOVA_FAULT_INTERNAL, "operation %" PRId64 ": %s is no end", op->id,
				 nova_op_state_name(outcome->state));
	if (outcome->state != NOVA_OPS_DONE && (!outcome->reason || !*outcome->reason))
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "operation %" PRId64 " ends in %s without a reason", op->id,
				 nova_op_state_name(outcome->state));
	move.step.reason = outcome->reason;
	move.step.total_ms = outcome->total_ms;
	if (!nova_tx_do(db, &job, &move, error))
		return false;
	nova_op_step_apply(&move.step, op);
	count_end(op);
	if (ret_delete)
		*ret_delete = move.delete_id;
	return true;
}

bool nova_operations_no_valid_host(nova_db *db, nova_operation *op, const char *reason, const char *trace,
				   GError **error)
{
	static const nova_job job = { .name = "no valid host",
				      .run = run_finish,
				      .proof = nova_op_step_proof };
	bool build = op->kind == NOVA_OP_BUILD;
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_ERROR,
		.reason = reason,
		.set_vm_state = build,
		.vm_state = NOVA_VM_ERROR,
		.fault_code = build ? 500 : 0,
		.fault_message = reason,
		.total_ms = -1,
	};
	finish_move move = {
		.step = nova_op_step_of(op, NULL, NOVA_OPS_ERROR, reason,
					trace ? trace : nova_op_step_untouched(op)),
		.outcome = &outcome,
		.wish = nova_beginning_of(NOVA_OP_DELETE, op->instance_uuid, NULL),
	};

	if (!reason || !*reason)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "operation %" PRId64 " ends in error without a reason", op->id);
	move.step.reason = reason;
	move.step.trace = trace;
	if (!nova_tx_do(db, &job, &move, error))
		return false;
	nova_op_step_apply(&move.step, op);
	count_end(op);
	return true;
}
