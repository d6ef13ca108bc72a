/* SPDX-License-Identifier: Apache-2.0
 *
 * select.h - the scheduler's decision: hosts and a placement in, candidates and reasons out.
 *
 * One pass of filters over all hosts, then weights over those that pass.  Weights are Nova's: free cpus, memory and
 * disk, each brought to 0..1 over the candidates, multiplied, added; and for a guest in a group with a
 * soft policy the other members on each.  A decision may rest on numbers that are already
 * old: booking checks again.  Pure but for the random choice among the best, which takes its generator from the
 * caller.
 *
 * Of thousands of hosts only the best candidates and the first refusals are kept, in order; the others are counted.
 */
#pragma once

#include "scheduler/filters.h"

#define NOVA_SELECT_KEEP 100 /* more are not tried before the hosts are read again, and nobody reads more reasons */

typedef struct nova_select_options {
	const nova_filter *const *filters; /* NULL-terminated */
	double cpu_multiplier, ram_multiplier, disk_multiplier;
	double soft_affinity_multiplier, soft_anti_affinity_multiplier;
	unsigned subset_size;              /* choose at random among this many of the best; 0 counts as 1 */
	unsigned keep;                     /* so many candidates and so many refusals; 0: NOVA_SELECT_KEEP */
	GRand *rand;                       /* the caller's, not shared between threads */
} nova_select_options;

typedef struct nova_candidate {
	const nova_host *host; /* borrowed from the array given */
	double weight;
} nova_candidate;

typedef struct nova_refusal {
	const nova_host *host; /* borrowed */
	const char *filter;    /* constant */
	char *why;
} nova_refusal;

typedef struct nova_selection {
	GArray *candidates;    /* of nova_candidate, best first */
	GPtrArray *refusals;   /* of nova_refusal, in the order of the hosts */
	unsigned fitting, refusing; /* how many hosts do, kept or not */
} nova_selection;

/* hosts: of nova_host.  tried: hosts that refused before, a table from host id
 * (GINT_TO_POINTER) to the reason text, may be NULL. */
nova_selection *nova_select(const GPtrArray *hosts, const nova_placement *placement, GHashTable *tried,
			    const nova_select_options *options);
void nova_selection_free(nova_selection *selection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_selection, nova_selection_free)

/* "No valid host was found. HostB: …; HostC: …".  Caller frees. */
char *nova_selection_reason(const nova_selection *selection, const nova_placement *placement);
