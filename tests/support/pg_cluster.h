/* SPDX-License-Identifier: Apache-2.0
 *
 * pg_cluster.h - a throw-away PostgreSQL for tests: its own directory under /tmp, its own port and socket.
 *
 * The server runs as user `postgres' when the test runs as root (PostgreSQL refuses root), else as the user
 * of the test, and ends with the test program (with the thread that started it), even when that is killed.
 * Functions fail the test (cmocka)
 * instead of returning errors.  One thread at a time.
 */
#pragma once

#include "db/db.h"

#include <stdbool.h>

typedef struct pg_cluster pg_cluster;

/* initdb and start, without fsync. */
pg_cluster *pg_cluster_new(void);
void pg_cluster_free(pg_cluster *cluster); /* stops it and removes everything */

void pg_cluster_start(pg_cluster *cluster);
void pg_cluster_kill(pg_cluster *cluster); /* at once, as `pg_ctl stop -m immediate' */
int pg_cluster_pid(const pg_cluster *cluster);

int pg_cluster_port(const pg_cluster *cluster);
/* "postgresql://postgres@/NAME?host=…&port=…"; free with g_free(). */
char *pg_cluster_uri(const pg_cluster *cluster, const char *database);

/* What the server has logged from this byte on; free with g_free(). */
char *pg_cluster_log(const pg_cluster *cluster, size_t from);
size_t pg_cluster_log_size(const pg_cluster *cluster);

/* A new database with the schema, and a handle on it with so many connections.  `options' is further text for
 * the [database] group, or NULL. */
nova_db *pg_cluster_database(pg_cluster *cluster, const char *name, unsigned connections, const char *options);

/* A handle on any connection string. */
nova_db *pg_cluster_open(const char *uri, unsigned connections, const char *options);

/* Runs SQL in a database beside the code under test and returns the first column of the first row (NULL for
 * none or NULL); free with g_free(). */
char *pg_cluster_sql(pg_cluster *cluster, const char *database, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Every row of every table as one hash. */
char *pg_cluster_digest(pg_cluster *cluster, const char *database);
