/* SPDX-License-Identifier: Apache-2.0
 *
 * timer.h - one thread that does the same thing every so often.
 *
 * The pause is counted from the end of one run to the start of the next and varied by the jitter,
 * so that a thousand hosts started together do not stay in step.  Every function may be called from
 * any thread; run() is only ever called from the timer's own.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct nova_timer nova_timer;

/* The first run begins at once.  `jitter_percent' of 20 means pauses of 80 to 120 % of interval_ms. */
nova_timer *nova_timer_new(const char *name, int64_t interval_ms, unsigned jitter_percent, void (*run)(void *data),
			   void *data);

/* Ends the pause now.  During a run: another run follows at once. */
void nova_timer_wake(nova_timer *timer);

/* From the next pause on; a present pause is ended when it would already be over. */
void nova_timer_set_interval_ms(nova_timer *timer, int64_t interval_ms);

/* Waits for a run to end, then joins the thread.  NULL is fine.  Not from run(). */
void nova_timer_free(nova_timer *timer);
