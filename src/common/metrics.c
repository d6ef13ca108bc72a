/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const nova_metric_row nova_metric_rows[NOVA_METRIC__COUNT] = {
#define METRIC(id_, type_, name_, labels_, who_, help_)                                                             \
	[NOVA_METRIC_##id_] = { .name = name_, .labels = labels_, .who = who_, .help = help_,                       \
				.type = NOVA_METRIC_##type_ },
#include "common/metrics.def"
#undef METRIC
};

/* Upper bounds, in seconds: from a statement to a migration that takes half an hour. */
static const double bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
				 1800 };
#define BOUNDS G_N_ELEMENTS(bounds)

/* Cells of one series: its value; or of a histogram the count of each bound, of what is beyond all, and the sum in
 * us. */
#define HISTOGRAM_CELLS (BOUNDS + 2)

typedef struct family {
	const char *const *values[NOVA_METRIC_LABELS];
	unsigned n[NOVA_METRIC_LABELS]; /* at least 1 */
	_Atomic int64_t cells[];	/* a gauge's are the bits of a double */
} family;

static _Atomic(family *) families[NOVA_METRIC__COUNT];

static size_t cells_of(nova_metric metric)
{
	return nova_metric_rows[metric].type == NOVA_METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

static unsigned count_values(const char *const *values)
{
	return values ? MAX(g_strv_length((char **)values), 1) : 1;
}

void nova_metrics_declare(nova_metric metric, const char *const *values, const char *const *more_values)
{
	unsigned n = count_values(values), more = count_values(more_values);
	family *f = g_malloc0(sizeof *f + (size_t)n * more * cells_of(metric) * sizeof f->cells[0]);
	family *none = NULL;

	f->values[0] = values;
	f->values[1] = more_values;
	f->n[0] = n;
	f->n[1] = more;
	if (!atomic_compare_exchange_strong(&families[metric], &none, f))
		g_free(f);
}

/* NULL: not declared. */
static _Atomic int64_t *find_cells(nova_metric metric, unsigned at, unsigned more)
{
	family *f = atomic_load_explicit(&families[metric], memory_order_acquire);

	if (!f)
		return NULL;
	return f->cells + ((size_t)MIN(at, f->n[0] - 1) * f->n[1] + MIN(more, f->n[1] - 1)) * cells_of(metric);
}

static int64_t bits_of(double value)
{
	int64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static double value_of(int64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

void nova_metric_add(nova_metric metric, unsigned at, unsigned more, int64_t n)
{
	_Atomic int64_t *cell = find_cells(metric, at, more);

	if (cell)
		atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

void nova_metric_set(nova_metric metric, unsigned at, unsigned more, double value)
{
	_Atomic int64_t *cell = find_cells(metric, at, more);

	bool gauge = nova_metric_rows[metric].type == NOVA_METRIC_GAUGE;

	if (cell)
		atomic_store_explicit(cell, gauge ? bits_of(value) : (int64_t)value, memory_order_relaxed);
}

void nova_metric_observe(nova_metric metric, unsigned at, double seconds)
{
	_Atomic int64_t *cells = find_cells(metric, at, 0);
	size_t i = 0;

	if (!cells)
		return;
	while (i < BOUNDS && seconds > bounds[i])
		i++;
	atomic_fetch_add_explicit(&cells[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&cells[BOUNDS + 1], (int64_t)(seconds * 1e6), memory_order_relaxed);
}

void nova_metric_clear(nova_metric metric)
{
	family *f = atomic_load_explicit(&families[metric], memory_order_acquire);

	for (size_t i = 0; f && i < (size_t)f->n[0] * f->n[1]; i++)
		atomic_store_explicit(&f->cells[i], 0, memory_order_relaxed);
}

/* ---- text ---- */

static void append_escaped(GString *out, const char *value)
{
	for (const char *c = value; *c; c++) {
		if (*c == '\\' || *c == '"')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *c);
	}
}

static void append_number(GString *out, double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append(out, g_ascii_formatd(text, sizeof text, "%.12g", value));
}

/* name{label="value",...} with `le' last, if it has any. */
static void append_series(GString *out, const nova_metric_row *row, const char *suffix, const char *const values[],
			  const char *le)
{
	g_auto(GStrv) labels = g_strsplit(row->labels, ",", -1);
	const char *before = "{";

	g_string_append_printf(out, "%s%s", row->name, suffix);
	for (unsigned i = 0; labels[i]; i++) {
		g_string_append_printf(out, "%s%s=\"", before, labels[i]);
		append_escaped(out, values[i]);
		g_string_append_c(out, '"');
		before = ",";
	}
	if (le) {
		g_string_append_printf(out, "%sle=\"%s\"", before, le);
		before = ",";
	}
	g_string_append(out, *before == ',' ? "} " : " ");
}

static void print_histogram(GString *out, const nova_metric_row *row, _Atomic int64_t *cells,
			    const char *const values[])
{
	int64_t seen = 0;
	char le[G_ASCII_DTOSTR_BUF_SIZE];

	for (size_t i = 0; i <= BOUNDS; i++) {
		seen += atomic_load_explicit(&cells[i], memory_order_relaxed);
		append_series(out, row, "_bucket", values,
			      i < BOUNDS ? g_ascii_formatd(le, sizeof le, "%g", bounds[i]) : "+Inf");
		g_string_append_printf(out, "%" PRId64 "\n", seen);
	}
	append_series(out, row, "_sum", values, NULL);
	append_number(out, (double)atomic_load_explicit(&cells[BOUNDS + 1], memory_order_relaxed) / 1e6);
	g_string_append_c(out, '\n');
	append_series(out, row, "_count", values, NULL);
	g_string_append_printf(out, "%" PRId64 "\n", seen);
}

/* A labelled series that has never counted says nothing, and there are many. */
static bool is_silent(const nova_metric_row *row, _Atomic int64_t *cells)
{
	size_t n = row->type == NOVA_METRIC_HISTOGRAM ? BOUNDS + 1 : 1;

	for (size_t i = 0; i < n; i++)
		if (atomic_load_explicit(&cells[i], memory_order_relaxed))
			return false;
	return *row->labels && row->type != NOVA_METRIC_GAUGE;
}

static void print_one(GString *out, const nova_metric_row *row, _Atomic int64_t *cells, const char *const values[])
{
	int64_t value = atomic_load_explicit(cells, memory_order_relaxed);

	if (is_silent(row, cells))
		return;
	if (row->type == NOVA_METRIC_HISTOGRAM) {
		print_histogram(out, row, cells, values);
		return;
	}
	append_series(out, row, "", values, NULL);
	if (row->type == NOVA_METRIC_GAUGE)
		append_number(out, value_of(value));
	else
		g_string_append_printf(out, "%" PRId64, value);
	g_string_append_c(out, '\n');
}

void nova_metrics_print(GString *out)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	for (int m = 0; m < NOVA_METRIC__COUNT; m++) {
		family *f = atomic_load_explicit(&families[m], memory_order_acquire);
		const nova_metric_row *row = &nova_metric_rows[m];

		if (!f)
			continue;
		g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
				       types[row->type]);
		for (unsigned i = 0; i < f->n[0] * f->n[1]; i++) {
			const char *const values[] = { f->values[0] ? f->values[0][i / f->n[1]] : "",
						       f->values[1] ? f->values[1][i % f->n[1]] : "" };

			print_one(out, row, f->cells + i * cells_of((nova_metric)m), values);
		}
	}
}
