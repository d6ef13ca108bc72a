/* SPDX-License-Identifier: Apache-2.0
 *
 * A new disk in the place of a guest's old one.  Until it is whole and on the disk for good it has a name of its own;
 * so there is the old one or the new one at every moment, and never a part of either.
 */
#include "compute/images.h"

#include "compute/images_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK "disk"

static char *new_name(const nova_images_job *job)
{
	return g_strdup_printf(DISK ".%" G_GINT64_FORMAT, job->operation);
}

char *nova_images_new_disk_path(const nova_images_job *job)
{
	g_autofree char *disk = nova_images_disk_path(job->conf, job->uuid);

	return g_strdup_printf("%s.%" G_GINT64_FORMAT, disk, job->operation);
}

static nova_images_job *job_of(nova_conf *conf, const char *uuid, const nova_image *image, int64_t operation,
			       int deadline_ms)
{
	nova_images_job *job = nova_images_job_new(conf, uuid, image, deadline_ms);

	job->operation = operation;
	return job;
}

/* ---- made ---- */

static bool make_new_disk(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *path = nova_images_new_disk_path(job);
	g_autofree char *dir = g_path_get_dirname(path);
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		nova_images_sweep(dir, DISK ".");
	return nova_images_make_disk_work(job, error);
}

bool nova_images_make_new_disk(nova_conf *conf, const char *instance_uuid, const nova_image *image, int64_t root_gb,
			       int64_t operation, int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = job_of(conf, instance_uuid, image, operation, deadline_ms);

	job->root_gb = root_gb;
	return nova_images_job_run(job, make_new_disk, error);
}

/* ---- put in its place ---- */

/* It was made before this was begun: when it is not there under its own name, a try before us has put it in place. */
static bool swap_in(const nova_images_job *job, int dir, GError **error)
{
	g_autofree char *name = new_name(job), *path = nova_images_disk_path(job->conf, job->uuid);
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		nova_images_sweep_at(dir, "memory.");
		nova_images_sweep_at(dir, "console.");
		nova_images_sweep_at(dir, "config."); /* the new disk is told what the row says now */
		if (renameat(dir, name, dir, DISK) < 0 && errno != ENOENT) /* NFS: an answer that was lost */
			return nova_images_fail(error, "replace", path);
	} else if (errno != ENOENT) {
		return nova_images_fail(error, "look at the new disk beside", path);
	}
	if (fstatat(dir, DISK, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return nova_images_fail(error, "look at", path);
	return fsync(dir) == 0 || errno == EINVAL || nova_images_fail(error, "sync the directory of", path);
}

/* Below one open directory, whose file system was just looked at: what is mounted there meanwhile does not matter. */
static bool swap_disk(void *data, GError **error)
{
	const nova_images_job *job = data;
	int instances = nova_images_open_instances(job, error), dir = -1;
	bool done = instances >= 0 && nova_images_is_file_system(job, instances, error);

	if (done) {
		dir = openat(instances, job->uuid, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		done = dir >= 0 ? swap_in(job, dir, error) :
				  nova_images_fail(error, "open the directory of", job->uuid);
	}
	if (dir >= 0)
		close(dir);
	if (instances >= 0)
		close(instances);
	return done;
}

bool nova_images_swap_disk(nova_conf *conf, const char *instance_uuid, int64_t operation, const char *fsid,
			   int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = job_of(conf, instance_uuid, NULL, operation, deadline_ms);

	job->fsid = g_strdup(fsid);
	return nova_images_job_run(job, swap_disk, error);
}

/* ---- given up ---- */

static bool drop_new_disk(void *data, GError **error)
{
	g_autofree char *path = nova_images_new_disk_path(data);

	return unlink(path) == 0 || errno == ENOENT || nova_images_fail(error, "remove", path);
}

bool nova_images_drop_new_disk(nova_conf *conf, const char *instance_uuid, int64_t operation, int deadline_ms,
			       GError **error)
{
	g_autoptr(nova_images_job) job = job_of(conf, instance_uuid, NULL, operation, deadline_ms);

	return nova_images_job_run(job, drop_new_disk, error);
}
