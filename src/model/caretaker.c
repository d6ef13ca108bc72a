/* SPDX-License-Identifier: Apache-2.0 */
#include "model/caretaker.h"

#include "model/matrix.h"

#include <string.h>

/* Where a delete simply ends the operation, no host has made anything that another would stumble
 * over. */
static bool is_untouched(const nova_operation *op)
{
	return nova_matrix_busy(NOVA_ASK_DELETE, op->kind, op->state).answer == NOVA_ANSWER_ENDS;
}

static bool is_shown(const nova_operation *op, const nova_care *care)
{
	return op->blocked == care->blocked && g_strcmp0(op->blocked_host, care->host) == 0;
}

nova_care nova_care_decide(const nova_operation *op)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, op->state);
	nova_care care = { .action = NOVA_CARE_NOTHING };

	if (!row || (row->actor != NOVA_ACTOR_SOURCE && row->actor != NOVA_ACTOR_DEST))
		return care;
	bool dest = row->actor == NOVA_ACTOR_DEST;

	care.host = dest ? op->dest_host : op->source_host;
	if (is_untouched(op) && op->abort_requested) {
		care.action = NOVA_CARE_CANCEL;
	} else if (is_untouched(op) && dest) {
		care.action = NOVA_CARE_NEXT_HOST;
	} else {
		care.blocked =
			dest ? NOVA_BLOCKED_DEST_UNREACHABLE : NOVA_BLOCKED_SOURCE_UNREACHABLE;
		if (!is_shown(op, &care))
			care.action = NOVA_CARE_BLOCK;
	}
	return care;
}
