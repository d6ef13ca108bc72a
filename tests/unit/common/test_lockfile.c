/* SPDX-License-Identifier: Apache-2.0 */
#include "common/lockfile.h"

#include "unit.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_dir(void **state)
{
	*state = g_dir_make_tmp("nova-lock-XXXXXX", NULL);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	g_autofree char *path = g_build_filename(*state, "lock", NULL);

	g_remove(path);
	g_rmdir(*state);
	g_free(*state);
	return 0;
}

static void test_second_taker_is_told_who_holds_it(void **state)
{
	g_autofree char *path = g_build_filename(*state, "lock", NULL);
	g_autofree char *pid = g_strdup_printf("(pid %d)", (int)getpid());
	g_autoptr(nova_lockfile) first = nova_lockfile_take(path, NULL);
	g_autoptr(GError) error = NULL;

	assert_non_null(first);
	assert_null(nova_lockfile_take(path, &error));
	assert_fault(error, NOVA_FAULT_CONFLICT);
	assert_contains(error->message, pid);
	nova_lockfile_free(g_steal_pointer(&first));
	first = nova_lockfile_take(path, NULL);
	assert_non_null(first);
}

static void test_lock_goes_with_its_process(void **state)
{
	g_autofree char *path = g_build_filename(*state, "lock", NULL);
	g_autoptr(nova_lockfile) lock = NULL;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!nova_lockfile_take(path, NULL))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	lock = nova_lockfile_take(path, NULL);
	assert_non_null(lock);
}

static void test_impossible_places(void **state)
{
	g_autofree char *nowhere = g_build_filename(*state, "none", "lock", NULL);
	g_autofree char *link = g_build_filename(*state, "lock", NULL);
	g_autoptr(GError) error = NULL;

	assert_null(nova_lockfile_take(nowhere, &error));
	assert_fault(error, NOVA_FAULT_CONFIG);
	/* Somebody else's link must not make us write into their target. */
	assert_int_equal(symlink("/dev/null", link), 0);
	assert_null(nova_lockfile_take(link, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_second_taker_is_told_who_holds_it, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_lock_goes_with_its_process, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_impossible_places, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
