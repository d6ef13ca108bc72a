/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /nova-lite/servers/{id}/placement: where a server could be now, and why not elsewhere.  A scheduler is asked,
 * for its configuration decides.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"
#include "db/hosts.h"
#include "rpc/doorbell.h"

static bool check_host(nova_request *r, const char *name, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_host) host = nova_hosts_find(r->api->db, name, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return host || nova_fail(error, NOVA_FAULT_NOT_FOUND, "Compute host %s could not be found.", name);
}

bool nova_server_placement(nova_request *r, GError **error)
{
	const char *host = nova_request_param(r, "host");
	g_autoptr(json_object) args = json_object_new_object();

	if (host && !check_host(r, host, error))
		return false;
	nova_json_add_str(args, "instance", r->server->uuid);
	if (host)
		nova_json_add_str(args, "host", host);
	json_object *answer = nova_request_ask_scheduler(r, NOVA_RPC_EXPLAIN_PLACEMENT, args, error);

	if (!answer) {
		g_prefix_error(error, "No scheduler answers: ");
		return false;
	}
	return nova_reply_member(r, 200, "placement", answer);
}
