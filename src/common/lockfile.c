/* SPDX-License-Identifier: Apache-2.0 */
#include "common/lockfile.h"

#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define TRIES 20
#define PAUSE_MS 50

struct nova_lockfile {
	int fd;
};

/* A child that the one before us has forked holds the lock until its exec(): on a busy machine a moment longer than its
 * parent lives. */
static int try_lock(int fd)
{
	int why = 0;

	for (int i = 0; i < TRIES; i++) {
		if (i > 0)
			g_usleep(PAUSE_MS * 1000);
		why = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
		if (why != EWOULDBLOCK)
			break;
	}
	return why;
}

nova_lockfile *nova_lockfile_take(const char *path, GError **error)
{
	nova_lockfile *lockfile;
	char pid[32] = "";
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0) {
		nova_fail(error, NOVA_FAULT_CONFIG, "cannot open the lock file '%s': %s", path, g_strerror(errno));
		return NULL;
	}
	int why = try_lock(fd);

	if (why) {
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

		close(fd);
		if (why == EWOULDBLOCK)
			nova_fail(error, NOVA_FAULT_CONFLICT, "'%s' is held by another process (pid %d)", path,
				  n > 0 ? atoi(pid) : 0);
		else
			nova_fail(error, NOVA_FAULT_CONFIG, "cannot lock '%s': %s", path, g_strerror(why));
		return NULL;
	}
	g_snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, strlen(pid), 0) < 0) {
		nova_fail(error, NOVA_FAULT_CONFIG, "cannot write the lock file '%s': %s", path, g_strerror(errno));
		close(fd);
		return NULL;
	}
	lockfile = g_new0(nova_lockfile, 1);
	lockfile->fd = fd;
	return lockfile;
}

void nova_lockfile_free(nova_lockfile *lockfile)
{
	if (!lockfile)
		return;
	close(lockfile->fd);
	g_free(lockfile);
}
