/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h - nova-lite-manage's commands, one table row each.
 *
 * A command is named by two words (`db sync'); its own arguments follow.  main.c reads the global
 * options and the configuration, finds the row and runs it.  Single-threaded.
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"

typedef struct nova_manage {
	const nova_conf_source *source; /* as given on the command line */
	nova_conf *conf;                /* NULL for commands that need none */
	char *group, *name;             /* the words of the command, for --help */
} nova_manage;

typedef struct nova_command {
	const char *group, *name; /* a NULL group ends the table */
	const char *arguments;    /* for the help, e.g. "NAME FILE" */
	const char *doc;
	bool needs_conf;
	/* argv[0] is the command; the rest are its arguments.  Prints its result on stdout. */
	bool (*run)(nova_manage *manage, int argc, char **argv, GError **error);
} nova_command;

extern const nova_command nova_commands[];

/* Parses a command's options.  `entries' may be NULL.  After it argv holds argv[0] and exactly the
 * positional arguments, at least `least' and at most `most' of them; else BAD_REQUEST with the
 * usage. */
bool nova_command_parse(nova_manage *manage, const GOptionEntry *entries, int least, int most,
			int *argc, char ***argv, GError **error);

/* ---- the commands, by file ---- */
bool nova_cmd_db_sync(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_db_version(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_config_sample(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_config_man(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_config_dump(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_flow_show(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_flow_decision(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_flow_faults(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_flow_requests(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_flavor_create(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_flavor_list(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_image_add(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_image_list(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_network_create(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_network_list(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_service_list(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_service_describe_resource(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_service_enable(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_service_rename(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_service_disable(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_identity_bootstrap(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_user_create(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_user_list(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_user_set_password(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_user_enable(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_user_disable(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_user_delete(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_project_create(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_project_list(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_project_enable(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_project_disable(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_project_delete(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_role_add(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_role_remove(nova_manage *manage, int argc, char **argv, GError **error);
bool nova_cmd_role_list(nova_manage *manage, int argc, char **argv, GError **error);
