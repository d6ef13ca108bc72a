/* SPDX-License-Identifier: Apache-2.0
 *
 * auth.h - who is asking.
 *
 * [api] auth = none: everybody who may connect is the administrator.  "May connect" means: the client's address
 * is in auth_none_allowed_addresses, an X-Auth-Token header is there (any value; no web page can send one
 * without being asked first) and the Host header is a name or address this API is known under (so no page can
 * reach it under a name of its own that resolves to this machine).  Pure but for reading the system's host name.
 */
#pragma once

#include "api/http.h"
#include "common/conf.h"
#include "common/context.h"

typedef enum nova_auth_verdict {
	NOVA_AUTH_OK,
	NOVA_AUTH_MISSING, /* 401: no token */
	NOVA_AUTH_REFUSED, /* *error says why */
} nova_auth_verdict;

/* FORBIDDEN when the Host header is unknown.  `own_name' (may be NULL) is known besides [api] allowed_hosts and the
 * address the client connected to. */
bool nova_auth_check_host(const nova_conf *conf, const nova_http_request *request, const char *own_name,
			  GError **error);

/* *ret_context: the caller, with a request id of its own. */
nova_auth_verdict nova_auth_check(const nova_conf *conf, const nova_http_request *request, const char *request_id,
				  nova_context **ret_context, GError **error);

/* Whether an address is in one of the networks ("10.0.0.0/8", "::1/128", "192.0.2.7"). */
bool nova_auth_address_is_in(const char *address, char *const *networks);

/* Complains (CONFIG) about networks that cannot be read. */
bool nova_auth_check_networks(char *const *networks, GError **error);
