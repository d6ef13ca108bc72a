/* SPDX-License-Identifier: Apache-2.0 */
#include "db/identity.h"

#include "common/uuid.h"
#include "db/tx.h"

#include <string.h>

/* 32 hexadecimal digits; free with g_free(). */
static char *new_id(void)
{
	char uuid[NOVA_UUID_SIZE];
	g_auto(GStrv) parts = NULL;

	nova_uuid_new(uuid);
	parts = g_strsplit(uuid, "-", -1);
	return g_strjoinv("", parts);
}

static bool no_such(const char *what, const char *name, GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Could not find %s: %s.", what, name);
}

/* ---- inserting something with an id and a name ---- */

typedef struct named_row {
	nova_query_id insert, proof;
	const char *what, *constraint;
	const char *id, *name;
	nova_arg more[2];
	size_t n_more;
} named_row;

static bool run_insert(nova_tx *tx, void *arg, GError **error)
{
	const named_row *row = arg;
	const nova_arg args[] = { nova_arg_text(row->id), nova_arg_text(row->name), row->more[0], row->more[1] };
	g_autoptr(GError) why = NULL;

	if (nova_tx_run(tx, row->insert, args, 2 + row->n_more, NULL, &why))
		return true;
	if (strcmp(nova_tx_constraint(tx), row->constraint) == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "a %s named '%s' exists already", row->what, row->name);
	if (g_str_has_suffix(nova_tx_constraint(tx), "_pkey"))
		return nova_fail(error, NOVA_FAULT_CONFLICT, "a %s with the id '%s' exists already", row->what,
				 row->id);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool prove_insert(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const named_row *row = arg;
	g_autoptr(nova_result) found = NULL;

	if (!nova_tx_one(tx, row->proof, NOVA_ARGS(nova_arg_text(row->id), nova_arg_text(row->name)), &found, error))
		return false;
	*ret_committed = found != NULL;
	return true;
}

static bool insert(nova_db *db, named_row *row, char **ret_id, GError **error)
{
	static const nova_job job = { .name = "creation of a user or project",
				      .run = run_insert,
				      .proof = prove_insert };

	if (!nova_identity_name_check(row->what, row->name, error) || !nova_identity_id_check(row->id, error) ||
	    !nova_tx_do(db, &job, row, error))
		return false;
	if (ret_id)
		*ret_id = g_strdup(row->id);
	return true;
}

/* ---- projects ---- */

static nova_project *read_project(nova_result *row)
{
	nova_project *project = g_new0(nova_project, 1);

	project->id = nova_result_dup(row, "id");
	project->name = nova_result_dup(row, "name");
	project->description = nova_result_dup(row, "description");
	project->enabled = nova_result_bool(row, "enabled");
	return project;
}

bool nova_projects_create(nova_db *db, const char *id, const char *name, const char *description, char **ret_id,
			  GError **error)
{
	g_autofree char *made = id ? NULL : new_id();
	named_row row = { .insert = NOVA_Q_PROJECT_CREATE,
			  .proof = NOVA_Q_PROJECT_PROOF,
			  .what = "project",
			  .constraint = "projects_name",
			  .id = id ? id : made,
			  .name = name,
			  .more = { nova_arg_text(description ? description : "") },
			  .n_more = 1 };

	return insert(db, &row, ret_id, error);
}

bool nova_projects_list(nova_db *db, const char *name, const char *user_id, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_PROJECTS_ALL, NOVA_ARGS(nova_arg_text(name), nova_arg_text(user_id)), &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_project_free);

	while (nova_result_next(rows))
		g_ptr_array_add(list, read_project(rows));
	*ret = list;
	return true;
}

nova_project *nova_projects_find(nova_db *db, const char *id_or_name, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_result) named = NULL;

	if (!nova_db_one(db, NOVA_Q_PROJECT_GET, NOVA_ARGS(nova_arg_text(id_or_name)), &row, error))
		return NULL;
	if (row)
		return read_project(row);
	if (!nova_db_one(db, NOVA_Q_PROJECTS_ALL, NOVA_ARGS(nova_arg_text(id_or_name), nova_arg_null()), &named,
			 error) ||
	    !named)
		return NULL;
	return read_project(named);
}

static nova_project *must_find_project(nova_db *db, const char *id_or_name, GError **error)
{
	GError *failure = NULL;
	nova_project *project = nova_projects_find(db, id_or_name, &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!project)
		no_such("project", id_or_name, error);
	return project;
}

static bool run_delete_project(nova_tx *tx, void *arg, GError **error)
{
	const nova_project *project = arg;
	g_autoptr(nova_result) count = NULL;

	if (!nova_tx_one(tx, NOVA_Q_PROJECT_SERVERS, NOVA_ARGS(nova_arg_text(project->id)), &count, error))
		return false;
	if (nova_result_int(count, "servers") > 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "the project '%s' still has %d servers; delete them first", project->name,
				 (int)nova_result_int(count, "servers"));
	return nova_tx_run(tx, NOVA_Q_PROJECT_DELETE, NOVA_ARGS(nova_arg_text(project->id)), NULL, error);
}

bool nova_projects_delete(nova_db *db, const char *id_or_name, GError **error)
{
	static const nova_job job = { .name = "deletion of a project", .run = run_delete_project };
	g_autoptr(nova_project) project = must_find_project(db, id_or_name, error);

	return project && nova_tx_do(db, &job, project, error);
}

bool nova_projects_set_enabled(nova_db *db, const char *id_or_name, bool enabled, GError **error)
{
	g_autoptr(nova_project) project = must_find_project(db, id_or_name, error);

	return project && nova_db_run(db, NOVA_Q_PROJECT_ENABLE,
				      NOVA_ARGS(nova_arg_text(project->id), nova_arg_bool(enabled)), NULL, error);
}

/* ---- users ---- */

static nova_user *read_user(nova_result *row)
{
	nova_user *user = g_new0(nova_user, 1);

	user->id = nova_result_dup(row, "id");
	user->name = nova_result_dup(row, "name");
	user->password_hash = nova_result_dup(row, "password_hash");
	user->enabled = nova_result_bool(row, "enabled");
	user->default_project_id = nova_result_dup(row, "default_project_id");
	return user;
}

bool nova_users_create(nova_db *db, const char *name, const char *password_hash, const char *default_project_id,
		       char **ret_id, GError **error)
{
	g_autofree char *id = new_id();
	named_row row = { .insert = NOVA_Q_USER_CREATE,
			  .proof = NOVA_Q_USER_PROOF,
			  .what = "user",
			  .constraint = "users_name",
			  .id = id,
			  .name = name,
			  .more = { nova_arg_text(password_hash), nova_arg_text(default_project_id) },
			  .n_more = 2 };

	return insert(db, &row, ret_id, error);
}

bool nova_users_list(nova_db *db, const char *name, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_USERS_ALL, NOVA_ARGS(nova_arg_text(name)), &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_user_free);

	while (nova_result_next(rows))
		g_ptr_array_add(list, read_user(rows));
	*ret = list;
	return true;
}

nova_user *nova_users_find_exactly(nova_db *db, const char *id, const char *name, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, id ? NOVA_Q_USER_GET : NOVA_Q_USERS_ALL, NOVA_ARGS(nova_arg_text(id ? id : name)), &row,
			 error) ||
	    !row)
		return NULL;
	return read_user(row);
}

nova_user *nova_users_find(nova_db *db, const char *id_or_name, GError **error)
{
	GError *failure = NULL;
	nova_user *user = nova_users_find_exactly(db, id_or_name, NULL, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	return user ? user : nova_users_find_exactly(db, NULL, id_or_name, error);
}

static nova_user *must_find_user(nova_db *db, const char *id_or_name, GError **error)
{
	GError *failure = NULL;
	nova_user *user = nova_users_find(db, id_or_name, &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!user)
		no_such("user", id_or_name, error);
	return user;
}

bool nova_users_delete(nova_db *db, const char *id_or_name, GError **error)
{
	g_autoptr(nova_user) user = must_find_user(db, id_or_name, error);

	return user && nova_db_run(db, NOVA_Q_USER_DELETE, NOVA_ARGS(nova_arg_text(user->id)), NULL, error);
}

/* A change of a user that its tokens do not survive. */
typedef struct user_change {
	const char *id;
	nova_query_id query;
	nova_arg value;
	bool revoke;
} user_change;

static bool run_user_change(nova_tx *tx, void *arg, GError **error)
{
	const user_change *change = arg;

	return nova_tx_run(tx, change->query, NOVA_ARGS(nova_arg_text(change->id), change->value), NULL, error) &&
	       (!change->revoke ||
		nova_tx_run(tx, NOVA_Q_TOKENS_REVOKE_USER, NOVA_ARGS(nova_arg_text(change->id)), NULL, error));
}

static bool change_user(nova_db *db, const char *id_or_name, user_change change, GError **error)
{
	static const nova_job job = { .name = "change of a user", .run = run_user_change };
	g_autoptr(nova_user) user = must_find_user(db, id_or_name, error);

	if (!user)
		return false;
	change.id = user->id;
	return nova_tx_do(db, &job, &change, error);
}

bool nova_users_set_password(nova_db *db, const char *id_or_name, const char *password_hash, GError **error)
{
	const user_change change = { .query = NOVA_Q_USER_PASSWORD,
				     .value = nova_arg_text(password_hash),
				     .revoke = true };

	return change_user(db, id_or_name, change, error);
}

bool nova_users_set_enabled(nova_db *db, const char *id_or_name, bool enabled, GError **error)
{
	const user_change change = { .query = NOVA_Q_USER_ENABLE, .value = nova_arg_bool(enabled), .revoke = !enabled };

	return change_user(db, id_or_name, change, error);
}

bool nova_users_set_default_project(nova_db *db, const char *user_id, const char *project_id, GError **error)
{
	return nova_db_run(db, NOVA_Q_USER_DEFAULT_PROJECT,
			   NOVA_ARGS(nova_arg_text(user_id), nova_arg_text(project_id)), NULL, error);
}

/* ---- roles ---- */

static bool assign(nova_db *db, nova_query_id query, const char *user_name, const char *project_name, nova_role role,
		   GError **error)
{
	g_autoptr(nova_user) user = must_find_user(db, user_name, error);
	g_autoptr(nova_project) project = user ? must_find_project(db, project_name, error) : NULL;

	return project && nova_db_run(db, query,
				      NOVA_ARGS(nova_arg_text(user->id), nova_arg_text(project->id),
						nova_arg_text(nova_names_get(&nova_role_names, (int)role))),
				      NULL, error);
}

bool nova_assignments_add(nova_db *db, const char *user, const char *project, nova_role role, GError **error)
{
	return assign(db, NOVA_Q_ASSIGNMENT_ADD, user, project, role, error);
}

bool nova_assignments_remove(nova_db *db, const char *user, const char *project, nova_role role, GError **error)
{
	return assign(db, NOVA_Q_ASSIGNMENT_REMOVE, user, project, role, error);
}

bool nova_assignments_list(nova_db *db, const char *user_id, const char *project_id, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_ASSIGNMENTS_ALL, NOVA_ARGS(nova_arg_text(user_id), nova_arg_text(project_id)),
			 &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_assignment_free);

	while (nova_result_next(rows)) {
		int role = nova_names_find(&nova_role_names, nova_result_text(rows, "role"));
		nova_assignment *assignment;

		if (role < 0)
			continue; /* of a later version: grants nothing here */
		assignment = g_new0(nova_assignment, 1);
		assignment->user_id = nova_result_dup(rows, "user_id");
		assignment->user_name = nova_result_dup(rows, "user_name");
		assignment->project_id = nova_result_dup(rows, "project_id");
		assignment->project_name = nova_result_dup(rows, "project_name");
		assignment->role = (nova_role)role;
		g_ptr_array_add(list, assignment);
	}
	*ret = list;
	return true;
}

bool nova_assignments_of(nova_db *db, const char *user_id, const char *project_id, nova_roles *ret, GError **error)
{
	g_autoptr(GPtrArray) list = NULL;
	nova_roles roles = 0;

	if (!nova_assignments_list(db, user_id, project_id, &list, error))
		return false;
	for (unsigned i = 0; i < list->len; i++)
		roles |= 1u << ((nova_assignment *)list->pdata[i])->role;
	*ret = nova_roles_expand(roles);
	return true;
}

/* ---- tokens ---- */

bool nova_tokens_create(nova_db *db, const nova_token_request *q, GError **error)
{
	return nova_db_run(db, NOVA_Q_TOKENS_PURGE, NOVA_NO_ARGS, NULL, error) &&
	       nova_db_run(db, NOVA_Q_TOKEN_CREATE,
			   NOVA_ARGS(nova_arg_text(q->digest), nova_arg_text(q->user_id), nova_arg_text(q->project_id),
				     nova_arg_text(q->methods), nova_arg_text(q->audit_id), nova_arg_text(q->chain_id),
				     nova_arg_int(q->seconds), nova_arg_text(q->parent_digest)),
			   NULL, error);
}

nova_token *nova_tokens_find(nova_db *db, const char *digest, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_token) token = NULL;

	if (!nova_db_one(db, NOVA_Q_TOKEN_GET, NOVA_ARGS(nova_arg_text(digest)), &row, error) || !row)
		return NULL;
	token = g_new0(nova_token, 1);
	token->user_id = nova_result_dup(row, "user_id");
	token->user_name = nova_result_dup(row, "user_name");
	token->project_id = nova_result_dup(row, "project_id");
	token->project_name = nova_result_dup(row, "project_name");
	token->methods = nova_result_dup(row, "methods");
	token->audit_id = nova_result_dup(row, "audit_id");
	token->chain_id = nova_result_dup(row, "chain_id");
	token->roles = nova_roles_expand(nova_roles_parse(nova_result_text(row, "roles")));
	token->issued_us = nova_result_int(row, "issued_us");
	token->expires_us = nova_result_int(row, "expires_us");
	token->remaining_us = nova_result_int(row, "remaining_us");
	if (token->project_id && !token->roles)
		return NULL;
	return g_steal_pointer(&token);
}

bool nova_tokens_revoke(nova_db *db, const char *digest, GError **error)
{
	return nova_db_run(db, NOVA_Q_TOKEN_REVOKE, NOVA_ARGS(nova_arg_text(digest)), NULL, error);
}
