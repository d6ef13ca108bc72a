/* SPDX-License-Identifier: Apache-2.0
 *
 * config_drive.h - the small read-only disk in which a guest finds what it is told: its name, its keys, its network,
 * what its user gave it.
 *
 * An ISO 9660 with the label "config-2" in the layout of OpenStack's metadata service, which cloud-init knows:
 *	openstack/VERSION/{meta_data.json,network_data.json,vendor_data.json,vendor_data2.json,user_data}
 *	ec2/VERSION/{meta-data.json,user-data}
 * for each dated version and "latest", each with the files that version has.  It is UUID/config.iso below
 * instances_path, complete as soon as it has this name, and removed with the directory it is in.
 *
 * There is no admin_pass in it: passwords are kept nowhere.
 *
 * Any thread.  Faults: those of images.h, and INTERNAL when the tool is missing.
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"
#include "model/flavor.h"
#include "model/instance.h"

/* What a guest is told.  All borrowed. */
typedef struct nova_config_drive {
	const nova_instance *instance;
	const char *public_key;    /* of its key_name; NULL: none */
	const GPtrArray *networks; /* of nova_network, for masks and gateways of its addresses; NULL: none */
} nova_config_drive;

/* Makes sure that it is there, with [DEFAULT] mkisofs_cmd.  An existing one is kept: a guest may be reading it. */
bool nova_config_drive_make(nova_conf *conf, const nova_config_drive *drive, int deadline_ms, GError **error);

/* Its path; pure.  Caller frees. */
char *nova_config_drive_path(const nova_conf *conf, const char *instance_uuid);

/* One of its documents; pure but for meta_data.json's random_seed.  Caller frees. */
char *nova_config_drive_meta_data(const nova_config_drive *drive, int version);
char *nova_config_drive_network_data(const nova_config_drive *drive);
char *nova_config_drive_ec2_meta_data(const nova_config_drive *drive);

/* The versions of the layout: meta_data.json grew with them. */
enum { NOVA_CONFIG_DRIVE_VERSIONS = 9 };
extern const char *const nova_config_drive_versions[NOVA_CONFIG_DRIVE_VERSIONS];
