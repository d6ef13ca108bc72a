/* SPDX-License-Identifier: Apache-2.0
 *
 * filters.h - reasons why a host cannot take a guest, one table row each.
 *
 * A filter is a pure predicate that also says why not, in words and with the numbers.  Which filters are
 * in force is [filter_scheduler] enabled_filters, by Nova's names where Nova has the filter.  Pure, any thread.
 */
#pragma once

#include "scheduler/placement.h"

#include <glib.h>
#include <stdbool.h>

typedef struct nova_filter {
	const char *name;
	/* True: the host passes.  False: `why' (appended to) says why not; NULL: nobody will read it. */
	bool (*passes)(const nova_host *host, const nova_placement *placement, GString *why);
	const char *doc;
	const char *fix; /* what an administrator can do about a refusal */
} nova_filter;

/* Every filter there is; ends with a NULL name. */
extern const nova_filter nova_filters[];

/* The rows for these names, in their order, as an array of const nova_filter * that ends with NULL; free
 * with g_free().  CONFIG names the first name there is no filter of, and the names there are. */
const nova_filter **nova_filters_enable(char *const *names, GError **error);
