/* SPDX-License-Identifier: Apache-2.0
 *
 * Users, projects, roles and tokens in a real database.
 */
#include "fixture.h"

#include "db/identity.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "identity";

#define COUNT(expected, from) \
	do { \
		g_autofree char *counted = pg_cluster_sql(cluster, NAME, "SELECT count(*) FROM %s", from); \
		assert_int_equal(atoi(counted), expected); \
	} while (0)

static char *add_user(const char *name, const char *project)
{
	char *id = NULL;

	MUST(nova_users_create(db, name, "hash", project, &id, &must_error));
	return id;
}

static char *add_project(const char *name)
{
	char *id = NULL;

	MUST(nova_projects_create(db, NULL, name, "words", &id, &must_error));
	return id;
}

static bool try_token(const char *digest, const char *user, const char *project, const char *parent, int64_t seconds)
{
	const nova_token_request request = { .digest = digest,
					     .user_id = user,
					     .project_id = project,
					     .methods = "password",
					     .audit_id = digest,
					     .chain_id = "chain",
					     .parent_digest = parent,
					     .seconds = seconds };
	g_autoptr(nova_token) token = NULL;

	MUST(nova_tokens_create(db, &request, &must_error));
	token = nova_tokens_find(db, digest, NULL);
	return token != NULL;
}

static bool is_valid(const char *digest)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_token) token = nova_tokens_find(db, digest, &error);

	must(error == NULL, &error);
	return token != NULL;
}

static void test_names_are_unique(void **state)
{
	g_autofree char *project = add_project("p-unique");
	g_autofree char *user = add_user("u-unique", NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_int_equal(strlen(user), 32);
	assert_false(nova_users_create(db, "u-unique", "h", NULL, NULL, &error));
	assert_non_null(strstr(error->message, "u-unique"));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	assert_false(nova_projects_create(db, NULL, "p-unique", NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	assert_false(nova_projects_create(db, project, "p-other", NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	assert_false(nova_projects_create(db, "No Good", "p-other", NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	assert_false(nova_users_create(db, " blank", "h", NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
}

static void test_found_by_id_and_by_name(void **state)
{
	g_autofree char *project = add_project("p-found");
	g_autofree char *user = add_user("u-found", project);
	g_autoptr(nova_user) by_id = nova_users_find(db, user, NULL);
	g_autoptr(nova_user) by_name = nova_users_find(db, "u-found", NULL);
	g_autoptr(nova_user) none = nova_users_find(db, "u-nobody", NULL);
	g_autoptr(nova_user) crossed = nova_users_find_exactly(db, "u-found", NULL, NULL);
	g_autoptr(nova_project) p = nova_projects_find(db, "p-found", NULL);

	(void)state;
	assert_string_equal(by_id->name, "u-found");
	assert_string_equal(by_name->id, user);
	assert_string_equal(by_name->default_project_id, project);
	assert_string_equal(by_name->password_hash, "hash");
	assert_null(none);
	assert_null(crossed); /* a name is no id */
	assert_string_equal(p->id, project);
	assert_string_equal(p->description, "words");
}

static void test_roles(void **state)
{
	g_autofree char *project = add_project("p-roles");
	g_autofree char *user = add_user("u-roles", NULL);
	g_autoptr(GPtrArray) list = NULL;
	g_autoptr(GPtrArray) mine = NULL;
	g_autoptr(GError) error = NULL;
	nova_roles roles = 99;

	(void)state;
	MUST(nova_assignments_of(db, user, project, &roles, &must_error));
	assert_int_equal(roles, 0);
	MUST(nova_assignments_add(db, "u-roles", "p-roles", NOVA_ROLE_MEMBER, &must_error));
	MUST(nova_assignments_add(db, "u-roles", "p-roles", NOVA_ROLE_MEMBER, &must_error));
	MUST(nova_assignments_of(db, user, project, &roles, &must_error));
	assert_int_equal(roles, (1u << NOVA_ROLE_MEMBER) | (1u << NOVA_ROLE_READER));
	MUST(nova_assignments_list(db, user, NULL, &list, &must_error));
	assert_int_equal(list->len, 1);
	assert_string_equal(((nova_assignment *)list->pdata[0])->project_name, "p-roles");
	MUST(nova_projects_list(db, NULL, user, &mine, &must_error));
	assert_int_equal(mine->len, 1);
	MUST(nova_assignments_remove(db, user, project, NOVA_ROLE_MEMBER, &must_error));
	MUST(nova_assignments_of(db, user, project, &roles, &must_error));
	assert_int_equal(roles, 0);
	assert_false(nova_assignments_add(db, "u-nobody", "p-roles", NOVA_ROLE_READER, &error));
	must_fault(&error, NOVA_FAULT_NOT_FOUND);
	assert_false(nova_assignments_add(db, "u-roles", "p-nowhere", NOVA_ROLE_READER, &error));
	must_fault(&error, NOVA_FAULT_NOT_FOUND);
}

static void test_what_ends_a_token(void **state)
{
	g_autofree char *project = add_project("p-token");
	g_autofree char *user = add_user("u-token", project);
	g_autoptr(nova_token) token = NULL;

	(void)state;
	assert_false(try_token("norole", user, project, NULL, 60)); /* no role there */
	MUST(nova_assignments_add(db, user, project, NOVA_ROLE_MANAGER, &must_error));
	assert_true(try_token("unscoped", user, NULL, NULL, 60));
	assert_true(try_token("t", user, project, NULL, 60));
	token = nova_tokens_find(db, "t", NULL);
	assert_string_equal(token->user_name, "u-token");
	assert_string_equal(token->project_name, "p-token");
	assert_true(nova_roles_include(token->roles, NOVA_ROLE_MANAGER) &&
		    nova_roles_include(token->roles, NOVA_ROLE_READER));
	assert_false(nova_roles_include(token->roles, NOVA_ROLE_ADMIN));
	assert_true(token->remaining_us > 50 * G_USEC_PER_SEC && token->remaining_us <= 60 * G_USEC_PER_SEC);
	assert_true(token->expires_us - token->issued_us >= 59 * G_USEC_PER_SEC);

	MUST(nova_projects_set_enabled(db, project, false, &must_error));
	assert_false(is_valid("t"));
	assert_true(is_valid("unscoped"));
	MUST(nova_projects_set_enabled(db, project, true, &must_error));
	assert_true(is_valid("t"));
	MUST(nova_assignments_remove(db, user, project, NOVA_ROLE_MANAGER, &must_error));
	assert_false(is_valid("t"));
	MUST(nova_assignments_add(db, user, project, NOVA_ROLE_READER, &must_error));
	assert_true(is_valid("t"));

	MUST(nova_tokens_revoke(db, "t", &must_error));
	assert_false(is_valid("t"));
	assert_true(is_valid("unscoped"));
	MUST(nova_users_set_password(db, user, "another", &must_error));
	assert_false(is_valid("unscoped"));

	assert_true(try_token("t2", user, project, NULL, 60));
	MUST(nova_users_set_enabled(db, user, false, &must_error));
	MUST(nova_users_set_enabled(db, user, true, &must_error));
	assert_false(is_valid("t2")); /* does not come back */

	assert_false(try_token("over", user, project, NULL, 0));
	assert_true(try_token("t3", user, project, NULL, 60));
	COUNT(0, "identity.tokens WHERE digest = 'over'"); /* a new token clears away those that have ended */
	MUST(nova_users_delete(db, user, &must_error));
	COUNT(0, "identity.tokens WHERE digest = 't3'");
	COUNT(0, "identity.assignments a JOIN identity.projects p ON p.id = a.project_id WHERE p.name = 'p-token'");
}

static void test_a_token_of_a_token_ends_with_it(void **state)
{
	g_autofree char *project = add_project("p-chain");
	g_autofree char *user = add_user("u-chain", project);
	g_autoptr(nova_token) parent = NULL;
	g_autoptr(nova_token) child = NULL;

	(void)state;
	MUST(nova_assignments_add(db, user, project, NOVA_ROLE_READER, &must_error));
	assert_true(try_token("parent", user, NULL, NULL, 60));
	assert_true(try_token("child", user, project, "parent", 86400));
	parent = nova_tokens_find(db, "parent", NULL);
	child = nova_tokens_find(db, "child", NULL);
	assert_int_equal(child->expires_us, parent->expires_us);
	MUST(nova_tokens_revoke(db, "parent", &must_error));
	assert_false(try_token("orphan", user, project, "parent", 86400));
}

static void test_a_project_with_servers_stays(void **state)
{
	g_autofree char *project = add_project("p-busy");
	g_autoptr(GError) error = NULL;

	(void)state;
	MUST(nova_networks_create(db, "private", "10.0.0.0/29", NULL, "br", NULL, &must_error));
	g_autofree char *server = fixture_server(db, "vm", 1, NULL);

	assert_non_null(server);
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE instances SET project_id = '%s'", project));
	assert_false(nova_projects_delete(db, "p-busy", &error));
	assert_non_null(strstr(error->message, "1 servers"));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	g_free(pg_cluster_sql(cluster, NAME, "UPDATE instances SET project_id = 'else'"));
	MUST(nova_projects_delete(db, "p-busy", &must_error));
	assert_false(nova_projects_delete(db, "p-busy", &error));
	must_fault(&error, NOVA_FAULT_NOT_FOUND);
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 2, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nova_db_close(db);
	pg_cluster_free(cluster);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_found_by_id_and_by_name),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_what_ends_a_token),
		cmocka_unit_test(test_a_token_of_a_token_ends_with_it),
		cmocka_unit_test(test_a_project_with_servers_stays),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
