/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists: every row once over all pages, whatever the order; conditions; and the small catalogues.
 */
#include "fixture.h"

#include "common/uuid.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "lists";

static GPtrArray *list(const nova_instance_query *query)
{
	g_autoptr(GError) error = NULL;
	GPtrArray *servers = NULL;

	must(nova_instances_list(db, query, &servers, &error), &error);
	return servers;
}

static unsigned count(nova_instance_query query)
{
	query.limit = query.limit ? query.limit : 1000;
	g_autoptr(GPtrArray) servers = list(&query);

	return servers->len;
}

/* ---- pages ---- */

static void walk_pages(const char *key, bool ascending, unsigned total)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *marker = NULL;

	for (;;) {
		const nova_instance_query query = { .project_id = "pages",
						    .sort_key = key,
						    .ascending = ascending,
						    .marker = marker,
						    .limit = 7 };
		g_autoptr(GPtrArray) page = list(&query);

		if (page->len == 0)
			break;
		for (unsigned i = 0; i < page->len; i++) {
			const nova_instance *server = page->pdata[i];

			if (!g_hash_table_add(seen, g_strdup(server->uuid)))
				fail_msg("%s twice, sorted by %s", server->uuid, key);
		}
		const nova_instance *last = page->pdata[page->len - 1];

		g_free(marker);
		marker = g_strdup(last->uuid);
	}
	assert_int_equal(g_hash_table_size(seen), total);
}

static void test_every_row_once_over_all_pages(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		g_free(fixture_server(db, i % 3 ? "page" : "page'; DROP TABLE instances; --", 0, NULL));
	/* Equal times, and columns that are NULL in some rows. */
	g_free(pg_cluster_sql(cluster, NAME,
			      "UPDATE instances SET project_id = 'pages', created_at = '2026-01-01', "
			      "updated_at = '2026-01-01',"
			      " launched_at = CASE WHEN id %% 2 = 0 THEN timestamptz '2026-01-02' END,"
			      " key_name = CASE WHEN id %% 3 = 0 THEN 'k' END"));
	for (size_t i = 0; nova_instance_sort_keys[i]; i++) {
		walk_pages(nova_instance_sort_keys[i], false, 40);
		walk_pages(nova_instance_sort_keys[i], true, 40);
	}
	walk_pages(NULL, false, 40);
	assert_int_equal(count((nova_instance_query) { .project_id = "pages", .name_regex = "DROP TABLE" }),
			 14);
}

static void test_bad_markers_and_keys(void **state)
{
	GPtrArray *servers = NULL;
	g_autoptr(GError) error = NULL;
	nova_instance_query query = { .marker = "00000000-0000-4000-8000-00000000dead", .limit = 1 };

	(void)state;
	assert_false(nova_instances_list(db, &query, &servers, &error));
	assert_string_equal(error->message, "marker [00000000-0000-4000-8000-00000000dead] not found");
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	query.marker = "no uuid";
	assert_false(nova_instances_list(db, &query, &servers, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	/* A marker of somebody else's server is none. */
	g_autofree char *other = fixture_server(db, "other", 0, NULL);

	query = (nova_instance_query) { .marker = other, .project_id = "pages", .limit = 1 };
	assert_false(nova_instances_list(db, &query, &servers, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	query = (nova_instance_query) { .sort_key = "1; DROP TABLE instances", .limit = 1 };
	assert_false(nova_instances_list(db, &query, &servers, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	query = (nova_instance_query) { .name_regex = "(", .limit = 1 };
	assert_false(nova_instances_list(db, &query, &servers, &error));
	assert_non_null(strstr(error->message, "invalid regular expression '('"));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	query = (nova_instance_query) { .ip_regex = "[", .limit = 1 };
	assert_false(nova_instances_list(db, &query, &servers, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	query = (nova_instance_query) { .name_regex = "\xff\xfe", .limit = 1 };
	assert_false(nova_instances_list(db, &query, &servers, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
}

/* ---- conditions ---- */

static void test_conditions(void **state)
{
	const nova_fence a = fixture_host(db, "list-a", 100, 100000, 100000),
			 b = fixture_host(db, "list-b", 100, 100000, 100000);
	static const char *const active[] = { "ACTIVE", NULL }, *const moving[] = { "MIGRATING", NULL };
	static const char *const either[] = { "ACTIVE", "MIGRATING", "BUILD", NULL }, *const none[] = {
		"NO_SUCH", NULL
	};
	static const char *const blue[] = { "blue", NULL }, *const both[] = { "blue", "tall", NULL };
	static const char *const odd[] = { "blue", "quo\"te", NULL };
	int network = 0;
	g_autoptr(GError) error = NULL;

	(void)state;
	MUST(nova_networks_create(db, "listed", "203.0.113.0/29", NULL, "br1", NULL, &must_error));
	g_autoptr(nova_network) net = nova_networks_find(db, "listed", &error);

	network = net->id;
	g_autofree char *idle = fixture_built(db, "cond-idle", &a),
			*busy = fixture_built(db, "cond-busy", &a);
	g_autofree char *building = fixture_server(db, "cond-building", network, NULL);
	g_autoptr(nova_operation) op G_GNUC_UNUSED = fixture_migration(db, busy, &a, &b, NOVA_OPS_CHECKED);

	g_free(pg_cluster_sql(cluster, NAME,
			      "UPDATE instances SET project_id = 'cond' WHERE display_name LIKE 'cond-%%'"));
#define COUNT(...) count((nova_instance_query) { .project_id = "cond", __VA_ARGS__ })
	assert_int_equal(COUNT(.limit = 100), 3);
	assert_int_equal(COUNT(.limit = 2), 2);
	assert_int_equal(COUNT(.statuses = active), 1);
	assert_int_equal(COUNT(.statuses = moving), 1);
	assert_int_equal(COUNT(.statuses = either), 3);
	assert_int_equal(COUNT(.statuses = none), 0);
	assert_int_equal(COUNT(.vm_state = "active"), 2);
	assert_int_equal(COUNT(.task_state = "migrating"), 1);
	assert_int_equal(COUNT(.task_state = "None"), 1);
	assert_int_equal(COUNT(.task_state = "scheduling"), 1);
	assert_int_equal(COUNT(.host = "list-a"), 2);
	assert_int_equal(COUNT(.host = "nowhere"), 0);
	assert_int_equal(COUNT(.name_regex = "^cond-i"), 1);
	assert_int_equal(COUNT(.ip_regex = "^203\\.0\\.113\\."), 1);
	assert_int_equal(COUNT(.tags = blue), 3);
	assert_int_equal(COUNT(.tags = both), 3);
	assert_int_equal(COUNT(.tags = odd), 0);
	assert_int_equal(COUNT(.uuid = idle), 1);
	assert_int_equal(COUNT(.uuid = "nonsense"), 0);
	assert_int_equal(COUNT(.flavorid = "1"), 3);
	assert_int_equal(COUNT(.deleted = true), 0);
	assert_int_equal(COUNT(.reservation_id = "r-1", .user_id = "admin"), 3);
	/* Names of the row that is on a network. */
	g_autoptr(nova_instance) on_net = fixture_instance(db, building);

	assert_int_equal(on_net->addresses->len, 1);
	const nova_address *address = on_net->addresses->pdata[0];

	assert_string_equal(address->network, "listed");
	assert_string_equal(address->bridge, "br1");
	assert_true(g_str_has_prefix(address->address, "203.0.113."));
	assert_true(g_str_has_prefix(address->mac, "fa:16:3e:"));
	assert_int_equal(address->version, 4);
	/* What changed since: also what was deleted. */
	g_autoptr(nova_instance) before = fixture_instance(db, idle);
	g_autoptr(nova_operation) build = nova_operations_find_active(db, building, &error);

	assert_int_equal(COUNT(.changes_since_us = before->updated_us + 10 * G_USEC_PER_SEC), 0);
	MUST(nova_operations_no_valid_host(db, build, "No valid host was found.", NULL, &must_error));
	MUST(nova_instances_delete(db, building, NULL, NULL, NULL, &must_error));
	assert_int_equal(COUNT(.limit = 100), 2);
	assert_int_equal(COUNT(.deleted = true), 1);
	g_autoptr(nova_instance) gone = fixture_instance(db, building);

	assert_int_equal(COUNT(.changes_since_us = gone->deleted_us - 1000), 1);
	assert_int_equal(COUNT(.changes_before_us = gone->updated_us - 1), 2);
	/* On the host: all, with their operation. */
	g_autoptr(GPtrArray) there = NULL;

	MUST(nova_instances_on_host(db, a.host_id, &there, &must_error));
	assert_int_equal(there->len, 2);
#undef COUNT
}

/* ---- operations ---- */

static void test_operation_lists(void **state)
{
	const nova_fence a = fixture_host(db, "ops-a", 100, 100000, 100000),
			 b = fixture_host(db, "ops-b", 100, 100000, 100000);
	g_autofree char *uuid = fixture_built(db, "ops", &a);
	const nova_op_outcome stop = { .state = NOVA_OPS_CANCELLED, .reason = "test", .total_ms = -1 };
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *marker = NULL;
	g_autoptr(GError) error = NULL;
	GPtrArray *none = NULL;

	(void)state;
	for (int i = 0; i < 11; i++) {
		g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_CLAIMED);

		MUST(nova_operations_finish(db, &b, op, &stop, NULL, NULL, &must_error));
	}
	g_autoptr(nova_operation) active = fixture_migration(db, uuid, &a, &b, NOVA_OPS_CHECKED);

	g_free(pg_cluster_sql(cluster, NAME,
			      "UPDATE operations SET created_at = '2026-01-01' WHERE instance = '%s'", uuid));
	for (;;) {
		const nova_operation_query query = {
			.instance_uuid = uuid, .migrations_only = true, .marker = marker, .limit = 5
		};
		g_autoptr(GPtrArray) page = NULL;

		MUST(nova_operations_list(db, &query, &page, &must_error));
		if (page->len == 0)
			break;
		for (unsigned i = 0; i < page->len; i++) {
			const nova_operation *op = page->pdata[i];

			assert_int_equal(op->kind, NOVA_OP_LIVE_MIGRATION);
			assert_true(g_hash_table_add(seen, g_strdup(op->uuid)));
			g_free(marker);
			marker = g_strdup(op->uuid);
		}
	}
	assert_int_equal(g_hash_table_size(seen), 12);
	static const struct {
		nova_operation_query query;
		unsigned n;
	} cases[] = {
		{ { .host = "ops-b", .limit = 100 }, 12 },
		{ { .host = "ops-a", .limit = 100, .migrations_only = true }, 12 },
		{ { .source_host = "ops-a", .limit = 100 }, 12 },
		{ { .host = "ops-a", .limit = 3 }, 3 },
		{ { .host = "ops-a", .status = "queued", .limit = 9 }, 1 },
		{ { .host = "ops-a", .active_only = true, .limit = 9 }, 1 },
		{ { .host = "ops-a", .status = "cancelled", .limit = 99 }, 11 },
		{ { .host = "x", .limit = 9 }, 0 },
		{ { .instance_uuid = "nonsense", .limit = 9 }, 0 },
		{ { .host = "ops-b", .request_id = "req-migrate", .limit = 99 }, 12 },
		{ { .host = "ops-b", .user_id = "nobody", .limit = 99 }, 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) found = NULL;

		print_message("  case %zu\n", i);
		MUST(nova_operations_list(db, &cases[i].query, &found, &must_error));
		assert_int_equal(found->len, cases[i].n);
	}
	const nova_operation_query bad = { .marker = "nothing", .limit = 1 };

	assert_false(nova_operations_list(db, &bad, &none, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	g_autoptr(GPtrArray) with_b = NULL, waiting = NULL;

	MUST(nova_operations_involving_host(db, b.host_id, &with_b, &must_error));
	assert_int_equal(with_b->len, 1);
	g_autoptr(nova_operation) by_uuid = nova_operations_find_by_uuid(db, active->uuid, &error);

	assert_int_equal(by_uuid->id, active->id);
	MUST(nova_operations_for_scheduler(db, 3, &waiting, &must_error));
	assert_int_equal(waiting->len, 3); /* builds that nobody scheduled */
}

/* ---- the catalogues ---- */

static void test_flavors(void **state)
{
	nova_flavor tiny = { .flavorid = (char *)"1",
			     .name = (char *)"m1.tiny",
			     .vcpus = 1,
			     .memory_mb = 512,
			     .root_gb = 1,
			     .rxtx_factor = 1.5,
			     .is_public = true,
			     .extra_specs_json = (char *)"{\"hw:a\": \"b\"}" };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) all = NULL;
	g_autofree char *made = NULL;

	(void)state;
	MUST(nova_flavors_create(db, &tiny, NULL, &must_error));
	assert_false(nova_flavors_create(db, &tiny, NULL, &error));
	assert_string_equal(error->message, "Flavor with ID 1 already exists.");
	must_fault(&error, NOVA_FAULT_CONFLICT);
	tiny.flavorid = NULL;
	assert_false(nova_flavors_create(db, &tiny, NULL, &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	tiny.name = (char *)"other";
	MUST(nova_flavors_create(db, &tiny, &made, &must_error));
	assert_true(nova_uuid_is_valid(made));
	g_autoptr(nova_flavor) found = nova_flavors_find(db, "1", &error);

	assert_string_equal(found->extra_specs_json, "{\"hw:a\": \"b\"}");
	assert_true(found->rxtx_factor == 1.5);
	assert_null(nova_flavors_find(db, "none", &error));
	assert_null(error);
	MUST(nova_flavors_list(db, &all, &must_error));
	assert_int_equal(all->len, 2);
	tiny.vcpus = 0;
	assert_false(nova_flavors_create(db, &tiny, &made, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
}

static void test_images(void **state)
{
	const nova_image image = { .id = (char *)"11111111-2222-4333-8444-555555555555",
				   .name = (char *)"cirros",
				   .disk_format = (char *)"qcow2",
				   .size = 10,
				   .virtual_size = 1 << 20,
				   .checksum = (char *)"abc",
				   .file = (char *)"f" };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) all = NULL, other = NULL;

	(void)state;
	MUST(nova_images_create(db, &image, &must_error));
	assert_false(nova_images_create(db, &image, &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	g_autoptr(nova_image) found = nova_images_find(db, image.id, &error);

	assert_string_equal(found->status, "active");
	assert_string_equal(found->visibility, "public");
	assert_string_equal(found->properties_json, "{}");
	assert_true(found->created_us > 0);
	assert_null(nova_images_find(db, "no uuid", &error));
	MUST(nova_images_list(db, NULL, &all, &must_error));
	assert_int_equal(all->len, 1);
	MUST(nova_images_list(db, "windows", &other, &must_error));
	assert_int_equal(other->len, 0);
}

static void test_networks(void **state)
{
	static const struct {
		const char *label, *cidr, *gateway, *bridge;
		nova_fault fault;
	} bad[] = {
		{ "x", "nonsense", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.0", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.1/24", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.0/15", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.0/31", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.0/24x", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "2001:db8::/64", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.0/24", "10.0.1.1", "br", NOVA_FAULT_BAD_REQUEST },
		{ "x", "10.0.0.0/24", "x", "br", NOVA_FAULT_BAD_REQUEST },
		{ "a\tb", "10.0.0.0/24", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "", "10.0.0.0/24", NULL, "br", NOVA_FAULT_BAD_REQUEST },
		{ "private", "10.9.0.0/24", NULL, "br", NOVA_FAULT_CONFLICT },
		{ "x", "10.1.2.0/24", NULL, "br", NOVA_FAULT_CONFLICT },
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) all = NULL;
	g_autofree char *uuid = NULL;

	(void)state;
	MUST(nova_networks_create(db, "private", "10.1.0.0/16", "10.1.0.1", "br-private", &uuid,
				  &must_error));
	g_autoptr(nova_network) net = nova_networks_find(db, uuid, &error);

	assert_int_equal(net->total, 65533);
	assert_int_equal(net->used, 0);
	assert_string_equal(net->cidr, "10.1.0.0/16");
	assert_string_equal(net->gateway, "10.1.0.1");
	g_autofree char *macs = pg_cluster_sql(
		cluster, NAME, "SELECT count(DISTINCT mac) FROM addresses WHERE network_id = %d", net->id);

	assert_int_equal(atoi(macs), 65533);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		print_message("  %s %s\n", bad[i].label, bad[i].cidr);
		assert_false(nova_networks_create(db, bad[i].label, bad[i].cidr, bad[i].gateway,
						  bad[i].bridge, NULL, &error));
		must_fault(&error, bad[i].fault);
	}
	MUST(nova_networks_list(db, &all, &must_error));
	assert_int_equal(all->len, 2); /* "listed" of the test before, and this */
	assert_null(nova_networks_find(db, "none", &error));
}

static void test_services(void **state)
{
	g_autoptr(GPtrArray) all = NULL, one = NULL, compute = NULL;

	(void)state;
	MUST(nova_services_beat(db, "nova-scheduler", "ctl", &must_error));
	MUST(nova_services_beat(db, "nova-scheduler", "ctl", &must_error));
	g_free(pg_cluster_sql(cluster, NAME,
			      "INSERT INTO services (binary_name, host, seen_at) VALUES ('nova-api', 'ctl', "
			      "now() - interval '1 h')"));
	MUST(nova_services_list(db, "ctl", NULL, 30, &all, &must_error));
	assert_int_equal(all->len, 2);
	const nova_service *api = all->pdata[0], *scheduler = all->pdata[1];

	assert_string_equal(api->binary, "nova-api");
	assert_false(api->up);
	assert_string_equal(scheduler->binary, "nova-scheduler");
	assert_true(scheduler->up);
	assert_string_equal(scheduler->zone, "internal");
	MUST(nova_services_list(db, "list-a", "nova-compute", 30, &compute, &must_error));
	assert_int_equal(compute->len, 1);
	const nova_service *host = compute->pdata[0];

	assert_true(host->up && host->updated_us > 0);
	assert_string_equal(host->zone, "nova");
	MUST(nova_services_list(db, NULL, "nothing", 30, &one, &must_error));
	assert_int_equal(one->len, 0);
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
		cmocka_unit_test(test_every_row_once_over_all_pages),
		cmocka_unit_test(test_bad_markers_and_keys),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_operation_lists),
		cmocka_unit_test(test_flavors),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_services),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
