/* SPDX-License-Identifier: Apache-2.0
 *
 * flows.h - the steps of the flow tables that a compute service takes: one function for each kind of
 * operation and state.  The engine's table (engine.c) is their only caller; step.h has the contract.
 */
#pragma once

#include "compute/step.h"

/* flow_build.c: this host is the destination */
nova_step_end nova_build_claimed(nova_step *step, GError **error);
nova_step_end nova_build_spawning(nova_step *step, GError **error);
nova_step_end nova_build_undoing(nova_step *step, GError **error);

/* flow_delete.c */
nova_step_end nova_delete_requested(nova_step *step, GError **error);
nova_step_end nova_delete_deleting(nova_step *step, GError **error);

/* flow_power.c */
nova_step_end nova_start_requested(nova_step *step, GError **error);
nova_step_end nova_start_starting(nova_step *step, GError **error);
nova_step_end nova_stop_requested(nova_step *step, GError **error);
nova_step_end nova_stop_stopping(nova_step *step, GError **error);
nova_step_end nova_reboot_soft_requested(nova_step *step, GError **error);
nova_step_end nova_reboot_soft_rebooting(nova_step *step, GError **error);
nova_step_end nova_reboot_hard_requested(nova_step *step, GError **error);
nova_step_end nova_reboot_hard_rebooting(nova_step *step, GError **error);
nova_step_end nova_pause_requested(nova_step *step, GError **error);
nova_step_end nova_pause_pausing(nova_step *step, GError **error);
nova_step_end nova_unpause_requested(nova_step *step, GError **error);
nova_step_end nova_unpause_unpausing(nova_step *step, GError **error);

/* flow_suspend.c; the last of each in a thread of its own */
nova_step_end nova_suspend_requested(nova_step *step, GError **error);
nova_step_end nova_suspend_suspending(nova_step *step, GError **error);
nova_step_end nova_resume_requested(nova_step *step, GError **error);
nova_step_end nova_resume_resuming(nova_step *step, GError **error);

/* flow_rebuild.c */
nova_step_end nova_rebuild_requested(nova_step *step, GError **error);
nova_step_end nova_rebuild_rebuilding(nova_step *step, GError **error);
nova_step_end nova_rebuild_replacing(nova_step *step, GError **error);
nova_step_end nova_rebuild_spawning(nova_step *step, GError **error);

/* flow_resize.c: of both resizes and their reverting, unless the name says */
nova_step_end nova_resize_claimed(nova_step *step, GError **error);
nova_step_end nova_resize_stopping(nova_step *step, GError **error);
nova_step_end nova_resize_switched(nova_step *step, GError **error);
nova_step_end nova_resize_rollback(nova_step *step, GError **error);
nova_step_end nova_resize_revert_requested(nova_step *step, GError **error);

/* migrate_dest.c */
nova_step_end nova_migrate_claimed(nova_step *step, GError **error);
nova_step_end nova_migrate_preparing(nova_step *step, GError **error);

/* migrate_source.c */
nova_step_end nova_migrate_checked(nova_step *step, GError **error);
nova_step_end nova_migrate_prepared(nova_step *step, GError **error);
nova_step_end nova_migrate_switched(nova_step *step, GError **error);
nova_step_end nova_migrate_cleaning(nova_step *step, GError **error);
nova_step_end nova_migrate_rollback(nova_step *step, GError **error);

/* migrate_run.c: in a thread of its own */
nova_step_end nova_migrate_migrating(nova_step *step, GError **error);
