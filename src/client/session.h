/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h - talking to the compute API as one user.
 *
 * With auth_url, user name and password (auth_type absent or password) it logs in with the first request, for the
 * project asked for or the user's own, and again when its token has ended; the endpoint is that of the catalog unless
 * one is given.  auth_type http_basic sends user and password with each request.  Otherwise: the endpoint
 * (http://127.0.0.1:8774/v2.1 when none is given) and the token.  A session keeps one connection alive.
 * Single-threaded.
 */
#pragma once

#include "client/cloud.h"
#include "common/error.h"
#include "common/json_auto.h"

#include <stdbool.h>

typedef struct nova_session nova_session;

/* Takes `cloud' over, also when it fails.  endpoint NULL: as the cloud says.  `debug' prints each request and status on
 * stderr. */
nova_session *nova_session_new(nova_cloud *cloud, const char *endpoint, bool debug, GError **error);
/* How long one request may take; 120 s when nothing is said. */
void nova_session_set_timeout(nova_session *session, unsigned seconds);
void nova_session_free(nova_session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_session, nova_session_free)

/* Sends one request; `path' is appended to the endpoint and already escaped.  body NULL: none.
 * *ret_reply (may be NULL) is the parsed answer, NULL when it has no body.  An answer of 400 or
 * more is an error with the service's own message,
 * "(HTTP n)" and the request id; its fault is NOT_FOUND for 404, CONFLICT for 409, BAD_REQUEST for
 * other 4xx, else INTERNAL. No answer is MESSAGING.  microversion NULL: the newest this program
 * knows. */
bool nova_session_request(nova_session *session, const char *method, const char *path,
			  json_object *body, const char *microversion, json_object **ret_reply,
			  GError **error);

/* GET, without which nothing goes. */
json_object *nova_session_get(nova_session *session, const char *path, GError **error);

/* The id of the project the session is for; borrowed.  Logs in first where it has to. */
const char *nova_session_project(nova_session *session, GError **error);

/* Percent-escapes one path segment or query value; free with g_free(). */
char *nova_session_escape(const char *text);

/* The uuid of a server given by uuid or exact name; free with g_free().  NOT_FOUND, or CONFLICT
 * when several have the name. */
char *nova_session_server_id(nova_session *session, const char *server, GError **error);
