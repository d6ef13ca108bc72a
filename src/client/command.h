/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h - nova-lite's commands, one table row each.  Single-threaded.
 */
#pragma once

#include "client/input.h"
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
	NOVA_EXIT_PARTIAL = 7, /* of several things some were done and some were not */
};

typedef struct nova_client {
	nova_session *session;
	nova_output_format format;
	int exit_status; /* a command that has its own verdict sets it and returns true */
	const struct nova_client_command *command;
} nova_client;

typedef struct nova_client_command {
	const char *name; /* one word, or two; NULL ends the table */
	const char *also; /* another spelling, or NULL */
	const char *arguments; /* each in capitals, for completion says what it names: SERVER, HOST, ... */
	const char *doc;
	/* argv[0] is the command. */
	bool (*run)(nova_client *client, int argc, char **argv, GError **error);
	bool alone; /* runs without a session */
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

/* GETs `path' and prints the list below `key' of the answer. */
bool nova_client_list(nova_client *client, const char *path, const char *key, const nova_client_column *columns,
		      GError **error);

/* The id of the row whose member `by' is `wanted', or whose id it is; `what' it is, for errors.  NOT_FOUND, or CONFLICT
 * when several have the name.  Caller frees. */
char *nova_client_id_of(nova_client *client, const char *path, const char *key, const char *by, const char *wanted,
			const char *what, GError **error);

/* {KEY: VALUE}; takes `value' over. */
json_object *nova_client_member(const char *key, json_object *value);

/* Sends a request and prints the object below `key' of the answer, in tables without its links.  `body' stays the
 * caller's; microversion NULL: the newest. */
bool nova_client_show(nova_client *client, const char *method, const char *path, json_object *body,
		      const char *microversion, const char *key, GError **error);

/* The same for each of several things: goes on when one is refused, which is reported; sets the exit status.  A single
 * one's error is returned instead. */
typedef bool (*nova_client_one)(nova_client *client, const char *what, void *data, GError **error);
bool nova_client_each(nova_client *client, int count, char **things, nova_client_one one, void *data, GError **error);

/* For commands that do the same to several things: `done' of `all' have worked, the others were reported with
 * nova_client_report().  Sets the exit status. */
void nova_client_judge_batch(nova_client *client, int done, int all);
void nova_client_report(const char *what, const GError *error);

/* Prints one object as Property | Value, sorted by property. */
void nova_client_print_object(const nova_client *client, json_object *object);

/* ---- the commands ---- */
bool nova_cmd_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_boot(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_start(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_stop(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_reboot(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_rebuild(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_resize(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_resize_confirm(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_resize_revert(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_rename(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_why(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_console_log(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_instance_action_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_instance_action(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_live_migration(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_live_migration_abort(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_live_migration_force_complete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_host_evacuate_live(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_migration_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_migration_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_watch(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_abort(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_force_complete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_migration_explain(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_service_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_service_enable(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_service_disable(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_service_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_service_force_down(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_hypervisor_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_hypervisor_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_hypervisor_servers(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_hypervisor_stats(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_host_describe(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_availability_zone_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_image_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_pause(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_unpause(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_suspend(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_resume(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_lock(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_unlock(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_reset_state(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_diagnostics(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_keypair_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_keypair_add(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_keypair_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_keypair_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_quota_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_quota_defaults(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_quota_update(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_quota_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_usage(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_usage_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_group_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_group_create(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_group_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_server_group_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_create(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_update(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_add_host(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_remove_host(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_aggregate_set_metadata(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_create(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_delete(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_update(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_set(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_flavor_unset(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_metadata_show(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_metadata_set(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_metadata_unset(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_tag_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_tag_add(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_tag_remove(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_limits(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_version_list(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_completion(nova_client *client, int argc, char **argv, GError **error);
bool nova_cmd_complete(nova_client *client, int argc, char **argv, GError **error);
