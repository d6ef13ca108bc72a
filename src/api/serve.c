/* SPDX-License-Identifier: Apache-2.0 */
#include "api/serve.h"

#include "api/auth.h"
#include "api/caller.h"
#include "api/reply.h"
#include "api/route_metrics.h"
#include "api/router.h"
#include "api/versions.h"
#include "api/view_identity.h"
#include "common/json.h"
#include "common/log.h"
#include "common/uuid.h"

#include <string.h>

#define IDENTITY    "/identity"
#define IDENTITY_3  "/identity/v3"
#define NO_RESOURCE "The resource could not be found."

static bool is_compute(const nova_request *r)
{
	return !r->route || r->version > 0;
}

/* "http://host:port" as the client sees us. */
static char *base_of(const nova_conf *conf, const nova_http_request *http)
{
	const char *host = nova_http_header(http, "Host");

	if (*conf->api_public_endpoint) {
		size_t n = strlen(conf->api_public_endpoint);

		while (n > 0 && conf->api_public_endpoint[n - 1] == '/')
			n--;
		return g_strndup(conf->api_public_endpoint, n);
	}
	return g_strconcat(*conf->wsgi_ssl_cert_file ? "https://" : "http://", host ? host : http->local, NULL);
}

static void add_request_id(nova_http_reply *reply, const char *id)
{
	nova_http_reply_header(reply, "X-Openstack-Request-Id", id);
	nova_http_reply_header(reply, "X-Compute-Request-Id", id);
}

static void add_version(nova_http_reply *reply, const nova_microversion *version)
{
	g_autofree char *number = g_strdup_printf("%u.%u", version->major, version->minor);
	g_autofree char *named = g_strconcat("compute ", number, NULL);

	if (!version->echo)
		return;
	nova_http_reply_header(reply, "OpenStack-API-Version", named);
	nova_http_reply_header(reply, "X-OpenStack-Nova-API-Version", number);
	nova_http_reply_header(reply, "Vary", "OpenStack-API-Version");
	nova_http_reply_header(reply, "Vary", "X-OpenStack-Nova-API-Version");
}

/* ---- what needs no caller ---- */

static bool is_path(const char *path, const char *want)
{
	size_t n = strlen(want);

	return strncmp(path, want, n) == 0 && (!path[n] || strcmp(path + n, "/") == 0);
}

static bool is_below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 && (!path[n] || path[n] == '/');
}

static bool has_identity(const nova_request *r)
{
	return r->conf->api_auth == NOVA_AUTH_BUILTIN;
}

/* Version documents; false: not one of them. */
static bool serve_open(nova_request *r)
{
	const char *path = r->http->path;
	static const nova_microversion lowest = { .major = 2, .minor = NOVA_MICROVERSION_MIN, .echo = true };

	if (strcmp(r->http->method, "GET") != 0)
		return false;
	if (strcmp(path, "/") == 0) {
		nova_reply_json(r, 200, nova_versions_list(r->base, r->max_version));
	} else if (is_path(path, "/v2.1")) {
		nova_reply_json(r, 200, nova_versions_detail(r->base, r->max_version));
		add_version(r->reply, &lowest);
		add_request_id(r->reply, r->context->request_id);
	} else if (is_path(path, "/image") || is_path(path, "/image/versions")) {
		nova_reply_json(r, 300, nova_versions_images(r->base));
	} else if (has_identity(r) && is_path(path, IDENTITY)) {
		nova_reply_json(r, 300, nova_view_identity_versions(r->base));
	} else if (has_identity(r) && is_path(path, IDENTITY_3)) {
		nova_reply_json(r, 200, nova_view_identity_version(r->base));
	} else if (has_identity(r) && is_below(path, IDENTITY)) {
		return false;
	} else if (!is_below(path, "/v2.1") && !is_below(path, "/image")) {
		nova_reply_json(r, 300, nova_versions_choices(r->base, path));
	} else {
		return false;
	}
	return true;
}

/* ---- route ---- */

static bool is_project_id(const char *segment)
{
	return segment[strspn(segment, "0123456789abcdef-")] == '\0';
}

static bool not_found(GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, NO_RESOURCE);
}

/* What Nova has had and removed for good: it says so in every microversion. */
static bool is_gone(char *const *segments)
{
	static const char *const gone[] = { "os-agents", "os-cells", "os-certificates", "os-cloudpipe", "os-fping",
					    NULL };
	static const char *const gone_of_servers[] = { "consoles", "os-virtual-interfaces", NULL };

	if (!segments[0])
		return false;
	return g_strv_contains(gone, segments[0]) ||
	       (strcmp(segments[0], "servers") == 0 && segments[1] && segments[2] &&
		g_strv_contains(gone_of_servers, segments[2]));
}

static bool nothing_there(char *const *segments, GError **error)
{
	if (is_gone(segments))
		return nova_fail(error, NOVA_FAULT_GONE,
				 "This resource is no longer available. No forwarding address is given.");
	return not_found(error);
}

/* The row for the path; the first segment may be a project id, which then has to be the caller's. */
static bool find_route(nova_request *r, char *const *segments, GError **error)
{
	nova_match match = nova_router_find(nova_image_routes, r->http->method, segments, 0, &r->route, r->ids);

	if (match == NOVA_MATCH_FOUND) {
		r->version = 0;
		return true;
	}
	match = nova_router_find(nova_routes, r->http->method, segments, r->version, &r->route, r->ids);
	if (match == NOVA_MATCH_FOUND)
		return true;
	if (match != NOVA_MATCH_NOTHING || !segments[0] ||
	    (!is_project_id(segments[0]) && strcmp(segments[0], r->context->project_id) != 0))
		return nothing_there(segments, error);
	if (nova_router_find(nova_routes, r->http->method, segments + 1, r->version, &r->route, r->ids) !=
	    NOVA_MATCH_FOUND)
		return nothing_there(segments + 1, error);
	if (strcmp(segments[0], r->context->project_id) == 0)
		return true;
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'",
			 segments[0], r->context->project_id);
}

static bool route_images(nova_request *r, char *const *segments, GError **error)
{
	if (nova_router_find(nova_image_routes, r->http->method, segments, 0, &r->route, r->ids) ==
	    NOVA_MATCH_FOUND)
		return true;
	return not_found(error);
}

/* ---- body ---- */

static bool is_json(const char *type)
{
	static const char *const known[] = { "application/json", "application/vnd.openstack.compute+json" };

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		size_t n = strlen(known[i]);

		if (g_ascii_strncasecmp(type, known[i], n) == 0 && (!type[n] || strchr("; \t", type[n])))
			return true;
	}
	return false;
}

static bool read_body(nova_request *r, GError **error)
{
	const char *type = nova_http_header(r->http, "Content-Type");
	g_autoptr(GError) unreadable = NULL;

	if (r->http->body_size == 0)
		return true;
	if (type && *type && !is_json(type))
		return nova_fail(error, NOVA_FAULT_MEDIA_TYPE, "Unsupported Content-Type");
	r->body = nova_json_parse(r->http->body, r->http->body_size, (unsigned)r->conf->api_max_json_depth,
				  &unreadable);
	return !unreadable || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Malformed request body");
}

/* The action a body asks for: its only key. */
static bool read_action(nova_request *r, const nova_action **ret, GError **error)
{
	const char *name = NULL;

	if (json_object_get_type(r->body) != json_type_object || json_object_object_length(r->body) != 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Malformed request body");
	json_object_object_foreach(r->body, key, value)
	{
		name = key;
		r->args = value;
	}
	*ret = nova_router_find_action(name, r->version);
	if (!*ret)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "There is no such action: %s", name);
	return true;
}

/* Actions are objects with one member, and errors in its value are about that member. */
static bool check_action(nova_request *r, const nova_action *action, GError **error)
{
	const nova_schema_member members[] = { { action->name, action->args, true, 0, 0 }, { 0 } };
	const nova_schema schema = { .types = NOVA_JSON_OBJECT, .members = members };

	return !action->args || nova_schema_check_body(&schema, r->body, r->version, error);
}

/* ---- the rest of the way ---- */

static bool load_server(nova_request *r, GError **error)
{
	const nova_route *route = r->route;
	bool deleted = (route->flags & NOVA_ROUTE_DELETED) && r->version >= 21;

	if (!(route->flags & NOVA_ROUTE_SERVER))
		return true;
	if ((route->flags & NOVA_ROUTE_SWAP) && r->ids[1] && nova_uuid_is_valid(r->ids[1]) &&
	    r->ids[0][strspn(r->ids[0], "0123456789")] == '\0') {
		char *number = r->ids[0];

		r->ids[0] = r->ids[1];
		r->ids[1] = number;
	}
	r->server = nova_request_find_server(r, r->ids[0], deleted, error);
	return r->server != NULL;
}

/* What this version does not have is refused for that reason only where it could be done at all. */
static bool allows_ask(const nova_request *r, const nova_action *action, GError **error)
{
	const nova_refusal_facts facts = {
		.instance_uuid = r->server->uuid,
		.task_state = nova_instance_task_state(r->server),
	};

	return action->ask == NOVA_ASK_NONE || !r->server->busy ||
	       nova_cell_check(action->ask, nova_matrix_busy(action->ask, r->server->op_kind, r->server->op_state),
			       &facts, error);
}

static bool run_action(nova_request *r, GError **error)
{
	const nova_action *action = NULL;

	if (!read_action(r, &action, error) || !check_action(r, action, error) || !load_server(r, error) ||
	    !nova_request_must(r, action->policy, error))
		return false;
	if (action->guarded && !nova_request_check_lock(r, error))
		return false;
	if (!action->run && !allows_ask(r, action, error))
		return false;
	if (!action->run)
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
				 "This version of nova-lite does not have the action '%s'.", action->name);
	return action->run(r, error);
}

static bool run_route(nova_request *r, GError **error)
{
	const nova_route *route = r->route;

	if (r->http->bad_query)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "The query string of the request cannot be read.");
	if ((route->body || (route->flags & NOVA_ROUTE_ACTION)) && !read_body(r, error))
		return false;
	if (route->flags & NOVA_ROUTE_ACTION)
		return run_action(r, error);
	if (route->body && !nova_schema_check_body(route->body, r->body, r->version, error))
		return false;
	if (route->query && !nova_schema_check_query(route->query, r->http->query, r->version, error))
		return false;
	if (!load_server(r, error) || (route->policy && !nova_request_must(r, route->policy, error)) ||
	    ((route->flags & NOVA_ROUTE_GUARDED) && !nova_request_check_lock(r, error)))
		return false;
	return route->run(r, error);
}

static bool serve_compute(nova_request *r, nova_microversion *version, GError **error)
{
	g_auto(GStrv) segments = NULL;

	if (!is_below(r->http->path, "/v2.1")) /* only GET has answers there */
		return not_found(error);
	if (!nova_microversion_negotiate(nova_http_header(r->http, "OpenStack-API-Version"),
					 nova_http_header(r->http, "X-OpenStack-Nova-API-Version"), r->max_version,
					 version, error))
		return false;
	r->version = version->minor;
	segments = nova_path_split(r->http->path + strlen("/v2.1"));
	if (!segments || !segments[0])
		return not_found(error);
	return find_route(r, segments, error) && run_route(r, error);
}

static bool serve_images(nova_request *r, GError **error)
{
	g_auto(GStrv) segments = nova_path_split(r->http->path + strlen("/image"));

	if (!segments || !segments[0])
		return not_found(error);
	return route_images(r, segments, error) && run_route(r, error);
}

static void log_fault(const nova_request *r, const GError *error)
{
	if (error && nova_fault_http_status(nova_error_fault(error)) >= 500)
		nova_log_warning(&((nova_log_tags){ .request_id = r->context->request_id,
						    .instance = r->server ? r->server->uuid : NULL }),
				 "%s %s answered %u: %s", r->http->method, r->http->path, r->reply->status,
				 error->message);
}

static void answer_unauthorized(nova_request *r)
{
	g_autofree char *challenge = nova_caller_challenge(r);

	nova_reply_unauthorized(r->reply, challenge);
}

/* Everything of compute and images: it needs a caller with a project. */
static void serve_caller(nova_request *r)
{
	nova_microversion version = { 0 };
	g_autoptr(GError) error = NULL;
	bool images = is_below(r->http->path, "/image");
	nova_auth_verdict verdict = nova_caller_identify(r, &error);

	if (verdict == NOVA_AUTH_OK) {
		if (!nova_caller_check_project(r, &error) ||
		    !(images ? serve_images(r, &error) : serve_compute(r, &version, &error)))
			nova_reply_fault(r->reply, error);
	} else if (verdict == NOVA_AUTH_MISSING) {
		answer_unauthorized(r);
	} else {
		nova_reply_fault(r->reply, error);
	}
	if (!images && is_compute(r))
		add_version(r->reply, &version);
	add_request_id(r->reply, r->context->request_id);
	log_fault(r, error);
}

/* The Identity API: a caller's token may be for no project, and none is needed to ask for one. */
static void serve_identity(nova_request *r)
{
	g_auto(GStrv) segments = NULL;
	g_autoptr(GError) error = NULL;
	nova_auth_verdict verdict = NOVA_AUTH_OK;

	if (is_below(r->http->path, IDENTITY_3))
		segments = nova_path_split(r->http->path + strlen(IDENTITY_3));
	if (!segments || nova_router_find(nova_identity_routes, r->http->method, segments, 0, &r->route, r->ids) !=
				 NOVA_MATCH_FOUND)
		not_found(&error);
	else if (!(r->route->flags & NOVA_ROUTE_OPEN))
		verdict = nova_caller_identify(r, &error);
	if (verdict == NOVA_AUTH_MISSING)
		answer_unauthorized(r);
	else if (error || !run_route(r, &error))
		nova_reply_identity_fault(r->reply, error);
	if (nova_error_is(error, NOVA_FAULT_UNAUTHORIZED)) {
		g_autofree char *challenge = nova_caller_challenge(r);

		nova_http_reply_header(r->reply, "WWW-Authenticate", challenge);
	}
	nova_http_reply_header(r->reply, "Vary", "X-Auth-Token");
	add_request_id(r->reply, r->context->request_id);
	log_fault(r, error);
}

/* A web page knows no token of builtin's, so that the name it reached us under does not matter. */
static bool is_known_host(const nova_request *r, GError **error)
{
	return r->conf->api_auth == NOVA_AUTH_BUILTIN ||
	       nova_auth_check_host(r->conf, r->http, r->api->host_name, error);
}

static void serve_request(nova_request *r)
{
	g_autoptr(GError) error = NULL;

	if (r->http->too_large) {
		nova_fail(&error, NOVA_FAULT_TOO_LARGE, "Request is too large.");
		nova_reply_fault(r->reply, error);
		add_request_id(r->reply, r->context->request_id);
	} else if (!g_utf8_validate(r->http->path, -1, NULL)) { /* answers may repeat it */
		nova_fail(&error, NOVA_FAULT_BAD_REQUEST, "Malformed request URL: it is no valid UTF-8");
		nova_reply_fault(r->reply, error);
		add_request_id(r->reply, r->context->request_id);
	} else if (!is_known_host(r, &error)) {
		nova_reply_fault(r->reply, error);
		add_request_id(r->reply, r->context->request_id);
	} else if (serve_open(r)) {
		return;
	} else if (has_identity(r) && is_below(r->http->path, IDENTITY)) {
		serve_identity(r);
	} else {
		serve_caller(r);
	}
}

void nova_serve(void *user, const nova_http_request *http, nova_http_reply *reply)
{
	nova_api *api = user;
	g_autoptr(nova_conf) conf = api->conf(api->conf_user);
	nova_request r = { .api = api, .http = http, .reply = reply, .conf = conf };
	int64_t begun = g_get_monotonic_time();

	r.context = nova_context_new("", "", false);
	r.base = base_of(conf, http);
	if (!nova_microversion_parse_max(conf->api_max_microversion, &r.max_version, NULL))
		r.max_version = NOVA_MICROVERSION_MAX;
	serve_request(&r);
	nova_log(strcmp(http->method, "GET") == 0 ? NOVA_LOG_DEBUG : NOVA_LOG_INFO,
		 &((nova_log_tags){ .request_id = r.context->request_id,
				    .instance = r.server ? r.server->uuid : NULL }),
		 "%s %s answered %u in %.1f ms, client=%s version=2.%u", http->method, http->path, reply->status,
		 (double)(g_get_monotonic_time() - begun) / 1000.0, http->peer, r.version);
	nova_route_metrics_count(r.route, reply->status, begun);
	for (size_t i = 0; i < NOVA_ROUTE_IDS; i++)
		g_free(r.ids[i]);
	g_free(r.base);
	json_object_put(r.body);
	nova_instance_free(r.server);
	nova_token_free(r.token);
	nova_context_free(r.context);
}

bool nova_serve_check_conf(const nova_conf *conf, GError **error)
{
	unsigned max;

	if (!nova_microversion_parse_max(conf->api_max_microversion, &max, error))
		return nova_conf_blame(conf, "api", "max_microversion", error);
	if (!nova_policy_check_conf(conf, error))
		return nova_conf_blame(conf, "policy", "override", error);
	return nova_auth_check_networks(conf->api_auth_none_allowed_addresses, error) ||
	       nova_conf_blame(conf, "api", "auth_none_allowed_addresses", error);
}
