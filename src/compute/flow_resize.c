/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize, and its reverting: a guest that is off changes its flavor, and its host unless it stays where it is.
 *
 * The source ends the guest and verifies that it is gone; then one transaction changes host, token and flavor; then the
 * destination, which may be the same host, starts it.  The disk is shared and grows only after that, and never shrinks:
 * a reverting keeps it as it is.
 */
#include "compute/flow_power.h"

#include "common/fault_point.h"
#include "compute/flows.h"
#include "compute/guest.h"
#include "compute/host_storage.h"
#include "compute/images.h"
#include "compute/migrate.h"
#include "db/hosts.h"
#include "db/resizes.h"
#include "model/matrix.h"

#define LOOK_MS 500
#define FILES_MS 60000
#define STORAGE_PAUSE_MS 5000

/* ---- claimed: can this host take the guest? ---- */

static nova_step_end cancel(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_CANCELLED,
		.reason = "deleted before it was resized; the guest was not touched",
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

nova_step_end nova_resize_claimed(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	bool stays = step->op->source_host_id == step->op->dest_host_id;

	if (nova_operation_is_unwanted(step->op, step->instance->delete_requested))
		return cancel(step, error);
	if (stays ? nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, &cause) :
		    nova_migrate_can_take_off(step, &cause))
		return nova_step_advance(step, NOVA_OPS_STOPPING, "the destination can take the guest", NULL, error);
	if (nova_guest_must_wait(step, cause) && !nova_error_is(cause, NOVA_FAULT_HYPERVISOR)) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return NOVA_STEP_ERROR;
	}
	return nova_step_refuse(step, cause->message, NULL, error);
}

/* ---- stopping: the guest ends here ---- */

nova_step_end nova_resize_revert_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_STOPPING, NULL, NULL, error);
}

/* Nothing was touched: a resize goes back to where it began, a reverting leaves the server with its new size. */
static nova_step_end turn_back(nova_step *step, const GError *cause, GError **error)
{
	if (step->op->kind == NOVA_OP_RESIZE)
		return nova_step_advance(step, NOVA_OPS_ROLLBACK, cause->message, NULL, error);
	return nova_power_give_up(step, "the resize could not be reverted", cause, error);
}

/* Before a reverting ends the guest: one whose old host is down would be off until that is back. */
static bool old_host_is_well(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autoptr(nova_host) host = nova_hosts_find_by_id(step->compute->db, step->op->dest_host_id, &failed);

	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	return (host && host->up && host->storage_ok && !host->health) ||
	       nova_fail(error, NOVA_FAULT_HOST_NOT_FOUND, "host '%s', which would take the guest back, is %s",
			 step->op->dest_host ? step->op->dest_host : "none",
			 host && host->up ? "not well" : "down");
}

static nova_step_end flip(nova_step *step, GError **error)
{
	nova_fence fence = nova_step_fence(step);

	return nova_step_may_act(step, error) && nova_step_may_commit(step, error) &&
			       nova_operations_resize_flip(step->compute->db, &fence, step->op, error) ?
		       nova_step_committed(NOVA_OPS_STOPPING) :
		       NOVA_STEP_ERROR;
}

nova_step_end nova_resize_stopping(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &cause);

	if (done && (!nova_power_owns(step, &view, &cause) ||
		     (step->op->kind == NOVA_OP_RESIZE_REVERT && !nova_guest_is_gone(&view) &&
		      !step->memory->mark && !old_host_is_well(step, &cause)))) {
		if (nova_guest_must_wait(step, cause))
			return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
		return turn_back(step, cause, error);
	}
	if (done && nova_guest_is_gone(&view))
		return flip(step, error);
	if (done && view.seen == NOVA_SEEN_RUNNING && nova_guest_is_owner(step, &view) &&
	    nova_step_age_ms(step) < step->conf->shutdown_timeout * 1000) {
		nova_power_press(step);
		return nova_step_wait(step, LOOK_MS);
	}
	if (done && nova_guest_end(step, &cause))
		return flip(step, error);
	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
	g_propagate_error(error, g_steal_pointer(&cause));
	return NOVA_STEP_ERROR;
}

/* ---- switched: it is this host's, with its other flavor ---- */

static nova_step_end finish(nova_step *step, bool running, GError **error)
{
	bool resize = step->op->kind == NOVA_OP_RESIZE;
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = resize ? NOVA_VM_RESIZED : running ? NOVA_VM_ACTIVE : NOVA_VM_STOPPED,
		.set_power = true,
		.power_state = running ? NOVA_POWER_RUNNING : NOVA_POWER_SHUTDOWN,
		.set_wanted_power = running,
		.wanted_power = true,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

/* The guest has no other place to go back to: it is here, in error, and a hard reboot tries again. */
static nova_step_end in_error(nova_step *step, const char *reason, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_ERROR,
		.reason = reason,
		.set_vm_state = true,
		.vm_state = NOVA_VM_ERROR,
		.set_power = true,
		.power_state = NOVA_POWER_SHUTDOWN,
		.fault_code = 500,
		.fault_message = reason,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

/* What this host has of the guest goes, verified; then it is the old host's again, with the old flavor. */
static nova_step_end go_back(nova_step *step, const GError *cause, GError **error)
{
	nova_fence fence = nova_step_fence(step);
	nova_domain_view view;

	if (!nova_guest_look(step, &view, error) ||
	    (!nova_guest_is_gone(&view) && !nova_guest_is_foreign(&view) && !nova_guest_end(step, error)))
		return NOVA_STEP_ERROR;
	return nova_step_may_act(step, error) && nova_step_may_commit(step, error) &&
			       nova_operations_resize_flip_back(step->compute->db, &fence, step->op, cause->message,
								error) ?
		       nova_step_committed(NOVA_OPS_SWITCHED) :
		       NOVA_STEP_ERROR;
}

/* A domain that carries this operation was started by a try before us. */
static bool start(nova_step *step, const nova_domain_view *view, GError **error)
{
	if (nova_guest_is_owner(step, view) && view->operation == step->op->id && view->seen == NOVA_SEEN_RUNNING)
		return true;
	return (nova_guest_is_gone(view) || nova_guest_end(step, error)) &&
	       nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, error) &&
	       nova_fault_point("compute:switched:start", error) &&
	       nova_images_grow_disk(step->conf, step->op->instance_uuid, step->instance->root_gb, FILES_MS, error) &&
	       (!step->op->ran || nova_guest_start(step, error));
}

nova_step_end nova_resize_switched(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;

	if (nova_guest_look(step, &view, &cause) && nova_power_owns(step, &view, &cause) && start(step, &view, &cause))
		return finish(step, step->op->ran, error);
	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
	if (step->op->kind == NOVA_OP_RESIZE)
		return go_back(step, cause, error);
	g_autofree char *reason = g_strdup_printf(
		"the resize was reverted, but the guest could not be started: %s", cause->message);

	return in_error(step, reason, error);
}

/* ---- rollback: it is the old host's, with its old flavor ---- */

nova_step_end nova_resize_rollback(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *why = nova_step_why(step);
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &cause) && nova_power_owns(step, &view, &cause);

	if (done && step->op->ran && !(nova_guest_is_owner(step, &view) && view.seen == NOVA_SEEN_RUNNING))
		done = (nova_guest_is_gone(&view) || nova_guest_end(step, &cause)) && nova_guest_start(step, &cause);
	if (done) {
		g_autofree char *reason =
			g_strdup_printf("the server could not be resized and is as before: %s", why);
		const nova_op_outcome outcome = {
			.state = NOVA_OPS_ERROR,
			.reason = reason,
			.set_power = true,
			.power_state = step->op->ran ? NOVA_POWER_RUNNING : NOVA_POWER_SHUTDOWN,
			.fault_code = 500,
			.fault_message = reason,
			.total_ms = -1,
		};

		return nova_step_finish(step, &outcome, NULL, error);
	}
	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
	if (nova_error_is(cause, NOVA_FAULT_STORAGE))
		return nova_step_block(step, NOVA_BLOCKED_STORAGE, step->compute->host, cause->message, NULL,
				       STORAGE_PAUSE_MS, error);
	g_autofree char *reason = g_strdup_printf(
		"the server could not be resized (%s), nor started as before: %s", why, cause->message);

	return in_error(step, reason, error);
}
