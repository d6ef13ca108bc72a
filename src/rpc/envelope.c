/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/envelope.h"

#include "common/error.h"
#include "common/json.h"
#include "rpc/failure.h"

#include <string.h>

enum { MAX_NAME = 255 }; /* method, namespace, ids and queue names: an AMQP short string */

void nova_rpc_message_free(nova_rpc_message *message)
{
	if (!message)
		return;
	g_free(message->method);
	g_free(message->namespace_);
	g_free(message->version);
	g_free(message->msg_id);
	g_free(message->reply_queue);
	g_free(message->unique_id);
	json_object_put(message->args);
	nova_context_free(message->context);
	g_free(message);
}

void nova_rpc_reply_free(nova_rpc_reply *reply)
{
	if (!reply)
		return;
	g_free(reply->msg_id);
	json_object_put(reply->result);
	g_clear_error(&reply->failure);
	g_free(reply);
}

char *nova_rpc_new_id(void)
{
	g_autofree char *uuid = g_uuid_string_random();
	char *to = uuid;

	for (const char *from = uuid; *from; from++)
		if (*from != '-')
			*to++ = *from;
	*to = '\0';
	return g_steal_pointer(&uuid);
}

static GBytes *wrap(json_object *inner)
{
	g_autoptr(json_object) outer = json_object_new_object();
	size_t length;
	char *text;

	nova_json_add_str(outer, "oslo.version", "2.0");
	nova_json_add_str(outer, "oslo.message", nova_json_text(inner));
	text = nova_json_dup_text(outer, &length);
	return g_bytes_new_take(text, length);
}

/* The keys of Nova's and oslo.context's own contexts that mean something here. */
static void add_context(json_object *object, const nova_context *context)
{
	nova_json_add_str(object, "_context_request_id", context->request_id);
	nova_json_add_str(object, "_context_user_id", *context->user_id ? context->user_id : NULL);
	nova_json_add_str(object, "_context_project_id", *context->project_id ? context->project_id : NULL);
	nova_json_add_bool(object, "_context_is_admin", context->is_admin);
}

GBytes *nova_envelope_encode_request(const nova_rpc_message *message)
{
	g_autoptr(json_object) object = json_object_new_object();

	nova_json_add_str(object, "method", message->method);
	nova_json_add(object, "args", message->args ? json_object_get(message->args) : json_object_new_object());
	nova_json_add_str(object, "version", message->version ? message->version : "1.0");
	if (message->namespace_)
		nova_json_add_str(object, "namespace", message->namespace_);
	if (message->msg_id) {
		nova_json_add_str(object, "_msg_id", message->msg_id);
		nova_json_add_str(object, "_reply_q", message->reply_queue);
		nova_json_add(object, "_timeout",
			      message->monitor_s ? json_object_new_int64(message->monitor_s) : NULL);
	}
	if (message->unique_id)
		nova_json_add_str(object, "_unique_id", message->unique_id);
	if (message->context)
		add_context(object, message->context);
	return wrap(object);
}

GBytes *nova_envelope_encode_reply(const nova_rpc_reply *reply, const char *unique_id)
{
	g_autoptr(json_object) object = json_object_new_object();
	g_autofree char *failure = reply->failure ? nova_failure_encode(reply->failure) : NULL;

	nova_json_add(object, "result", reply->failure ? NULL : json_object_get(reply->result));
	nova_json_add_str(object, "failure", failure);
	nova_json_add_bool(object, "ending", reply->ending);
	nova_json_add_str(object, "_msg_id", reply->msg_id);
	nova_json_add_str(object, "_unique_id", unique_id);
	return wrap(object);
}

/* An upper bound of the values in the text: what opens or separates one, outside strings. */
static size_t count_values(const char *text, size_t length)
{
	size_t values = 1;
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{' || c == ','))
			values++;
	}
	return values;
}

static json_object *parse_object(const char *text, size_t length, unsigned max_depth, GError **error)
{
	g_autoptr(json_object) object = NULL;

	if (count_values(text, length) > NOVA_ENVELOPE_MAX_VALUES) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "JSON with more than %d values", NOVA_ENVELOPE_MAX_VALUES);
		return NULL;
	}
	object = nova_json_parse(text, length, max_depth, error);
	if (object && json_object_is_type(object, json_type_object))
		return g_steal_pointer(&object);
	if (object)
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "JSON that is no object");
	else if (error && !*error)
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "JSON that is null");
	return NULL;
}

/* The inner object of a body. */
static json_object *unwrap(const void *body, size_t length, unsigned max_depth, GError **error)
{
	g_autoptr(json_object) outer = parse_object(body, length, max_depth, error);
	json_object *inner = NULL, *version = NULL;

	if (!outer)
		return NULL;
	if (!json_object_object_get_ex(outer, "oslo.message", &inner))
		return g_steal_pointer(&outer);
	json_object_object_get_ex(outer, "oslo.version", &version);
	if (!json_object_is_type(version, json_type_string) || strcmp(json_object_get_string(version), "2.0") != 0) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "oslo.version is not \"2.0\"");
		return NULL;
	}
	if (!json_object_is_type(inner, json_type_string)) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "oslo.message is no string");
		return NULL;
	}
	return parse_object(json_object_get_string(inner), (size_t)json_object_get_string_len(inner), max_depth,
			    error);
}

/* Absent and null give NULL. */
static bool get_name(json_object *object, const char *key, char **ret_value, GError **error)
{
	const char *value;

	if (!nova_json_opt_str(object, key, NULL, &value, error))
		return false;
	if (value && (!*value || strlen(value) > MAX_NAME))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' is not 1 to %d bytes long", key, MAX_NAME);
	*ret_value = g_strdup(value);
	return true;
}

static bool get_object(json_object *object, const char *key, json_object **ret_value, GError **error)
{
	json_object *value = nova_json_find(object, key);

	if (value && !json_object_is_type(value, json_type_object))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' is no object", key);
	*ret_value = value ? json_object_get(value) : json_object_new_object();
	return true;
}

/* A context is for reading and logging only: odd values in it are not worth refusing the request. */
static const char *context_text(json_object *object, const char *key)
{
	const char *value;

	if (!nova_json_opt_str(object, key, "", &value, NULL) || strlen(value) > MAX_NAME)
		return "";
	return value;
}

static nova_context *read_context(json_object *object)
{
	bool is_admin;

	if (!nova_json_opt_bool(object, "_context_is_admin", false, &is_admin, NULL))
		is_admin = false;
	return nova_context_new_with_id(context_text(object, "_context_request_id"),
					context_text(object, "_context_user_id"),
					context_text(object, "_context_project_id"), is_admin);
}

nova_rpc_message *nova_envelope_decode_request(const void *body, size_t length, unsigned max_depth,
					       GError **error)
{
	g_autoptr(nova_rpc_message) message = g_new0(nova_rpc_message, 1);
	g_autoptr(json_object) object = unwrap(body, length, max_depth, error);
	json_object *monitor;

	if (!object || !get_name(object, "method", &message->method, error) ||
	    !get_name(object, "namespace", &message->namespace_, error) ||
	    !get_name(object, "version", &message->version, error) ||
	    !get_name(object, "_msg_id", &message->msg_id, error) ||
	    !get_name(object, "_reply_q", &message->reply_queue, error) ||
	    !get_name(object, "_unique_id", &message->unique_id, error) ||
	    !get_object(object, "args", &message->args, error))
		return NULL;
	if (!message->method) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'method' is missing");
		return NULL;
	}
	if (!message->msg_id != !message->reply_queue) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'_msg_id' and '_reply_q' belong together, one is missing");
		return NULL;
	}
	monitor = nova_json_find(object, "_timeout");
	if (monitor && json_object_get_int64(monitor) > 0)
		message->monitor_s = (unsigned)MIN(json_object_get_int64(monitor), INT32_MAX);
	message->context = read_context(object);
	return g_steal_pointer(&message);
}

nova_rpc_reply *nova_envelope_decode_reply(const void *body, size_t length, unsigned max_depth,
					   GError **error)
{
	g_autoptr(nova_rpc_reply) reply = g_new0(nova_rpc_reply, 1);
	g_autoptr(json_object) object = unwrap(body, length, max_depth, error);
	json_object *failure;

	if (!object || !get_name(object, "_msg_id", &reply->msg_id, error))
		return NULL;
	if (!reply->msg_id) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'_msg_id' is missing");
		return NULL;
	}
	failure = nova_json_find(object, "failure");
	if (failure)
		/* A string by the format; whatever else it is, it means that the call failed. */
		reply->failure = nova_failure_decode(json_object_get_string(failure), max_depth);
	else
		reply->result = json_object_get(nova_json_find(object, "result"));
	reply->ending = json_object_get_boolean(nova_json_find(object, "ending"));
	return g_steal_pointer(&reply);
}
