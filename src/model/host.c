/* SPDX-License-Identifier: Apache-2.0 */
#include "model/host.h"

#include <string.h>

void nova_inventory_clear(nova_inventory *inventory)
{
	g_free(inventory->hypervisor_hostname);
	g_free(inventory->hypervisor_type);
	g_free(inventory->cpu_info_json);
	g_free(inventory->cpu_xml);
	g_free(inventory->machines);
	g_free(inventory->pool_fsid);
	g_free(inventory->pool_kind);
	memset(inventory, 0, sizeof(*inventory));
}

nova_host *nova_host_new(void)
{
	return g_new0(nova_host, 1);
}

void nova_host_free(nova_host *host)
{
	if (!host)
		return;
	char *const strings[] = {
		host->name,  host->uuid,	      host->service_uuid,    host->zone,   host->my_ip,
		host->migration_address, host->disabled_reason, host->health, host->boot_id,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(strings[i]);
	nova_inventory_clear(&host->inventory);
	g_free(host);
}

static int64_t scaled(int64_t total, int64_t reserved, double ratio)
{
	double cap = (double)(total - reserved) * ratio;

	if (!(cap > 0))
		return 0;
	return cap >= (double)G_MAXINT32 ? G_MAXINT32 : (int64_t)cap;
}

int nova_host_cap_vcpus(const nova_inventory *inventory)
{
	return (int)scaled(inventory->vcpus, inventory->reserved_vcpus, inventory->cpu_ratio);
}

int64_t nova_host_cap_memory_mb(const nova_inventory *inventory)
{
	return scaled(inventory->memory_mb, inventory->reserved_memory_mb, inventory->ram_ratio);
}

int64_t nova_host_cap_disk_gb(const nova_inventory *inventory)
{
	return scaled(inventory->pool_total_gb, inventory->reserved_disk_gb, inventory->disk_ratio);
}
