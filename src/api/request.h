/* SPDX-License-Identifier: Apache-2.0
 *
 * request.h - one API request as a handler sees it, and what all handlers share.
 *
 * The pipeline (serve.c) has done everything generic before a handler runs: version, content type, route, body
 * and query schema, the server of /servers/{id}/…, rights.  A handler belongs to one request and one thread.
 */
#pragma once

#include "api/http.h"
#include "api/microversion.h"
#include "common/conf.h"
#include "common/context.h"
#include "common/json_auto.h"
#include "db/db.h"
#include "db/instances.h"
#include "db/operations.h"
#include "model/identity.h"
#include "model/instance.h"
#include "model/operation.h"
#include "rpc/bus.h"

/* What one nova-lite-api process has; handlers only read it. */
typedef struct nova_api {
	nova_conf *(*conf)(void *user); /* a reference to the current configuration */
	void *conf_user;
	nova_db *db;
	nova_bus *bus;
	nova_http *http;
	struct nova_identity *identity; /* NULL with [api] auth = none */
	char *host_name; /* of this machine, always a known Host header */
} nova_api;

struct nova_route;
struct nova_action;

#define NOVA_ROUTE_IDS 4

typedef struct nova_request {
	nova_api *api;
	const nova_http_request *http;
	nova_http_reply *reply;
	nova_conf *conf;
	const struct nova_route *route;
	char *ids[NOVA_ROUTE_IDS]; /* what stood for the {…} of the route, decoded */
	unsigned version;          /* minor number of the microversion in effect */
	unsigned max_version;
	nova_context *context;     /* who asks; request id */
	nova_roles roles;          /* what the caller is in its project; all with auth = none */
	nova_token *token;         /* of the caller; NULL with auth = none */
	const char *token_text;    /* what came in X-Auth-Token, with auth = builtin; borrowed */
	char *base;                /* "http://host:port", for links */
	json_object *body;         /* NULL: the route takes none */
	json_object *args;         /* of an action: the value of its key; borrowed from body; NULL for null */
	nova_instance *server;     /* of /servers/{id}/…, where the route wants it */
} nova_request;

/* False with *error set: the pipeline answers the fault. */
typedef bool (*nova_handler)(nova_request *r, GError **error);

/* The first query parameter of that name; NULL: none. */
const char *nova_request_param(const nova_request *r, const char *name);

/* A boolean parameter in any of Nova's spellings; the empty string counts as true, anything else as false. */
bool nova_request_flag(const nova_request *r, const char *name);

/* Who asks, for the stores. */
nova_requester nova_request_by(const nova_request *r);

/* Whether the caller may, and the same as a condition: FORBIDDEN.  For what is a part of an answer; the policy of
 * the whole route has been checked. */
bool nova_request_may(const nova_request *r, const char *policy);
bool nova_request_must(const nova_request *r, const char *policy, GError **error);

/* False when somebody else has locked the request's server: INSTANCE_STATE.  An admin passes. */
bool nova_request_check_lock(const nova_request *r, GError **error);

/* Asks the host of the request's server, within rpc_response_timeout; the answer is the caller's.  MESSAGING when too
 * many requests wait for hosts already. */
json_object *nova_request_ask_host(nova_request *r, const char *method, json_object *args, GError **error);
/* The same for any scheduler. */
json_object *nova_request_ask_scheduler(nova_request *r, const char *method, json_object *args, GError **error);

/* NULL for the admin, who sees every project's servers; else the caller's project. */
const char *nova_request_scope(const nova_request *r);

/* The server with that uuid within the caller's scope; INSTANCE_NOT_FOUND. */
nova_instance *nova_request_find_server(nova_request *r, const char *uuid, bool deleted, GError **error);

/* nova_operations_begin() between the fault points api:begin:before and api:begin:committed: what the user asked for
 * and what the server shows of it come in one transaction or not at all. */
nova_operation *nova_request_begin(nova_request *r, const nova_op_request *request, GError **error);

/* Tells whoever must act on the operation next.  Never fails a request: the row is the truth, and a bell nobody
 * hears costs one poll. */
void nova_request_ring(nova_request *r, const nova_operation *op);
void nova_request_ring_id(nova_request *r, int64_t operation);
