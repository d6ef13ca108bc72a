/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "common/json.h"
#include "common/timestamp.h"
#include "db/operations.h"

#include <string.h>

#define MAX_UNPAGED 1000 /* before 2.58 the list has no pages */

/* The operation behind an action's request id; NULL with no error: none. */
static nova_operation *find_by_request(nova_request *r, const char *request_id, GError **error)
{
	const nova_operation_query query = {
		.instance_uuid = r->server->uuid, .request_id = request_id, .limit = 1
	};
	g_autoptr(GPtrArray) found = NULL;

	if (!nova_operations_list(r->api->db, &query, &found, error) || found->len == 0)
		return NULL;
	return nova_operations_find(r->api->db, ((nova_operation *)found->pdata[0])->id, error);
}

/* The marker is a request id; the store's is the operation's uuid. */
static bool read_marker(nova_request *r, char **ret_uuid, GError **error)
{
	const char *marker = nova_request_param(r, "marker");
	GError *failure = NULL;
	g_autoptr(nova_operation) op = NULL;

	if (!marker)
		return true;
	op = find_by_request(r, marker, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!op)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
	*ret_uuid = g_strdup(op->uuid);
	return true;
}

static bool read_query(nova_request *r, nova_operation_query *query, char **ret_marker, GError **error)
{
	const char *since = nova_request_param(r, "changes-since");
	const char *before = r->version >= 66 ? nova_request_param(r, "changes-before") : NULL;

	query->instance_uuid = r->server->uuid;
	query->limit = MAX_UNPAGED;
	if (r->version < 58)
		return true;
	query->limit = nova_paging_limit(r);
	if ((since && !nova_timestamp_parse(since, &query->changes_since_us, error)) ||
	    (before && !nova_timestamp_parse(before, &query->changes_before_us, error)) ||
	    !read_marker(r, ret_marker, error))
		return false;
	query->marker = *ret_marker;
	if (since && before && query->changes_since_us > query->changes_before_us)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "The value of changes-since must be less than or equal to changes-before.");
	return true;
}

bool nova_instance_actions_index(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	nova_operation_query query = { 0 };
	g_autofree char *marker = NULL;
	g_autofree char *path = g_strdup_printf("servers/%s/os-instance-actions", r->server->uuid);
	g_autoptr(GPtrArray) found = NULL;
	json_object *body, *list;

	if (!read_query(r, &query, &marker, error))
		return false;
	if (query.limit == 0)
		return nova_reply_member(r, 200, "instanceActions", json_object_new_array());
	if (!nova_operations_list(r->api->db, &query, &found, error))
		return false;
	body = json_object_new_object();
	list = json_object_new_array();
	for (unsigned i = 0; i < found->len; i++)
		json_object_array_add(list, nova_view_action(&view, found->pdata[i]));
	nova_json_add(body, "instanceActions", list);
	if (r->version >= 58 && found->len > 0)
		nova_paging_add_next(r, body, "links", path, found->len, query.limit,
				     ((nova_operation *)found->pdata[found->len - 1])->request_id);
	return nova_reply_json(r, 200, body);
}

bool nova_instance_actions_show(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	GError *failure = NULL;
	g_autoptr(nova_operation) op = find_by_request(r, r->ids[1], &failure);
	g_autoptr(GPtrArray) journal = NULL;

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!op)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Action %s not found", r->ids[1]);
	if (!nova_operations_journal(r->api->db, op->id, &journal, error))
		return false;
	return nova_reply_member(r, 200, "instanceAction", nova_view_action_detail(&view, op, journal));
}
