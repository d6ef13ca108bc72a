/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/json.h"
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
static nova_host *find_host(nova_request *r, GError **error)
{
	const char *id = r->ids[0];
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

static bool matches(const nova_host *host, const char *pattern)
{
	return !pattern ||
	       strstr(host->inventory.hypervisor_hostname ? host->inventory.hypervisor_hostname : "", pattern);
}

static bool add_servers(nova_request *r, json_object *hypervisor, const nova_host *host, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(GPtrArray) servers = NULL;

	if (!nova_instances_on_host(r->api->db, host->id, &servers, error))
		return false;
	nova_view_hypervisor_add_servers(&view, hypervisor, servers);
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

static bool skip_to_marker(const nova_request *r, const GPtrArray *hosts, const char *marker, unsigned *ret,
			   GError **error)
{
	for (unsigned i = 0; marker && i < hosts->len; i++) {
		g_autofree char *id = id_of(r, hosts->pdata[i]);

		if (g_ascii_strcasecmp(id, marker) == 0) {
			*ret = i + 1;
			return true;
		}
	}
	return !marker || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
}

static bool list(nova_request *r, const selection *what, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(GPtrArray) hosts = NULL;
	g_autoptr(json_object) array = json_object_new_array();
	g_autofree char *last = NULL;
	unsigned start = 0;
	json_object *body;

	if (!nova_hosts_list(r->api->db, &hosts, error) || !skip_to_marker(r, hosts, what->marker, &start, error))
		return false;
	for (unsigned i = start; i < hosts->len; i++) {
		const nova_host *host = hosts->pdata[i];
		json_object *item;

		if (!matches(host, what->pattern))
			continue;
		if (what->limit && json_object_array_length(array) >= (size_t)what->limit)
			break;
		item = nova_view_hypervisor(&view, host, what->detail);
		json_object_array_add(array, item);
		if (what->with_servers && !add_servers(r, item, host, error))
			return false;
		g_free(last);
		last = id_of(r, host);
	}
	if (what->pattern && json_object_array_length(array) == 0)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "No hypervisor matching '%s' could be found.",
				 what->pattern);
	body = json_object_new_object();
	nova_json_add(body, "hypervisors", json_object_get(array));
	nova_paging_add_next(r, body, "hypervisors_links", what->detail ? "os-hypervisors/detail" : "os-hypervisors",
			     json_object_array_length(array), what->limit, last);
	return nova_reply_json(r, 200, body);
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
	nova_view view = nova_request_view(r);
	g_autoptr(nova_host) host = find_host(r, error);
	g_autoptr(json_object) hypervisor = NULL;

	if (!host)
		return false;
	hypervisor = nova_view_hypervisor(&view, host, true);
	if (r->version >= 53 && nova_request_flag(r, "with_servers") && !add_servers(r, hypervisor, host, error))
		return false;
	return nova_reply_member(r, 200, "hypervisor", json_object_get(hypervisor));
}

bool nova_hypervisors_statistics(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) hosts = NULL;

	if (!nova_hosts_list(r->api->db, &hosts, error))
		return false;
	return nova_reply_member(r, 200, "hypervisor_statistics", nova_view_statistics(hosts));
}

/* Hosts report no uptime; clients know this answer and do without. */
bool nova_hypervisors_uptime(nova_request *r, GError **error)
{
	g_autoptr(nova_host) host = find_host(r, error);

	if (!host)
		return false;
	if (!host->up)
		return nova_fail(error, NOVA_FAULT_SERVICE_UNAVAILABLE,
				 "Compute service of %s is unavailable at this time.", host->name);
	return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED, "The requested functionality is not supported.");
}
