/* SPDX-License-Identifier: Apache-2.0
 *
 * Base images, disks and their removal, with qemu-img and an image server that misbehaves on request.
 */
#include "tests/unit/compute/scratch.h"

#include "compute/images.h"
#include "compute/storage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define IMAGE "11111111-2222-4333-8444-555555555555"
#define UUID "6f70656e-0000-4000-8000-00000000002a"

/* ---- the server: the first word of the path says how it behaves ---- */

static char content[100000];
static uint16_t port;
static int requests;

static void send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		length -= (size_t)n;
	}
}

static void answer(int fd, const char *request)
{
	g_autofree char *head = NULL;
	const char *status = "200 OK";
	size_t length = sizeof(content), sent = sizeof(content);

	if (!strstr(request, "/v2/images/" IMAGE "/file ") || !strstr(request, "X-Auth-Token: "))
		status = "400 Bad Request";
	else if (g_str_has_prefix(request, "GET /missing/"))
		status = "404 Not Found";
	else if (g_str_has_prefix(request, "GET /broken/"))
		status = "500 Broken";
	else if (g_str_has_prefix(request, "GET /short/"))
		sent = 5000;
	else if (g_str_has_prefix(request, "GET /less/"))
		sent = length = 5000;
	else if (g_str_has_prefix(request, "GET /hangs/"))
		g_usleep(1500000);
	head = g_strdup_printf("HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, length);
	send_all(fd, head, strlen(head));
	if (g_str_has_prefix(request, "GET /wrong/")) {
		g_autofree char *wrong = g_memdup2(content, sizeof(content));

		wrong[50000] ^= 1;
		send_all(fd, wrong, sent);
	} else {
		send_all(fd, content, sent);
	}
}

static void *serve_one(void *data)
{
	int fd = GPOINTER_TO_INT(data);
	char request[4096];
	ssize_t n = recv(fd, request, sizeof(request) - 1, 0);

	g_atomic_int_inc(&requests);
	if (n > 0) {
		request[n] = '\0';
		answer(fd, request);
	}
	close(fd);
	return NULL;
}

static void *serve(void *data)
{
	int listener = GPOINTER_TO_INT(data), fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		g_thread_unref(g_thread_new("request", serve_one, GINT_TO_POINTER(fd)));
	return NULL;
}

static nova_image image_of_content = { .id = (char *)IMAGE, .disk_format = (char *)"raw", .size = sizeof(content),
				       .virtual_size = 100352 };

static const nova_image *raw_image(void)
{
	return &image_of_content;
}

static int start_server(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)(i * 7 + i / 251);
	image_of_content.checksum =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const unsigned char *)content, sizeof(content));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) < 0)
		return -1;
	port = ntohs(address.sin_port);
	g_thread_unref(g_thread_new("server", serve, GINT_TO_POINTER(listener)));
	return 0;
}

/* `servers': first words, in order. */
static nova_conf *conf_for(const char *dir, const char *servers)
{
	g_auto(GStrv) words = g_strsplit(servers, " ", -1);
	g_autoptr(GString) text = g_string_new("[glance]\nnum_retries = 0\napi_servers = ");

	for (size_t i = 0; words[i]; i++)
		g_string_append_printf(text, "%shttp://127.0.0.1:%u/%s", i > 0 ? "," : "", port, words[i]);
	g_string_append_c(text, '\n');
	return scratch_conf(dir, text->str);
}

/* ---- fetching ---- */

static const struct {
	const char *servers;
	int fault; /* -1: it works */
	int requests;
	const char *text;
} fetches[] = {
	{ "good", -1, 1, NULL },
	{ "broken missing wrong short good", -1, 5, NULL },
	{ "missing", NOVA_FAULT_IMAGE_NOT_FOUND, 1, "no such image" },
	{ "missing missing", NOVA_FAULT_IMAGE_NOT_FOUND, 2, "no such image" },
	{ "broken", NOVA_FAULT_STORAGE, 1, "500" },
	{ "wrong", NOVA_FAULT_STORAGE, 1, "SHA-256" },
	{ "short", NOVA_FAULT_STORAGE, 1, "cannot download" },
	{ "less", NOVA_FAULT_STORAGE, 1, "5000 bytes instead of" },
};

static void test_fetching(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fetches); i++) {
		g_autofree char *dir = g_strdup_printf("%s/%zu", (char *)*state, i);
		g_autofree char *path = NULL, *got = NULL;
		g_autoptr(nova_conf) conf = NULL;
		g_autoptr(GError) error = NULL;
		size_t length = 0;
		bool ok;

		print_message("  %s\n", fetches[i].servers);
		assert_int_equal(mkdir(dir, 0755), 0);
		conf = conf_for(dir, fetches[i].servers);
		g_atomic_int_set(&requests, 0);
		ok = nova_images_fetch(conf, raw_image(), &path, 10000, &error);
		assert_int_equal(g_atomic_int_get(&requests), fetches[i].requests);
		assert_int_equal(scratch_has(dir, "_base/" IMAGE), ok);
		if (fetches[i].fault < 0) {
			assert_ok(ok, error);
			assert_true(g_file_get_contents(path, &got, &length, NULL));
			assert_int_equal(length, sizeof(content));
			assert_memory_equal(got, content, length);
		} else {
			assert_false(ok);
			assert_fault(error, (nova_fault)fetches[i].fault);
			if (!strstr(error->message, fetches[i].text))
				fail_msg("'%s' is not in: %s", fetches[i].text, error->message);
		}
	}
}

static void test_an_image_is_fetched_once(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autoptr(GError) error = NULL;

	scratch_write(*state, "_base/.part.HostB." IMAGE ".old", "x", 1);
	scratch_write(*state, "_base/.part.HostC." IMAGE ".old", "x", 1);
	g_atomic_int_set(&requests, 0);
	for (int i = 0; i < 3; i++)
		assert_ok(nova_images_fetch(conf, raw_image(), NULL, 10000, &error), error);
	assert_int_equal(g_atomic_int_get(&requests), 1);
	/* Left by this host's last process, and being written by another's. */
	assert_false(scratch_has(*state, "_base/.part.HostB." IMAGE ".old"));
	assert_true(scratch_has(*state, "_base/.part.HostC." IMAGE ".old"));
}

static void *fetch_in_thread(void *conf)
{
	return GINT_TO_POINTER(nova_images_fetch(conf, raw_image(), NULL, 10000, NULL));
}

static void test_many_at_once_fetch_once(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	GThread *threads[6];

	g_atomic_int_set(&requests, 0);
	for (int i = 0; i < 6; i++)
		threads[i] = g_thread_new("fetch", fetch_in_thread, conf);
	for (int i = 0; i < 6; i++)
		assert_true(GPOINTER_TO_INT(g_thread_join(threads[i])));
	assert_int_equal(g_atomic_int_get(&requests), 1);
}

static void test_a_wrong_file_in_its_place_is_reported(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autoptr(GError) error = NULL;

	scratch_write(*state, "_base/" IMAGE, "short", 5);
	assert_false(nova_images_fetch(conf, raw_image(), NULL, 10000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	assert_non_null(strstr(error->message, "has 5 bytes"));
}

static void test_a_server_that_hangs_does_not_hang_us(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "hangs");
	int64_t begun = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;

	assert_false(nova_images_fetch(conf, raw_image(), NULL, 300, &error));
	assert_true(g_get_monotonic_time() - begun < G_USEC_PER_SEC);
	assert_non_null(error);
	/* The thread that was left behind ends and cleans up. */
	for (int i = 0; i < 300 && nova_images_stuck() > 0; i++)
		g_usleep(10000);
	assert_int_equal(nova_images_stuck(), 0);
}

static void run(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void run(const char *format, ...)
{
	g_autofree char *command = NULL;
	va_list args;

	va_start(args, format);
	command = g_strdup_vprintf(format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

/* qcow2 files can name other files of the host: such an image must not be used. */
static void test_an_image_with_a_backing_file_is_refused(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	nova_image image = { .id = (char *)IMAGE, .disk_format = (char *)"qcow2", .size = sizeof(content) };
	g_autofree char *saved = g_memdup2(content, sizeof(content)), *file = NULL;
	g_autoptr(GError) error = NULL;
	size_t length = 0;

	run("cd '%s' && qemu-img create -q -f raw b 1M && qemu-img create -q -f qcow2 -F raw -b \"$PWD/b\" i -o "
	    "cluster_size=4096", (char *)*state);
	g_autofree char *path = g_build_filename(*state, "i", NULL);
	assert_true(g_file_get_contents(path, &file, &length, NULL));
	assert_true(length <= sizeof(content));
	memset(content, 0, sizeof(content));
	memcpy(content, file, length);
	image.checksum =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const unsigned char *)content, sizeof(content));
	assert_false(nova_images_fetch(conf, &image, NULL, 10000, &error));
	memcpy(content, saved, sizeof(content));
	g_free(image.checksum);
	assert_fault(error, NOVA_FAULT_STORAGE);
	assert_non_null(strstr(error->message, "refers to another file"));
	assert_false(scratch_has(*state, "_base/" IMAGE));
}

/* ---- disks ---- */

static void test_disks(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autofree char *disk = NULL, *want = nova_images_disk_path(conf, UUID);
	g_autoptr(GError) error = NULL;

	assert_false(nova_images_make_disk(conf, UUID, raw_image(), 1, NULL, 10000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	g_clear_error(&error);
	assert_ok(nova_images_fetch(conf, raw_image(), NULL, 10000, &error), error);
	assert_ok(nova_images_make_disk(conf, UUID, raw_image(), 1, &disk, 10000, &error), error);
	assert_string_equal(disk, want);
	run("cd '%s' && qemu-img info --output=json '%s' | grep -q '\"virtual-size\": 1073741824'", (char *)*state,
	    disk);
	/* What a guest has written stays. */
	run("qemu-io -f qcow2 -c 'write -P 7 4096 4096' '%s' >/dev/null", disk);
	assert_ok(nova_images_make_disk(conf, UUID, raw_image(), 1, NULL, 10000, &error), error);
	run("qemu-io -f qcow2 -c 'read -P 7 4096 4096' '%s' | grep -vq 'verification failed'", disk);
	assert_false(nova_images_make_disk(conf, UUID, raw_image(), 2, NULL, 10000, &error));
	assert_non_null(strstr(error->message, "1073741824 bytes instead of 2147483648"));
	g_clear_error(&error);
	assert_false(nova_images_make_disk(conf, UUID, NULL, 1, NULL, 10000, &error));
	assert_non_null(strstr(error->message, "stands on"));
}

static void test_a_disk_is_never_smaller_than_its_image(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autofree char *disk = NULL;
	g_autoptr(GError) error = NULL;

	assert_ok(nova_images_fetch(conf, raw_image(), NULL, 10000, &error), error);
	scratch_write(*state, UUID "/.disk.old", "x", 1);
	assert_ok(nova_images_make_disk(conf, UUID, raw_image(), 0, &disk, 10000, &error), error);
	run("qemu-img info --output=json '%s' | grep -q '\"virtual-size\": 100352'", disk);
	assert_false(scratch_has(*state, UUID "/.disk.old"));
	assert_false(nova_images_make_disk(conf, "7f70656e-0000-4000-8000-00000000002a", NULL, 0, NULL, 10000, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
	g_clear_error(&error);
	assert_false(nova_images_make_disk(conf, "../../etc", NULL, 1, NULL, 10000, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
}

/* ---- removal ---- */

#define FSID "00000000-1111-4222-8333-444444444444"

static void mark(const char *dir, const char *fsid)
{
	scratch_write(dir, ".nova-lite-fsid", fsid, strlen(fsid));
}

static void test_a_disk_grows_and_never_shrinks(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autofree char *disk = NULL;
	g_autoptr(GError) error = NULL;

	assert_false(nova_images_grow_disk(conf, UUID, 2, 10000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	g_clear_error(&error);
	assert_ok(nova_images_fetch(conf, raw_image(), NULL, 10000, &error), error);
	assert_ok(nova_images_make_disk(conf, UUID, raw_image(), 1, &disk, 10000, &error), error);
	run("qemu-io -f qcow2 -c 'write -P 7 4096 4096' '%s' >/dev/null", disk);
	for (int gb = 3; gb >= 0; gb--) {
		assert_ok(nova_images_grow_disk(conf, UUID, gb, 10000, &error), error);
		run("qemu-img info --output=json '%s' | grep -q '\"virtual-size\": 3221225472'", disk);
	}
	run("qemu-io -f qcow2 -c 'read -P 7 4096 4096' '%s' | grep -vq 'verification failed'", disk);
}

/* A rebuild's: the old disk stays until the new one is whole, each step may be repeated, and nothing happens on another
 * file system. */
static void test_a_disk_in_the_place_of_another(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autofree char *disk = NULL;
	g_autoptr(GError) error = NULL;

	assert_ok(nova_images_fetch(conf, raw_image(), NULL, 10000, &error), error);
	assert_ok(nova_images_make_disk(conf, UUID, raw_image(), 1, &disk, 10000, &error), error);
	run("qemu-io -f qcow2 -c 'write -P 7 4096 4096' '%s' >/dev/null", disk);
	scratch_write(*state, UUID "/disk.8", "left", 4);
	scratch_write(*state, UUID "/memory.7", "m", 1);
	scratch_write(*state, UUID "/console.1.log", "c", 1);
	mark(*state, FSID);
	for (int i = 0; i < 2; i++)
		assert_ok(nova_images_make_new_disk(conf, UUID, raw_image(), 1, 9, 10000, &error), error);
	assert_false(scratch_has(*state, UUID "/disk.8"));
	assert_true(scratch_has(*state, UUID "/disk.9"));
	run("qemu-io -f qcow2 -c 'read -P 7 4096 4096' '%s' | grep -vq 'verification failed'", disk);
	assert_true(scratch_has(*state, UUID "/console.1.log"));

	/* Given up, and begun again. */
	for (int i = 0; i < 2; i++)
		assert_ok(nova_images_drop_new_disk(conf, UUID, 9, 10000, &error), error);
	assert_false(scratch_has(*state, UUID "/disk.9"));
	assert_ok(nova_images_make_new_disk(conf, UUID, raw_image(), 1, 9, 10000, &error), error);

	assert_false(nova_images_swap_disk(conf, UUID, 9, UUID, 10000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
	g_clear_error(&error);
	assert_true(scratch_has(*state, UUID "/disk.9"));
	assert_true(scratch_has(*state, UUID "/memory.7"));
	for (int i = 0; i < 2; i++) {
		assert_ok(nova_images_swap_disk(conf, UUID, 9, FSID, 10000, &error), error);
		assert_false(scratch_has(*state, UUID "/disk.9"));
		assert_false(scratch_has(*state, UUID "/memory.7"));
		run("qemu-io -f qcow2 -c 'read -P 7 4096 4096' '%s' | grep -q 'verification failed'", disk);
		scratch_write(*state, UUID "/console.1.log", "n", 1); /* of the new guest: stays */
	}
	assert_true(scratch_has(*state, UUID "/console.1.log"));
	run("rm '%s'", disk);
	assert_false(nova_images_swap_disk(conf, UUID, 9, FSID, 10000, &error));
	assert_fault(error, NOVA_FAULT_STORAGE);
}

/* An empty directory in place of the mount, another file system, a marker that says nothing: nothing is touched,
 * and what is not there is not taken for removed. */
static void test_only_the_right_file_system_loses_anything(void **state)
{
	static const char *const markers[] = { NULL, "", "not a uuid\n", "00000000-1111-4222-8333-444444444445\n" };
	g_autoptr(nova_conf) conf = conf_for(*state, "good");

	for (size_t i = 0; i < 2 * G_N_ELEMENTS(markers); i++) {
		g_autoptr(GError) error = NULL;
		const char *marker = markers[i / 2];

		if (marker)
			mark(*state, marker);
		if (i % 2)
			scratch_write(*state, UUID "/disk", "x", 1);
		assert_false(nova_images_delete(conf, UUID, 1, FSID, 10000, &error));
		assert_fault(error, NOVA_FAULT_STORAGE);
		assert_non_null(strstr(error->message, "is not the file system " FSID));
		if (i % 2)
			assert_true(scratch_has(*state, UUID "/disk"));
		assert_false(scratch_has(*state, ".trash"));
	}
	g_autoptr(GError) error = NULL;

	mark(*state, FSID "\n");
	assert_ok(nova_images_delete(conf, UUID, 1, FSID, 10000, &error), error);
	assert_false(scratch_has(*state, UUID));
}

static void test_removal(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autofree char *link = g_build_filename(*state, UUID, "link", NULL);
	g_autofree char *keep = g_build_filename(*state, "keep", NULL);
	g_autoptr(GError) error = NULL;

	mark(*state, FSID "\n");
	scratch_write(*state, "keep/file", "x", 1);
	assert_ok(nova_images_delete(conf, UUID, 1, FSID, 10000, &error), error);
	for (int i = 0; i < 2; i++) {
		scratch_write(*state, UUID "/disk", "x", 1);
		scratch_write(*state, UUID "/sub/file", "x", 1);
		assert_int_equal(symlink(keep, link), 0);
		assert_ok(nova_images_delete(conf, UUID, 1, FSID, 10000, &error), error);
		assert_false(scratch_has(*state, UUID));
		assert_false(scratch_has(*state, ".trash/" UUID ".1"));
	}
	assert_true(scratch_has(*state, "keep/file"));
	assert_false(nova_images_delete(conf, "..", 1, FSID, 10000, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
}

static void test_the_trash_is_emptied_later(void **state)
{
	g_autoptr(nova_conf) conf = conf_for(*state, "good");
	g_autoptr(GError) error = NULL;

	mark(*state, FSID "\n");
	assert_ok(nova_images_empty_trash(conf, 10, 10000, &error), error);
	/* A delete of this token was interrupted, and the guest's directory came again. */
	scratch_write(*state, ".trash/" UUID ".1/disk", "x", 1);
	scratch_write(*state, UUID "/disk", "x", 1);
	assert_ok(nova_images_delete(conf, UUID, 1, FSID, 10000, &error), error);
	assert_false(scratch_has(*state, UUID));
	assert_true(scratch_has(*state, ".trash/" UUID ".1"));
	assert_ok(nova_images_empty_trash(conf, 10, 10000, &error), error);
	assert_false(scratch_has(*state, ".trash/" UUID ".1"));
	assert_true(scratch_has(*state, ".trash"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fetching, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_an_image_is_fetched_once, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_many_at_once_fetch_once, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_wrong_file_in_its_place_is_reported, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_server_that_hangs_does_not_hang_us, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_an_image_with_a_backing_file_is_refused, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_disks, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_disk_is_never_smaller_than_its_image, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_disk_grows_and_never_shrinks, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_a_disk_in_the_place_of_another, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_only_the_right_file_system_loses_anything, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(test_removal, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_the_trash_is_emptied_later, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, start_server, NULL);
}
