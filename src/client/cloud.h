/* SPDX-License-Identifier: Apache-2.0
 *
 * cloud.h - where the service is and who asks, in the words of every OpenStack client.
 *
 * Either from the variables OS_*, or from an entry of clouds.yaml (and secure.yaml, which adds to it and may keep the
 * passwords apart).  The first file that is there counts: the one OS_CLIENT_CONFIG_FILE names, clouds.yaml, .yml or
 * .json in the current directory, in $XDG_CONFIG_HOME/openstack (~/.config/openstack), in /etc/openstack.  Of an entry
 * auth_type, auth, cacert, verify, interface and compute_endpoint_override are read; the rest is for others.
 */
#pragma once

#include "common/error.h"

#include <stdbool.h>

typedef struct nova_cloud {
	char *name; /* of the entry; NULL: all of it is from the environment */
	/* NULL: not said */
	char *auth_type;
	char *auth_url;
	char *endpoint; /* of the compute service */
	char *token;
	char *username, *user_domain_name, *user_domain_id;
	char *password;
	char *project_name, *project_id, *project_domain_name, *project_domain_id;
	char *interface; /* of the catalogue: public, internal or admin */
	char *cacert;    /* file of certificates to trust */
	bool insecure;   /* do not check the service's certificate */
} nova_cloud;

/* `name' NULL: the entry OS_CLOUD names, or else the environment.  An entry counts as it is; only a password it lacks
 * is taken from OS_PASSWORD.  CONFIG when there is no such entry or its file cannot be read. */
nova_cloud *nova_cloud_load(const char *name, GError **error);
void nova_cloud_free(nova_cloud *cloud);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_cloud, nova_cloud_free)

/* What the user has to set to change a value: "OS_AUTH_URL", or "auth_url of the cloud 'lab'".  Free with g_free(). */
char *nova_cloud_blame(const nova_cloud *cloud, const char *variable);
