/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h - who asked, and which request it was: travels from the API through RPC into every log
 * line.
 *
 * Made once for each request or periodic task, then only read.  Strings are owned by the context
 * and never NULL.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct nova_context {
	char *request_id; /* "req-<uuid>" */
	char *user_id;
	char *project_id;
	bool is_admin;
} nova_context;

/* With a new request id.  NULL counts as "". */
nova_context *nova_context_new(const char *user_id, const char *project_id, bool is_admin);

/* For work nobody asked for (heartbeat, reconciler, a resumed operation): admin, no user, new
 * request id. */
nova_context *nova_context_new_admin(void);

/* With a given request id, for a request that came from another service. */
nova_context *nova_context_new_with_id(const char *request_id, const char *user_id, const char *project_id,
				       bool is_admin);

nova_context *nova_context_copy(const nova_context *context);
void nova_context_free(nova_context *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_context, nova_context_free)

/* "req-" and a uuid; what a client may send as its own request id. */
bool nova_request_id_is_valid(const char *text);

/* A new one; free with g_free(). */
char *nova_request_id_new(void);
