/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf_check.h"

#include <string.h>

/* What is looked at, and the options a rule is about: the first that was assigned is where to look. */
typedef struct rule {
	const nova_conf *conf;
	GPtrArray *problems;
	const char *group, *keys[2];
} rule;

static void problem(const rule *r, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void problem(const rule *r, const char *format, ...)
{
	g_autofree char *text = NULL;
	const char *origin = NULL;
	va_list args;

	for (size_t i = 0; i < G_N_ELEMENTS(r->keys) && r->keys[i] && !origin; i++)
		origin = nova_conf_origin(r->conf, r->group, r->keys[i]);
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(r->problems, g_strdup_printf("%s%s%s", origin ? origin : "", origin ? ": " : "", text));
}

static void check_liveness(const nova_conf *conf, GPtrArray *problems)
{
	/* One renewal may be lost before the lease is: a lease of less than two intervals would make
	 * every hiccup of the database look like a dead host. */
	if (conf->service_down_time < 2 * conf->report_interval)
		problem(&(rule){ conf, problems, "DEFAULT", { "service_down_time", "report_interval" } },
			"[DEFAULT] service_down_time (%" G_GINT64_FORMAT " s) must be at least twice report_interval (%"
			G_GINT64_FORMAT " s)", conf->service_down_time, conf->report_interval);
	if (conf->operation_active_poll_interval > conf->operation_poll_interval)
		problem(&(rule){ conf, problems, "DEFAULT", { "operation_active_poll_interval" } },
			"[DEFAULT] operation_active_poll_interval (%" G_GINT64_FORMAT " s) must not be above "
			"operation_poll_interval (%" G_GINT64_FORMAT " s)", conf->operation_active_poll_interval,
			conf->operation_poll_interval);
}

static void check_connections(const nova_conf *conf, GPtrArray *problems)
{
	const char *db = conf->database_connection;

	if (!g_str_has_prefix(db, "postgresql://") && !g_str_has_prefix(db, "postgres://") &&
	    (strstr(db, "://") || !strchr(db, '=')))
		problem(&(rule){ conf, problems, "database", { "connection" } },
			"[database] connection must be a PostgreSQL URI (postgresql://...) or a libpq "
			"keyword string (host=... dbname=...)");
	if (!g_str_has_prefix(conf->transport_url, "rabbit://"))
		problem(&(rule){ conf, problems, "DEFAULT", { "transport_url" } },
			"[DEFAULT] transport_url must begin with rabbit://");
	if (!conf->control_exchange[0])
		problem(&(rule){ conf, problems, "DEFAULT", { "control_exchange" } },
			"[DEFAULT] control_exchange must not be empty");
}

static void check_paths(const nova_conf *conf, GPtrArray *problems)
{
	const char *sub = conf->image_cache_subdirectory_name;

	if (!conf->state_path[0] || !conf->instances_path[0])
		problem(&(rule){ conf, problems, "DEFAULT", { "state_path", "instances_path" } },
			"[DEFAULT] state_path and instances_path must not be empty");
	if (!sub[0] || strchr(sub, '/') || strcmp(sub, ".") == 0 || strcmp(sub, "..") == 0)
		problem(&(rule){ conf, problems, "image_cache", { "subdirectory_name" } },
			"[image_cache] subdirectory_name '%s' is not a plain directory name", sub);
}

static void check_uri_template(const nova_conf *conf, GPtrArray *problems)
{
	const char *uri = conf->live_migration_uri;
	const char *percent = strchr(uri, '%');

	if (!percent || percent[1] != 's' || strchr(percent + 1, '%'))
		problem(&(rule){ conf, problems, "libvirt", { "live_migration_uri" } },
			"[libvirt] live_migration_uri '%s' must contain %%s once, for the destination host, "
			"and no other %%", uri);
	if (!strstr(uri, "://"))
		problem(&(rule){ conf, problems, "libvirt", { "live_migration_uri" } },
			"[libvirt] live_migration_uri '%s' is not a libvirt URI such as "
			"qemu+tcp://%%s/system", uri);
}

static void check_cpu(const nova_conf *conf, GPtrArray *problems)
{
	if (conf->libvirt_cpu_mode == NOVA_CPU_CUSTOM && !conf->libvirt_cpu_models[0])
		problem(&(rule){ conf, problems, "libvirt", { "cpu_mode", "cpu_models" } },
			"[libvirt] cpu_mode = custom needs cpu_models");
	if (conf->libvirt_cpu_mode != NOVA_CPU_CUSTOM && conf->libvirt_cpu_models[0])
		problem(&(rule){ conf, problems, "libvirt", { "cpu_models", "cpu_mode" } },
			"[libvirt] cpu_models has a meaning only with cpu_mode = custom");
	if (!conf->libvirt_machine_type[0])
		problem(&(rule){ conf, problems, "libvirt", { "machine_type" } },
			"[libvirt] machine_type must not be empty");
}

static void check_api(const nova_conf *conf, GPtrArray *problems)
{
	const char *version = conf->api_max_microversion;
	const char *dot = strchr(version, '.');
	char *end = NULL;

	/* The range itself is the API's to know. */
	if (!dot || !g_ascii_isdigit(version[0]) || !g_ascii_isdigit(dot[1]) ||
	    (g_ascii_strtoull(dot + 1, &end, 10), *end) || strncmp(version, "2.", 2) != 0)
		problem(&(rule){ conf, problems, "api", { "max_microversion" } },
			"[api] max_microversion '%s' is not of the form 2.N", version);
	if (!*conf->wsgi_ssl_cert_file != !*conf->wsgi_ssl_key_file)
		problem(&(rule){ conf, problems, "wsgi", { "ssl_cert_file", "ssl_key_file" } },
			"[wsgi] ssl_cert_file and ssl_key_file belong together: set both, or neither");
	if (!conf->filter_scheduler_enabled_filters[0])
		problem(&(rule){ conf, problems, "filter_scheduler", { "enabled_filters" } },
			"[filter_scheduler] enabled_filters must not be empty");
	if (!conf->glance_api_servers[0])
		problem(&(rule){ conf, problems, "glance", { "api_servers" } },
			"[glance] api_servers must name at least one server");
}

void nova_conf_check(const nova_conf *conf, GPtrArray *problems)
{
	check_liveness(conf, problems);
	check_connections(conf, problems);
	check_paths(conf, problems);
	check_uri_template(conf, problems);
	check_cpu(conf, problems);
	check_api(conf, problems);
}
