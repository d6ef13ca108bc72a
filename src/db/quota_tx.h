/* SPDX-License-Identifier: Apache-2.0
 *
 * quota_tx.h - quotas inside of the transaction that uses them up.
 */
#pragma once

#include "db/tx.h"
#include "model/quota.h"

/* Limits of a project, as nova_quotas_limits(). */
bool nova_quota_tx_limits(nova_tx *tx, const char *project_id, const nova_quotas *defaults, nova_quotas *ret,
			  GError **error);

/* Locks what the project's servers add up to until the transaction ends and fails with FORBIDDEN unless one more of
 * this size (for a server that grows: the difference, and `instances' 0) fits.  Take it before rows of hosts. */
bool nova_quota_tx_admit(nova_tx *tx, const char *project_id, const nova_quotas *defaults, int64_t instances,
			 int64_t vcpus, int64_t memory_mb, GError **error);
