/* SPDX-License-Identifier: Apache-2.0
 *
 * removal.h - the only way by which files of a guest are removed; removal_plan.h is its rule.
 *
 * Migrations never come here: what they remove are the empty files of the storage proof, which carry
 * names they made themselves (shared_proof.h).
 */
#pragma once

#include "compute/step.h"

typedef struct nova_removal_no {
	nova_blocked blocked;       /* NOVA_BLOCKED_NO: nothing to wait for but another try */
	char *host;                 /* whom it waits for */
} nova_removal_no;
void nova_removal_no_clear(nova_removal_no *no);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(nova_removal_no, nova_removal_no_clear)

/* Gathers the facts, ends what the other host of its last migration still has of the guest, and removes its
 * files if the rule allows it.  The guest must be gone from this host already.  False: *error says why, *ret_no
 * what is waited for.  Idempotent. */
bool nova_removal_run(nova_step *step, nova_removal_no *ret_no, GError **error);

/* The same rule and facts for the disk alone: the one that nova_images_make_new_disk() has made for this operation
 * takes the place of the old one, and what belonged to the old one goes. */
bool nova_removal_replace_disk(nova_step *step, nova_removal_no *ret_no, GError **error);
