/* SPDX-License-Identifier: Apache-2.0 */
#include "common/workers.h"

#include "common/error.h"

#include <string.h>

typedef struct job {
	nova_job run;
	void *data;
	GDestroyNotify free_data;
	bool is_kick;
} job;

/* The jobs of one key.  A lane is in `ready' exactly when it has jobs and none of them runs; it
 * exists only while it has jobs or one runs, so that the table does not grow with every instance
 * ever seen. */
typedef struct lane {
	char *key; /* NULL: not in the table */
	GQueue jobs;
	bool running;
} lane;

struct nova_workers {
	GMutex lock; /* everything below */
	GCond work;  /* a lane became ready, or closing */
	GCond idle;  /* queued and running both reached 0 */
	GHashTable *lanes; /* key -> lane */
	GQueue ready;      /* lane */
	GThread **threads;
	unsigned n_threads, running;
	size_t queued, max_queued;
	bool closing;
};

static void free_job(job *j)
{
	if (j->free_data)
		j->free_data(j->data);
	g_free(j);
}

static void free_lane(lane *l)
{
	g_free(l->key);
	g_free(l);
}

/* Lock held; gives up the lock while the job runs. */
static void run_next(nova_workers *w)
{
	lane *l = g_queue_pop_head(&w->ready);
	job *j = g_queue_pop_head(&l->jobs);

	l->running = true;
	w->queued--;
	w->running++;
	g_mutex_unlock(&w->lock);

	j->run(j->data);
	free_job(j);

	g_mutex_lock(&w->lock);
	l->running = false;
	w->running--;
	if (!g_queue_is_empty(&l->jobs)) {
		g_queue_push_tail(&w->ready, l);
		g_cond_signal(&w->work);
	} else {
		if (l->key)
			g_hash_table_remove(w->lanes, l->key);
		free_lane(l);
	}
	if (w->queued == 0 && w->running == 0)
		g_cond_broadcast(&w->idle);
}

static void *work(void *data)
{
	nova_workers *w = data;

	g_mutex_lock(&w->lock);
	for (;;) {
		while (g_queue_is_empty(&w->ready) && !w->closing)
			g_cond_wait(&w->work, &w->lock);
		if (g_queue_is_empty(&w->ready))
			break;
		run_next(w);
	}
	g_mutex_unlock(&w->lock);
	return NULL;
}

nova_workers *nova_workers_new(const char *name, unsigned n_threads, size_t max_queued)
{
	nova_workers *w = g_new0(nova_workers, 1);

	g_mutex_init(&w->lock);
	g_cond_init(&w->work);
	g_cond_init(&w->idle);
	w->lanes = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&w->ready);
	w->max_queued = max_queued;
	w->n_threads = n_threads;
	w->threads = g_new0(GThread *, n_threads);
	for (unsigned i = 0; i < n_threads; i++)
		w->threads[i] = g_thread_new(name, work, w);
	return w;
}

static lane *find_lane(nova_workers *w, const char *key)
{
	lane *l = key ? g_hash_table_lookup(w->lanes, key) : NULL;

	if (l)
		return l;
	l = g_new0(lane, 1);
	l->key = g_strdup(key);
	g_queue_init(&l->jobs);
	if (key)
		g_hash_table_insert(w->lanes, l->key, l);
	return l;
}

static bool has_kick(nova_workers *w, const char *key, nova_job run)
{
	lane *l = key ? g_hash_table_lookup(w->lanes, key) : NULL;

	for (GList *i = l ? l->jobs.head : NULL; i; i = i->next) {
		job *waiting = i->data;

		if (waiting->is_kick && waiting->run == run)
			return true;
	}
	return false;
}

static bool enqueue(nova_workers *w, const char *key, job *j, GError **error)
{
	const char *refused = NULL;
	bool dropped = false;
	lane *l;

	g_mutex_lock(&w->lock);
	if (w->closing) {
		refused = "the service is stopping";
	} else if (j->is_kick && has_kick(w, key, j->run)) {
		dropped = true;
	} else if (w->queued >= w->max_queued) {
		refused = "too many jobs wait already";
	} else {
		l = find_lane(w, key);
		g_queue_push_tail(&l->jobs, j);
		w->queued++;
		if (!l->running && l->jobs.length == 1) {
			g_queue_push_tail(&w->ready, l);
			g_cond_signal(&w->work);
		}
	}
	g_mutex_unlock(&w->lock);

	/* Outside the lock: free_data is the caller's code. */
	if (refused || dropped)
		free_job(j);
	return refused ? nova_fail(error, NOVA_FAULT_INTERNAL, "job refused: %s", refused) : true;
}

static job *new_job(nova_job run, void *data, GDestroyNotify free_data, bool is_kick)
{
	job *j = g_new0(job, 1);

	*j = (job){ .run = run, .data = data, .free_data = free_data, .is_kick = is_kick };
	return j;
}

bool nova_workers_submit(nova_workers *workers, const char *key, nova_job run, void *data, GDestroyNotify free_data,
			 GError **error)
{
	return enqueue(workers, key, new_job(run, data, free_data, false), error);
}

bool nova_workers_kick(nova_workers *workers, const char *key, nova_job run, void *data, GDestroyNotify free_data,
		       GError **error)
{
	return enqueue(workers, key, new_job(run, data, free_data, true), error);
}

/* Lock held.  Moves every job that has not begun to `discarded'. */
static void discard(nova_workers *w, GQueue *discarded)
{
	GHashTableIter iter;
	void *value;
	lane *l;
	job *j;

	g_hash_table_iter_init(&iter, w->lanes);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		l = value;
		while ((j = g_queue_pop_head(&l->jobs)))
			g_queue_push_tail(discarded, j);
		if (!l->running)
			g_hash_table_iter_remove(&iter);
	}
	/* What is ready does not run, so nobody else knows it any more. */
	while ((l = g_queue_pop_head(&w->ready))) {
		while ((j = g_queue_pop_head(&l->jobs)))
			g_queue_push_tail(discarded, j);
		free_lane(l);
	}
	w->queued = 0;
}

bool nova_workers_drain(nova_workers *workers, nova_deadline deadline)
{
	GQueue discarded = G_QUEUE_INIT;
	bool done;
	job *j;

	g_mutex_lock(&workers->lock);
	workers->closing = true;
	g_cond_broadcast(&workers->work);
	/* Condition variables know no CLOCK_BOOTTIME; looking once a second notices a suspend. */
	while ((workers->queued > 0 || workers->running > 0) && !nova_deadline_is_expired(deadline))
		g_cond_wait_until(&workers->idle, &workers->lock,
				  g_get_monotonic_time() + 1000 * (int64_t)nova_deadline_poll_ms(deadline, 1000));
	done = workers->queued == 0 && workers->running == 0;
	if (!done)
		discard(workers, &discarded);
	g_mutex_unlock(&workers->lock);

	while ((j = g_queue_pop_head(&discarded)))
		free_job(j);
	return done;
}

void nova_workers_free(nova_workers *workers)
{
	if (!workers)
		return;
	nova_workers_drain(workers, nova_deadline_in_ms(0));
	for (unsigned i = 0; i < workers->n_threads; i++)
		g_thread_join(workers->threads[i]);
	g_free(workers->threads);
	g_hash_table_unref(workers->lanes);
	g_mutex_clear(&workers->lock);
	g_cond_clear(&workers->work);
	g_cond_clear(&workers->idle);
	g_free(workers);
}

nova_workers_load nova_workers_get_load(nova_workers *workers)
{
	nova_workers_load load;

	g_mutex_lock(&workers->lock);
	load = (nova_workers_load){ workers->n_threads, workers->running, workers->queued };
	g_mutex_unlock(&workers->lock);
	return load;
}
