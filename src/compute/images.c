/* SPDX-License-Identifier: Apache-2.0
 *
 * Guests' disks, and what the other images_* files share.
 */
#include "compute/images.h"

#include "common/json_auto.h"
#include "common/subprocess.h"
#include "common/uuid.h"
#include "compute/images_job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An image file that makes qemu-img take more is not one to boot from. */
#define INSPECT_MEMORY_MB 1024
#define INSPECT_CPU_S 30

static nova_offload_group calls = { .what = "storage", .fault = NOVA_FAULT_STORAGE, .max_stuck = 64 };

/* ---- jobs ---- */

nova_images_job *nova_images_job_new(nova_conf *conf, const char *uuid, const nova_image *image, int deadline_ms)
{
	nova_images_job *job = g_atomic_rc_box_new0(nova_images_job);

	job->conf = nova_conf_ref(conf);
	job->uuid = uuid ? g_ascii_strdown(uuid, -1) : NULL;
	job->deadline = nova_deadline_in_ms(deadline_ms);
	if (image) {
		job->image.id = g_ascii_strdown(image->id, -1);
		job->image.checksum = g_strdup(image->checksum);
		job->image.disk_format = g_strdup(image->disk_format);
		job->image.size = image->size;
		job->image.virtual_size = image->virtual_size;
	}
	return job;
}

static void job_clear(void *data)
{
	nova_images_job *job = data;

	nova_conf_unref(job->conf);
	g_free(job->uuid);
	g_free(job->fsid);
	g_free(job->image.id);
	g_free(job->image.checksum);
	g_free(job->image.disk_format);
	g_free(job->path);
	g_clear_pointer(&job->parts, g_ptr_array_unref);
}

void nova_images_job_unref(nova_images_job *job)
{
	if (job)
		g_atomic_rc_box_release_full(job, job_clear);
}

bool nova_images_job_run(nova_images_job *job, nova_offload_work work, GError **error)
{
	g_autofree char *who = g_strdup_printf("storage at %s", job->conf->instances_path);
	nova_offload_call call = { .group = &calls, .who = who, .work = work, .args = job, .clear = job_clear };

	/* Both become parts of a path. */
	if ((job->uuid && !nova_uuid_is_valid(job->uuid)) || (job->image.id && !nova_uuid_is_valid(job->image.id)))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%.80s' is not a uuid",
				 job->uuid && !nova_uuid_is_valid(job->uuid) ? job->uuid : job->image.id);
	return nova_offload_run(&call, job->deadline, NULL, error);
}

unsigned nova_images_stuck(void)
{
	return nova_offload_stuck(&calls);
}

/* ---- files ---- */

bool nova_images_fail(GError **error, const char *what, const char *path)
{
	return nova_fail(error, NOVA_FAULT_STORAGE, "cannot %s %s: %s", what, path, g_strerror(errno));
}

bool nova_images_make_dir(const char *path, GError **error)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return nova_images_fail(error, "make the directory", path);
	return true;
}

static bool sync_path(const char *path, int flags, GError **error)
{
	int fd = open(path, flags | O_CLOEXEC);
	bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);

	if (!ok)
		nova_images_fail(error, "sync", path);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* link(2) and not rename(2): another host may have made the same file, and its guests may have it open. */
bool nova_images_publish(const char *from, const char *to, bool *ret_taken, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(to);
	bool ok = sync_path(from, O_RDONLY, error);

	*ret_taken = false;
	if (ok && link(from, to) < 0) {
		*ret_taken = errno == EEXIST;
		ok = *ret_taken || nova_images_fail(error, "name the file", to);
	}
	unlink(from);
	return ok && sync_path(dir, O_RDONLY | O_DIRECTORY, error);
}

void nova_images_sweep_at(int dir, const char *prefix)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (g_str_has_prefix(entry->d_name, prefix))
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

void nova_images_sweep(const char *dir, const char *prefix)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	nova_images_sweep_at(fd, prefix);
	close(fd);
}

/* ---- qemu-img ---- */

void nova_images_info_done(nova_images_info *info)
{
	g_clear_pointer(&info->format, g_free);
	g_clear_pointer(&info->backing, g_free);
}

static json_object *member(json_object *object, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static char *string_member(json_object *object, const char *key)
{
	json_object *value = member(object, key);

	return value && json_object_is_type(value, json_type_string) ? g_strdup(json_object_get_string(value)) : NULL;
}

bool nova_images_inspect(const char *path, const char *format, nova_deadline deadline, nova_images_info *ret,
			 GError **error)
{
	/* -U: a running guest has the image locked. */
	const char *argv[] = { "qemu-img", "info", "-U", "-f", format, "--output=json", path, NULL };
	nova_subprocess command = { .argv = argv, .deadline = deadline, .max_memory_mb = INSPECT_MEMORY_MB,
				    .max_cpu_s = INSPECT_CPU_S };
	g_autoptr(json_object) info = NULL;
	g_autoptr(GError) failure = NULL;
	g_autofree char *text = NULL;
	json_object *specific, *data;

	if (!nova_subprocess_check(&command, &text, &failure))
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot inspect %s: %s", path, failure->message);
	info = json_tokener_parse(text);
	if (!info || !json_object_is_type(info, json_type_object) || !member(info, "virtual-size"))
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot inspect %s: qemu-img does not answer in JSON",
				 path);
	ret->format = string_member(info, "format");
	ret->backing = string_member(info, "backing-filename");
	ret->virtual_size = json_object_get_int64(member(info, "virtual-size"));
	specific = member(info, "format-specific");
	data = specific ? member(specific, "data") : NULL;
	ret->has_data_file = data && member(data, "data-file");
	return true;
}

static bool create_overlay(const nova_images_job *job, const char *base, const char *path, int64_t size,
			   GError **error)
{
	g_autofree char *bytes = g_strdup_printf("%" G_GINT64_FORMAT, size);
	const char *with_base[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", job->image.disk_format,
				    path, bytes, NULL };
	const char *empty[] = { "qemu-img", "create", "-q", "-f", "qcow2", path, bytes, NULL };
	nova_subprocess command = { .argv = base ? with_base : empty, .deadline = job->deadline };
	g_autoptr(GError) failure = NULL;

	if (!nova_subprocess_check(&command, NULL, &failure))
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot create %s: %s", path, failure->message);
	return true;
}

/* ---- a guest's disk ---- */

char *nova_images_base_path(const nova_conf *conf, const char *image_id)
{
	return g_strdup_printf("%s/%s/%s", conf->instances_path, conf->image_cache_subdirectory_name, image_id);
}

char *nova_images_disk_path(const nova_conf *conf, const char *instance_uuid)
{
	g_autofree char *lower = g_ascii_strdown(instance_uuid, -1);

	return g_strdup_printf("%s/%s/disk", conf->instances_path, lower);
}

/* An existing disk holds a guest's data: it is kept, or its owner has to decide. */
static bool check_disk(const nova_images_job *job, const char *base, const char *disk, int64_t size, GError **error)
{
	g_auto(nova_images_info) info = { 0 };

	if (!nova_images_inspect(disk, "qcow2", job->deadline, &info, error))
		return false;
	if (g_strcmp0(info.backing, base) != 0)
		return nova_fail(error, NOVA_FAULT_STORAGE, "the disk %s exists, but stands on %s instead of %s", disk,
				 info.backing ? info.backing : "no image", base ? base : "none");
	if (info.virtual_size < size)
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "the disk %s exists, but has %" G_GINT64_FORMAT " bytes instead "
				 "of %" G_GINT64_FORMAT,
				 disk, info.virtual_size, size);
	return true;
}

bool nova_images_make_disk_work(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *base = job->image.id ? nova_images_base_path(job->conf, job->image.id) : NULL;
	g_autofree char *disk = job->operation ? nova_images_new_disk_path(job) :
						 nova_images_disk_path(job->conf, job->uuid);
	g_autofree char *dir = g_path_get_dirname(disk), *part = NULL;
	int64_t size = MAX(job->root_gb << 30, job->image.id ? job->image.virtual_size : 0);
	char unique[NOVA_UUID_SIZE];
	struct stat st;
	bool taken = false;

	if (size <= 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "instance %s would have an empty disk: give its flavor a size", job->uuid);
	if (base && stat(base, &st) < 0)
		return nova_images_fail(error, "use the image", base);
	if (!nova_images_make_dir(dir, error))
		return false;
	if (stat(disk, &st) < 0) {
		if (errno != ENOENT)
			return nova_images_fail(error, "look at", disk);
		nova_images_sweep(dir, ".disk.");
		nova_uuid_new(unique);
		part = g_strdup_printf("%s/.disk.%s", dir, unique);
		if (!create_overlay(job, base, part, size, error) || !nova_images_publish(part, disk, &taken, error))
			return false;
	}
	if (!check_disk(job, base, disk, size, error))
		return false;
	job->path = g_steal_pointer(&disk);
	return true;
}

bool nova_images_make_disk(nova_conf *conf, const char *instance_uuid, const nova_image *image, int64_t root_gb,
			   char **ret_disk, int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, instance_uuid, image, deadline_ms);

	job->root_gb = root_gb;
	if (!nova_images_job_run(job, nova_images_make_disk_work, error))
		return false;
	if (ret_disk)
		*ret_disk = g_steal_pointer(&job->path);
	return true;
}

static bool grow_disk(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *disk = nova_images_disk_path(job->conf, job->uuid);
	g_autofree char *bytes = g_strdup_printf("%" G_GINT64_FORMAT, job->root_gb << 30);
	const char *argv[] = { "qemu-img", "resize", "-q", "-f", "qcow2", disk, bytes, NULL };
	nova_subprocess command = { .argv = argv, .deadline = job->deadline };
	g_auto(nova_images_info) info = { 0 };
	g_autoptr(GError) failure = NULL;

	if (!nova_images_inspect(disk, "qcow2", job->deadline, &info, error))
		return false;
	if (info.virtual_size >= job->root_gb << 30)
		return true;
	if (!nova_subprocess_check(&command, NULL, &failure))
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot make %s larger: %s", disk, failure->message);
	return sync_path(disk, O_RDONLY, error);
}

bool nova_images_grow_disk(nova_conf *conf, const char *instance_uuid, int64_t root_gb, int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, instance_uuid, NULL, deadline_ms);

	job->root_gb = root_gb;
	return nova_images_job_run(job, grow_disk, error);
}
