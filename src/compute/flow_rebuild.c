/* SPDX-License-Identifier: Apache-2.0
 *
 * Rebuild: the same server with a new disk.
 *
 * The new disk is made whole beside the old one while the guest still runs; whatever fails until then leaves the server
 * as it was.  Then, in a state of its own, the guest ends and the disk is renamed into its place: a repeated step finds
 * the one or the other.  Then the guest starts, in a state in which no disk is replaced any more.
 */
#include "compute/flow_power.h"

#include "compute/flows.h"
#include "compute/guest.h"
#include "compute/host_storage.h"
#include "compute/images.h"
#include "compute/removal.h"
#include "db/flavors.h"

#define FILES_MS 60000
#define BLOCKED_PAUSE_MS 5000

nova_step_end nova_rebuild_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_REBUILDING, NULL, NULL, error);
}

/* ---- rebuilding: the new disk ---- */

static bool make_new_disk(nova_step *step, GError **error)
{
	const nova_instance *instance = step->instance;
	g_autoptr(GError) failed = NULL;
	g_autoptr(nova_image) image = nova_images_find(step->compute->db, instance->image_id, &failed);

	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	if (!image)
		return nova_fail(error, NOVA_FAULT_IMAGE_NOT_FOUND, "image %s does not exist any more",
				 instance->image_id);
	return nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, error) &&
	       nova_images_fetch(step->conf, image, NULL, (int)step->conf->glance_timeout * 1000, error) &&
	       nova_images_make_new_disk(step->conf, instance->uuid, image, instance->root_gb, step->op->id, FILES_MS,
					 error);
}

/* Nothing was touched: the server stands on its old image again. */
static nova_step_end give_back(nova_step *step, const GError *cause, GError **error)
{
	g_autofree char *reason =
		g_strdup_printf("the server could not be rebuilt and was not touched: %s", cause->message);
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_ERROR,
		.reason = reason,
		.image_back = true,
		.fault_code = 500,
		.fault_message = reason,
		.total_ms = -1,
	};

	/* What stays is only space, which the next rebuild or the delete frees. */
	nova_images_drop_new_disk(step->conf, step->op->instance_uuid, step->op->id, FILES_MS, NULL);
	return nova_step_finish(step, &outcome, NULL, error);
}

nova_step_end nova_rebuild_rebuilding(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;

	if (nova_guest_look(step, &view, &cause) && nova_power_owns(step, &view, &cause) && make_new_disk(step, &cause))
		return nova_step_advance(step, NOVA_OPS_REPLACING, "the new disk is whole", NULL, error);
	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
	return give_back(step, cause, error);
}

/* ---- replacing ---- */

/* With a disk that nobody has seen run the server is in error; another rebuild gets it out of there. */
static nova_step_end give_up(nova_step *step, const GError *cause, GError **error)
{
	g_autofree char *reason = g_strdup_printf("the server could not be rebuilt: %s", cause->message);
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

static nova_step_end stopped(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_STOPPED,
		.set_power = true,
		.power_state = NOVA_POWER_SHUTDOWN,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

nova_step_end nova_rebuild_replacing(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_auto(nova_removal_no) no = { 0 };
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &cause);

	if (done && !nova_power_owns(step, &view, &cause))
		return give_up(step, cause, error);
	if (done && !nova_guest_is_gone(&view))
		done = nova_guest_end(step, &cause);
	if (done)
		done = nova_removal_replace_disk(step, &no, &cause);
	if (done && !nova_guest_make_config_drive(step, FILES_MS, &cause)) {
		if (!nova_guest_must_wait(step, cause))
			return give_up(step, cause, error);
		done = false;
	}
	if (done && step->instance->vm_state == NOVA_VM_STOPPED)
		return stopped(step, error);
	if (done)
		return nova_step_advance(step, NOVA_OPS_SPAWNING, "the disk is the new one", NULL, error);
	if (no.blocked != NOVA_BLOCKED_NO)
		return nova_step_block(step, no.blocked, no.host, cause->message, NULL, BLOCKED_PAUSE_MS, error);
	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
	g_propagate_error(error, g_steal_pointer(&cause));
	return NOVA_STEP_ERROR;
}

/* ---- spawning ---- */

nova_step_end nova_rebuild_spawning(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &cause) && nova_power_owns(step, &view, &cause);

	if (done && nova_guest_is_owner(step, &view) && view.seen == NOVA_SEEN_RUNNING &&
	    view.operation == step->op->id)
		return nova_power_runs(step, error); /* a try before us came this far */
	if (done && !nova_guest_is_gone(&view))
		done = nova_guest_end(step, &cause);
	if (done)
		done = nova_guest_start(step, &cause);
	if (done)
		return nova_power_runs(step, error);
	if (nova_guest_must_wait(step, cause))
		return nova_guest_wait_for_it(step, g_steal_pointer(&cause), error);
	return give_up(step, cause, error);
}
