/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - lists for people: aligned columns under a header line.
 */
#pragma once

#include <stdio.h>

typedef struct nova_table nova_table;

/* `columns' ends with NULL. */
nova_table *nova_table_new(const char *const *columns);
/* One cell for each column, copied; NULL prints as an empty cell. */
void nova_table_add(nova_table *table, const char *const *cells);
void nova_table_print(nova_table *table, FILE *out);
void nova_table_free(nova_table *table);
