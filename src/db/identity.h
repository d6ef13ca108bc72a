/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h - users, projects, roles and tokens as they are stored.  Any thread; see db.h for faults.
 *
 * Find functions return NULL with no error for what does not exist.  "By id or name" prefers the id.  A password
 * comes in as a hash, a token as a digest; neither is ever stored in clear.
 */
#pragma once

#include "db/db.h"
#include "model/identity.h"

/* ---- projects ---- */

/* id NULL: one is made.  CONFLICT: id or name taken; BAD_REQUEST. */
bool nova_projects_create(nova_db *db, const char *id, const char *name, const char *description, char **ret_id,
			  GError **error);
nova_project *nova_projects_find(nova_db *db, const char *id_or_name, GError **error);
/* name NULL: any; user_id NULL: any, else those the user has a role in.  *ret: of nova_project, by name. */
bool nova_projects_list(nova_db *db, const char *name, const char *user_id, GPtrArray **ret, GError **error);
/* With its roles and tokens.  CONFLICT while it has servers; NOT_FOUND. */
bool nova_projects_delete(nova_db *db, const char *id_or_name, GError **error);
bool nova_projects_set_enabled(nova_db *db, const char *id_or_name, bool enabled, GError **error);

/* ---- users ---- */

/* default_project_id NULL: none.  CONFLICT: name taken; BAD_REQUEST. */
bool nova_users_create(nova_db *db, const char *name, const char *password_hash, const char *default_project_id,
		       char **ret_id, GError **error);
nova_user *nova_users_find(nova_db *db, const char *id_or_name, GError **error);
/* By that one of the two that is not NULL. */
nova_user *nova_users_find_exactly(nova_db *db, const char *id, const char *name, GError **error);
bool nova_users_list(nova_db *db, const char *name, GPtrArray **ret, GError **error);
/* With its roles and tokens.  NOT_FOUND. */
bool nova_users_delete(nova_db *db, const char *id_or_name, GError **error);
/* Ends the user's tokens. */
bool nova_users_set_password(nova_db *db, const char *id_or_name, const char *password_hash, GError **error);
/* Disabling ends the user's tokens. */
bool nova_users_set_enabled(nova_db *db, const char *id_or_name, bool enabled, GError **error);
bool nova_users_set_default_project(nova_db *db, const char *user_id, const char *project_id, GError **error);

/* ---- roles: by id or name of user and project; NOT_FOUND ---- */

bool nova_assignments_add(nova_db *db, const char *user, const char *project, nova_role role, GError **error);
bool nova_assignments_remove(nova_db *db, const char *user, const char *project, nova_role role, GError **error);
/* user_id, project_id NULL: any.  *ret: of nova_assignment, by user and project. */
bool nova_assignments_list(nova_db *db, const char *user_id, const char *project_id, GPtrArray **ret, GError **error);
/* The roles a user has in a project, expanded. */
bool nova_assignments_of(nova_db *db, const char *user_id, const char *project_id, nova_roles *ret, GError **error);

/* ---- tokens ---- */

typedef struct nova_token_request {
	const char *digest;
	const char *user_id, *project_id; /* project NULL: no scope */
	const char *methods;
	const char *audit_id, *chain_id;
	const char *parent_digest; /* NULL: lives for `seconds'; else ends with that one */
	int64_t seconds;
} nova_token_request;

bool nova_tokens_create(nova_db *db, const nova_token_request *request, GError **error);
/* NULL with no error: unknown, ended, of a disabled user or project, or scoped to a project the user has no role in
 * any more. */
nova_token *nova_tokens_find(nova_db *db, const char *digest, GError **error);
bool nova_tokens_revoke(nova_db *db, const char *digest, GError **error);
