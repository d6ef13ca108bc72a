/* SPDX-License-Identifier: Apache-2.0
 *
 * begin.h - how an operation comes into being, inside a transaction that holds the instance's row.
 */
#pragma once

#include "db/operations.h"
#include "db/tx.h"

#include "common/uuid.h"

typedef struct nova_beginning {
	char uuid[NOVA_UUID_SIZE]; /* the operation's, chosen beforehand: proves afterwards that it was committed */
	nova_op_kind kind;
	const char *instance_uuid;
	const char *requested_host;
	bool strict;
	const nova_requester *by; /* members NULL: the instance's own */
} nova_beginning;

nova_beginning nova_beginning_of(nova_op_kind kind, const char *instance_uuid, const nova_requester *by);

/* *ret_id 0: the instance is busy or in a state that does not allow it. */
bool nova_beginning_run(nova_tx *tx, const nova_beginning *beginning, int64_t *ret_id, GError **error);

/* Deletes an instance that has no host: nothing anywhere to act on.  *ret_id: the delete operation, done. */
bool nova_beginning_delete_at_once(nova_tx *tx, const nova_beginning *beginning, int64_t *ret_id, GError **error);

/* Everything a deleted instance holds goes: claims, disk, addresses.  `operation' (0: none) names further hosts to
 * lock. */
bool nova_beginning_release_all(nova_tx *tx, const char *instance_uuid, int64_t operation, GError **error);

/* Whether an operation of this uuid exists. */
bool nova_beginning_proof(nova_tx *tx, const nova_beginning *beginning, bool *ret_committed, GError **error);
