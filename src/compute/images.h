/* SPDX-License-Identifier: Apache-2.0
 *
 * images.h - the disks of guests: base images downloaded once, overlays on top of them, and their removal.
 *
 * Layout below instances_path:
 *	_base/IMAGEID          base image, complete and verified as soon as it has this name
 *	UUID/disk              qcow2 overlay, complete as soon as it has this name
 *	UUID/disk.OPERATION    the same of a rebuild that goes on, until it takes the name `disk'
 *	UUID/config.iso        see config_drive.h
 *	UUID/console.N.log     see console.h
 *	.trash/UUID.N          a deleted guest's directory until it is removed
 * Everything is idempotent and safe with other hosts doing the same on shared storage: nothing that has
 * its final name is ever written to or replaced here, but for the disk of a rebuild.
 *
 * Every function returns by its deadline also when the storage hangs (the work is then abandoned on a
 * thread of its own, which is counted).  Faults: STORAGE, IMAGE_NOT_FOUND, DEADLINE.
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"
#include "model/flavor.h"

/* Makes sure that the base image is there: downloads it from the [glance] api_servers in turn, [glance]
 * num_retries rounds, and checks size and SHA-256.  *ret_path (may be NULL) is its path; caller frees. */
bool nova_images_fetch(nova_conf *conf, const nova_image *image, char **ret_path, int deadline_ms,
		       GError **error);

/* Makes sure that UUID/disk exists: an overlay on the (fetched) base image, as large as the larger of root_gb
 * and the image.  An existing one is kept if it stands on that image and is not smaller, else STORAGE.
 * `image' NULL: an empty disk of root_gb.  *ret_disk (may be NULL) is its path; caller frees. */
bool nova_images_make_disk(nova_conf *conf, const char *instance_uuid, const nova_image *image, int64_t root_gb,
			   char **ret_disk, int deadline_ms, GError **error);

/* Makes UUID/disk as large as root_gb if it is smaller; the guest must be off.  Idempotent; a disk never shrinks. */
bool nova_images_grow_disk(nova_conf *conf, const char *instance_uuid, int64_t root_gb, int deadline_ms,
			   GError **error);

/* Path of a guest's disk; pure.  Caller frees. */
char *nova_images_disk_path(const nova_conf *conf, const char *instance_uuid);

/* Removes a guest's directory: renames it into .trash (the only step that counts), then empties that.
 * Idempotent.  What could not be removed in time stays in .trash for nova_images_empty_trash().  STORAGE and
 * nothing done unless instances_path is the file system `fsid' at that moment.  Only nova_removal_run() may call it. */
bool nova_images_delete(nova_conf *conf, const char *instance_uuid, int64_t token, const char *fsid, int deadline_ms,
			GError **error);

/* For a rebuild: makes sure that a complete new disk lies beside UUID/disk, under a name that belongs to the operation;
 * what another operation has left under such a name goes.  Otherwise as nova_images_make_disk(). */
bool nova_images_make_new_disk(nova_conf *conf, const char *instance_uuid, const nova_image *image, int64_t root_gb,
			       int64_t operation, int deadline_ms, GError **error);

/* It takes the place of UUID/disk, at once and for good; memory and console logs that belonged to the old disk go
 * before.  Idempotent.  STORAGE and nothing done unless instances_path is the file system `fsid' at that moment.  Only
 * nova_removal_replace_disk() may call it. */
bool nova_images_swap_disk(nova_conf *conf, const char *instance_uuid, int64_t operation, const char *fsid,
			   int deadline_ms, GError **error);

/* It goes: the rebuild was given up.  Idempotent. */
bool nova_images_drop_new_disk(nova_conf *conf, const char *instance_uuid, int64_t operation, int deadline_ms,
			       GError **error);

/* The file with the memory of a suspended guest, which belongs to the operation that suspended it; pure.  Caller
 * frees. */
char *nova_images_memory_path(const nova_conf *conf, const char *instance_uuid, int64_t operation);

/* Whether that file is there; if so, it is on the disk for good. */
bool nova_images_memory_settle(nova_conf *conf, const char *instance_uuid, int64_t operation, bool *ret_there,
			       int deadline_ms, GError **error);

/* Removes it, and any older one of the guest, for good: a power failure does not bring it back.  Idempotent. */
bool nova_images_memory_remove(nova_conf *conf, const char *instance_uuid, int64_t operation, int deadline_ms,
			       GError **error);

/* Removes what interrupted deletes left in .trash.  At most `max' directories. */
bool nova_images_empty_trash(nova_conf *conf, unsigned max, int deadline_ms, GError **error);

/* Calls left behind on a hanging storage. */
unsigned nova_images_stuck(void);
