/* SPDX-License-Identifier: Apache-2.0 */
#include "api/paging.h"

#include "common/json.h"

#include <string.h>

int nova_paging_limit(const nova_request *r)
{
	const char *text = nova_request_param(r, "limit");
	int64_t most = r->conf->api_max_limit;
	int64_t limit = text && *text ? g_ascii_strtoll(text, NULL, 10) : most;

	return (int)CLAMP(limit, 0, most);
}

static int compare_names(const void *a, const void *b)
{
	const nova_http_pair *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void append_pair(GString *out, const char *name, const char *value)
{
	g_autofree char *escaped_name = g_uri_escape_string(name, NULL, FALSE);
	g_autofree char *escaped_value = g_uri_escape_string(value, NULL, FALSE);

	g_string_append_printf(out, "%c%s=%s", out->len ? '&' : '?', escaped_name, escaped_value);
}

char *nova_paging_query(GPtrArray *query, const char *marker)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	g_autoptr(GString) out = g_string_new(NULL);
	nova_http_pair own = { .name = (char *)"marker", .value = (char *)marker };

	for (unsigned i = 0; i < query->len; i++) {
		nova_http_pair *pair = query->pdata[i];

		if (strcmp(pair->name, "marker") != 0)
			g_ptr_array_add(sorted, pair);
	}
	g_ptr_array_add(sorted, &own);
	g_ptr_array_sort(sorted, compare_names);
	for (unsigned i = 0; i < sorted->len; i++) {
		const nova_http_pair *pair = sorted->pdata[i];

		append_pair(out, pair->name, pair->value);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* NULL: this is the last page. */
static char *next_href(const nova_request *r, const char *collection, size_t n, int limit, const char *marker)
{
	g_autofree char *query = NULL;

	if (limit <= 0 || n < (size_t)limit || !marker)
		return NULL;
	query = nova_paging_query(r->http->query, marker);
	return g_strdup_printf("%s/v2.1/%s%s", r->base, collection, query);
}

void nova_paging_add_next(const nova_request *r, json_object *body, const char *key, const char *collection, size_t n,
			  int limit, const char *marker)
{
	g_autofree char *href = next_href(r, collection, n, limit, marker);
	json_object *links, *link;

	if (!href)
		return;
	links = json_object_new_array();
	link = json_object_new_object();
	nova_json_add_str(link, "rel", "next");
	nova_json_add_str(link, "href", href);
	json_object_array_add(links, link);
	nova_json_add(body, key, links);
}

void nova_paging_put_next(const nova_request *r, nova_json_writer *w, const char *key, const char *collection, size_t n,
			  int limit, const char *marker)
{
	g_autofree char *href = next_href(r, collection, n, limit, marker);

	if (!href)
		return;
	nova_json_begin(w, key, '[');
	nova_json_begin(w, NULL, '{');
	nova_json_put_str(w, "rel", "next");
	nova_json_put_str(w, "href", href);
	nova_json_end(w, '}');
	nova_json_end(w, ']');
}
