/* SPDX-License-Identifier: Apache-2.0
 *
 * sender.h - everything a process publishes: a bounded queue, one thread, pipelined confirms.
 *
 * A message is in exactly one place: `waiting' (shared, under the sender's lock), `unconfirmed' or
 * `delayed' (both the thread's own).  It leaves when the broker confirms it, when it expires or when
 * it is given up.  A lost connection puts all unconfirmed ones back in front of `waiting', in order.
 * A returned message (no queue took it) is final for a call; a cast or reply waits in `delayed' and
 * is tried again once a second until keep_ms have passed since it was queued.
 */
#pragma once

#include "rpc/bus.h"
#include "rpc/link.h"

typedef struct nova_sender nova_sender;

typedef enum nova_sending {
	NOVA_SENDING_SENT, /* handed to the broker, not confirmed */
	NOVA_SENDING_CONFIRMED, /* a queue has it */
	NOVA_SENDING_RETURNED, /* no queue takes it */
	NOVA_SENDING_EXPIRED, /* its time was over before it could be sent; the caller knows by itself */
	NOVA_SENDING_DROPPED, /* given up: the broker refused it too often */
} nova_sending;

/* Called in the sender's thread, without locks, for messages with a call_id. */
typedef void (*nova_sending_report)(void *owner, const char *call_id, nova_sending what);

/* One message.  Strings and body are taken over by nova_sender_queue(). */
typedef struct nova_outgoing {
	char *exchange, *routing_key;
	char *id; /* _unique_id */
	char *call_id; /* _msg_id of a call, whose fate is reported; NULL: cast or reply */
	GBytes *body;
	bool mandatory;
	bool fanout; /* exchange is a fanout exchange that may have to be declared first */
	int64_t expires_usec; /* monotonic; not sent after it, and the broker drops it then; 0: never */

	/* of the sender */
	int64_t queued_usec, retry_usec;
	uint64_t tag;
	unsigned attempts;
	bool returned;
} nova_outgoing;

void nova_outgoing_free(nova_outgoing *message);

typedef struct nova_sender_settings {
	nova_link_settings link;
	const char *control_exchange; /* declared on every connection; borrowed */
	bool durable;
	unsigned queue_limit, keep_ms;
	size_t queue_bytes;
	nova_sending_report report;
	void *owner;
} nova_sender_settings;

nova_sender *nova_sender_new(const nova_sender_settings *settings);
nova_link *nova_sender_link(nova_sender *sender);

/* Any thread; takes the message over, also on failure.  MESSAGING when the queue is full or stops. */
bool nova_sender_queue(nova_sender *sender, nova_outgoing *message, GError **error);

/* Refuses new messages and waits until all are confirmed or given up, or the deadline (monotonic). */
bool nova_sender_drain(nova_sender *sender, int64_t deadline_usec);

bool nova_sender_is_blocked(nova_sender *sender);

/* Fills the members that count what was sent. */
void nova_sender_get_stats(nova_sender *sender, nova_bus_stats *stats);

void nova_sender_free(nova_sender *sender); /* after its link was stopped */
