/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/compute/scratch.h"

#include "compute/console.h"

#define UUID "6f70656e-0000-4000-8000-00000000002a"

static char *tail(nova_conf *conf, int lines)
{
	g_autoptr(GError) error = NULL;
	char *text = nova_console_tail(conf, UUID, lines, 5000, &error);

	assert_ok(text, error);
	return text;
}

static void assert_tail(nova_conf *conf, int lines, const char *want)
{
	g_autofree char *text = tail(conf, lines);

	assert_string_equal(text, want);
}

static void test_paths(void **state)
{
	g_autoptr(nova_conf) conf = scratch_conf(*state, NULL);
	g_autofree char *path = nova_console_path(conf, "6F70656E-0000-4000-8000-00000000002A", 7);
	g_autofree char *want = g_strdup_printf("%s/" UUID "/console.7.log", (char *)*state);

	assert_string_equal(path, want);
}

static void test_logs_are_one_text_in_token_order(void **state)
{
	g_autoptr(nova_conf) conf = scratch_conf(*state, NULL);

	assert_tail(conf, -1, "");
	scratch_write(*state, UUID "/console.10.log", "e\nf", 3);
	scratch_write(*state, UUID "/console.9.log", "c\nd\n", 4);
	scratch_write(*state, UUID "/console.1.log", "a\nb\n", 4);
	scratch_write(*state, UUID "/console.log", "no\n", 3);
	scratch_write(*state, UUID "/console.x.log", "no\n", 3);
	scratch_write(*state, UUID "/console.3.log.old", "no\n", 3);
	assert_tail(conf, -1, "a\nb\nc\nd\ne\nf");
	assert_tail(conf, 0, "");
	assert_tail(conf, 1, "f");
	assert_tail(conf, 2, "e\nf");
	assert_tail(conf, 3, "d\ne\nf");
	assert_tail(conf, 6, "a\nb\nc\nd\ne\nf");
	assert_tail(conf, 600, "a\nb\nc\nd\ne\nf");
	scratch_write(*state, UUID "/console.11.log", "", 0);
	assert_tail(conf, 2, "e\nf");
}

static void test_the_tail_is_bounded_and_clean(void **state)
{
	g_autoptr(nova_conf) conf = scratch_conf(*state, NULL);
	g_autofree char *much = g_malloc(300000), *text = NULL;

	memset(much, 'x', 300000);
	scratch_write(*state, UUID "/console.1.log", much, 300000);
	scratch_write(*state, UUID "/console.2.log", "a\0b\xff\xc3\xa9\n", 7);
	text = tail(conf, -1);
	assert_true(g_utf8_validate(text, -1, NULL));
	assert_true(strlen(text) <= NOVA_CONSOLE_MAX_BYTES + 8);
	assert_true(strlen(text) > NOVA_CONSOLE_MAX_BYTES - 8);
	assert_true(g_str_has_suffix(text, "xxab\xef\xbf\xbd\xc3\xa9\n"));
}

static void test_a_link_is_not_followed(void **state)
{
	g_autoptr(nova_conf) conf = scratch_conf(*state, NULL);
	g_autofree char *link = g_build_filename(*state, UUID, "console.2.log", NULL);
	g_autoptr(GError) error = NULL;

	scratch_write(*state, UUID "/console.1.log", "a\n", 2);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	assert_null(nova_console_tail(conf, UUID, -1, 5000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	g_clear_error(&error);
	assert_null(nova_console_tail(conf, "../etc", -1, 5000, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_logs_are_one_text_in_token_order, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_the_tail_is_bounded_and_clean, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
