/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/filters.h"

#include "common/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static bool refuse(GString *why, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Always false. */
static bool refuse(GString *why, const char *format, ...)
{
	va_list args;

	if (why) {
		va_start(args, format);
		g_string_append_vprintf(why, format, args);
		va_end(args);
	}
	return false;
}

static bool compute_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	(void)placement;
	if (host->forced_down)
		return refuse(why, "Compute service of %s is unavailable at this time: forced down",
			      host->name);
	if (!host->up)
		return refuse(why, "Compute service of %s is unavailable at this time: its lease has run out",
			      host->name);
	if (host->disabled)
		return refuse(why, "the compute service is disabled%s%s", host->disabled_reason ? ": " : "",
			      host->disabled_reason ? host->disabled_reason : "");
	if (!host->storage_ok)
		return refuse(why, "its instances_path does not work%s%s", host->health ? ": " : "",
			      host->health ? host->health : "");
	if (host->health)
		return refuse(why, "it is not well: %s", host->health);
	return true;
}

static bool core_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	int free = host->cap_vcpus - host->used_vcpus;

	if (placement->vcpus > host->inventory.vcpus)
		return refuse(why, "needs %d vcpus, the host has only %d cpus", placement->vcpus,
			      host->inventory.vcpus);
	if (placement->vcpus <= free)
		return true;
	return refuse(why, "needs %d vcpus, %d of %d are free", placement->vcpus, free, host->cap_vcpus);
}

static bool ram_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	int64_t free = host->cap_memory_mb - host->used_memory_mb;

	if (placement->memory_mb <= free)
		return true;
	return refuse(why, "needs %" PRId64 " MB of memory, %" PRId64 " of %" PRId64 " MB are free",
		      placement->memory_mb, free, host->cap_memory_mb);
}

/* A disk on a pool the guest's disk is already on needs no second place. */
static bool disk_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	int64_t free = host->pool_cap_gb - host->pool_used_gb;

	if (placement->source && placement->source->pool_id == host->pool_id)
		return true;
	if (placement->disk_gb <= free)
		return true;
	return refuse(why, "needs %" PRId64 " GB of disk, %" PRId64 " of %" PRId64 " GB are free",
		      placement->disk_gb, free, host->pool_cap_gb);
}

static bool shared_storage_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	if (!placement->source || placement->source->pool_id == host->pool_id)
		return true;
	return refuse(why, "its instances_path is not the file system that %s has: %s needs shared storage",
		      placement->source->name,
		      placement->kind == NOVA_OP_RESIZE ? "a resize" : "live migration");
}

static bool version_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	if (!placement->source ||
	    host->inventory.hypervisor_version >= placement->source->inventory.hypervisor_version)
		return true;
	return refuse(why, "has QEMU %d, older than %d where the guest runs",
		      host->inventory.hypervisor_version, placement->source->inventory.hypervisor_version);
}

/* Whether a comma separated list has this word. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
		if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

static bool machine_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	if (!placement->machine || !host->inventory.machines || !*host->inventory.machines ||
	    has_word(host->inventory.machines, placement->machine))
		return true;
	return refuse(why, "its QEMU has no machine type %s", placement->machine);
}

static bool zone_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	const nova_wishes *wishes = placement->wishes;

	if (!wishes || !wishes->zone || strcmp(wishes->zone, host->zone) == 0)
		return true;
	return refuse(why, "is in the availability zone %s, not in %s", host->zone, wishes->zone);
}

static bool has_policy(const nova_placement *placement, nova_group_policy policy)
{
	return placement->wishes && placement->wishes->grouped && placement->wishes->policy == policy;
}

static bool anti_affinity_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	int there;

	if (!has_policy(placement, NOVA_GROUP_ANTI_AFFINITY))
		return true;
	there = nova_wishes_others_on(placement->wishes, host->id);
	if (there < placement->wishes->max_per_host)
		return true;
	return refuse(why, "has %d server%s of the group, whose policy anti-affinity allows %d on a host",
		      there, there == 1 ? "" : "s", placement->wishes->max_per_host);
}

static bool affinity_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	if (!has_policy(placement, NOVA_GROUP_AFFINITY) ||
	    nova_wishes_others(placement->wishes) == nova_wishes_others_on(placement->wishes, host->id))
		return true;
	return refuse(why, "is not where the group's other servers are: its policy is affinity");
}

static bool same_host_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	const nova_wishes *wishes = placement->wishes;

	if (!wishes || !wishes->beside || g_hash_table_contains(wishes->same, GINT_TO_POINTER(host->id)))
		return true;
	return refuse(why, "has none of the servers of the hint same_host");
}

static bool different_host_passes(const nova_host *host, const nova_placement *placement, GString *why)
{
	const nova_wishes *wishes = placement->wishes;

	if (!wishes || !g_hash_table_contains(wishes->apart, GINT_TO_POINTER(host->id)))
		return true;
	return refuse(why, "has a server of the hint different_host");
}

const nova_filter nova_filters[] = {
	{ "ComputeFilter", compute_passes,
	  "The compute service is up (its lease is valid), enabled and healthy, and its storage works.",
	  "`nova-lite service-list' shows what is wrong; start nova-lite-compute there, or enable the service." },
	{ "CoreFilter", core_passes, "Enough virtual cpus are free.",
	  "Move other servers away, or raise cpu_allocation_ratio there; more than the host's own cpus never fit." },
	{ "RamFilter", ram_passes, "Enough memory is free.",
	  "Move other servers away, or change ram_allocation_ratio or reserved_host_memory_mb there." },
	{ "DiskFilter", disk_passes, "Enough disk space is free; a disk on shared storage counts once.",
	  "Delete servers that are not needed, enlarge the file system, or raise disk_allocation_ratio." },
	{ "SharedStorageFilter", shared_storage_passes,
	  "Live migration and resize: source and destination have the same file system as instances_path.",
	  "Mount the same file system as instances_path on both hosts." },
	{ "HypervisorVersionFilter", version_passes,
	  "Live migration and resize: the destination's QEMU is not older.",
	  "Upgrade QEMU there." },
	{ "MachineTypeFilter", machine_passes,
	  "Live migration and resize: the destination's QEMU has the guest's machine type.",
	  "Install a QEMU there that has it: a server keeps its machine type." },
	{ "AvailabilityZoneFilter", zone_passes, "The host is in the availability zone the server was created for.",
	  "Add the host to an aggregate of that zone." },
	{ "ServerGroupAntiAffinityFilter", anti_affinity_passes,
	  "No more servers of the same group with the policy anti-affinity than it allows; booking checks it again.",
	  "Move the group's other servers away from there." },
	{ "ServerGroupAffinityFilter", affinity_passes,
	  "The other servers of the same group with the policy affinity are there; booking checks it again.",
	  "A group with the policy affinity does not leave its host." },
	{ "SameHostFilter", same_host_passes, "One of the servers of the hint same_host is there.",
	  "It was asked for when the server was created; create it anew without the hint." },
	{ "DifferentHostFilter", different_host_passes, "None of the servers of the hint different_host is there.",
	  "Move those servers away; the hint of the server's creation stays." },
	{ NULL, NULL, NULL, NULL },
};

const nova_filter **nova_filters_enable(char *const *names, GError **error)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new();

	for (size_t i = 0; names && names[i]; i++) {
		const nova_filter *row = nova_filters;

		while (row->name && strcmp(row->name, names[i]) != 0)
			row++;
		if (!row->name) {
			g_autoptr(GString) known = g_string_new(NULL);

			for (row = nova_filters; row->name; row++)
				g_string_append_printf(known, "%s%s", known->len ? ", " : "", row->name);
			nova_fail(error, NOVA_FAULT_CONFIG,
				  "[filter_scheduler] enabled_filters: there is no filter '%s'; there are %s",
				  names[i], known->str);
			return NULL;
		}
		g_ptr_array_add(rows, (void *)row);
	}
	g_ptr_array_add(rows, NULL);
	return (const nova_filter **)g_ptr_array_free(g_steal_pointer(&rows), FALSE);
}
