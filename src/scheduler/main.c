/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/scheduler.h"

#include "common/conf_local.h"
#include "common/json.h"
#include "common/log.h"
#include "common/metrics_listener.h"
#include "db/db_metrics.h"
#include "db/operations.h"
#include "db/services.h"
#include "rpc/bus_metrics.h"
#include "rpc/doorbell.h"

/* At most this many waiting operations are taken up by one poll. */
#define POLL_LIMIT 256

struct job {
	nova_scheduler *scheduler;
	int64_t id;
};

static void run_job(void *data)
{
	struct job *job = data;

	nova_scheduler_work(job->scheduler, job->id);
}

void nova_scheduler_kick(nova_scheduler *scheduler, int64_t id)
{
	struct job *job = g_new0(struct job, 1);
	g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT, id);
	g_autoptr(GError) error = NULL;

	job->scheduler = scheduler;
	job->id = id;
	if (!nova_workers_kick(scheduler->workers, key, run_job, job, g_free, &error))
		nova_log_warning(&(nova_log_tags){ .operation = id }, "%s; left to the next poll", error->message);
}

static bool run_doorbell(nova_rpc_request *request, GError **error)
{
	(void)error;
	nova_scheduler_kick(request->service, nova_doorbell_read(request).operation);
	return true;
}

static bool run_explain(nova_rpc_request *request, GError **error)
{
	const char *instance, *host;

	if (!nova_json_get_str(request->args, "instance", &instance, error) ||
	    !nova_json_opt_str(request->args, "host", NULL, &host, error))
		return false;
	request->result = nova_scheduler_explain(request->service, instance, host, error);
	return request->result != NULL;
}

const nova_rpc_method nova_scheduler_methods[] = {
	{ .name = "build_instances", .kind = NOVA_RPC_CAST, .args = NOVA_DOORBELL_ARGS, .run = run_doorbell,
	  .doc = "A new server waits for a host." },
	{ .name = "live_migrate_instance", .kind = NOVA_RPC_CAST, .args = NOVA_DOORBELL_ARGS, .run = run_doorbell,
	  .doc = "A live migration waits for a destination." },
	{ .name = NOVA_RPC_EXPLAIN_PLACEMENT, .kind = NOVA_RPC_CALL, .args = NOVA_EXPLAIN_PLACEMENT_ARGS,
	  .run = run_explain, .doc = "Which hosts would take a server now, and why the others would not." },
	{ 0 },
};

static void poll_run(void *data)
{
	nova_scheduler *scheduler = data;
	g_autoptr(nova_conf) conf = nova_service_conf(scheduler->service);
	g_autoptr(GPtrArray) waiting = NULL;
	g_autoptr(GError) error = NULL;
	nova_timer *poll = g_atomic_pointer_get(&scheduler->poll); /* NULL in the very first run */
	bool busy;

	if (!nova_operations_for_scheduler(scheduler->db, POLL_LIMIT, &waiting, &error)) {
		nova_log_warning(NULL, "could not look for waiting operations: %s; trying again", error->message);
		busy = true;
	} else {
		for (unsigned i = 0; i < waiting->len; i++)
			nova_scheduler_kick(scheduler, ((nova_operation *)g_ptr_array_index(waiting, i))->id);
		busy = waiting->len > 0 || !nova_bus_is_connected(scheduler->bus);
	}
	if (poll)
		nova_timer_set_interval_ms(poll, 1000 * (busy ? conf->operation_active_poll_interval :
								conf->operation_poll_interval));
}

static void beat_run(void *data)
{
	nova_scheduler *scheduler = data;
	g_autoptr(GError) error = NULL;

	if (!nova_services_beat(scheduler->db, "nova-scheduler", scheduler->host, &error))
		nova_log_warning(NULL, "could not say that this service is up: %s; trying again", error->message);
}

static bool filters_up(nova_service *service, void *daemon, GError **error)
{
	nova_scheduler *scheduler = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	scheduler->service = service;
	scheduler->host = g_strdup(conf->host);
	scheduler->filters = nova_filters_enable(conf->filter_scheduler_enabled_filters, error);
	return scheduler->filters != NULL;
}

static void filters_down(nova_service *service, void *daemon)
{
	nova_scheduler *scheduler = daemon;

	(void)service;
	g_clear_pointer(&scheduler->filters, g_free);
	g_clear_pointer(&scheduler->host, g_free);
}

static bool database_up(nova_service *service, void *daemon, GError **error)
{
	nova_scheduler *scheduler = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	g_autofree char *warning = NULL;
	g_autoptr(nova_db) db = nova_db_open(conf, "nova-lite-scheduler", 0, error);

	if (!db || !nova_db_check(db, &warning, error))
		return false;
	if (warning)
		nova_log_warning(NULL, "%s", warning);
	scheduler->db = g_steal_pointer(&db);
	return true;
}

static void database_down(nova_service *service, void *daemon)
{
	nova_scheduler *scheduler = daemon;

	(void)service;
	g_clear_pointer(&scheduler->db, nova_db_close);
}

static bool workers_up(nova_service *service, void *daemon, GError **error)
{
	nova_scheduler *scheduler = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	(void)error;
	scheduler->workers = nova_workers_new("schedule", (unsigned)conf->executor_thread_pool_size, 10000);
	return true;
}

static void workers_down(nova_service *service, void *daemon)
{
	nova_scheduler *scheduler = daemon;

	(void)service;
	g_clear_pointer(&scheduler->workers, nova_workers_free);
}

/* The bus goes after the workers, who ring it; the server before them, so that nothing new comes. */
static bool bus_up(nova_service *service, void *daemon, GError **error)
{
	nova_scheduler *scheduler = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	scheduler->bus = nova_bus_open(conf, "nova-lite-scheduler", error);
	return scheduler->bus != NULL;
}

static void bus_down(nova_service *service, void *daemon)
{
	nova_scheduler *scheduler = daemon;

	(void)service;
	nova_bus_free(scheduler->bus);
	scheduler->bus = NULL;
}

static bool server_up(nova_service *service, void *daemon, GError **error)
{
	nova_scheduler *scheduler = daemon;
	const nova_rpc_endpoint endpoint = { NOVA_RPC_NAMESPACE, NOVA_RPC_VERSION_MAJOR, NOVA_RPC_VERSION_MINOR,
					     nova_scheduler_methods, scheduler };
	const nova_rpc_server_options server = {
		.topic = NOVA_RPC_TOPIC_SCHEDULER,
		.host = scheduler->host,
		.endpoints = &endpoint,
		.n_endpoints = 1,
		.workers = 2,
	};

	(void)service;
	scheduler->server = nova_rpc_server_start(scheduler->bus, &server, error);
	return scheduler->server != NULL;
}

static void server_down(nova_service *service, void *daemon)
{
	nova_scheduler *scheduler = daemon;

	(void)service;
	g_clear_pointer(&scheduler->server, nova_rpc_server_free);
}

static bool timers_up(nova_service *service, void *daemon, GError **error)
{
	nova_scheduler *scheduler = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	(void)error;
	scheduler->beat = nova_timer_new("beat", 1000 * conf->report_interval, 10, beat_run, scheduler);
	g_atomic_pointer_set(&scheduler->caretaker,
			     nova_timer_new("caretaker", 1000 * conf->scheduler_caretaker_interval, 10,
					    nova_caretaker_run, scheduler));
	g_atomic_pointer_set(&scheduler->poll, nova_timer_new("poll", 1000 * conf->operation_active_poll_interval, 20,
							      poll_run, scheduler));
	return true;
}

static void timers_down(nova_service *service, void *daemon)
{
	nova_scheduler *scheduler = daemon;

	(void)service;
	g_clear_pointer(&scheduler->poll, nova_timer_free);
	g_clear_pointer(&scheduler->caretaker, nova_timer_free);
	g_clear_pointer(&scheduler->beat, nova_timer_free);
}

/* ---- metrics ---- */

static void metrics_collect(void *data)
{
	nova_scheduler *scheduler = data;

	nova_db_metrics_collect_cloud(scheduler->db, NULL);
	nova_db_metrics_collect(scheduler->db);
	nova_bus_metrics_collect(scheduler->bus);
}

static bool metrics_is_well(void *data, char **ret_why)
{
	nova_scheduler *scheduler = data;
	bool away = nova_db_is_away(scheduler->db);

	*ret_why = away ? g_strdup("the database cannot be reached") : NULL;
	return !away;
}

static bool metrics_up(nova_service *service, void *data, GError **error)
{
	nova_scheduler *scheduler = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	const nova_metrics_source source = { metrics_collect, metrics_is_well, scheduler };

	if (!*conf->scheduler_metrics_listen)
		return true;
	nova_db_metrics_declare();
	nova_bus_metrics_declare();
	nova_db_metrics_declare_cloud();
	scheduler->metrics = nova_metrics_listener_new(conf->scheduler_metrics_listen, &source, error);
	if (!scheduler->metrics)
		return nova_conf_blame(conf, "scheduler", "metrics_listen", error);
	nova_log_info(NULL, "serving metrics on %s", conf->scheduler_metrics_listen);
	return true;
}

static void metrics_down(nova_service *service, void *data)
{
	nova_scheduler *scheduler = data;

	(void)service;
	g_clear_pointer(&scheduler->metrics, nova_metrics_listener_free);
}

/* Brought up top to bottom, taken down bottom to top.  Each needs only those above it. */
static const nova_stage stages[] = {
	{ "filters", filters_up, filters_down, false },
	{ "database", database_up, database_down, true },
	{ "message bus", bus_up, bus_down, false },
	{ "metrics", metrics_up, metrics_down, false },
	{ "workers", workers_up, workers_down, false },
	{ "messages", server_up, server_down, false },
	{ "timers", timers_up, timers_down, false },
};

static bool check(const nova_conf *conf, void *daemon, GError **error)
{
	g_autofree const nova_filter **filters = NULL;

	(void)daemon;
	if (!nova_db_check_conf(conf, error) || !nova_bus_check_conf(conf, error))
		return false;
	if (!nova_metrics_listener_check(conf->scheduler_metrics_listen, error))
		return nova_conf_blame(conf, "scheduler", "metrics_listen", error);
	filters = nova_filters_enable(conf->filter_scheduler_enabled_filters, error);
	return filters || nova_conf_blame(conf, "filter_scheduler", "enabled_filters", error);
}

int main(int argc, char **argv)
{
	nova_scheduler scheduler = { 0 };
	const nova_service_def def = {
		.name = "nova-lite-scheduler",
		.summary = "choose hosts for servers and for live migrations",
		.stages = stages,
		.n_stages = G_N_ELEMENTS(stages),
		.daemon = &scheduler,
		.check = check,
	};

	return nova_service_run(&def, argc, argv);
}
