/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service.h"

#include "config.h"

#include "common/deadline.h"
#include "common/error.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "common/service_notify.h"

#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAUSE_MS 30000

struct nova_service {
	const nova_service_def *def;
	nova_conf_source source;
	nova_conf_slot *conf;
	pthread_t signals;
	GMutex lock; /* everything below */
	GCond changed;
	bool stopping, failed, reload, finished;
	nova_deadline stop_by;
};

static sigset_t handled_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1); /* ends the signal thread itself */
	return set;
}

/* ---- command line ---- */

GOptionGroup *nova_service_option_group(nova_conf_source *source)
{
	const GOptionEntry entries[] = {
		{ "config-file", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &source->files,
		  "Read this file; may be given several times, the last assignment of an option wins", "FILE" },
		{ "config-dir", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &source->dirs,
		  "Then read every *.conf in this directory, in sorted order", "DIR" },
		{ 0 },
	};
	GOptionGroup *group = g_option_group_new("config", "Configuration", "Configuration", NULL, NULL);

	g_option_group_add_entries(group, entries);
	return group;
}

/* False: the process is to end with *ret_status. */
static bool parse_command_line(nova_service *s, int argc, char **argv, int *ret_status)
{
	int version = 0;
	const GOptionEntry entries[] = {
		{ "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) options = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(options, s->def->summary);
	g_option_context_set_main_group(options, nova_service_option_group(&s->source));
	g_option_context_add_main_entries(options, entries, NULL);
	if (!g_option_context_parse(options, &argc, &argv, &error) || argc > 1) {
		if (error)
			nova_log_error(NULL, "%s, see %s --help", error->message, s->def->name);
		else
			nova_log_error(NULL, "'%s' on the command line is not understood, see %s --help", argv[1],
				       s->def->name);
		*ret_status = EX_CONFIG;
		return false;
	}
	if (version) {
		printf("%s (nova-lite) %s\n", s->def->name, PACKAGE_VERSION);
		*ret_status = 0;
		return false;
	}
	return true;
}

/* ---- configuration ---- */

static void log_lines(nova_log_level level, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (size_t i = 0; lines[i]; i++)
		nova_log(level, NULL, "%s", lines[i]);
}

static void log_each(nova_log_level level, const char *format_prefix, char **items, const char *suffix)
{
	for (size_t i = 0; items && items[i]; i++)
		nova_log(level, NULL, "%s%s%s", format_prefix, items[i], suffix);
}

static bool check(nova_service *s, const nova_conf *conf, GError **error)
{
	return !s->def->check || s->def->check(conf, s->def->daemon, error);
}

static void apply_log_level(const nova_conf *conf)
{
	nova_log_set_level(conf->debug ? NOVA_LOG_DEBUG : conf->log_level);
}

static bool configure(nova_service *s, GError **error)
{
	g_auto(GStrv) warnings = NULL;
	g_autoptr(nova_conf) conf = NULL;
	bool armed = false;

	if (!nova_fault_points_check(&armed, error))
		return false;
	conf = nova_conf_load(&s->source, &warnings, error);
	if (!conf || !nova_log_open(conf->log_file, error))
		return false;
	apply_log_level(conf);
	log_each(NOVA_LOG_WARNING, "", warnings, "");
	if (armed)
		nova_log_warning(NULL, "fault points are armed by NOVA_LITE_FAULT, this service will fail on purpose");
	if (!check(s, conf, error))
		return false;
	s->conf = nova_conf_slot_new(g_steal_pointer(&conf));
	return true;
}

static void reload(nova_service *s)
{
	g_autoptr(nova_conf) old = nova_conf_slot_get(s->conf);
	g_auto(GStrv) changed = NULL;
	g_auto(GStrv) restart = NULL;
	g_auto(GStrv) warnings = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) log_error = NULL;
	g_autoptr(nova_conf) whole = NULL;
	g_autoptr(nova_conf) conf = NULL;

	if (!nova_log_reopen(&log_error))
		nova_log_error(NULL, "%s, writing to the old one", log_error->message);
	/* The file as a start would read it, and what is in effect afterwards: both must be good. */
	whole = nova_conf_load(&s->source, NULL, &error);
	if (whole && check(s, whole, &error))
		conf = nova_conf_reload(old, &s->source, &changed, &restart, &warnings, &error);
	if (!conf || !check(s, conf, &error)) {
		log_lines(NOVA_LOG_ERROR, error->message);
		nova_log_error(NULL, "configuration not reloaded, keeping the one in effect");
		return;
	}
	nova_conf_slot_set(s->conf, nova_conf_ref(conf));
	apply_log_level(conf);
	log_each(NOVA_LOG_WARNING, "", warnings, "");
	log_each(NOVA_LOG_INFO, "reloaded ", changed, "");
	log_each(NOVA_LOG_WARNING, "", restart, " changed, it takes effect with the next restart");
	if (!changed[0] && !restart[0])
		nova_log_info(NULL, "configuration reloaded, nothing changed");
	if (s->def->reloaded)
		s->def->reloaded(s, s->def->daemon, conf);
}

nova_conf *nova_service_conf(nova_service *service)
{
	return nova_conf_slot_get(service->conf);
}

/* ---- stopping ---- */

/* Lock held. */
static void begin_stop(nova_service *s)
{
	g_autoptr(nova_conf) conf = nova_conf_slot_get(s->conf);

	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_by = nova_deadline_in_ms(conf->graceful_shutdown_timeout * 1000);
	g_cond_broadcast(&s->changed);
	/* The signal thread must begin to watch the deadline. */
	pthread_kill(s->signals, SIGUSR1);
}

void nova_service_fail(nova_service *service, const char *reason)
{
	nova_log_error(NULL, "%s, stopping", reason);
	g_mutex_lock(&service->lock);
	service->failed = true;
	begin_stop(service);
	g_mutex_unlock(&service->lock);
}

bool nova_service_is_stopping(nova_service *service)
{
	bool stopping;

	g_mutex_lock(&service->lock);
	stopping = service->stopping;
	g_mutex_unlock(&service->lock);
	return stopping;
}

bool nova_service_sleep_ms(nova_service *service, int64_t ms)
{
	int64_t until = g_get_monotonic_time() + ms * 1000;
	bool stopping;

	g_mutex_lock(&service->lock);
	while (!service->stopping && g_cond_wait_until(&service->changed, &service->lock, until))
		;
	stopping = service->stopping;
	g_mutex_unlock(&service->lock);
	return !stopping;
}

/* ---- signals ---- */

static void end_at_once(const char *why)
{
	nova_log_error(NULL, "%s, ending at once", why);
	_exit(1);
}

/* Lock held.  False: nothing more to wait for. */
static bool handle_signal(nova_service *s, int number)
{
	if (s->finished)
		return false;
	if (number == SIGHUP) {
		s->reload = true;
		g_cond_broadcast(&s->changed);
	} else if (number == SIGTERM || number == SIGINT) {
		if (s->stopping)
			end_at_once("told to stop a second time");
		nova_log_info(NULL, "stopping (%s)", number == SIGTERM ? "SIGTERM" : "SIGINT");
		begin_stop(s);
	}
	return true;
}

static void *wait_for_signals(void *data)
{
	nova_service *s = data;
	sigset_t set = handled_signals();
	bool more = true;

	while (more) {
		struct timespec second = { .tv_sec = 1 };
		int number;

		g_mutex_lock(&s->lock);
		if (s->stopping && nova_deadline_is_expired(s->stop_by))
			end_at_once("not stopped within graceful_shutdown_timeout");
		more = s->stopping;
		g_mutex_unlock(&s->lock);

		/* Only while stopping there is a deadline to look at. */
		number = more ? sigtimedwait(&set, NULL, &second) : sigwaitinfo(&set, NULL);
		g_mutex_lock(&s->lock);
		more = handle_signal(s, number);
		g_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* ---- stages ---- */

static bool raise_stage(nova_service *s, const nova_stage *stage)
{
	int64_t pause_ms = 1000;

	for (;;) {
		g_autoptr(GError) error = NULL;

		nova_log_debug(NULL, "starting %s", stage->name);
		if (stage->up(s, s->def->daemon, &error))
			return true;
		if (nova_service_is_stopping(s))
			return false;
		if (!stage->retry || !nova_fault_is_retryable(nova_error_fault(error))) {
			nova_log_error(NULL, "could not start %s: %s", stage->name, error->message);
			return false;
		}
		nova_log_warning(NULL, "could not start %s: %s, retrying in %d s", stage->name, error->message,
				 (int)(pause_ms / 1000));
		if (!nova_service_sleep_ms(s, pause_ms))
			return false;
		pause_ms = MIN(pause_ms * 2, MAX_PAUSE_MS);
	}
}

/* Lock held.  Sleeps until something has changed, telling the watchdog meanwhile that the service is not stuck. */
static void await_change(nova_service *s, int64_t watchdog_usec)
{
	if (watchdog_usec == 0) {
		g_cond_wait(&s->changed, &s->lock);
		return;
	}
	/* Half of the time leaves room for a busy machine, as sd_watchdog_enabled(3) advises. */
	g_cond_wait_until(&s->changed, &s->lock, g_get_monotonic_time() + watchdog_usec / 2);
	nova_service_notify("WATCHDOG=1");
}

static void serve(nova_service *s)
{
	int64_t watchdog_usec = nova_service_watchdog_usec();

	g_mutex_lock(&s->lock);
	while (!s->stopping) {
		if (s->reload) {
			s->reload = false;
			g_mutex_unlock(&s->lock);
			nova_service_notify("RELOADING=1");
			reload(s);
			nova_service_notify("READY=1");
			g_mutex_lock(&s->lock);
		} else {
			await_change(s, watchdog_usec);
		}
	}
	g_mutex_unlock(&s->lock);
}

/* Up, serve, down. */
static int live(nova_service *s)
{
	const nova_service_def *def = s->def;
	size_t up = 0;
	bool ok = true;

	while (up < def->n_stages && !nova_service_is_stopping(s) && (ok = raise_stage(s, &def->stages[up])))
		up++;
	if (up == def->n_stages) {
		nova_log_info(NULL, "%s %s is ready", def->name, PACKAGE_VERSION);
		nova_service_notify("READY=1");
		serve(s);
	}
	ok = ok || nova_service_is_stopping(s);
	g_mutex_lock(&s->lock);
	begin_stop(s);
	ok = ok && !s->failed;
	g_mutex_unlock(&s->lock);
	nova_service_notify("STOPPING=1");
	while (up-- > 0) {
		nova_log_debug(NULL, "stopping %s", def->stages[up].name);
		if (def->stages[up].down)
			def->stages[up].down(s, def->daemon);
	}
	nova_log_info(NULL, "stopped");
	return ok ? 0 : 1;
}

int nova_service_run(const nova_service_def *def, int argc, char **argv)
{
	nova_service s = { .def = def };
	g_autoptr(GError) error = NULL;
	sigset_t set = handled_signals();
	int status = EX_CONFIG;

	setlocale(LC_CTYPE, "");
	/* Before the first thread: every thread inherits the mask, only the signal thread waits for
	 * them. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	g_mutex_init(&s.lock);
	g_cond_init(&s.changed);
	if (!parse_command_line(&s, argc, argv, &status)) {
		/* said all there is to say */
	} else if (!configure(&s, &error)) {
		log_lines(NOVA_LOG_ERROR, error->message);
		status = EX_CONFIG;
	} else {
		pthread_create(&s.signals, NULL, wait_for_signals, &s);
		pthread_setname_np(s.signals, "signals");
		status = live(&s);
		g_mutex_lock(&s.lock);
		s.finished = true;
		g_mutex_unlock(&s.lock);
		pthread_kill(s.signals, SIGUSR1);
		pthread_join(s.signals, NULL);
	}
	nova_conf_slot_free(s.conf);
	g_strfreev(s.source.files);
	g_strfreev(s.source.dirs);
	g_mutex_clear(&s.lock);
	g_cond_clear(&s.changed);
	return status;
}
