/* SPDX-License-Identifier: Apache-2.0 */
#include "db/conn.h"

#include "common/deadline.h"
#include "common/metrics.h"
#include "db/result.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

/* Beyond the server's own statement_timeout. */
#define GRACE_MS 3000
/* After this long a rest the server is asked for a sign of life before the connection is used. */
#define REST_USEC       (30 * G_USEC_PER_SEC)
#define SIGN_OF_LIFE_MS 1000

/* ---- connecting ---- */

/* What we want unless the connection string says otherwise. */
static void add_default(GHashTable *given, nova_conn_info *info, const char *keyword, char *value)
{
	if (g_hash_table_contains(given, keyword)) {
		g_free(value);
		return;
	}
	g_ptr_array_add(info->keywords, g_strdup(keyword));
	g_ptr_array_add(info->values, value);
}

static char *place(GHashTable *given)
{
	const char *host = g_hash_table_lookup(given, "host");
	const char *port = g_hash_table_lookup(given, "port");
	const char *name = g_hash_table_lookup(given, "dbname");

	if (!host)
		host = g_hash_table_lookup(given, "hostaddr");
	return g_strdup_printf("'%s' at %s%s%s", name ? name : "nova", host ? host : "the local socket",
			       port ? " port " : "", port ? port : "");
}

/* libpq quotes what it could not read, and that may be, or hold, the password: everything between the first
 * quote and the last is left out, but for what looks like the name of an option and single characters. */
static char *without_quotes(const char *text)
{
	const char *open = strchr(text, '"'), *close = strrchr(text, '"');

	while (open && open[1] && open[2] == '"')
		open = strchr(open + 3, '"');
	if (!open)
		return g_strchomp(g_strdup(text));
	if (g_str_has_prefix(text, "invalid ") &&
	    strspn(open + 1, "abcdefghijklmnopqrstuvwxyz_") == (size_t)MAX(close - open - 1, 0))
		return g_strchomp(g_strdup(text));
	return g_strchomp(g_strdup_printf("%.*s\"...\"%s", (int)(open - text), text, close > open ? close + 1 : ""));
}

nova_conn_info *nova_conn_info_new(const nova_conf *conf, const char *program, GError **error)
{
	char *reason = NULL;
	PQconninfoOption *options = PQconninfoParse(conf->database_connection, &reason);
	g_autoptr(GHashTable) given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(nova_conn_info) info = NULL;

	if (!options) {
		g_autofree char *text = without_quotes(reason ? reason : "out of memory");

		PQfreemem(reason);
		nova_fail(error, NOVA_FAULT_CONFIG, "[database] connection cannot be read: %s", text);
		return NULL;
	}
	info = g_new0(nova_conn_info, 1);
	info->keywords = g_ptr_array_new_with_free_func(g_free);
	info->values = g_ptr_array_new_with_free_func(g_free);
	info->hosts = 1;
	for (PQconninfoOption *o = options; o->keyword; o++) {
		if (!o->val)
			continue;
		g_hash_table_insert(given, g_strdup(o->keyword), g_strdup(o->val));
		g_ptr_array_add(info->keywords, g_strdup(o->keyword));
		g_ptr_array_add(info->values, g_strdup(o->val));
		if (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0)
			for (const char *c = o->val; *c; c++)
				info->hosts += *c == ',';
	}
	PQconninfoFree(options);
	info->where = place(given);

	add_default(given, info, "application_name", g_strdup(program));
	add_default(given, info, "client_encoding", g_strdup("UTF8"));
	add_default(given, info, "connect_timeout",
		    g_strdup_printf("%" PRId64, conf->database_connect_timeout));
	/* A peer that vanished without a word is noticed by keep-alive when we wait for it, and by the user
	 * timeout when it does not acknowledge what we sent. */
	add_default(given, info, "keepalives_idle", g_strdup("10"));
	add_default(given, info, "keepalives_interval", g_strdup("5"));
	add_default(given, info, "keepalives_count", g_strdup("3"));
	add_default(given, info, "tcp_user_timeout",
		    g_strdup_printf("%" PRId64, conf->database_statement_timeout + GRACE_MS));
	add_default(given, info, "target_session_attrs", g_strdup(info->hosts > 1 ? "read-write" : "any"));
	g_ptr_array_add(info->keywords, NULL);
	g_ptr_array_add(info->values, NULL);
	return g_steal_pointer(&info);
}

void nova_conn_info_free(nova_conn_info *info)
{
	if (!info)
		return;
	g_ptr_array_unref(info->keywords);
	g_ptr_array_unref(info->values);
	g_free(info->where);
	g_free(info);
}

static void ignore_notice(void *user, const PGresult *result)
{
	(void)user;
	(void)result;
}

nova_conn *nova_conn_open(const nova_conn_info *info, const nova_conf *conf, GError **error)
{
	g_autoptr(nova_conn) conn = g_new0(nova_conn, 1);
	g_autofree char *setup = NULL;

	conn->statement_ms = conf->database_statement_timeout;
	conn->pg = PQconnectdbParams((const char *const *)info->keywords->pdata,
				     (const char *const *)info->values->pdata, 0);
	if (PQstatus(conn->pg) != CONNECTION_OK) {
		g_autofree char *reason = g_strchomp(g_strdup(PQerrorMessage(conn->pg)));

		for (char *c = reason; *c; c++)
			if (*c == '\n' || *c == '\t')
				*c = ' ';
		nova_fail(error, NOVA_FAULT_DATABASE, "cannot reach database %s: %s", info->where, reason);
		return NULL;
	}
	PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
	PQsetnonblocking(conn->pg, 1);
	/* By SET and not by `options', which poolers refuse.  No statement here is worth compiling. */
	setup = g_strdup_printf(
		"SET statement_timeout = %" PRId64 "; SET idle_in_transaction_session_timeout = %" PRId64
		"; SET jit = off; SET timezone = 'UTC'; SET default_transaction_isolation = 'read committed'",
		conn->statement_ms, conn->statement_ms + GRACE_MS);
	if (!nova_conn_exec(conn, setup, NULL, error))
		return NULL;
	return g_steal_pointer(&conn);
}

void nova_conn_close(nova_conn *conn)
{
	if (!conn)
		return;
	PQfinish(conn->pg);
	g_free(conn);
}

/* ---- waiting ---- */

static bool lost(nova_conn *conn, const char *what, const char *why, GError **error)
{
	g_autofree char *reason = g_strchomp(g_strdup(why && *why ? why : "the connection is gone"));

	for (char *c = reason; *c; c++)
		if (*c == '\n')
			*c = ' ';
	conn->trouble = NOVA_TROUBLE_LOST;
	conn->sqlstate[0] = '\0';
	return nova_fail(error, NOVA_FAULT_DATABASE, "database connection lost during '%s': %s", what,
			 reason);
}

/* Waits until the socket is ready; false at the deadline. */
static bool wait_socket(nova_conn *conn, short events, nova_deadline deadline)
{
	struct pollfd fd = { .fd = PQsocket(conn->pg), .events = events };

	for (;;) {
		int n = poll(&fd, 1, nova_deadline_poll_ms(deadline, 60000));

		if (n > 0)
			return true;
		if (nova_deadline_is_expired(deadline))
			return false;
	}
}

static bool flush(nova_conn *conn, const char *what, nova_deadline deadline, GError **error)
{
	int left;

	while ((left = PQflush(conn->pg)) > 0) {
		if (!wait_socket(conn, POLLIN | POLLOUT, deadline))
			return lost(conn, what, "the server takes nothing any more", error);
		if (!PQconsumeInput(conn->pg))
			return lost(conn, what, PQerrorMessage(conn->pg), error);
	}
	return left == 0 || lost(conn, what, PQerrorMessage(conn->pg), error);
}

/* Which kind of failure an SQLSTATE is, and the fault it is to a caller that does not look closer. */
static const struct sqlstate_row {
	const char *prefix;
	nova_trouble trouble;
	nova_fault fault;
	const char *advice;
} sqlstates[] = {
	{ "40001", NOVA_TROUBLE_CONFLICT, NOVA_FAULT_DATABASE_CONFLICT, NULL },
	{ "40P01", NOVA_TROUBLE_CONFLICT, NOVA_FAULT_DATABASE_CONFLICT, NULL },
	{ "57014", NOVA_TROUBLE_TIMEOUT, NOVA_FAULT_DATABASE, "it ran into [database] statement_timeout" },
	{ "57P", NOVA_TROUBLE_LOST, NOVA_FAULT_DATABASE, NULL },
	{ "25P03", NOVA_TROUBLE_LOST, NOVA_FAULT_DATABASE, NULL }, /* idle in transaction for too long */
	{ "25006", NOVA_TROUBLE_LOST, NOVA_FAULT_DATABASE,
	  NULL }, /* read only: the primary is elsewhere now */
	{ "08", NOVA_TROUBLE_LOST, NOVA_FAULT_DATABASE, NULL },
	{ "26000", NOVA_TROUBLE_PREPARED, NOVA_FAULT_DATABASE, NULL },
	{ "42P05", NOVA_TROUBLE_PREPARED, NOVA_FAULT_DATABASE, NULL },
	{ "0A000", NOVA_TROUBLE_OTHER, NOVA_FAULT_INTERNAL, NULL },
	{ "2201B", NOVA_TROUBLE_OTHER, NOVA_FAULT_BAD_REQUEST, NULL },
	{ "22021", NOVA_TROUBLE_OTHER, NOVA_FAULT_BAD_REQUEST, NULL },
	{ "23505", NOVA_TROUBLE_OTHER, NOVA_FAULT_CONFLICT, NULL },
	{ "42P01", NOVA_TROUBLE_OTHER, NOVA_FAULT_CONFIG, "run `nova-lite-manage db sync'" },
	{ "42703", NOVA_TROUBLE_OTHER, NOVA_FAULT_CONFIG, "run `nova-lite-manage db sync'" },
	{ "42501", NOVA_TROUBLE_OTHER, NOVA_FAULT_CONFIG, "grant it, see doc/database.md" },
	{ "53", NOVA_TROUBLE_OTHER, NOVA_FAULT_DATABASE, NULL },
	{ "XX", NOVA_TROUBLE_OTHER, NOVA_FAULT_DATABASE, NULL },
	{ "", NOVA_TROUBLE_OTHER, NOVA_FAULT_INTERNAL, NULL },
};

static bool refused(nova_conn *conn, const char *what, const PGresult *result, GError **error)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const struct sqlstate_row *row = sqlstates;

	if (!state || PQstatus(conn->pg) != CONNECTION_OK)
		return lost(conn, what, message ? message : PQresultErrorMessage(result), error);
	while (!g_str_has_prefix(state, row->prefix))
		row++;
	conn->trouble = row->trouble;
	g_strlcpy(conn->sqlstate, state, sizeof(conn->sqlstate));
	g_strlcpy(conn->constraint, constraint ? constraint : "", sizeof(conn->constraint));
	return nova_fail(error, row->fault, "statement '%s': %s%s%s", what,
			 message ? message : "no reason given", row->advice ? "; " : "",
			 row->advice ? row->advice : "");
}

/* Everything the server answers until it is ready again; the first error, else the last result. */
static bool collect(nova_conn *conn, const char *what, nova_deadline deadline, nova_result **ret,
		    GError **error)
{
	g_autoptr(PGresult) kept = NULL;
	bool failed = false;

	if (!flush(conn, what, deadline, error))
		return false;
	for (;;) {
		while (PQisBusy(conn->pg)) {
			if (!wait_socket(conn, POLLIN, deadline)) {
				/* Nobody may use this connection again: an answer may still come. */
				return lost(conn, what, "the server does not answer", error);
			}
			if (!PQconsumeInput(conn->pg))
				return lost(conn, what, PQerrorMessage(conn->pg), error);
		}
		PGresult *result = PQgetResult(conn->pg);

		if (!result)
			break;
		if (failed) {
			PQclear(result);
			continue;
		}
		g_clear_pointer(&kept, PQclear);
		kept = result;
		switch (PQresultStatus(result)) {
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
		case PGRES_EMPTY_QUERY:
			break;
		default:
			failed = true;
		}
	}
	conn->used_usec = nova_boottime_usec();
	if (!kept)
		return lost(conn, what, PQerrorMessage(conn->pg), error);
	if (failed)
		return refused(conn, what, kept, error);
	conn->trouble = NOVA_TROUBLE_NONE;
	if (ret)
		*ret = nova_result_new(g_steal_pointer(&kept));
	return true;
}

static nova_deadline statement_deadline(const nova_conn *conn)
{
	return nova_deadline_in_ms(conn->statement_ms + GRACE_MS);
}

bool nova_conn_is_fit(nova_conn *conn)
{
	struct pollfd fd = { .fd = PQsocket(conn->pg), .events = POLLIN };

	if (PQstatus(conn->pg) != CONNECTION_OK)
		return false;
	/* What a server says unasked on an idle connection is that it closes it. */
	if (poll(&fd, 1, 0) > 0 &&
	    (!PQconsumeInput(conn->pg) || PQstatus(conn->pg) != CONNECTION_OK || poll(&fd, 1, 0) > 0))
		return false;
	if (nova_boottime_usec() - conn->used_usec < REST_USEC)
		return true;
	return PQsendQuery(conn->pg, "") &&
	       collect(conn, "sign of life", nova_deadline_in_ms(SIGN_OF_LIFE_MS), NULL, NULL);
}

/* ---- running ---- */

bool nova_conn_exec(nova_conn *conn, const char *sql, nova_result **ret, GError **error)
{
	if (!PQsendQuery(conn->pg, sql))
		return lost(conn, "exec", PQerrorMessage(conn->pg), error);
	return collect(conn, sql, statement_deadline(conn), ret, error);
}

/* Parameters in text form; numbers are written into `digits'. */
typedef struct bound_args {
	const char *values[NOVA_ARGS_MAX];
	char digits[NOVA_ARGS_MAX][G_ASCII_DTOSTR_BUF_SIZE];
} bound_args;

static void bind_args(bound_args *bound, const nova_arg *args, size_t n_args)
{
	for (size_t i = 0; i < n_args; i++) {
		bound->values[i] = bound->digits[i];
		switch (args[i].type) {
		case NOVA_ARG_NULL:
			bound->values[i] = NULL;
			break;
		case NOVA_ARG_INT:
			g_snprintf(bound->digits[i], sizeof(bound->digits[i]), "%" PRId64, args[i].i);
			break;
		case NOVA_ARG_BOOL:
			bound->values[i] = args[i].i ? "t" : "f";
			break;
		case NOVA_ARG_FLOAT:
			g_ascii_dtostr(bound->digits[i], sizeof(bound->digits[i]), args[i].f);
			break;
		case NOVA_ARG_TEXT:
			bound->values[i] = args[i].text;
			break;
		}
	}
}

/* Two versions of a program behind one pooler may mean different statements by one name: the text is part
 * of it. */
static void prepared_name(nova_query_id query, char *ret, size_t size)
{
	g_snprintf(ret, size, "%s_%08x", nova_queries[query].name, g_str_hash(nova_queries[query].sql));
}

static void count_statement(const nova_conn *conn, int64_t begun_us, bool good)
{
	nova_metric_add(NOVA_METRIC_DB_STATEMENTS, good ? NOVA_TROUBLE_NONE : conn->trouble, 0, 1);
	nova_metric_observe(NOVA_METRIC_DB_SECONDS, 0, (double)(g_get_monotonic_time() - begun_us) / 1e6);
}

static bool run_prepared(nova_conn *conn, nova_query_id query, const nova_arg *args, size_t n_args,
			 nova_result **ret, GError **error)
{
	const nova_query *q = &nova_queries[query];
	char name[80];
	bound_args bound;

	g_assert(n_args == q->n_params && n_args <= NOVA_ARGS_MAX);
	prepared_name(query, name, sizeof(name));
	if (!conn->prepared[query]) {
		if (!PQsendPrepare(conn->pg, name, q->sql, 0, NULL))
			return lost(conn, q->name, PQerrorMessage(conn->pg), error);
		if (!collect(conn, q->name, statement_deadline(conn), NULL, error)) {
			/* Somebody prepared it on this server connection already: as good. */
			conn->prepared[query] = strcmp(conn->sqlstate, "42P05") == 0;
			return false;
		}
		conn->prepared[query] = true;
	}
	bind_args(&bound, args, n_args);
	if (!PQsendQueryPrepared(conn->pg, name, (int)n_args, bound.values, NULL, NULL, 0))
		return lost(conn, q->name, PQerrorMessage(conn->pg), error);
	if (!collect(conn, q->name, statement_deadline(conn), ret, error)) {
		if (conn->trouble == NOVA_TROUBLE_PREPARED)
			memset(conn->prepared, 0, sizeof(conn->prepared));
		return false;
	}
	return true;
}

bool nova_conn_run(nova_conn *conn, nova_query_id query, const nova_arg *args, size_t n_args,
		   nova_result **ret, GError **error)
{
	int64_t begun_us = g_get_monotonic_time();
	bool good = run_prepared(conn, query, args, n_args, ret, error);

	count_statement(conn, begun_us, good);
	return good;
}

bool nova_conn_run_sql(nova_conn *conn, const char *name, const char *sql, const nova_arg *args,
		       size_t n_args, nova_result **ret, GError **error)
{
	int64_t begun_us = g_get_monotonic_time();
	bound_args bound;
	bool good;

	g_assert(n_args <= NOVA_ARGS_MAX);
	bind_args(&bound, args, n_args);
	good = PQsendQueryParams(conn->pg, sql, (int)n_args, NULL, bound.values, NULL, NULL, 0) ?
		       collect(conn, name, statement_deadline(conn), ret, error) :
		       lost(conn, name, PQerrorMessage(conn->pg), error);
	count_statement(conn, begun_us, good);
	return good;
}
