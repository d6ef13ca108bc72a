/* SPDX-License-Identifier: Apache-2.0
 *
 * What belongs to users and projects: key pairs, quotas, use, server groups.
 */
#include "client/command.h"

#include "common/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_KEY_FILE (64 << 10)
#define USAGE_DAYS   28 /* as other clients: up to tomorrow, so that today is whole */

/* ---- key pairs ---- */

bool nova_cmd_keypair_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Name", "keypair.name" },
		{ "Type", "keypair.type" },
		{ "Fingerprint", "keypair.fingerprint" },
		{ NULL, NULL },
	};

	return nova_client_parse(client, NULL, 0, 0, &argc, &argv, error) &&
	       nova_client_list(client, "/os-keypairs", "keypairs", columns, error);
}

bool nova_cmd_keypair_show(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *name = nova_session_escape(argv[1]);
	g_autofree char *path = g_strdup_printf("/os-keypairs/%s", name);

	return nova_client_show(client, "GET", path, NULL, NULL, "keypair", error);
}

/* A key that is made there and not given is printed alone, so that it can be put into a file: nobody sees it again. */
static bool print_new_keypair(nova_client *client, json_object *keypair)
{
	const char *private_key = NULL;

	if (client->format == NOVA_OUTPUT_JSON || !nova_json_get_str(keypair, "private_key", &private_key, NULL))
		nova_client_print_object(client, keypair);
	else
		fputs(private_key, stdout);
	return true;
}

bool nova_cmd_keypair_add(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *file = NULL;
	g_autofree char *key = NULL;
	const GOptionEntry entries[] = {
		{ "pub-key", 0, 0, G_OPTION_ARG_FILENAME, &file, "The public key; without it a pair is made", "FILE" },
		{ "public-key", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &file, NULL, NULL },
		{ 0 },
	};
	g_autoptr(json_object) body = NULL;
	g_autoptr(json_object) reply = NULL;
	json_object *wish = json_object_new_object(), *keypair;

	body = nova_client_member("keypair", wish);
	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error) ||
	    (file && !nova_input_file(file, MAX_KEY_FILE, &key, NULL, error)))
		return false;
	nova_json_add_str(wish, "name", argv[1]);
	if (key)
		nova_json_add_str(wish, "public_key", g_strstrip(key));
	return nova_session_request(client->session, "POST", "/os-keypairs", body, NULL, &reply, error) &&
	       nova_json_get_object(reply, "keypair", &keypair, error) && print_new_keypair(client, keypair);
}

static bool delete_keypair(nova_client *client, const char *what, void *data, GError **error)
{
	g_autofree char *name = nova_session_escape(what);
	g_autofree char *path = g_strdup_printf("/os-keypairs/%s", name);

	(void)data;
	return nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

bool nova_cmd_keypair_delete(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       nova_client_each(client, argc - 1, argv + 1, delete_keypair, NULL, error);
}

/* ---- quotas ---- */

/* "/os-quota-sets/PROJECT" + rest: of the project named first, else of one's own.  Caller frees. */
static char *quota_path(nova_client *client, int argc, char **argv, const char *rest, GError **error)
{
	const char *project = argc > 1 ? argv[1] : nova_session_project(client->session, error);
	g_autofree char *escaped = project ? nova_session_escape(project) : NULL;

	return escaped ? g_strdup_printf("/os-quota-sets/%s%s", escaped, rest) : NULL;
}

bool nova_cmd_quota_show(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const headings[] = { "Quota", "Limit", "In Use", NULL };
	g_autoptr(nova_output) output = nova_output_new(headings);
	g_autoptr(json_object) reply = NULL;
	json_object *set;

	if (!nova_client_parse(client, NULL, 0, 1, &argc, &argv, error))
		return false;
	g_autofree char *path = quota_path(client, argc, argv, "/detail", error);

	reply = path ? nova_session_get(client->session, path, error) : NULL;
	if (!reply || !nova_json_get_object(reply, "quota_set", &set, error))
		return false;
	json_object_object_foreach(set, name, value)
	{
		g_autofree char *limit = nova_output_cell(nova_json_find(value, "limit"));
		g_autofree char *used = nova_output_cell(nova_json_find(value, "in_use"));

		if (json_object_is_type(value, json_type_object))
			nova_output_add(output, (const char *[]) { name, limit, used });
	}
	nova_output_print(output, client->format, set);
	return true;
}

bool nova_cmd_quota_defaults(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autofree char *path = quota_path(client, argc, argv, "/defaults", error);

	return path && nova_client_show(client, "GET", path, NULL, NULL, "quota_set", error);
}

bool nova_cmd_quota_update(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const keys[] = { "instances",      "cores",	       "ram",
					    "key_pairs",      "metadata_items", "server_groups",
					    "server_group_members" };
	char *given[G_N_ELEMENTS(keys)] = { 0 };
	int force = 0;
	const GOptionEntry entries[] = {
		{ "instances", 0, 0, G_OPTION_ARG_STRING, &given[0], "Servers; -1: any number", "N" },
		{ "cores", 0, 0, G_OPTION_ARG_STRING, &given[1], "Virtual cpus of all servers", "N" },
		{ "ram", 0, 0, G_OPTION_ARG_STRING, &given[2], "Memory of all servers", "MIB" },
		{ "key-pairs", 0, 0, G_OPTION_ARG_STRING, &given[3], "Key pairs of a user", "N" },
		{ "metadata-items", 0, 0, G_OPTION_ARG_STRING, &given[4], "Metadata items of a server", "N" },
		{ "server-groups", 0, 0, G_OPTION_ARG_STRING, &given[5], "Server groups", "N" },
		{ "server-group-members", 0, 0, G_OPTION_ARG_STRING, &given[6], "Servers of a group", "N" },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &force, "Also below what is used", NULL },
		{ 0 },
	};
	json_object *set = json_object_new_object();
	g_autoptr(json_object) body = nova_client_member("quota_set", set);
	bool ok = nova_client_parse(client, entries, 1, 1, &argc, &argv, error), any = false;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (given[i])
			nova_json_add_str(set, keys[i], given[i]);
		any = any || given[i];
		g_free(given[i]);
	}
	if (!ok)
		return false;
	if (!any)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "say which limit to change; see nova-lite quota-update --help");
	if (force)
		nova_json_add_bool(set, "force", true);
	g_autofree char *path = quota_path(client, argc, argv, "", error);

	return nova_client_show(client, "PUT", path, body, NULL, "quota_set", error);
}

bool nova_cmd_quota_delete(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *path = quota_path(client, argc, argv, "", error);

	return nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

/* ---- use ---- */

/* The query of a period; *start and *end may be given as YYYY-MM-DD.  Caller frees. */
static char *period(const char *start, const char *end)
{
	time_t now = time(NULL), day = (time_t)24 * 3600;
	char first[16], last[16];
	struct tm tm;

	gmtime_r(&(time_t){ now + day - USAGE_DAYS * day }, &tm);
	strftime(first, sizeof(first), "%Y-%m-%d", &tm);
	gmtime_r(&(time_t){ now + day }, &tm);
	strftime(last, sizeof(last), "%Y-%m-%d", &tm);
	g_autofree char *from = nova_session_escape(start ? start : first);
	g_autofree char *to = nova_session_escape(end ? end : last);

	return g_strdup_printf("start=%sT00:00:00&end=%sT00:00:00", from, to);
}

bool nova_cmd_usage(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *start = NULL;
	g_autofree char *end = NULL;
	const GOptionEntry entries[] = {
		{ "start", 0, 0, G_OPTION_ARG_STRING, &start, "First day; four weeks ago", "YYYY-MM-DD" },
		{ "end", 0, 0, G_OPTION_ARG_STRING, &end, "Day after the last; tomorrow", "YYYY-MM-DD" },
		{ 0 },
	};
	g_autoptr(json_object) reply = NULL;
	json_object *usage;
	const char *project;

	if (!nova_client_parse(client, entries, 0, 1, &argc, &argv, error))
		return false;
	project = argc > 1 ? argv[1] : nova_session_project(client->session, error);
	if (!project)
		return false;
	g_autofree char *escaped = nova_session_escape(project);
	g_autofree char *when = period(start, end);
	g_autofree char *path = g_strdup_printf("/os-simple-tenant-usage/%s?%s", escaped, when);

	reply = nova_session_get(client->session, path, error);
	if (!reply || !nova_json_get_object(reply, "tenant_usage", &usage, error))
		return false;
	if (client->format != NOVA_OUTPUT_JSON) {
		json_object *servers = nova_json_find(usage, "server_usages");

		nova_json_add_int(usage, "servers", servers ? (int64_t)json_object_array_length(servers) : 0);
		json_object_object_del(usage, "server_usages");
	}
	nova_client_print_object(client, usage);
	return true;
}

bool nova_cmd_usage_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Project", "tenant_id" },
		{ "Hours", "total_hours" },
		{ "RAM MiB-Hours", "total_memory_mb_usage" },
		{ "CPU Hours", "total_vcpus_usage" },
		{ "Disk GiB-Hours", "total_local_gb_usage" },
		{ NULL, NULL },
	};
	g_autofree char *start = NULL;
	g_autofree char *end = NULL;
	const GOptionEntry entries[] = {
		{ "start", 0, 0, G_OPTION_ARG_STRING, &start, "First day; four weeks ago", "YYYY-MM-DD" },
		{ "end", 0, 0, G_OPTION_ARG_STRING, &end, "Day after the last; tomorrow", "YYYY-MM-DD" },
		{ 0 },
	};

	if (!nova_client_parse(client, entries, 0, 0, &argc, &argv, error))
		return false;
	g_autofree char *when = period(start, end);
	g_autofree char *path = g_strdup_printf("/os-simple-tenant-usage?%s", when);

	return nova_client_list(client, path, "tenant_usages", columns, error);
}

/* ---- server groups ---- */

bool nova_cmd_server_group_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Id", "id" },		{ "Name", "name" },	  { "Project Id", "project_id" },
		{ "Policy", "policy" }, { "Rules", "rules" }, { "Members", "members" },
		{ NULL, NULL },
	};

	return nova_client_parse(client, NULL, 0, 0, &argc, &argv, error) &&
	       nova_client_list(client, "/os-server-groups", "server_groups", columns, error);
}

bool nova_cmd_server_group_create(nova_client *client, int argc, char **argv, GError **error)
{
	int most = 0;
	const GOptionEntry entries[] = {
		{ "max-per-host", 0, 0, G_OPTION_ARG_INT, &most, "Servers a host may have, with anti-affinity", "N" },
		{ 0 },
	};
	json_object *group = json_object_new_object();
	g_autoptr(json_object) body = nova_client_member("server_group", group);

	if (!nova_client_parse(client, entries, 2, 2, &argc, &argv, error))
		return false;
	nova_json_add_str(group, "name", argv[1]);
	nova_json_add_str(group, "policy", argv[2]);
	if (most)
		nova_json_add(group, "rules",
			      nova_client_member("max_server_per_host", json_object_new_int(most)));
	return nova_client_show(client, "POST", "/os-server-groups", body, NULL, "server_group", error);
}

static char *group_path(nova_client *client, const char *group, GError **error)
{
	g_autofree char *id = nova_client_id_of(client, "/os-server-groups", "server_groups", "name", group,
						"server group", error);

	return id ? g_strdup_printf("/os-server-groups/%s", id) : NULL;
}

bool nova_cmd_server_group_show(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *path = group_path(client, argv[1], error);

	return path && nova_client_show(client, "GET", path, NULL, NULL, "server_group", error);
}

static bool delete_group(nova_client *client, const char *what, void *data, GError **error)
{
	g_autofree char *path = group_path(client, what, error);

	(void)data;
	return path && nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error);
}

bool nova_cmd_server_group_delete(nova_client *client, int argc, char **argv, GError **error)
{
	return nova_client_parse(client, NULL, 1, -1, &argc, &argv, error) &&
	       nova_client_each(client, argc - 1, argv + 1, delete_group, NULL, error);
}
