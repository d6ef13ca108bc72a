/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/explain.h"

#include "common/json.h"

static void add_filter(json_object *list, const char *name, bool passes, const char *why, const char *fix)
{
	json_object *row = json_object_new_object();

	nova_json_add_str(row, "name", name);
	nova_json_add_bool(row, "passes", passes);
	if (!passes) {
		nova_json_add_str(row, "why", why);
		nova_json_add_str(row, "fix", fix);
	}
	json_object_array_add(list, row);
}

static json_object *all_filters(const nova_host *host, const nova_placement *placement,
				const nova_select_options *options)
{
	json_object *list = json_object_new_array();
	g_autoptr(GString) why = g_string_new(NULL);

	for (const nova_filter *const *filter = options->filters; *filter; filter++) {
		g_string_truncate(why, 0);
		bool passes = (*filter)->passes(host, placement, why);

		add_filter(list, (*filter)->name, passes, why->str, (*filter)->fix);
	}
	return list;
}

static json_object *host_row(const nova_host *host, bool fits)
{
	json_object *row = json_object_new_object();

	nova_json_add_str(row, "host", host->name);
	nova_json_add_bool(row, "fits", fits);
	return row;
}

static json_object *candidate_row(const nova_candidate *candidate, const nova_placement *placement,
				  const nova_select_options *options)
{
	json_object *row = host_row(candidate->host, true);

	nova_json_add_double(row, "weight", candidate->weight);
	nova_json_add(row, "filters", all_filters(candidate->host, placement, options));
	return row;
}

static json_object *refusal_row(const nova_refusal *refusal, const nova_placement *placement,
				const nova_select_options *options)
{
	json_object *row = host_row(refusal->host, false), *list;

	nova_json_add_null(row, "weight");
	if (placement->source && placement->source->id == refusal->host->id) {
		list = json_object_new_array();
		add_filter(list, refusal->filter, false, refusal->why, "The server is there already.");
	} else {
		list = all_filters(refusal->host, placement, options);
	}
	nova_json_add(row, "filters", list);
	return row;
}

json_object *nova_explain_placement(const GPtrArray *hosts, const nova_placement *placement,
				    const nova_select_options *options, unsigned most)
{
	nova_select_options keep = *options;

	keep.keep = most;
	g_autoptr(nova_selection) selection = nova_select(hosts, placement, NULL, &keep);
	json_object *answer = json_object_new_object(), *list = json_object_new_array();
	unsigned fitting = selection->candidates->len;

	for (unsigned i = 0; i < fitting && i < most; i++)
		json_object_array_add(list, candidate_row(&g_array_index(selection->candidates, nova_candidate, i),
							  placement, options));
	for (unsigned i = 0; i < selection->refusals->len && fitting + i < most; i++)
		json_object_array_add(list, refusal_row(g_ptr_array_index(selection->refusals, i), placement, options));
	nova_json_add_str(answer, "server", placement->instance_uuid);
	nova_json_add_str(answer, "source_host", placement->source ? placement->source->name : NULL);
	nova_json_add_int(answer, "hosts_total", (int64_t)selection->fitting + selection->refusing);
	nova_json_add_int(answer, "hosts_fitting", selection->fitting);
	nova_json_add(answer, "hosts", list);
	return answer;
}
