/* SPDX-License-Identifier: Apache-2.0 */
#include "db/identity.h"
#include "manage/command.h"
#include "manage/password_input.h"
#include "manage/table.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD_FILE \
	{ "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password_file, \
	  "File whose first line is the password; -: standard input", "FILE" }

static nova_db *open_db(nova_manage *manage, GError **error)
{
	return nova_db_open(manage->conf, "nova-lite-manage", 1, error);
}

/* The hash of a password that is read now. */
static char *read_hash(const char *file, GError **error)
{
	g_autoptr(nova_secret) password = nova_password_input(file, error);

	return password ? nova_password_hash(password, error) : NULL;
}

static bool read_role(const char *word, nova_role *ret, GError **error)
{
	int role;

	if (!nova_names_parse(&nova_role_names, word, &role, error))
		return false;
	*ret = (nova_role)role;
	return true;
}

/* ---- users ---- */

bool nova_cmd_user_create(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *password_file = NULL;
	g_autofree char *project_name = NULL;
	g_autofree char *role_name = NULL;
	const GOptionEntry entries[] = {
		PASSWORD_FILE,
		{ "project", 0, 0, G_OPTION_ARG_STRING, &project_name,
		  "The user's own project: its token is for that one when none is asked for", "PROJECT" },
		{ "role", 0, 0, G_OPTION_ARG_STRING, &role_name,
		  "Role in it: admin, manager, member (the default) or reader", "ROLE" },
		{ 0 },
	};
	nova_role role = NOVA_ROLE_MEMBER;

	if (!nova_command_parse(manage, entries, 1, 1, &argc, &argv, error) ||
	    (role_name && !read_role(role_name, &role, error)) || !nova_identity_name_check("user", argv[1], error))
		return false;
	if (role_name && !project_name)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "--role needs --project");
	g_autoptr(nova_db) db = open_db(manage, error);

	if (!db)
		return false;
	g_autoptr(GError) why = NULL;
	g_autoptr(nova_project) project = project_name ? nova_projects_find(db, project_name, &why) : NULL;

	if (why) {
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	if (project_name && !project)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "there is no project '%s'", project_name);
	g_autofree char *hash = read_hash(password_file, error);
	g_autofree char *id = NULL;

	if (!hash || !nova_users_create(db, argv[1], hash, project ? project->id : NULL, &id, error) ||
	    (project && !nova_assignments_add(db, id, project->id, role, error)))
		return false;
	printf("%s\n", id);
	return true;
}

bool nova_cmd_user_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) users = NULL;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);

	if (!db || !nova_users_list(db, NULL, &users, error))
		return false;
	nova_table *table = nova_table_new((const char *[]) { "ID", "NAME", "ENABLED", "PROJECT", NULL });

	for (unsigned i = 0; i < users->len; i++) {
		const nova_user *user = users->pdata[i];

		nova_table_add(table, (const char *[]) { user->id, user->name, user->enabled ? "yes" : "no",
							 user->default_project_id });
	}
	nova_table_print(table, stdout);
	nova_table_free(table);
	return true;
}

bool nova_cmd_user_set_password(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *password_file = NULL;
	const GOptionEntry entries[] = { PASSWORD_FILE, { 0 } };

	if (!nova_command_parse(manage, entries, 1, 1, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);
	g_autofree char *hash = db ? read_hash(password_file, error) : NULL;

	return hash && nova_users_set_password(db, argv[1], hash, error);
}

/* Commands whose only argument names what they change. */
static bool change(nova_manage *manage, int argc, char **argv,
		   bool (*function)(nova_db *db, const char *id_or_name, GError **error), GError **error)
{
	if (!nova_command_parse(manage, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);

	return db && function(db, argv[1], error);
}

static bool enable_user(nova_db *db, const char *name, GError **error)
{
	return nova_users_set_enabled(db, name, true, error);
}

static bool disable_user(nova_db *db, const char *name, GError **error)
{
	return nova_users_set_enabled(db, name, false, error);
}

static bool enable_project(nova_db *db, const char *name, GError **error)
{
	return nova_projects_set_enabled(db, name, true, error);
}

static bool disable_project(nova_db *db, const char *name, GError **error)
{
	return nova_projects_set_enabled(db, name, false, error);
}

bool nova_cmd_user_enable(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change(manage, argc, argv, enable_user, error);
}

bool nova_cmd_user_disable(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change(manage, argc, argv, disable_user, error);
}

bool nova_cmd_user_delete(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change(manage, argc, argv, nova_users_delete, error);
}

/* ---- projects ---- */

bool nova_cmd_project_create(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *id = NULL;
	g_autofree char *description = NULL;
	g_autofree char *made = NULL;
	const GOptionEntry entries[] = {
		{ "id", 0, 0, G_OPTION_ARG_STRING, &id, "Public id; left out: a new one", "ID" },
		{ "description", 0, 0, G_OPTION_ARG_STRING, &description, "What it is for", "TEXT" },
		{ 0 },
	};

	if (!nova_command_parse(manage, entries, 1, 1, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);

	if (!db || !nova_projects_create(db, id, argv[1], description, &made, error))
		return false;
	printf("%s\n", made);
	return true;
}

bool nova_cmd_project_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) projects = NULL;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);

	if (!db || !nova_projects_list(db, NULL, NULL, &projects, error))
		return false;
	nova_table *table = nova_table_new((const char *[]) { "ID", "NAME", "ENABLED", "DESCRIPTION", NULL });

	for (unsigned i = 0; i < projects->len; i++) {
		const nova_project *p = projects->pdata[i];

		nova_table_add(table, (const char *[]) { p->id, p->name, p->enabled ? "yes" : "no", p->description });
	}
	nova_table_print(table, stdout);
	nova_table_free(table);
	return true;
}

bool nova_cmd_project_enable(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change(manage, argc, argv, enable_project, error);
}

bool nova_cmd_project_disable(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change(manage, argc, argv, disable_project, error);
}

bool nova_cmd_project_delete(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change(manage, argc, argv, nova_projects_delete, error);
}

/* ---- roles ---- */

static bool change_role(nova_manage *manage, int argc, char **argv,
			bool (*function)(nova_db *db, const char *user, const char *project, nova_role role,
					 GError **error),
			GError **error)
{
	nova_role role;

	if (!nova_command_parse(manage, NULL, 3, 3, &argc, &argv, error) || !read_role(argv[3], &role, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);

	return db && function(db, argv[1], argv[2], role, error);
}

bool nova_cmd_role_add(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change_role(manage, argc, argv, nova_assignments_add, error);
}

bool nova_cmd_role_remove(nova_manage *manage, int argc, char **argv, GError **error)
{
	return change_role(manage, argc, argv, nova_assignments_remove, error);
}

bool nova_cmd_role_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) list = NULL;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = open_db(manage, error);

	if (!db || !nova_assignments_list(db, NULL, NULL, &list, error))
		return false;
	nova_table *table = nova_table_new((const char *[]) { "USER", "PROJECT", "ROLE", NULL });

	for (unsigned i = 0; i < list->len; i++) {
		const nova_assignment *a = list->pdata[i];

		nova_table_add(table, (const char *[]) { a->user_name, a->project_name,
							 nova_names_get(&nova_role_names, (int)a->role) });
	}
	nova_table_print(table, stdout);
	nova_table_free(table);
	return true;
}

/* ---- the first administrator ---- */

/* The project, made when it is not there. */
static nova_project *make_project(nova_db *db, const char *name, GError **error)
{
	GError *failure = NULL;
	nova_project *project = nova_projects_find(db, name, &failure);
	/* Servers made with auth = none belong to the project with the id "default". */
	const char *id = strcmp(name, "default") == 0 ? name : NULL;

	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	if (project)
		return project;
	return nova_projects_create(db, id, name, "", NULL, error) ? nova_projects_find(db, name, error) : NULL;
}

bool nova_cmd_identity_bootstrap(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *password_file = NULL;
	g_autofree char *user_name = NULL;
	g_autofree char *project_name = NULL;
	const GOptionEntry entries[] = {
		PASSWORD_FILE,
		{ "user", 0, 0, G_OPTION_ARG_STRING, &user_name, "Name of the administrator (admin)", "NAME" },
		{ "project", 0, 0, G_OPTION_ARG_STRING, &project_name, "Name of the administrator's project (default)",
		  "NAME" },
		{ 0 },
	};

	if (!nova_command_parse(manage, entries, 0, 0, &argc, &argv, error))
		return false;
	const char *name = user_name ? user_name : "admin";
	g_autoptr(nova_db) db = open_db(manage, error);
	g_autofree char *hash = db ? read_hash(password_file, error) : NULL;
	g_autoptr(nova_project) project =
		hash ? make_project(db, project_name ? project_name : "default", error) : NULL;
	g_autoptr(GError) why = NULL;
	g_autoptr(nova_user) user = project ? nova_users_find(db, name, &why) : NULL;

	if (!project)
		return false;
	if (why) {
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	if (!user && !nova_users_create(db, name, hash, project->id, NULL, error))
		return false;
	if (user && (!nova_users_set_password(db, user->id, hash, error) ||
		     !nova_users_set_enabled(db, user->id, true, error) ||
		     !nova_users_set_default_project(db, user->id, project->id, error)))
		return false;
	return nova_projects_set_enabled(db, project->id, true, error) &&
	       nova_assignments_add(db, name, project->id, NOVA_ROLE_ADMIN, error);
}
