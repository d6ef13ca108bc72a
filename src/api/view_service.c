/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"
#include "common/json.h"

#include <string.h>

void nova_view_service(const nova_view *view, nova_json_writer *w, const char *key, const nova_service *service,
		       bool health)
{
	nova_json_begin(w, key, '{');
	nova_json_put_str(w, "binary", service->binary);
	nova_json_put_str(w, "host", service->host);
	if (view->version >= 53)
		nova_json_put_str(w, "id", service->uuid);
	else
		nova_json_put_int(w, "id", service->id);
	nova_json_put_str(w, "zone", service->zone);
	nova_json_put_str(w, "status", service->disabled ? "disabled" : "enabled");
	nova_json_put_str(w, "state", service->up ? "up" : "down");
	nova_view_put_time(w, "updated_at", service->updated_us);
	nova_json_put_str(w, "disabled_reason", service->disabled_reason);
	if (view->version >= 11)
		nova_json_put_bool(w, "forced_down", service->forced_down);
	if (health)
		nova_json_put_str(w, "health", service->health);
	nova_json_end(w, '}');
}

static json_object *zone_hosts(const GPtrArray *services, const char *zone)
{
	json_object *hosts = json_object_new_object();

	for (unsigned i = 0; i < services->len; i++) {
		const nova_service *service = services->pdata[i];
		json_object *host, *state;

		if (strcmp(service->zone, zone) != 0)
			continue;
		if (!json_object_object_get_ex(hosts, service->host, &host)) {
			host = json_object_new_object();
			nova_json_add(hosts, service->host, host);
		}
		state = json_object_new_object();
		nova_json_add_bool(state, "available", service->up && !service->forced_down);
		nova_json_add_bool(state, "active", !service->disabled);
		nova_view_add_time(state, "updated_at", service->updated_us);
		nova_json_add(host, service->binary, state);
	}
	return hosts;
}

/* A zone is available while one of its services is enabled. */
static bool zone_is_available(const GPtrArray *services, const char *zone)
{
	for (unsigned i = 0; i < services->len; i++) {
		const nova_service *service = services->pdata[i];

		if (strcmp(service->zone, zone) == 0 && !service->disabled)
			return true;
	}
	return false;
}

json_object *nova_view_zones(const GPtrArray *services, bool detail)
{
	json_object *list = json_object_new_array();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < services->len; i++) {
		const nova_service *service = services->pdata[i];
		json_object *item, *state;

		if ((!detail && strcmp(service->zone, "internal") == 0) || !g_hash_table_add(seen, service->zone))
			continue;
		item = json_object_new_object();
		state = json_object_new_object();
		nova_json_add_str(item, "zoneName", service->zone);
		nova_json_add_bool(state, "available", zone_is_available(services, service->zone));
		nova_json_add(item, "zoneState", state);
		nova_json_add(item, "hosts", detail ? zone_hosts(services, service->zone) : NULL);
		json_object_array_add(list, item);
	}
	return list;
}
