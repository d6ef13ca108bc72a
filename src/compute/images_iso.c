/* SPDX-License-Identifier: Apache-2.0
 *
 * Small ISO 9660 images beside a guest's disk.
 */
#include "compute/images_job.h"

#include "common/subprocess.h"
#include "common/uuid.h"

#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX	  ".iso."
#define LABEL	  "config-2" /* what cloud-init looks for */
#define PUBLISHER "nova-lite " PACKAGE_VERSION

nova_images_part *nova_images_part_new(GBytes *content)
{
	nova_images_part *part = g_new0(nova_images_part, 1);

	part->content = content;
	part->paths = g_ptr_array_new_with_free_func(g_free);
	return part;
}

void nova_images_part_free(void *data)
{
	nova_images_part *part = data;

	g_bytes_unref(part->content);
	g_ptr_array_unref(part->paths);
	g_free(part);
}

/* Only its owner and the hypervisor may read what a user gives a guest. */
static bool write_private(const char *path, GBytes *content, GError **error)
{
	size_t length = 0, done = 0;
	const char *data = content ? g_bytes_get_data(content, &length) : NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	while (fd >= 0 && done < length) {
		ssize_t n = write(fd, data + done, length - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || done < length || close(fd) < 0) {
		nova_images_fail(error, "write", path);
		if (fd >= 0 && done < length)
			close(fd);
		return false;
	}
	return true;
}

/* "PLACE IN THE IMAGE=FILE" for each path of each part, whose files are written here. */
static bool write_parts(const nova_images_job *job, const char *stem, GPtrArray *argv, GError **error)
{
	for (unsigned i = 0; i < job->parts->len; i++) {
		const nova_images_part *part = job->parts->pdata[i];
		g_autofree char *file = g_strdup_printf("%s.%u", stem, i);

		if (!write_private(file, part->content, error))
			return false;
		for (unsigned k = 0; k < part->paths->len; k++)
			g_ptr_array_add(argv, g_strdup_printf("%s=%s", (char *)part->paths->pdata[k], file));
	}
	return true;
}

static bool run_tool(const nova_images_job *job, const char *stem, const char *iso, GError **error)
{
	const char *fixed[] = { job->conf->mkisofs_cmd, "-quiet", "-o", iso, "-l", "-J", "-r", "-V", LABEL,
				"-publisher", PUBLISHER, "-graft-points" };
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) failure = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
		g_ptr_array_add(argv, g_strdup(fixed[i]));
	if (!write_parts(job, stem, argv, error))
		return false;
	g_ptr_array_add(argv, NULL);
	nova_subprocess command = { .argv = (const char *const *)argv->pdata, .deadline = job->deadline,
				    .output_may_be_cut = true };

	if (!nova_subprocess_check(&command, NULL, &failure))
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "cannot make %s with '%s' ([DEFAULT] mkisofs_cmd; the package xorriso has it): %s",
				 job->path, job->conf->mkisofs_cmd, failure->message);
	return true;
}

static bool make_iso(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *dir = g_path_get_dirname(job->path), *stem = NULL, *iso = NULL, *prefix = NULL;
	char unique[NOVA_UUID_SIZE];
	struct stat st;
	bool taken = false, ok;

	if (stat(job->path, &st) == 0)
		return true;
	if (errno != ENOENT)
		return nova_images_fail(error, "look at", job->path);
	if (!nova_images_make_dir(dir, error))
		return false;
	nova_images_sweep(dir, PREFIX);
	nova_uuid_new(unique);
	prefix = g_strdup_printf(PREFIX "%s", unique);
	stem = g_build_filename(dir, prefix, NULL);
	iso = g_strconcat(stem, ".out", NULL);
	ok = write_private(iso, NULL, error) && run_tool(job, stem, iso, error) &&
	     nova_images_publish(iso, job->path, &taken, error);
	nova_images_sweep(dir, prefix);
	return ok;
}

bool nova_images_make_iso(nova_conf *conf, const char *instance_uuid, const char *path, GPtrArray *parts,
			  int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, instance_uuid, NULL, deadline_ms);

	job->path = g_strdup(path);
	job->parts = parts;
	return nova_images_job_run(job, make_iso, error);
}
