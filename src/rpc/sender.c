/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/sender.h"

#include "common/error.h"
#include "common/fault_point.h"
#include "common/log.h"

#include <string.h>

enum {
	WINDOW = 512, /* messages unconfirmed at a time */
	/* Sent between two looks at what the broker says.  Less than a socket buffer: a broker that
	 * stops reading is noticed by its word (connection.blocked) before a send can block. */
	BURST_BYTES = 128 * 1024,
	RETRY_MS = 1000,
	MAX_ATTEMPTS = 100, /* a message that breaks its connection each time must not do so for ever */
};

struct nova_sender {
	nova_sender_settings settings;
	nova_link *link;

	GMutex lock; /* for all up to stats */
	GCond changed;
	GQueue waiting; /* nova_outgoing */
	size_t count, bytes; /* in all three queues */
	bool closing, blocked;
	nova_bus_stats stats;

	/* of the thread alone */
	GQueue unconfirmed; /* by tag */
	GQueue delayed; /* by retry_usec */
	uint64_t next_tag;
};

void nova_outgoing_free(nova_outgoing *message)
{
	if (!message)
		return;
	g_free(message->exchange);
	g_free(message->routing_key);
	g_free(message->id);
	g_free(message->call_id);
	g_bytes_unref(message->body);
	g_free(message);
}

static void free_message(void *message)
{
	nova_outgoing_free(message);
}

static void report(nova_sender *sender, const nova_outgoing *message, nova_sending what)
{
	if (message->call_id)
		sender->settings.report(sender->settings.owner, message->call_id, what);
}

/* The message has left for good. */
static void retire(nova_sender *sender, nova_outgoing *message, nova_sending what)
{
	report(sender, message, what);
	g_mutex_lock(&sender->lock);
	sender->count--;
	sender->bytes -= g_bytes_get_size(message->body);
	if (what == NOVA_SENDING_CONFIRMED)
		sender->stats.confirmed++;
	else if (!message->call_id)
		sender->stats.dropped++;
	if (sender->count == 0)
		g_cond_broadcast(&sender->changed);
	g_mutex_unlock(&sender->lock);
	nova_outgoing_free(message);
}

static void count_up(nova_sender *sender, uint64_t *counter)
{
	g_mutex_lock(&sender->lock);
	(*counter)++;
	g_mutex_unlock(&sender->lock);
}

static bool sender_up(void *owner, nova_amqp *amqp, GError **error)
{
	nova_sender *sender = owner;

	if (!nova_amqp_enable_confirms(amqp, error) ||
	    !nova_amqp_declare_exchange(amqp, sender->settings.control_exchange, "topic", sender->settings.durable,
					false, error))
		return false;
	sender->next_tag = 1;
	count_up(sender, &sender->stats.connects);
	return true;
}

static void set_blocked(nova_sender *sender, bool blocked, const char *reason)
{
	bool was;

	g_mutex_lock(&sender->lock);
	was = sender->blocked;
	sender->blocked = blocked;
	g_mutex_unlock(&sender->lock);
	if (blocked && !was)
		nova_log_warning(NULL, "messages: the broker accepts none for now (%s), keeping them until it does",
				 reason);
	else if (was && !blocked)
		nova_log_info(NULL, "messages: the broker accepts them again");
}

static void sender_down(void *owner)
{
	nova_sender *sender = owner;
	nova_outgoing *message;

	set_blocked(sender, false, NULL);
	g_mutex_lock(&sender->lock);
	while ((message = g_queue_pop_tail(&sender->unconfirmed))) {
		message->returned = false;
		g_queue_push_head(&sender->waiting, message);
	}
	g_mutex_unlock(&sender->lock);
}

/* Tries a message again later, or gives it up when that has gone on for too long. */
static void delay(nova_sender *sender, nova_outgoing *message)
{
	int64_t now = g_get_monotonic_time();

	message->returned = false;
	if (now - message->queued_usec >= (int64_t)sender->settings.keep_ms * 1000) {
		retire(sender, message, NOVA_SENDING_DROPPED);
		return;
	}
	message->retry_usec = now + RETRY_MS * INT64_C(1000);
	g_queue_push_tail(&sender->delayed, message);
	/* Messages nobody takes must leave room for the others. */
	if (g_queue_get_length(&sender->delayed) > sender->settings.queue_limit / 2)
		retire(sender, g_queue_pop_head(&sender->delayed), NOVA_SENDING_DROPPED);
}

static void settle(nova_sender *sender, nova_outgoing *message, bool acked)
{
	if (acked && !message->returned)
		retire(sender, message, NOVA_SENDING_CONFIRMED);
	else if (message->returned && message->call_id)
		retire(sender, message, NOVA_SENDING_RETURNED);
	else
		delay(sender, message);
}

/* Confirms come in order as a rule, so the search ends at the head. */
static void settle_tags(nova_sender *sender, uint64_t tag, bool multiple, bool acked)
{
	GList *item = sender->unconfirmed.head;

	while (item) {
		nova_outgoing *message = item->data;
		GList *next = item->next;

		if (message->tag > tag)
			return;
		if (multiple || message->tag == tag) {
			g_queue_delete_link(&sender->unconfirmed, item);
			settle(sender, message, acked);
		}
		item = next;
	}
}

static void mark_returned(nova_sender *sender, const char *id)
{
	for (GList *item = sender->unconfirmed.head; item; item = item->next) {
		nova_outgoing *message = item->data;

		if (strcmp(message->id, id) != 0)
			continue;
		message->returned = true;
		count_up(sender, &sender->stats.returned);
		return;
	}
}

static bool sender_event(void *owner, nova_amqp *amqp, const nova_amqp_event *event, GError **error)
{
	nova_sender *sender = owner;

	(void)amqp;
	(void)error;
	switch (event->type) {
	case NOVA_AMQP_ACK:
	case NOVA_AMQP_NACK:
		settle_tags(sender, event->tag, event->multiple, event->type == NOVA_AMQP_ACK);
		break;
	case NOVA_AMQP_RETURN:
		mark_returned(sender, event->message_id);
		break;
	case NOVA_AMQP_BLOCKED:
	case NOVA_AMQP_UNBLOCKED:
		set_blocked(sender, event->type == NOVA_AMQP_BLOCKED, event->text);
		break;
	default:
		break;
	}
	return true;
}

/* Moves delayed messages whose time has come back in front, in order; returns ms until the next one. */
static int wake_delayed(nova_sender *sender)
{
	int64_t now = g_get_monotonic_time();
	nova_outgoing *message;
	GQueue due = G_QUEUE_INIT;
	int next_ms = INT32_MAX;

	while ((message = g_queue_peek_head(&sender->delayed))) {
		if (message->retry_usec > now) {
			next_ms = (int)((message->retry_usec - now) / 1000) + 1;
			break;
		}
		g_queue_push_tail_link(&due, g_queue_pop_head_link(&sender->delayed));
	}
	g_mutex_lock(&sender->lock);
	while (due.length > 0)
		g_queue_push_head_link(&sender->waiting, g_queue_pop_tail_link(&due));
	g_mutex_unlock(&sender->lock);
	return next_ms;
}

static bool is_expired(const nova_outgoing *message, int64_t now)
{
	return message->expires_usec && message->expires_usec <= now;
}

/* The next message worth sending; retires expired ones on the way. */
static nova_outgoing *take_waiting(nova_sender *sender)
{
	for (;;) {
		nova_outgoing *message;

		g_mutex_lock(&sender->lock);
		message = g_queue_pop_head(&sender->waiting);
		g_mutex_unlock(&sender->lock);
		if (!message)
			return NULL;
		if (is_expired(message, g_get_monotonic_time()))
			retire(sender, message, NOVA_SENDING_EXPIRED);
		else if (message->attempts >= MAX_ATTEMPTS)
			retire(sender, message, NOVA_SENDING_DROPPED);
		else
			return message;
	}
}

/* What becomes of a message by a test's will: lost, sent, or sent twice. */
static unsigned copies_of(const nova_outgoing *message)
{
	if (message->call_id)
		return nova_fault_point_copies("rpc:send:call");
	if (*message->exchange)
		return nova_fault_point_copies("rpc:send:cast");
	return nova_fault_point_copies("rpc:send:reply");
}

static bool send_one(nova_sender *sender, nova_amqp *amqp, nova_outgoing *message, GError **error)
{
	unsigned copies = copies_of(message);

	nova_amqp_publish publish = {
		.exchange = message->exchange,
		.routing_key = message->routing_key,
		.message_id = message->id,
		.mandatory = message->mandatory,
		.body = message->body,
	};

	if (copies == 0) {
		retire(sender, message, NOVA_SENDING_CONFIRMED);
		return true;
	}
	if (message->expires_usec)
		publish.expiration_ms = MAX(1, (message->expires_usec - g_get_monotonic_time()) / 1000);
	/* Queued as unconfirmed before it is sent: if sending fails half way the broker may have it. */
	message->tag = sender->next_tag++;
	g_queue_push_tail(&sender->unconfirmed, message);
	g_mutex_lock(&sender->lock);
	sender->stats.sent++;
	sender->stats.resent += message->attempts++ > 0;
	g_mutex_unlock(&sender->lock);
	/* The exchange deletes itself with its last queue, and publishing to a missing one is an error. */
	if (message->fanout && !nova_amqp_declare_exchange(amqp, message->exchange, "fanout", false, true, error))
		return false;
	if (!nova_amqp_send(amqp, &publish, error))
		return false;
	if (copies > 1) { /* with a tag of its own, whose confirm nobody waits for */
		sender->next_tag++;
		if (!nova_amqp_send(amqp, &publish, error))
			return false;
	}
	report(sender, message, NOVA_SENDING_SENT);
	return true;
}

/* While there is no connection: drop calls whose callers have left, so that they hold no room. */
static void drop_expired(nova_sender *sender)
{
	int64_t now = g_get_monotonic_time();
	GQueue expired = G_QUEUE_INIT;
	nova_outgoing *message;

	g_mutex_lock(&sender->lock);
	for (GList *item = sender->waiting.head, *next; item; item = next) {
		next = item->next;
		if (is_expired(item->data, now)) {
			g_queue_unlink(&sender->waiting, item);
			g_queue_push_tail_link(&expired, item);
		}
	}
	g_mutex_unlock(&sender->lock);
	while ((message = g_queue_pop_head(&expired)))
		retire(sender, message, NOVA_SENDING_EXPIRED);
}

static bool sender_turn(void *owner, nova_amqp *amqp, int *wait_ms, GError **error)
{
	nova_sender *sender = owner;
	size_t burst = 0;

	if (!amqp || nova_sender_is_blocked(sender)) {
		drop_expired(sender);
		*wait_ms = MIN(*wait_ms, RETRY_MS);
		return true;
	}
	*wait_ms = MIN(*wait_ms, wake_delayed(sender));
	while (g_queue_get_length(&sender->unconfirmed) < WINDOW && burst < BURST_BYTES) {
		nova_outgoing *message = take_waiting(sender);

		if (!message)
			return true;
		burst += g_bytes_get_size(message->body);
		if (!send_one(sender, amqp, message, error))
			return false;
	}
	/* Stopped by the burst: look for events, then go on.  Stopped by the window: a confirm wakes us. */
	if (burst >= BURST_BYTES)
		*wait_ms = 0;
	return true;
}

static const nova_link_operations sender_operations = {
	.up = sender_up,
	.down = sender_down,
	.turn = sender_turn,
	.event = sender_event,
};

nova_sender *nova_sender_new(const nova_sender_settings *settings)
{
	nova_sender *sender = g_new0(nova_sender, 1);

	sender->settings = *settings;
	g_mutex_init(&sender->lock);
	g_cond_init(&sender->changed);
	g_queue_init(&sender->waiting);
	g_queue_init(&sender->unconfirmed);
	g_queue_init(&sender->delayed);
	sender->link = nova_link_new(&settings->link, &sender_operations, sender);
	return sender;
}

void nova_sender_free(nova_sender *sender)
{
	if (!sender)
		return;
	nova_link_free(sender->link);
	g_queue_clear_full(&sender->waiting, free_message);
	g_queue_clear_full(&sender->unconfirmed, free_message);
	g_queue_clear_full(&sender->delayed, free_message);
	g_mutex_clear(&sender->lock);
	g_cond_clear(&sender->changed);
	g_free(sender);
}

nova_link *nova_sender_link(nova_sender *sender)
{
	return sender->link;
}

static bool has_room(nova_sender *sender, const nova_outgoing *message, GError **error)
{
	size_t size = g_bytes_get_size(message->body);

	if (sender->closing)
		return nova_fail(error, NOVA_FAULT_MESSAGING, "the service is stopping, no more messages are sent");
	if (sender->count >= sender->settings.queue_limit || sender->bytes + size > sender->settings.queue_bytes) {
		sender->stats.refused++;
		return nova_fail(error, NOVA_FAULT_MESSAGING,
				 "%zu messages (%zu bytes) wait for the broker already, no room for another",
				 sender->count, sender->bytes);
	}
	return true;
}

bool nova_sender_queue(nova_sender *sender, nova_outgoing *message, GError **error)
{
	bool room;

	message->queued_usec = g_get_monotonic_time();
	g_mutex_lock(&sender->lock);
	room = has_room(sender, message, error);
	if (room) {
		sender->count++;
		sender->bytes += g_bytes_get_size(message->body);
		g_queue_push_tail(&sender->waiting, message);
	}
	g_mutex_unlock(&sender->lock);
	if (room)
		nova_link_wake(sender->link);
	else
		nova_outgoing_free(message);
	return room;
}

bool nova_sender_drain(nova_sender *sender, int64_t deadline_usec)
{
	bool empty;

	g_mutex_lock(&sender->lock);
	sender->closing = true;
	while (sender->count > 0)
		if (!g_cond_wait_until(&sender->changed, &sender->lock, deadline_usec))
			break;
	empty = sender->count == 0;
	g_mutex_unlock(&sender->lock);
	return empty;
}

bool nova_sender_is_blocked(nova_sender *sender)
{
	bool blocked;

	g_mutex_lock(&sender->lock);
	blocked = sender->blocked;
	g_mutex_unlock(&sender->lock);
	return blocked;
}

void nova_sender_get_stats(nova_sender *sender, nova_bus_stats *stats)
{
	g_mutex_lock(&sender->lock);
	*stats = sender->stats;
	stats->waiting = sender->count;
	stats->blocked = sender->blocked;
	g_mutex_unlock(&sender->lock);
}
