/* SPDX-License-Identifier: Apache-2.0 */
#include "model/flow.h"

#include <string.h>

#define B(s) NOVA_OPS_BIT(s)
#define END NOVA_FLOW_TERMINAL

static const char *const kind_names[] = {
	[NOVA_OP_BUILD] = "build",
	[NOVA_OP_DELETE] = "delete",
	[NOVA_OP_START] = "start",
	[NOVA_OP_STOP] = "stop",
	[NOVA_OP_REBOOT_SOFT] = "reboot-soft",
	[NOVA_OP_REBOOT_HARD] = "reboot-hard",
	[NOVA_OP_LIVE_MIGRATION] = "live-migration",
	[NOVA_OP_PAUSE] = "pause",
	[NOVA_OP_UNPAUSE] = "unpause",
	[NOVA_OP_SUSPEND] = "suspend",
	[NOVA_OP_RESUME] = "resume",
	[NOVA_OP_REBUILD] = "rebuild",
	[NOVA_OP_RESIZE] = "resize",
	[NOVA_OP_RESIZE_REVERT] = "resize-revert",
	[NOVA_OP_LOCK] = "lock",
	[NOVA_OP_UNLOCK] = "unlock",
	[NOVA_OP_RESET_STATE] = "reset-state",
	[NOVA_OP_RESIZE_CONFIRM] = "resize-confirm",
};
G_STATIC_ASSERT(G_N_ELEMENTS(kind_names) == NOVA_OP__COUNT);

static const char *const state_names[] = {
	[NOVA_OPS_REQUESTED] = "requested",
	[NOVA_OPS_CLAIMED] = "claimed",
	[NOVA_OPS_CHECKED] = "checked",
	[NOVA_OPS_PREPARING] = "preparing",
	[NOVA_OPS_PREPARED] = "prepared",
	[NOVA_OPS_MIGRATING] = "migrating",
	[NOVA_OPS_SWITCHED] = "switched",
	[NOVA_OPS_CLEANING] = "cleaning",
	[NOVA_OPS_ROLLBACK] = "rollback",
	[NOVA_OPS_SPAWNING] = "spawning",
	[NOVA_OPS_UNDOING] = "undoing",
	[NOVA_OPS_DELETING] = "deleting",
	[NOVA_OPS_STARTING] = "starting",
	[NOVA_OPS_STOPPING] = "stopping",
	[NOVA_OPS_REBOOTING] = "rebooting",
	[NOVA_OPS_REBOOTING_HARD] = "rebooting-hard",
	[NOVA_OPS_PAUSING] = "pausing",
	[NOVA_OPS_UNPAUSING] = "unpausing",
	[NOVA_OPS_SUSPENDING] = "suspending",
	[NOVA_OPS_RESUMING] = "resuming",
	[NOVA_OPS_REBUILDING] = "rebuilding",
	[NOVA_OPS_REPLACING] = "replacing",
	[NOVA_OPS_DONE] = "done",
	[NOVA_OPS_FAILED] = "failed",
	[NOVA_OPS_CANCELLED] = "cancelled",
	[NOVA_OPS_ERROR] = "error",
};
G_STATIC_ASSERT(G_N_ELEMENTS(state_names) == NOVA_OPS__COUNT);

static const char *const actor_names[] = {
	[NOVA_ACTOR_NONE] = "nobody",
	[NOVA_ACTOR_SCHEDULER] = "scheduler",
	[NOVA_ACTOR_SOURCE] = "source",
	[NOVA_ACTOR_DEST] = "dest",
};
G_STATIC_ASSERT(G_N_ELEMENTS(actor_names) == NOVA_ACTOR__COUNT);

/* One row of a table; the columns are those of nova_flow_row. */
#define ROW(s, who, bell, nova_status, task, evt, follow, flag, text)                                \
	{ .state = NOVA_OPS_##s, .actor = NOVA_ACTOR_##who, .doorbell = bell, .status = nova_status, \
	  .task_state = task, .event = evt, .next = follow, .flags = flag, .doc = text }
#define LAST ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, 0, NULL)

static const nova_flow_row build_rows[] = {
	ROW(REQUESTED, SCHEDULER, "build_instances", NULL, "scheduling", "conductor_build_instances",
	    B(CLAIMED) | B(ERROR) | B(CANCELLED), 0, "Chooses a host and books its resources."),
	ROW(CLAIMED, DEST, "build_and_run_instance", NULL, "scheduling", NULL,
	    B(SPAWNING) | B(REQUESTED) | B(ERROR) | B(CANCELLED), 0,
	    "The host is about to take the guest up."),
	ROW(SPAWNING, DEST, "build_and_run_instance", NULL, "spawning", "compute__do_build_and_run_instance",
	    B(DONE) | B(UNDOING), 0, "Fetches the image, makes the disk, starts the guest."),
	ROW(UNDOING, DEST, "build_and_run_instance", NULL, "spawning", NULL,
	    B(REQUESTED) | B(ERROR) | B(CANCELLED), 0,
	    "Removes what a failed try has made; another host may be tried."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest runs."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The server could not be built."),
	ROW(CANCELLED, NONE, NULL, NULL, NULL, NULL, 0, END, "A delete came first."),
	LAST
};

static const nova_flow_row delete_rows[] = {
	ROW(REQUESTED, SOURCE, "terminate_instance", NULL, "deleting", NULL, B(DELETING), 0,
	    "The host is about to remove the guest."),
	ROW(DELETING, SOURCE, "terminate_instance", NULL, "deleting", "compute_terminate_instance",
	    B(DONE) | B(ERROR), 0, "Ends the guest, verifies that it is gone, removes its files."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "Nothing of the server is left."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "Something of the server could not be removed."),
	LAST
};

static const nova_flow_row start_rows[] = {
	ROW(REQUESTED, SOURCE, "start_instance", NULL, "powering-on", NULL, B(STARTING), 0,
	    "The host is about to start the guest."),
	ROW(STARTING, SOURCE, "start_instance", NULL, "powering-on", "compute_start_instance",
	    B(DONE) | B(ERROR), 0, "Checks that the guest is owned and runs nowhere, then starts it."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest runs."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be started."),
	LAST
};

static const nova_flow_row stop_rows[] = {
	ROW(REQUESTED, SOURCE, "stop_instance", NULL, "powering-off", NULL, B(STOPPING), 0,
	    "The host is about to stop the guest."),
	ROW(STOPPING, SOURCE, "stop_instance", NULL, "powering-off", "compute_stop_instance",
	    B(DONE) | B(ERROR), 0, "Presses the power button; at the deadline ends the guest by force."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest is off."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be stopped."),
	LAST
};

static const nova_flow_row reboot_soft_rows[] = {
	ROW(REQUESTED, SOURCE, "reboot_instance", NULL, "rebooting", NULL, B(REBOOTING), 0,
	    "The host is about to reboot the guest."),
	ROW(REBOOTING, SOURCE, "reboot_instance", NULL, "rebooting", "compute_reboot_instance",
	    B(DONE) | B(REBOOTING_HARD) | B(ERROR), 0,
	    "Asks the guest to reboot and waits until it is seen to do so."),
	ROW(REBOOTING_HARD, SOURCE, "reboot_instance", NULL, "rebooting", NULL, B(DONE) | B(ERROR), 0,
	    "The guest did not obey in time: it is ended and started again."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest has been rebooted."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be rebooted."),
	LAST
};

static const nova_flow_row reboot_hard_rows[] = {
	ROW(REQUESTED, SOURCE, "reboot_instance", NULL, "rebooting_hard", NULL, B(REBOOTING_HARD), 0,
	    "The host is about to reboot the guest."),
	ROW(REBOOTING_HARD, SOURCE, "reboot_instance", NULL, "rebooting_hard", "compute_reboot_instance",
	    B(DONE) | B(ERROR), 0, "Ends the guest and starts it again from its definition."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest has been rebooted."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be rebooted."),
	LAST
};

static const nova_flow_row live_migration_rows[] = {
	ROW(REQUESTED, SCHEDULER, "live_migrate_instance", "accepted", "migrating",
	    "conductor_live_migrate_instance", B(CLAIMED) | B(ERROR) | B(CANCELLED), 0,
	    "Chooses a destination, or checks the named one, and books its resources."),
	ROW(CLAIMED, DEST, "check_can_live_migrate_destination", "accepted", "migrating",
	    "compute_check_can_live_migrate_destination",
	    B(CHECKED) | B(REQUESTED) | B(CANCELLED) | B(ERROR), 0,
	    "The destination checks that it can take this guest."),
	ROW(CHECKED, SOURCE, "check_can_live_migrate_source", "queued", "migrating",
	    "compute_check_can_live_migrate_source",
	    B(PREPARING) | B(REQUESTED) | B(CANCELLED) | B(ERROR), 0,
	    "Waits for a migration slot on both hosts."),
	ROW(PREPARING, DEST, "pre_live_migration", "preparing", "migrating", "compute_pre_live_migration",
	    B(PREPARED) | B(REQUESTED) | B(CANCELLED) | B(ERROR), 0,
	    "The destination makes ready what the guest needs there."),
	ROW(PREPARED, SOURCE, "live_migration", "preparing", "migrating", NULL,
	    B(MIGRATING) | B(CANCELLED) | B(ERROR), 0,
	    "The source looks at its lease, the guest and the wishes once more."),
	ROW(MIGRATING, SOURCE, "live_migration", "running", "migrating", "compute_live_migration",
	    B(SWITCHED) | B(ROLLBACK) | B(FAILED), NOVA_FLOW_PERMIT,
	    "The permit is committed: memory is copied; only these two hosts may own the guest now."),
	ROW(SWITCHED, SOURCE, "post_live_migration_at_destination", "running", "migrating",
	    "compute_post_live_migration_at_destination", B(CLEANING) | B(ERROR), NOVA_FLOW_PERMIT,
	    "Host, token and claims have changed: the destination owns the guest."),
	ROW(CLEANING, SOURCE, "post_live_migration", "running", "migrating", NULL, B(DONE),
	    NOVA_FLOW_PERMIT, "The source removes what it still has of the guest."),
	ROW(ROLLBACK, SOURCE, "rollback_live_migration", "running", "migrating",
	    "compute_rollback_live_migration_at_destination", B(FAILED) | B(CANCELLED) | B(SWITCHED),
	    NOVA_FLOW_PERMIT,
	    "The guest stays: the destination is emptied and verified, then the source goes on."),
	ROW(DONE, NONE, NULL, "completed", NULL, NULL, 0, END, "The guest runs on the destination."),
	ROW(FAILED, NONE, NULL, "failed", NULL, NULL, 0, END, "The guest stays on the source."),
	ROW(CANCELLED, NONE, NULL, "cancelled", NULL, NULL, 0, END,
	    "Aborted on request; the guest stays on the source."),
	ROW(ERROR, NONE, NULL, "error", NULL, NULL, 0, END,
	    "No destination could take the guest; it was not touched."),
	LAST
};

static const nova_flow_row pause_rows[] = {
	ROW(REQUESTED, SOURCE, "pause_instance", NULL, "pausing", NULL, B(PAUSING), 0,
	    "The host is about to pause the guest."),
	ROW(PAUSING, SOURCE, "pause_instance", NULL, "pausing", "compute_pause_instance", B(DONE) | B(ERROR), 0,
	    "Stops the guest's processors and looks whether they stand; its memory stays where it is."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest is paused."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be paused."),
	LAST
};

static const nova_flow_row unpause_rows[] = {
	ROW(REQUESTED, SOURCE, "unpause_instance", NULL, "unpausing", NULL, B(UNPAUSING), 0,
	    "The host is about to let the guest go on."),
	ROW(UNPAUSING, SOURCE, "unpause_instance", NULL, "unpausing", "compute_unpause_instance", B(DONE) | B(ERROR), 0,
	    "Starts the guest's processors and looks whether they run."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest runs."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be made to go on."),
	LAST
};

static const nova_flow_row suspend_rows[] = {
	ROW(REQUESTED, SOURCE, "suspend_instance", NULL, "suspending", NULL, B(SUSPENDING), 0,
	    "The host is about to suspend the guest."),
	ROW(SUSPENDING, SOURCE, "suspend_instance", NULL, "suspending", "compute_suspend_instance",
	    B(DONE) | B(ERROR), 0,
	    "Writes the guest's memory into a file beside its disk and ends it; both are verified."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest is a file, which belongs to this operation."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be suspended."),
	LAST
};

static const nova_flow_row resume_rows[] = {
	ROW(REQUESTED, SOURCE, "resume_instance", NULL, "resuming", NULL, B(RESUMING), 0,
	    "The host is about to resume the guest."),
	ROW(RESUMING, SOURCE, "resume_instance", NULL, "resuming", "compute_resume_instance", B(DONE) | B(ERROR), 0,
	    "Loads the memory into a guest that stands still, removes the file, then starts the processors."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest runs."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest could not be resumed."),
	LAST
};

static const nova_flow_row rebuild_rows[] = {
	ROW(REQUESTED, SOURCE, "rebuild_instance", NULL, "rebuilding", NULL, B(REBUILDING), 0,
	    "The host is about to make the guest anew from an image."),
	ROW(REBUILDING, SOURCE, "rebuild_instance", NULL, "rebuilding", "compute_rebuild_instance",
	    B(REPLACING) | B(ERROR), 0,
	    "Fetches the image and makes a whole new disk beside the old one; the guest is not touched."),
	ROW(REPLACING, SOURCE, "rebuild_instance", NULL, "rebuild_block_device_mapping", NULL,
	    B(SPAWNING) | B(DONE) | B(ERROR), 0,
	    "Ends the guest, verifies that it is gone, puts the new disk in the place of the old one."),
	ROW(SPAWNING, SOURCE, "rebuild_instance", NULL, "rebuild_spawning", NULL, B(DONE) | B(ERROR), 0,
	    "Starts the guest from its new disk, which nothing replaces any more."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END,
	    "The guest has the new disk, and runs unless it was stopped before."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END, "The server could not be rebuilt."),
	LAST
};

static const nova_flow_row resize_rows[] = {
	ROW(REQUESTED, SCHEDULER, "migrate_server", "pre-migrating", "resize_prep", "conductor_migrate_server",
	    B(CLAIMED) | B(ERROR) | B(CANCELLED), 0,
	    "Chooses a host for the guest's new size and books its resources beside the old ones."),
	ROW(CLAIMED, DEST, "prep_resize", "pre-migrating", "resize_prep", "compute_prep_resize",
	    B(STOPPING) | B(REQUESTED) | B(CANCELLED) | B(ERROR), 0,
	    "The destination, which may be the same host, checks that it can take this guest."),
	ROW(STOPPING, SOURCE, "resize_instance", "migrating", "resize_migrating", "compute_resize_instance",
	    B(SWITCHED) | B(ROLLBACK), 0,
	    "Presses the power button; at the deadline ends the guest by force; verifies that it is gone."),
	ROW(SWITCHED, DEST, "finish_resize", "post-migrating", "resize_finish", "compute_finish_resize",
	    B(DONE) | B(ROLLBACK), 0,
	    "Host, token and flavor have changed: the destination makes the disk larger and starts the guest."),
	ROW(ROLLBACK, SOURCE, "rollback_resize", "post-migrating", "resize_finish", "compute_rollback_resize",
	    B(ERROR), 0,
	    "The guest has its old host and flavor, and is started again if it ran."),
	ROW(DONE, NONE, NULL, "finished", NULL, NULL, 0, END,
	    "The guest has its new size until this is confirmed or reverted."),
	ROW(CANCELLED, NONE, NULL, "cancelled", NULL, NULL, 0, END, "A delete came first; the guest was not touched."),
	ROW(ERROR, NONE, NULL, "error", NULL, NULL, 0, END, "The guest has its old size, on its old host."),
	LAST
};

static const nova_flow_row resize_revert_rows[] = {
	ROW(REQUESTED, SOURCE, "revert_resize", NULL, "resize_reverting", NULL, B(STOPPING), 0,
	    "The guest's host is about to give it back to the old one, which may be the same."),
	ROW(STOPPING, SOURCE, "revert_resize", NULL, "resize_reverting", "compute_revert_resize",
	    B(SWITCHED) | B(ERROR), 0,
	    "Sees that the old host is well, ends the guest, verifies that it is gone."),
	ROW(SWITCHED, DEST, "finish_revert_resize", NULL, "resize_reverting", "compute_finish_revert_resize",
	    B(DONE) | B(ERROR), 0,
	    "Host, token and flavor have changed back: the old host starts the guest if it ran."),
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END, "The guest has its old size, on its old host."),
	ROW(ERROR, NONE, NULL, NULL, NULL, NULL, 0, END,
	    "The resize could not be reverted, or the guest not be started."),
	LAST
};

static const nova_flow_row resize_confirm_rows[] = {
	ROW(DONE, NONE, NULL, NULL, NULL, "compute_confirm_resize", 0, END,
	    "The new size stays; what was booked for the old one is free."),
	LAST
};

static const nova_flow_row lock_rows[] = {
	ROW(DONE, NONE, NULL, NULL, NULL, "api_lock", 0, END, "Only an admin, or who unlocks the server, changes it."),
	LAST
};

static const nova_flow_row unlock_rows[] = {
	ROW(DONE, NONE, NULL, NULL, NULL, "api_unlock", 0, END, "The server is not locked any more."),
	LAST
};

static const nova_flow_row reset_state_rows[] = {
	ROW(DONE, NONE, NULL, NULL, NULL, NULL, 0, END,
	    "The server has the vm_state that was asked for, until its host looks at the guest."),
	LAST
};

static const nova_flow flows[] = {
	[NOVA_OP_BUILD] = { NOVA_OP_BUILD, "create", "Build a server", build_rows },
	[NOVA_OP_DELETE] = { NOVA_OP_DELETE, "delete", "Delete a server", delete_rows },
	[NOVA_OP_START] = { NOVA_OP_START, "start", "Start a server", start_rows },
	[NOVA_OP_STOP] = { NOVA_OP_STOP, "stop", "Stop a server", stop_rows },
	[NOVA_OP_REBOOT_SOFT] = { NOVA_OP_REBOOT_SOFT, "reboot", "Reboot a server, softly", reboot_soft_rows },
	[NOVA_OP_REBOOT_HARD] = { NOVA_OP_REBOOT_HARD, "reboot", "Reboot a server, hard", reboot_hard_rows },
	[NOVA_OP_LIVE_MIGRATION] = { NOVA_OP_LIVE_MIGRATION, "live-migration", "Live-migrate a server",
				     live_migration_rows },
	[NOVA_OP_PAUSE] = { NOVA_OP_PAUSE, "pause", "Pause a server", pause_rows },
	[NOVA_OP_UNPAUSE] = { NOVA_OP_UNPAUSE, "unpause", "Unpause a server", unpause_rows },
	[NOVA_OP_SUSPEND] = { NOVA_OP_SUSPEND, "suspend", "Suspend a server", suspend_rows },
	[NOVA_OP_RESUME] = { NOVA_OP_RESUME, "resume", "Resume a server", resume_rows },
	[NOVA_OP_REBUILD] = { NOVA_OP_REBUILD, "rebuild", "Rebuild a server", rebuild_rows },
	[NOVA_OP_RESIZE] = { NOVA_OP_RESIZE, "resize", "Resize a server", resize_rows },
	[NOVA_OP_RESIZE_REVERT] = { NOVA_OP_RESIZE_REVERT, "revertResize", "Revert a resize", resize_revert_rows },
	[NOVA_OP_LOCK] = { NOVA_OP_LOCK, "lock", "Lock a server", lock_rows },
	[NOVA_OP_UNLOCK] = { NOVA_OP_UNLOCK, "unlock", "Unlock a server", unlock_rows },
	[NOVA_OP_RESET_STATE] = { NOVA_OP_RESET_STATE, "resetState", "Reset the state of a server", reset_state_rows },
	[NOVA_OP_RESIZE_CONFIRM] = { NOVA_OP_RESIZE_CONFIRM, "confirmResize", "Confirm a resize", resize_confirm_rows },
};
G_STATIC_ASSERT(G_N_ELEMENTS(flows) == NOVA_OP__COUNT);

const nova_flow *nova_flow_of(nova_op_kind kind)
{
	return &flows[kind];
}

const nova_flow_row *nova_flow_row_of(nova_op_kind kind, nova_op_state state)
{
	for (const nova_flow_row *row = flows[kind].rows; row->doc; row++)
		if (row->state == state)
			return row;
	return NULL;
}

bool nova_flow_may_follow(nova_op_kind kind, nova_op_state from, nova_op_state to)
{
	const nova_flow_row *row = nova_flow_row_of(kind, from);

	return row && (row->next & (1u << to));
}

bool nova_op_state_is_terminal(nova_op_state state)
{
	return state >= NOVA_OPS_DONE && state < NOVA_OPS__COUNT;
}

bool nova_op_kind_resizes(nova_op_kind kind)
{
	return kind == NOVA_OP_RESIZE || kind == NOVA_OP_RESIZE_REVERT;
}

const char *nova_op_kind_name(nova_op_kind kind)
{
	return kind_names[kind];
}

const char *nova_op_state_name(nova_op_state state)
{
	return state_names[state];
}

const char *nova_op_actor_name(nova_op_actor actor)
{
	return actor_names[actor];
}

static bool index_of(const char *const *names, size_t n, const char *name, unsigned *ret)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (unsigned)i;
			return true;
		}
	return false;
}

bool nova_op_kind_from_name(const char *name, nova_op_kind *ret)
{
	unsigned i;

	if (!index_of(kind_names, G_N_ELEMENTS(kind_names), name, &i))
		return false;
	*ret = (nova_op_kind)i;
	return true;
}

bool nova_op_state_from_name(const char *name, nova_op_state *ret)
{
	unsigned i;

	if (!index_of(state_names, G_N_ELEMENTS(state_names), name, &i))
		return false;
	*ret = (nova_op_state)i;
	return true;
}

/* Mermaid wants identifiers without dashes. */
static void append_id(GString *out, nova_op_state state)
{
	for (const char *c = state_names[state]; *c; c++)
		g_string_append_c(out, *c == '-' ? '_' : *c);
}

char *nova_flow_mermaid(nova_op_kind kind)
{
	const nova_flow *flow = &flows[kind];
	GString *out = g_string_new("stateDiagram-v2\n");

	g_string_append(out, "    [*] --> ");
	append_id(out, flow->rows[0].state);
	g_string_append_c(out, '\n');
	for (const nova_flow_row *row = flow->rows; row->doc; row++) {
		if (row->flags & NOVA_FLOW_TERMINAL) {
			g_string_append(out, "    ");
			append_id(out, row->state);
			g_string_append(out, " --> [*]\n");
			continue;
		}
		for (unsigned to = 0; to < NOVA_OPS__COUNT; to++) {
			if (!(row->next & (1u << to)))
				continue;
			g_string_append(out, "    ");
			append_id(out, row->state);
			g_string_append(out, " --> ");
			append_id(out, (nova_op_state)to);
			g_string_append_printf(out, ": %s\n", actor_names[row->actor]);
		}
	}
	return g_string_free(out, FALSE);
}
