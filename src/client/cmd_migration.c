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
