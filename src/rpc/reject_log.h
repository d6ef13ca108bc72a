/* SPDX-License-Identifier: Apache-2.0
 *
 * reject_log.h - log lines about bad messages, at most one a second.
 *
 * A flood of bad messages must not become a flood of lines.  One per connection or server, zeroed at the
 * start; belongs to one thread, or is used under its owner's lock.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct nova_reject_log {
	int64_t written_usec; /* 0: never */
	unsigned left_out; /* since then */
} nova_reject_log;

/* Whether a line may be written now; `ret_left_out' gets how many were not since the last. */
bool nova_reject_log_may(nova_reject_log *log, unsigned *ret_left_out);

/* `where' says which queue's message it was. */
void nova_reject_log_add(nova_reject_log *log, const char *where, uint64_t size, const GError *reason);
