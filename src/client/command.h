/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h - nova-lite's commands, one table row each.  Single-threaded.
 */
#pragma once

#include "client/output.h"
#include "client/session.h"

/* What the shell sees: scripts may rely on it. */
enum {
	NOVA_EXIT_OK = 0,
	NOVA_EXIT_FAILED = 1,
	NOVA_EXIT_USAGE = 2,
	NOVA_EXIT_NOT_FOUND = 3,
	NOVA_EXIT_REFUSED = 4, /* a check said no; the message says why */
	NOVA_EXIT_TIMEOUT = 5, /* gave up waiting; the operation goes on */
};

typedef struct nova_client {
	nova_session *session;
	nova_output_format format;
	int exit_status; /* a command that has its own verdict sets it and returns true */
	const struct nova_client_command *command;
} nova_client;

typedef struct nova_client_command {
	const char *name; /* one word, or two; NULL ends the table */
	const char *arguments;
	const char *doc;
	/* argv[0] is the command. */
	bool (*run)(nova_client *client, int argc, char **argv, GError **error);
} nova_client_command;

extern const nova_client_command nova_client_commands[];

/* As nova-lite-manage's: after it argv holds the command and `least' to `most' positional
 * arguments. */
bool nova_client_parse(nova_client *client, const GOptionEntry *entries, int least, int most,
		       int *argc, char ***argv, GError **error);

/* Prints a list: one row for each element of `array', one cell for each path (see json.h) under its
 * heading. */
typedef struct nova_client_column {
	const char *heading; /* NULL ends the list */
	const char *path;
} nova_client_column;
void nova_client_print_list(const nova_client *client, json_object *array,
			    const nova_client_column *columns);

/* Prints one object as Property | Value, sorted by property. */
void nova_client_print_object(const nova_client *client, json_object *object);

/* ---- the commands, by file ---- */
bool nova_cmd_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_boot(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_start(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_stop(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_reboot(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_console_log(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_live_migration(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_live_migration_abort(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_migration_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_migration_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_explain(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_service_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_hypervisor_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_host_describe(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_image_list(nova_client *client, int argc, char **argv, GError **error);
