/* SPDX-License-Identifier: Apache-2.0 */
#include "db/migrate.h"

#include "common/deadline.h"
#include "db/pool.h"
#include "db/tx.h"

#include <string.h>

char *nova_migration_checksum(const nova_migration *migration)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, migration->sql, -1);
}

/* The versions a database has; 0 without error when it has no schema.  CONFIG when it is none this program
 * knows. */
static bool read_version(nova_tx *tx, int *ret_have, GError **error)
{
	g_autoptr(nova_result) present = NULL;
	g_autoptr(nova_result) applied = NULL;
	int have = 0;

	if (!nova_tx_one(tx, NOVA_Q_SCHEMA_PRESENT, NOVA_NO_ARGS, &present, error))
		return false;
	if (!nova_result_bool(present, "present")) {
		*ret_have = 0;
		return true;
	}
	/* Not catalogued: the table may be missing when the catalogue is prepared by a test. */
	if (!nova_conn_run_sql(tx->conn, "schema versions",
			       "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
			       NOVA_NO_ARGS, &applied, error))
		return false;
	while (nova_result_next(applied)) {
		int version = (int)nova_result_int(applied, "version");
		const char *name = nova_result_text(applied, "name");
		const char *checksum = nova_result_text(applied, "checksum");

		if (version > nova_n_migrations)
			return nova_fail(
				error, NOVA_FAULT_CONFIG,
				"the database has schema version %d (%s), this program knows up to %d; "
				"install the newer nova-lite here too",
				version, name, nova_n_migrations);
		g_autofree char *want = nova_migration_checksum(&nova_migrations[version - 1]);

		if (version != have + 1 || strcmp(want, checksum) != 0)
			return nova_fail(
				error, NOVA_FAULT_CONFIG,
				"the database was made by another text of migration %s than this program's; "
				"restore it from a backup or start with an empty one",
				name);
		have = version;
	}
	*ret_have = have;
	return true;
}

/* ---- sync ---- */

static bool apply_next(nova_tx *tx, int *ret_have, bool *ret_more, GError **error)
{
	g_autoptr(nova_result) locked = NULL;
	int have;

	if (!nova_conn_exec(tx->conn, "SET LOCAL statement_timeout = 0", NULL, error) ||
	    !nova_tx_run(tx, NOVA_Q_SCHEMA_LOCK, NOVA_NO_ARGS, &locked, error) ||
	    !read_version(tx, &have, error))
		return false;
	*ret_more = have < nova_n_migrations;
	if (!*ret_more) {
		*ret_have = have;
		return true;
	}
	const nova_migration *next = &nova_migrations[have];
	g_autofree char *checksum = nova_migration_checksum(next);
	GError *reason = NULL;

	if (have == 0 && !nova_conn_exec(tx->conn,
					 "CREATE TABLE schema_migrations (version integer PRIMARY KEY, "
					 "name text NOT NULL, checksum text NOT NULL, "
					 "applied_at timestamptz NOT NULL DEFAULT clock_timestamp())",
					 NULL, error))
		return false;
	if (!nova_conn_exec(tx->conn, next->sql, NULL, &reason)) {
		char *brief =
			strchr(reason->message, '\'') ? strrchr(reason->message, '\'') + 1 : reason->message;

		nova_fail(error, nova_error_fault(reason), "migration %s failed%s", next->name, brief);
		g_error_free(reason);
		return false;
	}
	if (!nova_conn_run_sql(
		    tx->conn, "schema version",
		    "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1::integer, $2, $3)",
		    NOVA_ARGS(nova_arg_int(next->version), nova_arg_text(next->name),
			      nova_arg_text(checksum)),
		    NULL, error))
		return false;
	*ret_have = next->version;
	return true;
}

typedef struct sync_state {
	int first, have; /* first: -1 until known */
	bool more;
} sync_state;

static bool run_sync(nova_tx *tx, void *arg, GError **error)
{
	sync_state *state = arg;
	int have;
	bool more;

	if (!apply_next(tx, &have, &more, error))
		return false;
	if (state->first < 0)
		state->first = more ? have - 1 : have;
	state->have = have;
	state->more = more;
	return true;
}

bool nova_db_sync(nova_db *db, int *ret_from, int *ret_to, GError **error)
{
	static const nova_job job = { .name = "schema migration", .run = run_sync };
	sync_state state = { .first = -1, .more = true };

	while (state.more)
		if (!nova_tx_do(db, &job, &state, error))
			return false;
	if (ret_from)
		*ret_from = state.first;
	if (ret_to)
		*ret_to = state.have;
	return true;
}

/* ---- check ---- */

static bool run_version(nova_tx *tx, void *arg, GError **error)
{
	return read_version(tx, arg, error);
}

bool nova_db_version(nova_db *db, int *ret_have, int *ret_want, GError **error)
{
	static const nova_job job = { .name = "schema version", .run = run_version };
	int have = 0;

	if (!nova_tx_do(db, &job, &have, error))
		return false;
	if (ret_have)
		*ret_have = have;
	if (ret_want)
		*ret_want = nova_n_migrations;
	return true;
}

bool nova_db_check(nova_db *db, char **ret_warning, GError **error)
{
	g_autoptr(nova_result) standbys = NULL;
	int have, want;

	if (!nova_db_version(db, &have, &want, error))
		return false;
	if (have == 0)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "the database has no nova-lite schema yet; run `nova-lite-manage db sync'");
	if (have < want)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "the database has schema version %d, this program needs %d; run "
				 "`nova-lite-manage db sync'",
				 have, want);
	if (!nova_db_one(db, NOVA_Q_SCHEMA_STANDBYS, NOVA_NO_ARGS, &standbys, error))
		return false;
	if (ret_warning) {
		int64_t n = nova_result_int(standbys, "standbys");
		const char *synchronous = nova_result_text(standbys, "synchronous");

		*ret_warning = NULL;
		if (n > 0 && (!synchronous || !*synchronous))
			*ret_warning = g_strdup_printf("the database has %d standby%s, none of them "
						       "synchronous: a failover may forget what "
						       "was committed; set synchronous_standby_names",
						       (int)n, n == 1 ? "" : "s");
	}
	return true;
}

bool nova_db_wait(nova_db *db, void (*on_wait)(const char *reason, void *user), bool (*stop)(void *user),
		  void *user, GError **error)
{
	for (;;) {
		g_autoptr(GError) why = NULL;

		if (nova_db_check(db, NULL, &why))
			return true;
		if (nova_error_is(why, NOVA_FAULT_CONFIG) || (stop && stop(user))) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		if (on_wait)
			on_wait(why->message, user);
		nova_deadline until = nova_deadline_in_ms(nova_pool_conf(db)->database_retry_interval * 1000);

		while (!nova_deadline_is_expired(until) && !(stop && stop(user)))
			g_usleep((unsigned long)MIN(nova_deadline_remaining_ms(until), 100) * 1000);
	}
}
