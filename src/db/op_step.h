/* SPDX-License-Identifier: Apache-2.0
 *
 * op_step.h - one committed change of an operation's row: what all functions that move an operation share.
 *
 * A step is the compare-and-swap on (id, seq, state), under the writer's fence, with its line in the journal.
 * What it sets is absolute: nova_op_step_of() fills in what the row had when it was read, the caller changes what
 * is to change, nova_op_step_run() writes, and after the commit nova_op_step_apply() brings the caller's
 * nova_operation up to date.
 */
#pragma once

#include "db/operations.h"
#include "db/tx.h"

typedef struct nova_op_step {
	const nova_operation *op; /* as it was read; borrowed */
	const nova_fence *fence;  /* NULL: a scheduler writes */
	nova_op_state to;
	bool note;                /* `to' is the state it has: only a line in the journal */
	const char *message, *evidence;
	/* new values */
	nova_blocked blocked;
	const char *blocked_host;
	int wait_ms;
	const char *reason;
	int dest_host_id;
	nova_power_state pre_power;
	int holds_slots; /* -1: as it is */
	int attempts;
	int64_t downtime_ms, total_ms; /* -1: not known */
	const char *trace;
	bool unless_aborted;      /* do nothing when an abort has been requested */
	int absent_host_id;       /* the owner, whose lease must have run out: the writer acts in its place; 0 */
	/* what came of it */
	bool aborted;             /* an abort had been requested: nothing changed */
	int seq;
	int64_t owner_epoch, changed_us, finished_us, not_before_us;
} nova_op_step;

/* Without a fence and in a state whose actor is a host: the scheduler writes in place of that host. */
nova_op_step nova_op_step_of(const nova_operation *op, const nova_fence *fence, nova_op_state to, const char *message,
		       const char *evidence);

/* Evidence for the end of a migration, or of a try, that never got its permit; NULL when it did. */
const char *nova_op_step_untouched(const nova_operation *op);

/* INTERNAL for a transition the flow table does not have, FENCED (also for one that only the owner may make), STALE.
 * True with `aborted' set when an abort forbade it. */
bool nova_op_step_run(nova_tx *tx, nova_op_step *step, GError **error);

/* A proof for nova_job whose argument begins with a nova_op_step. */
bool nova_op_step_proof(nova_tx *tx, void *step, bool *ret_committed, GError **error);

/* After the commit. */
void nova_op_step_apply(const nova_op_step *step, nova_operation *op);

/* A job that is nothing but a step. */
bool nova_op_step_do(nova_db *db, nova_op_step *step, GError **error);

/* The instance's row, locked for the transaction and positioned; INSTANCE_NOT_FOUND when there is none. */
bool nova_op_step_lock_instance(nova_tx *tx, const char *uuid, nova_result **ret, GError **error);

/* Reads `op' anew inside a transaction. */
nova_operation *nova_op_step_reread(nova_tx *tx, int64_t id, GError **error);

/* Moves what is in `fresh' (taken over) into `op'. */
void nova_op_step_replace(nova_operation *op, nova_operation *fresh);
