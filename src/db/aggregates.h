/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregates.h - groups of hosts.  One that names an availability zone in its metadata makes it the zone of its hosts;
 * a host is in one zone at most.  Any thread; see db.h for faults.
 *
 * Changes fail with NOT_FOUND (aggregate, host), CONFLICT (a name that is taken, a host that is there already) or, with
 * *ret_invalid set, BAD_REQUEST: the change would put a host into two zones, or take a zone from servers in it.
 */
#pragma once

#include "db/db.h"

#include <glib.h>

typedef struct nova_aggregate {
	int id;
	char *uuid, *name;
	char *metadata_json; /* an object of strings */
	char **hosts;        /* names, sorted */
	int64_t created_us, updated_us; /* 0: never changed */
} nova_aggregate;

void nova_aggregate_free(nova_aggregate *aggregate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_aggregate, nova_aggregate_free)

/* *ret: of nova_aggregate, by id. */
bool nova_aggregates_list(nova_db *db, GPtrArray **ret, GError **error);

/* NULL with no error: there is none. */
nova_aggregate *nova_aggregates_find(nova_db *db, int id, GError **error);

/* zone NULL: none.  *ret_id: its id. */
bool nova_aggregates_create(nova_db *db, const char *name, const char *zone, int *ret_id, GError **error);

typedef enum nova_aggregate_change_kind {
	NOVA_AGGREGATE_UPDATE,
	NOVA_AGGREGATE_METADATA,
	NOVA_AGGREGATE_ADD_HOST,
	NOVA_AGGREGATE_REMOVE_HOST,
	NOVA_AGGREGATE_DELETE, /* CONFLICT while it has hosts */
} nova_aggregate_change_kind;

typedef struct nova_aggregate_change {
	nova_aggregate_change_kind kind;
	int id;
	const char *name;     /* UPDATE; NULL: as it is */
	const char *metadata; /* UPDATE, METADATA: members to set, null ones to remove; NULL: as it is */
	const char *host;     /* ADD_HOST, REMOVE_HOST */
} nova_aggregate_change;

bool nova_aggregates_change(nova_db *db, const nova_aggregate_change *change, bool *ret_invalid, GError **error);
