/* SPDX-License-Identifier: Apache-2.0 */
#include "model/identity.h"

#include <string.h>

#define MAX_NAME 255 /* characters */
#define MAX_ID	 64

NOVA_NAMES(nova_role_names, "role", NOVA_ROLE__COUNT, [NOVA_ROLE_ADMIN] = "admin", [NOVA_ROLE_MANAGER] = "manager",
	   [NOVA_ROLE_MEMBER] = "member", [NOVA_ROLE_READER] = "reader");

nova_roles nova_roles_expand(nova_roles roles)
{
	/* Each role holds the one after it, and so on. */
	for (unsigned role = 0; role + 1 < NOVA_ROLE__COUNT; role++)
		if (roles & (1u << role))
			roles |= 1u << (role + 1);
	return roles;
}

bool nova_roles_include(nova_roles roles, nova_role role)
{
	return roles & (1u << role);
}

nova_roles nova_roles_parse(const char *list)
{
	g_auto(GStrv) words = g_strsplit(list ? list : "", ",", 0);
	nova_roles roles = 0;

	for (char **word = words; *word; word++) {
		int role = nova_names_find(&nova_role_names, *word);

		if (role >= 0)
			roles |= 1u << role;
	}
	return roles;
}

void nova_project_free(nova_project *project)
{
	if (!project)
		return;
	g_free(project->id);
	g_free(project->name);
	g_free(project->description);
	g_free(project);
}

void nova_user_free(nova_user *user)
{
	if (!user)
		return;
	g_free(user->id);
	g_free(user->name);
	g_free(user->default_project_id);
	g_free(user->password_hash);
	g_free(user);
}

void nova_assignment_free(nova_assignment *assignment)
{
	if (!assignment)
		return;
	g_free(assignment->user_id);
	g_free(assignment->user_name);
	g_free(assignment->project_id);
	g_free(assignment->project_name);
	g_free(assignment);
}

nova_token *nova_token_copy(const nova_token *token)
{
	nova_token *copy = g_new(nova_token, 1);

	*copy = *token;
	copy->user_id = g_strdup(token->user_id);
	copy->user_name = g_strdup(token->user_name);
	copy->project_id = g_strdup(token->project_id);
	copy->project_name = g_strdup(token->project_name);
	copy->methods = g_strdup(token->methods);
	copy->audit_id = g_strdup(token->audit_id);
	copy->chain_id = g_strdup(token->chain_id);
	return copy;
}

void nova_token_free(nova_token *token)
{
	if (!token)
		return;
	g_free(token->user_id);
	g_free(token->user_name);
	g_free(token->project_id);
	g_free(token->project_name);
	g_free(token->methods);
	g_free(token->audit_id);
	g_free(token->chain_id);
	g_free(token);
}

bool nova_identity_name_check(const char *what, const char *name, GError **error)
{
	bool good = g_utf8_validate(name, -1, NULL) && *name && g_utf8_strlen(name, -1) <= MAX_NAME;

	for (const char *c = name; good && *c; c = g_utf8_next_char(c))
		good = !g_unichar_iscntrl(g_utf8_get_char(c));
	good = good && !g_unichar_isspace(g_utf8_get_char(name)) &&
	       !g_unichar_isspace(g_utf8_get_char(g_utf8_prev_char(name + strlen(name))));
	return good || nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "'%s' cannot be the name of a %s: use 1 to %d printable characters without blanks at "
				 "either end",
				 g_utf8_validate(name, -1, NULL) ? name : "", what, MAX_NAME);
}

bool nova_identity_id_check(const char *id, GError **error)
{
	size_t n = strlen(id);

	if (n >= 1 && n <= MAX_ID && id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0')
		return true;
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "'%s' cannot be an id: use 1 to %d of a-z, 0-9 and hyphens", id, MAX_ID);
}
