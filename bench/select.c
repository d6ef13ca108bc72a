/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler's decision over many hosts, every filter in force, in one thread: for a build and for a live
 * migration, beside a loop that only reads each host once.  One line for each number of hosts given as an argument.
 */
#include "scheduler/select.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 101
#define MACHINES "pc,pc-i440fx-7.2,pc-i440fx-7.1,pc-i440fx-7.0,pc-i440fx-6.2,pc-i440fx-6.1,pc-i440fx-6.0,q35," \
		 "pc-q35-7.2,pc-q35-7.1,pc-q35-7.0,pc-q35-6.2,pc-q35-6.1,pc-q35-6.0,microvm,none,isapc"

/* One in ten has no room, one in fifty is down, the others differ in use. */
static nova_host *a_host(int id)
{
	nova_host *host = nova_host_new();

	host->id = id;
	host->name = g_strdup_printf("host-%06d", id);
	host->zone = g_strdup("nova");
	host->up = id % 50 != 7;
	host->storage_ok = true;
	host->cap_vcpus = 256;
	host->used_vcpus = id * 7 % 200;
	host->inventory.vcpus = 64;
	host->inventory.hypervisor_version = 7002000;
	host->inventory.machines = g_strdup(MACHINES);
	host->cap_memory_mb = 524288;
	host->used_memory_mb = id % 10 == 3 ? 524288 : id * 1013 % 400000;
	host->pool_id = 1;
	host->pool_cap_gb = 1000000;
	host->pool_used_gb = 1000;
	return host;
}

static const nova_filter **all_filters(void)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (const nova_filter *f = nova_filters; f->name; f++)
		g_ptr_array_add(names, (void *)f->name);
	g_ptr_array_add(names, NULL);
	return nova_filters_enable((char *const *)names->pdata, NULL);
}

static int by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median_ms(int64_t *usec)
{
	qsort(usec, ROUNDS, sizeof(*usec), by_time);
	return (double)usec[ROUNDS / 2] / 1000;
}

static int64_t read_once(const GPtrArray *hosts)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < hosts->len; i++) {
		const nova_host *host = g_ptr_array_index(hosts, i);

		sum += host->cap_memory_mb - host->used_memory_mb + host->cap_vcpus - host->used_vcpus;
	}
	return sum;
}

static double time_floor(const GPtrArray *hosts)
{
	int64_t times[ROUNDS];
	volatile int64_t sink G_GNUC_UNUSED = 0; /* it keeps the sums from being left out */

	for (int i = 0; i < ROUNDS; i++) {
		int64_t began = g_get_monotonic_time();

		sink += read_once(hosts);
		times[i] = g_get_monotonic_time() - began;
	}
	return median_ms(times);
}

static double time_select(const GPtrArray *hosts, const nova_placement *placement, const nova_select_options *options)
{
	int64_t times[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		int64_t began = g_get_monotonic_time();
		g_autoptr(nova_selection) selection = nova_select(hosts, placement, NULL, options);

		times[i] = g_get_monotonic_time() - began;
		if (selection->candidates->len == 0)
			abort();
	}
	return median_ms(times);
}

int main(int argc, char **argv)
{
	g_autofree const nova_filter **filters = all_filters();
	g_autoptr(nova_wishes) wishes = nova_wishes_new();
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);
	const nova_select_options options = {
		.filters = filters, .cpu_multiplier = 1.0, .ram_multiplier = 1.0, .disk_multiplier = 1.0,
		.soft_affinity_multiplier = 1.0, .soft_anti_affinity_multiplier = 1.0, .subset_size = 1, .rand = rand,
	};

	wishes->zone = g_strdup("nova");
	wishes->grouped = true;
	wishes->policy = NOVA_GROUP_ANTI_AFFINITY;
	wishes->max_per_host = 1;
	g_hash_table_insert(wishes->others, GINT_TO_POINTER(5), GINT_TO_POINTER(1));
	printf("scheduler, all filters, one thread, ms (median of %d)\n", ROUNDS);
	printf("%-10s %12s %10s %16s\n", "hosts", "read once", "build", "live migration");
	for (int arg = 1; arg < argc; arg++) {
		int n = atoi(argv[arg]);
		g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);

		for (int id = 1; id <= n; id++)
			g_ptr_array_add(hosts, a_host(id));
		const nova_placement build = { .kind = NOVA_OP_BUILD, .instance_uuid = "U", .vcpus = 2,
					       .memory_mb = 2048, .disk_gb = 10, .wishes = wishes };
		nova_placement move = build;

		move.kind = NOVA_OP_LIVE_MIGRATION;
		move.machine = "pc-q35-7.2";
		move.source = g_ptr_array_index(hosts, 0);
		printf("%-10d %12.3f %10.3f %16.3f\n", n, time_floor(hosts), time_select(hosts, &build, &options),
		       time_select(hosts, &move, &options));
	}
	return 0;
}
