/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/removal.h"

#include "compute/guest.h"
#include "compute/host_storage.h"
#include "compute/images.h"
#include "compute/removal_plan.h"
#include "db/removal.h"

#define FILES_MS 60000
#define LOOK_MS 3000
#define ACT_MS 10000

void nova_removal_no_clear(nova_removal_no *no)
{
	g_clear_pointer(&no->host, g_free);
	no->blocked = NOVA_BLOCKED_NO;
}

/* The guest is unwanted everywhere now, so a domain of it that is ours is ended wherever it is. */
static nova_observed look_there(nova_step *step, const nova_removal_books *books)
{
	nova_virt *virt = step->compute->virt;
	const char *uuid = step->op->instance_uuid;
	nova_domain_view view;

	if (!nova_virt_observe(virt, books->former_address, uuid, NULL, &view, LOOK_MS, NULL))
		return NOVA_SEEN_UNKNOWN;
	if (nova_guest_is_gone(&view) || nova_guest_is_foreign(&view) || !nova_step_may_act(step, NULL) ||
	    !nova_virt_destroy(virt, books->former_address, uuid, ACT_MS, NULL) ||
	    !nova_virt_observe(virt, books->former_address, uuid, NULL, &view, LOOK_MS, NULL))
		return view.seen;
	return view.seen;
}

static bool refuse(const nova_removal_plan *plan, const nova_removal_facts *facts, nova_removal_no *ret_no,
		   GError **error)
{
	ret_no->blocked = plan->blocked;
	ret_no->host = g_strdup(plan->blocked_host);
	if (plan->blocked == NOVA_BLOCKED_STORAGE && facts->disk_fsid)
		return nova_fail(error, NOVA_FAULT_STORAGE, "the guest's files are not removed: %s (%s, not %s)",
				 plan->why, facts->disk_fsid, facts->host_fsid ? facts->host_fsid : "known");
	return nova_fail(error, plan->blocked == NOVA_BLOCKED_STORAGE ? NOVA_FAULT_STORAGE : NOVA_FAULT_CONFLICT,
			 "the guest's files are not removed: %s%s%s", plan->why, plan->blocked_host ? ": " : "",
			 plan->blocked_host ? plan->blocked_host : "");
}

static bool remove_guest(nova_step *step, const char *fsid, GError **error)
{
	return nova_images_delete(step->conf, step->op->instance_uuid, step->instance->token, fsid, FILES_MS, error);
}

static bool replace_disk(nova_step *step, const char *fsid, GError **error)
{
	return nova_images_swap_disk(step->conf, step->op->instance_uuid, step->op->id, fsid, FILES_MS, error);
}

/* The one gate: the facts, the rule, then the act, directly after one another. */
static bool run(nova_step *step, bool (*act)(nova_step *step, const char *fsid, GError **error),
		nova_removal_no *ret_no, GError **error)
{
	g_auto(nova_removal_books) books = { 0 };
	nova_fence fence = nova_step_fence(step);
	nova_domain_view view;

	if (!nova_guest_look(step, &view, error) ||
	    !nova_removal_read(step->compute->db, step->op->instance_uuid, step->op->id, fence.host_id, &books, error))
		return false;
	const nova_removal_facts facts = {
		.kind = step->op->kind,
		.state = step->op->state,
		.other_operation = books.other_operation,
		.host = step->compute->host,
		.claimant = books.claimant,
		.here = view.seen,
		.former_host = books.former_host,
		.there = books.former_host ? look_there(step, &books) : NOVA_SEEN_ABSENT,
		.disk_fsid = books.disk_fsid,
		.host_fsid = step->compute->fsid,
	};
	nova_removal_plan plan = nova_removal_decide(&facts);

	if (!plan.allowed)
		return refuse(&plan, &facts, ret_no, error);
	if (!nova_step_may_act(step, error))
		return false;
	/* A storage that hangs is found out by a short check, not by a thread that waits for it. */
	if (nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, error) &&
	    act(step, facts.disk_fsid, error))
		return true;
	ret_no->blocked = NOVA_BLOCKED_STORAGE;
	ret_no->host = g_strdup(step->compute->host);
	return false;
}

bool nova_removal_run(nova_step *step, nova_removal_no *ret_no, GError **error)
{
	return run(step, remove_guest, ret_no, error);
}

bool nova_removal_replace_disk(nova_step *step, nova_removal_no *ret_no, GError **error)
{
	return run(step, replace_disk, ret_no, error);
}
