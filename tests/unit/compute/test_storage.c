/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/compute/scratch.h"

#include "common/uuid.h"
#include "compute/probe.h"
#include "compute/storage.h"

#include <errno.h>
#include <fcntl.h>

static unsigned count_entries(const char *dir)
{
	GDir *d = g_dir_open(dir, 0, NULL);
	unsigned n = 0;

	assert_non_null(d);
	while (g_dir_read_name(d))
		n++;
	g_dir_close(d);
	return n;
}

static void test_a_good_directory(void **state)
{
	g_autoptr(GError) error = NULL;
	nova_storage_view view = { 0 };
	struct stat st;

	assert_ok(nova_storage_check(*state, &view, 5000, &error), error);
	assert_int_equal(stat(*state, &st), 0);
	assert_int_equal(view.uid, st.st_uid);
	assert_int_equal(view.gid, st.st_gid);
	assert_int_equal(view.mode, st.st_mode & 07777);
	assert_true(view.total_gb >= view.free_gb && view.total_gb > 0);
	assert_true(view.kind[0] != '\0');
	assert_int_equal(count_entries(*state), 0);
	assert_ok(nova_storage_locks_work(*state, 5000, &error), error);
	assert_int_equal(count_entries(*state), 0);
}

static void test_bad_directories_are_named(void **state)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
		{ "/nowhere/instances", "cannot find the directory /nowhere/instances: No such file" },
		{ "/etc/passwd", "Not a directory" },
		{ "/proc", "cannot create a file in /proc" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		nova_storage_view view;

		assert_false(nova_storage_check(cases[i].path, &view, 5000, &error));
		assert_fault(error, NOVA_FAULT_STORAGE);
		if (!strstr(error->message, cases[i].text))
			fail_msg("'%s' is not in: %s", cases[i].text, error->message);
	}
}

static void test_mounts_have_a_kind(void **state)
{
	nova_storage_view view = { 0 };
	g_autoptr(GError) error = NULL;

	(void)state;
	if (access("/dev/shm", W_OK) < 0)
		skip();
	assert_ok(nova_storage_check("/dev/shm", &view, 5000, &error), error);
	assert_true(view.mounted);
	assert_string_equal(view.kind, "local");
	assert_false(view.shared);
}

static void test_the_identity_is_made_once(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *first = NULL, *second = NULL;

	first = nova_storage_fsid(*state, 5000, &error);
	assert_ok(first, error);
	assert_true(nova_uuid_is_valid(first));
	second = nova_storage_fsid(*state, 5000, &error);
	assert_ok(second, error);
	assert_string_equal(first, second);
	assert_int_equal(count_entries(*state), 1);
}

static void *take_fsid(void *dir)
{
	return nova_storage_fsid(dir, 5000, NULL);
}

static void test_many_at_once_agree_on_the_identity(void **state)
{
	GThread *threads[8];
	char *fsid[8];

	for (int i = 0; i < 8; i++)
		threads[i] = g_thread_new("fsid", take_fsid, *state);
	for (int i = 0; i < 8; i++) {
		fsid[i] = g_thread_join(threads[i]);
		assert_non_null(fsid[i]);
		assert_string_equal(fsid[i], fsid[0]);
	}
	for (int i = 0; i < 8; i++)
		g_free(fsid[i]);
	assert_int_equal(count_entries(*state), 1);
}

static void test_a_damaged_identity_is_an_error(void **state)
{
	g_autoptr(GError) error = NULL;

	scratch_write(*state, NOVA_STORAGE_FSID_FILE, "", 0);
	assert_null(nova_storage_fsid(*state, 5000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	assert_non_null(strstr(error->message, "does not hold a uuid"));
}

static void test_nonces(void **state)
{
	g_autoptr(GError) error = NULL;
	bool seen = true;

	assert_ok(nova_storage_nonce_seen(*state, "abc-1", &seen, 5000, &error), error);
	assert_false(seen);
	for (int i = 0; i < 2; i++) {
		assert_ok(nova_storage_nonce_put(*state, "abc-1", 5000, &error), error);
		assert_ok(nova_storage_nonce_seen(*state, "abc-1", &seen, 5000, &error), error);
		assert_true(seen);
	}
	for (int i = 0; i < 2; i++) {
		assert_ok(nova_storage_nonce_remove(*state, "abc-1", 5000, &error), error);
		assert_ok(nova_storage_nonce_seen(*state, "abc-1", &seen, 5000, &error), error);
		assert_false(seen);
	}
	assert_int_equal(count_entries(*state), 0);
}

static void test_nonces_are_listed(void **state)
{
	g_autofree char *other = g_build_filename(*state, ".nova-lite-nonce.not one", NULL);
	g_autoptr(GError) error = NULL;
	nova_storage_nonces list = { 0 };
	bool found[20] = { 0 };

	assert_true(g_file_set_contents(other, "", 0, NULL));
	assert_ok(nova_storage_nonce_list(*state, &list, 5000, &error), error);
	assert_int_equal(list.count, 0);
	for (int i = 0; i < 20; i++) {
		g_autofree char *nonce = g_strdup_printf("%d-a", i);

		assert_ok(nova_storage_nonce_put(*state, nonce, 5000, &error), error);
	}
	for (int left = 20; left > 0; left -= (int)list.count) {
		list = (nova_storage_nonces){ 0 };
		assert_ok(nova_storage_nonce_list(*state, &list, 5000, &error), error);
		assert_int_equal(list.count, MIN(left, NOVA_STORAGE_NONCES_MOST));
		for (unsigned i = 0; i < list.count; i++) {
			int number = atoi(list.names[i]);

			assert_false(found[number]);
			found[number] = true;
			assert_ok(nova_storage_nonce_remove(*state, list.names[i], 5000, &error), error);
		}
	}
	assert_int_equal(count_entries(*state), 1);
}

static void test_a_nonce_is_no_path(void **state)
{
	const char *const names[] = { "", "../x", "a/b", "a.b", "nonce nonce" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(nova_storage_nonce_put(*state, names[i], 5000, &error));
		assert_fault(error, NOVA_FAULT_BAD_REQUEST);
	}
}

static void test_disks_open(void **state)
{
	g_autofree char *disk = g_build_filename(*state, "disk", NULL);
	g_autofree char *zeros = g_malloc0(65536);
	g_autoptr(GError) error = NULL;

	assert_false(nova_storage_disk_opens(disk, NULL, 5000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	g_clear_error(&error);
	scratch_write(*state, "disk", zeros, 65536);
	/* A scratch directory in memory has no O_DIRECT; then that is what must be said. */
	if (!nova_storage_disk_opens(disk, NULL, 5000, &error))
		assert_non_null(strstr(error->message, "O_DIRECT"));
	g_clear_error(&error);
	assert_ok(nova_storage_make_dir(*state, 5000, &error), error);
	assert_false(nova_storage_make_dir(disk, 5000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
}

/* root opens everything; the QEMU that will open the disk may not be root. */
static void test_disks_open_as_their_user(void **state)
{
	g_autofree char *dir = g_strdup("/var/tmp/nova-lite-disk-XXXXXX"), *disk = NULL;
	g_autofree char *zeros = g_malloc0(65536);
	g_autoptr(GError) error = NULL;
	nova_storage_user nobody, root;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(g_mkdtemp_full(dir, 0755));
	disk = g_build_filename(dir, "disk", NULL);
	scratch_write(dir, "disk", zeros, 65536);
	nova_storage_user_find(0, 0, &root);
	nova_storage_user_find(65534, 65534, &nobody);
	assert_int_equal(chmod(disk, 0644), 0);
	bool direct = nova_storage_disk_opens(disk, &root, 5000, NULL); /* unless it is in memory */

	assert_false(nova_storage_disk_opens(disk, &nobody, 5000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	assert_non_null(strstr(error->message, "Permission denied"));
	assert_int_equal(chown(disk, 65534, 65534), 0);
	assert_int_equal(nova_storage_disk_opens(disk, &nobody, 5000, NULL), direct);
	/* by group */
	assert_int_equal(chown(disk, 0, 12345), 0);
	assert_int_equal(chmod(disk, 0660), 0);
	assert_false(nova_storage_disk_opens(disk, &nobody, 5000, NULL));
	nobody.groups[nobody.n_groups++] = 12345;
	assert_int_equal(nova_storage_disk_opens(disk, &nobody, 5000, NULL), direct);
	unlink(disk);
	rmdir(dir);
}

/* ---- probes ---- */

static nova_probe_outcome hang(const void *args, void *result)
{
	(void)args;
	(void)result;
	for (;;)
		pause();
	return (nova_probe_outcome){ 0 };
}

static nova_probe_outcome die(const void *args, void *result)
{
	(void)args;
	(void)result;
	_exit(3);
	return (nova_probe_outcome){ 0 };
}

/* 1 if a descriptor beyond the standard ones is open. */
static nova_probe_outcome look_at_descriptors(const void *args, void *result)
{
	const int *fd = args;

	*(int *)result = fcntl(*fd, F_GETFD) >= 0;
	return (nova_probe_outcome){ .error = EXDEV, .step = 7 };
}

/* What QEMU's block/file-posix.c does for an image that it writes: read locks on bytes 100 + n for what it uses and
 * 200 + n for what it does not share. */
static void test_the_lock_of_a_running_qemu_is_seen(void **state)
{
	static const struct {
		off_t byte;
		bool seen;
	} cases[] = { { 101, false }, { 200, false }, { 201, true }, { 202, false } };
	g_autofree char *disk = g_strdup_printf("%s/disk", (char *)*state);
	g_autoptr(GError) error = NULL;
	bool locked = true;

	assert_true(g_file_set_contents(disk, "", 0, NULL));
	assert_ok(nova_storage_disk_is_locked(disk, &locked, 5000, &error), error);
	assert_false(locked);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = cases[i].byte, .l_len = 1 };
		int fd = open(disk, O_RDWR | O_CLOEXEC);

		assert_true(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
		assert_ok(nova_storage_disk_is_locked(disk, &locked, 5000, &error), error);
		assert_int_equal(locked, cases[i].seen);
		close(fd);
	}
	assert_false(nova_storage_disk_is_locked("/nowhere/disk", &locked, 5000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
}

static void test_a_hanging_probe_is_over_by_its_deadline(void **state)
{
	int64_t begun = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	nova_probe_outcome outcome;

	(void)state;
	assert_false(nova_probe_run(hang, NULL, NULL, 0, "storage at /x", 100, &outcome, &error));
	assert_true(g_get_monotonic_time() - begun < 2 * G_USEC_PER_SEC);
	assert_fault(error, NOVA_FAULT_STORAGE);
	assert_non_null(strstr(error->message, "storage at /x does not answer"));
	assert_int_equal(nova_probe_stuck(), 0);
}

static void test_a_dying_probe_is_an_error(void **state)
{
	g_autoptr(GError) error = NULL;
	nova_probe_outcome outcome;

	(void)state;
	assert_false(nova_probe_run(die, NULL, NULL, 0, "storage", 5000, &outcome, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
}

static void test_a_probe_has_no_descriptors_of_its_parent(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), open_there = -1;
	g_autoptr(GError) error = NULL;
	nova_probe_outcome outcome;

	(void)state;
	assert_true(fd > 2);
	assert_ok(nova_probe_run(look_at_descriptors, &fd, &open_there, sizeof(open_there), "x", 5000, &outcome,
				 &error),
		  error);
	assert_int_equal(open_there, 0);
	assert_int_equal(outcome.error, EXDEV);
	assert_int_equal(outcome.step, 7);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_good_directory, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_bad_directories_are_named),
		cmocka_unit_test(test_mounts_have_a_kind),
		cmocka_unit_test_setup_teardown(test_the_identity_is_made_once, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_many_at_once_agree_on_the_identity, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_identity_is_an_error, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_nonces, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_nonces_are_listed, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_nonce_is_no_path, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_disks_open_as_their_user),
		cmocka_unit_test_setup_teardown(test_disks_open, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_the_lock_of_a_running_qemu_is_seen, scratch_setup,
						scratch_teardown),
		cmocka_unit_test(test_a_hanging_probe_is_over_by_its_deadline),
		cmocka_unit_test(test_a_dying_probe_is_an_error),
		cmocka_unit_test(test_a_probe_has_no_descriptors_of_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
