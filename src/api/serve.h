/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.h - the way of every request: known host, version documents, caller, microversion, route, content type,
 * body, query, server, rights, handler; and of every answer: request id, version headers, fault shape.
 *
 * The order is Nova's: it decides which of several mistakes a client hears about.
 */
#pragma once

#include "api/request.h"

/* A nova_http_serve; `user' is the nova_api. */
void nova_serve(void *user, const nova_http_request *http, nova_http_reply *reply);

/* Checks the options the API cannot start with. */
bool nova_serve_check_conf(const nova_conf *conf, GError **error);
