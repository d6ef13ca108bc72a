/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/offload.h"

/* One call; the caller and the thread hold a reference each. */
typedef struct task {
	nova_offload_call call;
	GMutex lock;
	GCond cond;
	bool returned, ok;
	bool abandoned;     /* under lock */
	bool detached;      /* nobody ever waits */
	GError *error;
} task;

static GPrivate current_task;

static void task_clear(void *data)
{
	task *t = data;

	g_clear_error(&t->error);
	g_mutex_clear(&t->lock);
	g_cond_clear(&t->cond);
	g_atomic_rc_box_release_full(t->call.args, t->call.clear);
}

static void no_clear(void *args)
{
	(void)args;
}

static void run_task(void *data, void *unused)
{
	task *t = data;
	GError *error = NULL;
	bool ok, late;

	(void)unused;
	g_private_set(&current_task, t);
	ok = t->call.work(t->call.args, &error);
	g_private_set(&current_task, NULL);

	g_mutex_lock(&t->lock);
	t->ok = ok;
	t->error = error;
	t->returned = true;
	late = t->abandoned;
	g_cond_signal(&t->cond);
	g_mutex_unlock(&t->lock);
	if (late) {
		g_atomic_int_add(&t->call.group->stuck, -1);
		if (t->call.late)
			t->call.late(t->call.args);
	}
	g_atomic_rc_box_release_full(t, task_clear);
}

/* Threads come as they are needed and go when they are idle; groups bound their number. */
static GThreadPool *pool(void)
{
	static GThreadPool *threads;

	if (g_once_init_enter(&threads))
		g_once_init_leave(&threads, g_thread_pool_new(run_task, NULL, -1, FALSE, NULL));
	return threads;
}

static task *task_new(const nova_offload_call *call)
{
	task *t = g_atomic_rc_box_new0(task);

	t->call = *call;
	if (!t->call.clear)
		t->call.clear = no_clear;
	g_mutex_init(&t->lock);
	g_cond_init(&t->cond);
	return t;
}

bool nova_offload_run(const nova_offload_call *call, nova_deadline deadline, bool *ret_abandoned, GError **error)
{
	int64_t begun = g_get_monotonic_time(), until;
	bool returned, ok = false;
	task *t;

	if (ret_abandoned)
		*ret_abandoned = false;
	if (nova_offload_stuck(call->group) >= call->group->max_stuck)
		return nova_fail(error, call->group->fault,
				 "%s is not asked: %u %s calls have not come back", call->who,
				 nova_offload_stuck(call->group), call->group->what);
	t = task_new(call);
	g_atomic_rc_box_acquire(t->call.args);
	g_thread_pool_push(pool(), g_atomic_rc_box_acquire(t), NULL);

	until = nova_deadline_is_never(deadline) ? INT64_MAX : begun + nova_deadline_remaining_ms(deadline) * 1000;
	g_mutex_lock(&t->lock);
	while (!t->returned)
		if (!g_cond_wait_until(&t->cond, &t->lock, until))
			break;
	returned = t->returned;
	if (returned) {
		ok = t->ok;
		if (t->error)
			g_propagate_error(error, g_steal_pointer(&t->error));
	} else {
		t->abandoned = true;
		g_atomic_int_inc(&t->call.group->stuck);
	}
	g_mutex_unlock(&t->lock);
	g_atomic_rc_box_release_full(t, task_clear);
	if (returned)
		return ok;
	if (ret_abandoned)
		*ret_abandoned = true;
	return nova_fail(error, call->group->fault, "%s does not answer (waited %" G_GINT64_FORMAT " ms)", call->who,
			 (g_get_monotonic_time() - begun) / 1000);
}

void nova_offload_start(const nova_offload_call *call)
{
	task *t = task_new(call);

	t->detached = true;
	g_thread_pool_push(pool(), t, NULL);
}

unsigned nova_offload_stuck(const nova_offload_group *group)
{
	return (unsigned)g_atomic_int_get(&group->stuck);
}

bool nova_offload_is_abandoned(void)
{
	task *t = g_private_get(&current_task);
	bool abandoned;

	if (!t || t->detached)
		return false;
	g_mutex_lock(&t->lock);
	abandoned = t->abandoned;
	g_mutex_unlock(&t->lock);
	return abandoned;
}
