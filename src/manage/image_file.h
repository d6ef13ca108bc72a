/* SPDX-License-Identifier: Apache-2.0
 *
 * image_file.h - a disk image on its way into the image store.
 */
#pragma once

#include "common/error.h"

#include <stdint.h>

typedef struct nova_image_facts {
	char *format;         /* "qcow2" or "raw" */
	int64_t virtual_size; /* bytes of the disk */
} nova_image_facts;

/* Looks at `file' with qemu-img (as `format', or, NULL, as what it says it is).  Refuses
 * (BAD_REQUEST) what a guest must not bring along: a backing file or an external data file, and
 * formats other than qcow2 and raw. */
bool nova_image_file_probe(const char *file, const char *format, nova_image_facts *ret,
			   GError **error);

/* Copies `file' to `directory'/`name' under a temporary name first, synced and renamed at the end;
 * gives its size and SHA-256 in hex.  STORAGE. */
bool nova_image_file_store(const char *file, const char *directory, const char *name,
			   int64_t *ret_size, char **ret_sha256, GError **error);
