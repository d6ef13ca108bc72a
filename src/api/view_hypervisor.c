/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"
#include "common/json.h"
#include "db/hosts.h"

#include <string.h>

static int64_t used_memory_mb(const nova_host *host)
{
	return host->used_memory_mb + host->inventory.reserved_memory_mb;
}

static int64_t used_disk_gb(const nova_host *host)
{
	return host->pool_used_gb + host->inventory.reserved_disk_gb;
}

/* Capacity and use, in the order of the keys; those of the file system are one file system's. */
static const struct {
	const char *key;
	bool of_pool;
} capacities[] = {
	{ "vcpus", false },	    { "memory_mb", false },   { "local_gb", true },	    { "vcpus_used", false },
	{ "memory_mb_used", false }, { "local_gb_used", true }, { "free_ram_mb", false },   { "free_disk_gb", true },
	{ "current_workload", false }, { "running_vms", false }, { "disk_available_least", true },
};
#define CAPACITIES G_N_ELEMENTS(capacities)

static void count_capacity(const nova_host *host, int64_t ret[CAPACITIES])
{
	const nova_inventory *has = &host->inventory;
	const int64_t values[CAPACITIES] = {
		has->vcpus,
		has->memory_mb,
		has->pool_total_gb,
		host->used_vcpus,
		used_memory_mb(host),
		used_disk_gb(host),
		has->memory_mb - used_memory_mb(host),
		has->pool_total_gb - used_disk_gb(host),
		host->incoming + host->outgoing,
		host->running_vms,
		has->pool_free_gb,
	};

	memcpy(ret, values, sizeof values);
}

static void put_service(const nova_view *view, nova_json_writer *w, const nova_host *host)
{
	nova_json_begin(w, "service", '{');
	if (view->version >= 53)
		nova_json_put_str(w, "id", host->service_uuid);
	else
		nova_json_put_int(w, "id", host->service_id);
	nova_json_put_str(w, "host", host->name);
	nova_json_put_str(w, "disabled_reason", host->disabled_reason);
	nova_json_end(w, '}');
}

static void put_detail(const nova_view *view, nova_json_writer *w, const nova_host *host)
{
	const char *cpu_info = host->inventory.cpu_info_json ? host->inventory.cpu_info_json : "{}";
	int64_t values[CAPACITIES];

	nova_json_put_str(w, "hypervisor_type", host->inventory.hypervisor_type);
	nova_json_put_int(w, "hypervisor_version", host->inventory.hypervisor_version);
	nova_json_put_str(w, "host_ip", host->my_ip);
	put_service(view, w, host);
	count_capacity(host, values);
	for (size_t i = 0; i < CAPACITIES; i++)
		nova_json_put_int(w, capacities[i].key, values[i]);
	if (view->version < 28)
		nova_json_put_str(w, "cpu_info", cpu_info);
	else
		nova_json_put_text(w, "cpu_info", cpu_info);
}

static void put_servers(const nova_view *view, nova_json_writer *w, const GPtrArray *servers)
{
	if (servers->len == 0 && view->version < 75)
		return;
	nova_json_begin(w, "servers", '[');
	for (unsigned i = 0; i < servers->len; i++) {
		const nova_instance *server = servers->pdata[i];
		g_autofree char *name = nova_instance_domain_name(server->id);

		nova_json_begin(w, NULL, '{');
		nova_json_put_str(w, "name", name);
		nova_json_put_str(w, "uuid", server->uuid);
		nova_json_end(w, '}');
	}
	nova_json_end(w, ']');
}

void nova_view_hypervisor(const nova_view *view, nova_json_writer *w, const char *key, const nova_host *host,
			  bool detail, const GPtrArray *servers)
{
	nova_json_begin(w, key, '{');
	if (view->version >= 53)
		nova_json_put_str(w, "id", host->uuid);
	else
		nova_json_put_int(w, "id", host->id);
	nova_json_put_str(w, "hypervisor_hostname", host->inventory.hypervisor_hostname);
	nova_json_put_str(w, "state", host->up ? "up" : "down");
	nova_json_put_str(w, "status", host->disabled ? "disabled" : "enabled");
	if (detail)
		put_detail(view, w, host);
	if (servers)
		put_servers(view, w, servers);
	nova_json_end(w, '}');
}

/* Sums over the enabled hosts.  A file system that several of them share is one file system. */
json_object *nova_view_statistics(const GPtrArray *hosts)
{
	int64_t sums[CAPACITIES] = { 0 }, count = 0;
	g_autoptr(GHashTable) pools = g_hash_table_new(NULL, NULL);
	json_object *object = json_object_new_object();

	for (unsigned i = 0; i < hosts->len; i++) {
		const nova_host *host = hosts->pdata[i];
		int64_t values[CAPACITIES];
		bool new_pool;

		if (host->disabled)
			continue;
		count++;
		new_pool = !host->pool_id || g_hash_table_add(pools, GINT_TO_POINTER(host->pool_id));
		count_capacity(host, values);
		for (size_t k = 0; k < CAPACITIES; k++)
			if (new_pool || !capacities[k].of_pool)
				sums[k] += values[k];
	}
	nova_json_add_int(object, "count", count);
	for (size_t k = 0; k < CAPACITIES; k++)
		nova_json_add_int(object, capacities[k].key, sums[k]);
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
