/* SPDX-License-Identifier: Apache-2.0
 *
 * listener.h - a server's connection: its three queues, and what comes in through them.
 *
 * The listener's thread declares, reads, checks and hands over; it acknowledges when told to.  A
 * delivery is only good for the connection it came over: acknowledging one of a connection that is
 * gone does nothing, because the broker delivers it again and the duplicate filter drops it.
 */
#pragma once

#include "rpc/bus_parts.h"

typedef struct nova_listener nova_listener;

typedef struct nova_delivery {
	uint64_t connection; /* number of the connection it came over */
	uint64_t tag;
} nova_delivery;

typedef struct nova_listener_settings {
	nova_bus *bus;
	const char *topic, *host; /* copied */
	/* A checked request that was not seen before; takes the message over.  False: no room, the
	 * message goes back to the broker.  In the listener's thread. */
	bool (*accept)(void *owner, nova_rpc_message *message, nova_delivery delivery);
	/* Once per round of the loop; returns in how many ms at the latest the next one must be. */
	int (*tick)(void *owner);
	void *owner;
} nova_listener_settings;

nova_listener *nova_listener_start(const nova_listener_settings *settings);

/* Any thread.  The acknowledgement is sent in the next round. */
void nova_listener_ack(nova_listener *listener, nova_delivery delivery);

/* Stops consuming and does not begin again; tick() goes on.  Any thread. */
void nova_listener_pause(nova_listener *listener);

nova_link *nova_listener_link(nova_listener *listener);

/* Sends what is to be acknowledged, deletes the fanout queue, closes; the broker takes back what was
 * not acknowledged. */
void nova_listener_stop(nova_listener *listener, unsigned timeout_ms);
void nova_listener_free(nova_listener *listener); /* after nova_listener_stop(); NULL is fine */
