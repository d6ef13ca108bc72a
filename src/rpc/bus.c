/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/bus_parts.h"

#include "common/conf.h"
#include "common/error.h"

#include <string.h>
#include <unistd.h>

static void set_default_text(const char **member, const char *value)
{
	*member = g_strdup(*member ? *member : value);
}

static void set_default(unsigned *member, unsigned value)
{
	if (*member == 0)
		*member = value;
}

static void fill_options(nova_bus_options *options)
{
	options->transport_url = NULL; /* holds passwords; parsed already */
	set_default_text(&options->control_exchange, "nova");
	set_default_text(&options->program, "nova-lite");
	options->dead_letter_exchange = g_strdup(options->dead_letter_exchange);
	set_default(&options->connect_timeout_ms, 5000);
	set_default(&options->prefetch, 64);
	set_default(&options->queue_limit, 1000);
	set_default(&options->max_depth, 32);
	set_default(&options->keep_ms, 60000);
	if (options->queue_bytes == 0)
		options->queue_bytes = (size_t)64 << 20;
	if (options->max_body == 0)
		options->max_body = (size_t)1 << 20;
}

char *nova_bus_connection_name(const nova_bus *bus, const char *role)
{
	return g_strdup_printf("%s:%ld:%s", bus->options.program, (long)getpid(), role);
}

nova_amqp_settings nova_bus_amqp_settings(const nova_bus *bus, const char *connection_name)
{
	return (nova_amqp_settings){
		.virtual_host = bus->url->virtual_host,
		.connection_name = connection_name,
		.heartbeat_s = bus->options.heartbeat_s,
		.timeout_ms = bus->options.connect_timeout_ms,
		.max_body = bus->options.max_body,
	};
}

static void report_sending(void *owner, const char *call_id, nova_sending what)
{
	nova_bus *bus = owner;

	nova_replies_note_sending(bus->replies, call_id, what);
}

static void make_sender(nova_bus *bus)
{
	g_autofree char *name = nova_bus_connection_name(bus, "sender");
	nova_sender_settings settings = {
		.link = { .role = "sender", .url = bus->url, .amqp = nova_bus_amqp_settings(bus, name) },
		.control_exchange = bus->options.control_exchange,
		.durable = bus->options.durable_queues,
		.queue_limit = bus->options.queue_limit,
		.queue_bytes = bus->options.queue_bytes,
		.keep_ms = bus->options.keep_ms,
		.report = report_sending,
		.owner = bus,
	};

	bus->sender = nova_sender_new(&settings);
}

static void make_replies(nova_bus *bus)
{
	g_autofree char *name = nova_bus_connection_name(bus, "replies");
	nova_link_settings settings = {
		.role = "replies",
		.url = bus->url,
		.amqp = nova_bus_amqp_settings(bus, name),
	};

	bus->replies = nova_replies_new(&settings, bus->options.max_depth);
}

bool nova_bus_check_conf(const nova_conf *conf, GError **error)
{
	g_autoptr(nova_transport_url) url = nova_transport_url_parse(conf->transport_url, error);

	return url || nova_conf_blame(conf, "DEFAULT", "transport_url", error);
}

nova_bus *nova_bus_new(const nova_bus_options *options, GError **error)
{
	g_autoptr(nova_transport_url) url = nova_transport_url_parse(options->transport_url, error);
	nova_bus *bus;

	if (!url)
		return NULL;
	bus = g_new0(nova_bus, 1);
	bus->options = *options;
	fill_options(&bus->options);
	bus->url = g_steal_pointer(&url);
	g_mutex_init(&bus->counters.lock);
	make_replies(bus);
	make_sender(bus);
	return bus;
}

void nova_bus_start(nova_bus *bus)
{
	bus->is_started = true;
	nova_link_start(nova_sender_link(bus->sender));
}

bool nova_bus_is_connected(nova_bus *bus)
{
	return nova_link_is_up(nova_sender_link(bus->sender)) && !nova_sender_is_blocked(bus->sender);
}

bool nova_bus_wait_connected(nova_bus *bus, unsigned timeout_ms)
{
	return nova_link_wait_up(nova_sender_link(bus->sender), g_get_monotonic_time() + (int64_t)timeout_ms * 1000) &&
	       nova_bus_is_connected(bus);
}

void nova_bus_stop(nova_bus *bus, unsigned timeout_ms)
{
	int64_t deadline = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;

	if (bus->is_stopped)
		return;
	bus->is_stopped = true;
	nova_replies_abort(bus->replies);
	/* Without a connection nothing can get out any more: do not make a shutdown wait for it. */
	nova_sender_drain(bus->sender, nova_bus_is_connected(bus) ? deadline : g_get_monotonic_time());
	nova_link_stop(nova_sender_link(bus->sender), timeout_ms);
	nova_replies_stop(bus->replies, timeout_ms);
}

void nova_bus_free(nova_bus *bus)
{
	if (!bus)
		return;
	nova_bus_stop(bus, 2000);
	nova_sender_free(bus->sender);
	nova_replies_free(bus->replies);
	nova_transport_url_free(bus->url);
	g_mutex_clear(&bus->counters.lock);
	g_free((char *)bus->options.control_exchange);
	g_free((char *)bus->options.program);
	g_free((char *)bus->options.dead_letter_exchange);
	g_free(bus);
}

void nova_bus_get_stats(nova_bus *bus, nova_bus_stats *ret_stats)
{
	nova_sender_get_stats(bus->sender, ret_stats);
	g_mutex_lock(&bus->counters.lock);
	ret_stats->received = bus->counters.received;
	ret_stats->rejected = bus->counters.rejected;
	ret_stats->duplicates = bus->counters.duplicates;
	g_mutex_unlock(&bus->counters.lock);
	nova_replies_add_stats(bus->replies, ret_stats);
}

bool nova_bus_send_reply(nova_bus *bus, const nova_rpc_reply *reply, const char *queue, GError **error)
{
	g_autofree char *id = nova_rpc_new_id();
	nova_outgoing *message = g_new0(nova_outgoing, 1);

	message->exchange = g_strdup("");
	message->routing_key = g_strdup(queue);
	message->body = nova_envelope_encode_reply(reply, id);
	message->id = g_steal_pointer(&id);
	message->mandatory = true;
	return nova_sender_queue(bus->sender, message, error);
}

nova_bus *nova_bus_open(const nova_conf *conf, const char *program, GError **error)
{
	const nova_bus_options options = {
		.transport_url = conf->transport_url,
		.control_exchange = conf->control_exchange,
		.program = program,
		.heartbeat_s = (unsigned)conf->rabbit_heartbeat_timeout_threshold,
		.durable_queues = conf->rabbit_amqp_durable_queues,
		.prefetch = (unsigned)conf->rabbit_qos_prefetch_count,
		.max_body = (size_t)conf->rabbit_max_message_bytes,
	};
	nova_bus *bus = nova_bus_new(&options, error);

	if (bus)
		nova_bus_start(bus);
	return bus;
}
