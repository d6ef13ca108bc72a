/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate_scribe.h - what a running migration tells the database and hears from it.
 *
 * The loop that watches a copy must never wait for PostgreSQL: a database that is away may not disturb a
 * migration.  So a thread of its own writes the latest progress (at most twice a second) and reads the
 * wishes (abort, force) from the row.  The watching loop only leaves and picks up values.
 */
#pragma once

#include "compute/step.h"

typedef struct nova_scribe nova_scribe;

nova_scribe *nova_scribe_new(const nova_step *step);
/* Waits for a statement that runs, at most its timeout. */
void nova_scribe_free(nova_scribe *scribe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_scribe, nova_scribe_free)

/* To be written; a value not yet written is replaced. */
void nova_scribe_progress(nova_scribe *scribe, const nova_progress *progress);
/* Somebody rang: read the row at once. */
void nova_scribe_look(nova_scribe *scribe);

bool nova_scribe_wants_abort(nova_scribe *scribe);
bool nova_scribe_wants_force(nova_scribe *scribe);
