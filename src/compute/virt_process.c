/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/virt_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The last lines are what counts; a log of a chatty QEMU can be large. */
#define LOG_TAIL (64 * 1024)
#define CMDLINE_MAX (256 * 1024)
#define PROC_MAX (16 * 1024)

/* Reads at most `max' bytes from the file's end (tail) or beginning; NULL with errno.  Not for files that may
 * hang. */
static char *read_some(const char *path, size_t max, bool tail, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text;
	size_t n = 0;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (tail && fstat(fd, &st) == 0 && (size_t)st.st_size > max)
		lseek(fd, -(off_t)max, SEEK_END);
	text = g_malloc(max + 1);
	while (n < max) {
		ssize_t got = read(fd, text + n, max - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	text[n] = '\0';
	*ret_length = n;
	return text;
}

static bool has_word(const char *words, size_t length, const char *word)
{
	for (const char *at = words; at < words + length; at += strlen(at) + 1)
		if (strcmp(at, word) == 0)
			return true;
	return false;
}

int nova_virt_process_open(const char *dir, const char *name, const char *uuid, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/%s.pid", dir, name);
	g_autofree char *text = NULL, *cmdline_path = NULL, *cmdline = NULL;
	size_t length = 0;
	int64_t pid;
	int fd;

	text = read_some(path, 32, false, &length);
	if (!text) {
		nova_fail(error, NOVA_FAULT_HYPERVISOR, "cannot find QEMU's process: %s: %s", path, g_strerror(errno));
		return -1;
	}
	if (!g_ascii_string_to_signed(g_strstrip(text), 10, 1, G_MAXINT32, &pid, NULL)) {
		nova_fail(error, NOVA_FAULT_HYPERVISOR, "cannot find QEMU's process: %s does not hold a pid", path);
		return -1;
	}
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd < 0) {
		nova_fail(error, NOVA_FAULT_HYPERVISOR, "cannot watch QEMU's process %d: %s", (int)pid,
			  g_strerror(errno));
		return -1;
	}
	/* The descriptor is of one process for ever; the pid may have been given to another one before.  If the
	 * process is alive after its command line was read, the line was its own. */
	cmdline_path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	cmdline = read_some(cmdline_path, CMDLINE_MAX, false, &length);
	if (cmdline && has_word(cmdline, length, uuid) && !nova_virt_process_is_dead(fd))
		return fd;
	close(fd);
	nova_fail(error, NOVA_FAULT_HYPERVISOR, "process %d in %s is not the QEMU of instance %s",
		  (int)pid, path, uuid);
	return -1;
}

bool nova_virt_process_is_dead(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	return pidfd >= 0 && poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

/* The number behind LABEL in a text of /proc; 0: there is none. */
static int64_t number_after(const char *text, const char *label)
{
	const char *at = text ? strstr(text, label) : NULL;

	return at ? g_ascii_strtoll(at + strlen(label), NULL, 10) : 0;
}

bool nova_virt_process_is_stopped(int pidfd)
{
	g_autofree char *own = g_strdup_printf("/proc/self/fdinfo/%d", pidfd);
	g_autofree char *about = NULL, *path = NULL, *status = NULL;
	size_t length = 0;
	int64_t pid;

	about = pidfd >= 0 ? read_some(own, PROC_MAX, false, &length) : NULL;
	pid = number_after(about, "\nPid:");
	if (pid <= 0)
		return false;
	path = g_strdup_printf("/proc/%d/status", (int)pid);
	status = read_some(path, PROC_MAX, false, &length);
	return status && strstr(status, "\nState:\tT") && !nova_virt_process_is_dead(pidfd);
}

bool nova_virt_process_signal(int pidfd, int signal, GError **error)
{
	if (pidfd < 0)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "QEMU's process is not known");
	if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "cannot send signal %d to QEMU: %s", signal,
				 g_strerror(errno));
	return true;
}


nova_end_reason nova_virt_process_end_reason(const char *dir, const char *name)
{
	static const char marker[] = ": shutting down, reason=";
	static const struct {
		const char *word;
		nova_end_reason reason;
	} words[] = {
		{ "shutdown", NOVA_END_SHUTDOWN }, { "crashed", NOVA_END_CRASHED }, { "migrated", NOVA_END_MIGRATED },
		{ "destroyed", NOVA_END_DESTROYED }, { "failed", NOVA_END_FAILED },
		{ "saved", NOVA_END_SAVED },
	};
	g_autofree char *path = g_strdup_printf("%s/%s.log", dir, name);
	g_autofree char *text = NULL;
	const char *end, *start;
	size_t length = 0;

	text = read_some(path, LOG_TAIL, true, &length);
	if (!text)
		return NOVA_END_UNKNOWN;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	end = g_strrstr(text, marker);
	start = g_strrstr(text, ": starting up libvirt version:");
	/* Started again after that, and nobody wrote how it ended: libvirtd was not there to see it. */
	if (!end || (start && start > end))
		return NOVA_END_UNKNOWN;
	end += strlen(marker);
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_str_has_prefix(end, words[i].word))
			return words[i].reason;
	return NOVA_END_UNKNOWN;
}
