/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"

#include "common/json.h"

static bool list(nova_client *client, int argc, char **argv, const char *path, const char *key,
		 const nova_client_column *columns, GError **error)
{
	json_object *rows;

	if (!nova_client_parse(client, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);

	if (!reply || !nova_json_get_array(reply, key, &rows, error))
		return false;
	nova_client_print_list(client, rows, columns);
	return true;
}

bool nova_cmd_service_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Id", "id" },
		{ "Binary", "binary" },
		{ "Host", "host" },
		{ "Zone", "zone" },
		{ "Status", "status" },
		{ "State", "state" },
		{ "Updated_at", "updated_at" },
		{ "Disabled Reason", "disabled_reason" },
		{ "Forced down", "forced_down" },
		{ "Health", "health" },
		{ NULL, NULL },
	};

	return list(client, argc, argv, "/nova-lite/services", "services", columns, error);
}

bool nova_cmd_hypervisor_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "ID", "id" },       { "Hypervisor hostname", "hypervisor_hostname" },
		{ "State", "state" }, { "Status", "status" },
		{ NULL, NULL },
	};

	return list(client, argc, argv, "/os-hypervisors", "hypervisors", columns, error);
}

bool nova_cmd_flavor_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "ID", "id" },         { "Name", "name" },
		{ "Memory_MB", "ram" }, { "Disk", "disk" },
		{ "VCPUs", "vcpus" },   { "Is_Public", "os-flavor-access:is_public" },
		{ NULL, NULL },
	};

	return list(client, argc, argv, "/flavors/detail", "flavors", columns, error);
}

bool nova_cmd_image_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "ID", "id" },         { "Name", "name" },
		{ "Status", "status" }, { "Format", "disk_format" },
		{ "Size", "size" },     { NULL, NULL },
	};

	return list(client, argc, argv, "/v2/images", "images", columns, error);
}

bool nova_cmd_host_describe(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "HOST", "host" },           { "PROJECT", "project" }, { "cpu", "cpu" },
		{ "memory_mb", "memory_mb" }, { "disk_gb", "disk_gb" }, { NULL, NULL },
	};
	g_autoptr(json_object) reply = NULL;
	g_autoptr(json_object) rows = json_object_new_array();
	json_object *hosts;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *name = nova_session_escape(argv[1]);
	g_autofree char *path = g_strdup_printf("/os-hosts/%s", name);

	/* os-hosts ended with 2.42. */
	if (!nova_session_request(client->session, "GET", path, NULL, "2.42", &reply, error) ||
	    !nova_json_get_array(reply, "host", &hosts, error))
		return false;
	for (size_t i = 0; i < json_object_array_length(hosts); i++) {
		json_object *resource;

		if (!nova_json_get_object(json_object_array_get_idx(hosts, i), "resource",
					  &resource, error))
			return false;
		json_object_array_add(rows, json_object_get(resource));
	}
	nova_client_print_list(client, rows, columns);
	return true;
}
