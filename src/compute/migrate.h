/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate.h - what the steps of a live migration share: looking at both hosts, and the acts that follow.
 *
 * A look asks both hypervisors and lets nova_decide() say what happened; error texts decide nothing.
 * The other host is asked over a libvirt connection of our own, and if that fails through its compute
 * service: only when both fail it is "unknown".
 */
#pragma once

#include "compute/step.h"
#include "model/decide.h"

typedef struct nova_migrate_look {
	nova_domain_view source, dest;
	nova_verdict verdict;
} nova_migrate_look;

/* Looks at both and decides; step->memory keeps since when the views have been what they are.  `migration' may be
 * NULL; its pidfd is the first word on the source. */
void nova_migrate_look_at(nova_step *step, nova_virt_migration *migration, nova_migrate_look *look);
/* Asks the destination alone. */
void nova_migrate_ask_dest(nova_step *step, nova_domain_view *ret);
/* Why a guest that is gone from the destination ended there, from its compute service; UNKNOWN without an answer. */
nova_end_reason nova_migrate_ask_dest_end(nova_step *step);

/* Both views and the verdict as JSON, for the journal; `call' is what the migrate call said, `earlier' what was done
 * before and is not in the journal yet; either may be NULL.  Caller frees. */
char *nova_migrate_evidence(const nova_step *step, const nova_migrate_look *look, const char *call,
			    const char *earlier);
char *nova_migrate_evidence_of(const nova_operation *op, const nova_migrate_look *look, const char *call,
			       const char *earlier);

/* An abort or a delete was asked for. */
bool nova_migrate_is_unwanted(const nova_step *step);
/* Before the guest was touched: ends the operation. */
nova_step_end nova_migrate_cancel(nova_step *step, GError **error);

/* Destroys the destination's domain if it is this operation's, and verifies that it is gone: over libvirt,
 * else through its compute service. */
bool nova_migrate_empty_dest(nova_step *step, GError **error);

/* Starts the destination's CPUs (unless the guest was paused by its user) and looks whether they run. */
bool nova_migrate_resume_dest(nova_step *step, GError **error);

/* Both run: ends the copy that is not the owner's, at once, and then says so in the log and the journal. */
#define NOVA_MIGRATE_SPLIT \
	"two copies of the guest ran for a moment, the one on the destination was ended; check the guest's disk"
bool nova_migrate_end_split(nova_step *step, const nova_migrate_look *look, GError **error);

/* The guest lost its memory: begins an operation that starts it once more, from its disk, on the host that owns it. */
void nova_migrate_start_again(nova_step *step);

/* The guest ended on the source, by itself or with its host: empties the destination and finishes.  When the host was
 * booted, the guest is started again by policy. */
nova_step_end nova_migrate_guest_ended(nova_step *step, const nova_migrate_look *look, GError **error);

/* Shows the verdict's reason to wait. */
nova_step_end nova_migrate_block(nova_step *step, const nova_migrate_look *look, GError **error);

/* Reads the row again into step->op: the step goes on as one that begins now. */
bool nova_migrate_reload(nova_step *step, GError **error);

/* migrate_dest.c: whether this host can take the guest of another one when it is off: no domain in the way, the same
 * storage, no older QEMU, its bridges, its disk.  Changes nothing but a stale copy that is ended. */
bool nova_migrate_can_take_off(nova_step *step, GError **error);
