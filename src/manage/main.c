/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/command.h"

#include "common/service.h"

#include <config.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

const nova_command nova_commands[] = {
	{ "db", "sync", "", "Create the schema, or bring it to the version this program knows.",
	  true, nova_cmd_db_sync },
	{ "db", "version", "", "Print the schema's version and the one this program knows.", true,
	  nova_cmd_db_version },
	{ "config", "sample", "", "Print a configuration file with every option and its default.",
	  false, nova_cmd_config_sample },
	{ "config", "man", "", "Print the options as a part of nova-lite.conf(5).", false,
	  nova_cmd_config_man },
	{ "config", "dump", "", "Print every option as it is in effect; secrets are masked.", true,
	  nova_cmd_config_dump },
	{ "flow", "show", "[KIND]",
	  "Print the states operations walk through, as Mermaid diagrams.", false,
	  nova_cmd_flow_show },
	{ "flow", "decision", "", "Print the rules that decide about a migration after a fault.",
	  false, nova_cmd_flow_decision },
	{ "flow", "faults", "", "Print the places where NOVA_LITE_FAULT can make a daemon fail, for tests.",
	  false, nova_cmd_flow_faults },
	{ "flow", "requests", "", "Print what becomes of a request in each state of each operation.",
	  false, nova_cmd_flow_requests },
	{ "flavor", "create", "NAME", "Create a flavor.", true, nova_cmd_flavor_create },
	{ "flavor", "list", "", "List flavors.", true, nova_cmd_flavor_list },
	{ "image", "add", "NAME FILE", "Copy a disk image into the image store.", true,
	  nova_cmd_image_add },
	{ "image", "list", "", "List images.", true, nova_cmd_image_list },
	{ "network", "create", "NAME CIDR", "Create a network of addresses for guests.", true,
	  nova_cmd_network_create },
	{ "network", "list", "", "List networks.", true, nova_cmd_network_list },
	{ "identity", "bootstrap", "", "Make sure that there is an administrator, for auth = builtin.", true,
	  nova_cmd_identity_bootstrap },
	{ "user", "create", "NAME", "Create a user; the password is asked for.", true, nova_cmd_user_create },
	{ "user", "list", "", "List users.", true, nova_cmd_user_list },
	{ "user", "set_password", "USER", "Give a user a new password and end the user's tokens.", true,
	  nova_cmd_user_set_password },
	{ "user", "enable", "USER", "Let a user log in again.", true, nova_cmd_user_enable },
	{ "user", "disable", "USER", "Keep a user out and end the user's tokens.", true, nova_cmd_user_disable },
	{ "user", "delete", "USER", "Delete a user.", true, nova_cmd_user_delete },
	{ "project", "create", "NAME", "Create a project.", true, nova_cmd_project_create },
	{ "project", "list", "", "List projects.", true, nova_cmd_project_list },
	{ "project", "enable", "PROJECT", "Let users work in a project again.", true, nova_cmd_project_enable },
	{ "project", "disable", "PROJECT", "Keep users out of a project; its servers go on.", true,
	  nova_cmd_project_disable },
	{ "project", "delete", "PROJECT", "Delete a project that has no servers.", true, nova_cmd_project_delete },
	{ "role", "add", "USER PROJECT ROLE", "Give a user a role in a project.", true, nova_cmd_role_add },
	{ "role", "remove", "USER PROJECT ROLE", "Take it away.", true, nova_cmd_role_remove },
	{ "role", "list", "", "List who has which role where.", true, nova_cmd_role_list },
	{ "service", "list", "", "List services; :-) is up, XXX is down.", true,
	  nova_cmd_service_list },
	{ "service", "describe_resource", "HOST", "Show what a host has and who uses it.", true,
	  nova_cmd_service_describe_resource },
	{ "service", "enable", "HOST", "Let the scheduler choose this compute host again.", true,
	  nova_cmd_service_enable },
	{ "service", "disable", "HOST", "Keep the scheduler from choosing this compute host.", true,
	  nova_cmd_service_disable },
	{ "service", "rename", "HOST NEWNAME", "Give a compute host another name.", true,
	  nova_cmd_service_rename },
	{ NULL, NULL, NULL, NULL, false, NULL },
};

bool nova_command_parse(nova_manage *manage, const GOptionEntry *entries, int least, int most,
			int *argc, char ***argv, GError **error)
{
	const nova_command *row = nova_commands;
	g_autoptr(GError) local = NULL;

	while (row->group &&
	       (strcmp(row->group, manage->group) != 0 || strcmp(row->name, manage->name) != 0))
		row++;
	g_autofree char *prgname = g_strdup_printf("nova-lite-manage %s %s", row->group, row->name);
	g_autoptr(GOptionContext) options = g_option_context_new(row->arguments);

	g_set_prgname(prgname);
	g_option_context_set_summary(options, row->doc);
	if (entries)
		g_option_context_add_main_entries(options, entries, NULL);
	if (!g_option_context_parse(options, argc, argv, &local))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s, see %s --help", local->message,
				 prgname);
	if (*argc - 1 < least || *argc - 1 > most)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "usage: %s%s%s%s", prgname,
				 entries ? " [OPTION…]" : "", *row->arguments ? " " : "",
				 row->arguments);
	return true;
}

static void print_help(FILE *out)
{
	fprintf(out, "usage: nova-lite-manage [--config-file FILE] [--config-dir DIR] GROUP "
		     "COMMAND …\n\n");
	for (const nova_command *row = nova_commands; row->group; row++) {
		g_autofree char *what =
			g_strdup_printf("%s %s %s", row->group, row->name, row->arguments);

		fprintf(out, "  %-34s %s\n", what, row->doc);
	}
	fprintf(out, "\nEach command has a --help of its own.\n");
}

static int usage_error(const char *what, const char *word)
{
	fprintf(stderr, "%s '%s'; nova-lite-manage --help lists the commands\n", what, word);
	return EX_USAGE;
}

static const nova_command *find(const char *group, const char *name, bool *ret_group_known)
{
	*ret_group_known = false;
	for (const nova_command *row = nova_commands; row->group; row++) {
		if (strcmp(row->group, group) != 0)
			continue;
		*ret_group_known = true;
		/* `flow' alone is `flow show' */
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

static int run(const nova_command *row, nova_conf_source *source, int argc, char **argv)
{
	nova_manage manage = { .source = source,
			       .group = (char *)row->group,
			       .name = (char *)row->name };
	g_autoptr(nova_conf) conf = NULL;
	g_autoptr(GError) error = NULL;
	bool help = false;

	for (int i = 1; i < argc; i++)
		help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
	if (row->needs_conf && !help) {
		g_auto(GStrv) warnings = NULL;

		conf = nova_conf_load(source, &warnings, &error);
		for (size_t i = 0; warnings && warnings[i]; i++)
			fprintf(stderr, "warning: %s\n", warnings[i]);
		if (!conf) {
			fprintf(stderr, "%s\n", error->message);
			return EX_CONFIG;
		}
		manage.conf = conf;
	}
	if (row->run(&manage, argc, argv, &error)) {
		if (fflush(stdout) != 0) {
			perror("nova-lite-manage: standard output");
			return 1;
		}
		return 0;
	}
	fprintf(stderr, "error: %s\n", error->message);
	return nova_error_is(error, NOVA_FAULT_BAD_REQUEST) ? 2 : 1;
}

int main(int argc, char **argv)
{
	g_auto(GStrv) files = NULL;
	g_auto(GStrv) dirs = NULL;
	nova_conf_source source = { 0 };
	int version = 0, help = 0;
	const GOptionEntry entries[] = {
		{ "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit",
		  NULL },
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &help, "List the commands", NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) options = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	bool known;

	setlocale(LC_ALL, "");
	/* Options after the command are the command's own. */
	g_option_context_set_strict_posix(options, TRUE);
	g_option_context_set_help_enabled(options, FALSE);
	g_option_context_set_main_group(options, nova_service_option_group(&source));
	g_option_context_add_main_entries(options, entries, NULL);
	bool parsed = g_option_context_parse(options, &argc, &argv, &error);

	files = source.files;
	dirs = source.dirs;
	if (!parsed)
		return usage_error("command line not understood:", error->message);
	if (version) {
		printf("nova-lite-manage (nova-lite) %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (help || argc < 2) {
		print_help(help ? stdout : stderr);
		return help ? 0 : EX_USAGE;
	}
	/* `flow' and `flow KIND' are short for `flow show …'. */
	const char *name = argc > 2 ? argv[2] : "";
	bool is_short_flow = strcmp(argv[1], "flow") == 0 && !find("flow", name, &known);
	const nova_command *row =
		is_short_flow ? find("flow", "show", &known) : find(argv[1], name, &known);
	int skip = is_short_flow ? 1 : 2;

	if (!known)
		return usage_error("there is no command group", argv[1]);
	if (!row)
		return usage_error("there is no such command in its group:", name);
	return run(row, &source, argc - skip, argv + skip);
}
