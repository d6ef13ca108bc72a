/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.h - following a live migration to its end.
 */
#pragma once

#include "client/command.h"

/* Polls the migration until it has ended and says how: verdict, total time, pause of the guest.
 * `bar' draws progress on a terminal (a line every few seconds elsewhere).  Sets
 * client->exit_status; false only when asking fails for long. */
bool nova_watch_migration(nova_client *client, const char *server, const char *server_id,
			  int64_t migration, bool bar, GError **error);

/* ---- pure, for tests ---- */

/* How far a migration is, 0..1: never less than `before'.  first_remaining: the most that ever
 * remained of the memory. */
double nova_watch_fraction(const char *state, double before, double first_remaining,
			   double remaining);
/* The line drawn for it, `width' columns at most.  Caller frees. */
char *nova_watch_line(const char *server, const char *source, const char *dest, const char *state,
		      double fraction, double rate_mib, double seconds, int width);
