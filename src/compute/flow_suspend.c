/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspend and resume: a guest's memory in a file beside its disk.
 *
 * Memory and disk fit each other at one moment only.  So the file counts when three things agree: the row names the
 * suspend that wrote it, libvirt's log says that the guest ended by being saved, and the file is whole and carries the
 * owner's token.  And it is loaded into a guest that stands still: before the processors start, and with them the disk
 * changes, the file is gone for good.  A crash anywhere leaves either the file and an unchanged disk, or no file.
 */
#include "compute/flow_power.h"

#include "common/fault_point.h"
#include "common/log.h"
#include "compute/console.h"
#include "compute/flows.h"
#include "compute/guest.h"
#include "compute/host_storage.h"
#include "compute/images.h"

#define FILES_MS 60000
#define JOB_PAUSE_MS 500      /* while libvirt still writes for a daemon before us */
#define STORAGE_PAUSE_MS 5000
#define FIXED_MS 60000        /* for a save or a load, and as much again as the memory takes: */
#define MB_PER_S 20

static int copy_ms(const nova_step *step)
{
	return (int)MIN(FIXED_MS + step->instance->memory_mb * 1000 / MB_PER_S, (int64_t)G_MAXINT);
}

/* Files that cannot be looked at say nothing: the operation waits for them. */
static nova_step_end failed(nova_step *step, const char *what, GError *cause, GError **error)
{
	g_autoptr(GError) owned = cause;

	if (nova_error_is(cause, NOVA_FAULT_STORAGE))
		return nova_step_block(step, NOVA_BLOCKED_STORAGE, step->compute->host, cause->message, NULL,
				       STORAGE_PAUSE_MS, error);
	return nova_power_failed(step, what, g_steal_pointer(&owned), error);
}

/* ---- suspend ---- */

nova_step_end nova_suspend_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_SUSPENDING, NULL, NULL, error);
}

static nova_step_end suspended(nova_step *step, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_SUSPENDED,
		.set_power = true,
		.power_state = NOVA_POWER_SHUTDOWN,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

static nova_step_end ended(nova_step *step, const char *reason, GError **error)
{
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_ERROR,
		.reason = reason,
		.set_vm_state = true,
		.vm_state = NOVA_VM_STOPPED,
		.set_power = true,
		.power_state = NOVA_POWER_SHUTDOWN,
		.fault_code = 500,
		.fault_message = reason,
		.total_ms = -1,
	};

	return nova_step_finish(step, &outcome, NULL, error);
}

/* The guest is not there: was it saved, and by this operation? */
static nova_step_end judge_absence(nova_step *step, const nova_domain_view *view, GError **error)
{
	g_autoptr(GError) cause = NULL;
	bool there = false;

	if (view->end != NOVA_END_SAVED)
		return ended(step, "the guest ended before its memory was saved", error);
	if (!nova_images_memory_settle(step->conf, step->op->instance_uuid, step->op->id, &there, FILES_MS, &cause))
		return failed(step, "the guest could not be suspended", g_steal_pointer(&cause), error);
	return there ? suspended(step, error) :
		       ended(step, "the guest was saved by somebody else: its memory is not beside its disk", error);
}

static bool save(nova_step *step, GError **error)
{
	g_autofree char *path = nova_images_memory_path(step->conf, step->op->instance_uuid, step->op->id);

	return nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, error) &&
	       nova_images_memory_remove(step->conf, step->op->instance_uuid, step->op->id, FILES_MS, error) &&
	       nova_step_may_act(step, error) &&
	       nova_virt_save(step->compute->virt, step->op->instance_uuid, path, copy_ms(step), error);
}

nova_step_end nova_suspend_suspending(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;

	if (!nova_guest_look(step, &view, &cause) || !nova_power_owns(step, &view, &cause))
		return failed(step, "the guest could not be suspended", g_steal_pointer(&cause), error);
	if (nova_guest_is_gone(&view))
		return judge_absence(step, &view, error);
	if (!nova_guest_is_owner(step, &view)) {
		nova_fail(&cause, NOVA_FAULT_INSTANCE_STATE, "its domain on host '%s' is a stale copy",
			  step->compute->host);
		return failed(step, "the guest could not be suspended", g_steal_pointer(&cause), error);
	}
	if (view.job) /* libvirt goes on with what a daemon before us has begun */
		return nova_step_wait(step, JOB_PAUSE_MS);
	if (save(step, &cause))
		return nova_step_wait(step, 0); /* it is gone now, which the next look verifies */
	/* Not answered in time is no answer: while it still writes, or when it has ended after all, it is not over. */
	if (nova_guest_look(step, &view, NULL) && (view.job || nova_guest_is_gone(&view)))
		return nova_step_wait(step, JOB_PAUSE_MS);
	nova_images_memory_remove(step->conf, step->op->instance_uuid, step->op->id, FILES_MS, NULL);
	return failed(step, "the guest could not be suspended", g_steal_pointer(&cause), error);
}

/* ---- resume ---- */

nova_step_end nova_resume_requested(nova_step *step, GError **error)
{
	return nova_step_advance(step, NOVA_OPS_RESUMING, NULL, NULL, error);
}

static bool drop_memory(nova_step *step, GError **error)
{
	return nova_images_memory_remove(step->conf, step->op->instance_uuid, step->instance->saved_operation, FILES_MS,
					 error);
}

/* The guest has its memory and stands still.  Writing its metadata waits for a load that an earlier daemon has begun
 * and that libvirt still works on; if that fails, the guest is gone and the file still there. */
static bool let_go_on(nova_step *step, GError **error)
{
	const char *uuid = step->op->instance_uuid;
	int call_ms = nova_compute_call_ms(step->conf);

	return nova_fault_point("compute:resuming:loaded", error) &&
	       nova_virt_set_owner(step->compute->virt, NULL, uuid, step->instance->token, step->op->id, call_ms,
				   error) &&
	       nova_step_may_act(step, error) && drop_memory(step, error) &&
	       nova_fault_point("compute:resuming:dropped", error) &&
	       nova_virt_resume_source(step->compute->virt, uuid, call_ms, error);
}

static bool load(nova_step *step, GError **error)
{
	const nova_instance *instance = step->instance;
	g_autofree char *path =
		nova_images_memory_path(step->conf, step->op->instance_uuid, instance->saved_operation);
	g_autofree char *log = nova_console_path(step->conf, instance->uuid, instance->token);

	return nova_step_may_act(step, error) &&
	       nova_virt_restore(step->compute->virt, step->op->instance_uuid, path, instance->token, step->op->id, log,
				 copy_ms(step), error);
}

static nova_step_end resume_from_file(nova_step *step, GError **error)
{
	const nova_instance *instance = step->instance;
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;
	bool there = false;

	if (instance->saved_operation &&
	    (!nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, &cause) ||
	     !nova_images_memory_settle(step->conf, instance->uuid, instance->saved_operation, &there, FILES_MS,
					&cause)))
		return failed(step, "the guest could not be resumed", g_steal_pointer(&cause), error);
	if (!there)
		return ended(step, "the saved memory is gone: start the server to boot it from its disk", error);
	if (load(step, &cause) || (nova_guest_look(step, &view, NULL) && !nova_guest_is_gone(&view)))
		return nova_step_wait(step, 0);
	return failed(step, "the guest could not be resumed; a hard reboot boots it from its disk, without its memory",
		      g_steal_pointer(&cause), error);
}

nova_step_end nova_resume_resuming(nova_step *step, GError **error)
{
	g_autoptr(GError) cause = NULL;
	nova_domain_view view;
	bool done = nova_guest_look(step, &view, &cause) && nova_power_owns(step, &view, &cause);

	if (done && nova_guest_is_gone(&view))
		return resume_from_file(step, error);
	if (done && !nova_guest_is_owner(step, &view))
		done = nova_fail(&cause, NOVA_FAULT_INSTANCE_STATE, "its domain on host '%s' is a stale copy",
				 step->compute->host);
	if (done && view.seen != NOVA_SEEN_RUNNING && view.operation == step->op->id)
		done = let_go_on(step, &cause) && nova_guest_look(step, &view, &cause);
	if (done && view.seen == NOVA_SEEN_RUNNING && drop_memory(step, &cause))
		return nova_power_runs(step, error);
	if (done && !cause)
		nova_fail(&cause, NOVA_FAULT_HYPERVISOR, "it is '%s'", nova_observed_name(view.seen));
	/* A guest that ended between two looks is looked at once more: its file may still be there. */
	if (nova_error_is(cause, NOVA_FAULT_INSTANCE_NOT_FOUND))
		return nova_step_wait(step, JOB_PAUSE_MS);
	return failed(step, "the guest could not be resumed", g_steal_pointer(&cause), error);
}
