/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a server on this host.  Whatever goes wrong before it runs is undone here and handed back to
 * the scheduler, which may try another host.
 */
#include "compute/flows.h"

#include "common/log.h"
#include "compute/guest.h"
#include "compute/host_storage.h"
#include "compute/images.h"
#include "compute/removal.h"
#include "model/matrix.h"
#include "db/flavors.h"

#define FILES_MS 60000 /* to make a disk */
#define BLOCKED_PAUSE_MS 5000

static bool is_unwanted(const nova_step *step)
{
	return nova_operation_is_unwanted(step->op, step->instance->delete_requested);
}

static nova_step_end cancel(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_CANCELLED,
		.reason = "deleted while it was being built",
		.release_home = true,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

nova_step_end nova_build_claimed(nova_step *step, GError **error)
{
	if (is_unwanted(step))
		return cancel(step, error);
	return nova_step_advance(step, NOVA_OPS_SPAWNING, NULL, NULL, error);
}

static bool make_disk(nova_step *step, GError **error)
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
	       nova_images_make_disk(step->conf, instance->uuid, image, instance->root_gb, NULL, FILES_MS, error);
}

/* A delete that came during the download need not see the guest start first. */
static bool still_wanted(nova_step *step, bool *ret_wanted, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autoptr(nova_operation) now = nova_operations_find(step->compute->db, step->op->id, &failed);

	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	*ret_wanted = now && !now->abort_requested;
	return true;
}

static bool build(nova_step *step, bool *ret_wanted, GError **error)
{
	if (!make_disk(step, error) || !nova_guest_make_config_drive(step, FILES_MS, error) ||
	    !still_wanted(step, ret_wanted, error))
		return false;
	return !*ret_wanted || nova_guest_start(step, error);
}

static nova_step_end built(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_ACTIVE,
		.set_power = true,
		.power_state = NOVA_POWER_RUNNING,
		.launched = true,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

nova_step_end nova_build_spawning(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	nova_domain_view view;
	bool wanted = true;

	if (is_unwanted(step))
		return nova_step_advance(step, NOVA_OPS_UNDOING, "deleted while it was being built", NULL, error);
	bool done = nova_guest_look(step, &view, &failed);

	if (done && nova_guest_is_foreign(&view))
		done = nova_fail(&failed, NOVA_FAULT_CONFLICT,
				 "host '%s' already has a domain with this uuid that nova-lite did not make",
				 step->compute->host);
	if (done && nova_guest_is_owner(step, &view) && view.operation == step->op->id &&
	    view.seen == NOVA_SEEN_RUNNING)
		return built(step, error); /* a try before us came this far */
	if (done && !nova_guest_is_gone(&view))
		done = nova_guest_end(step, &failed);
	if (done)
		done = build(step, &wanted, &failed);
	if (done && wanted)
		return built(step, error);
	if (done)
		return nova_step_advance(step, NOVA_OPS_UNDOING, "deleted while it was being built", NULL, error);
	if (nova_guest_must_wait(step, failed))
		return nova_guest_wait_for_it(step, g_steal_pointer(&failed), error);
	const nova_log_tags tags = nova_step_tags(step);

	nova_log_warning(&tags, "the server could not be built here, undoing: %s", failed->message);
	return nova_step_advance(step, NOVA_OPS_UNDOING, failed->message, NULL, error);
}

nova_step_end nova_build_undoing(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autofree char *why = nova_step_why(step);
	g_auto(nova_removal_no) no = { 0 };
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &failed);

	/* Only what this build has made: nothing else of this uuid can exist yet, but it is not ours to
	 * remove if it does. */
	if (done && !nova_guest_is_gone(&view) && !nova_guest_is_foreign(&view))
		done = nova_guest_end(step, &failed);
	if (done && !nova_guest_is_foreign(&view))
		done = nova_removal_run(step, &no, &failed);
	if (no.blocked != NOVA_BLOCKED_NO)
		return nova_step_block(step, no.blocked, no.host, failed->message, NULL, BLOCKED_PAUSE_MS, error);
	if (!done) {
		if (nova_guest_must_wait(step, failed))
			return nova_guest_wait_for_it(step, g_steal_pointer(&failed), error);
		g_propagate_error(error, g_steal_pointer(&failed));
		return NOVA_STEP_ERROR;
	}
	if (is_unwanted(step))
		return cancel(step, error);
	return nova_step_refuse(step, why, NULL, error);
}
