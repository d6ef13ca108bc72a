/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/explain.h"
#include "client/watch.h"

#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>

static const nova_client_column migration_columns[] = {
	{ "Id", "id" },
	{ "Source Compute", "source_compute" },
	{ "Dest Compute", "dest_compute" },
	{ "Status", "status" },
	{ "Created At", "created_at" },
	{ "Updated At", "updated_at" },
	{ "Total Memory Bytes", "memory_total_bytes" },
	{ "Processed Memory Bytes", "memory_processed_bytes" },
	{ "Remaining Memory Bytes", "memory_remaining_bytes" },
	{ NULL, NULL },
};

/* The newest migration of a server: the one that was just asked for. */
static bool newest(nova_client *client, const char *server_id, int64_t *ret_id, GError **error)
{
	g_autofree char *path =
		g_strdup_printf("/os-migrations?instance_uuid=%s&limit=1", server_id);
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);

	return reply && nova_json_get_int(reply, "migrations.0.id", 1, INT64_MAX, ret_id, error);
}

bool nova_cmd_live_migration(nova_client *client, int argc, char **argv, GError **error)
{
	int wait = 0, watch = 0;
	const GOptionEntry entries[] = {
		{ "wait", 0, 0, G_OPTION_ARG_NONE, &wait,
		  "Wait for the end; the exit status says how it ended", NULL },
		{ "watch", 0, 0, G_OPTION_ARG_NONE, &watch, "The same, and draw the progress",
		  NULL },
		{ 0 },
	};

	if (!nova_client_parse(client, entries, 1, 2, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autofree char *path = g_strdup_printf("/servers/%s/action", id);
	g_autoptr(json_object) body = json_object_new_object();
	json_object *migrate = json_object_new_object();
	int64_t migration;

	nova_json_add_str(migrate, "host", argc > 2 ? argv[2] : NULL);
	nova_json_add_str(migrate, "block_migration", "auto");
	nova_json_add(body, "os-migrateLive", migrate);
	/* 2.30 answers after the checks, so that a refusal and its reason are seen here and now;
	 * later versions answer before. */
	if (!id || !nova_session_request(client->session, "POST", path, body,
					 watch ? "2.34" : "2.30", NULL, error))
		return false;
	printf("Migration of %s initiated.\n", id);
	fflush(stdout);
	if (!wait && !watch)
		return true;
	return newest(client, id, &migration, error) &&
	       nova_watch_migration(client, argv[1], id, migration, watch, error);
}

bool nova_cmd_live_migration_abort(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autofree char *migration = nova_session_escape(argv[2]);
	g_autofree char *path = g_strdup_printf("/servers/%s/migrations/%s", id, migration);

	if (!id || !nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error))
		return false;
	printf("Abort of migration %s has been requested.\n", argv[2]);
	return true;
}

bool nova_cmd_server_migration_list(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *rows;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autofree char *path = g_strdup_printf("/servers/%s/migrations", id);
	g_autoptr(json_object) reply = id ? nova_session_get(client->session, path, error) : NULL;

	if (!reply || !nova_json_get_array(reply, "migrations", &rows, error))
		return false;
	nova_client_print_list(client, rows, migration_columns);
	return true;
}

bool nova_cmd_server_migration_show(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *migration;

	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	g_autofree char *id = nova_session_server_id(client->session, argv[1], error);
	g_autofree char *number = nova_session_escape(argv[2]);
	/* The project's own resource: it also shows migrations that have ended, and why. */
	g_autofree char *path = g_strdup_printf("/nova-lite/servers/%s/migrations/%s", id, number);
	g_autoptr(json_object) reply = id ? nova_session_get(client->session, path, error) : NULL;

	if (!reply || !nova_json_get_object(reply, "migration", &migration, error))
		return false;
	if (client->format != NOVA_OUTPUT_JSON)
		json_object_object_del(migration, "journal");
	nova_client_print_object(client, migration);
	return true;
}

bool nova_cmd_migration_explain(nova_client *client, int argc, char **argv, GError **error)
{
	json_object *migration;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	g_autofree char *number = nova_session_escape(argv[1]);
	g_autofree char *path = g_strdup_printf("/nova-lite/migrations/%s", number);
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);

	if (!reply || !nova_json_get_object(reply, "migration", &migration, error))
		return false;
	if (client->format == NOVA_OUTPUT_JSON) {
		nova_client_print_object(client, migration);
		return true;
	}
	g_autofree char *story = nova_explain(migration);

	fputs(story, stdout);
	return true;
}

/* ---- by the migration's number or UUID alone ---- */

/* Its story; *ret_migration is a part of it. */
static json_object *story_of(nova_client *client, const char *which, json_object **ret_migration, GError **error)
{
	g_autofree char *number = nova_session_escape(which);
	g_autofree char *path = g_strdup_printf("/nova-lite/migrations/%s", number);
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);

	if (!reply || !nova_json_get_object(reply, "migration", ret_migration, error))
		return NULL;
	return g_steal_pointer(&reply);
}

bool nova_cmd_migration_list(nova_client *client, int argc, char **argv, GError **error)
{
	static const nova_client_column columns[] = {
		{ "Id", "id" },
		{ "Source Compute", "source_compute" },
		{ "Dest Compute", "dest_compute" },
		{ "Status", "status" },
		{ "Server UUID", "instance_uuid" },
		{ "Type", "migration_type" },
		{ "Created At", "created_at" },
		{ "Updated At", "updated_at" },
		{ NULL, NULL },
	};
	g_autofree char *host = NULL;
	g_autofree char *status = NULL;
	g_autofree char *server = NULL;
	int limit = 0;
	const GOptionEntry entries[] = {
		{ "server", 0, 0, G_OPTION_ARG_STRING, &server, "Only this server's", "SERVER" },
		{ "host", 0, 0, G_OPTION_ARG_STRING, &host, "Only from or to this host", "HOST" },
		{ "status", 0, 0, G_OPTION_ARG_STRING, &status, "Only with this status", "STATUS" },
		{ "limit", 0, 0, G_OPTION_ARG_INT, &limit, "Only the newest", "NUMBER" },
		{ 0 },
	};
	g_autoptr(GString) path = g_string_new("/os-migrations?");

	if (!nova_client_parse(client, entries, 0, 0, &argc, &argv, error))
		return false;
	if (server) {
		g_autofree char *id = nova_session_server_id(client->session, server, error);

		if (!id)
			return false;
		g_string_append_printf(path, "instance_uuid=%s&", id);
	}
	if (host) {
		g_autofree char *value = nova_session_escape(host);

		g_string_append_printf(path, "host=%s&", value);
	}
	if (status) {
		g_autofree char *value = nova_session_escape(status);

		g_string_append_printf(path, "status=%s&", value);
	}
	if (limit > 0)
		g_string_append_printf(path, "limit=%d&", limit);
	g_string_truncate(path, path->len - 1);
	return nova_client_list(client, path->str, "migrations", columns, error);
}

bool nova_cmd_migration_show(nova_client *client, int argc, char **argv, GError **error)
{
	g_autoptr(json_object) story = NULL;
	json_object *migration;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	story = story_of(client, argv[1], &migration, error);
	if (!story)
		return false;
	if (client->format != NOVA_OUTPUT_JSON)
		json_object_object_del(migration, "journal");
	nova_client_print_object(client, migration);
	return true;
}

/* The server and the number of a migration that is named alone; *ret_server is to be freed. */
static bool find_migration(nova_client *client, const char *which, char **ret_server, int64_t *ret_id, GError **error)
{
	json_object *migration;
	g_autoptr(json_object) story = story_of(client, which, &migration, error);
	const char *server;

	if (!story || !nova_json_get_int(migration, "id", 1, INT64_MAX, ret_id, error) ||
	    !nova_json_get_str(migration, "server_uuid", &server, error))
		return false;
	*ret_server = g_strdup(server);
	return true;
}

bool nova_cmd_migration_watch(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *server = NULL;
	int64_t id;

	return nova_client_parse(client, NULL, 1, 1, &argc, &argv, error) &&
	       find_migration(client, argv[1], &server, &id, error) &&
	       nova_watch_migration(client, server, server, id, true, error);
}

static bool abort_it(nova_client *client, const char *server, int64_t id, GError **error)
{
	g_autofree char *path = g_strdup_printf("/servers/%s/migrations/%" PRId64, server, id);

	if (!nova_session_request(client->session, "DELETE", path, NULL, NULL, NULL, error))
		return false;
	printf("Abort of migration %" PRId64 " has been requested.\n", id);
	return true;
}

static bool force_it(nova_client *client, const char *server, const char *id, GError **error)
{
	g_autofree char *escaped = nova_session_escape(id);
	g_autofree char *path = g_strdup_printf("/servers/%s/migrations/%s/action", server, escaped);
	g_autoptr(json_object) body = json_object_new_object();

	nova_json_add_null(body, "force_complete");
	if (!nova_session_request(client->session, "POST", path, body, NULL, NULL, error))
		return false;
	printf("The guest of migration %s will be paused until it has moved.\n", id);
	return true;
}

bool nova_cmd_migration_abort(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *server = NULL;
	int64_t id;

	return nova_client_parse(client, NULL, 1, 1, &argc, &argv, error) &&
	       find_migration(client, argv[1], &server, &id, error) && abort_it(client, server, id, error);
}

bool nova_cmd_migration_force_complete(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *server = NULL;
	g_autofree char *number = NULL;
	int64_t id;

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error) ||
	    !find_migration(client, argv[1], &server, &id, error))
		return false;
	number = g_strdup_printf("%" PRId64, id);
	return force_it(client, server, number, error);
}

bool nova_cmd_live_migration_force_complete(nova_client *client, int argc, char **argv, GError **error)
{
	g_autofree char *server = NULL;

	if (!nova_client_parse(client, NULL, 2, 2, &argc, &argv, error))
		return false;
	server = nova_session_server_id(client->session, argv[1], error);
	return server && force_it(client, server, argv[2], error);
}
