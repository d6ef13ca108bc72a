/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories, reload, the slot, and what is printed from the table. */
#include "common/conf.h"

#include "unit.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of its own for each test; *state is its path. */
static int make_dir(void **state)
{
	*state = g_dir_make_tmp("nova-conf-XXXXXX", NULL);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	g_autoptr(GDir) dir = g_dir_open(*state, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(*state, name, NULL);

		g_remove(path);
	}
	g_rmdir(*state);
	g_free(*state);
	return 0;
}

static char *put(const char *dir, const char *name, const char *text)
{
	char *path = g_build_filename(dir, name, NULL);

	assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static void test_later_files_win_and_directories_come_last(void **state)
{
	g_autofree char *a = put(*state, "a", "[DEFAULT]\nhost = a\nreport_interval = 1\nrpc_response_timeout = 1\n");
	g_autofree char *b = put(*state, "b", "[DEFAULT]\nhost = b\nreport_interval = 2\n");
	nova_conf_source source = { .files = (char *[]){ a, b, NULL }, .dirs = (char *[]){ *state, NULL } };
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_conf) conf = NULL;

	g_free(put(*state, "20.conf", "[DEFAULT]\nhost = twenty\n"));
	g_free(put(*state, "10.conf", "[DEFAULT]\nhost = ten\nservice_down_time = 44\n"));
	g_free(put(*state, ".x.conf", "[DEFAULT]\nhost = hidden\n"));
	g_free(put(*state, "30.conf.bak", "[DEFAULT]\nhost = other\n"));
	conf = nova_conf_load(&source, NULL, &error);
	assert_ok(conf, error);
	assert_string_equal(conf->host, "twenty");
	assert_int_equal(conf->report_interval, 2);
	assert_int_equal(conf->rpc_response_timeout, 1);
	assert_int_equal(conf->service_down_time, 44);
}

static void test_files_that_cannot_be_read_are_named(void **state)
{
	g_autofree char *missing = g_build_filename(*state, "missing", NULL);
	g_autofree char *text = g_strnfill(1024 * 1024 + 1, '\n');
	g_autofree char *large = put(*state, "large", text);
	nova_conf_source source = { .files = (char *[]){ missing, large, *state, NULL },
				    .dirs = (char *[]){ missing, NULL } };
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) lines = NULL;

	assert_null(nova_conf_load(&source, NULL, &error));
	lines = g_strsplit(error->message, "\n", -1);
	assert_int_equal(g_strv_length(lines), 4);
	assert_contains(lines[0], "missing: cannot be read: No such file");
	assert_contains(lines[1], "large: larger than 1048576 bytes");
	assert_contains(lines[2], "not a file");
	assert_contains(lines[3], "missing: cannot be read");
}

/* ---- reload ---- */

static void test_reload_changes_only_what_may_change(void **state)
{
	g_autofree char *file = put(*state, "f", "[DEFAULT]\nhost = a\ntransport_url = rabbit://a/\n"
						 "[libvirt]\nlive_migration_bandwidth = 1\n");
	nova_conf_source source = { .files = (char *[]){ file, NULL } };
	g_autoptr(nova_conf) old = nova_conf_load(&source, NULL, NULL);
	g_autoptr(nova_conf) conf = NULL;
	g_auto(GStrv) changed = NULL;
	g_auto(GStrv) restart = NULL;
	g_autoptr(GError) error = NULL;

	g_free(put(*state, "f", "[DEFAULT]\nhost = b\ntransport_url = rabbit://b/\ndebug = true\n"
				"[libvirt]\nlive_migration_bandwidth = 2\n"));
	conf = nova_conf_reload(old, &source, &changed, &restart, NULL, &error);
	assert_ok(conf, error);
	assert_int_equal(conf->live_migration_bandwidth, 2);
	assert_true(conf->debug);
	assert_string_equal(conf->host, "a");
	assert_string_equal(conf->transport_url, "rabbit://a/");
	assert_int_equal(g_strv_length(changed), 2);
	assert_true(g_strv_contains((const char *const *)changed, "[libvirt] live_migration_bandwidth"));
	/* The host, the broker, and allowed_hosts, which names the host. */
	assert_int_equal(g_strv_length(restart), 3);
	assert_true(g_strv_contains((const char *const *)restart, "[DEFAULT] host"));
	/* The old one is untouched: operations that run may still read it. */
	assert_int_equal(old->live_migration_bandwidth, 1);
	assert_false(old->debug);
}

static void test_reload_of_nonsense_keeps_the_old(void **state)
{
	g_autofree char *file = put(*state, "f", "");
	nova_conf_source source = { .files = (char *[]){ file, NULL } };
	g_autoptr(nova_conf) old = nova_conf_load(&source, NULL, NULL);
	g_auto(GStrv) changed = NULL;
	g_autoptr(GError) error = NULL;

	g_free(put(*state, "f", "[DEFAULT]\ndebug = perhaps\n"));
	assert_null(nova_conf_reload(old, &source, &changed, NULL, NULL, &error));
	assert_fault(error, NOVA_FAULT_CONFIG);
	assert_null(changed);
}

/* Each value is in range; that they contradict each other is noticed at a reload as it is at a start. */
static void test_reload_checks_contradictions(void **state)
{
	g_autofree char *file = put(*state, "f", "");
	nova_conf_source source = { .files = (char *[]){ file, NULL } };
	g_autoptr(nova_conf) old = nova_conf_load(&source, NULL, NULL);
	g_autoptr(GError) error = NULL;

	g_free(put(*state, "f", "[DEFAULT]\noperation_poll_interval = 3\noperation_active_poll_interval = 4\n"));
	assert_null(nova_conf_reload(old, &source, NULL, NULL, NULL, &error));
	assert_contains(error->message, "operation_active_poll_interval (4 s)");
}

static void *read_slot(void *data)
{
	for (int i = 0; i < 2000; i++) {
		g_autoptr(nova_conf) conf = nova_conf_slot_get(data);

		/* Both strings were set together. */
		if (strcmp(conf->host, conf->osapi_compute_listen) != 0)
			return conf;
	}
	return NULL;
}

static nova_conf *twin(int n)
{
	g_autofree char *text = g_strdup_printf("[DEFAULT]\nhost = h%d\nosapi_compute_listen = h%d\n", n, n);

	return nova_conf_parse(text, "f", NULL, NULL);
}

static void test_slot_swaps_under_readers(void **state)
{
	nova_conf_slot *slot = nova_conf_slot_new(twin(0));
	GThread *readers[2];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		readers[i] = g_thread_new("reader", read_slot, slot);
	for (int i = 1; i < 100; i++)
		nova_conf_slot_set(slot, twin(i));
	for (size_t i = 0; i < 2; i++)
		assert_null(g_thread_join(readers[i]));
	nova_conf_slot_free(slot);
}

/* ---- printing ---- */

typedef void (*printer)(FILE *out);

static char *print_to_text(printer print)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	char *copy;

	print(out);
	fclose(out);
	copy = g_strdup(text);
	free(text);
	return copy;
}

static void assert_same(const nova_conf *a, const nova_conf *b)
{
	for (size_t i = 0; i < nova_n_options; i++) {
		g_autofree char *text_a = nova_conf_show(a, &nova_options[i]);
		g_autofree char *text_b = nova_conf_show(b, &nova_options[i]);

		print_message("  %s\n", nova_options[i].key);
		assert_string_equal(text_a, text_b);
	}
}

/* With every option uncommented, the sample means what an empty file means. */
static void test_sample_is_the_defaults(void **state)
{
	g_autofree char *sample = print_to_text(nova_conf_print_sample);
	g_autoptr(nova_conf) empty = nova_conf_parse("", "f", NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);
	g_autofree char *text = NULL;
	g_autoptr(nova_conf) conf = NULL;
	g_autoptr(GError) error = NULL;
	unsigned options = 0;

	(void)state;
	for (size_t i = 0; lines[i]; i++) {
		assert_true(strlen(lines[i]) < 400);
		if (lines[i][0] == '#' && g_ascii_isalpha(lines[i][1])) {
			options++;
			lines[i][0] = ' ';
			g_strstrip(lines[i]);
		}
	}
	assert_int_equal(options, nova_n_options);
	text = g_strjoinv("\n", lines);
	conf = nova_conf_parse(text, "sample", NULL, &error);
	assert_ok(conf, error);
	assert_same(conf, empty);
}

static void test_manual_names_every_option(void **state)
{
	g_autofree char *man = print_to_text(nova_conf_print_man);

	(void)state;
	for (size_t i = 0; i < nova_n_options; i++) {
		g_autofree char *item = g_strdup_printf(".It Ic %s\n", nova_options[i].key);

		assert_contains(man, item);
	}
	assert_contains(man, "Old spelling:\n.Ic live_migration_uri\nin [DEFAULT].");
}

static const nova_conf *dumped;

static void dump(FILE *out)
{
	nova_conf_print_dump(dumped, out);
}

/* Read again, a dump gives the same configuration (but for secrets, which it does not hold). */
static void test_dump_round_trip(void **state)
{
	g_autoptr(nova_conf) conf = nova_conf_parse("[DEFAULT]\nhost = a$$b\nmy_ip = 192.0.2.7\ndebug = yes\n"
						    "cpu_allocation_ratio = 1.25\n"
						    "transport_url = rabbit://user:hush@h/\n"
						    "[libvirt]\nlive_migration_flag = A,\n B\n", "f", NULL, NULL);
	g_autoptr(nova_conf) again = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	(void)state;
	dumped = conf;
	text = print_to_text(dump);
	assert_null(strstr(text, "hush"));
	assert_contains(text, "# transport_url = ****\n");
	assert_contains(text, "live_migration_flag = A, B\n");
	again = nova_conf_parse(text, "dump", NULL, &error);
	assert_ok(again, error);
	assert_same(conf, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_later_files_win_and_directories_come_last, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_files_that_cannot_be_read_are_named, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_reload_changes_only_what_may_change, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_reload_of_nonsense_keeps_the_old, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_reload_checks_contradictions, make_dir, remove_dir),
		cmocka_unit_test(test_slot_swaps_under_readers),
		cmocka_unit_test(test_sample_is_the_defaults),
		cmocka_unit_test(test_manual_names_every_option),
		cmocka_unit_test(test_dump_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
