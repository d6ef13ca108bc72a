/* SPDX-License-Identifier: Apache-2.0
 *
 * output.h - one result, printed as the user wants it: a framed table, JSON, or bare values.
 */
#pragma once

#include "common/error.h"
#include "common/json_auto.h"

typedef enum nova_output_format {
	NOVA_OUTPUT_TABLE,
	NOVA_OUTPUT_JSON,
	NOVA_OUTPUT_VALUE
} nova_output_format;

bool nova_output_format_parse(const char *word, nova_output_format *ret, GError **error);

typedef struct nova_output nova_output;

/* `columns' ends with NULL. */
nova_output *nova_output_new(const char *const *columns);
/* One cell for each column, copied; NULL is an empty cell. */
void nova_output_add(nova_output *output, const char *const *cells);
/* JSON prints `data' (what the service said), not the cells; a table has a frame of +---+ and its
 * headings centred; value has one line a row, cells separated by a blank. */
void nova_output_print(const nova_output *output, nova_output_format format, json_object *data);
void nova_output_free(nova_output *output);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_output, nova_output_free)

/* A JSON value as a cell: strings bare, null as "-", objects as compact JSON.  Free with g_free().
 */
char *nova_output_cell(json_object *value);
