/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sha224.h"
#include "api/views.h"
#include "common/json.h"
#include "common/timestamp.h"

#include <string.h>

/* Statuses with which Nova shows `progress', and `fault'. */
static const char *const with_progress[] = { "ACTIVE",        "BUILD",     "REBUILD", "RESIZE",
					     "VERIFY_RESIZE", "MIGRATING", NULL };
static const char *const with_fault[] = { "ERROR", "DELETED", NULL };

char *nova_view_host_id(const char *project_id, const char *host)
{
	g_autofree char *text = g_strconcat(project_id, host, NULL);

	return host ? nova_sha224(text) : g_strdup("");
}

static void add_z(json_object *object, const char *key, int64_t usec)
{
	char text[NOVA_TIMESTAMP_SIZE];

	nova_json_add_str(object, key, nova_timestamp_z(usec, text));
}

static json_object *bookmark(const nova_view *view, const char *collection, const char *id)
{
	json_object *thing = json_object_new_object(), *links = json_object_new_array();
	json_object *link = json_object_new_object();
	g_autofree char *href = g_strdup_printf("%s/%s/%s", view->base, collection, id);

	nova_json_add_str(link, "rel", "bookmark");
	nova_json_add_str(link, "href", href);
	json_object_array_add(links, link);
	nova_json_add_str(thing, "id", id);
	nova_json_add(thing, "links", links);
	return thing;
}

static json_object *flavor_of(const nova_view *view, const nova_instance *server)
{
	json_object *flavor;

	if (view->version < 47)
		return bookmark(view, "flavors", server->flavorid);
	flavor = json_object_new_object();
	nova_json_add_int(flavor, "vcpus", server->vcpus);
	nova_json_add_int(flavor, "ram", server->memory_mb);
	nova_json_add_int(flavor, "disk", server->root_gb);
	nova_json_add_int(flavor, "ephemeral", server->ephemeral_gb);
	nova_json_add_int(flavor, "swap", server->swap_mb);
	nova_json_add_str(flavor, "original_name", server->flavor_name);
	nova_json_add(flavor, "extra_specs", nova_view_parsed(server->extra_specs_json, "{}"));
	return flavor;
}

json_object *nova_view_addresses(const nova_instance *server, bool extended)
{
	json_object *networks = json_object_new_object();

	for (unsigned i = 0; i < server->addresses->len; i++) {
		const nova_address *address = server->addresses->pdata[i];
		json_object *list, *item = json_object_new_object();

		if (!json_object_object_get_ex(networks, address->network, &list)) {
			list = json_object_new_array();
			nova_json_add(networks, address->network, list);
		}
		nova_json_add_int(item, "version", address->version);
		nova_json_add_str(item, "addr", address->address);
		if (extended) {
			nova_json_add_str(item, "OS-EXT-IPS:type", "fixed");
			nova_json_add_str(item, "OS-EXT-IPS-MAC:mac_addr", address->mac);
		}
		json_object_array_add(list, item);
	}
	return networks;
}

static void add_fault(const nova_view *view, json_object *object, const nova_instance *server)
{
	json_object *fault = json_object_new_object();

	nova_json_add_int(fault, "code", server->fault_code);
	add_z(fault, "created", server->fault_created_us);
	nova_json_add_str(fault, "message", server->fault_message);
	if (server->fault_details && (view->admin || server->fault_code != 500))
		nova_json_add_str(fault, "details", server->fault_details);
	nova_json_add(object, "fault", fault);
}

static void add_basics(const nova_view *view, json_object *object, const nova_instance *server, bool extended)
{
	const char *status = nova_instance_status(server->vm_state, nova_instance_task_state(server));
	g_autofree char *host_id = nova_view_host_id(server->project_id, server->host);

	nova_json_add_str(object, "id", server->uuid);
	nova_json_add_str(object, "name", server->name);
	nova_json_add_str(object, "status", status);
	nova_json_add_str(object, "tenant_id", server->project_id);
	nova_json_add_str(object, "user_id", server->user_id);
	nova_json_add(object, "metadata", nova_view_parsed(server->metadata_json, "{}"));
	nova_json_add_str(object, "hostId", host_id);
	if (server->image_id && *server->image_id)
		nova_json_add(object, "image", bookmark(view, "images", server->image_id));
	else
		nova_json_add_str(object, "image", "");
	nova_json_add(object, "flavor", flavor_of(view, server));
	add_z(object, "created", server->created_us);
	add_z(object, "updated", server->updated_us ? server->updated_us : server->created_us);
	nova_json_add(object, "addresses", nova_view_addresses(server, extended));
	nova_json_add_str(object, "accessIPv4", server->access_ip_v4 ? server->access_ip_v4 : "");
	nova_json_add_str(object, "accessIPv6", server->access_ip_v6 ? server->access_ip_v6 : "");
	nova_json_add(object, "links", nova_view_links(view, "servers", server->uuid));
	nova_json_add_str(object, "OS-DCF:diskConfig", "MANUAL");
	if (g_strv_contains(with_progress, status))
		nova_json_add_int(object, "progress", server->busy ? server->progress : 0);
	if (g_strv_contains(with_fault, status) && server->fault_message)
		add_fault(view, object, server);
}

static void add_admin_attributes(const nova_view *view, json_object *object, const nova_instance *server)
{
	g_autofree char *domain = nova_instance_domain_name(server->id);

	nova_json_add_str(object, "OS-EXT-SRV-ATTR:host", server->host);
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:instance_name", domain);
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:hypervisor_hostname", server->node);
	if (view->version < 3)
		return;
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:reservation_id", server->reservation_id);
	nova_json_add_int(object, "OS-EXT-SRV-ATTR:launch_index", server->launch_index);
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:hostname", server->hostname);
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:kernel_id", "");
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:ramdisk_id", "");
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:root_device_name", server->launched_us ? "/dev/vda" : NULL);
	nova_json_add_str(object, "OS-EXT-SRV-ATTR:user_data", server->user_data);
}

static const char *host_status(const nova_host *host)
{
	if (!host)
		return "";
	if (host->forced_down)
		return "DOWN";
	if (!host->up)
		return "UNKNOWN";
	return host->disabled ? "MAINTENANCE" : "UP";
}

static void add_extensions(const nova_view *view, json_object *object, const nova_instance *server,
			   const nova_host *host)
{
	nova_json_add_str(object, "OS-EXT-AZ:availability_zone", server->zone ? server->zone : "");
	nova_json_add_str(object, "config_drive", server->config_drive ? server->config_drive : "");
	nova_json_add_str(object, "key_name", server->key_name);
	nova_view_add_time(object, "OS-SRV-USG:launched_at", server->launched_us);
	nova_view_add_time(object, "OS-SRV-USG:terminated_at", server->terminated_us);
	if (view->attributes)
		add_admin_attributes(view, object, server);
	nova_json_add_str(object, "OS-EXT-STS:task_state", nova_instance_task_state(server));
	nova_json_add_str(object, "OS-EXT-STS:vm_state", nova_vm_state_name(server->vm_state));
	nova_json_add_int(object, "OS-EXT-STS:power_state", (int64_t)server->power_state);
	nova_json_add(object, "os-extended-volumes:volumes_attached", json_object_new_array());
	if (view->version >= 16 && view->host_status)
		nova_json_add_str(object, "host_status", host_status(host));
}

json_object *nova_view_server(const nova_view *view, const nova_instance *server, const nova_host *host,
			      nova_server_form form)
{
	json_object *object = json_object_new_object();
	bool whole = form != NOVA_SERVER_UPDATED || view->version >= 75;

	add_basics(view, object, server, whole);
	if (whole)
		add_extensions(view, object, server, host);
	if (view->version >= 9)
		nova_json_add_bool(object, "locked", server->locked_by != NULL);
	if (view->version >= 73)
		nova_json_add_str(object, "locked_reason", server->locked_reason);
	if (view->version >= 19)
		nova_json_add_str(object, "description", server->description);
	if (view->version >= 26)
		nova_json_add(object, "tags", nova_view_parsed(server->tags_json, "[]"));
	if (view->version >= 63)
		nova_json_add_null(object, "trusted_image_certificates");
	if (view->version >= 71 && form != NOVA_SERVER_LISTED) {
		json_object *groups = json_object_new_array();

		if (view->server_group)
			json_object_array_add(groups, json_object_new_string(view->server_group));
		nova_json_add(object, "server_groups", groups);
	}
	return object;
}

json_object *nova_view_server_brief(const nova_view *view, const nova_instance *server)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "id", server->uuid);
	nova_json_add_str(object, "name", server->name);
	nova_json_add(object, "links", nova_view_links(view, "servers", server->uuid));
	return object;
}
