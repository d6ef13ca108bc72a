/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"

#include "common/json.h"
#include "common/timestamp.h"

#include <string.h>

#define STORED_DEPTH 32 /* of JSON we wrote ourselves */

static void add_link(json_object *links, const char *rel, const char *base, const char *prefix, const char *collection,
		     const char *id)
{
	json_object *link = json_object_new_object();
	g_autofree char *href = g_strdup_printf("%s%s/%s/%s", base, prefix, collection, id);

	nova_json_add_str(link, "rel", rel);
	nova_json_add_str(link, "href", href);
	json_object_array_add(links, link);
}

json_object *nova_view_links(const nova_view *view, const char *collection, const char *id)
{
	json_object *links = json_object_new_array();

	add_link(links, "self", view->base, "/v2.1", collection, id);
	add_link(links, "bookmark", view->base, "", collection, id);
	return links;
}

static void put_link(nova_json_writer *w, const char *rel, const char *base, const char *prefix, const char *collection,
		     const char *id)
{
	g_autofree char *href = g_strconcat(base, prefix, "/", collection, "/", id, NULL);

	nova_json_begin(w, NULL, '{');
	nova_json_put_str(w, "rel", rel);
	nova_json_put_str(w, "href", href);
	nova_json_end(w, '}');
}

void nova_view_put_links(const nova_view *view, nova_json_writer *w, const char *collection, const char *id)
{
	nova_json_begin(w, "links", '[');
	put_link(w, "self", view->base, "/v2.1", collection, id);
	put_link(w, "bookmark", view->base, "", collection, id);
	nova_json_end(w, ']');
}

void nova_view_put_bookmark(const nova_view *view, nova_json_writer *w, const char *collection, const char *id)
{
	nova_json_begin(w, "links", '[');
	put_link(w, "bookmark", view->base, "", collection, id);
	nova_json_end(w, ']');
}

void nova_view_put_time(nova_json_writer *w, const char *key, int64_t usec)
{
	char text[NOVA_TIMESTAMP_SIZE];

	nova_json_put_str(w, key, usec ? nova_timestamp_micro(usec, text) : NULL);
}

void nova_view_add_time(json_object *object, const char *key, int64_t usec)
{
	char text[NOVA_TIMESTAMP_SIZE];

	nova_json_add_str(object, key, usec ? nova_timestamp_micro(usec, text) : NULL);
}

json_object *nova_view_parsed(const char *json_text, const char *fallback)
{
	json_object *value = json_text ? nova_json_parse(json_text, strlen(json_text), STORED_DEPTH, NULL) : NULL;

	return value ? value : nova_json_parse(fallback, strlen(fallback), STORED_DEPTH, NULL);
}
