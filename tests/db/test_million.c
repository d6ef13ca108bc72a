/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemons ask all the time stays cheap with a million servers.
 *
 * auto_explain writes down how PostgreSQL ran each statement of the stores, as they sent it; the test reads that and
 * fails when a big table was read from end to end, or when more of its rows were looked at than the answer is worth.
 */
#include "fixture.h"

#include "common/json.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define NAME	"million"
#define SERVERS 1000000
#define PAGE	100
/* A statement is planned for its parameters a few times before the server may decide to plan it for any. */
#define RUNS 7

static pg_cluster *cluster;
static nova_db *db;

/* ---- the data ---- */

/* Number n has this uuid. */
#define UUID(hex) "00000000-0000-4000-8000-0000000" hex
#define UUID_OF	  "('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"

/* 1,000 hosts, one in ten of them away; half of all servers are one project's.  One server in ten is deleted, one in
 * 2,000 in error; 5,000 are being worked on.  Every server has been built once, 50,000 have moved. */
static const char *const fill[] = {
	"SET session_replication_role = replica; SET maintenance_work_mem = '256MB'; SET work_mem = '64MB'",
	"CREATE TEMP TABLE later AS SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS def"
	"  FROM pg_index WHERE indrelid IN ('instances'::regclass, 'operations'::regclass, 'claims'::regclass)"
	"   AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = indexrelid)",
	"DO $$ DECLARE i record; BEGIN"
	"  FOR i IN SELECT * FROM later LOOP EXECUTE 'DROP INDEX ' || i.name; END LOOP; END $$",
	"INSERT INTO pools (fsid, kind, total_gb, cap_gb) VALUES ('" FSID_SHARED "', 'nfs', 1000000, 1000000)",
	"INSERT INTO hosts (name, uuid, pool_id, cap_vcpus, used_vcpus, cap_memory_mb)"
	"  SELECT 'host-' || n, " UUID_OF ", 1, 100000, 1000, 100000 FROM generate_series(1, 1000) n",
	"INSERT INTO host_lease (host_id, epoch, lease_until, renewed_at)"
	"  SELECT n, 1, now() + (CASE WHEN n % 10 = 0 THEN '-1 h' ELSE '1 h' END)::interval, now()"
	"    FROM generate_series(1, 1000) n",
	"INSERT INTO instances (uuid, project_id, user_id, display_name, hostname, vm_state, power_state, host_id,"
	"    flavor_id, flavorid, flavor_name, vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb, image_id,"
	"    reservation_id, created_at, updated_at, launched_at, deleted_at)"
	"  SELECT " UUID_OF ", CASE WHEN n % 2 = 0 THEN 'large' ELSE 'p' || n % 5000 END, 'u' || n % 100, 'vm-' || n,"
	"         'vm-' || n,"
	"         CASE WHEN n % 10 = 1 THEN 'deleted' WHEN n % 2000 = 0 THEN 'error' WHEN n % 30 = 0 THEN 'stopped'"
	"              ELSE 'active' END,"
	"         1, CASE WHEN n % 10 <> 1 THEN n % 1000 + 1 END, 1, '1', 'm1.tiny', 1, 64, 1, 0, 0, gen_random_uuid(),"
	"         'r-' || n, at, at + n % 3600 * interval '1 s', at, CASE WHEN n % 10 = 1 THEN at + interval '1 h' END"
	"    FROM (SELECT n, now() - (1000000 - n) * interval '10 s' AS at FROM generate_series(1, 1000000) n) s",
	"INSERT INTO claims (instance, host_id, role, vcpus, memory_mb)"
	"  SELECT uuid, host_id, 'H', 1, 64 FROM instances WHERE host_id IS NOT NULL",
	"INSERT INTO operations (kind, state, instance, project_id, user_id, request_id, dest_host_id, created_at,"
	"    changed_at, finished_at)"
	"  SELECT 'build', 'done', uuid, project_id, user_id, 'req-build-' || id, id % 1000 + 1, created_at,"
	"         created_at, created_at FROM instances",
	"INSERT INTO operations (kind, state, instance, project_id, user_id, request_id, source_host_id, dest_host_id,"
	"    created_at, changed_at, finished_at)"
	"  SELECT 'live-migration', 'done', " UUID_OF ", 'large', 'u', 'req-move-' || n, n % 1000 + 1,"
	"         (n + 1) % 1000 + 1, at, at, at"
	"    FROM (SELECT n, now() - (1000000 - n) * interval '1 s' AS at FROM generate_series(20, 1000000, 20) n) s",
	/* active: migrations, reboots, builds; some wait for a scheduler, some hold slots and are blocked */
	"INSERT INTO operations (kind, state, instance, project_id, user_id, request_id, source_host_id, dest_host_id,"
	"    owner_host_id, owner_epoch, holds_slots, blocked, not_before, created_at, changed_at)"
	"  SELECT (ARRAY['live-migration', 'reboot-soft', 'stop', 'live-migration'])[k % 4 + 1],"
	"         (ARRAY['checked', 'rebooting', 'stopping', 'migrating'])[k % 4 + 1],"
	"         " UUID_OF ", 'large', 'u', 'req-now-' || n, n % 1000 + 1, (n + 1) % 1000 + 1,"
	"         CASE WHEN k % 50 <> 0 THEN n % 1000 + 1 END, 1, k % 4 = 3,"
	"         CASE WHEN k % 100 = 3 THEN 'destination host unreachable' END,"
	"         CASE WHEN k % 5 = 0 THEN now() + interval '1 h' END, now() - interval '1 h', now() - interval '1 h'"
	"    FROM (SELECT k, k * 199 + k % 2 AS n FROM generate_series(1, 5000) k) s WHERE n % 10 <> 1",
	"INSERT INTO journal (operation, seq, actor, from_state, to_state)"
	"  SELECT n, s, 'source', 'requested', 'requested' FROM generate_series(1, 50000) n, generate_series(0, 3) s",
	"INSERT INTO networks (label, cidr, bridge) VALUES ('private', '10.0.0.0/8', 'br')",
	"INSERT INTO addresses (network_id, address, mac, instance)"
	"  SELECT 1, '10.0.0.0'::inet + n, ('fa163e' || lpad(to_hex(n), 6, '0'))::macaddr, " UUID_OF
	"    FROM generate_series(800000, 1000000) n",
	"INSERT INTO identity.users (id, name, password_hash)"
	"  SELECT 'u' || n, 'u' || n, 'x' FROM generate_series(0, 99) n",
	"INSERT INTO identity.tokens (digest, user_id, methods, audit_id, chain_id, expires_at)"
	"  SELECT 'd' || n, 'u' || n % 100, 'password', 'a', 'a', now() + (n - 100) * interval '1 s'"
	"    FROM generate_series(1, 100000) n",
	"DO $$ DECLARE i record; BEGIN"
	"  FOR i IN SELECT * FROM later LOOP EXECUTE i.def; END LOOP; END $$",
	"ANALYZE",
};

static void fill_database(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fill); i++)
		g_free(pg_cluster_sql(cluster, NAME, "%s", fill[i]));
}

/* ---- reading what auto_explain wrote ---- */

/* Tables that grow with servers, operations and tokens. */
static const char *const big[] = { "instances", "operations", "claims",	    "journal",
				   "addresses", "tokens",     "disk_claims", NULL };

typedef struct evidence {
	const char *name;
	long most;    /* rows of one table that one run may look at */
	int plans;
	int wrong;
	GString *text;
} evidence;

static double number(json_object *node, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(node, key, &value) ? json_object_get_double(value) : 0;
}

static void judge_node(evidence *e, json_object *node)
{
	const char *relation = json_object_get_string(nova_json_find(node, "Relation Name"));
	const char *type = json_object_get_string(nova_json_find(node, "Node Type"));
	json_object *plans = nova_json_find(node, "Plans");
	double rows = (number(node, "Actual Rows") + number(node, "Rows Removed by Filter") +
		       number(node, "Rows Removed by Index Recheck")) * number(node, "Actual Loops");

	if (relation && g_strv_contains(big, relation)) {
		if (strcmp(type, "Seq Scan") == 0 || rows > (double)e->most) {
			e->wrong++;
			g_string_append_printf(e->text, "  %s: %s on %s looks at %.0f rows\n", e->name, type, relation,
					       rows);
		}
	}
	for (size_t i = 0; plans && i < json_object_array_length(plans); i++)
		judge_node(e, json_object_array_get_idx(plans, i));
}

/* One plan: lines that begin with a tab. */
static void judge_plan(evidence *e, const GString *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_object) plan = nova_json_parse(text->str, text->len, 200, &error);
	int before = e->wrong;

	must(plan != NULL, &error);
	judge_node(e, nova_json_find(plan, "Plan"));
	e->plans++;
	if (e->wrong > before)
		g_string_append_printf(e->text, "%s\n", text->str);
}

static void judge_log(evidence *e, const char *log)
{
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	g_autoptr(GString) plan = NULL;

	for (char **line = lines; *line; line++) {
		if (plan && **line != '\t') {
			judge_plan(e, plan);
			g_string_free(g_steal_pointer(&plan), TRUE);
		}
		if (plan) {
			g_string_append(plan, *line + 1);
			g_string_append_c(plan, ' ');
		} else if (strstr(*line, "LOG:  duration: ") && g_str_has_suffix(*line, " plan:")) {
			plan = g_string_new(NULL);
		}
	}
	assert_null(plan);
}

/* Asks a question several times and reads how it was answered. */
static void examine(evidence *e, int runs, void (*question)(const void *data), const void *data)
{
	size_t from = pg_cluster_log_size(cluster);

	for (int i = 0; i < runs; i++)
		question(data);
	g_autofree char *log = pg_cluster_log(cluster, from);

	judge_log(e, log);
	if (e->plans < runs)
		fail_msg("%s: %d plans in the server's log for %d runs", e->name, e->plans, runs);
}

/* It must have been answered without looking at more rows of a big table than `most'. */
static void ask(const char *name, long most, void (*question)(const void *data), const void *data)
{
	g_autoptr(GString) text = g_string_new(NULL);
	evidence e = { .name = name, .most = most, .text = text };

	examine(&e, RUNS, question, data);
	if (e.wrong)
		fail_msg("%s\n%s", name, e.text->str);
}

/* ---- lists of servers ---- */

static const char *const in_error[] = { "ERROR", NULL }, *const migrating[] = { "MIGRATING", NULL };
static const char *const active[] = { "ACTIVE", NULL }, *const at_work[] = { "MIGRATING", "REBOOT", NULL };
static const char *const stopped[] = { "SHUTOFF", "ERROR", NULL };

/* Server 500,000: the page after it begins in the middle of everything. */
#define MIDDLE UUID("7a120")
#define SMALL_PROJECT "p7" /* 160 servers */

static const struct list_row {
	const char *name;
	nova_instance_query q;
	long most;
} lists[] = {
	{ "a project, newest first", { .project_id = "large" }, 2 * PAGE },
	{ "a small project, newest first", { .project_id = SMALL_PROJECT }, 400 },
	{ "a project, a page in the middle", { .project_id = "large", .marker = MIDDLE }, 2 * PAGE },
	{ "a project, oldest first", { .project_id = "large", .ascending = true }, 2 * PAGE },
	{ "all projects, newest first", { 0 }, 2 * PAGE },
	{ "all projects, a page in the middle", { .marker = MIDDLE }, 2 * PAGE },
	{ "all projects, oldest first, in the middle", { .marker = MIDDLE, .ascending = true }, 2 * PAGE },
	{ "a host", { .host = "host-500" }, 2 * PAGE },
	{ "a host, second page", { .host = "host-501", .marker = UUID("7a314") }, 2 * PAGE },
	{ "a host that is not there", { .host = "nobody" }, 2 * PAGE },
	{ "a project on a host", { .host = "host-501", .project_id = "large" }, 2 * PAGE },
	{ "a small project on a host", { .host = "host-8", .project_id = SMALL_PROJECT }, 1200 },
	{ "a uuid", { .uuid = MIDDLE }, 10 },
	{ "a project's uuid", { .uuid = MIDDLE, .project_id = "large" }, 10 },
	{ "an exact name", { .name_regex = "^vm-500000$" }, 10 },
	{ "an exact name of a project", { .name_regex = "^vm-500000$", .project_id = "large" }, 10 },
	{ "a name that is not there", { .name_regex = "^nobody$", .project_id = "large" }, 10 },
	{ "in error", { .statuses = in_error }, 1000 },
	{ "in error, a project", { .statuses = in_error, .project_id = "large" }, 1000 },
	{ "in error, a project with none", { .statuses = in_error, .project_id = SMALL_PROJECT }, 1000 },
	{ "active", { .statuses = active }, 4 * PAGE },
	{ "active, a project", { .statuses = active, .project_id = "large" }, 4 * PAGE },
	{ "migrating", { .statuses = migrating }, 6000 },
	{ "migrating, a project", { .statuses = migrating, .project_id = "large" }, 6000 },
	{ "migrating or rebooting, a small project", { .statuses = at_work, .project_id = SMALL_PROJECT }, 6000 },
	{ "stopped or in error", { .statuses = stopped }, 40 * PAGE },
	{ "vm_state", { .vm_state = "error" }, 1000 },
	{ "a task", { .task_state = "migrating" }, 6000 },
	{ "deleted ones", { .deleted = true }, 20 * PAGE },
	{ "a project's deleted ones", { .deleted = true, .project_id = "p1" }, 1000 },
};

static void run_list(const void *data)
{
	nova_instance_query q = *(const nova_instance_query *)data;
	g_autoptr(GPtrArray) list = NULL;

	q.limit = PAGE;
	MUST(nova_instances_list(db, &q, &list, &must_error));
}

static void test_lists_of_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		ask(lists[i].name, lists[i].most, run_list, &lists[i].q);
}

/* Nothing is sorted by host names often enough to be worth an index: that shows. */
static void test_what_has_no_index_is_noticed(void **state)
{
	const nova_instance_query q = { .sort_key = "hostname" };
	g_autoptr(GString) text = g_string_new(NULL);
	evidence e = { .name = "by host name", .most = SERVERS / 2, .text = text };

	(void)state;
	examine(&e, 1, run_list, &q);
	assert_int_equal(e.wrong, 1);
	assert_non_null(strstr(text->str, "Seq Scan on instances"));
}

/* What clients that keep up ask, and one that asks for everything since ever. */
static void test_changes_since(void **state)
{
	g_autofree char *soon = pg_cluster_sql(cluster, NAME, "SELECT nova_usec(now() - interval '10 min')");
	g_autofree char *day = pg_cluster_sql(cluster, NAME, "SELECT nova_usec(now() - interval '1 day')");
	const struct {
		const char *name;
		nova_instance_query q;
		long most;
	} rows[] = {
		{ "changes of ten minutes", { .changes_since_us = g_ascii_strtoll(soon, NULL, 10) }, 1000 },
		{ "changes of ten minutes, a project",
		  { .changes_since_us = g_ascii_strtoll(soon, NULL, 10), .project_id = "large" }, 1000 },
		{ "changes of a day", { .changes_since_us = g_ascii_strtoll(day, NULL, 10) }, 10000 },
		{ "changes of a day, a project",
		  { .changes_since_us = g_ascii_strtoll(day, NULL, 10), .project_id = "large" }, 10000 },
		{ "all changes", { .changes_since_us = 1 }, 4 * PAGE },
		{ "all changes, a project", { .changes_since_us = 1, .project_id = "large" }, 4 * PAGE },
		{ "all changes, a page in the middle", { .changes_since_us = 1, .marker = MIDDLE }, 4 * PAGE },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ask(rows[i].name, rows[i].most, run_list, &rows[i].q);
}

/* ---- lists of operations ---- */

static void run_operations(const void *data)
{
	nova_operation_query q = *(const nova_operation_query *)data;
	g_autoptr(GPtrArray) list = NULL;

	q.limit = PAGE;
	MUST(nova_operations_list(db, &q, &list, &must_error));
}

static void test_lists_of_operations(void **state)
{
	static const struct {
		const char *name;
		nova_operation_query q;
		long most;
	} rows[] = {
		{ "operations of a server", { .instance_uuid = MIDDLE }, 10 },
		{ "migrations of a server", { .instance_uuid = MIDDLE, .migrations_only = true }, 10 },
		{ "active migrations of a server",
		  { .instance_uuid = MIDDLE, .migrations_only = true, .active_only = true }, 10 },
		{ "migrations of a host", { .host = "host-501", .migrations_only = true }, 3000 },
		{ "active operations of a host", { .host = "host-501", .active_only = true }, 3000 },
		{ "migrations from a host", { .source_host = "host-501", .migrations_only = true }, 3000 },
		{ "migrations", { .migrations_only = true }, 6000 },
		{ "running migrations", { .migrations_only = true, .active_only = true }, 6000 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ask(rows[i].name, rows[i].most, run_operations, &rows[i].q);
}

/* ---- polls and single rows ---- */

#define ONE_HOST   501
#define FENCE	   (&(nova_fence){ .host_id = ONE_HOST, .epoch = 1 })
#define LIST(call) do { g_autoptr(GPtrArray) list = NULL; MUST(call); } while (0)

static void of_host(const void *data)
{
	(void)data;
	LIST(nova_operations_of_host(db, ONE_HOST, &list, &must_error));
}

static void involving_host(const void *data)
{
	(void)data;
	LIST(nova_operations_involving_host(db, ONE_HOST, &list, &must_error));
}

static void on_host(const void *data)
{
	(void)data;
	LIST(nova_instances_on_host(db, ONE_HOST, &list, &must_error));
}

static void for_scheduler(const void *data)
{
	(void)data;
	LIST(nova_operations_for_scheduler(db, 100, &list, &must_error));
}

static void of_absent(const void *data)
{
	(void)data;
	LIST(nova_operations_of_absent(db, 0, 100, &list, &must_error));
}

static void next_lapse(const void *data)
{
	int64_t ms;

	(void)data;
	MUST(nova_operations_next_lapse(db, &ms, &must_error));
	assert_true(ms > 0);
}

static void stuck_slots(const void *data)
{
	g_autoptr(GArray) ids = NULL;

	(void)data;
	MUST(nova_operations_free_stuck_slots(db, 86400, 10, &ids, &must_error));
}

static void slots_ahead(const void *data)
{
	int ahead;

	MUST(nova_operations_slots_ahead(db, *(const int64_t *)data, &ahead, &must_error));
}

static void renew(const void *data)
{
	(void)data;
	MUST(nova_hosts_renew(db, FENCE, 3600, NULL, true, &must_error));
}

static void beat(const void *data)
{
	(void)data;
	MUST(nova_services_beat(db, "nova-scheduler", "ctl", &must_error));
}

static void one_server(const void *data)
{
	(void)data;
	nova_instance_free(nova_instances_find(db, MIDDLE, "large", false, NULL));
}

static void its_operation(const void *data)
{
	g_autoptr(GError) error = NULL;

	(void)data;
	nova_operation_free(nova_operations_find_active(db, MIDDLE, &error));
	must(!error, &error);
}

static void its_journal(const void *data)
{
	LIST(nova_operations_journal(db, *(const int64_t *)data, &list, &must_error));
}

static void all_hosts(const void *data)
{
	(void)data;
	LIST(nova_hosts_list(db, &list, &must_error));
}

static void page_of_hosts(const void *data)
{
	(void)data;
	LIST(nova_hosts_page(db, "host-500", 10, NULL, &list, &must_error));
}

static void one_host(const void *data)
{
	(void)data;
	nova_host_free(nova_hosts_find(db, "host-500", NULL));
}

static void test_polls(void **state)
{
	g_autofree char *waiting = pg_cluster_sql(
		cluster, NAME,
		"SELECT id FROM operations WHERE state = 'checked' AND owner_host_id IS NOT NULL LIMIT 1");
	const int64_t checked = g_ascii_strtoll(waiting, NULL, 10), first = 1;
	const struct {
		const char *name;
		long most;
		void (*question)(const void *data);
		const void *data;
	} rows[] = {
		{ "compute: what a host must act on", 100, of_host, NULL },
		{ "compute: what a host takes part in", 100, involving_host, NULL },
		{ "compute: servers of a host", 6000, on_host, NULL },
		{ "compute: whose turn it is", 6000, slots_ahead, &checked },
		{ "compute: heartbeat", 10, renew, NULL },
		{ "scheduler: what waits", 200, for_scheduler, NULL },
		{ "scheduler: heartbeat", 10, beat, NULL },
		{ "scheduler: hosts", 2000, all_hosts, NULL },
		{ "caretaker: operations of hosts that are away", 6000, of_absent, NULL },
		{ "caretaker: the next lapse", 6000, next_lapse, NULL },
		{ "caretaker: slots of the stuck", 6000, stuck_slots, NULL },
		{ "api: a server", 10, one_server, NULL },
		{ "api: its operation", 10, its_operation, NULL },
		{ "api: a journal", 10, its_journal, &first },
		{ "api: a host", 2000, one_host, NULL },
		{ "api: a page of hosts", 20000, page_of_hosts, NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ask(rows[i].name, rows[i].most, rows[i].question, rows[i].data);
}

/* ---- everything else ---- */

/* A list that no index can help with is cut short, and the user is told what to do. */
static void test_a_list_that_takes_too_long(void **state)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	nova_db *hasty = pg_cluster_open(uri, 1, "statement_timeout = 100");
	const nova_instance_query q = { .name_regex = "no.*body", .limit = PAGE };
	int64_t begun = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = NULL;

	(void)state;
	assert_false(nova_instances_list(hasty, &q, &list, &error));
	assert_true(g_get_monotonic_time() - begun < 3 * G_USEC_PER_SEC);
	assert_true(nova_error_is(error, NOVA_FAULT_DEADLINE));
	assert_string_equal(error->message,
			    "This list takes the database longer than 100 ms and was given up. Please ask for less: "
			    "by project, host, status, uuid, exact name (^name$) or changes-since. An administrator "
			    "can raise [database] statement_timeout.");
	nova_db_close(hasty);
}

/* ---- all together ---- */

static void set_up_logging(void)
{
	static const char *const settings[] = {
		"session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0",
		"auto_explain.log_analyze = on",	      "auto_explain.log_timing = off",
		"auto_explain.log_format = 'json'",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		g_free(pg_cluster_sql(cluster, "postgres", "ALTER DATABASE " NAME " SET %s", settings[i]));
}

static int start(void **state)
{
	static const char *const settings[] = { "wal_level = minimal",	    "max_wal_senders = 0",
						"synchronous_commit = off", "autovacuum = off",
						"max_wal_size = '8GB'",	    "shared_buffers = '256MB'" };

	(void)state;
	cluster = pg_cluster_new();
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		g_free(pg_cluster_sql(cluster, "postgres", "ALTER SYSTEM SET %s", settings[i]));
	pg_cluster_kill(cluster);
	pg_cluster_start(cluster);
	nova_db_close(pg_cluster_database(cluster, NAME, 1, NULL));
	fill_database();
	set_up_logging();
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);

	db = pg_cluster_open(uri, 1, NULL); /* one connection, so that its prepared statements age */
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
		cmocka_unit_test(test_lists_of_servers),
		cmocka_unit_test(test_changes_since),
		cmocka_unit_test(test_lists_of_operations),
		cmocka_unit_test(test_polls),
		cmocka_unit_test(test_what_has_no_index_is_noticed),
		cmocka_unit_test(test_a_list_that_takes_too_long),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
