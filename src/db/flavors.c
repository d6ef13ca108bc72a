/* SPDX-License-Identifier: Apache-2.0 */
#include "db/flavors.h"

#include "common/uuid.h"
#include "db/tx.h"

#include <string.h>

static nova_flavor *read_flavor(nova_result *row)
{
	nova_flavor *flavor = nova_flavor_new();

	flavor->id = nova_result_int(row, "id");
	flavor->flavorid = nova_result_dup(row, "flavorid");
	flavor->name = nova_result_dup(row, "name");
	flavor->vcpus = (int)nova_result_int(row, "vcpus");
	flavor->memory_mb = nova_result_int(row, "memory_mb");
	flavor->root_gb = nova_result_int(row, "root_gb");
	flavor->ephemeral_gb = nova_result_int(row, "ephemeral_gb");
	flavor->swap_mb = nova_result_int(row, "swap_mb");
	flavor->rxtx_factor = nova_result_float(row, "rxtx_factor");
	flavor->is_public = nova_result_bool(row, "is_public");
	flavor->disabled = nova_result_bool(row, "disabled");
	flavor->description = nova_result_dup(row, "description");
	flavor->extra_specs_json = nova_result_dup(row, "extra_specs");
	return flavor;
}

typedef struct create_arg {
	const nova_flavor *flavor;
	const char *flavorid;
} create_arg;

static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	const create_arg *create = arg;
	const nova_flavor *f = create->flavor;
	g_autoptr(GError) why = NULL;

	if (nova_tx_run(tx, NOVA_Q_FLAVOR_CREATE,
			NOVA_ARGS(nova_arg_text(create->flavorid), nova_arg_text(f->name),
				  nova_arg_int(f->vcpus), nova_arg_int(f->memory_mb),
				  nova_arg_int(f->root_gb), nova_arg_int(f->ephemeral_gb),
				  nova_arg_int(f->swap_mb), nova_arg_float(f->rxtx_factor),
				  nova_arg_bool(f->is_public), nova_arg_bool(f->disabled),
				  nova_arg_text(f->description), nova_arg_text(f->extra_specs_json)),
			NULL, &why))
		return true;
	if (strcmp(nova_tx_constraint(tx), "flavors_flavorid_key") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "Flavor with ID %s already exists.",
				 create->flavorid);
	if (strcmp(nova_tx_constraint(tx), "flavors_name_key") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "Flavor with name %s already exists.", f->name);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const create_arg *create = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_FLAVOR_PROOF,
			 NOVA_ARGS(nova_arg_text(create->flavorid), nova_arg_text(create->flavor->name)),
			 &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

bool nova_flavors_create(nova_db *db, const nova_flavor *flavor, char **ret_flavorid, GError **error)
{
	static const nova_job job = { .name = "creation of a flavor",
				      .run = run_create,
				      .proof = prove_create };
	char made[NOVA_UUID_SIZE];
	create_arg create = { .flavor = flavor, .flavorid = flavor->flavorid };

	if (!flavor->name || !*flavor->name || flavor->vcpus < 1 || flavor->memory_mb < 1 ||
	    flavor->root_gb < 0 || flavor->ephemeral_gb < 0 || flavor->swap_mb < 0)
		return nova_fail(
			error, NOVA_FAULT_BAD_REQUEST,
			"a flavor needs a name, at least 1 vcpu and 1 MiB of memory, and no negative sizes");
	if (!create.flavorid) {
		nova_uuid_new(made);
		create.flavorid = made;
	}
	if (!nova_tx_do(db, &job, &create, error))
		return false;
	if (ret_flavorid)
		*ret_flavorid = g_strdup(create.flavorid);
	return true;
}

nova_flavor *nova_flavors_find(nova_db *db, const char *flavorid, GError **error)
{
	return nova_flavors_find_for(db, flavorid, NULL, error);
}

nova_flavor *nova_flavors_find_for(nova_db *db, const char *flavorid, const char *project_id, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!flavorid ||
	    !nova_db_one(db, NOVA_Q_FLAVOR_GET, NOVA_ARGS(nova_arg_text(flavorid), nova_arg_text(project_id)), &row,
			 error) || !row)
		return NULL;
	return read_flavor(row);
}

bool nova_flavors_list(nova_db *db, GPtrArray **ret, GError **error)
{
	return nova_flavors_list_for(db, NULL, ret, error);
}

bool nova_flavors_list_for(nova_db *db, const char *project_id, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_FLAVORS_ALL, NOVA_ARGS(nova_arg_text(project_id)), &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_flavor_free);

	while (nova_result_next(rows))
		g_ptr_array_add(list, read_flavor(rows));
	*ret = list;
	return true;
}
