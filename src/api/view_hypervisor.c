/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"
#include "common/json.h"
#include "db/hosts.h"

static int64_t used_memory_mb(const nova_host *host)
{
	return host->used_memory_mb + host->inventory.reserved_memory_mb;
}

static int64_t used_disk_gb(const nova_host *host)
{
	return host->pool_used_gb + host->inventory.reserved_disk_gb;
}

static void add_capacity(json_object *object, const nova_host *host)
{
	const nova_inventory *has = &host->inventory;

	nova_json_add_int(object, "vcpus", has->vcpus);
	nova_json_add_int(object, "memory_mb", has->memory_mb);
	nova_json_add_int(object, "local_gb", has->pool_total_gb);
	nova_json_add_int(object, "vcpus_used", host->used_vcpus);
	nova_json_add_int(object, "memory_mb_used", used_memory_mb(host));
	nova_json_add_int(object, "local_gb_used", used_disk_gb(host));
	nova_json_add_int(object, "free_ram_mb", has->memory_mb - used_memory_mb(host));
	nova_json_add_int(object, "free_disk_gb", has->pool_total_gb - used_disk_gb(host));
	nova_json_add_int(object, "current_workload", host->incoming + host->outgoing);
	nova_json_add_int(object, "running_vms", host->running_vms);
	nova_json_add_int(object, "disk_available_least", has->pool_free_gb);
}

static void add_cpu_info(const nova_view *view, json_object *object, const nova_host *host)
{
	const char *text = host->inventory.cpu_info_json ? host->inventory.cpu_info_json : "{}";

	if (view->version < 28)
		nova_json_add_str(object, "cpu_info", text);
	else
		nova_json_add(object, "cpu_info", nova_view_parsed(text, "{}"));
}

static json_object *service_of(const nova_view *view, const nova_host *host)
{
	json_object *service = json_object_new_object();

	if (view->version >= 53)
		nova_json_add_str(service, "id", host->service_uuid);
	else
		nova_json_add_int(service, "id", host->service_id);
	nova_json_add_str(service, "host", host->name);
	nova_json_add_str(service, "disabled_reason", host->disabled_reason);
	return service;
}

json_object *nova_view_hypervisor(const nova_view *view, const nova_host *host, bool detail)
{
	json_object *object = json_object_new_object();

	if (view->version >= 53)
		nova_json_add_str(object, "id", host->uuid);
	else
		nova_json_add_int(object, "id", host->id);
	nova_json_add_str(object, "hypervisor_hostname", host->inventory.hypervisor_hostname);
	nova_json_add_str(object, "state", host->up ? "up" : "down");
	nova_json_add_str(object, "status", host->disabled ? "disabled" : "enabled");
	if (!detail)
		return object;
	nova_json_add_str(object, "hypervisor_type", host->inventory.hypervisor_type);
	nova_json_add_int(object, "hypervisor_version", host->inventory.hypervisor_version);
	nova_json_add_str(object, "host_ip", host->my_ip);
	nova_json_add(object, "service", service_of(view, host));
	add_capacity(object, host);
	add_cpu_info(view, object, host);
	return object;
}

void nova_view_hypervisor_add_servers(const nova_view *view, json_object *hypervisor, const GPtrArray *servers)
{
	json_object *list;

	if (servers->len == 0 && view->version < 75)
		return;
	list = json_object_new_array();
	for (unsigned i = 0; i < servers->len; i++) {
		const nova_instance *server = servers->pdata[i];
		g_autofree char *name = nova_instance_domain_name(server->id);
		json_object *item = json_object_new_object();

		nova_json_add_str(item, "name", name);
		nova_json_add_str(item, "uuid", server->uuid);
		json_object_array_add(list, item);
	}
	nova_json_add(hypervisor, "servers", list);
}

/* Sums over the enabled hosts.  A file system that several of them share is one file system. */
json_object *nova_view_statistics(const GPtrArray *hosts)
{
	static const char *const keys[] = { "vcpus",	    "memory_mb",    "local_gb",	   "vcpus_used",
					    "memory_mb_used", "local_gb_used", "free_ram_mb", "free_disk_gb",
					    "current_workload", "running_vms", "disk_available_least" };
	static const char *const of_pool[] = { "local_gb", "local_gb_used", "free_disk_gb", "disk_available_least",
					       NULL };
	int64_t sums[G_N_ELEMENTS(keys)] = { 0 }, count = 0;
	g_autoptr(GHashTable) pools = g_hash_table_new(NULL, NULL);
	json_object *object = json_object_new_object();

	for (unsigned i = 0; i < hosts->len; i++) {
		const nova_host *host = hosts->pdata[i];
		g_autoptr(json_object) one = json_object_new_object();
		bool new_pool;

		if (host->disabled)
			continue;
		count++;
		new_pool = !host->pool_id || g_hash_table_add(pools, GINT_TO_POINTER(host->pool_id));
		add_capacity(one, host);
		for (size_t k = 0; k < G_N_ELEMENTS(keys); k++)
			if (new_pool || !g_strv_contains(of_pool, keys[k]))
				sums[k] += json_object_get_int64(nova_json_find(one, keys[k]));
	}
	nova_json_add_int(object, "count", count);
	for (size_t k = 0; k < G_N_ELEMENTS(keys); k++)
		nova_json_add_int(object, keys[k], sums[k]);
	return object;
}

static void add_resource(json_object *list, const nova_host *host, const char *project, int64_t cpu, int64_t memory_mb,
			 int64_t disk_gb)
{
	json_object *row = json_object_new_object(), *resource = json_object_new_object();

	nova_json_add_str(resource, "host", host->name);
	nova_json_add_str(resource, "project", project);
	nova_json_add_int(resource, "cpu", cpu);
	nova_json_add_int(resource, "memory_mb", memory_mb);
	nova_json_add_int(resource, "disk_gb", disk_gb);
	nova_json_add(row, "resource", resource);
	json_object_array_add(list, row);
}

json_object *nova_view_host_resources(const nova_host *host, const GPtrArray *projects)
{
	json_object *list = json_object_new_array();
	int64_t cpu = 0, memory_mb = 0, disk_gb = 0;

	for (unsigned i = 0; i < projects->len; i++) {
		const nova_project_usage *usage = projects->pdata[i];

		cpu += usage->vcpus;
		memory_mb += usage->memory_mb;
		disk_gb += usage->disk_gb;
	}
	add_resource(list, host, "(total)", host->inventory.vcpus, host->inventory.memory_mb,
		     host->inventory.pool_total_gb);
	add_resource(list, host, "(used_now)", host->used_vcpus, used_memory_mb(host), used_disk_gb(host));
	add_resource(list, host, "(used_max)", cpu, memory_mb, disk_gb);
	for (unsigned i = 0; i < projects->len; i++) {
		const nova_project_usage *usage = projects->pdata[i];

		add_resource(list, host, usage->project_id, usage->vcpus, usage->memory_mb, usage->disk_gb);
	}
	return list;
}
