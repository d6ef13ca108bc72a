/* SPDX-License-Identifier: Apache-2.0
 *
 * Both ways with real oslo.messaging peers: oslo_peer.py as client of a C server, then as server.
 */
#include "fixture.h"

#include "common/context.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct oslo_peer {
	GPid pid;
	int input;
	FILE *output;
} oslo_peer;

static oslo_peer start_peer(const char *role, const char *topic, const char *host)
{
	const char *argv[] = {
		"/usr/bin/python3",
		TEST_SRCDIR "/tests/rpc/oslo_peer.py",
		role,
		test_broker_url(the_broker),
		topic,
		host,
		NULL,
	};
	/* A Python server writes a traceback for every failure it is asked for. */
	GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD |
			    (strcmp(role, "server") == 0 ? G_SPAWN_STDERR_TO_DEV_NULL : G_SPAWN_DEFAULT);
	GError *error = NULL;
	oslo_peer peer;
	int output;

	if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL, flags, NULL, NULL, &peer.pid,
				      &peer.input, &output, NULL, &error))
		fail_msg("%s", error->message);
	peer.output = fdopen(output, "r");
	return peer;
}

static int end_peer(oslo_peer *peer)
{
	int status;

	close(peer->input);
	fclose(peer->output);
	assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
	return status;
}

static void test_python_client(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "pyclient", "host1", 8);
	oslo_peer peer = start_peer("client", "pyclient", "host1");
	char line[256];
	size_t checks = 0;

	(void)state;
	while (fgets(line, sizeof(line), peer.output)) {
		print_message("  %s", line);
		checks += g_str_has_prefix(line, "ok ");
	}
	assert_int_equal(end_peer(&peer), 0);
	assert_int_equal(checks, 18);
	assert_int_equal(test_service_count(service, "\"cast\""), 1);
	assert_int_equal(test_service_count(service, "\"fanout\""), 1);
	test_service_free(service);
	nova_bus_free(bus);
}

static void expect_result(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args,
			  const char *want)
{
	g_autofree char *result = test_call(bus, target, method, args);

	assert_string_equal(result, want);
}

static void expect_fault(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args,
			 nova_fault fault, const char *text)
{
	g_autofree char *message = test_call_fails(bus, target, method, args, 10000, fault);

	if (!strstr(message, text))
		fail_msg("'%s' is not in '%s'", text, message);
}

static void check_calls(nova_bus *bus)
{
	nova_rpc_target topic = { .topic = "pyserver", .version = "1.0" };
	nova_rpc_target host = { .topic = "pyserver", .server = "host1", .version = "1.2" };
	nova_rpc_target lite = { .topic = "pyserver", .namespace_ = "nova_lite" };
	nova_rpc_target newer = { .topic = "pyserver", .version = "1.3" };
	nova_rpc_target other = { .topic = "pyserver", .namespace_ = "strange" };

	expect_result(bus, &topic, "echo", "{\"x\":{\"a\":[1,2.5,null,\"\xc3\xa9\"]}}",
		      "{\"a\":[1,2.5,null,\"\xc3\xa9\"]}");
	expect_result(bus, &host, "echo", "{\"x\":\"h\"}", "\"h\"");
	expect_result(bus, &lite, "echo", "{\"x\":1}", "[\"lite\",1]");
	expect_result(bus, &topic, "echo", "{\"x\":null}", "null");
	expect_result(bus, &topic, "oslo_rpc_server_ping", NULL, "\"pong\"");
	expect_fault(bus, &topic, "fail", "{\"kind\":\"nova\"}", NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance 42");
	expect_fault(bus, &topic, "fail", "{\"kind\":\"builtin\"}", NOVA_FAULT_INTERNAL, "ValueError: bad thing");
	expect_fault(bus, &topic, "nothing", NULL, NOVA_FAULT_NO_SUCH_METHOD, "nothing");
	expect_fault(bus, &newer, "echo", "{\"x\":1}", NOVA_FAULT_UNSUPPORTED_VERSION, "1.3");
	expect_fault(bus, &other, "echo", "{\"x\":1}", NOVA_FAULT_UNSUPPORTED_VERSION, "echo");
}

static void check_context(nova_bus *bus)
{
	nova_rpc_target topic = { .topic = "pyserver" };
	g_autoptr(nova_context) context = nova_context_new_with_id("req-1", "u1", "p1", true);
	g_autoptr(json_object) result = NULL;

	assert_true(nova_rpc_call(bus, &topic, "context", NULL, context, 5000, &result, NULL));
	assert_string_equal(nova_json_text(result),
			    "{\"request_id\":\"req-1\",\"user_id\":\"u1\",\"project_id\":\"p1\",\"is_admin\":true}");
}

static void check_casts(nova_bus *bus)
{
	nova_rpc_target host = { .topic = "pyserver", .server = "host1" };
	nova_rpc_target all = { .topic = "pyserver", .fanout = true };
	g_autofree char *notes = NULL;

	test_cast(bus, &host, "note", "{\"x\":\"cast\"}");
	test_cast(bus, &all, "note", "{\"x\":\"fanout\"}");
	for (int i = 0; i < 100 && g_strcmp0(notes, "[\"cast\",\"fanout\"]") != 0; i++) {
		g_free(notes);
		g_usleep(20000);
		notes = test_call(bus, &host, "notes", NULL);
	}
	if (strcmp(notes, "[\"cast\",\"fanout\"]") != 0 && strcmp(notes, "[\"fanout\",\"cast\"]") != 0)
		fail_msg("Python heard %s", notes);
}

static void check_time(nova_bus *bus)
{
	nova_rpc_target topic = { .topic = "pyserver" };
	nova_rpc_target nobody = { .topic = "pyserver", .server = "nobody" };
	g_autoptr(json_object) args = json_tokener_parse("{\"seconds\": 4.5}");
	g_autoptr(json_object) result = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	int64_t begun;

	text = test_call_fails(bus, &topic, "slow", "{\"seconds\":2}", 700, NOVA_FAULT_MESSAGING_TIMEOUT);
	assert_non_null(strstr(text, "slow on 'pyserver'"));
	begun = g_get_monotonic_time();
	expect_fault(bus, &nobody, "echo", "{\"x\":1}", NOVA_FAULT_UNDELIVERABLE, "pyserver.nobody");
	assert_true(g_get_monotonic_time() - begun < 2000000);
	/* Silence of 2 s would end it: Python's signs of life keep it going.  Last, because it is still
	 * under way when the late answer of the call that timed out comes: a Python server would hold
	 * that for a minute for a reply queue that is gone. */
	if (!nova_rpc_call_monitored(bus, &topic, "slow", args, NULL, 20000, 2, &result, &error))
		fail_msg("%s", error->message);
	assert_string_equal(json_object_get_string(result), "done");
}

static void test_python_server(void **state)
{
	oslo_peer peer = start_peer("server", "pyserver", "host1");
	nova_bus *bus = test_bus_new(NULL);
	char line[64];

	(void)state;
	assert_non_null(fgets(line, sizeof(line), peer.output));
	assert_string_equal(line, "ready\n");
	check_calls(bus);
	check_context(bus);
	check_casts(bus);
	check_time(bus);
	nova_bus_free(bus);
	assert_int_equal(end_peer(&peer), 0);
}

int run_oslo_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_python_client),
		cmocka_unit_test(test_python_server),
	};

	return cmocka_run_group_tests_name("oslo.messaging peers", tests, NULL, NULL);
}
