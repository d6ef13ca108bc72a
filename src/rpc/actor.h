/* SPDX-License-Identifier: Apache-2.0
 *
 * actor.h - who has to be told that an operation has moved on.
 *
 * The flow table names the actor of a state and its doorbell; this rings it.  Any thread.
 */
#pragma once

#include "model/operation.h"
#include "rpc/doorbell.h"

/* Rings the doorbell of the operation's present state at its actor: any scheduler, or the compute
 * service of the source or destination host.  A terminal state has no actor: nothing happens and
 * that is success. The row is the truth and the actor polls, so callers log a failure at most. */
bool nova_actor_ring(nova_bus *bus, const nova_operation *op, const struct nova_context *context,
		     GError **error);
