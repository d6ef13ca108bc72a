/* SPDX-License-Identifier: Apache-2.0
 *
 * router.h - the table of everything the API answers, and how a request finds its row.
 *
 * One row: method, path, rights, body and query schema, range of microversions, handler.  routes.c is the
 * table; doc/api.md is printed from it.  Pure but for the handlers.
 */
#pragma once

#include "api/policy.h"
#include "api/request.h"
#include "api/schema.h"
#include "model/matrix.h"

#include <stdio.h>

enum {
	NOVA_ROUTE_SERVER = 1 << 0,  /* {0} is a server: looked up before rights are checked */
	NOVA_ROUTE_DELETED = 1 << 1, /* … a deleted one too, from 2.21 on */
	NOVA_ROUTE_ACTION = 1 << 2,  /* the body's only key names a row of nova_actions[] */
	NOVA_ROUTE_SWAP = 1 << 3,    /* a client sends /servers/{migration}/migrations/{server}: number and uuid */
	NOVA_ROUTE_GUARDED = 1 << 5, /* a locked server refuses it to all but admins */
	NOVA_ROUTE_OPEN = 1 << 4,    /* no caller is needed: where tokens are asked for */
};

typedef struct nova_route {
	const char *method;
	const char *path;           /* below /v2.1 or /v2.1/{project}; "{word}" stands for one segment */
	const char *policy;         /* of nova_policies[]; NULL: none, or each action's own */
	unsigned since, until;      /* minor versions, inclusive; 0: no limit */
	unsigned flags;
	const nova_schema *body;    /* NULL: a body is not looked at */
	const nova_query_schema *query; /* NULL: parameters are ignored */
	nova_handler run;
	const char *doc;
} nova_route;

/* A server action: POST /servers/{id}/action with {"name": args}. */
typedef struct nova_action {
	const char *name;
	const char *policy;
	unsigned since, until;
	const nova_schema *args;    /* NULL: any value, ignored */
	nova_handler run;           /* NULL: Nova has it, this version of nova-lite does not: 501 */
	const char *doc;
	nova_ask ask;               /* its row of the matrix, which knows what a busy server answers */
	bool guarded;               /* a locked server refuses it to all but admins */
} nova_action;

extern const nova_route nova_routes[]; /* each ends with a row whose first member is NULL */
extern const nova_route nova_image_routes[]; /* below /image and /v2.1: no microversions */
extern const nova_route nova_identity_routes[]; /* below /identity/v3, with auth = builtin */
extern const nova_action nova_actions[];

typedef enum nova_match {
	NOVA_MATCH_NOTHING, /* no such path */
	NOVA_MATCH_METHOD,  /* the path, but not with this method */
	NOVA_MATCH_VERSION, /* not in this microversion */
	NOVA_MATCH_FOUND,
} nova_match;

/* Splits at slashes and decodes each segment; a trailing slash does not count.  NULL for a broken escape or an
 * empty segment.  Caller frees with g_strfreev(). */
char **nova_path_split(const char *path);

/* Finds the row for a path's segments; where several fit, the one with words instead of {…} further left
 * wins.  ret_ids gets copies of what stood for {…}; the caller frees each. */
nova_match nova_router_find(const nova_route *table, const char *method, char *const *segments, unsigned version,
			    const nova_route **ret_route, char *ret_ids[NOVA_ROUTE_IDS]);

/* NULL: unknown, or not in this version. */
const nova_action *nova_router_find_action(const char *name, unsigned version);

/* The tables as a Markdown document. */
void nova_routes_print(FILE *out);
