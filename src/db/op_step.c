/* SPDX-License-Identifier: Apache-2.0 */
#include "db/op_step.h"

#include "db/fence.h"
#include "db/rows.h"

#include <inttypes.h>
#include <string.h>

nova_op_step nova_op_step_of(const nova_operation *op, const nova_fence *fence, nova_op_state to,
			     const char *message, const char *evidence)
{
	return (nova_op_step) {
		.op = op,
		.fence = fence,
		.to = to,
		.message = message,
		.evidence = evidence,
		.reason = op->reason,
		.dest_host_id = op->dest_host_id,
		.pre_power = op->pre_power,
		.holds_slots = -1,
		.attempts = op->attempts,
		.downtime_ms = op->downtime_ms,
		.total_ms = op->total_ms,
		.absent_host_id = fence ? 0 : nova_operation_actor_host_id(op),
	};
}

const char *nova_op_step_untouched(const nova_operation *op)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, op->state);

	return op->kind == NOVA_OP_LIVE_MIGRATION && row && !(row->flags & NOVA_FLOW_PERMIT) ?
		       "{\"source\": {\"touched\": false}, \"dest\": {\"touched\": false}, \"why\": "
		       "\"the permit to migrate was not given: neither hypervisor was asked to do anything\"}" :
		       NULL;
}

/* What may be done for a host that is not there: a scheduler shows that it is missed, or takes back what nobody has
 * acted on; the destination records that the guest is its own. */
static bool may_stand_in(const nova_op_step *step)
{
	if (step->fence)
		return step->op->state == NOVA_OPS_MIGRATING && step->to == NOVA_OPS_SWITCHED;
	return step->note || step->to == NOVA_OPS_REQUESTED || step->to == NOVA_OPS_CANCELLED;
}

/* The host that must act after the step; 0: a scheduler or nobody. */
static int next_owner(const nova_op_step *step)
{
	const nova_flow_row *row = nova_flow_row_of(step->op->kind, step->to);

	switch (row ? row->actor : NOVA_ACTOR_NONE) {
	case NOVA_ACTOR_SOURCE:
		return step->op->source_host_id;
	case NOVA_ACTOR_DEST:
		return step->dest_host_id;
	default:
		return 0;
	}
}

static const char *actor_name(const nova_op_step *step)
{
	nova_op_actor actor = NOVA_ACTOR_SCHEDULER;

	if (step->fence)
		actor = step->fence->host_id == step->op->source_host_id ? NOVA_ACTOR_SOURCE
									 : NOVA_ACTOR_DEST;
	return nova_op_actor_name(actor);
}

static bool changes_task(const nova_op_step *step)
{
	const nova_flow_row *from = nova_flow_row_of(step->op->kind, step->op->state);
	const nova_flow_row *to = nova_flow_row_of(step->op->kind, step->to);

	return from && to && g_strcmp0(from->task_state, to->task_state) != 0;
}

/* The step changed nothing: finds out why. */
static bool explain(nova_tx *tx, nova_op_step *step, GError **error)
{
	const nova_operation *op = step->op;
	const nova_fence *fence = step->fence;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_OPERATION_REFUSAL,
			 NOVA_ARGS(nova_arg_int(op->id),
				   fence ? nova_arg_int(fence->host_id) : nova_arg_null(),
				   fence ? nova_arg_int(fence->epoch) : nova_arg_null()),
			 &row, error))
		return false;
	if (!row)
		return nova_fail(error, NOVA_FAULT_STALE, "operation %" PRId64 " does not exist", op->id);
	const char *state = nova_result_text(row, "state");
	int seq = (int)nova_result_int(row, "seq");
	int owner = (int)nova_result_int(row, "owner_host_id");
	bool aborted = nova_result_bool(row, "abort_requested");

	if (fence && !nova_result_bool(row, "fence_holds"))
		return nova_fence_refuse_in(tx, fence, error);
	if (seq != op->seq || strcmp(state, nova_op_state_name(op->state)) != 0)
		return nova_fail(error, NOVA_FAULT_STALE,
				 "operation %" PRId64 " is in state %s (seq %d) and no longer in %s (seq %d)",
				 op->id, state, seq, nova_op_state_name(op->state), op->seq);
	if (step->absent_host_id && owner == step->absent_host_id)
		return nova_fail(error, NOVA_FAULT_FENCED,
				 "operation %" PRId64 " in state %s waits for a host that has a valid lease",
				 op->id, state);
	if (fence ? owner != fence->host_id : owner != 0)
		return nova_fail(error, NOVA_FAULT_FENCED,
				 "operation %" PRId64 " in state %s is not this service's to act on", op->id,
				 state);
	if (step->unless_aborted && aborted) {
		step->aborted = true;
		return true;
	}
	/* Everything fits now: it was another a moment ago, or the owner's epoch is one nobody holds. */
	return nova_fail(error, NOVA_FAULT_STALE, "operation %" PRId64 " changed meanwhile; read it again",
			 op->id);
}

bool nova_op_step_run(nova_tx *tx, nova_op_step *step, GError **error)
{
	const nova_operation *op = step->op;
	const nova_fence *fence = step->fence;
	g_autoptr(nova_result) row = NULL;

	if (!step->note && !nova_flow_may_follow(op->kind, op->state, step->to))
		return nova_fail(error, NOVA_FAULT_INTERNAL, "a %s operation does not go from %s to %s",
				 nova_op_kind_name(op->kind), nova_op_state_name(op->state),
				 nova_op_state_name(step->to));
	if (step->absent_host_id && !may_stand_in(step))
		return nova_fail(error, NOVA_FAULT_FENCED,
				 "operation %" PRId64 " goes from %s to %s by its owner's hand only", op->id,
				 nova_op_state_name(op->state), nova_op_state_name(step->to));
	step->aborted = false;
	/* What users see of the instance changes; its row comes before the operation's in the order of locks.
	 */
	if (changes_task(step) &&
	    !nova_tx_run(tx, NOVA_Q_INSTANCE_TOUCH, NOVA_ARGS(nova_arg_text(op->instance_uuid)), NULL, error))
		return false;
	if (!nova_tx_one(tx, NOVA_Q_OPERATION_STEP,
			 NOVA_ARGS(nova_arg_int(op->id), nova_arg_int(op->seq),
				   nova_arg_text(nova_op_state_name(op->state)),
				   nova_arg_text(nova_op_state_name(step->to)),
				   fence ? nova_arg_int(fence->host_id) : nova_arg_null(),
				   fence ? nova_arg_int(fence->epoch) : nova_arg_null(),
				   nova_arg_id(next_owner(step)), nova_arg_text(actor_name(step)),
				   nova_arg_text(step->message), nova_arg_text(step->evidence),
				   nova_arg_text(nova_blocked_name(step->blocked)),
				   nova_arg_text(step->blocked_host), nova_arg_id(step->wait_ms),
				   nova_arg_text(step->reason), nova_arg_id(step->dest_host_id),
				   nova_arg_int(step->pre_power),
				   step->holds_slots < 0 ? nova_arg_null() : nova_arg_bool(step->holds_slots),
				   nova_arg_int(step->attempts),
				   step->downtime_ms < 0 ? nova_arg_null() : nova_arg_int(step->downtime_ms),
				   step->total_ms < 0 ? nova_arg_null() : nova_arg_int(step->total_ms),
				   nova_arg_text(step->trace),
				   nova_arg_bool(nova_op_state_is_terminal(step->to)),
				   nova_arg_bool(step->unless_aborted), nova_arg_id(step->absent_host_id)),
			 &row, error))
		return false;
	if (!row)
		return explain(tx, step, error);
	step->seq = (int)nova_result_int(row, "seq");
	step->owner_epoch = nova_result_int(row, "owner_epoch");
	step->changed_us = nova_result_int(row, "changed_us");
	step->finished_us = nova_result_int(row, "finished_us");
	step->not_before_us = nova_result_int(row, "not_before_us");
	return true;
}

bool nova_op_step_proof(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const nova_op_step *step = arg;
	const nova_operation *op = step->op;
	const nova_fence *fence = step->fence;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_OPERATION_PROOF,
			 NOVA_ARGS(nova_arg_int(op->id), nova_arg_int(op->seq + 1),
				   nova_arg_text(nova_op_state_name(op->state)),
				   nova_arg_text(nova_op_state_name(step->to)),
				   fence ? nova_arg_int(fence->host_id) : nova_arg_null(),
				   fence ? nova_arg_int(fence->epoch) : nova_arg_null()),
			 &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

static void set_string(char **place, const char *value)
{
	char *copy = g_strdup(value);

	g_free(*place);
	*place = copy;
}

void nova_op_step_apply(const nova_op_step *step, nova_operation *op)
{
	op->state = step->to;
	op->seq = step->seq;
	op->owner_epoch = step->owner_epoch;
	op->blocked = step->blocked;
	set_string(&op->blocked_host, step->blocked_host);
	set_string(&op->reason, step->reason);
	op->pre_power = step->pre_power;
	op->attempts = step->attempts;
	op->downtime_ms = step->downtime_ms;
	op->total_ms = step->total_ms;
	op->not_before_us = step->not_before_us;
	op->changed_us = step->changed_us;
	op->finished_us = step->finished_us;
	if (step->dest_host_id == 0 && op->dest_host_id != 0) {
		op->dest_host_id = 0;
		g_clear_pointer(&op->dest_host, g_free);
		g_clear_pointer(&op->dest_node, g_free);
		g_clear_pointer(&op->dest_address, g_free);
	}
}

static bool run_plain(nova_tx *tx, void *arg, GError **error)
{
	return nova_op_step_run(tx, arg, error);
}

bool nova_op_step_do(nova_db *db, nova_op_step *step, GError **error)
{
	static const nova_job job = { .name = "step of an operation",
				      .run = run_plain,
				      .proof = nova_op_step_proof };

	return nova_tx_do(db, &job, step, error);
}

bool nova_op_step_lock_instance(nova_tx *tx, const char *uuid, nova_result **ret, GError **error)
{
	if (!nova_tx_one(tx, NOVA_Q_INSTANCE_LOCK, NOVA_ARGS(nova_arg_text(uuid)), ret, error))
		return false;
	return *ret ||
	       nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.", uuid);
}

nova_operation *nova_op_step_reread(nova_tx *tx, int64_t id, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_OPERATION_GET, NOVA_ARGS(nova_arg_int(id)), &row, error))
		return NULL;
	if (!row) {
		nova_fail(error, NOVA_FAULT_INTERNAL, "operation %" PRId64 " is gone", id);
		return NULL;
	}
	return nova_row_operation(row, error);
}

void nova_op_step_replace(nova_operation *op, nova_operation *fresh)
{
	nova_operation old = *op;

	*op = *fresh;
	*fresh = old;
	nova_operation_free(fresh);
}
