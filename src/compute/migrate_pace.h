/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate_pace.h - how long a copy may take, how long a pause it may end with, and whether it gets anywhere.
 *
 * The allowed pause grows from live_migration_downtime / steps to live_migration_downtime in
 * live_migration_downtime_steps steps, live_migration_downtime_delay seconds apart for each GiB of memory
 * (at least 2).  The copy is over time after live_migration_completion_timeout seconds for each GiB.
 * Nova's rules (nova/virt/libvirt/migration.py).
 *
 * Two more things are watched, each for itself, because one measure for both takes healthy copies for stuck ones:
 * - liveness: bytes transferred.  None for live_migration_progress_timeout seconds: the copy is stalled.
 * - convergence: what a round of the copy begins with (the memory dirtied during the round before).  A round is
 *   judged when it is over, so a long one is never taken for a standstill: no new minimum for
 *   live_migration_convergence_timeout seconds and for two whole rounds: the copy does not converge.
 * Only time that was watched counts: between two looks at most NOVA_PACE_GAP_USEC, so that neither a daemon that was
 * away nor a QEMU that did not answer counts against the copy.
 *
 * Pure but for the clock (CLOCK_BOOTTIME) in the functions without _at; one thread.
 */
#pragma once

#include "common/conf.h"

#define NOVA_PACE_GAP_USEC INT64_C(2000000)

typedef enum nova_pace_verdict {
	NOVA_PACE_GOOD,
	NOVA_PACE_STALLED,        /* no byte was transferred */
	NOVA_PACE_NOT_CONVERGING,
	NOVA_PACE_OVER_TIME,
} nova_pace_verdict;

typedef struct nova_migrate_pace {
	int64_t started_usec;
	int64_t gib;              /* at least 2 */
	int max_ms, steps;
	int64_t delay_s;          /* between steps */
	int64_t timeout_s;        /* 0: never */
	int step;                 /* the last one taken */
	int64_t stall_s, converge_s; /* 0: never */
	int64_t noted_usec;       /* the last look; 0: none yet */
	int64_t transferred, still_usec; /* bytes at the last look; watched time without a new one */
	int round;                /* of the last look */
	int64_t round_began_with; /* bytes */
	int64_t least;            /* bytes the best finished round began with; -1: none finished yet */
	int64_t stale_usec;       /* watched time without a better one */
	int stale_rounds;         /* finished since the best one */
} nova_migrate_pace;

/* Started `age_ms' ago: 0, or what the journal says of a copy that was begun by a daemon before this one. */
nova_migrate_pace nova_migrate_pace_new(const nova_conf *conf, int64_t memory_mb, int64_t age_ms);

/* The allowed pause of a step, 0 to steps. */
int nova_migrate_pace_downtime(const nova_migrate_pace *pace, int step);

/* The new allowed pause when a further step is due, else 0. */
int nova_migrate_pace_step(nova_migrate_pace *pace);
int nova_migrate_pace_step_at(nova_migrate_pace *pace, int64_t seconds);

/* A look at the job: bytes transferred in all, bytes that remain, the number of the round. */
void nova_migrate_pace_note(nova_migrate_pace *pace, int64_t transferred, int64_t remaining, int round);
void nova_migrate_pace_note_at(nova_migrate_pace *pace, int64_t transferred, int64_t remaining, int round,
			       int64_t now_usec);

nova_pace_verdict nova_migrate_pace_judge(const nova_migrate_pace *pace);
nova_pace_verdict nova_migrate_pace_judge_at(const nova_migrate_pace *pace, int64_t now_usec);
/* A clause for people: "no memory was transferred within live_migration_progress_timeout".  NULL for GOOD. */
const char *nova_pace_verdict_text(nova_pace_verdict verdict);
