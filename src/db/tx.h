/* SPDX-License-Identifier: Apache-2.0
 *
 * tx.h - transactions, repeated where repeating is safe.
 *
 * A job is a function that runs statements; it is called in a transaction that is committed when it returns
 * true and rolled back otherwise.  It may be called several times, so it must not change what its argument
 * points to before it is about to return true.
 *
 *	deadlock, serialization failure	  repeated, a bounded number of times, then DATABASE_CONFLICT
 *	connection lost before COMMIT	  repeated once on a new connection, then DATABASE
 *	connection lost during COMMIT	  nobody knows whether it took effect: `proof' is asked, and the job
 *					  repeated if the answer is no.  Without a proof the job is repeated:
 *					  only for jobs that may run twice.
 *
 * Inside src/db only.
 */
#pragma once

#include "db/db.h"
#include "db/query.h"

typedef struct nova_conn nova_conn;

typedef struct nova_tx {
	nova_conn *conn;
	bool give_up; /* set by a job that returns true: roll back; a success that changes nothing */
} nova_tx;

typedef struct nova_job {
	const char *name; /* for errors */
	bool (*run)(nova_tx *tx, void *arg, GError **error);
	/* Whether an earlier run of the job was committed; NULL: the job may run twice. */
	bool (*proof)(nova_tx *tx, void *arg, bool *ret_committed, GError **error);
} nova_job;

bool nova_tx_do(nova_db *db, const nova_job *job, void *arg, GError **error);

/* Runs a statement inside a job.  `ret' may be NULL; nova_tx_one() gives the first row or NULL. */
bool nova_tx_run(nova_tx *tx, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error);
bool nova_tx_one(nova_tx *tx, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error);

/* The constraint the last statement violated (SQLSTATE 23505, 23514), "" when it failed for another reason. */
const char *nova_tx_constraint(const nova_tx *tx);

/* A single statement without BEGIN and COMMIT; it must be one that may run twice. */
bool nova_db_run(nova_db *db, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error);
/* The same, positioned on the first row; *ret NULL when there is none. */
bool nova_db_one(nova_db *db, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error);
/* The same for a read put together from constant parts. */
bool nova_db_run_sql(nova_db *db, const char *name, const char *sql, const nova_arg *args, size_t n_args,
		     nova_result **ret, GError **error);
