/* SPDX-License-Identifier: Apache-2.0 */
#include "db/tx.h"

#include "common/fault_point.h"
#include "db/pool.h"

#include <inttypes.h>

#define CONFLICTS_MOST 8
#define LOSSES_MOST    2

/* What is left of a call's patience. */
typedef struct patience {
	unsigned conflicts, losses;
	bool unsure; /* a COMMIT was sent and not answered */
} patience;

/* Whether to try again after `trouble'; pauses a little after conflicts, so that two do not meet again. */
static bool may_repeat(patience *left, nova_trouble trouble)
{
	switch (trouble) {
	case NOVA_TROUBLE_CONFLICT:
		if (++left->conflicts > CONFLICTS_MOST)
			return false;
		g_usleep((unsigned long)g_random_int_range(1000, 4000 << MIN(left->conflicts, 5)));
		return true;
	case NOVA_TROUBLE_LOST:
	case NOVA_TROUBLE_PREPARED:
		return ++left->losses <= LOSSES_MOST;
	default:
		return false;
	}
}

static bool begin(nova_conn *conn, GError **error)
{
	char sql[160];

	/* The timeouts again: behind a pooler this may be another server connection than the one set up. */
	g_snprintf(sql, sizeof(sql),
		   "BEGIN; SET LOCAL statement_timeout = %" PRId64
		   "; SET LOCAL idle_in_transaction_session_timeout = %" PRId64,
		   conn->statement_ms, conn->statement_ms + 3000);
	return nova_conn_exec(conn, sql, NULL, error);
}

static void roll_back(nova_conn *conn)
{
	nova_trouble trouble = conn->trouble;

	if (trouble != NOVA_TROUBLE_LOST && PQtransactionStatus(conn->pg) != PQTRANS_IDLE) {
		nova_conn_exec(conn, "ROLLBACK", NULL, NULL);
		if (conn->trouble == NOVA_TROUBLE_NONE)
			conn->trouble = trouble;
	}
}

static bool ask_proof(const nova_job *job, nova_conn *conn, void *arg, bool *ret_committed)
{
	nova_tx tx = { .conn = conn };

	*ret_committed = false;
	return !job->proof || job->proof(&tx, arg, ret_committed, NULL);
}

/* False by a test's will: the COMMIT was done, but its answer was lost with the connection. */
static bool answered(nova_conn *conn, GError **error)
{
	if (nova_fault_point("db:committed", NULL))
		return true;
	conn->trouble = NOVA_TROUBLE_LOST;
	return nova_fail(error, NOVA_FAULT_DATABASE, "fault point 'db:committed': the answer to COMMIT was lost");
}

/* One run of a job.  *ret_trouble says why it failed. */
static bool attempt(const nova_job *job, nova_conn *conn, void *arg, patience *left,
		    nova_trouble *ret_trouble, GError **error)
{
	nova_tx tx = { .conn = conn };
	bool committed = false;

	*ret_trouble = NOVA_TROUBLE_LOST;
	if (left->unsure) {
		if (!ask_proof(job, conn, arg, &committed))
			return nova_fail(error, NOVA_FAULT_DATABASE, "'%s': connection lost again",
					 job->name);
		if (committed)
			return true;
	}
	bool good = begin(conn, error) && job->run(&tx, arg, error);

	if (!good || tx.give_up) {
		*ret_trouble = good ? NOVA_TROUBLE_NONE : conn->trouble;
		roll_back(conn);
		if (!left->unsure || good ||
		    (*ret_trouble != NOVA_TROUBLE_NONE && *ret_trouble != NOVA_TROUBLE_OTHER))
			return good;
		/* The run before may have been committed only after the proof was asked for: that is then
		 * what made this one fail. */
		return ask_proof(job, conn, arg, &committed) && committed;
	}
	g_assert(PQtransactionStatus(conn->pg) == PQTRANS_INTRANS); /* else COMMIT would quietly roll back */
	if (!nova_fault_point("db:commit", error)) {
		*ret_trouble = NOVA_TROUBLE_OTHER;
		roll_back(conn);
		return false;
	}
	if (nova_conn_exec(conn, "COMMIT", NULL, error) && answered(conn, error)) {
		*ret_trouble = NOVA_TROUBLE_NONE;
		return true;
	}
	*ret_trouble = conn->trouble;
	if (conn->trouble == NOVA_TROUBLE_LOST || conn->trouble == NOVA_TROUBLE_TIMEOUT) {
		*ret_trouble = NOVA_TROUBLE_LOST;
		left->unsure = true;
	}
	return false;
}

bool nova_tx_do(nova_db *db, const nova_job *job, void *arg, GError **error)
{
	patience left = { 0 };

	for (;;) {
		g_autoptr(GError) why = NULL;
		nova_trouble trouble;
		nova_conn *conn = nova_pool_take(db, &why);

		if (!conn) {
			if (left.unsure)
				g_prefix_error(&why, "whether '%s' was committed is not known: ", job->name);
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		conn->trouble = NOVA_TROUBLE_NONE;
		bool good = attempt(job, conn, arg, &left, &trouble, &why);

		nova_pool_give(db, conn);
		if (good)
			return true;
		if (!may_repeat(&left, trouble)) {
			if (left.unsure && trouble != NOVA_TROUBLE_NONE)
				g_prefix_error(&why, "whether '%s' was committed is not known: ", job->name);
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
	}
}

bool nova_tx_run(nova_tx *tx, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error)
{
	return nova_conn_run(tx->conn, query, args, n_args, ret, error);
}

bool nova_tx_one(nova_tx *tx, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error)
{
	g_autoptr(nova_result) result = NULL;

	if (!nova_conn_run(tx->conn, query, args, n_args, &result, error))
		return false;
	*ret = nova_result_next(result) ? g_steal_pointer(&result) : NULL;
	return true;
}

const char *nova_tx_constraint(const nova_tx *tx)
{
	return tx->conn->trouble == NOVA_TROUBLE_OTHER && tx->conn->sqlstate[0] == '2' &&
			       tx->conn->sqlstate[1] == '3'
		       ? tx->conn->constraint
		       : "";
}

/* Lists have whatever length their data have; one that was cut short is no sign of a database that is away. */
static bool too_long(GError **error, int64_t statement_ms)
{
	g_clear_error(error);
	return nova_fail(error, NOVA_FAULT_DEADLINE,
			 "This list takes the database longer than %" PRId64 " ms and was given up. Please ask for "
			 "less: by project, host, status, uuid, exact name (^name$) or changes-since. An administrator "
			 "can raise [database] statement_timeout.",
			 statement_ms);
}

/* A statement on its own: sql NULL means the catalogued one. */
static bool run_alone(nova_db *db, nova_query_id query, const char *name, const char *sql,
		      const nova_arg *args, size_t n_args, nova_result **ret, GError **error)
{
	patience left = { 0 };

	for (;;) {
		g_autoptr(GError) why = NULL;
		nova_conn *conn = nova_pool_take(db, &why);

		if (!conn) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		conn->trouble = NOVA_TROUBLE_NONE;
		bool good = sql ? nova_conn_run_sql(conn, name, sql, args, n_args, ret, &why)
				: nova_conn_run(conn, query, args, n_args, ret, &why);
		nova_trouble trouble = conn->trouble;

		if (trouble == NOVA_TROUBLE_TIMEOUT && (sql || nova_queries[query].shape == NOVA_ROWS_MANY))
			too_long(&why, conn->statement_ms);
		nova_pool_give(db, conn);
		if (good)
			return true;
		if (!may_repeat(&left, trouble)) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
	}
}

bool nova_db_run(nova_db *db, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error)
{
	return run_alone(db, query, NULL, NULL, args, n_args, ret, error);
}

bool nova_db_one(nova_db *db, nova_query_id query, const nova_arg *args, size_t n_args, nova_result **ret,
		 GError **error)
{
	g_autoptr(nova_result) result = NULL;

	if (!run_alone(db, query, NULL, NULL, args, n_args, &result, error))
		return false;
	*ret = nova_result_next(result) ? g_steal_pointer(&result) : NULL;
	return true;
}

bool nova_db_run_sql(nova_db *db, const char *name, const char *sql, const nova_arg *args, size_t n_args,
		     nova_result **ret, GError **error)
{
	return run_alone(db, 0, name, sql, args, n_args, ret, error);
}
