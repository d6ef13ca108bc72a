/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include "common/json.h"
#include "common/uuid.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_ENDPOINT "http://127.0.0.1:8774/v2.1"
#define MICROVERSION     "2.87"
#define CONNECT_S        10
#define REQUEST_S        120
#define MAX_REPLY        (64 << 20)

struct nova_session {
	CURL *curl;
	char *endpoint, *token;
	bool debug;
};

struct reply {
	GString *body;
	char *request_id;
	bool too_large;
};

nova_session *nova_session_new(const char *endpoint, bool debug, GError **error)
{
	const char *token = g_getenv("OS_TOKEN");

	if (!endpoint)
		endpoint = g_getenv("OS_ENDPOINT");
	if (!endpoint)
		endpoint = g_getenv("NOVA_LITE_ENDPOINT");
	if (!endpoint)
		endpoint = DEFAULT_ENDPOINT;
	if (!g_str_has_prefix(endpoint, "http://") && !g_str_has_prefix(endpoint, "https://")) {
		nova_fail(error, NOVA_FAULT_CONFIG,
			  "the endpoint '%s' is no http:// or https:// address; set OS_ENDPOINT, "
			  "e.g. to %s",
			  endpoint, DEFAULT_ENDPOINT);
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		nova_fail(error, NOVA_FAULT_INTERNAL, "libcurl cannot be initialised");
		return NULL;
	}
	nova_session *session = g_new0(nova_session, 1);

	session->curl = curl_easy_init();
	session->endpoint = g_strdup(endpoint);
	session->token = g_strdup(token ? token : "admin:default");
	session->debug = debug;
	while (g_str_has_suffix(session->endpoint, "/"))
		session->endpoint[strlen(session->endpoint) - 1] = '\0';
	return session;
}

void nova_session_free(nova_session *session)
{
	if (!session)
		return;
	curl_easy_cleanup(session->curl);
	curl_global_cleanup();
	g_free(session->endpoint);
	g_free(session->token);
	g_free(session);
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct reply *reply = user;

	if (reply->body->len + size * n > MAX_REPLY) {
		reply->too_large = true;
		return 0;
	}
	g_string_append_len(reply->body, data, (gssize)(size * n));
	return size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
	static const char name[] = "x-openstack-request-id:";
	struct reply *reply = user;

	if (size * n > sizeof(name) && g_ascii_strncasecmp(data, name, sizeof(name) - 1) == 0) {
		g_free(reply->request_id);
		reply->request_id = g_strndup(data + sizeof(name) - 1, size * n - sizeof(name) + 1);
		g_strstrip(reply->request_id);
	}
	return size * n;
}

/* The message in {"badRequest": {"message": ...}}, or in {"error": {...}}; NULL when there is none.
 */
static const char *message_of(json_object *body)
{
	if (!json_object_is_type(body, json_type_object))
		return NULL;
	json_object_object_foreach(body, key, value)
	{
		(void)key;
		if (json_object_is_type(value, json_type_object)) {
			json_object *text = nova_json_find(value, "message");

			if (json_object_is_type(text, json_type_string))
				return json_object_get_string(text);
		}
	}
	return NULL;
}

static nova_fault fault_of(long status)
{
	switch (status) {
	case 401:
		return NOVA_FAULT_UNAUTHORIZED;
	case 403:
		return NOVA_FAULT_FORBIDDEN;
	case 404:
		return NOVA_FAULT_NOT_FOUND;
	case 409:
		return NOVA_FAULT_CONFLICT;
	default:
		return status < 500 ? NOVA_FAULT_BAD_REQUEST : NOVA_FAULT_INTERNAL;
	}
}

static bool judge(long status, const struct reply *reply, json_object *body, GError **error)
{
	const char *message = message_of(body);

	if (status < 400)
		return true;
	return nova_fail(error, fault_of(status), "%s (HTTP %ld)%s%s%s",
			 message ? message : "the request failed", status,
			 reply->request_id ? " (Request-ID: " : "",
			 reply->request_id ? reply->request_id : "", reply->request_id ? ")" : "");
}

static struct curl_slist *headers_of(const nova_session *session, const char *microversion,
				     bool has_body)
{
	g_autofree char *token = g_strdup_printf("X-Auth-Token: %s", session->token);
	g_autofree char *version =
		g_strdup_printf("OpenStack-API-Version: compute %s", microversion);
	struct curl_slist *headers = curl_slist_append(NULL, token);

	headers = curl_slist_append(headers, version);
	headers = curl_slist_append(headers, "Accept: application/json");
	headers = curl_slist_append(headers, "Expect:");
	return has_body ? curl_slist_append(headers, "Content-Type: application/json") : headers;
}

bool nova_session_request(nova_session *session, const char *method, const char *path,
			  json_object *body, const char *microversion, json_object **ret_reply,
			  GError **error)
{
	g_autofree char *url = g_strconcat(session->endpoint, path, NULL);
	struct curl_slist *headers =
		headers_of(session, microversion ? microversion : MICROVERSION, body != NULL);
	struct reply reply = { .body = g_string_new(NULL) };
	g_autoptr(json_object) parsed = NULL;
	char problem[CURL_ERROR_SIZE] = "";
	long status = 0;

	curl_easy_reset(session->curl);
	curl_easy_setopt(session->curl, CURLOPT_URL, url);
	curl_easy_setopt(session->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(session->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(session->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(session->curl, CURLOPT_WRITEDATA, &reply);
	curl_easy_setopt(session->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(session->curl, CURLOPT_HEADERDATA, &reply);
	curl_easy_setopt(session->curl, CURLOPT_ERRORBUFFER, problem);
	curl_easy_setopt(session->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(session->curl, CURLOPT_TIMEOUT, (long)REQUEST_S);
	curl_easy_setopt(session->curl, CURLOPT_NOSIGNAL, 1L);
	if (body)
		curl_easy_setopt(session->curl, CURLOPT_COPYPOSTFIELDS, nova_json_text(body));
	CURLcode code = curl_easy_perform(session->curl);

	curl_easy_getinfo(session->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	if (session->debug)
		fprintf(stderr, "%s %s -> %ld\n", method, url, status);
	bool ok = code == CURLE_OK;

	if (!ok)
		nova_fail(error, NOVA_FAULT_MESSAGING,
			  "no answer from %s: %s; is nova-lite-api running there, and is "
			  "OS_ENDPOINT right?",
			  session->endpoint,
			  reply.too_large ? "the answer is too large"
			  : *problem      ? problem
					  : curl_easy_strerror(code));
	if (ok && reply.body->len > 0)
		parsed = nova_json_parse(reply.body->str, reply.body->len, 32, NULL);
	ok = ok && judge(status, &reply, parsed, error);
	if (ok && reply.body->len > 0 && !parsed)
		ok = nova_fail(error, NOVA_FAULT_INTERNAL,
			       "%s answered something that is not JSON; is OS_ENDPOINT right?",
			       session->endpoint);
	g_string_free(reply.body, TRUE);
	g_free(reply.request_id);
	if (ok && ret_reply)
		*ret_reply = g_steal_pointer(&parsed);
	return ok;
}

json_object *nova_session_get(nova_session *session, const char *path, GError **error)
{
	json_object *reply = NULL;

	if (!nova_session_request(session, "GET", path, NULL, NULL, &reply, error))
		return NULL;
	if (!reply)
		nova_fail(error, NOVA_FAULT_INTERNAL, "%s%s: the answer is empty",
			  session->endpoint, path);
	return reply;
}

char *nova_session_escape(const char *text)
{
	return g_uri_escape_string(text, NULL, FALSE);
}

char *nova_session_server_id(nova_session *session, const char *server, GError **error)
{
	if (nova_uuid_is_valid(server))
		return g_ascii_strdown(server, -1);

	/* `name' is a regular expression on the wire; exact hits are picked out here. */
	g_autofree char *quoted = g_regex_escape_string(server, -1);
	g_autofree char *escaped = nova_session_escape(quoted);
	g_autofree char *path = g_strdup_printf("/servers?all_tenants=1&name=^%s$", escaped);
	g_autoptr(json_object) reply = nova_session_get(session, path, error);
	json_object *servers = reply ? nova_json_find(reply, "servers") : NULL;
	const char *found = NULL;

	if (!reply)
		return NULL;
	for (size_t i = 0; servers && i < json_object_array_length(servers); i++) {
		json_object *row = json_object_array_get_idx(servers, i);
		const char *name, *id;

		if (!nova_json_get_str(row, "name", &name, error) ||
		    !nova_json_get_str(row, "id", &id, error))
			return NULL;
		if (strcmp(name, server) != 0)
			continue;
		if (found) {
			nova_fail(error, NOVA_FAULT_CONFLICT,
				  "several servers are named '%s'; use the ID, nova-lite list "
				  "shows it",
				  server);
			return NULL;
		}
		found = id;
	}
	if (!found)
		nova_fail(error, NOVA_FAULT_NOT_FOUND,
			  "No server with a name or ID of '%s' exists.", server);
	return g_strdup(found);
}
