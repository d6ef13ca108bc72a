/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_writer.h"

#include <inttypes.h>
#include <string.h>

void nova_json_writer_init(nova_json_writer *w, size_t expected)
{
	w->text = g_string_sized_new(expected);
	w->more = false;
}

char *nova_json_writer_finish(nova_json_writer *w, size_t *ret_length)
{
	*ret_length = w->text->len;
	return g_string_free(g_steal_pointer(&w->text), FALSE);
}

void nova_json_writer_drop(nova_json_writer *w)
{
	g_string_free(g_steal_pointer(&w->text), TRUE);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void put_escape(GString *out, unsigned char c)
{
	static const char letters[] = "\bb\nn\rr\tt\ff\"\"\\\\";

	for (const char *l = letters; *l; l += 2)
		if ((unsigned char)*l == c) {
			g_string_append_c(out, '\\');
			g_string_append_c(out, l[1]);
			return;
		}
	g_string_append_printf(out, "\\u%04x", c);
}

static void put_quoted(GString *out, const char *value)
{
	g_string_append_c(out, '"');
	while (*value) {
		size_t n = 0;

		while (is_plain((unsigned char)value[n]))
			n++;
		g_string_append_len(out, value, (ssize_t)n);
		value += n;
		if (*value)
			put_escape(out, (unsigned char)*value++);
	}
	g_string_append_c(out, '"');
}

/* Comma and key: what stands before every value. */
static void put_key(nova_json_writer *w, const char *key)
{
	if (w->more)
		g_string_append_c(w->text, ',');
	w->more = true;
	if (!key)
		return;
	put_quoted(w->text, key);
	g_string_append_c(w->text, ':');
}

void nova_json_begin(nova_json_writer *w, const char *key, char bracket)
{
	put_key(w, key);
	g_string_append_c(w->text, bracket);
	w->more = false;
}

void nova_json_end(nova_json_writer *w, char bracket)
{
	g_string_append_c(w->text, bracket);
	w->more = true;
}

void nova_json_put_str(nova_json_writer *w, const char *key, const char *value)
{
	put_key(w, key);
	if (value)
		put_quoted(w->text, value);
	else
		g_string_append(w->text, "null");
}

void nova_json_put_int(nova_json_writer *w, const char *key, int64_t value)
{
	char digits[24];

	put_key(w, key);
	g_snprintf(digits, sizeof digits, "%" PRId64, value);
	g_string_append(w->text, digits);
}

void nova_json_put_bool(nova_json_writer *w, const char *key, bool value)
{
	put_key(w, key);
	g_string_append(w->text, value ? "true" : "false");
}

void nova_json_put_text(nova_json_writer *w, const char *key, const char *text)
{
	bool in_string = false;

	put_key(w, key);
	for (; *text; text++) {
		if (!in_string && strchr(" \t\r\n", *text))
			continue;
		g_string_append_c(w->text, *text);
		if (in_string && *text == '\\' && text[1])
			g_string_append_c(w->text, *++text);
		else if (*text == '"')
			in_string = !in_string;
	}
}
