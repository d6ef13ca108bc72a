/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/json.h"
#include "common/uuid.h"
#include "db/hosts.h"

#include <string.h>

#define COMPUTE "nova-compute"

static bool list_services(nova_request *r, const char *host, const char *binary, GPtrArray **ret, GError **error)
{
	return nova_services_list(r->api->db, host, binary, (int)r->conf->service_down_time, ret, error);
}

static bool reply_services(nova_request *r, const GPtrArray *services, bool health)
{
	nova_view view = nova_request_view(r);
	nova_json_writer w;

	nova_json_writer_init(&w, 64 + services->len * 256);
	nova_json_begin(&w, NULL, '{');
	nova_json_begin(&w, "services", '[');
	for (unsigned i = 0; i < services->len; i++)
		nova_view_service(&view, &w, NULL, services->pdata[i], health);
	nova_json_end(&w, ']');
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

bool nova_services_index(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) services = NULL;

	return list_services(r, nova_request_param(r, "host"), nova_request_param(r, "binary"), &services, error) &&
	       reply_services(r, services, false);
}

/* Nova's resource keeps its keys; this one has what heartbeats say of their hosts as well. */
bool nova_services_health(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) services = NULL;

	return list_services(r, NULL, NULL, &services, error) && reply_services(r, services, true);
}

/* ---- changes ---- */

static bool is_compute(const nova_service *service, GError **error)
{
	return strcmp(service->binary, COMPUTE) == 0 ||
	       nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "Updating a %s service is not supported. Only nova-compute services can be updated.",
			 service->binary);
}

static bool set_disabled(nova_request *r, const char *host, bool disabled, const char *reason, GError **error)
{
	return nova_hosts_set_disabled(r->api->db, host, disabled, reason, error);
}

/* A service by uuid (from 2.53); borrowed from `services'. */
static const nova_service *find_service(const GPtrArray *services, const char *uuid, GError **error)
{
	for (unsigned i = 0; i < services->len; i++)
		if (g_ascii_strcasecmp(((nova_service *)services->pdata[i])->uuid, uuid) == 0)
			return services->pdata[i];
	nova_fail(error, NOVA_FAULT_NOT_FOUND, "Service %s could not be found.", uuid);
	return NULL;
}

static bool change(nova_request *r, const nova_service *service, GError **error)
{
	json_object *status = nova_json_find(r->body, "status"), *reason = nova_json_find(r->body, "disabled_reason");
	json_object *forced = nova_json_find(r->body, "forced_down");
	bool disable = status && strcmp(json_object_get_string(status), "disabled") == 0;

	if (!status && !forced)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
	if (reason && !disable)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Specifying 'disabled_reason' when status is 'enabled' is invalid.");
	if (status &&
	    !set_disabled(r, service->host, disable, reason ? json_object_get_string(reason) : NULL, error))
		return false;
	return !forced || nova_hosts_set_forced_down(r->api->db, service->host, nova_schema_bool(forced), error);
}

bool nova_services_update(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autoptr(GPtrArray) before = NULL;
	g_autoptr(GPtrArray) after = NULL;
	const nova_service *service;
	nova_json_writer w;

	if (!list_services(r, NULL, NULL, &before, error))
		return false;
	service = find_service(before, r->ids[0], error);
	if (!service || !is_compute(service, error) || !change(r, service, error) ||
	    !list_services(r, service->host, COMPUTE, &after, error))
		return false;
	service = find_service(after, r->ids[0], error);
	if (!service)
		return false;
	nova_json_writer_init(&w, 512);
	nova_json_begin(&w, NULL, '{');
	nova_view_service(&view, &w, "service", service, false);
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

/* By number below 2.53, by uuid from there on; borrowed from `services'. */
static const nova_service *find_any(const nova_request *r, const GPtrArray *services, GError **error)
{
	const char *id = r->ids[0];
	int64_t number;

	if (r->version >= 53) {
		if (nova_uuid_is_valid(id))
			return find_service(services, id, error);
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid uuid %s", id);
		return NULL;
	}
	if (!g_ascii_string_to_signed(id, 10, 0, INT32_MAX, &number, NULL)) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "id must be an integer");
		return NULL;
	}
	for (unsigned i = 0; i < services->len; i++)
		if (((const nova_service *)services->pdata[i])->id == number)
			return services->pdata[i];
	nova_fail(error, NOVA_FAULT_NOT_FOUND, "Service %s could not be found.", id);
	return NULL;
}

bool nova_services_remove(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) services = NULL;
	const nova_service *service;
	nova_service_end end;

	if (!list_services(r, NULL, NULL, &services, error))
		return false;
	service = find_any(r, services, error);
	if (!service || !nova_services_delete(r->api->db, service, (int)r->conf->service_down_time, &end, error))
		return false;
	switch (end) {
	case NOVA_SERVICE_ALIVE:
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "The service %s on %s is running and would be back at once: stop it first, and wait "
				 "until it is down.", service->binary, service->host);
	case NOVA_SERVICE_BUSY:
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "Unable to delete compute service that is hosting instances. Migrate or delete the "
				 "instances first.");
	case NOVA_SERVICE_GONE:
	default:
		return nova_reply_empty(r, 204);
	}
}

/* PUT /os-services/{enable, disable, disable-log-reason, force-down}, up to 2.52. */
bool nova_services_update_old(nova_request *r, GError **error)
{
	const char *word = r->ids[0];
	const char *host = json_object_get_string(nova_json_find(r->body, "host"));
	const char *binary = json_object_get_string(nova_json_find(r->body, "binary"));
	json_object *reason = nova_json_find(r->body, "disabled_reason"),
		    *forced = nova_json_find(r->body, "forced_down");
	bool enable = strcmp(word, "enable") == 0, disable = strcmp(word, "disable") == 0;
	bool log_reason = strcmp(word, "disable-log-reason") == 0;
	bool force = strcmp(word, "force-down") == 0 && r->version >= 11;
	g_autoptr(GPtrArray) found = NULL;
	json_object *service;

	if (!enable && !disable && !log_reason && !force)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Unknown action");
	if (log_reason && !reason)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Missing disabled reason field");
	if (force && !forced)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Missing forced_down field");
	if (!list_services(r, host, binary, &found, error))
		return false;
	if (found->len == 0)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Could not find binary %s on host %s.", binary, host);
	if (!is_compute(found->pdata[0], error))
		return false;
	if (force ? !nova_hosts_set_forced_down(r->api->db, host, nova_schema_bool(forced), error) :
		    !set_disabled(r, host, !enable, log_reason ? json_object_get_string(reason) : NULL, error))
		return false;
	service = json_object_new_object();
	nova_json_add_str(service, "host", host);
	nova_json_add_str(service, "binary", binary);
	if (force)
		nova_json_add_bool(service, "forced_down", nova_schema_bool(forced));
	else
		nova_json_add_str(service, "status", enable ? "enabled" : "disabled");
	if (log_reason)
		nova_json_add_str(service, "disabled_reason", json_object_get_string(reason));
	return nova_reply_member(r, 200, "service", service);
}

/* ---- zones ---- */

static bool zones(nova_request *r, bool detail, GError **error)
{
	g_autoptr(GPtrArray) services = NULL;

	if (!list_services(r, NULL, NULL, &services, error))
		return false;
	return nova_reply_member(r, 200, "availabilityZoneInfo", nova_view_zones(services, detail));
}

bool nova_zones_index(nova_request *r, GError **error)
{
	return zones(r, false, error);
}

bool nova_zones_detail(nova_request *r, GError **error)
{
	return zones(r, true, error);
}

/* ---- hosts, up to 2.42 ---- */

bool nova_hosts_index(nova_request *r, GError **error)
{
	const char *zone = nova_request_param(r, "zone");
	g_autoptr(GPtrArray) services = NULL;
	json_object *list;

	if (!list_services(r, NULL, NULL, &services, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < services->len; i++) {
		const nova_service *service = services->pdata[i];
		const char *word = service->binary;
		json_object *item;

		if (service->disabled || (zone && strcmp(zone, service->zone) != 0))
			continue;
		if (g_str_has_prefix(word, "nova-"))
			word += strlen("nova-");
		item = json_object_new_object();
		nova_json_add_str(item, "host_name", service->host);
		nova_json_add_str(item, "service", word);
		nova_json_add_str(item, "zone", service->zone);
		json_object_array_add(list, item);
	}
	return nova_reply_member(r, 200, "hosts", list);
}

/* As Nova's libvirt driver answers. */
bool nova_hosts_act(nova_request *r, GError **error)
{
	(void)r;
	return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED, "The requested functionality is not supported.");
}

bool nova_hosts_show(nova_request *r, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_host) host = nova_hosts_find(r->api->db, r->ids[0], &failure);
	g_autoptr(GPtrArray) projects = NULL;

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!host)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Compute host %s could not be found.", r->ids[0]);
	if (!nova_hosts_usage(r->api->db, host->id, &projects, error))
		return false;
	return nova_reply_member(r, 200, "host", nova_view_host_resources(host, projects));
}
