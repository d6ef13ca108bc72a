/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate_pace.h - how long a copy may take and how long a pause it may end with.
 *
 * The allowed pause grows from live_migration_downtime / steps to live_migration_downtime in
 * live_migration_downtime_steps steps, live_migration_downtime_delay seconds apart for each GiB of memory
 * (at least 2).  The copy is over time after live_migration_completion_timeout seconds for each GiB.
 * Nova's rules (nova/virt/libvirt/migration.py).
 *
 * Pure but for the clock (CLOCK_BOOTTIME); one thread.
 */
#pragma once

#include "common/conf.h"

typedef struct nova_migrate_pace {
	int64_t started_usec;
	int64_t gib;              /* at least 2 */
	int max_ms, steps;
	int64_t delay_s;          /* between steps */
	int64_t timeout_s;        /* 0: never */
	int step;                 /* the last one taken */
} nova_migrate_pace;

/* Starts now. */
nova_migrate_pace nova_migrate_pace_new(const nova_conf *conf, int64_t memory_mb);

/* The allowed pause of a step, 0 to steps. */
int nova_migrate_pace_downtime(const nova_migrate_pace *pace, int step);

/* The new allowed pause when a further step is due, else 0. */
int nova_migrate_pace_step(nova_migrate_pace *pace);
int nova_migrate_pace_step_at(nova_migrate_pace *pace, int64_t seconds);

bool nova_migrate_pace_is_over(const nova_migrate_pace *pace);
