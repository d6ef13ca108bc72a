/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate.h - the embedded schema migrations, src/db/migrations/NNN_what.sql.
 *
 * Each is applied in a transaction of its own and recorded in schema_migrations with the SHA-256 of its text.
 * A migration that has been released is never edited: a database that has applied another text is refused.
 */
#pragma once

#include "common/error.h"

typedef struct nova_migration {
	int version; /* 1, 2, … without gaps */
	const char *name, *sql;
} nova_migration;

extern const nova_migration nova_migrations[];
extern const int nova_n_migrations;

/* SHA-256 of the text in hex; caller frees. */
char *nova_migration_checksum(const nova_migration *migration);
