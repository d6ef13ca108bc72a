/* SPDX-License-Identifier: Apache-2.0 */
#include "common/names.h"

#include "common/conf.h"
#include "unit.h"

static void test_words_and_values(void **state)
{
	g_autoptr(GError) error = NULL;
	int value = -5;

	(void)state;
	assert_string_equal(nova_names_get(&nova_timeout_action_names, NOVA_TIMEOUT_FORCE_COMPLETE), "force_complete");
	assert_int_equal(nova_names_find(&nova_virt_type_names, "kvm"), NOVA_VIRT_KVM);
	assert_int_equal(nova_names_find(&nova_virt_type_names, "KVM"), -1);
	assert_int_equal(nova_names_find(&nova_virt_type_names, NULL), -1);
	assert_true(nova_names_parse(&nova_cpu_mode_names, "custom", &value, &error));
	assert_int_equal(value, NOVA_CPU_CUSTOM);
	assert_false(nova_names_parse(&nova_cpu_mode_names, "best", &value, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
	assert_string_equal(error->message, "no cpu_mode 'best': use none, host-model or custom");
	assert_int_equal(value, NOVA_CPU_CUSTOM);
}

static void test_tables_are_complete(void **state)
{
	const nova_names *const tables[] = {
		&nova_virt_type_names, &nova_cpu_mode_names, &nova_migration_scheme_names,
		&nova_timeout_action_names, &nova_auth_names, &nova_log_level_names,
	};
	static const char *const holed[] = { "a", NULL, "c" };
	const nova_names hole = { "hole", holed, 3 };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		assert_true(nova_names_are_complete(tables[i]));
	assert_false(nova_names_are_complete(&hole));
}

static void test_nearest_word(void **state)
{
	static const char *const words[] = { "report_interval", "service_down_time", "debug", "host", NULL };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "reprot_interval", "report_interval" }, { "report-interval", "report_interval" },
		{ "service_downtime", "service_down_time" }, { "debgu", "debug" }, { "hots", "host" },
		{ "completely_else", NULL }, { "x", NULL }, { "", NULL },
	};
	g_autofree char *monster = g_strnfill(5000, 'a');

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *found = nova_names_nearest(cases[i].word, words);

		print_message("  %s\n", cases[i].word);
		if (cases[i].want)
			assert_string_equal(found, cases[i].want);
		else
			assert_null(found);
	}
	assert_null(nova_names_nearest(monster, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_and_values),
		cmocka_unit_test(test_tables_are_complete),
		cmocka_unit_test(test_nearest_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
