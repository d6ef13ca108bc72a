/* SPDX-License-Identifier: Apache-2.0 */
#include "api/pyrepr.h"

#include <string.h>

#define MAX_TEXT 4096 /* a fault must not become as large as the request that caused it */

void nova_pyrepr_append_string(GString *out, const char *text)
{
	char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';

	g_string_append_c(out, quote);
	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (out->len > MAX_TEXT) {
			g_string_append(out, "...");
			break;
		}
		if (c == '\\' || c == (unsigned char)quote)
			g_string_append_printf(out, "\\%c", (char)c);
		else if (c == '\n')
			g_string_append(out, "\\n");
		else if (c == '\t')
			g_string_append(out, "\\t");
		else if (c == '\r')
			g_string_append(out, "\\r");
		else if (c < 0x20 || c == 0x7f)
			g_string_append_printf(out, "\\x%02x", c);
		else
			g_string_append_unichar(out, c);
	}
	g_string_append_c(out, quote);
}

static void append_array(GString *out, json_object *array)
{
	size_t n = json_object_array_length(array);

	g_string_append_c(out, '[');
	for (size_t i = 0; i < n && out->len <= MAX_TEXT; i++) {
		if (i > 0)
			g_string_append(out, ", ");
		nova_pyrepr_append(out, json_object_array_get_idx(array, i));
	}
	g_string_append_c(out, ']');
}

static void append_object(GString *out, json_object *object)
{
	bool first = true;

	g_string_append_c(out, '{');
	json_object_object_foreach(object, key, value)
	{
		if (out->len > MAX_TEXT)
			break;
		if (!first)
			g_string_append(out, ", ");
		first = false;
		nova_pyrepr_append_string(out, key);
		g_string_append(out, ": ");
		nova_pyrepr_append(out, value);
	}
	g_string_append_c(out, '}');
}

void nova_pyrepr_append(GString *out, json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		g_string_append(out, "None");
		break;
	case json_type_boolean:
		g_string_append(out, json_object_get_boolean(value) ? "True" : "False");
		break;
	case json_type_string:
		nova_pyrepr_append_string(out, json_object_get_string(value));
		break;
	case json_type_array:
		append_array(out, value);
		break;
	case json_type_object:
		append_object(out, value);
		break;
	default:
		g_string_append(out, json_object_get_string(value));
		break;
	}
}

char *nova_pystr(json_object *value)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (json_object_get_type(value) == json_type_string)
		return g_strndup(json_object_get_string(value), MAX_TEXT);
	nova_pyrepr_append(out, value);
	return g_string_free(g_steal_pointer(&out), FALSE);
}
