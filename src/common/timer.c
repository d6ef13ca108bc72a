/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timer.h"

#include <stdbool.h>

struct nova_timer {
	GMutex lock; /* everything below but thread, run, data and jitter_percent */
	GCond changed;
	GThread *thread;
	void (*run)(void *data);
	void *data;
	int64_t interval_ms;
	unsigned jitter_percent;
	bool woken, stopping;
};

static int64_t pause_usec(const nova_timer *t, double spread)
{
	return (int64_t)((double)t->interval_ms * 1000.0 * (1.0 + spread));
}

/* Lock held. */
static void wait_for_next(nova_timer *t)
{
	double jitter = t->jitter_percent / 100.0;
	double spread = jitter > 0 ? g_random_double_range(-jitter, jitter) : 0;
	int64_t since = g_get_monotonic_time();
	int64_t until;

	do {
		/* Anew in each turn: the interval may have changed. */
		until = since + pause_usec(t, spread);
		if (!t->woken && !t->stopping)
			g_cond_wait_until(&t->changed, &t->lock, until);
	} while (!t->woken && !t->stopping && g_get_monotonic_time() < since + pause_usec(t, spread));
	t->woken = false;
}

static void *loop(void *data)
{
	nova_timer *t = data;

	g_mutex_lock(&t->lock);
	while (!t->stopping) {
		g_mutex_unlock(&t->lock);
		t->run(t->data);
		g_mutex_lock(&t->lock);
		wait_for_next(t);
	}
	g_mutex_unlock(&t->lock);
	return NULL;
}

nova_timer *nova_timer_new(const char *name, int64_t interval_ms, unsigned jitter_percent, void (*run)(void *data),
			   void *data)
{
	nova_timer *t = g_new0(nova_timer, 1);

	g_mutex_init(&t->lock);
	g_cond_init(&t->changed);
	t->interval_ms = interval_ms;
	t->jitter_percent = MIN(jitter_percent, 100);
	t->run = run;
	t->data = data;
	t->thread = g_thread_new(name, loop, t);
	return t;
}

void nova_timer_wake(nova_timer *timer)
{
	g_mutex_lock(&timer->lock);
	timer->woken = true;
	g_cond_signal(&timer->changed);
	g_mutex_unlock(&timer->lock);
}

void nova_timer_set_interval_ms(nova_timer *timer, int64_t interval_ms)
{
	g_mutex_lock(&timer->lock);
	timer->interval_ms = interval_ms;
	g_cond_signal(&timer->changed);
	g_mutex_unlock(&timer->lock);
}

void nova_timer_free(nova_timer *timer)
{
	if (!timer)
		return;
	g_mutex_lock(&timer->lock);
	timer->stopping = true;
	g_cond_signal(&timer->changed);
	g_mutex_unlock(&timer->lock);
	g_thread_join(timer->thread);
	g_mutex_clear(&timer->lock);
	g_cond_clear(&timer->changed);
	g_free(timer);
}
