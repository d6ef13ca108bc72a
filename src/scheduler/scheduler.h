/* SPDX-License-Identifier: Apache-2.0
 *
 * scheduler.h - the scheduler daemon: operations that wait for a host get one.
 *
 * Stateless: any number of schedulers may run; the row's seq decides who was first.  Operations come by doorbell
 * and, in case one was lost, by polling the database.  Threads: the RPC server's workers and the poll timer only
 * put operations into `workers', keyed by the instance, where the work is done.
 */
#pragma once

#include "common/conf.h"
#include "common/json_auto.h"
#include "common/service.h"
#include "common/timer.h"
#include "common/workers.h"
#include "db/db.h"
#include "model/operation.h"
#include "rpc/bus.h"
#include "rpc/server.h"
#include "scheduler/filters.h"

typedef struct nova_scheduler {
	nova_service *service;       /* borrowed */
	char *host;
	nova_db *db;
	nova_bus *bus;
	nova_rpc_server *server;
	nova_workers *workers;
	nova_timer *poll, *beat, *caretaker;
	struct nova_metrics_listener *metrics; /* NULL: not wanted */
	const nova_filter **filters;
} nova_scheduler;

/* Takes up operation `id' if it waits for a scheduler; logs what it decided.  Worker threads. */
void nova_scheduler_work(nova_scheduler *scheduler, int64_t id);

/* Queues that. */
void nova_scheduler_kick(nova_scheduler *scheduler, int64_t id);

/* What a migration of the server, or the build of one that has no host, would find now: nova_explain_placement().
 * Books nothing.  `host' NULL: all hosts. */
json_object *nova_scheduler_explain(nova_scheduler *scheduler, const char *instance_uuid, const char *host,
				    GError **error);

/* Ends an operation on which nothing was begun, because an abort was asked for. */
bool nova_scheduler_cancel(nova_scheduler *scheduler, nova_operation *op, const char *reason, GError **error);

/* Looks after operations whose host is down: nova_care_decide() says what becomes of them.  A timer's run(); any
 * number of schedulers may do it at the same time. */
void nova_caretaker_run(void *scheduler);

extern const nova_rpc_method nova_scheduler_methods[];
