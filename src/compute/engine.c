/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks: engine->lock guards the table of tasks, their fields and the counters; it is never held while a
 * step runs or the database, the broker or libvirt is asked.
 */
#include "compute/engine.h"

#include "common/context.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "common/workers.h"
#include "compute/engine_task.h"
#include "compute/flows.h"
#include "compute/lease.h"
#include "rpc/actor.h"

#include <string.h>

#define USEC_PER_MS INT64_C(1000)
#define FIRST_RETRY_MS 500
#define LAST_RETRY_MS 10000
#define REBOOTS_KEPT 1000
#define MAX_QUEUED 10000

enum {
	OWN_THREAD = 1 << 0, /* takes long: not in the pool */
};

/* Every step this service takes.  A state whose actor we are but which has no row here is a bug. */
static const struct engine_row {
	nova_op_kind kind;
	nova_op_state state;
	nova_step_run run;
	unsigned flags;
} engine_rows[] = {
	{ NOVA_OP_BUILD, NOVA_OPS_CLAIMED, nova_build_claimed, 0 },
	{ NOVA_OP_BUILD, NOVA_OPS_SPAWNING, nova_build_spawning, 0 },
	{ NOVA_OP_BUILD, NOVA_OPS_UNDOING, nova_build_undoing, 0 },
	{ NOVA_OP_DELETE, NOVA_OPS_REQUESTED, nova_delete_requested, 0 },
	{ NOVA_OP_DELETE, NOVA_OPS_DELETING, nova_delete_deleting, 0 },
	{ NOVA_OP_START, NOVA_OPS_REQUESTED, nova_start_requested, 0 },
	{ NOVA_OP_START, NOVA_OPS_STARTING, nova_start_starting, 0 },
	{ NOVA_OP_STOP, NOVA_OPS_REQUESTED, nova_stop_requested, 0 },
	{ NOVA_OP_STOP, NOVA_OPS_STOPPING, nova_stop_stopping, 0 },
	{ NOVA_OP_REBOOT_SOFT, NOVA_OPS_REQUESTED, nova_reboot_soft_requested, 0 },
	{ NOVA_OP_REBOOT_SOFT, NOVA_OPS_REBOOTING, nova_reboot_soft_rebooting, 0 },
	{ NOVA_OP_REBOOT_SOFT, NOVA_OPS_REBOOTING_HARD, nova_reboot_hard_rebooting, 0 },
	{ NOVA_OP_REBOOT_HARD, NOVA_OPS_REQUESTED, nova_reboot_hard_requested, 0 },
	{ NOVA_OP_REBOOT_HARD, NOVA_OPS_REBOOTING_HARD, nova_reboot_hard_rebooting, 0 },
	{ NOVA_OP_PAUSE, NOVA_OPS_REQUESTED, nova_pause_requested, 0 },
	{ NOVA_OP_PAUSE, NOVA_OPS_PAUSING, nova_pause_pausing, 0 },
	{ NOVA_OP_UNPAUSE, NOVA_OPS_REQUESTED, nova_unpause_requested, 0 },
	{ NOVA_OP_UNPAUSE, NOVA_OPS_UNPAUSING, nova_unpause_unpausing, 0 },
	{ NOVA_OP_SUSPEND, NOVA_OPS_REQUESTED, nova_suspend_requested, 0 },
	{ NOVA_OP_SUSPEND, NOVA_OPS_SUSPENDING, nova_suspend_suspending, OWN_THREAD },
	{ NOVA_OP_RESUME, NOVA_OPS_REQUESTED, nova_resume_requested, 0 },
	{ NOVA_OP_RESUME, NOVA_OPS_RESUMING, nova_resume_resuming, OWN_THREAD },
	{ NOVA_OP_REBUILD, NOVA_OPS_REQUESTED, nova_rebuild_requested, 0 },
	{ NOVA_OP_REBUILD, NOVA_OPS_REBUILDING, nova_rebuild_rebuilding, 0 },
	{ NOVA_OP_REBUILD, NOVA_OPS_REPLACING, nova_rebuild_replacing, 0 },
	{ NOVA_OP_REBUILD, NOVA_OPS_SPAWNING, nova_rebuild_spawning, 0 },
	{ NOVA_OP_RESIZE, NOVA_OPS_CLAIMED, nova_resize_claimed, 0 },
	{ NOVA_OP_RESIZE, NOVA_OPS_STOPPING, nova_resize_stopping, 0 },
	{ NOVA_OP_RESIZE, NOVA_OPS_SWITCHED, nova_resize_switched, 0 },
	{ NOVA_OP_RESIZE, NOVA_OPS_ROLLBACK, nova_resize_rollback, 0 },
	{ NOVA_OP_RESIZE_REVERT, NOVA_OPS_REQUESTED, nova_resize_revert_requested, 0 },
	{ NOVA_OP_RESIZE_REVERT, NOVA_OPS_STOPPING, nova_resize_stopping, 0 },
	{ NOVA_OP_RESIZE_REVERT, NOVA_OPS_SWITCHED, nova_resize_switched, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLAIMED, nova_migrate_claimed, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CHECKED, nova_migrate_checked, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARING, nova_migrate_preparing, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARED, nova_migrate_prepared, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_MIGRATING, nova_migrate_migrating, OWN_THREAD },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_SWITCHED, nova_migrate_switched, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLEANING, nova_migrate_cleaning, 0 },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_ROLLBACK, nova_migrate_rollback, 0 },
};

struct nova_engine {
	nova_compute *compute;
	nova_workers *workers;
	GMutex lock; /* everything below */
	GCond wake;  /* the poller; and stop(), when a thread ends */
	GHashTable *tasks;   /* id -> task */
	GHashTable *reboots; /* instance uuid -> CLOCK_BOOTTIME of its last reboot, int64_t */
	GThread *poller;
	unsigned threads;    /* steps in threads of their own */
	bool stopping, poll_now;
	int64_t pulse_sent, pulse_seen; /* CLOCK_BOOTTIME */
};

/* What to do with a task after a look at its row. */
enum look {
	LOOK_AGAIN,
	LOOK_LATER, /* in task->pause_ms */
	LOOK_THREAD, /* needs a thread of its own */
	LOOK_DONE,  /* nothing more to do here */
};

static const struct engine_row *find_row(nova_op_kind kind, nova_op_state state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(engine_rows); i++)
		if (engine_rows[i].kind == kind && engine_rows[i].state == state)
			return &engine_rows[i];
	return NULL;
}

static nova_log_tags op_tags(const nova_engine *engine, const nova_operation *op)
{
	return (nova_log_tags){
		.request_id = op->request_id,
		.instance = op->instance_uuid,
		.host = engine->compute->host,
		.operation = op->id,
	};
}

static bool is_ours(const nova_engine *engine, const nova_operation *op)
{
	return nova_operation_actor_host_id(op) == nova_lease_fence(engine->compute->lease).host_id;
}

/* ---- telling the next actor ---- */

static void ring(nova_engine *engine, const nova_operation *op)
{
	g_autoptr(GError) error = NULL;

	if (!engine->compute->bus)
		return;
	g_autoptr(nova_context) context =
		nova_context_new_with_id(op->request_id, op->user_id, op->project_id, false);

	if (!nova_actor_ring(engine->compute->bus, op, context, &error)) {
		const nova_log_tags tags = op_tags(engine, op);

		nova_log_debug(&tags, "could not ring the next actor, its poll will find it: %s", error->message);
	}
}

static void tell_next(nova_engine *engine, const nova_operation *op)
{
	if (!nova_op_state_is_terminal(op->state) && !is_ours(engine, op))
		ring(engine, op);
}

/* ---- one look at the row, one step ---- */

/* A failure that may pass: logged when its text is news, tried again after a growing pause. */
static enum look retry(nova_engine_task *task, const nova_log_tags *tags, const char *doing, const GError *error)
{
	task->pause_ms = MIN(LAST_RETRY_MS, FIRST_RETRY_MS << MIN(task->failures, 8));
	task->failures++;
	if (g_strcmp0(task->last_error, error->message) != 0)
		nova_log_warning(tags, "%s: %s; trying again in %d ms", doing, error->message, task->pause_ms);
	g_free(task->last_error);
	task->last_error = g_strdup(error->message);
	return LOOK_LATER;
}

static void remember_state(nova_engine_task *task, const nova_operation *op)
{
	if (task->memory.entered_usec && task->memory.state == op->state)
		return;
	task->memory = (nova_step_memory){ .state = op->state, .entered_usec = nova_boottime_usec() };
}

/* Whatever waits looks again now. */
static void look_at_waiting(nova_engine *engine)
{
	GHashTableIter iter;
	void *value;

	g_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		nova_engine_task *task = value;

		if (task->state == NOVA_TASK_WAITING)
			task->due_usec = 0;
	}
	g_cond_broadcast(&engine->wake);
	g_mutex_unlock(&engine->lock);
}

static enum look after_step(nova_engine *engine, nova_engine_task *task, nova_step *step, nova_step_end end,
			    nova_op_state from, const GError *error)
{
	const nova_log_tags tags = op_tags(engine, step->op);

	switch (end) {
	case NOVA_STEP_MOVED:
		task->failures = 0;
		g_clear_pointer(&task->last_error, g_free);
		if (step->op->state != from)
			nova_log_info(&tags, "%s: %s -> %s%s%s", nova_op_kind_name(step->op->kind),
				      nova_op_state_name(from), nova_op_state_name(step->op->state),
				      step->op->reason ? ": " : "", step->op->reason ? step->op->reason : "");
		tell_next(engine, step->op);
		if (step->op->kind == NOVA_OP_LIVE_MIGRATION &&
		    (nova_op_state_is_terminal(step->op->state) || step->op->state == NOVA_OPS_REQUESTED))
			look_at_waiting(engine); /* a migration slot is free */
		if (step->follow_up)
			nova_engine_announce(engine, step->follow_up);
		return LOOK_AGAIN;
	case NOVA_STEP_WAIT:
		task->pause_ms = step->wait_ms;
		return LOOK_LATER;
	case NOVA_STEP_ERROR:
	default:
		break;
	}
	if (nova_error_is(error, NOVA_FAULT_STALE)) {
		nova_log_debug(&tags, "the row has changed meanwhile, reading it again");
		task->pause_ms = 50;
		return LOOK_LATER;
	}
	if (nova_error_is(error, NOVA_FAULT_FENCED))
		nova_lease_doubt(engine->compute->lease);
	g_autofree char *doing = g_strdup_printf("%s, state %s", nova_op_kind_name(step->op->kind),
						 nova_op_state_name(from));

	return retry(task, &tags, doing, error);
}

static enum look look_at(nova_engine *engine, nova_engine_task *task, bool own_thread)
{
	nova_compute *compute = engine->compute;
	g_autoptr(GError) error = NULL;
	nova_log_tags tags = { .instance = task->instance, .host = compute->host, .operation = task->id };
	int64_t epoch = nova_lease_fence(compute->lease).epoch;
	g_autoptr(nova_operation) op = nova_operations_find(compute->db, task->id, &error);

	if (error)
		return retry(task, &tags, "could not read an operation", error);
	if (!op || nova_op_state_is_terminal(op->state) || !is_ours(engine, op))
		return LOOK_DONE;
	const struct engine_row *row = find_row(op->kind, op->state);

	tags = op_tags(engine, op);
	if (!row) {
		nova_log_error(&tags, "%s in state %s waits for this host, which has no step for it",
			       nova_op_kind_name(op->kind), nova_op_state_name(op->state));
		return LOOK_DONE;
	}
	if (!nova_lease_check(compute->lease, &error))
		return retry(task, &tags, nova_op_kind_name(op->kind), error);
	if ((row->flags & OWN_THREAD) && !own_thread)
		return LOOK_THREAD;
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	g_autoptr(nova_instance) instance = nova_instances_find(compute->db, op->instance_uuid, NULL, true, &error);

	if (error)
		return retry(task, &tags, "could not read an instance", error);
	remember_state(task, op);
	nova_op_state from = op->state;
	nova_step step = {
		.compute = compute,
		.conf = conf,
		.op = op,
		.instance = instance,
		.memory = &task->memory,
		.epoch = epoch,
		.permitted_seq = task->permitted_seq,
		.task = task,
	};
	g_autofree char *point = g_strdup_printf("compute:%s:before", nova_op_state_name(from));
	nova_step_end end = NOVA_STEP_ERROR;

	if (!instance)
		nova_fail(&error, NOVA_FAULT_INSTANCE_NOT_FOUND, "instance %s has no row", op->instance_uuid);
	else if (nova_fault_point(point, &error))
		end = row->run(&step, &error);
	task->permitted_seq = step.permitted_seq;
	return after_step(engine, task, &step, end, from, error);
}

/* ---- tasks ---- */

static void task_free(void *data)
{
	nova_engine_task *task = data;

	g_free(task->instance);
	g_free(task->last_error);
	g_free(task);
}

struct job {
	nova_engine *engine;
	int64_t id;
};

static void run_in_pool(void *data);

/* With the lock held. */
static void enqueue(nova_engine *engine, nova_engine_task *task)
{
	g_autoptr(GError) error = NULL;
	struct job *job = g_new(struct job, 1);

	*job = (struct job){ engine, task->id };
	task->due_usec = 0;
	task->state = NOVA_TASK_QUEUED;
	if (!nova_workers_submit(engine->workers, task->instance, run_in_pool, job, g_free, &error)) {
		task->state = NOVA_TASK_WAITING;
		task->due_usec = nova_boottime_usec() + LAST_RETRY_MS * USEC_PER_MS;
	}
}

static void *run_in_thread(void *data);

/* Runs steps until there is nothing to do now.  The task is RUNNING: nobody else touches it, except
 * `again' under the lock. */
static void run_task(nova_engine *engine, nova_engine_task *task, bool own_thread)
{
	enum look look;

	do
		look = nova_engine_task_is_stopping(task) ? LOOK_DONE : look_at(engine, task, own_thread);
	while (look == LOOK_AGAIN);

	g_mutex_lock(&engine->lock);
	if (look == LOOK_THREAD) {
		struct job *job = g_new(struct job, 1);

		*job = (struct job){ engine, task->id };
		engine->threads++;
		g_thread_unref(g_thread_new("copy", run_in_thread, job));
	} else if (look == LOOK_DONE && !task->again) {
		g_hash_table_remove(engine->tasks, &task->id);
	} else {
		task->state = NOVA_TASK_WAITING;
		task->due_usec = nova_boottime_usec() + (task->again ? 0 : task->pause_ms * USEC_PER_MS);
		task->again = false;
		g_cond_broadcast(&engine->wake);
	}
	g_mutex_unlock(&engine->lock);
}

static nova_engine_task *take(nova_engine *engine, int64_t id)
{
	g_mutex_lock(&engine->lock);
	nova_engine_task *task = g_hash_table_lookup(engine->tasks, &id);

	if (task) {
		task->state = NOVA_TASK_RUNNING;
		task->again = false;
	}
	g_mutex_unlock(&engine->lock);
	return task;
}

static void run_in_pool(void *data)
{
	const struct job *job = data;
	nova_engine_task *task = take(job->engine, job->id);

	if (task)
		run_task(job->engine, task, false);
}

static void *run_in_thread(void *data)
{
	g_autofree struct job *job = data;
	nova_engine *engine = job->engine;
	nova_engine_task *task = take(engine, job->id);

	if (task)
		run_task(engine, task, true);
	g_mutex_lock(&engine->lock);
	engine->threads--;
	g_cond_broadcast(&engine->wake);
	g_mutex_unlock(&engine->lock);
	return NULL;
}

void nova_engine_kick(nova_engine *engine, int64_t operation, const char *instance_uuid)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = NULL;

	g_mutex_lock(&engine->lock);
	nova_engine_task *task = g_hash_table_lookup(engine->tasks, &operation);
	bool known = task || engine->stopping;

	if (task && task->state == NOVA_TASK_RUNNING)
		task->again = true;
	else if (task && task->state == NOVA_TASK_WAITING && !engine->stopping)
		enqueue(engine, task);
	g_mutex_unlock(&engine->lock);
	if (known)
		return;

	if (!instance_uuid) {
		op = nova_operations_find(engine->compute->db, operation, &error);
		if (!op || !is_ours(engine, op))
			return; /* not for us, or the database is away: a poll will find it */
		instance_uuid = op->instance_uuid;
	}
	g_mutex_lock(&engine->lock);
	if (!engine->stopping && !g_hash_table_contains(engine->tasks, &operation)) {
		task = g_new0(nova_engine_task, 1);
		task->id = operation;
		task->instance = g_strdup(instance_uuid);
		task->engine = engine;
		g_hash_table_insert(engine->tasks, &task->id, task);
		enqueue(engine, task);
	}
	g_mutex_unlock(&engine->lock);
}

void nova_engine_announce(nova_engine *engine, int64_t operation)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_find(engine->compute->db, operation, &error);

	if (!op || nova_op_state_is_terminal(op->state))
		return;
	if (is_ours(engine, op))
		nova_engine_kick(engine, op->id, op->instance_uuid);
	else
		ring(engine, op);
}

bool nova_engine_task_was_kicked(nova_engine_task *task)
{
	g_mutex_lock(&task->engine->lock);
	bool kicked = task->again;
	task->again = false;
	g_mutex_unlock(&task->engine->lock);
	return kicked;
}

bool nova_engine_task_is_stopping(nova_engine_task *task)
{
	g_mutex_lock(&task->engine->lock);
	bool stopping = task->engine->stopping;
	g_mutex_unlock(&task->engine->lock);
	return stopping;
}

/* ---- the poller ---- */

static void poll_database(nova_engine *engine)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) ops = NULL;
	nova_fence fence = nova_lease_fence(engine->compute->lease);

	if (!nova_lease_is_fresh(engine->compute->lease) ||
	    !nova_operations_of_host(engine->compute->db, fence.host_id, &ops, &error))
		return; /* the lease thread says what is wrong */
	for (unsigned i = 0; i < ops->len; i++) {
		const nova_operation *op = g_ptr_array_index(ops, i);

		g_mutex_lock(&engine->lock);
		bool known = g_hash_table_contains(engine->tasks, &op->id);
		g_mutex_unlock(&engine->lock);
		if (!known)
			nova_engine_kick(engine, op->id, op->instance_uuid);
	}
}

static int64_t poll_interval_usec(nova_engine *engine, unsigned in_hand)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(engine->compute);
	bool busy = in_hand > 0 || !engine->compute->bus || !nova_bus_is_connected(engine->compute->bus);

	return (busy ? conf->operation_active_poll_interval : conf->operation_poll_interval) * G_USEC_PER_SEC;
}

/* Starts what is due; the time of the next, or of the next poll.  With the lock held. */
static int64_t start_due(nova_engine *engine, int64_t next)
{
	int64_t now = nova_boottime_usec();
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, engine->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		nova_engine_task *task = value;

		if (task->state != NOVA_TASK_WAITING)
			continue;
		if (task->due_usec <= now)
			enqueue(engine, task);
		else
			next = MIN(next, task->due_usec);
	}
	return next;
}

static void *poll(void *data)
{
	nova_engine *engine = data;
	int64_t polled = 0;

	g_mutex_lock(&engine->lock);
	while (!engine->stopping) {
		unsigned in_hand = g_hash_table_size(engine->tasks);
		int64_t next_poll = engine->poll_now || !polled ? 0 :
					    polled + poll_interval_usec(engine, in_hand);

		if (nova_boottime_usec() >= next_poll) {
			engine->poll_now = false;
			polled = nova_boottime_usec();
			g_mutex_unlock(&engine->lock);
			poll_database(engine);
			g_mutex_lock(&engine->lock);
			continue;
		}
		int64_t next = start_due(engine, next_poll);
		int64_t wait = next - nova_boottime_usec();

		if (wait > 0)
			g_cond_wait_until(&engine->wake, &engine->lock, g_get_monotonic_time() + wait);
	}
	g_mutex_unlock(&engine->lock);
	return NULL;
}

void nova_engine_poll(nova_engine *engine)
{
	g_mutex_lock(&engine->lock);
	engine->poll_now = true;
	g_cond_broadcast(&engine->wake);
	g_mutex_unlock(&engine->lock);
}

/* ---- guests' events ---- */

void nova_engine_submit(nova_engine *engine, const char *instance_uuid, void (*run)(void *data), void *data,
			GDestroyNotify free_data)
{
	/* Refused only while stopping or overrun: whoever submits comes back by itself. */
	nova_workers_submit(engine->workers, instance_uuid, run, data, free_data, NULL);
}

void nova_engine_guest_changed(nova_engine *engine, const char *instance_uuid)
{
	GHashTableIter iter;
	void *value;

	g_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		nova_engine_task *task = value;

		if (task->state == NOVA_TASK_WAITING && strcmp(task->instance, instance_uuid) == 0)
			task->due_usec = 0;
	}
	g_cond_broadcast(&engine->wake);
	g_mutex_unlock(&engine->lock);
}

void nova_engine_saw_reboot(nova_engine *engine, const char *instance_uuid)
{
	g_mutex_lock(&engine->lock);
	if (g_hash_table_size(engine->reboots) >= REBOOTS_KEPT)
		g_hash_table_remove_all(engine->reboots); /* a reboot that is missed is done hard in the end */
	int64_t *when = g_new(int64_t, 1);

	*when = nova_boottime_usec();
	g_hash_table_replace(engine->reboots, g_strdup(instance_uuid), when);
	g_mutex_unlock(&engine->lock);
	nova_engine_guest_changed(engine, instance_uuid);
}

bool nova_engine_rebooted_since(nova_engine *engine, const char *instance_uuid, int64_t boottime_usec)
{
	g_mutex_lock(&engine->lock);
	const int64_t *when = g_hash_table_lookup(engine->reboots, instance_uuid);
	bool rebooted = when && *when >= boottime_usec;
	g_mutex_unlock(&engine->lock);
	return rebooted;
}

/* ---- health, life ---- */

static void pulse(void *data)
{
	nova_engine *engine = data;

	g_mutex_lock(&engine->lock);
	engine->pulse_seen = nova_boottime_usec();
	g_mutex_unlock(&engine->lock);
}

bool nova_engine_moves(nova_engine *engine, int ms)
{
	int64_t now = nova_boottime_usec();

	g_mutex_lock(&engine->lock);
	bool beats = engine->pulse_seen >= engine->pulse_sent;
	bool moves = beats || now - engine->pulse_sent < ms * USEC_PER_MS;

	if (beats)
		engine->pulse_sent = now;
	g_mutex_unlock(&engine->lock);
	if (beats)
		nova_workers_submit(engine->workers, NULL, pulse, engine, NULL, NULL);
	return moves;
}

unsigned nova_engine_count(nova_engine *engine)
{
	g_mutex_lock(&engine->lock);
	unsigned count = g_hash_table_size(engine->tasks);
	g_mutex_unlock(&engine->lock);
	return count;
}

nova_engine *nova_engine_new(nova_compute *compute)
{
	nova_engine *engine = g_new0(nova_engine, 1);
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);

	engine->compute = compute;
	g_mutex_init(&engine->lock);
	g_cond_init(&engine->wake);
	engine->tasks = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, task_free);
	engine->reboots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	engine->workers = nova_workers_new("worker", (unsigned)conf->executor_thread_pool_size, MAX_QUEUED);
	return engine;
}

void nova_engine_start(nova_engine *engine)
{
	engine->poller = g_thread_new("poll", poll, engine);
}

void nova_engine_stop(nova_engine *engine, nova_deadline deadline)
{
	int64_t until = g_get_monotonic_time() + nova_deadline_remaining_ms(deadline) * USEC_PER_MS;

	g_mutex_lock(&engine->lock);
	engine->stopping = true;
	g_cond_broadcast(&engine->wake);
	while (engine->threads > 0 && g_cond_wait_until(&engine->wake, &engine->lock, until))
		;
	g_mutex_unlock(&engine->lock);
	if (engine->poller)
		g_thread_join(g_steal_pointer(&engine->poller));
	nova_workers_drain(engine->workers, deadline);
}

void nova_engine_free(nova_engine *engine)
{
	if (!engine)
		return;
	nova_workers_free(engine->workers);
	g_hash_table_destroy(engine->tasks);
	g_hash_table_destroy(engine->reboots);
	g_mutex_clear(&engine->lock);
	g_cond_clear(&engine->wake);
	g_free(engine);
}
