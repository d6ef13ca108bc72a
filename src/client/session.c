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

/* How the user proves who it is. */
enum way {
	BY_TOKEN,    /* OS_TOKEN, or what auth = none takes */
	BY_PASSWORD, /* a token from the Identity API at OS_AUTH_URL */
	BY_BASIC,    /* OS_USERNAME and OS_PASSWORD with each request */
};

struct nova_session {
	CURL *curl;
	nova_cloud *cloud;
	enum way way;
	char *endpoint, *token; /* NULL until logged in */
	char *project;		/* what the token says; NULL: nothing, or there is no such token */
	unsigned timeout_s;
	bool debug;
};

struct reply {
	GString *body;
	char *request_id, *subject_token;
	bool too_large;
};

/* False and what to set when there is no value. */
static bool needs(const nova_cloud *cloud, const char *variable, const char *value, const char *example,
		       GError **error)
{
	g_autofree char *what = nova_cloud_blame(cloud, variable);

	return value || nova_fail(error, NOVA_FAULT_CONFIG, "set %s to log in%s", what, example);
}

static bool find_way(const nova_cloud *cloud, enum way *ret, GError **error)
{
	const char *type = cloud->auth_type;

	if (!type)
		*ret = cloud->auth_url && cloud->username && cloud->password ? BY_PASSWORD : BY_TOKEN;
	else if (strcmp(type, "none") == 0 || strcmp(type, "admin_token") == 0)
		*ret = BY_TOKEN;
	else if (strcmp(type, "password") == 0 || strcmp(type, "v3password") == 0)
		*ret = BY_PASSWORD;
	else if (strcmp(type, "http_basic") == 0)
		*ret = BY_BASIC;
	else {
		g_autofree char *what = nova_cloud_blame(cloud, "OS_AUTH_TYPE");

		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "%s: '%s' is not known here; use none, password or http_basic", what, type);
	}
	if (*ret == BY_TOKEN)
		return true;
	return needs(cloud, "OS_USERNAME", cloud->username, "", error) &&
	       needs(cloud, "OS_PASSWORD", cloud->password, "", error) &&
	       (*ret == BY_BASIC || needs(cloud, "OS_AUTH_URL", cloud->auth_url,
					       ", e.g. to http://127.0.0.1:8774/identity", error));
}

static bool is_url(const char *url)
{
	return g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://");
}

static void set_endpoint(nova_session *session, const char *endpoint)
{
	g_free(session->endpoint);
	session->endpoint = g_strdup(endpoint);
	while (g_str_has_suffix(session->endpoint, "/"))
		session->endpoint[strlen(session->endpoint) - 1] = '\0';
}

static bool check_url(const nova_cloud *cloud, const char *variable, const char *url, GError **error)
{
	g_autofree char *what = nova_cloud_blame(cloud, variable);

	return is_url(url) ||
	       nova_fail(error, NOVA_FAULT_CONFIG,
			 "the address '%s' begins neither with http:// nor with https://; set %s, e.g. to %s", url,
			 what, DEFAULT_ENDPOINT);
}

nova_session *nova_session_new(nova_cloud *cloud, const char *endpoint, bool debug, GError **error)
{
	g_autoptr(nova_cloud) owned = cloud;
	enum way way = BY_TOKEN;

	if (!find_way(cloud, &way, error))
		return NULL;
	if (!endpoint)
		endpoint = cloud->endpoint;
	if (!endpoint && way != BY_PASSWORD)
		endpoint = DEFAULT_ENDPOINT;
	if ((endpoint && !check_url(cloud, "OS_ENDPOINT", endpoint, error)) ||
	    (way == BY_PASSWORD && !check_url(cloud, "OS_AUTH_URL", cloud->auth_url, error)))
		return NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		nova_fail(error, NOVA_FAULT_INTERNAL, "libcurl cannot be initialised");
		return NULL;
	}
	nova_session *session = g_new0(nova_session, 1);

	session->curl = curl_easy_init();
	session->cloud = g_steal_pointer(&owned);
	session->way = way;
	session->timeout_s = REQUEST_S;
	session->debug = debug;
	if (endpoint)
		set_endpoint(session, endpoint);
	if (way == BY_TOKEN)
		session->token = g_strdup(cloud->token ? cloud->token : "admin:default");
	return session;
}

void nova_session_set_timeout(nova_session *session, unsigned seconds)
{
	session->timeout_s = seconds;
}

void nova_session_free(nova_session *session)
{
	if (!session)
		return;
	curl_easy_cleanup(session->curl);
	curl_global_cleanup();
	nova_cloud_free(session->cloud);
	g_free(session->endpoint);
	g_free(session->token);
	g_free(session->project);
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

/* Takes the value of a header line into *value if it has this name ("name:"). */
static void take_header(const char *line, size_t size, const char *name, char **value)
{
	size_t n = strlen(name);

	if (size <= n || g_ascii_strncasecmp(line, name, n) != 0)
		return;
	g_free(*value);
	*value = g_strndup(line + n, size - n);
	g_strstrip(*value);
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
	struct reply *reply = user;

	take_header(data, size * n, "x-openstack-request-id:", &reply->request_id);
	take_header(data, size * n, "x-subject-token:", &reply->subject_token);
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

/* microversion NULL: a request to the Identity API. */
static struct curl_slist *headers_of(const nova_session *session, const char *microversion,
				     bool has_body)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");

	headers = curl_slist_append(headers, "Expect:");
	if (microversion) {
		g_autofree char *version =
			g_strdup_printf("OpenStack-API-Version: compute %s", microversion);

		headers = curl_slist_append(headers, version);
	}
	if (microversion && session->token) {
		g_autofree char *token = g_strdup_printf("X-Auth-Token: %s", session->token);

		headers = curl_slist_append(headers, token);
	}
	return has_body ? curl_slist_append(headers, "Content-Type: application/json") : headers;
}

static void clear_reply(struct reply *reply)
{
	g_string_free(reply->body, TRUE);
	g_free(reply->request_id);
	g_free(reply->subject_token);
}

/* One request and its answer, whatever its status. */
static bool exchange(nova_session *session, const char *method, const char *url, json_object *body,
		     const char *microversion, struct reply *reply, long *ret_status, GError **error)
{
	struct curl_slist *headers = headers_of(session, microversion, body != NULL);
	char problem[CURL_ERROR_SIZE] = "";

	curl_easy_reset(session->curl);
	curl_easy_setopt(session->curl, CURLOPT_URL, url);
	curl_easy_setopt(session->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(session->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(session->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(session->curl, CURLOPT_WRITEDATA, reply);
	curl_easy_setopt(session->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(session->curl, CURLOPT_HEADERDATA, reply);
	curl_easy_setopt(session->curl, CURLOPT_ERRORBUFFER, problem);
	curl_easy_setopt(session->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(session->curl, CURLOPT_TIMEOUT, (long)session->timeout_s);
	curl_easy_setopt(session->curl, CURLOPT_NOSIGNAL, 1L);
	if (session->cloud->cacert)
		curl_easy_setopt(session->curl, CURLOPT_CAINFO, session->cloud->cacert);
	if (session->cloud->insecure) {
		curl_easy_setopt(session->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(session->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (session->way == BY_BASIC) {
		curl_easy_setopt(session->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(session->curl, CURLOPT_USERNAME, session->cloud->username);
		curl_easy_setopt(session->curl, CURLOPT_PASSWORD, session->cloud->password);
	}
	if (body)
		curl_easy_setopt(session->curl, CURLOPT_COPYPOSTFIELDS, nova_json_text(body));
	CURLcode code = curl_easy_perform(session->curl);

	curl_easy_getinfo(session->curl, CURLINFO_RESPONSE_CODE, ret_status);
	curl_slist_free_all(headers);
	if (session->debug)
		fprintf(stderr, "%s %s -> %ld\n", method, url, *ret_status);
	if (code == CURLE_OK)
		return true;
	g_autofree char *address = nova_cloud_blame(session->cloud, microversion ? "OS_ENDPOINT" : "OS_AUTH_URL");
	g_autofree char *trust = nova_cloud_blame(session->cloud, "OS_CACERT");
	const char *why = reply->too_large ? "the answer is too large" : *problem ? problem : curl_easy_strerror(code);

	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return nova_fail(error, NOVA_FAULT_MESSAGING,
				 "%s: %s; does %s name the file with the certificate of who signed the service's?",
				 url, why, trust);
	return nova_fail(error, NOVA_FAULT_MESSAGING,
			 "no answer from %s: %s; is nova-lite-api running there, and is %s right?",
			 microversion ? session->endpoint : url, why, address);
}

/* ---- logging in ---- */

static json_object *named(const char *key, const char *value)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, key, value);
	return object;
}

static json_object *domain_of(const char *name, const char *id)
{
	return name && !id ? named("name", name) : named("id", id ? id : "default");
}

/* The project asked for; NULL: the user's own. */
static json_object *scope_of(const nova_cloud *cloud)
{
	const char *id = cloud->project_id, *name = cloud->project_name;
	json_object *scope, *project;

	if (!id && !name)
		return NULL;
	project = id ? named("id", id) : named("name", name);
	if (!id)
		nova_json_add(project, "domain", domain_of(cloud->project_domain_name, cloud->project_domain_id));
	scope = json_object_new_object();
	nova_json_add(scope, "project", project);
	return scope;
}

static json_object *credentials(const nova_cloud *cloud)
{
	json_object *body = json_object_new_object(), *auth = json_object_new_object();
	json_object *identity = json_object_new_object(), *methods = json_object_new_array();
	json_object *password = json_object_new_object(), *user = named("name", cloud->username);
	json_object *scope = scope_of(cloud);

	nova_json_add(user, "domain", domain_of(cloud->user_domain_name, cloud->user_domain_id));
	nova_json_add_str(user, "password", cloud->password);
	nova_json_add(password, "user", user);
	json_object_array_add(methods, json_object_new_string("password"));
	nova_json_add(identity, "methods", methods);
	nova_json_add(identity, "password", password);
	nova_json_add(auth, "identity", identity);
	if (scope)
		nova_json_add(auth, "scope", scope);
	nova_json_add(body, "auth", auth);
	return body;
}

/* The address of the compute service in a token's catalog; borrowed, NULL: not there. */
static const char *compute_of(json_object *token, const char *wanted)
{
	json_object *catalog = nova_json_find(token, "token.catalog");
	size_t n = json_object_is_type(catalog, json_type_array) ? json_object_array_length(catalog) : 0;

	for (size_t i = 0; i < n; i++) {
		json_object *service = json_object_array_get_idx(catalog, i);
		json_object *endpoints = nova_json_find(service, "endpoints");
		const char *type = NULL;

		if (!nova_json_get_str(service, "type", &type, NULL) || strcmp(type, "compute") != 0 ||
		    !json_object_is_type(endpoints, json_type_array))
			continue;
		for (size_t e = 0; e < json_object_array_length(endpoints); e++) {
			json_object *endpoint = json_object_array_get_idx(endpoints, e);
			const char *interface = NULL, *url = NULL;

			if (nova_json_get_str(endpoint, "interface", &interface, NULL) &&
			    nova_json_get_str(endpoint, "url", &url, NULL) && strcmp(interface, wanted) == 0)
				return url;
		}
	}
	return NULL;
}

static bool take_token(nova_session *session, const struct reply *reply, json_object *token, GError **error)
{
	const nova_cloud *cloud = session->cloud;
	const char *wanted = cloud->interface ? cloud->interface : "public", *compute = NULL;

	if (g_str_has_suffix(wanted, "URL")) /* as in publicURL, an older spelling */
		compute = g_str_has_prefix(wanted, "internal") ? "internal"
			  : g_str_has_prefix(wanted, "admin")  ? "admin"
							       : "public";
	compute = compute_of(token, compute ? compute : wanted);
	if (!reply->subject_token)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "%s gave no token; is this the address of an Identity API?", cloud->auth_url);
	if (!session->endpoint && (!compute || !is_url(compute)))
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "the token of '%s' is for no project with a compute service; set OS_PROJECT_NAME",
				 cloud->username);
	if (!session->endpoint)
		set_endpoint(session, compute);
	g_free(session->token);
	session->token = g_strdup(reply->subject_token);
	g_free(session->project);
	session->project = g_strdup(json_object_get_string(nova_json_find(token, "token.project.id")));
	return true;
}

/* A new token for the session, and its endpoint where none was given. */
static bool log_in(nova_session *session, GError **error)
{
	g_autofree char *base = g_strdup(session->cloud->auth_url);
	g_autofree char *url = NULL;
	g_autoptr(json_object) body = credentials(session->cloud);
	g_autoptr(json_object) token = NULL;
	struct reply reply = { .body = g_string_new(NULL) };
	long status = 0;
	bool ok;

	while (g_str_has_suffix(base, "/"))
		base[strlen(base) - 1] = '\0';
	url = g_strconcat(base, g_str_has_suffix(base, "/v3") ? "" : "/v3", "/auth/tokens", NULL);
	ok = exchange(session, "POST", url, body, NULL, &reply, &status, error);
	if (ok && reply.body->len > 0)
		token = nova_json_parse(reply.body->str, reply.body->len, 32, NULL);
	if (ok && status == 401)
		ok = nova_fail(error, NOVA_FAULT_UNAUTHORIZED,
			       "%s does not accept the user '%s' with this password and project (HTTP 401)", base,
			       session->cloud->username);
	ok = ok && judge(status, &reply, token, error) && take_token(session, &reply, token, error);
	clear_reply(&reply);
	return ok;
}

/* ---- requests ---- */

bool nova_session_request(nova_session *session, const char *method, const char *path,
			  json_object *body, const char *microversion, json_object **ret_reply,
			  GError **error)
{
	bool ok = session->way != BY_PASSWORD || session->token || log_in(session, error);
	bool again = session->way == BY_PASSWORD;

	while (ok) {
		g_autofree char *url = g_strconcat(session->endpoint, path, NULL);
		struct reply reply = { .body = g_string_new(NULL) };
		g_autoptr(json_object) parsed = NULL;
		long status = 0;

		ok = exchange(session, method, url, body, microversion ? microversion : MICROVERSION, &reply,
			      &status, error);
		if (ok && status == 401 && again) { /* the token has ended */
			again = false;
			clear_reply(&reply);
			ok = log_in(session, error);
			continue;
		}
		if (ok && reply.body->len > 0)
			parsed = nova_json_parse(reply.body->str, reply.body->len, 32, NULL);
		ok = ok && judge(status, &reply, parsed, error);
		if (ok && reply.body->len > 0 && !parsed)
			ok = nova_fail(error, NOVA_FAULT_INTERNAL,
				       "%s answered something that is not JSON; is OS_ENDPOINT right?",
				       session->endpoint);
		clear_reply(&reply);
		if (ok && ret_reply)
			*ret_reply = g_steal_pointer(&parsed);
		return ok;
	}
	return false;
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

const char *nova_session_project(nova_session *session, GError **error)
{
	const nova_cloud *cloud = session->cloud;

	if (session->way == BY_PASSWORD && !session->token && !log_in(session, error))
		return NULL;
	if (session->project)
		return session->project;
	/* Without users everybody is of one project. */
	return cloud->project_id ? cloud->project_id : cloud->project_name ? cloud->project_name : "default";
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
