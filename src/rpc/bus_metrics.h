/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_metrics.h - what the message bus shows on /metrics.
 */
#pragma once

#include "rpc/bus.h"

/* Once, before threads that count. */
void nova_bus_metrics_declare(void);

/* The counters of bus.h as they are now. */
void nova_bus_metrics_collect(nova_bus *bus);

/* Inside src/rpc: a call has ended; `why' NULL: with a result. */
void nova_bus_metrics_count_call(int64_t begun_us, const GError *why);
