/* SPDX-License-Identifier: Apache-2.0
 *
 * fence.h - the proof that a writer still holds its host's lease.
 */
#pragma once

#include "db/db.h"
#include "db/tx.h"

/* Holds the writer's lease row until the transaction ends: nobody can take over meanwhile.  FENCED. */
bool nova_fence_hold(nova_tx *tx, const nova_fence *fence, GError **error);

/* Sets FENCED with the reason (a newer epoch, or a lease that has run out); returns false. */
bool nova_fence_refuse(nova_db *db, const nova_fence *fence, GError **error);
bool nova_fence_refuse_in(nova_tx *tx, const nova_fence *fence, GError **error);
