/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"
#include "common/json.h"

const char *nova_view_migration_status(const nova_operation *op)
{
	const nova_flow_row *row = nova_flow_row_of(op->kind, op->state);

	if (op->outcome)
		return op->outcome;
	return row && row->status ? row->status : "error";
}

static void add_hosts(json_object *object, const nova_view *view, const nova_operation *op)
{
	nova_json_add_str(object, "source_compute", view->migration_hosts ? op->source_host : NULL);
	nova_json_add_str(object, "dest_compute", view->migration_hosts ? op->dest_host : NULL);
	nova_json_add_str(object, "source_node", view->migration_hosts ? op->source_node : NULL);
	nova_json_add_str(object, "dest_node", view->migration_hosts ? op->dest_node : NULL);
	nova_json_add_str(object, "dest_host", view->migration_hosts ? op->dest_address : NULL);
}

static void add_times(json_object *object, const nova_operation *op)
{
	nova_view_add_time(object, "created_at", op->created_us);
	nova_view_add_time(object, "updated_at", op->seq > 0 || op->finished_us ? op->changed_us : 0);
}

static void add_owner(json_object *object, const nova_view *view, const nova_operation *op)
{
	if (view->version >= 59)
		nova_json_add_str(object, "uuid", op->uuid);
	if (view->version >= 80) {
		nova_json_add_str(object, "user_id", op->user_id);
		nova_json_add_str(object, "project_id", op->project_id);
	}
}

json_object *nova_view_server_migration(const nova_view *view, const nova_operation *op)
{
	json_object *object = json_object_new_object();

	nova_json_add_int(object, "id", op->id);
	nova_json_add_str(object, "server_uuid", op->instance_uuid);
	nova_json_add_str(object, "status", nova_view_migration_status(op));
	add_hosts(object, view, op);
	nova_json_add_int(object, "memory_total_bytes", op->memory_total);
	nova_json_add_int(object, "memory_processed_bytes", op->memory_processed);
	nova_json_add_int(object, "memory_remaining_bytes", op->memory_remaining);
	nova_json_add_int(object, "disk_total_bytes", op->disk_total);
	nova_json_add_int(object, "disk_processed_bytes", op->disk_processed);
	nova_json_add_int(object, "disk_remaining_bytes", op->disk_remaining);
	add_times(object, op);
	add_owner(object, view, op);
	return object;
}

json_object *nova_view_migration(const nova_view *view, const nova_operation *op)
{
	json_object *object = json_object_new_object();

	nova_json_add_int(object, "id", op->id);
	add_owner(object, view, op);
	add_hosts(object, view, op);
	bool live = op->kind == NOVA_OP_LIVE_MIGRATION;

	nova_json_add_int(object, "old_instance_type_id", live ? op->flavor_id : op->former_flavor_id);
	nova_json_add_int(object, "new_instance_type_id", live ? op->flavor_id : op->wanted_flavor_id);
	nova_json_add_str(object, "instance_uuid", op->instance_uuid);
	nova_json_add_str(object, "status", nova_view_migration_status(op));
	add_times(object, op);
	if (view->version < 23)
		return object;
	nova_json_add_str(object, "migration_type", live ? "live-migration" : "resize");
	if (live && !nova_op_state_is_terminal(op->state)) {
		g_autofree char *path = g_strdup_printf("%s/migrations/%" G_GINT64_FORMAT, op->instance_uuid, op->id);

		nova_json_add(object, "links", nova_view_links(view, "servers", path));
	}
	return object;
}

static json_object *story_line(const nova_view *view, const nova_operation *op, const nova_journal_entry *entry)
{
	json_object *line = json_object_new_object();

	nova_json_add_int(line, "seq", entry->seq);
	nova_view_add_time(line, "at", entry->at_us);
	nova_json_add_int(line, "ms", MAX(0, entry->at_us - op->created_us) / 1000);
	nova_json_add_str(line, "host", entry->host);
	nova_json_add_str(line, "actor", entry->actor);
	nova_json_add_str(line, "from_state", nova_op_state_name(entry->from));
	nova_json_add_str(line, "to_state", nova_op_state_name(entry->to));
	nova_json_add_str(line, "message", entry->message);
	if (view->admin)
		nova_json_add(line, "evidence", nova_view_parsed(entry->evidence_json, "null"));
	return line;
}

static void add_known(json_object *object, const char *key, int64_t value)
{
	if (value >= 0)
		nova_json_add_int(object, key, value);
	else
		nova_json_add_null(object, key);
}

json_object *nova_view_migration_story(const nova_view *view, const nova_operation *op, const GPtrArray *journal)
{
	json_object *object = nova_view_server_migration(view, op);

	/* Here dest_host is the destination's name: the address Nova calls so is no use to people. */
	nova_json_add_str(object, "source_host", op->source_host);
	nova_json_add_str(object, "dest_host", op->dest_host);
	nova_json_add_str(object, "state", nova_op_state_name(op->state));
	nova_json_add_str(object, "doing", nova_flow_row_of(op->kind, op->state)->doc);
	nova_json_add_str(object, "requested_host", op->requested_host);
	nova_json_add_str(object, "user_id", op->user_id);
	nova_json_add_str(object, "project_id", op->project_id);
	nova_json_add_str(object, "request_id", op->request_id);
	nova_json_add_str(object, "reason", op->reason);
	nova_json_add_str(object, "blocked", nova_blocked_name(op->blocked));
	nova_json_add_str(object, "blocked_host", op->blocked_host);
	nova_json_add_bool(object, "abort_requested", op->abort_requested);
	nova_json_add_bool(object, "force_requested", op->force_requested);
	nova_json_add_bool(object, "strict", op->strict);
	nova_json_add_int(object, "attempts", op->attempts);
	add_known(object, "downtime_ms", op->downtime_ms);
	add_known(object, "total_ms", op->total_ms);
	nova_view_add_time(object, "finished_at", op->finished_us);
	nova_json_add_int(object, "rate_bytes", op->rate);
	nova_json_add_int(object, "dirty_rate_bytes", op->dirty_rate);
	nova_json_add_int(object, "iteration", op->iteration);
	nova_json_add_int(object, "percent", op->percent);
	if (journal) {
		json_object *lines = json_object_new_array();

		for (unsigned i = 0; i < journal->len; i++)
			json_object_array_add(lines, story_line(view, op, journal->pdata[i]));
		nova_json_add(object, "journal", lines);
	}
	return object;
}
