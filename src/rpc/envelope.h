/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope.h - message bodies to and from structs: oslo.messaging's format, version 2.0.
 *
 * A body is {"oslo.version": "2.0", "oslo.message": "<JSON text>"}, JSON inside a JSON string.  The
 * inner object of a request has method, args, version, namespace, _unique_id, for calls _msg_id,
 * _reply_q and _timeout, and one _context_KEY for each key of the caller's context; that of a reply
 * has result, failure, ending and _msg_id.  A body without the outer object (format 1) is read too.
 *
 * Pure.  Decoding trusts nothing: size, depth and number of values are bounded before or while
 * parsing; every fault is BAD_REQUEST with the reason.
 */
#pragma once

#include "common/context.h"

#include <glib.h>
#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>

/* Values (objects, members, elements) one body may have: json-c needs some 350 bytes for a small
 * array, so this, not the body's size, bounds what a hostile body can make us allocate. */
enum { NOVA_ENVELOPE_MAX_VALUES = 100000 };

typedef struct nova_rpc_message {
	char *method; /* never NULL */
	char *namespace_; /* NULL: none */
	char *version; /* NULL: none given */
	char *msg_id, *reply_queue; /* both set: a call; both NULL: a cast */
	char *unique_id; /* NULL: sender does not number its messages */
	unsigned monitor_s; /* the caller wants a sign of life twice in this time; 0: none */
	struct json_object *args; /* object, never NULL after decoding */
	nova_context *context; /* never NULL after decoding; what the sender left out is "" and false */
} nova_rpc_message;

void nova_rpc_message_free(nova_rpc_message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_rpc_message, nova_rpc_message_free)

typedef struct nova_rpc_reply {
	char *msg_id; /* of the call, never NULL */
	struct json_object *result; /* NULL: null */
	GError *failure; /* NULL: none */
	bool ending; /* false: a sign of life, or (old senders) the payload before an empty ending */
} nova_rpc_reply;

void nova_rpc_reply_free(nova_rpc_reply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_rpc_reply, nova_rpc_reply_free)

/* Encoders borrow everything; NULL args count as an empty object, a NULL context adds nothing. */
GBytes *nova_envelope_encode_request(const nova_rpc_message *message);
GBytes *nova_envelope_encode_reply(const nova_rpc_reply *reply, const char *unique_id);

nova_rpc_message *nova_envelope_decode_request(const void *body, size_t length, unsigned max_depth,
					       GError **error);
nova_rpc_reply *nova_envelope_decode_reply(const void *body, size_t length, unsigned max_depth,
					   GError **error);

/* A new message id: 32 hexadecimal digits, as Python's uuid4().hex. */
char *nova_rpc_new_id(void);
