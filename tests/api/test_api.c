/* SPDX-License-Identifier: Apache-2.0
 *
 * The real nova-lite-api on a throw-away PostgreSQL with two hosts that nobody runs, and no message broker.
 * Each test is a function of client.py, which speaks HTTP to it and looks at the rows it leaves.
 */
#include "pg_cluster.h"

#include "db/flavors.h"
#include "db/hosts.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGE	   "11111111-1111-4111-8111-111111111111"
#define IMAGE_FILE "images/" IMAGE
#define IMAGE_SIZE 100000
#define DATABASE   "nova_api"

static pg_cluster *cluster;
static char *work; /* directory of this run */
static pid_t api;
static int port;

static void put(const char *name, const char *text, ssize_t length)
{
	g_autofree char *path = g_build_filename(work, name, NULL);

	assert_true(g_file_set_contents(path, text, length, NULL));
}

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* ---- what is in the database ---- */

static void add_host(nova_db *db, const char *name, const char *uuid)
{
	const nova_host_identity identity = {
		.name = name,
		.uuid = uuid,
		.boot_id = "boot",
		.my_ip = "192.0.2.10",
		.migration_address = name,
		.hypervisor_hostname = name,
		.lease_seconds = 86400,
	};
	nova_inventory inventory = {
		.hypervisor_hostname = (char *)name,
		.hypervisor_type = (char *)"QEMU",
		.hypervisor_version = 7002000,
		.cpu_info_json = (char *)"{\"arch\": \"x86_64\", \"model\": \"qemu64\", \"vendor\": \"AMD\", "
					 "\"features\": [], "
					 "\"topology\": {\"sockets\": 1, \"cores\": 4, \"threads\": 1}}",
		.machines = (char *)"pc-i440fx-7.2",
		.vcpus = 4,
		.memory_mb = 4096,
		.reserved_memory_mb = 512,
		.cpu_ratio = 4,
		.ram_ratio = 1,
		.disk_ratio = 1,
		.max_migrations = 1,
		.pool_fsid = (char *)"77777777-7777-4777-8777-777777777777",
		.pool_kind = (char *)"nfs",
		.pool_total_gb = 100,
		.pool_free_gb = 90,
	};
	nova_fence fence;
	bool booted;
	GError *error = NULL;

	if (!nova_hosts_register(db, &identity, &fence, &booted, &error) ||
	    !nova_hosts_report(db, &fence, &inventory, &error))
		fail_msg("%s", error->message);
}

static void add_flavor(nova_db *db, const char *id, const char *name, int64_t memory_mb, int64_t root_gb)
{
	g_autoptr(nova_flavor) flavor = nova_flavor_new();
	g_autofree char *made = NULL;
	GError *error = NULL;

	flavor->flavorid = g_strdup(id);
	flavor->name = g_strdup(name);
	flavor->vcpus = 1;
	flavor->memory_mb = memory_mb;
	flavor->root_gb = root_gb;
	flavor->rxtx_factor = 1.0;
	flavor->is_public = true;
	flavor->extra_specs_json = g_strdup("{\"hw:cpu_policy\": \"shared\"}");
	if (!nova_flavors_create(db, flavor, &made, &error))
		fail_msg("%s", error->message);
}

static void add_image(nova_db *db)
{
	g_autoptr(nova_image) image = nova_image_new();
	g_autofree char *bytes = g_strnfill(IMAGE_SIZE, 'i');
	GError *error = NULL;
	const struct {
		char **member;
		const char *value;
	} texts[] = {
		{ &image->id, IMAGE },
		{ &image->name, "tiny" },
		{ &image->status, "active" },
		{ &image->disk_format, "raw" },
		{ &image->container_format, "bare" },
		{ &image->visibility, "public" },
		{ &image->owner, "admin" },
		{ &image->checksum, "0" },
		{ &image->file, IMAGE },
		{ &image->properties_json, "{\"os_type\": \"linux\"}" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_free(*texts[i].member);
		*texts[i].member = g_strdup(texts[i].value);
	}
	image->size = IMAGE_SIZE;
	image->virtual_size = (int64_t)1 << 30;
	image->min_ram = 32;
	if (!nova_images_create(db, image, &error))
		fail_msg("%s", error->message);
	put(IMAGE_FILE, bytes, IMAGE_SIZE);
}

static void fill_database(void)
{
	nova_db *db = pg_cluster_database(cluster, DATABASE, 2, NULL);
	g_autofree char *network = NULL;
	GError *error = NULL;

	add_host(db, "HostB", "00000000-0000-4000-8000-00000000000b");
	add_host(db, "HostC", "00000000-0000-4000-8000-00000000000c");
	add_flavor(db, "1", "m1.tiny", 64, 1);
	add_flavor(db, "2", "m1.small", 128, 2);
	add_flavor(db, "3", "m1.short", 16, 1);
	add_image(db);
	if (!nova_networks_create(db, "private", "10.0.0.0/24", "10.0.0.1", "br100", &network, &error))
		fail_msg("%s", error->message);
	g_free(pg_cluster_sql(
		cluster, DATABASE,
		"INSERT INTO services (binary_name, host, seen_at) VALUES ('nova-scheduler', 'HostA', now())"));
	nova_db_close(db);
}

/* ---- the program ---- */

static void start_api(void)
{
	g_autofree char *log = g_build_filename(work, "api.log", NULL);
	g_autofree char *conf = g_build_filename(work, "api.conf", NULL);
	pid_t parent = getpid();

	api = fork();
	assert_true(api >= 0);
	if (api == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || !freopen(log, "a", stderr))
			_exit(126);
		execl(NOVA_LITE_API, "nova-lite-api", "--config-file", conf, (char *)NULL);
		_exit(127);
	}
}

/* `api_options' are further lines of [api] and groups after it. */
static void write_conf(const char *api_options)
{
	g_autofree char *uri = pg_cluster_uri(cluster, DATABASE);
	g_autofree char *text = g_strdup_printf("[DEFAULT]\n"
						"host = HostA\nmy_ip = 127.0.0.1\n"
						"osapi_compute_listen = 127.0.0.1\nosapi_compute_listen_port = %d\n"
						"osapi_compute_workers = 4\n"
						"transport_url = rabbit://guest:guest@127.0.0.1:1/\n"
						"rpc_response_timeout = 3\n"
						"debug = true\n"
						"[database]\nconnection = %s\nretry_interval = 1\n"
						"[wsgi]\nclient_socket_timeout = 2\n"
						"[quota]\ninstances = -1\ncores = -1\nram = -1\nmetadata_items = 5\n"
						"[glance_store]\nfilesystem_store_datadir = %s/images\n"
						"[api]\nmax_limit = 5\n%s",
						port, uri, work, api_options);

	put("api.conf", text, -1);
}

/* Runs a function of a Python file beside this one. */
static void run_in(const char *file, const char *name)
{
	g_autofree char *script = g_strconcat(TEST_SRCDIR "/tests/api/", file, NULL);
	g_autofree char *uri = pg_cluster_uri(cluster, DATABASE);
	g_autofree char *port_text = g_strdup_printf("%d", port);
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("API_PORT", port_text, 1);
		setenv("API_DATABASE", uri, 1);
		setenv("API_IMAGE", IMAGE, 1);
		setenv("API_DIRECTORY", work, 1);
		setenv("API_BUILD", TEST_BUILDDIR, 1);
		execlp("/usr/bin/python3", "python3", "-B", script, name, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s %s failed", file, name);
}

static void run(const char *name)
{
	run_in("client.py", name);
}

static void stop_api(void)
{
	int status = 0;

	kill(api, SIGTERM);
	waitpid(api, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("nova-lite-api ended with status %x; see %s/api.log", (unsigned)status, work);
	api = 0;
}

static int set_up(void **state)
{
	g_autofree char *images = NULL;

	(void)state;
	work = g_dir_make_tmp("nova-api-test-XXXXXX", NULL);
	images = g_build_filename(work, "images", NULL);
	g_mkdir(images, 0755);
	cluster = pg_cluster_new();
	port = free_port();
	fill_database();
	write_conf("");
	start_api();
	run("ready");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { IMAGE_FILE, "images/tokens", "images", "api.conf", "api.log", "" };

	(void)state;
	if (api > 0) {
		kill(api, SIGKILL);
		waitpid(api, NULL, 0);
	}
	pg_cluster_free(cluster);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(work, names[i], NULL);

		g_remove(path);
	}
	g_free(work);
	return 0;
}

/* ---- the tests ---- */

/* While PostgreSQL is away requests are answered 503, and the API is well again by itself. */
static void test_database_away(void **state)
{
	(void)state;
	pg_cluster_kill(cluster);
	run("database_away");
	pg_cluster_start(cluster);
	run("database_back");
}

/* Started without a database it waits for it. */
static void test_start_without_database(void **state)
{
	(void)state;
	stop_api();
	pg_cluster_kill(cluster);
	start_api();
	g_usleep(1500000);
	assert_int_equal(waitpid(api, NULL, WNOHANG), 0);
	pg_cluster_start(cluster);
	run("ready");
	run("database_back");
}

/* In good order, and soon, with idle connections open and with a request that waits for its hosts. */
static void test_stops(void **state)
{
	int64_t begun;
	pid_t waiting = fork();

	(void)state;
	assert_true(waiting >= 0);
	if (waiting == 0) {
		run("wait_for_verdict");
		_exit(0);
	}
	g_usleep(1000000);
	begun = g_get_monotonic_time();
	stop_api();
	assert_true(g_get_monotonic_time() - begun < 1500000);
	waitpid(waiting, NULL, 0);
	start_api();
	run("ready");
}

static void run_named(void **state)
{
	run(*state);
}

static void run_resources(void **state)
{
	run_in("resources.py", *state);
}

static void run_identity(void **state)
{
	run_in("identity.py", *state);
}

/* The same API with another way of knowing its users. */
static void switch_to(const char *api_options)
{
	stop_api();
	write_conf(api_options);
	start_api();
	run("ready");
}

static void test_identity_builtin(void **state)
{
	(void)state;
	switch_to("auth = builtin\n[token]\ncache_time = 2\n");
}

static void test_identity_basic(void **state)
{
	(void)state;
	switch_to("auth = basic\n[token]\ncache_time = 2\n");
}

static void test_identity_policy(void **state)
{
	(void)state;
	switch_to("auth = builtin\n[policy]\noverride = os_compute_api:os-services:list=reader, "
		  "os_compute_api:servers:create=nobody, os_compute_api:os-extended-server-attributes=member\n");
}

#define IDENTITY(function) { "identity.py " #function, run_identity, NULL, NULL, (void *)#function }
#define RESOURCES(function) { "resources.py " #function, run_resources, NULL, NULL, (void *)#function }
#define PYTHON(function) { "client.py " #function, run_named, NULL, NULL, (void *)#function }

int main(void)
{
	const struct CMUnitTest tests[] = {
		PYTHON(versions),
		PYTHON(rejected),
		PYTHON(keep_alive),
		PYTHON(slow_client),
		PYTHON(oversized),
		PYTHON(rough_clients),
		PYTHON(slow_loris),
		PYTHON(tls),
		PYTHON(metrics),
		PYTHON(notify_systemd),
		PYTHON(create_leaves_rows),
		PYTHON(create_refused),
		PYTHON(create_several),
		PYTHON(create_networks),
		PYTHON(show_by_version),
		PYTHON(list_pages),
		PYTHON(list_filters),
		PYTHON(update_server),
		PYTHON(config_drives),
		PYTHON(gone_for_good),
		PYTHON(delete_server),
		PYTHON(busy_server),
		PYTHON(one_of_many),
		PYTHON(actions_begin_operations),
		PYTHON(rebuild),
		PYTHON(resize),
		PYTHON(locks),
		PYTHON(reset_state),
		PYTHON(consoles_and_diagnostics),
		PYTHON(live_migration_async),
		PYTHON(live_migration_sync),
		PYTHON(migrations_and_abort),
		PYTHON(instance_actions),
		PYTHON(console_without_broker),
		PYTHON(services),
		PYTHON(service_delete),
		PYTHON(hypervisors),
		PYTHON(hosts),
		PYTHON(flavors),
		PYTHON(images),
		PYTHON(small_answers),
		PYTHON(many_at_once),
		RESOURCES(key_sets),
		RESOURCES(keypairs),
		RESOURCES(keypair_at_create),
		RESOURCES(keypair_bodies),
		RESOURCES(quota_sets),
		RESOURCES(quota_bodies),
		RESOURCES(quota_at_create),
		RESOURCES(quota_of_a_hundred),
		RESOURCES(limits),
		RESOURCES(usage),
		RESOURCES(server_groups),
		RESOURCES(server_group_bodies),
		RESOURCES(aggregates),
		RESOURCES(aggregate_bodies),
		RESOURCES(server_metadata),
		RESOURCES(server_tags),
		RESOURCES(flavor_changes),
		RESOURCES(real_clients),
		PYTHON(nova_client),
		PYTHON(openstack_client),
		PYTHON(our_commands),
		PYTHON(our_batch),
		PYTHON(our_clouds_yaml),
		cmocka_unit_test(test_database_away),
		cmocka_unit_test(test_start_without_database),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_identity_builtin),
		IDENTITY(make_users),
		IDENTITY(discovery),
		IDENTITY(login_forms),
		IDENTITY(login_refused),
		IDENTITY(token_of_token),
		IDENTITY(token_show_and_revoke),
		IDENTITY(token_ends),
		IDENTITY(changes_count_in_time),
		IDENTITY(identity_lists),
		IDENTITY(role_matrix),
		IDENTITY(what_roles_see),
		IDENTITY(locked_servers),
		IDENTITY(our_client),
		IDENTITY(real_clients),
		IDENTITY(failed_logins_wait),
		IDENTITY(many_logins_do_not_starve),
		IDENTITY(no_secrets_in_sight),
		cmocka_unit_test(test_identity_policy),
		IDENTITY(overridden_policy),
		cmocka_unit_test(test_identity_basic),
		IDENTITY(basic),
		IDENTITY(no_secrets_in_sight),
	};

	/* API_TESTS="*identity*" runs a part. */
	if (getenv("API_TESTS"))
		cmocka_set_test_filter(getenv("API_TESTS"));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
