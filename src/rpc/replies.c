/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/replies.h"

#include "common/error.h"
#include "rpc/reject_log.h"

#include <string.h>

enum { QUEUE_EXPIRES_MS = 1800000 }; /* rabbit_transient_queues_ttl: what a dead process leaves behind */

struct nova_waiter {
	char *msg_id;
	GCond changed;
	nova_sending sending;
	bool is_sent, is_confirmed, is_over, is_aborted;
	json_object *result;
	GError *failure;
	int64_t monitor_usec; /* longest silence; 0: not monitored */
	int64_t heard_usec; /* of the server */
};

struct nova_replies {
	nova_link *link;
	char *queue;
	unsigned max_depth;
	nova_reject_log reject_log; /* of the link's thread */

	GMutex lock; /* for all below, and for every waiter */
	GCond empty;
	GHashTable *waiters; /* msg_id -> nova_waiter, both borrowed */
	bool started, aborted;
	uint64_t late, rejected;
};

static bool replies_up(void *owner, nova_amqp *amqp, GError **error)
{
	nova_replies *replies = owner;
	nova_amqp_queue queue = { .name = replies->queue, .expires_ms = QUEUE_EXPIRES_MS };

	return nova_amqp_declare_queue(amqp, &queue, error) && nova_amqp_consume(amqp, replies->queue, "1", error);
}

/* The older form of an answer is its payload, not ending, and then an empty ending. */
static void take_reply(nova_waiter *waiter, nova_rpc_reply *reply)
{
	waiter->heard_usec = g_get_monotonic_time();
	if (reply->failure && !waiter->failure)
		waiter->failure = g_steal_pointer(&reply->failure);
	if (reply->result) {
		json_object_put(waiter->result);
		waiter->result = g_steal_pointer(&reply->result);
	}
	if (reply->ending)
		waiter->is_over = true;
	g_cond_signal(&waiter->changed);
}

static void deliver(nova_replies *replies, const nova_amqp_event *event)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_rpc_reply) reply = NULL;
	nova_waiter *waiter;

	if (event->oversized)
		nova_fail(&error, NOVA_FAULT_TOO_LARGE, "longer than the limit");
	else
		reply = nova_envelope_decode_reply(event->body, event->length, replies->max_depth, &error);
	if (!reply)
		nova_reject_log_add(&replies->reject_log, replies->queue, event->full_length, error);
	g_mutex_lock(&replies->lock);
	waiter = reply ? g_hash_table_lookup(replies->waiters, reply->msg_id) : NULL;
	if (waiter)
		take_reply(waiter, reply);
	else if (reply)
		replies->late++;
	else
		replies->rejected++;
	g_mutex_unlock(&replies->lock);
}

static bool replies_event(void *owner, nova_amqp *amqp, const nova_amqp_event *event, GError **error)
{
	uint64_t tag = event->tag;

	if (event->type != NOVA_AMQP_DELIVERY)
		return true;
	deliver(owner, event);
	return nova_amqp_ack(amqp, tag, error);
}

static void replies_farewell(void *owner, nova_amqp *amqp)
{
	nova_replies *replies = owner;

	/* Only tidiness: the broker deletes the queue by itself after QUEUE_EXPIRES_MS. */
	nova_amqp_delete_queue(amqp, replies->queue, NULL);
}

static const nova_link_operations replies_operations = {
	.up = replies_up,
	.event = replies_event,
	.farewell = replies_farewell,
};

nova_replies *nova_replies_new(const nova_link_settings *link, unsigned max_depth)
{
	nova_replies *replies = g_new0(nova_replies, 1);
	g_autofree char *id = nova_rpc_new_id();

	replies->queue = g_strconcat("reply_", id, NULL);
	replies->max_depth = max_depth;
	replies->waiters = g_hash_table_new(g_str_hash, g_str_equal);
	g_mutex_init(&replies->lock);
	g_cond_init(&replies->empty);
	replies->link = nova_link_new(link, &replies_operations, replies);
	return replies;
}

void nova_replies_free(nova_replies *replies)
{
	if (!replies)
		return;
	nova_link_free(replies->link);
	g_hash_table_destroy(replies->waiters);
	g_mutex_clear(&replies->lock);
	g_cond_clear(&replies->empty);
	g_free(replies->queue);
	g_free(replies);
}

const char *nova_replies_queue(const nova_replies *replies)
{
	return replies->queue;
}

bool nova_replies_ready(nova_replies *replies, int64_t deadline_usec, GError **error)
{
	bool aborted;

	g_mutex_lock(&replies->lock);
	aborted = replies->aborted;
	if (!replies->started && !aborted) {
		replies->started = true;
		nova_link_start(replies->link);
	}
	g_mutex_unlock(&replies->lock);
	if (aborted)
		return nova_fail(error, NOVA_FAULT_MESSAGING, "the service is stopping");
	if (nova_link_wait_up(replies->link, deadline_usec))
		return true;
	return nova_fail(error, NOVA_FAULT_MESSAGING_TIMEOUT, "no message broker could be reached in time");
}

nova_waiter *nova_replies_register(nova_replies *replies, const char *msg_id, unsigned monitor_s, GError **error)
{
	nova_waiter *waiter;

	g_mutex_lock(&replies->lock);
	if (replies->aborted) {
		g_mutex_unlock(&replies->lock);
		nova_fail(error, NOVA_FAULT_MESSAGING, "the service is stopping");
		return NULL;
	}
	waiter = g_new0(nova_waiter, 1);
	waiter->msg_id = g_strdup(msg_id);
	waiter->monitor_usec = monitor_s * INT64_C(1000000);
	waiter->heard_usec = g_get_monotonic_time();
	g_cond_init(&waiter->changed);
	g_hash_table_insert(replies->waiters, waiter->msg_id, waiter);
	g_mutex_unlock(&replies->lock);
	return waiter;
}

/* With the lock held. */
static void forget(nova_replies *replies, nova_waiter *waiter)
{
	g_hash_table_remove(replies->waiters, waiter->msg_id);
	if (g_hash_table_size(replies->waiters) == 0)
		g_cond_broadcast(&replies->empty);
	g_cond_clear(&waiter->changed);
	json_object_put(waiter->result);
	g_clear_error(&waiter->failure);
	g_free(waiter->msg_id);
	g_free(waiter);
}

void nova_replies_forget(nova_replies *replies, nova_waiter *waiter)
{
	g_mutex_lock(&replies->lock);
	forget(replies, waiter);
	g_mutex_unlock(&replies->lock);
}

static bool is_decided(const nova_waiter *waiter)
{
	return waiter->is_over || waiter->is_aborted || waiter->sending == NOVA_SENDING_RETURNED ||
	       waiter->sending == NOVA_SENDING_DROPPED;
}

/* The end of patience: the whole call's or, for a monitored one, that of this silence.  The silence
 * counts from when a queue has the request: until then there is no server to hear of. */
static int64_t patience_until(const nova_waiter *waiter, int64_t deadline_usec)
{
	if (!waiter->monitor_usec || !waiter->is_confirmed)
		return deadline_usec;
	return MIN(deadline_usec, waiter->heard_usec + waiter->monitor_usec);
}

static bool timed_out(const nova_waiter *waiter, GError **error)
{
	if (waiter->is_confirmed)
		return nova_fail(error, NOVA_FAULT_MESSAGING_TIMEOUT,
				 "no answer in time: the request waits in its queue, or its service is busy or gone");
	if (waiter->is_sent)
		return nova_fail(error, NOVA_FAULT_MESSAGING_TIMEOUT,
				 "no answer in time: the request was sent, the broker has not confirmed it");
	return nova_fail(error, NOVA_FAULT_MESSAGING_TIMEOUT,
			 "no answer in time: the request could not be sent, the broker is away or accepts none");
}

/* With the lock held, once the waiter is decided or out of patience. */
static bool conclude(nova_waiter *waiter, json_object **ret_result, GError **error)
{
	if (waiter->is_over && waiter->failure) {
		g_propagate_error(error, g_steal_pointer(&waiter->failure));
		return false;
	}
	if (waiter->is_over) {
		if (ret_result)
			*ret_result = g_steal_pointer(&waiter->result);
		return true;
	}
	if (waiter->is_aborted)
		return nova_fail(error, NOVA_FAULT_MESSAGING, "the service is stopping");
	if (waiter->sending == NOVA_SENDING_RETURNED)
		return nova_fail(error, NOVA_FAULT_UNDELIVERABLE,
				 "no queue takes it: its service never ran or is not back after a restart of the "
				 "broker");
	if (waiter->sending == NOVA_SENDING_DROPPED)
		return nova_fail(error, NOVA_FAULT_MESSAGING, "the broker refused the request again and again");
	return timed_out(waiter, error);
}

bool nova_replies_wait(nova_replies *replies, nova_waiter *waiter, int64_t deadline_usec, json_object **ret_result,
		       GError **error)
{
	bool ok;

	g_mutex_lock(&replies->lock);
	while (!is_decided(waiter) && g_get_monotonic_time() < patience_until(waiter, deadline_usec))
		g_cond_wait_until(&waiter->changed, &replies->lock, patience_until(waiter, deadline_usec));
	ok = conclude(waiter, ret_result, error);
	forget(replies, waiter);
	g_mutex_unlock(&replies->lock);
	return ok;
}

void nova_replies_note_sending(nova_replies *replies, const char *msg_id, nova_sending what)
{
	nova_waiter *waiter;

	g_mutex_lock(&replies->lock);
	waiter = g_hash_table_lookup(replies->waiters, msg_id);
	if (waiter) {
		waiter->sending = what;
		waiter->is_sent = true;
		if (what == NOVA_SENDING_CONFIRMED) {
			waiter->is_confirmed = true;
			waiter->heard_usec = g_get_monotonic_time();
		}
		/* A plain caller has nothing to do before its answer comes. */
		if (is_decided(waiter) || waiter->monitor_usec)
			g_cond_signal(&waiter->changed);
	}
	g_mutex_unlock(&replies->lock);
}

void nova_replies_abort(nova_replies *replies)
{
	GHashTableIter iter;
	void *waiter;

	g_mutex_lock(&replies->lock);
	replies->aborted = true;
	g_hash_table_iter_init(&iter, replies->waiters);
	while (g_hash_table_iter_next(&iter, NULL, &waiter)) {
		((nova_waiter *)waiter)->is_aborted = true;
		g_cond_signal(&((nova_waiter *)waiter)->changed);
	}
	while (g_hash_table_size(replies->waiters) > 0)
		g_cond_wait(&replies->empty, &replies->lock);
	g_mutex_unlock(&replies->lock);
}

void nova_replies_add_stats(nova_replies *replies, nova_bus_stats *stats)
{
	g_mutex_lock(&replies->lock);
	stats->late_replies += replies->late;
	stats->rejected += replies->rejected;
	g_mutex_unlock(&replies->lock);
}

void nova_replies_stop(nova_replies *replies, unsigned timeout_ms)
{
	nova_link_stop(replies->link, timeout_ms);
}
