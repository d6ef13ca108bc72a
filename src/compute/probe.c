/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/probe.h"

#include "common/deadline.h"
#include "compute/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RESULT 1024
/* A killed process that runs code or waits killably is gone at once. */
#define KILL_PATIENCE_MS 200

typedef struct answer {
	nova_probe_outcome outcome;
	char result[MAX_RESULT];
} answer;

/* Pids of children that were killed and did not end. */
static GMutex lock;
static GArray *left_behind;

static void reap_locked(void)
{
	for (unsigned i = 0; left_behind && i < left_behind->len;) {
		pid_t pid = g_array_index(left_behind, pid_t, i);

		if (waitpid(pid, NULL, WNOHANG) == 0)
			i++;
		else
			g_array_remove_index_fast(left_behind, i);
	}
}

unsigned nova_probe_stuck(void)
{
	unsigned n;

	g_mutex_lock(&lock);
	reap_locked();
	n = left_behind ? left_behind->len : 0;
	g_mutex_unlock(&lock);
	return n;
}

static void leave_behind(pid_t pid)
{
	g_mutex_lock(&lock);
	if (!left_behind)
		left_behind = g_array_new(FALSE, FALSE, sizeof(pid_t));
	g_array_append_val(left_behind, pid);
	g_mutex_unlock(&lock);
}

static void end_child(pid_t pid)
{
	nova_deadline deadline = nova_deadline_in_ms(KILL_PATIENCE_MS);

	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (nova_deadline_is_expired(deadline)) {
			leave_behind(pid);
			return;
		}
		g_usleep(1000);
	}
}

static void run_child(int fd, nova_probe_work work, const void *args, size_t result_size) G_GNUC_NORETURN;

/* Everything the parent has open must go: a child that hangs must not keep a connection of the parent's alive. */
static void run_child(int fd, nova_probe_work work, const void *args, size_t result_size)
{
	static answer buffer; /* the child has its own */

	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(&buffer, 0, sizeof(buffer));
	buffer.outcome = work(args, buffer.result);
	if (write(fd, &buffer, sizeof(buffer.outcome) + result_size) < 0)
		_exit(1);
	_exit(0);
}

static bool read_answer(int fd, answer *ret, size_t length, nova_deadline deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	ssize_t got;

	while (!nova_deadline_is_expired(deadline)) {
		int n = poll(&poll_fd, 1, nova_deadline_poll_ms(deadline, 60000));

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			break;
	}
	if (nova_deadline_is_expired(deadline) && poll(&poll_fd, 1, 0) <= 0)
		return false;
	/* One write of less than PIPE_BUF comes as one read. */
	do {
		got = read(fd, ret, length);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)length;
}

bool nova_probe_run(nova_probe_work work, const void *args, void *result, size_t result_size, const char *what,
		    int deadline_ms, nova_probe_outcome *ret_outcome, GError **error)
{
	nova_deadline deadline = nova_deadline_in_ms(deadline_ms);
	answer got = { 0 };
	bool answered;
	int fds[2];
	pid_t pid;

	g_assert(result_size <= MAX_RESULT);
	if (nova_probe_stuck() >= NOVA_STORAGE_MAX_STUCK)
		return nova_fail(error, NOVA_FAULT_STORAGE, "%s is not asked: %u earlier checks have not come back",
				 what, nova_probe_stuck());
	if (pipe2(fds, O_CLOEXEC) < 0)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot check %s: %s", what, g_strerror(errno));
	pid = _Fork();
	if (pid == 0)
		run_child(fds[1], work, args, result_size);
	close(fds[1]);
	if (pid < 0) {
		int why = errno;

		close(fds[0]);
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot check %s: cannot start a process: %s", what,
				 g_strerror(why));
	}
	answered = read_answer(fds[0], &got, sizeof(got.outcome) + result_size, deadline);
	close(fds[0]);
	end_child(pid);
	if (!answered)
		return nova_fail(error, NOVA_FAULT_STORAGE, "%s does not answer (waited %d ms)", what, deadline_ms);
	if (result_size > 0)
		memcpy(result, got.result, result_size);
	*ret_outcome = got.outcome;
	return true;
}
