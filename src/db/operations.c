/* SPDX-License-Identifier: Apache-2.0 */
#include "db/operations.h"

#include "common/uuid.h"
#include "db/begin.h"
#include "db/fence.h"
#include "db/rows.h"
#include "db/op_step.h"
#include "db/resize_tx.h"
#include "model/matrix.h"

#include <inttypes.h>
#include <string.h>

/* ---- begin ---- */

typedef struct begin_arg {
	const nova_op_request *request;
	nova_beginning beginning;
	nova_operation *made;
} begin_arg;

/* Nothing began: the reason in Nova's words. */
static bool explain_begin(nova_tx *tx, const nova_op_request *request, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_instance) instance = NULL;

	if (!nova_tx_one(
		    tx, NOVA_Q_INSTANCE_GET,
		    NOVA_ARGS(nova_arg_text(request->instance_uuid), nova_arg_null(), nova_arg_bool(true)),
		    &row, error))
		return false;
	if (!row)
		return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.",
				 request->instance_uuid);
	instance = nova_row_instance(row, error);
	if (!instance || !nova_instance_may_begin(instance, request->kind, request->action, error))
		return false;
	return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "Cannot '%s' instance %s: it is busy",
			 request->action, request->instance_uuid);
}

static bool apply_rebuild(nova_tx *tx, const nova_op_request *request, int64_t id, GError **error)
{
	const nova_rebuild *r = request->rebuild;

	return nova_tx_run(tx, NOVA_Q_INSTANCE_REBUILD,
			   NOVA_ARGS(nova_arg_text(request->instance_uuid), nova_arg_int(id),
				     nova_arg_text(r->image_id), nova_arg_text(r->name),
				     nova_arg_bool(r->set_description), nova_arg_text(r->description),
				     nova_arg_text(r->metadata_json), nova_arg_bool(r->set_key),
				     nova_arg_text(r->key_name), nova_arg_text(r->key_data),
				     nova_arg_bool(r->set_user_data), nova_arg_text(r->user_data),
				     nova_arg_text(r->access_ip_v4), nova_arg_text(r->access_ip_v6)),
			   NULL, error);
}

static bool run_begin(nova_tx *tx, void *arg, GError **error)
{
	begin_arg *begin = arg;
	const nova_op_request *request = begin->request;
	g_autoptr(nova_result) instance = NULL;
	int64_t id;

	if (!nova_op_step_lock_instance(tx, request->instance_uuid, &instance, error))
		return false;
	if (nova_result_bool(instance, "deleted") ||
	    (request->project_id &&
	     g_strcmp0(request->project_id, nova_result_text(instance, "project_id")) != 0))
		return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.",
				 request->instance_uuid);
	if (nova_result_is_null(instance, "host_id")) {
		/* Without a host there is nobody to act; a state that forbids it is the better answer. */
		explain_begin(tx, request, error);
		if (error && nova_error_is(*error, NOVA_FAULT_INSTANCE_STATE) &&
		    !strstr((*error)->message, "it is busy"))
			return false;
		g_clear_error(error);
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot '%s' instance %s: it is on no host", request->action,
				 request->instance_uuid);
	}
	if (!nova_beginning_run(tx, &begin->beginning, &id, error))
		return false;
	if (!id)
		return explain_begin(tx, request, error);
	if (nova_op_kind_resizes(request->kind) &&
	    !nova_resize_tx_begin(tx, request, id, nova_result_text(instance, "project_id"), error))
		return false;
	if (request->rebuild && !apply_rebuild(tx, request, id, error))
		return false;
	nova_operation *made = nova_op_step_reread(tx, id, error);

	if (!made)
		return false;
	nova_operation_free(begin->made);
	begin->made = made;
	return true;
}

static bool prove_begin(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	begin_arg *begin = arg;

	return nova_beginning_proof(tx, &begin->beginning, ret_committed, error);
}

nova_operation *nova_operations_begin(nova_db *db, const nova_op_request *request, GError **error)
{
	static const nova_job job = { .name = "begin of an operation",
				      .run = run_begin,
				      .proof = prove_begin };
	begin_arg begin = {
		.request = request,
		.beginning = nova_beginning_of(request->kind, request->instance_uuid, &request->by),
	};

	if (request->kind == NOVA_OP_BUILD || request->kind == NOVA_OP_DELETE) {
		nova_fail(error, NOVA_FAULT_INTERNAL, "a %s does not begin this way",
			  nova_op_kind_name(request->kind));
		return NULL;
	}
	if (!nova_uuid_is_valid(request->instance_uuid)) {
		nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.",
			  request->instance_uuid ? request->instance_uuid : "");
		return NULL;
	}
	begin.beginning.requested_host = request->requested_host;
	begin.beginning.strict = request->strict;
	if (!nova_tx_do(db, &job, &begin, error)) {
		nova_operation_free(begin.made);
		return NULL;
	}
	return begin.made;
}

/* ---- read ---- */

static nova_operation *find_one(nova_db *db, nova_query_id query, nova_arg key, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, query, &key, 1, &row, error) || !row)
		return NULL;
	return nova_row_operation(row, error);
}

nova_operation *nova_operations_find(nova_db *db, int64_t id, GError **error)
{
	return find_one(db, NOVA_Q_OPERATION_GET, nova_arg_int(id), error);
}

nova_operation *nova_operations_find_by_uuid(nova_db *db, const char *uuid, GError **error)
{
	return nova_uuid_is_valid(uuid)
		       ? find_one(db, NOVA_Q_OPERATION_GET_BY_UUID, nova_arg_text(uuid), error)
		       : NULL;
}

nova_operation *nova_operations_find_active(nova_db *db, const char *instance_uuid, GError **error)
{
	return nova_uuid_is_valid(instance_uuid)
		       ? find_one(db, NOVA_Q_OPERATION_GET_ACTIVE, nova_arg_text(instance_uuid), error)
		       : NULL;
}

static bool list_by(nova_db *db, nova_query_id query, int64_t key, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, query, NOVA_ARGS(nova_arg_int(key)), &rows, error))
		return false;
	GPtrArray *list = nova_rows_operations(rows, error);

	if (!list)
		return false;
	*ret = list;
	return true;
}

bool nova_operations_of_host(nova_db *db, int host_id, GPtrArray **ret, GError **error)
{
	return list_by(db, NOVA_Q_OPERATIONS_OF_HOST, host_id, ret, error);
}

bool nova_operations_involving_host(nova_db *db, int host_id, GPtrArray **ret, GError **error)
{
	return list_by(db, NOVA_Q_OPERATIONS_INVOLVING_HOST, host_id, ret, error);
}

bool nova_operations_for_scheduler(nova_db *db, int limit, GPtrArray **ret, GError **error)
{
	return list_by(db, NOVA_Q_OPERATIONS_FOR_SCHEDULER, limit, ret, error);
}

bool nova_operations_of_absent(nova_db *db, int64_t after, int limit, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_OPERATIONS_OF_ABSENT, NOVA_ARGS(nova_arg_int(after), nova_arg_int(limit)), &rows,
			 error))
		return false;
	GPtrArray *list = nova_rows_operations(rows, error);

	if (!list)
		return false;
	*ret = list;
	return true;
}

bool nova_operations_next_lapse(nova_db *db, int64_t *ret_ms, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_OPERATIONS_NEXT_LAPSE, NOVA_NO_ARGS, &row, error))
		return false;
	*ret_ms = row && !nova_result_is_null(row, "ms") ? nova_result_int(row, "ms") : -1;
	return true;
}

bool nova_operations_journal(nova_db *db, int64_t id, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_journal_entry_free);

	if (!nova_db_run(db, NOVA_Q_OPERATION_JOURNAL, NOVA_ARGS(nova_arg_int(id)), &rows, error))
		return false;
	while (nova_result_next(rows)) {
		nova_journal_entry *entry = g_new0(nova_journal_entry, 1);

		g_ptr_array_add(list, entry);
		entry->seq = (int)nova_result_int(rows, "seq");
		entry->at_us = nova_result_int(rows, "at_us");
		entry->host = nova_result_dup(rows, "host");
		entry->actor = nova_result_dup(rows, "actor");
		if (!nova_op_state_from_name(nova_result_text(rows, "from_state"), &entry->from) ||
		    !nova_op_state_from_name(nova_result_text(rows, "to_state"), &entry->to))
			return nova_fail(error, NOVA_FAULT_INTERNAL,
					 "the journal of operation %" PRId64
					 " names a state this program does not know",
					 id);
		entry->message = nova_result_dup(rows, "message");
		entry->evidence_json = nova_result_dup(rows, "evidence");
	}
	*ret = g_steal_pointer(&list);
	return true;
}

bool nova_operations_age_ms(nova_db *db, int64_t id, nova_op_state state, int64_t *ret, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_OPERATION_AGE,
			 NOVA_ARGS(nova_arg_int(id), nova_arg_text(nova_op_state_name(state))), &row, error) ||
	    !row)
		return false;
	*ret = nova_result_int(row, "age_ms");
	return true;
}

void nova_attempt_free(nova_attempt *attempt)
{
	if (!attempt)
		return;
	g_free(attempt->host);
	g_free(attempt->reason);
	g_free(attempt);
}

bool nova_operations_attempts(nova_db *db, int64_t id, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_OPERATION_ATTEMPTS, NOVA_ARGS(nova_arg_int(id)), &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_attempt_free);

	while (nova_result_next(rows)) {
		nova_attempt *attempt = g_new0(nova_attempt, 1);

		attempt->host_id = (int)nova_result_int(rows, "host_id");
		attempt->host = nova_result_dup(rows, "host");
		attempt->reason = nova_result_dup(rows, "reason");
		g_ptr_array_add(list, attempt);
	}
	*ret = list;
	return true;
}

/* ---- wishes ---- */

static bool wish(nova_db *db, nova_query_id query, nova_ask ask, const char *instance_uuid, int64_t id,
		 GError **error)
{
	g_auto(GStrv) flag_states = nova_matrix_flag_states(ask);
	g_autofree char *states = nova_arg_array((const char *const *)flag_states);
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_operation) op = NULL;
	g_autoptr(GError) failed = NULL;

	if (nova_uuid_is_valid(instance_uuid)) {
		if (!nova_db_one(
			    db, query,
			    NOVA_ARGS(nova_arg_int(id), nova_arg_text(instance_uuid), nova_arg_text(states)),
			    &row, error))
			return false;
		if (row)
			return true;
		op = nova_operations_find(db, id, &failed);
		if (failed) {
			g_propagate_error(error, g_steal_pointer(&failed));
			return false;
		}
	}
	const nova_flow_row *at = op ? nova_flow_row_of(op->kind, op->state) : NULL;

	if (!at || !at->status || g_ascii_strcasecmp(op->instance_uuid, instance_uuid) != 0)
		return nova_fail(error, NOVA_FAULT_MIGRATION_NOT_FOUND,
				 "Migration %" PRId64 " for server %s not found", id,
				 instance_uuid ? instance_uuid : "");
	const nova_refusal_facts facts = { .instance_uuid = op->instance_uuid, .migration = id, .status = at->status };

	/* True only when the row moved on between the two statements: the state it is in now would have taken it. */
	return nova_cell_check(ask, nova_matrix_busy(ask, op->kind, op->state), &facts, error) &&
	       nova_fail(error, NOVA_FAULT_STALE, "migration %" PRId64 " is changing, ask again", id);
}

bool nova_operations_request_abort(nova_db *db, const char *instance_uuid, int64_t id, GError **error)
{
	return wish(db, NOVA_Q_OPERATION_REQUEST_ABORT, NOVA_ASK_ABORT, instance_uuid, id, error);
}

bool nova_operations_request_force(nova_db *db, const char *instance_uuid, int64_t id, GError **error)
{
	return wish(db, NOVA_Q_OPERATION_REQUEST_FORCE, NOVA_ASK_FORCE_COMPLETE, instance_uuid, id, error);
}

/* ---- what changes beside the row's seq ---- */

bool nova_operations_progress(nova_db *db, const nova_fence *fence, int64_t id, const nova_progress *p,
			      GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_OPERATION_PROGRESS,
			 NOVA_ARGS(nova_arg_int(fence->host_id), nova_arg_int(fence->epoch), nova_arg_int(id),
				   nova_arg_int(p->memory_total), nova_arg_int(p->memory_processed),
				   nova_arg_int(p->memory_remaining), nova_arg_int(p->disk_total),
				   nova_arg_int(p->disk_processed), nova_arg_int(p->disk_remaining),
				   nova_arg_int(CLAMP(p->percent, 0, 100)), nova_arg_int(p->iteration),
				   nova_arg_int(p->dirty_rate), nova_arg_int(p->rate),
				   nova_arg_int(p->expected_downtime_ms)),
			 &row, error))
		return false;
	return row || nova_fence_refuse(db, fence, error);
}

bool nova_operations_set_machine(nova_db *db, const nova_fence *fence, const nova_operation *op,
				 const char *machine, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_INSTANCE_SET_MACHINE,
			 NOVA_ARGS(nova_arg_text(op->instance_uuid), nova_arg_text(machine),
				   nova_arg_int(fence->host_id), nova_arg_int(fence->epoch),
				   nova_arg_int(op->id)),
			 &row, error))
		return false;
	return row || nova_fence_refuse(db, fence, error);
}
