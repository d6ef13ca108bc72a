/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/table.h"

#include <glib.h>
#include <libsmartcols.h>

struct nova_table {
	struct libscols_table *columns;
	unsigned n;
};

nova_table *nova_table_new(const char *const *columns)
{
	nova_table *table = g_new0(nova_table, 1);

	table->columns = scols_new_table();
	g_assert(table->columns);
	for (; columns[table->n]; table->n++)
		g_assert(scols_table_new_column(table->columns, columns[table->n], 0, 0));
	return table;
}

void nova_table_add(nova_table *table, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(table->columns, NULL);

	g_assert(line);
	for (unsigned i = 0; i < table->n; i++)
		g_assert(scols_line_set_data(line, i, cells[i] ? cells[i] : "") == 0);
}

void nova_table_print(nova_table *table, FILE *out)
{
	scols_table_set_stream(table->columns, out);
	/* Full width also in a pipe: what is cut off cannot be copied. */
	scols_table_set_termforce(table->columns, SCOLS_TERMFORCE_NEVER);
	scols_print_table(table->columns);
}

void nova_table_free(nova_table *table)
{
	if (!table)
		return;
	scols_unref_table(table->columns);
	g_free(table);
}
