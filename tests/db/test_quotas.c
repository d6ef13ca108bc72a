/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotas on a real PostgreSQL: a hundred creates at once never pass a limit, a delete makes room, and the sums are
 * those of the servers whatever happens.
 */
#include "fixture.h"

#include "common/uuid.h"
#include "db/keypairs.h"
#include "db/quotas.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define PROJECT "counted"
#define MANY	100
#define THREADS 16

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "quotas";
static const nova_quotas open_limits = { .of = { -1, -1, -1, -1, -1, -1, -1 } };

/* Threads must not use cmocka's assertions (they jump): they report a text, checked after the join. */
typedef struct worker {
	GThread *thread;
	const nova_quotas *quotas;
	int vcpus;
	unsigned granted, refused;
	char *wrong;
	char *last_refusal;
} worker;

static bool create_server(const nova_quotas *quotas, int vcpus, char ret_uuid[NOVA_UUID_SIZE], GError **error)
{
	nova_uuid_new(ret_uuid);
	const nova_instance instance = { .uuid = ret_uuid,
					 .project_id = (char *)PROJECT,
					 .user_id = (char *)"u",
					 .name = (char *)"n",
					 .hostname = (char *)"n",
					 .flavor_id = 1,
					 .flavorid = (char *)"1",
					 .flavor_name = (char *)"f",
					 .vcpus = vcpus,
					 .memory_mb = 64,
					 .image_id = ret_uuid,
					 .reservation_id = (char *)"r" };
	const nova_instance_plan plan = { .quotas = quotas };

	return nova_instances_create(db, &instance, &plan, NULL, NULL, error);
}

static void *create_share(void *arg)
{
	worker *w = arg;

	for (int i = 0; i < MANY / THREADS + 1; i++) {
		char uuid[NOVA_UUID_SIZE];
		g_autoptr(GError) error = NULL;

		if (create_server(w->quotas, w->vcpus, uuid, &error)) {
			w->granted++;
		} else if (nova_error_is(error, NOVA_FAULT_FORBIDDEN)) {
			w->refused++;
			g_free(w->last_refusal);
			w->last_refusal = g_strdup(error->message);
		} else {
			w->wrong = g_strdup(error->message);
			return NULL;
		}
	}
	return NULL;
}

/* How many of the creates were granted; *ret_text: what the last one refused was told. */
static unsigned run_all(const nova_quotas *quotas, int vcpus, char **ret_text)
{
	worker workers[THREADS] = { 0 };
	unsigned granted = 0, refused = 0;

	for (int i = 0; i < THREADS; i++) {
		workers[i].quotas = quotas;
		workers[i].vcpus = vcpus;
		workers[i].thread = g_thread_new("create", create_share, &workers[i]);
	}
	for (int i = 0; i < THREADS; i++)
		g_thread_join(workers[i].thread);
	for (int i = 0; i < THREADS; i++) {
		if (workers[i].wrong)
			fail_msg("%s", workers[i].wrong);
		granted += workers[i].granted;
		refused += workers[i].refused;
		if (workers[i].last_refusal) {
			g_free(*ret_text);
			*ret_text = workers[i].last_refusal;
		}
	}
	assert_int_equal(granted + refused, THREADS * (MANY / THREADS + 1));
	return granted;
}

static int64_t count_servers(void)
{
	g_autofree char *n = pg_cluster_sql(cluster, NAME,
					    "SELECT count(*) FROM instances WHERE project_id = '" PROJECT "'"
					    " AND deleted_at IS NULL");

	return g_ascii_strtoll(n, NULL, 10);
}

static void delete_servers(int n)
{
	g_autofree char *list = pg_cluster_sql(cluster, NAME,
					       "SELECT string_agg(uuid::text, ' ') FROM (SELECT uuid FROM instances"
					       " WHERE project_id = '" PROJECT "' AND deleted_at IS NULL LIMIT %d) x",
					       n);
	g_auto(GStrv) uuids = g_strsplit(list ? list : "", " ", -1);

	for (char **uuid = uuids; *uuid && **uuid; uuid++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_operation) build = nova_operations_find_active(db, *uuid, &error);

		must(build != NULL, &error);
		MUST(nova_operations_no_valid_host(db, build, "No valid host was found.", NULL, &must_error));
		MUST(nova_instances_delete(db, *uuid, NULL, NULL, NULL, &must_error));
	}
}

static void test_hundred_creates_never_pass_a_limit(void **state)
{
	nova_quotas quotas = open_limits;
	g_autofree char *text = NULL;
	nova_quotas used;

	(void)state;
	quotas.of[NOVA_QUOTA_INSTANCES] = 10;
	assert_int_equal(run_all(&quotas, 1, &text), 10);
	assert_string_equal(text, "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances");
	assert_int_equal(count_servers(), 10);
	MUST(nova_quotas_usage(db, PROJECT, NULL, &used, &must_error));
	assert_int_equal(used.of[NOVA_QUOTA_INSTANCES], 10);
	assert_int_equal(used.of[NOVA_QUOTA_RAM], 640);
	fixture_audit(cluster, NAME);

	/* The project's own limit wins over the configuration's; cores count, and three do not fit into 31 - 10. */
	nova_quotas own = { .of = { NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP,
				    NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP } };

	own.of[NOVA_QUOTA_INSTANCES] = NOVA_QUOTA_UNLIMITED;
	own.of[NOVA_QUOTA_CORES] = 33;
	MUST(nova_quotas_update(db, PROJECT, &own, false, &must_error));
	g_clear_pointer(&text, g_free);
	assert_int_equal(run_all(&quotas, 3, &text), 7);
	assert_string_equal(text, "Quota exceeded for cores: Requested 3, but already used 31 of 33 cores");
	fixture_audit(cluster, NAME);
}

static void test_a_delete_makes_room(void **state)
{
	nova_quotas quotas = open_limits;
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	char uuid[NOVA_UUID_SIZE];

	(void)state;
	MUST(nova_quotas_forget(db, PROJECT, &must_error));
	quotas.of[NOVA_QUOTA_INSTANCES] = 17;
	assert_false(create_server(&quotas, 1, uuid, &error));
	must_fault(&error, NOVA_FAULT_FORBIDDEN);
	delete_servers(4);
	assert_int_equal(run_all(&quotas, 1, &text), 4);
	assert_int_equal(count_servers(), 17);
	delete_servers(17);
	fixture_audit(cluster, NAME);
	assert_int_equal(count_servers(), 0);
}

/* A server that changes its size, and one whose row goes, change the sums too. */
static void test_sums_follow_every_change(void **state)
{
	g_autofree char *uuid = fixture_server(db, "grows", 0, NULL);

	(void)state;
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE instances SET vcpus = 8, memory_mb = 4096 WHERE uuid = '%s'",
			      uuid));
	fixture_audit(cluster, NAME);
	g_free(pg_cluster_sql(
		cluster, NAME,
		"BEGIN; UPDATE instances SET vcpus = 2 WHERE uuid = '%s'; UPDATE instances SET vcpus = 3,"
		" deleted_at = now() WHERE uuid = '%s'; UPDATE instances SET deleted_at = NULL WHERE uuid ="
		" '%s'; COMMIT",
		uuid, uuid, uuid));
	fixture_audit(cluster, NAME);
	g_free(pg_cluster_sql(cluster, NAME,
			      "UPDATE instances SET project_id = 'another', vcpus = 5 WHERE uuid = '%s'", uuid));
	fixture_audit(cluster, NAME);
	g_free(pg_cluster_sql(cluster, NAME,
			      "DELETE FROM journal; DELETE FROM operations; DELETE FROM instances WHERE uuid = '%s'",
			      uuid));
	fixture_audit(cluster, NAME);
}

static void test_limit_below_use_needs_force(void **state)
{
	nova_quotas change = { .of = { 0, NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP,
				       NOVA_QUOTA_KEEP, NOVA_QUOTA_KEEP } };
	nova_quotas limits;
	g_autoptr(GError) error = NULL;
	char uuid[NOVA_UUID_SIZE];

	(void)state;
	MUST(create_server(&open_limits, 1, uuid, &must_error));
	assert_false(nova_quotas_update(db, PROJECT, &change, false, &error));
	assert_string_equal(error->message, "Quota limit 0 for instances must be greater than or equal to already used "
					    "and reserved 1.");
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	MUST(nova_quotas_update(db, PROJECT, &change, true, &must_error));
	MUST(nova_quotas_limits(db, PROJECT, &open_limits, &limits, &must_error));
	assert_int_equal(limits.of[NOVA_QUOTA_INSTANCES], 0);
	assert_int_equal(limits.of[NOVA_QUOTA_CORES], -1);
	assert_false(create_server(&open_limits, 1, uuid, &error));
	must_fault(&error, NOVA_FAULT_FORBIDDEN);
	MUST(nova_quotas_forget(db, PROJECT, &must_error));
	MUST(create_server(&open_limits, 1, uuid, &must_error));
}

static void *make_keys(void *arg)
{
	worker *w = arg;

	for (int i = 0; i < 5; i++) {
		g_autofree char *name = g_uuid_string_random();
		g_autoptr(GError) error = NULL;

		if (nova_keypairs_create(db, "keeper", name, "ssh-rsa AAAA", "aa:bb", 7, &error))
			w->granted++;
		else if (nova_error_is(error, NOVA_FAULT_FORBIDDEN))
			w->refused++;
		else
			w->wrong = g_strdup(error->message);
	}
	return NULL;
}

static void test_key_pairs_are_counted(void **state)
{
	worker workers[THREADS] = { 0 };
	unsigned granted = 0;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) all = NULL;
	g_autoptr(GPtrArray) page = NULL;
	bool found;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		workers[i].thread = g_thread_new("keys", make_keys, &workers[i]);
	for (int i = 0; i < THREADS; i++) {
		g_thread_join(workers[i].thread);
		if (workers[i].wrong)
			fail_msg("%s", workers[i].wrong);
		granted += workers[i].granted;
	}
	assert_int_equal(granted, 7);
	MUST(nova_keypairs_list(db, "keeper", NULL, 100, &all, &must_error));
	assert_int_equal(all->len, 7);
	const nova_keypair *third = all->pdata[2];

	MUST(nova_keypairs_list(db, "keeper", third->name, 2, &page, &must_error));
	assert_int_equal(page->len, 2);
	assert_string_equal(((nova_keypair *)page->pdata[0])->name, ((nova_keypair *)all->pdata[3])->name);
	MUST(nova_keypairs_delete(db, "keeper", third->name, &found, &must_error));
	assert_true(found);
	assert_false(nova_keypairs_create(db, "keeper", ((nova_keypair *)all->pdata[0])->name, "x", "y", -1, &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	g_ptr_array_unref(g_steal_pointer(&page));
	assert_false(nova_keypairs_list(db, "keeper", third->name, 2, &page, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, THREADS, NULL);
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
		cmocka_unit_test(test_hundred_creates_never_pass_a_limit),
		cmocka_unit_test(test_a_delete_makes_room),
		cmocka_unit_test(test_sums_follow_every_change),
		cmocka_unit_test(test_limit_below_use_needs_force),
		cmocka_unit_test(test_key_pairs_are_counted),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
