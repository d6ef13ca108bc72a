/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "client/output.h"

#include "common/json.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

struct nova_output {
	GPtrArray *columns;
	GPtrArray *rows; /* of GPtrArray of char * */
};

bool nova_output_format_parse(const char *word, nova_output_format *ret, GError **error)
{
	static const char *const words[] = { "table", "json", "value" };

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (nova_output_format)i;
			return true;
		}
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "there is no output format '%s'; there are table, json and value", word);
}

/* Control characters from names must not reach a terminal. */
static char *clean(const char *text)
{
	char *copy = g_strdup(text ? text : "");

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return copy;
}

nova_output *nova_output_new(const char *const *columns)
{
	nova_output *output = g_new0(nova_output, 1);

	output->columns = g_ptr_array_new_with_free_func(g_free);
	output->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	for (; *columns; columns++)
		g_ptr_array_add(output->columns, g_strdup(*columns));
	return output;
}

void nova_output_add(nova_output *output, const char *const *cells)
{
	GPtrArray *row = g_ptr_array_new_with_free_func(g_free);

	for (unsigned i = 0; i < output->columns->len; i++)
		g_ptr_array_add(row, clean(cells[i]));
	g_ptr_array_add(output->rows, row);
}

static int width_of(const char *text)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t n;
	int width = 0;

	while ((n = mbrtowc(&wide, text, MB_CUR_MAX, &state)) != 0) {
		if (n == (size_t)-1 || n == (size_t)-2)
			return width + (int)strlen(text); /* not of this locale: count bytes */
		width += MAX(wcwidth(wide), 0);
		text += n;
	}
	return width;
}

static void print_rule(const int *widths, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		putchar('+');
		for (int k = 0; k < widths[i] + 2; k++)
			putchar('-');
	}
	puts("+");
}

static void print_row(const GPtrArray *cells, const int *widths, bool centred)
{
	for (unsigned i = 0; i < cells->len; i++) {
		const char *text = g_ptr_array_index(cells, i);
		int width = width_of(text), room = widths[i] - width;
		/* An odd blank goes where every OpenStack client puts it. */
		int left = centred ? (room + (width % 2 == 0)) / 2 : 0;

		printf("| %*s%s%*s ", left, "", text, room - left, "");
	}
	puts("|");
}

static void print_table(const nova_output *output)
{
	unsigned n = output->columns->len;
	g_autofree int *widths = g_new0(int, n);

	for (unsigned i = 0; i < n; i++)
		widths[i] = width_of(g_ptr_array_index(output->columns, i));
	for (unsigned r = 0; r < output->rows->len; r++)
		for (unsigned i = 0; i < n; i++)
			widths[i] =
				MAX(widths[i],
				    width_of(g_ptr_array_index(
					    (GPtrArray *)g_ptr_array_index(output->rows, r), i)));
	print_rule(widths, n);
	print_row(output->columns, widths, true);
	print_rule(widths, n);
	for (unsigned r = 0; r < output->rows->len; r++)
		print_row(g_ptr_array_index(output->rows, r), widths, false);
	print_rule(widths, n);
}

void nova_output_print(const nova_output *output, nova_output_format format, json_object *data)
{
	if (format == NOVA_OUTPUT_TABLE) {
		print_table(output);
		return;
	}
	if (format == NOVA_OUTPUT_JSON) {
		puts(json_object_to_json_string_ext(data, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	for (unsigned r = 0; r < output->rows->len; r++) {
		const GPtrArray *row = g_ptr_array_index(output->rows, r);

		for (unsigned i = 0; i < row->len; i++)
			printf("%s%s", i ? " " : "", (const char *)g_ptr_array_index(row, i));
		putchar('\n');
	}
}

void nova_output_free(nova_output *output)
{
	if (!output)
		return;
	g_ptr_array_unref(output->columns);
	g_ptr_array_unref(output->rows);
	g_free(output);
}

char *nova_output_cell(json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return g_strdup("-");
	case json_type_boolean:
		return g_strdup(json_object_get_boolean(value) ? "True" : "False");
	case json_type_object:
	case json_type_array:
		return nova_json_dup_text(value, NULL);
	default:
		return g_strdup(json_object_get_string(value));
	}
}
