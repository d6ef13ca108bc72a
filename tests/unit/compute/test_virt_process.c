/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/compute/scratch.h"

#include "compute/virt_process.h"

#include <signal.h>
#include <sys/wait.h>

#define UUID "6f70656e-0000-4000-8000-00000000002a"

static const struct {
	const char *label, *log;
	nova_end_reason want;
} cases[] = {
	{ "no log", NULL, NOVA_END_UNKNOWN },
	{ "empty", "", NOVA_END_UNKNOWN },
	{ "runs", "2026-11-20 09:00:00.000+0000: starting up libvirt version: 9.0.0\nchar device\n", NOVA_END_UNKNOWN },
	{ "powered off", "2026-11-20 09:00:00.000+0000: starting up libvirt version: 9.0.0\n"
	  "2026-11-20 09:01:00.000+0000: shutting down, reason=shutdown\n", NOVA_END_SHUTDOWN },
	{ "crashed", "x: shutting down, reason=crashed\n", NOVA_END_CRASHED },
	{ "migrated", "x: shutting down, reason=migrated\n", NOVA_END_MIGRATED },
	{ "destroyed", "x: shutting down, reason=destroyed\n", NOVA_END_DESTROYED },
	{ "failed", "x: shutting down, reason=failed\n", NOVA_END_FAILED },
	{ "something new", "x: shutting down, reason=fell off\n", NOVA_END_UNKNOWN },
	{ "the last one counts", "x: shutting down, reason=shutdown\ny: starting up libvirt version: 9\n"
	  "z: shutting down, reason=crashed\n", NOVA_END_CRASHED },
	{ "nobody saw the last end", "x: shutting down, reason=shutdown\ny: starting up libvirt version: 9\n",
	  NOVA_END_UNKNOWN },
};

static void test_end_reasons(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		print_message("  %s\n", cases[i].label);
		if (cases[i].log)
			scratch_write(*state, "vm.log", cases[i].log, strlen(cases[i].log));
		assert_int_equal(nova_virt_process_end_reason(*state, "vm"), cases[i].want);
	}
}

static void test_only_the_end_of_a_long_log_is_read(void **state)
{
	g_autoptr(GString) log = g_string_new("x: shutting down, reason=crashed\n");

	for (int i = 0; i < 20000; i++)
		g_string_append(log, "qemu says something\n");
	scratch_write(*state, "vm.log", log->str, log->len);
	assert_int_equal(nova_virt_process_end_reason(*state, "vm"), NOVA_END_UNKNOWN);
	g_string_append(log, "x: shutting down, reason=migrated\n");
	scratch_write(*state, "vm.log", log->str, log->len);
	assert_int_equal(nova_virt_process_end_reason(*state, "vm"), NOVA_END_MIGRATED);
}

static pid_t start(const char *argument)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "sleep 30; :", "sh", argument, NULL);
		_exit(127);
	}
	return pid;
}

static void write_pid(const char *dir, pid_t pid)
{
	g_autofree char *text = g_strdup_printf("%d\n", (int)pid);

	scratch_write(dir, "vm.pid", text, strlen(text));
}

/* The command line is the shell's own only after exec. */
static int open_soon(const char *dir, GError **error)
{
	int fd = -1;

	for (int i = 0; i < 100 && fd < 0; i++) {
		g_clear_error(error);
		fd = nova_virt_process_open(dir, "vm", UUID, error);
		if (fd < 0)
			g_usleep(10000);
	}
	return fd;
}

static bool stops_soon(int fd)
{
	for (int i = 0; i < 100 && !nova_virt_process_is_stopped(fd); i++)
		g_usleep(10000);
	return nova_virt_process_is_stopped(fd);
}

static void test_a_process_is_watched(void **state)
{
	pid_t pid = start(UUID);
	g_autoptr(GError) error = NULL;
	int fd;

	write_pid(*state, pid);
	fd = open_soon(*state, &error);
	assert_ok(fd >= 0, error);
	assert_false(nova_virt_process_is_dead(fd));
	assert_ok(nova_virt_process_signal(fd, SIGSTOP, &error), error);
	assert_true(stops_soon(fd));
	assert_ok(nova_virt_process_signal(fd, SIGCONT, &error), error);
	assert_false(nova_virt_process_is_stopped(fd));
	assert_ok(nova_virt_process_signal(fd, SIGKILL, &error), error);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(nova_virt_process_is_dead(fd));
	/* To signal what has ended is no error: that is what was wanted. */
	assert_ok(nova_virt_process_signal(fd, SIGKILL, &error), error);
	close(fd);
	assert_int_equal(nova_virt_process_open(*state, "vm", UUID, &error), -1);
	assert_fault(error, NOVA_FAULT_HYPERVISOR);
	assert_false(nova_virt_process_is_dead(-1));
	assert_false(nova_virt_process_is_stopped(-1));
}

static void test_another_process_is_refused(void **state)
{
	pid_t pid = start("7c70656e-0000-4000-8000-00000000002a");
	g_autoptr(GError) error = NULL;

	write_pid(*state, pid);
	g_usleep(100000);
	assert_int_equal(nova_virt_process_open(*state, "vm", UUID, &error), -1);
	assert_fault(error, NOVA_FAULT_HYPERVISOR);
	assert_non_null(strstr(error->message, "is not the QEMU of"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_bad_pid_files(void **state)
{
	const char *const texts[] = { "", "0", "-1", "1x", "99999999999" };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;

		scratch_write(*state, "vm.pid", texts[i], strlen(texts[i]));
		assert_int_equal(nova_virt_process_open(*state, "vm", UUID, &error), -1);
		assert_fault(error, NOVA_FAULT_HYPERVISOR);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_end_reasons, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_only_the_end_of_a_long_log_is_read, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_process_is_watched, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_another_process_is_refused, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_bad_pid_files, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
