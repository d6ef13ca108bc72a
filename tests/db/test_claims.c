/* SPDX-License-Identifier: Apache-2.0
 *
 * Many at once: claims on a host that is nearly full, opposing flips, begins and deletes of one server, a
 * network with too few addresses.  What was granted must be exactly what there was.
 */
#include "fixture.h"

#include "db/at_once.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "claims";

/* Threads must not use cmocka's assertions (they jump): they report a text, checked after the join. */
typedef struct worker {
	GThread *thread;
	int index;
	char *wrong;
	unsigned granted, refused, rounds;
	const char *uuid;
	nova_fence source, dest;
	int64_t operation;
	int host;
} worker;

static bool check(worker *w, bool good, GError **error)
{
	if (!good && !w->wrong)
		w->wrong = g_strdup(*error ? (*error)->message : "failed without an error");
	g_clear_error(error);
	return good;
}

static void run_workers(worker *workers, unsigned n, void *(*run)(void *))
{
	for (unsigned i = 0; i < n; i++) {
		workers[i].index = (int)i;
		workers[i].thread = g_thread_new("worker", run, &workers[i]);
	}
	for (unsigned i = 0; i < n; i++)
		g_thread_join(workers[i].thread);
	for (unsigned i = 0; i < n; i++)
		if (workers[i].wrong)
			fail_msg("worker %u: %s", i, workers[i].wrong);
}

/* ---- claims ---- */

enum { CLAIMERS = 16, EACH = 6 };
static int64_t builds[CLAIMERS * EACH];
static int full_host;

static void *claim_some(void *arg)
{
	worker *w = arg;

	for (int i = 0; i < EACH; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_operation) op = nova_operations_find(db, builds[w->index * EACH + i], &error);
		bool taken = false;

		if (!check(w, op && nova_operations_claim(db, op, full_host, "{}", &taken, &error), &error))
			return NULL;
		w->granted += taken;
		w->refused += !taken;
		if (taken != (op->state == NOVA_OPS_CLAIMED))
			w->wrong = g_strdup("taken, but the operation was not moved");
	}
	return NULL;
}

static void claim_in_parallel(const char *host, int vcpus, int64_t memory, int64_t pool, unsigned fit)
{
	const nova_fence fence = fixture_host(db, host, vcpus, memory, 100000);
	worker workers[CLAIMERS] = { 0 };
	unsigned granted = 0;

	g_free(pg_cluster_sql(cluster, NAME, "UPDATE pools SET cap_gb = used_gb + %d", (int)pool));
	for (size_t i = 0; i < G_N_ELEMENTS(builds); i++)
		g_free(fixture_server(db, "crowd", 0, &builds[i]));
	full_host = fence.host_id;
	run_workers(workers, CLAIMERS, claim_some);
	for (size_t i = 0; i < CLAIMERS; i++)
		granted += workers[i].granted;
	assert_int_equal(granted, fit);
	g_autofree char *homes =
		pg_cluster_sql(cluster, NAME, "SELECT count(*) FROM instances WHERE host_id = %d", full_host);

	assert_int_equal(atoi(homes), fit);
	fixture_audit(cluster, NAME);
}

static void test_parallel_claims_fill_cpus(void **state)
{
	(void)state;
	claim_in_parallel("cpu", 11, 1000000, 1000, 11);
}

static void test_parallel_claims_fill_memory(void **state)
{
	(void)state;
	claim_in_parallel("memory", 1000, 512 * 7 + 511, 1000, 7);
}

static void test_parallel_claims_fill_the_pool(void **state)
{
	(void)state;
	claim_in_parallel("disk", 1000, 1000000, 5, 5);
}

static void test_unfit_hosts_are_not_booked(void **state)
{
	static const char *const reasons[] = {
		"UPDATE hosts SET disabled = true WHERE id = ",
		"UPDATE hosts SET forced_down = true WHERE id = ",
		"UPDATE hosts SET storage_ok = false WHERE id = ",
		"UPDATE hosts SET health = 'libvirt does not answer' WHERE id = ",
		"UPDATE hosts SET fence_wanted_at = now() WHERE id = ",
		"UPDATE hosts SET fence_wanted_at = now(), fence_confirmed_at = now() WHERE id = ",
		"UPDATE hosts SET pool_id = NULL WHERE id = ",
		"UPDATE host_lease SET lease_until = clock_timestamp() WHERE host_id = ",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
		g_autofree char *name = g_strdup_printf("unfit%zu", i);
		const nova_fence fence = fixture_host(db, name, 10, 10000, 100000);
		g_autofree char *sql = g_strdup_printf("%s%d", reasons[i], fence.host_id);
		bool taken = true;
		int64_t id;

		g_free(fixture_server(db, "vm", 0, &id));
		g_autoptr(nova_operation) op = fixture_operation(db, id);

		g_free(pg_cluster_sql(cluster, NAME, "%s", sql));
		g_autofree char *before = pg_cluster_digest(cluster, NAME);

		MUST(nova_operations_claim(db, op, fence.host_id, NULL, &taken, &must_error));
		assert_false(taken);
		assert_int_equal(op->state, NOVA_OPS_REQUESTED);
		g_autofree char *after = pg_cluster_digest(cluster, NAME);

		assert_string_equal(before, after);
	}
}

/* ---- flips ---- */

enum { ROUNDS = 25 };

/* Moves one server to the other host and back, again and again, as the hosts' daemons would. */
static void *migrate_to_and_fro(void *arg)
{
	worker *w = arg;
	nova_fence here = w->source, there = w->dest;

	for (int round = 0; round < ROUNDS; round++) {
		const nova_op_request request = { .kind = NOVA_OP_LIVE_MIGRATION,
						  .instance_uuid = w->uuid,
						  .action = "migrate" };
		const nova_op_outcome done = { .state = NOVA_OPS_DONE, .total_ms = 1 };
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);
		bool yes = false;

		if (!check(w, op != NULL, &error) ||
		    !check(w, nova_operations_claim(db, op, there.host_id, NULL, &yes, &error) && yes,
			   &error) ||
		    !check(w, nova_operations_advance(db, &there, op, NOVA_OPS_CHECKED, NULL, NULL, &error),
			   &error) ||
		    !check(w, nova_operations_take_slots(db, &here, op, &yes, NULL, &error) && yes, &error) ||
		    !check(w, nova_operations_advance(db, &there, op, NOVA_OPS_PREPARED, NULL, NULL, &error),
			   &error) ||
		    !check(w,
			   nova_operations_permit(db, &here, op, NOVA_POWER_RUNNING, NULL, &yes, &error) &&
				   yes,
			   &error) ||
		    !check(w, nova_operations_flip(db, &here, op, 1, NULL, &error), &error) ||
		    !check(w, nova_operations_advance(db, &here, op, NOVA_OPS_CLEANING, NULL, NULL, &error),
			   &error) ||
		    !check(w, nova_operations_finish(db, &here, op, &done, NULL, NULL, &error), &error))
			return NULL;
		const nova_fence swap = here;

		here = there;
		there = swap;
		w->rounds++;
	}
	return NULL;
}

static void test_opposing_migrations_do_not_deadlock(void **state)
{
	const nova_fence a = fixture_host(db, "flip-a", 100, 100000, 100000),
			 b = fixture_host(db, "flip-b", 100, 100000, 100000);
	g_auto(GStrv) uuids = g_new0(char *, 4 + 1);
	worker workers[4] = { 0 };

	(void)state;
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE hosts SET max_migrations = 0"));
	for (int i = 0; i < 4; i++) {
		workers[i].source = i % 2 ? a : b;
		workers[i].dest = i % 2 ? b : a;
		uuids[i] = fixture_built(db, "flipper", &workers[i].source);
		workers[i].uuid = uuids[i];
	}
	g_autofree char *before = pg_cluster_sql(
		cluster, NAME, "SELECT deadlocks FROM pg_stat_database WHERE datname = '%s'", NAME);

	run_workers(workers, 4, migrate_to_and_fro);
	/* The server counts a deadlock when the session that had it reports; give it the time. */
	g_free(pg_cluster_sql(cluster, NAME, "SELECT pg_stat_force_next_flush()"));
	g_autofree char *after = pg_cluster_sql(
		cluster, NAME, "SELECT deadlocks FROM pg_stat_database WHERE datname = '%s'", NAME);

	assert_string_equal(before, after);
	for (int i = 0; i < 4; i++) {
		g_autoptr(nova_instance) instance = fixture_instance(db, uuids[i]);

		assert_int_equal(workers[i].rounds, ROUNDS);
		assert_int_equal(instance->token, 1 + ROUNDS);
	}
	fixture_audit(cluster, NAME);
}

/* Registrations (the widest transaction there is) among running migrations: nothing deadlocks, and a fenced
 * mover stops with FENCED or STALE. */
static void *register_again(void *arg)
{
	worker *w = arg;

	for (int i = 0; i < 20; i++) {
		fixture_register(db, w->index % 2 ? "reg-a" : "reg-b");
		g_usleep(3000);
	}
	return NULL;
}

static void *begin_and_cancel(void *arg)
{
	worker *w = arg;

	for (int i = 0; i < 40; i++) {
		const nova_op_request request = { .kind = NOVA_OP_LIVE_MIGRATION,
						  .instance_uuid = w->uuid,
						  .action = "migrate" };
		const nova_op_outcome stop = { .state = NOVA_OPS_CANCELLED,
					       .reason = "test",
					       .total_ms = -1 };
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);
		bool yes;

		if (!check(w, op && nova_operations_claim(db, op, w->dest.host_id, NULL, &yes, &error),
			   &error))
			return NULL;
		for (int tries = 0;; tries++) {
			g_autoptr(nova_operation) now = nova_operations_find(db, op->id, &error);

			if (!check(w, now != NULL, &error))
				return NULL;
			const nova_fence owner = { .host_id = w->dest.host_id, .epoch = now->owner_epoch };

			if (nova_operations_finish(db, &owner, now, &stop, NULL, NULL, &error))
				break;
			if (tries > 200 || !(nova_error_is(error, NOVA_FAULT_STALE) ||
					     nova_error_is(error, NOVA_FAULT_FENCED))) {
				check(w, false, &error);
				return NULL;
			}
			g_clear_error(&error);
		}
		w->rounds++;
	}
	return NULL;
}

static void test_registrations_among_operations(void **state)
{
	const nova_fence a = fixture_host(db, "reg-a", 100, 100000, 100000),
			 b = fixture_host(db, "reg-b", 100, 100000, 100000);
	worker movers[3] = { 0 }, daemons[2] = { 0 };
	g_auto(GStrv) uuids = g_new0(char *, 3 + 1);

	(void)state;
	for (int i = 0; i < 3; i++) {
		uuids[i] = fixture_built(db, "restless", i % 2 ? &a : &b);
		movers[i].uuid = uuids[i];
		movers[i].dest = i % 2 ? b : a;
		movers[i].thread = g_thread_new("mover", begin_and_cancel, &movers[i]);
	}
	run_workers(daemons, 2, register_again);
	for (int i = 0; i < 3; i++)
		g_thread_join(movers[i].thread);
	for (int i = 0; i < 3; i++) {
		if (movers[i].wrong)
			fail_msg("%s", movers[i].wrong);
		assert_int_equal(movers[i].rounds, 40);
	}
	fixture_audit(cluster, NAME);
}

/* ---- one server, many who want something ---- */

static void *begin_one(void *arg)
{
	worker *w = arg;
	const nova_op_request request = { .kind = w->index % 2 ? NOVA_OP_STOP : NOVA_OP_REBOOT_HARD,
					  .instance_uuid = w->uuid,
					  .action = "act" };
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);

	if (op)
		w->granted = 1;
	else if (nova_error_is(error, NOVA_FAULT_INSTANCE_STATE))
		w->refused = 1;
	else
		check(w, false, &error);
	return NULL;
}

static void test_one_active_operation_of_fifty(void **state)
{
	const nova_fence host = fixture_host(db, "fifty", 100, 100000, 100000);
	g_autofree char *uuid = fixture_built(db, "wanted", &host);
	worker workers[50] = { 0 };
	unsigned granted = 0, refused = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		workers[i].uuid = uuid;
	run_workers(workers, 50, begin_one);
	for (int i = 0; i < 50; i++) {
		granted += workers[i].granted;
		refused += workers[i].refused;
	}
	assert_int_equal(granted, 1);
	assert_int_equal(refused, 49);
	fixture_audit(cluster, NAME);
}

static void *delete_one(void *arg)
{
	worker *w = arg;
	g_autoptr(GError) error = NULL;

	check(w, nova_instances_delete(db, w->uuid, NULL, NULL, &w->operation, &error), &error);
	return NULL;
}

static void *end_one(void *arg)
{
	worker *w = arg;
	const nova_op_outcome stop = { .state = NOVA_OPS_CANCELLED, .reason = "test", .total_ms = -1 };
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_find_active(db, w->uuid, &error);

	check(w, op && nova_operations_finish(db, &w->source, op, &stop, NULL, &w->operation, &error),
	      &error);
	return NULL;
}

/* A delete and the end of the operation it meets: whoever is second must see the first, so that exactly one
 * delete operation comes of it. */
static void test_delete_never_falls_between(void **state)
{
	const nova_fence a = fixture_host(db, "between-a", 100, 100000, 100000),
			 b = fixture_host(db, "between-b", 100, 100000, 100000);

	(void)state;
	for (int round = 0; round < 30; round++) {
		g_autofree char *uuid = fixture_built(db, "doomed", &a);
		g_autoptr(nova_operation) op G_GNUC_UNUSED =
			fixture_migration(db, uuid, &a, &b, NOVA_OPS_CHECKED);
		worker workers[3] = { { .uuid = uuid, .source = a }, { .uuid = uuid }, { .uuid = uuid } };

		for (int i = 0; i < 3; i++)
			workers[i].thread = g_thread_new("between", i ? delete_one : end_one, &workers[i]);
		for (int i = 0; i < 3; i++)
			g_thread_join(workers[i].thread);
		for (int i = 0; i < 3; i++)
			if (workers[i].wrong)
				fail_msg("%s", workers[i].wrong);
		g_autofree char *deletes = pg_cluster_sql(
			cluster, NAME,
			"SELECT count(*) FROM operations WHERE instance = '%s' AND kind = 'delete'", uuid);

		assert_int_equal(atoi(deletes), 1);
	}
	fixture_audit(cluster, NAME);
}

/* ---- wishes beside steps ---- */

/* A wish changes the row without its seq: a step that has to wait for one must still succeed. */
static void *wish_on(void *arg)
{
	worker *w = arg;

	while (!g_atomic_int_get(&w->host)) {
		g_autoptr(GError) error = NULL;

		if (!check(w, nova_operations_request_abort(db, w->uuid, w->operation, &error), &error))
			break;
		w->rounds++;
	}
	return NULL;
}

static void test_wishes_do_not_disturb_steps(void **state)
{
	const nova_fence a = fixture_host(db, "wish-a", 100, 100000, 100000);
	const nova_fence b = fixture_host(db, "wish-b", 100, 100000, 100000);
	g_autofree char *uuid = fixture_built(db, "wished", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_CHECKED);
	worker wisher[3] = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		wisher[i].uuid = uuid;
		wisher[i].operation = op->id;
		wisher[i].thread = g_thread_new("wish", wish_on, &wisher[i]);
	}
	for (int i = 0; i < 300; i++)
		MUST(nova_operations_note(db, &a, op, NOVA_BLOCKED_NO, NULL, 0, "note", NULL, &must_error));
	for (int i = 0; i < 3; i++)
		g_atomic_int_set(&wisher[i].host, 1);
	for (int i = 0; i < 3; i++) {
		g_thread_join(wisher[i].thread);
		assert_null(wisher[i].wrong);
		assert_true(wisher[i].rounds > 0);
	}
	fixture_audit(cluster, NAME);
}

/* ---- addresses ---- */

static int small_network;

static void *create_one(void *arg)
{
	worker *w = arg;
	g_autofree char *uuid = g_uuid_string_random();
	g_autoptr(GError) error = NULL;
	const nova_instance_plan plan = { .network_id = small_network };
	const nova_instance instance = { .uuid = uuid,
					 .project_id = (char *)"p",
					 .user_id = (char *)"u",
					 .name = (char *)"n",
					 .hostname = (char *)"n",
					 .flavor_id = 1,
					 .flavorid = (char *)"1",
					 .flavor_name = (char *)"f",
					 .vcpus = 1,
					 .memory_mb = 1,
					 .image_id = uuid,
					 .reservation_id = (char *)"r" };

	if (nova_instances_create(db, &instance, &plan, NULL, NULL, &error))
		w->granted = 1;
	else if (nova_error_is(error, NOVA_FAULT_NO_MORE_ADDRESSES))
		w->refused = 1;
	else
		check(w, false, &error);
	return NULL;
}

static void test_addresses_run_out(void **state)
{
	g_autofree char *uuid = NULL;
	g_autoptr(GError) error = NULL;
	worker workers[16] = { 0 };
	unsigned granted = 0, refused = 0;

	(void)state;
	MUST(nova_networks_create(db, "small", "198.51.100.0/28", "198.51.100.1", "br-small", &uuid,
				  &must_error));
	g_autoptr(nova_network) network = nova_networks_find(db, uuid, &error);

	assert_int_equal(network->total, 13);
	small_network = network->id;
	run_workers(workers, 16, create_one);
	for (int i = 0; i < 16; i++) {
		granted += workers[i].granted;
		refused += workers[i].refused;
	}
	assert_int_equal(granted, 13);
	assert_int_equal(refused, 3);
	g_autofree char *different = pg_cluster_sql(
		cluster, NAME, "SELECT count(DISTINCT instance) FROM addresses WHERE network_id = %d",
		network->id);

	assert_int_equal(atoi(different), 13);
	/* Refused ones left nothing behind. */
	g_autofree char *rows =
		pg_cluster_sql(cluster, NAME, "SELECT count(*) FROM instances WHERE project_id = 'p'");

	assert_int_equal(atoi(rows), 13);
	/* A server that is deleted gives its address back. */
	g_autofree char *one =
		pg_cluster_sql(cluster, NAME, "SELECT uuid FROM instances WHERE project_id = 'p' LIMIT 1");
	g_autoptr(nova_operation) build = nova_operations_find_active(db, one, &error);

	MUST(nova_operations_no_valid_host(db, build, "No valid host was found.", NULL, &must_error));
	MUST(nova_instances_delete(db, one, NULL, NULL, NULL, &must_error));
	worker again = { 0 };

	create_one(&again);
	assert_null(again.wrong);
	assert_int_equal(again.granted, 1);
	fixture_audit(cluster, NAME);
}

/* ---- a suspended server's memory ---- */

/* Runs an operation of this kind from its first state through `acting' to this outcome; its id. */
static int64_t run_through(nova_op_kind kind, nova_op_state acting, const char *uuid, const nova_fence *host,
			   nova_op_state end, nova_vm_state vm_state)
{
	const nova_op_request request = { .kind = kind, .instance_uuid = uuid, .action = "act" };
	const nova_op_outcome outcome = {
		.state = end,
		.reason = end == NOVA_OPS_DONE ? NULL : "a test",
		.set_vm_state = vm_state != NOVA_VM__COUNT,
		.vm_state = vm_state,
		.total_ms = -1,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);

	must(op != NULL, &error);
	MUST(nova_operations_advance(db, host, op, acting, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, host, op, &outcome, NULL, NULL, &must_error));
	return op->id;
}

static int64_t saved_of(const char *uuid)
{
	g_autoptr(nova_instance) instance = fixture_instance(db, uuid);

	return instance->saved_operation;
}

/* The memory of a suspended server is its suspend's, until it is in another state for good. */
static void test_saved_memory_belongs_to_its_suspend(void **state)
{
	const nova_fence host = fixture_host(db, "saver", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &host);
	const nova_requester by = { .request_id = "req-1", .project_id = "p", .user_id = "u" };
	bool changed = false;
	int64_t first, second;

	(void)state;
	assert_int_equal(saved_of(uuid), 0);
	first = run_through(NOVA_OP_SUSPEND, NOVA_OPS_SUSPENDING, uuid, &host, NOVA_OPS_DONE, NOVA_VM_SUSPENDED);
	assert_int_equal(saved_of(uuid), first);
	run_through(NOVA_OP_RESUME, NOVA_OPS_RESUMING, uuid, &host, NOVA_OPS_ERROR, NOVA_VM__COUNT);
	assert_int_equal(saved_of(uuid), first);
	run_through(NOVA_OP_RESUME, NOVA_OPS_RESUMING, uuid, &host, NOVA_OPS_DONE, NOVA_VM_ACTIVE);
	assert_int_equal(saved_of(uuid), 0);
	second = run_through(NOVA_OP_SUSPEND, NOVA_OPS_SUSPENDING, uuid, &host, NOVA_OPS_DONE, NOVA_VM_SUSPENDED);
	assert_true(second > first);
	MUST(nova_instances_reset_state(db, uuid, NOVA_VM_ERROR, &by, &must_error));
	assert_int_equal(saved_of(uuid), second);
	g_autoptr(nova_instance) row = fixture_instance(db, uuid);

	MUST(nova_instances_observe(db, &host, uuid, row->token, NOVA_POWER_RUNNING, NOVA_VM_ACTIVE, &changed,
				    &must_error));
	assert_true(changed);
	assert_int_equal(saved_of(uuid), 0);
	fixture_audit(cluster, NAME);
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 16, NULL);
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
		cmocka_unit_test(test_parallel_claims_fill_cpus),
		cmocka_unit_test(test_parallel_claims_fill_memory),
		cmocka_unit_test(test_parallel_claims_fill_the_pool),
		cmocka_unit_test(test_unfit_hosts_are_not_booked),
		cmocka_unit_test(test_opposing_migrations_do_not_deadlock),
		cmocka_unit_test(test_registrations_among_operations),
		cmocka_unit_test(test_one_active_operation_of_fifty),
		cmocka_unit_test(test_delete_never_falls_between),
		cmocka_unit_test(test_wishes_do_not_disturb_steps),
		cmocka_unit_test(test_addresses_run_out),
		cmocka_unit_test(test_saved_memory_belongs_to_its_suspend),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
