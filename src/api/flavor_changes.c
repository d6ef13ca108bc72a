/* SPDX-License-Identifier: Apache-2.0
 *
 * Flavors as an administrator makes and changes them, and who may use those that are not public.
 */
#include "db/flavor_changes.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/json.h"
#include "db/flavors.h"

#include <string.h>

#define MOST INT32_MAX

static bool not_found(const char *id, GError **error)
{
	return nova_fail(error, NOVA_FAULT_FLAVOR_NOT_FOUND, "Flavor %s could not be found.", id);
}

static nova_flavor *find(nova_request *r, const char *id, GError **error)
{
	GError *failure = NULL;
	nova_flavor *flavor = nova_flavors_find_for(r->api->db, id, nova_request_scope(r), &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!flavor)
		not_found(id, error);
	return flavor;
}

static bool answer(nova_request *r, const char *id, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(nova_flavor) flavor = find(r, id, error);

	return flavor && nova_reply_member(r, 200, "flavor", nova_view_flavor(&view, flavor));
}

/* A number or digits; strings have no range in the schema. */
static bool read_size(json_object *wish, const char *key, int64_t least, int64_t *ret, GError **error)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(wish, key, &value))
		return true;
	*ret = g_ascii_strtoll(json_object_get_string(value), NULL, 10);
	return (*ret >= least && *ret <= MOST) ||
	       nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "Invalid input for field/attribute %s. Value: %" G_GINT64_FORMAT
			 ". It must be from %" G_GINT64_FORMAT " to %d",
			 key, *ret, least, MOST);
}

static bool read_factor(json_object *wish, double *ret, GError **error)
{
	json_object *value = NULL;
	char *end = NULL;
	const char *text;

	*ret = 1.0;
	if (!json_object_object_get_ex(wish, "rxtx_factor", &value))
		return true;
	text = value ? json_object_get_string(value) : "None";
	*ret = g_ascii_strtod(text, &end);
	return (end != text && !*end && *ret > 0 && *ret < 1e38) ||
	       nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "Invalid input for field/attribute rxtx_factor. Value: %s. '%s' does not match "
			 "'^[0-9]+(\\.[0-9]+)?$'",
			 text, text);
}

static const char *text_of(json_object *object, const char *key)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value ? json_object_get_string(value) : NULL;
}

bool nova_flavors_make(nova_request *r, GError **error)
{
	json_object *wish = nova_json_find(r->body, "flavor"), *public = NULL;
	const char *id = text_of(wish, "id");
	g_autoptr(nova_flavor) flavor = nova_flavor_new();
	g_autofree char *made = NULL;
	int64_t vcpus = 0;

	flavor->flavorid = id && strcmp(id, "auto") != 0 ? g_strdup(id) : NULL;
	flavor->name = g_strdup(text_of(wish, "name"));
	flavor->description = g_strdup(text_of(wish, "description"));
	flavor->is_public = !json_object_object_get_ex(wish, "os-flavor-access:is_public", &public) ||
			    nova_schema_bool(public);
	if (!read_size(wish, "vcpus", 1, &vcpus, error) || !read_size(wish, "ram", 1, &flavor->memory_mb, error) ||
	    !read_size(wish, "disk", 0, &flavor->root_gb, error) ||
	    !read_size(wish, "OS-FLV-EXT-DATA:ephemeral", 0, &flavor->ephemeral_gb, error) ||
	    !read_size(wish, "swap", 0, &flavor->swap_mb, error) ||
	    !read_factor(wish, &flavor->rxtx_factor, error))
		return false;
	flavor->vcpus = (int)vcpus;
	return nova_flavors_create(r->api->db, flavor, &made, error) && answer(r, made, error);
}

bool nova_flavors_update(nova_request *r, GError **error)
{
	const char *description = text_of(nova_json_find(r->body, "flavor"), "description");
	bool found;

	if (!nova_flavors_describe(r->api->db, r->ids[0], description, &found, error))
		return false;
	return found ? answer(r, r->ids[0], error) : not_found(r->ids[0], error);
}

bool nova_flavors_remove(nova_request *r, GError **error)
{
	bool found;

	if (!nova_flavors_delete(r->api->db, r->ids[0], &found, error))
		return false;
	return found ? nova_reply_empty(r, 202) : not_found(r->ids[0], error);
}

/* ---- extra specs ---- */

/* Numbers are kept as text. */
static json_object *as_text(json_object *given)
{
	json_object *specs = json_object_new_object();

	json_object_object_foreach(given, key, value)
		nova_json_add_str(specs, key, json_object_get_string(value));
	return specs;
}

static bool store(nova_request *r, json_object *specs, GError **error)
{
	bool found;

	return nova_flavors_set_specs(r->api->db, r->ids[0], nova_json_text(specs), NULL, &found, error) &&
	       (found || not_found(r->ids[0], error));
}

bool nova_flavors_specs_add(nova_request *r, GError **error)
{
	g_autoptr(json_object) specs = as_text(nova_json_find(r->body, "extra_specs"));

	return store(r, specs, error) && nova_reply_member(r, 200, "extra_specs", json_object_get(specs));
}

bool nova_flavors_specs_set(nova_request *r, GError **error)
{
	g_autoptr(json_object) specs = as_text(r->body);

	if (json_object_object_length(specs) != 1 || !json_object_object_get_ex(specs, r->ids[1], NULL))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Request body and URI mismatch");
	return store(r, specs, error) && nova_reply_json(r, 200, json_object_get(specs));
}

bool nova_flavors_specs_drop(nova_request *r, GError **error)
{
	g_autoptr(nova_flavor) flavor = find(r, r->ids[0], error);
	g_autoptr(json_object) specs = NULL;
	bool found;

	if (!flavor)
		return false;
	specs = nova_view_parsed(flavor->extra_specs_json, "{}");
	if (!json_object_object_get_ex(specs, r->ids[1], NULL))
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Flavor %s has no extra specs with key %s.", r->ids[0],
				 r->ids[1]);
	return nova_flavors_set_specs(r->api->db, r->ids[0], NULL, r->ids[1], &found, error) &&
	       nova_reply_empty(r, 200);
}

/* ---- access ---- */

static bool answer_access(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) projects = NULL;
	json_object *list;

	if (!nova_flavors_access(r->api->db, r->ids[0], &projects, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < projects->len; i++) {
		json_object *item = json_object_new_object();

		nova_json_add_str(item, "flavor_id", r->ids[0]);
		nova_json_add_str(item, "tenant_id", projects->pdata[i]);
		json_object_array_add(list, item);
	}
	return nova_reply_member(r, 200, "flavor_access", list);
}

bool nova_flavors_access_index(nova_request *r, GError **error)
{
	g_autoptr(nova_flavor) flavor = find(r, r->ids[0], error);

	if (!flavor)
		return false;
	if (flavor->is_public)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Access list not available for public flavors.");
	return answer_access(r, error);
}

/* {"addTenantAccess": {"tenant": …}} or {"removeTenantAccess": …}. */
bool nova_flavors_act(nova_request *r, GError **error)
{
	bool add = json_object_object_get_ex(r->body, "addTenantAccess", NULL), found;
	const char *policy = add ? "os_compute_api:os-flavor-access:add_tenant_access" :
				   "os_compute_api:os-flavor-access:remove_tenant_access";
	json_object *value = nova_json_find(r->body, add ? "addTenantAccess" : "removeTenantAccess");
	const char *project = text_of(value, "tenant");
	g_autoptr(nova_flavor) flavor = NULL;

	if (json_object_object_length(r->body) != 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Malformed request body");
	if (!nova_request_must(r, policy, error))
		return false;
	flavor = find(r, r->ids[0], error);
	if (!flavor)
		return false;
	if (add && flavor->is_public)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "Can not add access to a public flavor.");
	if (add ? !nova_flavors_access_add(r->api->db, r->ids[0], project, &found, error) :
		  !nova_flavors_access_remove(r->api->db, r->ids[0], project, &found, error))
		return false;
	if (!found && !add)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Flavor access not found for %s / %s combination.",
				 r->ids[0], project);
	return found ? answer_access(r, error) : not_found(r->ids[0], error);
}
