/* SPDX-License-Identifier: Apache-2.0
 *
 * resizes.h - how a resize, and the reverting of one, change the owner of a guest that is off.  Any thread; see db.h
 * for faults and operations.h for what moving on means.
 */
#pragma once

#include "db/operations.h"

/* stopping -> switched, by the source, which has verified that the guest is gone: host, token + 1 and flavor change.
 * A resize keeps its claim on the old host beside the one on the new; a reverting goes back to that and gives up the
 * other. */
bool nova_operations_resize_flip(nova_db *db, const nova_fence *fence, nova_operation *op, GError **error);

/* switched -> rollback, by the destination, which has verified that the guest is gone there: all of that back, under
 * one token more.  `why' is shown as the reason in the end. */
bool nova_operations_resize_flip_back(nova_db *db, const nova_fence *fence, nova_operation *op, const char *why,
				      GError **error);

/* Confirms up to `limit' resizes that have waited for so many seconds; one that is gone meanwhile is passed over. */
bool nova_resizes_confirm_overdue(nova_db *db, int64_t seconds, int limit, int *ret_confirmed, GError **error);
