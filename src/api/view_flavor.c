/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"
#include "common/json.h"

json_object *nova_view_flavor_brief(const nova_view *view, const nova_flavor *flavor)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "id", flavor->flavorid);
	nova_json_add_str(object, "name", flavor->name);
	nova_json_add(object, "links", nova_view_links(view, "flavors", flavor->flavorid));
	if (view->version >= 55)
		nova_json_add_str(object, "description", flavor->description);
	return object;
}

json_object *nova_view_flavor(const nova_view *view, const nova_flavor *flavor)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "id", flavor->flavorid);
	nova_json_add_str(object, "name", flavor->name);
	nova_json_add_int(object, "ram", flavor->memory_mb);
	nova_json_add_int(object, "disk", flavor->root_gb);
	if (flavor->swap_mb == 0 && view->version < 75)
		nova_json_add_str(object, "swap", "");
	else
		nova_json_add_int(object, "swap", flavor->swap_mb);
	nova_json_add_int(object, "OS-FLV-EXT-DATA:ephemeral", flavor->ephemeral_gb);
	nova_json_add_bool(object, "OS-FLV-DISABLED:disabled", flavor->disabled);
	nova_json_add_int(object, "vcpus", flavor->vcpus);
	nova_json_add_bool(object, "os-flavor-access:is_public", flavor->is_public);
	nova_json_add_double(object, "rxtx_factor", flavor->rxtx_factor);
	nova_json_add(object, "links", nova_view_links(view, "flavors", flavor->flavorid));
	if (view->version >= 55)
		nova_json_add_str(object, "description", flavor->description);
	if (view->version >= 61)
		nova_json_add(object, "extra_specs", nova_view_parsed(flavor->extra_specs_json, "{}"));
	return object;
}
