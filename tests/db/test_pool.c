/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that misbehaves: connections cut, sessions ended, the server killed and started, statements that
 * hang, commits whose answer never comes.
 */
#include "fixture.h"
#include "tcp_cut.h"

#include "common/deadline.h"
#include "db/pool.h"
#include "db/tx.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "pool";

static int64_t now_ms(void)
{
	return nova_boottime_usec() / 1000;
}

/* ---- sessions that end ---- */

static void end_sessions(void)
{
	g_free(pg_cluster_sql(cluster, NAME,
			      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
			      "application_name = 'test'"));
}

static void test_ended_sessions_are_replaced(void **state)
{
	(void)state;
	fixture_host(db, "pool1", 4, 4096, 1000);
	for (int i = 0; i < 6; i++) {
		g_autoptr(GPtrArray) hosts = NULL;

		end_sessions();
		MUST(nova_hosts_list(db, &hosts, &must_error));
		assert_int_equal(hosts->len, 1);
		end_sessions();
		MUST(nova_services_beat(db, "nova-scheduler", "a", &must_error));
	}
}

/* The session ends in the middle of the job: it runs again from the start. */
typedef struct counted {
	int runs, end_until;
	const char *sqlstate;
} counted;

static bool run_ending(nova_tx *tx, void *arg, GError **error)
{
	counted *c = arg;
	g_autoptr(nova_result) pid = NULL;

	if (!nova_conn_run_sql(tx->conn, "pid", "SELECT pg_backend_pid() AS pid", NOVA_NO_ARGS, &pid, error))
		return false;
	assert_true(nova_result_next(pid));
	if (c->runs++ < c->end_until)
		g_free(pg_cluster_sql(cluster, NAME, "SELECT pg_terminate_backend(%d, 5000)",
				      (int)nova_result_int(pid, "pid")));
	return nova_tx_run(tx, NOVA_Q_SERVICE_BEAT, NOVA_ARGS(nova_arg_text("x"), nova_arg_text("y")), NULL,
			   error);
}

static void test_a_job_is_repeated_on_a_new_session(void **state)
{
	static const nova_job job = { .name = "ending", .run = run_ending };
	counted twice = { .end_until = 1 }, always = { .end_until = 100 };
	g_autoptr(GError) error = NULL;

	(void)state;
	MUST(nova_tx_do(db, &job, &twice, &must_error));
	assert_int_equal(twice.runs, 2);
	assert_false(nova_tx_do(db, &job, &always, &error));
	must_fault(&error, NOVA_FAULT_DATABASE);
	assert_int_equal(always.runs, 3);
}

static bool run_raising(nova_tx *tx, void *arg, GError **error)
{
	counted *c = arg;

	if (c->runs++ < c->end_until) {
		g_autofree char *sql = g_strdup_printf(
			"DO $$BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '%s'; END$$", c->sqlstate);

		return nova_conn_exec(tx->conn, sql, NULL, error);
	}
	return nova_tx_run(tx, NOVA_Q_SERVICE_BEAT, NOVA_ARGS(nova_arg_text("x"), nova_arg_text("y")), NULL,
			   error);
}

static void test_conflicts_are_repeated_and_bounded(void **state)
{
	static const nova_job job = { .name = "raising", .run = run_raising };
	counted some = { .end_until = 5, .sqlstate = "40001" },
		deadlock = { .end_until = 3, .sqlstate = "40P01" };
	counted always = { .end_until = 1000, .sqlstate = "40001" },
		other = { .end_until = 1, .sqlstate = "22012" };
	g_autoptr(GError) error = NULL;

	(void)state;
	MUST(nova_tx_do(db, &job, &some, &must_error));
	assert_int_equal(some.runs, 6);
	MUST(nova_tx_do(db, &job, &deadlock, &must_error));
	assert_int_equal(deadlock.runs, 4);
	assert_false(nova_tx_do(db, &job, &always, &error));
	must_fault(&error, NOVA_FAULT_DATABASE_CONFLICT);
	assert_int_equal(always.runs, 9);
	assert_false(nova_tx_do(db, &job, &other, &error));
	must_fault(&error, NOVA_FAULT_INTERNAL);
	assert_int_equal(other.runs, 1);
}

/* ---- poolers ---- */

static void on_every_session(const char *sql)
{
	g_autoptr(GError) error = NULL;
	nova_conn *conn = nova_pool_take(db, &error);

	must(conn != NULL, &error);
	must(nova_conn_exec(conn, sql, NULL, &error), &error);
	nova_pool_give(db, conn);
}

static void test_prepared_statements_may_vanish_or_be_there(void **state)
{
	char sql[300];
	int64_t id;

	(void)state;
	for (int i = 0; i < 3; i++) {
		g_autoptr(GPtrArray) hosts = NULL;

		MUST(nova_hosts_list(db, &hosts, &must_error));
		g_free(fixture_server(db, "pooled", 0, &id));
		on_every_session("DEALLOCATE ALL");
		MUST(nova_services_beat(db, "nova-scheduler", "a", &must_error));
		g_free(fixture_server(db, "pooled", 0, &id));
	}
	end_sessions();
	const nova_query *q = &nova_queries[NOVA_Q_HOSTS_ALL];

	g_snprintf(sql, sizeof(sql), "PREPARE %s_%08x AS %s", q->name, g_str_hash(q->sql), q->sql);
	on_every_session(sql);
	g_autoptr(GPtrArray) hosts = NULL;

	MUST(nova_hosts_list(db, &hosts, &must_error));
}

static void test_sessions_are_set_up(void **state)
{
	g_autoptr(GError) error = NULL;
	nova_conn *conn = nova_pool_take(db, &error);
	g_autoptr(nova_result) row = NULL;

	(void)state;
	must(conn != NULL, &error);
	must(nova_conn_run_sql(conn, "settings",
			       "SELECT current_setting('statement_timeout') AS s, "
			       "current_setting('idle_in_transaction_session_timeout') AS i, "
			       "current_setting('application_name') AS a",
			       NOVA_NO_ARGS, &row, &error),
	     &error);
	assert_true(nova_result_next(row));
	assert_string_equal(nova_result_text(row, "s"), "10s");
	assert_string_equal(nova_result_text(row, "i"), "13s");
	assert_string_equal(nova_result_text(row, "a"), "test");
	nova_pool_give(db, conn);
}

/* ---- the bound ---- */

static void test_all_connections_in_use(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *small = pg_cluster_open(uri, 1, "connect_timeout = 1");
	g_autoptr(GError) error = NULL;
	GPtrArray *hosts = NULL;
	nova_conn *held = nova_pool_take(small, &error);
	int64_t began = now_ms();

	(void)state;
	must(held != NULL, &error);
	assert_false(nova_hosts_list(small, &hosts, &error));
	assert_non_null(strstr(error->message, "max_pool_size"));
	must_fault(&error, NOVA_FAULT_DATABASE);
	assert_in_range(now_ms() - began, 900, 2500);
	nova_pool_give(small, held);
	MUST(nova_hosts_list(small, &hosts, &must_error));
	g_ptr_array_unref(hosts);
	assert_int_equal(nova_pool_size(small), 1);
	nova_db_close(small);
}

static void *use_pool(void *arg)
{
	nova_db *small = arg;
	intptr_t bad = 0;

	for (int i = 0; i < 50; i++) {
		GPtrArray *hosts = NULL;

		bad += !nova_hosts_list(small, &hosts, NULL) || nova_pool_size(small) > 3;
		g_clear_pointer(&hosts, g_ptr_array_unref);
	}
	return (void *)bad;
}

static void test_many_threads_share_few_connections(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *small = pg_cluster_open(uri, 3, NULL);
	GThread *threads[24];
	intptr_t bad = 0;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("user", use_pool, small);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		bad += (intptr_t)g_thread_join(threads[i]);
	assert_int_equal(bad, 0);
	assert_in_range(nova_pool_size(small), 1, 3);
	nova_db_close(small);
}

/* ---- statements that hang ---- */

static void test_statement_timeout(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *hasty = pg_cluster_open(uri, 2, "statement_timeout = 300");
	g_autofree char *uuid = fixture_server(db, "locked", 0, NULL);
	g_autoptr(GError) error = NULL;
	int64_t began = now_ms();

	(void)state;
	g_free(pg_cluster_sql(cluster, NAME, "BEGIN; SELECT 1 FROM instances WHERE uuid = '%s' FOR UPDATE",
			      uuid));
	assert_false(nova_instances_delete(hasty, uuid, NULL, NULL, NULL, &error));
	assert_non_null(strstr(error->message, "statement_timeout"));
	must_fault(&error, NOVA_FAULT_DATABASE);
	assert_in_range(now_ms() - began, 250, 2000);
	g_free(pg_cluster_sql(cluster, NAME, "ROLLBACK"));
	MUST(nova_instances_delete(hasty, uuid, NULL, NULL, NULL, &must_error));
	nova_db_close(hasty);
}

/* A backend that stands still does not even honour the timeout: the connection is given up. */
static void test_a_backend_that_stands_still(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *hasty = pg_cluster_open(uri, 2, "statement_timeout = 300");
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) hosts = NULL;
	nova_conn *conn = nova_pool_take(hasty, &error);

	(void)state;
	must(conn != NULL, &error);
	int pid = PQbackendPID(conn->pg);
	int64_t began = now_ms();

	nova_pool_give(hasty, conn);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	MUST(nova_hosts_list(hasty, &hosts, &must_error));
	kill(pid, SIGCONT);
	assert_in_range(now_ms() - began, 3000, 6000);
	nova_db_close(hasty);
}

/* ---- a database that is away ---- */

static void test_a_database_that_is_away(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *other = pg_cluster_open(uri, 4, "connect_timeout = 2");
	nova_db *nowhere = pg_cluster_open("postgresql://127.0.0.1:1/x", 4, "connect_timeout = 2");
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) hosts = NULL;
	GPtrArray *none = NULL;
	int64_t began = now_ms();

	(void)state;
	MUST(nova_hosts_list(other, &hosts, &must_error));
	assert_false(nova_hosts_list(nowhere, &none, &error));
	assert_non_null(strstr(error->message, "cannot reach database"));
	must_fault(&error, NOVA_FAULT_DATABASE);
	assert_in_range(now_ms() - began, 1900, 3500);
	/* It takes connections and says nothing. */
	assert_int_equal(kill(pg_cluster_pid(cluster), SIGSTOP), 0);
	nova_db *silent = pg_cluster_open(uri, 4, "connect_timeout = 2");

	began = now_ms();
	assert_false(nova_hosts_list(silent, &none, &error));
	must_fault(&error, NOVA_FAULT_DATABASE);
	assert_in_range(now_ms() - began, 1900, 4500);
	kill(pg_cluster_pid(cluster), SIGCONT);
	MUST(nova_hosts_list(silent, &none, &must_error));
	g_ptr_array_unref(none);
	nova_db_close(silent);
	nova_db_close(nowhere);
	nova_db_close(other);
}

static void test_the_second_host_of_two(void **state)
{
	g_autofree char *uri = g_strdup_printf("postgresql://postgres@127.0.0.1:1,127.0.0.1:%d/%s",
					       pg_cluster_port(cluster), NAME);
	nova_db *two = pg_cluster_open(uri, 1, NULL);
	g_autoptr(GPtrArray) hosts = NULL;

	(void)state;
	MUST(nova_hosts_list(two, &hosts, &must_error));
	nova_db_close(two);
	/* One that can only be read is passed over. */
	g_free(pg_cluster_sql(cluster, NAME, "ALTER ROLE postgres SET default_transaction_read_only = on"));
	g_autofree char *read_only = g_strdup_printf("postgresql://postgres@127.0.0.1:%d,127.0.0.1:1/%s",
						     pg_cluster_port(cluster), NAME);
	nova_db *stale = pg_cluster_open(read_only, 1, "connect_timeout = 1");
	g_autoptr(GError) error = NULL;
	GPtrArray *none = NULL;

	assert_false(nova_hosts_list(stale, &none, &error));
	must_fault(&error, NOVA_FAULT_DATABASE);
	g_free(pg_cluster_sql(cluster, NAME,
			      "SET default_transaction_read_only = off; ALTER ROLE postgres RESET ALL"));
	nova_db_close(stale);
}

static void test_bad_connection_string(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_conf) conf = nova_conf_parse(
		"[database]\nconnection = postgresql://h/db?no_such_option=1\n", "x", NULL, &error);

	(void)state;
	must(conf != NULL, &error);
	assert_null(nova_db_open(conf, "test", 1, &error));
	assert_non_null(strstr(error->message, "no_such_option"));
	must_fault(&error, NOVA_FAULT_CONFIG);
}

/* ---- killed under load ---- */

typedef struct load {
	GThread *thread;
	nova_fence fence;
	int64_t operation;
	int *stop;
	int good, unknown, away;
	char *wrong;
} load;

/* Notes on an operation, one after the other: each that succeeds adds exactly one to seq. */
static void *write_notes(void *arg)
{
	load *l = arg;

	while (!g_atomic_int_get(l->stop)) {
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_operation) op = nova_operations_find(db, l->operation, &error);

		if (op &&
		    nova_operations_note(db, &l->fence, op, NOVA_BLOCKED_NO, NULL, 0, "note", NULL, &error)) {
			g_atomic_int_inc(&l->good);
			continue;
		}
		if (!nova_error_is(error, NOVA_FAULT_DATABASE)) {
			l->wrong = g_strdup(error ? error->message : "no error");
			break;
		}
		l->away++;
		l->unknown += strstr(error->message, "is not known") != NULL;
	}
	return NULL;
}

static void test_server_killed_and_started_under_load(void **state)
{
	const nova_fence host = fixture_host(db, "load", 100, 100000, 100000);
	load loads[6] = { 0 };
	g_auto(GStrv) uuids = g_new0(char *, 6 + 1);
	int stop = 0;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(loads); i++) {
		g_autoptr(GError) error = NULL;
		const nova_op_request request = { .kind = NOVA_OP_STOP,
						  .action = "stop",
						  .instance_uuid = uuids[i] =
							  fixture_built(db, "loaded", &host) };
		g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);

		must(op != NULL, &error);
		loads[i] = (load) { .fence = host, .operation = op->id, .stop = &stop };
	}
	for (size_t i = 0; i < G_N_ELEMENTS(loads); i++)
		loads[i].thread = g_thread_new("load", write_notes, &loads[i]);
	for (int round = 0; round < 3; round++) {
		g_usleep(300000);
		pg_cluster_kill(cluster);
		g_usleep(300000);
		pg_cluster_start(cluster);
	}
	g_usleep(300000);
	for (size_t i = 0; i < G_N_ELEMENTS(loads); i++) /* on a busy machine it takes longer */
		for (int tenth = 0; tenth < 300 && g_atomic_int_get(&loads[i].good) <= 20; tenth++)
			g_usleep(100000);
	g_atomic_int_set(&stop, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(loads); i++) {
		g_thread_join(loads[i].thread);
		if (loads[i].wrong)
			fail_msg("%s", loads[i].wrong);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(loads); i++) {
		g_autoptr(nova_operation) op = fixture_operation(db, loads[i].operation);

		print_message("  %d notes, %d times away, %d of them unknown\n", loads[i].good, loads[i].away,
			      loads[i].unknown);
		assert_true(loads[i].good > 20);
		assert_in_range(op->seq, loads[i].good, loads[i].good + loads[i].unknown);
	}
	fixture_audit(cluster, NAME);
}

/* ---- commits whose answer never comes ---- */

/* Every kind of change once, through a proxy that cuts at its COMMIT; the result must be as without. */
static void walk_with_cuts(tcp_cut *cut, nova_db *cut_db, cut_how how)
{
	const nova_fence a = fixture_host(db, "cut-a", 100, 100000, 100000),
			 b = fixture_host(db, "cut-b", 100, 100000, 100000);
	const nova_requester by = { .request_id = "req-cut", .project_id = "p", .user_id = "u" };
	const nova_op_outcome built = {
		.state = NOVA_OPS_DONE, .set_vm_state = true, .vm_state = NOVA_VM_ACTIVE, .total_ms = -1
	};
	const nova_op_outcome done = { .state = NOVA_OPS_DONE, .total_ms = 5 };
	const nova_op_outcome gone = { .state = NOVA_OPS_DONE, .deleted = true, .total_ms = -1 };
	int cuts = tcp_cut_count(cut);
	int64_t id, delete_id = 0;
	bool yes = false;
	g_autoptr(GError) error = NULL;

#define CUT(call)                                                                                            \
	do {                                                                                                 \
		tcp_cut_arm(cut, how);                                                                       \
		must((call), &error);                                                                        \
		assert_int_equal(tcp_cut_count(cut), ++cuts);                                                \
	} while (0)
	tcp_cut_arm(cut, how);
	g_autofree char *uuid = fixture_server(cut_db, "cut", 0, &id);

	assert_int_equal(tcp_cut_count(cut), ++cuts);
	g_autoptr(nova_operation) build = fixture_operation(db, id);

	CUT(nova_operations_claim(cut_db, build, a.host_id, "{}", &yes, &error));
	assert_true(yes);
	assert_string_equal(build->dest_host, "cut-a");
	CUT(nova_operations_advance(cut_db, &a, build, NOVA_OPS_SPAWNING, NULL, NULL, &error));
	CUT(nova_operations_finish(cut_db, &a, build, &built, NULL, NULL, &error));
	assert_int_equal(build->seq, 3);

	const nova_op_request request = {
		.kind = NOVA_OP_LIVE_MIGRATION, .instance_uuid = uuid, .action = "m", .by = by
	};

	tcp_cut_arm(cut, how);
	g_autoptr(nova_operation) op = nova_operations_begin(cut_db, &request, &error);

	must(op != NULL, &error);
	assert_int_equal(tcp_cut_count(cut), ++cuts);
	CUT(nova_operations_claim(cut_db, op, b.host_id, "{}", &yes, &error));
	CUT(nova_operations_refuse(cut_db, &b, op, "not yet", NULL, &error));
	CUT(nova_operations_claim(cut_db, op, b.host_id, "{}", &yes, &error));
	assert_true(yes);
	CUT(nova_operations_advance(cut_db, &b, op, NOVA_OPS_CHECKED, NULL, NULL, &error));
	CUT(nova_operations_take_slots(cut_db, &a, op, &yes, NULL, &error));
	assert_true(yes);
	CUT(nova_operations_advance(cut_db, &b, op, NOVA_OPS_PREPARED, NULL, NULL, &error));
	CUT(nova_operations_permit(cut_db, &a, op, NOVA_POWER_RUNNING, NULL, &yes, &error));
	assert_true(yes);
	CUT(nova_operations_flip(cut_db, &a, op, 7, NULL, &error));
	assert_int_equal(op->state, NOVA_OPS_SWITCHED);
	CUT(nova_instances_delete(cut_db, uuid, NULL, &by, &delete_id, &error));
	assert_int_equal(delete_id, 0);
	CUT(nova_operations_advance(cut_db, &a, op, NOVA_OPS_CLEANING, NULL, NULL, &error));
	CUT(nova_operations_finish(cut_db, &a, op, &done, NULL, &delete_id, &error));
	assert_true(delete_id > 0);
	g_autoptr(nova_operation) del = fixture_operation(db, delete_id),
				  moved = fixture_operation(db, op->id);

	assert_int_equal(moved->seq, 10);
	assert_int_equal(moved->seq, op->seq);
	CUT(nova_operations_advance(cut_db, &b, del, NOVA_OPS_DELETING, NULL, NULL, &error));
	CUT(nova_operations_finish(cut_db, &b, del, &gone, NULL, NULL, &error));
	g_autoptr(nova_instance) instance = fixture_instance(db, uuid);

	assert_int_equal(instance->token, 2);
	assert_true(instance->deleted_us > 0);
	/* Something on no host: begun and over in one. */
	tcp_cut_arm(cut, CUT_NOTHING);
	g_autofree char *homeless = fixture_server(cut_db, "cut", 0, &id);
	g_autoptr(nova_operation) hopeless = fixture_operation(db, id);

	CUT(nova_operations_no_valid_host(cut_db, hopeless, "No valid host was found.", NULL, &error));
	CUT(nova_instances_delete(cut_db, homeless, NULL, &by, &delete_id, &error));
	assert_true(delete_id > 0);
#undef CUT
	fixture_audit(cluster, NAME);
}

static void test_unknown_commits_are_found_out(void **state)
{
	/* libpq sends it as a simple query. */
	tcp_cut *cut = tcp_cut_new(pg_cluster_port(cluster), "COMMIT");
	g_autofree char *uri =
		g_strdup_printf("postgresql://postgres@127.0.0.1:%d/%s?sslmode=disable&gssencmode=disable",
				tcp_cut_port(cut), NAME);
	nova_db *cut_db = pg_cluster_open(uri, 2, NULL);

	(void)state;
	print_message("  the server never sees it\n");
	walk_with_cuts(cut, cut_db, CUT_BEFORE);
	print_message("  the answer is lost\n");
	walk_with_cuts(cut, cut_db, CUT_ANSWER);
	print_message("  the server sees it later\n");
	walk_with_cuts(cut, cut_db, CUT_DELAYED);
	nova_db_close(cut_db);
	tcp_cut_free(cut);
}

/* ---- waiting at start ---- */

static int waits;

static void on_wait(const char *reason, void *user)
{
	(void)user;
	assert_non_null(strstr(reason, "cannot reach"));
	waits++;
}

static bool enough(void *user)
{
	(void)user;
	return waits >= 2;
}

/* In a thread of its own; the server must be started by the main one, with which it would end. */
static void *wait_for_it(void *arg)
{
	GError *error = NULL;

	if (!nova_db_wait(arg, NULL, NULL, NULL, &error))
		return error;
	return NULL;
}

static void test_wait_for_the_database(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *early = pg_cluster_open(uri, 1, "retry_interval = 1\nconnect_timeout = 1");
	g_autoptr(GError) error = NULL;

	(void)state;
	pg_cluster_kill(cluster);
	waits = 0;
	assert_false(nova_db_wait(early, on_wait, enough, NULL, &error));
	must_fault(&error, NOVA_FAULT_DATABASE);
	GThread *waiter = g_thread_new("wait", wait_for_it, early);

	g_usleep(1500000);
	pg_cluster_start(cluster);
	error = g_thread_join(waiter);
	assert_null(error);
	nova_db_close(early);
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 4, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nova_db_close(db);
	pg_cluster_free(cluster);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ended_sessions_are_replaced),
		cmocka_unit_test(test_a_job_is_repeated_on_a_new_session),
		cmocka_unit_test(test_conflicts_are_repeated_and_bounded),
		cmocka_unit_test(test_prepared_statements_may_vanish_or_be_there),
		cmocka_unit_test(test_sessions_are_set_up),
		cmocka_unit_test(test_all_connections_in_use),
		cmocka_unit_test(test_many_threads_share_few_connections),
		cmocka_unit_test(test_statement_timeout),
		cmocka_unit_test(test_a_backend_that_stands_still),
		cmocka_unit_test(test_a_database_that_is_away),
		cmocka_unit_test(test_the_second_host_of_two),
		cmocka_unit_test(test_bad_connection_string),
		cmocka_unit_test(test_server_killed_and_started_under_load),
		cmocka_unit_test(test_unknown_commits_are_found_out),
		cmocka_unit_test(test_wait_for_the_database),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
