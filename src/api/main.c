/* SPDX-License-Identifier: Apache-2.0
 *
 * nova-lite-api: the compute API.  Holds nothing that is not in the database; run as many as wanted.
 */
#include "api/auth.h"
#include "api/identity.h"
#include "api/request.h"
#include "api/route_metrics.h"
#include "api/serve.h"
#include "api/tls.h"
#include "common/log.h"
#include "common/metrics_listener.h"
#include "common/service.h"
#include "db/db_metrics.h"
#include "rpc/bus_metrics.h"

#include <unistd.h>

#define CASTS_WAITING_MS 1000 /* at the end: for bells that still ring */

typedef struct daemon_state {
	nova_api api;
	nova_metrics_listener *metrics;
} daemon_state;

static nova_conf *current_conf(void *service)
{
	return nova_service_conf(service);
}

static bool database_open(nova_service *service, void *data, GError **error)
{
	daemon_state *daemon = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	daemon->api.conf = current_conf;
	daemon->api.conf_user = service;
	daemon->api.db = nova_db_open(conf, "nova-lite-api", 0, error);
	return daemon->api.db != NULL;
}

static void database_close(nova_service *service, void *data)
{
	daemon_state *daemon = data;

	(void)service;
	g_clear_pointer(&daemon->api.db, nova_db_close);
}

static bool database_check(nova_service *service, void *data, GError **error)
{
	daemon_state *daemon = data;
	g_autofree char *warning = NULL;

	(void)service;
	if (!nova_db_check(daemon->api.db, &warning, error))
		return false;
	if (warning)
		nova_log_warning(NULL, "%s", warning);
	return true;
}

static bool bus_up(nova_service *service, void *data, GError **error)
{
	daemon_state *daemon = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	daemon->api.bus = nova_bus_open(conf, "nova-lite-api", error);
	return daemon->api.bus != NULL;
}

static void bus_down(nova_service *service, void *data)
{
	daemon_state *daemon = data;

	(void)service;
	nova_bus_stop(daemon->api.bus, CASTS_WAITING_MS);
	g_clear_pointer(&daemon->api.bus, nova_bus_free);
}

static bool identity_up(nova_service *service, void *data, GError **error)
{
	daemon_state *daemon = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	(void)error;
	if (conf->api_auth != NOVA_AUTH_NONE)
		daemon->api.identity = nova_identity_new(daemon->api.db);
	return true;
}

static void identity_down(nova_service *service, void *data)
{
	daemon_state *daemon = data;

	(void)service;
	g_clear_pointer(&daemon->api.identity, nova_identity_free);
}

/* Passwords and tokens are as good as public on a network they cross in clear. */
static void warn_of_clear_text(const nova_conf *conf)
{
	static const char *const loopback[] = { "127.0.0.0/8", "::1", NULL };

	if (conf->api_auth == NOVA_AUTH_NONE || *conf->wsgi_ssl_cert_file ||
	    g_str_has_prefix(conf->api_public_endpoint, "https://") ||
	    nova_auth_address_is_in(conf->osapi_compute_listen, (char *const *)loopback))
		return;
	nova_log_warning(NULL, "passwords and tokens cross the network in clear: set [wsgi] ssl_cert_file and "
			       "ssl_key_file, or let a TLS proxy stand in front of the API and set [api] "
			       "public_endpoint to its https:// URL");
}

/* With certificate and key as they are in their files now. */
static bool load_tls(const nova_conf *conf, GError **error)
{
	g_autofree char *warning = NULL;

	if (!nova_tls_load(conf->wsgi_ssl_cert_file, conf->wsgi_ssl_key_file, &warning, error))
		return nova_conf_blame(conf, "wsgi", "ssl_cert_file", error);
	if (warning)
		nova_log_warning(NULL, "%s", warning);
	return true;
}

static bool http_up(nova_service *service, void *data, GError **error)
{
	daemon_state *daemon = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	const nova_http_options options = {
		.listen = conf->osapi_compute_listen,
		.port = (uint16_t)conf->osapi_compute_listen_port,
		.workers = (unsigned)conf->osapi_compute_workers,
		.max_connections = (unsigned)conf->api_max_connections,
		.timeout_s = (unsigned)conf->api_client_socket_timeout,
		.max_body = (size_t)conf->api_max_request_body_size,
		.tls = *conf->wsgi_ssl_cert_file != '\0',
		.serve = nova_serve,
		.user = &daemon->api,
	};
	char name[256] = "";

	if (options.tls && !load_tls(conf, error))
		return false;
	gethostname(name, sizeof name - 1);
	daemon->api.host_name = g_strdup(name);
	if (!nova_http_start(&options, &daemon->api.http, error))
		return false;
	warn_of_clear_text(conf);
	nova_log_info(NULL, "serving the compute API on %s port %u%s", conf->osapi_compute_listen,
		      nova_http_port(daemon->api.http), options.tls ? " with TLS" : "");
	return true;
}

static void http_down(nova_service *service, void *data)
{
	daemon_state *daemon = data;

	(void)service;
	nova_http_stop(daemon->api.http); /* requests that still run use it */
	daemon->api.http = NULL;
	nova_tls_unload();
	g_clear_pointer(&daemon->api.host_name, g_free);
}

/* ---- metrics ---- */

static void metrics_collect(void *data)
{
	daemon_state *daemon = data;

	nova_db_metrics_collect(daemon->api.db);
	nova_bus_metrics_collect(daemon->api.bus);
}

static bool metrics_is_well(void *data, char **ret_why)
{
	daemon_state *daemon = data;
	bool away = nova_db_is_away(daemon->api.db);

	*ret_why = away ? g_strdup("the database cannot be reached") : NULL;
	return !away;
}

static bool metrics_up(nova_service *service, void *data, GError **error)
{
	daemon_state *daemon = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	const nova_metrics_source source = { metrics_collect, metrics_is_well, daemon };

	if (!*conf->api_metrics_listen)
		return true;
	nova_db_metrics_declare();
	nova_bus_metrics_declare();
	nova_route_metrics_declare();
	daemon->metrics = nova_metrics_listener_new(conf->api_metrics_listen, &source, error);
	if (!daemon->metrics)
		return nova_conf_blame(conf, "api", "metrics_listen", error);
	nova_log_info(NULL, "serving metrics on %s", conf->api_metrics_listen);
	return true;
}

static void metrics_down(nova_service *service, void *data)
{
	daemon_state *daemon = data;

	(void)service;
	g_clear_pointer(&daemon->metrics, nova_metrics_listener_free);
}

static void reloaded(nova_service *service, void *data, const nova_conf *conf)
{
	daemon_state *daemon = data;

	(void)service;
	g_autoptr(GError) error = NULL;

	nova_http_set_max_body(daemon->api.http, (size_t)conf->api_max_request_body_size);
	if (*conf->wsgi_ssl_cert_file && !load_tls(conf, &error))
		nova_log_error(NULL, "%s; the certificate that was loaded before stays in use", error->message);
}

static bool check(const nova_conf *conf, void *data, GError **error)
{
	(void)data;
	return nova_db_check_conf(conf, error) && nova_bus_check_conf(conf, error) &&
	       (nova_metrics_listener_check(conf->api_metrics_listen, error) ||
		nova_conf_blame(conf, "api", "metrics_listen", error)) &&
	       nova_serve_check_conf(conf, error);
}

static const nova_stage stages[] = {
	{ "database", database_open, database_close, false },
	{ "database schema", database_check, NULL, true },
	{ "messages", bus_up, bus_down, false },
	{ "identity", identity_up, identity_down, false },
	{ "metrics", metrics_up, metrics_down, false }, /* counts from the first request on */
	{ "http", http_up, http_down, false },
};

int main(int argc, char **argv)
{
	daemon_state daemon = { 0 };
	const nova_service_def def = {
		.name = "nova-lite-api",
		.summary = "serves the OpenStack Compute API",
		.stages = stages,
		.n_stages = G_N_ELEMENTS(stages),
		.daemon = &daemon,
		.reloaded = reloaded,
		.check = check,
	};

	return nova_service_run(&def, argc, argv);
}
