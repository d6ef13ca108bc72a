/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"
#include "common/json.h"
#include "scheduler/explain.h"
#include "scheduler/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* 8 cpus at ratio 4, 8 GiB, a pool of 100 GB; nothing used. */
static nova_host *a_host(int id, const char *name)
{
	nova_host *host = nova_host_new();

	host->id = id;
	host->name = g_strdup(name);
	host->up = true;
	host->storage_ok = true;
	host->cap_vcpus = 32;
	host->inventory.vcpus = 8;
	host->inventory.hypervisor_version = 7002000;
	host->inventory.machines = g_strdup("pc-i440fx-7.2,pc-q35-7.2");
	host->cap_memory_mb = 8192;
	host->pool_id = 1;
	host->pool_cap_gb = 100;
	return host;
}

static void make_down(nova_host *h) { h->up = false; }
static void make_forced_down(nova_host *h) { h->forced_down = true; }
static void make_disabled(nova_host *h) { h->disabled = true; h->disabled_reason = g_strdup("new memory"); }
static void make_storage_bad(nova_host *h) { h->storage_ok = false; h->health = g_strdup("NFS does not answer"); }
static void make_unwell(nova_host *h)
{
	h->health = g_strdup("libvirt does not answer");
}
static void use_cpus_31(nova_host *h) { h->used_vcpus = 31; }
static void use_cpus_30(nova_host *h) { h->used_vcpus = 30; }
static void have_one_cpu(nova_host *h) { h->inventory.vcpus = 1; }
static void use_memory_6145(nova_host *h) { h->used_memory_mb = 6145; }
static void use_memory_6144(nova_host *h) { h->used_memory_mb = 6144; }
static void use_disk_91(nova_host *h) { h->pool_used_gb = 91; }
static void use_disk_90(nova_host *h) { h->pool_used_gb = 90; }
static void other_pool(nova_host *h) { h->pool_id = 2; }
static void other_full_pool(nova_host *h) { h->pool_id = 2; h->pool_used_gb = 95; }
static void older(nova_host *h) { h->inventory.hypervisor_version = 6000000; }
static void newer(nova_host *h) { h->inventory.hypervisor_version = 8000000; }
static void longer_machine(nova_host *h)
{
	g_free(h->inventory.machines);
	h->inventory.machines = g_strdup("a-pc-i440fx-7.2,pc-i440fx-7.20");
}
static void last_machine(nova_host *h)
{
	g_free(h->inventory.machines);
	h->inventory.machines = g_strdup("pc-i440fx-7.20,pc-i440fx-7.2");
}
static void no_machine(nova_host *h) { g_free(h->inventory.machines); h->inventory.machines = g_strdup("pc-q35-7.2"); }

/* A guest of 2 vcpus, 2048 MB, 10 GB; `moves': it is on a host with pool 1 and QEMU 7.2. */
static const struct filter_case {
	const char *filter;
	void (*change)(nova_host *host);
	bool moves;
	const char *why; /* NULL: passes */
} filter_cases[] = {
	{ "ComputeFilter", NULL, false, NULL },
	{ "ComputeFilter", make_down, false,
	  "Compute service of HostC is unavailable at this time: its lease has run out" },
	{ "ComputeFilter", make_forced_down, false,
	  "Compute service of HostC is unavailable at this time: forced down" },
	{ "ComputeFilter", make_disabled, false, "the compute service is disabled: new memory" },
	{ "ComputeFilter", make_storage_bad, false, "its instances_path does not work: NFS does not answer" },
	{ "ComputeFilter", make_unwell, false, "it is not well: libvirt does not answer" },
	{ "CoreFilter", use_cpus_30, false, NULL },
	{ "CoreFilter", use_cpus_31, false, "needs 2 vcpus, 1 of 32 are free" },
	{ "CoreFilter", have_one_cpu, false, "needs 2 vcpus, the host has only 1 cpus" },
	{ "RamFilter", use_memory_6144, false, NULL },
	{ "RamFilter", use_memory_6145, false, "needs 2048 MB of memory, 2047 of 8192 MB are free" },
	{ "DiskFilter", use_disk_90, false, NULL },
	{ "DiskFilter", use_disk_91, false, "needs 10 GB of disk, 9 of 100 GB are free" },
	{ "DiskFilter", use_disk_91, true, NULL },
	{ "DiskFilter", other_full_pool, true, "needs 10 GB of disk, 5 of 100 GB are free" },
	{ "SharedStorageFilter", NULL, true, NULL },
	{ "SharedStorageFilter", other_pool, false, NULL },
	{ "SharedStorageFilter", other_pool, true,
	  "its instances_path is not the file system that HostB has: live migration needs shared storage" },
	{ "HypervisorVersionFilter", newer, true, NULL },
	{ "HypervisorVersionFilter", older, false, NULL },
	{ "HypervisorVersionFilter", older, true, "has QEMU 6000000, older than 7002000 where the guest runs" },
	{ "MachineTypeFilter", NULL, true, NULL },
	{ "MachineTypeFilter", no_machine, false, NULL },
	{ "MachineTypeFilter", no_machine, true, "its QEMU has no machine type pc-i440fx-7.2" },
	{ "MachineTypeFilter", longer_machine, true, "its QEMU has no machine type pc-i440fx-7.2" },
	{ "MachineTypeFilter", last_machine, true, NULL },
};

static nova_placement a_placement(const nova_host *source)
{
	return (nova_placement){ .kind = source ? NOVA_OP_LIVE_MIGRATION : NOVA_OP_BUILD, .instance_uuid = "U",
				 .vcpus = 2, .memory_mb = 2048, .disk_gb = 10,
				 .machine = source ? "pc-i440fx-7.2" : NULL, .source = source };
}

static void test_each_filter_accepts_and_refuses(void **state)
{
	g_autoptr(nova_host) source = a_host(1, "HostB");

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(filter_cases); i++) {
		const struct filter_case *c = &filter_cases[i];
		char *names[] = { (char *)c->filter, NULL };
		g_autofree const nova_filter **filters = nova_filters_enable(names, NULL);
		g_autoptr(nova_host) host = a_host(2, "HostC");
		g_autoptr(GString) why = g_string_new(NULL);
		nova_placement placement = a_placement(c->moves ? source : NULL);

		assert_non_null(filters);
		if (c->change)
			c->change(host);
		assert_int_equal(filters[0]->passes(host, &placement, why), c->why == NULL);
		assert_string_equal(why->str, c->why ? c->why : "");
	}
}

/* HostB (1) has two other members of the group, HostC (2) one. */
static const struct wish_case {
	const char *filter;
	nova_group_policy policy;
	int most, host;
	const char *zone, *why; /* why NULL: passes */
} wish_cases[] = {
	{ "AvailabilityZoneFilter", NOVA_GROUP_AFFINITY, 1, 1, NULL, NULL },
	{ "AvailabilityZoneFilter", NOVA_GROUP_AFFINITY, 1, 1, "nova", NULL },
	{ "AvailabilityZoneFilter", NOVA_GROUP_AFFINITY, 1, 1, "west",
	  "is in the availability zone nova, not in west" },
	{ "ServerGroupAntiAffinityFilter", NOVA_GROUP_ANTI_AFFINITY, 1, 3, NULL, NULL },
	{ "ServerGroupAntiAffinityFilter", NOVA_GROUP_ANTI_AFFINITY, 1, 2, NULL,
	  "has 1 server of the group, whose policy anti-affinity allows 1 on a host" },
	{ "ServerGroupAntiAffinityFilter", NOVA_GROUP_ANTI_AFFINITY, 2, 2, NULL, NULL },
	{ "ServerGroupAntiAffinityFilter", NOVA_GROUP_ANTI_AFFINITY, 2, 1, NULL,
	  "has 2 servers of the group, whose policy anti-affinity allows 2 on a host" },
	{ "ServerGroupAntiAffinityFilter", NOVA_GROUP_AFFINITY, 1, 1, NULL, NULL },
	{ "ServerGroupAntiAffinityFilter", NOVA_GROUP_SOFT_ANTI_AFFINITY, 1, 1, NULL, NULL },
	{ "ServerGroupAffinityFilter", NOVA_GROUP_AFFINITY, 1, 1, NULL,
	  "is not where the group's other servers are: its policy is affinity" },
	{ "ServerGroupAffinityFilter", NOVA_GROUP_SOFT_AFFINITY, 1, 3, NULL, NULL },
	{ "ServerGroupAffinityFilter", NOVA_GROUP_ANTI_AFFINITY, 1, 1, NULL, NULL },
};

/* Hosts 1 and 2 have the servers of same_host and of different_host. */
static const struct {
	const char *filter;
	bool beside;
	int host;
	const char *why;
} neighbour_cases[] = {
	{ "SameHostFilter", true, 1, NULL },
	{ "SameHostFilter", true, 2, "has none of the servers of the hint same_host" },
	{ "SameHostFilter", false, 2, NULL },
	{ "DifferentHostFilter", true, 1, NULL },
	{ "DifferentHostFilter", false, 2, "has a server of the hint different_host" },
};

static void test_every_filter_has_a_case_of_each_kind(void **state)
{
	(void)state;
	for (const nova_filter *f = nova_filters; f->name; f++) {
		bool accepts = false, refuses = false;

		for (size_t i = 0; i < G_N_ELEMENTS(filter_cases); i++)
			if (strcmp(filter_cases[i].filter, f->name) == 0) {
				accepts |= !filter_cases[i].why;
				refuses |= !!filter_cases[i].why;
			}
		for (size_t i = 0; i < G_N_ELEMENTS(wish_cases); i++)
			if (strcmp(wish_cases[i].filter, f->name) == 0) {
				accepts |= !wish_cases[i].why;
				refuses |= !!wish_cases[i].why;
			}
		for (size_t i = 0; i < G_N_ELEMENTS(neighbour_cases); i++)
			if (strcmp(neighbour_cases[i].filter, f->name) == 0) {
				accepts |= !neighbour_cases[i].why;
				refuses |= !!neighbour_cases[i].why;
			}
		if (!accepts || !refuses)
			fail_msg("%s", f->name);
		assert_non_null(f->doc);
	}
}

static void test_unknown_filter_is_refused_by_name(void **state)
{
	char *names[] = { (char *)"RamFilter", (char *)"RumFilter", NULL };
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(nova_filters_enable(names, &error));
	assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
	assert_non_null(strstr(error->message, "no filter 'RumFilter'; there are ComputeFilter, "));
}

static const nova_filter **all_filters(void)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (const nova_filter *f = nova_filters; f->name; f++)
		g_ptr_array_add(names, (void *)f->name);
	g_ptr_array_add(names, NULL);
	return nova_filters_enable((char *const *)names->pdata, NULL);
}

static nova_selection *run(const GPtrArray *hosts, const nova_placement *placement, GHashTable *tried, double ram,
			   unsigned subset, unsigned seed)
{
	g_autofree const nova_filter **filters = all_filters();
	g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
	const nova_select_options options = { .filters = filters, .ram_multiplier = ram, .subset_size = subset,
					      .rand = rand };

	return nova_select(hosts, placement, tried, &options);
}

static const char *best(const nova_selection *selection)
{
	return selection->candidates->len ? g_array_index(selection->candidates, nova_candidate, 0).host->name : "-";
}

static GPtrArray *three_hosts(void)
{
	GPtrArray *hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);

	g_ptr_array_add(hosts, a_host(1, "HostB"));
	g_ptr_array_add(hosts, a_host(2, "HostC"));
	g_ptr_array_add(hosts, a_host(3, "HostD"));
	((nova_host *)g_ptr_array_index(hosts, 0))->used_memory_mb = 1000;
	((nova_host *)g_ptr_array_index(hosts, 1))->used_memory_mb = 4000;
	((nova_host *)g_ptr_array_index(hosts, 2))->used_memory_mb = 2000;
	return hosts;
}

static void test_most_free_memory_wins_and_a_negative_weight_packs(void **state)
{
	g_autoptr(GPtrArray) hosts = three_hosts();
	nova_placement build = a_placement(NULL);

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		g_autoptr(nova_selection) spread = run(hosts, &build, NULL, 1.0, 1, seed);
		g_autoptr(nova_selection) pack = run(hosts, &build, NULL, -1.0, 1, seed);

		assert_int_equal(spread->candidates->len, 3);
		assert_string_equal(best(spread), "HostB");
		assert_string_equal(best(pack), "HostC");
	}
}

/* A resize takes the room of the new size, and stays where it is only when that is allowed. */
static void test_a_resize_and_its_own_host(void **state)
{
	g_autoptr(GPtrArray) hosts = three_hosts();
	const nova_operation op = {
		.kind = NOVA_OP_RESIZE, .wanted_vcpus = 2, .wanted_memory_mb = 2048, .wanted_disk_gb = 5
	};
	const nova_instance server = { .uuid = (char *)"U", .vcpus = 1, .memory_mb = 1, .root_gb = 1 };
	nova_placement resize = nova_placement_of(&op, &server, g_ptr_array_index(hosts, 0));

	(void)state;
	assert_int_equal(resize.vcpus, 2);
	assert_int_equal(resize.memory_mb, 2048);
	assert_int_equal(resize.disk_gb, 5);
	g_autoptr(nova_selection) moves = run(hosts, &resize, NULL, 1.0, 1, 1);

	assert_int_equal(moves->candidates->len, 2);
	assert_string_equal(best(moves), "HostD");
	const nova_refusal *refusal = g_ptr_array_index(moves->refusals, 0);

	assert_non_null(strstr(refusal->why, "allow_resize_to_same_host"));
	resize.same_host = true;
	g_autoptr(nova_selection) stays = run(hosts, &resize, NULL, 1.0, 1, 1);

	assert_int_equal(stays->candidates->len, 3);
	assert_string_equal(best(stays), "HostB");
}

static void test_equals_and_subsets_are_spread_at_random(void **state)
{
	g_autoptr(GPtrArray) hosts = three_hosts();
	nova_placement build = a_placement(NULL);
	unsigned equal[3] = { 0 }, subset[3] = { 0 };

	(void)state;
	for (unsigned seed = 0; seed < 300; seed++) {
		g_autoptr(nova_selection) a = run(hosts, &build, NULL, 0.0, 1, seed);
		g_autoptr(nova_selection) b = run(hosts, &build, NULL, 1.0, 2, seed);

		equal[best(a)[4] - 'B']++;
		subset[best(b)[4] - 'B']++;
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(equal[i], 50, 150);
	assert_in_range(subset[0], 100, 200);
	assert_in_range(subset[2], 100, 200);
	assert_int_equal(subset[1], 0);
}

static void test_zones_and_groups(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(wish_cases); i++) {
		g_autoptr(nova_wishes) wishes = nova_wishes_new();
		g_autoptr(nova_host) host = a_host(wish_cases[i].host, "H");
		g_autoptr(GString) why = g_string_new(NULL);
		nova_placement placement = a_placement(NULL);
		char *names[] = { (char *)wish_cases[i].filter, NULL };
		g_autofree const nova_filter **filters = nova_filters_enable(names, NULL);

		host->zone = g_strdup("nova");
		wishes->grouped = true;
		wishes->policy = wish_cases[i].policy;
		wishes->max_per_host = wish_cases[i].most;
		wishes->zone = g_strdup(wish_cases[i].zone);
		g_hash_table_insert(wishes->others, GINT_TO_POINTER(1), GINT_TO_POINTER(2));
		g_hash_table_insert(wishes->others, GINT_TO_POINTER(2), GINT_TO_POINTER(1));
		placement.wishes = wishes;
		assert_int_equal(filters[0]->passes(host, &placement, why), wish_cases[i].why == NULL);
		assert_string_equal(why->str, wish_cases[i].why ? wish_cases[i].why : "");
	}
}

static void test_neighbours(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(neighbour_cases); i++) {
		g_autoptr(nova_wishes) wishes = nova_wishes_new();
		g_autoptr(nova_host) host = a_host(neighbour_cases[i].host, "H");
		g_autoptr(GString) why = g_string_new(NULL);
		nova_placement placement = a_placement(NULL);
		char *names[] = { (char *)neighbour_cases[i].filter, NULL };
		g_autofree const nova_filter **filters = nova_filters_enable(names, NULL);

		assert_true(filters[0]->passes(host, &placement, why)); /* nobody wishes anything */
		wishes->beside = neighbour_cases[i].beside;
		g_hash_table_add(wishes->same, GINT_TO_POINTER(1));
		g_hash_table_add(wishes->apart, GINT_TO_POINTER(2));
		placement.wishes = wishes;
		assert_int_equal(filters[0]->passes(host, &placement, why), neighbour_cases[i].why == NULL);
		assert_string_equal(why->str, neighbour_cases[i].why ? neighbour_cases[i].why : "");
	}
}

/* All hosts pass; the one with most members comes first, or last. */
static void test_soft_policies_weigh(void **state)
{
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);
	g_autoptr(nova_wishes) wishes = nova_wishes_new();
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);
	const nova_filter *none[] = { NULL };
	nova_placement placement = a_placement(NULL);
	const nova_select_options options = { .filters = none,
					      .soft_affinity_multiplier = 1,
					      .soft_anti_affinity_multiplier = 1,
					      .rand = rand };

	(void)state;
	for (int id = 1; id <= 3; id++)
		g_ptr_array_add(hosts, a_host(id, "H"));
	wishes->grouped = true;
	placement.wishes = wishes;
	g_hash_table_insert(wishes->others, GINT_TO_POINTER(2), GINT_TO_POINTER(2));
	g_hash_table_insert(wishes->others, GINT_TO_POINTER(3), GINT_TO_POINTER(1));
	for (int soft = 0; soft < 2; soft++) {
		static const int want[2][3] = { { 2, 3, 1 }, { 1, 3, 2 } };

		wishes->policy = soft ? NOVA_GROUP_SOFT_ANTI_AFFINITY : NOVA_GROUP_SOFT_AFFINITY;
		g_autoptr(nova_selection) selection = nova_select(hosts, &placement, NULL, &options);

		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(g_array_index(selection->candidates, nova_candidate, i).host->id,
					 want[soft][i]);
	}
}

static void test_source_and_tried_hosts_are_out_with_reasons(void **state)
{
	g_autoptr(GPtrArray) hosts = three_hosts();
	g_autoptr(GHashTable) tried = g_hash_table_new(NULL, NULL);
	nova_placement move = a_placement(g_ptr_array_index(hosts, 0));

	(void)state;
	g_hash_table_insert(tried, GINT_TO_POINTER(2), (void *)"image cannot be opened");
	g_autoptr(nova_selection) selection = run(hosts, &move, tried, 1.0, 1, 1);

	assert_string_equal(best(selection), "HostD");
	assert_int_equal(selection->candidates->len, 1);
	g_autofree char *reason = nova_selection_reason(selection, &move);

	assert_string_equal(reason, "No valid host was found. HostB: Unable to migrate instance (U) to current host "
				    "(HostB).; HostC: image cannot be opened");
}

static void test_a_named_host_is_checked_like_any_other(void **state)
{
	g_autoptr(GPtrArray) hosts = three_hosts();
	nova_placement build = a_placement(NULL);

	(void)state;
	build.requested_host = "HostC";
	g_autoptr(nova_selection) fits = run(hosts, &build, NULL, 1.0, 1, 1);

	assert_int_equal(fits->candidates->len, 1);
	assert_string_equal(best(fits), "HostC");
	build.memory_mb = 5000;
	g_autoptr(nova_selection) full = run(hosts, &build, NULL, 1.0, 1, 1);
	g_autofree char *reason = nova_selection_reason(full, &build);

	assert_int_equal(full->candidates->len, 0);
	assert_string_equal(reason,
			    "No valid host was found. HostC: needs 5000 MB of memory, 4192 of 8192 MB are free");
	build.requested_host = "HostX";
	g_autoptr(nova_selection) none = run(hosts, &build, NULL, 1.0, 1, 1);
	g_autofree char *unknown = nova_selection_reason(none, &build);

	assert_string_equal(unknown, "No valid host was found. Compute host HostX could not be found.");
}

/* Every weight is another one; the ten that are kept are the ten of a plain sort, in order, and all are counted. */
static void test_the_best_of_many_are_kept_in_order(void **state)
{
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	g_autofree const nova_filter **filters = all_filters();
	const nova_select_options options = {
		.filters = filters, .ram_multiplier = 1.0, .subset_size = 1, .keep = 10, .rand = rand,
	};
	nova_placement build = a_placement(NULL);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		nova_host *host = a_host(i + 1, "H");

		host->used_memory_mb = i * 613 % 1000;
		host->up = host->used_memory_mb >= 20; /* the twenty best are down */
		g_ptr_array_add(hosts, host);
	}
	g_autoptr(nova_selection) selection = nova_select(hosts, &build, NULL, &options);

	assert_int_equal(selection->fitting, 980);
	assert_int_equal(selection->refusing, 20);
	assert_int_equal(selection->refusals->len, 10);
	assert_int_equal(selection->candidates->len, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(g_array_index(selection->candidates, nova_candidate, i).host->used_memory_mb, 20 + i);
	build.memory_mb = 100000;
	g_autoptr(nova_selection) none = nova_select(hosts, &build, NULL, &options);
	g_autofree char *reason = nova_selection_reason(none, &build);

	assert_non_null(strstr(reason, "and 990 more hosts"));
}

static json_object *explained(json_object *answer, const char *host)
{
	json_object *hosts;

	assert_true(nova_json_get_array(answer, "hosts", &hosts, NULL));
	for (size_t i = 0; i < json_object_array_length(hosts); i++) {
		json_object *row = json_object_array_get_idx(hosts, i);

		if (strcmp(json_object_get_string(nova_json_find(row, "host")), host) == 0)
			return row;
	}
	fail_msg("%s is not explained", host);
	return NULL;
}

/* The texts of the filters that refuse, "NAME: why; ...", each with advice. */
static char *refusals_of(json_object *row)
{
	GString *out = g_string_new(NULL);
	json_object *filters = nova_json_find(row, "filters");

	for (size_t i = 0; i < json_object_array_length(filters); i++) {
		json_object *filter = json_object_array_get_idx(filters, i);
		const char *fix;

		if (json_object_get_boolean(nova_json_find(filter, "passes"))) {
			assert_null(nova_json_find(filter, "why"));
			continue;
		}
		assert_true(nova_json_get_str(filter, "fix", &fix, NULL));
		assert_true(strlen(fix) > 10);
		g_string_append_printf(out, "%s%s: %s", out->len ? "; " : "",
				       json_object_get_string(nova_json_find(filter, "name")),
				       json_object_get_string(nova_json_find(filter, "why")));
	}
	return g_string_free(out, FALSE);
}

/* Every filter that refuses is told, not only the first; who fits is as select has it, best first. */
static void test_explained_host_by_host(void **state)
{
	char *names[] = { (char *)"ComputeFilter", (char *)"CoreFilter", (char *)"RamFilter", NULL };
	g_autofree const nova_filter **filters = nova_filters_enable(names, NULL);
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func((GDestroyNotify)nova_host_free);
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);
	const nova_select_options options = {
		.filters = filters, .ram_multiplier = 1.0, .subset_size = 1, .rand = rand,
	};
	nova_host *full = a_host(3, "HostD"), *half = a_host(4, "HostE");

	(void)state;
	g_ptr_array_add(hosts, a_host(1, "HostB"));
	g_ptr_array_add(hosts, a_host(2, "HostC"));
	g_ptr_array_add(hosts, full);
	g_ptr_array_add(hosts, half);
	make_down(full);
	use_cpus_31(full);
	use_memory_6145(full);
	half->used_memory_mb = 4096;

	nova_placement placement = a_placement(g_ptr_array_index(hosts, 0));
	g_autoptr(json_object) answer = nova_explain_placement(hosts, &placement, &options, 100);
	g_autofree char *own = refusals_of(explained(answer, "HostB"));
	g_autofree char *said = refusals_of(explained(answer, "HostD"));

	assert_string_equal(json_object_get_string(nova_json_find(answer, "source_host")), "HostB");
	assert_int_equal(json_object_get_int(nova_json_find(answer, "hosts_total")), 4);
	assert_int_equal(json_object_get_int(nova_json_find(answer, "hosts_fitting")), 2);
	assert_string_equal(own, "source: Unable to migrate instance (U) to current host (HostB).");
	assert_string_equal(said, "ComputeFilter: Compute service of HostD is unavailable at this time: its lease has "
				  "run out; CoreFilter: needs 2 vcpus, 1 of 32 are free; RamFilter: needs 2048 MB of "
				  "memory, 2047 of 8192 MB are free");
	assert_ptr_equal(explained(answer, "HostC"), nova_json_find(answer, "hosts.0"));
	assert_ptr_equal(explained(answer, "HostE"), nova_json_find(answer, "hosts.1"));
	assert_true(json_object_get_double(nova_json_find(answer, "hosts.0.weight")) >
		    json_object_get_double(nova_json_find(answer, "hosts.1.weight")));

	g_autoptr(json_object) few = nova_explain_placement(hosts, &placement, &options, 1);

	assert_int_equal(json_object_array_length(nova_json_find(few, "hosts")), 1);
	assert_int_equal(json_object_get_int(nova_json_find(few, "hosts_total")), 4);

	placement.requested_host = "HostE";
	g_autoptr(json_object) one = nova_explain_placement(hosts, &placement, &options, 100);

	assert_int_equal(json_object_get_int(nova_json_find(one, "hosts_total")), 1);
	assert_true(json_object_get_boolean(nova_json_find(one, "hosts.0.fits")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explained_host_by_host),
		cmocka_unit_test(test_the_best_of_many_are_kept_in_order),
		cmocka_unit_test(test_each_filter_accepts_and_refuses),
		cmocka_unit_test(test_every_filter_has_a_case_of_each_kind),
		cmocka_unit_test(test_unknown_filter_is_refused_by_name),
		cmocka_unit_test(test_most_free_memory_wins_and_a_negative_weight_packs),
		cmocka_unit_test(test_a_resize_and_its_own_host),
		cmocka_unit_test(test_equals_and_subsets_are_spread_at_random),
		cmocka_unit_test(test_zones_and_groups),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_soft_policies_weigh),
		cmocka_unit_test(test_source_and_tried_hosts_are_out_with_reasons),
		cmocka_unit_test(test_a_named_host_is_checked_like_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
