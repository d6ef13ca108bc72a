/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of suspended guests: instances_path/UUID/memory.OPERATION.
 */
#include "compute/images.h"

#include "compute/images_job.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PREFIX "memory."

char *nova_images_memory_path(const nova_conf *conf, const char *instance_uuid, int64_t operation)
{
	g_autofree char *lower = g_ascii_strdown(instance_uuid, -1);

	return g_strdup_printf("%s/%s/" PREFIX "%" G_GINT64_FORMAT, conf->instances_path, lower, operation);
}

/* A file system that cannot sync directories keeps their order by itself (EINVAL). */
static bool sync_open(const char *path, int flags, bool *ret_there, GError **error)
{
	int fd = open(path, flags | O_CLOEXEC);
	bool ok = fd >= 0 ? fsync(fd) == 0 || errno == EINVAL : errno == ENOENT;

	if (!ok)
		nova_images_fail(error, "sync", path);
	*ret_there = fd >= 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool settle(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *dir = g_path_get_dirname(job->path);
	bool there;

	return sync_open(job->path, O_RDONLY, &job->found, error) &&
	       sync_open(dir, O_RDONLY | O_DIRECTORY, &there, error);
}

bool nova_images_memory_settle(nova_conf *conf, const char *instance_uuid, int64_t operation, bool *ret_there,
			       int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, instance_uuid, NULL, deadline_ms);

	job->path = nova_images_memory_path(conf, instance_uuid, operation);
	if (!nova_images_job_run(job, settle, error))
		return false;
	*ret_there = job->found;
	return true;
}

static bool remove_all(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *dir = g_path_get_dirname(job->path);
	bool there;

	nova_images_sweep(dir, PREFIX);
	if (!sync_open(dir, O_RDONLY | O_DIRECTORY, &there, error) ||
	    !sync_open(job->path, O_RDONLY, &there, error))
		return false;
	return !there || nova_fail(error, NOVA_FAULT_STORAGE, "cannot remove the file %s", job->path);
}

bool nova_images_memory_remove(nova_conf *conf, const char *instance_uuid, int64_t operation, int deadline_ms,
			       GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, instance_uuid, NULL, deadline_ms);

	job->path = nova_images_memory_path(conf, instance_uuid, operation);
	return nova_images_job_run(job, remove_all, error);
}
