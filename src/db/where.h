/* SPDX-License-Identifier: Apache-2.0
 *
 * where.h - a list query put together from constant fragments and parameters.
 *
 * Every text that goes into the statement is a string literal of this program; what users wrote goes into
 * parameters.  A `?' in a fragment becomes the number of the parameter given with it.
 */
#pragma once

#include "db/query.h"

typedef struct nova_where {
	GString *sql;
	nova_arg args[NOVA_ARGS_MAX];
	size_t n_args;
	size_t conditions;
	GPtrArray *owned; /* strings the parameters borrow */
} nova_where;

nova_where *nova_where_new(const char *select);
void nova_where_free(nova_where *where);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_where, nova_where_free)

/* AND fragment. */
void nova_where_add(nova_where *where, const char *fragment);
void nova_where_add_arg(nova_where *where, const char *fragment, nova_arg arg);
/* The same with a text[] of these words. */
void nova_where_add_any(nova_where *where, const char *fragment, const char *const *words);
/* The same when `text' is not NULL. */
void nova_where_add_text(nova_where *where, const char *fragment, const char *text);

/* Without AND: ORDER BY, LIMIT. */
void nova_where_tail(nova_where *where, const char *fragment);
void nova_where_tail_arg(nova_where *where, const char *fragment, nova_arg arg);
