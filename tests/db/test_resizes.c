/* SPDX-License-Identifier: Apache-2.0
 *
 * What rebuilds and resizes do to a server's row, to claims, quotas and pools.
 */
#include "fixture.h"

#include "db/at_once.h"
#include "db/resizes.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "resizes";

static nova_operation *rebuild(const char *uuid, const nova_rebuild *what, const nova_fence *host)
{
	const nova_op_request request = {
		.kind = NOVA_OP_REBUILD,
		.instance_uuid = uuid,
		.action = "rebuild",
		.rebuild = what,
		.by = { .request_id = "r" },
	};
	g_autoptr(GError) error = NULL;
	nova_operation *op = nova_operations_begin(db, &request, &error);

	must(op != NULL, &error);
	MUST(nova_operations_advance(db, host, op, NOVA_OPS_REBUILDING, NULL, NULL, &must_error));
	return op;
}

/* A rebuild changes the server as it begins; one that touched nothing gives the old image back, and nothing else. */
static void test_a_rebuild_and_its_image(void **state)
{
	const nova_fence host = fixture_host(db, "rebuilder", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &host);
	g_autoptr(nova_instance) before = fixture_instance(db, uuid);
	const nova_rebuild what = {
		.image_id = "00000000-0000-4000-8000-0000000000aa",
		.name = "new",
		.metadata_json = "{\"a\": \"1\"}",
		.set_description = true,
		.set_key = true,
		.key_name = "k",
		.key_data = "ssh-x",
		.access_ip_v4 = "192.0.2.1",
	};
	const nova_rebuild bare = { .image_id = "00000000-0000-4000-8000-0000000000bb" };
	const nova_op_outcome back = {
		.state = NOVA_OPS_ERROR, .reason = "no image", .image_back = true, .fault_code = 500, .total_ms = -1
	};
	const nova_op_outcome done = {
		.state = NOVA_OPS_DONE, .set_vm_state = true, .vm_state = NOVA_VM_ACTIVE, .total_ms = -1
	};

	(void)state;
	g_autoptr(nova_operation) failed = rebuild(uuid, &what, &host);
	g_autoptr(nova_instance) during = fixture_instance(db, uuid);

	assert_string_equal(during->image_id, what.image_id);
	assert_string_equal(during->name, "new");
	assert_string_equal(during->key_name, "k");
	assert_string_equal(during->access_ip_v4, "192.0.2.1");
	assert_null(during->description);
	MUST(nova_operations_finish(db, &host, failed, &back, NULL, NULL, &must_error));
	g_autoptr(nova_instance) after = fixture_instance(db, uuid);

	assert_string_equal(after->image_id, before->image_id);
	assert_int_equal(after->vm_state, NOVA_VM_ACTIVE);
	assert_int_equal(after->token, before->token);
	assert_string_equal(after->name, "new");
	g_autoptr(nova_operation) worked = rebuild(uuid, &bare, &host);

	MUST(nova_operations_advance(db, &host, worked, NOVA_OPS_REPLACING, NULL, NULL, &must_error));
	MUST(nova_operations_advance(db, &host, worked, NOVA_OPS_SPAWNING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &host, worked, &done, NULL, NULL, &must_error));
	g_autoptr(nova_instance) last = fixture_instance(db, uuid);

	assert_string_equal(last->image_id, bare.image_id);
	assert_string_equal(last->name, "new");
	assert_string_equal(last->key_name, "k");
	assert_non_null(strstr(last->metadata_json, "\"a\""));
	assert_null(last->fault_message);
	fixture_audit(cluster, NAME);
}

/* ---- resizes ---- */

static const nova_quotas nobody_counts = { .of = { -1, -1, -1, -1, -1, -1, -1 } };
static nova_flavor big = { .id = 77, .flavorid = (char *)"big", .name = (char *)"m1.big", .vcpus = 2, .memory_mb = 1024,
			   .root_gb = 5 };

static nova_operation *begin_resize(const char *uuid, nova_op_kind kind, const nova_quotas *quotas, GError **error)
{
	const nova_op_request request = {
		.kind = kind,
		.instance_uuid = uuid,
		.action = "resize",
		.flavor = kind == NOVA_OP_RESIZE ? &big : NULL,
		.quotas = quotas,
		.by = { .request_id = "r" },
	};

	return nova_operations_begin(db, &request, error);
}

static int64_t column(const char *uuid, const char *what)
{
	g_autofree char *text =
		pg_cluster_sql(cluster, NAME, "SELECT (%s)::bigint FROM instances i WHERE uuid = '%s'", what, uuid);

	return text ? g_ascii_strtoll(text, NULL, 10) : -1;
}

#define DISK "SELECT sum(disk_gb) FROM disk_claims d WHERE d.instance = i.uuid"
#define CLAIMED "SELECT sum(memory_mb) FROM claims c WHERE c.instance = i.uuid"
#define CORES "SELECT cores FROM project_usage u WHERE u.project_id = i.project_id"
#define USED "SELECT ram_mb FROM project_usage u WHERE u.project_id = i.project_id"

static void finish_in(nova_operation *op, const nova_fence *host, nova_op_state state, bool resized)
{
	const nova_op_outcome outcome = {
		.state = state,
		.reason = state == NOVA_OPS_DONE ? NULL : "because",
		.set_vm_state = state == NOVA_OPS_DONE,
		.vm_state = resized ? NOVA_VM_RESIZED : NOVA_VM_ACTIVE,
		.set_power = true,
		.power_state = NOVA_POWER_RUNNING,
		.total_ms = -1,
	};

	MUST(nova_operations_finish(db, host, op, &outcome, NULL, NULL, &must_error));
}

static void resize_to(const char *uuid, const nova_fence *from, const nova_fence *to)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = begin_resize(uuid, NOVA_OP_RESIZE, &nobody_counts, &error);
	int64_t used = column(uuid, USED), token = column(uuid, "token");
	bool taken = false;

	must(op != NULL, &error);
	assert_int_equal(column(uuid, "held_memory_mb"), 512);
	MUST(nova_operations_claim(db, op, to->host_id, "{}", &taken, &must_error));
	assert_true(taken);
	fixture_audit(cluster, NAME);
	MUST(nova_operations_advance(db, to, op, NOVA_OPS_STOPPING, NULL, NULL, &must_error));
	MUST(nova_operations_resize_flip(db, from, op, &must_error));
	assert_int_equal(column(uuid, "host_id"), to->host_id);
	assert_int_equal(column(uuid, "token"), token + 1);
	assert_int_equal(column(uuid, "memory_mb"), 1024);
	assert_int_equal(column(uuid, CLAIMED), 512 + 1024);
	assert_int_equal(column(uuid, USED), used);
	finish_in(op, to, NOVA_OPS_DONE, true);
	assert_int_equal(column(uuid, "resized_by"), op->id);
	fixture_audit(cluster, NAME);
}

/* Both sizes are booked until the user decides, also on one host; quotas count one of them. */
static void test_a_resize_books_both_sizes(void **state)
{
	const nova_fence a = fixture_host(db, "resize-a", 8, 8192, 1000);
	const nova_fence b = fixture_host(db, "resize-b", 8, 8192, 1000);
	const nova_requester by = { .request_id = "r", .project_id = "p", .user_id = "u" };
	g_autoptr(GError) error = NULL;

	(void)state;
	for (int same = 0; same <= 1; same++) {
		g_autofree char *uuid = fixture_built(db, same ? "stays" : "moves", &a);
		const nova_fence *to = same ? &a : &b;
		int64_t disk = column(uuid, DISK);

		assert_false(nova_instances_confirm_resize(db, uuid, &by, &error));
		must_fault(&error, NOVA_FAULT_INSTANCE_STATE);
		resize_to(uuid, &a, to);
		assert_int_equal(column(uuid, DISK), 5);
		assert_false(nova_instances_reset_state(db, uuid, NOVA_VM_ERROR, &by, &error));
		must_fault(&error, NOVA_FAULT_INSTANCE_STATE);

		/* Back, to the same claims; the disk stays as large as it is. */
		g_autoptr(nova_operation) back = begin_resize(uuid, NOVA_OP_RESIZE_REVERT, &nobody_counts, &error);

		must(back != NULL, &error);
		assert_int_equal(back->dest_host_id, a.host_id);
		assert_int_equal(column(uuid, "held_memory_mb"), 0);
		MUST(nova_operations_advance(db, to, back, NOVA_OPS_STOPPING, NULL, NULL, &must_error));
		MUST(nova_operations_resize_flip(db, to, back, &must_error));
		fixture_audit(cluster, NAME);
		finish_in(back, &a, NOVA_OPS_DONE, false);
		assert_int_equal(column(uuid, "host_id"), a.host_id);
		assert_int_equal(column(uuid, "memory_mb"), 512);
		assert_int_equal(column(uuid, "flavor_id"), back->wanted_flavor_id);
		assert_int_equal(column(uuid, CLAIMED), 512);
		assert_int_equal(column(uuid, DISK), 5);
		assert_true(disk < 5);
		assert_int_equal(column(uuid, "COALESCE(resized_by, 0)"), 0);

		/* Again, and kept. */
		resize_to(uuid, &a, to);
		MUST(nova_instances_confirm_resize(db, uuid, &by, &must_error));
		assert_int_equal(column(uuid, CLAIMED), 1024);
		g_autoptr(nova_instance) kept = fixture_instance(db, uuid);

		assert_int_equal(kept->vm_state, NOVA_VM_ACTIVE);
		assert_string_equal(kept->flavorid, "big");
		fixture_audit(cluster, NAME);
	}
}

/* What ends before the flip, or after a flip back, leaves nothing but, after it, the larger disk. */
static void test_a_resize_that_fails_gives_everything_back(void **state)
{
	const nova_fence a = fixture_host(db, "fails-a", 8, 8192, 1000), b = fixture_host(db, "fails-b", 8, 8192, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	int64_t disk = column(uuid, DISK);
	const nova_quotas tight = { .of = { -1, column(uuid, CORES), -1, -1, -1, -1, -1 } };
	g_autoptr(GError) error = NULL;
	bool taken = false;

	(void)state;
	assert_null(begin_resize(uuid, NOVA_OP_RESIZE, &tight, &error));
	must_fault(&error, NOVA_FAULT_FORBIDDEN);
	assert_null(begin_resize(uuid, NOVA_OP_RESIZE_REVERT, NULL, &error));
	must_fault(&error, NOVA_FAULT_INSTANCE_STATE);
	assert_int_equal(column(uuid, "held_memory_mb"), 0);
	for (int flipped = 0; flipped <= 1; flipped++) {
		g_autoptr(nova_operation) op = begin_resize(uuid, NOVA_OP_RESIZE, &nobody_counts, &error);

		must(op != NULL, &error);
		MUST(nova_operations_claim(db, op, b.host_id, "{}", &taken, &must_error));
		assert_int_equal(column(uuid, DISK), 5);
		MUST(nova_operations_refuse(db, &b, op, "not me", NULL, &must_error));
		assert_int_equal(column(uuid, CLAIMED), 512);
		assert_int_equal(column(uuid, DISK), disk);
		MUST(nova_operations_claim(db, op, b.host_id, "{}", &taken, &must_error));
		MUST(nova_operations_advance(db, &b, op, NOVA_OPS_STOPPING, NULL, NULL, &must_error));
		if (flipped) {
			MUST(nova_operations_resize_flip(db, &a, op, &must_error));
			MUST(nova_operations_resize_flip_back(db, &b, op, "it does not start", &must_error));
			assert_int_equal(column(uuid, "token"), 3);
		} else {
			MUST(nova_operations_advance(db, &a, op, NOVA_OPS_ROLLBACK, "no", NULL, &must_error));
		}
		finish_in(op, &a, NOVA_OPS_ERROR, false);
		assert_int_equal(column(uuid, "host_id"), a.host_id);
		assert_int_equal(column(uuid, "memory_mb"), 512);
		assert_int_equal(column(uuid, "held_memory_mb"), 0);
		assert_int_equal(column(uuid, CLAIMED), 512);
		assert_int_equal(column(uuid, DISK), flipped ? 5 : disk);
		fixture_audit(cluster, NAME);
	}
}

/* A resized server that is deleted, now or as soon as the resize ends, needs its old host no more. */
static void test_a_resized_server_is_deleted(void **state)
{
	const nova_fence a = fixture_host(db, "gone-a", 8, 8192, 1000), b = fixture_host(db, "gone-b", 8, 8192, 1000);
	const nova_requester by = { .request_id = "r", .project_id = "p", .user_id = "u" };
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	int64_t delete_id = 0;
	int confirmed = -1;

	(void)state;
	resize_to(uuid, &a, &b);
	MUST(nova_resizes_confirm_overdue(db, 3600, 10, &confirmed, &must_error));
	assert_int_equal(confirmed, 0);
	MUST(nova_instances_delete(db, uuid, NULL, &by, &delete_id, &must_error));
	assert_true(delete_id > 0);
	assert_int_equal(column(uuid, CLAIMED), 1024);
	assert_int_equal(column(uuid, "COALESCE(resized_by, 0)"), 0);
	fixture_audit(cluster, NAME);
	g_autofree char *other = fixture_built(db, "left", &a);

	resize_to(other, &a, &b);
	g_usleep(10000);
	MUST(nova_resizes_confirm_overdue(db, 0, 10, &confirmed, &must_error));
	assert_int_equal(confirmed, 1);
	assert_int_equal(column(other, CLAIMED), 1024);
	fixture_audit(cluster, NAME);
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
		cmocka_unit_test(test_a_rebuild_and_its_image),
		cmocka_unit_test(test_a_resize_books_both_sizes),
		cmocka_unit_test(test_a_resize_that_fails_gives_everything_back),
		cmocka_unit_test(test_a_resized_server_is_deleted),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
