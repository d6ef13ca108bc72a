/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - what a daemon counts, for Prometheus (doc/metrics.md).
 *
 * The table is metrics.def.  A daemon declares at its start what it is going to show; counting what was not declared
 * does nothing, so that libraries count without asking who uses them.  Counting is one or a few atomic additions: any
 * thread, no lock.  Values are numbers only and labels are declared words: no secret can get here.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef enum nova_metric {
#define METRIC(id, type, name, labels, who, help) NOVA_METRIC_##id,
#include "common/metrics.def"
#undef METRIC
	NOVA_METRIC__COUNT
} nova_metric;

typedef enum nova_metric_type { NOVA_METRIC_COUNTER, NOVA_METRIC_GAUGE, NOVA_METRIC_HISTOGRAM } nova_metric_type;

typedef struct nova_metric_row {
	const char *name, *labels, *who, *help;
	nova_metric_type type;
} nova_metric_row;

extern const nova_metric_row nova_metric_rows[NOVA_METRIC__COUNT];

#define NOVA_METRIC_LABELS 2 /* the most a metric has */

/* From here on the metric counts.  One NULL-terminated list of values for each of its labels; it must stay as it is.  A
 * second declaration of the same metric does nothing. */
void nova_metrics_declare(nova_metric metric, const char *const *values, const char *const *more_values);

/* `at' and `more': which value each label has, 0 where there is no label; a number beyond the list means its last. */
void nova_metric_add(nova_metric metric, unsigned at, unsigned more, int64_t n);      /* counters */
void nova_metric_set(nova_metric metric, unsigned at, unsigned more, double value);   /* counters and gauges */
void nova_metric_observe(nova_metric metric, unsigned at, double seconds);            /* histograms */

/* Sets every series of a gauge to 0, before those that are not are set. */
void nova_metric_clear(nova_metric metric);

/* Appends all that was declared in Prometheus' text format 0.0.4.  Counters with labels that have not counted are left
 * out. */
void nova_metrics_print(GString *out);
