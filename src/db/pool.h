/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h - the bounded set of connections behind a nova_db.
 *
 * Any thread.  At most `max' connections exist; who finds all of them in use waits, and so does everybody
 * while the database is away, but for one thread at a time that tries to reach it, with pauses that grow and
 * vary.  No wait is longer than [database] connect_timeout plus the time one attempt takes.
 */
#pragma once

#include "db/conn.h"
#include "db/db.h"

/* A connection for the caller alone, to be given back.  DATABASE. */
nova_conn *nova_pool_take(nova_db *db, GError **error);

/* Takes it back; one whose last trouble was NOVA_TROUBLE_LOST, or that is in a transaction, is closed. */
void nova_pool_give(nova_db *db, nova_conn *conn);

const nova_conf *nova_pool_conf(const nova_db *db);

typedef struct nova_pool_state {
	unsigned idle, open, max;
	bool away; /* the last attempt to connect failed */
} nova_pool_state;
nova_pool_state nova_pool_look(nova_db *db);

/* For tests: connections there are now. */
unsigned nova_pool_size(nova_db *db);
