/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf.h"

#include "common/conf_check.h"
#include "common/conf_local.h"
#include "common/conf_value.h"
#include "common/error.h"
#include "common/ini.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE_BYTES (1024 * 1024)
#define MAX_PROBLEMS 20
#define MAX_DEPTH 8
#define DEFAULT_FILE NOVA_SYSCONFDIR "/nova-lite/nova-lite.conf"

NOVA_NAMES(nova_virt_type_names, "virt_type", NOVA_VIRT__COUNT, [NOVA_VIRT_QEMU] = "qemu",
	   [NOVA_VIRT_KVM] = "kvm");
NOVA_NAMES(nova_cpu_mode_names, "cpu_mode", NOVA_CPU__COUNT, [NOVA_CPU_NONE] = "none",
	   [NOVA_CPU_HOST_MODEL] = "host-model", [NOVA_CPU_CUSTOM] = "custom");
NOVA_NAMES(nova_migration_scheme_names, "live_migration_scheme", NOVA_SCHEME__COUNT, [NOVA_SCHEME_TCP] = "tcp",
	   [NOVA_SCHEME_TLS] = "tls", [NOVA_SCHEME_SSH] = "ssh");
NOVA_NAMES(nova_timeout_action_names, "live_migration_timeout_action", NOVA_TIMEOUT__COUNT,
	   [NOVA_TIMEOUT_ABORT] = "abort", [NOVA_TIMEOUT_FORCE_COMPLETE] = "force_complete");
NOVA_NAMES(nova_auth_names, "auth", NOVA_AUTH__COUNT, [NOVA_AUTH_NONE] = "none", [NOVA_AUTH_BASIC] = "basic",
	   [NOVA_AUTH_BUILTIN] = "builtin");

/* ---- the table ---- */

#define TEXT_ROW(type_, m, g, k, d, f, text) \
	{ .group = g, .key = k, .type = type_, .offset = offsetof(nova_conf, m), .def = d, .flags = f, .doc = text },

const nova_opt nova_options[] = {
#define OPT_STR(...) TEXT_ROW(NOVA_OPT_STR, __VA_ARGS__)
#define OPT_SECRET(...) TEXT_ROW(NOVA_OPT_SECRET_STR, __VA_ARGS__)
#define OPT_HOST(...) TEXT_ROW(NOVA_OPT_HOST, __VA_ARGS__)
#define OPT_PATH(...) TEXT_ROW(NOVA_OPT_PATH, __VA_ARGS__)
#define OPT_LIST(...) TEXT_ROW(NOVA_OPT_LIST, __VA_ARGS__)
#define OPT_BOOL(m, g, k, d, f, text) \
	{ .group = g, .key = k, .type = NOVA_OPT_BOOL, .offset = offsetof(nova_conf, m), \
	  .def = (d) ? "true" : "false", .flags = f, .doc = text },
#define OPT_INT(m, g, k, d, lo, hi, u, f, text) \
	{ .group = g, .key = k, .type = NOVA_OPT_INT, .offset = offsetof(nova_conf, m), .def = #d, .min = lo, \
	  .max = hi, .unit = u, .flags = f, .doc = text },
#define OPT_FLOAT(m, g, k, d, lo, hi, u, f, text) \
	{ .group = g, .key = k, .type = NOVA_OPT_FLOAT, .offset = offsetof(nova_conf, m), .def = #d, \
	  .float_min = lo, .float_max = hi, .unit = u, .flags = f, .doc = text },
#define OPT_ENUM(m, g, k, d, ctype, table, f, text) \
	{ .group = g, .key = k, .type = NOVA_OPT_ENUM, .offset = offsetof(nova_conf, m), .def = d, .names = &table, \
	  .flags = f, .doc = text },
#define OPT_ALIAS(...)
#include "common/options.def"
#undef OPT_STR
#undef OPT_SECRET
#undef OPT_HOST
#undef OPT_PATH
#undef OPT_LIST
#undef OPT_BOOL
#undef OPT_INT
#undef OPT_FLOAT
#undef OPT_ENUM
#undef OPT_ALIAS
};
const size_t nova_n_options = G_N_ELEMENTS(nova_options);

const nova_opt_alias nova_option_aliases[] = {
#define OPT_STR(...)
#define OPT_SECRET(...)
#define OPT_HOST(...)
#define OPT_PATH(...)
#define OPT_LIST(...)
#define OPT_BOOL(...)
#define OPT_INT(...)
#define OPT_FLOAT(...)
#define OPT_ENUM(...)
#define OPT_ALIAS(m, g, k) { .offset = offsetof(nova_conf, m), .group = g, .key = k },
#include "common/options.def"
};
const size_t nova_n_option_aliases = G_N_ELEMENTS(nova_option_aliases);

/* ---- gathering assignments ---- */

/* The last assignment of an option. */
typedef struct setting {
	char *text; /* NULL: not set */
	char *where; /* "file:line" */
	bool by_alias;
} setting;

typedef struct loader {
	setting *settings; /* one for each option */
	GPtrArray *problems; /* char * */
	GPtrArray *warnings;
	char *host, *address; /* for options left empty */
} loader;

static size_t find_option(const char *group, const char *key)
{
	size_t i = 0;

	while (i < nova_n_options &&
	       (strcmp(nova_options[i].group, group) != 0 || strcmp(nova_options[i].key, key) != 0))
		i++;
	return i;
}

static size_t find_alias(const char *group, const char *key)
{
	for (size_t a = 0; a < nova_n_option_aliases; a++) {
		const nova_opt_alias *alias = &nova_option_aliases[a];

		if (strcmp(alias->group, group) != 0 || strcmp(alias->key, key) != 0)
			continue;
		for (size_t i = 0; i < nova_n_options; i++)
			if (nova_options[i].offset == alias->offset)
				return i;
	}
	return nova_n_options;
}

static void complain(loader *l, const char *where, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void complain(loader *l, const char *where, const char *format, ...)
{
	g_autofree char *reason = NULL;
	va_list args;

	va_start(args, format);
	reason = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(l->problems, where ? g_strdup_printf("%s: %s", where, reason) : g_strdup(reason));
}

static void complain_unknown(loader *l, const nova_ini_entry *entry, const char *where)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	bool group_known = false;
	const char *near;

	for (size_t i = 0; i < nova_n_options; i++)
		group_known |= strcmp(nova_options[i].group, entry->group) == 0;
	for (size_t i = 0; i < nova_n_options; i++)
		if (strcmp(nova_options[i].key, entry->key) == 0) {
			complain(l, where, "no option '%s' in [%s]: it belongs to [%s]", entry->key, entry->group,
				 nova_options[i].group);
			return;
		}
	for (size_t i = 0; i < nova_n_options; i++)
		if (!group_known)
			g_ptr_array_add(words, (void *)nova_options[i].group);
		else if (strcmp(nova_options[i].group, entry->group) == 0)
			g_ptr_array_add(words, (void *)nova_options[i].key);
	g_ptr_array_add(words, NULL);
	near = nova_names_nearest(group_known ? entry->key : entry->group, (const char *const *)words->pdata);
	if (!group_known)
		complain(l, where, "unknown group [%s]%s%s%s", entry->group, near ? ", did you mean [" : "",
			 near ? near : "", near ? "]?" : "");
	else
		complain(l, where, "unknown option '%s' in [%s]%s%s%s", entry->key, entry->group,
			 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void assign(const nova_ini_entry *entry, void *data)
{
	loader *l = data;
	/* Like oslo.config: groups in any case, keys exactly. */
	g_autofree char *group = g_ascii_strcasecmp(entry->group, "DEFAULT") == 0 ?
				 g_strdup("DEFAULT") : g_ascii_strdown(entry->group, -1);
	g_autofree char *where = g_strdup_printf("%s:%u", entry->file, entry->line);
	size_t i = find_option(group, entry->key);
	bool by_alias = i == nova_n_options;
	nova_ini_entry normal = *entry;
	setting *s;

	normal.group = group;
	if (by_alias)
		i = find_alias(group, entry->key);
	if (i == nova_n_options) {
		complain_unknown(l, &normal, where);
		return;
	}
	if (by_alias)
		g_ptr_array_add(l->warnings,
				g_strdup_printf("%s: [%s] %s is an old spelling of [%s] %s, using it all the same",
						where, group, entry->key, nova_options[i].group, nova_options[i].key));
	s = &l->settings[i];
	if (s->text && by_alias && !s->by_alias)
		return; /* the current spelling wins wherever it stands */
	g_free(s->text);
	g_free(s->where);
	s->text = g_strdup(entry->value);
	s->where = g_steal_pointer(&where);
	s->by_alias = by_alias;
}

static void read_text(loader *l, const char *text, size_t length, const char *name)
{
	g_autoptr(GError) error = NULL;

	if (!nova_ini_parse(text, length, name, assign, l, &error))
		complain(l, NULL, "%s", error->message);
}

static void read_file(loader *l, const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	size_t length = 0;
	struct stat st;

	if (stat(file, &st) != 0)
		complain(l, file, "cannot be read: %s", g_strerror(errno));
	else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		complain(l, file, "not a file");
	else if (st.st_size > MAX_FILE_BYTES)
		complain(l, file, "larger than %d bytes", MAX_FILE_BYTES);
	else if (!g_file_get_contents(file, &text, &length, &error))
		complain(l, file, "cannot be read: %s", error->message);
	else
		read_text(l, text, length, file);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_dir(loader *l, const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
	const char *name;

	if (!dir) {
		complain(l, path, "cannot be read: %s", error->message);
		return;
	}
	while ((name = g_dir_read_name(dir)))
		if (name[0] != '.' && g_str_has_suffix(name, ".conf"))
			g_ptr_array_add(files, g_build_filename(path, name, NULL));
	g_ptr_array_sort(files, compare_names);
	for (size_t i = 0; i < files->len; i++)
		read_file(l, files->pdata[i]);
}

/* ---- substitution ---- */

static bool expand(const loader *l, size_t option, unsigned depth, GString *out, GError **error);

static size_t word_length(const char *text)
{
	size_t n = 0;

	if (!g_ascii_isalpha(text[0]) && text[0] != '_')
		return 0;
	while (g_ascii_isalnum(text[n]) || text[n] == '_' || text[n] == '.')
		n++;
	while (text[n - 1] == '.')
		n--;
	return n;
}

/* The option a $word means where it stands in a value of `option'. */
static size_t find_reference(size_t option, const char *word)
{
	const char *dot = strchr(word, '.');
	size_t found = nova_n_options;

	if (dot) {
		g_autofree char *group = g_strndup(word, (size_t)(dot - word));

		return find_option(group, dot + 1);
	}
	found = find_option(nova_options[option].group, word);
	return found < nova_n_options ? found : find_option("DEFAULT", word);
}

static bool expand_reference(const loader *l, size_t option, const char *word, unsigned depth, GString *out,
			     GError **error)
{
	bool secret = nova_options[option].type == NOVA_OPT_SECRET_STR;
	size_t target = find_reference(option, word);

	if (target == nova_n_options) {
		/* What follows the $ may be a piece of a password. */
		return nova_fail(error, NOVA_FAULT_CONFIG, "$%s names no option; write $$ for a dollar sign",
				 secret ? "..." : word);
	}
	if (!secret && nova_options[target].type == NOVA_OPT_SECRET_STR)
		return nova_fail(error, NOVA_FAULT_CONFIG, "$%s is a secret and cannot be used here", word);
	if (depth >= MAX_DEPTH)
		return nova_fail(error, NOVA_FAULT_CONFIG, "$%s refers to itself", word);
	return expand(l, target, depth + 1, out, error);
}

static bool expand_text(const loader *l, size_t option, const char *text, unsigned depth, GString *out,
			GError **error)
{
	while (*text) {
		bool braced = text[0] == '$' && text[1] == '{';
		size_t n = text[0] == '$' ? word_length(text + 1 + braced) : 0;

		if ((text[0] == '$' || text[0] == '\\') && text[1] == '$') {
			g_string_append_c(out, '$');
			text += 2;
		} else if (n > 0 && (!braced || text[2 + n] == '}')) {
			g_autofree char *word = g_strndup(text + 1 + braced, n);

			if (!expand_reference(l, option, word, depth, out, error))
				return false;
			text += 1 + n + 2 * braced;
		} else {
			g_string_append_c(out, *text++);
		}
	}
	return true;
}

/* Appends what the option will be as text. */
static bool expand(const loader *l, size_t option, unsigned depth, GString *out, GError **error)
{
	const setting *s = &l->settings[option];
	const char *text = s->text ? s->text : nova_options[option].def;

	if (!text[0] && nova_options[option].offset == offsetof(nova_conf, host))
		text = l->host;
	else if (!text[0] && nova_options[option].offset == offsetof(nova_conf, my_ip))
		text = l->address;
	return expand_text(l, option, text, depth, out, error);
}

/* ---- the whole ---- */

static void free_settings(setting *settings)
{
	for (size_t i = 0; i < nova_n_options; i++) {
		g_free(settings[i].text);
		g_free(settings[i].where);
	}
	g_free(settings);
}

static char **take_strings(GPtrArray *strings)
{
	g_ptr_array_add(strings, NULL);
	return (char **)g_ptr_array_free(strings, FALSE);
}

static void convert_all(loader *l, nova_conf *conf)
{
	for (size_t i = 0; i < nova_n_options; i++) {
		const nova_opt *option = &nova_options[i];
		g_autoptr(GString) text = g_string_new(NULL);
		g_autoptr(GError) error = NULL;

		if (expand(l, i, 0, text, &error) && nova_conf_value_set(conf, option, text->str, &error))
			continue;
		/* A default that is wrong because of an option it refers to: that one has been
		 * named. */
		if (l->settings[i].where || l->problems->len == 0)
			complain(l, l->settings[i].where, "[%s] %s: %s", option->group, option->key, error->message);
	}
}

static nova_conf *new_conf(void)
{
	return g_atomic_rc_box_new0(nova_conf);
}

static void fail_with(GPtrArray *problems, GError **error)
{
	size_t shown = MIN(problems->len, MAX_PROBLEMS);
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < shown; i++)
		g_string_append_printf(text, "%s%s", i ? "\n" : "", (char *)problems->pdata[i]);
	if (shown < problems->len)
		g_string_append_printf(text, "\n(and %zu more)", (size_t)problems->len - shown);
	nova_fail(error, NOVA_FAULT_CONFIG, "%s", text->str);
}

static nova_conf *load(const nova_conf_source *source, const char *text, const char *name, char ***ret_warnings,
		       GError **error)
{
	g_autoptr(nova_conf) conf = new_conf();
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	GPtrArray *warnings = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *host = nova_conf_local_host();
	g_autofree char *address = nova_conf_local_address();
	loader l = { g_new0(setting, nova_n_options), problems, warnings, host, address };

	if (text)
		read_text(&l, text, strlen(text), name);
	for (size_t i = 0; source && source->files && source->files[i]; i++)
		read_file(&l, source->files[i]);
	for (size_t i = 0; source && source->dirs && source->dirs[i]; i++)
		read_dir(&l, source->dirs[i]);
	if (source && !(source->files && source->files[0]) && !(source->dirs && source->dirs[0]) &&
	    g_file_test(DEFAULT_FILE, G_FILE_TEST_EXISTS))
		read_file(&l, DEFAULT_FILE);
	convert_all(&l, conf);
	conf->origins = g_new0(char *, nova_n_options);
	for (size_t i = 0; i < nova_n_options; i++)
		conf->origins[i] = g_steal_pointer(&l.settings[i].where);
	if (problems->len == 0)
		nova_conf_check(conf, problems);
	free_settings(l.settings);
	if (problems->len > 0) {
		g_ptr_array_unref(warnings);
		fail_with(problems, error);
		return NULL;
	}
	if (ret_warnings)
		*ret_warnings = take_strings(warnings);
	else
		g_ptr_array_unref(warnings);
	return g_steal_pointer(&conf);
}

nova_conf *nova_conf_load(const nova_conf_source *source, char ***ret_warnings, GError **error)
{
	return load(source, NULL, NULL, ret_warnings, error);
}

nova_conf *nova_conf_parse(const char *text, const char *name, char ***ret_warnings, GError **error)
{
	return load(NULL, text, name, ret_warnings, error);
}

nova_conf *nova_conf_reload(const nova_conf *old, const nova_conf_source *source, char ***ret_changed,
			    char ***ret_restart, char ***ret_warnings, GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) warnings = NULL;
	g_autoptr(nova_conf) conf = nova_conf_load(source, &warnings, error);
	GPtrArray *changed, *restart;

	if (!conf)
		return NULL;
	changed = g_ptr_array_new_with_free_func(g_free);
	restart = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; i < nova_n_options; i++) {
		const nova_opt *option = &nova_options[i];
		bool reload = option->flags & NOVA_OPT_RELOAD;
		g_autofree char *text = NULL;

		if (nova_conf_value_equal(old, conf, option))
			continue;
		g_ptr_array_add(reload ? changed : restart, g_strdup_printf("[%s] %s", option->group, option->key));
		text = nova_conf_value_text(old, option);
		if (!reload && !nova_conf_value_set(conf, option, text, NULL))
			g_error("[%s] %s: a value that was in effect cannot be set", option->group, option->key);
	}
	/* Old and new values together are a configuration nobody has looked at yet. */
	nova_conf_check(conf, problems);
	if (problems->len > 0) {
		g_ptr_array_unref(changed);
		g_ptr_array_unref(restart);
		fail_with(problems, error);
		return NULL;
	}
	if (ret_changed)
		*ret_changed = take_strings(changed);
	else
		g_ptr_array_unref(changed);
	if (ret_restart)
		*ret_restart = take_strings(restart);
	else
		g_ptr_array_unref(restart);
	if (ret_warnings)
		*ret_warnings = g_steal_pointer(&warnings);
	return g_steal_pointer(&conf);
}

const char *nova_conf_origin(const nova_conf *conf, const char *group, const char *key)
{
	size_t i = find_option(group, key);

	return conf->origins && i < nova_n_options ? conf->origins[i] : NULL;
}

bool nova_conf_blame(const nova_conf *conf, const char *group, const char *key, GError **error)
{
	const char *origin = nova_conf_origin(conf, group, key);

	if (origin)
		g_prefix_error(error, "%s: ", origin);
	return false;
}

static void clear_conf(void *data)
{
	nova_conf *conf = data;

	for (size_t i = 0; i < nova_n_options; i++) {
		nova_conf_value_clear(conf, &nova_options[i]);
		if (conf->origins)
			g_free(conf->origins[i]);
	}
	g_free(conf->origins);
}

nova_conf *nova_conf_ref(const nova_conf *conf)
{
	return g_atomic_rc_box_acquire((nova_conf *)conf);
}

void nova_conf_unref(nova_conf *conf)
{
	if (conf)
		g_atomic_rc_box_release_full(conf, clear_conf);
}

char *nova_conf_show(const nova_conf *conf, const nova_opt *option)
{
	g_autofree char *text = nova_conf_value_text(conf, option);

	return option->type == NOVA_OPT_SECRET_STR && text[0] ? g_strdup("****") : g_steal_pointer(&text);
}
