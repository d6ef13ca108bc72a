/* SPDX-License-Identifier: Apache-2.0
 *
 * step.h - what a step of a flow is given, and how it ends.
 *
 * A step function does what its state asks for and commits the outcome.  The engine has just read the
 * row: it says that this host must act, the lease is fresh, and no other step for this instance runs on
 * this host.  A step may be run again after a crash at any point, so it looks before it acts.
 *
 * Names: the compare-and-swap INTO a state was committed before its step runs; the fault points
 * compute:STATE:before (nothing done yet), compute:STATE:after (done, outcome not committed) and
 * compute:STATE:committed (outcome committed, nobody told) are passed in that order.
 *
 * Thread: the one that runs the step.  Nothing here is shared, except what nova_step_was_kicked() reads.
 */
#pragma once

#include "compute/compute.h"
#include "db/operations.h"
#include "model/decide.h"
#include "model/instance.h"
#include "model/operation.h"

typedef enum nova_step_end {
	NOVA_STEP_MOVED, /* the row has changed: look at it again */
	NOVA_STEP_WAIT,  /* nothing to do for step->wait_ms; a kick comes earlier */
	NOVA_STEP_ERROR, /* *error is set; the engine tries again later unless it says STALE or FENCED */
} nova_step_end;

/* What is remembered of an operation while it stays in one state; lost with the process. */
typedef struct nova_step_memory {
	nova_op_state state;
	int64_t entered_usec; /* CLOCK_BOOTTIME when this process first saw it in the state */
	int tries;            /* the step's own, as `mark' */
	int64_t mark;         /* the step's own */
	bool queued;          /* the journal says that it waits for a slot */
	int64_t yielding_usec; /* CLOCK_BOOTTIME since when it leaves a free slot to an older migration; 0 */
	/* a migration: what both hosts were last seen to have, and since when (CLOCK_BOOTTIME; 0: not yet) */
	nova_domain_view seen_source, seen_dest;
	int64_t seen_usec;
	bool split;           /* two copies ran, and one was ended */
	bool locks_proven;    /* the destination saw the image lock of the source's QEMU (shared_proof.h) */
} nova_step_memory;

typedef struct nova_step {
	nova_compute *compute;
	nova_conf *conf;         /* as it was when the step began */
	nova_operation *op;      /* kept up to date by every committed write */
	nova_instance *instance; /* as read just before; NULL: the row is gone */
	nova_step_memory *memory;
	int64_t epoch;           /* the host's registration when the row was read */
	int permitted_seq;       /* seq of the row after this process committed the permit to migrate; 0 */
	int wait_ms;
	int64_t follow_up;       /* an operation that begins because this one ended; 0 */
	void *task;              /* the engine's */
} nova_step;

typedef nova_step_end (*nova_step_run)(nova_step *step, GError **error);

/* Somebody rang for this operation since the last call: flags in the row may have changed. */
bool nova_step_was_kicked(nova_step *step);
/* The daemon is being stopped: hand back what can be handed back. */
bool nova_step_is_stopping(nova_step *step);

/* Ms since this process first saw the operation in its present state. */
int64_t nova_step_age_ms(const nova_step *step);

nova_fence nova_step_fence(const nova_step *step);

/* The host has registered anew since the row was read. */
bool nova_step_is_outdated(const nova_step *step);

/* To be asked directly before an act that cannot be taken back.  FENCED: no lease, or another one than the
 * step began with; whoever saw the host without a lease may have moved the row, so it is read again first.
 * (A write needs no such question: it counts only when the row is as it was read.) */
bool nova_step_may_act(nova_step *step, GError **error);

nova_step_end nova_step_wait(nova_step *step, int ms);

/* Moves on; passes the fault points; `evidence' may be NULL. */
nova_step_end nova_step_advance(nova_step *step, nova_op_state to, const char *message, const char *evidence,
				GError **error);
nova_step_end nova_step_finish(nova_step *step, const nova_op_outcome *outcome, const char *evidence,
			       GError **error);
/* For a step that commits its outcome by other means: the fault points directly before and after.
 * nova_step_committed() is NOVA_STEP_MOVED. */
bool nova_step_may_commit(const nova_step *step, GError **error);
nova_step_end nova_step_committed(nova_op_state from);
/* Back to the scheduler without this host. */
nova_step_end nova_step_refuse(nova_step *step, const char *reason, const char *evidence, GError **error);

/* Shows that the operation waits, and for whom, if that is news; then waits. */
nova_step_end nova_step_block(nova_step *step, nova_blocked blocked, const char *host, const char *message,
			      const char *evidence, int wait_ms, GError **error);

/* The message of the last change into the present state, from the journal: why a rollback or an undo
 * was begun, also after a restart.  Never NULL; caller frees. */
char *nova_step_why(nova_step *step);

/* Log tags of this operation. */
nova_log_tags nova_step_tags(const nova_step *step);
