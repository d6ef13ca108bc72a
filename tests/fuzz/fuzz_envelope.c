/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing: a message's body as the broker hands it over, read as a request and as a reply, and the request
 * dispatched to a table of methods like those of the services. */
#include "common/json_auto.h"
#include "fuzz.h"
#include "rpc/dispatch.h"
#include "rpc/doorbell.h"
#include "rpc/envelope.h"
#include "rpc/failure.h"

#include <string.h>

#define MAX_DEPTH 32

static bool run_bell(nova_rpc_request *request, GError **error)
{
	nova_doorbell bell = nova_doorbell_read(request);

	(void)error;
	request->result = json_object_new_int64(bell.operation ^ bell.seq);
	return true;
}

static bool run_any(nova_rpc_request *request, GError **error)
{
	(void)error;
	request->result = json_object_get(request->args);
	return true;
}

static const nova_rpc_method methods[] = {
	{ .name = "live_migration", .kind = NOVA_RPC_CAST, .args = NOVA_DOORBELL_ARGS, .run = run_bell },
	{ .name = "observe_domain", .kind = NOVA_RPC_CALL, .args = NOVA_OBSERVE_DOMAIN_ARGS, .run = run_any },
	{ .name = "ping",
	  .kind = NOVA_RPC_CALL,
	  .since = 1,
	  .args = NOVA_RPC_ARGS({ "arg", NOVA_RPC_ANY, true }, { "number", json_type_double, true }),
	  .run = run_any },
	{ 0 },
};

static const nova_rpc_endpoint endpoints[] = {
	{ .namespace_ = NOVA_RPC_NAMESPACE, .major = 1, .minor = 2, .methods = methods },
	{ .major = 6, .minor = 1, .methods = methods },
};

/* What was read can be written, and reads the same. */
static void read_request_again(const nova_rpc_message *message)
{
	g_autoptr(GBytes) body = nova_envelope_encode_request(message);
	size_t length;
	const void *text = g_bytes_get_data(body, &length);
	g_autoptr(GError) error = NULL;
	/* The inner object of a body that had no outer one is a level deeper now. */
	g_autoptr(nova_rpc_message) again = nova_envelope_decode_request(text, length, MAX_DEPTH + 1, &error);

	if (!again && strstr(error->message, "values"))
		return; /* what is left out of a message may be written in more words than it had */
	fuzz_expect(again);
	fuzz_expect(strcmp(again->method, message->method) == 0);
	fuzz_expect(g_strcmp0(again->namespace_, message->namespace_) == 0);
	fuzz_expect(g_strcmp0(again->msg_id, message->msg_id) == 0);
	fuzz_expect(g_strcmp0(again->reply_queue, message->reply_queue) == 0);
	fuzz_expect(g_strcmp0(again->unique_id, message->unique_id) == 0);
	fuzz_expect(json_object_equal(again->args, message->args));
}

static void as_request(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL, failure = NULL;
	g_autoptr(nova_rpc_message) message = nova_envelope_decode_request(data, size, MAX_DEPTH, &error);
	g_autoptr(json_object) result = NULL;

	fuzz_expect(!message == !!error);
	if (!message)
		return;
	fuzz_expect(message->method && message->args && message->context);
	if (!nova_dispatch(endpoints, G_N_ELEMENTS(endpoints), message, &result, &failure))
		fuzz_expect(failure);
	read_request_again(message);
}

static void as_reply(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_rpc_reply) reply = nova_envelope_decode_reply(data, size, MAX_DEPTH, &error);
	g_autoptr(GBytes) body = NULL;

	fuzz_expect(!reply == !!error);
	if (!reply)
		return;
	fuzz_expect(reply->msg_id);
	fuzz_expect(!reply->failure || strlen(reply->failure->message) <= NOVA_FAILURE_MAX_TEXT + 64);
	body = nova_envelope_encode_reply(reply, "0");
	fuzz_expect(g_bytes_get_size(body) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_request(data, size);
	as_reply(data, size);
	return 0;
}
