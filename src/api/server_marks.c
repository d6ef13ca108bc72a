/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to a server without its host: locks, a state written by hand, and the consoles no guest has.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"
#include "db/at_once.h"

#include <string.h>

/* Nova calls everybody of the server's project its owner. */
static bool is_owner(const nova_request *r)
{
	return strcmp(r->server->project_id, r->context->project_id) == 0;
}

bool nova_action_lock(nova_request *r, GError **error)
{
	json_object *reason = r->version >= 73 ? nova_json_find(r->args, "locked_reason") : NULL;
	const nova_requester by = nova_request_by(r);

	return nova_instances_set_lock(r->api->db, r->server->uuid, is_owner(r),
				       reason ? json_object_get_string(reason) : NULL, &by, error) &&
	       nova_reply_empty(r, 202);
}

bool nova_action_unlock(nova_request *r, GError **error)
{
	const nova_requester by = nova_request_by(r);
	const char *own = is_owner(r) ? "owner" : "admin";

	if (r->server->locked_by && strcmp(r->server->locked_by, own) != 0 &&
	    !nova_request_must(r, "os_compute_api:os-lock-server:unlock:unlock_override", error))
		return false;
	return nova_instances_unlock(r->api->db, r->server->uuid, &by, error) && nova_reply_empty(r, 202);
}

bool nova_action_reset_state(nova_request *r, GError **error)
{
	const char *state = json_object_get_string(nova_json_find(r->args, "state"));
	const nova_requester by = nova_request_by(r);

	return nova_instances_reset_state(r->api->db, r->server->uuid,
					  strcmp(state, "active") == 0 ? NOVA_VM_ACTIVE : NOVA_VM_ERROR, &by, error) &&
	       nova_reply_empty(r, 202);
}

/* Guests have a serial console whose text is kept, and no other. */
static bool no_console(nova_request *r, const char *type, GError **error)
{
	if (!r->server->host)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "Instance %s is not ready", r->server->uuid);
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Unavailable console type %s.", type);
}

bool nova_action_remote_console(nova_request *r, GError **error)
{
	return no_console(r, json_object_get_string(nova_json_find(r->args, "type")), error);
}

bool nova_server_remote_console(nova_request *r, GError **error)
{
	return no_console(r, json_object_get_string(nova_json_find(r->body, "remote_console.type")), error);
}
