/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/listener.h"

#include "common/error.h"
#include "rpc/reject_log.h"
#include "rpc/seen.h"

#include <stdatomic.h>
#include <string.h>

enum {
	FANOUT_EXPIRES_MS = 1800000, /* rabbit_transient_queues_ttl */
	MIN_SEEN = 1024,
};

/* Consumer tags as oslo.messaging numbers them. */
enum { QUEUES = 3 };
static const char *const consumer_tags[QUEUES] = { "1", "2", "3" };

struct nova_listener {
	nova_listener_settings settings;
	nova_link *link;
	char *topic, *host_queue, *fanout_exchange, *fanout_queue;
	atomic_bool paused;

	GMutex lock;
	GArray *acks; /* nova_delivery; the only shared member */

	/* of the thread alone */
	nova_seen *seen;
	uint64_t connection;
	bool consuming;
	nova_reject_log reject_log;
};

static bool declare(nova_listener *listener, nova_amqp *amqp, GError **error)
{
	const nova_bus_options *options = &listener->settings.bus->options;
	nova_amqp_queue topic = {
		.name = listener->topic,
		.durable = options->durable_queues,
		.dead_letter_exchange = options->dead_letter_exchange,
	};
	nova_amqp_queue host = topic;
	nova_amqp_queue fanout = {
		.name = listener->fanout_queue,
		.expires_ms = FANOUT_EXPIRES_MS,
		.dead_letter_exchange = options->dead_letter_exchange,
	};
	const char *control = options->control_exchange;

	host.name = listener->host_queue;
	return nova_amqp_declare_exchange(amqp, control, "topic", options->durable_queues, false, error) &&
	       nova_amqp_declare_queue(amqp, &topic, error) &&
	       nova_amqp_bind(amqp, topic.name, control, listener->topic, error) &&
	       nova_amqp_declare_queue(amqp, &host, error) &&
	       nova_amqp_bind(amqp, host.name, control, listener->host_queue, error) &&
	       nova_amqp_declare_exchange(amqp, listener->fanout_exchange, "fanout", false, true, error) &&
	       nova_amqp_declare_queue(amqp, &fanout, error) &&
	       nova_amqp_bind(amqp, fanout.name, listener->fanout_exchange, listener->topic, error);
}

static bool consume(nova_listener *listener, nova_amqp *amqp, GError **error)
{
	const char *const queues[QUEUES] = { listener->topic, listener->host_queue, listener->fanout_queue };

	/* The prefetch count holds for each consumer; the three together must stay within it. */
	if (!nova_amqp_set_prefetch(amqp, MAX(1, listener->settings.bus->options.prefetch / QUEUES), error))
		return false;
	for (size_t i = 0; i < QUEUES; i++)
		if (!nova_amqp_consume(amqp, queues[i], consumer_tags[i], error))
			return false;
	listener->consuming = true;
	return true;
}

static bool listener_up(void *owner, nova_amqp *amqp, GError **error)
{
	nova_listener *listener = owner;

	listener->connection++;
	if (atomic_load(&listener->paused))
		return true;
	return declare(listener, amqp, error) && consume(listener, amqp, error);
}

static void listener_down(void *owner)
{
	nova_listener *listener = owner;

	listener->consuming = false;
}

static void count_up(nova_listener *listener, uint64_t *counter)
{
	nova_bus_counters *counters = &listener->settings.bus->counters;

	g_mutex_lock(&counters->lock);
	(*counter)++;
	g_mutex_unlock(&counters->lock);
}

static nova_rpc_message *decode(nova_listener *listener, const nova_amqp_event *event, GError **error)
{
	const nova_bus_options *options = &listener->settings.bus->options;

	if (event->oversized) {
		nova_fail(error, NOVA_FAULT_TOO_LARGE, "the limit is %zu bytes", options->max_body);
		return NULL;
	}
	if (g_ascii_strcasecmp(event->content_type, "application/json") != 0) {
		nova_fail(error, NOVA_FAULT_MEDIA_TYPE, "content type '%.64s' is not application/json",
			  event->content_type);
		return NULL;
	}
	if (*event->content_encoding && g_ascii_strcasecmp(event->content_encoding, "utf-8") != 0) {
		nova_fail(error, NOVA_FAULT_MEDIA_TYPE, "content encoding '%.64s' is not utf-8",
			  event->content_encoding);
		return NULL;
	}
	return nova_envelope_decode_request(event->body, event->length, options->max_depth, error);
}

static bool listener_event(void *owner, nova_amqp *amqp, const nova_amqp_event *event, GError **error)
{
	nova_listener *listener = owner;
	nova_bus_counters *counters = &listener->settings.bus->counters;
	nova_delivery delivery = { listener->connection, event->tag };
	g_autoptr(GError) reason = NULL;
	nova_rpc_message *message;
	bool is_numbered;

	if (event->type != NOVA_AMQP_DELIVERY || atomic_load(&listener->paused))
		return true;
	message = decode(listener, event, &reason);
	if (!message) {
		count_up(listener, &counters->rejected);
		nova_reject_log_add(&listener->reject_log, listener->topic, event->full_length, reason);
		return nova_amqp_reject(amqp, delivery.tag, false, error);
	}
	is_numbered = message->unique_id != NULL;
	if (is_numbered && nova_seen_check(listener->seen, message->unique_id)) {
		nova_rpc_message_free(message);
		count_up(listener, &counters->duplicates);
		return nova_amqp_ack(amqp, delivery.tag, error);
	}
	if (listener->settings.accept(listener->settings.owner, message, delivery)) {
		count_up(listener, &counters->received);
		return true;
	}
	if (is_numbered)
		nova_seen_forget_last(listener->seen);
	return nova_amqp_reject(amqp, delivery.tag, true, error);
}

/* Sends the acknowledgements that were asked for since the last round. */
static bool send_acks(nova_listener *listener, nova_amqp *amqp, GError **error)
{
	g_autoptr(GArray) acks = NULL;

	g_mutex_lock(&listener->lock);
	if (listener->acks->len > 0) {
		acks = listener->acks;
		listener->acks = g_array_new(false, false, sizeof(nova_delivery));
	}
	g_mutex_unlock(&listener->lock);
	for (unsigned i = 0; acks && amqp && i < acks->len; i++) {
		const nova_delivery *delivery = &g_array_index(acks, nova_delivery, i);

		if (delivery->connection == listener->connection && !nova_amqp_ack(amqp, delivery->tag, error))
			return false;
	}
	return true;
}

static bool stop_consuming(nova_listener *listener, nova_amqp *amqp, GError **error)
{
	listener->consuming = false;
	for (size_t i = 0; i < QUEUES; i++)
		if (!nova_amqp_cancel(amqp, consumer_tags[i], error))
			return false;
	return true;
}

static bool listener_turn(void *owner, nova_amqp *amqp, int *wait_ms, GError **error)
{
	nova_listener *listener = owner;

	*wait_ms = MIN(*wait_ms, listener->settings.tick(listener->settings.owner));
	if (!send_acks(listener, amqp, error))
		return false;
	if (amqp && listener->consuming && atomic_load(&listener->paused))
		return stop_consuming(listener, amqp, error);
	return true;
}

static void listener_farewell(void *owner, nova_amqp *amqp)
{
	nova_listener *listener = owner;

	/* All of it is tidiness; closing does the rest. */
	if (send_acks(listener, amqp, NULL))
		nova_amqp_delete_queue(amqp, listener->fanout_queue, NULL);
}

static const nova_link_operations listener_operations = {
	.up = listener_up,
	.down = listener_down,
	.turn = listener_turn,
	.event = listener_event,
	.farewell = listener_farewell,
};

nova_listener *nova_listener_start(const nova_listener_settings *settings)
{
	nova_listener *listener = g_new0(nova_listener, 1);
	nova_bus *bus = settings->bus;
	g_autofree char *id = nova_rpc_new_id();
	g_autofree char *role = g_strconcat("server ", settings->topic, NULL);
	g_autofree char *name = nova_bus_connection_name(bus, settings->topic);
	nova_link_settings link = { .role = role, .url = bus->url, .amqp = nova_bus_amqp_settings(bus, name) };

	listener->settings = *settings;
	listener->topic = g_strdup(settings->topic);
	listener->host_queue = g_strconcat(settings->topic, ".", settings->host, NULL);
	listener->fanout_exchange = g_strconcat(settings->topic, "_fanout", NULL);
	listener->fanout_queue = g_strconcat(settings->topic, "_fanout_", id, NULL);
	listener->acks = g_array_new(false, false, sizeof(nova_delivery));
	/* More than a broker can deliver again after a reconnect. */
	listener->seen = nova_seen_new(MAX(MIN_SEEN, bus->options.prefetch * 2));
	g_mutex_init(&listener->lock);
	listener->link = nova_link_new(&link, &listener_operations, listener);
	nova_link_start(listener->link);
	return listener;
}

void nova_listener_ack(nova_listener *listener, nova_delivery delivery)
{
	bool first;

	g_mutex_lock(&listener->lock);
	first = listener->acks->len == 0;
	g_array_append_val(listener->acks, delivery);
	g_mutex_unlock(&listener->lock);
	if (first)
		nova_link_wake(listener->link);
}

void nova_listener_pause(nova_listener *listener)
{
	atomic_store(&listener->paused, true);
	nova_link_wake(listener->link);
}

nova_link *nova_listener_link(nova_listener *listener)
{
	return listener->link;
}

void nova_listener_stop(nova_listener *listener, unsigned timeout_ms)
{
	nova_link_stop(listener->link, timeout_ms);
}

void nova_listener_free(nova_listener *listener)
{
	if (!listener)
		return;
	nova_link_free(listener->link);
	nova_seen_free(listener->seen);
	g_array_unref(listener->acks);
	g_mutex_clear(&listener->lock);
	g_free(listener->topic);
	g_free(listener->host_queue);
	g_free(listener->fanout_exchange);
	g_free(listener->fanout_queue);
	g_free(listener);
}
