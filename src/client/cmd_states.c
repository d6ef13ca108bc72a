/* SPDX-License-Identifier: Apache-2.0
 *
 * Pausing, suspending and locking servers, setting their state by hand, and what the hypervisor counts of them.
 */
#include "client/command.h"

#include "common/json.h"

#include <stdio.h>

struct request {
	json_object *body;
	const char *word; /* what is asked for */
};

static bool act(nova_client *client, const char *server, void *data, GError **error)
{
	const struct request *a = data;
	g_autofree char *id = nova_session_server_id(client->session, server, error);
	g_autofree char *path = g_strdup_printf("/servers/%s/action", id);

	if (!id || !nova_session_request(client->session, "POST", path, a->body, NULL, NULL, error))
		return false;
	if (client->format == NOVA_OUTPUT_TABLE)
		printf("Request to %s server %s has been accepted.\n", a->word, server);
	return true;
}

/* {ACTION: VALUE} for each server named; takes `value' over. */
static bool act_on_all(nova_client *client, int argc, char **argv, const char *action, json_object *value,
		       GError **error)
{
	g_autoptr(json_object) body = nova_client_member(action, value);
	struct request what = { body, action };

	return nova_client_each(client, argc - 1, argv + 1, act, &what, error);
}

static bool plain(nova_client *client, int argc, char **argv, const char *action, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       act_on_all(client, argc, argv, action, NULL, error);
}

bool nova_cmd_pause(nova_client *client, int argc, char **argv, GError **error)
{
	return plain(client, argc, argv, "pause", error);
}

bool nova_cmd_unpause(nova_client *client, int argc, char **argv, GError **error)
{
	return plain(client, argc, argv, "unpause", error);
}

bool nova_cmd_suspend(nova_client *client, int argc, char **argv, GError **error)
{
	return plain(client, argc, argv, "suspend", error);
}

bool nova_cmd_resume(nova_client *client, int argc, char **argv, GError **error)
{
	return plain(client, argc, argv, "resume", error);
}

bool nova_cmd_unlock(nova_client *client, int argc, char **argv, GError **error)
{
	return plain(client, argc, argv, "unlock", error);
}

bool nova_cmd_lock(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *reason = NULL;
	const GOptionEntry entries[] = {
		{ "reason", 0, 0, G_OPTION_ARG_STRING, &reason, "Why, for those who wonder", "TEXT" },
		{ 0 },
	};
	json_object *value;

	if (!nova_client_parse(client, entries, 1, -1, &argc, &argv, error))
		return false;
	value = reason ? nova_client_member("locked_reason", json_object_new_string(reason)) : NULL;
	return act_on_all(client, argc, argv, "lock", value, error);
}

bool nova_cmd_reset_state(nova_client *client, int argc, char **argv, GError **error)
{
	int active = 0;
	const GOptionEntry entries[] = {
		{ "active", 0, 0, G_OPTION_ARG_NONE, &active, "Say that they are well, and not in error", NULL },
		{ 0 },
	};

	return nova_client_parse(client, entries, 1, -1, &argc, &argv, error) &&
	       act_on_all(client, argc, argv, "os-resetState",
			  nova_client_member("state", json_object_new_string(active ? "active" : "error")), error);
}

bool nova_cmd_diagnostics(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *object;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autofree char *path = g_strdup_printf("/servers/%s/diagnostics", id);

	object = id ? nova_session_get(client->session, path, error) : NULL;
	if (!object)
		return false;
	nova_client_print_object(client, object);
	json_object_put(object);
	return true;
}
