/* SPDX-License-Identifier: Apache-2.0
 *
 * resize_tx.h - the parts of resizes inside of transactions.  Inside src/db only.
 */
#pragma once

#include "db/operations.h"
#include "db/tx.h"

/* In the transaction that begins a resize or a reverting: FORBIDDEN when a quota is exceeded. */
bool nova_resize_tx_begin(nova_tx *tx, const nova_op_request *request, int64_t operation, const char *project_id,
			  GError **error);

/* The new size stays, if the server waits for that: what was booked for the old one is released. */
bool nova_resize_tx_settle(nova_tx *tx, const char *instance_uuid, GError **error);

/* At an end, with the hosts' rows locked: what the operation holds and does not keep. */
bool nova_resize_tx_end(nova_tx *tx, const nova_operation *op, bool done, GError **error);
