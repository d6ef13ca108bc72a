/* SPDX-License-Identifier: Apache-2.0
 *
 * Migrations are views of operations: live migrations in progress below their server, all live migrations and resizes
 * under /os-migrations.
 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "common/deadline.h"
#include "common/json.h"
#include "common/timestamp.h"
#include "common/uuid.h"
#include "db/operations.h"
#include "model/matrix.h"

#include <string.h>

#define VERDICT_MS 5000 /* some ten times what an abort takes */
#define POLL_FIRST_MS 10
#define POLL_MOST_MS 100

/* ---- one server's ---- */

/* The server's live migration in progress; NULL with no error: none. */
static nova_operation *find_active(nova_request *r, GError **error)
{
	g_autoptr(nova_operation) op = NULL;

	if (r->server->busy && r->server->op_kind != NOVA_OP_LIVE_MIGRATION)
		return NULL;
	op = nova_operations_find_active(r->api->db, r->server->uuid, error);
	return op && op->kind == NOVA_OP_LIVE_MIGRATION ? g_steal_pointer(&op) : NULL;
}

/* Clients name a migration by its number or its uuid. */
static bool is_named(const nova_operation *op, const char *id)
{
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, op->id);

	return strcmp(number, id) == 0 || g_ascii_strcasecmp(op->uuid, id) == 0;
}

bool nova_server_migrations_index(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	GError *failure = NULL;
	g_autoptr(nova_operation) op = find_active(r, &failure);
	json_object *list;

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	list = json_object_new_array();
	if (op)
		json_object_array_add(list, nova_view_server_migration(&view, op));
	return nova_reply_member(r, 200, "migrations", list);
}

static bool not_in_progress(nova_request *r, GError **error)
{
	int64_t id = g_ascii_strtoll(r->ids[1], NULL, 10);
	g_autoptr(nova_operation) ended = id > 0 ? nova_operations_find(r->api->db, id, NULL) : NULL;

	if (ended && strcmp(ended->instance_uuid, r->server->uuid) == 0 && is_named(ended, r->ids[1]))
		return nova_fail(error, NOVA_FAULT_MIGRATION_NOT_FOUND,
				 ended->kind == NOVA_OP_LIVE_MIGRATION ?
					 "Live migration %s for server %s is not in progress." :
					 "Migration %s for server %s is not live-migration.",
				 r->ids[1], r->server->uuid);
	return nova_fail(error, NOVA_FAULT_MIGRATION_NOT_FOUND,
			 "In-progress live migration %s is not found for server %s.", r->ids[1], r->server->uuid);
}

bool nova_server_migrations_show(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	GError *failure = NULL;
	g_autoptr(nova_operation) op = find_active(r, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!op || !is_named(op, r->ids[1]))
		return not_in_progress(r, error);
	return nova_reply_member(r, 200, "migration", nova_view_server_migration(&view, op));
}

/* The migration a wish is about. */
static nova_operation *find_for_wish(nova_request *r, nova_ask ask, nova_fault absent, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_operation) op = find_active(r, &failure);
	const nova_refusal_facts facts = { .instance_uuid = r->server->uuid };

	if (failure)
		g_propagate_error(error, failure);
	else if (!op)
		nova_cell_check(ask, nova_matrix_idle(ask, r->server->vm_state), &facts, error);
	else if (!is_named(op, r->ids[1]))
		nova_fail(error, absent, "Migration %s not found for instance %s", r->ids[1], r->server->uuid);
	else
		return g_steal_pointer(&op);
	return NULL;
}

/* While memory is copied an abort races with the switch, and only the hosts know who won.  So the answer waits until
 * it is known: 202 is "the guest stays", 400 "too late".  Hosts that do not answer in time, or too many callers that
 * wait: 202, the wish is in the row and will be honoured if it still can be. */
static bool wait_for_verdict(nova_request *r, int64_t id, GError **error)
{
	nova_deadline deadline = nova_deadline_in_ms(MIN(VERDICT_MS, r->conf->rpc_response_timeout * 1000));

	for (int64_t pause_ms = POLL_FIRST_MS;; pause_ms = MIN(2 * pause_ms, POLL_MOST_MS)) {
		g_autoptr(GError) failed = NULL; /* the wish is recorded: 202 is true whatever can be read now */
		g_autoptr(nova_operation) op = nova_operations_find(r->api->db, id, &failed);

		if (op && (op->state == NOVA_OPS_SWITCHED || op->state == NOVA_OPS_CLEANING ||
			   op->state == NOVA_OPS_DONE)) {
			const nova_refusal_facts facts = { .instance_uuid = op->instance_uuid,
							   .migration = id,
							   .status = nova_view_migration_status(op) };

			return nova_cell_check(NOVA_ASK_ABORT,
					       nova_matrix_busy(NOVA_ASK_ABORT, op->kind, NOVA_OPS_SWITCHED), &facts,
					       error);
		}
		if (!op || op->state != NOVA_OPS_MIGRATING || nova_deadline_is_expired(deadline) ||
		    nova_http_is_stopping(r->api->http))
			return true;
		g_usleep((unsigned long)pause_ms * 1000);
	}
}

static bool abort_was_in_time(nova_request *r, int64_t id, GError **error)
{
	if (!nova_http_wait_begin(r->api->http))
		return true;
	bool in_time = wait_for_verdict(r, id, error);

	nova_http_wait_end(r->api->http);
	return in_time;
}

bool nova_server_migrations_abort(nova_request *r, GError **error)
{
	g_autoptr(nova_operation) op =
		find_for_wish(r, NOVA_ASK_ABORT, NOVA_FAULT_MIGRATION_NOT_FOUND, error);

	if (!op || !nova_operations_request_abort(r->api->db, r->server->uuid, op->id, error))
		return false;
	nova_request_ring_id(r, op->id);
	return abort_was_in_time(r, op->id, error) && nova_reply_empty(r, 202);
}

bool nova_server_migrations_force(nova_request *r, GError **error)
{
	g_autoptr(nova_operation) op = find_for_wish(r, NOVA_ASK_FORCE_COMPLETE, NOVA_FAULT_BAD_REQUEST, error);

	if (!op || !nova_operations_request_force(r->api->db, r->server->uuid, op->id, error))
		return false;
	nova_request_ring_id(r, op->id); /* the operation as it is now is told about the wish */
	return nova_reply_empty(r, 202);
}

/* ---- one server's, as this project tells it: ended ones too, with state, reason and journal ---- */

bool nova_migration_stories_index(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	nova_operation_query query = { .instance_uuid = r->server->uuid,
				       .migrations_only = true,
				       .migration_type = "live-migration",
				       .limit = (int)r->conf->api_max_limit };
	g_autoptr(GPtrArray) found = NULL;
	json_object *list;

	if (!nova_operations_list(r->api->db, &query, &found, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < found->len; i++)
		json_object_array_add(list, nova_view_migration_story(&view, found->pdata[i], NULL));
	return nova_reply_member(r, 200, "migrations", list);
}

static bool reply_story(nova_request *r, const nova_operation *op, const char *server_name, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(GPtrArray) journal = NULL;
	int64_t state_ms;
	json_object *story;

	if (!nova_operations_journal(r->api->db, op->id, &journal, error))
		return false;
	story = nova_view_migration_story(&view, op, journal);
	nova_json_add_str(story, "server_name", server_name);
	if (!nova_op_state_is_terminal(op->state) &&
	    nova_operations_age_ms(r->api->db, op->id, op->state, &state_ms, NULL))
		nova_json_add_int(story, "state_ms", state_ms);
	return nova_reply_member(r, 200, "migration", story);
}

bool nova_migration_stories_show(nova_request *r, GError **error)
{
	int64_t id = g_ascii_strtoll(r->ids[1], NULL, 10);
	GError *failure = NULL;
	g_autoptr(nova_operation) op = id > 0 ? nova_operations_find(r->api->db, id, &failure) : NULL;

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!op || op->kind != NOVA_OP_LIVE_MIGRATION || strcmp(op->instance_uuid, r->server->uuid) != 0 ||
	    !is_named(op, r->ids[1]))
		return nova_fail(error, NOVA_FAULT_MIGRATION_NOT_FOUND, "Migration %s not found for instance %s",
				 r->ids[1], r->server->uuid);
	return reply_story(r, op, r->server->name, error);
}

/* Of any server, also of one that is deleted by now. */
bool nova_migration_stories_find(nova_request *r, GError **error)
{
	const char *id = r->ids[0], *scope = nova_request_scope(r);
	GError *failure = NULL;
	g_autoptr(nova_operation) op =
		nova_uuid_is_valid(id) ? nova_operations_find_by_uuid(r->api->db, id, &failure) :
					 nova_operations_find(r->api->db, g_ascii_strtoll(id, NULL, 10), &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!op || op->kind != NOVA_OP_LIVE_MIGRATION || !is_named(op, id) ||
	    (scope && g_strcmp0(scope, op->project_id) != 0))
		return nova_fail(error, NOVA_FAULT_MIGRATION_NOT_FOUND, "Migration %s could not be found.", id);
	g_autoptr(nova_instance) server = nova_instances_find(r->api->db, op->instance_uuid, NULL, true, NULL);

	return reply_story(r, op, server ? server->name : NULL, error);
}

/* ---- everybody's ---- */

#define POLICY "os_compute_api:os-migrations:index"

static bool read_query(nova_request *r, nova_operation_query *query, GError **error)
{
	const char *since = r->version >= 59 ? nova_request_param(r, "changes-since") : NULL;
	const char *before = r->version >= 66 ? nova_request_param(r, "changes-before") : NULL;
	const char *project;

	query->migrations_only = true;
	query->instance_uuid = nova_request_param(r, "instance_uuid");
	query->host = nova_request_param(r, "host");
	query->source_host = nova_request_param(r, "source_compute");
	if ((query->host || query->source_host) && !nova_request_must(r, POLICY ":host", error))
		return false;
	query->status = nova_request_param(r, "status");
	query->migration_type = nova_request_param(r, "migration_type");
	query->user_id = r->version >= 80 ? nova_request_param(r, "user_id") : NULL;
	project = r->version >= 80 ? nova_request_param(r, "project_id") : NULL;
	if (project && strcmp(project, r->context->project_id) != 0 &&
	    !nova_request_must(r, POLICY ":all_projects", error))
		return false;
	query->project_id = project || nova_request_may(r, POLICY ":all_projects") ? project : r->context->project_id;
	query->marker = r->version >= 59 ? nova_request_param(r, "marker") : NULL;
	query->limit = r->version >= 59 ? nova_paging_limit(r) : (int)r->conf->api_max_limit;
	if (since && !nova_timestamp_parse(since, &query->changes_since_us, error))
		return false;
	if (before && !nova_timestamp_parse(before, &query->changes_before_us, error))
		return false;
	if (since && before && query->changes_since_us > query->changes_before_us)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "The value of changes-since must be less than or equal to changes-before.");
	return true;
}

/* Conditions no operation of ours can meet. */
static bool matches_nothing(const nova_request *r, const nova_operation_query *query)
{
	const char *type = nova_request_param(r, "migration_type");

	return query->limit == 0 || nova_request_flag(r, "hidden") ||
	       (type && strcmp(type, "live-migration") != 0 && strcmp(type, "resize") != 0) ||
	       (query->instance_uuid && !nova_uuid_is_valid(query->instance_uuid));
}

bool nova_migrations_index(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	nova_operation_query query = { 0 };
	g_autoptr(GPtrArray) found = NULL;
	json_object *body, *list;

	if (!read_query(r, &query, error))
		return false;
	if (matches_nothing(r, &query))
		return nova_reply_member(r, 200, "migrations", json_object_new_array());
	if (!nova_operations_list(r->api->db, &query, &found, error))
		return false;
	body = json_object_new_object();
	list = json_object_new_array();
	for (unsigned i = 0; i < found->len; i++)
		json_object_array_add(list, nova_view_migration(&view, found->pdata[i]));
	nova_json_add(body, "migrations", list);
	if (r->version >= 59 && found->len > 0)
		nova_paging_add_next(r, body, "migrations_links", "os-migrations", found->len, query.limit,
				     ((nova_operation *)found->pdata[found->len - 1])->uuid);
	return nova_reply_json(r, 200, body);
}
