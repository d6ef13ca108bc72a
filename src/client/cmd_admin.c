/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"

#include "common/json.h"
#include "common/uuid.h"

#include <stdio.h>
#include <string.h>

static bool list(nova_client *client, int argc, char **argv, const char *path, const char *key,
		 const nova_client_column *columns, GError **error)
{
	return nova_client_parse(client, NULL, 0, 0, &argc, &argv, error) &&
	       nova_client_list(client, path, key, columns, error);
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

/* ---- services ---- */

/* Changes the compute service on a host, or the one with this ID, and shows what it is now. */
static bool change_service(nova_client *client, const char *service, json_object *body, GError **error)
{
	static const nova_client_column columns[] = {
		{ "ID", "id" },		{ "Host", "host" },
		{ "Binary", "binary" }, { "Status", "status" },
		{ "State", "state" },	{ "Disabled Reason", "disabled_reason" },
		{ "Forced down", "forced_down" }, { NULL, NULL },
	};
	g_autofree char *id = NULL;
	g_autofree char *path = NULL;
	g_autoptr(json_object) owned = body;
	g_autoptr(json_object) reply = NULL;
	g_autoptr(json_object) rows = json_object_new_array();
	json_object *changed;

	if (nova_uuid_is_valid(service)) {
		id = g_strdup(service);
	} else {
		g_autofree char *host = nova_session_escape(service);
		g_autofree char *lookup = g_strconcat("/os-services?binary=nova-compute&host=", host, NULL);

		id = nova_client_id_of(client, lookup, "services", "host", service, "compute service on a host", error);
	}
	path = g_strdup_printf("/os-services/%s", id);
	if (!id || !nova_session_request(client->session, "PUT", path, owned, NULL, &reply, error) ||
	    !nova_json_get_object(reply, "service", &changed, error))
		return false;
	json_object_array_add(rows, json_object_get(changed));
	nova_client_print_list(client, rows, columns);
	return true;
}

bool nova_cmd_service_enable(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, 1, &argc, &argv, error) &&
	       change_service(client, argv[1], nova_client_member("status", json_object_new_string("enabled")), error);
}

bool nova_cmd_service_disable(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *reason = NULL;
	const GOptionEntry entries[] = {
		{ "reason", 0, 0, G_OPTION_ARG_STRING, &reason, "Why, for those who wonder", "TEXT" },
		{ 0 },
	};
	json_object *body;

	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error))
		return false;
	body = nova_client_member("status", json_object_new_string("disabled"));
	if (reason)
		nova_json_add_str(body, "disabled_reason", reason);
	return change_service(client, argv[1], body, error);
}

bool nova_cmd_service_force_down(nova_client *client, int argc, char **argv, GError **error)
{
	int unset = 0;
	const GOptionEntry entries[] = {
		{ "unset", 0, 0, G_OPTION_ARG_NONE, &unset, "Take it back", NULL },
		{ 0 },
	};

	return nova_client_parse(client, entries, 1, 1, &argc, &argv, error) &&
	       change_service(client, argv[1], nova_client_member("forced_down", json_object_new_boolean(!unset)),
			      error);
}

static bool delete_service(nova_client *client, const char *what, void *data, GError **error)
{
	g_autofree char *id = nova_client_id_of(client, "/os-services", "services", "host", what, "service", error);
	g_autofree char *path = g_strdup_printf("/os-services/%s", id);

	(void)data;
	return id && nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

bool nova_cmd_service_delete(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       nova_client_each(client, argc - 1, argv + 1, delete_service, NULL, error);
}

/* ---- hypervisors ---- */

bool nova_cmd_hypervisor_show(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *id = NULL;
	g_autofree char *path = NULL;
	g_autoptr(json_object) reply = NULL;
	json_object *hypervisor;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	id = nova_client_id_of(client, "/os-hypervisors", "hypervisors", "hypervisor_hostname", argv[1], "hypervisor",
			       error);
	path = g_strdup_printf("/os-hypervisors/%s", id);
	reply = id ? nova_session_get(client->session, path, error) : NULL;
	if (!reply || !nova_json_get_object(reply, "hypervisor", &hypervisor, error))
		return false;
	nova_client_print_object(client, hypervisor);
	return true;
}

/* The object of a listed hypervisor with its servers; *ret_reply owns it. */
static json_object *servers_of_host(nova_client *client, const char *host, json_object **ret_reply, GError **error)
{
	g_autofree char *escaped = nova_session_escape(host);
	g_autofree char *path =
		g_strconcat("/os-hypervisors?with_servers=True&hypervisor_hostname_pattern=", escaped, NULL);
	json_object *rows;

	*ret_reply = nova_session_get(client->session, path, error);
	if (!*ret_reply || !nova_json_get_array(*ret_reply, "hypervisors", &rows, error))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		json_object *row = json_object_array_get_idx(rows, i);

		if (g_strcmp0(json_object_get_string(nova_json_find(row, "hypervisor_hostname")), host) == 0)
			return row;
	}
	nova_fail(error, NOVA_FAULT_NOT_FOUND, "There is no hypervisor '%s'.", host);
	return NULL;
}

bool nova_cmd_hypervisor_servers(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "ID", "uuid" },
		{ "Name", "name" },
		{ NULL, NULL },
	};
	g_autoptr(json_object) reply = NULL;
	g_autoptr(json_object) none = json_object_new_array();
	json_object *host, *servers;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	host = servers_of_host(client, argv[1], &reply, error);
	if (!host)
		return false;
	servers = nova_json_find(host, "servers");
	nova_client_print_list(client, servers ? servers : none, columns);
	return true;
}

bool nova_cmd_hypervisor_stats(nova_client *client, int argc, char **argv, GError **error)
{
	g_autoptr(json_object) reply = NULL;
	json_object *sums;

	if (!nova_client_parse(client, NULL, 0, 0, &argc, &argv, error))
		return false;
	reply = nova_session_get(client->session, "/os-hypervisors/statistics", error);
	if (!reply || !nova_json_get_object(reply, "hypervisor_statistics", &sums, error))
		return false;
	nova_client_print_object(client, sums);
	return true;
}

/* As nova's: every server is asked for at once, each with an answer of its own, and nothing is waited for. */
bool nova_cmd_host_evacuate_live(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const headings[] = { "Server UUID", "Live Migration Accepted", "Error Message", NULL };
	g_autofree char *target = NULL;
	int most = 0;
	const GOptionEntry entries[] = {
		{ "target-host", 0, 0, G_OPTION_ARG_STRING, &target, "All of them to this host", "HOST" },
		{ "max-servers", 0, 0, G_OPTION_ARG_INT, &most, "No more than so many", "NUMBER" },
		{ 0 },
	};
	g_autoptr(json_object) reply = NULL;
	g_autoptr(json_object) report = json_object_new_array();
	g_autoptr(nova_output) output = nova_output_new(headings);
	json_object *host, *servers;
	int done = 0, all;

	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error))
		return false;
	host = servers_of_host(client, argv[1], &reply, error);
	if (!host)
		return false;
	servers = nova_json_find(host, "servers");
	all = servers ? (int)json_object_array_length(servers) : 0;
	if (most > 0 && all > most)
		all = most;
	for (int i = 0; i < all; i++) {
		const char *id = json_object_get_string(
			nova_json_find(json_object_array_get_idx(servers, (size_t)i), "uuid"));
		g_autofree char *path = g_strdup_printf("/servers/%s/action", id);
		g_autoptr(json_object) body = NULL;
		g_autoptr(GError) refused = NULL;
		json_object *options = json_object_new_object(), *line = json_object_new_object();
		bool ok;

		nova_json_add_str(options, "host", target);
		nova_json_add_str(options, "block_migration", "auto");
		body = nova_client_member("os-migrateLive", options);
		ok = nova_session_request(client->session, "POST", path, body, NULL, NULL, &refused);
		done += ok;
		nova_output_add(output, (const char *[]) { id, ok ? "True" : "False", ok ? "" : refused->message });
		nova_json_add_str(line, "server_uuid", id);
		nova_json_add_bool(line, "live_migration_accepted", ok);
		nova_json_add_str(line, "error_message", ok ? "" : refused->message);
		json_object_array_add(report, line);
	}
	nova_output_print(output, client->format, report);
	nova_client_judge_batch(client, done, all);
	return true;
}

/* ---- the rest ---- */

bool nova_cmd_availability_zone_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Name", "zoneName" },
		{ "Available", "zoneState.available" },
		{ NULL, NULL },
	};

	return list(client, argc, argv, "/os-availability-zone", "availabilityZoneInfo", columns, error);
}

bool nova_cmd_flavor_show(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *id = NULL;
	g_autofree char *escaped = NULL;
	g_autofree char *path = NULL;
	g_autoptr(json_object) reply = NULL;
	json_object *flavor;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	id = nova_client_id_of(client, "/flavors?is_public=None", "flavors", "name", argv[1], "flavor", error);
	escaped = id ? nova_session_escape(id) : NULL;
	path = g_strdup_printf("/flavors/%s", escaped);
	reply = id ? nova_session_get(client->session, path, error) : NULL;
	if (!reply || !nova_json_get_object(reply, "flavor", &flavor, error))
		return false;
	if (client->format != NOVA_OUTPUT_JSON)
		json_object_object_del(flavor, "links");
	nova_client_print_object(client, flavor);
	return true;
}

bool nova_cmd_limits(nova_client *client, int argc, char **argv, GError **error)
{
	g_autoptr(json_object) reply = NULL;
	json_object *limits;

	if (!nova_client_parse(client, NULL, 0, 0, &argc, &argv, error))
		return false;
	reply = nova_session_get(client->session, "/limits", error);
	if (!reply || !nova_json_get_object(reply, "limits.absolute", &limits, error))
		return false;
	nova_client_print_object(client, limits);
	return true;
}

bool nova_cmd_version_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Id", "id" },
		{ "Status", "status" },
		{ "Updated", "updated" },
		{ "Min Version", "min_version" },
		{ "Version", "version" },
		{ NULL, NULL },
	};
	g_autoptr(json_object) reply = NULL;
	g_autoptr(json_object) rows = json_object_new_array();
	json_object *version;

	if (!nova_client_parse(client, NULL, 0, 0, &argc, &argv, error))
		return false;
	reply = nova_session_get(client->session, "/", error);
	if (!reply || !nova_json_get_object(reply, "version", &version, error))
		return false;
	json_object_array_add(rows, json_object_get(version));
	nova_client_print_list(client, rows, columns);
	return true;
}
