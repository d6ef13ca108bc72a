/* SPDX-License-Identifier: Apache-2.0 */
#include "db/fence.h"

#include <inttypes.h>

static bool explain(nova_result *row, const nova_fence *fence, GError **error)
{
	if (!row)
		return nova_fail(error, NOVA_FAULT_FENCED, "host %d is not registered", fence->host_id);
	const char *name = nova_result_text(row, "name");
	int64_t epoch = nova_result_int(row, "epoch");

	if (epoch != fence->epoch)
		return nova_fail(error, NOVA_FAULT_FENCED,
				 "host '%s': epoch %" PRId64 " was taken over by epoch %" PRId64
				 "; this process may change nothing any more",
				 name, fence->epoch, epoch);
	if (nova_result_bool(row, "valid"))
		return nova_fail(error, NOVA_FAULT_FENCED,
				 "host '%s' holds its lease, but this is not its to change", name);
	return nova_fail(error, NOVA_FAULT_FENCED,
			 "host '%s': the lease of epoch %" PRId64
			 " has run out; renew it before changing anything",
			 name, fence->epoch);
}

bool nova_fence_refuse_in(nova_tx *tx, const nova_fence *fence, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	return nova_tx_one(tx, NOVA_Q_FENCE_LOOK, NOVA_ARGS(nova_arg_int(fence->host_id)), &row, error) &&
	       explain(row, fence, error);
}

bool nova_fence_refuse(nova_db *db, const nova_fence *fence, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	return nova_db_one(db, NOVA_Q_FENCE_LOOK, NOVA_ARGS(nova_arg_int(fence->host_id)), &row, error) &&
	       explain(row, fence, error);
}

bool nova_fence_hold(nova_tx *tx, const nova_fence *fence, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_FENCE_HOLD,
			 NOVA_ARGS(nova_arg_int(fence->host_id), nova_arg_int(fence->epoch)), &row, error))
		return false;
	return row || nova_fence_refuse_in(tx, fence, error);
}
