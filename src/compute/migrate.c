/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/migrate.h"

#include "common/context.h"
#include "common/deadline.h"
#include "common/json.h"
#include "common/log.h"
#include "compute/engine.h"
#include "compute/guest.h"
#include "db/hosts.h"
#include "model/matrix.h"
#include "rpc/doorbell.h"

#define LOOK_MS 3000  /* at either host; a host that needs longer is "unknown" this time */
#define ACT_MS 10000
#define BLOCKED_MS 2000

/* ---- looking ---- */

static void from_report(const nova_domain_report *report, nova_domain_view *ret)
{
	*ret = (nova_domain_view){ .seen = NOVA_SEEN_UNKNOWN, .token = -1 };
	if (!nova_observed_from_name(report->state, &ret->seen))
		return;
	if (report->reason)
		nova_end_reason_from_name(report->reason, &ret->end);
	if (report->token)
		ret->token = g_ascii_strtoll(report->token, NULL, 10);
	ret->operation = report->operation;
	ret->job = report->job;
}

static bool ask_service(nova_step *step, const char *host, nova_domain_view *ret)
{
	g_auto(nova_domain_report) report = { 0 };
	g_autoptr(nova_context) context = nova_context_new_with_id(step->op->request_id, step->op->user_id,
								   step->op->project_id, true);

	if (!step->compute->bus || !nova_bus_is_connected(step->compute->bus) ||
	    !nova_rpc_observe_domain(step->compute->bus, host, step->op->instance_uuid, context, LOOK_MS, &report,
				     NULL))
		return false;
	from_report(&report, ret);
	return ret->seen != NOVA_SEEN_UNKNOWN;
}

void nova_migrate_ask_dest(nova_step *step, nova_domain_view *ret)
{
	const nova_operation *op = step->op;

	if (nova_virt_observe(step->compute->virt, op->dest_address, op->instance_uuid, NULL, ret, LOOK_MS, NULL) ||
	    ask_service(step, op->dest_host, ret))
		return;
	*ret = (nova_domain_view){ .seen = NOVA_SEEN_UNKNOWN, .token = -1 };
}

nova_end_reason nova_migrate_ask_dest_end(nova_step *step)
{
	nova_domain_view view = { 0 };

	return ask_service(step, step->op->dest_host, &view) && view.seen == NOVA_SEEN_ABSENT ? view.end :
												   NOVA_END_UNKNOWN;
}

static bool is_complete(const nova_domain_view *view)
{
	return view->seen == NOVA_SEEN_PAUSED_USER || view->seen == NOVA_SEEN_RUNNING;
}

/* The source, seen from its own host.  A dead QEMU is gone, whatever libvirt still says of it; libvirt is
 * then asked only for the reason of its end, and not while the guest waits to be resumed. */
static void ask_source(nova_step *step, bool dead, bool dest_complete, nova_domain_view *ret)
{
	g_autofree char *name = nova_instance_domain_name(step->instance->id);

	*ret = (nova_domain_view){ .seen = dead ? NOVA_SEEN_ABSENT : NOVA_SEEN_UNKNOWN, .token = -1 };
	if (dead && dest_complete)
		return;
	nova_domain_view view;

	if (!nova_virt_observe(step->compute->virt, NULL, step->op->instance_uuid, name, &view, LOOK_MS, NULL))
		return;
	if (!dead)
		*ret = view;
	else if (view.seen == NOVA_SEEN_ABSENT)
		ret->end = view.end;
}

static bool same(const nova_domain_view *a, const nova_domain_view *b)
{
	return a->seen == b->seen && a->job == b->job && a->token == b->token;
}

void nova_migrate_look_at(nova_step *step, nova_virt_migration *migration, nova_migrate_look *look)
{
	bool dead = migration && nova_virt_migration_source_dead(migration);
	nova_step_memory *memory = step->memory;
	nova_migrate_look now = { 0 };

	nova_migrate_ask_dest(step, &now.dest);
	dead = dead || (migration && nova_virt_migration_source_dead(migration));
	ask_source(step, dead, is_complete(&now.dest), &now.source);
	if (!memory->seen_usec || !same(&memory->seen_source, &now.source) || !same(&memory->seen_dest, &now.dest)) {
		memory->seen_usec = nova_boottime_usec();
		memory->seen_source = now.source;
		memory->seen_dest = now.dest;
	}
	const nova_migration_facts facts = {
		.state = step->op->state == NOVA_OPS_CLEANING ? NOVA_OPS_SWITCHED : step->op->state,
		.pre_power = step->op->pre_power,
		.token = step->instance->token,
		.strict = step->op->strict,
		.call_active = migration && !nova_virt_migration_returned(migration, NULL),
		.locks_proven = memory->locks_proven,
		.steady_ms = (nova_boottime_usec() - memory->seen_usec) / 1000,
		.source = now.source,
		.dest = now.dest,
	};

	now.verdict = nova_decide(&facts);
	*look = now;
}

static json_object *view_json(const char *host, const nova_domain_view *view)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "host", host);
	nova_json_add_str(object, "seen", nova_observed_name(view->seen));
	if (view->job)
		nova_json_add_bool(object, "job", true);
	if (view->end != NOVA_END_UNKNOWN)
		nova_json_add_str(object, "end", nova_end_reason_name(view->end));
	if (view->token >= 0)
		nova_json_add_int(object, "token", view->token);
	return object;
}

char *nova_migrate_evidence(const nova_step *step, const nova_migrate_look *look, const char *call,
			    const char *earlier)
{
	return nova_migrate_evidence_of(step->op, look, call, earlier);
}

char *nova_migrate_evidence_of(const nova_operation *op, const nova_migrate_look *look, const char *call,
			       const char *earlier)
{
	g_autoptr(json_object) root = json_object_new_object();

	nova_json_add(root, "source", view_json(op->source_host, &look->source));
	nova_json_add(root, "dest", view_json(op->dest_host, &look->dest));
	nova_json_add_str(root, "verdict", nova_verdict_action_name(look->verdict.action));
	nova_json_add_str(root, "why", look->verdict.why);
	if (call)
		nova_json_add_str(root, "call", call);
	if (earlier)
		nova_json_add_str(root, "earlier", earlier);
	return nova_json_dup_text(root, NULL);
}

/* ---- wishes ---- */

bool nova_migrate_is_unwanted(const nova_step *step)
{
	return nova_operation_is_unwanted(step->op, step->instance->delete_requested);
}

nova_step_end nova_migrate_cancel(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_CANCELLED,
		.reason = step->instance->delete_requested ? "the server is being deleted" : "aborted on request",
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

/* ---- acting ---- */

static bool destroy_at_dest(nova_step *step, GError **error)
{
	const nova_operation *op = step->op;
	nova_domain_view view;

	if (!nova_virt_observe(step->compute->virt, op->dest_address, op->instance_uuid, NULL, &view, LOOK_MS, error))
		return false;
	if (nova_guest_is_gone(&view))
		return true;
	if (view.operation != op->id)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "the domain on host '%s' was not made by this migration (operation %" G_GINT64_FORMAT
				 ")",
				 op->dest_host, view.operation);
	if (!nova_virt_destroy(step->compute->virt, op->dest_address, op->instance_uuid, ACT_MS, error) ||
	    !nova_virt_observe(step->compute->virt, op->dest_address, op->instance_uuid, NULL, &view, LOOK_MS, error))
		return false;
	if (!nova_guest_is_gone(&view))
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "the domain on host '%s' was ended but is still '%s'",
				 op->dest_host, nova_observed_name(view.seen));
	return true;
}

bool nova_migrate_empty_dest(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;

	if (!nova_step_may_act(step, error))
		return false;
	if (destroy_at_dest(step, &failed))
		return true;
	if (nova_error_is(failed, NOVA_FAULT_CONFLICT) || !step->compute->bus) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	g_autoptr(nova_context) context = nova_context_new_with_id(step->op->request_id, step->op->user_id,
								   step->op->project_id, true);

	return nova_rpc_rollback_destination(step->compute->bus, step->op->dest_host, step->op->id, step->op->seq,
					     context, ACT_MS, error);
}

bool nova_migrate_resume_dest(nova_step *step, GError **error)
{
	const nova_operation *op = step->op;
	nova_domain_view view;
	g_autoptr(GError) said = NULL;

	if (op->pre_power == NOVA_POWER_PAUSED)
		return true;
	/* The return code decides nothing: the look afterwards does. */
	nova_virt_resume(step->compute->virt, op->dest_address, op->instance_uuid, LOOK_MS, &said);
	nova_migrate_ask_dest(step, &view);
	if (view.seen == NOVA_SEEN_RUNNING)
		return true;
	return nova_fail(error, NOVA_FAULT_HYPERVISOR, "the guest could not be started on host '%s', it is '%s': %s",
			 op->dest_host, nova_observed_name(view.seen), said ? said->message : "no error was given");
}

bool nova_migrate_end_split(nova_step *step, const nova_migrate_look *look, GError **error)
{
	const nova_operation *op = step->op;
	const char *loser = look->verdict.dest_wins ? op->source_host : op->dest_host;
	nova_fence fence = nova_step_fence(step);

	/* The act first: every moment of it may cost the guest's disk. */
	if (!(look->verdict.dest_wins ? nova_guest_end(step, error) : nova_migrate_empty_dest(step, error)))
		return false;
	g_autofree char *text = g_strdup_printf("two copies of the guest ran, on '%s' and '%s': the one on '%s', which "
						"is not the owner's, was ended; check the guest's disk",
						op->source_host, op->dest_host, loser);
	g_autofree char *evidence = nova_migrate_evidence(step, look, NULL, NULL);
	const nova_log_tags tags = nova_step_tags(step);

	nova_log_error(&tags, "%s", text);
	nova_operations_note(step->compute->db, &fence, step->op, NOVA_BLOCKED_NO, NULL, 0, text, evidence, NULL);
	return true;
}

void nova_migrate_start_again(nova_step *step)
{
	g_autoptr(GError) error = NULL;
	const nova_log_tags tags = nova_step_tags(step);
	const nova_op_request request = {
		.kind = NOVA_OP_START,
		.instance_uuid = step->op->instance_uuid,
		.action = "os-start",
		.strict = step->op->strict,
		.by = { step->op->request_id, step->op->project_id, step->op->user_id },
	};
	g_autoptr(nova_operation) start = nova_operations_begin(step->compute->db, &request, &error);

	if (start)
		nova_engine_announce(step->compute->engine, start->id);
	else
		nova_log_error(&tags, "the guest has lost its memory and could not be started again from its disk: %s",
			       error->message);
}

/* Since this migration began, as its journal has it: the daemon may have been started more than once since the boot. */
static bool host_was_booted(nova_step *step)
{
	g_autoptr(GPtrArray) journal = NULL;

	if (!nova_operations_journal(step->compute->db, step->op->id, &journal, NULL))
		return step->compute->boot_changed;
	for (unsigned i = 0; i < journal->len; i++) {
		const nova_journal_entry *entry = g_ptr_array_index(journal, i);

		if (g_strcmp0(entry->host, step->compute->host) == 0 &&
		    g_strcmp0(entry->evidence_json, NOVA_HOSTS_BOOTED) == 0)
			return true;
	}
	return false;
}

nova_step_end nova_migrate_guest_ended(nova_step *step, const nova_migrate_look *look, GError **error)
{
	bool booted = host_was_booted(step);
	bool crashed = !booted && look->source.end != NOVA_END_SHUTDOWN;
	bool again = booted && step->conf->resume_guests_state_on_host_boot && step->instance->wanted_power;
	const char *what = booted ? "ended with its host" : crashed ? "ended unexpectedly" : "shut itself down";
	g_autofree char *evidence = nova_migrate_evidence(step, look, NULL, NULL);
	g_autofree char *reason = g_strdup_printf("the guest %s on '%s' while it was being migrated; it stays there%s",
						  what, step->op->source_host,
						  again ? " and is started again from its disk" : "");
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_FAILED,
		.reason = reason,
		.set_vm_state = true,
		.vm_state = NOVA_VM_STOPPED,
		.set_power = true,
		.power_state = crashed ? NOVA_POWER_CRASHED : NOVA_POWER_SHUTDOWN,
		.total_ms = -1,
	};

	if (!nova_migrate_empty_dest(step, error))
		return NOVA_STEP_ERROR;
	nova_step_end end = nova_step_finish(step, &outcome, evidence, error);

	if (end == NOVA_STEP_MOVED && again && !step->follow_up)
		nova_migrate_start_again(step);
	return end;
}

nova_step_end nova_migrate_block(nova_step *step, const nova_migrate_look *look, GError **error)
{
	const char *host = look->verdict.blocked == NOVA_BLOCKED_SOURCE_UNREACHABLE ? step->op->source_host :
										       step->op->dest_host;
	g_autofree char *evidence = nova_migrate_evidence(step, look, NULL, NULL);

	return nova_step_block(step, look->verdict.blocked, host, look->verdict.why, evidence, BLOCKED_MS, error);
}

bool nova_migrate_reload(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	int64_t epoch = nova_step_fence(step).epoch;
	g_autoptr(nova_operation) now = nova_operations_find(step->compute->db, step->op->id, &failed);

	if (!now) {
		if (failed)
			g_propagate_error(error, g_steal_pointer(&failed));
		else
			nova_fail(error, NOVA_FAULT_STALE, "operation %" G_GINT64_FORMAT " has no row", step->op->id);
		return false;
	}
	nova_operation old = *step->op;

	*step->op = *now;
	*now = old; /* freed with it */
	step->epoch = epoch;
	return true;
}
