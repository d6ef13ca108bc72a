/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ini.h"

#include "unit.h"

static void collect(const nova_ini_entry *entry, void *data)
{
	g_string_append_printf(data, "%u[%s]%s=<%s>", entry->line, entry->group, entry->key, entry->value);
}

/* What python3-oslo.config 9.0.0 makes of the same text, except where noted.  NULL: refused. */
static const struct {
	const char *label, *text, *want;
} cases[] = {
	{ "nothing", "", "" },
	{ "equals", "[g]\nk = v\n", "2[g]k=<v>" },
	{ "colon", "[g]\nk: v\n", "2[g]k=<v>" },
	{ "equals first", "[g]\nk=a:b=c\n", "2[g]k=<a:b=c>" },
	{ "colon first", "[g]\nk:a=b\n", "2[g]k=<a=b>" },
	{ "no blanks", "[g]\nk=v", "2[g]k=<v>" },
	{ "empty value", "[g]\nk =\n", "2[g]k=<>" },
	{ "carriage returns", "[g]\r\nk = v\r\n", "2[g]k=<v>" },
	{ "utf-8", "[g]\nk = \303\251\n", "2[g]k=<\303\251>" },
	{ "continued", "[g]\nk = a\n b\n\tc\n", "2[g]k=<a\nb\nc>" },
	{ "continued from nothing", "[g]\nk =\n b\n", "2[g]k=<\nb>" },
	{ "continued with a hash", "[g]\nk = a\n # b\n", "2[g]k=<a\n# b>" },
	{ "comments", "# x\n; y\n[g]\n# z\nk = v\n", "5[g]k=<v>" },
	{ "no comment behind a value", "[g]\nk = se ;cret # no\n", "2[g]k=<se ;cret # no>" },
	{ "double quotes", "[g]\nk = \"a b\"\n", "2[g]k=<a b>" },
	{ "single quotes", "[g]\nk = 'a b'\n", "2[g]k=<a b>" },
	{ "one pair only", "[g]\nk = '\"a\"'\n", "2[g]k=<\"a\">" },
	{ "unpaired quote", "[g]\nk = \"a\n", "2[g]k=<\"a>" },
	{ "unlike quotes", "[g]\nk = \"a'\n", "2[g]k=<\"a'>" },
	{ "quoted blanks", "[g]\nk = \" a \"\n", "2[g]k=< a >" },
	{ "group of blanks", "[ g ]\nk = v\n", "2[ g ]k=<v>" },
	{ "twice", "[g]\nk=1\nk=2\n", "2[g]k=<1>3[g]k=<2>" },
	{ "two groups", "[g]\nk=1\n[h]\nk=2\n", "2[g]k=<1>4[h]k=<2>" },
	{ "key with blanks", "[g]\na b = v\n", "2[g]a b=<v>" },
	{ "no group", "k = v\n", NULL },
	{ "unclosed group", "[g\n", NULL },
	{ "text behind a group", "[g] x\n", NULL },
	{ "empty group", "[]\n", NULL },
	{ "no separator", "[g]\nk\n", NULL },
	{ "no key", "[g]\n= v\n", NULL },
	{ "continuation of nothing", "[g]\n  k = v\n", NULL },
	{ "indented comment", "[g]\n # x\nk = v\n", NULL },
	{ "continuation behind a blank line", "[g]\nk = a\n\n b\n", NULL },
	{ "continuation behind a line of blanks", "[g]\nk = a\n   \n b\n", NULL },
	{ "continuation behind a comment", "[g]\nk = a\n# c\n b\n", NULL },
	{ "byte order mark", "\357\273\277[g]\nk = v\n", NULL },
	{ "latin-1", "[g]\nk = \351\n", NULL },
};

static void test_syntax(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) got = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		bool ok = nova_ini_parse(cases[i].text, strlen(cases[i].text), "f", collect, got, &error);

		print_message("  %s\n", cases[i].label);
		if (cases[i].want) {
			assert_ok(ok, error);
			assert_string_equal(got->str, cases[i].want);
		} else {
			assert_false(ok);
			assert_fault(error, NOVA_FAULT_CONFIG);
		}
	}
}

static void test_errors_name_file_and_line(void **state)
{
	g_autoptr(GString) got = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	const char text[] = "[g]\n\n# c\noops\n";

	(void)state;
	assert_false(nova_ini_parse(text, strlen(text), "/etc/x.conf", collect, got, &error));
	assert_true(g_str_has_prefix(error->message, "/etc/x.conf:4: "));
}

static void test_nul_byte_is_refused(void **state)
{
	g_autoptr(GString) got = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	const char text[] = "[g]\nk = a\0b\n";

	(void)state;
	assert_false(nova_ini_parse(text, sizeof(text) - 1, "f", collect, got, &error));
	assert_fault(error, NOVA_FAULT_CONFIG);
}

static void test_long_values_are_whole(void **state)
{
	g_autoptr(GString) got = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *value = g_strnfill(100000, 'x');
	g_autofree char *text = g_strdup_printf("[g]\nk = %s\n", value);
	g_autofree char *want = g_strdup_printf("2[g]k=<%s>", value);

	(void)state;
	assert_true(nova_ini_parse(text, strlen(text), "f", collect, got, &error));
	assert_string_equal(got->str, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_errors_name_file_and_line),
		cmocka_unit_test(test_nul_byte_is_refused),
		cmocka_unit_test(test_long_values_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
