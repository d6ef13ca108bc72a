/* SPDX-License-Identifier: Apache-2.0
 *
 * link.h - a connection that is kept: a thread that connects, works, and connects again, for ever.
 *
 * The sender, the reply listener and every server's listener are each a link with their own
 * operations.  All operations run in the link's thread, so what only they touch needs no lock.
 *
 * Connecting: the brokers in turn, beginning with a random one.  After a whole round without success
 * the link waits 1 s, then twice as long each time up to 30 s, each wait scattered by a quarter so
 * that a fleet does not come back in step.  The loss of a connection and its return are logged once
 * each, failed attempts in between at debug level.
 */
#pragma once

#include "rpc/amqp.h"

typedef struct nova_link nova_link;

typedef struct nova_link_operations {
	/* A new connection: declare and consume.  False: it is closed and another one is tried. */
	bool (*up)(void *owner, nova_amqp *amqp, GError **error);
	/* The connection is gone, lost or closed by us; not called when up() failed.  May be NULL. */
	void (*down)(void *owner);
	/* Once per round of the loop: after nova_link_wake(), after events, and at the latest when
	 * *wait_ms of the previous round have passed.  May shorten *wait_ms.  amqp is NULL while there
	 * is no connection.  False: the connection is dead.  May be NULL. */
	bool (*turn)(void *owner, nova_amqp *amqp, int *wait_ms, GError **error);
	bool (*event)(void *owner, nova_amqp *amqp, const nova_amqp_event *event, GError **error);
	/* Just before an orderly close.  May be NULL. */
	void (*farewell)(void *owner, nova_amqp *amqp);
} nova_link_operations;

typedef struct nova_link_settings {
	const char *role; /* "sender", "replies", "server compute": part of log lines and the thread's name */
	const nova_transport_url *url; /* borrowed until nova_link_free() */
	nova_amqp_settings amqp; /* strings are copied */
} nova_link_settings;

nova_link *nova_link_new(const nova_link_settings *settings, const nova_link_operations *operations, void *owner);
void nova_link_start(nova_link *link);

/* Makes the thread call turn() soon.  Any thread. */
void nova_link_wake(nova_link *link);

/* True between a successful up() and the loss of that connection.  Any thread. */
bool nova_link_is_up(nova_link *link);
/* deadline: g_get_monotonic_time() based. */
bool nova_link_wait_up(nova_link *link, int64_t deadline_usec);

/* Ends the thread: farewell, orderly close.  After timeout_ms a send that the broker does not take is
 * broken off.  Waits for the thread, which a connection attempt may hold for its own timeout. */
void nova_link_stop(nova_link *link, unsigned timeout_ms);
void nova_link_free(nova_link *link); /* after nova_link_stop(), or when never started; NULL is fine */
