/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - answering requests: one topic, its queues, a pool of workers.
 *
 * A server consumes three queues over one connection of its own: TOPIC (any server of the topic may
 * take it), TOPIC.HOST (this one) and its own copy of TOPIC_fanout.  One listener thread reads,
 * checks and queues; `workers' threads run handlers, which may block.  At most options.prefetch of
 * the bus wait or run at a time, the broker keeps the rest.
 *
 * Acknowledgement: a request is acknowledged when a worker takes it, just before its handler runs
 * (oslo acknowledges on receipt).  What still waits when the process dies is delivered again;
 * what runs is lost: at most one execution per delivery, and a caller sees its timeout.  The last
 * 1024 _unique_id are remembered; a message seen before is acknowledged and dropped.
 *
 * Bad input never stops a server.  A message that is no request (content type, encoding, size,
 * depth, JSON, version, missing members) is rejected without requeueing, so that it ends in the
 * dead letter exchange if there is one, and logged with size and reason (at most one line a second,
 * with the number of those not shown).  A request that is well formed but wrong is answered:
 * NoSuchMethod, UnsupportedVersion, Invalid (arguments).  Whoever may publish to the exchange may
 * ask anything: access control is the broker's, per user and virtual host.
 *
 * Every server also answers `ping' in namespace baseapi, version 1.0 ({"arg": x} gives
 * {"service": TOPIC, "arg": x}), and, if enabled, oslo_rpc_server_ping ("pong").  While a handler
 * runs for a caller who asked for it (_timeout), the listener sends the signs of life.
 *
 * The connection is made and remade for ever as bus.h says; all queues are declared again.
 */
#pragma once

#include "rpc/bus.h"
#include "rpc/method.h"

typedef struct nova_rpc_server nova_rpc_server;

typedef struct nova_rpc_server_options {
	const char *topic; /* "compute"; copied */
	const char *host; /* this server's name; copied */
	const nova_rpc_endpoint *endpoints; /* copied; the tables they point to must outlive the server */
	size_t n_endpoints;
	unsigned workers; /* [4] */
	bool rpc_ping; /* answer oslo_rpc_server_ping ([DEFAULT] rpc_ping_enabled) */
} nova_rpc_server_options;

/* Starts the listener and the workers; returns at once, connected or not.  Never fails for an
 * unreachable broker.  BAD_REQUEST for options that make no sense. */
nova_rpc_server *nova_rpc_server_start(nova_bus *bus, const nova_rpc_server_options *options,
				       GError **error);

/* True while the three consumers are registered. */
bool nova_rpc_server_is_listening(nova_rpc_server *server);
bool nova_rpc_server_wait_listening(nova_rpc_server *server, unsigned timeout_ms);

/* Stops consuming, hands what no worker took back to the broker, waits up to timeout_ms for the
 * handlers that run, deletes the fanout queue, closes.  False: handlers still ran at the deadline;
 * nova_rpc_server_free() will wait for them. */
bool nova_rpc_server_stop(nova_rpc_server *server, unsigned timeout_ms);

/* nova_rpc_server_stop() when that was not done, then waits for every handler and frees.  NULL is
 * fine.  Call before nova_bus_free(). */
void nova_rpc_server_free(nova_rpc_server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_rpc_server, nova_rpc_server_free)
