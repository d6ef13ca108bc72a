/* SPDX-License-Identifier: Apache-2.0
 *
 * conf.h - the configuration of one process.
 *
 * options.def lists every option; a nova_conf holds one value for each, parsed, substituted and in
 * range. It never changes once it exists: a reload makes a new one.  It is counted: whoever keeps
 * one holds a reference (nova_conf_ref(), g_autoptr(nova_conf)); strings in it live as long as it
 * does.  Any thread may read it.  Daemons do not keep a nova_conf across operations but take the
 * current one from their service (nova_service_conf()), so that reloadable options take effect with
 * the next operation.
 *
 * Reading follows oslo.config: files in the order given, then *.conf of each directory in sorted
 * order; the last assignment wins.  $key and ${key} (an option of the same group, else of
 * [DEFAULT]) and $group.key are replaced by that option's value; $$ and \$ are a dollar sign.
 * Unlike oslo.config, an option or group nobody knows is an error: a misspelled option must not be
 * a silent default.
 */
#pragma once

#include "common/log.h"
#include "common/names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum nova_virt_type { NOVA_VIRT_QEMU, NOVA_VIRT_KVM, NOVA_VIRT__COUNT } nova_virt_type;

typedef enum nova_cpu_mode {
	NOVA_CPU_NONE,
	NOVA_CPU_HOST_MODEL,
	NOVA_CPU_CUSTOM,
	NOVA_CPU__COUNT
} nova_cpu_mode;

typedef enum nova_migration_scheme {
	NOVA_SCHEME_TCP,
	NOVA_SCHEME_TLS,
	NOVA_SCHEME_SSH,
	NOVA_SCHEME__COUNT
} nova_migration_scheme;

typedef enum nova_timeout_action {
	NOVA_TIMEOUT_ABORT,
	NOVA_TIMEOUT_FORCE_COMPLETE,
	NOVA_TIMEOUT__COUNT
} nova_timeout_action;

typedef enum nova_auth { NOVA_AUTH_NONE, NOVA_AUTH_BASIC, NOVA_AUTH_BUILTIN, NOVA_AUTH__COUNT } nova_auth;

extern const nova_names nova_virt_type_names;
extern const nova_names nova_cpu_mode_names;
extern const nova_names nova_migration_scheme_names;
extern const nova_names nova_timeout_action_names;
extern const nova_names nova_auth_names;

typedef struct nova_conf {
#define OPT_STR(member, ...) char *member;
#define OPT_SECRET(member, ...) char *member;
#define OPT_HOST(member, ...) char *member;
#define OPT_PATH(member, ...) char *member;
#define OPT_LIST(member, ...) char **member;
#define OPT_BOOL(member, ...) bool member;
#define OPT_INT(member, ...) int64_t member;
#define OPT_FLOAT(member, ...) double member;
#define OPT_ENUM(member, group, key, def, ctype, ...) ctype member;
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
	char **origins; /* by option of the table: "file:line", or NULL for a default; of conf.c alone */
} nova_conf;

/* ---- the option table ---- */

typedef enum nova_opt_type {
	NOVA_OPT_STR,
	NOVA_OPT_SECRET_STR, /* never printed: dump and errors show **** */
	NOVA_OPT_HOST,       /* a host name or address: no blanks, no slash */
	NOVA_OPT_PATH,       /* absolute */
	NOVA_OPT_LIST,       /* comma separated, blanks around items dropped */
	NOVA_OPT_BOOL,       /* true 1 on yes, false 0 off no, in any case */
	NOVA_OPT_INT,
	NOVA_OPT_FLOAT,
	NOVA_OPT_ENUM
} nova_opt_type;

enum {
	NOVA_OPT_RELOAD = 1 << 0, /* SIGHUP changes it; others need a restart */
};

typedef struct nova_opt {
	const char *group, *key;
	nova_opt_type type;
	size_t offset;  /* of the member in nova_conf */
	const char *def; /* as a file would spell it */
	int64_t min, max; /* INT */
	double float_min, float_max; /* FLOAT */
	const nova_names *names; /* ENUM */
	const char *unit; /* or NULL */
	unsigned flags;
	const char *doc;
} nova_opt;

typedef struct nova_opt_alias {
	size_t offset; /* of the option it stands for */
	const char *group, *key;
} nova_opt_alias;

extern const nova_opt nova_options[];
extern const size_t nova_n_options;
extern const nova_opt_alias nova_option_aliases[];
extern const size_t nova_n_option_aliases;

/* ---- reading ---- */

/* Where the configuration comes from, in command line order.  Without any:
 * NOVA_SYSCONFDIR/nova-lite/nova-lite.conf if it exists. */
typedef struct nova_conf_source {
	char **files; /* NULL-terminated, or NULL */
	char **dirs;  /* likewise */
} nova_conf_source;

/* Reads everything.  On failure (CONFIG) the error has one line for each thing that is wrong, up to
 * 20, each beginning "file:line:".  `ret_warnings' (may be NULL) gets a line for each deprecated
 * spelling in use; free it with g_strfreev(). */
nova_conf *nova_conf_load(const nova_conf_source *source, char ***ret_warnings, GError **error);

/* The same from text, as if it stood in a file of that name. */
nova_conf *nova_conf_parse(const char *text, const char *name, char ***ret_warnings, GError **error);

/* Reads again: a copy of `old' in which the reloadable options have their new values.
 * `ret_restart' gets "[group] key" for every option that also changed but needs a restart,
 * `ret_changed' for every one that was taken over (either may be NULL; free with g_strfreev()).  On
 * failure keep using `old'. */
nova_conf *nova_conf_reload(const nova_conf *old, const nova_conf_source *source, char ***ret_changed,
			    char ***ret_restart, char ***ret_warnings, GError **error);

nova_conf *nova_conf_ref(const nova_conf *conf);
void nova_conf_unref(nova_conf *conf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_conf, nova_conf_unref)

/* Puts "file:line: " of the option's assignment in front of the error, if it has been assigned: for those who
 * know more about its value than this table.  Always false. */
bool nova_conf_blame(const nova_conf *conf, const char *group, const char *key, GError **error);

/* That "file:line", or NULL for an option that has its default. */
const char *nova_conf_origin(const nova_conf *conf, const char *group, const char *key);

/* The value of one option as a file would spell it, with secrets as "****"; free with g_free(). */
char *nova_conf_show(const nova_conf *conf, const nova_opt *option);

/* ---- the current configuration of a daemon: one writer, many readers ---- */

typedef struct nova_conf_slot nova_conf_slot;

/* Takes over the caller's reference. */
nova_conf_slot *nova_conf_slot_new(nova_conf *conf);
void nova_conf_slot_free(nova_conf_slot *slot);

/* A new reference to the current one; never NULL. */
nova_conf *nova_conf_slot_get(nova_conf_slot *slot);

/* Replaces it, taking over the caller's reference. */
void nova_conf_slot_set(nova_conf_slot *slot, nova_conf *conf);

/* ---- printing, from the same table ---- */

void nova_conf_print_sample(FILE *out); /* etc/nova-lite.conf */
void nova_conf_print_man(FILE *out);    /* the OPTIONS section of nova-lite.conf(5), mdoc */
void nova_conf_print_dump(const nova_conf *conf, FILE *out); /* every option as it is in effect */
