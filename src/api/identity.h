/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h - users prove who they are, and tokens what they may do: what [api] auth = builtin and basic share.
 *
 * One for each process, any thread.  It remembers the tokens it has looked up for [token] cache_time seconds, so
 * that is how long a change made elsewhere (another API process, nova-lite-manage) may go unnoticed; a token
 * revoked here ends here at once.  Passwords are verified by a few threads at a time, outside the number of
 * workers, so that logins cannot starve requests; repeated failures have to wait (throttle.h).  Nothing here keeps,
 * logs or returns a password.
 */
#pragma once

#include "api/http.h"
#include "common/conf.h"
#include "db/identity.h"

typedef struct nova_identity nova_identity;

nova_identity *nova_identity_new(nova_db *db);
void nova_identity_free(nova_identity *identity); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_identity, nova_identity_free)

/* What a token stands for; NULL with no error: it is not valid. */
nova_token *nova_identity_find(nova_identity *identity, const nova_conf *conf, const char *token, GError **error);

/* A try to log in.  user_id or user_name is NULL. */
typedef struct nova_login {
	const char *user_id, *user_name;
	const char *password;
	const char *address; /* of the client */
	const char *request_id;
} nova_login;

/* The user with this password.  UNAUTHORIZED when there is none (logged once, with the name and the address);
 * TOO_MANY_REQUESTS with *ret_retry_s when the caller has to wait.  `http' lends a thread; NULL in tests. */
nova_user *nova_identity_login(nova_identity *identity, nova_http *http, const nova_login *login,
			       unsigned *ret_retry_s, GError **error);

/* HTTP basic: the user's token-to-be in the user's default project, remembered like a token.  Errors as above. */
nova_token *nova_identity_basic(nova_identity *identity, nova_http *http, const nova_conf *conf,
				const nova_login *login, unsigned *ret_retry_s, GError **error);

/* A new token.  project_id NULL: no scope.  parent: the token it is made from, whose end and chain it gets; NULL:
 * none.  NULL with no error: the user has no role there, or the parent has ended meanwhile. */
nova_token *nova_identity_issue(nova_identity *identity, const nova_conf *conf, const char *user_id,
				const char *project_id, const char *parent, const nova_token *parent_token,
				char **ret_token, GError **error);

bool nova_identity_revoke(nova_identity *identity, const char *token, GError **error);
