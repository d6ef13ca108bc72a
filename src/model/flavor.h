/* SPDX-License-Identifier: Apache-2.0
 *
 * flavor.h - sizes of guests, images they start from, networks they are on: plain value types.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct nova_flavor {
	int64_t id;           /* internal row id, on os-migrations */
	char *flavorid;       /* public id */
	char *name;
	int vcpus;
	int64_t memory_mb, root_gb, ephemeral_gb, swap_mb;
	double rxtx_factor;
	bool is_public, disabled;
	char *description;    /* NULL: none */
	char *extra_specs_json;
} nova_flavor;

nova_flavor *nova_flavor_new(void);
void nova_flavor_free(nova_flavor *flavor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_flavor, nova_flavor_free)

typedef struct nova_image {
	char *id, *name;
	char *status;         /* "active" */
	char *disk_format;    /* "qcow2" or "raw" */
	char *container_format; /* "bare" */
	char *visibility;     /* "public" */
	char *owner;
	int64_t size;         /* bytes of the file */
	int64_t virtual_size; /* bytes of the disk it holds */
	char *checksum;       /* SHA-256 in hex */
	int min_disk, min_ram; /* GiB, MiB */
	char *file;           /* name below filesystem_store_datadir */
	char *properties_json;
	int64_t created_us, updated_us;
} nova_image;

nova_image *nova_image_new(void);
void nova_image_free(nova_image *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_image, nova_image_free)

typedef struct nova_network {
	int id;
	char *uuid, *label, *cidr, *gateway, *bridge;
	int64_t total, used;  /* addresses */
} nova_network;

nova_network *nova_network_new(void);
void nova_network_free(nova_network *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_network, nova_network_free)
