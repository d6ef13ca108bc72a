/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that collects what the test logs; *state is its path. */
static int open_log(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("nova-log-XXXXXX", NULL);

	*state = g_build_filename(dir, "log", NULL);
	return nova_log_open(*state, NULL) ? 0 : -1;
}

static int close_log(void **state)
{
	g_autofree char *dir = g_path_get_dirname(*state);

	nova_log_open(NULL, NULL);
	nova_log_set_level(NOVA_LOG_INFO);
	g_remove(*state);
	g_rmdir(dir);
	g_free(*state);
	return 0;
}

static char **read_lines(const char *path)
{
	g_autofree char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_strchomp(text);
	return g_strsplit(text, "\n", -1);
}

static void test_a_line_has_time_level_text_and_tags(void **state)
{
	const nova_log_tags tags = { "req-1", "uuid-1", "HostB", 17 };
	const nova_log_tags some = { .host = "HostC" };
	g_auto(GStrv) lines = NULL;

	nova_log_warning(&tags, "no answer from '%s', retrying in %d s", "HostC", 4);
	nova_log_error(&some, "x");
	nova_log_info(NULL, "y");
	lines = read_lines(*state);
	assert_int_equal(g_strv_length(lines), 3);
	/* 2026-11-20 09:12:01.123 */
	assert_true(g_ascii_isdigit(lines[0][0]) && lines[0][4] == '-' && lines[0][10] == ' ' && lines[0][19] == '.');
	assert_string_equal(lines[0] + 23, " warning no answer from 'HostC', retrying in 4 s req=req-1 instance=uuid-1 "
					   "host=HostB operation=17");
	assert_string_equal(lines[1] + 23, " error x host=HostC");
	assert_string_equal(lines[2] + 23, " info y");
}

static void test_levels(void **state)
{
	g_auto(GStrv) lines = NULL;

	nova_log_debug(NULL, "hidden");
	assert_false(nova_log_enabled(NOVA_LOG_DEBUG));
	nova_log_set_level(NOVA_LOG_DEBUG);
	assert_true(nova_log_enabled(NOVA_LOG_DEBUG));
	nova_log_debug(NULL, "shown");
	nova_log_set_level(NOVA_LOG_ERROR);
	nova_log_warning(NULL, "hidden");
	nova_log_error(NULL, "shown");
	lines = read_lines(*state);
	assert_int_equal(g_strv_length(lines), 2);
}

/* What a client put into a name cannot become a line of its own. */
static void test_lines_cannot_be_forged(void **state)
{
	const nova_log_tags tags = { .request_id = "a\nb" };
	g_autofree char *name = g_strnfill(100000, 'n');
	g_auto(GStrv) lines = NULL;

	nova_log_info(&tags, "name '%s'", "x\n<3>forged\r\033[2J\tend");
	nova_log_info(NULL, "%s", name);
	lines = read_lines(*state);
	assert_int_equal(g_strv_length(lines), 2);
	assert_string_equal(lines[0] + 23, " info name 'x\\n<3>forged\\x0d\\x1b[2J\\tend' req=a\\nb");
	assert_true(strlen(lines[1]) < 9000);
	assert_true(g_str_has_suffix(lines[1], "nnn..."));
}

static void test_reopen_follows_a_rotation(void **state)
{
	g_autofree char *moved = g_strdup_printf("%s.1", (char *)*state);
	g_auto(GStrv) old = NULL;
	g_auto(GStrv) new = NULL;
	struct stat st;

	nova_log_info(NULL, "before");
	assert_int_equal(rename(*state, moved), 0);
	assert_true(nova_log_reopen(NULL));
	nova_log_info(NULL, "after");
	old = read_lines(moved);
	new = read_lines(*state);
	assert_contains(old[0], "before");
	assert_contains(new[0], "after");
	assert_int_equal(stat(*state, &st), 0);
	assert_int_equal(st.st_mode & 07, 0);
	g_remove(moved);
}

static void test_a_file_that_cannot_be_opened_changes_nothing(void **state)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) lines = NULL;

	assert_false(nova_log_open("/proc/no/such/log", &error));
	assert_fault(error, NOVA_FAULT_CONFIG);
	nova_log_info(NULL, "still here");
	lines = read_lines(*state);
	assert_contains(lines[0], "still here");
}

static void *log_much(void *data)
{
	for (int i = 0; i < 500; i++)
		nova_log_info(NULL, "%s", (const char *)data);
	return NULL;
}

static void test_threads_do_not_mix_their_lines(void **state)
{
	g_autofree char *a = g_strnfill(300, 'a');
	g_autofree char *b = g_strnfill(300, 'b');
	GThread *one = g_thread_new("a", log_much, a);
	GThread *two = g_thread_new("b", log_much, b);
	g_auto(GStrv) lines = NULL;

	for (int i = 0; i < 20; i++)
		assert_true(nova_log_reopen(NULL));
	g_thread_join(one);
	g_thread_join(two);
	lines = read_lines(*state);
	assert_int_equal(g_strv_length(lines), 1000);
	for (size_t i = 0; lines[i]; i++)
		assert_true(strcmp(lines[i] + 29, a) == 0 || strcmp(lines[i] + 29, b) == 0);
}

/* Standard error is for journald: a priority, no time of our own. */
static void test_standard_error_has_priorities(void **state)
{
	g_auto(GStrv) lines = NULL;
	int saved = dup(2);
	int fd = open(*state, O_WRONLY | O_APPEND);

	assert_true(nova_log_open("", NULL));
	dup2(fd, 2);
	nova_log_error(NULL, "bad");
	nova_log_warning(NULL, "odd");
	nova_log_info(NULL, "good");
	errno = ENOENT;
	nova_log_info(NULL, "errno is kept");
	assert_int_equal(errno, ENOENT);
	dup2(saved, 2);
	close(saved);
	close(fd);
	lines = read_lines(*state);
	assert_string_equal(lines[0], "<3>bad");
	assert_string_equal(lines[1], "<4>odd");
	assert_string_equal(lines[2], "<6>good");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_line_has_time_level_text_and_tags, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_levels, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_lines_cannot_be_forged, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_reopen_follows_a_rotation, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_opened_changes_nothing, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_threads_do_not_mix_their_lines, open_log, close_log),
		cmocka_unit_test_setup_teardown(test_standard_error_has_priorities, open_log, close_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
