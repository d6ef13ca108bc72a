/* SPDX-License-Identifier: Apache-2.0
 *
 * workers.h - a bounded pool of threads in which jobs of one key never overlap.
 *
 * A key is usually an instance uuid.  Jobs of the same key run one after the other, in the order of
 * submission; jobs of different keys run beside each other on at most n_threads threads; keys take
 * turns, so that one busy instance cannot keep the others waiting.  This replaces locks around
 * instances.  Every function may be called from any thread, also from a job (except drain and
 * free).
 */
#pragma once

#include "common/deadline.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct nova_workers nova_workers;
typedef void (*nova_job)(void *data);

/* `name' (at most 15 bytes show) becomes the threads' name; at most `max_queued' jobs wait. */
nova_workers *nova_workers_new(const char *name, unsigned n_threads, size_t max_queued);

/* Queues run(data).  A NULL key means: order does not matter.  `data' is taken over in every case:
 * free_data (may be NULL) is called after the job, or at once when it is refused.  Refused
 * (INTERNAL) when the queue is full or the pool is being drained. */
bool nova_workers_submit(nova_workers *workers, const char *key, nova_job run, void *data, GDestroyNotify free_data,
			 GError **error);

/* The same for a job that only says "look again": when a kick of this key with the same function
 * waits and has not begun, this one is dropped, which counts as success.  The one that waits keeps
 * its own data. */
bool nova_workers_kick(nova_workers *workers, const char *key, nova_job run, void *data, GDestroyNotify free_data,
		       GError **error);

/* Takes no more jobs and waits until all are done.  At the deadline those that have not begun are
 * thrown away and the answer is false; the ones that run go on. */
bool nova_workers_drain(nova_workers *workers, nova_deadline deadline);

/* Drains without a deadline for running jobs, throws away waiting ones, joins the threads.  NULL is
 * fine. */
void nova_workers_free(nova_workers *workers);

typedef struct nova_workers_load {
	unsigned threads, running;
	size_t queued;
} nova_workers_load;

nova_workers_load nova_workers_get_load(nova_workers *workers);
