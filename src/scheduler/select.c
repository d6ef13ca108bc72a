/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/select.h"

#include <string.h>

/* More hosts than this are only counted in the reason a user sees. */
#define REASON_HOSTS 20

nova_placement nova_placement_of(const nova_operation *op, const nova_instance *instance, const nova_host *source)
{
	return (nova_placement){
		.kind = op->kind,
		.instance_uuid = instance->uuid,
		.vcpus = instance->vcpus,
		.memory_mb = instance->memory_mb,
		.disk_gb = instance->root_gb + instance->ephemeral_gb,
		.machine = op->kind == NOVA_OP_LIVE_MIGRATION ? instance->machine : NULL,
		.source = op->kind == NOVA_OP_LIVE_MIGRATION ? source : NULL,
		.requested_host = op->requested_host,
	};
}

static void refusal_free(void *data)
{
	nova_refusal *refusal = data;

	g_free(refusal->why);
	g_free(refusal);
}

static void refuse(nova_selection *selection, const nova_host *host, const char *filter, char *why)
{
	nova_refusal *refusal = g_new0(nova_refusal, 1);

	refusal->host = host;
	refusal->filter = filter;
	refusal->why = why;
	g_ptr_array_add(selection->refusals, refusal);
}

/* What no configuration can switch off: a guest's own host, and hosts that have already refused it. */
static bool is_excluded(nova_selection *selection, const nova_host *host, const nova_placement *placement,
			GHashTable *tried)
{
	const char *reason;

	if (placement->source && placement->source->id == host->id) {
		refuse(selection, host, "source",
		       g_strdup_printf("Unable to migrate instance (%s) to current host (%s).",
				       placement->instance_uuid, host->name));
		return true;
	}
	reason = tried ? g_hash_table_lookup(tried, GINT_TO_POINTER(host->id)) : NULL;
	if (reason) {
		refuse(selection, host, "tried", g_strdup(reason));
		return true;
	}
	return false;
}

static double free_cpus(const nova_host *host)
{
	return host->cap_vcpus - host->used_vcpus;
}

static double free_ram(const nova_host *host)
{
	return (double)(host->cap_memory_mb - host->used_memory_mb);
}

static double free_disk(const nova_host *host)
{
	return (double)(host->pool_cap_gb - host->pool_used_gb);
}

/* Adds multiplier * value / largest value, as Nova does with a lower bound of 0. */
static void weigh(GArray *candidates, double (*value)(const nova_host *host), double multiplier)
{
	double most = 0, least = 0;

	for (unsigned i = 0; i < candidates->len; i++) {
		double v = value(g_array_index(candidates, nova_candidate, i).host);

		most = i == 0 || v > most ? v : most;
		least = i == 0 || v < least ? v : least;
	}
	if (!(most > 0) || !(most > least))
		return; /* all alike: nothing to choose by */
	for (unsigned i = 0; i < candidates->len; i++) {
		nova_candidate *c = &g_array_index(candidates, nova_candidate, i);

		c->weight += multiplier * value(c->host) / most;
	}
}

/* The other members of a group with a soft policy, by the share of all that a host has. */
static void weigh_group(GArray *candidates, const nova_placement *placement, const nova_select_options *options)
{
	const nova_wishes *wishes = placement->wishes;
	int all = wishes && wishes->grouped ? nova_wishes_others(wishes) : 0;
	double multiplier = 0;

	if (all == 0)
		return;
	if (wishes->policy == NOVA_GROUP_SOFT_AFFINITY)
		multiplier = options->soft_affinity_multiplier;
	else if (wishes->policy == NOVA_GROUP_SOFT_ANTI_AFFINITY)
		multiplier = -options->soft_anti_affinity_multiplier;
	for (unsigned i = 0; i < candidates->len; i++) {
		nova_candidate *c = &g_array_index(candidates, nova_candidate, i);

		c->weight += multiplier * nova_wishes_others_on(wishes, c->host->id) / all;
	}
}

static int by_weight(const void *a, const void *b)
{
	const nova_candidate *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

static void swap(GArray *candidates, unsigned a, unsigned b)
{
	nova_candidate *x = &g_array_index(candidates, nova_candidate, a);
	nova_candidate *y = &g_array_index(candidates, nova_candidate, b);
	nova_candidate t = *x;

	*x = *y;
	*y = t;
}

nova_selection *nova_select(const GPtrArray *hosts, const nova_placement *placement, GHashTable *tried,
			    const nova_select_options *options)
{
	nova_selection *selection = g_new0(nova_selection, 1);
	g_autoptr(GString) why = g_string_new(NULL);

	selection->candidates = g_array_new(FALSE, TRUE, sizeof(nova_candidate));
	selection->refusals = g_ptr_array_new_with_free_func(refusal_free);
	for (unsigned i = 0; i < hosts->len; i++) {
		const nova_host *host = g_ptr_array_index(hosts, i);
		const nova_filter *const *filter = options->filters;

		if (placement->requested_host && strcmp(placement->requested_host, host->name) != 0)
			continue;
		if (is_excluded(selection, host, placement, tried))
			continue;
		g_string_truncate(why, 0);
		while (*filter && (*filter)->passes(host, placement, why))
			filter++;
		if (*filter) {
			refuse(selection, host, (*filter)->name, g_strdup(why->str));
			continue;
		}
		nova_candidate candidate = { .host = host };

		g_array_append_val(selection->candidates, candidate);
	}
	/* Shuffled before a stable order by weight: equals come in random order. */
	for (unsigned i = selection->candidates->len; i > 1; i--)
		swap(selection->candidates, i - 1, (unsigned)g_rand_int_range(options->rand, 0, (gint32)i));
	weigh(selection->candidates, free_cpus, options->cpu_multiplier);
	weigh(selection->candidates, free_ram, options->ram_multiplier);
	weigh(selection->candidates, free_disk, options->disk_multiplier);
	weigh_group(selection->candidates, placement, options);
	g_array_sort(selection->candidates, by_weight);

	unsigned subset = MIN(MAX(options->subset_size, 1), selection->candidates->len);

	if (subset > 1)
		swap(selection->candidates, 0, (unsigned)g_rand_int_range(options->rand, 0, (gint32)subset));
	return selection;
}

void nova_selection_free(nova_selection *selection)
{
	if (!selection)
		return;
	g_array_unref(selection->candidates);
	g_ptr_array_unref(selection->refusals);
	g_free(selection);
}

char *nova_selection_reason(const nova_selection *selection, const nova_placement *placement)
{
	GString *out = g_string_new("No valid host was found.");

	if (selection->refusals->len == 0) {
		if (placement->requested_host)
			g_string_append_printf(out, " Compute host %s could not be found.", placement->requested_host);
		else
			g_string_append(out, " There is no compute host.");
	}
	for (unsigned i = 0; i < selection->refusals->len && i < REASON_HOSTS; i++) {
		const nova_refusal *refusal = g_ptr_array_index(selection->refusals, i);

		g_string_append_printf(out, "%s %s: %s", i ? ";" : "", refusal->host->name, refusal->why);
	}
	if (selection->refusals->len > REASON_HOSTS)
		g_string_append_printf(out, "; and %u more hosts", selection->refusals->len - REASON_HOSTS);
	return g_string_free(out, FALSE);
}
