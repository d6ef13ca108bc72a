/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/actor.h"

bool nova_actor_ring(nova_bus *bus, const nova_operation *op, const struct nova_context *context,
		     GError **error)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, op->state);
	const char *host = nova_operation_actor_host(op);

	if (!row || row->actor == NOVA_ACTOR_NONE)
		return true;
	if (row->actor == NOVA_ACTOR_SCHEDULER)
		return nova_doorbell_ring(bus, NOVA_RPC_TOPIC_SCHEDULER, NULL, row->doorbell, op->id, op->seq,
					  context, error);
	if (!host)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "operation %" G_GINT64_FORMAT " in state %s has no %s host", op->id,
				 nova_op_state_name(op->state), nova_op_actor_name(row->actor));
	return nova_doorbell_ring(bus, NOVA_RPC_TOPIC_COMPUTE, host, row->doorbell, op->id, op->seq, context,
				  error);
}
