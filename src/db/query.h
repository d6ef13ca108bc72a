/* SPDX-License-Identifier: Apache-2.0
 *
 * query.h - the catalogue of statements, what goes into one and what comes out of it.
 *
 * The statements stand in queries/NAME.sql; tools/sql2c.awk makes the enum (db/queries.h) and the table of
 * them.  Inside src/db only.
 *
 * A nova_result belongs to one thread.  It is a cursor that begins before the first row; columns are asked
 * for by name, which costs nothing as long as that happens in the order the statement returns them.  Asking
 * for a column the statement does not have is a mistake in the program and aborts.
 */
#pragma once

#include "db/queries.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum nova_rows {
	NOVA_ROWS_NONE,
	NOVA_ROWS_ONE, /* at most one */
	NOVA_ROWS_MANY,
} nova_rows;

typedef struct nova_query {
	const char *name, *sql;
	nova_rows shape;
	unsigned n_params;
} nova_query;

extern const nova_query nova_queries[NOVA_Q__COUNT];

/* ---- parameters ---- */

typedef enum nova_arg_type { NOVA_ARG_NULL, NOVA_ARG_INT, NOVA_ARG_BOOL, NOVA_ARG_FLOAT, NOVA_ARG_TEXT } nova_arg_type;

typedef struct nova_arg {
	nova_arg_type type;
	int64_t i; /* INT and BOOL */
	double f;
	const char *text; /* borrowed until the call returns */
} nova_arg;

#define NOVA_ARGS_MAX 64

/* The parameters of one call, as its `args, n_args':
 *	nova_tx_run(tx, NOVA_Q_INSTANCE_TOUCH, NOVA_ARGS(nova_arg_text(uuid)), NULL, error) */
#define NOVA_ARGS(...) \
	((const nova_arg[]){ __VA_ARGS__ }), (sizeof((const nova_arg[]){ __VA_ARGS__ }) / sizeof(nova_arg))
#define NOVA_NO_ARGS NULL, 0

nova_arg nova_arg_null(void);
nova_arg nova_arg_int(int64_t value);
nova_arg nova_arg_bool(bool value);
nova_arg nova_arg_float(double value);
nova_arg nova_arg_text(const char *text); /* NULL is NULL */
nova_arg nova_arg_id(int64_t id);         /* 0 is NULL */

/* A text[] value of these words (NULL-terminated).  Free with g_free(). */
char *nova_arg_array(const char *const *words);

/* ---- results ---- */

typedef struct nova_result nova_result;

void nova_result_free(nova_result *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_result, nova_result_free)

int nova_result_count(const nova_result *result);

/* To the next row; false after the last. */
bool nova_result_next(nova_result *result);

bool nova_result_is_null(nova_result *result, const char *column);
const char *nova_result_text(nova_result *result, const char *column); /* borrowed; NULL for NULL */
char *nova_result_dup(nova_result *result, const char *column);        /* free with g_free() */
int64_t nova_result_int(nova_result *result, const char *column);      /* 0 for NULL */
bool nova_result_bool(nova_result *result, const char *column);
double nova_result_float(nova_result *result, const char *column);
