/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route_metrics.h"

#include "common/metrics.h"

#include <string.h>

#define ROUTES_MOST 400

/* The last stands for every other. */
static const char *const statuses[] = { "200", "201", "202", "203", "204", "300", "400", "401", "403", "404", "405",
					"406", "409", "413", "415", "429", "500", "501", "503", "504", "other", NULL };

static const struct table {
	const nova_route *rows;
	const char *prefix;
} tables[] = { { nova_routes, "/v2.1" }, { nova_image_routes, "/image" }, { nova_identity_routes, "/identity/v3" } };

/* The row of each table, one table after the other, and the label it has: rows that differ in the microversion only
 * share one. */
static unsigned label_of[ROUTES_MOST];
static const char *labels[ROUTES_MOST + 2];
static unsigned n_labels;

static unsigned add_label(const char *text)
{
	for (unsigned i = 0; i < n_labels; i++)
		if (strcmp(labels[i], text) == 0)
			return i;
	labels[n_labels] = g_intern_string(text);
	return n_labels++;
}

void nova_route_metrics_declare(void)
{
	unsigned n = 0;

	n_labels = 0;
	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
		for (const nova_route *route = tables[t].rows; route->method; route++) {
			g_autofree char *text = g_strconcat(route->method, " ", tables[t].prefix, route->path, NULL);

			g_assert(n < ROUTES_MOST);
			label_of[n++] = add_label(text);
		}
	labels[n_labels] = "other";
	nova_metrics_declare(NOVA_METRIC_HTTP_REQUESTS, labels, statuses);
	nova_metrics_declare(NOVA_METRIC_HTTP_SECONDS, labels, NULL);
}

static unsigned find_label(const nova_route *wanted)
{
	unsigned n = 0;

	for (size_t t = 0; wanted && t < G_N_ELEMENTS(tables); t++)
		for (const nova_route *route = tables[t].rows; route->method; route++, n++)
			if (route == wanted)
				return label_of[n];
	return n_labels;
}

void nova_route_metrics_count(const nova_route *route, unsigned status, int64_t begun_us)
{
	unsigned label = find_label(route);
	char text[16];
	unsigned i = 0;

	g_snprintf(text, sizeof text, "%u", status);
	while (statuses[i + 1] && strcmp(statuses[i], text) != 0)
		i++;
	nova_metric_add(NOVA_METRIC_HTTP_REQUESTS, label, i, 1);
	nova_metric_observe(NOVA_METRIC_HTTP_SECONDS, label, (double)(g_get_monotonic_time() - begun_us) / 1e6);
}
