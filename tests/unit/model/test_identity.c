/* SPDX-License-Identifier: Apache-2.0 */
#include "model/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define A (1u << NOVA_ROLE_ADMIN)
#define G (1u << NOVA_ROLE_MANAGER)
#define M (1u << NOVA_ROLE_MEMBER)
#define R (1u << NOVA_ROLE_READER)

static void test_roles_hold_those_below(void **state)
{
	static const struct {
		const char *given;
		nova_roles want;
	} cases[] = {
		{ "admin", A | G | M | R },
		{ "manager", G | M | R },
		{ "member", M | R },
		{ "reader", R },
		{ "reader,admin", A | G | M | R },
		{ "", 0 },
		{ NULL, 0 },
		{ "root", 0 },
		{ "Admin", 0 },
		{ "root,reader", R },
		{ " admin", 0 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_int_equal(nova_roles_expand(nova_roles_parse(cases[i].given)), cases[i].want);
	assert_true(nova_roles_include(M | R, NOVA_ROLE_MEMBER));
	assert_false(nova_roles_include(M | R, NOVA_ROLE_ADMIN));
	assert_true(nova_names_are_complete(&nova_role_names));
}

static void test_names(void **state)
{
	g_autofree char *longest = g_strnfill(255, 'n');
	g_autofree char *too_long = g_strnfill(256, 'n');
	const struct {
		const char *name;
		bool good;
	} cases[] = {
		{ "alice", true },  { "J\xc3\xb6rg M.", true }, { "a@example.org", true }, { longest, true },
		{ too_long, false }, { "", false },		{ " a", false },	  { "a ", false },
		{ "a\tb", false },  { "\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_int_equal(nova_identity_name_check("user", cases[i].name, &error), cases[i].good);
		assert_int_equal(error == NULL, cases[i].good);
	}
}

static void test_ids(void **state)
{
	g_autofree char *longest = g_strnfill(64, 'a');
	g_autofree char *too_long = g_strnfill(65, 'a');

	(void)state;
	assert_true(nova_identity_id_check("default", NULL));
	assert_true(nova_identity_id_check("0123-abc", NULL));
	assert_true(nova_identity_id_check(longest, NULL));
	assert_false(nova_identity_id_check(too_long, NULL));
	assert_false(nova_identity_id_check("", NULL));
	assert_false(nova_identity_id_check("a/b", NULL));
	assert_false(nova_identity_id_check("ABC", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles_hold_those_below),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
