/* SPDX-License-Identifier: Apache-2.0
 *
 * Start, stop, reboot, pause.  A guest is only ever started here after the row has said that this host owns it
 * and a look has shown that it does not run.
 */
#include "compute/flow_power.h"

#include "common/deadline.h"
#include "common/log.h"
#include "compute/engine.h"
#include "compute/flows.h"
#include "compute/guest.h"

#define LOOK_MS 500     /* while a guest is asked to do something; its events come earlier */
#define PRESS_MS 10000  /* the power button again: a guest that was just booting did not see it */

nova_step_end nova_power_give_up(nova_step *step, const char *what, const GError *cause, GError **error)
{
	g_autofree char *reason = g_strdup_printf("%s: %s", what, cause->message);
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_ERROR,
		.reason = reason,
		.fault_code = 500,
		.fault_message = reason,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

nova_step_end nova_power_failed(nova_step *step, const char *what, GError *cause, GError **error)
{
	g_autoptr(GError) owned = cause;

	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&owned), error);
	return nova_power_give_up(step, what, cause, error);
}

nova_step_end nova_power_runs(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_ACTIVE,
		.set_power = true,
		.power_state = NOVA_POWER_RUNNING,
		.set_wanted_power = true,
		.wanted_power = true,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

bool nova_power_owns(const nova_step *step, const nova_domain_view *view, GError **error)
{
	if (step->instance->host_id != nova_step_fence(step).host_id)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "the guest belongs to host '%s', not to '%s'",
				 step->instance->host ? step->instance->host : "none", step->compute->host);
	if (nova_guest_is_foreign(view))
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "host '%s' has a domain with this uuid that nova-lite did not make",
				 step->compute->host);
	return true;
}

/* ---- start ---- */

nova_step_end nova_start_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_STARTING, NULL, NULL, error);
}

nova_step_end nova_start_starting(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &failed) && nova_power_owns(step, &view, &failed);

	if (done && nova_guest_is_owner(step, &view) && view.seen == NOVA_SEEN_RUNNING)
		return nova_power_runs(step, error);
	if (done && !nova_guest_is_gone(&view)) /* stale, or half started by a try before us */
		done = nova_guest_end(step, &failed);
	if (done)
		done = nova_guest_start(step, &failed);
	if (done)
		return nova_power_runs(step, error);
	return nova_power_failed(step, "the guest could not be started", g_steal_pointer(&failed), error);
}

/* ---- stop ---- */

nova_step_end nova_stop_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_STOPPING, NULL, NULL, error);
}

static nova_step_end stopped(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_STOPPED,
		.set_power = true,
		.power_state = NOVA_POWER_SHUTDOWN,
		.set_wanted_power = true,
		.wanted_power = false,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

void nova_power_press(nova_step *step)
{
	int64_t now = nova_boottime_usec();

	if (step->memory->mark && now - step->memory->mark < PRESS_MS * INT64_C(1000))
		return;
	step->memory->mark = now;
	/* Not answered is as good as not obeyed: the deadline decides. */
	nova_virt_shutdown(step->compute->virt, step->op->instance_uuid, nova_compute_call_ms(step->conf), NULL);
}

nova_step_end nova_stop_stopping(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &failed) && nova_power_owns(step, &view, &failed);

	if (done && nova_guest_is_gone(&view))
		return stopped(step, error);
	if (done && view.seen == NOVA_SEEN_RUNNING && nova_guest_is_owner(step, &view) &&
	    nova_step_age_ms(step) < step->conf->shutdown_timeout * 1000) {
		nova_power_press(step);
		return nova_step_wait(step, LOOK_MS);
	}
	if (done)
		done = nova_guest_end(step, &failed);
	if (done)
		return stopped(step, error);
	return nova_power_failed(step, "the guest could not be stopped", g_steal_pointer(&failed), error);
}

/* ---- reboot ---- */

nova_step_end nova_reboot_soft_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_REBOOTING, NULL, NULL, error);
}

nova_step_end nova_reboot_soft_rebooting(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;

	if (!nova_guest_look(step, &view, &failed) || !nova_power_owns(step, &view, &failed))
		return nova_power_failed(step, "the guest could not be rebooted", g_steal_pointer(&failed), error);
	if (view.seen != NOVA_SEEN_RUNNING || !nova_guest_is_owner(step, &view))
		return nova_step_advance(step, NOVA_OPS_REBOOTING_HARD, "the guest does not run", NULL, error);
	if (step->memory->mark && nova_engine_rebooted_since(step->compute->engine, step->op->instance_uuid,
							     step->memory->mark))
		return nova_power_runs(step, error);
	if (nova_step_age_ms(step) >= step->conf->shutdown_timeout * 1000)
		return nova_step_advance(step, NOVA_OPS_REBOOTING_HARD, "the guest did not obey in time", NULL, error);
	if (!step->memory->mark) {
		step->memory->mark = nova_boottime_usec();
		if (!nova_virt_reboot(step->compute->virt, step->op->instance_uuid, nova_compute_call_ms(step->conf),
				      &failed))
			return nova_step_advance(step, NOVA_OPS_REBOOTING_HARD, failed->message, NULL, error);
	}
	return nova_step_wait(step, LOOK_MS);
}

nova_step_end nova_reboot_hard_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_REBOOTING_HARD, NULL, NULL, error);
}

nova_step_end nova_reboot_hard_rebooting(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &failed) && nova_power_owns(step, &view, &failed);

	/* The domain carries the operation that started it: ours means it was rebooted already. */
	if (done && nova_guest_is_owner(step, &view) && view.seen == NOVA_SEEN_RUNNING &&
	    view.operation == step->op->id)
		return nova_power_runs(step, error);
	if (done && !nova_guest_is_gone(&view))
		done = nova_guest_end(step, &failed);
	if (done)
		done = nova_guest_start(step, &failed);
	if (done)
		return nova_power_runs(step, error);
	return nova_power_failed(step, "the guest could not be rebooted", g_steal_pointer(&failed), error);
}

/* ---- pause ---- */

nova_step_end nova_pause_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_PAUSING, NULL, NULL, error);
}

static nova_step_end paused(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_PAUSED,
		.set_power = true,
		.power_state = NOVA_POWER_PAUSED,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

static bool is_paused(const nova_domain_view *view)
{
	return view->seen == NOVA_SEEN_PAUSED_USER || view->seen == NOVA_SEEN_PAUSED_OTHER;
}

/* The guest must be there and the owner's; one that has ended meanwhile cannot be paused or go on. */
static bool look_at_own(nova_step *step, nova_domain_view *view, GError **error)
{
	if (!nova_guest_look(step, view, error) || !nova_power_owns(step, view, error))
		return false;
	if (nova_guest_is_gone(view))
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "the guest does not run");
	return nova_guest_is_owner(step, view) ||
	       nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "its domain on host '%s' is a stale copy",
			 step->compute->host);
}

nova_step_end nova_pause_pausing(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;
	bool done = look_at_own(step, &view, &failed);

	if (done && !is_paused(&view))
		done = nova_step_may_act(step, &failed) &&
		       nova_virt_suspend(step->compute->virt, step->op->instance_uuid, nova_compute_call_ms(step->conf),
					 &failed) &&
		       look_at_own(step, &view, &failed);
	if (done && is_paused(&view))
		return paused(step, error);
	if (done)
		nova_fail(&failed, NOVA_FAULT_HYPERVISOR, "it is '%s'", nova_observed_name(view.seen));
	return nova_power_failed(step, "the guest could not be paused", g_steal_pointer(&failed), error);
}

/* ---- unpause ---- */

nova_step_end nova_unpause_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_UNPAUSING, NULL, NULL, error);
}

/* One that its hypervisor has stopped, for a full disk for example, is let go on too. */
static bool go_on(nova_step *step, const nova_domain_view *view, GError **error)
{
	const char *uuid = step->op->instance_uuid;
	int call_ms = nova_compute_call_ms(step->conf);

	if (!nova_step_may_act(step, error))
		return false;
	return view->seen == NOVA_SEEN_PAUSED_OTHER ?
		       nova_virt_resume_source(step->compute->virt, uuid, call_ms, error) :
		       nova_virt_resume(step->compute->virt, NULL, uuid, call_ms, error);
}

nova_step_end nova_unpause_unpausing(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;
	bool done = look_at_own(step, &view, &failed);

	if (done && view.seen != NOVA_SEEN_RUNNING)
		done = go_on(step, &view, &failed) && look_at_own(step, &view, &failed);
	if (done && view.seen == NOVA_SEEN_RUNNING)
		return nova_power_runs(step, error);
	if (done)
		nova_fail(&failed, NOVA_FAULT_HYPERVISOR, "it is '%s'", nova_observed_name(view.seen));
	return nova_power_failed(step, "the guest could not be made to go on", g_steal_pointer(&failed), error);
}
