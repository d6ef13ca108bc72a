/* SPDX-License-Identifier: Apache-2.0
 *
 * server_filter.h - the query of GET /servers: what the database filters, and what is filtered here.
 *
 * The database does the conditions that indexes or a plain comparison serve (nova_instance_query); the rarer
 * ones are applied to what it returns.  One filter belongs to one request.
 */
#pragma once

#include "api/request.h"
#include "api/schema.h"

typedef struct nova_server_filter nova_server_filter;

extern const nova_query_schema nova_server_query_schema;

/* Reads the request's parameters.  BAD_REQUEST, FORBIDDEN. */
nova_server_filter *nova_server_filter_new(const nova_request *r, GError **error);
void nova_server_filter_free(nova_server_filter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_server_filter, nova_server_filter_free)

/* Servers of one page, newest first unless asked otherwise.  *ret: of nova_instance, owns them. */
bool nova_server_filter_run(nova_server_filter *filter, nova_db *db, GPtrArray **ret, GError **error);

int nova_server_filter_limit(const nova_server_filter *filter);
