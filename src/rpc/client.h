/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - sending requests: cast (no answer), fanout (a cast to everybody) and call.
 *
 * Threads: any; each call blocks only its own caller.  Ownership: everything is borrowed until the
 * function returns; a result belongs to the caller.  `args' is an object of named arguments, or
 * NULL for none.  `context' may be NULL.
 */
#pragma once

#include "rpc/bus.h"

#include <json-c/json_object.h>

struct nova_context;

typedef struct nova_rpc_target {
	const char *topic; /* "compute", "scheduler" */
	const char *server; /* host name: its own queue; NULL: one of the topic's servers */
	bool fanout; /* all of the topic's servers; casts only, server must be NULL */
	const char *namespace_; /* NULL: the default interface */
	const char *version; /* "MAJOR.MINOR"; NULL: "1.0" */
} nova_rpc_target;

/* Queues the message and returns: success means it was queued, not that it arrived (bus.h has the
 * rules).  Never blocks on the network.  MESSAGING: the queue is full or the bus stops; the text
 * says which.  TOO_LARGE: the message exceeds max_body. */
bool nova_rpc_cast(nova_bus *bus, const nova_rpc_target *target, const char *method,
		   struct json_object *args, const struct nova_context *context, GError **error);

/* Sends the request and waits for the answer until timeout_ms from now (CLOCK_MONOTONIC), waiting
 * for a broker included.  The message expires in the broker at the same moment, so an answer is
 * never produced for a caller who has left it in a queue.  *ret_result (may be NULL) is the
 * method's result, NULL for JSON null.
 *
 * Faults: UNDELIVERABLE at once when no queue takes it (the service never ran, or the broker restarted
 * and the service has not declared its queue again yet); MESSAGING_TIMEOUT at the deadline, the text
 * says how far the request had come (waiting for the broker, sent, taken by the broker); MESSAGING
 * when the queue is full or the bus stops; TOO_LARGE.  A failure of the remote method arrives as the
 * fault whose wire name equals its class (fault.def; INTERNAL for a class we do not know, its name is
 * then part of the text).  After MESSAGING_TIMEOUT the method may or may not have run: ask, do not
 * assume. */
bool nova_rpc_call(nova_bus *bus, const nova_rpc_target *target, const char *method,
		   struct json_object *args, const struct nova_context *context, unsigned timeout_ms,
		   struct json_object **ret_result, GError **error);

/* The same for methods that take long: the server sends a sign of life twice every monitor_s
 * seconds, and the caller gives up (MESSAGING_TIMEOUT) monitor_s seconds after the last one, so a
 * server that dies is noticed long before timeout_ms.  monitor_s at least 2. */
bool nova_rpc_call_monitored(nova_bus *bus, const nova_rpc_target *target, const char *method,
			     struct json_object *args, const struct nova_context *context,
			     unsigned timeout_ms, unsigned monitor_s,
			     struct json_object **ret_result, GError **error);
