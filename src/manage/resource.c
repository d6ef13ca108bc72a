/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/resource.h"

#include "common/timestamp.h"

#include <inttypes.h>
#include <string.h>

static void row(GString *out, int host_width, int project_width, const char *host,
		const char *project, int64_t cpu, int64_t memory_mb, int64_t disk_gb)
{
	g_string_append_printf(out, "%-*s%-*s%8" PRId64 "%10" PRId64 "%8" PRId64 "\n", host_width,
			       host, project_width, project, cpu, memory_mb, disk_gb);
}

char *nova_resource_text(const nova_host *host, const GPtrArray *projects)
{
	const nova_inventory *has = &host->inventory;
	GString *out = g_string_new(NULL);
	g_autofree char *total = g_strconcat(host->name, "(total)", NULL);
	g_autofree char *now = g_strconcat(host->name, "(used_now)", NULL);
	g_autofree char *max = g_strconcat(host->name, "(used_max)", NULL);
	int host_width = MAX(17, (int)strlen(now) + 1), project_width = 7;
	int64_t cpu = 0, memory_mb = 0, disk_gb = 0;

	for (unsigned i = 0; i < projects->len; i++) {
		const nova_project_usage *usage = g_ptr_array_index(projects, i);

		project_width = MAX(project_width, (int)strlen(usage->project_id));
		cpu += usage->vcpus;
		memory_mb += usage->memory_mb;
		disk_gb += usage->disk_gb;
	}
	g_string_append_printf(out, "%-*s%-*s%8s%10s%8s\n", host_width, "HOST", project_width,
			       "PROJECT", "cpu", "mem(mb)", "hdd");
	row(out, host_width, project_width, total, "", has->vcpus, has->memory_mb,
	    has->pool_total_gb);
	row(out, host_width, project_width, now, "", host->used_vcpus + has->reserved_vcpus,
	    host->used_memory_mb + has->reserved_memory_mb,
	    host->pool_used_gb + has->reserved_disk_gb);
	row(out, host_width, project_width, max, "", cpu, memory_mb, disk_gb);
	for (unsigned i = 0; i < projects->len; i++) {
		const nova_project_usage *usage = g_ptr_array_index(projects, i);

		row(out, host_width, project_width, host->name, usage->project_id, usage->vcpus,
		    usage->memory_mb, usage->disk_gb);
	}
	return g_string_free(out, FALSE);
}

char *nova_service_text(const GPtrArray *services)
{
	GString *out = g_string_new(NULL);
	int host_width = 10, binary_width = 10;

	for (unsigned i = 0; i < services->len; i++) {
		const nova_service *service = g_ptr_array_index(services, i);

		host_width = MAX(host_width, (int)strlen(service->host));
		binary_width = MAX(binary_width, (int)strlen(service->binary));
	}
	for (unsigned i = 0; i < services->len; i++) {
		const nova_service *service = g_ptr_array_index(services, i);
		char when[NOVA_TIMESTAMP_SIZE] = "None";

		if (service->updated_us) {
			nova_timestamp_micro(service->updated_us, when);
			when[10] = ' '; /* "2026-11-20 09:04:34" */
			when[19] = '\0';
		}
		g_string_append_printf(out, "%-*s %-*s %-8s %s %s%s%s\n", host_width, service->host,
				       binary_width, service->binary,
				       service->disabled ? "disabled" : "enabled",
				       service->up ? ":-)" : "XXX", when, service->health ? "  unwell: " : "",
				       service->health ? service->health : "");
	}
	return g_string_free(out, FALSE);
}
