/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sha224.h"
#include "api/views.h"
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

static void put_z(nova_json_writer *w, const char *key, int64_t usec)
{
	char text[NOVA_TIMESTAMP_SIZE];

	nova_json_put_str(w, key, nova_timestamp_z(usec, text));
}

static void put_bookmark(const nova_view *view, nova_json_writer *w, const char *key, const char *collection,
			 const char *id)
{
	nova_json_begin(w, key, '{');
	nova_json_put_str(w, "id", id);
	nova_view_put_bookmark(view, w, collection, id);
	nova_json_end(w, '}');
}

static void put_stored(nova_json_writer *w, const char *key, const char *text, const char *fallback)
{
	nova_json_put_text(w, key, text ? text : fallback);
}

static void put_flavor(const nova_view *view, nova_json_writer *w, const nova_instance *server)
{
	if (view->version < 47) {
		put_bookmark(view, w, "flavor", "flavors", server->flavorid);
		return;
	}
	nova_json_begin(w, "flavor", '{');
	nova_json_put_int(w, "vcpus", server->vcpus);
	nova_json_put_int(w, "ram", server->memory_mb);
	nova_json_put_int(w, "disk", server->root_gb);
	nova_json_put_int(w, "ephemeral", server->ephemeral_gb);
	nova_json_put_int(w, "swap", server->swap_mb);
	nova_json_put_str(w, "original_name", server->flavor_name);
	put_stored(w, "extra_specs", server->extra_specs_json, "{}");
	nova_json_end(w, '}');
}

static void put_address(nova_json_writer *w, const nova_address *address, bool extended)
{
	nova_json_begin(w, NULL, '{');
	nova_json_put_int(w, "version", address->version);
	nova_json_put_str(w, "addr", address->address);
	if (extended) {
		nova_json_put_str(w, "OS-EXT-IPS:type", "fixed");
		nova_json_put_str(w, "OS-EXT-IPS-MAC:mac_addr", address->mac);
	}
	nova_json_end(w, '}');
}

/* The first address of a network's label that is at `from' or behind it; addresses->len: none. */
static unsigned find_label(const nova_instance *server, unsigned from, const char *label)
{
	while (from < server->addresses->len &&
	       strcmp(((const nova_address *)server->addresses->pdata[from])->network, label) != 0)
		from++;
	return from;
}

bool nova_view_addresses_of(nova_json_writer *w, const char *key, const nova_instance *server, const char *label,
			    bool extended)
{
	unsigned i = find_label(server, 0, label);

	if (i == server->addresses->len)
		return false;
	nova_json_begin(w, key, '[');
	for (; i < server->addresses->len; i = find_label(server, i + 1, label))
		put_address(w, server->addresses->pdata[i], extended);
	nova_json_end(w, ']');
	return true;
}

void nova_view_addresses(nova_json_writer *w, const char *key, const nova_instance *server, bool extended)
{
	nova_json_begin(w, key, '{');
	for (unsigned i = 0; i < server->addresses->len; i++) {
		const nova_address *address = server->addresses->pdata[i];

		if (find_label(server, 0, address->network) == i)
			nova_view_addresses_of(w, address->network, server, address->network, extended);
	}
	nova_json_end(w, '}');
}

static void put_fault(const nova_view *view, nova_json_writer *w, const nova_instance *server)
{
	nova_json_begin(w, "fault", '{');
	nova_json_put_int(w, "code", server->fault_code);
	put_z(w, "created", server->fault_created_us);
	nova_json_put_str(w, "message", server->fault_message);
	if (server->fault_details && (view->admin || server->fault_code != 500))
		nova_json_put_str(w, "details", server->fault_details);
	nova_json_end(w, '}');
}

static void put_basics(const nova_view *view, nova_json_writer *w, const nova_instance *server, bool extended)
{
	const char *status = nova_instance_status(server->vm_state, nova_instance_task_state(server));
	g_autofree char *host_id = nova_view_host_id(server->project_id, server->host);

	nova_json_put_str(w, "id", server->uuid);
	nova_json_put_str(w, "name", server->name);
	nova_json_put_str(w, "status", status);
	nova_json_put_str(w, "tenant_id", server->project_id);
	nova_json_put_str(w, "user_id", server->user_id);
	put_stored(w, "metadata", server->metadata_json, "{}");
	nova_json_put_str(w, "hostId", host_id);
	if (server->image_id && *server->image_id)
		put_bookmark(view, w, "image", "images", server->image_id);
	else
		nova_json_put_str(w, "image", "");
	put_flavor(view, w, server);
	put_z(w, "created", server->created_us);
	put_z(w, "updated", server->updated_us ? server->updated_us : server->created_us);
	nova_view_addresses(w, "addresses", server, extended);
	nova_json_put_str(w, "accessIPv4", server->access_ip_v4 ? server->access_ip_v4 : "");
	nova_json_put_str(w, "accessIPv6", server->access_ip_v6 ? server->access_ip_v6 : "");
	nova_view_put_links(view, w, "servers", server->uuid);
	nova_json_put_str(w, "OS-DCF:diskConfig", "MANUAL");
	if (g_strv_contains(with_progress, status))
		nova_json_put_int(w, "progress", server->busy ? server->progress : 0);
	if (g_strv_contains(with_fault, status) && server->fault_message)
		put_fault(view, w, server);
}

static void put_admin_attributes(const nova_view *view, nova_json_writer *w, const nova_instance *server)
{
	g_autofree char *domain = nova_instance_domain_name(server->id);

	nova_json_put_str(w, "OS-EXT-SRV-ATTR:host", server->host);
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:instance_name", domain);
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:hypervisor_hostname", server->node);
	if (view->version < 3)
		return;
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:reservation_id", server->reservation_id);
	nova_json_put_int(w, "OS-EXT-SRV-ATTR:launch_index", server->launch_index);
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:hostname", server->hostname);
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:kernel_id", "");
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:ramdisk_id", "");
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:root_device_name", server->launched_us ? "/dev/vda" : NULL);
	nova_json_put_str(w, "OS-EXT-SRV-ATTR:user_data", server->user_data);
}

static const char *host_status(const nova_instance *server)
{
	if (!server->host)
		return "";
	if (server->host_forced_down)
		return "DOWN";
	if (!server->host_up)
		return "UNKNOWN";
	return server->host_disabled ? "MAINTENANCE" : "UP";
}

static void put_extensions(const nova_view *view, nova_json_writer *w, const nova_instance *server)
{
	nova_json_put_str(w, "OS-EXT-AZ:availability_zone", server->zone ? server->zone : "");
	nova_json_put_str(w, "config_drive", server->config_drive ? server->config_drive : "");
	nova_json_put_str(w, "key_name", server->key_name);
	nova_view_put_time(w, "OS-SRV-USG:launched_at", server->launched_us);
	nova_view_put_time(w, "OS-SRV-USG:terminated_at", server->terminated_us);
	if (view->attributes)
		put_admin_attributes(view, w, server);
	nova_json_put_str(w, "OS-EXT-STS:task_state", nova_instance_task_state(server));
	nova_json_put_str(w, "OS-EXT-STS:vm_state", nova_vm_state_name(server->vm_state));
	nova_json_put_int(w, "OS-EXT-STS:power_state", (int64_t)server->power_state);
	nova_json_put_text(w, "os-extended-volumes:volumes_attached", "[]");
	if (view->version >= 16 && view->host_status)
		nova_json_put_str(w, "host_status", host_status(server));
}

void nova_view_server(const nova_view *view, nova_json_writer *w, const char *key, const nova_instance *server,
		      nova_server_form form)
{
	bool whole = form != NOVA_SERVER_UPDATED || view->version >= 75;

	nova_json_begin(w, key, '{');
	put_basics(view, w, server, whole);
	if (whole)
		put_extensions(view, w, server);
	if (view->version >= 9)
		nova_json_put_bool(w, "locked", server->locked_by != NULL);
	if (view->version >= 73)
		nova_json_put_str(w, "locked_reason", server->locked_reason);
	if (view->version >= 19)
		nova_json_put_str(w, "description", server->description);
	if (view->version >= 26)
		put_stored(w, "tags", server->tags_json, "[]");
	if (view->version >= 63)
		nova_json_put_str(w, "trusted_image_certificates", NULL);
	if (view->version >= 71 && form != NOVA_SERVER_LISTED) {
		nova_json_begin(w, "server_groups", '[');
		if (server->server_group)
			nova_json_put_str(w, NULL, server->server_group);
		nova_json_end(w, ']');
	}
	nova_json_end(w, '}');
}

void nova_view_server_brief(const nova_view *view, nova_json_writer *w, const nova_instance *server)
{
	nova_json_begin(w, NULL, '{');
	nova_json_put_str(w, "id", server->uuid);
	nova_json_put_str(w, "name", server->name);
	nova_view_put_links(view, w, "servers", server->uuid);
	nova_json_end(w, '}');
}
