/* SPDX-License-Identifier: Apache-2.0
 *
 * The GRANTs of doc/database.md are enough for each service, and for no more than it does.
 */
#include "fixture.h"

#include "db/at_once.h"
#include "db/identity.h"
#include "db/resizes.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static pg_cluster *cluster;
static nova_db *owner, *api, *scheduler, *compute;
static const char *const NAME = "roles";

static nova_db *open_as(const char *role)
{
	g_autofree char *uri = pg_cluster_uri(cluster, NAME);
	g_auto(GStrv) parts = g_strsplit(uri, "postgres@", 2);
	g_autofree char *mine = g_strconcat(parts[0], role, "@", parts[1], NULL);

	return pg_cluster_open(mine, 2, NULL);
}

static void test_each_service_can_do_its_work(void **state)
{
	const nova_op_outcome built = {
		.state = NOVA_OPS_DONE, .set_vm_state = true, .vm_state = NOVA_VM_ACTIVE, .total_ms = -1
	};
	const nova_op_outcome done = { .state = NOVA_OPS_DONE, .total_ms = 1 };
	const nova_op_outcome gone = { .state = NOVA_OPS_DONE, .deleted = true, .total_ms = -1 };
	const nova_progress progress = { .percent = 1 };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) servers = NULL;
	const nova_instance_query all = { .limit = 10 };
	bool yes = false, changed;
	int64_t id;

	(void)state;
	MUST(nova_networks_create(owner, "private", "10.0.0.0/29", NULL, "br", NULL, &must_error));
	MUST(nova_db_check(api, NULL, &must_error));
	MUST(nova_services_beat(api, "nova-api", "ctl", &must_error));
	MUST(nova_services_beat(scheduler, "nova-scheduler", "ctl", &must_error));
	const nova_fence a = fixture_host(compute, "a", 4, 4096, 100),
			 b = fixture_host(compute, "b", 4, 4096, 100);

	MUST(nova_hosts_renew(compute, &a, 100, "ill", false, &must_error));
	MUST(nova_hosts_renew(compute, &a, 100, NULL, true, &must_error));
	g_autofree char *uuid = fixture_server(api, "vm", 1, &id);
	g_autoptr(nova_operation) build = fixture_operation(scheduler, id);

	MUST(nova_operations_claim(scheduler, build, a.host_id, "{}", &yes, &must_error));
	MUST(nova_operations_refuse(compute, &a, build, "no", NULL, &must_error));
	MUST(nova_operations_claim(scheduler, build, b.host_id, "{}", &yes, &must_error));
	MUST(nova_operations_advance(compute, &b, build, NOVA_OPS_SPAWNING, NULL, NULL, &must_error));
	MUST(nova_operations_set_machine(compute, &b, build, "q35", &must_error));
	MUST(nova_operations_finish(compute, &b, build, &built, NULL, NULL, &must_error));
	MUST(nova_instances_observe(compute, &b, uuid, 2, NOVA_POWER_PAUSED, NOVA_VM_PAUSED, &changed,
				    &must_error));
	assert_true(changed);

	const nova_op_request request = { .kind = NOVA_OP_LIVE_MIGRATION,
					  .instance_uuid = uuid,
					  .action = "m" };
	g_autoptr(nova_operation) op = nova_operations_begin(api, &request, &error);

	must(op != NULL, &error);
	MUST(nova_operations_claim(scheduler, op, a.host_id, "{}", &yes, &must_error));
	MUST(nova_operations_advance(compute, &a, op, NOVA_OPS_CHECKED, NULL, NULL, &must_error));
	MUST(nova_operations_take_slots(compute, &b, op, &yes, NULL, &must_error));
	assert_true(yes);
	MUST(nova_operations_advance(compute, &a, op, NOVA_OPS_PREPARED, NULL, NULL, &must_error));
	MUST(nova_operations_permit(compute, &b, op, NOVA_POWER_PAUSED, NULL, &yes, &must_error));
	MUST(nova_operations_progress(compute, &b, op->id, &progress, &must_error));
	MUST(nova_operations_request_abort(api, uuid, op->id, &must_error));
	MUST(nova_operations_flip(compute, &b, op, 1, NULL, &must_error));
	MUST(nova_operations_advance(compute, &b, op, NOVA_OPS_CLEANING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(compute, &b, op, &done, NULL, NULL, &must_error));
	MUST(nova_instances_list(api, &all, &servers, &must_error));
	assert_int_equal(servers->len, 1);
	MUST(nova_hosts_set_disabled(api, "b", true, "x", &must_error));
	MUST(nova_instances_update(api, uuid, "new", NULL, NULL, NULL, &must_error));
	MUST(nova_instances_delete(api, uuid, NULL, NULL, &id, &must_error));
	g_autoptr(nova_operation) del = fixture_operation(compute, id);

	MUST(nova_operations_advance(compute, &a, del, NOVA_OPS_DELETING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(compute, &a, del, &gone, NULL, NULL, &must_error));
	/* A build that fits nowhere: deleted by the API while idle, and by the scheduler while asked for. */
	for (int i = 0; i < 2; i++) {
		g_autofree char *lost = fixture_server(api, "lost", 1, &id);
		g_autoptr(nova_operation) hopeless = fixture_operation(scheduler, id);

		if (i)
			MUST(nova_instances_delete(api, lost, NULL, NULL, &id, &must_error));
		MUST(nova_operations_no_valid_host(scheduler, hopeless, "No valid host was found.", "{}",
						   &must_error));
		if (!i)
			MUST(nova_instances_delete(api, lost, NULL, NULL, &id, &must_error));
	}
	/* A scheduler in place of a host that is down. */
	g_autofree char *orphan = fixture_server(api, "orphan", 1, &id);
	g_autoptr(nova_operation) asked = fixture_operation(scheduler, id);
	g_autoptr(GArray) freed = NULL;

	assert_non_null(orphan);
	MUST(nova_hosts_set_disabled(api, "b", false, NULL, &must_error));
	MUST(nova_operations_claim(scheduler, asked, b.host_id, "{}", &yes, &must_error));
	assert_true(yes);
	MUST(nova_hosts_release(compute, &b, &must_error));
	MUST(nova_operations_note(scheduler, NULL, asked, NOVA_BLOCKED_DEST_UNREACHABLE, "b", 0, "down", NULL,
				  &must_error));
	MUST(nova_operations_refuse(scheduler, NULL, asked, "down", NULL, &must_error));
	MUST(nova_operations_free_stuck_slots(scheduler, 0, 10, &freed, &must_error));
	MUST(nova_hosts_release(compute, &a, &must_error));

	g_autofree char *user = NULL;

	MUST(nova_users_create(owner, "u", "h", NULL, &user, &must_error));
	const nova_token_request token = { .digest = "d", .user_id = user, .methods = "password",
					   .audit_id = "a", .chain_id = "a", .seconds = 60 };

	MUST(nova_tokens_create(api, &token, &must_error));
	MUST(nova_tokens_revoke(api, "d", &must_error));
	fixture_audit(cluster, NAME);
}

static nova_operation *begin_resize(const char *uuid, nova_op_kind kind)
{
	static nova_flavor big = { .id = 77, .flavorid = (char *)"big", .name = (char *)"m1.big", .vcpus = 2,
				   .memory_mb = 1024, .root_gb = 5 };
	const nova_quotas unlimited = { .of = { -1, -1, -1, -1, -1, -1, -1 } };
	const nova_op_request request = {
		.kind = kind,
		.instance_uuid = uuid,
		.action = "resize",
		.flavor = kind == NOVA_OP_RESIZE ? &big : NULL,
		.quotas = &unlimited,
		.by = { .request_id = "r" },
	};
	g_autoptr(GError) error = NULL;
	nova_operation *op = nova_operations_begin(api, &request, &error);

	must(op != NULL, &error);
	return op;
}

/* From `from' to `to', which is its own host on the way back. */
static void walk(nova_operation *op, const nova_fence *from, const nova_fence *to)
{
	bool back = op->kind == NOVA_OP_RESIZE_REVERT, taken = false;
	const nova_op_outcome done = {
		.state = NOVA_OPS_DONE, .set_vm_state = true, .vm_state = back ? NOVA_VM_ACTIVE : NOVA_VM_RESIZED,
		.set_power = true, .power_state = NOVA_POWER_RUNNING, .total_ms = -1,
	};

	if (!back) {
		MUST(nova_operations_claim(scheduler, op, to->host_id, "{}", &taken, &must_error));
		assert_true(taken);
	}
	MUST(nova_operations_advance(compute, back ? from : to, op, NOVA_OPS_STOPPING, NULL, NULL, &must_error));
	MUST(nova_operations_resize_flip(compute, from, op, &must_error));
	MUST(nova_operations_finish(compute, to, op, &done, NULL, NULL, &must_error));
}

static void test_each_service_can_resize(void **state)
{
	const nova_fence c = fixture_host(compute, "c", 8, 8192, 100), d = fixture_host(compute, "d", 8, 8192, 100);
	const nova_requester by = { .request_id = "r", .project_id = "p", .user_id = "u" };
	g_autofree char *uuid = fixture_built(owner, "resized", &c);
	g_autoptr(nova_operation) refused = begin_resize(uuid, NOVA_OP_RESIZE);
	bool taken = false;
	int confirmed = 0;

	(void)state;
	MUST(nova_operations_claim(scheduler, refused, d.host_id, "{}", &taken, &must_error));
	MUST(nova_operations_refuse(compute, &d, refused, "no", NULL, &must_error));
	MUST(nova_operations_no_valid_host(scheduler, refused, "No valid host was found.", "{}", &must_error));

	g_autoptr(nova_operation) there = begin_resize(uuid, NOVA_OP_RESIZE);

	walk(there, &c, &d);
	g_autoptr(nova_operation) back = begin_resize(uuid, NOVA_OP_RESIZE_REVERT);

	walk(back, &d, &c);
	for (int who = 0; who < 2; who++) {
		g_autofree char *kept = fixture_built(owner, who ? "kept-late" : "kept", &c);
		g_autoptr(nova_operation) op = begin_resize(kept, NOVA_OP_RESIZE);

		walk(op, &c, &d);
		if (who)
			MUST(nova_resizes_confirm_overdue(scheduler, 0, 10, &confirmed, &must_error));
		else
			MUST(nova_instances_confirm_resize(api, kept, &by, &must_error));
	}
	assert_int_equal(confirmed, 1);
	fixture_audit(cluster, NAME);
}

static void test_and_no_more(void **state)
{
	const nova_flavor flavor = { .name = (char *)"f", .vcpus = 1, .memory_mb = 1 };
	g_autoptr(GError) error = NULL;
	nova_db *const roles[] = { api, scheduler, compute };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
		if (roles[i] != api) { /* which makes flavors for administrators */
			assert_false(nova_flavors_create(roles[i], &flavor, NULL, &error));
			assert_non_null(strstr(error->message, "permission denied"));
			must_fault(&error, NOVA_FAULT_CONFIG);
		}
		assert_false(nova_networks_create(roles[i], "n", "10.9.0.0/29", NULL, "br", NULL, &error));
		must_fault(&error, NOVA_FAULT_CONFIG);
	}
	g_free(pg_cluster_sql(cluster, NAME, "SET ROLE nova_compute"));
	g_autofree char *may = pg_cluster_sql(cluster, NAME,
					      "SELECT has_table_privilege('instances', 'INSERT') OR "
					      "has_table_privilege('journal', 'UPDATE')"
					      " OR has_table_privilege('journal', 'DELETE') OR "
					      "has_table_privilege('operations', 'DELETE')");

	assert_string_equal(may, "f");
	g_free(pg_cluster_sql(cluster, NAME, "RESET ROLE"));
	/* Password hashes and tokens are for the API alone, and only tokens for it to write. */
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
		g_autoptr(nova_user) user = nova_users_find(roles[i], "x", &error);

		assert_null(user);
		assert_int_equal(error == NULL, roles[i] == api);
		if (error)
			must_fault(&error, NOVA_FAULT_CONFIG);
	}
	assert_false(nova_users_create(api, "x", "h", NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_CONFIG);
}

static int start(void **state)
{
	g_autofree char *text = NULL;

	(void)state;
	cluster = pg_cluster_new();
	owner = pg_cluster_database(cluster, NAME, 2, NULL);
	g_free(pg_cluster_sql(cluster, NAME,
			      "CREATE ROLE nova_api LOGIN; CREATE ROLE nova_scheduler LOGIN; CREATE ROLE "
			      "nova_compute LOGIN"));
	assert_true(g_file_get_contents(DOC_DIR "/database.md", &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	int grants = 0;

	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "    GRANT ")) {
			g_free(pg_cluster_sql(cluster, NAME, "%s", *line));
			grants++;
		}
	assert_true(grants > 5);
	api = open_as("nova_api");
	scheduler = open_as("nova_scheduler");
	compute = open_as("nova_compute");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nova_db_close(api);
	nova_db_close(scheduler);
	nova_db_close(compute);
	nova_db_close(owner);
	pg_cluster_free(cluster);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_service_can_do_its_work),
		cmocka_unit_test(test_each_service_can_resize),
		cmocka_unit_test(test_and_no_more),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
