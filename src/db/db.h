/* SPDX-License-Identifier: Apache-2.0
 *
 * db.h - the database as everybody else sees it: one handle, stores beside it (hosts.h, instances.h,
 * operations.h, flavors.h, images.h, networks.h, services.h).  No SQL and no libpq leave this folder.
 *
 * A nova_db is a bounded pool of connections and may be used from any thread.  A store function takes
 * a connection for its duration, runs one transaction and gives it back.  Deadlocks and serialization
 * failures (40P01, 40001) repeat the whole transaction a bounded number of times.  A lost connection
 * is replaced; a store function whose connection breaks before COMMIT was sent is repeated once on a
 * new one; when the outcome of a COMMIT is unknown it is found out by reading the row's seq.
 * Statements keep no session state beyond prepared statements by name, so that a pooler may stand
 * between (a missing prepared statement is prepared again).
 *
 * Faults: DATABASE (not reachable, or a statement ran into its timeout; retryable),
 * DATABASE_CONFLICT (conflicts persisted), DEADLINE (a list ran into its timeout; the text is for users), and what each
 * function lists.
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"

#include <stdint.h>

typedef struct nova_db nova_db;

/* Whether libpq can read [database] connection: for daemons to say at once, with file and line. */
bool nova_db_check_conf(const nova_conf *conf, GError **error);

/* Opens a pool of at most `max_connections' (0: [database] max_pool_size) for `program'.  Does not
 * connect: a database that is away is reported by the first use.  Fails with CONFIG for a connection
 * string libpq cannot read.  Takes a reference to `conf'. */
nova_db *nova_db_open(const nova_conf *conf, const char *program, unsigned max_connections, GError **error);
void nova_db_close(nova_db *db); /* NULL is fine; every call must have returned */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_db, nova_db_close)

/* Whether the last attempt to connect has failed, and none has succeeded since. */
bool nova_db_is_away(nova_db *db);

/* Connects (or uses an idle connection), checks that the schema is the one this program knows, and
 * that a standby, if there is one, is synchronous; *ret_warning (may be NULL; caller frees) says what
 * an administrator should know.  CONFIG when the schema is missing, older or newer: the text says
 * which and names `nova-lite-manage db sync'. */
bool nova_db_check(nova_db *db, char **ret_warning, GError **error);

/* Repeats nova_db_check() every [database] retry_interval seconds, calling `on_wait' (may be NULL)
 * with the reason before each wait, until it succeeds, fails with CONFIG, or `stop' returns true (then
 * DATABASE). */
bool nova_db_wait(nova_db *db, void (*on_wait)(const char *reason, void *user), bool (*stop)(void *user),
		  void *user, GError **error);

/* Applies the migrations that are missing, each in its own transaction, under an advisory lock.
 * Refuses (CONFIG) a database whose recorded checksums differ.  *ret_from and *ret_to may be NULL. */
bool nova_db_sync(nova_db *db, int *ret_from, int *ret_to, GError **error);

/* Version of the schema in the database (0: none) and the one this program knows. */
bool nova_db_version(nova_db *db, int *ret_have, int *ret_want, GError **error);

/* Who writes: a host's daemon proves with every write that it is the one that holds the lease.  A write
 * whose epoch is old or whose lease has run out (by the database's clock) changes nothing and fails
 * with FENCED. */
typedef struct nova_fence {
	int host_id;
	int64_t epoch;
} nova_fence;
