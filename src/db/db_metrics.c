/* SPDX-License-Identifier: Apache-2.0 */
#include "db/db_metrics.h"

#include "common/metrics.h"
#include "db/pool.h"
#include "db/tx.h"
#include "model/operation.h"

static const char *const connection_states[] = { "idle", "used", "max", NULL };
static const char *const results[] = { "ok", "lost", "conflict", "prepared", "timeout", "other", NULL };
G_STATIC_ASSERT(G_N_ELEMENTS(results) == NOVA_TROUBLE_OTHER + 2);

static const char *kinds[NOVA_OP__COUNT + 1], *states[NOVA_OPS__COUNT + 1];

static void name_operations(void)
{
	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		kinds[kind] = nova_op_kind_name((nova_op_kind)kind);
	for (int state = 0; state < NOVA_OPS__COUNT; state++)
		states[state] = nova_op_state_name((nova_op_state)state);
}

void nova_db_metrics_declare(void)
{
	name_operations();
	nova_metrics_declare(NOVA_METRIC_DB_UP, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_DB_CONNECTIONS, connection_states, NULL);
	nova_metrics_declare(NOVA_METRIC_DB_WAITS, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_DB_STATEMENTS, results, NULL);
	nova_metrics_declare(NOVA_METRIC_DB_SECONDS, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_OPERATIONS_ENDED, kinds, states);
	nova_metrics_declare(NOVA_METRIC_MIGRATION_SECONDS, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_MIGRATION_PAUSE_SECONDS, NULL, NULL);
}

void nova_db_metrics_collect(nova_db *db)
{
	nova_pool_state state = nova_pool_look(db);

	nova_metric_set(NOVA_METRIC_DB_UP, 0, 0, !state.away);
	nova_metric_set(NOVA_METRIC_DB_CONNECTIONS, 0, 0, state.idle);
	nova_metric_set(NOVA_METRIC_DB_CONNECTIONS, 1, 0, state.open - state.idle);
	nova_metric_set(NOVA_METRIC_DB_CONNECTIONS, 2, 0, state.max);
}

static const char *const host_states[] = { "up", "down", "disabled", NULL };
static const char *const resources[] = { "vcpus", "memory_mb", "disk_gb", NULL };

void nova_db_metrics_declare_cloud(void)
{
	name_operations();
	nova_metrics_declare(NOVA_METRIC_OPERATIONS_ACTIVE, kinds, states);
	nova_metrics_declare(NOVA_METRIC_HOSTS, host_states, NULL);
	nova_metrics_declare(NOVA_METRIC_FREE, resources, NULL);
}

bool nova_db_metrics_collect_cloud(nova_db *db, GError **error)
{
	g_autoptr(nova_result) active = NULL;
	g_autoptr(nova_result) cloud = NULL;
	nova_op_kind kind;
	nova_op_state state;

	nova_metric_clear(NOVA_METRIC_OPERATIONS_ACTIVE);
	nova_metric_clear(NOVA_METRIC_HOSTS);
	nova_metric_clear(NOVA_METRIC_FREE);
	if (!nova_db_run(db, NOVA_Q_OPERATIONS_ACTIVE_COUNTS, NOVA_NO_ARGS, &active, error) ||
	    !nova_db_one(db, NOVA_Q_CLOUD_FREE, NOVA_NO_ARGS, &cloud, error))
		return false;
	while (nova_result_next(active))
		if (nova_op_kind_from_name(nova_result_text(active, "kind"), &kind) &&
		    nova_op_state_from_name(nova_result_text(active, "state"), &state))
			nova_metric_set(NOVA_METRIC_OPERATIONS_ACTIVE, kind, state,
					(double)nova_result_int(active, "n"));
	for (unsigned i = 0; host_states[i]; i++)
		nova_metric_set(NOVA_METRIC_HOSTS, i, 0, (double)nova_result_int(cloud, host_states[i]));
	for (unsigned i = 0; resources[i]; i++)
		nova_metric_set(NOVA_METRIC_FREE, i, 0, (double)nova_result_int(cloud, resources[i]));
	return true;
}
