/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/client.h"

#include "common/error.h"
#include "rpc/bus_metrics.h"
#include "rpc/bus_parts.h"

#include <string.h>

enum { MAX_KEY = 255 }; /* exchange names and routing keys are AMQP short strings */

static void address(const nova_bus *bus, const nova_rpc_target *target, nova_outgoing *message)
{
	message->mandatory = !target->fanout;
	message->fanout = target->fanout;
	if (target->fanout) {
		message->exchange = g_strconcat(target->topic, "_fanout", NULL);
		message->routing_key = g_strdup("");
		return;
	}
	message->exchange = g_strdup(bus->options.control_exchange);
	message->routing_key = target->server ? g_strconcat(target->topic, ".", target->server, NULL) :
						g_strdup(target->topic);
}

/* The message to queue; NULL when it can never be sent. */
static nova_outgoing *prepare(const nova_bus *bus, const nova_rpc_target *target, nova_rpc_message *fields,
			      GError **error)
{
	nova_outgoing *message = g_new0(nova_outgoing, 1);
	size_t length;
	const char *text;

	message->id = nova_rpc_new_id();
	fields->unique_id = message->id;
	message->body = nova_envelope_encode_request(fields);
	message->call_id = g_strdup(fields->msg_id);
	address(bus, target, message);
	text = g_bytes_get_data(message->body, &length);
	if (length > bus->options.max_body)
		nova_fail(error, NOVA_FAULT_TOO_LARGE, "%s to '%s': the message has %zu bytes, the limit is %zu",
			  fields->method, message->routing_key, length, bus->options.max_body);
	else if (!g_utf8_validate(text, (gssize)length, NULL))
		nova_fail(error, NOVA_FAULT_INTERNAL, "%s to '%s': an argument is no valid UTF-8", fields->method,
			  message->routing_key);
	else if (strlen(message->routing_key) > MAX_KEY || strlen(message->exchange) > MAX_KEY)
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s: topic or host name too long", fields->method);
	else
		return message;
	nova_outgoing_free(message);
	return NULL;
}

static nova_rpc_message request_fields(const nova_rpc_target *target, const char *method, struct json_object *args,
				       const nova_context *context)
{
	return (nova_rpc_message){
		.method = (char *)method,
		.namespace_ = (char *)target->namespace_,
		.version = (char *)target->version,
		.args = args,
		.context = (nova_context *)context,
	};
}

bool nova_rpc_cast(nova_bus *bus, const nova_rpc_target *target, const char *method, struct json_object *args,
		   const nova_context *context, GError **error)
{
	nova_rpc_message fields = request_fields(target, method, args, context);
	nova_outgoing *message = prepare(bus, target, &fields, error);

	if (!message)
		return false;
	if (nova_sender_queue(bus->sender, message, error))
		return true;
	g_prefix_error(error, "cannot send %s to '%s': ", method, target->topic);
	return false;
}

static bool call(nova_bus *bus, const nova_rpc_target *target, nova_rpc_message *fields, int64_t deadline,
		 struct json_object **ret_result, GError **error)
{
	g_autofree char *msg_id = nova_rpc_new_id();
	nova_outgoing *message;
	nova_waiter *waiter;

	if (!nova_replies_ready(bus->replies, deadline, error))
		return false;
	fields->msg_id = msg_id;
	fields->reply_queue = (char *)nova_replies_queue(bus->replies);
	message = prepare(bus, target, fields, error);
	if (!message)
		return false;
	message->expires_usec = deadline;
	waiter = nova_replies_register(bus->replies, msg_id, fields->monitor_s, error);
	if (!waiter) {
		nova_outgoing_free(message);
		return false;
	}
	if (!nova_sender_queue(bus->sender, message, error)) {
		nova_replies_forget(bus->replies, waiter);
		return false;
	}
	return nova_replies_wait(bus->replies, waiter, deadline, ret_result, error);
}

/* Delivery problems are told with whom and what; a remote method's own words are left alone. */
static void explain(const nova_rpc_target *target, const char *method, GError **error)
{
	if (nova_error_is(*error, NOVA_FAULT_MESSAGING) || nova_error_is(*error, NOVA_FAULT_UNDELIVERABLE) ||
	    nova_error_is(*error, NOVA_FAULT_MESSAGING_TIMEOUT))
		g_prefix_error(error, "%s on '%s%s%s': ", method, target->topic, target->server ? "." : "",
			       target->server ? target->server : "");
}

bool nova_rpc_call_monitored(nova_bus *bus, const nova_rpc_target *target, const char *method,
			     struct json_object *args, const nova_context *context, unsigned timeout_ms,
			     unsigned monitor_s, struct json_object **ret_result, GError **error)
{
	int64_t begun_us = g_get_monotonic_time(), deadline = begun_us + (int64_t)timeout_ms * 1000;
	nova_rpc_message fields = request_fields(target, method, args, context);
	GError *failure = NULL;

	if (target->fanout)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s: a fanout cannot be called, it has many answers",
				 method);
	fields.monitor_s = monitor_s;
	call(bus, target, &fields, deadline, ret_result, &failure);
	nova_bus_metrics_count_call(begun_us, failure);
	if (!failure)
		return true;
	explain(target, method, &failure);
	g_propagate_error(error, failure);
	return false;
}

bool nova_rpc_call(nova_bus *bus, const nova_rpc_target *target, const char *method, struct json_object *args,
		   const nova_context *context, unsigned timeout_ms, struct json_object **ret_result, GError **error)
{
	return nova_rpc_call_monitored(bus, target, method, args, context, timeout_ms, 0, ret_result, error);
}
