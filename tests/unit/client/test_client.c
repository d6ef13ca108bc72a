/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cloud.h"
#include "client/explain.h"
#include "client/input.h"
#include "client/watch.h"
#include "client/yaml_file.h"

#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What `print' writes to standard output. */
static char *printed(const nova_output *output, nova_output_format format, json_object *data)
{
	char text[4096] = "";
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	nova_output_print(output, format, data);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return g_strdup(text);
}

static nova_output *two_rows(void)
{
	nova_output *output = nova_output_new((const char *[]) { "ID", "Name", NULL });

	nova_output_add(output, (const char *[]) { "1", "a longer name" });
	nova_output_add(output, (const char *[]) { "22", NULL });
	return output;
}

static void test_table_has_a_frame_and_centred_headings(void **state)
{
	g_autoptr(nova_output) output = two_rows();
	g_autofree char *text = printed(output, NOVA_OUTPUT_TABLE, NULL);

	(void)state;
	assert_string_equal(text, "+----+---------------+\n"
				  "| ID |      Name     |\n"
				  "+----+---------------+\n"
				  "| 1  | a longer name |\n"
				  "| 22 |               |\n"
				  "+----+---------------+\n");
}

static void test_wide_characters_keep_the_frame_straight(void **state)
{
	g_autoptr(nova_output) output = nova_output_new((const char *[]) { "Name", NULL });

	(void)state;
	if (!setlocale(LC_ALL, "C.UTF-8"))
		skip();
	nova_output_add(output, (const char *[]) {
					"\xe6\xbc\xa2\xe5\xad\x97x" }); /* two wide, one narrow */
	nova_output_add(output, (const char *[]) { "caf\xc3\xa9" });
	g_autofree char *text = printed(output, NOVA_OUTPUT_TABLE, NULL);

	assert_non_null(strstr(text, "+-------+\n"));
	assert_non_null(strstr(text, "| \xe6\xbc\xa2\xe5\xad\x97x |\n"));
	assert_non_null(strstr(text, "| caf\xc3\xa9  |\n"));
}

static void test_values_are_bare_and_json_is_the_services(void **state)
{
	g_autoptr(nova_output) output = two_rows();
	g_autoptr(json_object) data = json_object_new_object();
	g_autofree char *value = printed(output, NOVA_OUTPUT_VALUE, NULL);

	(void)state;
	nova_json_add_int(data, "id", 1);
	g_autofree char *json = printed(output, NOVA_OUTPUT_JSON, data);
	g_autoptr(json_object) back = nova_json_parse(json, strlen(json), 8, NULL);

	assert_string_equal(value, "1 a longer name\n22 \n");
	assert_int_equal(json_object_get_int(nova_json_find(back, "id")), 1);
}

static void test_a_name_cannot_write_to_the_terminal(void **state)
{
	g_autoptr(nova_output) output = nova_output_new((const char *[]) { "Name", NULL });

	(void)state;
	nova_output_add(output, (const char *[]) { "a\033[2Jb\n" });
	g_autofree char *text = printed(output, NOVA_OUTPUT_TABLE, NULL);

	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "| a [2Jb  |"));
}

static void test_progress_never_runs_backwards(void **state)
{
	/* Remaining memory grows again when the guest writes; the bar stays. */
	static const struct {
		const char *st;
		double remaining;
	} story[] = {
		{ "requested", 0 },  { "claimed", 0 },    { "requested", 0 }, { "claimed", 0 },
		{ "checked", 0 },    { "preparing", 0 },  { "prepared", 0 },  { "migrating", 100 },
		{ "migrating", 40 }, { "migrating", 70 }, { "migrating", 0 }, { "rollback", 90 },
		{ "switched", 0 },   { "cleaning", 0 },   { "done", 0 },
	};
	double fraction = 0, before;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(story); i++) {
		before = fraction;
		fraction = nova_watch_fraction(story[i].st, before, 100, story[i].remaining);
		assert_true(fraction >= before && fraction <= 1);
	}
	assert_true(fraction == 1);
	assert_true(nova_watch_fraction("migrating", 0, 100, 50) > 0.4);
	assert_true(nova_watch_fraction("migrating", 0, 0, 0) < 0.2);
}

static void test_progress_line_fits(void **state)
{
	(void)state;
	for (int width = 40; width < 160; width += 7) {
		g_autofree char *line =
			nova_watch_line("vm1", "HostB", "HostC", "migrating", 0.5, 612, 3.2, width);

		assert_true(strlen(line) <= (size_t)width);
		assert_non_null(strstr(line, "HostB -> HostC"));
	}
	g_autofree char *free_width =
		nova_watch_line("vm1", "HostB", "HostC", "migrating", 0.5, 0, 3.2, 0);

	assert_non_null(strstr(free_width, " 50%  3.2 s"));
}

static void test_cells_say_what_json_says(void **state)
{
	g_autoptr(json_object) yes = json_object_new_boolean(1);
	g_autofree char *null = nova_output_cell(NULL), *boolean = nova_output_cell(yes);

	(void)state;
	assert_string_equal(null, "-");
	assert_string_equal(boolean, "True");
}

static void test_a_dead_endpoint_is_named(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_session) session =
		nova_session_new(g_new0(nova_cloud, 1), "http://127.0.0.1:1/v2.1/", false, &error);

	(void)state;
	assert_non_null(session);
	assert_null(nova_session_get(session, "/servers", &error));
	assert_true(nova_error_is(error, NOVA_FAULT_MESSAGING));
	assert_non_null(strstr(error->message, "no answer from http://127.0.0.1:1/v2.1: "));
	g_clear_error(&error);
	assert_null(nova_session_new(g_new0(nova_cloud, 1), "localhost:8774", false, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
}

static char *explained(const char *json)
{
	g_autoptr(json_object) migration = nova_json_parse(json, strlen(json), 16, NULL);

	assert_non_null(migration);
	return nova_explain(migration);
}

static void test_the_story_of_a_migration_that_ended(void **state)
{
	g_autofree char *text = explained(
		"{\"id\": 17, \"server_name\": \"vm1\", \"server_uuid\": \"u-1\", \"status\": \"completed\", "
		"\"created_at\": \"T0\", \"user_id\": \"ann\", \"project_id\": \"lab\", \"request_id\": \"req-1\", "
		"\"requested_host\": null, \"state\": \"done\", \"reason\": \"the guest is on host 'HostC'\", "
		"\"finished_at\": \"T9\", \"total_ms\": 1250, \"downtime_ms\": 31, \"abort_requested\": false, "
		"\"journal\": ["
		"{\"ms\": 0, \"actor\": \"api\", \"host\": null, \"from_state\": \"requested\", "
		"\"to_state\": \"requested\", \"message\": \"requested\", \"evidence\": null},"
		"{\"ms\": 40, \"actor\": \"scheduler\", \"host\": null, \"from_state\": \"requested\", "
		"\"to_state\": \"claimed\", \"message\": \"resources booked\", \"evidence\": {\"candidates\": "
		"[{\"host\": \"HostC\", \"weight\": 1.5}], \"refused\": [{\"host\": \"HostB\", \"filter\": \"x\", "
		"\"reason\": \"the server is there\"}]}},"
		"{\"ms\": 2040, \"actor\": \"source\", \"host\": \"HostB\", \"from_state\": \"claimed\", "
		"\"to_state\": \"switched\", \"message\": null, \"evidence\": {\"source\": {\"host\": \"HostB\", "
		"\"seen\": \"absent\", \"end\": \"migrated\"}, \"dest\": {\"host\": \"HostC\", "
		"\"seen\": \"running\", \"token\": 2}, \"why\": \"it moved\"}}]}");

	(void)state;
	assert_string_equal(
		text,
		"Migration 17 of server vm1 (u-1): completed\n"
		"Asked for at T0 by user ann of project lab, req-1; to any host\n"
		"\n"
		"    0.000 s   api              requested: requested\n"
		"    0.040 s   scheduler        requested -> claimed after 40 ms: resources booked\n"
		"              fit: HostC (weight 1.50)\n"
		"              HostB does not fit: the server is there\n"
		"    2.040 s   source HostB     claimed -> switched after 2.00 s\n"
		"              source (HostB): does not have the guest; its process ended: migrated\n"
		"              destination (HostC): the guest is running, ownership token 2\n"
		"              so: it moved\n"
		"\n"
		"It ended at T9 as done: the guest is on host 'HostC'.\n"
		"From the permit to the change of host it took 1.25 s; the guest stood still for 31 ms.\n");
}

static void test_the_story_of_one_that_waits(void **state)
{
	g_autofree char *text = explained(
		"{\"id\": 18, \"server_uuid\": \"u-1\", \"status\": \"running\", \"requested_host\": \"HostC\", "
		"\"state\": \"migrating\", \"doing\": \"Copies.\", \"finished_at\": null, \"state_ms\": 65000, "
		"\"abort_requested\": true, \"blocked\": \"destination host unreachable\", "
		"\"blocked_host\": \"HostC\", "
		"\"rate_bytes\": 2097152, \"dirty_rate_bytes\": 1048576, \"iteration\": 3, \"percent\": 40, "
		"\"journal\": [{\"ms\": 5, \"actor\": \"source\", \"host\": \"HostB\", \"from_state\": \"checked\", "
		"\"to_state\": \"cancelled\", \"message\": \"m\", \"evidence\": {\"source\": {\"touched\": false}, "
		"\"dest\": {\"touched\": false}}},"
		"{\"ms\": 6, \"actor\": \"source\", \"host\": \"HostB\", \"from_state\": \"checked\", "
		"\"to_state\": \"checked\", \"evidence\": {\"dest\": {\"host\": \"HostC\", \"seen\": \"unknown\"}, "
		"\"source\": {\"host\": \"HostB\", \"seen\": \"running\", \"job\": true}, \"call\": \"E\"}}]}");

	(void)state;
	assert_non_null(strstr(text, "Migration 18 of server u-1: running\nAsked for; to host HostC\n"));
	assert_non_null(strstr(text, "source: not touched\n              destination: not touched\n"));
	assert_non_null(strstr(text, "source (HostB): the guest is running, being copied away\n"));
	assert_non_null(strstr(text, "destination (HostC): could not be asked\n"));
	assert_non_null(strstr(text, "libvirt's migrate call said: E\n"));
	assert_non_null(strstr(text, "An abort was asked for.\n"));
	assert_non_null(strstr(text, "Now it is in state migrating, since 1 min 5 s: Copies.\n"));
	assert_non_null(strstr(text, "40 % are copied, at 2.0 MiB/s in round 3; the guest dirties 1.0 MiB/s.\n"));
	assert_non_null(strstr(text, "It is blocked by host HostC: destination host unreachable."));
}

/* Whatever an older or newer service answers, it is told as far as it goes. */
static void test_a_story_with_nothing_in_it(void **state)
{
	g_autofree char *text = explained("{}");

	(void)state;
	assert_non_null(strstr(text, "Migration 0 of server"));
}

/* ---- clouds.yaml ---- */

/* A directory with these files, which the search for clouds.yaml finds as the user's own. */
static char *config_with(const char *clouds, const char *secure)
{
	char *directory = g_dir_make_tmp("nova-client-XXXXXX", NULL);
	g_autofree char *one = g_build_filename(directory, "clouds.yaml", NULL);
	g_autofree char *two = g_build_filename(directory, "secure.yaml", NULL);

	g_file_set_contents(one, clouds, -1, NULL);
	g_setenv("OS_CLIENT_CONFIG_FILE", one, TRUE);
	if (secure) {
		g_file_set_contents(two, secure, -1, NULL);
		g_setenv("OS_CLIENT_SECURE_FILE", two, TRUE);
	}
	return directory;
}

static void drop_config(char *directory)
{
	static const char *const names[] = { "clouds.yaml", "secure.yaml", "" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(directory, names[i], NULL);

		remove(path);
	}
	g_free(directory);
	g_unsetenv("OS_CLIENT_CONFIG_FILE");
	g_unsetenv("OS_CLIENT_SECURE_FILE");
}

static void test_a_cloud_is_read_from_its_file(void **state)
{
	char *directory =
		config_with("clouds:\n"
			    "  lab: &lab\n"
			    "    auth: {auth_url: 'https://h:8774/identity', username: jo, project_name: blue,\n"
			    "           domain_name: Default}\n"
			    "    verify: false\n"
			    "    interface: internal\n"
			    "    compute_endpoint_override: https://h:8774/v2.1\n"
			    "  none:\n"
			    "    auth_type: none\n"
			    "    auth:\n"
			    "      endpoint: http://h:1/v2.1 # here\n"
			    "  same: *lab\n",
			    "clouds: {lab: {auth: {password: \"s e\\u0063ret\"}}}\n");
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_cloud) lab = nova_cloud_load("lab", &error);
	g_autoptr(nova_cloud) none = nova_cloud_load("none", NULL);
	g_autofree char *blame = nova_cloud_blame(lab, "OS_AUTH_URL");

	(void)state;
	assert_null(error);
	assert_string_equal(lab->auth_url, "https://h:8774/identity");
	assert_string_equal(lab->username, "jo");
	assert_string_equal(lab->password, "s ecret");
	assert_string_equal(lab->project_name, "blue");
	assert_string_equal(lab->user_domain_name, "Default");
	assert_string_equal(lab->project_domain_name, "Default");
	assert_string_equal(lab->endpoint, "https://h:8774/v2.1");
	assert_string_equal(lab->interface, "internal");
	assert_true(lab->insecure);
	assert_null(lab->auth_type);
	assert_string_equal(blame, "auth_url of the cloud 'lab'");
	assert_string_equal(none->auth_type, "none");
	assert_string_equal(none->endpoint, "http://h:1/v2.1");
	assert_false(none->insecure);
	g_setenv("OS_CLOUD", "same", TRUE);
	g_setenv("OS_USERNAME", "someone else", TRUE);
	g_setenv("OS_PASSWORD", "from outside", TRUE);
	g_autoptr(nova_cloud) same = nova_cloud_load(NULL, NULL);

	assert_string_equal(same->username, "jo");
	assert_string_equal(same->password, "from outside");
	g_unsetenv("OS_CLOUD");
	g_autoptr(nova_cloud) outside = nova_cloud_load(NULL, NULL);

	assert_null(outside->name);
	assert_string_equal(outside->username, "someone else");
	g_unsetenv("OS_USERNAME");
	g_unsetenv("OS_PASSWORD");
	drop_config(directory);
}

static void refuse_cloud(const char *clouds, const char *name, const char *words)
{
	char *directory = config_with(clouds, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_cloud) cloud = nova_cloud_load(name, &error);

	assert_null(cloud);
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_CONFIG);
	if (!strstr(error->message, words))
		fail_msg("'%s' does not say '%s'", error->message, words);
	drop_config(directory);
}

static void test_a_cloud_that_cannot_be_had_is_named(void **state)
{
	g_autoptr(GString) deep = g_string_new("clouds: ");
	g_autoptr(GString) many = g_string_new("a: &a [x, x, x, x, x, x, x, x, x, x]\n");

	(void)state;
	refuse_cloud("clouds: {a: {}, b: {}}\n", "lab", "no cloud 'lab'");
	refuse_cloud("clouds: {a: {}, b: {}}\n", "lab", "there are: a, b");
	refuse_cloud("clouds: {lab: text}\n", "lab", "no cloud 'lab'");
	refuse_cloud("clouds: [lab]\n", "lab", "there are: none");
	refuse_cloud("", "lab", "it is empty");
	refuse_cloud("just words\n", "lab", "no cloud 'lab'");
	refuse_cloud("clouds:\n  lab:\n\tauth: {}\n", "lab", "line 3: found character that cannot start any token");
	refuse_cloud("clouds: {[a]: b}\n", "lab", "a key is no plain word");
	for (int i = 0; i < 40; i++)
		g_string_append(deep, "{a: ");
	for (int i = 0; i < 40; i++)
		g_string_append(deep, "}");
	refuse_cloud(deep->str, "lab", "more than 16 levels");
	/* each line ten times the one before */
	for (char c = 'b'; c < 'k'; c++)
		g_string_append_printf(many, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c,
				       c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
	refuse_cloud(many->str, "lab", "10000 values");
	g_setenv("OS_CLIENT_CONFIG_FILE", "/nonexistent/clouds.yaml", TRUE);
	g_autoptr(GError) error = NULL;

	assert_null(nova_cloud_load("lab", &error));
	assert_non_null(strstr(error->message, "/nonexistent/clouds.yaml"));
	g_unsetenv("OS_CLIENT_CONFIG_FILE");
}

/* ---- what users type ---- */

static void test_pairs_are_read_up_to_the_first_equals(void **state)
{
	char *words[] = { (char *)"a=1", (char *)"b=x=y", (char *)"c=", (char *)"d" };
	g_autoptr(GError) error = NULL;
	g_autoptr(json_object) pairs = nova_input_pairs(3, words, false, &error);
	g_autoptr(json_object) removing = nova_input_pairs(4, words, true, NULL);

	(void)state;
	assert_non_null(pairs);
	assert_string_equal(nova_json_text(pairs), "{\"a\":\"1\",\"b\":\"x=y\",\"c\":\"\"}");
	assert_string_equal(nova_json_text(removing), "{\"a\":\"1\",\"b\":\"x=y\",\"c\":\"\",\"d\":null}");
	assert_null(nova_input_pairs(4, words, false, &error));
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_CONFIG);
	assert_non_null(strstr(error->message, "'d' is not KEY=VALUE"));
	g_clear_error(&error);
	words[0] = (char *)"=1";
	assert_null(nova_input_pairs(1, words, true, &error));
	assert_non_null(strstr(error->message, "'=1'"));
}

static void test_a_file_is_read_up_to_its_bound(void **state)
{
	g_autofree char *directory = g_dir_make_tmp("nova-client-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(directory, "file", NULL), *text = NULL;
	g_autoptr(GError) error = NULL;
	size_t length = 0;

	(void)state;
	assert_true(g_file_set_contents(path, "ab\0cd", 5, NULL));
	assert_true(nova_input_file(path, 5, &text, &length, &error));
	assert_int_equal(length, 5);
	assert_memory_equal(text, "ab\0cd", 6);
	assert_false(nova_input_file(path, 4, &text, &length, &error));
	assert_non_null(strstr(error->message, "more than 4 bytes"));
	g_clear_error(&error);
	assert_false(nova_input_file(directory, 4, &text, NULL, &error));
	assert_non_null(strstr(error->message, directory));
	g_clear_error(&error);
	remove(path);
	assert_false(nova_input_file(path, 5, &text, NULL, &error));
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_CONFIG);
	remove(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs_are_read_up_to_the_first_equals),
		cmocka_unit_test(test_a_file_is_read_up_to_its_bound),
		cmocka_unit_test(test_a_cloud_is_read_from_its_file),
		cmocka_unit_test(test_a_cloud_that_cannot_be_had_is_named),
		cmocka_unit_test(test_table_has_a_frame_and_centred_headings),
		cmocka_unit_test(test_wide_characters_keep_the_frame_straight),
		cmocka_unit_test(test_values_are_bare_and_json_is_the_services),
		cmocka_unit_test(test_a_name_cannot_write_to_the_terminal),
		cmocka_unit_test(test_progress_never_runs_backwards),
		cmocka_unit_test(test_progress_line_fits),
		cmocka_unit_test(test_cells_say_what_json_says),
		cmocka_unit_test(test_a_dead_endpoint_is_named),
		cmocka_unit_test(test_the_story_of_a_migration_that_ended),
		cmocka_unit_test(test_the_story_of_one_that_waits),
		cmocka_unit_test(test_a_story_with_nothing_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
