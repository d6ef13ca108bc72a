/* SPDX-License-Identifier: Apache-2.0
 *
 * result.h - what nova_result is made of, for conn.c and query.c.
 */
#pragma once

#include "db/query.h"

#include <libpq-fe.h>

struct nova_result {
	PGresult *pg;
	int row;
	int column; /* to look at first */
};

/* Takes `pg' over. */
nova_result *nova_result_new(PGresult *pg);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)
