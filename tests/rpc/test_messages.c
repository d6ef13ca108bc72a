/* SPDX-License-Identifier: Apache-2.0
 *
 * C with C: fanout, limits, acknowledgement, doorbells, orderly stop, and messages no honest peer sends.
 */
#include "fixture.h"

#include "common/context.h"
#include "rpc/doorbell.h"

#define JSON_TYPE "application/json"

/* Wraps an inner message as oslo does. */
static char *envelope(const char *inner)
{
	g_autoptr(json_object) object = json_object_new_object();

	nova_json_add_str(object, "oslo.version", "2.0");
	nova_json_add_str(object, "oslo.message", inner);
	return nova_json_dup_text(object, NULL);
}

static void send_text(raw_sender *sender, const char *type, const char *encoding, const char *body)
{
	raw_send(sender, &(raw_message){ "nova", "malformed", type, encoding, body, strlen(body) });
}

static void send_inner(raw_sender *sender, const char *inner)
{
	g_autofree char *body = envelope(inner);

	send_text(sender, JSON_TYPE, "utf-8", body);
}

static size_t send_bad_types(raw_sender *sender)
{
	g_autofree char *good = envelope("{\"method\":\"note\",\"args\":{\"x\":\"bad\"}}");

	send_text(sender, NULL, NULL, good);
	send_text(sender, "application/octet-stream", "binary", good);
	send_text(sender, "application/x-python-serialize", "binary", good);
	send_text(sender, JSON_TYPE, "utf-16", good);
	return 4;
}

static size_t send_bad_bodies(raw_sender *sender)
{
	static const char *const bodies[] = {
		"",
		"{",
		"null",
		"[]",
		"17",
		"{}",
		"\xff\xfe",
		"{\"oslo.version\":\"2.0\",\"oslo.message\":\"{\"}",
		"{\"oslo.version\":\"2.0\",\"oslo.message\":\"null\"}",
		"{\"oslo.version\":\"2.0\",\"oslo.message\":{\"method\":\"note\"}}",
		"{\"oslo.version\":\"3.0\",\"oslo.message\":\"{\\\"method\\\":\\\"notes\\\"}\"}",
		"{\"oslo.message\":\"{\\\"method\\\":\\\"notes\\\"}\"}",
		"{\"method\":\"notes\"} trailing",
		"{\"method\":\"note\",\"args\":{\"x\":\"\xc3\"}}",
	};
	static const char *const inner[] = {
		"{}",
		"{\"args\":{}}",
		"{\"method\":null}",
		"{\"method\":7}",
		"{\"method\":\"\"}",
		"{\"method\":\"notes\",\"args\":[]}",
		"{\"method\":\"notes\",\"args\":7}",
		"{\"method\":\"notes\",\"version\":1}",
		"{\"method\":\"notes\",\"_msg_id\":\"1\"}",
		"{\"method\":\"notes\",\"_reply_q\":\"1\"}",
		"{\"method\":\"notes\",\"_unique_id\":[]}",
		"{\"method\":\"notes\",\"namespace\":{}}",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++)
		send_text(sender, JSON_TYPE, "utf-8", bodies[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(inner); i++)
		send_inner(sender, inner[i]);
	return G_N_ELEMENTS(bodies) + G_N_ELEMENTS(inner);
}

static size_t send_big_ones(raw_sender *sender)
{
	g_autofree char *huge = g_malloc(3 << 20);
	g_autofree char *deep = g_malloc(100001);
	g_autofree char *many = g_strnfill(600000, ',');
	g_autofree char *deep_args = NULL;
	g_autofree char *many_args = g_strdup_printf("{\"method\":\"note\",\"args\":{\"x\":[%s]}}", many);

	memset(huge, 'x', 3 << 20);
	raw_send(sender, &(raw_message){ "nova", "malformed", JSON_TYPE, "utf-8", huge, 3 << 20 });
	memset(deep, '[', 100000);
	deep[100000] = '\0';
	send_text(sender, JSON_TYPE, "utf-8", deep);
	deep[1000] = '\0';
	deep_args = g_strdup_printf("{\"method\":\"note\",\"args\":{\"x\":%s", deep);
	send_inner(sender, deep_args);
	send_inner(sender, many_args);
	return 4;
}

static bool all_rejected(void *data)
{
	nova_bus_stats stats;
	nova_bus *bus = *(nova_bus **)data;
	size_t want = ((size_t *)data)[1];

	nova_bus_get_stats(bus, &stats);
	assert_true(stats.rejected <= want);
	return stats.rejected == want;
}

/* Each is rejected, ends among the dead letters, and the server lives on. */
static void test_malformed_messages(void **state)
{
	nova_bus *bus = test_bus_new(&(nova_bus_options){ .dead_letter_exchange = "dead" });
	test_service *service;
	raw_sender *sender = raw_sender_new();
	nova_rpc_target target = { .topic = "malformed" };
	g_autofree char *good = envelope("{\"method\":\"note\",\"args\":{\"x\":\"good\"},\"unknown\":[1]}");
	struct {
		nova_bus *bus;
		size_t want;
	} want = { bus, 0 };
	nova_bus_stats stats;

	(void)state;
	raw_make_dead_letters(sender, "dead", "dead-letters");
	service = test_service_new(bus, "malformed", "host1", 4);
	want.want = send_bad_types(sender) + send_bad_bodies(sender) + send_big_ones(sender);
	send_text(sender, JSON_TYPE, "utf-8", good);
	send_text(sender, JSON_TYPE, NULL, "{\"method\":\"note\",\"args\":{\"x\":\"bare\"}}");
	test_service_wait(service, "\"good\"", 1);
	test_service_wait(service, "\"bare\"", 1);
	test_wait_until(all_rejected, &want, "all malformed messages rejected");
	assert_int_equal(test_service_count(service, NULL), 2);
	g_free(test_call(bus, &target, "notes", NULL));
	nova_bus_get_stats(bus, &stats);
	assert_int_equal(stats.connects, 1);
	assert_int_equal(raw_count(sender, "dead-letters"), want.want);
	raw_sender_free(sender);
	test_service_free(service);
	nova_bus_free(bus);
}

/* Answers nobody can read or nobody waits for. */
static void test_malformed_replies(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "replies", "host1", 4);
	raw_sender *sender = raw_sender_new();
	nova_rpc_target target = { .topic = "replies" };
	g_autofree char *queues = NULL;
	g_auto(GStrv) lines = NULL;
	static const char *const bodies[] = { "", "{", "{\"result\":1}", "{\"_msg_id\":\"strange\",\"ending\":true}" };
	nova_bus_stats stats;
	size_t sent = 0;

	(void)state;
	g_free(test_call(bus, &target, "notes", NULL));
	queues = test_broker_ctl(the_broker, "list_queues", "name", NULL, NULL);
	lines = g_strsplit(queues, "\n", -1);
	for (char **line = lines; *line; line++)
		for (size_t i = 0; g_str_has_prefix(*line, "reply_") && i < G_N_ELEMENTS(bodies); i++) {
			raw_send(sender, &(raw_message){ "", *line, JSON_TYPE, "utf-8", bodies[i], strlen(bodies[i]) });
			sent++;
		}
	assert_true(sent >= G_N_ELEMENTS(bodies));
	raw_sender_free(sender);
	for (int i = 0; i < 100; i++) {
		g_free(test_call(bus, &target, "notes", NULL));
		nova_bus_get_stats(bus, &stats);
		if (stats.rejected == 3 && stats.late_replies == 1)
			break;
		g_usleep(10000);
	}
	assert_int_equal(stats.rejected, 3);
	assert_int_equal(stats.late_replies, 1);
	test_service_free(service);
	nova_bus_free(bus);
}

/* Two copies of one message, as a sender makes them that lost its connection. */
static void test_duplicates_run_once(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "twice", "host1", 4);
	raw_sender *sender = raw_sender_new();
	g_autofree char *body = envelope("{\"method\":\"note\",\"args\":{\"x\":1},\"_unique_id\":\"same\"}");
	g_autofree char *last = envelope("{\"method\":\"note\",\"args\":{\"x\":2},\"_unique_id\":\"other\"}");
	nova_bus_stats stats;

	(void)state;
	for (int i = 0; i < 3; i++)
		raw_send(sender, &(raw_message){ "nova", "twice", JSON_TYPE, "utf-8", body, strlen(body) });
	raw_send(sender, &(raw_message){ "nova", "twice", JSON_TYPE, "utf-8", last, strlen(last) });
	test_service_wait(service, "2", 1);
	assert_int_equal(test_service_count(service, "1"), 1);
	nova_bus_get_stats(bus, &stats);
	assert_int_equal(stats.duplicates, 2);
	raw_sender_free(sender);
	test_service_free(service);
	nova_bus_free(bus);
}

static void test_fanout_reaches_all(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	nova_rpc_target all = { .topic = "fan", .fanout = true };
	test_service *first, *second;
	g_autoptr(GError) error = NULL;

	(void)state;
	/* Nobody there yet: no error, and the connection survives it. */
	test_cast(bus, &all, "note", "{\"x\":0}");
	first = test_service_new(bus, "fan", "host1", 1);
	second = test_service_new(bus, "fan", "host2", 1);
	for (int i = 1; i <= 20; i++)
		test_cast(bus, &all, "note", "{\"x\":1}");
	test_service_wait(first, "1", 20);
	test_service_wait(second, "1", 20);
	assert_int_equal(test_service_count(first, NULL), 20);
	assert_false(nova_rpc_call(bus, &all, "notes", NULL, NULL, 1000, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_BAD_REQUEST));
	test_service_free(first);
	test_service_free(second);
	nova_bus_free(bus);
}

static void test_limits(void **state)
{
	nova_bus *bus = test_bus_new(&(nova_bus_options){ .max_body = 10000 });
	test_service *service = test_service_new(bus, "limits", "host1", 1);
	nova_rpc_target target = { .topic = "limits" };
	g_autofree char *big = g_strnfill(10000, 'x');
	g_autofree char *args = g_strdup_printf("{\"x\":\"%s\"}", big);
	g_autofree char *long_host = g_strnfill(300, 'h');
	nova_rpc_target too_long = { .topic = "limits", .server = long_host };
	char *texts[6];
	g_autoptr(json_object) latin1 = json_object_new_object();
	g_autoptr(GError) error = NULL;

	(void)state;
	texts[0] = test_call_fails(bus, &target, "echo", args, 5000, NOVA_FAULT_TOO_LARGE);
	texts[1] = test_call_fails(bus, &too_long, "echo", "{}", 5000, NOVA_FAULT_BAD_REQUEST);
	texts[2] = test_call_fails(bus, &target, "broken", "{}", 5000, NOVA_FAULT_INTERNAL);
	assert_non_null(strstr(texts[2], "UTF-8"));
	texts[3] = test_call_fails(bus, &target, "slow", "{\"seconds\":\"1\"}", 5000, NOVA_FAULT_BAD_REQUEST);
	texts[4] = test_call_fails(bus, &target, "_x", "{}", 5000, NOVA_FAULT_NO_SUCH_METHOD);
	texts[5] = test_call(bus, &target, "notes", NULL);
	nova_json_add_str(latin1, "x", "\xe9");
	assert_false(nova_rpc_cast(bus, &target, "note", latin1, NULL, &error));
	assert_non_null(strstr(error->message, "UTF-8"));
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	test_service_free(service);
	nova_bus_free(bus);
}

struct caller {
	nova_bus *bus;
	int number, calls;
};

static void *call_often(void *data)
{
	struct caller *caller = data;
	nova_rpc_target target = { .topic = "many", .server = "host1" };

	for (int i = 0; i < 200; i++) {
		g_autofree char *args = g_strdup_printf("{\"x\":[%d,%d]}", caller->number, i);
		g_autofree char *want = g_strdup_printf("[%d,%d]", caller->number, i);
		g_autoptr(json_object) object = json_tokener_parse(args);
		g_autoptr(json_object) result = NULL;

		if (nova_rpc_call(caller->bus, &target, "echo", object, NULL, 15000, &result, NULL) &&
		    strcmp(nova_json_text(result), want) == 0)
			caller->calls++;
	}
	return NULL;
}

static void test_many_callers(void **state)
{
	nova_bus *client = test_bus_new(NULL);
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "many", "host1", 4);
	struct caller callers[8];
	GThread *threads[8];
	int64_t begun = g_get_monotonic_time();

	(void)state;
	for (int i = 0; i < 8; i++) {
		callers[i] = (struct caller){ client, i, 0 };
		threads[i] = g_thread_new("caller", call_often, &callers[i]);
	}
	for (int i = 0; i < 8; i++) {
		g_thread_join(threads[i]);
		assert_int_equal(callers[i].calls, 200);
	}
	print_message("  8 callers: %.0f calls/s\n", 1600e6 / (double)(g_get_monotonic_time() - begun));
	test_service_free(service);
	nova_bus_free(bus);
	nova_bus_free(client);
}

/* What no worker took goes back to the broker, and the next server gets it; what runs is not run again. */
static void test_stop_hands_back(void **state)
{
	nova_bus *client = test_bus_new(NULL);
	nova_bus *first_bus = test_bus_new(NULL), *second_bus = test_bus_new(NULL);
	test_service *first = test_service_new(first_bus, "handback", "host1", 1);
	test_service *second;
	nova_rpc_target target = { .topic = "handback" };

	(void)state;
	test_cast(client, &target, "slow", "{\"seconds\":1.0}");
	for (int i = 0; i < 5; i++)
		test_cast(client, &target, "note", "{\"x\":1}");
	g_usleep(300000);
	/* The running handler needs longer: not drained in time, but waited for by free. */
	assert_false(nova_rpc_server_stop(first->server, 100));
	second = test_service_new(second_bus, "handback", "host2", 1);
	test_service_wait(second, "1", 5);
	assert_int_equal(test_service_count(first, NULL), 0);
	test_service_free(first);
	test_service_free(second);
	nova_bus_free(first_bus);
	nova_bus_free(second_bus);
	nova_bus_free(client);
}

/* A handler that is longer than the caller's patience between signs of life; and a server that dies. */
static void test_monitored_call(void **state)
{
	nova_bus *client = test_bus_new(NULL);
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "monitored", "host1", 1);
	nova_rpc_target target = { .topic = "monitored" };
	g_autoptr(json_object) args = json_tokener_parse("{\"seconds\":3.5}");
	g_autoptr(json_object) result = NULL;
	g_autoptr(GError) error = NULL;
	int64_t begun;

	(void)state;
	if (!nova_rpc_call_monitored(client, &target, "slow", args, NULL, 15000, 2, &result, &error))
		fail_msg("%s", error->message);
	test_service_free(service);
	/* Its queue is still there, nobody listens: given up after the 2 s of silence, not after 15. */
	begun = g_get_monotonic_time();
	assert_false(nova_rpc_call_monitored(client, &target, "slow", args, NULL, 15000, 2, NULL, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_MESSAGING_TIMEOUT));
	assert_in_range(g_get_monotonic_time() - begun, 1800000, 5000000);
	nova_bus_free(bus);
	nova_bus_free(client);
}

struct rung {
	int64_t operation, seq;
	char request_id[64];
	bool rolled_back;
};

static bool run_bell(nova_rpc_request *request, GError **error)
{
	struct rung *rung = request->service;
	nova_doorbell bell = nova_doorbell_read(request);

	(void)error;
	g_strlcpy(rung->request_id, request->context->request_id, sizeof(rung->request_id));
	rung->rolled_back = request->is_call;
	rung->seq = bell.seq;
	__atomic_store_n(&rung->operation, bell.operation, __ATOMIC_RELEASE);
	return true;
}

static bool run_observe(nova_rpc_request *request, GError **error)
{
	nova_domain_report report = {
		.state = (char *)"paused_user", .token = (char *)"t-1", .operation = 9, .job = true
	};
	const char *instance;

	if (!nova_json_get_str(request->args, "instance", &instance, error))
		return false;
	if (strcmp(instance, "unknown") == 0)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "libvirt does not answer");
	request->result = nova_domain_report_to_json(&report);
	return true;
}

static const nova_rpc_method bell_methods[] = {
	{ .name = "live_migration", .kind = NOVA_RPC_CAST, .args = NOVA_DOORBELL_ARGS, .run = run_bell },
	{ .name = NOVA_RPC_ROLLBACK_DESTINATION, .kind = NOVA_RPC_CALL, .args = NOVA_DOORBELL_ARGS, .run = run_bell },
	{ .name = NOVA_RPC_OBSERVE_DOMAIN,
	  .kind = NOVA_RPC_CALL,
	  .args = NOVA_OBSERVE_DOMAIN_ARGS,
	  .run = run_observe },
	{ 0 },
};

static bool has_rung(void *data)
{
	return __atomic_load_n((int64_t *)data, __ATOMIC_ACQUIRE) != 0;
}

static void test_doorbells(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	struct rung rung = { 0 };
	nova_rpc_endpoint endpoint = {
		.namespace_ = NOVA_RPC_NAMESPACE,
		.major = NOVA_RPC_VERSION_MAJOR,
		.minor = NOVA_RPC_VERSION_MINOR,
		.methods = bell_methods,
		.service = &rung,
	};
	nova_rpc_server_options options = {
		.topic = NOVA_RPC_TOPIC_COMPUTE, .host = "HostB", .endpoints = &endpoint, .n_endpoints = 1,
	};
	g_autoptr(nova_rpc_server) server = nova_rpc_server_start(bus, &options, NULL);
	g_autoptr(nova_context) context = nova_context_new_with_id("req-7", NULL, NULL, true);
	g_auto(nova_domain_report) report = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(nova_rpc_server_wait_listening(server, 15000));
	assert_true(
		nova_doorbell_ring(bus, "compute", "HostB", "live_migration", INT64_C(5000000000), 3, context, NULL));
	test_wait_until(has_rung, &rung.operation, "the doorbell");
	assert_true(rung.operation == INT64_C(5000000000) && rung.seq == 3 && !rung.rolled_back);
	assert_string_equal(rung.request_id, "req-7");
	rung.operation = 0;
	assert_true(nova_doorbell_ring_all(bus, "compute", "live_migration", 2, 4, context, NULL));
	test_wait_until(has_rung, &rung.operation, "the doorbell for all");
	assert_true(nova_rpc_rollback_destination(bus, "HostB", 8, 5, context, 5000, NULL));
	assert_true(rung.operation == 8 && rung.rolled_back);
	assert_true(nova_rpc_observe_domain(bus, "HostB", "known", context, 5000, &report, NULL));
	assert_string_equal(report.state, "paused_user");
	assert_string_equal(report.token, "t-1");
	assert_null(report.reason);
	assert_true(report.operation == 9 && report.job);
	assert_false(nova_rpc_observe_domain(bus, "HostB", "unknown", context, 5000, &report, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_HYPERVISOR));
	assert_string_equal(error->message, "libvirt does not answer");
	g_clear_pointer(&server, nova_rpc_server_free);
	nova_bus_free(bus);
}

/* A stopped service leaves neither fanout nor reply queue. */
static void test_tidy_stop(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "tidy", "host1", 1);
	nova_rpc_target target = { .topic = "tidy" };
	g_autofree char *queues = NULL;

	(void)state;
	g_free(test_call(bus, &target, "notes", NULL));
	test_service_free(service);
	nova_bus_free(bus);
	queues = test_broker_ctl(the_broker, "list_queues", "name", NULL, NULL);
	assert_non_null(strstr(queues, "tidy.host1"));
	assert_null(strstr(queues, "tidy_fanout_"));
	assert_null(strstr(queues, "reply_"));
}

int run_message_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_callers),
		cmocka_unit_test(test_malformed_messages),
		cmocka_unit_test(test_malformed_replies),
		cmocka_unit_test(test_duplicates_run_once),
		cmocka_unit_test(test_fanout_reaches_all),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_monitored_call),
		cmocka_unit_test(test_stop_hands_back),
		cmocka_unit_test(test_doorbells),
		cmocka_unit_test(test_tidy_stop),
	};

	return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
