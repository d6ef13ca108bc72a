/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing guests' directories.
 */
#include "compute/images.h"
#include "compute/images_job.h"
#include "compute/storage.h"

#include "common/uuid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A guest's directory is flat; what is deeper or larger was not made here. */
#define MAX_DEPTH 4
#define MAX_ENTRIES 100000

typedef struct removal {
	dev_t device;
	unsigned left; /* entries that may still be removed */
} removal;

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool remove_directory(int parent, const char *name, unsigned depth, removal *r);

/* Removes what an open directory holds; symbolic links are removed, never followed; other file systems are left. */
static bool remove_contents(int fd, unsigned depth, removal *r)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	bool ok = true;

	if (!dir) {
		close(fd);
		return false;
	}
	while (ok && (entry = readdir(dir))) {
		if (is_dots(entry->d_name))
			continue;
		if (r->left == 0 || nova_offload_is_abandoned()) {
			ok = false;
			break;
		}
		r->left--;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		ok = (errno == EISDIR || errno == EPERM) && depth < MAX_DEPTH &&
		     remove_directory(dirfd(dir), entry->d_name, depth + 1, r);
	}
	closedir(dir);
	return ok;
}

static bool remove_directory(int parent, const char *name, unsigned depth, removal *r)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT;
	if (fstat(fd, &st) < 0 || st.st_dev != r->device) {
		close(fd);
		return false;
	}
	if (!remove_contents(fd, depth, r))
		return false;
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* Something another host still has open can stay behind on NFS; it goes with a later call. */
static bool remove_from_trash(int trash, const char *name)
{
	removal r = { .left = MAX_ENTRIES };
	struct stat st;

	if (fstat(trash, &st) < 0)
		return false;
	r.device = st.st_dev;
	return remove_directory(trash, name, 0, &r);
}

static int open_trash(const nova_images_job *job, int instances, bool make, GError **error)
{
	g_autofree char *path = g_build_filename(job->conf->instances_path, NOVA_STORAGE_TRASH, NULL);
	int fd;

	if (make && mkdirat(instances, NOVA_STORAGE_TRASH, 0700) < 0 && errno != EEXIST) {
		nova_images_fail(error, "make the directory", path);
		return -1;
	}
	fd = openat(instances, NOVA_STORAGE_TRASH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (make || errno != ENOENT))
		nova_images_fail(error, "open", path);
	return fd;
}

bool nova_images_is_file_system(const nova_images_job *job, int instances, GError **error)
{
	int fd = openat(instances, NOVA_STORAGE_FSID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char found[NOVA_UUID_SIZE] = "";
	bool known = fd >= 0 && read(fd, found, sizeof(found) - 1) >= 0;

	if (fd >= 0)
		close(fd);
	if (known && g_ascii_strcasecmp(found, job->fsid) == 0)
		return true;
	return nova_fail(error, NOVA_FAULT_STORAGE,
			 "%s is not the file system %s that the guest's files are on; nothing is removed: is it "
			 "mounted?",
			 job->conf->instances_path, job->fsid);
}

/* Everything is done below one open directory, whose file system was just looked at: what is mounted there
 * meanwhile does not matter. */
static bool move_to_trash(const nova_images_job *job, int instances, int trash, char **ret_name, GError **error)
{
	g_autofree char *dir = g_build_filename(job->conf->instances_path, job->uuid, NULL);
	g_autofree char *name = g_strdup_printf("%s.%" G_GINT64_FORMAT, job->uuid, job->token);
	int rc = renameat(instances, job->uuid, trash, name);

	if (rc < 0 && (errno == ENOTEMPTY || errno == EEXIST)) {
		/* A directory of this token was deleted before, and something made it anew. */
		char unique[NOVA_UUID_SIZE];
		char *longer;

		nova_uuid_new(unique);
		longer = g_strconcat(name, ".", unique, NULL);
		g_free(name);
		name = longer;
		rc = renameat(instances, job->uuid, trash, name);
	}
	if (rc < 0)
		return errno == ENOENT || nova_images_fail(error, "remove", dir);
	*ret_name = g_steal_pointer(&name);
	return true;
}

static bool delete_below(const nova_images_job *job, int instances, GError **error)
{
	g_autofree char *dir = g_build_filename(job->conf->instances_path, job->uuid, NULL);
	g_autofree char *name = NULL;
	struct stat st;
	bool done;
	int trash;

	if (!nova_images_is_file_system(job, instances, error))
		return false;
	if (fstatat(instances, job->uuid, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || nova_images_fail(error, "look at", dir);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return nova_images_fail(error, "remove", dir);
	}
	trash = open_trash(job, instances, true, error);
	if (trash < 0)
		return false;
	done = move_to_trash(job, instances, trash, &name, error);
	if (name)
		remove_from_trash(trash, name);
	close(trash);
	return done;
}

int nova_images_open_instances(const nova_images_job *job, GError **error)
{
	int fd = open(job->conf->instances_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		nova_images_fail(error, "open", job->conf->instances_path);
	return fd;
}

static bool delete_guest(void *data, GError **error)
{
	int instances = nova_images_open_instances(data, error);
	bool done = instances >= 0 && delete_below(data, instances, error);

	if (instances >= 0)
		close(instances);
	return done;
}

bool nova_images_delete(nova_conf *conf, const char *instance_uuid, int64_t token, const char *fsid, int deadline_ms,
			GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, instance_uuid, NULL, deadline_ms);

	job->token = token;
	job->fsid = g_strdup(fsid);
	return nova_images_job_run(job, delete_guest, error);
}

static bool empty_trash(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autoptr(GError) failure = NULL;
	int instances = nova_images_open_instances(job, &failure);
	int trash = instances < 0 ? -1 : open_trash(job, instances, false, &failure);
	DIR *dir = trash < 0 ? NULL : fdopendir(dup(trash));
	struct dirent *entry;

	if (instances >= 0)
		close(instances);
	if (failure) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	for (unsigned n = 0; dir && n < job->max && (entry = readdir(dir));)
		if (!is_dots(entry->d_name)) {
			remove_from_trash(trash, entry->d_name);
			n++;
		}
	if (dir)
		closedir(dir);
	if (trash >= 0)
		close(trash);
	return true;
}

bool nova_images_empty_trash(nova_conf *conf, unsigned max, int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, NULL, NULL, deadline_ms);

	job->max = max;
	return nova_images_job_run(job, empty_trash, error);
}
