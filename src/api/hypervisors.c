/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/uuid.h"
#include "db/hosts.h"
#include "db/instances.h"

#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0' && strlen(text) <= 9;
}

/* By integer id up to 2.52, by uuid later.  A text that is neither is "not found" also where Nova has 400: novaclient
 * asks for a host by its name first and looks further only after a 404. */
static nova_host *find_host(nova_request *r, const char *id, GError **error)
{
	GError *failure = NULL;
	nova_host *host = NULL;

	if (r->version >= 53 && nova_uuid_is_valid(id))
		host = nova_hosts_find_by_uuid(r->api->db, id, &failure);
	else if (r->version < 53 && is_number(id))
		host = nova_hosts_find_by_id(r->api->db, atoi(id), &failure);
	if (failure)
		g_propagate_error(error, failure);
	else if (!host)
		nova_fail(error, NOVA_FAULT_NOT_FOUND, "Hypervisor with ID '%s' could not be found.", id);
	return host;
}

/* Writes one, with its servers if they are asked for. */
static bool put_host(nova_request *r, nova_json_writer *w, const char *key, const nova_host *host, bool detail,
		     bool with_servers, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(GPtrArray) servers = NULL;

	if (with_servers && !nova_instances_on_host(r->api->db, host->id, &servers, error))
		return false;
	nova_view_hypervisor(&view, w, key, host, detail, servers);
	return true;
}

static char *id_of(const nova_request *r, const nova_host *host)
{
	return r->version >= 53 ? g_strdup(host->uuid) : g_strdup_printf("%d", host->id);
}

/* What of the hosts a list shows. */
typedef struct selection {
	const char *pattern;
	bool detail, with_servers;
	int limit; /* 0: all */
	const char *marker;
} selection;

/* The name after which the page begins. */
static bool read_marker(nova_request *r, const char *marker, char **ret_after, GError **error)
{
	g_autoptr(nova_host) host = NULL;
	GError *failure = NULL;

	if (!marker)
		return true;
	host = find_host(r, marker, &failure);
	if (failure && !nova_error_is(failure, NOVA_FAULT_NOT_FOUND)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_clear_error(&failure);
	if (!host)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
	*ret_after = g_strdup(host->name);
	return true;
}

static bool list(nova_request *r, const selection *what, GError **error)
{
	g_autoptr(GPtrArray) hosts = NULL;
	g_autofree char *after = NULL;
	g_autofree char *last = NULL;
	nova_json_writer w;

	if (!read_marker(r, what->marker, &after, error) ||
	    !nova_hosts_page(r->api->db, after, what->limit, what->pattern, &hosts, error))
		return false;
	if (what->pattern && hosts->len == 0)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "No hypervisor matching '%s' could be found.",
				 what->pattern);
	nova_json_writer_init(&w, 256 + hosts->len * (what->detail ? 1024 : 200));
	nova_json_begin(&w, NULL, '{');
	nova_json_begin(&w, "hypervisors", '[');
	for (unsigned i = 0; i < hosts->len; i++)
		if (!put_host(r, &w, NULL, hosts->pdata[i], what->detail, what->with_servers, error)) {
			nova_json_writer_drop(&w);
			return false;
		}
	nova_json_end(&w, ']');
	if (hosts->len > 0)
		last = id_of(r, hosts->pdata[hosts->len - 1]);
	nova_paging_put_next(r, &w, "hypervisors_links", what->detail ? "os-hypervisors/detail" : "os-hypervisors",
			     hosts->len, what->limit, last);
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

static bool list_by_query(nova_request *r, bool detail, GError **error)
{
	selection what = { .detail = detail };
	const char *limit = nova_request_param(r, "limit");

	if (r->version >= 33) {
		what.marker = nova_request_param(r, "marker");
		what.limit = nova_paging_limit(r);
	}
	if (r->version >= 53) {
		what.pattern = nova_request_param(r, "hypervisor_hostname_pattern");
		what.with_servers = nova_request_flag(r, "with_servers");
	}
	if (what.pattern && (limit || what.marker))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is "
				 "not supported.");
	return list(r, &what, error);
}

bool nova_hypervisors_index(nova_request *r, GError **error)
{
	return list_by_query(r, false, error);
}

bool nova_hypervisors_detail(nova_request *r, GError **error)
{
	return list_by_query(r, true, error);
}

bool nova_hypervisors_search(nova_request *r, GError **error)
{
	return list(r, &(selection){ .pattern = r->ids[0] }, error);
}

bool nova_hypervisors_servers(nova_request *r, GError **error)
{
	return list(r, &(selection){ .pattern = r->ids[0], .with_servers = true }, error);
}

bool nova_hypervisors_show(nova_request *r, GError **error)
{
	g_autoptr(nova_host) host = find_host(r, r->ids[0], error);
	bool with_servers = r->version >= 53 && nova_request_flag(r, "with_servers");
	nova_json_writer w;

	if (!host)
		return false;
	nova_json_writer_init(&w, 1024);
	nova_json_begin(&w, NULL, '{');
	if (!put_host(r, &w, "hypervisor", host, true, with_servers, error)) {
		nova_json_writer_drop(&w);
		return false;
	}
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

bool nova_hypervisors_statistics(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) hosts = NULL;

	if (!nova_hosts_page(r->api->db, NULL, 0, NULL, &hosts, error))
		return false;
	return nova_reply_member(r, 200, "hypervisor_statistics", nova_view_statistics(hosts));
}

/* Hosts report no uptime; clients know this answer and do without. */
bool nova_hypervisors_uptime(nova_request *r, GError **error)
{
	g_autoptr(nova_host) host = find_host(r, r->ids[0], error);

	if (!host)
		return false;
	if (!host->up)
		return nova_fail(error, NOVA_FAULT_SERVICE_UNAVAILABLE,
				 "Compute service of %s is unavailable at this time.", host->name);
	return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED, "The requested functionality is not supported.");
}
