/* SPDX-License-Identifier: Apache-2.0
 *
 * nova-lite-compute: runs the guests of one host.  Puts the parts together; doc/threads.md says which
 * threads there are then.
 */
#include "common/log.h"
#include "common/metrics.h"
#include "common/metrics_listener.h"
#include "compute/compute.h"
#include "compute/engine.h"
#include "compute/host_storage.h"
#include "compute/lease.h"
#include "compute/methods.h"
#include "compute/shared_proof.h"
#include "compute/reconcile.h"
#include "compute/startup_check.h"
#include "db/db_metrics.h"
#include "model/migrate_flags.h"
#include "rpc/bus_metrics.h"
#include "rpc/doorbell.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define OPEN_MS 15000       /* the hypervisor, at the start */
#define CHECK_MS 3000       /* each question of the self-check, at most */
#define WEDGED_TIMES 4      /* so many leases, or libvirt calls: jobs that do not come to their turn for that long */
#define HELD_PAUSE_MS 500   /* between two looks at a lease that somebody else holds */
#define RPC_WORKERS 4

nova_conf *nova_compute_conf(const nova_compute *compute)
{
	return nova_service_conf(compute->service);
}

int nova_compute_call_ms(const nova_conf *conf)
{
	return (int)MIN(conf->libvirt_call_timeout * 1000, INT_MAX);
}

/* ---- the parts that need nothing but the configuration ---- */

static bool parts_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	g_autofree char *boot_id = NULL;
	g_autoptr(GError) failed = NULL;
	g_autofree char *note = NULL;
	unsigned flags;

	if (!g_file_get_contents(BOOT_ID_FILE, &boot_id, NULL, &failed))
		return nova_fail(error, NOVA_FAULT_CONFIG, "could not read the boot id: %s", failed->message);
	if (!nova_migrate_flags_parse((const char *const *)conf->live_migration_flag,
				      conf->live_migration_strict_switchover, &flags, &note, error))
		return false;
	if (note)
		nova_log_info(NULL, "[libvirt] live_migration_flag: %s", note);
	compute->service = service;
	compute->host = g_strdup(conf->host);
	compute->boot_id = g_strdup(g_strstrip(boot_id));
	compute->proofs = nova_proofs_new();
	compute->engine = nova_engine_new(compute);
	compute->reconciler = nova_reconciler_new(compute);
	return true;
}

static void parts_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	g_clear_pointer(&compute->reconciler, nova_reconciler_free);
	g_clear_pointer(&compute->engine, nova_engine_free);
	g_clear_pointer(&compute->proofs, nova_proofs_free);
	g_clear_pointer(&compute->fsid, g_free);
	g_clear_pointer(&compute->boot_id, g_free);
	g_clear_pointer(&compute->host, g_free);
}

/* ---- one daemon for each host ---- */

static bool lock_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	g_autofree char *path = g_build_filename(conf->state_path, "nova-lite-compute.lock", NULL);
	g_autoptr(GError) taken = NULL;

	compute->lockfile = nova_lockfile_take(path, &taken);
	if (compute->lockfile)
		return true;
	if (nova_error_is(taken, NOVA_FAULT_CONFLICT))
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "%s: a host has one nova-lite-compute; stop the other one first", taken->message);
	g_propagate_error(error, g_steal_pointer(&taken));
	return false;
}

static void lock_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	g_clear_pointer(&compute->lockfile, nova_lockfile_free);
}

static bool checks_up(nova_service *service, void *daemon, GError **error)
{
	(void)service;
	return nova_startup_check(daemon, error);
}

/* ---- the hypervisor ---- */

static void guest_event(const char *instance_uuid, bool rebooted, void *user)
{
	nova_compute *compute = user;

	if (rebooted)
		nova_engine_saw_reboot(compute->engine, instance_uuid);
	else
		nova_engine_guest_changed(compute->engine, instance_uuid);
	nova_reconciler_wake(compute->reconciler);
}

static void connection_event(bool up, void *user)
{
	nova_compute *compute = user;
	const nova_log_tags tags = { .host = compute->host };

	if (up)
		nova_log_info(&tags, "connected to libvirt, looking at every guest");
	else
		nova_log_warning(&tags, "the connection to libvirt was lost, connecting again");
	if (up)
		nova_reconciler_wake(compute->reconciler);
}

static bool virt_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	const nova_virt_events events = { guest_event, connection_event, compute };

	compute->virt = nova_virt_open(conf, &events, OPEN_MS, error);
	return compute->virt != NULL;
}

static void virt_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	g_clear_pointer(&compute->virt, nova_virt_close);
}

/* ---- the database ---- */

static bool database_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	g_autofree char *warning = NULL;
	g_autoptr(nova_db) db = nova_db_open(conf, "nova-lite-compute", 0, error);

	if (!db || !nova_db_check(db, &warning, error))
		return false;
	if (warning)
		nova_log_warning(NULL, "%s", warning);
	compute->db = g_steal_pointer(&db);
	return true;
}

static void database_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	g_clear_pointer(&compute->db, nova_db_close);
}

/* ---- the storage ---- */

static bool storage_up(nova_service *service, void *daemon, GError **error)
{
	(void)service;
	return nova_host_storage_open(daemon, error);
}

/* ---- the broker ---- */

static bool broker_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	compute->bus = nova_bus_open(conf, "nova-lite-compute", error);
	return compute->bus != NULL;
}

static void broker_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	g_clear_pointer(&compute->bus, nova_bus_free);
}

/* ---- registration ---- */

/* One answer that was too slow may be a busy machine's: the first time the check is made again at once, and only
 * then believed.  An answer that says what is wrong is believed. */
static void believe_later(nova_compute *compute, bool slow, char **health, bool *storage_ok)
{
	bool first = slow && !compute->was_slow;

	compute->was_slow = slow;
	if (!first || !*health)
		return;
	g_clear_pointer(health, g_free);
	*storage_ok = true;
	nova_lease_doubt(compute->lease);
}

/* What the lease thread asks before each renewal.  A hypervisor or a storage that does not answer is
 * shown and keeps new guests away; workers that are stuck are this daemon's own failure. */
static bool self_check(char **ret_health, bool *ret_storage_ok, void *user)
{
	nova_compute *compute = user;
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	int check_ms = (int)MIN(CHECK_MS, conf->service_down_time * 1000 / 6);
	int64_t began = nova_boottime_usec();
	g_autoptr(GError) hypervisor = NULL;
	g_autoptr(GError) storage = NULL;
	int64_t wedged_ms = MAX(conf->service_down_time, conf->libvirt_call_timeout) * WEDGED_TIMES * 1000;

	if (!nova_engine_moves(compute->engine, (int)MIN(wedged_ms, INT_MAX))) {
		*ret_health = g_strdup("its worker threads make no progress");
		return false;
	}
	*ret_storage_ok = nova_host_storage_check(compute, NULL, check_ms, &storage);
	if (!nova_virt_ping(compute->virt, check_ms, &hypervisor))
		*ret_health = g_strdup_printf("the hypervisor does not answer: %s", hypervisor->message);
	else if (storage)
		*ret_health = g_strdup_printf("storage: %s", storage->message);
	believe_later(compute, nova_boottime_usec() - began >= check_ms * INT64_C(1000), ret_health, ret_storage_ok);
	return true;
}

static void registered_anew(void *user)
{
	nova_compute *compute = user;

	nova_engine_poll(compute->engine);
	nova_reconciler_wake(compute->reconciler);
}

static nova_lease *new_lease(nova_compute *compute, nova_conf *conf, GError **error)
{
	int call_ms = nova_compute_call_ms(conf);
	nova_inventory inventory = { 0 };
	const nova_lease_hooks hooks = { self_check, registered_anew, compute };
	g_autofree char *uuid = nova_virt_host_uuid(compute->virt, NULL, call_ms, error);

	if (!uuid || !nova_virt_inventory(compute->virt, &inventory, call_ms, error))
		return NULL;
	const nova_host_identity identity = {
		.name = compute->host,
		.uuid = uuid,
		.boot_id = compute->boot_id,
		.my_ip = conf->my_ip,
		.migration_address = *conf->live_migration_inbound_addr ? conf->live_migration_inbound_addr :
									  compute->host,
		.hypervisor_hostname = inventory.hypervisor_hostname,
		.lease_seconds = (int)conf->service_down_time,
	};
	nova_lease *lease = nova_lease_new(conf, &identity, &hooks, error);

	nova_inventory_clear(&inventory);
	return lease;
}

/* A lease that another claimant of this name holds runs out within service_down_time if that one is dead, as it
 * is after a power failure; if it lives, this host is a copy of it and must not act. */
static bool take_lease(nova_service *service, nova_compute *compute, GError **error)
{
	bool said = false;

	for (;;) {
		g_autoptr(GError) held = NULL;

		if (nova_lease_register(compute->lease, &compute->boot_changed, &held))
			return true;
		if (!nova_error_is(held, NOVA_FAULT_LEASE_HELD)) {
			g_propagate_error(error, g_steal_pointer(&held));
			return false;
		}
		if (!said)
			nova_log_warning(&(nova_log_tags){ .host = compute->host }, "waiting, not acting: %s",
					 held->message);
		said = true;
		if (!nova_service_sleep_ms(service, HELD_PAUSE_MS)) {
			g_propagate_error(error, g_steal_pointer(&held));
			return false;
		}
	}
}

static bool registration_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	compute->lease = new_lease(compute, conf, error);
	if (compute->lease && take_lease(service, compute, error) && nova_compute_report(compute, error))
		return true;
	g_clear_pointer(&compute->lease, nova_lease_free);
	return false;
}

static void registration_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	nova_lease_stop(compute->lease, true);
	g_clear_pointer(&compute->lease, nova_lease_free);
}

/* ---- work ---- */

static bool workers_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;

	(void)service;
	(void)error;
	nova_lease_start(compute->lease);
	nova_engine_start(compute->engine);
	return true;
}

static void workers_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;
	g_autoptr(nova_conf) conf = nova_service_conf(service);

	nova_engine_stop(compute->engine, nova_deadline_in_ms(conf->graceful_shutdown_timeout * 1000 / 2));
}

static bool reconcile_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;

	(void)service;
	(void)error;
	nova_reconciler_start(compute->reconciler);
	return true;
}

static void reconcile_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	nova_reconciler_stop(compute->reconciler);
}

static bool messages_up(nova_service *service, void *daemon, GError **error)
{
	nova_compute *compute = daemon;

	(void)service;
	compute->methods = nova_methods_new(compute);
	const nova_rpc_endpoint endpoint = nova_methods_endpoint(compute->methods);
	const nova_rpc_server_options options = {
		.topic = NOVA_RPC_TOPIC_COMPUTE,
		.host = compute->host,
		.endpoints = &endpoint,
		.n_endpoints = 1,
		.workers = RPC_WORKERS,
	};

	compute->server = nova_rpc_server_start(compute->bus, &options, error);
	if (!compute->server)
		g_clear_pointer(&compute->methods, nova_methods_free);
	return compute->server != NULL;
}

static void messages_down(nova_service *service, void *daemon)
{
	nova_compute *compute = daemon;

	(void)service;
	g_clear_pointer(&compute->server, nova_rpc_server_free);
	g_clear_pointer(&compute->methods, nova_methods_free);
}

/* Brought up top to bottom, taken down bottom to top.  Each needs only those above it. */
/* ---- metrics ---- */

static void metrics_collect(void *data)
{
	nova_compute *compute = data;
	double age_s, left_s;

	nova_db_metrics_collect(compute->db);
	nova_bus_metrics_collect(compute->bus);
	nova_lease_look(compute->lease, &age_s, &left_s);
	nova_metric_set(NOVA_METRIC_LEASE_AGE, 0, 0, age_s);
	nova_metric_set(NOVA_METRIC_LEASE_LEFT, 0, 0, left_s);
}

static bool metrics_is_well(void *data, char **ret_why)
{
	nova_compute *compute = data;
	g_autoptr(GError) error = NULL;

	if (nova_lease_check(compute->lease, &error))
		return true;
	*ret_why = g_strdup(error->message);
	return false;
}

static bool metrics_up(nova_service *service, void *data, GError **error)
{
	nova_compute *compute = data;
	g_autoptr(nova_conf) conf = nova_service_conf(service);
	const nova_metrics_source source = { metrics_collect, metrics_is_well, compute };

	if (!*conf->compute_metrics_listen)
		return true;
	nova_db_metrics_declare();
	nova_bus_metrics_declare();
	nova_metrics_declare(NOVA_METRIC_LEASE_AGE, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_LEASE_LEFT, NULL, NULL);
	compute->metrics = nova_metrics_listener_new(conf->compute_metrics_listen, &source, error);
	if (!compute->metrics)
		return nova_conf_blame(conf, "compute", "metrics_listen", error);
	nova_log_info(NULL, "serving metrics on %s", conf->compute_metrics_listen);
	return true;
}

static void metrics_down(nova_service *service, void *data)
{
	nova_compute *compute = data;

	(void)service;
	g_clear_pointer(&compute->metrics, nova_metrics_listener_free);
}

static const nova_stage stages[] = {
	{ "parts", parts_up, parts_down, false },
	{ "lock file", lock_up, lock_down, false },
	{ "checks of this host", checks_up, NULL, true },
	{ "hypervisor", virt_up, virt_down, true },
	{ "database", database_up, database_down, true },
	{ "storage", storage_up, NULL, true },
	{ "broker", broker_up, broker_down, false },
	{ "registration", registration_up, registration_down, true },
	{ "metrics", metrics_up, metrics_down, false },
	{ "workers", workers_up, workers_down, false }, /* down: lets running steps finish */
	{ "reconcile", reconcile_up, reconcile_down, false }, /* what happened while we were away */
	{ "messages", messages_up, messages_down, false }, /* last: from here on we are asked things */
};

static bool check(const nova_conf *conf, void *daemon, GError **error)
{
	(void)daemon;
	return nova_db_check_conf(conf, error) && nova_bus_check_conf(conf, error) &&
	       (nova_metrics_listener_check(conf->compute_metrics_listen, error) ||
		nova_conf_blame(conf, "compute", "metrics_listen", error)) &&
	       nova_startup_check_options(conf, error);
}

int main(int argc, char **argv)
{
	nova_compute compute = { 0 };
	const nova_service_def def = {
		.name = "nova-lite-compute",
		.summary = "run the guests of this host and move them to others",
		.stages = stages,
		.n_stages = G_N_ELEMENTS(stages),
		.daemon = &compute,
		.check = check,
	};

	return nova_service_run(&def, argc, argv);
}
