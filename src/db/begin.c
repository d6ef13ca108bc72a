/* SPDX-License-Identifier: Apache-2.0 */
#include "db/begin.h"

#include "db/resize_tx.h"

nova_beginning nova_beginning_of(nova_op_kind kind, const char *instance_uuid, const nova_requester *by)
{
	nova_beginning b = { .kind = kind, .instance_uuid = instance_uuid, .strict = true, .by = by };

	nova_uuid_new(b.uuid);
	return b;
}

/* The vm_states in which a kind may begin, as a text[]. */
static char *allowed_states(nova_op_kind kind)
{
	const char *words[NOVA_VM__COUNT + 1];
	unsigned mask = nova_op_kind_vm_states(kind);
	size_t n = 0;

	for (int s = 0; s < NOVA_VM__COUNT; s++)
		if (mask & (1u << s))
			words[n++] = nova_vm_state_name((nova_vm_state)s);
	words[n] = NULL;
	return nova_arg_array(words);
}

bool nova_beginning_run(nova_tx *tx, const nova_beginning *b, int64_t *ret_id, GError **error)
{
	const nova_flow_row *first = nova_flow_of(b->kind)->rows;
	const nova_requester none = { 0 };
	const nova_requester *by = b->by ? b->by : &none;
	g_autofree char *states = allowed_states(b->kind);
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_OPERATION_BEGIN,
			 NOVA_ARGS(nova_arg_text(b->uuid), nova_arg_text(b->instance_uuid),
				   nova_arg_text(nova_op_kind_name(b->kind)),
				   nova_arg_text(nova_op_state_name(first->state)),
				   nova_arg_bool(first->actor == NOVA_ACTOR_SOURCE),
				   nova_arg_text(b->requested_host), nova_arg_bool(b->strict),
				   nova_arg_text(by->project_id), nova_arg_text(by->user_id),
				   nova_arg_text(by->request_id), nova_arg_text(states)),
			 &row, error))
		return false;
	*ret_id = row ? nova_result_int(row, "id") : 0;
	/* Nobody needs the old size of a server that goes. */
	return b->kind != NOVA_OP_DELETE || !row || nova_resize_tx_settle(tx, b->instance_uuid, error);
}

bool nova_beginning_release_all(nova_tx *tx, const char *instance_uuid, int64_t operation, GError **error)
{
	const char *const roles[] = { "H", "I", "O", NULL };
	g_autofree char *role_list = nova_arg_array(roles);
	nova_arg uuid = nova_arg_text(instance_uuid);

	return nova_tx_run(tx, NOVA_Q_CLAIMS_LOCK_HOSTS, NOVA_ARGS(uuid, nova_arg_int(operation)), NULL,
			   error) &&
	       nova_tx_run(tx, NOVA_Q_CLAIMS_RELEASE, NOVA_ARGS(uuid, nova_arg_text(role_list)), NULL,
			   error) &&
	       nova_tx_run(tx, NOVA_Q_DISK_CLAIMS_RELEASE, NOVA_ARGS(uuid), NULL, error) &&
	       nova_tx_run(tx, NOVA_Q_ADDRESSES_FREE, NOVA_ARGS(uuid), NULL, error);
}

bool nova_beginning_delete_at_once(nova_tx *tx, const nova_beginning *b, int64_t *ret_id, GError **error)
{
	const nova_requester none = { 0 };
	const nova_requester *by = b->by ? b->by : &none;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_OPERATION_RECORD,
			 NOVA_ARGS(nova_arg_text(b->uuid), nova_arg_text(b->instance_uuid),
				   nova_arg_text(nova_op_kind_name(NOVA_OP_DELETE)),
				   nova_arg_text(nova_op_state_name(NOVA_OPS_DONE)),
				   nova_arg_text(by->project_id), nova_arg_text(by->user_id),
				   nova_arg_text(by->request_id),
				   nova_arg_text("the server was on no host: nothing to remove")),
			 &row, error) ||
	    !nova_tx_run(tx, NOVA_Q_INSTANCE_MARK_DELETED,
			 NOVA_ARGS(nova_arg_text(b->instance_uuid),
				   nova_arg_text(nova_vm_state_name(NOVA_VM_DELETED)),
				   nova_arg_int(NOVA_POWER_NOSTATE)),
			 NULL, error) ||
	    !nova_beginning_release_all(tx, b->instance_uuid, 0, error))
		return false;
	*ret_id = row ? nova_result_int(row, "id") : 0;
	return true;
}

bool nova_beginning_proof(nova_tx *tx, const nova_beginning *b, bool *ret_committed, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_OPERATION_PROOF_OF_UUID, NOVA_ARGS(nova_arg_text(b->uuid)), &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}
