/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/router.h"
#include "api/schemas.h"
#include "common/json.h"
#include "common/log.h"
#include "db/operations.h"

#include <string.h>

#define METHOD_CONSOLE "get_console_output"

#define SERVERS "os_compute_api:servers:"
#define LATER(name, policy, since, until) \
	{ name, "os_compute_api:" policy, since, until, NULL, NULL, NULL, NOVA_ASK_NONE, false }
/* Not in this version either, but a server on which an operation works refuses it for that reason. */
#define LATER_ASK(name, policy, ask) \
	{ name, "os_compute_api:" policy, 0, 0, NULL, NULL, NULL, NOVA_ASK_##ask, true }
#define CONSOLE(name, schema) \
	{ name, "os_compute_api:os-remote-consoles", 0, 5, &nova_schema_##schema, nova_action_remote_console, \
	  "400: guests have no such console; `os-getConsoleOutput` is there.", NOVA_ASK_NONE, false }

const nova_action nova_actions[] = {
	{ "os-start", SERVERS "start", 0, 0, NULL, nova_action_start,
	  "Starts a stopped server: 202.", NOVA_ASK_START, true },
	{ "os-stop", SERVERS "stop", 0, 0, NULL, nova_action_stop, "Stops a running server: 202.",
	  NOVA_ASK_STOP, true },
	{ "reboot", SERVERS "reboot", 0, 0, &nova_schema_reboot, nova_action_reboot,
	  "Reboots, SOFT or HARD: 202.", NOVA_ASK_REBOOT_HARD, true },
	{ "os-migrateLive", "os_compute_api:os-migrate-server:migrate_live", 0, 0,
	  &nova_schema_migrate_live, nova_action_live_migrate,
	  "Moves a running server to another host: 202; below 2.34 after the hosts have agreed, else 400 with the "
	  "reason.",
	  NOVA_ASK_LIVE_MIGRATE, true },
	{ "os-getConsoleOutput", "os_compute_api:os-console-output", 0, 0,
	  &nova_schema_console_output, nova_action_console_output, "The end of the serial console's log: 200.",
	  NOVA_ASK_NONE, false },
	{ "forceDelete", "os_compute_api:os-deferred-delete:force", 0, 0, NULL,
	  nova_action_force_delete, "The same as DELETE: 202.", NOVA_ASK_DELETE, true },
	{ "pause", "os_compute_api:os-pause-server:pause", 0, 0, NULL, nova_action_pause,
	  "Stops the processors of a running server: 202.", NOVA_ASK_PAUSE, true },
	{ "unpause", "os_compute_api:os-pause-server:unpause", 0, 0, NULL, nova_action_unpause,
	  "Lets a paused server go on: 202.", NOVA_ASK_UNPAUSE, true },
	{ "suspend", "os_compute_api:os-suspend-server:suspend", 0, 0, NULL, nova_action_suspend,
	  "Writes the memory of a running server into a file beside its disk, and ends it: 202.", NOVA_ASK_SUSPEND,
	  true },
	{ "resume", "os_compute_api:os-suspend-server:resume", 0, 0, NULL, nova_action_resume,
	  "Lets a suspended server go on: 202.", NOVA_ASK_RESUME, true },
	{ "lock", "os_compute_api:os-lock-server:lock", 0, 72, NULL, nova_action_lock,
	  "Only an admin changes the server from now on: 202.", NOVA_ASK_LOCK, false },
	{ "lock", "os_compute_api:os-lock-server:lock", 73, 0, &nova_schema_lock, nova_action_lock,
	  "The same with a `locked_reason`: 202.", NOVA_ASK_LOCK, false },
	{ "unlock", "os_compute_api:os-lock-server:unlock", 0, 0, NULL, nova_action_unlock,
	  "202; a lock of an admin of another project is taken away by an admin.", NOVA_ASK_UNLOCK, false },
	{ "rebuild", SERVERS "rebuild", 0, 0, &nova_schema_rebuild, nova_action_rebuild,
	  "A new disk from an image; name, address, size and host stay: 202 with the server.", NOVA_ASK_REBUILD, true },
	{ "resize", SERVERS "resize", 0, 0, &nova_schema_resize, nova_action_resize,
	  "Shuts the server down and starts it with another flavor, on another host maybe: 202; then it waits for the "
	  "next two.",
	  NOVA_ASK_RESIZE, true },
	{ "confirmResize", SERVERS "confirm_resize", 0, 0, NULL, nova_action_confirm_resize,
	  "The new size stays: 204.", NOVA_ASK_CONFIRM_RESIZE, true },
	{ "revertResize", SERVERS "revert_resize", 0, 0, NULL, nova_action_revert_resize,
	  "Back to the old flavor and host: 202.  The disk stays, with all that was written on it.",
	  NOVA_ASK_REVERT_RESIZE, true },
	LATER_ASK("migrate", "os-migrate-server:migrate", MIGRATE),
	LATER_ASK("evacuate", "os-evacuate", EVACUATE),
	{ "os-resetState", "os_compute_api:os-admin-actions:reset_state", 0, 0, &nova_schema_reset_state,
	  nova_action_reset_state,
	  "Writes vm_state `active` or `error`: 202; 409 while an operation works on the server, which comes to its "
	  "end by itself. Its host corrects what is not so.",
	  NOVA_ASK_RESET_STATE, false },
	LATER("injectNetworkInfo", "os-admin-actions:inject_network_info", 0, 0),
	LATER("restore", "os-deferred-delete:restore", 0, 0),
	CONSOLE("os-getVNCConsole", vnc_console),
	CONSOLE("os-getSPICEConsole", spice_console),
	CONSOLE("os-getSerialConsole", serial_console),
	CONSOLE("os-getRDPConsole", rdp_console),
	LATER("changePassword", "os-admin-password", 0, 0),
	LATER("createImage", "servers:create_image", 0, 0),
	LATER("createBackup", "os-create-backup", 0, 0),
	LATER("shelve", "os-shelve:shelve", 0, 0),
	LATER("shelveOffload", "os-shelve:shelve_offload", 0, 0),
	LATER("unshelve", "os-shelve:unshelve", 0, 0),
	LATER("rescue", "os-rescue", 0, 0),
	LATER("unrescue", "os-unrescue", 0, 0),
	LATER("addSecurityGroup", "os-security-groups:add", 0, 0),
	LATER("removeSecurityGroup", "os-security-groups:remove", 0, 0),
	LATER("trigger_crash_dump", "servers:trigger_crash_dump", 17, 0),
	LATER("addFixedIp", "os-multinic:add", 0, 43),
	LATER("removeFixedIp", "os-multinic:remove", 0, 43),
	LATER("addFloatingIp", "os-floating-ips:add", 0, 43),
	LATER("removeFloatingIp", "os-floating-ips:remove", 0, 43),
	{ .name = NULL },
};

/* Begins an operation, tells its first actor, answers 202. */
static bool begin(nova_request *r, nova_op_kind kind, const char *action, GError **error)
{
	const nova_op_request request = {
		.kind = kind,
		.instance_uuid = r->server->uuid,
		.project_id = nova_request_scope(r),
		.action = action,
		.by = nova_request_by(r),
	};
	g_autoptr(nova_operation) op = NULL;

	if (!r->server->host && !r->server->busy)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "Instance %s is not ready", r->server->uuid);
	op = nova_request_begin(r, &request, error);
	if (!op)
		return false;
	nova_request_ring(r, op);
	return nova_reply_empty(r, 202);
}

bool nova_action_start(nova_request *r, GError **error)
{
	return begin(r, NOVA_OP_START, "start", error);
}

bool nova_action_stop(nova_request *r, GError **error)
{
	return begin(r, NOVA_OP_STOP, "stop", error);
}

bool nova_action_reboot(nova_request *r, GError **error)
{
	const char *type = json_object_get_string(nova_json_find(r->args, "type"));
	bool hard = g_ascii_strcasecmp(type, "HARD") == 0;

	return begin(r, hard ? NOVA_OP_REBOOT_HARD : NOVA_OP_REBOOT_SOFT, "reboot", error);
}

bool nova_action_pause(nova_request *r, GError **error)
{
	return begin(r, NOVA_OP_PAUSE, "pause", error);
}

bool nova_action_unpause(nova_request *r, GError **error)
{
	return begin(r, NOVA_OP_UNPAUSE, "unpause", error);
}

bool nova_action_suspend(nova_request *r, GError **error)
{
	return begin(r, NOVA_OP_SUSPEND, "suspend", error);
}

bool nova_action_resume(nova_request *r, GError **error)
{
	return begin(r, NOVA_OP_RESUME, "resume", error);
}

bool nova_action_force_delete(nova_request *r, GError **error)
{
	if (!nova_servers_remove(r, error))
		return false;
	r->reply->status = 202;
	return true;
}

/* The console log is on the host: the one thing the API has to ask for. */
bool nova_action_console_output(nova_request *r, GError **error)
{
	g_autoptr(json_object) args = NULL;
	g_autoptr(json_object) result = NULL;
	json_object *length = NULL;
	const char *output = "";

	if (!r->server->host)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "Instance %s is not ready", r->server->uuid);
	args = json_object_new_object();
	nova_json_add_str(args, "instance", r->server->uuid);
	json_object_object_get_ex(r->args, "length", &length);
	nova_json_add_int(args, "length", length ? g_ascii_strtoll(json_object_get_string(length), NULL, 10) : -1);
	result = nova_request_ask_host(r, METHOD_CONSOLE, args, error);
	if (!result || !nova_json_opt_str(result, "output", "", &output, error))
		return false;
	return nova_reply_member(r, 200, "output", json_object_new_string(output));
}
