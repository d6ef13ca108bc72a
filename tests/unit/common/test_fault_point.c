/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fault_point.h"

#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* One letter for each of the first eight passings: '.' went on, 'E' failed. */
static void assert_passings(const char *spec, const char *point, const char *want)
{
	g_autoptr(GError) error = NULL;
	char got[9] = "";

	assert_ok(nova_fault_points_set(spec, &error), error);
	for (int i = 0; i < 8; i++)
		got[i] = nova_fault_point(point, NULL) ? '.' : 'E';
	assert_string_equal(got, want);
}

static void test_inert_without_a_spec(void **state)
{
	(void)state;
	assert_passings(NULL, "a", "........");
	assert_passings("", "a", "........");
	assert_passings(" , ,", "a", "........");
}

static void test_when(void **state)
{
	(void)state;
	assert_passings("a=error", "a", "EEEEEEEE");
	assert_passings("a=error", "b", "........");
	assert_passings("a=error:3", "a", "..E.....");
	assert_passings("a=error:1-5", "a", "EEEEE...");
	assert_passings("a=error:6-", "a", ".....EEE");
	assert_passings("a=error:2,a=error:4", "a", ".E.E....");
	assert_passings("x=exit, compute:prepare=error:1 ,y=stop", "compute:prepare", "E.......");
}

static void test_chance(void **state)
{
	unsigned failed = 0;

	(void)state;
	assert_passings("a=error:0%", "a", "........");
	assert_passings("a=error:100%", "a", "EEEEEEEE");
	assert_true(nova_fault_points_set("a=error:50%", NULL));
	for (int i = 0; i < 1000; i++)
		failed += !nova_fault_point("a", NULL);
	assert_in_range(failed, 300, 700);
}

static void test_messages(void **state)
{
	(void)state;
	assert_true(nova_fault_points_set("a=drop:1,a=dup:2,a=error:3,a=sleep(1):4", NULL));
	assert_int_equal(nova_fault_point_copies("b"), 1);
	assert_int_equal(nova_fault_point_copies("a"), 0);
	assert_int_equal(nova_fault_point_copies("a"), 2);
	assert_int_equal(nova_fault_point_copies("a"), 0);
	assert_int_equal(nova_fault_point_copies("a"), 1);
	assert_int_equal(nova_fault_point_copies("a"), 1);
	assert_passings("a=drop", "a", "........"); /* no message passes there */
}

static void test_error_names_the_point(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(nova_fault_points_set("compute:flip=error", NULL));
	assert_false(nova_fault_point("compute:flip", &error));
	assert_fault(error, NOVA_FAULT_INTERNAL);
	assert_contains(error->message, "compute:flip");
	nova_fault_point_pass("compute:flip");
}

static void test_sleep_sleeps(void **state)
{
	int64_t began = g_get_monotonic_time();

	(void)state;
	assert_true(nova_fault_points_set("a=sleep(30)", NULL));
	assert_true(nova_fault_point("a", NULL));
	assert_true(g_get_monotonic_time() - began >= 30000);
}

static void *remove_soon(void *file)
{
	while (access(file, F_OK) != 0)
		g_usleep(1000);
	g_usleep(20000);
	unlink(file);
	return NULL;
}

static void test_hold_waits_until_its_file_is_removed(void **state)
{
	g_autofree char *file = g_strdup_printf("%s/fault-hold-%d", g_get_tmp_dir(), (int)getpid());
	g_autofree char *spec = g_strdup_printf("a=hold(%s):1", file);
	GThread *remover = g_thread_new("remover", remove_soon, file);
	int64_t began = g_get_monotonic_time();

	(void)state;
	assert_true(nova_fault_points_set(spec, NULL));
	assert_true(nova_fault_point("a", NULL));
	assert_true(g_get_monotonic_time() - began >= 20000);
	g_thread_join(remover);
	assert_true(nova_fault_point("a", NULL)); /* not again */
	assert_int_equal(access(file, F_OK), -1);
}

static void test_exit_and_stop(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	assert_true(nova_fault_points_set("a=exit,b=stop", NULL));
	pid = fork();
	if (pid == 0) {
		nova_fault_point_pass("a");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);

	pid = fork();
	if (pid == 0) {
		nova_fault_point_pass("b");
		_exit(3);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

static void test_malformed_specs_arm_nothing(void **state)
{
	static const char *const bad[] = {
		"a", "=error", "a=", "a=explode", "a=error:", "a=error:x", "a=error:2-1", "a=error:1-2-3", "a=sleep",
		"a=sleep()", "a=sleep(5", "a=sleep(-5)", "a=error!", "b=error,a",
		"a=drop:101%", "a=drop:5%%", "a=drop:%", "a=drop:1-5%",
		"a=hold", "a=hold()",
		"a=hold(/x", "a=hold(x)",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		print_message("  %s\n", bad[i]);
		assert_false(nova_fault_points_set(bad[i], &error));
		assert_fault(error, NOVA_FAULT_CONFIG);
		assert_true(nova_fault_point("b", NULL));
	}
}

static void test_environment(void **state)
{
	bool armed = true;

	(void)state;
	unsetenv("NOVA_LITE_FAULT");
	assert_true(nova_fault_points_check(&armed, NULL));
	assert_false(armed);
	setenv("NOVA_LITE_FAULT", "db:commit=error", 1);
	assert_true(nova_fault_points_check(&armed, NULL));
	assert_true(armed);
	assert_false(nova_fault_point("db:commit", NULL));
	unsetenv("NOVA_LITE_FAULT");
}

static void test_points_that_do_not_exist_are_refused(void **state)
{
	g_autoptr(GError) error = NULL;
	bool armed = true;

	(void)state;
	setenv("NOVA_LITE_FAULT", "db:commit=error,compute:migrating:flop=error", 1);
	assert_false(nova_fault_points_check(&armed, &error));
	assert_fault(error, NOVA_FAULT_CONFIG);
	assert_contains(error->message, "'compute:migrating:flop'");
	assert_true(nova_fault_point("db:commit", NULL));
	unsetenv("NOVA_LITE_FAULT");
}

/* One of each kind: named in a call, and made of a state. */
static void test_the_list_has_every_kind(void **state)
{
	(void)state;
	assert_true(g_strv_contains(nova_fault_point_names, "db:commit"));
	assert_true(g_strv_contains(nova_fault_point_names, "scheduler:requested:before"));
	assert_true(g_strv_contains(nova_fault_point_names, "compute:migrating:flip"));
	assert_true(g_strv_contains(nova_fault_point_names, "compute:rebooting-hard:after"));
	assert_true(g_strv_contains(nova_fault_point_names, "compute:claimed:committed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inert_without_a_spec),
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_chance),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_error_names_the_point),
		cmocka_unit_test(test_sleep_sleeps),
		cmocka_unit_test(test_hold_waits_until_its_file_is_removed),
		cmocka_unit_test(test_exit_and_stop),
		cmocka_unit_test(test_malformed_specs_arm_nothing),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_points_that_do_not_exist_are_refused),
		cmocka_unit_test(test_the_list_has_every_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
