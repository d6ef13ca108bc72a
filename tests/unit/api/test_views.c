/* SPDX-License-Identifier: Apache-2.0
 *
 * Key sets per microversion, written out by hand.
 */
#include "api/views.h"

#include "api/sha224.h"
#include "common/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BASE "http://10.0.0.1:8774"
/* What an admin may see, and what a member may. */
#define SEES_ALL    true, true, true, true, true, true
#define SEES_LITTLE false, false, false, false, false, false

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of an object, sorted, with blanks between. */
static char *keys_of(json_object *object)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	json_object_object_foreach(object, key, value)
	{
		(void)value;
		g_ptr_array_add(keys, key);
	}
	g_ptr_array_sort(keys, compare);
	g_ptr_array_add(keys, NULL);
	return g_strjoinv(" ", (char **)keys->pdata);
}

static char *sorted(const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, " ", 0);

	qsort(list, g_strv_length(list), sizeof list[0], compare);
	return g_strjoinv(" ", list);
}

static void assert_keys(json_object *object, const char *want)
{
	g_autofree char *have = keys_of(object);
	g_autofree char *wanted = sorted(want);

	assert_string_equal(have, wanted);
}

static nova_instance *sample_server(void)
{
	nova_instance *server = nova_instance_new();

	server->id = 0x2a;
	server->uuid = g_strdup("58ff70a3-6807-463a-a523-0bce018d85c0");
	server->project_id = g_strdup("admin");
	server->user_id = g_strdup("admin");
	server->name = g_strdup("vm1");
	server->hostname = g_strdup("vm1");
	server->vm_state = NOVA_VM_ACTIVE;
	server->power_state = NOVA_POWER_RUNNING;
	server->host = g_strdup("fake001");
	server->node = g_strdup("fake001");
	server->zone = g_strdup("nova");
	server->flavorid = g_strdup("1");
	server->flavor_name = g_strdup("m1.tiny");
	server->vcpus = 1;
	server->memory_mb = 64;
	server->root_gb = 1;
	server->image_id = g_strdup("11111111-1111-4111-8111-111111111111");
	server->reservation_id = g_strdup("r-12345678");
	server->created_us = INT64_C(1763627495000000);
	server->updated_us = INT64_C(1763627495000000);
	server->launched_us = INT64_C(1763627496000000);
	g_ptr_array_add(server->addresses, nova_address_new("private", "10.0.0.5", 4, "fa:16:3e:00:00:01", "br100"));
	return server;
}

#define BASIC                                                                                                        \
	"id name status tenant_id user_id metadata hostId image flavor created updated addresses accessIPv4 "        \
	"accessIPv6 "                                                                                                \
	"links OS-DCF:diskConfig progress"
#define EXT \
	" OS-EXT-AZ:availability_zone config_drive key_name OS-SRV-USG:launched_at OS-SRV-USG:terminated_at " \
	"OS-EXT-STS:task_state OS-EXT-STS:vm_state OS-EXT-STS:power_state os-extended-volumes:volumes_attached"
#define ADMIN1 " OS-EXT-SRV-ATTR:host OS-EXT-SRV-ATTR:instance_name OS-EXT-SRV-ATTR:hypervisor_hostname"
#define ADMIN3 \
	ADMIN1 " OS-EXT-SRV-ATTR:reservation_id OS-EXT-SRV-ATTR:launch_index OS-EXT-SRV-ATTR:hostname " \
	       "OS-EXT-SRV-ATTR:kernel_id OS-EXT-SRV-ATTR:ramdisk_id OS-EXT-SRV-ATTR:root_device_name " \
	       "OS-EXT-SRV-ATTR:user_data"

static const struct {
	unsigned version;
	bool admin;
	nova_server_form form;
	const char *want;
} server_cases[] = {
	{ 1, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN1 },
	{ 1, false, NOVA_SERVER_SHOW, BASIC EXT },
	{ 2, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN1 },
	{ 3, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN3 },
	{ 9, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN3 " locked" },
	{ 15, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN3 " locked" },
	{ 16, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN3 " locked host_status" },
	{ 16, false, NOVA_SERVER_SHOW, BASIC EXT " locked" },
	{ 19, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN3 " locked host_status description" },
	{ 26, true, NOVA_SERVER_SHOW, BASIC EXT ADMIN3 " locked host_status description tags" },
	{ 63, true, NOVA_SERVER_SHOW,
	  BASIC EXT ADMIN3 " locked host_status description tags trusted_image_certificates" },
	{ 71, true, NOVA_SERVER_SHOW,
	  BASIC EXT ADMIN3 " locked host_status description tags trusted_image_certificates server_groups" },
	{ 71, true, NOVA_SERVER_LISTED,
	  BASIC EXT ADMIN3 " locked host_status description tags trusted_image_certificates" },
	{ 73, true, NOVA_SERVER_SHOW,
	  BASIC EXT ADMIN3
	  " locked host_status description tags trusted_image_certificates server_groups locked_reason" },
	{ 87, true, NOVA_SERVER_SHOW,
	  BASIC EXT ADMIN3
	  " locked host_status description tags trusted_image_certificates server_groups locked_reason" },
	{ 87, false, NOVA_SERVER_SHOW,
	  BASIC EXT " locked description tags trusted_image_certificates server_groups locked_reason" },
	{ 1, true, NOVA_SERVER_UPDATED, BASIC },
	{ 74, true, NOVA_SERVER_UPDATED,
	  BASIC " locked description tags trusted_image_certificates server_groups locked_reason" },
	{ 75, true, NOVA_SERVER_UPDATED,
	  BASIC EXT ADMIN3
	  " locked host_status description tags trusted_image_certificates server_groups locked_reason" },
};

/* What a view has written, read back. */
static json_object *read_back(nova_json_writer *w)
{
	size_t length;
	g_autofree char *text = nova_json_writer_finish(w, &length);
	json_object *object = nova_json_parse(text, length, 32, NULL);

	assert_non_null(object);
	return object;
}

static json_object *view_server(const nova_view *view, const nova_instance *server, nova_server_form form)
{
	nova_json_writer w;

	nova_json_writer_init(&w, 0);
	nova_view_server(view, &w, NULL, server, form);
	return read_back(&w);
}

static json_object *view_hypervisor(const nova_view *view, const nova_host *host)
{
	nova_json_writer w;

	nova_json_writer_init(&w, 0);
	nova_view_hypervisor(view, &w, NULL, host, true, NULL);
	return read_back(&w);
}

static json_object *view_service(const nova_view *view, const nova_service *service)
{
	nova_json_writer w;

	nova_json_writer_init(&w, 0);
	nova_view_service(view, &w, NULL, service, false);
	return read_back(&w);
}

static void test_server_keys(void **state)
{
	g_autoptr(nova_instance) server = sample_server();

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(server_cases); i++) {
		const bool all = server_cases[i].admin;
		const nova_view view = { BASE, server_cases[i].version, all, all, all, all, all, all };
		g_autoptr(json_object) object = view_server(&view, server, server_cases[i].form);

		print_message("2.%u %s\n", view.version, view.admin ? "admin" : "member");
		assert_keys(object, server_cases[i].want);
	}
}

static const char *text_at(json_object *object, const char *path)
{
	return json_object_get_string(nova_json_find(object, path));
}

static void test_server_values(void **state)
{
	g_autoptr(nova_instance) server = sample_server();
	const nova_view old = { BASE, 46, SEES_ALL }, new = { BASE, 47, SEES_ALL };
	g_autoptr(json_object) a = view_server(&old, server, NOVA_SERVER_SHOW);
	g_autoptr(json_object) b = view_server(&new, server, NOVA_SERVER_SHOW);

	(void)state;
	assert_string_equal(text_at(a, "status"), "ACTIVE");
	assert_string_equal(text_at(a, "hostId"), "4915dae0f876e754d820db9b28ffe86ab9f2e58d79d9a28d1678b4d8");
	assert_string_equal(text_at(a, "created"), "2025-11-20T08:31:35Z");
	assert_string_equal(text_at(a, "OS-SRV-USG:launched_at"), "2025-11-20T08:31:36.000000");
	assert_string_equal(text_at(a, "OS-EXT-SRV-ATTR:instance_name"), "instance-0000002a");
	assert_string_equal(text_at(a, "links.0.href"), BASE "/v2.1/servers/58ff70a3-6807-463a-a523-0bce018d85c0");
	assert_string_equal(text_at(a, "links.1.href"), BASE "/servers/58ff70a3-6807-463a-a523-0bce018d85c0");
	assert_string_equal(text_at(a, "addresses.private.0.OS-EXT-IPS:type"), "fixed");
	assert_string_equal(text_at(a, "addresses.private.0.addr"), "10.0.0.5");
	assert_keys(nova_json_find(a, "flavor"), "id links");
	assert_keys(nova_json_find(b, "flavor"), "vcpus ram disk ephemeral swap original_name extra_specs");
	assert_string_equal(text_at(a, "host_status"), "UNKNOWN");
}

static void test_server_states(void **state)
{
	const nova_view view = { BASE, 87, SEES_ALL };
	g_autoptr(nova_instance) server = sample_server();
	g_autoptr(json_object) migrating = NULL;
	g_autoptr(json_object) error = NULL;
	g_autoptr(json_object) stopped = NULL;

	(void)state;
	server->busy = true;
	server->op_kind = NOVA_OP_LIVE_MIGRATION;
	server->op_state = NOVA_OPS_MIGRATING;
	server->progress = 42;
	migrating = view_server(&view, server, NOVA_SERVER_SHOW);
	assert_string_equal(text_at(migrating, "status"), "MIGRATING");
	assert_string_equal(text_at(migrating, "OS-EXT-STS:task_state"), "migrating");
	assert_int_equal(json_object_get_int(nova_json_find(migrating, "progress")), 42);

	server->busy = false;
	server->vm_state = NOVA_VM_STOPPED;
	stopped = view_server(&view, server, NOVA_SERVER_SHOW);
	assert_string_equal(text_at(stopped, "status"), "SHUTOFF");
	assert_false(json_object_object_get_ex(stopped, "progress", NULL));
	assert_false(json_object_object_get_ex(stopped, "fault", NULL));

	server->vm_state = NOVA_VM_ERROR;
	server->fault_code = 500;
	server->fault_message = g_strdup("No valid host was found.");
	server->fault_details = g_strdup("HostB: memory");
	error = view_server(&view, server, NOVA_SERVER_SHOW);
	assert_keys(nova_json_find(error, "fault"), "code created message details");
	assert_false(json_object_object_get_ex(error, "progress", NULL));
}

static void test_host_status(void **state)
{
	static const struct {
		bool up, forced_down, disabled;
		const char *want;
	} statuses[] = {
		{ true, false, false, "UP" },
		{ false, false, false, "UNKNOWN" },
		{ false, true, false, "DOWN" },
		{ true, false, true, "MAINTENANCE" },
	};
	const nova_view view = { BASE, 16, SEES_ALL };
	g_autoptr(nova_instance) server = sample_server();
	g_autoptr(json_object) nowhere = NULL;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
		g_autoptr(json_object) object = NULL;

		server->host_up = statuses[i].up;
		server->host_forced_down = statuses[i].forced_down;
		server->host_disabled = statuses[i].disabled;
		object = view_server(&view, server, NOVA_SERVER_SHOW);
		assert_string_equal(text_at(object, "host_status"), statuses[i].want);
	}
	g_clear_pointer(&server->host, g_free);
	nowhere = view_server(&view, server, NOVA_SERVER_SHOW);
	assert_string_equal(text_at(nowhere, "host_status"), "");
}

static nova_operation *sample_migration(nova_op_state state)
{
	nova_operation *op = nova_operation_new();

	op->id = 94;
	op->uuid = g_strdup("405d71af-0d63-4949-a068-b6829182ddde");
	op->kind = NOVA_OP_LIVE_MIGRATION;
	op->state = state;
	op->seq = 3;
	op->instance_uuid = g_strdup("d9d9fa4c-8a30-4d84-9ade-c7cbc0dc08a3");
	op->project_id = g_strdup("admin");
	op->user_id = g_strdup("admin");
	op->request_id = g_strdup("req-1");
	op->source_host = g_strdup("HostB");
	op->dest_host = g_strdup("HostC");
	op->created_us = INT64_C(1763627495000000);
	op->changed_us = INT64_C(1763627500000000);
	return op;
}

#define SERVER_MIGRATION \
	"id server_uuid status source_compute source_node dest_compute dest_node dest_host memory_total_bytes " \
	"memory_processed_bytes memory_remaining_bytes disk_total_bytes disk_processed_bytes disk_remaining_bytes " \
	"created_at updated_at"
#define MIGRATION \
	"id status instance_uuid source_compute source_node dest_compute dest_node dest_host old_instance_type_id " \
	"new_instance_type_id created_at updated_at"

static void test_migration_keys(void **state)
{
	static const struct {
		unsigned version;
		const char *in_server, *in_list;
	} cases[] = {
		{ 1, SERVER_MIGRATION, MIGRATION },
		{ 22, SERVER_MIGRATION, MIGRATION },
		{ 23, SERVER_MIGRATION, MIGRATION " migration_type links" },
		{ 59, SERVER_MIGRATION " uuid", MIGRATION " migration_type links uuid" },
		{ 80, SERVER_MIGRATION " uuid user_id project_id",
		  MIGRATION " migration_type links uuid user_id project_id" },
	};
	g_autoptr(nova_operation) running = sample_migration(NOVA_OPS_MIGRATING);
	g_autoptr(nova_operation) done = sample_migration(NOVA_OPS_DONE);
	const nova_view last = { BASE, 80, SEES_ALL };
	g_autoptr(json_object) finished = nova_view_migration(&last, done);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const nova_view view = { BASE, cases[i].version, SEES_ALL };
		g_autoptr(json_object) one = nova_view_server_migration(&view, running);
		g_autoptr(json_object) other = nova_view_migration(&view, running);

		assert_keys(one, cases[i].in_server);
		assert_keys(other, cases[i].in_list);
	}
	assert_keys(finished, MIGRATION " migration_type uuid user_id project_id"); /* no links: not in progress */
	assert_string_equal(text_at(finished, "status"), "completed");
}

static void test_migration_status(void **state)
{
	static const struct {
		nova_op_state state;
		const char *want;
	} cases[] = {
		{ NOVA_OPS_REQUESTED, "accepted" }, { NOVA_OPS_CLAIMED, "accepted" },	{ NOVA_OPS_CHECKED, "queued" },
		{ NOVA_OPS_PREPARING, "preparing" }, { NOVA_OPS_MIGRATING, "running" }, { NOVA_OPS_DONE, "completed" },
		{ NOVA_OPS_FAILED, "failed" },	    { NOVA_OPS_CANCELLED, "cancelled" }, { NOVA_OPS_ERROR, "error" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(nova_operation) op = sample_migration(cases[i].state);

		assert_string_equal(nova_view_migration_status(op), cases[i].want);
	}
}

static void free_entry(void *entry)
{
	nova_journal_entry_free(entry);
}

static void add_entry(GPtrArray *journal, int64_t at_s, const char *host, nova_op_state from, nova_op_state to,
		      const char *message)
{
	nova_journal_entry *entry = g_new0(nova_journal_entry, 1);

	entry->at_us = INT64_C(1763627495000000) + at_s * G_USEC_PER_SEC;
	entry->host = g_strdup(host);
	entry->actor = g_strdup("source");
	entry->from = from;
	entry->to = to;
	entry->message = g_strdup(message);
	g_ptr_array_add(journal, entry);
}

static void test_action_events(void **state)
{
	g_autoptr(nova_operation) op = sample_migration(NOVA_OPS_FAILED);
	g_autoptr(GPtrArray) journal = g_ptr_array_new_with_free_func(free_entry);
	const nova_view view = { BASE, 84, SEES_ALL }, member = { BASE, 50, SEES_LITTLE };
	g_autoptr(json_object) action = NULL;
	g_autoptr(json_object) hidden = NULL;

	(void)state;
	add_entry(journal, 1, NULL, NOVA_OPS_REQUESTED, NOVA_OPS_CLAIMED, "HostC");
	add_entry(journal, 2, "HostC", NOVA_OPS_CLAIMED, NOVA_OPS_CHECKED, NULL);
	add_entry(journal, 3, "HostB", NOVA_OPS_CHECKED, NOVA_OPS_PREPARING, NULL);
	add_entry(journal, 4, "HostC", NOVA_OPS_PREPARING, NOVA_OPS_PREPARING, "a note changes nothing");
	add_entry(journal, 5, "HostC", NOVA_OPS_PREPARING, NOVA_OPS_PREPARED, NULL);
	add_entry(journal, 6, "HostB", NOVA_OPS_PREPARED, NOVA_OPS_MIGRATING, NULL);
	add_entry(journal, 9, "HostB", NOVA_OPS_MIGRATING, NOVA_OPS_FAILED, "the link broke");
	action = nova_view_action_detail(&view, op, journal);
	hidden = nova_view_action_detail(&member, op, journal);

	assert_keys(action, "action instance_uuid request_id user_id project_id start_time message updated_at events");
	assert_keys(hidden, "action instance_uuid request_id user_id project_id start_time message");
	assert_string_equal(text_at(action, "action"), "live-migration");
	assert_string_equal(text_at(action, "message"), "Error");
	assert_int_equal(json_object_array_length(nova_json_find(action, "events")), 5);
	assert_keys(nova_json_find(action, "events.0"),
		    "event start_time finish_time result traceback host hostId details");
	assert_string_equal(text_at(action, "events.0.event"), "compute_live_migration"); /* newest first */
	assert_string_equal(text_at(action, "events.0.result"), "Error");
	assert_string_equal(text_at(action, "events.0.details"), "the link broke");
	assert_string_equal(text_at(action, "events.0.start_time"), "2025-11-20T08:31:41.000000");
	assert_string_equal(text_at(action, "events.0.finish_time"), "2025-11-20T08:31:44.000000");
	assert_string_equal(text_at(action, "events.4.event"), "conductor_live_migrate_instance");
	assert_string_equal(text_at(action, "events.4.result"), "Success");
	assert_null(nova_json_find(action, "events.4.details"));
}

#define HYPERVISOR                                                                                                   \
	"id hypervisor_hostname state status hypervisor_type hypervisor_version host_ip service vcpus memory_mb "    \
	"local_gb "                                                                                                  \
	"vcpus_used memory_mb_used local_gb_used free_ram_mb free_disk_gb current_workload running_vms "             \
	"disk_available_least cpu_info"

static void test_hypervisors(void **state)
{
	static const unsigned versions[] = { 1, 27, 28, 52, 53, 87 };
	g_autoptr(nova_host) host = nova_host_new();

	(void)state;
	host->id = 3;
	host->uuid = g_strdup("617d1054-7ec9-4962-b4e8-4c692a14fcfb");
	host->name = g_strdup("HostB");
	host->service_id = 6;
	host->service_uuid = g_strdup("c66b51cb-5c82-4eec-bbd7-60d9887de48c");
	host->inventory.hypervisor_hostname = g_strdup("HostB");
	host->inventory.cpu_info_json = g_strdup("{\"arch\": \"x86_64\"}");
	host->inventory.memory_mb = 4096;
	host->inventory.reserved_memory_mb = 512;
	host->used_memory_mb = 64;
	for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
		const nova_view view = { BASE, versions[i], SEES_ALL };
		g_autoptr(json_object) object = view_hypervisor(&view, host);
		bool uuids = versions[i] >= 53;

		assert_keys(object, HYPERVISOR);
		assert_string_equal(text_at(object, "id"), uuids ? host->uuid : "3");
		assert_string_equal(text_at(object, "service.id"), uuids ? host->service_uuid : "6");
		assert_int_equal(json_object_get_int(nova_json_find(object, "memory_mb_used")), 576);
		assert_int_equal(json_object_get_int(nova_json_find(object, "free_ram_mb")), 3520);
		assert_true(json_object_is_type(nova_json_find(object, "cpu_info"),
						versions[i] < 28 ? json_type_string : json_type_object));
	}
}

/* Two hosts on one file system have its space once. */
static void test_statistics(void **state)
{
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);
	g_autoptr(json_object) sums = NULL;

	(void)state;
	for (int i = 0; i < 3; i++) {
		nova_host *host = nova_host_new();

		host->pool_id = i < 2 ? 7 : 8;
		host->inventory.pool_total_gb = 100;
		host->inventory.vcpus = 4;
		host->disabled = false;
		g_ptr_array_add(hosts, host);
	}
	sums = nova_view_statistics(hosts);
	assert_keys(sums,
		    "count vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used free_ram_mb free_disk_gb "
		    "current_workload running_vms disk_available_least");
	assert_int_equal(json_object_get_int(nova_json_find(sums, "count")), 3);
	assert_int_equal(json_object_get_int(nova_json_find(sums, "vcpus")), 12);
	assert_int_equal(json_object_get_int(nova_json_find(sums, "local_gb")), 200);
}

#define FLAVOR \
	"id name ram disk swap OS-FLV-EXT-DATA:ephemeral OS-FLV-DISABLED:disabled vcpus os-flavor-access:is_public " \
	"rxtx_factor links"

static void test_flavors(void **state)
{
	static const struct {
		unsigned version;
		const char *want, *brief;
		json_type swap;
	} cases[] = {
		{ 1, FLAVOR, "id name links", json_type_string },
		{ 54, FLAVOR, "id name links", json_type_string },
		{ 55, FLAVOR " description", "id name links description", json_type_string },
		{ 61, FLAVOR " description extra_specs", "id name links description", json_type_string },
		{ 75, FLAVOR " description extra_specs", "id name links description", json_type_int },
	};
	g_autoptr(nova_flavor) flavor = nova_flavor_new();

	(void)state;
	flavor->flavorid = g_strdup("1");
	flavor->name = g_strdup("m1.tiny");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const nova_view view = { BASE, cases[i].version, SEES_ALL };
		g_autoptr(json_object) object = nova_view_flavor(&view, flavor);
		g_autoptr(json_object) brief = nova_view_flavor_brief(&view, flavor);

		assert_keys(object, cases[i].want);
		assert_keys(brief, cases[i].brief);
		assert_true(json_object_is_type(nova_json_find(object, "swap"), cases[i].swap));
	}
}

static void test_services(void **state)
{
	nova_service service = { .id = 6,
				 .uuid = (char *)"c66b51cb-5c82-4eec-bbd7-60d9887de48c",
				 .binary = (char *)"nova-compute",
				 .host = (char *)"HostB",
				 .zone = (char *)"nova",
				 .up = true };
	const nova_view old = { BASE, 10, SEES_ALL }, forced = { BASE, 11, SEES_ALL }, uuids = { BASE, 53, SEES_ALL };
	g_autoptr(json_object) a = view_service(&old, &service);
	g_autoptr(json_object) b = view_service(&forced, &service);
	g_autoptr(json_object) c = view_service(&uuids, &service);

	(void)state;
	assert_keys(a, "binary host id zone status state updated_at disabled_reason");
	assert_keys(b, "binary host id zone status state updated_at disabled_reason forced_down");
	assert_string_equal(text_at(b, "id"), "6");
	assert_string_equal(text_at(c, "id"), service.uuid);
}

static void test_sha224(void **state)
{
	g_autofree char *empty = nova_sha224("");
	g_autofree char *abc = nova_sha224("abc");
	g_autofree char *two = nova_sha224("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");

	(void)state; /* FIPS 180-4 examples */
	assert_string_equal(empty, "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f");
	assert_string_equal(abc, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
	assert_string_equal(two, "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_keys),    cmocka_unit_test(test_server_values),
		cmocka_unit_test(test_server_states),  cmocka_unit_test(test_host_status),
		cmocka_unit_test(test_migration_keys), cmocka_unit_test(test_migration_status),
		cmocka_unit_test(test_action_events),  cmocka_unit_test(test_hypervisors),
		cmocka_unit_test(test_statistics),     cmocka_unit_test(test_flavors),
		cmocka_unit_test(test_services),       cmocka_unit_test(test_sha224),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
