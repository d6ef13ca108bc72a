/* SPDX-License-Identifier: Apache-2.0
 *
 * Message bodies: what oslo.messaging 14.0.3 really sent (captured), what we send, and what must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/json.h"
#include "rpc/envelope.h"
#include "rpc/failure.h"

enum { DEPTH = 32 };

/* One line from tests/rpc/bodies. */
static char *load_body(const char *file)
{
	g_autofree char *path = g_build_filename(TEST_SRCDIR, "tests/rpc/bodies", file, NULL);
	g_autoptr(GError) error = NULL;
	char *text;

	if (!g_file_get_contents(path, &text, NULL, &error))
		fail_msg("%s", error->message);
	return g_strchomp(text);
}

static void test_captured_call(void **state)
{
	g_autofree char *body = load_body("captured-call.json");
	g_autoptr(nova_rpc_message) m = nova_envelope_decode_request(body, strlen(body), DEPTH, NULL);

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->method, "ping");
	assert_string_equal(m->namespace_, "baseapi");
	assert_string_equal(m->version, "1.0");
	assert_string_equal(m->msg_id, "43727b3823804f80b67542869048140b");
	assert_string_equal(m->reply_queue, "reply_33f26dca0e174899a8ffa96eea23dcf2");
	assert_string_equal(m->unique_id, "6fe563cf7b4c4777b617083cdf63b278");
	assert_int_equal(m->monitor_s, 0);
	assert_string_equal(nova_json_text(m->args), "{\"arg\":\"1.21 GigaWatts\"}");
	assert_string_equal(m->context->request_id, "req-653aa482-abcd-46af-aace-f91fcd264b90");
	assert_string_equal(m->context->user_id, "");
	assert_true(m->context->is_admin);
}

static nova_rpc_reply *decode_reply(const char *file)
{
	g_autofree char *body = load_body(file);
	GError *error = NULL;
	nova_rpc_reply *reply = nova_envelope_decode_reply(body, strlen(body), DEPTH, &error);

	if (!reply)
		fail_msg("%s", error->message);
	return reply;
}

static void test_captured_replies(void **state)
{
	g_autoptr(nova_rpc_reply) result = decode_reply("captured-reply.json");
	g_autoptr(nova_rpc_reply) failure = decode_reply("captured-failure.json");
	g_autoptr(nova_rpc_reply) beat = decode_reply("captured-beat.json");

	(void)state;
	assert_string_equal(nova_json_text(result->result), "{\"x\":{\"a\":[1,2.5,null,\"\xc3\xa9\"]}}");
	assert_true(result->ending && !result->failure);
	assert_string_equal(result->msg_id, "b543341182444441afe5f301434faa1a");
	assert_true(failure->ending && !failure->result);
	assert_true(nova_error_is(failure->failure, NOVA_FAULT_INTERNAL));
	assert_string_equal(failure->failure->message, "ValueError: bad thing");
	assert_true(!beat->ending && !beat->failure && !beat->result);
}

static void assert_body(GBytes *body, const char *file)
{
	size_t length;
	const char *text = g_bytes_get_data(body, &length);
	g_autofree char *want = load_body(file);

	assert_int_equal(length, strlen(want));
	assert_memory_equal(text, want, length);
}

/* Byte for byte: what Python's peers get from us. */
static void test_what_we_send(void **state)
{
	g_autoptr(nova_context) context = nova_context_new_with_id("req-1", "u1", NULL, false);
	g_autoptr(json_object) args = json_tokener_parse("{\"path\":\"/a\"}");
	nova_rpc_message cast = { .method = (char *)"note", .args = args, .unique_id = (char *)"u" };
	nova_rpc_message call = { .method = (char *)"note", .namespace_ = (char *)"n", .version = (char *)"1.3",
				  .msg_id = (char *)"m", .reply_queue = (char *)"q", .unique_id = (char *)"u",
				  .monitor_s = 4, .context = context };
	nova_rpc_reply beat = { .msg_id = (char *)"m" };
	g_autoptr(GBytes) cast_body = nova_envelope_encode_request(&cast);
	g_autoptr(GBytes) call_body = nova_envelope_encode_request(&call);
	g_autoptr(GBytes) beat_body = nova_envelope_encode_reply(&beat, "u");

	(void)state;
	assert_body(cast_body, "sent-cast.json");
	assert_body(call_body, "sent-call.json");
	assert_body(beat_body, "sent-beat.json");
}

static void test_failures_both_ways(void **state)
{
	static const struct failure_case {
		nova_fault fault;
		const char *class, *module;
	} cases[] = {
		{ NOVA_FAULT_INSTANCE_NOT_FOUND, "InstanceNotFound", "nova.exception" },
		{ NOVA_FAULT_INTERNAL, "NovaException", "nova.exception" },
		{ NOVA_FAULT_NO_SUCH_METHOD, "NoSuchMethod", "oslo_messaging.rpc.dispatcher" },
		{ NOVA_FAULT_UNSUPPORTED_VERSION, "UnsupportedVersion", "oslo_messaging.rpc.dispatcher" },
		{ NOVA_FAULT_NOT_IMPLEMENTED, "NotImplementedError", "builtins" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct failure_case *c = &cases[i];
		g_autoptr(GError) error = g_error_new_literal(NOVA_ERROR, (int)c->fault, "what went wrong");
		g_autofree char *text = nova_failure_encode(error);
		g_autoptr(GError) back = nova_failure_decode(text, DEPTH);
		g_autofree char *want = g_strdup_printf(
			"{\"class\":\"%s\",\"module\":\"%s\",\"message\":\"what went wrong\",\"tb\":[],"
			"\"args\":[\"what went wrong\"],\"kwargs\":{}}",
			c->class, c->module);

		print_message("  %s\n", c->class);
		assert_string_equal(text, want);
		assert_int_equal(nova_error_fault(back), c->fault);
		assert_string_equal(back->message, "what went wrong");
	}
}

static void test_strange_failures(void **state)
{
	static const char *const strange[] = {
		"", "x", "[]", "{}", "{\"class\":1}", "{\"class\":\"V\",\"message\":[]}", "{\"class\":null}",
	};
	g_autofree char *long_text = g_strnfill(100000, 'x');
	g_autofree char *long_failure = g_strdup_printf("{\"class\":\"V\",\"message\":\"%s\"}", long_text);
	g_autoptr(GError) cut = nova_failure_decode(long_failure, DEPTH);
	g_autoptr(GError) latin1 = g_error_new_literal(NOVA_ERROR, NOVA_FAULT_STORAGE, "caf\xe9");
	g_autofree char *clean = nova_failure_encode(latin1);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(strange); i++) {
		g_autoptr(GError) error = nova_failure_decode(strange[i], DEPTH);

		assert_true(nova_error_is(error, NOVA_FAULT_INTERNAL));
		assert_non_null(strstr(error->message, "could not be read"));
	}
	assert_in_range(strlen(cut->message), NOVA_FAILURE_MAX_TEXT, NOVA_FAILURE_MAX_TEXT + 10);
	assert_true(g_utf8_validate(clean, -1, NULL));
}

static const struct refused_case {
	const char *label, *body, *why;
} refused[] = {
	{ "nothing", "", "" },
	{ "a number", "7", "no object" },
	{ "null", "null", "" },
	{ "wrong version", "{\"oslo.version\":\"1.0\",\"oslo.message\":\"{}\"}", "oslo.version" },
	{ "version a number", "{\"oslo.version\":2.0,\"oslo.message\":\"{}\"}", "oslo.version" },
	{ "message not text", "{\"oslo.version\":\"2.0\",\"oslo.message\":{}}", "oslo.message" },
	{ "inner cut short", "{\"oslo.version\":\"2.0\",\"oslo.message\":\"{\\\"method\\\":\"}", "" },
	{ "no method", "{\"args\":{}}", "method" },
	{ "method empty", "{\"method\":\"\"}", "method" },
	{ "NUL in the method", "{\"method\":\"a\\u0000b\"}", "" },
	{ "args a list", "{\"method\":\"m\",\"args\":[]}", "args" },
	{ "reply queue alone", "{\"method\":\"m\",\"_reply_q\":\"q\"}", "_reply_q" },
	{ "message id alone", "{\"method\":\"m\",\"_msg_id\":\"q\"}", "_reply_q" },
	{ "bad UTF-8", "{\"method\":\"m\",\"args\":{\"x\":\"\xff\"}}", "" },
	{ "something after it", "{\"method\":\"m\"}x", "" },
	{ "single quotes", "{'method':'m'}", "" },
};

static void test_refused_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
		const struct refused_case *c = &refused[i];
		g_autoptr(GError) error = NULL;

		print_message("  %s\n", c->label);
		assert_null(nova_envelope_decode_request(c->body, strlen(c->body), DEPTH, &error));
		assert_true(nova_error_is(error, NOVA_FAULT_BAD_REQUEST));
		assert_non_null(strstr(error->message, c->why));
	}
}

static void test_limits(void **state)
{
	g_autofree char *long_name = g_strnfill(256, 'n');
	g_autofree char *long_method = g_strdup_printf("{\"method\":\"%s\"}", long_name);
	g_autofree char *commas = g_strnfill(NOVA_ENVELOPE_MAX_VALUES, ',');
	g_autofree char *many = g_strdup_printf("{\"method\":\"m\",\"args\":{\"x\":[%s", commas);
	g_autofree char *harmless = g_strdup_printf("{\"method\":\"m\",\"args\":{\"x\":\"%s\"}}", commas);
	g_autoptr(nova_rpc_message) accepted = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(nova_envelope_decode_request(long_method, strlen(long_method), DEPTH, NULL));
	assert_null(nova_envelope_decode_request(many, strlen(many), DEPTH, &error));
	assert_non_null(strstr(error->message, "values"));
	accepted = nova_envelope_decode_request(harmless, strlen(harmless), DEPTH, NULL);
	assert_non_null(accepted);
	assert_null(nova_envelope_decode_request("{\"method\":\"m\",\"args\":{\"x\":[[[[]]]]}}", 36, 4, NULL));
}

/* What the decoder cannot use in a context it replaces: a request is not refused for it. */
static void test_odd_contexts(void **state)
{
	static const char body[] = "{\"method\":\"m\",\"_context_user_id\":7,\"_context_is_admin\":\"yes\","
				   "\"_context_request_id\":null,\"_timeout\":\"x\"}";
	g_autoptr(nova_rpc_message) m = nova_envelope_decode_request(body, strlen(body), DEPTH, NULL);

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->context->user_id, "");
	assert_string_equal(m->context->request_id, "");
	assert_false(m->context->is_admin);
	assert_int_equal(m->monitor_s, 0);
	assert_int_equal(json_object_object_length(m->args), 0);
}

/* Flips, cuts and repeats of real bodies: the decoders answer or refuse, and never crash.  The seed is
 * fixed, so a failure can be repeated. */
static void test_mutations(void **state)
{
	static const char *const files[] = {
		"captured-call.json",
		"captured-reply.json",
		"captured-failure.json",
		"captured-beat.json",
	};
	char *seeds[G_N_ELEMENTS(files)];
	g_autoptr(GRand) rand = g_rand_new_with_seed(20231);
	static const char odd[] = "\"\\{}[],:09ae\x80\xff ";
	unsigned accepted = 0;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		seeds[i] = load_body(files[i]);
	for (unsigned n = 0; n < 20000; n++) {
		const char *seed = seeds[n % G_N_ELEMENTS(seeds)];
		size_t length = strlen(seed);
		/* An exact copy on the heap, so that the sanitizers see reads beyond the end. */
		g_autofree char *body = g_memdup2(seed, length);
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_rpc_message) message = NULL;
		g_autoptr(nova_rpc_reply) reply = NULL;

		for (int flips = g_rand_int_range(rand, 0, 4); flips > 0; flips--)
			body[g_rand_int_range(rand, 0, (int)length)] = odd[g_rand_int_range(rand, 0, sizeof(odd))];
		if (g_rand_boolean(rand))
			length = (size_t)g_rand_int_range(rand, 0, (int)length + 1);
		message = nova_envelope_decode_request(body, length, DEPTH, &error);
		assert_true(!message == !!error);
		g_clear_error(&error);
		reply = nova_envelope_decode_reply(body, length, DEPTH, &error);
		assert_true(!reply == !!error);
		accepted += message || reply;
	}
	assert_in_range(accepted, 1000, 19000);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		g_free(seeds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captured_call),
		cmocka_unit_test(test_captured_replies),
		cmocka_unit_test(test_what_we_send),
		cmocka_unit_test(test_failures_both_ways),
		cmocka_unit_test(test_strange_failures),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_odd_contexts),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
