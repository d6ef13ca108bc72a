/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding methods, versions and arguments; dispatch; the duplicate filter; transport URLs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "rpc/dispatch.h"
#include "rpc/seen.h"
#include "rpc/transport_url.h"

static bool run_sum(nova_rpc_request *request, GError **error)
{
	if (json_object_get_int(nova_json_find(request->args, "a")) == 13) {
		request->result = json_object_new_string("freed by the dispatcher");
		return nova_fail(error, NOVA_FAULT_CONFLICT, "%s has no luck", request->method);
	}
	request->result = json_object_new_string(request->service);
	return true;
}

static bool run_silent(nova_rpc_request *request, GError **error)
{
	(void)request;
	(void)error;
	return false;
}

static const nova_rpc_method first[] = {
	{
		.name = "sum",
		.kind = NOVA_RPC_CALL,
		.args = NOVA_RPC_ARGS({ "a", json_type_int, false }, { "b", json_type_double, true }),
		.run = run_sum,
	},
	{ .name = "later", .kind = NOVA_RPC_CALL, .since = 2, .run = run_sum },
	{ .name = "silent", .kind = NOVA_RPC_CAST, .run = run_silent },
	{ 0 },
};

static const nova_rpc_method second[] = {
	{ .name = "sum", .kind = NOVA_RPC_CALL, .args = NOVA_RPC_ARGS({ "a", NOVA_RPC_ANY, true }), .run = run_sum },
	{ 0 },
};

static const nova_rpc_endpoint endpoints[] = {
	{ .major = 1, .minor = 3, .methods = first, .service = (void *)"1.3" },
	{ .major = 2, .minor = 0, .methods = second, .service = (void *)"2.0" },
	{ .namespace_ = "nova_lite", .major = 1, .minor = 0, .methods = second, .service = (void *)"lite" },
};

/* Who answers, or which fault. */
static const struct find_case {
	const char *label, *namespace_, *version, *method, *service;
	nova_fault fault;
} find_cases[] = {
	{ "no version is 1.0", NULL, NULL, "sum", "1.3", 0 },
	{ "older minor", NULL, "1.0", "sum", "1.3", 0 },
	{ "same minor", NULL, "1.3", "sum", "1.3", 0 },
	{ "newer minor", NULL, "1.4", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "other major", NULL, "2.0", "sum", "2.0", 0 },
	{ "unknown major", NULL, "3.0", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "namespace", "nova_lite", "1.0", "sum", "lite", 0 },
	{ "newer in namespace", "nova_lite", "1.1", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "unknown namespace", "x", "1.0", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "unknown method", NULL, "1.0", "minus", NULL, NOVA_FAULT_NO_SUCH_METHOD },
	{ "method not yet there", NULL, "1.1", "later", NULL, NOVA_FAULT_NO_SUCH_METHOD },
	{ "method just there", NULL, "1.2", "later", "1.3", 0 },
	{ "private", NULL, "1.0", "_sum", NULL, NOVA_FAULT_NO_SUCH_METHOD },
	{ "no number", NULL, "one", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "half a version", NULL, "1", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "three numbers", NULL, "1.0.0", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "negative", NULL, "1.-1", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
	{ "overflow", NULL, "1.99999999999999999999", "sum", NULL, NOVA_FAULT_UNSUPPORTED_VERSION },
};

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(find_cases); i++) {
		const struct find_case *c = &find_cases[i];
		const nova_rpc_endpoint *endpoint = NULL;
		g_autoptr(GError) error = NULL;
		const nova_rpc_method *method = nova_rpc_method_find(endpoints, G_N_ELEMENTS(endpoints), c->namespace_,
								     c->version, c->method, &endpoint, &error);

		print_message("  %s\n", c->label);
		if (!c->service) {
			assert_null(method);
			assert_null(endpoint);
			assert_true(nova_error_is(error, c->fault));
			continue;
		}
		assert_non_null(method);
		assert_string_equal(method->name, c->method);
		assert_string_equal(endpoint->service, c->service);
	}
}

static const struct args_case {
	const char *args, *why; /* why NULL: accepted */
} args_cases[] = {
	{ "{\"a\":1}", NULL },
	{ "{\"a\":1,\"b\":2.5}", NULL },
	{ "{\"a\":1,\"b\":2}", NULL },
	{ "{\"a\":1,\"b\":null}", NULL },
	{ "{}", "needs an argument 'a'" },
	{ "{\"a\":null}", "needs an argument 'a'" },
	{ "{\"a\":\"1\"}", "must be of type int, not string" },
	{ "{\"a\":1.5}", "must be of type int, not double" },
	{ "{\"a\":1,\"b\":\"x\"}", "must be of type double, not string" },
	{ "{\"a\":1,\"c\":1}", "has no argument 'c'" },
};

static void test_args(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(args_cases); i++) {
		g_autoptr(json_object) args = json_tokener_parse(args_cases[i].args);
		g_autoptr(GError) error = NULL;
		bool ok = nova_rpc_method_check_args(&first[0], args, &error);

		print_message("  %s\n", args_cases[i].args);
		assert_int_equal(ok, args_cases[i].why == NULL);
		if (!ok) {
			assert_true(nova_error_is(error, NOVA_FAULT_BAD_REQUEST));
			assert_non_null(strstr(error->message, args_cases[i].why));
		}
	}
}

static bool dispatch(const char *method, const char *args, json_object **ret_result, GError **error)
{
	g_autoptr(json_object) object = json_tokener_parse(args);
	nova_rpc_message message = { .method = (char *)method, .args = object };

	return nova_dispatch(endpoints, G_N_ELEMENTS(endpoints), &message, ret_result, error);
}

static void test_dispatch(void **state)
{
	g_autoptr(json_object) result = NULL;
	g_autoptr(GError) refused = NULL;
	g_autoptr(GError) silent = NULL;

	(void)state;
	assert_true(dispatch("sum", "{\"a\":1}", &result, NULL));
	assert_string_equal(json_object_get_string(result), "1.3");
	assert_false(dispatch("sum", "{\"a\":13}", &result, &refused));
	assert_true(nova_error_is(refused, NOVA_FAULT_CONFLICT));
	assert_string_equal(refused->message, "sum has no luck");
	assert_false(dispatch("silent", "{}", &result, &silent));
	assert_true(nova_error_is(silent, NOVA_FAULT_INTERNAL));
}

static void test_seen(void **state)
{
	g_autoptr(nova_seen) seen = nova_seen_new(3);

	(void)state;
	assert_false(nova_seen_check(seen, "a"));
	assert_true(nova_seen_check(seen, "a"));
	assert_false(nova_seen_check(seen, "b"));
	assert_false(nova_seen_check(seen, "c"));
	assert_true(nova_seen_check(seen, "a"));
	assert_false(nova_seen_check(seen, "d")); /* forgets a, the oldest */
	assert_false(nova_seen_check(seen, "a")); /* forgets b */
	assert_true(nova_seen_check(seen, "c"));
	assert_true(nova_seen_check(seen, "d"));
	nova_seen_forget_last(seen);
	assert_false(nova_seen_check(seen, "a"));
	assert_true(nova_seen_check(seen, "d"));
}

static const struct url_case {
	const char *url, *want; /* hosts joined, then the virtual host; NULL: refused */
} url_cases[] = {
	{ "rabbit://u:p@h:1234/v", "u:p@h:1234 v" },
	{ "amqp://u:p@h", "u:p@h:5672 /" },
	{ "rabbit://h/", "guest:guest@h:5672 /" },
	{ "rabbit://", "guest:guest@localhost:5672 /" },
	{ "rabbit://u:p@a:1,v:q@b:2/x", "u:p@a:1 v:q@b:2 x" },
	{ "rabbit://u:p%40%2f@h/%2fx", "u:p@/@h:5672 /x" },
	{ "rabbit://u:p@x@h/", "u:p@x@h:5672 /" },
	{ "rabbit://u:p@[::1]:1/", "u:p@::1:1 /" },
	{ "rabbit://u:p@[fe80::1]/", "u:p@fe80::1:5672 /" },
	{ "rabbit://u@h/", "u:@h:5672 /" },
	{ NULL, NULL },
	{ "", NULL },
	{ "http://h/", NULL },
	{ "h:5672", NULL },
	{ "rabbit://u:p@h:0/", NULL },
	{ "rabbit://u:p@h:65536/", NULL },
	{ "rabbit://u:p@h:x/", NULL },
	{ "rabbit://u:p@h:/", NULL },
	{ "rabbit://u:p@/", NULL },
	{ "rabbit://u:p@a,b/", NULL },
	{ "rabbit://u:p@a,,v:q@b/", NULL },
	{ "rabbit://u:p@[::1/", NULL },
	{ "rabbit://u:p@[::1]x/", NULL },
	{ "rabbit://u:%zz@h/", NULL },
	{ "rabbit://h/%", NULL },
	{ "rabbit://u:secret@h/?ssl=1", NULL },
};

static void test_transport_url(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(url_cases); i++) {
		const struct url_case *c = &url_cases[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_transport_url) url = nova_transport_url_parse(c->url, &error);
		g_autoptr(GString) text = g_string_new(NULL);

		print_message("  %s\n", c->url ? c->url : "(none)");
		if (!c->want) {
			assert_null(url);
			assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
			assert_null(strstr(error->message, "secret"));
			continue;
		}
		assert_non_null(url);
		for (size_t b = 0; b < url->n_brokers; b++)
			g_string_append_printf(text, "%s:%s@%s:%u ", url->brokers[b].user, url->brokers[b].password,
					       url->brokers[b].host, url->brokers[b].port);
		g_string_append(text, url->virtual_host);
		assert_string_equal(text->str, c->want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	 cmocka_unit_test(test_args), cmocka_unit_test(test_dispatch),
		cmocka_unit_test(test_seen),	 cmocka_unit_test(test_transport_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
