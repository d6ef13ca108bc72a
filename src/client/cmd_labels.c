/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata and tags of servers.
 */
#include "client/command.h"

#include "common/json.h"

#include <stdio.h>

/* "/servers/ID" + rest; caller frees. */
static char *server_path(nova_client *client, const char *server, const char *rest, GError **error)
{
	g_autofree char *id = nova_session_server_id(client->session, server, error);

	return id ? g_strdup_printf("/servers/%s%s", id, rest) : NULL;
}

bool nova_cmd_metadata_show(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *path = server_path(client, argv[1], "/metadata", error);

	return path && nova_client_show(client, "GET", path, NULL, NULL, "metadata", error);
}

bool nova_cmd_metadata_set(nova_client *client, int argc, char **argv, GError **error)
{
	g_autoptr(json_object) body = NULL;
	json_object *pairs;

	if (!nova_client_parse(client, NULL, 2, -1, &argc, &argv, error))
		return false;
	pairs = nova_input_pairs(argc - 2, argv + 2, false, error);
	if (!pairs)
		return false;
	body = nova_client_member("metadata", pairs);
	g_autofree char *path = server_path(client, argv[1], "/metadata", error);

	return path && nova_client_show(client, "POST", path, body, NULL, "metadata", error);
}

/* What one request each is sent for: METHOD PATH/word. */
struct each {
	const char *method, *path;
};

static bool send_word(nova_client *client, const char *what, void *data, GError **error)
{
	const struct each *each = data;
	g_autofree char *word = nova_session_escape(what);
	g_autofree char *path = g_strdup_printf("%s/%s", each->path, word);

	return nova_session_request(client->session, each->method, path, NULL, NULL, NULL, error);
}

static bool for_words(nova_client *client, int argc, char **argv, const char *method, const char *rest, GError **error)
{
	if (!nova_client_parse(client, NULL, 2, -1, &argc, &argv, error))
		return false;
	g_autofree char *path = server_path(client, argv[1], rest, error);
	struct each request = { method, path };

	return path && nova_client_each(client, argc - 2, argv + 2, send_word, &request, error);
}

bool nova_cmd_metadata_unset(nova_client *client, int argc, char **argv, GError **error)
{
	return for_words(client, argc, argv, "DELETE", "/metadata", error);
}

bool nova_cmd_tag_add(nova_client *client, int argc, char **argv, GError **error)
{
	return for_words(client, argc, argv, "PUT", "/tags", error);
}

bool nova_cmd_tag_remove(nova_client *client, int argc, char **argv, GError **error)
{
	return for_words(client, argc, argv, "DELETE", "/tags", error);
}

bool nova_cmd_tag_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const headings[] = { "Tag", NULL };
	g_autoptr(nova_output) output = nova_output_new(headings);
	json_object *tags;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *path = server_path(client, argv[1], "/tags", error);
	g_autoptr(json_object) reply = path ? nova_session_get(client->session, path, error) : NULL;

	if (!reply || !nova_json_get_array(reply, "tags", &tags, error))
		return false;
	for (size_t i = 0; i < json_object_array_length(tags); i++) {
		g_autofree char *tag = nova_output_cell(json_object_array_get_idx(tags, i));

		nova_output_add(output, (const char *[]) { tag });
	}
	nova_output_print(output, client->format, tags);
	return true;
}
