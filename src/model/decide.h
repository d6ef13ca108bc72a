/* SPDX-License-Identifier: Apache-2.0
 *
 * decide.h - what happened to a guest that was being migrated, and what to do next.
 *
 * After any error, timeout or restart both hypervisors are asked and this pure function decides; error
 * text never does.  "Absent" is only ever a successful answer of a hypervisor, never a failure to ask.
 * The rules rest on how libvirt 9.0 and QEMU behave when a daemon, a guest or a link dies during
 * peer-to-peer migration: see doc/recovery.md.
 */
#pragma once

#include "model/operation.h"

/* A domain as one hypervisor reports it. */
typedef enum nova_observed {
	NOVA_SEEN_UNKNOWN,          /* the hypervisor could not be asked */
	NOVA_SEEN_ABSENT,           /* it answered: no such domain */
	NOVA_SEEN_RUNNING,
	NOVA_SEEN_PAUSED_USER,      /* by its user, or handed over by a strict switch: CPUs never started */
	NOVA_SEEN_PAUSED_MIGRATION, /* incoming, or outgoing after the switch has begun */
	NOVA_SEEN_PAUSED_OTHER,     /* I/O error, watchdog, … */
	NOVA_SEEN_STOPPED,          /* a definition without a process */
	NOVA_SEEN__COUNT
} nova_observed;

const char *nova_observed_name(nova_observed seen);
bool nova_observed_from_name(const char *name, nova_observed *ret);

/* Why a QEMU process ended, from libvirt's per-domain log ("shutting down, reason=…"). */
typedef enum nova_end_reason {
	NOVA_END_UNKNOWN,
	NOVA_END_SHUTDOWN,          /* the guest powered itself off */
	NOVA_END_CRASHED,
	NOVA_END_MIGRATED,
	NOVA_END_DESTROYED,
	NOVA_END_FAILED,
	NOVA_END_SAVED,             /* its memory was written into a file, whole */
	NOVA_END__COUNT
} nova_end_reason;

const char *nova_end_reason_name(nova_end_reason reason);
bool nova_end_reason_from_name(const char *name, nova_end_reason *ret);

typedef struct nova_domain_view {
	nova_observed seen;
	bool job;                   /* an outgoing migration job is active */
	nova_end_reason end;        /* of the last process; UNKNOWN while there is one */
	int64_t token;              /* ownership token in the domain's metadata; -1: none */
	int64_t operation;          /* operation id in the metadata; 0: none */
	bool boot_changed;          /* the host was booted since the operation began */
} nova_domain_view;

typedef struct nova_migration_facts {
	nova_op_state state;        /* MIGRATING, SWITCHED or ROLLBACK */
	nova_power_state pre_power;
	int64_t token;              /* the row's: the source's domain carries it, the destination's token + 1 */
	bool strict;
	bool locks_proven;          /* the destination saw the lock of the source's QEMU on the guest's disk */
	bool call_active;           /* our own migrate call has not returned */
	int64_t steady_ms;          /* since both views have been what they are now */
	nova_domain_view source, dest;
} nova_migration_facts;

typedef enum nova_verdict_action {
	NOVA_DO_WAIT,               /* look again shortly */
	NOVA_DO_MONITOR,            /* the copy goes on (adopt it if nobody monitors): progress, deadlines, abort */
	NOVA_DO_TAKE_OVER,          /* strict: the source is dead, resume the destination, then flip */
	NOVA_DO_STOP_SOURCE,        /* strict: destination complete, source still there but its manager is not:
				       stop its process, look again, and only then kill it and take over */
	NOVA_DO_TRY_DEST,           /* the source cannot be asked, the destination is complete: stop the source's
				       process if it can be reached, then resume the destination.  QEMU's image
				       lock decides: had the source gone on, it would hold the lock and the resume
				       fails harmlessly; once it succeeds the source can never go on */
	NOVA_DO_FLIP,               /* the destination runs: record it */
	NOVA_DO_ROLL_BACK,          /* the guest stays on the source: destroy the destination's domain, verify,
				       resume the source if the migration paused it, release */
	NOVA_DO_GUEST_ENDED,        /* the guest ended on the source by itself: nothing moves, the host stays
				       source; vm_state stopped (or error when it crashed) */
	NOVA_DO_RESTART_ON_DEST,    /* memory lost after the switch: start once more from disk on the destination
				       (MIGRATING: after the flip) */
	NOVA_DO_CLEAN_SOURCE,       /* switched and the destination is well: remove the source's leftovers */
	NOVA_DO_SPLIT,              /* both run (only possible without strict switch and without image locks):
				       the copy that is not the owner's is destroyed at once and an alarm raised */
	NOVA_DO_BLOCK,              /* cannot be decided until a host answers: shown to users, never guessed */
	NOVA_DO__COUNT
} nova_verdict_action;

typedef struct nova_verdict {
	nova_verdict_action action;
	nova_blocked blocked;       /* with NOVA_DO_BLOCK */
	bool dest_wins;             /* with NOVA_DO_SPLIT: which copy is the owner's */
	const char *why;            /* constant text for the journal and for people */
} nova_verdict;

const char *nova_verdict_action_name(nova_verdict_action action);

/* How long a strict switch may stand still before the source is looked at (500 ms), how long an
 * incoming domain without a source is waited for before it counts as stale, and how long libvirt is given to
 * write down why a process ended. */
#define NOVA_DECIDE_SWITCH_MS 500
#define NOVA_DECIDE_ORPHAN_MS 5000
#define NOVA_DECIDE_REASON_MS 2000

/* Total: every combination of inputs has a verdict.  The destination must have been looked at first, then the
 * source: a source that is seen running after the destination was seen running is a second copy; in the
 * other order the switch could lie between the two looks.  A destination that was still incomplete when it was
 * looked at is given time by the rules. */
nova_verdict nova_decide(const nova_migration_facts *facts);

/* The rules as a Markdown table, for doc/recovery.md.  Caller frees. */
char *nova_decide_markdown(void);
