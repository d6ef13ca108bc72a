/* SPDX-License-Identifier: Apache-2.0
 *
 * seen.h - the last N message ids, to drop messages that arrive a second time.
 *
 * Not thread safe: one listener owns one.  Memory is bounded by capacity times the longest id.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct nova_seen nova_seen;

nova_seen *nova_seen_new(size_t capacity);
void nova_seen_free(nova_seen *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_seen, nova_seen_free)

/* True when the id is among the last `capacity' new ones; otherwise remembers it, forgetting the
 * oldest when full. */
bool nova_seen_check(nova_seen *seen, const char *id);

/* Takes back the last nova_seen_check() that answered false: the message was not accepted after all. */
void nova_seen_forget_last(nova_seen *seen);
