/* SPDX-License-Identifier: Apache-2.0
 *
 * conn.h - one connection to PostgreSQL and how a statement runs on it within a deadline.
 *
 * Used by one thread at a time; the pool (pool.h) hands it from one to the next.  A statement is cancelled by
 * the server after [database] statement_timeout; should the server not even do that, the connection is given
 * up a little later.  After a failure `trouble' says of what kind it was, for the caller that decides whether
 * to repeat the transaction.
 */
#pragma once

#include "db/query.h"

#include "common/conf.h"
#include "common/error.h"

#include <libpq-fe.h>

typedef enum nova_trouble {
	NOVA_TROUBLE_NONE,
	NOVA_TROUBLE_LOST,     /* the connection is gone, or the server can no longer be written to */
	NOVA_TROUBLE_CONFLICT, /* deadlock or serialization failure: the transaction may be repeated */
	NOVA_TROUBLE_PREPARED, /* the server (behind a pooler: another one) knows other prepared statements */
	NOVA_TROUBLE_TIMEOUT,  /* the statement ran into its timeout */
	NOVA_TROUBLE_OTHER,
} nova_trouble;

typedef struct nova_conn {
	PGconn *pg;
	bool prepared[NOVA_Q__COUNT];
	int64_t statement_ms;  /* server's timeout */
	int64_t used_usec;     /* CLOCK_BOOTTIME of the last use */
	nova_trouble trouble;  /* of the last failure */
	char sqlstate[6];      /* of the last failure, "" when the server did not say */
	char constraint[64];   /* violated, "" when none */
} nova_conn;

/* How to connect; made once per pool. */
typedef struct nova_conn_info {
	GPtrArray *keywords, *values; /* for PQconnectdbParams(), NULL-terminated */
	char *where;                  /* "host1:port,host2:port/dbname", for errors; without secrets */
	int hosts;
} nova_conn_info;

/* Parses the connection string and adds what it leaves open: application name, keep-alive, timeouts, and for
 * several hosts the search for the one that can be written to.  CONFIG. */
nova_conn_info *nova_conn_info_new(const nova_conf *conf, const char *program, GError **error);
void nova_conn_info_free(nova_conn_info *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_conn_info, nova_conn_info_free)

/* Connects; each host gets [database] connect_timeout.  DATABASE. */
nova_conn *nova_conn_open(const nova_conn_info *info, const nova_conf *conf, GError **error);
void nova_conn_close(nova_conn *conn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_conn, nova_conn_close)

/* Whether an idle connection is fit for use: nothing has arrived on it, and, after a long rest, the server
 * answers within a second. */
bool nova_conn_is_fit(nova_conn *conn);

/* Runs plain SQL of one or several statements without parameters. */
bool nova_conn_exec(nova_conn *conn, const char *sql, nova_result **ret, GError **error);

/* Runs a catalogued statement, preparing it the first time. */
bool nova_conn_run(nova_conn *conn, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		   GError **error);

/* Runs a statement that was put together from constant parts; `name' is for errors. */
bool nova_conn_run_sql(nova_conn *conn, const char *name, const char *sql, const nova_arg *args, size_t n_args,
		       nova_result **ret, GError **error);
