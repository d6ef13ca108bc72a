/* SPDX-License-Identifier: Apache-2.0
 *
 * How an operation moves on, up to its end (operations_finish.c).  Locks in the order of
 * queries/operations.sql.
 */
#include "db/operations.h"

#include "db/rows.h"
#include "db/op_step.h"

#include <inttypes.h>
#include <string.h>

bool nova_operations_advance(nova_db *db, const nova_fence *fence, nova_operation *op, nova_op_state to,
			     const char *message, const char *evidence, GError **error)
{
	nova_op_step step = nova_op_step_of(op, fence, to, message, evidence);

	if (nova_op_state_is_terminal(to) || to == NOVA_OPS_SWITCHED || to == NOVA_OPS_REQUESTED)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "operation %" PRId64 ": %s is not reached by a plain step", op->id,
				 nova_op_state_name(to));
	if (!nova_op_step_do(db, &step, error))
		return false;
	nova_op_step_apply(&step, op);
	return true;
}

bool nova_operations_note(nova_db *db, const nova_fence *fence, nova_operation *op, nova_blocked blocked,
			  const char *blocked_host, int not_before_ms, const char *message,
			  const char *evidence, GError **error)
{
	nova_op_step step = nova_op_step_of(op, fence, op->state, message, evidence);

	step.note = true;
	step.blocked = blocked;
	step.blocked_host = blocked == NOVA_BLOCKED_NO ? NULL : blocked_host;
	step.wait_ms = MAX(not_before_ms, 0);
	if (!nova_op_step_do(db, &step, error))
		return false;
	nova_op_step_apply(&step, op);
	return true;
}

/* ---- claim ---- */

typedef struct claim_move {
	nova_op_step step; /* first: see nova_op_step_proof() */
	bool taken;
	nova_operation *fresh;
} claim_move;

/* *ret_taken false: no room. */
static bool book(nova_tx *tx, const nova_op_step *step, nova_result *instance, bool *ret_taken,
		 GError **error)
{
	const nova_operation *op = step->op;
	bool build = op->kind == NOVA_OP_BUILD;
	bool resize = op->kind == NOVA_OP_RESIZE;
	int64_t vcpus = resize ? op->wanted_vcpus : nova_result_int(instance, "vcpus");
	int64_t memory = resize ? op->wanted_memory_mb : nova_result_int(instance, "memory_mb");
	int64_t disk = nova_result_int(instance, "disk_gb");
	g_autoptr(nova_result) host = NULL;
	g_autoptr(nova_result) pool = NULL;
	g_autoptr(GError) why = NULL;

	*ret_taken = false;
	if (!nova_tx_one(tx, NOVA_Q_CLAIM_HOST,
			 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(step->dest_host_id),
				   nova_arg_text(build ? "H" : "I"), nova_arg_int(op->id),
				   nova_arg_int(vcpus), nova_arg_int(memory)),
			 &host, &why)) {
		/* Another member of its group was faster: not this host. */
		if (strcmp(nova_tx_constraint(tx), "claims_server_group") == 0)
			return true;
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	if (!host)
		return true;
	if (build) {
		/* Disk is the pool's, and stays claimed once however often the guest moves. */
		if (!nova_tx_one(tx, NOVA_Q_CLAIM_DISK,
				 NOVA_ARGS(nova_arg_text(op->instance_uuid),
					   nova_arg_id(nova_result_int(host, "pool_id")), nova_arg_int(disk)),
				 &pool, error))
			return false;
		if (!pool)
			return true;
		if (!nova_tx_run(
			    tx, NOVA_Q_INSTANCE_SETTLE,
			    NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(step->dest_host_id)),
			    NULL, error))
			return false;
	}
	if (resize) {
		if (!nova_tx_one(tx, NOVA_Q_DISK_CLAIM_GROW,
				 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(op->wanted_disk_gb)), &pool,
				 error))
			return false;
		if (!pool)
			return true;
	}
	*ret_taken = true;
	return true;
}

static bool run_claim(nova_tx *tx, void *arg, GError **error)
{
	claim_move *move = arg;
	g_autoptr(nova_result) instance = NULL;
	bool taken;

	if (!nova_op_step_lock_instance(tx, move->step.op->instance_uuid, &instance, error) ||
	    !nova_op_step_run(tx, &move->step, error) || !book(tx, &move->step, instance, &taken, error))
		return false;
	move->taken = taken;
	tx->give_up = !taken;
	if (!taken)
		return true;
	g_clear_pointer(&move->fresh, nova_operation_free);
	move->fresh = nova_op_step_reread(tx, move->step.op->id, error);
	return move->fresh != NULL;
}

bool nova_operations_claim(nova_db *db, nova_operation *op, int dest_host_id, const char *trace,
			   bool *ret_taken, GError **error)
{
	static const nova_job job = { .name = "claim", .run = run_claim, .proof = nova_op_step_proof };
	claim_move move = { .step = nova_op_step_of(op, NULL, NOVA_OPS_CLAIMED, NULL, trace) };

	move.step.dest_host_id = dest_host_id;
	move.step.trace = trace;
	move.step.attempts = op->attempts + 1;
	move.step.message = "resources booked";
	if (!nova_tx_do(db, &job, &move, error)) {
		nova_operation_free(move.fresh);
		return false;
	}
	if (move.taken && move.fresh)
		nova_op_step_replace(op, move.fresh);
	else
		nova_operation_free(move.fresh);
	*ret_taken = move.taken;
	return true;
}

/* ---- refuse ---- */

static bool run_refuse(nova_tx *tx, void *arg, GError **error)
{
	nova_op_step *step = arg;
	const nova_operation *op = step->op;
	bool build = op->kind == NOVA_OP_BUILD;
	g_autoptr(nova_result) instance = NULL;
	const char *const roles[] = { build ? "H" : "I", NULL };
	g_autofree char *role_list = nova_arg_array(roles);
	nova_arg uuid = nova_arg_text(op->instance_uuid);

	if (!nova_op_step_lock_instance(tx, op->instance_uuid, &instance, error) ||
	    !nova_op_step_run(tx, step, error) ||
	    !nova_tx_run(tx, NOVA_Q_OPERATION_NOTE_ATTEMPT,
			 NOVA_ARGS(nova_arg_int(op->id), nova_arg_int(op->dest_host_id),
				   nova_arg_text(step->reason)),
			 NULL, error))
		return false;
	if (build && !nova_tx_run(tx, NOVA_Q_INSTANCE_UNSETTLE, NOVA_ARGS(uuid), NULL, error))
		return false;
	/* The hosts in id order; the step has cleared dest_host_id, but its claim still names it, and a slot
	 * is only held by a migration that has a claim there. */
	return nova_tx_run(tx, NOVA_Q_CLAIMS_LOCK_HOSTS, NOVA_ARGS(uuid, nova_arg_int(op->id)), NULL,
			   error) &&
	       nova_tx_run(tx, NOVA_Q_SLOTS_RELEASE,
			   NOVA_ARGS(nova_arg_int(op->id), nova_arg_int(op->dest_host_id)), NULL, error) &&
	       nova_tx_run(tx, NOVA_Q_CLAIMS_RELEASE, NOVA_ARGS(uuid, nova_arg_text(role_list)), NULL,
			   error) &&
	       (!build || nova_tx_run(tx, NOVA_Q_DISK_CLAIMS_RELEASE, NOVA_ARGS(uuid), NULL, error)) &&
	       (op->kind != NOVA_OP_RESIZE ||
		nova_tx_run(tx, NOVA_Q_DISK_CLAIM_RESTORE, NOVA_ARGS(nova_arg_int(op->id)), NULL, error));
}

bool nova_operations_refuse(nova_db *db, const nova_fence *fence, nova_operation *op, const char *reason,
			    const char *evidence, GError **error)
{
	static const nova_job job = { .name = "refusal by the destination",
				      .run = run_refuse,
				      .proof = nova_op_step_proof };
	nova_op_step step = nova_op_step_of(op, fence, NOVA_OPS_REQUESTED, reason,
					    evidence ? evidence : nova_op_step_untouched(op));

	if (!reason || !op->dest_host_id)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "operation %" PRId64 ": a refusal needs a reason and a destination", op->id);
	step.reason = reason;
	step.dest_host_id = 0;
	if (!nova_tx_do(db, &job, &step, error))
		return false;
	nova_op_step_apply(&step, op);
	return true;
}

/* ---- slots ---- */

typedef struct slots_move {
	nova_op_step step;
	bool taken;
	char *why;
} slots_move;

static bool take_slot(nova_tx *tx, nova_query_id query, int host, bool *ret_taken, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, query, NOVA_ARGS(nova_arg_int(host)), &row, error))
		return false;
	*ret_taken = row != NULL;
	return true;
}

static char *full_text(nova_result *row, bool outgoing)
{
	int64_t n = nova_result_int(row, outgoing ? "outgoing" : "incoming");

	return g_strdup_printf("host '%s' has %" PRId64 " %s migration%s and allows %" PRId64,
			       nova_result_text(row, "name"), n, outgoing ? "outgoing" : "incoming",
			       n == 1 ? "" : "s", nova_result_int(row, "max_migrations"));
}

static bool run_take_slots(nova_tx *tx, void *arg, GError **error)
{
	slots_move *move = arg;
	const nova_operation *op = move->step.op;
	bool source_first = op->source_host_id < op->dest_host_id;
	bool taken = true;

	if (!nova_op_step_run(tx, &move->step, error))
		return false;
	for (int i = 0; i < 2 && taken; i++) {
		bool outgoing = (i == 0) == source_first;
		int host = outgoing ? op->source_host_id : op->dest_host_id;

		if (!take_slot(tx, outgoing ? NOVA_Q_SLOT_TAKE_OUTGOING : NOVA_Q_SLOT_TAKE_INCOMING, host,
			       &taken, error))
			return false;
		if (!taken) {
			g_autoptr(nova_result) row = NULL;

			if (!nova_tx_one(tx, NOVA_Q_SLOTS_OF_HOST, NOVA_ARGS(nova_arg_int(host)), &row,
					 error))
				return false;
			g_free(move->why);
			move->why = row ? full_text(row, outgoing) : g_strdup("the host is gone");
		}
	}
	move->taken = taken;
	tx->give_up = !taken;
	return true;
}

bool nova_operations_take_slots(nova_db *db, const nova_fence *fence, nova_operation *op, bool *ret_taken,
				char **ret_why, GError **error)
{
	static const nova_job job = { .name = "migration slots",
				      .run = run_take_slots,
				      .proof = nova_op_step_proof };
	slots_move move = { .step = nova_op_step_of(op, fence, NOVA_OPS_PREPARING, "a slot on both hosts",
						    NULL) };

	move.step.holds_slots = 1;
	if (!nova_tx_do(db, &job, &move, error)) {
		g_free(move.why);
		return false;
	}
	if (move.taken)
		nova_op_step_apply(&move.step, op);
	*ret_taken = move.taken;
	if (ret_why && !move.taken)
		*ret_why = g_steal_pointer(&move.why);
	g_free(move.why);
	return true;
}

bool nova_operations_slots_ahead(nova_db *db, int64_t id, int *ret_ahead, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_SLOTS_AHEAD, NOVA_ARGS(nova_arg_int(id)), &row, error))
		return false;
	*ret_ahead = row ? (int)nova_result_int(row, "ahead") : 0;
	return true;
}

typedef struct stuck {
	int64_t id;
	int seconds;
	bool freed;
} stuck;

static bool run_free_stuck(nova_tx *tx, void *arg, GError **error)
{
	stuck *one = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_SLOTS_GIVE_UP, NOVA_ARGS(nova_arg_int(one->id), nova_arg_int(one->seconds)), &row,
			 error))
		return false;
	one->freed = row != NULL;
	return !row || nova_tx_run(tx, NOVA_Q_SLOTS_FREE,
				   NOVA_ARGS(nova_arg_int(nova_result_int(row, "source_host_id")),
					     nova_arg_int(nova_result_int(row, "dest_host_id"))),
				   NULL, error);
}

bool nova_operations_free_stuck_slots(nova_db *db, int seconds, int limit, GArray **ret_ids, GError **error)
{
	/* No proof: the second time there is nothing left to give up. */
	static const nova_job job = { .name = "slots of a blocked migration", .run = run_free_stuck };
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_SLOTS_OF_STUCK, NOVA_ARGS(nova_arg_int(seconds), nova_arg_int(limit)), &rows,
			 error))
		return false;
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

	while (nova_result_next(rows)) {
		stuck one = { .id = nova_result_int(rows, "id"), .seconds = seconds };

		if (!nova_tx_do(db, &job, &one, error))
			return false;
		if (one.freed)
			g_array_append_val(ids, one.id);
	}
	*ret_ids = g_steal_pointer(&ids);
	return true;
}

/* ---- permit and flip ---- */

static bool run_permit(nova_tx *tx, void *arg, GError **error)
{
	nova_op_step *step = arg;

	if (!nova_op_step_run(tx, step, error))
		return false;
	tx->give_up = step->aborted;
	return true;
}

bool nova_operations_permit(nova_db *db, const nova_fence *fence, nova_operation *op,
			    nova_power_state pre_power, const char *evidence, bool *ret_granted,
			    GError **error)
{
	static const nova_job job = { .name = "permit", .run = run_permit, .proof = nova_op_step_proof };
	nova_op_step step = nova_op_step_of(op, fence, NOVA_OPS_MIGRATING, "the permit to migrate", evidence);

	step.pre_power = pre_power;
	step.unless_aborted = true; /* a delete request asks for an abort too */
	if (!nova_tx_do(db, &job, &step, error))
		return false;
	if (!step.aborted)
		nova_op_step_apply(&step, op);
	*ret_granted = !step.aborted;
	return true;
}

static bool turn_claim(nova_tx *tx, const nova_operation *op, int host, const char *from, const char *to,
		       GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_CLAIM_TURN,
			 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(host), nova_arg_text(from),
				   nova_arg_text(to)),
			 &row, error))
		return false;
	return row || nova_fail(error, NOVA_FAULT_INTERNAL, "instance %s has no claim of role %s on host %d",
				op->instance_uuid, from, host);
}

static bool run_flip(nova_tx *tx, void *arg, GError **error)
{
	nova_op_step *step = arg;
	const nova_operation *op = step->op;
	g_autoptr(nova_result) instance = NULL;
	g_autoptr(nova_result) flipped = NULL;

	if (!nova_op_step_lock_instance(tx, op->instance_uuid, &instance, error) ||
	    !nova_op_step_run(tx, step, error) ||
	    !nova_tx_one(tx, NOVA_Q_INSTANCE_FLIP,
			 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(op->source_host_id),
				   nova_arg_int(op->dest_host_id), nova_arg_int(op->pre_power)),
			 &flipped, error))
		return false;
	if (!flipped)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "instance %s does not live on the source of operation %" PRId64,
				 op->instance_uuid, op->id);
	/* A role is unique for an instance, so the old home goes first.  No host's row is touched: what both
	 * hold stays counted until the source has been cleaned. */
	return turn_claim(tx, op, op->source_host_id, "H", "O", error) &&
	       turn_claim(tx, op, op->dest_host_id, "I", "H", error);
}

bool nova_operations_flip(nova_db *db, const nova_fence *fence, nova_operation *op, int64_t downtime_ms,
			  const char *evidence, GError **error)
{
	static const nova_job job = { .name = "flip", .run = run_flip, .proof = nova_op_step_proof };
	nova_op_step step = nova_op_step_of(op, fence, NOVA_OPS_SWITCHED,
					    "the guest belongs to the destination", evidence);

	step.downtime_ms = downtime_ms;
	if (!nova_tx_do(db, &job, &step, error))
		return false;
	nova_op_step_apply(&step, op);
	return true;
}

bool nova_operations_flip_by_dest(nova_db *db, const nova_fence *fence, nova_operation *op, const char *evidence,
				  GError **error)
{
	static const nova_job job = { .name = "flip by the destination",
				      .run = run_flip,
				      .proof = nova_op_step_proof };
	nova_op_step step = nova_op_step_of(op, fence, NOVA_OPS_SWITCHED,
					    "the guest runs on the destination and belongs to it; the source is down",
					    evidence);

	step.absent_host_id = op->source_host_id;
	step.blocked = NOVA_BLOCKED_SOURCE_UNREACHABLE;
	step.blocked_host = op->source_host;
	if (!nova_tx_do(db, &job, &step, error))
		return false;
	nova_op_step_apply(&step, op);
	return true;
}
