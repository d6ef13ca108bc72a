/* SPDX-License-Identifier: Apache-2.0
 *
 * Deleting a server: its domain is ended and verified gone, then its files are removed.
 */
#include "compute/flows.h"

#include "compute/guest.h"
#include "compute/removal.h"

#define BLOCKED_PAUSE_MS 5000

nova_step_end nova_delete_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_DELETING, NULL, NULL, error);
}

static nova_step_end give_up(nova_step *step, const char *reason, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_ERROR,
		.reason = reason,
		.set_vm_state = true,
		.vm_state = NOVA_VM_ERROR,
		.fault_code = 500,
		.fault_message = reason,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

static nova_step_end deleted(nova_step *step, const char *evidence, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.deleted = true,
		.set_vm_state = true,
		.vm_state = NOVA_VM_DELETED,
		.set_power = true,
		.power_state = NOVA_POWER_NOSTATE,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, evidence, error);
}

nova_step_end nova_delete_deleting(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_auto(nova_removal_no) no = { 0 };
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &failed);

	if (done && nova_guest_is_foreign(&view))
		return give_up(step,
			       "its host has a domain with its uuid that nova-lite did not make: remove that first",
			       error);
	if (done && !nova_guest_is_gone(&view))
		done = nova_guest_end(step, &failed) && nova_guest_look(step, &view, &failed);
	if (done)
		done = nova_removal_run(step, &no, &failed);
	if (done) {
		g_autofree char *evidence = nova_guest_evidence(step->compute->host, &view);

		return deleted(step, evidence, error);
	}
	if (no.blocked != NOVA_BLOCKED_NO)
		return nova_step_block(step, no.blocked, no.host, failed->message, NULL, BLOCKED_PAUSE_MS, error);
	if (nova_guest_must_wait(step, failed))
		return nova_guest_wait_for_it(step, g_steal_pointer(&failed), error);
	g_propagate_error(error, g_steal_pointer(&failed));
	return NOVA_STEP_ERROR;
}
