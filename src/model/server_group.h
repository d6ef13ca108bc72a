/* SPDX-License-Identifier: Apache-2.0
 *
 * server_group.h - servers that shall be together or apart, and what else a server wishes of its place.  Pure values.
 */
#pragma once

#include "common/names.h"

#include <glib.h>
#include <stdint.h>

typedef enum nova_group_policy {
	NOVA_GROUP_AFFINITY,      /* all on one host */
	NOVA_GROUP_ANTI_AFFINITY, /* at most so many on one host */
	NOVA_GROUP_SOFT_AFFINITY, /* the same as far as it goes */
	NOVA_GROUP_SOFT_ANTI_AFFINITY,
	NOVA_GROUP__COUNT
} nova_group_policy;

extern const nova_names nova_group_policy_names; /* as the API spells them */

typedef struct nova_server_group {
	int64_t id;
	char *uuid, *project_id, *user_id, *name;
	nova_group_policy policy;
	int max_per_host; /* 0: none given */
	char **members;   /* uuids of servers, in the order they came */
} nova_server_group;

void nova_server_group_free(nova_server_group *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_server_group, nova_server_group_free)

/* What a server wishes of its place besides room. */
typedef struct nova_wishes {
	char *zone;   /* NULL: any */
	bool grouped; /* the rest counts */
	nova_group_policy policy;
	int max_per_host;
	bool beside;        /* on a host of `same' */
	GHashTable *same;   /* set of host ids (GINT_TO_POINTER) where servers are with which it shall share a host */
	GHashTable *apart;  /* set of host ids with servers it shall not share a host with */
	GHashTable *others; /* host id to how many other members are there or on their way (GINT_TO_POINTER) */
} nova_wishes;

nova_wishes *nova_wishes_new(void);
void nova_wishes_free(nova_wishes *wishes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_wishes, nova_wishes_free)

/* How many other members of the group are on the host, and on all hosts. */
int nova_wishes_others_on(const nova_wishes *wishes, int host_id);
int nova_wishes_others(const nova_wishes *wishes);
