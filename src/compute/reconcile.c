/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks: reconciler->lock guards stop and wake_up only.  Everything else belongs to the thread; jobs in
 * the guests' queues get copies.
 */
#include "compute/reconcile.h"

#include "common/context.h"
#include "common/deadline.h"
#include "common/log.h"
#include "compute/backup.h"
#include "compute/engine.h"
#include "compute/host_storage.h"
#include "compute/images.h"
#include "compute/lease.h"
#include "compute/shared_proof.h"
#include "compute/reconcile_plan.h"
#include "db/hosts.h"
#include "db/operations.h"

#include <string.h>

#define ASK_MS 3000
#define TRASH_AT_ONCE 20
#define TRASH_MS 10000
#define BACKUP_LOOK_MS 200   /* between two looks while a copy here is complete and stands */
#define SETTLE_MS 200        /* several events of one guest come together */

struct nova_reconciler {
	nova_compute *compute;
	GThread *thread;
	GMutex lock;
	GCond cond;
	bool stop, wake_up;

	GHashTable *said;     /* uuid -> why it was left alone, as logged */
	nova_backup *backup;  /* of the switches towards this host */
	GPtrArray *ops;       /* operations that involve this host, as last read; NULL: never */
	bool boot_changed;    /* until the first whole pass */
	bool rung;            /* the others' doorbells, once */
	bool recalled;        /* the files of shared_proof.h that a former daemon left were found */
	bool proofs_left;     /* files of shared_proof.h are still needed, or could not be removed */
	bool swept;           /* the trash of earlier runs */
	int64_t reported_usec;
	char *last_error;
};

/* ---- what the host has ---- */

bool nova_compute_report(nova_compute *compute, GError **error)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	nova_inventory inventory = { 0 };
	nova_storage_view storage;
	nova_fence fence = nova_lease_fence(compute->lease);

	if (!nova_virt_inventory(compute->virt, &inventory, nova_compute_call_ms(conf), error))
		return false;
	inventory.reserved_vcpus = (int)conf->reserved_host_cpus;
	inventory.reserved_memory_mb = conf->reserved_host_memory_mb;
	inventory.reserved_disk_gb = (conf->reserved_host_disk_mb + 1023) / 1024;
	inventory.cpu_ratio = conf->cpu_allocation_ratio;
	inventory.ram_ratio = conf->ram_allocation_ratio;
	inventory.disk_ratio = conf->disk_allocation_ratio;
	inventory.max_migrations = (int)conf->max_concurrent_live_migrations;
	/* Without an answer the database keeps what it knows; the heartbeat says what is wrong. */
	int check_ms = nova_host_storage_was_well(compute) ? NOVA_HOST_STORAGE_MS : ASK_MS;

	if (nova_host_storage_check(compute, &storage, check_ms, NULL)) {
		inventory.pool_fsid = g_strdup(compute->fsid);
		inventory.pool_kind = g_strdup(storage.kind);
		inventory.pool_total_gb = storage.total_gb;
		inventory.pool_free_gb = storage.free_gb;
	}
	bool done = nova_hosts_report(compute->db, &fence, &inventory, error);

	nova_inventory_clear(&inventory);
	return done;
}

/* ---- one guest, in its own queue ---- */

typedef struct guest_job {
	nova_compute *compute;
	char *uuid, *name;
	bool boot_changed;
} guest_job;

static void guest_job_free(void *data)
{
	guest_job *job = data;

	g_free(job->uuid);
	g_free(job->name);
	g_free(job);
}

static bool destroy_stale(const guest_job *job, const nova_conf *conf, GError **error)
{
	return nova_lease_check(job->compute->lease, error) &&
	       nova_virt_destroy(job->compute->virt, NULL, job->uuid, nova_compute_call_ms(conf), error);
}

static bool record(const guest_job *job, const nova_instance *row, const nova_reconcile_plan *plan, bool *ret_changed,
		   GError **error)
{
	nova_fence fence = nova_lease_fence(job->compute->lease);

	return nova_instances_observe(job->compute->db, &fence, job->uuid, row->token, plan->power, plan->vm_state,
				      ret_changed, error);
}

static bool start_again(const guest_job *job, const nova_instance *row, GError **error)
{
	g_autofree char *request_id = nova_request_id_new();
	const nova_op_request request = {
		.kind = NOVA_OP_START,
		.instance_uuid = job->uuid,
		.action = "os-start",
		.by = { request_id, row->project_id, row->user_id },
	};
	g_autoptr(nova_operation) op = nova_operations_begin(job->compute->db, &request, error);

	if (op)
		nova_engine_announce(job->compute->engine, op->id);
	return op != NULL;
}

static bool look_again(const guest_job *job, const nova_conf *conf, nova_instance **ret_row,
		       nova_reconcile_plan *ret_plan, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_reconcile_facts facts = {
		.host_id = nova_lease_fence(job->compute->lease).host_id,
		.boot_changed = job->boot_changed,
		.resume = conf->resume_guests_state_on_host_boot,
	};
	g_autoptr(nova_instance) row = nova_instances_find(job->compute->db, job->uuid, NULL, true, &failed);

	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	g_autofree char *name = row ? nova_instance_domain_name(row->id) : g_strdup(job->name);

	if (!nova_virt_observe(job->compute->virt, NULL, job->uuid, name, &facts.view, nova_compute_call_ms(conf),
			       error))
		return false;
	facts.row = row;
	*ret_plan = nova_reconcile_decide(&facts);
	*ret_row = g_steal_pointer(&row);
	return true;
}

static void run_guest(void *data)
{
	const guest_job *job = data;
	g_autoptr(nova_conf) conf = nova_compute_conf(job->compute);
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_instance) row = NULL;
	nova_reconcile_plan plan;
	const nova_log_tags tags = { .instance = job->uuid, .host = job->compute->host };
	bool changed = false, done = look_again(job, conf, &row, &plan, &error);

	if (done && plan.action == NOVA_RECONCILE_DESTROY) {
		nova_log_warning(&tags, "destroying a stale copy of the guest: %s", plan.why);
		done = destroy_stale(job, conf, &error);
	} else if (done && plan.action == NOVA_RECONCILE_OBSERVE) {
		done = record(job, row, &plan, &changed, &error);
		if (changed)
			nova_log_info(&tags, "now %s: %s", nova_vm_state_name(plan.vm_state), plan.why);
	} else if (done && plan.action == NOVA_RECONCILE_START) {
		done = record(job, row, &plan, &changed, &error) && start_again(job, row, &error);
		nova_log_info(&tags, "starting the guest: %s", plan.why);
	}
	/* A start that was begun waits in this queue behind us. */
	if (done && plan.leftover)
		done = destroy_stale(job, conf, &error);
	if (!done)
		nova_log_warning(&tags, "could not set the guest right, the next pass tries again: %s", error->message);
}

static void submit(nova_reconciler *reconciler, const char *uuid, const char *name)
{
	guest_job *job = g_new0(guest_job, 1);

	job->compute = reconciler->compute;
	job->uuid = g_strdup(uuid);
	job->name = g_strdup(name);
	job->boot_changed = reconciler->boot_changed;
	nova_engine_submit(reconciler->compute->engine, uuid, run_guest, job, guest_job_free);
}

/* ---- a pass ---- */

static void say_once(nova_reconciler *reconciler, const nova_virt_domain *domain, const char *why)
{
	const char *said = g_hash_table_lookup(reconciler->said, domain->uuid);
	const nova_log_tags tags = { .instance = domain->uuid, .host = reconciler->compute->host };

	if (said && strcmp(said, why) == 0)
		return;
	nova_log_warning(&tags, "leaving domain '%s' alone: %s", domain->name, why);
	g_hash_table_replace(reconciler->said, g_strdup(domain->uuid), g_strdup(why));
}

static const nova_virt_domain *find_domain(const GPtrArray *domains, const char *uuid)
{
	for (unsigned i = 0; i < domains->len; i++) {
		const nova_virt_domain *domain = g_ptr_array_index(domains, i);

		if (g_ascii_strcasecmp(domain->uuid, uuid) == 0)
			return domain;
	}
	return NULL;
}

static nova_reconcile_plan plan_for(nova_reconciler *reconciler, const nova_instance *row,
				    const nova_virt_domain *domain)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(reconciler->compute);
	nova_reconcile_facts facts = {
		.row = row,
		.host_id = nova_lease_fence(reconciler->compute->lease).host_id,
		.view = { .seen = NOVA_SEEN_ABSENT, .token = -1 },
		.boot_changed = reconciler->boot_changed,
		.resume = conf->resume_guests_state_on_host_boot,
	};

	if (domain)
		facts.view = domain->view;
	return nova_reconcile_decide(&facts);
}

static void check_rows(nova_reconciler *reconciler, const GPtrArray *rows, const GPtrArray *domains)
{
	for (unsigned i = 0; i < rows->len; i++) {
		const nova_instance *row = g_ptr_array_index(rows, i);
		const nova_virt_domain *domain = find_domain(domains, row->uuid);
		nova_reconcile_plan plan = plan_for(reconciler, row, domain);

		if (plan.action == NOVA_RECONCILE_LEAVE)
			say_once(reconciler, domain, plan.why);
		else if (plan.action != NOVA_RECONCILE_NOTHING)
			submit(reconciler, row->uuid, NULL);
	}
}

static bool is_among(const GPtrArray *rows, const char *uuid)
{
	for (unsigned i = 0; i < rows->len; i++)
		if (g_ascii_strcasecmp(((const nova_instance *)g_ptr_array_index(rows, i))->uuid, uuid) == 0)
			return true;
	return false;
}

/* Domains here whose guests the database has on other hosts, or not at all. */
static void check_strays(nova_reconciler *reconciler, const GPtrArray *rows, const GPtrArray *domains)
{
	for (unsigned i = 0; i < domains->len; i++) {
		const nova_virt_domain *domain = g_ptr_array_index(domains, i);
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_instance) row = NULL;

		if (is_among(rows, domain->uuid))
			continue;
		if (domain->view.token >= 0)
			row = nova_instances_find(reconciler->compute->db, domain->uuid, NULL, true, &error);
		if (error)
			return; /* the database went away: the next pass */
		nova_reconcile_plan plan = plan_for(reconciler, row, domain);

		if (plan.action == NOVA_RECONCILE_LEAVE)
			say_once(reconciler, domain, plan.why);
		else if (plan.action != NOVA_RECONCILE_NOTHING)
			submit(reconciler, domain->uuid, domain->name);
	}
}

/* ---- operations ---- */

static void check_operations(nova_reconciler *reconciler, const GPtrArray *domains)
{
	nova_compute *compute = reconciler->compute;
	int own = nova_lease_fence(compute->lease).host_id;

	nova_backup_begin(reconciler->backup, reconciler->ops);
	for (unsigned i = 0; reconciler->ops && i < reconciler->ops->len; i++) {
		const nova_operation *op = g_ptr_array_index(reconciler->ops, i);

		if (nova_operation_actor_host_id(op) == own)
			nova_engine_kick(compute->engine, op->id, op->instance_uuid);
		else if (!reconciler->rung) /* the daemon before us may have died before it told the next actor */
			nova_engine_announce(compute->engine, op->id);
		if (op->kind == NOVA_OP_LIVE_MIGRATION && op->state == NOVA_OPS_MIGRATING && op->dest_host_id == own)
			nova_backup_look(reconciler->backup, op, find_domain(domains, op->instance_uuid));
	}
	reconciler->rung = reconciler->rung || reconciler->ops;
}

/* ---- the thread ---- */

static void log_change(nova_reconciler *reconciler, const char *now)
{
	const nova_log_tags tags = { .host = reconciler->compute->host };

	if (g_strcmp0(reconciler->last_error, now) == 0)
		return;
	if (now)
		nova_log_warning(&tags, "guests could not be compared with the database, trying again: %s", now);
	g_free(reconciler->last_error);
	reconciler->last_error = g_strdup(now);
}

static void housekeeping(nova_reconciler *reconciler, nova_conf *conf)
{
	nova_compute *compute = reconciler->compute;
	g_autoptr(GError) error = NULL;

	/* This thread has more urgent things to do than to wait for files. */
	bool well = nova_host_storage_was_well(compute);

	if (well && !reconciler->recalled)
		reconciler->recalled = nova_proofs_recall(compute);
	if (well)
		reconciler->proofs_left = !nova_proofs_sweep(compute);
	if (well && !reconciler->swept)
		reconciler->swept = nova_images_empty_trash(conf, TRASH_AT_ONCE, TRASH_MS, NULL);
	if (nova_boottime_usec() - reconciler->reported_usec < conf->update_resources_interval * G_USEC_PER_SEC)
		return;
	if (nova_compute_report(compute, &error))
		reconciler->reported_usec = nova_boottime_usec();
	else
		nova_log_warning(&(nova_log_tags){ .host = compute->host }, "could not report the host's resources: %s",
				 error->message);
}

static bool compare(nova_reconciler *reconciler, const nova_conf *conf, GError **error)
{
	nova_compute *compute = reconciler->compute;
	g_autoptr(GPtrArray) domains = NULL;
	g_autoptr(GPtrArray) rows = NULL;
	g_autoptr(GPtrArray) ops = NULL;
	g_autoptr(GError) database = NULL;
	int own = nova_lease_fence(compute->lease).host_id;
	bool answered = nova_operations_involving_host(compute->db, own, &ops, &database) &&
			nova_instances_on_host(compute->db, own, &rows, &database);

	if (ops) {
		g_clear_pointer(&reconciler->ops, g_ptr_array_unref);
		reconciler->ops = g_steal_pointer(&ops);
	}
	if (!nova_virt_list(compute->virt, &domains, nova_compute_call_ms(conf), error))
		return false;
	check_operations(reconciler, domains);
	if (!answered) {
		g_propagate_error(error, g_steal_pointer(&database));
		return false;
	}
	if (!nova_lease_check(compute->lease, error))
		return false;
	check_rows(reconciler, rows, domains);
	check_strays(reconciler, rows, domains);
	reconciler->boot_changed = false;
	return true;
}

static int64_t pause_usec(const nova_reconciler *reconciler, const nova_conf *conf)
{
	if (nova_backup_is_watching(reconciler->backup))
		return BACKUP_LOOK_MS * 1000;
	bool active = reconciler->last_error || reconciler->proofs_left ||
		      (reconciler->ops && reconciler->ops->len > 0);

	return (active ? conf->operation_active_poll_interval : conf->sync_power_state_interval) * G_USEC_PER_SEC;
}

/* False: stop. */
static bool wait_for_turn(nova_reconciler *reconciler, int64_t usec)
{
	int64_t until = g_get_monotonic_time() + usec;

	g_mutex_lock(&reconciler->lock);
	while (!reconciler->stop && !reconciler->wake_up &&
	       g_cond_wait_until(&reconciler->cond, &reconciler->lock, until))
		;
	bool stop = reconciler->stop, woken = reconciler->wake_up;

	reconciler->wake_up = false;
	g_mutex_unlock(&reconciler->lock);
	if (woken && !stop)
		g_usleep(SETTLE_MS * 1000);
	return !stop;
}

static void *run(void *data)
{
	nova_reconciler *reconciler = data;
	int64_t pause = 0;

	while (wait_for_turn(reconciler, pause)) {
		g_autoptr(nova_conf) conf = nova_compute_conf(reconciler->compute);
		g_autoptr(GError) error = NULL;

		compare(reconciler, conf, &error);
		log_change(reconciler, error ? error->message : NULL);
		if (!error)
			housekeeping(reconciler, conf);
		pause = pause_usec(reconciler, conf);
	}
	return NULL;
}

nova_reconciler *nova_reconciler_new(nova_compute *compute)
{
	nova_reconciler *reconciler = g_new0(nova_reconciler, 1);

	reconciler->compute = compute;
	g_mutex_init(&reconciler->lock);
	g_cond_init(&reconciler->cond);
	reconciler->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	reconciler->backup = nova_backup_new(compute);
	return reconciler;
}

void nova_reconciler_start(nova_reconciler *reconciler)
{
	reconciler->boot_changed = reconciler->compute->boot_changed;
	reconciler->reported_usec = nova_boottime_usec();
	reconciler->thread = g_thread_new("reconcile", run, reconciler);
}

void nova_reconciler_wake(nova_reconciler *reconciler)
{
	g_mutex_lock(&reconciler->lock);
	reconciler->wake_up = true;
	g_cond_signal(&reconciler->cond);
	g_mutex_unlock(&reconciler->lock);
}

void nova_reconciler_stop(nova_reconciler *reconciler)
{
	g_mutex_lock(&reconciler->lock);
	reconciler->stop = true;
	g_cond_signal(&reconciler->cond);
	g_mutex_unlock(&reconciler->lock);
	if (reconciler->thread)
		g_thread_join(g_steal_pointer(&reconciler->thread));
}

void nova_reconciler_free(nova_reconciler *reconciler)
{
	if (!reconciler)
		return;
	nova_reconciler_stop(reconciler);
	g_hash_table_destroy(reconciler->said);
	nova_backup_free(reconciler->backup);
	g_clear_pointer(&reconciler->ops, g_ptr_array_unref);
	g_free(reconciler->last_error);
	g_mutex_clear(&reconciler->lock);
	g_cond_clear(&reconciler->cond);
	g_free(reconciler);
}
