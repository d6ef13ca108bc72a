/* SPDX-License-Identifier: Apache-2.0 */
#include "model/operation.h"

#include <string.h>

static const char *const blocked_names[] = {
	[NOVA_BLOCKED_NO] = NULL,
	[NOVA_BLOCKED_SOURCE_UNREACHABLE] = "source host unreachable",
	[NOVA_BLOCKED_DEST_UNREACHABLE] = "destination host unreachable",
	[NOVA_BLOCKED_HYPERVISOR] = "hypervisor not answering",
	[NOVA_BLOCKED_STORAGE] = "storage not answering",
	[NOVA_BLOCKED_FLIP_REFUSED] = "database refused the flip",
	[NOVA_BLOCKED_FENCING] = "fencing awaited",
};
G_STATIC_ASSERT(G_N_ELEMENTS(blocked_names) == NOVA_BLOCKED__COUNT);

const char *nova_blocked_name(nova_blocked blocked)
{
	return blocked_names[blocked];
}

bool nova_blocked_from_name(const char *name, nova_blocked *ret)
{
	for (size_t i = NOVA_BLOCKED_NO + 1; name && i < NOVA_BLOCKED__COUNT; i++)
		if (strcmp(blocked_names[i], name) == 0) {
			*ret = (nova_blocked)i;
			return true;
		}
	return false;
}

nova_operation *nova_operation_new(void)
{
	nova_operation *op = g_new0(nova_operation, 1);

	op->downtime_ms = -1;
	op->total_ms = -1;
	return op;
}

void nova_operation_free(nova_operation *op)
{
	if (!op)
		return;
	char *const strings[] = {
		op->uuid,	 op->instance_uuid, op->project_id,	op->user_id,	   op->request_id,
		op->source_host, op->dest_host,	    op->source_node,	op->dest_node,	   op->source_address,
		op->dest_address, op->requested_host, op->blocked_host, op->reason, op->outcome,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	g_free(op);
}

nova_op_actor nova_operation_actor(const nova_operation *op)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, op->state);

	return row ? row->actor : NOVA_ACTOR_NONE;
}

const char *nova_operation_actor_host(const nova_operation *op)
{
	switch (nova_operation_actor(op)) {
	case NOVA_ACTOR_SOURCE:
		return op->source_host;
	case NOVA_ACTOR_DEST:
		return op->dest_host;
	default:
		return NULL;
	}
}

int nova_operation_actor_host_id(const nova_operation *op)
{
	switch (nova_operation_actor(op)) {
	case NOVA_ACTOR_SOURCE:
		return op->source_host_id;
	case NOVA_ACTOR_DEST:
		return op->dest_host_id;
	default:
		return 0;
	}
}

void nova_journal_entry_free(nova_journal_entry *entry)
{
	if (!entry)
		return;
	g_free(entry->host);
	g_free(entry->actor);
	g_free(entry->message);
	g_free(entry->evidence_json);
	g_free(entry);
}
