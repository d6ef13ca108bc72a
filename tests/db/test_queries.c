/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue and the schema agree with each other and with the tables of the model.
 */
#include "pg_cluster.h"

#include "db/migrate.h"
#include "db/query.h"
#include "model/identity.h"
#include "model/quota.h"
#include "model/server_group.h"
#include "model/instance.h"
#include "model/operation.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <libpq-fe.h>
#include <string.h>

static pg_cluster *cluster;

static PGconn *connect_to(const char *database)
{
	g_autofree char *uri = pg_cluster_uri(cluster, database);
	PGconn *conn = PQconnectdb(uri);

	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	return conn;
}

/* ---- the catalogue ---- */

static void test_every_statement_prepares(void **state)
{
	nova_db *db = pg_cluster_database(cluster, "prepares", 1, NULL);
	PGconn *conn = connect_to("prepares");

	(void)state;
	for (int q = 0; q < NOVA_Q__COUNT; q++) {
		PGresult *r = PQprepare(conn, nova_queries[q].name, nova_queries[q].sql, 0, NULL);

		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			fail_msg("%s: %s", nova_queries[q].name, PQresultErrorMessage(r));
		PQclear(r);
		r = PQdescribePrepared(conn, nova_queries[q].name);
		if (PQnparams(r) != (int)nova_queries[q].n_params)
			fail_msg("%s takes %d parameters, its header names %u", nova_queries[q].name,
				 PQnparams(r), nova_queries[q].n_params);
		if ((PQnfields(r) > 0) != (nova_queries[q].shape != NOVA_ROWS_NONE))
			fail_msg("%s: wrong shape, %d columns", nova_queries[q].name, PQnfields(r));
		PQclear(r);
	}
	PQfinish(conn);
	nova_db_close(db);
}

/* ---- migrations ---- */

static void test_migrations_from_empty_and_again(void **state)
{
	nova_db *db = pg_cluster_database(cluster, "migrates", 2, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *warning = NULL;
	int from, to, have, want;

	(void)state;
	assert_true(nova_db_sync(db, &from, &to, &error));
	assert_int_equal(from, nova_n_migrations);
	assert_int_equal(to, nova_n_migrations);
	assert_true(nova_db_version(db, &have, &want, &error));
	assert_int_equal(have, want);
	assert_true(nova_db_check(db, &warning, &error));
	assert_null(warning);
	for (int i = 0; i < nova_n_migrations; i++)
		assert_int_equal(nova_migrations[i].version, i + 1);
	nova_db_close(db);
}

/* A database that was made by the first version gets the rest, and keeps what is in it. */
static void test_an_older_database_is_brought_up(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, "upgrades");
	g_autofree char *checksum = nova_migration_checksum(&nova_migrations[0]);
	g_autoptr(GError) error = NULL;
	int from, to;

	(void)state;
	g_free(pg_cluster_sql(cluster, "postgres", "CREATE DATABASE upgrades"));
	g_free(pg_cluster_sql(cluster, "upgrades", "%s", nova_migrations[0].sql));
	g_free(pg_cluster_sql(cluster, "upgrades",
			      "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, "
			      "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"));
	g_free(pg_cluster_sql(cluster, "upgrades", "INSERT INTO schema_migrations VALUES (1, '%s', '%s')",
			      nova_migrations[0].name, checksum));
	g_free(pg_cluster_sql(cluster, "upgrades",
			      "INSERT INTO flavors (flavorid, name, vcpus, memory_mb, root_gb) VALUES "
			      "('1', 'm1.tiny', 1, 64, 1)"));
	nova_db *db = pg_cluster_open(uri, 1, NULL);

	assert_false(nova_db_check(db, NULL, &error));
	assert_non_null(strstr(error->message, "nova-lite-manage db sync"));
	g_clear_error(&error);
	assert_true(nova_db_sync(db, &from, &to, &error));
	assert_int_equal(from, 1);
	assert_int_equal(to, nova_n_migrations);
	assert_true(nova_db_check(db, NULL, &error));
	g_autofree char *flavors = pg_cluster_sql(cluster, "upgrades", "SELECT string_agg(name, ',') FROM flavors");
	g_autofree char *users = pg_cluster_sql(cluster, "upgrades", "SELECT count(*) FROM identity.users");

	assert_string_equal(flavors, "m1.tiny");
	assert_string_equal(users, "0");
	nova_db_close(db);
}

static void test_a_database_without_schema_is_named(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, "bare");
	g_autoptr(GError) error = NULL;
	int from, to, have, want;

	(void)state;
	g_free(pg_cluster_sql(cluster, "postgres", "CREATE DATABASE bare"));
	nova_db *db = pg_cluster_open(uri, 1, NULL);

	assert_true(nova_db_version(db, &have, &want, &error));
	assert_int_equal(have, 0);
	assert_false(nova_db_check(db, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
	assert_non_null(strstr(error->message, "nova-lite-manage db sync"));
	g_clear_error(&error);
	assert_true(nova_db_sync(db, &from, &to, &error));
	assert_int_equal(from, 0);
	assert_int_equal(to, want);
	nova_db_close(db);
}

static void test_strange_schemas_are_refused(void **state)
{
	nova_db *db = pg_cluster_database(cluster, "strange", 1, NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	g_free(pg_cluster_sql(cluster, "strange",
			      "INSERT INTO schema_migrations VALUES (%d, 'from the future', 'x')",
			      nova_n_migrations + 1));
	assert_false(nova_db_check(db, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
	assert_non_null(strstr(error->message, "from the future"));
	g_clear_error(&error);
	assert_false(nova_db_sync(db, NULL, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
	g_clear_error(&error);

	g_free(pg_cluster_sql(cluster, "strange", "DELETE FROM schema_migrations WHERE version > %d",
			      nova_n_migrations));
	g_free(pg_cluster_sql(cluster, "strange",
			      "UPDATE schema_migrations SET checksum = 'edited' WHERE version = 1"));
	assert_false(nova_db_sync(db, NULL, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
	assert_non_null(strstr(error->message, "001_initial.sql"));
	nova_db_close(db);
}

static void *sync_thread(void *data)
{
	g_autofree char *uri = pg_cluster_uri(cluster, "together");
	nova_db *db = pg_cluster_open(uri, 1, NULL);
	bool *good = data;

	*good = nova_db_sync(db, NULL, NULL, NULL);
	nova_db_close(db);
	return NULL;
}

static void test_several_syncs_at_once(void **state)
{
	GThread *threads[4];
	bool good[4] = { false };

	(void)state;
	g_free(pg_cluster_sql(cluster, "postgres", "CREATE DATABASE together"));
	for (int i = 0; i < 4; i++)
		threads[i] = g_thread_new("sync", sync_thread, &good[i]);
	for (int i = 0; i < 4; i++) {
		g_thread_join(threads[i]);
		assert_true(good[i]);
	}
	g_autofree char *n = pg_cluster_sql(cluster, "together", "SELECT count(*) FROM schema_migrations");

	assert_int_equal(atoi(n), nova_n_migrations);
}

/* ---- words ---- */

/* The words in a CHECK (… IN (…)) list, as PostgreSQL prints it, against a table of names. */
static void compare_words(const char *constraint, const char *(*name)(int), int first, int count)
{
	g_autofree char *text = pg_cluster_sql(
		cluster, "words", "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '%s'",
		constraint);
	g_autoptr(GHashTable) words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	assert_non_null(text);
	g_auto(GStrv) parts = g_strsplit(text, "'", -1);

	for (size_t i = 1; parts[i]; i += 2)
		g_hash_table_add(words, g_strdup(parts[i]));
	assert_int_equal(g_hash_table_size(words), count - first);
	for (int i = first; i < count; i++)
		if (!g_hash_table_contains(words, name(i)))
			fail_msg("%s does not know '%s'", constraint, name(i));
}

static const char *kind_name(int i)
{
	return nova_op_kind_name((nova_op_kind)i);
}

static const char *state_name(int i)
{
	return nova_op_state_name((nova_op_state)i);
}

static const char *vm_name(int i)
{
	return nova_vm_state_name((nova_vm_state)i);
}

static const char *blocked_name(int i)
{
	return nova_blocked_name((nova_blocked)i);
}

static const char *role_name(int i)
{
	return nova_names_get(&nova_role_names, i);
}

static const char *policy_name(int i)
{
	return nova_names_get(&nova_group_policy_names, i);
}

static const char *quota_name(int i)
{
	return nova_names_get(&nova_quota_names, i);
}

static const char *terminal_name(int i)
{
	return nova_op_state_name((nova_op_state)(NOVA_OPS_DONE + i));
}

static void test_words_of_schema_and_model_agree(void **state)
{
	nova_db *db = pg_cluster_database(cluster, "words", 1, NULL);

	(void)state;
	compare_words("operations_kind", kind_name, 0, NOVA_OP__COUNT);
	compare_words("operations_state", state_name, 0, NOVA_OPS__COUNT);
	compare_words("operations_blocked", blocked_name, 1, NOVA_BLOCKED__COUNT);
	compare_words("instances_vm_state", vm_name, 0, NOVA_VM__COUNT);
	compare_words("assignments_role", role_name, 0, NOVA_ROLE__COUNT);
	compare_words("server_groups_policy", policy_name, 0, NOVA_GROUP__COUNT);
	compare_words("quota_limits_resource", quota_name, 0, NOVA_QUOTA__COUNT);
	compare_words("operations_finished", terminal_name, 0, NOVA_OPS__COUNT - NOVA_OPS_DONE);
	nova_db_close(db);
}

/* ---- a role with few rights ---- */

/* The grants of doc/database.md are enough for nova_db_check() and refuse a change of the schema. */
static void test_check_names_a_missing_right(void **state)
{
	nova_db *owner = pg_cluster_database(cluster, "rights", 1, NULL);
	g_autofree char *uri = pg_cluster_uri(cluster, "rights");
	g_autofree char *as_guest = g_strdup(uri);
	g_autoptr(GError) error = NULL;
	char *user = strstr(as_guest, "postgres@");

	(void)state;
	memcpy(user, "stranger", 8);
	g_free(pg_cluster_sql(cluster, "rights", "CREATE ROLE stranger LOGIN"));
	nova_db *db = pg_cluster_open(as_guest, 1, NULL);

	assert_false(nova_db_check(db, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
	assert_non_null(strstr(error->message, "permission denied"));
	nova_db_close(db);
	nova_db_close(owner);
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	pg_cluster_free(cluster);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_statement_prepares),
		cmocka_unit_test(test_migrations_from_empty_and_again),
		cmocka_unit_test(test_an_older_database_is_brought_up),
		cmocka_unit_test(test_a_database_without_schema_is_named),
		cmocka_unit_test(test_strange_schemas_are_refused),
		cmocka_unit_test(test_several_syncs_at_once),
		cmocka_unit_test(test_words_of_schema_and_model_agree),
		cmocka_unit_test(test_check_names_a_missing_right),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
