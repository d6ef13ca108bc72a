/* SPDX-License-Identifier: Apache-2.0 */
#include "db/quotas.h"

#include "common/uuid.h"
#include "db/quota_tx.h"
#include "db/tx.h"

#include <inttypes.h>

static void read_limits(nova_result *rows, const nova_quotas *defaults, nova_quotas *ret)
{
	*ret = *defaults;
	while (nova_result_next(rows)) {
		int quota = nova_names_find(&nova_quota_names, nova_result_text(rows, "resource"));

		if (quota >= 0)
			ret->of[quota] = nova_result_int(rows, "hard_limit");
	}
}

bool nova_quota_tx_limits(nova_tx *tx, const char *project_id, const nova_quotas *defaults, nova_quotas *ret,
			  GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_tx_run(tx, NOVA_Q_QUOTA_LIMITS_OF, NOVA_ARGS(nova_arg_text(project_id)), &rows, error))
		return false;
	read_limits(rows, defaults, ret);
	return true;
}

bool nova_quotas_limits(nova_db *db, const char *project_id, const nova_quotas *defaults, nova_quotas *ret,
			GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_QUOTA_LIMITS_OF, NOVA_ARGS(nova_arg_text(project_id)), &rows, error))
		return false;
	read_limits(rows, defaults, ret);
	return true;
}

static void read_sums(nova_result *row, nova_quotas *ret)
{
	ret->of[NOVA_QUOTA_INSTANCES] = nova_result_int(row, "instances");
	ret->of[NOVA_QUOTA_CORES] = nova_result_int(row, "cores");
	ret->of[NOVA_QUOTA_RAM] = nova_result_int(row, "ram_mb");
}

/* ---- inside a transaction ---- */

bool nova_quota_tx_admit(nova_tx *tx, const char *project_id, const nova_quotas *defaults, int64_t instances,
			 int64_t vcpus, int64_t memory_mb, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	nova_quotas limits, used = { 0 };

	if (!nova_tx_one(tx, NOVA_Q_USAGE_LOCK, NOVA_ARGS(nova_arg_text(project_id)), &row, error) ||
	    !nova_quota_tx_limits(tx, project_id, defaults, &limits, error))
		return false;
	read_sums(row, &used);
	if (instances == 0) /* only what grows counts */
		limits.of[NOVA_QUOTA_INSTANCES] = NOVA_QUOTA_UNLIMITED;
	return nova_quota_check_servers(&limits, &used, vcpus, memory_mb, 1, error);
}

/* ---- reading and changing ---- */

bool nova_quotas_usage(nova_db *db, const char *project_id, const char *user_id, nova_quotas *ret, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_USAGE_OF, NOVA_ARGS(nova_arg_text(project_id), nova_arg_text(user_id)), &row,
			 error))
		return false;
	*ret = (nova_quotas){ 0 };
	if (row) {
		read_sums(row, ret);
		ret->of[NOVA_QUOTA_KEY_PAIRS] = nova_result_int(row, "key_pairs");
		ret->of[NOVA_QUOTA_SERVER_GROUPS] = nova_result_int(row, "server_groups");
	}
	return true;
}

typedef struct update_arg {
	const char *project_id;
	const nova_quotas *change;
	bool force;
} update_arg;

static bool check_above_use(nova_tx *tx, const update_arg *update, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	nova_quotas used = { 0 };

	if (!nova_tx_one(tx, NOVA_Q_USAGE_LOCK, NOVA_ARGS(nova_arg_text(update->project_id)), &row, error))
		return false;
	read_sums(row, &used);
	for (int q = 0; q < NOVA_QUOTA__COUNT; q++) {
		int64_t limit = update->change->of[q];

		if (limit >= 0 && limit < used.of[q])
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "Quota limit %" PRId64 " for %s must be greater than or equal to already used "
					 "and reserved %" PRId64 ".",
					 limit, nova_names_get(&nova_quota_names, q), used.of[q]);
	}
	return true;
}

static bool run_update(nova_tx *tx, void *arg, GError **error)
{
	const update_arg *update = arg;

	if (!update->force && !check_above_use(tx, update, error))
		return false;
	for (int q = 0; q < NOVA_QUOTA__COUNT; q++) {
		int64_t limit = update->change->of[q];

		if (limit != NOVA_QUOTA_KEEP &&
		    !nova_tx_run(tx, NOVA_Q_QUOTA_LIMIT_SET,
				 NOVA_ARGS(nova_arg_text(update->project_id),
					   nova_arg_text(nova_names_get(&nova_quota_names, q)), nova_arg_int(limit)),
				 NULL, error))
			return false;
	}
	return true;
}

bool nova_quotas_update(nova_db *db, const char *project_id, const nova_quotas *change, bool force, GError **error)
{
	static const nova_job job = { .name = "change of quotas", .run = run_update };
	update_arg update = { .project_id = project_id, .change = change, .force = force };

	return nova_tx_do(db, &job, &update, error);
}

bool nova_quotas_forget(nova_db *db, const char *project_id, GError **error)
{
	return nova_db_run(db, NOVA_Q_QUOTA_LIMITS_FORGET, NOVA_ARGS(nova_arg_text(project_id)), NULL, error);
}

/* ---- usage of a period ---- */

void nova_usage_row_free(nova_usage_row *row)
{
	if (!row)
		return;
	g_free(row->uuid);
	g_free(row->project_id);
	g_free(row->name);
	g_free(row->flavor_name);
	g_free(row);
}

static nova_usage_row *read_period(nova_result *rows)
{
	nova_usage_row *row = g_new0(nova_usage_row, 1);

	row->uuid = nova_result_dup(rows, "uuid");
	row->project_id = nova_result_dup(rows, "project_id");
	row->name = nova_result_dup(rows, "display_name");
	row->flavor_name = nova_result_dup(rows, "flavor_name");
	row->vcpus = nova_result_int(rows, "vcpus");
	row->memory_mb = nova_result_int(rows, "memory_mb");
	row->local_gb = nova_result_int(rows, "local_gb");
	nova_vm_state_from_name(nova_result_text(rows, "vm_state"), &row->vm_state);
	row->launched_us = nova_result_int(rows, "launched_us");
	row->terminated_us = nova_result_int(rows, "terminated_us");
	return row;
}

/* A page after nothing would be an empty one: say why. */
static bool check_marker(nova_db *db, const char *marker, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (nova_uuid_is_valid(marker) &&
	    !nova_db_one(db, NOVA_Q_INSTANCE_PROOF, NOVA_ARGS(nova_arg_text(marker)), &row, error))
		return false;
	return row || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
}

bool nova_quotas_periods(nova_db *db, const nova_usage_query *query, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (query->marker && !check_marker(db, query->marker, error))
		return false;
	if (!nova_db_run(db, NOVA_Q_USAGE_PERIODS,
			 NOVA_ARGS(nova_arg_int(query->begin_us), nova_arg_int(query->end_us),
				   nova_arg_text(query->project_id), nova_arg_text(query->marker),
				   nova_arg_int(query->limit)),
			 &rows, error))
		return false;
	*ret = g_ptr_array_new_with_free_func((GDestroyNotify)nova_usage_row_free);
	while (nova_result_next(rows))
		g_ptr_array_add(*ret, read_period(rows));
	return true;
}
