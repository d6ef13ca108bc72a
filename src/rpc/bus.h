/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.h - all of one process's dealings with the message broker (RabbitMQ, AMQP 0-9-1).
 *
 * A bus is made once per process.  It owns one connection and one thread for everything that is
 * sent, one connection and thread for replies to our own calls (started with the first call), and
 * one of each for every server (server.h).  Nobody outside src/rpc sees a connection: rabbitmq-c
 * allows one to be used by one thread only, so every other thread hands its message to the sending
 * thread through a bounded queue and, if it wants an answer, waits on a condition with a deadline.
 *
 * The wire format is that of oslo.messaging 14 (message version 2.0), so Python services can call
 * ours and be called.  Delivery rules, the same for every user:
 *   - every message is confirmed by the broker; confirms are pipelined, nobody waits for them;
 *   - what was not confirmed when a connection broke is sent again with the same _unique_id; the
 *     receiver's filter drops the second copy (a receiver that restarted meanwhile cannot);
 *   - a cast or reply no queue takes yet (the receiver's queue vanished with its broker) is tried
 *     again for keep_ms, then counted as dropped; a call is reported undeliverable at once;
 *   - a cast can therefore still be lost or, rarely, run twice: casts are doorbells, never facts.
 *
 * While no broker can be reached the bus tries for ever, one broker of the list after the other,
 * pausing 1 s, doubling to 30 s, each with jitter; it logs each change of state once.  Waiting
 * casts stay queued up to the bounds below; beyond them sending fails with NOVA_FAULT_MESSAGING.
 *
 * Locks and threads: doc/threads-rpc.md.  All functions here may be called from any thread, except
 * that nova_bus_free() must be the last use of the bus and of everything made from it.
 */
#pragma once

#include "common/conf.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nova_bus nova_bus;

/* Strings are copied.  A member that is zero or NULL takes the value in brackets. */
typedef struct nova_bus_options {
	/* rabbit://user:password@host:port[,user:password@host2:port2...]/virtual_host; also with
	 * scheme amqp.  Missing user, password, port: guest, guest, 5672.  Percent escapes and
	 * [IPv6] addresses are understood.  Required. */
	const char *transport_url;
	const char *control_exchange; /* topic exchange of requests ["nova"] */
	const char *program; /* e.g. "nova-lite-compute"; names our connections in the broker's lists ["nova-lite"] */
	/* Proposed to the broker; a silent peer is given up after twice that.  0: none, then only TCP
	 * notices that a peer is gone. */
	unsigned heartbeat_s;
	unsigned connect_timeout_ms; /* for one broker: TCP and login [5000] */
	/* amqp_durable_queues of oslo.messaging: exchange, topic and host queues survive a broker's
	 * restart.  Everybody on the same broker must agree, else declaring fails (406). */
	bool durable_queues;
	/* Where rejected (malformed) messages go; NULL: the broker drops them.  Adds an argument to
	 * our queue declarations, so again everybody who declares the same queues must agree. */
	const char *dead_letter_exchange;
	unsigned prefetch; /* requests per server that wait or run unacknowledged [64] */
	unsigned queue_limit; /* messages waiting to be sent or confirmed [1000] */
	size_t queue_bytes; /* the same in bytes [64 MiB] */
	size_t max_body; /* larger messages are neither sent nor accepted [1 MiB] */
	unsigned max_depth; /* nesting of JSON that is accepted [32] */
	unsigned keep_ms; /* how long a cast or reply without a taker is tried again [60000] */
} nova_bus_options;

/* Whether [DEFAULT] transport_url can be read: for daemons to say at once, with file and line. */
bool nova_bus_check_conf(const nova_conf *conf, GError **error);

/* Checks the options and remembers them; touches no network.  CONFIG when the URL is wrong. */
nova_bus *nova_bus_new(const nova_bus_options *options, GError **error);

/* The bus of a daemon: made from its configuration, and started.  CONFIG when transport_url is wrong. */
struct nova_conf;
nova_bus *nova_bus_open(const struct nova_conf *conf, const char *program, GError **error);

/* Starts the sending thread.  Never fails for an unreachable broker, see above.  Call once, after
 * signals are blocked for the process (threads inherit the mask). */
void nova_bus_start(nova_bus *bus);

/* True while the sending connection is up and the broker accepts messages.  A hint: what follows
 * may still wait.  Daemons poll the database more often while this is false. */
bool nova_bus_is_connected(nova_bus *bus);

/* Waits until nova_bus_is_connected() or the timeout; returns which.  For start-up and tests. */
bool nova_bus_wait_connected(nova_bus *bus, unsigned timeout_ms);

/* Sends what is queued and waits for confirms up to timeout_ms, wakes callers with MESSAGING,
 * deletes the reply queue, closes, frees.  Stop and free the servers first.  NULL is fine. */
void nova_bus_stop(nova_bus *bus, unsigned timeout_ms);
void nova_bus_free(nova_bus *bus); /* nova_bus_stop(bus, 2000) when that was not done, then frees */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_bus, nova_bus_free)

/* Counters since the start, for metrics and tests. */
typedef struct nova_bus_stats {
	uint64_t sent; /* publishes, repeats included */
	uint64_t confirmed; /* taken by a queue */
	uint64_t returned; /* publishes no queue took */
	uint64_t resent; /* repeats after a lost connection, a nack or a return */
	uint64_t dropped; /* casts and replies given up */
	uint64_t refused; /* sends refused because the queue was full */
	uint64_t connects; /* times the sending connection came up */
	uint64_t received; /* requests accepted by our servers */
	uint64_t rejected; /* malformed requests and replies */
	uint64_t duplicates; /* requests dropped by the duplicate filter */
	uint64_t late_replies; /* replies nobody waited for any more */
	uint64_t waiting; /* messages queued or unconfirmed just now */
	bool blocked; /* the broker asked us to stop sending (memory or disk alarm) */
} nova_bus_stats;

void nova_bus_get_stats(nova_bus *bus, nova_bus_stats *ret_stats);
