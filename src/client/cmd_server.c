/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"

#include "common/json.h"

#include <stdio.h>
#include <string.h>

#define WAIT_BUILD_S  300
#define WAIT_DELETE_S 120
#define MAX_USER_DATA 49151 /* 65535 characters of base64 at most */

/* "private=10.0.0.4, 10.0.0.5; other=…" as every OpenStack client prints it. */
static char *networks_of(json_object *server)
{
	GString *out = g_string_new(NULL);
	json_object *addresses = nova_json_find(server, "addresses");

	if (addresses) {
		json_object_object_foreach(addresses, network, list)
		{
			g_string_append_printf(out, "%s%s=", out->len ? "; " : "", network);
			for (size_t i = 0; i < json_object_array_length(list); i++) {
				json_object *a =
					nova_json_find(json_object_array_get_idx(list, i), "addr");

				g_string_append_printf(out, "%s%s", i ? ", " : "",
						       a ? json_object_get_string(a) : "?");
			}
		}
	}
	return g_string_free(out, FALSE);
}

bool nova_cmd_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const headings[] = { "ID", "Name", "Status", "Networks", NULL };
	static const char *const headings_long[] = { "ID",   "Name",     "Status", "Task State",
						     "Host", "Networks", NULL };
	g_autofree char *host = NULL;
	g_autofree char *status = NULL;
	int with_host = 0;
	const GOptionEntry entries[] = {
		{ "host", 0, 0, G_OPTION_ARG_STRING, &host, "Only servers on this host", "HOST" },
		{ "status", 0, 0, G_OPTION_ARG_STRING, &status, "Only servers with this status",
		  "STATUS" },
		{ "long", 0, 0, G_OPTION_ARG_NONE, &with_host, "Also show task state and host",
		  NULL },
		{ 0 },
	};

	if (!nova_client_parse(client, entries, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(GString) query = g_string_new("all_tenants=1");
	g_autofree char *marker = NULL;
	g_autoptr(nova_output) output = nova_output_new(with_host ? headings_long : headings);
	g_autoptr(json_object) all = json_object_new_array();

	if (host) {
		g_autofree char *value = nova_session_escape(host);

		g_string_append_printf(query, "&host=%s", value);
	}
	if (status) {
		g_autofree char *value = nova_session_escape(status);

		g_string_append_printf(query, "&status=%s", value);
	}
	for (bool more = true; more;) {
		g_autofree char *path =
			g_strdup_printf("/servers/detail?%s%s%s", query->str,
					marker ? "&marker=" : "", marker ? marker : "");
		g_autoptr(json_object) reply = nova_session_get(client->session, path, error);
		json_object *servers = reply ? nova_json_find(reply, "servers") : NULL;

		if (!reply)
			return false;
		for (size_t i = 0; servers && i < json_object_array_length(servers); i++) {
			json_object *server = json_object_array_get_idx(servers, i);
			g_autofree char *id = nova_output_cell(nova_json_find(server, "id"));
			g_autofree char *name = nova_output_cell(nova_json_find(server, "name"));
			g_autofree char *state = nova_output_cell(nova_json_find(server, "status"));
			g_autofree char *task = nova_output_cell(
				json_object_object_get(server, "OS-EXT-STS:task_state"));
			g_autofree char *where = nova_output_cell(
				json_object_object_get(server, "OS-EXT-SRV-ATTR:host"));
			g_autofree char *networks = networks_of(server);

			nova_output_add(output,
					with_host ? (const char *[]) { id, name, state, task, where,
								       networks }
						  : (const char *[]) { id, name, state, networks });
			json_object_array_add(all, json_object_get(server));
			g_free(marker);
			marker = g_strdup(id);
		}
		more = nova_json_find(reply, "servers_links") != NULL;
	}
	nova_output_print(output, client->format, all);
	return true;
}

static json_object *fetch(nova_client *client, const char *id, GError **error)
{
	g_autofree char *path = g_strdup_printf("/servers/%s", id);
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);
	json_object *server = NULL;

	if (!reply || !nova_json_get_object(reply, "server", &server, error))
		return NULL;
	return json_object_get(server);
}

/* What people look for first has a row of its own; links say nothing to them. */
static void print_server(nova_client *client, json_object *server)
{
	if (client->format != NOVA_OUTPUT_JSON) {
		json_object *addresses = nova_json_find(server, "addresses");
		g_autofree char *flavor =
			nova_output_cell(nova_json_find(server, "flavor.original_name"));
		g_autofree char *image = nova_output_cell(nova_json_find(server, "image.id"));

		if (addresses) {
			json_object_object_foreach(addresses, network, list)
			{
				g_autoptr(GString) text = g_string_new(NULL);
				g_autofree char *key = g_strdup_printf("%s network", network);

				for (size_t i = 0; i < json_object_array_length(list); i++) {
					json_object *a = nova_json_find(
						json_object_array_get_idx(list, i), "addr");

					g_string_append_printf(text, "%s%s", i ? ", " : "",
							       a ? json_object_get_string(a) : "?");
				}
				nova_json_add_str(server, key, text->str);
			}
		}
		json_object_object_del(server, "addresses");
		json_object_object_del(server, "links");
		nova_json_add_str(server, "flavor", flavor);
		nova_json_add_str(server, "image", image);
	}
	nova_client_print_object(client, server);
}

bool nova_cmd_show(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autoptr(json_object) server = id ? fetch(client, id, error) : NULL;

	if (!server)
		return false;
	print_server(client, server);
	return true;
}

/* The id of a flavor or image given by id or exact name. */
static char *id_of(nova_client *client, const char *path, const char *key, const char *what,
		   const char *wanted, GError **error)
{
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);
	json_object *list = reply ? nova_json_find(reply, key) : NULL;
	const char *found = NULL;

	if (!reply)
		return NULL;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		json_object *row = json_object_array_get_idx(list, i);
		const char *id = json_object_get_string(nova_json_find(row, "id"));
		const char *name = json_object_get_string(nova_json_find(row, "name"));

		if (g_strcmp0(id, wanted) == 0)
			return g_strdup(id);
		if (g_strcmp0(name, wanted) != 0)
			continue;
		if (found) {
			nova_fail(error, NOVA_FAULT_CONFLICT,
				  "several %ss are named '%s'; use the ID", what, wanted);
			return NULL;
		}
		found = id;
	}
	if (!found)
		nova_fail(error, NOVA_FAULT_NOT_FOUND,
			  "No %s with a name or ID of '%s' exists; nova-lite %s-list shows them.",
			  what, wanted, what);
	return g_strdup(found);
}

static bool wait_for_build(nova_client *client, const char *id, GError **error)
{
	int64_t deadline = g_get_monotonic_time() + WAIT_BUILD_S * G_USEC_PER_SEC;

	for (;;) {
		g_autoptr(json_object) server = fetch(client, id, error);
		const char *status;

		if (!server || !nova_json_get_str(server, "status", &status, error))
			return false;
		if (strcmp(status, "BUILD") != 0) {
			print_server(client, server);
			if (strcmp(status, "ACTIVE") != 0) {
				json_object *fault = nova_json_find(server, "fault.message");

				return nova_fail(error, NOVA_FAULT_INTERNAL,
						 "the server is in status %s: %s", status,
						 fault ? json_object_get_string(fault)
						       : "no reason is recorded");
			}
			return true;
		}
		if (g_get_monotonic_time() > deadline) {
			fprintf(stderr,
				"still building after %d s; nova-lite show %s tells how it goes "
				"on\n",
				WAIT_BUILD_S, id);
			client->exit_status = NOVA_EXIT_TIMEOUT;
			return true;
		}
		g_usleep(300000);
	}
}

/* What boot gives a server beside its shape. */
typedef struct told {
	char *key, *user_data;
	char **meta, **hints;
	int config_drive;
} told;

static void told_done(told *t)
{
	g_free(t->key);
	g_free(t->user_data);
	g_strfreev(t->meta);
	g_strfreev(t->hints);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(told, told_done)

static bool tell(json_object *body, json_object *server, const told *t, GError **error)
{
	json_object *meta = t->meta ? nova_input_pairs((int)g_strv_length(t->meta), t->meta, false, error) : NULL;
	json_object *hints = t->hints ? nova_input_pairs((int)g_strv_length(t->hints), t->hints, false, error) : NULL;
	g_autofree char *data = NULL;
	size_t length;

	if (meta)
		nova_json_add(server, "metadata", meta);
	if (hints)
		nova_json_add(body, "os:scheduler_hints", hints);
	if ((t->meta && !meta) || (t->hints && !hints))
		return false;
	if (t->key)
		nova_json_add_str(server, "key_name", t->key);
	if (t->config_drive)
		nova_json_add_bool(server, "config_drive", true);
	if (t->user_data) {
		g_autofree char *encoded = NULL;

		if (!nova_input_file(t->user_data, MAX_USER_DATA, &data, &length, error))
			return false;
		encoded = g_base64_encode((const unsigned char *)data, length);
		nova_json_add_str(server, "user_data", encoded);
	}
	return true;
}

bool nova_cmd_boot(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *flavor = NULL;
	g_autofree char *image = NULL;
	g_autofree char *host = NULL;
	g_autofree char *nic = NULL;
	g_auto(told) gifts = { 0 };
	int wait = 0;
	const GOptionEntry entries[] = {
		{ "key-name", 0, 0, G_OPTION_ARG_STRING, &gifts.key, "Its key pair", "KEYPAIR" },
		{ "user-data", 0, 0, G_OPTION_ARG_FILENAME, &gifts.user_data, "What its drive gives it", "FILE" },
		{ "config-drive", 0, 0, G_OPTION_ARG_NONE, &gifts.config_drive, "Give it a config drive", NULL },
		{ "meta", 0, 0, G_OPTION_ARG_STRING_ARRAY, &gifts.meta, "Metadata; may be repeated", "KEY=VALUE" },
		{ "hint", 0, 0, G_OPTION_ARG_STRING_ARRAY, &gifts.hints, "For the scheduler", "KEY=VALUE" },
		{ "flavor", 0, 0, G_OPTION_ARG_STRING, &flavor, "Name or ID of the flavor",
		  "FLAVOR" },
		{ "image", 0, 0, G_OPTION_ARG_STRING, &image, "Name or ID of the image", "IMAGE" },
		{ "host", 0, 0, G_OPTION_ARG_STRING, &host, "Build it on this host", "HOST" },
		{ "nic", 0, 0, G_OPTION_ARG_STRING, &nic,
		  "auto (default), none, or the ID of a network", "NIC" },
		{ "wait", 0, 0, G_OPTION_ARG_NONE, &wait, "Wait until it runs", NULL },
		{ 0 },
	};

	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error))
		return false;
	if (!flavor || !image)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "boot needs --flavor and --image; nova-lite flavor-list and "
				 "image-list show them");
	g_autofree char *flavor_id =
		id_of(client, "/flavors/detail", "flavors", "flavor", flavor, error);
	g_autofree char *image_id =
		flavor_id ? id_of(client, "/v2/images", "images", "image", image, error) : NULL;

	if (!image_id)
		return false;
	g_autoptr(json_object) body = json_object_new_object();
	json_object *server = json_object_new_object();

	nova_json_add_str(server, "name", argv[1]);
	nova_json_add_str(server, "flavorRef", flavor_id);
	nova_json_add_str(server, "imageRef", image_id);
	if (!nic || strcmp(nic, "auto") == 0 || strcmp(nic, "none") == 0) {
		nova_json_add_str(server, "networks", nic ? nic : "auto");
	} else {
		json_object *list = json_object_new_array(), *network = json_object_new_object();

		nova_json_add_str(network, "uuid", nic);
		json_object_array_add(list, network);
		nova_json_add(server, "networks", list);
	}
	if (host)
		nova_json_add_str(server, "host", host);
	nova_json_add(body, "server", server);
	if (!tell(body, server, &gifts, error))
		return false;
	g_autoptr(json_object) reply = NULL;
	const char *id;

	if (!nova_session_request(client->session, "POST", "/servers", body, NULL, &reply, error) ||
	    !nova_json_get_str(reply, "server.id", &id, error))
		return false;
	if (wait)
		return wait_for_build(client, id, error);
	g_autoptr(json_object) made = fetch(client, id, error);

	if (!made)
		return false;
	print_server(client, made);
	return true;
}

static bool give_back(GError **from, GError **error)
{
	g_propagate_error(error, g_steal_pointer(from));
	return false;
}

/* True also when it is still there at the end of the wait, which the exit status then says. */
static bool delete_one(nova_client *client, const char *server, bool wait, GError **error)
{
	g_autofree char *id = nova_session_server_id(client->session, server, error);
	g_autofree char *path = g_strdup_printf("/servers/%s", id);

	if (!id || !nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error))
		return false;
	if (client->format == NOVA_OUTPUT_TABLE)
		printf("Request to delete server %s has been accepted.\n", server);
	for (int64_t deadline = g_get_monotonic_time() + WAIT_DELETE_S * G_USEC_PER_SEC; wait; g_usleep(200000)) {
		g_autoptr(GError) gone = NULL;
		g_autoptr(json_object) there G_GNUC_UNUSED = fetch(client, id, &gone);

		if (nova_error_is(gone, NOVA_FAULT_NOT_FOUND))
			break;
		if (g_get_monotonic_time() > deadline) {
			fprintf(stderr, "server %s is still there after %d s\n", server, WAIT_DELETE_S);
			client->exit_status = NOVA_EXIT_TIMEOUT;
			break;
		}
	}
	return true;
}

bool nova_cmd_delete(nova_client *client, int argc, char **argv, GError **error)
{
	int wait = 0, done = 0;
	const GOptionEntry entries[] = {
		{ "wait", 0, 0, G_OPTION_ARG_NONE, &wait, "Wait until nothing of it is left",
		  NULL },
		{ 0 },
	};

	if (!nova_client_parse(client, entries, 1, -1, &argc, &argv, error))
		return false;
	for (int i = 1; i < argc; i++) {
		g_autoptr(GError) refused = NULL;

		if (delete_one(client, argv[i], wait, &refused))
			done++;
		else if (argc == 2)
			return give_back(&refused, error);
		else
			nova_client_report(argv[i], refused);
	}
	if (client->exit_status == NOVA_EXIT_OK)
		nova_client_judge_batch(client, done, argc - 1);
	return true;
}

static bool act(nova_client *client, const char *server, json_object *body, const char *said,
		GError **error)
{
	g_autofree char *id = nova_session_server_id(client->session, server, error);
	g_autofree char *path = g_strdup_printf("/servers/%s/action", id);

	if (!id || !nova_session_request(client->session, "POST", path, body, NULL, NULL, error))
		return false;
	if (client->format == NOVA_OUTPUT_TABLE)
		printf("Request to %s server %s has been accepted.\n", said, server);
	return true;
}

/* The same action for each server named; takes `body' over. */
static bool act_on_all(nova_client *client, int argc, char **argv, json_object *body, const char *said,
		       GError **error)
{
	g_autoptr(json_object) owned = body;
	int done = 0;

	for (int i = 1; i < argc; i++) {
		g_autoptr(GError) refused = NULL;

		if (act(client, argv[i], owned, said, &refused))
			done++;
		else if (argc == 2)
			return give_back(&refused, error);
		else
			nova_client_report(argv[i], refused);
	}
	nova_client_judge_batch(client, done, argc - 1);
	return true;
}

static json_object *bare_action(const char *name)
{
	json_object *body = json_object_new_object();

	nova_json_add_null(body, name);
	return body;
}

bool nova_cmd_start(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       act_on_all(client, argc, argv, bare_action("os-start"), "start", error);
}

bool nova_cmd_stop(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       act_on_all(client, argc, argv, bare_action("os-stop"), "stop", error);
}

bool nova_cmd_reboot(nova_client *client, int argc, char **argv, GError **error)
{
	int hard = 0;
	const GOptionEntry entries[] = {
		{ "hard", 0, 0, G_OPTION_ARG_NONE, &hard,
		  "Cut the power instead of asking the guest", NULL },
		{ 0 },
	};
	json_object *body, *reboot;

	if (!nova_client_parse(client, entries, 1, -1, &argc, &argv, error))
		return false;
	body = json_object_new_object();
	reboot = json_object_new_object();
	nova_json_add_str(reboot, "type", hard ? "HARD" : "SOFT");
	nova_json_add(body, "reboot", reboot);
	return act_on_all(client, argc, argv, body, "reboot", error);
}

bool nova_cmd_rebuild(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *name = NULL;
	const GOptionEntry entries[] = {
		{ "name", 0, 0, G_OPTION_ARG_STRING, &name, "Give it another name", "NAME" },
		{ 0 },
	};
	g_autofree char *image = NULL;
	json_object *rebuild;

	if (!nova_client_parse(client, entries, 2, 2, &argc, &argv, error))
		return false;
	image = id_of(client, "/v2/images", "images", "image", argv[2], error);
	if (!image)
		return false;
	g_autoptr(json_object) body = json_object_new_object();

	rebuild = json_object_new_object();
	nova_json_add_str(rebuild, "imageRef", image);
	if (name)
		nova_json_add_str(rebuild, "name", name);
	nova_json_add(body, "rebuild", rebuild);
	return act(client, argv[1], body, "rebuild", error);
}

bool nova_cmd_resize(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *flavor = NULL;
	json_object *resize;

	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	flavor = id_of(client, "/flavors/detail", "flavors", "flavor", argv[2], error);
	if (!flavor)
		return false;
	g_autoptr(json_object) body = json_object_new_object();

	resize = json_object_new_object();
	nova_json_add_str(resize, "flavorRef", flavor);
	nova_json_add(body, "resize", resize);
	return act(client, argv[1], body, "resize", error);
}

bool nova_cmd_resize_confirm(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       act_on_all(client, argc, argv, bare_action("confirmResize"), "confirm the resize of", error);
}

bool nova_cmd_resize_revert(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       act_on_all(client, argc, argv, bare_action("revertResize"), "revert the resize of", error);
}

bool nova_cmd_rename(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *id = NULL;
	g_autofree char *path = NULL;
	g_autoptr(json_object) body = json_object_new_object();
	json_object *server = json_object_new_object();

	nova_json_add(body, "server", server);
	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	nova_json_add_str(server, "name", argv[2]);
	id = nova_session_server_id(client->session, argv[1], error);
	path = g_strdup_printf("/servers/%s", id);
	return id && nova_session_request(client->session, "PUT", path, body, NULL, NULL, error);
}

bool nova_cmd_console_log(nova_client *client, int argc, char **argv, GError **error)
{
	int length = 0;
	const GOptionEntry entries[] = {
		{ "length", 0, 0, G_OPTION_ARG_INT, &length, "Only the last lines", "LINES" },
		{ 0 },
	};

	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autofree char *path = g_strdup_printf("/servers/%s/action", id);
	g_autoptr(json_object) body = json_object_new_object();
	g_autoptr(json_object) reply = NULL;
	json_object *options = json_object_new_object();
	const char *text;

	if (length > 0)
		nova_json_add_int(options, "length", length);
	nova_json_add(body, "os-getConsoleOutput", options);
	if (!id ||
	    !nova_session_request(client->session, "POST", path, body, NULL, &reply, error) ||
	    !nova_json_get_str(reply, "output", &text, error))
		return false;
	fputs(text, stdout);
	if (*text && text[strlen(text) - 1] != '\n')
		putchar('\n');
	return true;
}

/* ---- what was done to it ---- */

bool nova_cmd_instance_action_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Action", "action" },	      { "Request_ID", "request_id" }, { "Message", "message" },
		{ "Start_Time", "start_time" }, { "Updated_At", "updated_at" }, { NULL, NULL },
	};
	g_autofree char *id = NULL;
	g_autofree char *path = NULL;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	id = nova_session_server_id(client->session, argv[1], error);
	path = g_strdup_printf("/servers/%s/os-instance-actions", id);
	return id && nova_client_list(client, path, "instanceActions", columns, error);
}

bool nova_cmd_instance_action(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Event", "event" },	  { "Host", "host" },	  { "Start_Time", "start_time" },
		{ "Finish_Time", "finish_time" }, { "Result", "result" }, { "Details", "details" },
		{ NULL, NULL },
	};
	g_autofree char *id = NULL;
	g_autofree char *request = NULL;
	g_autofree char *path = NULL;
	g_autoptr(json_object) reply = NULL;
	json_object *action, *events;

	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	id = nova_session_server_id(client->session, argv[1], error);
	request = nova_session_escape(argv[2]);
	path = g_strdup_printf("/servers/%s/os-instance-actions/%s", id, request);
	reply = id ? nova_session_get(client->session, path, error) : NULL;
	if (!reply || !nova_json_get_object(reply, "instanceAction", &action, error) ||
	    !nova_json_get_array(action, "events", &events, error))
		return false;
	if (client->format == NOVA_OUTPUT_JSON) {
		nova_client_print_object(client, action);
		return true;
	}
	g_autoptr(json_object) steps = json_object_get(events);

	json_object_object_del(action, "events");
	nova_client_print_object(client, action);
	nova_client_print_list(client, steps, columns);
	return true;
}
