/* SPDX-License-Identifier: Apache-2.0
 *
 * db_metrics.h - what the database layer shows on /metrics.
 */
#pragma once

#include "db/db.h"

/* Once, before threads that count. */
void nova_db_metrics_declare(void);

/* The pool as it is now. */
void nova_db_metrics_collect(nova_db *db);

/* The whole cloud: active operations, hosts, free resources.  All 0 when the database does not
 * answer. */
void nova_db_metrics_declare_cloud(void);
bool nova_db_metrics_collect_cloud(nova_db *db, GError **error);
