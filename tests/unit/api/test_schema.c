/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts are what Nova 26 answered to the same bodies, or what the Python validator (jsonschema 4.10) says.
 */
#include "api/schemas.h"

#include "api/http.h"
#include "api/pyrepr.h"
#include "api/server_filter.h"
#include "common/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

typedef struct body_case {
	const char *label;
	const nova_schema *schema;
	unsigned version;
	const char *body;
	const char *want; /* NULL: accepted */
} body_case;

#define BOOLEANS                                                                                                     \
	"[True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', False, 'False', 'FALSE', "       \
	"'false', '0', "                                                                                             \
	"'OFF', 'Off', 'off', 'NO', 'No', 'no'"

/* Actions are checked inside an object with the action's name; here as Nova's schemas have them. */
static const nova_schema_member live_members[] = { { "os-migrateLive", &nova_schema_migrate_live, true, 0, 0 }, { 0 } };
static const nova_schema live = { .types = NOVA_JSON_OBJECT, .members = live_members };
static const nova_schema_member reboot_members[] = { { "reboot", &nova_schema_reboot, true, 0, 0 }, { 0 } };
static const nova_schema reboot = { .types = NOVA_JSON_OBJECT, .members = reboot_members };

#define IMAGE "\"imageRef\": \"11111111-1111-4111-8111-111111111111\""
#define SERVER(more) "{\"server\": {\"name\": \"x\", " IMAGE ", \"flavorRef\": \"1\"" more "}}"

static const body_case bodies[] = {
	{ "live 2.1", &live, 1,
	  "{\"os-migrateLive\": {\"host\": \"a\", \"block_migration\": false, \"disk_over_commit\": \"no\"}}", NULL },
	{ "live, no block_migration", &live, 87, "{\"os-migrateLive\": {\"host\": \"fake002\"}}",
	  "Invalid input for field/attribute os-migrateLive. Value: {'host': 'fake002'}. 'block_migration' is a "
	  "required "
	  "property" },
	{ "live, unknown key", &live, 87,
	  "{\"os-migrateLive\": {\"host\": \"fake002\", \"block_migration\": \"auto\", \"foo\": 1}}",
	  "Invalid input for field/attribute os-migrateLive. Value: {'host': 'fake002', 'block_migration': 'auto', "
	  "'foo': "
	  "1}. Additional properties are not allowed ('foo' was unexpected)" },
	{ "live 2.1, unknown key", &live, 1,
	  "{\"os-migrateLive\": {\"host\": \"fake002\", \"block_migration\": false, \"disk_over_commit\": false, "
	  "\"foo\": 1}}",
	  "Invalid input for field/attribute os-migrateLive. Value: {'host': 'fake002', 'block_migration': False, "
	  "'disk_over_commit': False, 'foo': 1}. Additional properties are not allowed ('foo' was unexpected)" },
	{ "live 2.24, auto", &live, 24,
	  "{\"os-migrateLive\": {\"host\": null, \"block_migration\": \"auto\", \"disk_over_commit\": false}}",
	  "Invalid input for field/attribute block_migration. Value: auto. 'auto' is not one of " BOOLEANS "]" },
	{ "live 2.25, auto", &live, 25, "{\"os-migrateLive\": {\"host\": null, \"block_migration\": \"auto\"}}",
	  NULL },
	{ "live 2.25, maybe", &live, 25, "{\"os-migrateLive\": {\"host\": null, \"block_migration\": \"maybe\"}}",
	  "Invalid input for field/attribute block_migration. Value: maybe. 'maybe' is not one of " BOOLEANS
	  ", 'auto']" },
	{ "live 2.25, disk_over_commit", &live, 25,
	  "{\"os-migrateLive\": {\"host\": null, \"block_migration\": true, \"disk_over_commit\": true}}",
	  "Invalid input for field/attribute os-migrateLive. Value: {'host': None, 'block_migration': True, "
	  "'disk_over_commit': True}. Additional properties are not allowed ('disk_over_commit' was unexpected)" },
	{ "live 2.29, force", &live, 29,
	  "{\"os-migrateLive\": {\"host\": \"a\", \"block_migration\": \"auto\", \"force\": true}}",
	  "Invalid input for field/attribute os-migrateLive. Value: {'host': 'a', 'block_migration': 'auto', "
	  "'force': True}. "
	  "Additional properties are not allowed ('force' was unexpected)" },
	{ "live 2.30, force", &live, 30,
	  "{\"os-migrateLive\": {\"host\": \"a\", \"block_migration\": \"auto\", \"force\": true}}", NULL },
	{ "live 2.68, force", &live, 68,
	  "{\"os-migrateLive\": {\"host\": \"a\", \"block_migration\": \"auto\", \"force\": true}}",
	  "Invalid input for field/attribute os-migrateLive. Value: {'host': 'a', 'block_migration': 'auto', "
	  "'force': True}. "
	  "Additional properties are not allowed ('force' was unexpected)" },
	{ "live, host with a blank", &live, 87,
	  "{\"os-migrateLive\": {\"host\": \"a b\", \"block_migration\": \"auto\"}}",
	  "Invalid input for field/attribute host. Value: a b. 'a b' does not match '^[a-zA-Z0-9-._]*$'" },
	{ "live, host is a number", &live, 87, "{\"os-migrateLive\": {\"host\": 123, \"block_migration\": \"auto\"}}",
	  "Invalid input for field/attribute host. Value: 123. 123 is not of type 'string', 'null'" },
	{ "live, empty host", &live, 87, "{\"os-migrateLive\": {\"host\": \"\", \"block_migration\": \"auto\"}}",
	  "Invalid input for field/attribute host. Value: . '' is too short" },
	{ "live, not an object", &live, 87, "{\"os-migrateLive\": null}",
	  "Invalid input for field/attribute os-migrateLive. Value: None. None is not of type 'object'" },
	{ "reboot", &reboot, 1, "{\"reboot\": {\"type\": \"Soft\"}}", NULL },
	{ "reboot sOFT", &reboot, 1, "{\"reboot\": {\"type\": \"sOFT\"}}",
	  "Invalid input for field/attribute type. Value: sOFT. 'sOFT' is not one of ['HARD', 'Hard', 'hard', "
	  "'SOFT', "
	  "'Soft', 'soft']" },

	{ "create 2.1", &nova_schema_server_create, 1, SERVER(""), NULL },
	{ "create 2.37 without networks", &nova_schema_server_create, 37,
	  "{\"server\": {\"name\": \"x\", \"flavorRef\": \"1\"}}",
	  "Invalid input for field/attribute server. Value: {'name': 'x', 'flavorRef': '1'}. 'networks' is a "
	  "required "
	  "property" },
	{ "create 2.37, none", &nova_schema_server_create, 37, SERVER(", \"networks\": \"none\""), NULL },
	{ "create 2.37, some", &nova_schema_server_create, 37, SERVER(", \"networks\": \"some\""),
	  "Invalid input for field/attribute networks. Value: some. 'some' is not valid under any of the given "
	  "schemas" },
	{ "create 2.36, auto", &nova_schema_server_create, 36, SERVER(", \"networks\": \"auto\""),
	  "Invalid input for field/attribute networks. Value: auto. 'auto' is not of type 'array'" },
	{ "create, no name", &nova_schema_server_create, 1, "{\"server\": {\"flavorRef\": \"1\"}}",
	  "Invalid input for field/attribute server. Value: {'flavorRef': '1'}. 'name' is a required property" },
	{ "create, blank first", &nova_schema_server_create, 1, "{\"server\": {\"name\": \" x\", \"flavorRef\": 1}}",
	  "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with "
	  "whitespace." },
	{ "create, empty name", &nova_schema_server_create, 1, "{\"server\": {\"name\": \"\", \"flavorRef\": 1}}",
	  "Invalid input for field/attribute name. Value: . '' is too short" },
	{ "create, two unknown keys", &nova_schema_server_create, 1,
	  "{\"server\": {\"name\": \"x\", \"flavorRef\": 1, "
	  "\"bogus\": 1, \"fake\": 2}}",
	  "Invalid input for field/attribute server. Value: {'name': 'x', 'flavorRef': 1, 'bogus': 1, 'fake': 2}. "
	  "Additional "
	  "properties are not allowed ('bogus', 'fake' were unexpected)" },
	{ "create, unknown at the top", &nova_schema_server_create, 1,
	  "{\"server\": {\"name\": \"x\", \"flavorRef\": 1}, \"more\": 1}",
	  "Additional properties are not allowed ('more' was unexpected)" },
	{ "create, nothing", &nova_schema_server_create, 1, "{}", "'server' is a required property" },
	{ "create, a list", &nova_schema_server_create, 1, "[]", "[] is not of type 'object'" },
	{ "create, description at 2.18", &nova_schema_server_create, 18,
	  "{\"server\": {\"name\": \"x\", \"flavorRef\": 1, \"description\": \"d\"}}",
	  "Invalid input for field/attribute server. Value: {'name': 'x', 'flavorRef': 1, 'description': 'd'}. "
	  "Additional "
	  "properties are not allowed ('description' was unexpected)" },
	{ "create, description at 2.19", &nova_schema_server_create, 19, SERVER(", \"description\": null"), NULL },
	{ "create, metadata key", &nova_schema_server_create, 1, SERVER(", \"metadata\": {\"a/b\": \"c\"}"),
	  "Invalid input for field/attribute metadata. Value: {'a/b': 'c'}. 'a/b' does not match any of the regexes: "
	  "'^[a-zA-Z0-9-_:. ]{1,255}$'" },
	{ "create, metadata value", &nova_schema_server_create, 1, SERVER(", \"metadata\": {\"a\": 1}"),
	  "Invalid input for field/attribute a. Value: 1. 1 is not of type 'string'" },
	{ "create, min_count 0", &nova_schema_server_create, 1, SERVER(", \"min_count\": 0"),
	  "Invalid input for field/attribute min_count. Value: 0. 0 is less than the minimum of 1" },
	{ "create, counts as text", &nova_schema_server_create, 1,
	  SERVER(", \"min_count\": \"2\", \"max_count\": \"3\""), NULL },
	{ "create, root disk as a device", &nova_schema_server_create, 87,
	  SERVER(", \"networks\": \"auto\", \"block_device_mapping_v2\": [{\"uuid\": "
		 "\"11111111-1111-4111-8111-111111111111\", "
		 "\"boot_index\": 0, \"source_type\": \"image\", \"destination_type\": \"local\", "
		 "\"delete_on_termination\": "
		 "true}]"),
	  NULL },
	{ "create, tag with a comma", &nova_schema_server_create, 52,
	  SERVER(", \"networks\": [], \"tags\": [\"a,b\"]"),
	  "Invalid input for field/attribute 0. Value: a,b. 'a,b' does not match '^[^,/]*$'" },
	{ "create, user data", &nova_schema_server_create, 1, SERVER(", \"user_data\": \"aGVsbG8=\""), NULL },
	{ "create, user data is no base64", &nova_schema_server_create, 1, SERVER(", \"user_data\": \"hello\""),
	  "Invalid input for field/attribute user_data. Value: hello. 'hello' is not a 'base64'" },
	{ "create, image is no uuid", &nova_schema_server_create, 1,
	  "{\"server\": {\"name\": \"x\", \"imageRef\": \"nope\", \"flavorRef\": 1}}",
	  "Invalid input for field/attribute imageRef. Value: nope. 'nope' does not match "
	  "'^(|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})$'" },
	{ "create, wrong address", &nova_schema_server_create, 1, SERVER(", \"accessIPv4\": \"300.1.1.1\""),
	  "Invalid input for field/attribute accessIPv4. Value: 300.1.1.1. '300.1.1.1' is not a 'ipv4'" },

	{ "force complete", &nova_schema_force_complete, 22, "{\"force_complete\": null}", NULL },
	{ "force complete with an object", &nova_schema_force_complete, 22, "{\"force_complete\": {}}",
	  "Invalid input for field/attribute force_complete. Value: {}. {} is not of type 'null'" },
	{ "service", &nova_schema_service_update, 53, "{\"status\": \"off\"}",
	  "Invalid input for field/attribute status. Value: off. 'off' is not one of ['enabled', 'disabled']" },
	{ "service, no body", &nova_schema_service_update, 53, "null", "None is not of type 'object'" },
};

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
		const body_case *c = &bodies[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(json_object) body = nova_json_parse(c->body, strlen(c->body), 16, NULL);
		bool ok = nova_schema_check_body(c->schema, body, c->version, &error);

		print_message("%s\n", c->label);
		if (!c->want && !ok)
			fail_msg("%s", error->message);
		if (c->want) {
			assert_false(ok);
			assert_string_equal(error->message, c->want);
			assert_int_equal(nova_error_fault(error), NOVA_FAULT_BAD_REQUEST);
		}
	}
}

static const struct {
	const char *label;
	const nova_query_schema *schema;
	unsigned version;
	const char *name, *value, *want;
} queries[] = {
	{ "limit", &nova_server_query_schema, 1, "limit", "10", NULL },
	{ "limit abc", &nova_server_query_schema, 1, "limit", "abc",
	  "Invalid input for query parameters limit. Value: abc. 'abc' does not match '^[0-9]*$'" },
	{ "unknown, old", &nova_server_query_schema, 74, "foo", "bar", NULL },
	{ "unknown, strict", &nova_server_query_schema, 75, "foo", "bar",
	  "'foo' does not match any of the regexes: '^_'" },
	{ "underscore", &nova_server_query_schema, 75, "_foo", "bar", NULL },
	{ "bad regex", &nova_server_query_schema, 1, "name", "[",
	  "Invalid input for query parameters name. Value: [. '[' is not a 'regex'" },
	{ "bad time", &nova_server_query_schema, 1, "changes-since", "bogus",
	  "Invalid input for query parameters changes-since. Value: bogus. 'bogus' is not a 'date-time'" },
	{ "not yet there", &nova_server_query_schema, 65, "changes-before", "bogus", NULL },
	{ "migrations, unknown, old", &nova_migration_query_schema, 58, "x", "1", NULL },
	{ "migrations, unknown", &nova_migration_query_schema, 59, "x", "1",
	  "Additional properties are not allowed ('x' was unexpected)" },
	{ "actions, unknown", &nova_action_query_schema, 58, "x", "1",
	  "Additional properties are not allowed ('x' was unexpected)" },
	{ "hypervisors, pattern too early", &nova_hypervisor_query_schema, 52, "hypervisor_hostname_pattern", "a",
	  NULL },
	{ "hypervisors, with_servers", &nova_hypervisor_query_schema, 53, "with_servers", "True", NULL },
	{ "hypervisors, with_servers 2", &nova_hypervisor_query_schema, 53, "with_servers", "2",
	  "Invalid input for query parameters with_servers. Value: 2. '2' is not one of " BOOLEANS "]" },
};

static void free_pair(void *pair)
{
	nova_http_pair_free(pair);
}

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) query = g_ptr_array_new_with_free_func(free_pair);
		bool ok;

		print_message("%s\n", queries[i].label);
		g_ptr_array_add(query, nova_http_pair_new(queries[i].name, queries[i].value));
		ok = nova_schema_check_query(queries[i].schema, query, queries[i].version, &error);
		assert_int_equal(ok, queries[i].want == NULL);
		if (queries[i].want)
			assert_string_equal(error->message, queries[i].want);
	}
}

static void test_pyrepr(void **state)
{
	static const struct {
		const char *json, *want;
	} values[] = {
		{ "{\"a\": [1, true, null, \"x\"]}", "{'a': [1, True, None, 'x']}" },
		{ "[\"it's\", \"say \\\"hi\\\"\", \"both ' and \\\"\"]",
		  "[\"it's\", 'say \"hi\"', 'both \\' and \"']" },
		{ "[\"a\\nb\\\\c\\u0001\"]", "['a\\nb\\\\c\\x01']" },
		{ "\"plain\"", "plain" },
		{ "\"\\u00e9\"", "\xc3\xa9" },
		{ "1.5", "1.5" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autoptr(json_object) value = nova_json_parse(values[i].json, strlen(values[i].json), 8, NULL);
		g_autofree char *text = nova_pystr(value);

		assert_string_equal(text, values[i].want);
	}
}

/* A fault stays small however large the value it complains about is. */
static void test_texts_are_bounded(void **state)
{
	g_autofree char *name = g_strnfill(100000, 'x');
	g_autofree char *text = g_strdup_printf("{\"server\": {\"name\": \"%s\", \"flavorRef\": 1}}", name);
	g_autoptr(json_object) body = nova_json_parse(text, strlen(text), 8, NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_non_null(body);
	assert_false(nova_schema_check_body(&nova_schema_server_create, body, 1, &error));
	assert_true(strlen(error->message) < 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_pyrepr),
		cmocka_unit_test(test_texts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
