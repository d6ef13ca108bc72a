/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ini.h"

#include "common/error.h"

#include <string.h>

typedef struct parser {
	const char *file;
	unsigned line;
	nova_ini_callback callback;
	void *data;
	char *group;
	char *key; /* NULL: nothing to continue */
	unsigned key_line;
	GString *value;
} parser;

static bool refuse(const parser *p, GError **error, const char *reason)
{
	return nova_fail(error, NOVA_FAULT_CONFIG, "%s:%u: %s", p->file, p->line, reason);
}

static void flush(parser *p)
{
	if (!p->key)
		return;

	nova_ini_entry entry = { p->group, p->key, p->value->str, p->file, p->key_line };

	p->callback(&entry, p->data);
	g_clear_pointer(&p->key, g_free);
	g_string_truncate(p->value, 0);
}

static bool read_group(parser *p, const char *line, GError **error)
{
	size_t length = strlen(line);

	if (line[length - 1] != ']')
		return refuse(p, error, "a group must end with ']'");
	if (length <= 2)
		return refuse(p, error, "empty group name");
	g_free(p->group);
	p->group = g_strndup(line + 1, length - 2);
	return true;
}

static bool read_assignment(parser *p, const char *line, GError **error)
{
	const char *separator = strpbrk(line, ":=");
	g_autofree char *key = NULL;
	g_autofree char *value = NULL;
	size_t length;

	if (!separator)
		return refuse(p, error, "neither a group, a comment nor 'key = value'");
	key = g_strstrip(g_strndup(line, (size_t)(separator - line)));
	if (!key[0])
		return refuse(p, error, "nothing before the '='");
	if (!p->group)
		return refuse(p, error, "a group such as [DEFAULT] must come before the first option");
	value = g_strstrip(g_strdup(separator + 1));
	length = strlen(value);
	if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
		value[length - 1] = '\0';
		g_string_assign(p->value, value + 1);
	} else {
		g_string_assign(p->value, value);
	}
	p->key = g_steal_pointer(&key);
	p->key_line = p->line;
	return true;
}

static bool read_line(parser *p, char *line, GError **error)
{
	g_strchomp(line);
	if (!line[0]) {
		flush(p);
		return true;
	}
	if (line[0] == ' ' || line[0] == '\t') {
		if (!p->key)
			return refuse(p, error, "an indented line, but no value above it to continue");
		g_string_append_c(p->value, '\n');
		g_string_append(p->value, g_strchug(line));
		return true;
	}
	flush(p);
	if (line[0] == '[')
		return read_group(p, line, error);
	if (line[0] == '#' || line[0] == ';')
		return true;
	return read_assignment(p, line, error);
}

bool nova_ini_parse(const char *text, size_t length, const char *file, nova_ini_callback callback, void *data,
		    GError **error)
{
	parser p = { .file = file, .callback = callback, .data = data };
	const char *end = text + length;
	bool ok = true;

	p.value = g_string_new(NULL);
	while (ok && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		g_autofree char *line = g_strndup(text, (size_t)(stop - text));

		p.line++;
		/* g_utf8_validate() also refuses a NUL, where g_strndup() stopped. */
		if (!g_utf8_validate(text, stop - text, NULL))
			ok = refuse(&p, error, "not UTF-8 text");
		else
			ok = read_line(&p, line, error);
		text = newline ? newline + 1 : end;
	}
	if (ok)
		flush(&p);
	g_free(p.key);
	g_free(p.group);
	g_string_free(p.value, TRUE);
	return ok;
}
