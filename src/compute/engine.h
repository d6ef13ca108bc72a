/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - walks operations through their flow tables on this host.
 *
 * Somebody says "look at operation N" (nova_engine_kick: a doorbell, a poll, the reconciler).  A worker
 * reads the row; while this host is the actor of the row's state it runs that state's step (table in
 * engine.c), commits, tells the next actor, and goes on.  Steps of one instance never overlap on this
 * host.  A kick for an operation that waits or runs already is remembered, not doubled.
 *
 * A poller kicks every operation the database says waits for this host, so that a lost doorbell costs
 * one poll: operation_poll_interval, or operation_active_poll_interval while an operation is in hand or
 * the broker is away.  It also runs what a step wants looked at again later.
 *
 * A step that takes long (the copy of a live migration) runs in a thread of its own, so that the pool
 * stays free; max_concurrent_live_migrations bounds those.
 *
 * Any thread may call anything here, except stop and free: the main thread.
 */
#pragma once

#include "compute/compute.h"

#include "common/deadline.h"

nova_engine *nova_engine_new(nova_compute *compute);

/* Starts the poller.  Kicks before that wait. */
void nova_engine_start(nova_engine *engine);

/* Look at this operation.  `instance_uuid' NULL: read from the row first (in the caller's thread). */
void nova_engine_kick(nova_engine *engine, int64_t operation, const char *instance_uuid);

/* An operation was begun or moved on by us: wakes its actor, be it this host or another. */
void nova_engine_announce(nova_engine *engine, int64_t operation);

/* Look at everything now: after a new lease, a reconnect. */
void nova_engine_poll(nova_engine *engine);

/* Runs `run(data)' in the instance's queue: never beside one of its steps in the pool.  Takes `data'. */
void nova_engine_submit(nova_engine *engine, const char *instance_uuid, void (*run)(void *data), void *data,
			GDestroyNotify free_data);

/* The guest was seen to reboot itself; steps ask with nova_engine_rebooted_since(). */
void nova_engine_saw_reboot(nova_engine *engine, const char *instance_uuid);
bool nova_engine_rebooted_since(nova_engine *engine, const char *instance_uuid, int64_t boottime_usec);

/* Something about this guest has changed: a step that waits for it looks again. */
void nova_engine_guest_changed(nova_engine *engine, const char *instance_uuid);

/* The self-check's question: do jobs come to their turn?  False after `ms' without. */
bool nova_engine_moves(nova_engine *engine, int ms);

/* Operations in hand. */
unsigned nova_engine_count(nova_engine *engine);

/* Takes no more work, lets steps end until the deadline.  Copies that run go on in libvirt; the next
 * start of the daemon adopts them. */
void nova_engine_stop(nova_engine *engine, nova_deadline deadline);
void nova_engine_free(nova_engine *engine);
