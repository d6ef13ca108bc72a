/* SPDX-License-Identifier: Apache-2.0 */
#include "db/operations.h"

#include "common/uuid.h"
#include "db/rows.h"
#include "db/tx.h"
#include "db/where.h"

#include <string.h>

static bool is_type(nova_op_kind kind, const char *type)
{
	return !type || strcmp(type, kind == NOVA_OP_RESIZE ? "resize" : nova_op_kind_name(kind)) == 0;
}

/* How a finished resize went on is not its state. */
static const char *state_status(const char *status)
{
	static const char *const outcomes[] = { "reverting", "reverted", "confirmed", NULL };

	return status && g_strv_contains(outcomes, status) ? "finished" : status;
}

/* "kind/state" of every row whose migration status this is; status NULL: of every row that has one. */
static char **states_of_status(const char *status, const char *type)
{
	GPtrArray *words = g_ptr_array_new();

	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of((nova_op_kind)kind)->rows; row->doc; row++)
			if (row->status && is_type((nova_op_kind)kind, type) &&
			    (!status || strcmp(row->status, status) == 0))
				g_ptr_array_add(words, g_strconcat(nova_op_kind_name((nova_op_kind)kind), "/",
								   nova_op_state_name(row->state), NULL));
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}

/* The same once more by kind, which has an index. */
static void add_kinds(nova_where *where, char **states)
{
	g_autoptr(GPtrArray) kinds = g_ptr_array_new();

	for (int kind = 0; kind < NOVA_OP__COUNT; kind++) {
		const char *name = nova_op_kind_name((nova_op_kind)kind);
		g_autofree char *prefix = g_strconcat(name, "/", NULL);
		bool wanted = false;

		for (char **state = states; *state; state++)
			wanted |= g_str_has_prefix(*state, prefix);
		if (wanted)
			g_ptr_array_add(kinds, (void *)name);
	}
	if (kinds->len == 1) { /* in the index's order already */
		nova_where_add_text(where, "o.kind = ?", kinds->pdata[0]);
		return;
	}
	g_ptr_array_add(kinds, NULL);
	nova_where_add_any(where, "o.kind = ANY (?::text[])", (const char *const *)kinds->pdata);
}

static bool add_marker(nova_db *db, nova_where *where, const char *marker, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (nova_uuid_is_valid(marker) &&
	    !nova_db_one(db, NOVA_Q_OPERATION_PROOF_OF_UUID, NOVA_ARGS(nova_arg_text(marker)), &row, error))
		return false;
	if (!row)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
	nova_where_add_arg(
		where,
		"(o.created_at, o.id) < (SELECT m.created_at, m.id FROM operations m WHERE m.uuid = ?::uuid)",
		nova_arg_text(marker));
	return true;
}

bool nova_operations_list(nova_db *db, const nova_operation_query *q, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_where) where = nova_where_new("SELECT o.* FROM operation_rows o");
	g_autoptr(nova_result) rows = NULL;

	if (q->instance_uuid && !nova_uuid_is_valid(q->instance_uuid))
		nova_where_add(where, "false");
	else
		nova_where_add_text(where, "o.instance = ?::uuid", q->instance_uuid);
	nova_where_add_text(where,
			    "(o.source_host_id = (SELECT h.id FROM hosts h WHERE h.name = ?)"
			    " OR o.dest_host_id = (SELECT h.id FROM hosts h WHERE h.name = ?))",
			    q->host);
	nova_where_add_text(where, "o.source_host_id = (SELECT h.id FROM hosts h WHERE h.name = ?)", q->source_host);
	nova_where_add_text(where, "o.project_id = ?", q->project_id);
	nova_where_add_text(where, "o.user_id = ?", q->user_id);
	nova_where_add_text(where, "o.request_id = ?", q->request_id);
	if (q->status || q->migrations_only) {
		const char *status = state_status(q->status);
		g_auto(GStrv) states = states_of_status(status, q->migration_type);

		add_kinds(where, states);
		nova_where_add_any(where, "o.kind || '/' || o.state = ANY (?::text[])",
				   (const char *const *)states);
	}
	if (q->status && state_status(q->status) != q->status)
		nova_where_add_text(where, "o.outcome = ?", q->status);
	else if (q->status && strcmp(q->status, "finished") == 0)
		nova_where_add(where, "o.outcome IS NULL");
	if (q->active_only)
		nova_where_add(where, "o.finished_at IS NULL");
	if (q->changes_since_us)
		nova_where_add_arg(where,
				   "o.changed_at >= to_timestamp(0) + ?::bigint * interval '1 microsecond'",
				   nova_arg_int(q->changes_since_us));
	if (q->changes_before_us)
		nova_where_add_arg(where,
				   "o.changed_at <= to_timestamp(0) + ?::bigint * interval '1 microsecond'",
				   nova_arg_int(q->changes_before_us));
	if (q->marker && !add_marker(db, where, q->marker, error))
		return false;
	nova_where_tail_arg(where, " ORDER BY o.created_at DESC, o.id DESC LIMIT ?::integer",
			    nova_arg_int(MAX(q->limit, 1)));
	if (!nova_db_run_sql(db, "list of operations", where->sql->str, where->args, where->n_args, &rows,
			     error))
		return false;
	GPtrArray *list = nova_rows_operations(rows, error);

	if (!list)
		return false;
	*ret = list;
	return true;
}
