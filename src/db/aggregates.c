/* SPDX-License-Identifier: Apache-2.0 */
#include "db/aggregates.h"

#include "common/uuid.h"
#include "db/tx.h"

#include <string.h>

void nova_aggregate_free(nova_aggregate *aggregate)
{
	if (!aggregate)
		return;
	g_free(aggregate->uuid);
	g_free(aggregate->name);
	g_free(aggregate->metadata_json);
	g_strfreev(aggregate->hosts);
	g_free(aggregate);
}

static nova_aggregate *read_aggregate(nova_result *row)
{
	nova_aggregate *aggregate = g_new0(nova_aggregate, 1);
	const char *hosts;

	aggregate->id = (int)nova_result_int(row, "id");
	aggregate->uuid = nova_result_dup(row, "uuid");
	aggregate->name = nova_result_dup(row, "name");
	aggregate->metadata_json = nova_result_dup(row, "metadata");
	aggregate->created_us = nova_result_int(row, "created_us");
	aggregate->updated_us = nova_result_int(row, "updated_us");
	hosts = nova_result_text(row, "hosts");
	aggregate->hosts = hosts ? g_strsplit(hosts, "\t", -1) : g_new0(char *, 1);
	return aggregate;
}

bool nova_aggregates_list(nova_db *db, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_AGGREGATES_LIST, NOVA_ARGS(nova_arg_null()), &rows, error))
		return false;
	*ret = g_ptr_array_new_with_free_func((GDestroyNotify)nova_aggregate_free);
	while (nova_result_next(rows))
		g_ptr_array_add(*ret, read_aggregate(rows));
	return true;
}

nova_aggregate *nova_aggregates_find(nova_db *db, int id, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_AGGREGATES_LIST, NOVA_ARGS(nova_arg_int(id)), &rows, error) ||
	    !nova_result_next(rows))
		return NULL;
	return read_aggregate(rows);
}

static bool name_taken(nova_tx *tx, const char *name, GError **why, GError **error)
{
	if (strcmp(nova_tx_constraint(tx), "aggregates_name") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "Aggregate %s already exists.", name);
	g_propagate_error(error, g_steal_pointer(why));
	return false;
}

/* ---- create ---- */

typedef struct create_arg {
	const char *name, *zone;
	char uuid[NOVA_UUID_SIZE];
} create_arg;

static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	const create_arg *create = arg;
	g_autoptr(GError) why = NULL;

	return nova_tx_run(tx, NOVA_Q_AGGREGATE_CREATE,
			   NOVA_ARGS(nova_arg_text(create->uuid), nova_arg_text(create->name),
				     nova_arg_text(create->zone)),
			   NULL, &why) ||
	       name_taken(tx, create->name, &why, error);
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const create_arg *create = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_AGGREGATE_GET_BY_UUID, NOVA_ARGS(nova_arg_text(create->uuid)), &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

bool nova_aggregates_create(nova_db *db, const char *name, const char *zone, int *ret_id, GError **error)
{
	static const nova_job job = { .name = "creation of an aggregate", .run = run_create, .proof = prove_create };
	create_arg create = { .name = name, .zone = zone };
	g_autoptr(nova_result) row = NULL;

	nova_uuid_new(create.uuid);
	if (!nova_tx_do(db, &job, &create, error) ||
	    !nova_db_one(db, NOVA_Q_AGGREGATE_GET_BY_UUID, NOVA_ARGS(nova_arg_text(create.uuid)), &row, error))
		return false;
	*ret_id = row ? (int)nova_result_int(row, "id") : 0;
	return row || nova_fail(error, NOVA_FAULT_NOT_FOUND, "Aggregate %s was deleted at once.", name);
}

/* ---- change ---- */

typedef struct change_arg {
	const nova_aggregate_change *change;
	bool invalid;
} change_arg;

static bool not_found(int id, GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Aggregate %d could not be found.", id);
}

static bool add_host(nova_tx *tx, const nova_aggregate_change *change, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(GError) why = NULL;

	if (nova_tx_one(tx, NOVA_Q_AGGREGATE_ADD_HOST,
			NOVA_ARGS(nova_arg_int(change->id), nova_arg_text(change->host)), &row, &why))
		return row || nova_fail(error, NOVA_FAULT_NOT_FOUND, "Compute host %s could not be found.",
					change->host);
	if (strcmp(nova_tx_constraint(tx), "aggregate_hosts_once") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "Aggregate %d already has host %s.", change->id,
				 change->host);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool remove_host(nova_tx *tx, const nova_aggregate_change *change, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_AGGREGATE_REMOVE_HOST,
			 NOVA_ARGS(nova_arg_int(change->id), nova_arg_text(change->host)), &row, error))
		return false;
	return row || nova_fail(error, NOVA_FAULT_NOT_FOUND, "Aggregate %d has no host %s.", change->id, change->host);
}

static bool remove_all(nova_tx *tx, const nova_aggregate_change *change, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(GError) why = NULL;

	if (nova_tx_one(tx, NOVA_Q_AGGREGATE_DELETE, NOVA_ARGS(nova_arg_int(change->id)), &row, &why))
		return row || not_found(change->id, error);
	if (strcmp(nova_tx_constraint(tx), "aggregate_hosts_aggregate_id_fkey") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "Cannot remove host from aggregate %d. Reason: Host aggregate is not empty.",
				 change->id);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool apply(nova_tx *tx, const nova_aggregate_change *change, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(GError) why = NULL;

	switch (change->kind) {
	case NOVA_AGGREGATE_ADD_HOST:
		return add_host(tx, change, error);
	case NOVA_AGGREGATE_REMOVE_HOST:
		return remove_host(tx, change, error);
	case NOVA_AGGREGATE_DELETE:
		return remove_all(tx, change, error);
	case NOVA_AGGREGATE_UPDATE:
	case NOVA_AGGREGATE_METADATA:
		break;
	}
	if (!nova_tx_one(tx, NOVA_Q_AGGREGATE_CHANGE,
			 NOVA_ARGS(nova_arg_int(change->id), nova_arg_text(change->name),
				   nova_arg_text(change->metadata)),
			 &row, &why))
		return name_taken(tx, change->name, &why, error);
	return row || not_found(change->id, error);
}

/* What follows for the zones of hosts; a change that does not fit is rolled back with this text. */
static bool settle_zones(nova_tx *tx, change_arg *arg, GError **error)
{
	static const char *const what[] = {
		[NOVA_AGGREGATE_UPDATE] = "update aggregate",
		[NOVA_AGGREGATE_METADATA] = "update metadata of aggregate",
		[NOVA_AGGREGATE_ADD_HOST] = "add host to aggregate",
		[NOVA_AGGREGATE_REMOVE_HOST] = "remove host from aggregate",
		[NOVA_AGGREGATE_DELETE] = "delete aggregate",
	};
	const nova_aggregate_change *change = arg->change;
	bool renames = change->kind == NOVA_AGGREGATE_UPDATE || change->kind == NOVA_AGGREGATE_METADATA;
	g_autoptr(nova_result) conflict = NULL;
	g_autoptr(nova_result) settled = NULL;

	if (!nova_tx_one(tx, NOVA_Q_ZONES_IN_CONFLICT, NOVA_NO_ARGS, &conflict, error) ||
	    !nova_tx_one(tx, NOVA_Q_ZONES_OF_SERVERS, NOVA_ARGS(nova_arg_bool(renames)), &settled, error))
		return false;
	arg->invalid = conflict || settled;
	if (conflict)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Cannot %s %d. Reason: One or more hosts already in availability zone(s) [%s].",
				 what[change->kind], change->id, nova_result_text(conflict, "zones"));
	if (settled)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Cannot %s %d. Reason: One or more hosts contain instances in this zone.",
				 what[change->kind], change->id);
	return nova_tx_run(tx, NOVA_Q_ZONES_APPLY, NOVA_NO_ARGS, NULL, error);
}

static bool run_change(nova_tx *tx, void *arg, GError **error)
{
	change_arg *c = arg;
	g_autoptr(nova_result) locked = NULL;
	g_autoptr(nova_result) row = NULL;
	nova_arg id = nova_arg_int(c->change->id);

	if (!nova_tx_one(tx, NOVA_Q_AGGREGATES_LOCK, NOVA_NO_ARGS, &locked, error) ||
	    !nova_tx_run(tx, NOVA_Q_AGGREGATES_LIST, NOVA_ARGS(id), &row, error))
		return false;
	if (!nova_result_next(row))
		return not_found(c->change->id, error);
	return apply(tx, c->change, error) && settle_zones(tx, c, error) &&
	       nova_tx_run(tx, NOVA_Q_AGGREGATE_TOUCH, NOVA_ARGS(id), NULL, error);
}

bool nova_aggregates_change(nova_db *db, const nova_aggregate_change *change, bool *ret_invalid, GError **error)
{
	static const nova_job job = { .name = "change of an aggregate", .run = run_change };
	change_arg arg = { .change = change };
	bool done = nova_tx_do(db, &job, &arg, error);

	*ret_invalid = !done && arg.invalid;
	return done;
}
