/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/migrate_pace.h"

#include "common/deadline.h"

#define MIN_GIB 2

nova_migrate_pace nova_migrate_pace_new(const nova_conf *conf, int64_t memory_mb)
{
	int64_t gib = MAX(MIN_GIB, (memory_mb + 1023) / 1024);

	return (nova_migrate_pace){
		.started_usec = nova_boottime_usec(),
		.gib = gib,
		.max_ms = (int)conf->live_migration_downtime,
		.steps = (int)conf->live_migration_downtime_steps,
		.delay_s = conf->live_migration_downtime_delay * gib,
		.timeout_s = conf->live_migration_completion_timeout * gib,
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

bool nova_migrate_pace_is_over(const nova_migrate_pace *pace)
{
	return pace->timeout_s > 0 && seconds(pace) >= pace->timeout_s;
}
