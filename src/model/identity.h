/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h - users, projects and what the first may do in the second.  Pure.
 *
 * There is one domain.  Four roles, each of which holds those after it: admin, manager, member, reader.  A user
 * gets roles in projects; admin counts in every project.
 */
#pragma once

#include "common/error.h"
#include "common/names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NOVA_DOMAIN_ID	 "default"
#define NOVA_DOMAIN_NAME "Default"

typedef enum nova_role {
	NOVA_ROLE_ADMIN,
	NOVA_ROLE_MANAGER,
	NOVA_ROLE_MEMBER,
	NOVA_ROLE_READER,
	NOVA_ROLE__COUNT
} nova_role;

extern const nova_names nova_role_names;

/* A set of roles: 1 << nova_role. */
typedef unsigned nova_roles;

/* The set with every role that its roles hold. */
nova_roles nova_roles_expand(nova_roles roles);
bool nova_roles_include(nova_roles roles, nova_role role);

/* The set of "admin,reader"; words that are no roles are passed over.  NULL is the empty set. */
nova_roles nova_roles_parse(const char *list);

typedef struct nova_project {
	char *id, *name, *description;
	bool enabled;
} nova_project;

void nova_project_free(nova_project *project);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_project, nova_project_free)

typedef struct nova_user {
	char *id, *name;
	char *default_project_id; /* NULL: none */
	char *password_hash;
	bool enabled;
} nova_user;

void nova_user_free(nova_user *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_user, nova_user_free)

/* A role somebody was given; what it holds is not listed. */
typedef struct nova_assignment {
	char *user_id, *user_name, *project_id, *project_name;
	nova_role role;
} nova_assignment;

void nova_assignment_free(nova_assignment *assignment);

/* What a token stands for. */
typedef struct nova_token {
	char *user_id, *user_name;
	char *project_id, *project_name; /* NULL: no scope */
	nova_roles roles;                /* expanded; empty without a scope */
	char *methods;                   /* "password" or "password,token" */
	char *audit_id, *chain_id;       /* its own, and that of the first of its chain */
	int64_t issued_us, expires_us;   /* the database's clock */
	int64_t remaining_us;            /* when it was read */
} nova_token;

nova_token *nova_token_copy(const nova_token *token);
void nova_token_free(nova_token *token);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_token, nova_token_free)

/* Names of users and projects: 1 to 255 characters, none of them a control character, no blank at either end.
 * `what' ("user") is for the error, BAD_REQUEST. */
bool nova_identity_name_check(const char *what, const char *name, GError **error);

/* Ids that clients may put into a path: a-z, 0-9 and hyphens, 1 to 64.  BAD_REQUEST. */
bool nova_identity_id_check(const char *id, GError **error);
