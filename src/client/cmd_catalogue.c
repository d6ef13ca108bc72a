/* SPDX-License-Identifier: Apache-2.0
 *
 * What administrators arrange: aggregates of hosts, and flavors.
 */
#include "client/command.h"

#include "common/json.h"

#include <stdio.h>
#include <string.h>

/* ---- aggregates ---- */

bool nova_cmd_aggregate_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Id", "id" },
		{ "Name", "name" },
		{ "Availability Zone", "availability_zone" },
		{ "Hosts", "hosts" },
		{ "UUID", "uuid" },
		{ NULL, NULL },
	};

	return nova_client_parse(client, NULL, 0, 0, &argc, &argv, error) &&
	       nova_client_list(client, "/os-aggregates", "aggregates", columns, error);
}

bool nova_cmd_aggregate_create(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *aggregate = json_object_new_object();
	g_autoptr(json_object) body = nova_client_member("aggregate", aggregate);

	if (!nova_client_parse(client, NULL, 1, 2, &argc, &argv, error))
		return false;
	nova_json_add_str(aggregate, "name", argv[1]);
	if (argc > 2)
		nova_json_add_str(aggregate, "availability_zone", argv[2]);
	return nova_client_show(client, "POST", "/os-aggregates", body, NULL, "aggregate", error);
}

static char *aggregate_path(nova_client *client, const char *aggregate, const char *rest, GError **error)
{
	g_autofree char *id = nova_client_id_of(client, "/os-aggregates", "aggregates", "name", aggregate, "aggregate",
						error);

	return id ? g_strdup_printf("/os-aggregates/%s%s", id, rest) : NULL;
}

bool nova_cmd_aggregate_show(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *path = aggregate_path(client, argv[1], "", error);

	return path && nova_client_show(client, "GET", path, NULL, NULL, "aggregate", error);
}

static bool delete_aggregate(nova_client *client, const char *what, void *data, GError **error)
{
	g_autofree char *path = aggregate_path(client, what, "", error);

	(void)data;
	return path && nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

bool nova_cmd_aggregate_delete(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       nova_client_each(client, argc - 1, argv + 1, delete_aggregate, NULL, error);
}

bool nova_cmd_aggregate_update(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *name = NULL;
	g_autofree char *zone = NULL;
	const GOptionEntry entries[] = {
		{ "name", 0, 0, G_OPTION_ARG_STRING, &name, "Another name", "NAME" },
		{ "availability-zone", 0, 0, G_OPTION_ARG_STRING, &zone, "The zone of its hosts", "ZONE" },
		{ 0 },
	};
	json_object *aggregate = json_object_new_object();
	g_autoptr(json_object) body = nova_client_member("aggregate", aggregate);

	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error))
		return false;
	if (!name && !zone)
		return nova_fail(error, NOVA_FAULT_CONFIG, "say --name or --availability-zone");
	if (name)
		nova_json_add_str(aggregate, "name", name);
	if (zone)
		nova_json_add_str(aggregate, "availability_zone", zone);
	g_autofree char *path = aggregate_path(client, argv[1], "", error);

	return path && nova_client_show(client, "PUT", path, body, NULL, "aggregate", error);
}

/* {ACTION: {KEY: value}} on the aggregate argv[1]; takes `value' over. */
static bool change_aggregate(nova_client *client, const char *aggregate, const char *action, const char *key,
			     json_object *value, GError **error)
{
	g_autoptr(json_object) body = nova_client_member(action, nova_client_member(key, value));
	g_autofree char *path = aggregate_path(client, aggregate, "/action", error);

	return path && nova_client_show(client, "POST", path, body, NULL, "aggregate", error);
}

bool nova_cmd_aggregate_add_host(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 2, 2, &argc, &argv, error) &&
	       change_aggregate(client, argv[1], "add_host", "host", json_object_new_string(argv[2]), error);
}

bool nova_cmd_aggregate_remove_host(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 2, 2, &argc, &argv, error) &&
	       change_aggregate(client, argv[1], "remove_host", "host", json_object_new_string(argv[2]), error);
}

bool nova_cmd_aggregate_set_metadata(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *pairs;

	if (!nova_client_parse(client, NULL, 2, -1, &argc, &argv, error))
		return false;
	pairs = nova_input_pairs(argc - 2, argv + 2, true, error);
	return pairs && change_aggregate(client, argv[1], "set_metadata", "metadata", pairs, error);
}

/* ---- flavors ---- */

static char *flavor_path(nova_client *client, const char *flavor, const char *rest, GError **error)
{
	g_autofree char *id = nova_client_id_of(client, "/flavors?is_public=None", "flavors", "name", flavor, "flavor",
						error);
	g_autofree char *escaped = id ? nova_session_escape(id) : NULL;

	return escaped ? g_strdup_printf("/flavors/%s%s", escaped, rest) : NULL;
}

bool nova_cmd_flavor_create(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const keys[] = { "name", "id", "ram", "disk", "vcpus" };
	g_autofree char *ephemeral = NULL;
	g_autofree char *swap = NULL;
	g_autofree char *description = NULL;
	int hidden = 0;
	const GOptionEntry entries[] = {
		{ "ephemeral", 0, 0, G_OPTION_ARG_STRING, &ephemeral, "A second disk", "GIB" },
		{ "swap", 0, 0, G_OPTION_ARG_STRING, &swap, "Swap space", "MIB" },
		{ "private", 0, 0, G_OPTION_ARG_NONE, &hidden, "Only for projects that are given access", NULL },
		{ "description", 0, 0, G_OPTION_ARG_STRING, &description, "What it is for", "TEXT" },
		{ 0 },
	};
	json_object *flavor = json_object_new_object();
	g_autoptr(json_object) body = nova_client_member("flavor", flavor);

	if (!nova_client_parse(client, entries, 5, 5, &argc, &argv, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (strcmp(keys[i], "id") != 0 || strcmp(argv[i + 1], "auto") != 0)
			nova_json_add_str(flavor, keys[i], argv[i + 1]);
	if (ephemeral)
		nova_json_add_str(flavor, "OS-FLV-EXT-DATA:ephemeral", ephemeral);
	if (swap)
		nova_json_add_str(flavor, "swap", swap);
	if (hidden)
		nova_json_add_bool(flavor, "os-flavor-access:is_public", false);
	if (description)
		nova_json_add_str(flavor, "description", description);
	return nova_client_show(client, "POST", "/flavors", body, NULL, "flavor", error);
}

static bool delete_flavor(nova_client *client, const char *what, void *data, GError **error)
{
	g_autofree char *path = flavor_path(client, what, "", error);

	(void)data;
	return path && nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

bool nova_cmd_flavor_delete(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       nova_client_each(client, argc - 1, argv + 1, delete_flavor, NULL, error);
}

bool nova_cmd_flavor_update(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *flavor = json_object_new_object();
	g_autoptr(json_object) body = nova_client_member("flavor", flavor);

	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	nova_json_add_str(flavor, "description", argv[2]);
	g_autofree char *path = flavor_path(client, argv[1], "", error);

	return path && nova_client_show(client, "PUT", path, body, NULL, "flavor", error);
}

bool nova_cmd_flavor_set(nova_client *client, int argc, char **argv, GError **error)
{
	g_autoptr(json_object) body = NULL;
	json_object *pairs;

	if (!nova_client_parse(client, NULL, 2, -1, &argc, &argv, error))
		return false;
	pairs = nova_input_pairs(argc - 2, argv + 2, false, error);
	if (!pairs)
		return false;
	body = nova_client_member("extra_specs", pairs);
	g_autofree char *path = flavor_path(client, argv[1], "/os-extra_specs", error);

	return path && nova_client_show(client, "POST", path, body, NULL, "extra_specs", error);
}

static bool drop_spec(nova_client *client, const char *what, void *flavor, GError **error)
{
	g_autofree char *key = nova_session_escape(what);
	g_autofree char *rest = g_strdup_printf("/os-extra_specs/%s", key);
	g_autofree char *path = flavor_path(client, flavor, rest, error);

	return path && nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

bool nova_cmd_flavor_unset(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 2, -1, &argc, &argv, error) &&
	       nova_client_each(client, argc - 2, argv + 2, drop_spec, argv[1], error);
}
