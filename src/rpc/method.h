/* SPDX-License-Identifier: Apache-2.0
 *
 * method.h - what a service can be asked: method tables, and the checks before a handler runs.
 *
 * A service describes its interface as one const table per namespace; the dispatcher looks the
 * method up, checks version and arguments, then calls.  Handlers contain only the work.  Example:
 *
 *	static const nova_rpc_method methods[] = {
 *		{
 *			.name = "observe_domain",
 *			.kind = NOVA_RPC_CALL,
 *			.args = NOVA_RPC_ARGS({ "instance", json_type_string, false }),
 *			.run = run_observe,
 *			.doc = "What this host's hypervisor knows about a guest.",
 *		},
 *		{ 0 },
 *	};
 *
 * Pure: no I/O, no locks.
 */
#pragma once

#include "common/error.h"

#include <json-c/json_object.h>

struct nova_context;

typedef enum nova_rpc_kind {
	NOVA_RPC_CAST, /* nobody waits: the handler's error is logged, called all the same it answers null */
	NOVA_RPC_CALL, /* answers with a result; sent as a cast all the same the result is dropped */
} nova_rpc_kind;

#define NOVA_RPC_ANY json_type_null

typedef struct nova_rpc_arg {
	const char *name;
	enum json_type type; /* json_type_double also accepts an integer; NOVA_RPC_ANY everything */
	bool optional; /* may be absent or null; a required one may be neither */
} nova_rpc_arg;

/* One request.  The dispatcher owns it and everything in it until the handler returns. */
typedef struct nova_rpc_request {
	void *service; /* the endpoint's own context */
	const char *method; /* name as in the table: one handler may serve several rows */
	struct json_object *args; /* never NULL; already checked against the method's args */
	struct json_object *result; /* a CALL handler may set it: ownership moves to the dispatcher */
	const struct nova_context *context; /* who asks, on whose behalf; never NULL */
	const char *namespace_; /* NULL: none */
	const char *version; /* as asked for, "1.0" when the message had none */
	bool is_call; /* somebody waits for the result */
} nova_rpc_request;

/* Runs in a worker thread of the server and may block.  False with *error set: the caller gets the
 * fault's wire name and the text (a cast's failure is logged).  */
typedef bool (*nova_rpc_handler)(nova_rpc_request *request, GError **error);

typedef struct nova_rpc_method {
	const char *name; /* NULL ends the table; never starts with '_' */
	nova_rpc_kind kind;
	unsigned since; /* minor version of the interface that introduced it */
	const nova_rpc_arg *args; /* ends with a NULL name; NULL: takes none */
	nova_rpc_handler run;
	const char *doc;
} nova_rpc_method;

#define NOVA_RPC_ARGS(...) ((const nova_rpc_arg[]){ __VA_ARGS__, { 0 } })

/* One interface of a service: a namespace at a version.  Two with the same namespace and different
 * major versions may stand side by side. */
typedef struct nova_rpc_endpoint {
	const char *namespace_; /* NULL: none */
	unsigned major, minor; /* newest version served; older minors of the same major are served too */
	const nova_rpc_method *methods;
	void *service; /* given to handlers */
} nova_rpc_endpoint;

/* "6.1" -> 6, 1.  False when it is not of that form. */
bool nova_rpc_version_parse(const char *text, unsigned *ret_major, unsigned *ret_minor);

/* Finds who serves the method.  The version rule is oslo's: same namespace, same major, asked-for
 * minor not above the served one and not below the method's `since'.  UNSUPPORTED_VERSION when no
 * endpoint fits, NO_SUCH_METHOD when one does but has no such row (names starting with '_' never
 * exist).  The result is borrowed from the tables. */
const nova_rpc_method *nova_rpc_method_find(const nova_rpc_endpoint *endpoints, size_t n_endpoints,
					    const char *namespace_, const char *version, const char *name,
					    const nova_rpc_endpoint **ret_endpoint, GError **error);

/* BAD_REQUEST naming the argument that is missing, of the wrong type or not in the table. */
bool nova_rpc_method_check_args(const nova_rpc_method *method, struct json_object *args, GError **error);
