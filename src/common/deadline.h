/* SPDX-License-Identifier: Apache-2.0
 *
 * deadline.h - a point in time by which something must be over, passed down instead of timeouts.
 *
 * A caller makes one deadline for the whole job and hands it to every step, so that steps cannot
 * add up to more than the job was given.  Counted by CLOCK_BOOTTIME: a host that was suspended, or
 * a daemon that was stopped, does not get the lost time back.  A plain value; copy it freely.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct nova_deadline {
	int64_t at_usec; /* CLOCK_BOOTTIME; INT64_MAX: never */
} nova_deadline;

/* CLOCK_BOOTTIME now, in microseconds. */
int64_t nova_boottime_usec(void);

/* Over in so many milliseconds (0 or less: at once). */
nova_deadline nova_deadline_in_ms(int64_t ms);
nova_deadline nova_deadline_never(void);

/* The nearer one. */
nova_deadline nova_deadline_min(nova_deadline a, nova_deadline b);

bool nova_deadline_is_expired(nova_deadline deadline);
bool nova_deadline_is_never(nova_deadline deadline);

/* What is left, never below 0; INT64_MAX for never.  Rounded up: a wait for it does not end early. */
int64_t nova_deadline_remaining_ms(nova_deadline deadline);

/* The same for poll(2) and friends: at most `max_ms', -1 is never returned. */
int nova_deadline_poll_ms(nova_deadline deadline, int max_ms);
