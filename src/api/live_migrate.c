/* SPDX-License-Identifier: Apache-2.0
 *
 * os-migrateLive in all its forms.  From 2.34 on the answer is 202 as soon as the operation exists; before, a client
 * wants to hear about refusals, so the request waits for the operation's early verdict.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/deadline.h"
#include "common/json.h"
#include "db/hosts.h"
#include "db/operations.h"

#include <string.h>

#define POLL_FIRST_MS 20
#define POLL_MOST_MS  250
#define QUEUED_MS     3000 /* a migration that only waits for a free slot has been agreed to */

/* The named destination exists; below 2.34 it must not be where the server is (later that is the scheduler's
 * verdict, seen on the operation). */
static bool check_destination(nova_request *r, const char *name, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_host) host = nova_hosts_find(r->api->db, name, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!host)
		return nova_fail(error, NOVA_FAULT_HOST_NOT_FOUND, "Compute host %s could not be found.", name);
	if (r->version < 34 && g_strcmp0(r->server->host, name) == 0)
		return nova_fail(error, NOVA_FAULT_MIGRATE_TO_SELF,
				 "Unable to migrate instance (%s) to current host (%s).", r->server->uuid, name);
	return true;
}

static bool is_early(nova_op_state state)
{
	return state == NOVA_OPS_REQUESTED || state == NOVA_OPS_CLAIMED || state == NOVA_OPS_CHECKED;
}

static bool verdict_of(nova_request *r, const nova_operation *op, GError **error)
{
	if (op->state == NOVA_OPS_ERROR || op->state == NOVA_OPS_FAILED || op->state == NOVA_OPS_CANCELLED)
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK, "%s",
				 op->reason ? op->reason : "The live migration was refused.");
	return nova_reply_empty(r, 202);
}

/* Looks at the row until the hosts have agreed or refused.  Running out of time, or the service's stop, is no refusal:
 * 202 then, and the outcome is on the operation as it is from 2.34 on. */
static bool wait_for_verdict(nova_request *r, int64_t id, GError **error)
{
	nova_deadline deadline = nova_deadline_in_ms(r->conf->rpc_response_timeout * 1000);
	nova_deadline queued = nova_deadline_never();
	int64_t pause_ms = POLL_FIRST_MS;

	for (;;) {
		GError *failure = NULL;
		g_autoptr(nova_operation) op = nova_operations_find(r->api->db, id, &failure);

		if (failure) {
			g_propagate_error(error, failure);
			return false;
		}
		if (op && op->state == NOVA_OPS_CHECKED && nova_deadline_is_never(queued))
			queued = nova_deadline_in_ms(QUEUED_MS);
		if (!op || nova_deadline_is_expired(nova_deadline_min(deadline, queued)) ||
		    nova_http_is_stopping(r->api->http))
			return nova_reply_empty(r, 202);
		if (!is_early(op->state))
			return verdict_of(r, op, error);
		g_usleep((unsigned long)pause_ms * 1000);
		pause_ms = MIN(2 * pause_ms, POLL_MOST_MS);
	}
}

bool nova_action_live_migrate(nova_request *r, GError **error)
{
	json_object *host = nova_json_find(r->args, "host"), *block = NULL, *force = NULL;
	const char *name = host ? json_object_get_string(host) : NULL;
	const nova_op_request request = {
		.kind = NOVA_OP_LIVE_MIGRATION,
		.instance_uuid = r->server->uuid,
		.project_id = nova_request_scope(r),
		.action = "os-migrateLive",
		.requested_host = name,
		.strict = r->conf->live_migration_strict_switchover,
		.by = nova_request_by(r),
	};
	g_autoptr(nova_operation) op = NULL;
	bool ok;

	if (name && !nova_request_must(r, "os_compute_api:os-migrate-server:migrate_live:host", error))
		return false;
	json_object_object_get_ex(r->args, "block_migration", &block);
	json_object_object_get_ex(r->args, "force", &force);
	if (force && nova_schema_bool(force) && !name)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Can't force to a non-provided destination");
	if (!nova_instance_may_begin(r->server, NOVA_OP_LIVE_MIGRATION, "os-migrateLive", error))
		return false;
	if (block && nova_schema_bool(block))
		return nova_fail(
			error, NOVA_FAULT_NOT_IMPLEMENTED,
			"This version of nova-lite moves servers between hosts that share their instance directory; "
			"it does not copy disks (block_migration).");
	if (name && !check_destination(r, name, error))
		return false;
	op = nova_request_begin(r, &request, error);
	if (!op)
		return false;
	nova_request_ring(r, op);
	if (r->version >= 34 || !nova_http_wait_begin(r->api->http))
		return nova_reply_empty(r, 202);
	ok = wait_for_verdict(r, op->id, error);
	nova_http_wait_end(r->api->http);
	return ok;
}
