/* SPDX-License-Identifier: Apache-2.0
 *
 * server_groups.h - groups of servers, and what a server wishes of its place.  Any thread; see db.h for faults.
 * project_id NULL: of any project; else a group of another project does not exist.
 */
#pragma once

#include "db/db.h"
#include "model/quota.h"
#include "model/server_group.h"

/* Names, policy and max_per_host are the caller's, the uuid is made.  FORBIDDEN: the project has as many as it may;
 * `defaults' are the configuration's limits. */
bool nova_server_groups_create(nova_db *db, const nova_server_group *group, const nova_quotas *defaults,
			       char **ret_uuid, GError **error);

/* NULL with no error: there is none, also for text that is no uuid. */
nova_server_group *nova_server_groups_find(nova_db *db, const char *uuid, const char *project_id, GError **error);

/* *ret: of nova_server_group, the oldest first. */
bool nova_server_groups_list(nova_db *db, const char *project_id, int limit, int offset, GPtrArray **ret,
			     GError **error);

/* Its servers stay, and are in no group any more. */
bool nova_server_groups_delete(nova_db *db, const char *uuid, const char *project_id, bool *ret_found, GError **error);

/* Caller frees. */
nova_wishes *nova_instances_wishes(nova_db *db, const char *uuid, GError **error);
