/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reply.h"

#include "common/json.h"

static void set_body(nova_http_reply *reply, json_object *body, const char *type)
{
	g_clear_pointer(&reply->body, g_free);
	reply->body = nova_json_dup_text(body, &reply->body_size);
	nova_http_reply_header(reply, "Content-Type", type);
	json_object_put(body);
}

bool nova_reply_json(nova_request *r, unsigned status, json_object *body)
{
	r->reply->status = status;
	set_body(r->reply, body, "application/json");
	return true;
}

bool nova_reply_written(nova_request *r, unsigned status, nova_json_writer *w)
{
	r->reply->status = status;
	g_clear_pointer(&r->reply->body, g_free);
	r->reply->body = nova_json_writer_finish(w, &r->reply->body_size);
	nova_http_reply_header(r->reply, "Content-Type", "application/json");
	return true;
}

bool nova_reply_member(nova_request *r, unsigned status, const char *key, json_object *value)
{
	json_object *body = json_object_new_object();

	nova_json_add(body, key, value);
	return nova_reply_json(r, status, body);
}

bool nova_reply_empty(nova_request *r, unsigned status)
{
	r->reply->status = status;
	nova_http_reply_header(r->reply, "Content-Type", "application/json");
	return true;
}

const char *nova_reply_fault_name(unsigned status)
{
	static const struct {
		unsigned status;
		const char *name;
	} names[] = {
		{ 400, "badRequest" },
		{ 401, "unauthorized" },
		{ 403, "forbidden" },
		{ 404, "itemNotFound" },
		{ 405, "badMethod" },
		{ 409, "conflictingRequest" },
		{ 413, "overLimit" },
		{ 415, "badMediaType" },
		{ 429, "overLimit" },
		{ 501, "notImplemented" },
		{ 503, "serviceUnavailable" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (names[i].status == status)
			return names[i].name;
	return "computeFault";
}

/* What a client is told.  Texts about our own insides (addresses, statements) are for the log only. */
static char *public_text(const GError *error, nova_fault fault)
{
	switch (fault) {
	case NOVA_FAULT_DATABASE:
	case NOVA_FAULT_DATABASE_CONFLICT:
		return g_strdup("The service cannot reach its database at the moment. Please try again.");
	case NOVA_FAULT_INTERNAL:
	case NOVA_FAULT_CONFIG:
	case NOVA_FAULT_STORAGE:
		return g_strdup_printf("Unexpected API Error. The service's log has the reason under this "
				       "request's id.\n<class 'nova.exception.%s'>",
				       nova_fault_wire_name(fault));
	default:
		return g_utf8_make_valid(error->message, -1); /* it may quote a header, which is bytes */
	}
}

void nova_reply_fault(nova_http_reply *reply, const GError *error)
{
	nova_fault fault = nova_error_fault(error);
	g_autofree char *text = public_text(error, fault);
	json_object *body = json_object_new_object(), *member = json_object_new_object();

	reply->status = nova_fault_http_status(fault);
	nova_json_add_int(member, "code", reply->status);
	nova_json_add_str(member, "message", text);
	nova_json_add(body, nova_reply_fault_name(reply->status), member);
	set_body(reply, body, "application/json; charset=UTF-8");
}

/* {"error": …}, which the Identity API and its middleware use. */
static void set_identity_error(nova_http_reply *reply, unsigned status, const char *message)
{
	static const struct {
		unsigned status;
		const char *title;
	} titles[] = {
		{ 400, "Bad Request" },	     { 401, "Unauthorized" },	   { 403, "Forbidden" },
		{ 404, "Not Found" },	     { 409, "Conflict" },	   { 413, "Request Entity Too Large" },
		{ 415, "Unsupported Media Type" }, { 429, "Too Many Requests" }, { 503, "Service Unavailable" },
	};
	json_object *body = json_object_new_object(), *member = json_object_new_object();
	const char *title = "Internal Server Error";

	for (size_t i = 0; i < G_N_ELEMENTS(titles); i++)
		if (titles[i].status == status)
			title = titles[i].title;
	reply->status = status;
	nova_json_add_int(member, "code", status);
	nova_json_add_str(member, "title", title);
	nova_json_add_str(member, "message", message);
	nova_json_add(body, "error", member);
	set_body(reply, body, "application/json");
}

void nova_reply_unauthorized(nova_http_reply *reply, const char *challenge)
{
	set_identity_error(reply, 401, "The request you have made requires authentication.");
	nova_http_reply_header(reply, "WWW-Authenticate", challenge);
}

void nova_reply_identity_fault(nova_http_reply *reply, const GError *error)
{
	nova_fault fault = nova_error_fault(error);
	g_autofree char *text = public_text(error, fault);

	set_identity_error(reply, nova_fault_http_status(fault), text);
}

void nova_reply_retry_after(nova_http_reply *reply, unsigned seconds)
{
	g_autofree char *text = g_strdup_printf("%u", seconds);

	nova_http_reply_header(reply, "Retry-After", text);
}
