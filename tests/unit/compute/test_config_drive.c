/* SPDX-License-Identifier: Apache-2.0
 *
 * Config drives: what is on them, made with the real tool and read back with another program's eyes.
 */
#include "tests/unit/compute/scratch.h"

#include "common/json.h"
#include "compute/config_drive.h"

#include <dirent.h>
#include <string.h>
#include <sys/wait.h>

#define UUID "6f70656e-0000-4000-8000-00000000002a"
#define KEY  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmpBkgpn4TkBHuGKBlbVO8jpDzz8IsAQwNe9EcUHgT0 someone"
/* "#!/bin/sh\necho hello\n" with a NUL byte at its end: user data are bytes. */
#define USER_DATA "IyEvYmluL3NoCmVjaG8gaGVsbG8KAA=="

static nova_instance *server(void)
{
	nova_instance *instance = nova_instance_new();

	instance->id = 42;
	instance->uuid = g_strdup(UUID);
	instance->project_id = g_strdup("project");
	instance->name = g_strdup("a \"name\"");
	instance->hostname = g_strdup("a-name");
	instance->zone = g_strdup("nova");
	instance->launch_index = 2;
	instance->flavor_name = g_strdup("m1.nano");
	instance->image_id = g_strdup("11111111-2222-4333-8444-555555555555");
	instance->reservation_id = g_strdup("r-12345678");
	instance->metadata_json = g_strdup("{\"role\": \"db\"}");
	instance->key_name = g_strdup("mine");
	instance->user_data = g_strdup(USER_DATA);
	instance->config_drive = g_strdup("True");
	g_ptr_array_add(instance->addresses,
			nova_address_new("private", "10.0.0.3", 4, "fa:16:3e:00:00:01", "br100"));
	return instance;
}

static GPtrArray *networks(void)
{
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_network_free);
	nova_network *network = nova_network_new();

	network->uuid = g_strdup("22222222-2222-4333-8444-555555555555");
	network->label = g_strdup("private");
	network->cidr = g_strdup("10.0.0.0/22");
	network->gateway = g_strdup("10.0.0.1");
	g_ptr_array_add(list, network);
	return list;
}

static json_object *parsed(char *text)
{
	g_autofree char *owned = text;
	json_object *root = nova_json_parse(owned, strlen(owned), 16, NULL);

	assert_non_null(root);
	return root;
}

static void assert_text(json_object *root, const char *path, const char *want)
{
	const char *got = json_object_get_string(nova_json_find(root, path));

	if (g_strcmp0(got, want) != 0)
		fail_msg("%s is '%s', not '%s'", path, got ? got : "nothing", want);
}

static void test_each_version_has_the_members_it_had(void **state)
{
	/* As cloud-init and Nova's history have it, by version from the oldest. */
	static const struct {
		const char *key;
		int since;
	} grew[] = { { "uuid", 0 }, { "hostname", 0 }, { "public_keys", 0 }, { "keys", 0 }, { "meta", 0 },
		     { "random_seed", 1 }, { "project_id", 3 }, { "devices", 4 }, { "dedicated_cpus", 8 } };
	g_autoptr(nova_instance) instance = server();
	const nova_config_drive drive = { .instance = instance, .public_key = KEY };

	(void)state;
	for (int v = 0; v < NOVA_CONFIG_DRIVE_VERSIONS; v++) {
		g_autoptr(json_object) root = parsed(nova_config_drive_meta_data(&drive, v));

		for (size_t i = 0; i < G_N_ELEMENTS(grew); i++)
			if ((json_object_object_get(root, grew[i].key) != NULL) != (v >= grew[i].since))
				fail_msg("%s in %s", grew[i].key, nova_config_drive_versions[v]);
		assert_null(json_object_object_get(root, "admin_pass"));
	}
}

static void test_what_a_guest_is_told_about_itself(void **state)
{
	g_autoptr(nova_instance) instance = server();
	const nova_config_drive drive = { .instance = instance, .public_key = KEY };
	g_autoptr(json_object) root = parsed(nova_config_drive_meta_data(&drive, NOVA_CONFIG_DRIVE_VERSIONS - 1));
	g_autoptr(json_object) ec2 = parsed(nova_config_drive_ec2_meta_data(&drive));
	size_t length;
	g_autofree unsigned char *seed = NULL;

	(void)state;
	assert_text(root, "uuid", UUID);
	assert_text(root, "name", "a \"name\"");
	assert_text(root, "hostname", "a-name");
	assert_text(root, "availability_zone", "nova");
	assert_text(root, "launch_index", "2");
	assert_text(root, "meta.role", "db");
	assert_text(root, "public_keys.mine", KEY);
	assert_text(root, "keys.0.name", "mine");
	assert_text(root, "keys.0.type", "ssh");
	assert_text(root, "keys.0.data", KEY);
	assert_text(root, "project_id", "project");
	seed = g_base64_decode(json_object_get_string(nova_json_find(root, "random_seed")), &length);
	assert_int_equal(length, 512);
	assert_text(ec2, "instance-id", "i-0000002a");
	assert_text(ec2, "local-ipv4", "10.0.0.3");
	assert_text(ec2, "placement.availability-zone", "nova");
	assert_text(ec2, "public-keys.0.openssh-key", KEY);
}

static void test_its_network(void **state)
{
	g_autoptr(nova_instance) instance = server();
	g_autoptr(GPtrArray) list = networks();
	const nova_config_drive drive = { .instance = instance, .networks = list };
	g_autoptr(json_object) root = NULL;

	(void)state;
	g_ptr_array_add(instance->addresses,
			nova_address_new("private", "fd00::3", 6, "fa:16:3e:00:00:01", "br100"));
	root = parsed(nova_config_drive_network_data(&drive));
	assert_text(root, "links.0.ethernet_mac_address", "fa:16:3e:00:00:01");
	assert_null(nova_json_find(root, "links.1")); /* one card, two addresses */
	assert_text(root, "networks.0.type", "ipv4");
	assert_text(root, "networks.0.link", json_object_get_string(nova_json_find(root, "links.0.id")));
	assert_text(root, "networks.0.ip_address", "10.0.0.3");
	assert_text(root, "networks.0.netmask", "255.255.252.0");
	assert_text(root, "networks.0.routes.0.gateway", "10.0.0.1");
	assert_text(root, "networks.0.network_id", "22222222-2222-4333-8444-555555555555");
	assert_text(root, "networks.1.type", "ipv6");
	assert_text(root, "networks.1.ip_address", "fd00::3");
}

static void run(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void run(const char *format, ...)
{
	g_autofree char *command = NULL;
	va_list args;
	int status;

	va_start(args, format);
	command = g_strdup_vprintf(format, args);
	va_end(args);
	status = system(command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s: %d", command, status);
}

/* Files in the guest's directory. */
static unsigned count_files(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, UUID, NULL);
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void test_the_disk(void **state)
{
	static const char *const files[] = {
		"openstack/2012-08-10/meta_data.json",	  "openstack/2012-08-10/user_data",
		"openstack/2013-04-04/meta_data.json",	  "openstack/2013-10-17/vendor_data.json",
		"openstack/2015-10-15/network_data.json", "openstack/2016-10-06/vendor_data2.json",
		"openstack/2018-08-27/network_data.json", "openstack/2020-10-14/meta_data.json",
		"openstack/latest/meta_data.json",	  "openstack/latest/network_data.json",
		"openstack/latest/vendor_data.json",	  "openstack/latest/vendor_data2.json",
		"openstack/latest/user_data",		  "ec2/2009-04-04/meta-data.json",
		"ec2/latest/meta-data.json",		  "ec2/latest/user-data",
	};
	static const char *const not_there[] = { "openstack/2013-04-04/vendor_data.json",
						 "openstack/2013-10-17/network_data.json",
						 "openstack/2015-10-15/vendor_data2.json" };
	g_autoptr(nova_instance) instance = server();
	g_autoptr(GPtrArray) list = networks();
	const nova_config_drive drive = { .instance = instance, .public_key = KEY, .networks = list };
	g_autoptr(nova_conf) conf = scratch_conf(*state, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = nova_config_drive_path(conf, UUID), *out = g_build_filename(*state, "out", NULL);
	g_autofree char *before = NULL, *after = NULL, *user_data = NULL, *label = NULL;
	g_autofree char *user_data_path = g_build_filename(out, "openstack/latest/user_data", NULL);
	struct stat st;
	size_t length, size;

	assert_ok(nova_config_drive_make(conf, &drive, 30000, &error), error);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_files(*state), 1); /* and nothing else */
	assert_true(g_file_get_contents(path, &before, &length, NULL));
	assert_true(length > 32808 && length % 2048 == 0 && length < 1 << 20);
	assert_memory_equal(before + 32769, "CD001", 5);
	label = g_strndup(before + 32808, 32);
	assert_string_equal(g_strchomp(label), "config-2");
	run("xorriso -osirrox on -indev '%s' -extract / '%s' >/dev/null 2>&1", path, out);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		if (!scratch_has(out, files[i]))
			fail_msg("%s is missing", files[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(not_there); i++)
		assert_false(scratch_has(out, not_there[i]));
	assert_true(g_file_get_contents(user_data_path, &user_data, &size, NULL));
	assert_int_equal(size, 22);
	assert_memory_equal(user_data, "#!/bin/sh\necho hello\n", 22);

	/* Again: kept as it is, byte for byte, whatever the tool. */
	g_autoptr(nova_conf) other = scratch_conf(*state, "mkisofs_cmd = /nonesuch\n");

	assert_ok(nova_config_drive_make(other, &drive, 30000, &error), error);
	assert_true(g_file_get_contents(path, &after, &size, NULL));
	assert_int_equal(size, length);
	assert_memory_equal(before, after, length);
}

static void test_what_an_interrupted_try_has_left_goes(void **state)
{
	g_autoptr(nova_instance) instance = server();
	const nova_config_drive drive = { .instance = instance };
	g_autoptr(nova_conf) conf = scratch_conf(*state, NULL);
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&instance->user_data, g_free);
	scratch_write(*state, UUID "/.iso.0000.out", "half", 4);
	scratch_write(*state, UUID "/.iso.0000.3", "{}", 2);
	assert_ok(nova_config_drive_make(conf, &drive, 30000, &error), error);
	assert_int_equal(count_files(*state), 1);
}

static void test_a_tool_that_does_not_work_is_named(void **state)
{
	static const char *const tools[] = { "/nonesuch/mkisofs", "false", "sleep" };
	g_autoptr(nova_instance) instance = server();
	const nova_config_drive drive = { .instance = instance };

	for (size_t i = 0; i < G_N_ELEMENTS(tools); i++) {
		g_autofree char *line = g_strdup_printf("mkisofs_cmd = %s\n", tools[i]);
		g_autoptr(nova_conf) conf = scratch_conf(*state, line);
		g_autofree char *path = nova_config_drive_path(conf, UUID);
		g_autoptr(GError) error = NULL;

		assert_false(nova_config_drive_make(conf, &drive, 30000, &error));
		assert_true(nova_error_is(error, NOVA_FAULT_STORAGE));
		assert_non_null(strstr(error->message, "mkisofs_cmd"));
		assert_non_null(strstr(error->message, tools[i]));
		assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
		assert_int_equal(count_files(*state), 0);
	}
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_version_has_the_members_it_had),
		cmocka_unit_test(test_what_a_guest_is_told_about_itself),
		cmocka_unit_test(test_its_network),
		IN_SCRATCH(test_the_disk),
		IN_SCRATCH(test_what_an_interrupted_try_has_left_goes),
		IN_SCRATCH(test_a_tool_that_does_not_work_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
