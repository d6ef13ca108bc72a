/* SPDX-License-Identifier: Apache-2.0
 *
 * replies.h - our calls that wait for an answer, and the queue their answers come to.
 *
 * A waiter is registered before its request is sent and removed by its caller, so an answer can
 * neither come too early nor find a dead waiter: answers nobody waits for are counted and dropped.
 * The queue reply_<id> has the same name for the life of the process and is declared again on every
 * new connection; servers hold answers back while it is missing.
 */
#pragma once

#include "rpc/bus.h"
#include "rpc/envelope.h"
#include "rpc/link.h"
#include "rpc/sender.h"

typedef struct nova_replies nova_replies;

/* max_depth: of answers.  The link is started by the first nova_replies_ready(). */
nova_replies *nova_replies_new(const nova_link_settings *link, unsigned max_depth);
const char *nova_replies_queue(const nova_replies *replies);

/* Waits until answers can arrive.  MESSAGING_TIMEOUT at the deadline (monotonic). */
bool nova_replies_ready(nova_replies *replies, int64_t deadline_usec, GError **error);

typedef struct nova_waiter nova_waiter;

/* monitor_s: 0 or the longest silence.  NULL with MESSAGING when the bus stops. */
nova_waiter *nova_replies_register(nova_replies *replies, const char *msg_id, unsigned monitor_s, GError **error);

/* Waits for the end of the call, takes the result out and forgets the waiter. */
bool nova_replies_wait(nova_replies *replies, nova_waiter *waiter, int64_t deadline_usec,
		       struct json_object **ret_result, GError **error);

/* Forgets a waiter whose request could not even be queued. */
void nova_replies_forget(nova_replies *replies, nova_waiter *waiter);

/* What became of the request.  From the sender's thread. */
void nova_replies_note_sending(nova_replies *replies, const char *msg_id, nova_sending what);

/* Ends every call with MESSAGING and refuses new ones; returns when no caller is left. */
void nova_replies_abort(nova_replies *replies);

void nova_replies_add_stats(nova_replies *replies, nova_bus_stats *stats);
void nova_replies_stop(nova_replies *replies, unsigned timeout_ms);
void nova_replies_free(nova_replies *replies); /* after nova_replies_stop() */
