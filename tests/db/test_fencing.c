/* SPDX-License-Identifier: Apache-2.0
 *
 * Every function that takes a fence, called with an epoch that was taken over, with a lease that has run out,
 * and with the valid fence of a host that is not the owner: each must fail with FENCED and leave every row of
 * every table as it is.
 */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "fencing";

static const nova_op_outcome over = { .state = NOVA_OPS_CANCELLED, .reason = "over", .total_ms = -1 };
static const nova_op_outcome built = {
	.state = NOVA_OPS_DONE, .set_vm_state = true, .vm_state = NOVA_VM_ACTIVE, .total_ms = -1
};

static bool call_advance(const nova_fence *fence, nova_operation *op, GError **error)
{
	return nova_operations_advance(db, fence, op,
				       op->state == NOVA_OPS_CLAIMED ? NOVA_OPS_CHECKED : NOVA_OPS_ROLLBACK,
				       NULL, NULL, error);
}

static bool call_note(const nova_fence *fence, nova_operation *op, GError **error)
{
	return nova_operations_note(db, fence, op, NOVA_BLOCKED_STORAGE, "x", 5, "note", "{}", error);
}

static bool call_refuse(const nova_fence *fence, nova_operation *op, GError **error)
{
	return nova_operations_refuse(db, fence, op, "no", NULL, error);
}

static bool call_take_slots(const nova_fence *fence, nova_operation *op, GError **error)
{
	bool taken;

	return nova_operations_take_slots(db, fence, op, &taken, NULL, error);
}

static bool call_permit(const nova_fence *fence, nova_operation *op, GError **error)
{
	bool granted;

	return nova_operations_permit(db, fence, op, NOVA_POWER_PAUSED, NULL, &granted, error);
}

static bool call_flip(const nova_fence *fence, nova_operation *op, GError **error)
{
	return nova_operations_flip(db, fence, op, 1, NULL, error);
}

static bool call_finish(const nova_fence *fence, nova_operation *op, GError **error)
{
	return nova_operations_finish(db, fence, op, op->kind == NOVA_OP_BUILD ? &built : &over, NULL, NULL,
				      error);
}

static bool call_set_machine(const nova_fence *fence, nova_operation *op, GError **error)
{
	return nova_operations_set_machine(db, fence, op, "q35", error);
}

static bool call_progress(const nova_fence *fence, nova_operation *op, GError **error)
{
	const nova_progress progress = { .memory_total = 1, .percent = 3 };

	return nova_operations_progress(db, fence, op->id, &progress, error);
}

static bool call_observe(const nova_fence *fence, nova_operation *op, GError **error)
{
	bool changed;

	(void)op;
	g_autofree char *uuid =
		pg_cluster_sql(cluster, NAME, "SELECT uuid FROM instances WHERE display_name = 'idle'");

	return nova_instances_observe(db, fence, uuid, 1, NOVA_POWER_CRASHED, NOVA_VM_ERROR, &changed, error);
}

static bool call_report(const nova_fence *fence, nova_operation *op, GError **error)
{
	const nova_inventory inventory = { .vcpus = 99,
					   .memory_mb = 99,
					   .cpu_ratio = 1,
					   .ram_ratio = 1,
					   .disk_ratio = 1,
					   .pool_fsid = (char *)FSID_SHARED,
					   .pool_kind = (char *)"nfs",
					   .pool_total_gb = 7 };

	(void)op;
	return nova_hosts_report(db, fence, &inventory, error);
}

static bool call_renew(const nova_fence *fence, nova_operation *op, GError **error)
{
	(void)op;
	return nova_hosts_renew(db, fence, 30, "ill", false, error);
}

static bool call_release(const nova_fence *fence, nova_operation *op, GError **error)
{
	(void)op;
	return nova_hosts_release(db, fence, error);
}

enum { OLD_EPOCH = 1, EXPIRED = 2, NOT_OWNER = 4, ALL = 7 };

static const struct fenced {
	const char *name;
	nova_op_state state; /* of the migration it is called on; BUILD: SPAWNING */
	bool (*call)(const nova_fence *fence, nova_operation *op, GError **error);
	unsigned cases;
} table[] = {
	{ "advance", NOVA_OPS_CLAIMED, call_advance, ALL },
	{ "advance to rollback", NOVA_OPS_MIGRATING, call_advance, ALL },
	{ "note", NOVA_OPS_PREPARING, call_note, ALL },
	{ "refuse by the destination", NOVA_OPS_CLAIMED, call_refuse, ALL },
	{ "refuse by the source", NOVA_OPS_CHECKED, call_refuse, ALL },
	{ "refuse of a build", NOVA_OPS_UNDOING, call_refuse, ALL },
	{ "take slots", NOVA_OPS_CHECKED, call_take_slots, ALL },
	{ "permit", NOVA_OPS_PREPARED, call_permit, ALL },
	{ "flip", NOVA_OPS_MIGRATING, call_flip, ALL },
	{ "finish", NOVA_OPS_PREPARED, call_finish, ALL },
	{ "finish of a build", NOVA_OPS_SPAWNING, call_finish, ALL },
	{ "set machine", NOVA_OPS_SPAWNING, call_set_machine, OLD_EPOCH | EXPIRED },
	{ "progress", NOVA_OPS_MIGRATING, call_progress, OLD_EPOCH | EXPIRED },
	{ "observe", NOVA_OPS_REQUESTED, call_observe, OLD_EPOCH | EXPIRED },
	{ "report", NOVA_OPS_REQUESTED, call_report, OLD_EPOCH | EXPIRED },
	{ "renew", NOVA_OPS_REQUESTED, call_renew, OLD_EPOCH },
	{ "release", NOVA_OPS_REQUESTED, call_release, OLD_EPOCH },
};

static nova_fence a, b;

/* An operation in the row's state, and the fence of the host that owns it. */
static nova_operation *make_operation(const struct fenced *row, nova_fence *ret_owner)
{
	nova_operation *op;

	*ret_owner = a;
	if (row->state == NOVA_OPS_SPAWNING || row->state == NOVA_OPS_UNDOING) {
		int64_t id;
		bool taken = false;
		g_autofree char *uuid G_GNUC_UNUSED = fixture_server(db, "build", 0, &id);

		op = fixture_operation(db, id);
		MUST(nova_operations_claim(db, op, a.host_id, NULL, &taken, &must_error));
		assert_true(taken);
		MUST(nova_operations_advance(db, &a, op, NOVA_OPS_SPAWNING, NULL, NULL, &must_error));
		if (row->state == NOVA_OPS_UNDOING)
			MUST(nova_operations_advance(db, &a, op, NOVA_OPS_UNDOING, NULL, NULL, &must_error));
		return op;
	}
	g_autofree char *uuid = fixture_built(db, "moves", &a);

	op = fixture_migration(db, uuid, &a, &b, row->state);
	if (nova_operation_actor(op) == NOVA_ACTOR_DEST)
		*ret_owner = b;
	return op;
}

static void refused(const struct fenced *row, const char *why, const nova_fence *fence, int64_t op_id)
{
	g_autoptr(nova_operation) op = fixture_operation(db, op_id);
	g_autoptr(GError) error = NULL;
	g_autofree char *before = pg_cluster_digest(cluster, NAME);

	print_message("  %s: %s\n", row->name, why);
	assert_false(row->call(fence, op, &error));
	must_fault(&error, NOVA_FAULT_FENCED);
	g_autofree char *after = pg_cluster_digest(cluster, NAME);

	assert_string_equal(before, after);
}

static void test_fenced_writers_change_nothing(void **state)
{
	(void)state;
	a = fixture_host(db, "fence-a", 100, 100000, 1000);
	b = fixture_host(db, "fence-b", 100, 100000, 1000);
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE hosts SET max_migrations = 0"));
	g_autofree char *idle G_GNUC_UNUSED = fixture_built(db, "idle", &a);

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		const struct fenced *row = &table[i];
		nova_fence owner;
		g_autoptr(nova_operation) op = make_operation(row, &owner);
		const nova_fence other = owner.host_id == a.host_id ? b : a;
		const nova_fence never = { .host_id = owner.host_id, .epoch = owner.epoch + 1 };

		refused(row, "an epoch that does not exist yet", &never, op->id);
		if (row->cases & NOT_OWNER)
			refused(row, "not the owner", &other, op->id);
		if (row->cases & EXPIRED) {
			g_free(pg_cluster_sql(
				cluster, NAME,
				"UPDATE host_lease SET lease_until = clock_timestamp() WHERE host_id = %d",
				owner.host_id));
			refused(row, "the lease has run out", &owner, op->id);
			MUST(nova_hosts_renew(db, &owner, 3600, NULL, true, &must_error));
		}
		/* The daemon was started anew; the one before wakes up. */
		nova_fence *now = owner.host_id == a.host_id ? &a : &b;

		*now = fixture_register(db, owner.host_id == a.host_id ? "fence-a" : "fence-b");
		refused(row, "an epoch that was taken over", &owner, op->id);
		/* The new one can do it: the call itself was right. */
		g_autoptr(nova_operation) again = fixture_operation(db, op->id);
		g_autoptr(GError) error = NULL;

		must(row->call(now, again, &error), &error);
		MUST(nova_hosts_renew(db, now, 3600, NULL, true, &must_error));
		fixture_report(db, &a, 100, 100000, 1000);
		g_free(pg_cluster_sql(cluster, NAME, "UPDATE hosts SET max_migrations = 0"));
		fixture_audit(cluster, NAME);
	}
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 2, NULL);
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
		cmocka_unit_test(test_fenced_writers_change_nothing),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
