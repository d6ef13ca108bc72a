/* SPDX-License-Identifier: Apache-2.0
 *
 * Instance actions and their events are views of an operation and its journal: a state that has an event in the
 * flow table begins the event when it is entered and ends it when it is left.
 */
#include "api/views.h"
#include "common/json.h"

#include <string.h>

/* One event while the journal is read. */
typedef struct event {
	const char *name, *host, *details;
	int64_t start_us, finish_us; /* 0: goes on */
	bool failed;
} event;

static bool has_failed(const nova_operation *op)
{
	return op->state == NOVA_OPS_FAILED || op->state == NOVA_OPS_ERROR;
}

static bool is_failure(nova_op_state to)
{
	return to == NOVA_OPS_FAILED || to == NOVA_OPS_ERROR || to == NOVA_OPS_ROLLBACK || to == NOVA_OPS_UNDOING ||
	       to == NOVA_OPS_REQUESTED;
}

json_object *nova_view_action(const nova_view *view, const nova_operation *op)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "action", nova_flow_of(op->kind)->action);
	nova_json_add_str(object, "instance_uuid", op->instance_uuid);
	nova_json_add_str(object, "request_id", op->request_id);
	nova_json_add_str(object, "user_id", op->user_id);
	nova_json_add_str(object, "project_id", op->project_id);
	nova_view_add_time(object, "start_time", op->created_us);
	nova_json_add_str(object, "message", has_failed(op) ? "Error" : NULL);
	if (view->version >= 58)
		nova_view_add_time(object, "updated_at", op->changed_us);
	return object;
}

static json_object *event_object(const nova_view *view, const nova_operation *op, const event *e)
{
	json_object *object = json_object_new_object();
	const char *result = !e->finish_us ? NULL : e->failed ? "Error" : "Success";

	nova_json_add_str(object, "event", e->name);
	nova_view_add_time(object, "start_time", e->start_us);
	nova_view_add_time(object, "finish_time", e->finish_us);
	nova_json_add_str(object, "result", result);
	if (view->events)
		nova_json_add_null(object, "traceback");
	if (view->version >= 62) {
		g_autofree char *host_id = nova_view_host_id(op->project_id, e->host);

		if (view->events)
			nova_json_add_str(object, "host", e->host);
		nova_json_add_str(object, "hostId", host_id);
	}
	if (view->version >= 84 && view->event_details)
		nova_json_add_str(object, "details", e->failed ? e->details : NULL);
	return object;
}

static const char *event_name(const nova_operation *op, nova_op_state state)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, state);

	return row ? row->event : NULL;
}

static const char *actor_host(const nova_operation *op, nova_op_state state)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, state);

	if (!row)
		return NULL;
	return row->actor == NOVA_ACTOR_SOURCE ? op->source_host : row->actor == NOVA_ACTOR_DEST ? op->dest_host : NULL;
}

/* Events from the journal, oldest first: an array of `event'. */
static GArray *events_of(const nova_operation *op, const GPtrArray *journal)
{
	GArray *events = g_array_new(FALSE, FALSE, sizeof(event));
	nova_op_state state = nova_flow_of(op->kind)->rows[0].state;
	event now = { .name = event_name(op, state), .start_us = op->created_us };

	for (unsigned i = 0; i < journal->len; i++) {
		const nova_journal_entry *entry = journal->pdata[i];

		if (entry->to == entry->from || entry->to == state)
			continue;
		if (now.name) {
			now.finish_us = entry->at_us;
			now.failed = is_failure(entry->to);
			now.host = entry->host;
			now.details = entry->message ? entry->message : op->reason;
			g_array_append_val(events, now);
		}
		state = entry->to;
		now = (event){ .name = event_name(op, state), .start_us = entry->at_us };
	}
	if (now.name) {
		now.host = actor_host(op, state);
		if (nova_op_state_is_terminal(state)) /* over as it began */
			now.finish_us = op->finished_us;
		g_array_append_val(events, now);
	}
	return events;
}

json_object *nova_view_action_detail(const nova_view *view, const nova_operation *op, const GPtrArray *journal)
{
	json_object *object = nova_view_action(view, op), *list;
	g_autoptr(GArray) events = NULL;

	if (!view->events && view->version < 51)
		return object;
	list = json_object_new_array();
	events = events_of(op, journal);
	for (unsigned i = events->len; i > 0; i--) /* newest first */
		json_object_array_add(list, event_object(view, op, &g_array_index(events, event, i - 1)));
	nova_json_add(object, "events", list);
	return object;
}
