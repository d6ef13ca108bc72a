/* SPDX-License-Identifier: Apache-2.0
 *
 * caller.h - who is asking, by each of the ways [api] auth knows.
 *
 * none: everybody who may connect is the administrator (auth.h).  basic: user and password with each request.
 * builtin: the token in X-Auth-Token; for images also user and password.
 */
#pragma once

#include "api/auth.h"
#include "api/request.h"

/* Replaces the request's context by the caller's and fills roles, token and token_text.  Any verdict but OK leaves
 * the request as it was. */
nova_auth_verdict nova_caller_identify(nova_request *r, GError **error);

/* Roles count in a project: FORBIDDEN for a caller who has none (a token without a scope). */
bool nova_caller_check_project(const nova_request *r, GError **error);

/* The WWW-Authenticate of a 401.  Free with g_free(). */
char *nova_caller_challenge(const nova_request *r);
