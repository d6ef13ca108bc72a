/* SPDX-License-Identifier: Apache-2.0 */
#include "api/versions.h"

#include "common/json.h"

#include <glib.h>

static json_object *link_to(const char *rel, const char *href)
{
	json_object *link = json_object_new_object();

	nova_json_add_str(link, "rel", rel);
	nova_json_add_str(link, "href", href);
	return link;
}

static json_object *links_to_self(const char *base, const char *path)
{
	g_autofree char *href = g_strconcat(base, path, NULL);
	json_object *links = json_object_new_array();

	json_object_array_add(links, link_to("self", href));
	return links;
}

static json_object *media_types(void)
{
	json_object *list = json_object_new_array(), *type = json_object_new_object();

	nova_json_add_str(type, "base", "application/json");
	nova_json_add_str(type, "type", "application/vnd.openstack.compute+json;version=2.1");
	json_object_array_add(list, type);
	return list;
}

static json_object *compute_version(const char *base, unsigned max)
{
	json_object *version = json_object_new_object();
	g_autofree char *max_text = g_strdup_printf("2.%u", max);

	nova_json_add_str(version, "id", "v2.1");
	nova_json_add_str(version, "status", "CURRENT");
	nova_json_add_str(version, "version", max_text);
	nova_json_add_str(version, "min_version", "2.1");
	nova_json_add_str(version, "updated", "2013-07-23T11:33:21Z");
	nova_json_add(version, "links", links_to_self(base, "/v2.1/"));
	return version;
}

json_object *nova_versions_list(const char *base, unsigned max)
{
	json_object *body = json_object_new_object(), *list = json_object_new_array();

	json_object_array_add(list, compute_version(base, max));
	nova_json_add(body, "versions", list);
	return body;
}

json_object *nova_versions_detail(const char *base, unsigned max)
{
	json_object *body = json_object_new_object(), *version = compute_version(base, max);
	json_object *links = nova_json_find(version, "links"), *described = json_object_new_object();

	nova_json_add_str(described, "rel", "describedby");
	nova_json_add_str(described, "type", "text/html");
	nova_json_add_str(described, "href", "http://docs.openstack.org/");
	json_object_array_add(links, described);
	nova_json_add(version, "media-types", media_types());
	nova_json_add(body, "version", version);
	return body;
}

json_object *nova_versions_choices(const char *base, const char *path)
{
	json_object *body = json_object_new_object(), *list = json_object_new_array();
	json_object *choice = json_object_new_object();
	g_autofree char *versioned = g_strconcat("/v2.1", path, NULL);

	nova_json_add_str(choice, "id", "v2.1");
	nova_json_add_str(choice, "status", "CURRENT");
	nova_json_add(choice, "links", links_to_self(base, versioned));
	nova_json_add(choice, "media-types", media_types());
	json_object_array_add(list, choice);
	nova_json_add(body, "choices", list);
	return body;
}

json_object *nova_versions_images(const char *base)
{
	json_object *body = json_object_new_object(), *list = json_object_new_array();
	json_object *version = json_object_new_object();

	nova_json_add_str(version, "id", "v2.9");
	nova_json_add_str(version, "status", "CURRENT");
	nova_json_add(version, "links", links_to_self(base, "/image/v2/"));
	json_object_array_add(list, version);
	nova_json_add(body, "versions", list);
	return body;
}
