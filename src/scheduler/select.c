/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/select.h"

#include <stdlib.h>
#include <string.h>

/* More hosts than this are only counted in the reason a user sees. */
#define REASON_HOSTS 20

nova_placement nova_placement_of(const nova_operation *op, const nova_instance *instance, const nova_host *source)
{
	bool resize = op->kind == NOVA_OP_RESIZE, moves = resize || op->kind == NOVA_OP_LIVE_MIGRATION;

	return (nova_placement){
		.kind = op->kind,
		.instance_uuid = instance->uuid,
		.vcpus = resize ? op->wanted_vcpus : instance->vcpus,
		.memory_mb = resize ? op->wanted_memory_mb : instance->memory_mb,
		.disk_gb = resize ? op->wanted_disk_gb : instance->root_gb + instance->ephemeral_gb,
		.machine = moves ? instance->machine : NULL,
		.source = moves ? source : NULL,
		.requested_host = op->requested_host,
	};
}

static void refusal_free(void *data)
{
	nova_refusal *refusal = data;

	g_free(refusal->why);
	g_free(refusal);
}

static void refuse(nova_selection *selection, const nova_host *host, const char *filter, const char *why, unsigned keep)
{
	if (selection->refusing++ >= keep)
		return;
	nova_refusal *refusal = g_new0(nova_refusal, 1);

	refusal->host = host;
	refusal->filter = filter;
	refusal->why = g_strdup(why);
	g_ptr_array_add(selection->refusals, refusal);
}

/* What no configuration can switch off: a guest's own host, and hosts that have already refused it. */
static bool is_excluded(nova_selection *selection, const nova_host *host, const nova_placement *placement,
			GHashTable *tried, unsigned keep)
{
	const char *reason;

	if (placement->source && placement->source->id == host->id && placement->kind == NOVA_OP_RESIZE) {
		if (!placement->same_host) {
			refuse(selection, host, "source",
			       "it is the server's host, and allow_resize_to_same_host is not set", keep);
			return true;
		}
	} else if (placement->source && placement->source->id == host->id) {
		g_autofree char *why = g_strdup_printf("Unable to migrate instance (%s) to current host (%s).",
						       placement->instance_uuid, host->name);

		refuse(selection, host, "source", why, keep);
		return true;
	}
	reason = tried ? g_hash_table_lookup(tried, GINT_TO_POINTER(host->id)) : NULL;
	if (reason)
		refuse(selection, host, "tried", reason, keep);
	return reason != NULL;
}

/* ---- weights ---- */

enum { CPUS, MEMORY, DISK, VALUES };

/* A host that fits, and what it is weighed by. */
typedef struct fit {
	const nova_host *host;
	double value[VALUES];
	double weight;
	uint32_t lot; /* decides between equals */
} fit;

static fit fit_of(const nova_host *host)
{
	return (fit){ .host = host,
		      .value = { [CPUS] = host->cap_vcpus - host->used_vcpus,
				 [MEMORY] = (double)(host->cap_memory_mb - host->used_memory_mb),
				 [DISK] = (double)(host->pool_cap_gb - host->pool_used_gb) } };
}

/* What a value is multiplied by: the multiplier over the largest value, as Nova does with a lower bound of 0.  Where
 * all are alike there is nothing to choose by. */
static double factor_of(const GArray *fits, int which, double multiplier)
{
	double most = 0, least = 0;

	for (unsigned i = 0; i < fits->len; i++) {
		double value = g_array_index(fits, fit, i).value[which];

		most = i == 0 || value > most ? value : most;
		least = i == 0 || value < least ? value : least;
	}
	return most > 0 && most > least ? multiplier / most : 0;
}

/* For each of the other members of a group with a soft policy that is on a host. */
static double group_factor(const nova_placement *placement, const nova_select_options *options)
{
	const nova_wishes *wishes = placement->wishes;
	int all = wishes && wishes->grouped ? nova_wishes_others(wishes) : 0;

	if (all == 0)
		return 0;
	if (wishes->policy == NOVA_GROUP_SOFT_AFFINITY)
		return options->soft_affinity_multiplier / all;
	if (wishes->policy == NOVA_GROUP_SOFT_ANTI_AFFINITY)
		return -options->soft_anti_affinity_multiplier / all;
	return 0;
}

static void weigh(GArray *fits, const nova_placement *placement, const nova_select_options *options)
{
	const double factor[VALUES] = { [CPUS] = factor_of(fits, CPUS, options->cpu_multiplier),
					[MEMORY] = factor_of(fits, MEMORY, options->ram_multiplier),
					[DISK] = factor_of(fits, DISK, options->disk_multiplier) };
	double group = group_factor(placement, options);

	for (unsigned i = 0; i < fits->len; i++) {
		fit *f = &g_array_index(fits, fit, i);

		for (int v = 0; v < VALUES; v++)
			f->weight += factor[v] * f->value[v];
		if (group != 0)
			f->weight += group * nova_wishes_others_on(placement->wishes, f->host->id);
		f->lot = g_rand_int(options->rand);
	}
}

/* ---- the best ---- */

static int by_weight(const void *a, const void *b)
{
	const fit *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->lot < y->lot) - (x->lot > y->lot);
}

static void sink(fit *heap, unsigned n, unsigned at)
{
	for (unsigned child = 2 * at + 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n && by_weight(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (by_weight(&heap[at], &heap[child]) >= 0)
			return;
		fit t = heap[at];

		heap[at] = heap[child];
		heap[child] = t;
		at = child;
	}
}

/* Brings the best `keep' to the front, in order: a heap whose root is the worst of them takes in whatever is better. */
static unsigned put_best_first(GArray *fits, unsigned keep)
{
	fit *heap = (fit *)(void *)fits->data;
	unsigned n = MIN(keep, fits->len);

	for (unsigned i = n / 2; i > 0; i--)
		sink(heap, n, i - 1);
	for (unsigned i = n; i < fits->len; i++)
		if (by_weight(&heap[i], &heap[0]) < 0) {
			heap[0] = heap[i];
			sink(heap, n, 0);
		}
	qsort(heap, n, sizeof(*heap), by_weight);
	return n;
}

/* ---- the decision ---- */

nova_selection *nova_select(const GPtrArray *hosts, const nova_placement *placement, GHashTable *tried,
			    const nova_select_options *options)
{
	unsigned keep = MAX(options->keep ? options->keep : NOVA_SELECT_KEEP, options->subset_size);
	g_autoptr(GArray) fits = g_array_sized_new(FALSE, FALSE, sizeof(fit), hosts->len);
	nova_selection *selection = g_new0(nova_selection, 1);
	g_autoptr(GString) why = g_string_new(NULL);

	selection->candidates = g_array_new(FALSE, TRUE, sizeof(nova_candidate));
	selection->refusals = g_ptr_array_new_with_free_func(refusal_free);
	for (unsigned i = 0; i < hosts->len; i++) {
		const nova_host *host = g_ptr_array_index(hosts, i);
		const nova_filter *const *filter = options->filters;

		if (placement->requested_host && strcmp(placement->requested_host, host->name) != 0)
			continue;
		if (is_excluded(selection, host, placement, tried, keep))
			continue;
		bool read = selection->refusing < keep;

		g_string_truncate(why, 0);
		while (*filter && (*filter)->passes(host, placement, read ? why : NULL))
			filter++;
		if (*filter) {
			refuse(selection, host, (*filter)->name, why->str, keep);
			continue;
		}
		fit fitting = fit_of(host);

		g_array_append_val(fits, fitting);
	}
	weigh(fits, placement, options);
	selection->fitting = fits->len;

	unsigned kept = put_best_first(fits, keep), subset = MIN(MAX(options->subset_size, 1), kept);

	if (subset > 1) {
		unsigned chosen = (unsigned)g_rand_int_range(options->rand, 0, (gint32)subset);
		fit first = g_array_index(fits, fit, 0);

		g_array_index(fits, fit, 0) = g_array_index(fits, fit, chosen);
		g_array_index(fits, fit, chosen) = first;
	}
	for (unsigned i = 0; i < kept; i++) {
		const fit *f = &g_array_index(fits, fit, i);
		const nova_candidate candidate = { f->host, f->weight };

		g_array_append_val(selection->candidates, candidate);
	}
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

	if (selection->refusing == 0) {
		if (placement->requested_host)
			g_string_append_printf(out, " Compute host %s could not be found.", placement->requested_host);
		else
			g_string_append(out, " There is no compute host.");
	}
	for (unsigned i = 0; i < selection->refusals->len && i < REASON_HOSTS; i++) {
		const nova_refusal *refusal = g_ptr_array_index(selection->refusals, i);

		g_string_append_printf(out, "%s %s: %s", i ? ";" : "", refusal->host->name, refusal->why);
	}
	unsigned told = MIN(selection->refusals->len, REASON_HOSTS);

	if (selection->refusing > told)
		g_string_append_printf(out, "; and %u more hosts", selection->refusing - told);
	return g_string_free(out, FALSE);
}
