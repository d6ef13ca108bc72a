/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/migrate_pace.h"

#include "common/deadline.h"

#define MIN_GIB 2
#define STALE_ROUNDS 2

nova_migrate_pace nova_migrate_pace_new(const nova_conf *conf, int64_t memory_mb, int64_t age_ms)
{
	int64_t gib = MAX(MIN_GIB, (memory_mb + 1023) / 1024);

	return (nova_migrate_pace){
		.started_usec = nova_boottime_usec() - MAX(age_ms, 0) * 1000,
		.gib = gib,
		.max_ms = (int)conf->live_migration_downtime,
		.steps = (int)conf->live_migration_downtime_steps,
		.delay_s = conf->live_migration_downtime_delay * gib,
		.timeout_s = conf->live_migration_completion_timeout * gib,
		.stall_s = conf->live_migration_progress_timeout,
		.converge_s = conf->live_migration_convergence_timeout,
		.least = -1,
	};
}

int nova_migrate_pace_downtime(const nova_migrate_pace *pace, int step)
{
	int base = pace->max_ms / pace->steps;

	return base + (int)((int64_t)(pace->max_ms - base) * CLAMP(step, 0, pace->steps) / pace->steps);
}

int nova_migrate_pace_step_at(nova_migrate_pace *pace, int64_t seconds)
{
	int due = (int)MIN(pace->steps, seconds / pace->delay_s);

	if (due <= pace->step)
		return 0;
	pace->step = due;
	return nova_migrate_pace_downtime(pace, due);
}

static int64_t seconds(const nova_migrate_pace *pace)
{
	return (nova_boottime_usec() - pace->started_usec) / G_USEC_PER_SEC;
}

int nova_migrate_pace_step(nova_migrate_pace *pace)
{
	return nova_migrate_pace_step_at(pace, seconds(pace));
}

static void end_round(nova_migrate_pace *pace)
{
	if (pace->least < 0 || pace->round_began_with < pace->least) {
		pace->least = pace->round_began_with;
		pace->stale_usec = 0;
		pace->stale_rounds = 0;
	} else {
		pace->stale_rounds++;
	}
}

void nova_migrate_pace_note_at(nova_migrate_pace *pace, int64_t transferred, int64_t remaining, int round,
			       int64_t now_usec)
{
	int64_t gap = pace->noted_usec ? MIN(now_usec - pace->noted_usec, NOVA_PACE_GAP_USEC) : 0;

	pace->noted_usec = now_usec;
	pace->still_usec = transferred != pace->transferred ? 0 : pace->still_usec + gap;
	pace->transferred = transferred;
	if (pace->least >= 0)
		pace->stale_usec += gap;
	if (round != pace->round) {
		if (pace->round_began_with > 0)
			end_round(pace);
		pace->round = round;
		pace->round_began_with = 0;
	}
	pace->round_began_with = MAX(pace->round_began_with, remaining);
}

void nova_migrate_pace_note(nova_migrate_pace *pace, int64_t transferred, int64_t remaining, int round)
{
	nova_migrate_pace_note_at(pace, transferred, remaining, round, nova_boottime_usec());
}

nova_pace_verdict nova_migrate_pace_judge_at(const nova_migrate_pace *pace, int64_t now_usec)
{
	if (pace->stall_s > 0 && pace->still_usec >= pace->stall_s * G_USEC_PER_SEC)
		return NOVA_PACE_STALLED;
	if (pace->timeout_s > 0 && now_usec - pace->started_usec >= pace->timeout_s * G_USEC_PER_SEC)
		return NOVA_PACE_OVER_TIME;
	if (pace->converge_s > 0 && pace->stale_rounds >= STALE_ROUNDS &&
	    pace->stale_usec >= pace->converge_s * G_USEC_PER_SEC)
		return NOVA_PACE_NOT_CONVERGING;
	return NOVA_PACE_GOOD;
}

nova_pace_verdict nova_migrate_pace_judge(const nova_migrate_pace *pace)
{
	return nova_migrate_pace_judge_at(pace, nova_boottime_usec());
}

const char *nova_pace_verdict_text(nova_pace_verdict verdict)
{
	switch (verdict) {
	case NOVA_PACE_STALLED:
		return "no memory was transferred within live_migration_progress_timeout";
	case NOVA_PACE_NOT_CONVERGING:
		return "the guest dirtied its memory as fast as it was copied for live_migration_convergence_timeout";
	case NOVA_PACE_OVER_TIME:
		return "the copy did not finish within live_migration_completion_timeout";
	default:
		return NULL;
	}
}
