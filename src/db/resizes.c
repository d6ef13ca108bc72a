/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks in the order of queries/operations.sql.
 */
#include "db/resizes.h"

#include "common/context.h"
#include "db/at_once.h"
#include "db/op_step.h"
#include "db/quota_tx.h"
#include "db/resize_tx.h"

#include <inttypes.h>

/* ---- inside transactions ---- */

bool nova_resize_tx_begin(nova_tx *tx, const nova_op_request *request, int64_t operation, const char *project_id,
			  GError **error)
{
	const nova_flavor *f = request->flavor;
	nova_arg uuid = nova_arg_text(request->instance_uuid), id = nova_arg_int(operation);
	g_autoptr(nova_result) row = NULL;
	bool begun = f ? nova_tx_one(tx, NOVA_Q_RESIZE_BEGIN,
				     NOVA_ARGS(id, uuid, nova_arg_int(f->id), nova_arg_text(f->flavorid),
					       nova_arg_text(f->name), nova_arg_int(f->vcpus),
					       nova_arg_int(f->memory_mb), nova_arg_int(f->root_gb),
					       nova_arg_int(f->ephemeral_gb), nova_arg_int(f->swap_mb),
					       nova_arg_text(f->extra_specs_json ? f->extra_specs_json : "{}")),
				     &row, error) :
			 nova_tx_one(tx, NOVA_Q_RESIZE_REVERT_BEGIN, NOVA_ARGS(id, uuid), &row, error);

	if (!begun)
		return false;
	if (!row)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Instance has not been resized.");
	int64_t vcpus = nova_result_int(row, "held_vcpus"), memory = nova_result_int(row, "held_memory_mb");

	return !request->quotas || (vcpus == 0 && memory == 0) ||
	       nova_quota_tx_admit(tx, project_id, request->quotas, 0, vcpus, memory, error);
}

static bool release(nova_tx *tx, const char *uuid, const char *role, GError **error)
{
	const char *const roles[] = { role, NULL };
	g_autofree char *list = nova_arg_array(roles);

	return nova_tx_run(tx, NOVA_Q_CLAIMS_RELEASE, NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(list)), NULL, error);
}

static bool lock_hosts(nova_tx *tx, const char *uuid, int64_t operation, GError **error)
{
	return nova_tx_run(tx, NOVA_Q_CLAIMS_LOCK_HOSTS, NOVA_ARGS(nova_arg_text(uuid), nova_arg_int(operation)), NULL,
			   error);
}

bool nova_resize_tx_settle(nova_tx *tx, const char *instance_uuid, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_RESIZE_SETTLE, NOVA_ARGS(nova_arg_text(instance_uuid)), &row, error))
		return false;
	return !row || (lock_hosts(tx, instance_uuid, 0, error) && release(tx, instance_uuid, "O", error));
}

bool nova_resize_tx_end(nova_tx *tx, const nova_operation *op, bool done, GError **error)
{
	if (!nova_tx_run(tx, NOVA_Q_RESIZE_UNHOLD,
			 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(op->id)), NULL, error))
		return false;
	return done || op->kind != NOVA_OP_RESIZE ||
	       (lock_hosts(tx, op->instance_uuid, op->id, error) && release(tx, op->instance_uuid, "I", error) &&
		nova_tx_run(tx, NOVA_Q_DISK_CLAIM_RESTORE, NOVA_ARGS(nova_arg_int(op->id)), NULL, error));
}

/* ---- flips ---- */

static bool turn(nova_tx *tx, const nova_operation *op, int host, const char *from, const char *to, GError **error)
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

/* Claims are another flavor's, so they turn and never change.  The one that is given up goes before the other becomes
 * the home. */
static bool turn_claims(nova_tx *tx, const nova_operation *op, bool back, GError **error)
{
	if (op->kind == NOVA_OP_RESIZE && !back)
		return turn(tx, op, op->source_host_id, "H", "O", error) &&
		       turn(tx, op, op->dest_host_id, "I", "H", error);
	return lock_hosts(tx, op->instance_uuid, op->id, error) && release(tx, op->instance_uuid, "H", error) &&
	       turn(tx, op, back ? op->source_host_id : op->dest_host_id, "O", "H", error);
}

static bool run_flip(nova_tx *tx, void *arg, GError **error)
{
	nova_op_step *step = arg;
	const nova_operation *op = step->op;
	bool back = step->to == NOVA_OPS_ROLLBACK;
	g_autoptr(nova_result) instance = NULL;
	g_autoptr(nova_result) flipped = NULL;

	if (!nova_op_step_lock_instance(tx, op->instance_uuid, &instance, error) ||
	    !nova_op_step_run(tx, step, error) ||
	    !nova_tx_one(tx, NOVA_Q_RESIZE_FLIP,
			 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_int(op->id),
				   nova_arg_int(back ? op->dest_host_id : op->source_host_id),
				   nova_arg_int(back ? op->source_host_id : op->dest_host_id), nova_arg_bool(back)),
			 &flipped, error))
		return false;
	if (!flipped)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "instance %s does not live where operation %" PRId64 " would move it from",
				 op->instance_uuid, op->id);
	return turn_claims(tx, op, back, error);
}

static bool flip(nova_db *db, nova_op_step *step, nova_operation *op, GError **error)
{
	static const nova_job job = { .name = "flip of a resize", .run = run_flip, .proof = nova_op_step_proof };

	if (!nova_op_kind_resizes(op->kind))
		return nova_fail(error, NOVA_FAULT_INTERNAL, "operation %" PRId64 " is no resize", op->id);
	if (!nova_tx_do(db, &job, step, error))
		return false;
	nova_op_step_apply(step, op);
	return true;
}

bool nova_operations_resize_flip(nova_db *db, const nova_fence *fence, nova_operation *op, GError **error)
{
	nova_op_step step = nova_op_step_of(op, fence, NOVA_OPS_SWITCHED, "the guest belongs to the destination", NULL);

	return flip(db, &step, op, error);
}

bool nova_operations_resize_flip_back(nova_db *db, const nova_fence *fence, nova_operation *op, const char *why,
				      GError **error)
{
	nova_op_step step = nova_op_step_of(op, fence, NOVA_OPS_ROLLBACK, why, NULL);

	step.reason = why;
	return flip(db, &step, op, error);
}

/* ---- confirmed by the clock ---- */

bool nova_resizes_confirm_overdue(nova_db *db, int64_t seconds, int limit, int *ret_confirmed, GError **error)
{
	g_autoptr(nova_result) rows = NULL;
	int confirmed = 0;

	if (!nova_db_run(db, NOVA_Q_RESIZES_OVERDUE, NOVA_ARGS(nova_arg_int(seconds), nova_arg_int(limit)), &rows,
			 error))
		return false;
	while (nova_result_next(rows)) {
		g_autofree char *request_id = nova_request_id_new();
		g_autoptr(GError) gone = NULL;
		const nova_requester by = { .request_id = request_id,
					    .project_id = nova_result_text(rows, "project_id"),
					    .user_id = nova_result_text(rows, "user_id") };

		if (nova_instances_confirm_resize(db, nova_result_text(rows, "uuid"), &by, &gone)) {
			confirmed++;
		} else if (!nova_error_is(gone, NOVA_FAULT_INSTANCE_STATE) &&
			   !nova_error_is(gone, NOVA_FAULT_INSTANCE_NOT_FOUND)) {
			g_propagate_error(error, g_steal_pointer(&gone));
			return false;
		}
	}
	*ret_confirmed = confirmed;
	return true;
}
