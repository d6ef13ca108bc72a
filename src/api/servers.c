/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "api/router.h"
#include "api/server_filter.h"
#include "common/fault_point.h"
#include "common/json.h"
#include "db/operations.h"

#define SERVER_BYTES 2048 /* about so many are written of one */

nova_view nova_request_view(const nova_request *r)
{
	bool all = r->route && !(r->route->flags & NOVA_ROUTE_SERVER);

	return (nova_view){
		.base = r->base,
		.version = r->version,
		.admin = r->context->is_admin,
		.attributes = nova_request_may(r, "os_compute_api:os-extended-server-attributes"),
		.host_status = nova_request_may(r, "os_compute_api:servers:show:host_status"),
		.migration_hosts = nova_request_may(r, all ? "os_compute_api:os-migrations:index:host" :
							     "os_compute_api:servers:migrations:index:host"),
		.events = nova_request_may(r, "os_compute_api:os-instance-actions:events"),
		.event_details = nova_request_may(r, "os_compute_api:os-instance-actions:events:details"),
	};
}

static bool list(nova_request *r, bool detail, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(nova_server_filter) filter = nova_server_filter_new(r, error);
	g_autoptr(GPtrArray) servers = NULL;
	nova_json_writer w;

	if (!filter || !nova_server_filter_run(filter, r->api->db, &servers, error))
		return false;
	nova_json_writer_init(&w, 200 + servers->len * (detail ? SERVER_BYTES : SERVER_BYTES / 4));
	nova_json_begin(&w, NULL, '{');
	nova_json_begin(&w, "servers", '[');
	for (unsigned i = 0; i < servers->len; i++)
		if (detail)
			nova_view_server(&view, &w, NULL, servers->pdata[i], NOVA_SERVER_LISTED);
		else
			nova_view_server_brief(&view, &w, servers->pdata[i]);
	nova_json_end(&w, ']');
	nova_paging_put_next(r, &w, "servers_links", detail ? "servers/detail" : "servers", servers->len,
			     nova_server_filter_limit(filter),
			     servers->len ? ((nova_instance *)servers->pdata[servers->len - 1])->uuid : NULL);
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

bool nova_servers_index(nova_request *r, GError **error)
{
	return list(r, false, error);
}

bool nova_servers_detail(nova_request *r, GError **error)
{
	return list(r, true, error);
}

static bool show(nova_request *r, const nova_instance *server, nova_server_form form)
{
	nova_view view = nova_request_view(r);
	nova_json_writer w;

	nova_json_writer_init(&w, SERVER_BYTES);
	nova_json_begin(&w, NULL, '{');
	nova_view_server(&view, &w, "server", server, form);
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

bool nova_servers_show(nova_request *r, GError **error)
{
	(void)error;
	return show(r, r->server, NOVA_SERVER_SHOW);
}

/* PUT changes names and description; what it cannot change it refuses rather than forgets. */
bool nova_servers_update(nova_request *r, GError **error)
{
	json_object *wish = nova_json_find(r->body, "server");
	const char *name = json_object_get_string(nova_json_find(wish, "name"));
	const char *v4 = json_object_get_string(nova_json_find(wish, "accessIPv4"));
	const char *v6 = json_object_get_string(nova_json_find(wish, "accessIPv6"));
	json_object *disk = NULL, *described = NULL;
	const char *description = NULL;
	g_autoptr(nova_instance) server = NULL;

	if (json_object_object_get_ex(wish, "OS-DCF:diskConfig", &disk) &&
	    g_strcmp0(json_object_get_string(disk), "MANUAL") != 0)
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED, "Only the disk configuration MANUAL is supported.");
	if (json_object_object_get_ex(wish, "description", &described))
		description = described ? json_object_get_string(described) : "";
	if ((name || description || v4 || v6) &&
	    !nova_instances_update(r->api->db, r->server->uuid, name, description, v4, v6, error))
		return false;
	server = nova_request_find_server(r, r->server->uuid, false, error);
	return server && show(r, server, NOVA_SERVER_UPDATED);
}

/* DELETE never answers "busy": an active operation is asked to end, and the deletion follows it. */
bool nova_servers_remove(nova_request *r, GError **error)
{
	nova_requester by = nova_request_by(r);
	int64_t operation = 0;

	if (!nova_fault_point("api:begin:before", error) ||
	    !nova_instances_delete(r->api->db, r->server->uuid, nova_request_scope(r), &by, &operation, error))
		return false;
	nova_fault_point_pass("api:begin:committed");
	if (operation) {
		nova_request_ring_id(r, operation);
	} else {
		g_autoptr(nova_operation) active = nova_operations_find_active(r->api->db, r->server->uuid, NULL);

		if (active)
			nova_request_ring(r, active);
	}
	return nova_reply_empty(r, 204);
}
