/* SPDX-License-Identifier: Apache-2.0 */
#include "db/query.h"

#include "db/result.h"

#include <stdlib.h>
#include <string.h>

nova_arg nova_arg_null(void)
{
	return (nova_arg) { .type = NOVA_ARG_NULL };
}

nova_arg nova_arg_int(int64_t value)
{
	return (nova_arg) { .type = NOVA_ARG_INT, .i = value };
}

nova_arg nova_arg_bool(bool value)
{
	return (nova_arg) { .type = NOVA_ARG_BOOL, .i = value };
}

nova_arg nova_arg_float(double value)
{
	return (nova_arg) { .type = NOVA_ARG_FLOAT, .f = value };
}

nova_arg nova_arg_text(const char *text)
{
	return (nova_arg) { .type = text ? NOVA_ARG_TEXT : NOVA_ARG_NULL, .text = text };
}

nova_arg nova_arg_id(int64_t id)
{
	return id ? nova_arg_int(id) : nova_arg_null();
}

char *nova_arg_array(const char *const *words)
{
	GString *out = g_string_new("{");

	for (size_t i = 0; words && words[i]; i++) {
		g_string_append(out, i ? ",\"" : "\"");
		for (const char *c = words[i]; *c; c++) {
			if (*c == '"' || *c == '\\')
				g_string_append_c(out, '\\');
			g_string_append_c(out, *c);
		}
		g_string_append_c(out, '"');
	}
	g_string_append_c(out, '}');
	return g_string_free(out, FALSE);
}

nova_result *nova_result_new(PGresult *pg)
{
	nova_result *result = g_new0(nova_result, 1);

	result->pg = pg;
	result->row = -1;
	return result;
}

void nova_result_free(nova_result *result)
{
	if (!result)
		return;
	PQclear(result->pg);
	g_free(result);
}

int nova_result_count(const nova_result *result)
{
	return PQntuples(result->pg);
}

bool nova_result_next(nova_result *result)
{
	result->column = 0;
	if (result->row + 1 >= PQntuples(result->pg))
		return false;
	result->row++;
	return true;
}

/* The column after the one asked for last is tried first. */
static int column_of(nova_result *result, const char *column)
{
	int n = PQnfields(result->pg);

	g_assert(result->row >= 0);
	for (int i = 0; i < n; i++) {
		int at = (result->column + i) % n;

		if (strcmp(PQfname(result->pg, at), column) == 0) {
			result->column = at + 1;
			return at;
		}
	}
	g_printerr("a statement was asked for column '%s', which it does not return\n", column);
	abort();
}

const char *nova_result_text(nova_result *result, const char *column)
{
	int at = column_of(result, column);

	return PQgetisnull(result->pg, result->row, at) ? NULL : PQgetvalue(result->pg, result->row, at);
}

bool nova_result_is_null(nova_result *result, const char *column)
{
	return !nova_result_text(result, column);
}

char *nova_result_dup(nova_result *result, const char *column)
{
	return g_strdup(nova_result_text(result, column));
}

int64_t nova_result_int(nova_result *result, const char *column)
{
	const char *text = nova_result_text(result, column);

	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

bool nova_result_bool(nova_result *result, const char *column)
{
	const char *text = nova_result_text(result, column);

	return text && text[0] == 't';
}

double nova_result_float(nova_result *result, const char *column)
{
	const char *text = nova_result_text(result, column);

	return text ? g_ascii_strtod(text, NULL) : 0.0;
}
