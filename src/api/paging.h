/* SPDX-License-Identifier: Apache-2.0
 *
 * paging.h - limit and marker of lists, and the link to the next page.
 */
#pragma once

#include "api/request.h"
#include "common/json_writer.h"

/* The `limit' parameter, at most [api] max_limit, which also holds without one.  A query schema has made sure
 * that it is a number.  0 is possible. */
int nova_paging_limit(const nova_request *r);

/* When the page is full (n == limit > 0): adds `key': [{"rel": "next", "href": …}] to `body'.  `collection' is
 * the path below /v2.1, e.g. "servers/detail"; the link repeats this request's parameters. */
void nova_paging_add_next(const nova_request *r, json_object *body, const char *key, const char *collection, size_t n,
			  int limit, const char *marker);

/* The same for what is written at once. */
void nova_paging_put_next(const nova_request *r, nova_json_writer *w, const char *key, const char *collection, size_t n,
			  int limit, const char *marker);

/* "?a=b&c=d" of the parameters sorted by name, with the marker replaced.  Caller frees. */
char *nova_paging_query(GPtrArray *query, const char *marker);
