/* SPDX-License-Identifier: Apache-2.0
 *
 * flavors.h, images and networks: the small catalogues.  Any thread; see db.h for faults.
 * The find functions return NULL with no error for what does not exist.
 */
#pragma once

#include "db/db.h"
#include "model/flavor.h"

/* flavor->flavorid NULL: a uuid is made.  CONFLICT: id or name taken. */
bool nova_flavors_create(nova_db *db, const nova_flavor *flavor, char **ret_flavorid, GError **error);
nova_flavor *nova_flavors_find(nova_db *db, const char *flavorid, GError **error);
/* The same among those a project may use: the public ones and those it was given access to; NULL: all. */
nova_flavor *nova_flavors_find_for(nova_db *db, const char *flavorid, const char *project_id, GError **error);
/* By flavorid; *ret: of nova_flavor. */
bool nova_flavors_list(nova_db *db, GPtrArray **ret, GError **error);
bool nova_flavors_list_for(nova_db *db, const char *project_id, GPtrArray **ret, GError **error);

bool nova_images_create(nova_db *db, const nova_image *image, GError **error);
nova_image *nova_images_find(nova_db *db, const char *id, GError **error);
/* name NULL: all; newest first. */
bool nova_images_list(nova_db *db, const char *name, GPtrArray **ret, GError **error);

/* Makes the network and a row for every usable address of `cidr' (IPv4, /16 to /30; network, broadcast
 * and gateway addresses left out), with a MAC fa:16:3e:xx:xx:xx each.  BAD_REQUEST, CONFLICT. */
bool nova_networks_create(nova_db *db, const char *label, const char *cidr, const char *gateway,
			  const char *bridge, char **ret_uuid, GError **error);
bool nova_networks_list(nova_db *db, GPtrArray **ret, GError **error);
nova_network *nova_networks_find(nova_db *db, const char *uuid_or_label, GError **error);
