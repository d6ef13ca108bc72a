/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/storage.h"

#include "compute/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONCE_PREFIX ".nova-lite-nonce."
#define DIRECT_BLOCK 4096

/* What a child works on; prepared by the parent, because a child may not format text. */
typedef struct target {
	char path[1024];
	char name[128];         /* of a file in it */
	char text[64];
} target;

static bool aim(target *t, const char *path, const char *prefix, const char *name, const char *text, GError **error)
{
	memset(t, 0, sizeof(*t));
	if (strlen(path) >= sizeof(t->path) ||
	    (size_t)snprintf(t->name, sizeof(t->name), "%s%s", prefix, name) >= sizeof(t->name) ||
	    strlen(text) >= sizeof(t->text))
		return nova_fail(error, NOVA_FAULT_STORAGE, "the path '%s' is too long", path);
	strcpy(t->path, path);
	strcpy(t->text, text);
	return true;
}

static nova_probe_outcome ended(int step)
{
	return (nova_probe_outcome){ .error = errno, .step = step };
}

static const nova_probe_outcome well = { 0, 0 };

/* Runs the check and turns what went wrong into words: steps[outcome.step] with the path, and the reason. */
static bool run(nova_probe_work work, const target *t, void *result, size_t size, const char *const *steps,
		int deadline_ms, GError **error)
{
	g_autofree char *what = g_strdup_printf("storage at %s", t->path);
	nova_probe_outcome outcome = { 0 };

	if (!nova_probe_run(work, t, result, size, what, deadline_ms, &outcome, error))
		return false;
	if (outcome.error != 0)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot %s %s: %s", steps[outcome.step], t->path,
				 g_strerror(outcome.error));
	return true;
}

/* ---- the directory itself ---- */

typedef struct directory {
	uint32_t uid, gid, mode;
	uint64_t mount_id;
	bool has_mount_id;
	int64_t total, available; /* bytes */
	char fsid[NOVA_UUID_SIZE]; /* what the file holds, if there is one */
} directory;

enum { STEP_SEE, STEP_ENTER, STEP_CREATE, STEP_WRITE, STEP_SYNC, STEP_READ, STEP_REMOVE, STEP_MEASURE, STEP_KNOW };
static const char *const directory_steps[] = {
	[STEP_SEE] = "find the directory", [STEP_ENTER] = "enter", [STEP_CREATE] = "create a file in",
	[STEP_WRITE] = "write a file in",  [STEP_SYNC] = "sync a file in", [STEP_READ] = "read back a file in",
	[STEP_REMOVE] = "remove a file from", [STEP_MEASURE] = "measure",
	[STEP_KNOW] = "read " NOVA_STORAGE_FSID_FILE " in",
};

static nova_probe_outcome try_file(int dir, const target *t)
{
	int fd = openat(dir, t->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t length = strlen(t->text);
	nova_probe_outcome outcome = well;
	char back[sizeof(t->text)];

	if (fd < 0)
		return ended(STEP_CREATE);
	if (write(fd, t->text, length) != (ssize_t)length)
		outcome = ended(STEP_WRITE);
	else if (fsync(fd) < 0)
		outcome = ended(STEP_SYNC);
	else if (pread(fd, back, sizeof(back), 0) != (ssize_t)length || memcmp(back, t->text, length) != 0)
		outcome = (nova_probe_outcome){ .error = EIO, .step = STEP_READ };
	close(fd);
	if (unlinkat(dir, t->name, 0) < 0 && outcome.error == 0)
		outcome = ended(STEP_REMOVE);
	return outcome;
}

/* What the identity's file holds, a uuid or not; an error also when there is none. */
static int read_fsid(int dir, char *ret)
{
	int fd = openat(dir, NOVA_STORAGE_FSID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 || read(fd, ret, NOVA_UUID_SIZE - 1) < 0 ? errno : 0;
}

static nova_probe_outcome look_at_directory(const void *args, void *result)
{
	const target *t = args;
	directory *d = result;
	struct statx sx;
	struct statfs fs;
	int dir, error;

	if (statx(AT_FDCWD, t->path, 0, STATX_BASIC_STATS | STATX_MNT_ID, &sx) < 0)
		return ended(STEP_SEE);
	if (!S_ISDIR(sx.stx_mode))
		return (nova_probe_outcome){ .error = ENOTDIR, .step = STEP_SEE };
	d->uid = sx.stx_uid;
	d->gid = sx.stx_gid;
	d->mode = sx.stx_mode & 07777;
	d->mount_id = sx.stx_mnt_id;
	d->has_mount_id = (sx.stx_mask & STATX_MNT_ID) != 0;
	dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ended(STEP_ENTER);
	if (fstatfs(dir, &fs) < 0)
		return ended(STEP_MEASURE);
	d->total = (int64_t)fs.f_blocks * fs.f_bsize;
	d->available = (int64_t)fs.f_bavail * fs.f_bsize;
	error = read_fsid(dir, d->fsid);
	if (error != 0 && error != ENOENT)
		return (nova_probe_outcome){ .error = error, .step = STEP_KNOW };
	return try_file(dir, t);
}

/* The mount's type and mount point, from /proc, which asks no file system. */
static void find_mount(const directory *d, char *ret_type, size_t size, bool *ret_mounted)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL);
	lines = g_strsplit(text ? text : "", "\n", -1);
	for (size_t i = 0; d->has_mount_id && lines[i]; i++) {
		/* id parent major:minor root mount-point options [tags] - type source options */
		g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
		size_t n = g_strv_length(words), dash = 6;

		if (n < 9 || g_ascii_strtoull(words[0], NULL, 10) != d->mount_id)
			continue;
		while (dash < n && strcmp(words[dash], "-") != 0)
			dash++;
		if (dash + 1 < n)
			g_strlcpy(ret_type, words[dash + 1], size);
		*ret_mounted = strcmp(words[4], "/") != 0;
		return;
	}
}

/* What libvirt takes as shared storage (9.0), and how people call it. */
static const struct {
	const char *type, *kind;
	bool shared;
} file_systems[] = {
	{ "nfs", "nfs", true },           { "nfs4", "nfs", true },
	{ "fuse.glusterfs", "glusterfs", true }, { "fuse.quobyte", "quobyte", true },
	{ "ceph", "ceph", true },         { "gpfs", "gpfs", true },
	{ "gfs2", "gfs2", true },         { "ocfs2", "ocfs2", true },
	{ "cifs", "cifs", true },         { "smb3", "cifs", true },
	{ "afs", "afs", true },           { "ext4", "local", false },
	{ "ext3", "local", false },       { "xfs", "local", false },
	{ "btrfs", "local", false },      { "tmpfs", "local", false },
	{ "overlay", "local", false },    { "zfs", "local", false },
	{ "ext2", "local", false },       { "f2fs", "local", false },
};

static void name_kind(const char *type, nova_storage_view *view)
{
	g_strlcpy(view->kind, *type ? type : "local", sizeof(view->kind));
	for (size_t i = 0; i < G_N_ELEMENTS(file_systems); i++)
		if (strcmp(file_systems[i].type, type) == 0) {
			g_strlcpy(view->kind, file_systems[i].kind, sizeof(view->kind));
			view->shared = file_systems[i].shared;
		}
}

bool nova_storage_check(const char *path, nova_storage_view *ret, int deadline_ms, GError **error)
{
	nova_storage_view view = { 0 };
	char uuid[NOVA_UUID_SIZE], type[sizeof(view.kind)] = "";
	directory d = { 0 };
	target t;

	nova_uuid_new(uuid);
	if (!aim(&t, path, ".nova-lite-check.", uuid, uuid, error) ||
	    !run(look_at_directory, &t, &d, sizeof(d), directory_steps, deadline_ms, error))
		return false;
	find_mount(&d, type, sizeof(type), &view.mounted);
	name_kind(type, &view);
	view.uid = d.uid;
	view.gid = d.gid;
	view.mode = d.mode;
	view.total_gb = d.total >> 30;
	view.free_gb = d.available >> 30;
	d.fsid[NOVA_UUID_SIZE - 1] = '\0';
	if (nova_uuid_is_valid(d.fsid))
		g_strlcpy(view.fsid, d.fsid, sizeof(view.fsid));
	*ret = view;
	return true;
}

static nova_probe_outcome make_directory(const void *args, void *result)
{
	const target *t = args;
	struct stat st;

	(void)result;
	if (mkdir(t->path, 0711) < 0 && errno != EEXIST)
		return ended(0);
	if (stat(t->path, &st) < 0)
		return ended(0);
	return S_ISDIR(st.st_mode) ? well : (nova_probe_outcome){ .error = ENOTDIR };
}

bool nova_storage_make_dir(const char *path, int deadline_ms, GError **error)
{
	static const char *const steps[] = { "make the directory" };
	target t;

	return aim(&t, path, "", "", "", error) && run(make_directory, &t, NULL, 0, steps, deadline_ms, error);
}

/* ---- identity ---- */

enum { FSID_OPEN, FSID_MAKE, FSID_WRITE, FSID_NAME, FSID_READ };
static const char *const fsid_steps[] = {
	[FSID_OPEN] = "enter", [FSID_MAKE] = "create a file in", [FSID_WRITE] = "write a file in",
	[FSID_NAME] = "name the file " NOVA_STORAGE_FSID_FILE " in", [FSID_READ] = "read " NOVA_STORAGE_FSID_FILE " in",
};

/* A file of another name, complete and on disk, is given the final name, which only the first can have. */
static nova_probe_outcome write_fsid(int dir, const target *t)
{
	int fd = openat(dir, t->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t length = strlen(t->text);
	nova_probe_outcome outcome = well;

	if (fd < 0)
		return ended(FSID_MAKE);
	if (write(fd, t->text, length) != (ssize_t)length || fsync(fd) < 0)
		outcome = ended(FSID_WRITE);
	else if (linkat(dir, t->name, dir, NOVA_STORAGE_FSID_FILE, 0) < 0 && errno != EEXIST)
		outcome = ended(FSID_NAME);
	close(fd);
	unlinkat(dir, t->name, 0);
	if (fsync(dir) < 0 && errno != EINVAL && outcome.error == 0)
		outcome = ended(FSID_WRITE);
	return outcome;
}

static nova_probe_outcome take_fsid(const void *args, void *result)
{
	const target *t = args;
	int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	nova_probe_outcome outcome = { .step = FSID_READ };

	if (dir < 0)
		return ended(FSID_OPEN);
	outcome.error = read_fsid(dir, result);
	if (outcome.error != ENOENT)
		return outcome;
	outcome = write_fsid(dir, t);
	if (outcome.error == 0)
		outcome = (nova_probe_outcome){ .error = read_fsid(dir, result), .step = FSID_READ };
	return outcome;
}

char *nova_storage_fsid(const char *path, int deadline_ms, GError **error)
{
	char uuid[NOVA_UUID_SIZE], line[NOVA_UUID_SIZE + 1], found[NOVA_UUID_SIZE] = "";
	target t;

	nova_uuid_new(uuid);
	snprintf(line, sizeof(line), "%s\n", uuid);
	if (!aim(&t, path, NOVA_STORAGE_FSID_FILE ".", uuid, line, error) ||
	    !run(take_fsid, &t, found, sizeof(found), fsid_steps, deadline_ms, error))
		return NULL;
	found[NOVA_UUID_SIZE - 1] = '\0';
	if (nova_uuid_is_valid(found))
		return g_strdup(found);
	nova_fail(error, NOVA_FAULT_STORAGE,
		  "%s/%s does not hold a uuid; if no host uses this directory, remove the file", path,
		  NOVA_STORAGE_FSID_FILE);
	return NULL;
}

/* ---- locks ---- */

enum { LOCK_OPEN, LOCK_TAKE, LOCK_OTHER, LOCK_EXCLUDE };
static const char *const lock_steps[] = {
	[LOCK_OPEN] = "create a file in", [LOCK_TAKE] = "lock a file in", [LOCK_OTHER] = "try a lock in",
	[LOCK_EXCLUDE] = "rely on locks in",
};

static int lock_file(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

/* 0: refused, as it must be; 1: granted; 2: something else failed. */
static int lock_in_other_process(const char *name, int dir)
{
	int status, fd;
	pid_t pid = _Fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = openat(dir, name, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			_exit(2);
		_exit(lock_file(fd) == 0 ? 1 : errno == EAGAIN || errno == EACCES ? 0 : 2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}

static nova_probe_outcome try_locks(const void *args, void *result)
{
	const target *t = args;
	int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	nova_probe_outcome outcome = well;
	int fd, other;

	(void)result;
	fd = dir < 0 ? -1 : openat(dir, t->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ended(LOCK_OPEN);
	if (lock_file(fd) < 0) {
		outcome = ended(LOCK_TAKE);
	} else {
		other = lock_in_other_process(t->name, dir);
		if (other == 1)
			outcome = (nova_probe_outcome){ .error = ENOLCK, .step = LOCK_EXCLUDE };
		else if (other == 2)
			outcome = (nova_probe_outcome){ .error = EIO, .step = LOCK_OTHER };
	}
	close(fd);
	unlinkat(dir, t->name, 0);
	return outcome;
}

bool nova_storage_locks_work(const char *path, int deadline_ms, GError **error)
{
	char uuid[NOVA_UUID_SIZE];
	target t;

	nova_uuid_new(uuid);
	return aim(&t, path, ".nova-lite-lock.", uuid, "", error) &&
	       run(try_locks, &t, NULL, 0, lock_steps, deadline_ms, error);
}

/* ---- the proof that storage is shared ---- */

static bool is_nonce(const char *text)
{
	return *text && strlen(text) < NOVA_STORAGE_NONCE_SIZE &&
	       text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")] == '\0';
}

static bool aim_at_nonce(target *t, const char *path, const char *nonce, GError **error)
{
	if (!is_nonce(nonce))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%.80s' cannot be the name of a nonce", nonce);
	return aim(t, path, NONCE_PREFIX, nonce, "", error);
}

static const char *const nonce_steps[] = { "enter", "leave a file in", "look for a file in", "remove a file from",
					    "list" };

static nova_probe_outcome put_nonce(const void *args, void *result)
{
	const target *t = args;
	int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	(void)result;
	if (dir < 0)
		return ended(0);
	fd = openat(dir, t->name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fsync(fd) < 0 || close(fd) < 0)
		return ended(1);
	if (fsync(dir) < 0 && errno != EINVAL)
		return ended(1);
	return well;
}

/* A network file system may remember for a minute that the name was not there; a change of the directory by this host
 * makes it ask again. */
static nova_probe_outcome see_nonce(const void *args, void *result)
{
	const target *t = args;
	int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir < 0)
		return ended(0);
	if (utimensat(dir, ".", NULL, 0) < 0 && errno != EACCES && errno != EPERM)
		return ended(2);
	fd = openat(dir, t->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return ended(2);
	*(bool *)result = fd >= 0;
	return well;
}

static nova_probe_outcome remove_nonce(const void *args, void *result)
{
	const target *t = args;
	int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)result;
	if (dir < 0)
		return ended(0);
	if (unlinkat(dir, t->name, 0) < 0 && errno != ENOENT)
		return ended(3);
	return well;
}

/* By getdents64(2) and not readdir(3), which allocates: in a child of a process with threads nothing may. */
static nova_probe_outcome list_nonces(const void *args, void *result)
{
	const target *t = args;
	nova_storage_nonces *list = result;
	_Alignas(struct dirent64) char entries[4096];
	int dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t length;

	if (dir < 0)
		return ended(0);
	while ((length = getdents64(dir, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < length && list->count < NOVA_STORAGE_NONCES_MOST;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
			const char *nonce = entry->d_name + strlen(NONCE_PREFIX);

			at += entry->d_reclen;
			if (strncmp(entry->d_name, NONCE_PREFIX, strlen(NONCE_PREFIX)) == 0 && is_nonce(nonce))
				memcpy(list->names[list->count++], nonce, strlen(nonce) + 1);
		}
	}
	return length < 0 ? ended(4) : well;
}

bool nova_storage_nonce_put(const char *path, const char *nonce, int deadline_ms, GError **error)
{
	target t;

	return aim_at_nonce(&t, path, nonce, error) && run(put_nonce, &t, NULL, 0, nonce_steps, deadline_ms, error);
}

bool nova_storage_nonce_seen(const char *path, const char *nonce, bool *ret_seen, int deadline_ms, GError **error)
{
	bool seen = false;
	target t;

	if (!aim_at_nonce(&t, path, nonce, error) ||
	    !run(see_nonce, &t, &seen, sizeof(seen), nonce_steps, deadline_ms, error))
		return false;
	*ret_seen = seen;
	return true;
}

bool nova_storage_nonce_remove(const char *path, const char *nonce, int deadline_ms, GError **error)
{
	target t;

	return aim_at_nonce(&t, path, nonce, error) &&
	       run(remove_nonce, &t, NULL, 0, nonce_steps, deadline_ms, error);
}

bool nova_storage_nonce_list(const char *path, nova_storage_nonces *ret, int deadline_ms, GError **error)
{
	target t;

	return aim(&t, path, NONCE_PREFIX, "", "", error) &&
	       run(list_nonces, &t, ret, sizeof(*ret), nonce_steps, deadline_ms, error);
}

/* ---- a guest's disk ---- */

typedef struct disk_target {
	target target; /* first */
	bool change_user;
	nova_storage_user user;
} disk_target;

void nova_storage_user_find(uint32_t uid, uint32_t gid, nova_storage_user *ret)
{
	struct passwd entry, *found = NULL;
	gid_t groups[NOVA_STORAGE_GROUPS];
	int n = NOVA_STORAGE_GROUPS;
	char text[4096];

	*ret = (nova_storage_user){ .uid = uid, .gid = gid };
	if (getpwuid_r(uid, &entry, text, sizeof(text), &found) != 0 || !found ||
	    getgrouplist(found->pw_name, gid, groups, &n) < 0)
		return;
	for (int i = 0; i < n; i++)
		ret->groups[ret->n_groups++] = groups[i];
}

/* The system calls themselves: the C library's functions would speak to threads that the child does not have. */
static bool become(const nova_storage_user *user)
{
	return syscall(SYS_setgroups, (size_t)user->n_groups, user->groups) == 0 &&
	       syscall(SYS_setresgid, user->gid, user->gid, user->gid) == 0 &&
	       syscall(SYS_setresuid, user->uid, user->uid, user->uid) == 0;
}

static nova_probe_outcome open_disk(const void *args, void *result)
{
	static char block[DIRECT_BLOCK] __attribute__((aligned(DIRECT_BLOCK)));
	const disk_target *disk = args;
	const target *t = &disk->target;
	int fd;

	(void)result;
	if (disk->change_user && !become(&disk->user))
		return ended(3);
	fd = open(t->path, O_RDWR | O_DIRECT | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ended(errno == EINVAL ? 1 : 0);
	if (pread(fd, block, sizeof(block), 0) < 0)
		return ended(2);
	return well;
}

bool nova_storage_disk_opens(const char *disk, const nova_storage_user *user, int deadline_ms, GError **error)
{
	static const char *const steps[] = { "open read-write", "open without the host's cache (O_DIRECT)", "read",
					     "become QEMU's user to open" };
	disk_target d = { .change_user = user && geteuid() == 0 };

	if (user)
		d.user = *user;
	return aim(&d.target, disk, "", "", "", error) &&
	       run(open_disk, &d.target, NULL, 0, steps, deadline_ms, error);
}

/* A running QEMU that shares its image with no other writer holds a read lock on this byte of the file
 * (block/file-posix.c: RAW_LOCK_SHARED_BASE + the bit of BLK_PERM_WRITE). */
#define QEMU_UNSHARED_WRITE_BYTE 201

static nova_probe_outcome see_disk_lock(const void *args, void *result)
{
	const target *t = args;
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = QEMU_UNSHARED_WRITE_BYTE,
		.l_len = 1,
	};
	bool locked;
	int fd = open(t->path, O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return ended(0);
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return ended(1);
	locked = lock.l_type != F_UNLCK;
	memcpy(result, &locked, sizeof(locked));
	return well;
}

bool nova_storage_disk_is_locked(const char *disk, bool *ret_locked, int deadline_ms, GError **error)
{
	static const char *const steps[] = { "open read-write", "ask for locks on" };
	bool locked = false;
	target t;

	if (!aim(&t, disk, "", "", "", error) ||
	    !run(see_disk_lock, &t, &locked, sizeof(locked), steps, deadline_ms, error))
		return false;
	*ret_locked = locked;
	return true;
}

unsigned nova_storage_stuck(void)
{
	return nova_probe_stuck();
}
