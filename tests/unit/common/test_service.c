/* SPDX-License-Identifier: Apache-2.0
 *
 * A daemon is forked with its standard error and a log of its stages in pipes; the test sends it signals. */
#include "common/service.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the daemon: each thing that happens is a letter on standard output ---- */

typedef struct toy {
	int failures; /* of stage c */
	nova_fault fault;
	bool hang_down, ask_to_fail;
} toy;

static void say(const char *letter)
{
	if (write(1, letter, strlen(letter)) < 0)
		_exit(9);
}

static bool up_a(nova_service *service, void *daemon, GError **error)
{
	(void)service, (void)daemon, (void)error;
	say("a");
	return true;
}

static void down_a(nova_service *service, void *daemon)
{
	(void)service, (void)daemon;
	say("A");
}

static bool up_b(nova_service *service, void *daemon, GError **error)
{
	(void)service, (void)daemon, (void)error;
	say("b");
	return true;
}

static bool up_c(nova_service *service, void *daemon, GError **error)
{
	toy *t = daemon;

	if (t->failures > 0) {
		t->failures--;
		say("!");
		return nova_fail(error, t->fault, "the far end is away");
	}
	say("c");
	if (t->ask_to_fail)
		nova_service_fail(service, "the lease is lost");
	return true;
}

static void down_c(nova_service *service, void *daemon)
{
	toy *t = daemon;

	if (!nova_service_is_stopping(service))
		say("?");
	say("C");
	while (t->hang_down)
		pause();
}

static void reloaded(nova_service *service, void *daemon, const nova_conf *conf)
{
	g_autoptr(nova_conf) now = nova_service_conf(service);
	g_autofree char *text = g_strdup_printf("r%d", (int)conf->live_migration_bandwidth);

	(void)daemon;
	say(now == conf ? text : "?");
}

static bool check(const nova_conf *conf, void *daemon, GError **error)
{
	(void)daemon;
	if (conf->live_migration_bandwidth == 666)
		return nova_fail(error, NOVA_FAULT_CONFIG, "666 is refused here");
	return true;
}

static const nova_stage stages[] = {
	{ "first", up_a, down_a, false },
	{ "second", up_b, NULL, false },
	{ "third", up_c, down_c, true },
};

static int run_toy(toy *t, char **argv)
{
	const nova_service_def def = { .name = "toy", .summary = "A toy.", .stages = stages,
				       .n_stages = G_N_ELEMENTS(stages), .daemon = t, .reloaded = reloaded,
				       .check = check };

	return nova_service_run(&def, (int)g_strv_length(argv), argv);
}

/* ---- the other side ---- */

typedef struct subject {
	char *dir, *file;
	pid_t pid;
	int out, err;
	GString *out_text, *err_text;
} subject;

static int set_up(void **state)
{
	subject *s = g_new0(subject, 1);

	s->dir = g_dir_make_tmp("nova-service-XXXXXX", NULL);
	s->file = g_build_filename(s->dir, "conf", NULL);
	s->out_text = g_string_new(NULL);
	s->err_text = g_string_new(NULL);
	s->out = s->err = -1;
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	subject *s = *state;

	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	if (s->out >= 0)
		close(s->out);
	if (s->err >= 0)
		close(s->err);
	g_remove(s->file);
	g_rmdir(s->dir);
	g_free(s->dir);
	g_free(s->file);
	g_string_free(s->out_text, TRUE);
	g_string_free(s->err_text, TRUE);
	g_free(s);
	return 0;
}

static void configure(subject *s, const char *text)
{
	assert_true(g_file_set_contents(s->file, text, -1, NULL));
}

static void start(subject *s, toy t, const char *argument)
{
	char *with_file[] = { (char *)"toy", (char *)"--config-file", s->file, NULL };
	char *with_argument[] = { (char *)"toy", (char *)argument, NULL };
	int out[2], err[2];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	fflush(NULL);
	s->pid = fork();
	if (s->pid == 0) {
		int status;

		dup2(out[1], 1);
		dup2(err[1], 2);
		status = run_toy(&t, argument ? with_argument : with_file);
		fflush(stdout);
		_exit(status);
	}
	close(out[1]);
	close(err[1]);
	s->out = out[0];
	s->err = err[0];
}

/* Collects both pipes until `wanted' shows up in one of them or five seconds are over. */
static void expect(subject *s, GString *where, const char *wanted)
{
	int64_t until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

	while (!strstr(where->str, wanted)) {
		struct pollfd fds[2] = { { .fd = s->out, .events = POLLIN }, { .fd = s->err, .events = POLLIN } };
		char chunk[512];

		if (g_get_monotonic_time() > until)
			fail_msg("no '%s': out '%s' err '%s'", wanted, s->out_text->str, s->err_text->str);
		poll(fds, 2, 50);
		for (int i = 0; i < 2; i++) {
			ssize_t n = fds[i].revents & POLLIN ? read(fds[i].fd, chunk, sizeof(chunk)) : 0;

			if (n > 0)
				g_string_append_len(i == 0 ? s->out_text : s->err_text, chunk, n);
		}
	}
}

static int wait_end(subject *s)
{
	int status = 0;

	for (int i = 0; i < 1000 && waitpid(s->pid, &status, WNOHANG) == 0; i++)
		g_usleep(10000);
	assert_true(WIFEXITED(status));
	s->pid = 0;
	return WEXITSTATUS(status);
}

static void test_up_serve_and_down(void **state)
{
	subject *s = *state;

	configure(s, "");
	start(s, (toy){ 0 }, NULL);
	expect(s, s->err_text, "is ready");
	kill(s->pid, SIGTERM);
	expect(s, s->out_text, "A");
	assert_int_equal(wait_end(s), 0);
	assert_string_equal(s->out_text->str, "abcCA");
	expect(s, s->err_text, "<6>stopped\n");
}

static void test_a_stage_that_may_be_retried_is(void **state)
{
	subject *s = *state;

	configure(s, "");
	start(s, (toy){ .failures = 1, .fault = NOVA_FAULT_DATABASE }, NULL);
	expect(s, s->err_text, "<4>could not start third: the far end is away, retrying in 1 s\n");
	expect(s, s->err_text, "is ready");
	kill(s->pid, SIGINT);
	assert_int_equal(wait_end(s), 0);
	expect(s, s->out_text, "ab!cCA");
}

static void test_waiting_for_a_retry_can_be_stopped(void **state)
{
	subject *s = *state;

	configure(s, "");
	start(s, (toy){ .failures = 1000, .fault = NOVA_FAULT_MESSAGING }, NULL);
	expect(s, s->err_text, "retrying in 2 s");
	kill(s->pid, SIGTERM);
	assert_int_equal(wait_end(s), 0);
	expect(s, s->out_text, "ab!!A");
}

static void test_a_stage_that_fails_for_good_ends_it(void **state)
{
	subject *s = *state;

	configure(s, "");
	start(s, (toy){ .failures = 1, .fault = NOVA_FAULT_CONFIG }, NULL);
	assert_int_equal(wait_end(s), 1);
	expect(s, s->err_text, "<3>could not start third: the far end is away\n");
	expect(s, s->out_text, "ab!A");
}

static void test_failing_from_inside(void **state)
{
	subject *s = *state;

	configure(s, "");
	start(s, (toy){ .ask_to_fail = true }, NULL);
	assert_int_equal(wait_end(s), 1);
	expect(s, s->err_text, "<3>the lease is lost, stopping\n");
	expect(s, s->out_text, "abcCA");
}

static void test_second_signal_ends_at_once(void **state)
{
	subject *s = *state;

	configure(s, "");
	start(s, (toy){ .hang_down = true }, NULL);
	expect(s, s->err_text, "is ready");
	kill(s->pid, SIGTERM);
	expect(s, s->out_text, "C");
	kill(s->pid, SIGTERM);
	assert_int_equal(wait_end(s), 1);
	expect(s, s->err_text, "told to stop a second time");
}

static void test_shutdown_has_a_deadline(void **state)
{
	subject *s = *state;

	configure(s, "[DEFAULT]\ngraceful_shutdown_timeout = 1\n");
	start(s, (toy){ .hang_down = true }, NULL);
	expect(s, s->err_text, "is ready");
	kill(s->pid, SIGTERM);
	assert_int_equal(wait_end(s), 1);
	expect(s, s->err_text, "not stopped within graceful_shutdown_timeout");
}

static void test_reload(void **state)
{
	subject *s = *state;

	configure(s, "[libvirt]\nlive_migration_bandwidth = 1\n");
	start(s, (toy){ 0 }, NULL);
	expect(s, s->err_text, "is ready");

	configure(s, "[DEFAULT]\nhost = other\n[libvirt]\nlive_migration_bandwidth = 2\n");
	kill(s->pid, SIGHUP);
	expect(s, s->out_text, "r2");
	expect(s, s->err_text, "<6>reloaded [libvirt] live_migration_bandwidth\n");
	expect(s, s->err_text, "<4>[DEFAULT] host changed, it takes effect with the next restart\n");

	configure(s, "[libvirt]\nlive_migration_bandwidth = much\n");
	kill(s->pid, SIGHUP);
	expect(s, s->err_text, "keeping the one in effect");

	configure(s, "[libvirt]\nlive_migration_bandwidth = 666\n");
	kill(s->pid, SIGHUP);
	expect(s, s->err_text, "<3>666 is refused here\n");

	configure(s, "[libvirt]\nlive_migration_bandwidth = 3\n");
	kill(s->pid, SIGHUP);
	expect(s, s->out_text, "r3");
	kill(s->pid, SIGTERM);
	assert_int_equal(wait_end(s), 0);
	assert_null(strstr(s->out_text->str, "r666"));
}

static void test_bad_configuration_ends_with_78(void **state)
{
	subject *s = *state;

	configure(s, "[DEFAULT]\nreport_intervall = 5\ndebug = perhaps\n");
	start(s, (toy){ 0 }, NULL);
	assert_int_equal(wait_end(s), 78);
	expect(s, s->err_text, "conf:2: unknown option 'report_intervall' in [DEFAULT], "
			       "did you mean 'report_interval'?\n");
	expect(s, s->err_text, "conf:3: [DEFAULT] debug: 'perhaps' is neither true nor false\n");
	assert_string_equal(s->out_text->str, "");
}

static void test_bad_fault_points_end_with_78(void **state)
{
	subject *s = *state;

	configure(s, "");
	setenv("NOVA_LITE_FAULT", "x=explode", 1);
	start(s, (toy){ 0 }, NULL);
	unsetenv("NOVA_LITE_FAULT");
	assert_int_equal(wait_end(s), 78);
	expect(s, s->err_text, "'x=explode' is not POINT=ACTION");
}

static void test_command_line(void **state)
{
	subject *s = *state;

	start(s, (toy){ 0 }, "--version");
	assert_int_equal(wait_end(s), 0);
	expect(s, s->out_text, "toy (nova-lite) ");
	close(s->out);
	close(s->err);
	start(s, (toy){ 0 }, "--nonsense");
	assert_int_equal(wait_end(s), 78);
	expect(s, s->err_text, "see toy --help");
	close(s->out);
	close(s->err);
	start(s, (toy){ 0 }, "stray");
	assert_int_equal(wait_end(s), 78);
}

static void test_systemd_is_told(void **state)
{
	subject *s = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char text[64];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g_snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", s->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	configure(s, "");
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	start(s, (toy){ 0 }, NULL);
	unsetenv("NOTIFY_SOCKET");
	n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "READY=1");
	kill(s->pid, SIGTERM);
	n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "STOPPING=1");
	assert_int_equal(wait_end(s), 0);
	close(fd);
	g_remove(at.sun_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_up_serve_and_down),
		TEST(test_a_stage_that_may_be_retried_is),
		TEST(test_waiting_for_a_retry_can_be_stopped),
		TEST(test_a_stage_that_fails_for_good_ends_it),
		TEST(test_failing_from_inside),
		TEST(test_second_signal_ends_at_once),
		TEST(test_shutdown_has_a_deadline),
		TEST(test_reload),
		TEST(test_bad_configuration_ends_with_78),
		TEST(test_bad_fault_points_end_with_78),
		TEST(test_command_line),
		TEST(test_systemd_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
