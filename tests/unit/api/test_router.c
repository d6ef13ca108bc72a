/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static nova_match find(const char *method, const char *path, unsigned version, char *ret_path, size_t n, char **ret_id)
{
	g_auto(GStrv) segments = nova_path_split(path);
	const nova_route *route = NULL;
	char *ids[NOVA_ROUTE_IDS] = { 0 };
	nova_match match = segments ? nova_router_find(nova_routes, method, segments, version, &route, ids) :
				      NOVA_MATCH_NOTHING;

	if (match == NOVA_MATCH_FOUND)
		g_strlcpy(ret_path, route->path, n);
	if (ret_id)
		*ret_id = g_strdup(ids[0]);
	for (size_t i = 0; i < NOVA_ROUTE_IDS; i++)
		g_free(ids[i]);
	return match;
}

static const struct {
	const char *method, *path;
	unsigned version;
	nova_match match;
	const char *want, *id;
} cases[] = {
	{ "GET", "/servers", 1, NOVA_MATCH_FOUND, "/servers", NULL },
	{ "GET", "/servers/", 1, NOVA_MATCH_FOUND, "/servers", NULL },
	{ "GET", "/servers/detail", 1, NOVA_MATCH_FOUND, "/servers/detail", NULL },
	{ "GET", "/servers/details", 1, NOVA_MATCH_FOUND, "/servers/{id}", "details" },
	{ "GET", "/servers/a%20b", 1, NOVA_MATCH_FOUND, "/servers/{id}", "a b" },
	{ "GET", "/servers/a%2Fb", 1, NOVA_MATCH_FOUND, "/servers/{id}", "a/b" },
	{ "GET", "/servers/a%00b", 1, NOVA_MATCH_NOTHING, NULL, NULL },
	{ "GET", "/servers/%zz", 1, NOVA_MATCH_NOTHING, NULL, NULL },
	{ "GET", "/servers/%ff", 1, NOVA_MATCH_NOTHING, NULL, NULL },
	{ "GET", "/servers//ips", 1, NOVA_MATCH_NOTHING, NULL, NULL },
	{ "PUT", "/servers", 1, NOVA_MATCH_METHOD, NULL, NULL },
	{ "GET", "/nonesuch", 1, NOVA_MATCH_NOTHING, NULL, NULL },
	{ "GET", "/servers/x/migrations", 22, NOVA_MATCH_VERSION, NULL, NULL },
	{ "GET", "/servers/x/migrations", 23, NOVA_MATCH_FOUND, "/servers/{id}/migrations", "x" },
	{ "DELETE", "/servers/x/migrations/7", 23, NOVA_MATCH_VERSION, NULL, NULL },
	{ "DELETE", "/servers/x/migrations/7", 24, NOVA_MATCH_FOUND, "/servers/{id}/migrations/{migration}", "x" },
	{ "POST", "/servers/x/migrations/7/action", 22, NOVA_MATCH_FOUND,
	  "/servers/{id}/migrations/{migration}/action", "x" },
	{ "GET", "/os-hosts", 42, NOVA_MATCH_FOUND, "/os-hosts", NULL },
	{ "GET", "/os-hosts", 43, NOVA_MATCH_VERSION, NULL, NULL },
	{ "PUT", "/os-services/enable", 52, NOVA_MATCH_FOUND, "/os-services/{word}", "enable" },
	{ "PUT", "/os-services/enable", 53, NOVA_MATCH_FOUND, "/os-services/{id}", "enable" },
	{ "GET", "/os-hypervisors/statistics", 87, NOVA_MATCH_FOUND, "/os-hypervisors/statistics", NULL },
	{ "GET", "/os-hypervisors/statistics", 88, NOVA_MATCH_VERSION, NULL, NULL },
	{ "GET", "/os-hypervisors/Host/search", 52, NOVA_MATCH_FOUND, "/os-hypervisors/{pattern}/search", "Host" },
	{ "GET", "/os-hypervisors/Host/search", 53, NOVA_MATCH_VERSION, NULL, NULL },
	{ "GET", "/images", 35, NOVA_MATCH_FOUND, "/images", NULL },
	{ "GET", "/images", 36, NOVA_MATCH_VERSION, NULL, NULL },
	{ "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", 1, NOVA_MATCH_NOTHING, NULL, NULL },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char path[128] = "";
		g_autofree char *id = NULL;
		nova_match match = find(cases[i].method, cases[i].path, cases[i].version, path, sizeof path, &id);

		print_message("%s %s 2.%u\n", cases[i].method, cases[i].path, cases[i].version);
		assert_int_equal(match, cases[i].match);
		if (cases[i].want)
			assert_string_equal(path, cases[i].want);
		if (cases[i].id)
			assert_string_equal(id, cases[i].id);
	}
}

static bool overlap(unsigned since_a, unsigned until_a, unsigned since_b, unsigned until_b)
{
	return (!until_a || since_b <= until_a) && (!until_b || since_a <= until_b);
}

/* "/os-services/{word}" and "/os-services/{id}" are the same path. */
static char *shape(const char *path)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (; *path; path++) {
		g_string_append_c(out, *path);
		if (*path == '{')
			path += strcspn(path, "}") - 1;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static void check_table(const nova_route *table)
{
	for (const nova_route *a = table; a->method; a++) {
		assert_true(a->path[0] == '/' && a->doc);
		assert_true(a->run || (a->flags & NOVA_ROUTE_ACTION));
		assert_true(!a->until || a->since <= a->until);
		assert_true(!(a->flags & NOVA_ROUTE_SERVER) || strstr(a->path, "/servers/{id}"));
		for (const nova_route *b = a + 1; b->method; b++) {
			g_autofree char *left = shape(a->path);
			g_autofree char *right = shape(b->path);

			if (strcmp(a->method, b->method) == 0 && strcmp(left, right) == 0 &&
			    overlap(a->since, a->until, b->since, b->until))
				fail_msg("%s %s is there twice", a->method, a->path);
		}
	}
}

static void test_tables(void **state)
{
	(void)state;
	check_table(nova_routes);
	check_table(nova_image_routes);
	check_table(nova_identity_routes);
	for (const nova_action *a = nova_actions; a->name; a++) {
		assert_non_null(a->policy);
		assert_true(!a->run || a->doc);
		for (const nova_action *b = a + 1; b->name; b++)
			assert_false(strcmp(a->name, b->name) == 0 && overlap(a->since, a->until, b->since, b->until));
	}
}

static void test_actions(void **state)
{
	(void)state;
	assert_non_null(nova_router_find_action("os-migrateLive", 1));
	assert_non_null(nova_router_find_action("os-migrateLive", 87)->run);
	assert_null(nova_router_find_action("shelve", 1)->run);
	assert_null(nova_router_find_action("lock", 72)->args);
	assert_non_null(nova_router_find_action("lock", 73)->args);
	assert_null(nova_router_find_action("os-nope", 87));
	assert_non_null(nova_router_find_action("os-getVNCConsole", 5));
	assert_null(nova_router_find_action("os-getVNCConsole", 6));
}

/* Who passes which rule: none reader member manager admin. */
static const struct {
	nova_rule rule;
	const char *passes;
} rules[] = {
	{ NOVA_RULE_ANY, "yyyyy" },	{ NOVA_RULE_READER, ".yyyy" }, { NOVA_RULE_MEMBER, "..yyy" },
	{ NOVA_RULE_MANAGER, "...yy" }, { NOVA_RULE_ADMIN, "....y" },  { NOVA_RULE_NOBODY, "....." },
};

static void test_rules(void **state)
{
	static const char *const callers[] = { "", "reader", "member", "manager", "admin" };

	(void)state;
	assert_int_equal(G_N_ELEMENTS(rules), NOVA_RULE__COUNT);
	for (size_t r = 0; r < G_N_ELEMENTS(rules); r++)
		for (size_t c = 0; c < G_N_ELEMENTS(callers); c++) {
			const nova_roles roles = nova_roles_expand(nova_roles_parse(callers[c]));

			assert_int_equal(nova_rule_allows(rules[r].rule, roles), rules[r].passes[c] == 'y');
		}
}

#define SERVICES "os_compute_api:os-services:list"
#define FLAVORS	 "os_compute_api:flavors"

static void test_policy_and_overrides(void **state)
{
	const nova_roles member = nova_roles_expand(nova_roles_parse("member"));
	g_autoptr(nova_conf) plain = nova_conf_parse("", "t", NULL, NULL);
	g_autoptr(nova_conf) changed = nova_conf_parse("[policy]\noverride = " SERVICES "=reader, " FLAVORS "=any, "
						       FLAVORS "=nobody\n", "t", NULL, NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(nova_policy_check(plain, member, SERVICES, &error));
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_FORBIDDEN);
	assert_string_equal(error->message, "Policy doesn't allow " SERVICES " to be performed.");
	assert_true(nova_policy_check(plain, member, FLAVORS, NULL));
	assert_true(nova_policy_check(changed, member, SERVICES, NULL));
	assert_false(nova_policy_check(changed, member, FLAVORS, NULL)); /* the last one counts */
	assert_true(nova_policy_check_conf(changed, NULL));
}

static void test_wrong_overrides_are_named(void **state)
{
	static const struct {
		const char *text, *word;
	} wrong[] = {
		{ "os_compute_api:nonesuch=admin", "os_compute_api:nonesuch" },
		{ SERVICES "=root", "root" },
		{ SERVICES, "POLICY=RULE" },
		{ "=admin", "no policy" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *text = g_strconcat("[policy]\noverride = ", wrong[i].text, "\n", NULL);
		g_autoptr(nova_conf) conf = nova_conf_parse(text, "t", NULL, NULL);
		g_autoptr(GError) error = NULL;

		assert_false(nova_policy_check_conf(conf, &error));
		assert_int_equal(nova_error_fault(error), NOVA_FAULT_CONFIG);
		assert_non_null(strstr(error->message, wrong[i].word));
	}
}

/* Every policy is there once, is used by a route or an action or says itself what it is for, and every one that
 * is used is there. */
static void test_policies(void **state)
{
	static const nova_route *const tables[] = { nova_routes, nova_image_routes, nova_identity_routes };
	g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);

	(void)state;
	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
		for (const nova_route *route = tables[t]; route->method; route++) {
			assert_true(route->policy || (route->flags & (NOVA_ROUTE_ACTION | NOVA_ROUTE_OPEN)));
			if (route->policy)
				g_hash_table_add(used, (void *)route->policy);
		}
	for (const nova_action *action = nova_actions; action->name; action++)
		g_hash_table_add(used, (void *)action->policy);
	for (const nova_policy *policy = nova_policies; policy->name; policy++) {
		assert_ptr_equal(nova_policy_find(policy->name), policy);
		if ((policy->doc == NULL) != g_hash_table_contains(used, policy->name))
			fail_msg("%s", policy->name);
		g_hash_table_remove(used, policy->name);
	}
	assert_int_equal(g_hash_table_size(used), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_policy_and_overrides),
		cmocka_unit_test(test_wrong_overrides_are_named),
		cmocka_unit_test(test_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
