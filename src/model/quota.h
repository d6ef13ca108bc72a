/* SPDX-License-Identifier: Apache-2.0
 *
 * quota.h - what a project may have at most, and whether a wish fits.  Pure.
 */
#pragma once

#include "common/error.h"
#include "common/names.h"

#include <stdint.h>

typedef enum nova_quota {
	NOVA_QUOTA_INSTANCES,
	NOVA_QUOTA_CORES,
	NOVA_QUOTA_RAM, /* MiB */
	NOVA_QUOTA_KEY_PAIRS, /* of each user */
	NOVA_QUOTA_METADATA_ITEMS, /* of each server */
	NOVA_QUOTA_SERVER_GROUPS,
	NOVA_QUOTA_SERVER_GROUP_MEMBERS, /* of each group */
	NOVA_QUOTA__COUNT
} nova_quota;

extern const nova_names nova_quota_names; /* as the API spells them */

#define NOVA_QUOTA_UNLIMITED (-1)
#define NOVA_QUOTA_KEEP	     (-2) /* in a change: leave it as it is */
#define NOVA_QUOTA_MOST	     INT32_MAX

/* An amount of each: limits, or what is used. */
typedef struct nova_quotas {
	int64_t of[NOVA_QUOTA__COUNT];
} nova_quotas;

/* Whether `wanted' of it fits beside what is used. */
bool nova_quota_fits(const nova_quotas *limits, const nova_quotas *used, nova_quota quota, int64_t wanted);

/* How many servers of this size fit, at most `count'. */
int64_t nova_quota_servers(const nova_quotas *limits, const nova_quotas *used, int64_t vcpus, int64_t memory_mb,
			   int64_t count);

/* FORBIDDEN with Nova's text unless `count' servers of this size fit. */
bool nova_quota_check_servers(const nova_quotas *limits, const nova_quotas *used, int64_t vcpus, int64_t memory_mb,
			      int64_t count, GError **error);
