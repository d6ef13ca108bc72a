/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"
#include "common/json.h"
#include "common/timestamp.h"

#include <string.h>

static void add_z(json_object *object, const char *key, int64_t usec)
{
	char text[NOVA_TIMESTAMP_SIZE];

	nova_json_add_str(object, key, nova_timestamp_z(usec, text));
}

/* Properties a user gave the image are members of its own in Glance v2; ours are never overwritten. */
static void add_properties(json_object *object, const nova_image *image)
{
	g_autoptr(json_object) properties = nova_view_parsed(image->properties_json, "{}");

	if (json_object_get_type(properties) != json_type_object)
		return;
	json_object_object_foreach(properties, key, value)
	{
		if (!json_object_object_get_ex(object, key, NULL))
			nova_json_add(object, key, json_object_get(value));
	}
}

json_object *nova_view_image(const nova_image *image)
{
	json_object *object = json_object_new_object();
	g_autofree char *self = g_strconcat("/v2/images/", image->id, NULL);
	g_autofree char *file = g_strconcat(self, "/file", NULL);

	nova_json_add_str(object, "id", image->id);
	nova_json_add_str(object, "name", image->name);
	nova_json_add_str(object, "status", image->status);
	nova_json_add_str(object, "visibility", image->visibility);
	nova_json_add_str(object, "owner", image->owner);
	nova_json_add_str(object, "disk_format", image->disk_format);
	nova_json_add_str(object, "container_format", image->container_format);
	nova_json_add_int(object, "size", image->size);
	nova_json_add_int(object, "virtual_size", image->virtual_size);
	nova_json_add_null(object, "checksum");
	nova_json_add_str(object, "os_hash_algo", "sha256");
	nova_json_add_str(object, "os_hash_value", image->checksum);
	nova_json_add_bool(object, "os_hidden", false);
	nova_json_add_int(object, "min_disk", image->min_disk);
	nova_json_add_int(object, "min_ram", image->min_ram);
	nova_json_add_bool(object, "protected", false);
	nova_json_add(object, "tags", json_object_new_array());
	add_z(object, "created_at", image->created_us);
	add_z(object, "updated_at", image->updated_us);
	nova_json_add_str(object, "self", self);
	nova_json_add_str(object, "file", file);
	nova_json_add_str(object, "schema", "/v2/schemas/image");
	add_properties(object, image);
	return object;
}

json_object *nova_view_image_proxy(const nova_view *view, const nova_image *image, bool detail)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "id", image->id);
	nova_json_add_str(object, "name", image->name);
	nova_json_add(object, "links", nova_view_links(view, "images", image->id));
	if (!detail)
		return object;
	nova_json_add_str(object, "status", "ACTIVE");
	add_z(object, "created", image->created_us);
	add_z(object, "updated", image->updated_us);
	nova_json_add_int(object, "minDisk", image->min_disk);
	nova_json_add_int(object, "minRam", image->min_ram);
	nova_json_add_int(object, "progress", 100);
	nova_json_add(object, "metadata", nova_view_parsed(image->properties_json, "{}"));
	nova_json_add_int(object, "OS-EXT-IMG-SIZE:size", image->size);
	return object;
}
