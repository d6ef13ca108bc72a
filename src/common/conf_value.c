/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf_value.h"

#include "common/error.h"

#include <math.h>
#include <string.h>

/* Enumeration members are stored through an int. */
G_STATIC_ASSERT(sizeof(nova_virt_type) == sizeof(int));
G_STATIC_ASSERT(sizeof(nova_log_level) == sizeof(int));

static void *member(const nova_conf *conf, const nova_opt *option)
{
	return (char *)conf + option->offset;
}

/* The words oslo.config takes, and no others. */
static bool parse_bool(const char *text, bool *ret_value)
{
	static const char *const words[2][4] = { { "false", "0", "off", "no" }, { "true", "1", "on", "yes" } };

	for (size_t value = 0; value < 2; value++)
		for (size_t i = 0; i < G_N_ELEMENTS(words[value]); i++)
			if (g_ascii_strcasecmp(text, words[value][i]) == 0) {
				*ret_value = value == 1;
				return true;
			}
	return false;
}

static bool set_int(int64_t *to, const nova_opt *option, const char *text, GError **error)
{
	const char *unit = option->unit ? option->unit : "";
	const char *digits = text + (text[0] == '-' || text[0] == '+');
	char *end = NULL;
	int64_t value;

	/* strtoll() would also take leading blanks and stop at junk. */
	value = g_ascii_strtoll(text, &end, 10);
	if (!g_ascii_isdigit(digits[0]) || *end)
		return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is not a whole number", text);
	if (value < option->min || value > option->max)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "%s is out of range: %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "%s%s", text,
				 option->min, option->max, unit[0] ? " " : "", unit);
	*to = value;
	return true;
}

static bool set_float(double *to, const nova_opt *option, const char *text, GError **error)
{
	char *end = NULL;
	double value = g_ascii_strtod(text, &end);

	if (end == text || *end || !isfinite(value) || strpbrk(text, "xX \t\n"))
		return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is not a number", text);
	if (value < option->float_min || value > option->float_max)
		return nova_fail(error, NOVA_FAULT_CONFIG, "%s is out of range: %g to %g", text,
				 option->float_min, option->float_max);
	*to = value;
	return true;
}

static bool set_str(char **to, const nova_opt *option, const char *text, GError **error)
{
	bool blanks = false;

	for (const char *c = text; *c; c++) {
		if (g_ascii_iscntrl(*c))
			return nova_fail(error, NOVA_FAULT_CONFIG,
					 "a value of several lines, or with control characters");
		blanks |= *c == ' ';
	}
	if (option->type == NOVA_OPT_HOST && (blanks || strchr(text, '/') || strlen(text) > 255))
		return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is neither a host name nor an address", text);
	if (option->type == NOVA_OPT_PATH && text[0] && text[0] != '/')
		return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is not an absolute path", text);
	g_free(*to);
	*to = g_strdup(text);
	return true;
}

/* Lines of a continued value are items too, with or without a comma at their ends. */
static char **split_list(const char *text)
{
	g_auto(GStrv) raw = g_strsplit_set(text, ",\n", -1);
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; raw[i]; i++)
		if (g_strstrip(raw[i])[0])
			g_ptr_array_add(items, g_strdup(raw[i]));
	g_ptr_array_add(items, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&items), FALSE);
}

bool nova_conf_value_set(nova_conf *conf, const nova_opt *option, const char *text, GError **error)
{
	void *to = member(conf, option);
	bool truth;
	int value;

	switch (option->type) {
	case NOVA_OPT_INT:
		return set_int(to, option, text, error);
	case NOVA_OPT_FLOAT:
		return set_float(to, option, text, error);
	case NOVA_OPT_BOOL:
		if (!parse_bool(text, &truth))
			return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is neither true nor false", text);
		*(bool *)to = truth;
		return true;
	case NOVA_OPT_ENUM:
		value = nova_names_find(option->names, text);
		if (value < 0) {
			g_autofree char *choices = nova_names_list(option->names);

			return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is not one of: %s", text, choices);
		}
		memcpy(to, &value, sizeof(value));
		return true;
	case NOVA_OPT_LIST:
		g_strfreev(*(char ***)to);
		*(char ***)to = split_list(text);
		return true;
	case NOVA_OPT_STR:
	case NOVA_OPT_SECRET_STR:
	case NOVA_OPT_HOST:
	case NOVA_OPT_PATH:
		break;
	}
	return set_str(to, option, text, error);
}

char *nova_conf_value_text(const nova_conf *conf, const nova_opt *option)
{
	const void *from = member(conf, option);
	char number[G_ASCII_DTOSTR_BUF_SIZE];
	int value;

	switch (option->type) {
	case NOVA_OPT_INT:
		return g_strdup_printf("%" G_GINT64_FORMAT, *(const int64_t *)from);
	case NOVA_OPT_FLOAT:
		return g_strdup(g_ascii_formatd(number, sizeof(number), "%.12g", *(const double *)from));
	case NOVA_OPT_BOOL:
		return g_strdup(*(const bool *)from ? "true" : "false");
	case NOVA_OPT_ENUM:
		memcpy(&value, from, sizeof(value));
		return g_strdup(nova_names_get(option->names, value));
	case NOVA_OPT_LIST:
		return g_strjoinv(", ", *(char **const *)from);
	case NOVA_OPT_STR:
	case NOVA_OPT_SECRET_STR:
	case NOVA_OPT_HOST:
	case NOVA_OPT_PATH:
		break;
	}
	return g_strdup(*(char *const *)from);
}

bool nova_conf_value_equal(const nova_conf *a, const nova_conf *b, const nova_opt *option)
{
	g_autofree char *text_a = nova_conf_value_text(a, option);
	g_autofree char *text_b = nova_conf_value_text(b, option);

	return g_strcmp0(text_a, text_b) == 0;
}

void nova_conf_value_clear(nova_conf *conf, const nova_opt *option)
{
	void *to = member(conf, option);

	switch (option->type) {
	case NOVA_OPT_STR:
	case NOVA_OPT_SECRET_STR:
	case NOVA_OPT_HOST:
	case NOVA_OPT_PATH:
		g_clear_pointer((char **)to, g_free);
		break;
	case NOVA_OPT_LIST:
		g_clear_pointer((char ***)to, g_strfreev);
		break;
	case NOVA_OPT_INT:
	case NOVA_OPT_FLOAT:
	case NOVA_OPT_BOOL:
	case NOVA_OPT_ENUM:
		break;
	}
}
