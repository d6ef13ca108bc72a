/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/backup.h"

#include "common/context.h"
#include "common/deadline.h"
#include "common/log.h"
#include "compute/lease.h"
#include "compute/migrate.h"
#include "compute/shared_proof.h"
#include "db/hosts.h"
#include "db/instances.h"
#include "db/operations.h"
#include "rpc/doorbell.h"

#include <string.h>

#define ASK_MS   3000
#define AFTER_MS 500 /* the source's daemon needs milliseconds: later it is not there */

struct nova_backup {
	nova_compute *compute;
	GHashTable *complete; /* uuid -> since when (int64_t, CLOCK_BOOTTIME) its incoming copy is
				 complete */
};

/* How long the domain here has been complete, as far as the passes have seen. */
static int64_t complete_ms(nova_backup *backup, const char *uuid, bool complete)
{
	const int64_t *since = g_hash_table_lookup(backup->complete, uuid);

	if (!complete) {
		g_hash_table_remove(backup->complete, uuid);
		return 0;
	}
	if (since)
		return (nova_boottime_usec() - *since) / 1000;
	int64_t *now = g_new(int64_t, 1);

	*now = nova_boottime_usec();
	g_hash_table_insert(backup->complete, g_strdup(uuid), now);
	return 0;
}

/* A service without a lease is not asked: its hypervisor may answer nevertheless. */
static nova_domain_view ask_source(nova_compute *compute, const nova_operation *op, bool down)
{
	const nova_domain_view unknown = { .seen = NOVA_SEEN_UNKNOWN, .token = -1 };
	g_autoptr(nova_context) context = nova_context_new_admin();
	g_auto(nova_domain_report) report = { 0 };
	nova_domain_view view = unknown;

	if (nova_virt_observe(compute->virt, op->source_address, op->instance_uuid, NULL, &view,
			      ASK_MS, NULL))
		return view;
	if (down || !compute->bus || !nova_bus_is_connected(compute->bus) ||
	    !nova_rpc_observe_domain(compute->bus, op->source_host, op->instance_uuid, context,
				     ASK_MS, &report, NULL) ||
	    !nova_observed_from_name(report.state, &view.seen))
		return unknown;
	view.job = report.job;
	view.operation = report.operation;
	return view;
}

/* Only a hint: the flip proves it again, in its own statement. */
static bool lease_has_lapsed(nova_compute *compute, int host_id)
{
	bool valid = true;

	return nova_hosts_has_lease(compute->db, host_id, &valid, NULL) && !valid;
}

/* False only when the database answers that the migration has gone another way. */
static bool still_migrating(nova_compute *compute, int64_t id)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_find(compute->db, id, &error);

	return error || (op && op->state == NOVA_OPS_MIGRATING);
}

/* The source is gone; or it stands still at the switch, or cannot be asked, and QEMU's image lock,
 * which this host has seen at work, sees to it that only one of the two runs. */
static bool may_start(nova_compute *compute, const nova_operation *op, nova_observed source)
{
	return source == NOVA_SEEN_ABSENT ||
	       ((source == NOVA_SEEN_PAUSED_MIGRATION || source == NOVA_SEEN_UNKNOWN) &&
		nova_proof_image_lock(compute->db, op->id, NULL));
}

/* The copy here is complete and stands still, and the source's daemon, which should have started it
 * within milliseconds, does not.  The permit says that nobody else may have the guest, so no
 * database is needed for this one act once the source is gone. */
static void start_here(nova_compute *compute, const nova_operation *op, nova_observed source,
		       const nova_log_tags *tags)
{
	g_autoptr(GError) error = NULL;

	if (op->pre_power != NOVA_POWER_RUNNING || !op->strict || !may_start(compute, op, source) ||
	    !still_migrating(compute, op->id))
		return;
	nova_log_warning(tags, "the copy is complete and the source's daemon does not start it: "
			       "starting the guest here");
	if (!nova_virt_resume(compute->virt, NULL, op->instance_uuid, ASK_MS, &error))
		nova_log_warning(tags, "the guest could not be started, trying again: %s",
				 error->message);
}

static void flip(nova_compute *compute, const nova_operation *op, const nova_migrate_look *look,
		 const nova_log_tags *tags)
{
	g_autoptr(GError) error = NULL;
	nova_fence fence = nova_lease_fence(compute->lease);
	g_autofree char *evidence = nova_migrate_evidence_of(op, look, NULL, NULL);
	/* A scheduler may have noted meanwhile that the source is missed. */
	g_autoptr(nova_operation) now = nova_operations_find(compute->db, op->id, &error);

	if (!now || now->state != NOVA_OPS_MIGRATING || !nova_lease_check(compute->lease, &error))
		return;
	if (nova_operations_flip_by_dest(compute->db, &fence, now, evidence, &error))
		nova_log_warning(
			tags,
			"host '%s' is down and the guest runs here: it belongs to this host now",
			op->source_host);
	else if (!nova_error_is(error, NOVA_FAULT_STALE) &&
		 !nova_error_is(error, NOVA_FAULT_FENCED))
		nova_log_warning(
			tags, "the guest runs here, which could not be recorded, trying again: %s",
			error->message);
}

/* The destination was looked at first, as nova_decide() wants it. */
static nova_verdict judge(const nova_operation *op, const nova_migrate_look *look)
{
	const nova_migration_facts facts = {
		.state = op->state,
		.pre_power = op->pre_power,
		.token = look->dest.token - 1,
		.strict = op->strict,
		.source = look->source,
		.dest = look->dest,
	};

	return nova_decide(&facts);
}

static bool has_next_token(nova_compute *compute, const nova_operation *op,
			   const nova_domain_view *here)
{
	g_autoptr(nova_instance) instance =
		nova_instances_find(compute->db, op->instance_uuid, NULL, true, NULL);

	return instance && here->token == instance->token + 1;
}

void nova_backup_look(nova_backup *backup, const nova_operation *op, const nova_virt_domain *domain)
{
	nova_compute *compute = backup->compute;
	const nova_log_tags tags = {
		.request_id = op->request_id,
		.instance = op->instance_uuid,
		.host = compute->host,
		.operation = op->id,
	};
	bool ours = domain && domain->view.operation == op->id;
	bool complete = ours && domain->view.seen == NOVA_SEEN_PAUSED_USER;
	bool runs = ours && (domain->view.seen == NOVA_SEEN_RUNNING ||
			     domain->view.seen == NOVA_SEEN_PAUSED_OTHER);
	int64_t steady_ms = complete_ms(backup, op->instance_uuid, complete);

	if (!runs && (!complete || steady_ms < AFTER_MS))
		return;
	bool down = lease_has_lapsed(compute, op->source_host_id);

	if (runs && !down)
		return; /* the source's to record */
	nova_migrate_look look = { .source = ask_source(compute, op, down), .dest = domain->view };

	if (complete)
		start_here(compute, op, look.source.seen, &tags);
	look.verdict = judge(op, &look);
	/* A guest that its user had paused is complete as it is. */
	bool arrived =
		look.verdict.action == NOVA_DO_FLIP ||
		(look.verdict.action == NOVA_DO_TAKE_OVER && op->pre_power == NOVA_POWER_PAUSED);

	if (down && arrived && has_next_token(compute, op, &domain->view))
		flip(compute, op, &look, &tags);
}

bool nova_backup_is_watching(const nova_backup *backup)
{
	return g_hash_table_size(backup->complete) > 0;
}

static int has_no_operation(void *uuid, void *since, void *ops)
{
	(void)since;
	for (unsigned i = 0; i < ((GPtrArray *)ops)->len; i++)
		if (strcmp(((nova_operation *)g_ptr_array_index((GPtrArray *)ops, i))
				   ->instance_uuid,
			   uuid) == 0)
			return false;
	return true;
}

void nova_backup_begin(nova_backup *backup, const GPtrArray *operations)
{
	if (operations)
		g_hash_table_foreach_remove(backup->complete, has_no_operation, (void *)operations);
}

nova_backup *nova_backup_new(nova_compute *compute)
{
	nova_backup *backup = g_new0(nova_backup, 1);

	backup->compute = compute;
	backup->complete = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return backup;
}

void nova_backup_free(nova_backup *backup)
{
	if (!backup)
		return;
	g_hash_table_destroy(backup->complete);
	g_free(backup);
}
