/* SPDX-License-Identifier: Apache-2.0
 *
 * images_job.h - what the parts of images.c share.  Internal to the images_* files.
 */
#pragma once

#include "common/conf.h"
#include "common/deadline.h"
#include "common/error.h"
#include "compute/offload.h"
#include "model/flavor.h"

/* One call on its thread: an atomic rc box. */
typedef struct nova_images_job {
	nova_conf *conf;
	char *uuid;                 /* of the instance; NULL: none */
	char *fsid;                 /* what instances_path must be; NULL: it does not matter */
	nova_image image;           /* a copy of what is needed; id NULL: no image */
	int64_t root_gb, token;
	unsigned max;
	nova_deadline deadline;
	int64_t operation;          /* whose new disk; 0 */
	char *path;                 /* the result; of a memory file or an ISO: which */
	GPtrArray *parts;           /* of nova_images_part, owned: what is in an ISO */
	bool found;                 /* the result: it is there */
} nova_images_job;

/* `image' and `uuid' may be NULL. */
nova_images_job *nova_images_job_new(nova_conf *conf, const char *uuid, const nova_image *image, int deadline_ms);
/* Runs work(job) on a thread of its own; false and STORAGE when it does not come back. */
bool nova_images_job_run(nova_images_job *job, nova_offload_work work, GError **error);
void nova_images_job_unref(nova_images_job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_images_job, nova_images_job_unref)

/* STORAGE: "cannot WHAT PATH: REASON" from errno. */
bool nova_images_fail(GError **error, const char *what, const char *path);

/* instances_path; -1 and *error. */
int nova_images_open_instances(const nova_images_job *job, GError **error);
/* STORAGE unless that open directory is the file system job->fsid. */
bool nova_images_is_file_system(const nova_images_job *job, int instances, GError **error);

bool nova_images_make_dir(const char *path, GError **error);
/* Gives a complete file its final name, which must be free; *ret_taken when it was not.  `from' is removed. */
bool nova_images_publish(const char *from, const char *to, bool *ret_taken, GError **error);
/* Removes files of this directory whose names begin so: what an interrupted call has left. */
void nova_images_sweep(const char *dir, const char *prefix);
/* The same in an open directory. */
void nova_images_sweep_at(int dir, const char *prefix);

/* A file of an ISO, which may be there under several paths. */
typedef struct nova_images_part {
	GBytes *content;
	GPtrArray *paths; /* of char *, owned: "openstack/latest/user_data" */
} nova_images_part;
/* Takes `content' over; it has no path yet. */
nova_images_part *nova_images_part_new(GBytes *content);
void nova_images_part_free(void *part);
/* Makes sure that the ISO 9660 image `path', in the guest's directory, exists; an existing one is kept.  Takes `parts'
 * over. */
bool nova_images_make_iso(nova_conf *conf, const char *instance_uuid, const char *path, GPtrArray *parts,
			  int deadline_ms, GError **error);

/* What qemu-img says of a file. */
typedef struct nova_images_info {
	char *format, *backing; /* backing NULL: none */
	bool has_data_file;
	int64_t virtual_size;
} nova_images_info;
void nova_images_info_done(nova_images_info *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(nova_images_info, nova_images_info_done)
bool nova_images_inspect(const char *path, const char *format, nova_deadline deadline, nova_images_info *ret,
			 GError **error);

/* instances_path/UUID/disk.OPERATION; caller frees. */
char *nova_images_new_disk_path(const nova_images_job *job);

/* Where a base image is. */
char *nova_images_base_path(const nova_conf *conf, const char *image_id);
/* The work of nova_images_make_disk(); with an operation that of nova_images_make_new_disk(). */
bool nova_images_make_disk_work(void *job, GError **error);
/* The work of nova_images_fetch(), for a caller that is on a thread of its own already. */
bool nova_images_fetch_work(void *job, GError **error);
