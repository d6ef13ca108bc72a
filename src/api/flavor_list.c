/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/json.h"
#include "db/flavors.h"

#include <string.h>
#include <strings.h>

static const char *const sort_keys[] = { "created_at", "description", "disabled",	"ephemeral_gb", "flavorid",
					 "id",	       "is_public",   "memory_mb",	"name",		"root_gb",
					 "rxtx_factor", "swap",	      "updated_at",	"vcpu_weight",	"vcpus", NULL };

typedef struct flavor_query {
	bool any_public, is_public;
	int64_t min_ram, min_disk;
	const char *sort_key;
	bool descending;
} flavor_query;

static bool read_number(const nova_request *r, const char *name, int64_t *ret, GError **error)
{
	const char *text = nova_request_param(r, name);

	if (!text)
		return true;
	if (!*text || strlen(text) > 12 || text[strspn(text, "0123456789")])
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid %s filter [%s]", name, text);
	*ret = g_ascii_strtoll(text, NULL, 10);
	return true;
}

/* is_public: true, false, or "None" for both; only the admin may choose. */
static bool read_query(const nova_request *r, flavor_query *query, GError **error)
{
	const char *is_public = nova_request_param(r, "is_public"), *key = nova_request_param(r, "sort_key");
	const char *dir = nova_request_param(r, "sort_dir");

	query->is_public = true;
	if (is_public && nova_request_may(r, "os_compute_api:flavors:index:all")) {
		query->any_public = strcasecmp(is_public, "none") == 0;
		if (!query->any_public && !nova_schema_read_bool(is_public, &query->is_public))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid is_public filter [%s]", is_public);
	}
	if (!r->context->is_admin) /* what was given to the project is listed with the public ones */
		query->any_public = true;
	if (key && !g_strv_contains(sort_keys, key))
		return nova_fail(
			error, NOVA_FAULT_BAD_REQUEST,
			"Invalid input for query parameters sort_key. Value: %s. '%s' is not a sort key of flavors",
			key, key);
	if (dir && strcmp(dir, "asc") != 0 && strcmp(dir, "desc") != 0)
		return nova_fail(
			error, NOVA_FAULT_BAD_REQUEST,
			"Invalid input for query parameters sort_dir. Value: %s. '%s' is not one of ['asc', 'desc']",
			dir, dir);
	query->sort_key = key ? key : "flavorid";
	query->descending = dir && strcmp(dir, "desc") == 0;
	return read_number(r, "minRam", &query->min_ram, error) && read_number(r, "minDisk", &query->min_disk, error);
}

static bool is_shown(const nova_flavor *flavor, const flavor_query *query)
{
	return (query->any_public || flavor->is_public == query->is_public) && flavor->memory_mb >= query->min_ram &&
	       flavor->root_gb >= query->min_disk;
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_flavors(const void *left, const void *right, void *user)
{
	const nova_flavor *a = *(const nova_flavor *const *)left, *b = *(const nova_flavor *const *)right;
	const flavor_query *query = user;
	const struct {
		const char *key;
		int64_t a, b;
	} numbers[] = {
		{ "id", a->id, b->id },
		{ "created_at", a->id, b->id },
		{ "updated_at", a->id, b->id },
		{ "memory_mb", a->memory_mb, b->memory_mb },
		{ "root_gb", a->root_gb, b->root_gb },
		{ "ephemeral_gb", a->ephemeral_gb, b->ephemeral_gb },
		{ "swap", a->swap_mb, b->swap_mb },
		{ "vcpus", a->vcpus, b->vcpus },
		{ "disabled", a->disabled, b->disabled },
		{ "is_public", a->is_public, b->is_public },
		{ "rxtx_factor", (int64_t)(a->rxtx_factor * 1000), (int64_t)(b->rxtx_factor * 1000) },
	};
	int order = 0;

	if (strcmp(query->sort_key, "name") == 0)
		order = strcmp(a->name, b->name);
	else if (strcmp(query->sort_key, "description") == 0)
		order = g_strcmp0(a->description, b->description);
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (strcmp(query->sort_key, numbers[i].key) == 0)
			order = compare_numbers(numbers[i].a, numbers[i].b);
	if (order == 0)
		order = strcmp(a->flavorid, b->flavorid);
	return query->descending ? -order : order;
}

static bool list(nova_request *r, bool detail, GError **error)
{
	nova_view view = nova_request_view(r);
	const char *marker = nova_request_param(r, "marker"), *last = NULL;
	flavor_query query = { 0 };
	g_autoptr(GPtrArray) flavors = NULL;
	g_autoptr(json_object) array = json_object_new_array();
	int limit = nova_paging_limit(r);
	bool begun = marker == NULL;
	json_object *body;

	if (!read_query(r, &query, error) || !nova_flavors_list_for(r->api->db, nova_request_scope(r), &flavors, error))
		return false;
	g_ptr_array_sort_with_data(flavors, compare_flavors, &query);
	for (unsigned i = 0; i < flavors->len && json_object_array_length(array) < (size_t)limit; i++) {
		const nova_flavor *flavor = flavors->pdata[i];

		if (begun && is_shown(flavor, &query)) {
			json_object_array_add(array, detail ? nova_view_flavor(&view, flavor) :
							      nova_view_flavor_brief(&view, flavor));
			last = flavor->flavorid;
		}
		begun = begun || strcmp(flavor->flavorid, marker) == 0;
	}
	if (!begun)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
	body = json_object_new_object();
	nova_json_add(body, "flavors", json_object_get(array));
	nova_paging_add_next(r, body, "flavors_links", detail ? "flavors/detail" : "flavors",
			     json_object_array_length(array), limit, last);
	return nova_reply_json(r, 200, body);
}

bool nova_flavors_index(nova_request *r, GError **error)
{
	return list(r, false, error);
}

bool nova_flavors_detail(nova_request *r, GError **error)
{
	return list(r, true, error);
}

static nova_flavor *find(nova_request *r, GError **error)
{
	GError *failure = NULL;
	nova_flavor *flavor = nova_flavors_find_for(r->api->db, r->ids[0], nova_request_scope(r), &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!flavor)
		nova_fail(error, NOVA_FAULT_FLAVOR_NOT_FOUND, "Flavor %s could not be found.", r->ids[0]);
	return flavor;
}

bool nova_flavors_show(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(nova_flavor) flavor = find(r, error);

	return flavor && nova_reply_member(r, 200, "flavor", nova_view_flavor(&view, flavor));
}

bool nova_flavors_specs(nova_request *r, GError **error)
{
	g_autoptr(nova_flavor) flavor = find(r, error);

	return flavor && nova_reply_member(r, 200, "extra_specs", nova_view_parsed(flavor->extra_specs_json, "{}"));
}

bool nova_flavors_specs_one(nova_request *r, GError **error)
{
	g_autoptr(nova_flavor) flavor = find(r, error);
	g_autoptr(json_object) specs = NULL;
	json_object *value;

	if (!flavor)
		return false;
	specs = nova_view_parsed(flavor->extra_specs_json, "{}");
	if (!json_object_object_get_ex(specs, r->ids[1], &value))
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Flavor %s has no extra specs with key %s.", r->ids[0],
				 r->ids[1]);
	return nova_reply_member(r, 200, r->ids[1], json_object_get(value));
}
