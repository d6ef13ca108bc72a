/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "common/context.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>

test_broker *the_broker;

enum { PATIENCE_MS = 30000 };

static bool run_echo(nova_rpc_request *request, GError **error)
{
	(void)error;
	request->result = json_object_get(nova_json_find(request->args, "x"));
	return true;
}

static bool run_lite_echo(nova_rpc_request *request, GError **error)
{
	(void)error;
	request->result = json_object_new_array();
	json_object_array_add(request->result, json_object_new_string("lite"));
	json_object_array_add(request->result, json_object_get(nova_json_find(request->args, "x")));
	return true;
}

static bool run_context(nova_rpc_request *request, GError **error)
{
	(void)error;
	request->result = json_object_new_object();
	nova_json_add_str(request->result, "request_id", request->context->request_id);
	nova_json_add_str(request->result, "user_id", request->context->user_id);
	nova_json_add_str(request->result, "project_id", request->context->project_id);
	nova_json_add_bool(request->result, "is_admin", request->context->is_admin);
	return true;
}

static bool run_note(nova_rpc_request *request, GError **error)
{
	test_service *service = request->service;

	(void)error;
	g_mutex_lock(&service->lock);
	g_ptr_array_add(service->noted, nova_json_dup_text(nova_json_find(request->args, "x"), NULL));
	g_mutex_unlock(&service->lock);
	return true;
}

static bool run_notes(nova_rpc_request *request, GError **error)
{
	test_service *service = request->service;

	(void)error;
	request->result = json_object_new_array();
	g_mutex_lock(&service->lock);
	for (size_t i = 0; i < service->noted->len; i++)
		json_object_array_add(request->result, json_tokener_parse(service->noted->pdata[i]));
	g_mutex_unlock(&service->lock);
	return true;
}

static bool run_fail(nova_rpc_request *request, GError **error)
{
	const char *kind = json_object_get_string(nova_json_find(request->args, "kind"));

	if (strcmp(kind, "nova") == 0)
		return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance 42 could not be found.");
	return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED, "this is not built");
}

static bool run_slow(nova_rpc_request *request, GError **error)
{
	(void)error;
	g_usleep((unsigned long)(json_object_get_double(nova_json_find(request->args, "seconds")) * 1e6));
	request->result = json_object_new_string("done");
	return true;
}

static bool run_newer(nova_rpc_request *request, GError **error)
{
	(void)error;
	request->result = json_object_new_string("newer");
	return true;
}

static bool run_broken(nova_rpc_request *request, GError **error)
{
	(void)error;
	/* A Latin-1 byte: no UTF-8, so the answer cannot be sent. */
	request->result = json_object_new_string("\xe9");
	return true;
}

static const nova_rpc_method methods[] = {
	{ .name = "echo", .kind = NOVA_RPC_CALL, .args = NOVA_RPC_ARGS({ "x", NOVA_RPC_ANY, true }), .run = run_echo },
	{ .name = "context", .kind = NOVA_RPC_CALL, .run = run_context },
	{ .name = "note", .kind = NOVA_RPC_CAST, .args = NOVA_RPC_ARGS({ "x", NOVA_RPC_ANY, false }), .run = run_note },
	{ .name = "notes", .kind = NOVA_RPC_CALL, .run = run_notes },
	{
		.name = "fail",
		.kind = NOVA_RPC_CALL,
		.args = NOVA_RPC_ARGS({ "kind", json_type_string, false }),
		.run = run_fail,
	},
	{
		.name = "slow",
		.kind = NOVA_RPC_CALL,
		.args = NOVA_RPC_ARGS({ "seconds", json_type_double, false }),
		.run = run_slow,
	},
	{ .name = "newer", .kind = NOVA_RPC_CALL, .since = 2, .run = run_newer },
	{ .name = "broken", .kind = NOVA_RPC_CALL, .run = run_broken },
	{ 0 },
};

static const nova_rpc_method lite_methods[] = {
	{ .name = "echo",
	  .kind = NOVA_RPC_CALL,
	  .args = NOVA_RPC_ARGS({ "x", NOVA_RPC_ANY, true }),
	  .run = run_lite_echo },
	{ 0 },
};

nova_bus *test_bus_new(const nova_bus_options *overrides)
{
	nova_bus_options options = overrides ? *overrides : (nova_bus_options){ 0 };
	GError *error = NULL;
	nova_bus *bus;

	if (!options.transport_url)
		options.transport_url = test_broker_url(the_broker);
	if (!options.heartbeat_s)
		options.heartbeat_s = 60;
	bus = nova_bus_new(&options, &error);
	if (!bus)
		fail_msg("%s", error->message);
	nova_bus_start(bus);
	assert_true(nova_bus_wait_connected(bus, PATIENCE_MS));
	return bus;
}

test_service *test_service_start(nova_bus *bus, const char *topic, const char *host, unsigned workers)
{
	test_service *service = g_new0(test_service, 1);
	nova_rpc_server_options options = {
		.topic = topic,
		.host = host,
		.endpoints = service->endpoints,
		.n_endpoints = G_N_ELEMENTS(service->endpoints),
		.workers = workers,
		.rpc_ping = true,
	};
	GError *error = NULL;

	g_mutex_init(&service->lock);
	service->noted = g_ptr_array_new_with_free_func(g_free);
	service->endpoints[0] =
		(nova_rpc_endpoint){ .major = 1, .minor = 2, .methods = methods, .service = service };
	service->endpoints[1] = (nova_rpc_endpoint){ .namespace_ = "nova_lite", .major = 1, .methods = lite_methods };
	service->server = nova_rpc_server_start(bus, &options, &error);
	if (!service->server)
		fail_msg("%s", error->message);
	return service;
}

test_service *test_service_new(nova_bus *bus, const char *topic, const char *host, unsigned workers)
{
	test_service *service = test_service_start(bus, topic, host, workers);

	assert_true(nova_rpc_server_wait_listening(service->server, PATIENCE_MS));
	return service;
}

void test_service_free(test_service *service)
{
	nova_rpc_server_free(service->server);
	g_ptr_array_unref(service->noted);
	g_mutex_clear(&service->lock);
	g_free(service);
}

size_t test_service_count(test_service *service, const char *json)
{
	size_t count = 0;

	g_mutex_lock(&service->lock);
	for (size_t i = 0; i < service->noted->len; i++)
		count += !json || strcmp(service->noted->pdata[i], json) == 0;
	g_mutex_unlock(&service->lock);
	return count;
}

void test_wait_until(bool (*check)(void *data), void *data, const char *what)
{
	int64_t deadline = g_get_monotonic_time() + PATIENCE_MS * INT64_C(1000);

	while (!check(data)) {
		if (g_get_monotonic_time() > deadline)
			fail_msg("%s: not within %d ms", what, PATIENCE_MS);
		g_usleep(10000);
	}
}

struct awaited {
	test_service *service;
	const char *json;
	size_t count;
};

static bool has_arrived(void *data)
{
	struct awaited *awaited = data;

	return test_service_count(awaited->service, awaited->json) >= awaited->count;
}

void test_service_wait(test_service *service, const char *json, size_t count)
{
	struct awaited awaited = { service, json, count };
	g_autofree char *what = g_strdup_printf("%zu notes of %s", count, json ? json : "anything");

	test_wait_until(has_arrived, &awaited, what);
}

char *test_call(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args)
{
	g_autoptr(json_object) object = args ? json_tokener_parse(args) : NULL;
	g_autoptr(json_object) result = NULL;
	g_autoptr(GError) error = NULL;

	if (!nova_rpc_call(bus, target, method, object, NULL, PATIENCE_MS, &result, &error))
		fail_msg("%s: %s", method, error->message);
	return result ? nova_json_dup_text(result, NULL) : g_strdup("null");
}

char *test_call_fails(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args,
		      unsigned timeout_ms, nova_fault fault)
{
	g_autoptr(json_object) object = args ? json_tokener_parse(args) : NULL;
	g_autoptr(GError) error = NULL;

	assert_false(nova_rpc_call(bus, target, method, object, NULL, timeout_ms, NULL, &error));
	assert_non_null(error);
	if (!nova_error_is(error, fault))
		fail_msg("%s: %s instead of %s: %s", method, nova_fault_wire_name(nova_error_fault(error)),
			 nova_fault_wire_name(fault), error->message);
	return g_strdup(error->message);
}

void test_cast(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args)
{
	g_autoptr(json_object) object = json_tokener_parse(args);
	g_autoptr(GError) error = NULL;

	if (!nova_rpc_cast(bus, target, method, object, NULL, &error))
		fail_msg("%s: %s", method, error->message);
}

struct raw_sender {
	amqp_connection_state_t state;
};

static void check_raw(amqp_rpc_reply_t reply)
{
	assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
}

raw_sender *raw_sender_new(void)
{
	raw_sender *sender = g_new0(raw_sender, 1);
	amqp_socket_t *socket;

	sender->state = amqp_new_connection();
	socket = amqp_tcp_socket_new(sender->state);
	assert_int_equal(amqp_socket_open(socket, "127.0.0.1", (int)test_broker_port(the_broker)), 0);
	check_raw(amqp_login(sender->state, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"));
	amqp_channel_open(sender->state, 1);
	check_raw(amqp_get_rpc_reply(sender->state));
	return sender;
}

void raw_sender_free(raw_sender *sender)
{
	amqp_connection_close(sender->state, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(sender->state);
	g_free(sender);
}

void raw_send(raw_sender *sender, const raw_message *message)
{
	amqp_basic_properties_t properties = { 0 };

	if (message->content_type) {
		properties._flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
		properties.content_type = amqp_cstring_bytes(message->content_type);
	}
	if (message->content_encoding) {
		properties._flags |= AMQP_BASIC_CONTENT_ENCODING_FLAG;
		properties.content_encoding = amqp_cstring_bytes(message->content_encoding);
	}
	assert_int_equal(amqp_basic_publish(sender->state, 1, amqp_cstring_bytes(message->exchange),
					    amqp_cstring_bytes(message->routing_key), false, false, &properties,
					    (amqp_bytes_t){ message->length, (void *)message->body }),
			 AMQP_STATUS_OK);
}

void raw_make_dead_letters(raw_sender *sender, const char *exchange, const char *queue)
{
	amqp_exchange_declare(sender->state, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes("fanout"), false,
			      false, false, false, amqp_empty_table);
	check_raw(amqp_get_rpc_reply(sender->state));
	amqp_queue_declare(sender->state, 1, amqp_cstring_bytes(queue), false, false, false, false, amqp_empty_table);
	check_raw(amqp_get_rpc_reply(sender->state));
	amqp_queue_bind(sender->state, 1, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange), amqp_empty_bytes,
			amqp_empty_table);
	check_raw(amqp_get_rpc_reply(sender->state));
}

size_t raw_count(raw_sender *sender, const char *queue)
{
	amqp_queue_declare_ok_t *ok = amqp_queue_declare(sender->state, 1, amqp_cstring_bytes(queue), true, false,
							 false, false, amqp_empty_table);

	assert_non_null(ok);
	return ok->message_count;
}
