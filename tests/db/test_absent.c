/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing in place of a host that is down: only when its lease has run out, only what it cannot
 * have begun, by one of many; slots of what is blocked; and when a guest may leave a host that was
 * not asked.
 */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "absent";
static nova_fence a, b, c;

static void lapse(const nova_fence *host)
{
	g_free(pg_cluster_sql(
		cluster, NAME,
		"UPDATE host_lease SET lease_until = clock_timestamp() WHERE host_id = %d",
		host->host_id));
}

static void revive(const nova_fence *host)
{
	MUST(nova_hosts_renew(db, host, 3600, NULL, true, &must_error));
}

static const nova_op_outcome cancelled = { .state = NOVA_OPS_CANCELLED,
					   .reason = "over",
					   .total_ms = -1 };
static const nova_op_outcome unbuilt = {
	.state = NOVA_OPS_CANCELLED, .reason = "over", .release_home = true, .total_ms = -1
};
static const nova_op_outcome failed = { .state = NOVA_OPS_FAILED,
					.reason = "over",
					.total_ms = -1 };
static const nova_op_outcome done = { .state = NOVA_OPS_DONE, .total_ms = -1 };

static bool call_refuse(nova_operation *op, GError **error)
{
	return nova_operations_refuse(db, NULL, op, "it is down", NULL, error);
}

static bool call_block(nova_operation *op, GError **error)
{
	return nova_operations_note(db, NULL, op, NOVA_BLOCKED_SOURCE_UNREACHABLE, "absent-a", 0,
				    "down", NULL, error);
}

static bool call_cancel(nova_operation *op, GError **error)
{
	return nova_operations_finish(
		db, NULL, op, op->kind == NOVA_OP_BUILD ? &unbuilt : &cancelled, NULL, NULL, error);
}

static bool call_fail(nova_operation *op, GError **error)
{
	return nova_operations_finish(
		db, NULL, op, op->state == NOVA_OPS_MIGRATING ? &failed : &done, NULL, NULL, error);
}

static bool call_permit(nova_operation *op, GError **error)
{
	bool granted;

	return nova_operations_permit(db, NULL, op, NOVA_POWER_RUNNING, NULL, &granted, error);
}

static bool call_flip(nova_operation *op, GError **error)
{
	return nova_operations_flip(db, NULL, op, 1, NULL, error);
}

static bool call_advance(nova_operation *op, GError **error)
{
	nova_op_state to = op->state == NOVA_OPS_CLAIMED ? NOVA_OPS_CHECKED : NOVA_OPS_ROLLBACK;

	return nova_operations_advance(db, NULL, op,
				       op->state == NOVA_OPS_SWITCHED ? NOVA_OPS_CLEANING : to,
				       NULL, NULL, error);
}

static bool call_slots(nova_operation *op, GError **error)
{
	bool taken;

	return nova_operations_take_slots(db, NULL, op, &taken, NULL, error);
}

static const struct stand_in {
	const char *name;
	nova_op_kind kind;
	nova_op_state state;
	bool (*call)(nova_operation *op, GError **error);
	bool may; /* for a scheduler, when the host is down */
	nova_op_state then;
} table[] = {
	{ "next host", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLAIMED, call_refuse, true,
	  NOVA_OPS_REQUESTED },
	{ "next host", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARING, call_refuse, true,
	  NOVA_OPS_REQUESTED },
	{ "next host", NOVA_OP_BUILD, NOVA_OPS_CLAIMED, call_refuse, true, NOVA_OPS_REQUESTED },
	{ "cancel", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CHECKED, call_cancel, true,
	  NOVA_OPS_CANCELLED },
	{ "cancel", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARED, call_cancel, true,
	  NOVA_OPS_CANCELLED },
	{ "cancel", NOVA_OP_BUILD, NOVA_OPS_CLAIMED, call_cancel, true, NOVA_OPS_CANCELLED },
	{ "block", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CHECKED, call_block, true, NOVA_OPS_CHECKED },
	{ "block", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_MIGRATING, call_block, true,
	  NOVA_OPS_MIGRATING },
	{ "block", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_SWITCHED, call_block, true, NOVA_OPS_SWITCHED },
	{ "block", NOVA_OP_STOP, NOVA_OPS_REQUESTED, call_block, true, NOVA_OPS_REQUESTED },
	{ "advance", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLAIMED, call_advance, false, 0 },
	{ "take slots", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CHECKED, call_slots, false, 0 },
	{ "permit", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARED, call_permit, false, 0 },
	{ "roll back", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_MIGRATING, call_advance, false, 0 },
	{ "flip", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_MIGRATING, call_flip, false, 0 },
	{ "fail", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_MIGRATING, call_fail, false, 0 },
	{ "clean", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_SWITCHED, call_advance, false, 0 },
	{ "end", NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLEANING, call_fail, false, 0 },
};

static nova_operation *make(const struct stand_in *row)
{
	if (row->kind == NOVA_OP_BUILD) {
		int64_t id;
		bool taken;
		g_autofree char *uuid G_GNUC_UNUSED = fixture_server(db, "build", 0, &id);
		nova_operation *op = fixture_operation(db, id);

		MUST(nova_operations_claim(db, op, a.host_id, "{}", &taken, &must_error));
		assert_true(taken);
		return op;
	}
	g_autofree char *uuid = fixture_built(db, "moves", &a);

	if (row->kind == NOVA_OP_STOP) {
		const nova_op_request request = { .kind = NOVA_OP_STOP,
						  .instance_uuid = uuid,
						  .action = "stop" };
		g_autoptr(GError) error = NULL;
		nova_operation *op = nova_operations_begin(db, &request, &error);

		must(op != NULL, &error);
		return op;
	}
	bool cleaning = row->state == NOVA_OPS_CLEANING;
	nova_operation *op =
		fixture_migration(db, uuid, &a, &b, cleaning ? NOVA_OPS_SWITCHED : row->state);

	if (cleaning)
		MUST(nova_operations_advance(db, &a, op, NOVA_OPS_CLEANING, NULL, NULL,
					     &must_error));
	return op;
}

static void must_not(const struct stand_in *row, nova_operation *op, nova_fault fault)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = pg_cluster_digest(cluster, NAME);

	assert_false(row->call(op, &error));
	must_fault(&error, fault);
	g_autofree char *after = pg_cluster_digest(cluster, NAME);

	assert_string_equal(before, after);
}

static void test_a_scheduler_stands_in_for_a_dead_host_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		const struct stand_in *row = &table[i];
		g_autoptr(nova_operation) op = make(row);
		bool dest = nova_operation_actor(op) == NOVA_ACTOR_DEST;
		const nova_fence *owner = dest && row->kind != NOVA_OP_BUILD ? &b : &a;
		const nova_fence *other = owner == &a ? &b : &a;

		print_message("  %s %s: %s\n", nova_op_kind_name(op->kind),
			      nova_op_state_name(op->state), row->name);
		/* Also while the other host is down. */
		lapse(other);
		must_not(row, op, NOVA_FAULT_FENCED);
		revive(other);
		lapse(owner);
		if (row->may) {
			g_autoptr(nova_operation) before = fixture_operation(db, op->id);

			MUST(row->call(op, &must_error));
			assert_int_equal(op->state, row->then);
			g_autofree char *actor =
				pg_cluster_sql(cluster, NAME,
					       "SELECT actor || COALESCE(host_id, 0) FROM journal "
					       "WHERE operation = %d ORDER BY seq DESC",
					       (int)op->id);

			assert_string_equal(actor, "scheduler0");
			must_not(row, before,
				 NOVA_FAULT_STALE); /* another scheduler, a moment later */
		} else {
			must_not(row, op, NOVA_FAULT_FENCED);
		}
		revive(owner);
		fixture_audit(cluster, NAME);
		g_free(pg_cluster_sql(cluster, NAME,
				      "UPDATE operations SET state = 'cancelled', finished_at = "
				      "now(), holds_slots = false WHERE id = %d",
				      (int)op->id));
		g_free(pg_cluster_sql(
			cluster, NAME,
			"DELETE FROM claims; DELETE FROM disk_claims; UPDATE pools SET used_gb = "
			"0; "
			"UPDATE instances SET host_id = NULL; UPDATE hosts SET used_vcpus = 0, "
			"used_memory_mb = 0, outgoing = 0, incoming = 0"));
	}
}

/* ---- many at once ---- */

typedef struct racer {
	GThread *thread;
	int64_t id;
	const nova_fence *fence;
	bool won;
	char *wrong;
} racer;

static void *stand_in(void *arg)
{
	racer *r = arg;
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_find(db, r->id, &error);

	if (op && op->state == NOVA_OPS_CLAIMED) {
		r->won = call_refuse(op, &error);
		if (!r->won && !nova_error_is(error, NOVA_FAULT_STALE))
			r->wrong = g_strdup(error->message);
	}
	return NULL;
}

static void *come_back(void *arg)
{
	racer *r = arg;
	g_autoptr(GError) error = NULL;

	if (!nova_hosts_renew(db, r->fence, 3600, NULL, true, &error))
		r->wrong = g_strdup(error->message);
	return NULL;
}

static void test_many_schedulers_and_one_returning_host(void **state)
{
	unsigned taken_back = 0, acted = 0;

	(void)state;
	for (int round = 0; round < 20; round++) {
		g_autofree char *uuid = fixture_built(db, "race", &a);
		g_autoptr(nova_operation) op =
			fixture_migration(db, uuid, &a, &b, NOVA_OPS_CLAIMED);
		racer racers[6] = { 0 };
		unsigned won = 0;

		lapse(&b);
		for (int i = 0; i < 6; i++) {
			racers[i] = (racer) { .id = op->id, .fence = &b };
			racers[i].thread = g_thread_new(
				"racer", i == round % 6 ? come_back : stand_in, &racers[i]);
		}
		for (int i = 0; i < 6; i++) {
			g_thread_join(racers[i].thread);
			won += racers[i].won;
			if (racers[i].wrong && !strstr(racers[i].wrong, "valid lease"))
				fail_msg("%s", racers[i].wrong);
			g_free(racers[i].wrong);
		}
		assert_in_range(won, 0, 1);
		g_autoptr(GError) error = NULL;
		bool advanced =
			nova_operations_advance(db, &b, op, NOVA_OPS_CHECKED, NULL, NULL, &error);

		assert_int_equal(advanced, !won); /* the host's own step, begun before it froze */
		taken_back += won;
		acted += advanced;
		g_clear_error(&error);
		g_autoptr(nova_operation) now = fixture_operation(db, op->id);

		if (won)
			MUST(nova_operations_finish(db, NULL, now, &cancelled, NULL, NULL,
						    &must_error));
		else
			MUST(nova_operations_finish(db, &a, now, &cancelled, NULL, NULL,
						    &must_error));
		fixture_audit(cluster, NAME);
	}
	print_message("  taken back %u times, the host was faster %u times\n", taken_back, acted);
}

static void *renew_slowly(void *arg)
{
	racer *r = arg;

	r->wrong = pg_cluster_sql(cluster, NAME,
				  "BEGIN; UPDATE host_lease SET lease_until = clock_timestamp() + "
				  "interval '1 hour' WHERE "
				  "host_id = %d; SELECT pg_sleep(0.7); COMMIT; SELECT NULL::text",
				  r->fence->host_id);
	return NULL;
}

/* The renewal has begun and is committed while the stand-in waits for the lease's row. */
static void test_a_renewal_that_is_being_committed_counts(void **state)
{
	g_autofree char *uuid = fixture_built(db, "renewal", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_CLAIMED);
	racer r = { .fence = &b };
	g_autoptr(GError) error = NULL;

	(void)state;
	lapse(&b);
	r.thread = g_thread_new("renewal", renew_slowly, &r);
	g_usleep(300000);
	int64_t before = g_get_monotonic_time();

	assert_false(call_refuse(op, &error));
	assert_true(g_get_monotonic_time() - before > 100000); /* it did wait */
	must_fault(&error, NOVA_FAULT_FENCED);
	g_thread_join(r.thread);
	MUST(nova_operations_finish(db, &b, op, &cancelled, NULL, NULL, &must_error));
	fixture_audit(cluster, NAME);
}

/* ---- the flip by the destination ---- */

static void must_not_flip(const nova_fence *fence, nova_operation *op, nova_fault fault)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = pg_cluster_digest(cluster, NAME);

	assert_false(nova_operations_flip_by_dest(db, fence, op, "{}", &error));
	must_fault(&error, fault);
	g_autofree char *after = pg_cluster_digest(cluster, NAME);

	assert_string_equal(before, after);
}

static void test_flip_by_the_destination(void **state)
{
	g_autofree char *uuid = fixture_built(db, "flip", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_PREPARED);
	g_autoptr(nova_instance) was = fixture_instance(db, uuid);
	const nova_fence old = { .host_id = b.host_id, .epoch = b.epoch - 1 };
	bool granted;

	(void)state;
	lapse(&a);
	must_not_flip(&b, op, NOVA_FAULT_INTERNAL); /* no permit */
	revive(&a);
	MUST(nova_operations_permit(db, &a, op, NOVA_POWER_RUNNING, NULL, &granted, &must_error));
	must_not_flip(&b, op, NOVA_FAULT_FENCED); /* the source is there */
	lapse(&a);
	must_not_flip(&c, op, NOVA_FAULT_FENCED); /* not the destination */
	must_not_flip(&old, op, NOVA_FAULT_FENCED);
	lapse(&b);
	must_not_flip(&b, op, NOVA_FAULT_FENCED);
	revive(&b);
	MUST(nova_operations_flip_by_dest(db, &b, op, "{\"dest\": \"running\"}", &must_error));
	assert_int_equal(op->state, NOVA_OPS_SWITCHED);
	g_autoptr(nova_instance) now = fixture_instance(db, uuid);
	g_autoptr(nova_operation) row = fixture_operation(db, op->id);

	assert_string_equal(now->host, "absent-b");
	assert_int_equal(now->token, was->token + 1);
	assert_int_equal(row->blocked, NOVA_BLOCKED_SOURCE_UNREACHABLE);
	assert_string_equal(row->blocked_host, "absent-a");
	g_autofree char *roles =
		pg_cluster_sql(cluster, NAME,
			       "SELECT string_agg(h.name || role::text, ' ' ORDER BY h.name) FROM "
			       "claims c JOIN hosts h ON h.id = host_id "
			       "WHERE instance = '%s'",
			       uuid);

	assert_string_equal(roles, "absent-aO absent-bH");
	must_not_flip(&b, op, NOVA_FAULT_INTERNAL); /* switched already */
	/* The source comes back, finds that it is its turn, and cleans. */
	a = fixture_register(db, "absent-a");
	g_autoptr(nova_operation) again = fixture_operation(db, op->id);

	assert_int_equal(again->blocked, NOVA_BLOCKED_NO);
	assert_null(again->blocked_host);
	assert_int_equal(again->owner_epoch, a.epoch);
	fixture_complete(db, &a, again);
	revive(&a);
	fixture_audit(cluster, NAME);
}

/* ---- what a scheduler reads ---- */

static void test_operations_of_absent_hosts(void **state)
{
	g_autoptr(GPtrArray) list = NULL;
	g_autoptr(GPtrArray) rest = NULL;
	int64_t ms = 0;

	(void)state;
	g_autofree char *one = fixture_built(db, "one", &a), *two = fixture_built(db, "two", &a);
	g_autoptr(nova_operation) first = fixture_migration(db, one, &a, &b, NOVA_OPS_CLAIMED);
	g_autoptr(nova_operation) second = fixture_migration(db, two, &a, &b, NOVA_OPS_CHECKED);

	MUST(nova_operations_of_absent(db, 0, 10, &list, &must_error));
	assert_int_equal(list->len, 0);
	MUST(nova_hosts_renew(db, &a, 5, NULL, true, &must_error));
	MUST(nova_operations_next_lapse(db, &ms, &must_error));
	assert_in_range(ms, 1, 5000);
	lapse(&a);
	lapse(&b);
	MUST(nova_operations_next_lapse(db, &ms, &must_error));
	assert_int_equal(ms, -1);
	g_clear_pointer(&list, g_ptr_array_unref);
	MUST(nova_operations_of_absent(db, 0, 1, &list, &must_error));
	assert_int_equal(list->len, 1);
	assert_int_equal(((nova_operation *)list->pdata[0])->id, first->id);
	MUST(nova_operations_of_absent(db, first->id, 10, &rest, &must_error));
	assert_int_equal(rest->len, 1);
	assert_int_equal(((nova_operation *)rest->pdata[0])->id, second->id);
	revive(&a);
	revive(&b);
	MUST(nova_operations_finish(db, &b, first, &cancelled, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &a, second, &cancelled, NULL, NULL, &must_error));
	fixture_audit(cluster, NAME);
}

/* ---- slots ---- */

static void test_a_blocked_migration_gives_its_slots_up(void **state)
{
	g_autofree char *one = fixture_built(db, "one", &a), *two = fixture_built(db, "two", &a);
	g_autoptr(nova_operation) first = fixture_migration(db, one, &a, &b, NOVA_OPS_MIGRATING);
	g_autoptr(nova_operation) second = fixture_migration(db, two, &a, &b, NOVA_OPS_CHECKED);
	g_autoptr(GArray) ids = NULL;
	bool taken;

	(void)state;
	MUST(nova_operations_free_stuck_slots(db, 0, 10, &ids, &must_error));
	assert_int_equal(ids->len, 0); /* it copies */
	MUST(nova_operations_note(db, &a, first, NOVA_BLOCKED_DEST_UNREACHABLE, "absent-b", 0,
				  "waits", NULL, &must_error));
	g_clear_pointer(&ids, g_array_unref);
	MUST(nova_operations_free_stuck_slots(db, 60, 10, &ids, &must_error));
	assert_int_equal(ids->len, 0); /* not for long yet */
	MUST(nova_operations_take_slots(db, &a, second, &taken, NULL, &must_error));
	assert_false(taken);
	g_clear_pointer(&ids, g_array_unref);
	MUST(nova_operations_free_stuck_slots(db, 0, 10, &ids, &must_error));
	assert_int_equal(ids->len, 1);
	assert_int_equal(g_array_index(ids, int64_t, 0), first->id);
	fixture_audit(cluster, NAME);
	MUST(nova_operations_take_slots(db, &a, second, &taken, NULL, &must_error));
	assert_true(taken);
	/* It ends without having any to give back. */
	MUST(nova_operations_flip(db, &a, first, 1, NULL, &must_error));
	fixture_complete(db, &a, first);
	fixture_audit(cluster, NAME);
	MUST(nova_operations_finish(db, &b, second, &cancelled, NULL, NULL, &must_error));
	fixture_audit(cluster, NAME);
}

static int ahead_of(const nova_operation *op)
{
	int ahead = -1;

	MUST(nova_operations_slots_ahead(db, op->id, &ahead, &must_error));
	return ahead;
}

static void test_first_come_first_served(void **state)
{
	g_autofree char *u1 = fixture_built(db, "q1", &a), *u2 = fixture_built(db, "q2", &a),
			*u3 = fixture_built(db, "q3", &a), *u4 = fixture_built(db, "q4", &b);
	g_autoptr(nova_operation) first = fixture_migration(db, u1, &a, &b, NOVA_OPS_CHECKED);
	g_autoptr(nova_operation) second = fixture_migration(db, u2, &a, &b, NOVA_OPS_CHECKED);
	g_autoptr(nova_operation) third = fixture_migration(db, u3, &a, &c, NOVA_OPS_CHECKED);
	g_autoptr(nova_operation) fourth = fixture_migration(db, u4, &b, &c, NOVA_OPS_CHECKED);
	bool taken;

	(void)state;
	assert_int_equal(ahead_of(first), 0);
	assert_int_equal(ahead_of(second), 1);
	assert_int_equal(ahead_of(third), 2);  /* both want a's only outgoing slot */
	assert_int_equal(ahead_of(fourth), 1); /* third wants c's incoming one */
	MUST(nova_operations_take_slots(db, &a, first, &taken, NULL, &must_error));
	assert_true(taken);
	assert_int_equal(ahead_of(second), 0); /* no room anyway: it may find that out */
	assert_int_equal(ahead_of(fourth), 0); /* third cannot go now */
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE hosts SET max_migrations = 2"));
	assert_int_equal(ahead_of(second), 0);
	assert_int_equal(ahead_of(third), 1);
	assert_int_equal(ahead_of(fourth), 0); /* there is room for both on c */
	MUST(nova_operations_note(db, &a, second, NOVA_BLOCKED_STORAGE, "absent-a", 0, "stuck",
				  NULL, &must_error));
	assert_int_equal(ahead_of(third), 0); /* it does not wait for what is blocked */
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE hosts SET max_migrations = 1"));
	MUST(nova_operations_finish(db, &b, first, &cancelled, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &a, second, &cancelled, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &a, third, &cancelled, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &b, fourth, &cancelled, NULL, NULL, &must_error));
	fixture_audit(cluster, NAME);
}

/* ---- leaving a host that was not asked ---- */

static bool may_go(const char *uuid, const nova_fence *to)
{
	g_autofree char *done_to =
		pg_cluster_sql(cluster, NAME,
			       "CREATE OR REPLACE FUNCTION pg_temp.try() RETURNS text LANGUAGE "
			       "plpgsql AS $$ BEGIN UPDATE instances SET host_id = %d "
			       "WHERE uuid = '%s'; RAISE EXCEPTION 'it may'; EXCEPTION WHEN "
			       "check_violation THEN RETURN 'refused'; WHEN OTHERS THEN "
			       "RETURN SQLERRM; END $$; SELECT pg_temp.try()",
			       to->host_id, uuid);

	assert_true(strcmp(done_to, "it may") == 0 || strcmp(done_to, "refused") == 0);
	return strcmp(done_to, "it may") == 0;
}

static void fence(const nova_fence *host, bool wanted, bool confirmed)
{
	g_free(pg_cluster_sql(
		cluster, NAME,
		"UPDATE hosts SET fence_wanted_at = %s, fence_confirmed_at = %s WHERE id = %d",
		wanted ? "now()" : "NULL", confirmed ? "now()" : "NULL", host->host_id));
}

static void test_a_guest_leaves_a_fenced_host_only(void **state)
{
	static const struct {
		nova_op_state state; /* of its migration from a to b; DONE: none */
		bool source, dest;   /* fencing confirmed */
		bool may;
	} rows[] = {
		{ NOVA_OPS_DONE, false, false, false },
		{ NOVA_OPS_DONE, true, false, true },
		{ NOVA_OPS_CLAIMED, false, true, false },
		{ NOVA_OPS_CLAIMED, true, false,
		  true }, /* no permit: the destination has nothing */
		{ NOVA_OPS_PREPARED, true, false, true },
		{ NOVA_OPS_MIGRATING, false, false, false },
		{ NOVA_OPS_MIGRATING, true, false, false },
		{ NOVA_OPS_MIGRATING, false, true, false },
		{ NOVA_OPS_MIGRATING, true, true, true },
		{ NOVA_OPS_SWITCHED, false, true,
		  false }, /* it is b's now, and a has not been cleaned */
		{ NOVA_OPS_SWITCHED, true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *uuid = fixture_built(db, "leaves", &a);
		nova_operation *op = rows[i].state == NOVA_OPS_DONE
					     ? NULL
					     : fixture_migration(db, uuid, &a, &b, rows[i].state);

		fence(&a, true, rows[i].source);
		fence(&b, true, rows[i].dest);
		if (may_go(uuid, &c) != rows[i].may)
			fail_msg("row %zu: %s", i, rows[i].may ? "refused" : "allowed");
		fence(&a, false, false);
		fence(&b, false, false);
		if (op && op->state == NOVA_OPS_SWITCHED)
			fixture_complete(db, &a, op);
		else if (op && op->state == NOVA_OPS_MIGRATING)
			MUST(nova_operations_finish(db, &a, op, &failed, NULL, NULL, &must_error));
		else if (op)
			MUST(nova_operations_finish(
				db, nova_operation_actor(op) == NOVA_ACTOR_DEST ? &b : &a, op,
				&cancelled, NULL, NULL, &must_error));
		nova_operation_free(op);
		fixture_audit(cluster, NAME);
	}
	g_autofree char *said =
		pg_cluster_sql(cluster, NAME,
			       "DO $$ BEGIN UPDATE hosts SET fence_confirmed_at = now() WHERE id = "
			       "%d; RAISE 'confirmed unasked'; "
			       "EXCEPTION WHEN check_violation THEN NULL; END $$; SELECT 'refused'",
			       a.host_id);

	assert_string_equal(said, "refused");
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 8, NULL);
	a = fixture_host(db, "absent-a", 1000, 1000000, 100000);
	b = fixture_host(db, "absent-b", 1000, 1000000, 100000);
	c = fixture_host(db, "absent-c", 1000, 1000000, 100000);
	revive(&a);
	revive(&b);
	revive(&c);
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
		cmocka_unit_test(test_a_scheduler_stands_in_for_a_dead_host_only),
		cmocka_unit_test(test_many_schedulers_and_one_returning_host),
		cmocka_unit_test(test_a_renewal_that_is_being_committed_counts),
		cmocka_unit_test(test_flip_by_the_destination),
		cmocka_unit_test(test_operations_of_absent_hosts),
		cmocka_unit_test(test_a_blocked_migration_gives_its_slots_up),
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_a_guest_leaves_a_fenced_host_only),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
