/* SPDX-License-Identifier: Apache-2.0 */
#include "db/flavor_changes.h"

#include "db/tx.h"

#include <string.h>

/* A statement that gives a row back when it has changed something. */
static bool change(nova_db *db, nova_query_id query, const nova_arg *args, size_t n_args, bool *ret_found,
		   GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, query, args, n_args, &row, error))
		return false;
	*ret_found = row != NULL;
	return true;
}

bool nova_flavors_delete(nova_db *db, const char *flavorid, bool *ret_found, GError **error)
{
	return change(db, NOVA_Q_FLAVOR_DELETE, NOVA_ARGS(nova_arg_text(flavorid)), ret_found, error);
}

bool nova_flavors_describe(nova_db *db, const char *flavorid, const char *description, bool *ret_found, GError **error)
{
	return change(db, NOVA_Q_FLAVOR_DESCRIBE, NOVA_ARGS(nova_arg_text(flavorid), nova_arg_text(description)),
		      ret_found, error);
}

bool nova_flavors_set_specs(nova_db *db, const char *flavorid, const char *specs, const char *drop, bool *ret_found,
			    GError **error)
{
	return change(db, NOVA_Q_FLAVOR_SET_SPECS,
		      NOVA_ARGS(nova_arg_text(flavorid), nova_arg_text(specs), nova_arg_text(drop)), ret_found, error);
}

bool nova_flavors_access(nova_db *db, const char *flavorid, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_FLAVOR_ACCESS_LIST, NOVA_ARGS(nova_arg_text(flavorid)), &rows, error))
		return false;
	*ret = g_ptr_array_new_with_free_func(g_free);
	while (nova_result_next(rows))
		g_ptr_array_add(*ret, nova_result_dup(rows, "project_id"));
	return true;
}

typedef struct access_arg {
	const char *flavorid, *project_id;
	bool found;
} access_arg;

static bool run_add(nova_tx *tx, void *arg, GError **error)
{
	access_arg *access = arg;
	g_autoptr(nova_result) row = NULL;
	g_autoptr(GError) why = NULL;

	if (nova_tx_one(tx, NOVA_Q_FLAVOR_ACCESS_ADD,
			NOVA_ARGS(nova_arg_text(access->flavorid), nova_arg_text(access->project_id)), &row, &why)) {
		access->found = row != NULL;
		return true;
	}
	if (strcmp(nova_tx_constraint(tx), "flavor_access_once") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "Flavor access already exists for flavor %s and project %s combination.",
				 access->flavorid, access->project_id);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool prove_add(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const access_arg *access = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_FLAVOR_ACCESS_PROOF,
			 NOVA_ARGS(nova_arg_text(access->flavorid), nova_arg_text(access->project_id)), &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

bool nova_flavors_access_add(nova_db *db, const char *flavorid, const char *project_id, bool *ret_found,
			     GError **error)
{
	static const nova_job job = { .name = "access to a flavor", .run = run_add, .proof = prove_add };
	access_arg access = { .flavorid = flavorid, .project_id = project_id, .found = true };

	if (!nova_tx_do(db, &job, &access, error))
		return false;
	*ret_found = access.found;
	return true;
}

bool nova_flavors_access_remove(nova_db *db, const char *flavorid, const char *project_id, bool *ret_found,
				GError **error)
{
	return change(db, NOVA_Q_FLAVOR_ACCESS_REMOVE, NOVA_ARGS(nova_arg_text(flavorid), nova_arg_text(project_id)),
		      ret_found, error);
}
