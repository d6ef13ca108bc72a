/* SPDX-License-Identifier: Apache-2.0 */
#include "db/at_once.h"

#include "common/uuid.h"
#include "db/begin.h"
#include "db/op_step.h"
#include "db/resize_tx.h"
#include "db/rows.h"

#include <string.h>

typedef struct once_arg {
	nova_beginning beginning;
	const char *message;
	/* lock */
	const char *locked_by, *reason;
	/* reset-state */
	nova_vm_state vm_state;
} once_arg;

static bool not_found(const char *uuid, GError **error)
{
	return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.", uuid ? uuid : "");
}

/* The matrix decides once more with the row locked: what works on the server cannot begin or end meanwhile. */
static bool may_begin(nova_tx *tx, const once_arg *once, GError **error)
{
	const char *uuid = once->beginning.instance_uuid;
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_instance) instance = NULL;

	if (!nova_tx_one(tx, NOVA_Q_INSTANCE_GET,
			 NOVA_ARGS(nova_arg_text(uuid), nova_arg_null(), nova_arg_bool(false)), &row, error))
		return false;
	if (!row)
		return not_found(uuid, error);
	instance = nova_row_instance(row, error);
	return instance && nova_instance_may_begin(instance, once->beginning.kind, NULL, error);
}

static bool change(nova_tx *tx, const once_arg *once, GError **error)
{
	nova_arg uuid = nova_arg_text(once->beginning.instance_uuid);

	switch (once->beginning.kind) {
	case NOVA_OP_LOCK:
		return nova_tx_run(tx, NOVA_Q_INSTANCE_SET_LOCK,
				   NOVA_ARGS(uuid, nova_arg_text(once->locked_by), nova_arg_text(once->reason)), NULL,
				   error);
	case NOVA_OP_UNLOCK:
		return nova_tx_run(tx, NOVA_Q_INSTANCE_UNLOCK, NOVA_ARGS(uuid), NULL, error);
	case NOVA_OP_RESIZE_CONFIRM:
		return nova_resize_tx_settle(tx, once->beginning.instance_uuid, error);
	default:
		return nova_tx_run(tx, NOVA_Q_INSTANCE_RESET_STATE,
				   NOVA_ARGS(uuid, nova_arg_text(nova_vm_state_name(once->vm_state))), NULL, error);
	}
}

static bool run_once(nova_tx *tx, void *arg, GError **error)
{
	const once_arg *once = arg;
	const nova_beginning *b = &once->beginning;
	g_autoptr(nova_result) instance = NULL;

	return nova_op_step_lock_instance(tx, b->instance_uuid, &instance, error) && may_begin(tx, once, error) &&
	       nova_tx_run(tx, NOVA_Q_OPERATION_RECORD,
			   NOVA_ARGS(nova_arg_text(b->uuid), nova_arg_text(b->instance_uuid),
				     nova_arg_text(nova_op_kind_name(b->kind)),
				     nova_arg_text(nova_op_state_name(NOVA_OPS_DONE)),
				     nova_arg_text(b->by->project_id), nova_arg_text(b->by->user_id),
				     nova_arg_text(b->by->request_id), nova_arg_text(once->message)),
			   NULL, error) &&
	       change(tx, once, error);
}

static bool prove_once(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const once_arg *once = arg;

	return nova_beginning_proof(tx, &once->beginning, ret_committed, error);
}

static bool do_once(nova_db *db, once_arg *once, GError **error)
{
	static const nova_job job = { .name = "change of a server", .run = run_once, .proof = prove_once };

	if (!nova_uuid_is_valid(once->beginning.instance_uuid))
		return not_found(once->beginning.instance_uuid, error);
	return nova_tx_do(db, &job, once, error);
}

bool nova_instances_set_lock(nova_db *db, const char *uuid, bool by_owner, const char *reason,
			     const nova_requester *by, GError **error)
{
	once_arg once = {
		.beginning = nova_beginning_of(NOVA_OP_LOCK, uuid, by),
		.message = reason ? reason : "locked",
		.locked_by = by_owner ? "owner" : "admin",
		.reason = reason,
	};

	return do_once(db, &once, error);
}

bool nova_instances_unlock(nova_db *db, const char *uuid, const nova_requester *by, GError **error)
{
	once_arg once = { .beginning = nova_beginning_of(NOVA_OP_UNLOCK, uuid, by), .message = "unlocked" };

	return do_once(db, &once, error);
}

bool nova_instances_confirm_resize(nova_db *db, const char *uuid, const nova_requester *by, GError **error)
{
	once_arg once = { .beginning = nova_beginning_of(NOVA_OP_RESIZE_CONFIRM, uuid, by), .message = "confirmed" };

	return do_once(db, &once, error);
}

bool nova_instances_reset_state(nova_db *db, const char *uuid, nova_vm_state vm_state, const nova_requester *by,
				GError **error)
{
	g_autofree char *message = g_strdup_printf("vm_state set to %s by hand", nova_vm_state_name(vm_state));
	once_arg once = {
		.beginning = nova_beginning_of(NOVA_OP_RESET_STATE, uuid, by),
		.message = message,
		.vm_state = vm_state,
	};

	return do_once(db, &once, error);
}
