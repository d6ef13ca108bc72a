/* SPDX-License-Identifier: Apache-2.0 */
#include "common/subprocess.h"

#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_OUTPUT 65536
#define CHILD_FAILED 127

/* What the child needs, made ready before fork(): between fork() and exec() in a process with
 * threads only async-signal-safe calls are allowed, so no allocation. */
typedef struct launch {
	const nova_subprocess *command;
	char *path; /* of the program */
	char **env;
	int out, err, failure; /* the child's ends; exec's errno goes to `failure' */
} launch;

typedef struct stream {
	int fd; /* -1: ended */
	GString *text;
	bool cut;
} stream;

typedef struct child {
	pid_t pid;
	stream out, err;
	int failure;
} child;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void limit(int resource, int64_t value, int64_t unit)
{
	struct rlimit l = { (rlim_t)(value * unit), (rlim_t)(value * unit) };

	if (value > 0)
		setrlimit(resource, &l);
}

/* In the child; never comes back. */
static void become(const launch *l)
{
	int null = open("/dev/null", O_RDONLY);
	int why;
	sigset_t none;

	/* Handlers are reset by exec, but ignored signals and the mask are inherited. */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	limit(RLIMIT_AS, l->command->max_memory_mb, 1024 * 1024);
	limit(RLIMIT_CPU, l->command->max_cpu_s, 1);
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(l->out, 1) >= 0 && dup2(l->err, 2) >= 0 &&
	    dup2(l->failure, 3) >= 0) {
		fcntl(3, F_SETFD, FD_CLOEXEC);
		syscall(SYS_close_range, 4U, ~0U, 0U);
		execve(l->path, (char *const *)l->command->argv, l->env);
		why = errno;
		if (write(3, &why, sizeof(why)) < 0)
			_exit(CHILD_FAILED);
	}
	_exit(CHILD_FAILED);
}

/* A pipe whose ends lie above 3, so that the child can lay 0 to 3 without overwriting one. */
static bool make_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	for (size_t i = 0; i < 2; i++) {
		int high = ends[i] > 3 ? ends[i] : fcntl(ends[i], F_DUPFD_CLOEXEC, 4);

		if (high != ends[i])
			close(ends[i]);
		ends[i] = high;
	}
	*ret_read = ends[0];
	*ret_write = ends[1];
	return ends[0] >= 0 && ends[1] >= 0;
}

static bool start(const nova_subprocess *command, child *c, GError **error)
{
	g_autofree char *path = g_find_program_in_path(command->argv[0]);
	g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
	launch l = { .command = command, .path = path, .env = env, .out = -1, .err = -1, .failure = -1 };
	int why;

	if (!path)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "no program '%s' in PATH", command->argv[0]);
	c->pid = -1;
	if (make_pipe(&c->out.fd, &l.out) && make_pipe(&c->err.fd, &l.err) && make_pipe(&c->failure, &l.failure))
		c->pid = fork();
	why = errno;
	if (c->pid == 0)
		become(&l);
	close_fd(&l.out);
	close_fd(&l.err);
	close_fd(&l.failure);
	if (c->pid < 0)
		return nova_fail(error, NOVA_FAULT_INTERNAL, "cannot start '%s': %s", path, g_strerror(why));
	/* Also here: kill() below must not come before the child's own setpgid(). */
	setpgid(c->pid, c->pid);
	return true;
}

static void read_stream(stream *s, size_t max)
{
	char chunk[4096];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));
	size_t room = max - s->text->len;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_fd(&s->fd);
		return;
	}
	s->cut |= (size_t)n > room;
	g_string_append_len(s->text, chunk, (ssize_t)MIN((size_t)n, room));
}

/* Until both streams have ended (true), the deadline passes or there is too much. */
static bool read_output(child *c, const nova_subprocess *command, size_t max)
{
	while (c->out.fd >= 0 || c->err.fd >= 0) {
		struct pollfd fds[2] = { { .fd = c->out.fd, .events = POLLIN }, { .fd = c->err.fd, .events = POLLIN } };

		if (nova_deadline_is_expired(command->deadline))
			return false;
		if (poll(fds, 2, nova_deadline_poll_ms(command->deadline, 1000)) <= 0)
			continue;
		if (fds[0].revents)
			read_stream(&c->out, max);
		if (fds[1].revents)
			read_stream(&c->err, max);
		if ((c->out.cut || c->err.cut) && !command->output_may_be_cut)
			return false;
	}
	return true;
}

static void *collect(void *data)
{
	while (waitpid((pid_t)GPOINTER_TO_INT(data), NULL, 0) < 0 && errno == EINTR)
		;
	return NULL;
}

/* Waits for the end, which without hurry comes microseconds after the streams' ends. */
static bool wait_child(pid_t pid, nova_deadline deadline, int *ret_status)
{
	int64_t pause_usec = 200;
	pid_t ended;

	while ((ended = waitpid(pid, ret_status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
		if (nova_deadline_is_expired(deadline))
			return false;
		g_usleep((unsigned long)pause_usec);
		pause_usec = MIN(pause_usec * 2, 20000);
	}
	return ended == pid;
}

/* Ends the group and collects the child; one the kernel cannot end within two seconds is left to a
 * thread. */
static void end_child(pid_t pid)
{
	int status;

	kill(-pid, SIGKILL);
	if (!wait_child(pid, nova_deadline_in_ms(2000), &status))
		g_thread_unref(g_thread_new("collector", collect, GINT_TO_POINTER(pid)));
}

static bool finish(child *c, const nova_subprocess *command, size_t max, int *ret_status, GError **error)
{
	const char *name = command->argv[0];
	bool done = read_output(c, command, max);
	int why = 0;

	if (done && wait_child(c->pid, command->deadline, ret_status)) {
		/* A grandchild that left the streams behind is none of ours to keep. */
		kill(-c->pid, SIGKILL);
		if (read(c->failure, &why, sizeof(why)) == (ssize_t)sizeof(why))
			return nova_fail(error, NOVA_FAULT_NOT_FOUND, "cannot run '%s': %s", name, g_strerror(why));
		return true;
	}
	end_child(c->pid);
	if (!done && (c->out.cut || c->err.cut) && !command->output_may_be_cut)
		return nova_fail(error, NOVA_FAULT_TOO_LARGE, "'%s' wrote more than %zu bytes", name, max);
	return nova_fail(error, NOVA_FAULT_DEADLINE, "'%s' did not finish in time and was killed", name);
}

bool nova_subprocess_run(const nova_subprocess *command, nova_subprocess_result *ret_result, GError **error)
{
	size_t max = command->max_output ? command->max_output : DEFAULT_OUTPUT;
	child c = { .out = { -1, g_string_new(NULL), false }, .err = { -1, g_string_new(NULL), false }, .failure = -1 };
	int status = 0;
	bool ok = start(command, &c, error) && finish(&c, command, max, &status, error);

	close_fd(&c.out.fd);
	close_fd(&c.err.fd);
	close_fd(&c.failure);
	if (!ok) {
		g_string_free(c.out.text, TRUE);
		g_string_free(c.err.text, TRUE);
		return false;
	}
	ret_result->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	ret_result->out_length = c.out.text->len;
	ret_result->err_length = c.err.text->len;
	ret_result->out = g_string_free(c.out.text, FALSE);
	ret_result->err = g_string_free(c.err.text, FALSE);
	return true;
}

bool nova_subprocess_check(const nova_subprocess *command, char **ret_out, GError **error)
{
	g_auto(nova_subprocess_result) result = { 0 };
	const char *last;

	if (!nova_subprocess_run(command, &result, error))
		return false;
	if (result.exit_status != 0) {
		g_strchomp(result.err);
		last = strrchr(result.err, '\n');
		return nova_fail(error, NOVA_FAULT_INTERNAL, "'%s' ended with status %d: %s", command->argv[0],
				 result.exit_status, last ? last + 1 : result.err);
	}
	if (ret_out)
		*ret_out = g_steal_pointer(&result.out);
	return true;
}

void nova_subprocess_result_done(nova_subprocess_result *result)
{
	g_clear_pointer(&result->out, g_free);
	g_clear_pointer(&result->err, g_free);
}
