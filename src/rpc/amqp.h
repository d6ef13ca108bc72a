/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp.h - one connection to a broker, with one channel: a thin, non-blocking face of rabbitmq-c.
 *
 * Thread: a connection belongs to the thread that made it.  After any false return the connection is
 * dead: close it and make another.
 *
 * Why not rabbitmq-c's own consume functions: they hide cancels and channel errors, wait without a
 * limit and buffer bodies of any size.  Here frames are put together by hand, a body above the limit
 * is read past without being kept, and every wait has a deadline.
 */
#pragma once

#include "rpc/transport_url.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct nova_amqp nova_amqp;

typedef struct nova_amqp_settings {
	const char *virtual_host;
	const char *connection_name; /* shown by the broker */
	unsigned heartbeat_s;
	unsigned timeout_ms; /* for connecting, logging in and every declaration */
	size_t max_body; /* longer ones arrive as `oversized' */
} nova_amqp_settings;

/* Connects, logs in with the capabilities consumer_cancel_notify, connection.blocked and
 * authentication_failure_close, opens the channel.  Takes at most three times timeout_ms. */
nova_amqp *nova_amqp_open(const nova_broker *broker, const nova_amqp_settings *settings, GError **error);

/* Tells the broker that we are leaving and waits for its answer, at most timeout_ms. */
void nova_amqp_say_goodbye(nova_amqp *amqp);
void nova_amqp_close(nova_amqp *amqp); /* NULL is fine */

/* The socket, for poll(2) and for shutdown(2) by a thread that must end a blocked send. */
int nova_amqp_socket(const nova_amqp *amqp);

/* Longest time in ms that may pass between two calls of nova_amqp_next(): half a heartbeat. */
int nova_amqp_max_pause_ms(const nova_amqp *amqp);

/* What to declare; the arguments that matter to us, nothing else. */
typedef struct nova_amqp_queue {
	const char *name;
	bool durable;
	unsigned expires_ms; /* x-expires: deleted after so long without a consumer; 0: never */
	const char *dead_letter_exchange; /* NULL: none */
} nova_amqp_queue;

bool nova_amqp_declare_exchange(nova_amqp *amqp, const char *name, const char *type, bool durable,
				bool auto_delete, GError **error);
bool nova_amqp_declare_queue(nova_amqp *amqp, const nova_amqp_queue *queue, GError **error);
bool nova_amqp_bind(nova_amqp *amqp, const char *queue, const char *exchange, const char *key,
		    GError **error);
bool nova_amqp_consume(nova_amqp *amqp, const char *queue, const char *tag, GError **error);
bool nova_amqp_cancel(nova_amqp *amqp, const char *tag, GError **error);
bool nova_amqp_delete_queue(nova_amqp *amqp, const char *queue, GError **error);
bool nova_amqp_set_prefetch(nova_amqp *amqp, unsigned messages, GError **error);
bool nova_amqp_enable_confirms(nova_amqp *amqp, GError **error);

bool nova_amqp_ack(nova_amqp *amqp, uint64_t tag, GError **error);
bool nova_amqp_reject(nova_amqp *amqp, uint64_t tag, bool requeue, GError **error);

typedef struct nova_amqp_publish {
	const char *exchange, *routing_key;
	const char *message_id; /* property; comes back with a returned message */
	int64_t expiration_ms; /* 0: none */
	bool mandatory;
	GBytes *body;
} nova_amqp_publish;

/* May block when the broker stops reading, at most two heartbeats or until the socket is shut down. */
bool nova_amqp_send(nova_amqp *amqp, const nova_amqp_publish *message, GError **error);

typedef enum nova_amqp_event_type {
	NOVA_AMQP_NOTHING, /* nothing more to read now */
	NOVA_AMQP_DELIVERY,
	NOVA_AMQP_RETURN, /* mandatory message no queue took; its confirm follows */
	NOVA_AMQP_ACK,
	NOVA_AMQP_NACK,
	NOVA_AMQP_BLOCKED,
	NOVA_AMQP_UNBLOCKED,
} nova_amqp_event_type;

/* Strings and body are borrowed from the connection until the next nova_amqp_next(). */
typedef struct nova_amqp_event {
	nova_amqp_event_type type;
	uint64_t tag; /* DELIVERY, ACK, NACK */
	bool multiple; /* ACK, NACK: all up to tag */
	const char *content_type, *content_encoding, *message_id; /* "" when absent */
	const char *text; /* RETURN, BLOCKED: why */
	const char *body; /* DELIVERY, RETURN; not terminated */
	size_t length; /* what is at body, 0 when oversized */
	uint64_t full_length; /* of the message as sent */
	bool oversized;
} nova_amqp_event;

/* Reads the next event without waiting; also sends and checks heartbeats.  False with *error when
 * the connection, the channel or a consumer is gone; MESSAGING. */
bool nova_amqp_next(nova_amqp *amqp, nova_amqp_event *ret_event, GError **error);

/* True when nova_amqp_next() may have an event without the socket being readable. */
bool nova_amqp_has_buffered(nova_amqp *amqp);
