/* SPDX-License-Identifier: Apache-2.0
 *
 * why: which hosts would take a server now, and what each filter that refuses says.
 */
#include "client/command.h"

#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>

static void add_host(nova_output *output, json_object *host)
{
	json_object *weight = nova_json_find(host, "weight"), *filters = nova_json_find(host, "filters");
	const char *name = json_object_get_string(nova_json_find(host, "host"));
	bool fits = json_object_get_boolean(nova_json_find(host, "fits"));
	g_autofree char *heavy = weight ? g_strdup_printf("%.3f", json_object_get_double(weight)) : NULL;

	if (fits) {
		nova_output_add(output, (const char *[]){ name, "yes", heavy, "", "", "" });
		return;
	}
	for (size_t i = 0; i < json_object_array_length(filters); i++) {
		json_object *filter = json_object_array_get_idx(filters, i);

		if (json_object_get_boolean(nova_json_find(filter, "passes")))
			continue;
		nova_output_add(output, (const char *[]){ name, name ? "no" : "", "",
							 json_object_get_string(nova_json_find(filter, "name")),
							 json_object_get_string(nova_json_find(filter, "why")),
							 json_object_get_string(nova_json_find(filter, "fix")) });
		name = NULL; /* once is enough */
	}
}

static void print_sentence(const char *server, json_object *placement, int64_t total, int64_t fitting, size_t shown)
{
	const char *source = json_object_get_string(nova_json_find(placement, "source_host"));

	if (source)
		printf("%s is on %s; ", server, source);
	else
		printf("%s has no host; ", server);
	printf("%" PRId64 " of %" PRId64 " host%s would take it%s.\n", fitting, total, total == 1 ? "" : "s",
	       shown < (size_t)total ? ", not all are shown" : "");
}

bool nova_cmd_why(nova_client *client, int argc, char **argv, GError **error)
{
	static const char *const headings[] = { "Host", "Fits", "Weight", "Filter", "Why not", "What helps", NULL };
	g_autofree char *host = NULL;
	const GOptionEntry entries[] = {
		{ "host", 0, 0, G_OPTION_ARG_STRING, &host, "Only this host", "HOST" },
		{ 0 },
	};
	g_autoptr(nova_output) output = nova_output_new(headings);
	g_autoptr(json_object) reply = NULL;
	g_autofree char *id = NULL;
	json_object *placement, *hosts;
	int64_t total, fitting;

	if (!nova_client_parse(client, entries, 1, 1, &argc, &argv, error))
		return false;
	id = nova_session_server_id(client->session, argv[1], error);
	if (!id)
		return false;
	g_autofree char *escaped = host ? nova_session_escape(host) : NULL;
	g_autofree char *path = g_strconcat("/nova-lite/servers/", id, "/placement", host ? "?host=" : "",
					    host ? escaped : "", NULL);

	reply = nova_session_get(client->session, path, error);
	if (!reply || !nova_json_get_object(reply, "placement", &placement, error) ||
	    !nova_json_get_array(placement, "hosts", &hosts, error) ||
	    !nova_json_get_int(placement, "hosts_total", 0, INT64_MAX, &total, error) ||
	    !nova_json_get_int(placement, "hosts_fitting", 0, INT64_MAX, &fitting, error))
		return false;
	for (size_t i = 0; i < json_object_array_length(hosts); i++)
		add_host(output, json_object_array_get_idx(hosts, i));
	if (client->format == NOVA_OUTPUT_TABLE)
		print_sentence(argv[1], placement, total, fitting, json_object_array_length(hosts));
	nova_output_print(output, client->format, placement);
	client->exit_status = fitting > 0 ? NOVA_EXIT_OK : NOVA_EXIT_REFUSED;
	return true;
}
