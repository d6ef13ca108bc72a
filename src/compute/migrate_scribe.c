/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/migrate_scribe.h"

#include "common/deadline.h"
#include "compute/lease.h"

#define WRITE_MS 500
#define READ_MS 2000
#define USEC_PER_MS INT64_C(1000)

struct nova_scribe {
	nova_compute *compute;
	int64_t operation;
	GThread *thread;
	GMutex lock; /* everything below */
	GCond wake;
	nova_progress progress;
	bool have_progress, look, stop;
	bool abort, force;
};

static void write_progress(nova_scribe *scribe)
{
	g_mutex_lock(&scribe->lock);
	bool have = scribe->have_progress;
	nova_progress progress = scribe->progress;

	scribe->have_progress = false;
	g_mutex_unlock(&scribe->lock);
	nova_fence fence = nova_lease_fence(scribe->compute->lease);

	/* Lost progress is no loss: the next one follows. */
	if (have)
		nova_operations_progress(scribe->compute->db, &fence, scribe->operation, &progress, NULL);
}

static void read_wishes(nova_scribe *scribe)
{
	g_autoptr(nova_operation) op = nova_operations_find(scribe->compute->db, scribe->operation, NULL);

	if (!op)
		return;
	g_mutex_lock(&scribe->lock);
	scribe->abort = op->abort_requested;
	scribe->force = op->force_requested;
	g_mutex_unlock(&scribe->lock);
}

static void *run(void *data)
{
	nova_scribe *scribe = data;
	int64_t next_read = 0;

	for (;;) {
		int64_t until = g_get_monotonic_time() + WRITE_MS * USEC_PER_MS;

		g_mutex_lock(&scribe->lock);
		while (!scribe->stop && !scribe->look && g_cond_wait_until(&scribe->wake, &scribe->lock, until))
			;
		bool stop = scribe->stop;
		bool look = scribe->look || g_get_monotonic_time() >= next_read;

		scribe->look = false;
		g_mutex_unlock(&scribe->lock);
		if (stop)
			return NULL;
		write_progress(scribe);
		if (look) {
			read_wishes(scribe);
			next_read = g_get_monotonic_time() + READ_MS * USEC_PER_MS;
		}
	}
}

nova_scribe *nova_scribe_new(const nova_step *step)
{
	nova_scribe *scribe = g_new0(nova_scribe, 1);

	scribe->compute = step->compute;
	scribe->operation = step->op->id;
	scribe->abort = step->op->abort_requested;
	scribe->force = step->op->force_requested;
	g_mutex_init(&scribe->lock);
	g_cond_init(&scribe->wake);
	scribe->thread = g_thread_new("scribe", run, scribe);
	return scribe;
}

void nova_scribe_free(nova_scribe *scribe)
{
	if (!scribe)
		return;
	g_mutex_lock(&scribe->lock);
	scribe->stop = true;
	g_cond_signal(&scribe->wake);
	g_mutex_unlock(&scribe->lock);
	g_thread_join(scribe->thread);
	g_mutex_clear(&scribe->lock);
	g_cond_clear(&scribe->wake);
	g_free(scribe);
}

void nova_scribe_progress(nova_scribe *scribe, const nova_progress *progress)
{
	g_mutex_lock(&scribe->lock);
	scribe->progress = *progress;
	scribe->have_progress = true;
	g_mutex_unlock(&scribe->lock);
}

void nova_scribe_look(nova_scribe *scribe)
{
	g_mutex_lock(&scribe->lock);
	scribe->look = true;
	g_cond_signal(&scribe->wake);
	g_mutex_unlock(&scribe->lock);
}

bool nova_scribe_wants_abort(nova_scribe *scribe)
{
	g_mutex_lock(&scribe->lock);
	bool wanted = scribe->abort;
	g_mutex_unlock(&scribe->lock);
	return wanted;
}

bool nova_scribe_wants_force(nova_scribe *scribe)
{
	g_mutex_lock(&scribe->lock);
	bool wanted = scribe->force;
	g_mutex_unlock(&scribe->lock);
	return wanted;
}
