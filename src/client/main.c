/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"

#include "common/json.h"

#include <config.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 52

static void print_help(FILE *out)
{
	fprintf(out, "usage: nova-lite [-o table|json|value] [--os-cloud NAME] [--debug] COMMAND …\n\n");
	for (const nova_client_command *row = nova_client_commands; row->name; row++) {
		if (*row->name == '_')
			continue;
		g_autofree char *what =
			g_strdup_printf("%s%s%s%s%s", row->name, *row->arguments ? " " : "", row->arguments,
					row->also ? ", " : "", row->also ? row->also : "");

		int room = HELP_COLUMN - (int)g_utf8_strlen(what, -1);

		if (room < 0)
			fprintf(out, "  %s\n%*s", what, HELP_COLUMN + 3, "");
		else
			fprintf(out, "  %s%*s ", what, room, "");
		fprintf(out, "%s\n", row->doc);
	}
	fprintf(out, "\nServers, flavors and images are named by name or ID, hosts and services by the host's name.\n"
		     "Where the service is and who asks: clouds.yaml (--os-cloud, OS_CLOUD) or the variables OS_*.\n"
		     "Each command has a --help of its own.\n");
}

bool nova_client_parse(nova_client *client, const GOptionEntry *entries, int least, int most,
		       int *argc, char ***argv, GError **error)
{
	const nova_client_command *row = client->command;
	g_autoptr(GOptionContext) options = g_option_context_new(row->arguments);
	g_autofree char *prgname = g_strdup_printf("nova-lite %s", row->name);
	g_autofree char *format = NULL;
	const GOptionEntry common[] = {
		{ "output", 'o', 0, G_OPTION_ARG_STRING, &format, "table, json or value",
		  "FORMAT" },
		{ 0 },
	};
	g_autoptr(GError) local = NULL;

	g_set_prgname(prgname);
	g_option_context_set_summary(options, row->doc);
	if (entries)
		g_option_context_add_main_entries(options, entries, NULL);
	g_option_context_add_main_entries(options, common, NULL);
	if (!g_option_context_parse(options, argc, argv, &local))
		return nova_fail(error, NOVA_FAULT_CONFIG, "%s; see %s --help", local->message,
				 prgname);
	if (*argc - 1 < least || (most >= 0 && *argc - 1 > most))
		return nova_fail(error, NOVA_FAULT_CONFIG, "usage: %s [OPTION…]%s%s", prgname,
				 *row->arguments ? " " : "", row->arguments);
	return !format || nova_output_format_parse(format, &client->format, error);
}

/* Where to go, from the command line; NULL: not said. */
struct place {
	char *cloud, *endpoint, *cacert;
	int insecure, debug;
};

/* A question about the command alone must not fail for lack of a service. */
static bool is_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "-?") == 0)
			return true;
	return false;
}

static int status_of(const GError *error)
{
	switch (nova_error_fault(error)) {
	case NOVA_FAULT_CONFIG:
		return NOVA_EXIT_USAGE;
	case NOVA_FAULT_NOT_FOUND:
		return NOVA_EXIT_NOT_FOUND;
	case NOVA_FAULT_BAD_REQUEST:
	case NOVA_FAULT_CONFLICT:
	case NOVA_FAULT_FORBIDDEN:
		return NOVA_EXIT_REFUSED;
	default:
		return NOVA_EXIT_FAILED;
	}
}

static int run(nova_client *client, const struct place *place, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_session) session = NULL;
	bool ok = true;

	if (!client->command->alone && !is_help(argc, argv)) {
		nova_cloud *cloud = nova_cloud_load(place->cloud, &error);

		if (cloud && place->cacert) {
			g_free(cloud->cacert);
			cloud->cacert = g_strdup(place->cacert);
		}
		if (cloud && place->insecure)
			cloud->insecure = true;
		session = cloud ? nova_session_new(cloud, place->endpoint, place->debug, &error) : NULL;
		ok = session != NULL;
	}
	client->session = session;
	if (ok && client->command->run(client, argc, argv, &error)) {
		if (fflush(stdout) == 0)
			return client->exit_status;
		perror("nova-lite: standard output");
		return NOVA_EXIT_FAILED;
	}
	fflush(stdout);
	fprintf(stderr, "ERROR: %s\n", error->message);
	return status_of(error);
}

/* How many words of the command line name this command; 0: it is another. */
static int words_of(const char *name, int argc, char **argv)
{
	g_auto(GStrv) words = g_strsplit(name, " ", 2);
	int n = (int)g_strv_length(words);

	for (int i = 0; i < n; i++)
		if (i + 1 >= argc || strcmp(words[i], argv[i + 1]) != 0)
			return 0;
	return n;
}

int main(int argc, char **argv)
{
	nova_client client = { 0 };
	g_autofree char *format = NULL;
	g_autofree char *cloud = NULL;
	g_autofree char *endpoint = NULL;
	g_autofree char *cacert = NULL;
	int insecure = 0, debug = 0, version = 0, help = 0;
	const GOptionEntry entries[] = {
		{ "output", 'o', 0, G_OPTION_ARG_STRING, &format, "table, json or value",
		  "FORMAT" },
		{ "os-cloud", 0, 0, G_OPTION_ARG_STRING, &cloud, "The cloud of this name in clouds.yaml",
		  "NAME" },
		{ "os-endpoint", 0, 0, G_OPTION_ARG_STRING, &endpoint, "Where the service is",
		  "URL" },
		{ "os-cacert", 0, 0, G_OPTION_ARG_FILENAME, &cacert, "Certificates to trust", "FILE" },
		{ "insecure", 0, 0, G_OPTION_ARG_NONE, &insecure, "Do not check the service's certificate",
		  NULL },
		{ "debug", 0, 0, G_OPTION_ARG_NONE, &debug, "Print each request", NULL },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit",
		  NULL },
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &help, "List the commands", NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) options = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "");
	g_option_context_set_strict_posix(options, TRUE);
	g_option_context_set_help_enabled(options, FALSE);
	g_option_context_add_main_entries(options, entries, NULL);
	if (!g_option_context_parse(options, &argc, &argv, &error) ||
	    (format && !nova_output_format_parse(format, &client.format, &error))) {
		fprintf(stderr, "ERROR: %s; see nova-lite --help\n", error->message);
		return NOVA_EXIT_USAGE;
	}
	if (version) {
		printf("nova-lite %s\n", PACKAGE_VERSION);
		return NOVA_EXIT_OK;
	}
	if (help || argc < 2 || strcmp(argv[1], "help") == 0) {
		print_help(argc < 2 && !help ? stderr : stdout);
		return argc < 2 && !help ? NOVA_EXIT_USAGE : NOVA_EXIT_OK;
	}
	const struct place place = { cloud, endpoint, cacert, insecure, debug };
	int words = 0;

	client.command = nova_client_commands;
	while (client.command->name && !(words = words_of(client.command->name, argc, argv)) &&
	       !(client.command->also && (words = words_of(client.command->also, argc, argv))))
		client.command++;
	if (!client.command->name) {
		fprintf(stderr, "ERROR: there is no command '%s'; nova-lite --help lists them\n",
			argv[1]);
		return NOVA_EXIT_USAGE;
	}
	return run(&client, &place, argc - words, argv + words);
}

bool nova_client_list(nova_client *client, const char *path, const char *key, const nova_client_column *columns,
		      GError **error)
{
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);
	json_object *rows;

	if (!reply || !nova_json_get_array(reply, key, &rows, error))
		return false;
	nova_client_print_list(client, rows, columns);
	return true;
}

void nova_client_report(const char *what, const GError *error)
{
	fprintf(stderr, "ERROR: %s: %s\n", what, error->message);
}

void nova_client_judge_batch(nova_client *client, int done, int all)
{
	client->exit_status = done == all ? NOVA_EXIT_OK : done == 0 ? NOVA_EXIT_FAILED : NOVA_EXIT_PARTIAL;
}

void nova_client_print_list(const nova_client *client, json_object *array,
			    const nova_client_column *columns)
{
	g_autoptr(GPtrArray) headings = g_ptr_array_new();

	for (const nova_client_column *c = columns; c->heading; c++)
		g_ptr_array_add(headings, (void *)c->heading);
	g_ptr_array_add(headings, NULL);
	g_autoptr(nova_output) output = nova_output_new((const char *const *)headings->pdata);

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);

		for (const nova_client_column *c = columns; c->heading; c++)
			g_ptr_array_add(cells,
					nova_output_cell(nova_json_find(
						json_object_array_get_idx(array, i), c->path)));
		nova_output_add(output, (const char *const *)cells->pdata);
	}
	nova_output_print(output, client->format, array);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void nova_client_print_object(const nova_client *client, json_object *object)
{
	static const char *const headings[] = { "Property", "Value", NULL };
	g_autoptr(nova_output) output = nova_output_new(headings);
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	json_object_object_foreach(object, key, value)
	{
		(void)value;
		g_ptr_array_add(keys, key);
	}
	g_ptr_array_sort(keys, by_name);
	for (unsigned i = 0; i < keys->len; i++) {
		const char *name = g_ptr_array_index(keys, i);
		g_autofree char *cell = nova_output_cell(json_object_object_get(object, name));

		nova_output_add(output, (const char *[]) { name, cell });
	}
	nova_output_print(output, client->format, object);
}
