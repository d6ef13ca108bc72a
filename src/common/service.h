/* SPDX-License-Identifier: Apache-2.0
 *
 * service.h - what every daemon does: command line, configuration, stages, signals, shutdown.
 *
 *	static const nova_stage stages[] = {
 *		{ "database", db_up, db_down, .retry = true },
 *		{ "messages", rpc_up, rpc_down },
 *	};
 *	int main(int argc, char **argv)
 *	{
 *		nova_compute compute = { 0 };
 *		const nova_service_def def = { .name = "nova-lite-compute", .summary = "...", .stages = stages,
 *			.n_stages = G_N_ELEMENTS(stages), .daemon = &compute, .reloaded = compute_reloaded };
 *		return nova_service_run(&def, argc, argv);
 *	}
 *
 * Stages come up in order and go down in reverse; each needs only those above it; exactly those
 * that came up go down. The main thread raises and lowers them and runs `reloaded'; a thread of its
 * own waits for signals: SIGTERM and SIGINT stop in good order (a second one, or
 * graceful_shutdown_timeout, ends the process at once with status 1), SIGHUP reloads the
 * configuration and opens the log file anew.  All other threads have these signals blocked. Exit
 * status: 0 stopped as asked, 1 a stage failed, 78 (EX_CONFIG) bad command line or configuration.
 */
#pragma once

#include "common/conf.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nova_service nova_service;

typedef struct nova_stage {
	const char *name; /* "could not start <name>: ..." */
	bool (*up)(nova_service *service, void *daemon, GError **error);
	void (*down)(nova_service *service, void *daemon); /* or NULL */
	/* A failure whose fault may be retried (database or broker away) is logged and tried again,
	 * after 1 s growing to 30 s, until it works or the service is told to stop.  up() must
	 * leave nothing behind when it fails. */
	bool retry;
} nova_stage;

typedef struct nova_service_def {
	const char *name;    /* of the program */
	const char *summary; /* one line for --help */
	const nova_stage *stages;
	size_t n_stages;
	void *daemon; /* handed to the callbacks */
	/* After every reload, also when no option has changed: the files they name may have.  The new
	 * configuration is already the current one.  Or NULL. */
	void (*reloaded)(nova_service *service, void *daemon, const nova_conf *conf);
	/* Called with the configuration before any stage: combinations this daemon cannot work
	 * with.  Also at a reload, where a failure keeps the old configuration.  Or NULL. */
	bool (*check)(const nova_conf *conf, void *daemon, GError **error);
} nova_service_def;

/* The whole life of a daemon; the value is main()'s. */
int nova_service_run(const nova_service_def *def, int argc, char **argv);

/* A reference to the current configuration: g_autoptr(nova_conf) conf = nova_service_conf(service). */
nova_conf *nova_service_conf(nova_service *service);

/* True once the service has been told to stop: long loops look here. */
bool nova_service_is_stopping(nova_service *service);

/* Sleeps, but not beyond a request to stop; false when there is one. */
bool nova_service_sleep_ms(nova_service *service, int64_t ms);

/* Ask the service to stop from inside, with exit status 1 and a reason for the log (a lost lease, a
 * broken invariant). */
void nova_service_fail(nova_service *service, const char *reason);

/* ---- for programs that are no daemons but read the same configuration (nova-lite-manage) ---- */

/* --config-file and --config-dir for a GOptionContext.  The source's members are filled by the
 * parser and freed with g_strfreev() by the caller. */
GOptionGroup *nova_service_option_group(nova_conf_source *source);
