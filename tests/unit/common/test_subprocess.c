/* SPDX-License-Identifier: Apache-2.0 */
#include "common/subprocess.h"

#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define SH(text) ((const char *const[]){ "sh", "-c", text, NULL })

static void test_output_and_status(void **state)
{
	const nova_subprocess command = { .argv = SH("echo out; echo err >&2; exit 7"),
					  .deadline = nova_deadline_in_ms(5000) };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_ok(nova_subprocess_run(&command, &result, &error), error);
	assert_int_equal(result.exit_status, 7);
	assert_string_equal(result.out, "out\n");
	assert_string_equal(result.err, "err\n");
	assert_int_equal(result.out_length, 4);
}

static void test_death_by_signal(void **state)
{
	const nova_subprocess command = { .argv = SH("kill -9 $$"), .deadline = nova_deadline_in_ms(5000) };
	g_auto(nova_subprocess_result) result = { 0 };

	(void)state;
	assert_true(nova_subprocess_run(&command, &result, NULL));
	assert_int_equal(result.exit_status, 137);
}

/* Both the child and what it started are gone, and the caller got away in time. */
static void test_deadline_kills_the_group(void **state)
{
	const nova_subprocess command = { .argv = SH("sleep 61 & echo $!; sleep 62"),
					  .deadline = nova_deadline_in_ms(150) };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;
	int64_t began = g_get_monotonic_time();

	(void)state;
	assert_false(nova_subprocess_run(&command, &result, &error));
	assert_fault(error, NOVA_FAULT_DEADLINE);
	assert_contains(error->message, "'sh'");
	assert_in_range(g_get_monotonic_time() - began, 150000, 1500000);
	assert_null(result.out);
}

/* A child that closed its streams but goes on is waited for, no longer than the deadline. */
static void test_deadline_holds_after_the_streams_end(void **state)
{
	const nova_subprocess command = { .argv = SH("exec >&- 2>&-; sleep 60"), .deadline = nova_deadline_in_ms(100) };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(nova_subprocess_run(&command, &result, &error));
	assert_fault(error, NOVA_FAULT_DEADLINE);
}

/* A daemon left behind that holds the streams does not hold us. */
static void test_grandchild_with_the_streams(void **state)
{
	const nova_subprocess command = { .argv = SH("trap '' HUP; (sleep 60) & exit 0"),
					  .deadline = nova_deadline_in_ms(200) };
	g_auto(nova_subprocess_result) result = { 0 };
	int64_t began = g_get_monotonic_time();

	(void)state;
	assert_false(nova_subprocess_run(&command, &result, NULL));
	assert_true(g_get_monotonic_time() - began < 1500000);
}

static void test_too_much_output(void **state)
{
	nova_subprocess command = { .argv = SH("while :; do echo 0123456789; done"),
				    .deadline = nova_deadline_in_ms(5000), .max_output = 1000 };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(nova_subprocess_run(&command, &result, &error));
	assert_fault(error, NOVA_FAULT_TOO_LARGE);

	command.argv = SH("i=0; while [ $i -lt 1000 ]; do echo 0123456789; i=$((i+1)); done");
	command.output_may_be_cut = true;
	assert_true(nova_subprocess_run(&command, &result, NULL));
	assert_int_equal(result.out_length, 1000);
	assert_int_equal(result.exit_status, 0);
}

static void test_programs_that_do_not_exist(void **state)
{
	const nova_subprocess nowhere = { .argv = (const char *const[]){ "nova-no-such-program", NULL },
					  .deadline = nova_deadline_in_ms(5000) };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(nova_subprocess_run(&nowhere, &result, &error));
	assert_fault(error, NOVA_FAULT_NOT_FOUND);
	assert_contains(error->message, "nova-no-such-program");
}

/* Found and marked executable, but the kernel cannot run it: the child's errno comes back. */
static void test_programs_that_cannot_run(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("nova-sub-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "broken", NULL);
	const nova_subprocess command = { .argv = (const char *const[]){ path, NULL },
					  .deadline = nova_deadline_in_ms(5000) };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(g_file_set_contents_full(path, "\177ELF nonsense", -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
	assert_false(nova_subprocess_run(&command, &result, &error));
	assert_fault(error, NOVA_FAULT_NOT_FOUND);
	assert_contains(error->message, "cannot run");
	unlink(path);
	rmdir(dir);
}

/* The child starts clean: no input, no open files, default signals, though ours are blocked and ignored. */
static void test_child_starts_clean(void **state)
{
	const nova_subprocess command = {
		.argv = SH("cat; ls /proc/self/fd | tr '\\n' ' '; grep SigBlk /proc/self/status;"
			   " echo $LC_ALL; sh -c 'kill -PIPE $$'; echo $?"),
		.deadline = nova_deadline_in_ms(5000)
	};
	g_auto(nova_subprocess_result) result = { 0 };
	g_autoptr(GError) error = NULL;
	sigset_t set, old;
	int leak = dup(1); /* without close-on-exec */

	(void)state;
	assert_true(leak > 2);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	assert_ok(nova_subprocess_run(&command, &result, &error), error);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(leak);
	/* 3 is ls's own look at the directory. */
	assert_string_equal(result.out, "0 1 2 3 SigBlk:\t0000000000000000\nC\n141\n");
}

static void test_limits(void **state)
{
	const nova_subprocess cpu = { .argv = SH("while :; do :; done"), .deadline = nova_deadline_in_ms(60000),
				      .max_cpu_s = 1 };
	const nova_subprocess memory = { .argv = SH("ulimit -v"), .deadline = nova_deadline_in_ms(60000),
					 .max_memory_mb = 512 };
	g_auto(nova_subprocess_result) result = { 0 };
	g_autofree char *out = NULL;

	(void)state;
	assert_true(nova_subprocess_run(&cpu, &result, NULL));
	assert_true(result.exit_status == 128 + SIGXCPU || result.exit_status == 128 + SIGKILL);
	assert_true(nova_subprocess_check(&memory, &out, NULL));
	assert_string_equal(out, "524288\n");
}

static void test_check_wants_success(void **state)
{
	const nova_subprocess bad = { .argv = SH("echo first >&2; echo 'no space left' >&2; exit 2"),
				      .deadline = nova_deadline_in_ms(5000) };
	const nova_subprocess good = { .argv = SH("printf 'a b'"), .deadline = nova_deadline_in_ms(5000) };
	g_autoptr(GError) error = NULL;
	g_autofree char *out = NULL;

	(void)state;
	assert_false(nova_subprocess_check(&bad, &out, &error));
	assert_string_equal(error->message, "'sh' ended with status 2: no space left");
	assert_true(nova_subprocess_check(&good, &out, NULL));
	assert_string_equal(out, "a b");
	assert_true(nova_subprocess_check(&good, NULL, NULL));
}

static void test_arguments_are_not_interpreted(void **state)
{
	const nova_subprocess command = { .argv = (const char *const[]){ "printf", "%s|", "$HOME", "a b", ";ls", NULL },
					  .deadline = nova_deadline_in_ms(5000) };
	g_autofree char *out = NULL;

	(void)state;
	assert_true(nova_subprocess_check(&command, &out, NULL));
	assert_string_equal(out, "$HOME|a b|;ls|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_status),
		cmocka_unit_test(test_death_by_signal),
		cmocka_unit_test(test_deadline_kills_the_group),
		cmocka_unit_test(test_deadline_holds_after_the_streams_end),
		cmocka_unit_test(test_grandchild_with_the_streams),
		cmocka_unit_test(test_too_much_output),
		cmocka_unit_test(test_programs_that_do_not_exist),
		cmocka_unit_test(test_programs_that_cannot_run),
		cmocka_unit_test(test_child_starts_clean),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_check_wants_success),
		cmocka_unit_test(test_arguments_are_not_interpreted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
