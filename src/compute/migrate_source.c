/* SPDX-License-Identifier: Apache-2.0
 *
 * Live migration, the source's part before and after the copy.
 */
#include "compute/flows.h"

#include "common/deadline.h"
#include "compute/guest.h"
#include "compute/migrate.h"
#include "compute/shared_proof.h"
#include "db/hosts.h"

#define PING_MS 5000
#define KNOCK_MS 5000 /* a lost packet is sent again after 1 s, and after 3 s */
#define SLOT_PAUSE_MS 1000
#define YIELD_MS 3000 /* for each one ahead: it looks every SLOT_PAUSE_MS */
#define MOST_YIELDS 10
#define PROOF_PAUSE_MS 1000
#define LOOK_PAUSE_MS 200
#define ACT_PAUSE_MS 2000

/* ---- checked: the other half of the storage proof, then a slot on both hosts ---- */

static nova_step_end refuse_or_wait(nova_step *step, GError *cause, GError **error)
{
	g_autoptr(GError) owned = cause;

	if (nova_error_is(cause, NOVA_FAULT_DATABASE) || nova_error_is(cause, NOVA_FAULT_DATABASE_CONFLICT)) {
		g_propagate_error(error, g_steal_pointer(&owned));
		return NOVA_STEP_ERROR;
	}
	return nova_step_refuse(step, cause->message, NULL, error);
}

/* memory->mark 1: the file was seen and answered. */
static bool prove_storage(nova_step *step, bool *ret_proven, GError **error)
{
	g_autofree char *nonce = nova_proof_asked(step, error);
	bool seen = step->memory->mark != 0;

	if (!nonce || (!seen && !nova_proof_seen(step, nonce, &seen, error)))
		return false;
	if (!seen && ++step->memory->tries >= MAX(1, step->conf->live_migration_retry_count))
		return nova_fail(error, NOVA_FAULT_NOT_SHARED_STORAGE,
				 "host '%s' does not see in instances_path what '%s' has written there",
				 step->op->source_host, step->op->dest_host);
	if (seen && !step->memory->mark) {
		if (!nova_proof_answer(step, nonce, error))
			return false;
		step->memory->mark = 1;
	}
	*ret_proven = seen;
	return true;
}

/* The source's libvirt will talk to the destination's; so do we, keep the connection warm, and make sure that it is
 * the one of the host that was chosen: an address may be misspelled, or stale in somebody's name service. */
static bool reach_destination(nova_step *step, GError **error)
{
	const nova_operation *op = step->op;
	g_autoptr(GError) failed = NULL;
	g_autofree char *uuid = nova_virt_host_uuid(step->compute->virt, op->dest_address, PING_MS, &failed);

	if (!uuid)
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
				 "host '%s' cannot reach libvirt on '%s' at '%s': %s", step->compute->host,
				 op->dest_host, op->dest_address, failed->message);
	g_autoptr(nova_host) host = nova_hosts_find_by_id(step->compute->db, op->dest_host_id, &failed);

	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	if (!host)
		return nova_fail(error, NOVA_FAULT_HOST_NOT_FOUND, "host '%s' has no row", op->dest_host);
	if (g_ascii_strcasecmp(uuid, host->uuid) != 0)
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
				 "at '%s', the address of host '%s', answers the libvirt of another machine (host "
				 "uuid %s instead of %s): check [libvirt] live_migration_inbound_addr there and the "
				 "name service here",
				 op->dest_address, op->dest_host, uuid, host->uuid);
	if (!nova_virt_migration_ports_answer(op->dest_address, KNOCK_MS, &failed))
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK, "host '%s' cannot send memory to '%s': %s",
				 step->compute->host, op->dest_host, failed->message);
	return true;
}

/* First come, first served, without a word between hosts: who finds a free slot leaves it to those before it.  One of
 * them that does not take it, because its daemon hangs or is gone, holds the others up only for so long. */
static bool is_its_turn(nova_step *step, bool *ret_turn, GError **error)
{
	int64_t now = nova_boottime_usec();
	int ahead = 0;

	if (!nova_operations_slots_ahead(step->compute->db, step->op->id, &ahead, error))
		return false;
	if (!ahead)
		step->memory->yielding_usec = 0;
	else if (!step->memory->yielding_usec)
		step->memory->yielding_usec = now;
	*ret_turn = !ahead || now - step->memory->yielding_usec >= MIN(ahead, MOST_YIELDS) * YIELD_MS * INT64_C(1000);
	return true;
}

nova_step_end nova_migrate_checked(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autofree char *why = NULL;
	nova_fence fence = nova_step_fence(step);
	bool proven = false, taken = false, turn = false;

	if (nova_migrate_is_unwanted(step))
		return nova_migrate_cancel(step, error);
	if (!prove_storage(step, &proven, &failed))
		return refuse_or_wait(step, g_steal_pointer(&failed), error);
	if (!proven)
		return nova_step_wait(step, PROOF_PAUSE_MS);
	if (!reach_destination(step, &failed))
		return refuse_or_wait(step, g_steal_pointer(&failed), error);
	if (!is_its_turn(step, &turn, error))
		return NOVA_STEP_ERROR;
	if (!turn)
		return nova_step_wait(step, SLOT_PAUSE_MS);
	if (!nova_step_may_commit(step, error) ||
	    !nova_operations_take_slots(step->compute->db, &fence, step->op, &taken, &why, error))
		return NOVA_STEP_ERROR;
	if (taken)
		return nova_step_committed(NOVA_OPS_CHECKED);
	if (!step->memory->queued) {
		g_autofree char *message =
			g_strdup_printf("waits for a migration slot: %s", why ? why : "a host is full");
		const nova_log_tags tags = nova_step_tags(step);

		if (!nova_operations_note(step->compute->db, &fence, step->op, NOVA_BLOCKED_NO, NULL, 0, message, NULL,
					  error))
			return NOVA_STEP_ERROR;
		nova_log_info(&tags, "%s", message);
		step->memory->queued = true;
	}
	step->memory->yielding_usec = 0;
	return nova_step_wait(step, SLOT_PAUSE_MS);
}

/* ---- prepared: the last look, then the permit ---- */

static nova_step_end not_movable(nova_step *step, const nova_domain_view *view, const char *more,
				 GError **error)
{
	const nova_migrate_look look = { .source = *view,
					 .dest = { .seen = NOVA_SEEN_UNKNOWN, .token = -1 },
					 .verdict = { .why = "it was not begun: the destination was not asked" } };
	g_autofree char *evidence = nova_migrate_evidence(step, &look, NULL, NULL);
	g_autofree char *reason = g_strdup_printf("the guest cannot be migrated: on host '%s' it is '%s'%s",
						  step->compute->host, nova_observed_name(view->seen), more);
	const nova_op_outcome outcome = { .state = NOVA_OPS_ERROR, .reason = reason, .total_ms = -1 };

	return nova_step_finish(step, &outcome, evidence, error);
}

/* A guest that was moved while it was paused, and has not run since, has a disk that its QEMU has not yet taken over:
 * it holds no lock.  QEMU (7.2) ends with an assertion when it is told to move such a guest once more, and the guest's
 * memory is gone.  So it stays where it is until it has run. */
static bool has_not_run_since_it_came(nova_step *step, const nova_domain_view *view, GError **error)
{
	g_autoptr(GError) failed = NULL;

	if (view->seen != NOVA_SEEN_PAUSED_USER ||
	    nova_proof_image_lock(step->compute->db, step->op->id, &failed))
		return false;
	g_autoptr(nova_operation) maker =
		failed ? NULL : nova_operations_find(step->compute->db, view->operation, &failed);

	if (failed) { /* the database could not say: that is no answer */
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	return !maker || maker->kind == NOVA_OP_LIVE_MIGRATION;
}

nova_step_end nova_migrate_prepared(nova_step *step, GError **error)
{
	nova_domain_view view;
	nova_fence fence = nova_step_fence(step);
	g_autoptr(GError) unknown = NULL;
	bool granted = false;

	nova_proof_forget(step);
	if (nova_migrate_is_unwanted(step))
		return nova_migrate_cancel(step, error);
	if (!nova_guest_look(step, &view, error))
		return NOVA_STEP_ERROR;
	if (!nova_guest_is_owner(step, &view) ||
	    (view.seen != NOVA_SEEN_RUNNING && view.seen != NOVA_SEEN_PAUSED_USER))
		return not_movable(step, &view, "", error);
	bool never_ran = has_not_run_since_it_came(step, &view, &unknown);

	if (unknown) {
		g_propagate_error(error, g_steal_pointer(&unknown));
		return NOVA_STEP_ERROR;
	}
	if (never_ran)
		return not_movable(step, &view,
				   " and has not run since it was moved there; resume it once, then it can be moved "
				   "again",
				   error);
	g_autofree char *evidence = nova_guest_evidence(step->compute->host, &view);
	nova_power_state power = view.seen == NOVA_SEEN_RUNNING ? NOVA_POWER_RUNNING : NOVA_POWER_PAUSED;

	if (!nova_step_may_act(step, error) || !nova_step_may_commit(step, error) ||
	    !nova_operations_permit(step->compute->db, &fence, step->op, power, evidence, &granted, error))
		return NOVA_STEP_ERROR;
	if (!granted)
		return nova_step_wait(step, 0); /* an abort came first: the next look sees it */
	step->permitted_seq = step->op->seq;
	return nova_step_committed(NOVA_OPS_PREPARED);
}

/* ---- switched: the destination owns the guest ---- */

static nova_step_end resume_or_wait(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;

	if (nova_migrate_resume_dest(step, &failed))
		return nova_step_wait(step, 0);
	return nova_step_block(step, NOVA_BLOCKED_HYPERVISOR, step->op->dest_host, failed->message, NULL, ACT_PAUSE_MS,
			       error);
}

nova_step_end nova_migrate_switched(nova_step *step, GError **error)
{
	nova_migrate_look look;

	nova_migrate_look_at(step, NULL, &look);
	switch (look.verdict.action) {
	case NOVA_DO_CLEAN_SOURCE:
		return nova_step_advance(step, NOVA_OPS_CLEANING, NULL, NULL, error);
	case NOVA_DO_RESTART_ON_DEST: {
		g_autofree char *evidence = nova_migrate_evidence(step, &look, NULL, NULL);

		return nova_step_advance(step, NOVA_OPS_CLEANING, look.verdict.why, evidence, error);
	}
	case NOVA_DO_TAKE_OVER:
		return resume_or_wait(step, error);
	case NOVA_DO_SPLIT:
		return nova_migrate_end_split(step, &look, error) ? nova_step_wait(step, 0) : NOVA_STEP_ERROR;
	case NOVA_DO_BLOCK:
		return nova_migrate_block(step, &look, error);
	default:
		return nova_step_wait(step, LOOK_PAUSE_MS);
	}
}

/* ---- cleaning ---- */

/* What the source still has must carry an older token than the row has now. */
static bool clean_source(nova_step *step, GError **error)
{
	nova_domain_view view;

	if (!nova_guest_look(step, &view, error))
		return false;
	if (nova_guest_is_gone(&view))
		return true;
	if (nova_guest_is_foreign(&view) || view.token >= step->instance->token)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "host '%s' has a domain of this guest with token %" G_GINT64_FORMAT
				 ", which is not older than the owner's %" G_GINT64_FORMAT,
				 step->compute->host, view.token, step->instance->token);
	return nova_guest_end(step, error);
}

/* From the permit to the flip, by the database's clock. */
static int64_t migration_ms(nova_step *step)
{
	g_autoptr(GPtrArray) journal = NULL;
	int64_t from = 0, to = 0;

	if (!nova_operations_journal(step->compute->db, step->op->id, &journal, NULL))
		return -1;
	for (unsigned i = 0; i < journal->len; i++) {
		const nova_journal_entry *entry = g_ptr_array_index(journal, i);

		if (entry->from == entry->to)
			continue;
		if (entry->to == NOVA_OPS_MIGRATING)
			from = entry->at_us;
		else if (entry->to == NOVA_OPS_SWITCHED)
			to = entry->at_us;
	}
	return from && to >= from ? (to - from) / 1000 : -1;
}

static nova_step_end lost(nova_step *step, const nova_migrate_look *look, GError **error)
{
	bool off = nova_migrate_ask_dest_end(step) == NOVA_END_SHUTDOWN;
	g_autofree char *evidence = nova_migrate_evidence(step, look, NULL, NULL);
	g_autofree char *reason = g_strdup_printf(
		off ? "the guest moved to host '%s' and shut itself down there" :
		      "the guest moved to host '%s' but its process ended there after the switch; it is started again "
		      "from its disk",
		step->op->dest_host);
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.reason = reason,
		.set_vm_state = true,
		.vm_state = NOVA_VM_STOPPED,
		.set_power = true,
		.power_state = off ? NOVA_POWER_SHUTDOWN : NOVA_POWER_CRASHED,
		.total_ms = migration_ms(step),
	};
	nova_step_end end = nova_step_finish(step, &outcome, evidence, error);

	if (end == NOVA_STEP_MOVED && !off && !step->follow_up)
		nova_migrate_start_again(step);
	return end;
}

nova_step_end nova_migrate_cleaning(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_migrate_look look;

	if (!clean_source(step, &failed)) {
		if (nova_guest_must_wait(step, failed))
			return nova_guest_wait_for_it(step, g_steal_pointer(&failed), error);
		g_propagate_error(error, g_steal_pointer(&failed));
		return NOVA_STEP_ERROR;
	}
	nova_migrate_look_at(step, NULL, &look);
	if (nova_guest_is_gone(&look.dest))
		return lost(step, &look, error);
	g_autofree char *evidence = nova_migrate_evidence(step, &look, NULL, NULL);
	g_autofree char *reason = g_strdup_printf(
		"the guest is on host '%s'%s", step->op->dest_host,
		step->op->abort_requested ? "; the abort that was asked for came after the switch, too late" : "");
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.reason = reason,
		.set_power = look.dest.seen != NOVA_SEEN_UNKNOWN,
		.power_state = look.dest.seen == NOVA_SEEN_RUNNING ? NOVA_POWER_RUNNING : NOVA_POWER_PAUSED,
		.total_ms = migration_ms(step),
	};

	return nova_step_finish(step, &outcome, evidence, error);
}

/* ---- rollback ---- */

/* libvirt aborts a copy whose guest gets an I/O error; what it then says is the words of the QEMU that was aborted. */
static char *why_rolled_back(nova_step *step, const nova_migrate_look *look)
{
	g_autofree char *why = step->memory->split ? g_strdup(NOVA_MIGRATE_SPLIT) : nova_step_why(step);

	if (look->source.seen != NOVA_SEEN_PAUSED_OTHER)
		return g_steal_pointer(&why);
	return g_strdup_printf("QEMU has paused the guest on host '%s', as it does when its disk cannot be written (no "
			       "room, or the storage fails): mend that, then unpause it; the migration: %s",
			       step->op->source_host, why);
}

static nova_step_end rolled_back(nova_step *step, const nova_migrate_look *look, GError **error)
{
	g_autofree char *why = why_rolled_back(step, look);
	g_autofree char *evidence = nova_migrate_evidence(step, look, NULL, NULL);
	const nova_op_outcome outcome = {
		.state = step->op->abort_requested ? NOVA_OPS_CANCELLED : NOVA_OPS_FAILED,
		.reason = why,
		.set_power = true,
		.power_state = look->source.seen == NOVA_SEEN_RUNNING ? NOVA_POWER_RUNNING : NOVA_POWER_PAUSED,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, evidence, error);
}

/* The destination first, verified; only then may the source's CPUs run again. */
static nova_step_end roll_back(nova_step *step, const nova_migrate_look *look, GError **error)
{
	int call_ms = nova_compute_call_ms(step->conf);
	bool was_paused = step->op->pre_power == NOVA_POWER_PAUSED;

	if (!nova_guest_is_gone(&look->dest))
		return nova_migrate_empty_dest(step, error) ? nova_step_wait(step, 0) : NOVA_STEP_ERROR;
	if (!was_paused && look->source.seen == NOVA_SEEN_PAUSED_MIGRATION)
		return nova_step_may_act(step, error) &&
				       nova_virt_resume_source(step->compute->virt, step->op->instance_uuid, call_ms,
							       error) ?
			       nova_step_wait(step, 0) :
			       NOVA_STEP_ERROR;
	if (!was_paused && look->source.seen == NOVA_SEEN_PAUSED_USER) /* by a forced completion */
		return nova_step_may_act(step, error) &&
				       nova_virt_resume(step->compute->virt, NULL, step->op->instance_uuid, call_ms,
							error) ?
			       nova_step_wait(step, 0) :
			       NOVA_STEP_ERROR;
	return rolled_back(step, look, error);
}

nova_step_end nova_migrate_rollback(nova_step *step, GError **error)
{
	nova_migrate_look look;

	nova_migrate_look_at(step, NULL, &look);
	switch (look.verdict.action) {
	case NOVA_DO_ROLL_BACK:
		return roll_back(step, &look, error);
	case NOVA_DO_GUEST_ENDED:
		return nova_migrate_guest_ended(step, &look, error);
	case NOVA_DO_FLIP: {
		g_autofree char *evidence = nova_migrate_evidence(step, &look, NULL, NULL);
		nova_fence fence = nova_step_fence(step);

		return nova_step_may_commit(step, error) &&
				       nova_operations_flip(step->compute->db, &fence, step->op, -1, evidence, error) ?
			       nova_step_committed(NOVA_OPS_ROLLBACK) :
			       NOVA_STEP_ERROR;
	}
	case NOVA_DO_SPLIT:
		step->memory->split = true;
		return nova_migrate_end_split(step, &look, error) ? nova_step_wait(step, 0) : NOVA_STEP_ERROR;
	case NOVA_DO_BLOCK:
		return nova_migrate_block(step, &look, error);
	default:
		return nova_step_wait(step, LOOK_PAUSE_MS);
	}
}
