/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf.h"

#include "common/conf_value.h"

#include <string.h>

#define SAMPLE_WIDTH 79
#define MAN_WIDTH 72 /* some characters are written as two */

static bool is_secret(const nova_opt *option)
{
	return option->type == NOVA_OPT_SECRET_STR;
}

static const char *type_name(const nova_opt *option)
{
	static const char *const names[] = {
		[NOVA_OPT_STR] = "text",
		[NOVA_OPT_SECRET_STR] = "text, secret",
		[NOVA_OPT_HOST] = "host name or address",
		[NOVA_OPT_PATH] = "path",
		[NOVA_OPT_LIST] = "comma separated list",
		[NOVA_OPT_BOOL] = "true or false",
		[NOVA_OPT_INT] = "integer",
		[NOVA_OPT_FLOAT] = "number",
		[NOVA_OPT_ENUM] = "choice",
	};

	return names[option->type];
}

/* "integer, 1 to 3600 seconds" or "choice: abort or force_complete" */
static char *describe_type(const nova_opt *option)
{
	const char *unit = option->unit ? option->unit : "";
	const char *space = unit[0] ? " " : "";
	g_autofree char *choices = NULL;

	switch (option->type) {
	case NOVA_OPT_INT:
		return g_strdup_printf("integer, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "%s%s", option->min,
				       option->max, space, unit);
	case NOVA_OPT_FLOAT:
		return g_strdup_printf("number, %.12g to %.12g%s%s", option->float_min, option->float_max, space, unit);
	case NOVA_OPT_ENUM:
		choices = nova_names_list(option->names);
		return g_strdup_printf("choice: %s", choices);
	case NOVA_OPT_STR:
	case NOVA_OPT_SECRET_STR:
	case NOVA_OPT_HOST:
	case NOVA_OPT_PATH:
	case NOVA_OPT_LIST:
	case NOVA_OPT_BOOL:
		break;
	}
	return g_strdup(type_name(option));
}

/* Writes text as comment lines broken at blanks. */
static void print_comment(FILE *out, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	size_t column = 0;

	for (size_t i = 0; words[i]; i++) {
		size_t length = strlen(words[i]);

		if (!length)
			continue;
		if (column && column + 1 + length > SAMPLE_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%s", column ? " " : "# ", words[i]);
	}
	fputc('\n', out);
}

/* Groups in the order of their first option; the rows of one group need not stand together. */
static bool is_first_of_group(size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(nova_options[i].group, nova_options[index].group) == 0)
			return false;
	return true;
}

typedef void (*print_option)(const nova_opt *option, const nova_conf *conf, FILE *out);
typedef void (*print_group)(const char *group, FILE *out); /* NULL: the end of one */

static void walk(print_group group, print_option option, const nova_conf *conf, FILE *out)
{
	for (size_t g = 0; g < nova_n_options; g++) {
		if (!is_first_of_group(g))
			continue;
		group(nova_options[g].group, out);
		for (size_t i = g; i < nova_n_options; i++)
			if (strcmp(nova_options[i].group, nova_options[g].group) == 0)
				option(&nova_options[i], conf, out);
		group(NULL, out);
	}
}

/* ---- sample ---- */

static void sample_group(const char *group, FILE *out)
{
	if (group)
		fprintf(out, "\n[%s]\n", group);
}

static void sample_option(const nova_opt *option, const nova_conf *conf, FILE *out)
{
	g_autofree char *type = describe_type(option);

	(void)conf;
	fputc('\n', out);
	print_comment(out, option->doc);
	fprintf(out, "# (%s%s)\n", type, option->flags & NOVA_OPT_RELOAD ? "; reloadable" : "");
	fprintf(out, "#%s =%s%s\n", option->key, option->def[0] ? " " : "", option->def);
}

void nova_conf_print_sample(FILE *out)
{
	fputs("# nova-lite.conf - every option with its default; see nova-lite.conf(5).\n"
	      "# Written by `nova-lite-manage config sample'.  Remove the # before an option to change it.\n"
	      "# Options marked reloadable take effect when a service gets SIGHUP, others when it starts.\n", out);
	walk(sample_group, sample_option, NULL, out);
}

/* ---- manual page ---- */

/* Text in mdoc: a backslash, and a line that begins with . or ', would be read as commands. */
static void print_roff(FILE *out, const char *text)
{
	bool line_start = true;

	/* A hyphen in text may become a longer dash; what users type is written as minus signs. */
	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		line_start = *text == '\n';
	}
}

/* A new line for each sentence, as mdoc(7) asks for, and before a line gets too long. */
static void print_sentences(FILE *out, const char *doc)
{
	g_auto(GStrv) words = g_strsplit(doc, " ", -1);
	g_autoptr(GString) text = g_string_new(NULL);
	size_t column = 0;
	bool stop = false;

	for (size_t i = 0; words[i]; i++) {
		size_t length = strlen(words[i]);

		if (!length)
			continue;
		if (column && (stop || column + 1 + length > MAN_WIDTH)) {
			g_string_append_c(text, '\n');
			column = 0;
		} else if (column) {
			g_string_append_c(text, ' ');
		}
		g_string_append(text, words[i]);
		column += length + 1;
		stop = words[i][length - 1] == '.';
	}
	print_roff(out, text->str);
	fputc('\n', out);
}

static void man_group(const char *group, FILE *out)
{
	if (group)
		fprintf(out, ".Ss Group %s\n.Bl -tag -width Ds\n", group);
	else
		fputs(".El\n", out);
}

static void man_option(const nova_opt *option, const nova_conf *conf, FILE *out)
{
	g_autofree char *type = describe_type(option);

	(void)conf;
	fprintf(out, ".It Ic %s\n", option->key);
	print_sentences(out, option->doc);
	fputs(".br\n(", out);
	print_roff(out, type);
	fputs(option->flags & NOVA_OPT_RELOAD ? "; reloadable;\n" : ";\n", out);
	if (option->def[0]) {
		fputs("default: ", out);
		print_roff(out, option->def);
		fputs(")\n", out);
	} else {
		fputs("not set by default)\n", out);
	}
	for (size_t a = 0; a < nova_n_option_aliases; a++)
		if (nova_option_aliases[a].offset == option->offset)
			fprintf(out, ".br\nOld spelling:\n.Ic %s\nin [%s].\n", nova_option_aliases[a].key,
				nova_option_aliases[a].group);
}

void nova_conf_print_man(FILE *out)
{
	walk(man_group, man_option, NULL, out);
}

/* ---- dump ---- */

static void dump_group(const char *group, FILE *out)
{
	if (group)
		fprintf(out, "[%s]\n", group);
}

static void dump_option(const nova_opt *option, const nova_conf *conf, FILE *out)
{
	g_autofree char *text = nova_conf_show(conf, option);
	g_auto(GStrv) parts = g_strsplit(text, "$", -1);
	/* So that the dump, read again, means the same. */
	g_autofree char *escaped = g_strjoinv("$$", parts);

	fprintf(out, "%s%s =%s%s\n", is_secret(option) ? "# " : "", option->key, escaped[0] ? " " : "", escaped);
}

void nova_conf_print_dump(const nova_conf *conf, FILE *out)
{
	walk(dump_group, dump_option, conf, out);
}
