/* SPDX-License-Identifier: Apache-2.0 */
#include "db/pool.h"

#include "common/deadline.h"
#include "common/metrics.h"

#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS  1000
/* Idle connections beyond the first are closed after this long. */
#define SURPLUS_USEC (60 * G_USEC_PER_SEC)

struct nova_db {
	nova_conf *conf;
	nova_conn_info *info;
	unsigned max;
	/* below: under the lock */
	GMutex lock;
	GCond changed;
	GQueue idle;   /* of nova_conn, the one used last at the head */
	unsigned open; /* idle ones, those given out, and one that is being opened */
	bool away;     /* the last attempt to connect failed, and none has succeeded since */
	bool probing;  /* while away: a thread is trying */
};

bool nova_db_check_conf(const nova_conf *conf, GError **error)
{
	g_autoptr(nova_conn_info) info = nova_conn_info_new(conf, "check", error);

	return info || nova_conf_blame(conf, "database", "connection", error);
}

nova_db *nova_db_open(const nova_conf *conf, const char *program, unsigned max_connections, GError **error)
{
	g_autoptr(nova_conn_info) info = nova_conn_info_new(conf, program, error);

	if (!info)
		return NULL;
	nova_db *db = g_new0(nova_db, 1);

	db->conf = nova_conf_ref(conf);
	db->info = g_steal_pointer(&info);
	db->max = max_connections ? max_connections : (unsigned)conf->database_max_pool_size;
	g_mutex_init(&db->lock);
	g_cond_init(&db->changed);
	g_queue_init(&db->idle);
	return db;
}

void nova_db_close(nova_db *db)
{
	if (!db)
		return;
	g_queue_clear_full(&db->idle, (GDestroyNotify)nova_conn_close);
	g_cond_clear(&db->changed);
	g_mutex_clear(&db->lock);
	nova_conn_info_free(db->info);
	nova_conf_unref(db->conf);
	g_free(db);
}

const nova_conf *nova_pool_conf(const nova_db *db)
{
	return db->conf;
}

unsigned nova_pool_size(nova_db *db)
{
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&db->lock);

	return db->open;
}

nova_pool_state nova_pool_look(nova_db *db)
{
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&db->lock);

	return (nova_pool_state){ .idle = db->idle.length, .open = db->open, .max = db->max, .away = db->away };
}

bool nova_db_is_away(nova_db *db)
{
	return nova_pool_look(db).away;
}

/* An idle connection that works, or NULL.  Called and returns locked; checks unlocked. */
static nova_conn *take_idle(nova_db *db)
{
	nova_conn *conn;

	while ((conn = g_queue_pop_head(&db->idle))) {
		g_mutex_unlock(&db->lock);
		bool fit = nova_conn_is_fit(conn);

		if (!fit)
			nova_conn_close(conn);
		g_mutex_lock(&db->lock);
		if (fit)
			return conn;
		db->open--;
		g_cond_signal(&db->changed);
	}
	return NULL;
}

/* Waits for a change until the deadline; false when it has passed. */
static bool wait_change(nova_db *db, nova_deadline deadline)
{
	int64_t left = nova_deadline_remaining_ms(deadline);

	if (left <= 0)
		return false;
	g_cond_wait_until(&db->changed, &db->lock, g_get_monotonic_time() + left * 1000);
	return true;
}

/* One attempt to connect, with the pool unlocked meanwhile.  Called and returns locked. */
static nova_conn *open_one(nova_db *db, GError **error)
{
	db->open++;
	db->probing = db->away;
	g_mutex_unlock(&db->lock);
	nova_conn *conn = nova_conn_open(db->info, db->conf, error);

	g_mutex_lock(&db->lock);
	db->away = !conn;
	db->probing = false;
	if (!conn)
		db->open--;
	g_cond_broadcast(&db->changed);
	return conn;
}

nova_conn *nova_pool_take(nova_db *db, GError **error)
{
	int64_t patience_ms = db->conf->database_connect_timeout * 1000;
	nova_deadline deadline = nova_deadline_in_ms(patience_ms);
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&db->lock);
	g_autoptr(GError) reason = NULL;
	int64_t pause_ms = PAUSE_FIRST_MS;
	bool waited = false;

	for (;;) {
		nova_conn *conn = take_idle(db);

		if (conn)
			return conn;
		if (db->open >= db->max && !waited)
			nova_metric_add(NOVA_METRIC_DB_WAITS, 0, 0, 1);
		waited = true;
		if (db->open < db->max && !db->probing) {
			g_clear_error(&reason);
			conn = open_one(db, &reason);
			if (conn)
				return conn;
			/* Pause without the right to probe: somebody who comes now tries at once. */
			nova_deadline until = nova_deadline_min(
				deadline,
				nova_deadline_in_ms(g_random_int_range((int)pause_ms / 2, (int)pause_ms)));

			pause_ms = MIN(pause_ms * 2, PAUSE_MOST_MS);
			while (db->away && wait_change(db, until))
				;
			if (nova_deadline_is_expired(deadline)) {
				g_propagate_error(error, g_steal_pointer(&reason));
				return NULL;
			}
			continue;
		}
		if (wait_change(db, deadline))
			continue;
		if (reason)
			g_propagate_error(error, g_steal_pointer(&reason));
		else if (db->away)
			nova_fail(error, NOVA_FAULT_DATABASE, "cannot reach database %s", db->info->where);
		else
			nova_fail(error, NOVA_FAULT_DATABASE,
				  "all %u database connections have been in use for %" G_GINT64_FORMAT
				  " s; raise [database] max_pool_size or look for slow statements",
				  db->max, patience_ms / 1000);
		return NULL;
	}
}

/* The least recently used idle connection when it has rested for too long; called locked. */
static nova_conn *take_surplus(nova_db *db)
{
	nova_conn *oldest = g_queue_peek_tail(&db->idle);

	if (!oldest || db->idle.length < 2 || nova_boottime_usec() - oldest->used_usec < SURPLUS_USEC)
		return NULL;
	db->open--;
	return g_queue_pop_tail(&db->idle);
}

void nova_pool_give(nova_db *db, nova_conn *conn)
{
	bool good = conn->trouble != NOVA_TROUBLE_LOST && PQstatus(conn->pg) == CONNECTION_OK &&
		    PQtransactionStatus(conn->pg) == PQTRANS_IDLE;
	nova_conn *surplus;

	if (!good)
		nova_conn_close(conn);
	g_mutex_lock(&db->lock);
	if (good)
		g_queue_push_head(&db->idle, conn);
	else
		db->open--;
	surplus = take_surplus(db);
	g_cond_signal(&db->changed);
	g_mutex_unlock(&db->lock);
	nova_conn_close(surplus);
}
