/* SPDX-License-Identifier: Apache-2.0
 *
 * route_metrics.h - requests by route and status, for /metrics.
 *
 * The labels are the rows of the route tables and the statuses the API gives: whatever a client asks for, there are no
 * more.
 */
#pragma once

#include "api/router.h"

/* Once, before the first request. */
void nova_route_metrics_declare(void);

/* `route' NULL: none was found, or none is needed (version documents).  Any thread. */
void nova_route_metrics_count(const nova_route *route, unsigned status, int64_t begun_us);
