/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/bus_metrics.h"

#include "common/error.h"
#include "common/metrics.h"

static const char *const results[] = { "ok", "failed", "timeout", "undeliverable", NULL };
static const char *const messages[] = { "sent",	   "confirmed", "returned", "resent",	  "dropped",	  "refused",
					"received", "rejected",	 "duplicate", "late_reply", NULL };

void nova_bus_metrics_declare(void)
{
	nova_metrics_declare(NOVA_METRIC_RPC_CALLS, results, NULL);
	nova_metrics_declare(NOVA_METRIC_RPC_SECONDS, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_RPC_MESSAGES, messages, NULL);
	nova_metrics_declare(NOVA_METRIC_RPC_CONNECTED, NULL, NULL);
}

void nova_bus_metrics_collect(nova_bus *bus)
{
	nova_bus_stats stats = { 0 };

	nova_bus_get_stats(bus, &stats);
	const uint64_t values[] = {
		stats.sent,    stats.confirmed, stats.returned, stats.resent,	  stats.dropped,
		stats.refused, stats.received,	stats.rejected, stats.duplicates, stats.late_replies,
	};

	G_STATIC_ASSERT(G_N_ELEMENTS(values) + 1 == G_N_ELEMENTS(messages));
	for (unsigned i = 0; i < G_N_ELEMENTS(values); i++)
		nova_metric_set(NOVA_METRIC_RPC_MESSAGES, i, 0, (double)values[i]);
	nova_metric_set(NOVA_METRIC_RPC_CONNECTED, 0, 0, nova_bus_is_connected(bus));
}

void nova_bus_metrics_count_call(int64_t begun_us, const GError *why)
{
	unsigned result = !why						     ? 0 :
			  nova_error_is(why, NOVA_FAULT_MESSAGING_TIMEOUT)   ? 2 :
			  nova_error_is(why, NOVA_FAULT_UNDELIVERABLE) ||
				  nova_error_is(why, NOVA_FAULT_MESSAGING)   ? 3 :
									       1;

	nova_metric_add(NOVA_METRIC_RPC_CALLS, result, 0, 1);
	nova_metric_observe(NOVA_METRIC_RPC_SECONDS, 0, (double)(g_get_monotonic_time() - begun_us) / 1e6);
}
