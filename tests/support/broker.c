/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <arpa/inet.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Last: needs the headers above it. */
#include <cmocka.h>

enum {
	START_MS = 60000,
	STOP_MS = 15000,
	POLL_MS = 50,
};

struct test_broker {
	char *directory, *url, *node;
	unsigned port, dist_port, epmd_port;
	char **environment;
	GPid epmd, server;
};

static const char *const programs[] = { "/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/rabbitmq_server/sbin" };

static char *find_program(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
		g_autofree char *path = g_build_filename(programs[i], name, NULL);

		if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
			return g_steal_pointer(&path);
	}
	fail_msg("RabbitMQ's %s is not installed (Debian: rabbitmq-server)", name);
	return NULL;
}

/* A port nobody listens on now.  All three are held at once by the caller, so they differ. */
static unsigned hold_free_port(int *ret_fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&address, &length), 0);
	return ntohs(address.sin_port);
}

static void choose_ports(test_broker *broker)
{
	int fds[3];

	broker->port = hold_free_port(&fds[0]);
	broker->dist_port = hold_free_port(&fds[1]);
	broker->epmd_port = hold_free_port(&fds[2]);
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}

static char **set_path(char **environment, const char *name, const char *directory, const char *file)
{
	g_autofree char *path = g_build_filename(directory, file, NULL);

	return g_environ_setenv(environment, name, path, true);
}

static char **set_number(char **environment, const char *name, unsigned number)
{
	g_autofree char *text = g_strdup_printf("%u", number);

	return g_environ_setenv(environment, name, text, true);
}

static void make_environment(test_broker *broker)
{
	static const char *const fixed[][2] = {
		{ "RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1" },
		{ "ERL_EPMD_ADDRESS", "127.0.0.1" },
		{ "RUNNING_UNDER_SYSTEMD", "1" }, /* exec: our child is the broker, not a shell around it */
		{ "RABBITMQ_CONF_ENV_FILE", "/dev/null" },
		{ "RABBITMQ_LOGS", "-" },
		{ "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2 +sbwt none" },
		{ "LC_ALL", "C.UTF-8" },
	};
	const char *directory = broker->directory;
	char **environment = g_get_environ();

	for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
		environment = g_environ_setenv(environment, fixed[i][0], fixed[i][1], true);
	environment = g_environ_setenv(environment, "HOME", directory, true);
	environment = g_environ_setenv(environment, "RABBITMQ_NODENAME", broker->node, true);
	environment = set_number(environment, "RABBITMQ_NODE_PORT", broker->port);
	environment = set_number(environment, "RABBITMQ_DIST_PORT", broker->dist_port);
	environment = set_number(environment, "ERL_EPMD_PORT", broker->epmd_port);
	environment = set_path(environment, "RABBITMQ_MNESIA_BASE", directory, "mnesia");
	environment = set_path(environment, "RABBITMQ_LOG_BASE", directory, "log");
	environment = set_path(environment, "RABBITMQ_ENABLED_PLUGINS_FILE", directory, "plugins");
	environment = set_path(environment, "RABBITMQ_CONFIG_FILE", directory, "rabbitmq");
	environment = set_path(environment, "RABBITMQ_ADVANCED_CONFIG_FILE", directory, "advanced");
	environment = set_path(environment, "RABBITMQ_GENERATED_CONFIG_DIR", directory, "generated");
	broker->environment = environment;
}

static void before_exec(void *data)
{
	(void)data;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid spawn(test_broker *broker, char **argv, const char *log)
{
	g_autofree char *path = g_build_filename(broker->directory, log, NULL);
	FILE *file = fopen(path, "ae");
	GError *error = NULL;
	GPid pid;
	bool ok;

	assert_non_null(file);
	ok = g_spawn_async_with_fds(broker->directory, argv, broker->environment,
				    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, before_exec, NULL, &pid, -1,
				    fileno(file), fileno(file), &error);
	fclose(file);
	if (!ok)
		fail_msg("cannot start %s: %s", argv[0], error->message);
	return pid;
}

/* True when something at the port answers an AMQP greeting. */
static bool speaks_amqp(unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char answer = 0;
	bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		  write(fd, "AMQP\0\0\11\1", 8) == 8 && poll(&wait, 1, 2000) == 1 && read(fd, &answer, 1) == 1 &&
		  answer == 1; /* a method frame: connection.start */

	close(fd);
	return ok;
}

static void show_log(const test_broker *broker)
{
	g_autofree char *path = g_build_filename(broker->directory, "broker.log", NULL);
	g_autofree char *text = NULL;
	size_t length = 0;

	if (g_file_get_contents(path, &text, &length, NULL))
		print_error("%s\n", text + (length > 4000 ? length - 4000 : 0));
}

void test_broker_start(test_broker *broker)
{
	g_autofree char *program = find_program("rabbitmq-server");
	char *argv[] = { program, NULL };
	int64_t deadline = g_get_monotonic_time() + START_MS * INT64_C(1000);

	broker->server = spawn(broker, argv, "broker.log");
	while (!speaks_amqp(broker->port)) {
		if (g_get_monotonic_time() > deadline || waitpid(broker->server, NULL, WNOHANG) != 0) {
			show_log(broker);
			fail_msg("the test broker did not start");
		}
		g_usleep(POLL_MS * 1000);
	}
}

static void start_epmd(test_broker *broker)
{
	char *argv[] = { (char *)"epmd", NULL }; /* address and port from its environment */

	broker->epmd = spawn(broker, argv, "epmd.log");
}

test_broker *test_broker_new(void)
{
	test_broker *broker = g_new0(test_broker, 1);
	GError *error = NULL;

	broker->directory = g_dir_make_tmp("nova-test-broker-XXXXXX", &error);
	if (!broker->directory)
		fail_msg("%s", error->message);
	choose_ports(broker);
	broker->node = g_strdup_printf("nova-test-%ld@localhost", (long)getpid());
	broker->url = g_strdup_printf("rabbit://guest:guest@127.0.0.1:%u/", broker->port);
	make_environment(broker);
	start_epmd(broker);
	test_broker_start(broker);
	return broker;
}

static void wait_for_end(GPid pid, int64_t deadline_usec)
{
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (g_get_monotonic_time() > deadline_usec)
			kill(-pid, SIGKILL);
		g_usleep(POLL_MS * 1000);
	}
}

void test_broker_kill(test_broker *broker)
{
	kill(-broker->server, SIGKILL);
	wait_for_end(broker->server, INT64_MAX);
	broker->server = 0;
}

void test_broker_pause(test_broker *broker)
{
	kill(-broker->server, SIGSTOP);
}

void test_broker_resume(test_broker *broker)
{
	kill(-broker->server, SIGCONT);
}

static void remove_tree(const char *path)
{
	if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
		g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
		const char *name;

		while (dir && (name = g_dir_read_name(dir))) {
			g_autofree char *child = g_build_filename(path, name, NULL);

			remove_tree(child);
		}
	}
	g_remove(path);
}

void test_broker_free(test_broker *broker)
{
	if (!broker)
		return;
	if (broker->server) {
		/* Nothing in it is worth a clean stop, which takes seconds. */
		kill(-broker->server, SIGKILL);
		wait_for_end(broker->server, INT64_MAX);
	}
	if (broker->epmd) {
		kill(-broker->epmd, SIGTERM);
		wait_for_end(broker->epmd, g_get_monotonic_time() + STOP_MS * INT64_C(1000));
	}
	remove_tree(broker->directory);
	g_strfreev(broker->environment);
	g_free(broker->directory);
	g_free(broker->node);
	g_free(broker->url);
	g_free(broker);
}

const char *test_broker_url(const test_broker *broker)
{
	return broker->url;
}

unsigned test_broker_port(const test_broker *broker)
{
	return broker->port;
}

char *test_broker_ctl(test_broker *broker, const char *a, const char *b, const char *c, const char *d)
{
	g_autofree char *program = find_program("rabbitmqctl");
	const char *argv[] = { program, "-q", "-n", broker->node, a, b, c, d, NULL };
	char *out = NULL;
	g_autofree char *err = NULL;
	g_autoptr(GError) error = NULL;
	int status;

	if (!g_spawn_sync(broker->directory, (char **)argv, broker->environment, G_SPAWN_DEFAULT, NULL, NULL, &out,
			  &err, &status, &error))
		fail_msg("cannot start rabbitmqctl: %s", error->message);
	if (!g_spawn_check_wait_status(status, NULL))
		fail_msg("rabbitmqctl %s: %s%s", a, out, err);
	return out;
}
