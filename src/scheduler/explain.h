/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.h - why a host fits a server or not, host by host and filter by filter.
 *
 * Nothing of its own is decided here: nova_select() says who fits and with which weight, and for the others every
 * enabled filter is asked, also behind the first that refuses.  Pure but for the generator in `options'.
 */
#pragma once

#include "common/json_auto.h"
#include "scheduler/select.h"

/* An object: "server", "source_host", "hosts_total", "hosts_fitting", "hosts": the first `most' of them, candidates
 * first, each with "host", "fits", "weight" (null: does not fit) and "filters": "name", "passes" and, of those that
 * refuse, "why" and "fix".  The host the server is on has "source" as its only filter.  The caller's.
 * options->keep is `most' whatever it says. */
json_object *nova_explain_placement(const GPtrArray *hosts, const nova_placement *placement,
				    const nova_select_options *options, unsigned most);
