/* SPDX-License-Identifier: Apache-2.0
 *
 * The list query.  Conditions and orders are fragments of constant text chosen from tables; what a user wrote
 * is only ever a parameter.
 */
#include "db/instances.h"

#include "common/json.h"
#include "common/uuid.h"
#include "db/rows.h"
#include "db/tx.h"
#include "db/where.h"

#include <string.h>

/* ---- order ---- */

/* Sort keys of the API: an expression over instances that is never NULL, so that a page can begin after it.
 */
#define SORT_KEYS(ROW)                                                                                       \
	ROW("created_at", "i.created_at")                                                                    \
	ROW("updated_at", "i.updated_at")                                                                    \
	ROW("display_name", "i.display_name")                                                                \
	ROW("display_description", "COALESCE(i.description, '')")                                            \
	ROW("uuid", "i.uuid")                                                                                \
	ROW("vm_state", "i.vm_state")                                                                        \
	ROW("power_state", "i.power_state")                                                                  \
	ROW("project_id", "i.project_id")                                                                    \
	ROW("user_id", "i.user_id")                                                                          \
	ROW("host", "COALESCE(i.host, '')")                                                                  \
	ROW("node", "COALESCE(i.node, '')")                                                                  \
	ROW("hostname", "i.hostname")                                                                        \
	ROW("image_ref", "i.image_id")                                                                       \
	ROW("instance_type_id", "i.flavor_id")                                                               \
	ROW("key_name", "COALESCE(i.key_name, '')")                                                          \
	ROW("config_drive", "i.config_drive")                                                                \
	ROW("launch_index", "i.launch_index")                                                                \
	ROW("launched_at", "COALESCE(i.launched_at, '-infinity')")                                           \
	ROW("terminated_at", "COALESCE(i.terminated_at, '-infinity')")

#define NAME(name, expression) name,
const char *const nova_instance_sort_keys[] = { SORT_KEYS(NAME) NULL };
#undef NAME

/* For each key: page condition and order, descending and ascending.  */
static const struct sort_row {
	const char *name, *after[2], *order[2];
} sort_rows[] = {
#define ROW(key, x)                                                                                          \
	{ .name = key,                                                                                       \
	  .after = { "(" x ", i.id) < (SELECT " x ", i.id FROM instance_rows i WHERE i.uuid = ?::uuid)",     \
		     "(" x ", i.id) > (SELECT " x ", i.id FROM instance_rows i WHERE i.uuid = ?::uuid)" },   \
	  .order = { " ORDER BY " x " DESC, i.id DESC", " ORDER BY " x ", i.id" } },
	SORT_KEYS(ROW)
#undef ROW
};

static const struct sort_row *find_sort(const char *key)
{
	for (size_t i = 0; i < G_N_ELEMENTS(sort_rows); i++)
		if (strcmp(sort_rows[i].name, key ? key : "created_at") == 0)
			return &sort_rows[i];
	return NULL;
}

static bool add_marker(nova_db *db, nova_where *where, const nova_instance_query *q,
		       const struct sort_row *sort, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (nova_uuid_is_valid(q->marker) &&
	    !nova_db_one(
		    db, NOVA_Q_INSTANCE_GET,
		    NOVA_ARGS(nova_arg_text(q->marker), nova_arg_text(q->project_id), nova_arg_bool(true)),
		    &row, error))
		return false;
	if (!row)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", q->marker);
	nova_where_add_arg(where, sort->after[q->ascending], nova_arg_text(q->marker));
	return true;
}

/* ---- conditions on derived states ---- */

/* Status and task_state are views of vm_state and the active operation; the words "vm_state/kind/state" (or
 * "vm_state/" when idle) whose view is wanted are found out from the model's tables and compared as they are.
 */
static bool wanted_status(const char *const *statuses, nova_vm_state vm_state, const char *task)
{
	const char *status = nova_instance_status(vm_state, task);

	for (size_t i = 0; statuses[i]; i++)
		if (strcmp(statuses[i], status) == 0)
			return true;
	return false;
}

/* "kind/state" words of active operations: the few servers that have one of these are found from there. */
static void add_operations(nova_where *where, GPtrArray *words)
{
	g_ptr_array_add(words, NULL);
	nova_where_add_any(where,
			   "i.uuid IN (SELECT o.instance FROM operations o WHERE o.finished_at IS NULL"
			   " AND o.kind || '/' || o.state = ANY (?::text[]))",
			   (const char *const *)words->pdata);
}

static char *operation_word(int kind, nova_op_state state)
{
	return g_strconcat(nova_op_kind_name((nova_op_kind)kind), "/", nova_op_state_name(state), NULL);
}

/* The exact condition looks at expressions, for which there are no indexes: those on the columns beside it say less. */
static void add_statuses(nova_where *where, const char *const *statuses)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) operations = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) vm_states = g_ptr_array_new();
	bool idle = false;

	for (int s = 0; s < NOVA_VM__COUNT; s++) {
		const char *vm_state = nova_vm_state_name((nova_vm_state)s);
		unsigned before = words->len;

		if (wanted_status(statuses, (nova_vm_state)s, NULL)) {
			g_ptr_array_add(words, g_strconcat(vm_state, "/", NULL));
			idle = true;
		}
		for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
			for (const nova_flow_row *row = nova_flow_of((nova_op_kind)kind)->rows; row->doc; row++) {
				if ((row->flags & NOVA_FLOW_TERMINAL) ||
				    !wanted_status(statuses, (nova_vm_state)s, row->task_state))
					continue;
				char *operation = operation_word(kind, row->state);

				g_ptr_array_add(words, g_strconcat(vm_state, "/", operation, NULL));
				g_ptr_array_add(operations, operation);
			}
		if (words->len > before)
			g_ptr_array_add(vm_states, (void *)vm_state);
	}
	g_ptr_array_add(words, NULL);
	nova_where_add_any(where, "concat(i.vm_state, '/', i.op_kind || '/' || i.op_state) = ANY (?::text[])",
			   (const char *const *)words->pdata);
	if (vm_states->len == 1) { /* in the index's order already */
		nova_where_add_text(where, "i.vm_state = ?", vm_states->pdata[0]);
	} else {
		g_ptr_array_add(vm_states, NULL);
		nova_where_add_any(where, "i.vm_state = ANY (?::text[])", (const char *const *)vm_states->pdata);
	}
	if (!idle)
		add_operations(where, operations);
}

static void add_task_state(nova_where *where, const char *task)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	if (g_ascii_strcasecmp(task, "none") == 0) {
		nova_where_add(where, "i.op_id IS NULL");
		return;
	}
	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of((nova_op_kind)kind)->rows; row->doc; row++)
			if (!(row->flags & NOVA_FLOW_TERMINAL) && g_strcmp0(row->task_state, task) == 0)
				g_ptr_array_add(words, operation_word(kind, row->state));
	add_operations(where, words);
}

static void add_tags(nova_where *where, const char *const *tags)
{
	g_autoptr(json_object) list = json_object_new_array();
	char *text;

	for (size_t i = 0; tags[i]; i++)
		json_object_array_add(list, json_object_new_string(tags[i]));
	text = nova_json_dup_text(list, NULL);
	g_ptr_array_add(where->owned, text);
	nova_where_add_arg(where, "i.tags @> ?::jsonb", nova_arg_text(text));
}

/* A uuid column compared with a user's text: what is no uuid matches nothing. */
static void add_uuid(nova_where *where, const char *fragment, const char *uuid)
{
	if (uuid && !nova_uuid_is_valid(uuid))
		nova_where_add(where, "false");
	else
		nova_where_add_text(where, fragment, uuid);
}

/* ---- the query ---- */

bool nova_instances_list(nova_db *db, const nova_instance_query *q, GPtrArray **ret, GError **error)
{
	const struct sort_row *sort = find_sort(q->sort_key);
	g_autoptr(nova_where) where = nova_where_new("SELECT i.* FROM instance_rows i");
	g_autoptr(nova_result) rows = NULL;
	g_autoptr(GError) why = NULL;

	if (!sort)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "servers cannot be sorted by '%s'",
				 q->sort_key);
	nova_where_add_text(where, "i.project_id = ?", q->project_id);
	nova_where_add_text(where, "i.user_id = ?", q->user_id);
	add_uuid(where, "i.uuid = ?::uuid", q->uuid);
	add_uuid(where, "i.image_id = ?::uuid", q->image);
	nova_where_add_text(where, "i.host_id = (SELECT h.id FROM hosts h WHERE h.name = ?)", q->host);
	nova_where_add_text(where, "i.flavorid = ?", q->flavorid);
	nova_where_add_text(where, "i.reservation_id = ?", q->reservation_id);
	nova_where_add_text(where, "i.vm_state = ?", q->vm_state);
	nova_where_add_text(where, "i.display_name ~ ?", q->name_regex);
	nova_where_add_text(
		where, "EXISTS (SELECT 1 FROM addresses a WHERE a.instance = i.uuid AND host(a.address) ~ ?)",
		q->ip_regex);
	if (q->statuses && q->statuses[0])
		add_statuses(where, q->statuses);
	if (q->task_state)
		add_task_state(where, q->task_state);
	if (q->tags && q->tags[0])
		add_tags(where, q->tags);
	if (q->changes_since_us)
		nova_where_add_arg(where,
				   "i.updated_at >= to_timestamp(0) + ?::bigint * interval '1 microsecond'",
				   nova_arg_int(q->changes_since_us));
	if (q->changes_before_us)
		nova_where_add_arg(where,
				   "i.updated_at <= to_timestamp(0) + ?::bigint * interval '1 microsecond'",
				   nova_arg_int(q->changes_before_us));
	if (q->locked)
		nova_where_add(where, q->locked > 0 ? "i.locked_by IS NOT NULL" : "i.locked_by IS NULL");
	if (q->deleted)
		nova_where_add(where, "i.deleted_at IS NOT NULL");
	else if (!q->changes_since_us && !q->changes_before_us)
		nova_where_add(where, "i.deleted_at IS NULL");
	if (q->marker && !add_marker(db, where, q, sort, error))
		return false;
	nova_where_tail(where, sort->order[q->ascending]);
	nova_where_tail_arg(where, " LIMIT ?::integer", nova_arg_int(MAX(q->limit, 1)));
	if (!nova_db_run_sql(db, "list of servers", where->sql->str, where->args, where->n_args, &rows,
			     &why)) {
		if (nova_error_is(why, NOVA_FAULT_BAD_REQUEST) && (q->name_regex || q->ip_regex))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "invalid regular expression '%s'",
					 q->name_regex ? q->name_regex : q->ip_regex);
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	GPtrArray *list = nova_rows_instances(rows, error);

	if (!list)
		return false;
	*ret = list;
	return true;
}
