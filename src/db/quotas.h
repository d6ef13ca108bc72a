/* SPDX-License-Identifier: Apache-2.0
 *
 * quotas.h - what projects may have, and what they have.  Any thread; see db.h for faults.
 *
 * `defaults' are the limits of the configuration: they count where a project has none of its own.
 */
#pragma once

#include "db/db.h"
#include "model/instance.h"
#include "model/quota.h"

bool nova_quotas_limits(nova_db *db, const char *project_id, const nova_quotas *defaults, nova_quotas *ret,
			GError **error);

/* Key pairs are those of `user_id'.  Metadata items and members are counted for each server and group: 0. */
bool nova_quotas_usage(nova_db *db, const char *project_id, const char *user_id, nova_quotas *ret, GError **error);

/* NOVA_QUOTA_KEEP leaves a limit alone.  Unless `force': BAD_REQUEST for a limit below what is used. */
bool nova_quotas_update(nova_db *db, const char *project_id, const nova_quotas *change, bool force, GError **error);

/* The defaults count again. */
bool nova_quotas_forget(nova_db *db, const char *project_id, GError **error);

/* What a server used of a period. */
typedef struct nova_usage_row {
	char *uuid, *project_id, *name, *flavor_name;
	int64_t vcpus, memory_mb, local_gb;
	nova_vm_state vm_state;
	int64_t launched_us, terminated_us; /* 0: runs */
} nova_usage_row;
void nova_usage_row_free(nova_usage_row *row);

typedef struct nova_usage_query {
	int64_t begin_us, end_us;
	const char *project_id; /* NULL: all */
	const char *marker;     /* uuid of the last server of the page before */
	int limit;
} nova_usage_query;

/* By project and uuid.  *ret: of nova_usage_row, owns them.  BAD_REQUEST "marker [x] not found". */
bool nova_quotas_periods(nova_db *db, const nova_usage_query *query, GPtrArray **ret, GError **error);
