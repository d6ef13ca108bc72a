/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "rpc/amqp.h"

#include "common/error.h"
#include "rpc/dial.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHANNEL = 1,
	CHANNEL_MAX = 2047, /* what oslo.messaging's client negotiates */
	FRAME_MAX = 131072,
	NO_HEARTBEAT_LIMIT_MS = 120000,
	MAX_SHORT = 256, /* an AMQP short string and its NUL */
};

/* A message that is being put together from its frames. */
struct content {
	nova_amqp_event_type type; /* NOTHING: none under way */
	bool has_header;
	uint64_t tag, expected, received;
	char text[MAX_SHORT], content_type[MAX_SHORT], content_encoding[MAX_SHORT], message_id[MAX_SHORT];
};

struct nova_amqp {
	amqp_connection_state_t state;
	char *address; /* for messages: host:port */
	int heartbeat_s;
	size_t max_body;
	struct content content;
	GByteArray *body;
};

/* The library's words, but for the cases an operator meets every day. */
static const char *describe(int status)
{
	switch (status) {
	case AMQP_STATUS_SOCKET_ERROR:
	case AMQP_STATUS_SOCKET_CLOSED:
	case AMQP_STATUS_CONNECTION_CLOSED:
		return "the connection broke";
	case AMQP_STATUS_HEARTBEAT_TIMEOUT:
		return "no sign of life from the broker for two heartbeats";
	case AMQP_STATUS_TIMEOUT:
		return "no answer from the broker in time";
	default:
		return amqp_error_string2(status);
	}
}

static bool library_error(nova_amqp *amqp, const char *doing, int status, GError **error)
{
	return nova_fail(error, NOVA_FAULT_MESSAGING, "%s at %s: %s", doing, amqp->address, describe(status));
}

/* The broker closed our channel or connection and said why. */
static bool closed_by_broker(nova_amqp *amqp, const char *doing, const amqp_method_t *method, GError **error)
{
	if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
		const amqp_channel_close_t *close = method->decoded;

		return nova_fail(error, NOVA_FAULT_MESSAGING, "%s at %s: broker says %u %.*s", doing,
				 amqp->address, close->reply_code, (int)close->reply_text.len,
				 (const char *)close->reply_text.bytes);
	}
	if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *close = method->decoded;

		return nova_fail(error, NOVA_FAULT_MESSAGING, "%s at %s: broker says %u %.*s", doing,
				 amqp->address, close->reply_code, (int)close->reply_text.len,
				 (const char *)close->reply_text.bytes);
	}
	return nova_fail(error, NOVA_FAULT_MESSAGING, "%s at %s: unexpected answer %s from the broker", doing,
			 amqp->address, amqp_method_name(method->id));
}

static bool check_reply(nova_amqp *amqp, const char *doing, amqp_rpc_reply_t reply, GError **error)
{
	switch (reply.reply_type) {
	case AMQP_RESPONSE_NORMAL:
		return true;
	case AMQP_RESPONSE_SERVER_EXCEPTION:
		return closed_by_broker(amqp, doing, &reply.reply, error);
	case AMQP_RESPONSE_LIBRARY_EXCEPTION:
		return library_error(amqp, doing, reply.library_error, error);
	default:
		return nova_fail(error, NOVA_FAULT_MESSAGING, "%s at %s: connection closed", doing, amqp->address);
	}
}

/* The answer to the last amqp_queue_declare() and the like. */
static bool check_last(nova_amqp *amqp, const char *doing, GError **error)
{
	bool ok = check_reply(amqp, doing, amqp_get_rpc_reply(amqp->state), error);

	amqp_maybe_release_buffers(amqp->state);
	return ok;
}

static amqp_table_entry_t entry_bool(const char *key, bool value)
{
	return (amqp_table_entry_t){ .key = amqp_cstring_bytes(key),
				     .value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = value } };
}

static amqp_table_entry_t entry_string(const char *key, const char *value)
{
	return (amqp_table_entry_t){ .key = amqp_cstring_bytes(key),
				     .value = { .kind = AMQP_FIELD_KIND_UTF8,
						.value.bytes = amqp_cstring_bytes(value) } };
}

static bool log_in(nova_amqp *amqp, const nova_broker *broker, const nova_amqp_settings *settings,
		   GError **error)
{
	/* Without consumer_cancel_notify a deleted queue would leave its consumer waiting for ever. */
	amqp_table_entry_t capability[] = {
		entry_bool("authentication_failure_close", true),
		entry_bool("connection.blocked", true),
		entry_bool("consumer_cancel_notify", true),
	};
	amqp_table_entry_t property[] = {
		entry_string("product", PACKAGE_NAME),
		entry_string("version", PACKAGE_VERSION),
		entry_string("connection_name", settings->connection_name),
		{ .key = amqp_cstring_bytes("capabilities"),
		  .value = { .kind = AMQP_FIELD_KIND_TABLE,
			     .value.table = { .num_entries = G_N_ELEMENTS(capability), .entries = capability } } },
	};
	amqp_table_t properties = { .num_entries = G_N_ELEMENTS(property), .entries = property };

	return check_reply(amqp, "log in",
			   amqp_login_with_properties(amqp->state, settings->virtual_host, CHANNEL_MAX, FRAME_MAX,
						      (int)settings->heartbeat_s, &properties,
						      AMQP_SASL_METHOD_PLAIN, broker->user, broker->password),
			   error);
}

/* A peer that vanished without a word must not hold a send longer than two heartbeats: the kernel
 * counts unacknowledged data and a closed window alike. */
static void limit_silence(nova_amqp *amqp)
{
	unsigned limit_ms = amqp->heartbeat_s > 0 ? (unsigned)amqp->heartbeat_s * 2000 : NO_HEARTBEAT_LIMIT_MS;
	int one = 1;
	int fd = amqp_get_sockfd(amqp->state);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
}

nova_amqp *nova_amqp_open(const nova_broker *broker, const nova_amqp_settings *settings, GError **error)
{
	nova_amqp *amqp = g_new0(nova_amqp, 1);
	struct timeval limit = { settings->timeout_ms / 1000, settings->timeout_ms % 1000 * 1000L };
	int fd = nova_dial(broker->host, broker->port, settings->timeout_ms, error);

	if (fd < 0) {
		g_free(amqp);
		return NULL;
	}
	amqp->state = amqp_new_connection();
	amqp->address = g_strdup_printf(strchr(broker->host, ':') ? "[%s]:%u" : "%s:%u", broker->host, broker->port);
	amqp->body = g_byte_array_new();
	amqp->max_body = settings->max_body;
	amqp_set_handshake_timeout(amqp->state, &limit);
	amqp_set_rpc_timeout(amqp->state, &limit);
	amqp_tcp_socket_set_sockfd(amqp_tcp_socket_new(amqp->state), fd);
	if (!log_in(amqp, broker, settings, error)) {
		nova_amqp_close(amqp);
		return NULL;
	}
	amqp->heartbeat_s = amqp_get_heartbeat(amqp->state);
	limit_silence(amqp);
	amqp_channel_open(amqp->state, CHANNEL);
	if (!check_last(amqp, "open a channel", error)) {
		nova_amqp_close(amqp);
		return NULL;
	}
	return amqp;
}

void nova_amqp_say_goodbye(nova_amqp *amqp)
{
	amqp_connection_close(amqp->state, AMQP_REPLY_SUCCESS);
}

void nova_amqp_close(nova_amqp *amqp)
{
	if (!amqp)
		return;
	amqp_destroy_connection(amqp->state);
	g_byte_array_unref(amqp->body);
	g_free(amqp->address);
	g_free(amqp);
}

int nova_amqp_socket(const nova_amqp *amqp)
{
	return amqp_get_sockfd(amqp->state);
}

int nova_amqp_max_pause_ms(const nova_amqp *amqp)
{
	return amqp->heartbeat_s > 0 ? amqp->heartbeat_s * 500 : 30000;
}

bool nova_amqp_declare_exchange(nova_amqp *amqp, const char *name, const char *type, bool durable,
				bool auto_delete, GError **error)
{
	g_autofree char *doing = g_strdup_printf("declare exchange '%s'", name);

	amqp_exchange_declare(amqp->state, CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type), false,
			      durable, auto_delete, false, amqp_empty_table);
	return check_last(amqp, doing, error);
}

bool nova_amqp_declare_queue(nova_amqp *amqp, const nova_amqp_queue *queue, GError **error)
{
	g_autofree char *doing = g_strdup_printf("declare queue '%s'", queue->name);
	amqp_table_entry_t entries[2];
	amqp_table_t table = { .entries = entries };

	if (queue->expires_ms)
		entries[table.num_entries++] = (amqp_table_entry_t){
			.key = amqp_cstring_bytes("x-expires"),
			.value = { .kind = AMQP_FIELD_KIND_I32, .value.i32 = (int32_t)queue->expires_ms },
		};
	if (queue->dead_letter_exchange)
		entries[table.num_entries++] =
			entry_string("x-dead-letter-exchange", queue->dead_letter_exchange);
	amqp_queue_declare(amqp->state, CHANNEL, amqp_cstring_bytes(queue->name), false, queue->durable, false,
			   false, table);
	return check_last(amqp, doing, error);
}

bool nova_amqp_bind(nova_amqp *amqp, const char *queue, const char *exchange, const char *key, GError **error)
{
	g_autofree char *doing = g_strdup_printf("bind queue '%s'", queue);

	amqp_queue_bind(amqp->state, CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
			amqp_cstring_bytes(key), amqp_empty_table);
	return check_last(amqp, doing, error);
}

bool nova_amqp_consume(nova_amqp *amqp, const char *queue, const char *tag, GError **error)
{
	g_autofree char *doing = g_strdup_printf("consume from queue '%s'", queue);

	amqp_basic_consume(amqp->state, CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(tag), false, false,
			   false, amqp_empty_table);
	return check_last(amqp, doing, error);
}

bool nova_amqp_cancel(nova_amqp *amqp, const char *tag, GError **error)
{
	amqp_basic_cancel(amqp->state, CHANNEL, amqp_cstring_bytes(tag));
	return check_last(amqp, "stop consuming", error);
}

bool nova_amqp_delete_queue(nova_amqp *amqp, const char *queue, GError **error)
{
	g_autofree char *doing = g_strdup_printf("delete queue '%s'", queue);

	amqp_queue_delete(amqp->state, CHANNEL, amqp_cstring_bytes(queue), false, false);
	return check_last(amqp, doing, error);
}

bool nova_amqp_set_prefetch(nova_amqp *amqp, unsigned messages, GError **error)
{
	amqp_basic_qos(amqp->state, CHANNEL, 0, (uint16_t)MIN(messages, UINT16_MAX), false);
	return check_last(amqp, "set the prefetch count", error);
}

bool nova_amqp_enable_confirms(nova_amqp *amqp, GError **error)
{
	amqp_confirm_select(amqp->state, CHANNEL);
	return check_last(amqp, "enable confirms", error);
}

bool nova_amqp_ack(nova_amqp *amqp, uint64_t tag, GError **error)
{
	int status = amqp_basic_ack(amqp->state, CHANNEL, tag, false);

	return status == AMQP_STATUS_OK || library_error(amqp, "acknowledge", status, error);
}

bool nova_amqp_reject(nova_amqp *amqp, uint64_t tag, bool requeue, GError **error)
{
	int status = amqp_basic_reject(amqp->state, CHANNEL, tag, requeue);

	return status == AMQP_STATUS_OK || library_error(amqp, "reject", status, error);
}

bool nova_amqp_send(nova_amqp *amqp, const nova_amqp_publish *message, GError **error)
{
	char expiration[24];
	size_t length;
	const void *body = g_bytes_get_data(message->body, &length);
	int status;
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG |
			  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.content_encoding = amqp_cstring_bytes("utf-8"),
		.delivery_mode = 2,
		.message_id = amqp_cstring_bytes(message->message_id),
	};

	if (message->expiration_ms > 0) {
		g_snprintf(expiration, sizeof(expiration), "%lld", (long long)message->expiration_ms);
		properties._flags |= AMQP_BASIC_EXPIRATION_FLAG;
		properties.expiration = amqp_cstring_bytes(expiration);
	}
	status = amqp_basic_publish(amqp->state, CHANNEL, amqp_cstring_bytes(message->exchange),
				    amqp_cstring_bytes(message->routing_key), message->mandatory, false,
				    &properties, (amqp_bytes_t){ .len = length, .bytes = (void *)body });
	return status == AMQP_STATUS_OK || library_error(amqp, "publish", status, error);
}

bool nova_amqp_has_buffered(nova_amqp *amqp)
{
	return amqp_frames_enqueued(amqp->state) || amqp_data_in_buffer(amqp->state);
}

static void copy_short(char (*to)[MAX_SHORT], amqp_bytes_t from)
{
	size_t length = MIN(from.len, sizeof(*to) - 1);

	if (length)
		memcpy(*to, from.bytes, length);
	(*to)[length] = '\0';
}

/* Starts collecting a message whose method frame just came. */
static void begin_content(nova_amqp *amqp, nova_amqp_event_type type)
{
	amqp->content = (struct content){ .type = type };
	g_byte_array_set_size(amqp->body, 0);
}

/* Returns true when the frame completed an event. */
static bool take_method(nova_amqp *amqp, const amqp_method_t *method, nova_amqp_event *event, GError **error)
{
	switch (method->id) {
	case AMQP_BASIC_DELIVER_METHOD: {
		const amqp_basic_deliver_t *deliver = method->decoded;

		begin_content(amqp, NOVA_AMQP_DELIVERY);
		amqp->content.tag = deliver->delivery_tag;
		return false;
	}
	case AMQP_BASIC_RETURN_METHOD: {
		const amqp_basic_return_t *returned = method->decoded;

		begin_content(amqp, NOVA_AMQP_RETURN);
		copy_short(&amqp->content.text, returned->reply_text);
		return false;
	}
	case AMQP_BASIC_ACK_METHOD: {
		const amqp_basic_ack_t *ack = method->decoded;

		*event = (nova_amqp_event){ .type = NOVA_AMQP_ACK,
					    .tag = ack->delivery_tag,
					    .multiple = ack->multiple };
		return true;
	}
	case AMQP_BASIC_NACK_METHOD: {
		const amqp_basic_nack_t *nack = method->decoded;

		*event = (nova_amqp_event){ .type = NOVA_AMQP_NACK,
					    .tag = nack->delivery_tag,
					    .multiple = nack->multiple };
		return true;
	}
	case AMQP_CONNECTION_BLOCKED_METHOD: {
		const amqp_connection_blocked_t *blocked = method->decoded;

		copy_short(&amqp->content.text, blocked->reason);
		*event = (nova_amqp_event){ .type = NOVA_AMQP_BLOCKED, .text = amqp->content.text };
		return true;
	}
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		*event = (nova_amqp_event){ .type = NOVA_AMQP_UNBLOCKED };
		return true;
	case AMQP_BASIC_CANCEL_METHOD:
		nova_fail(error, NOVA_FAULT_MESSAGING, "broker at %s cancelled our consumer: its queue was deleted",
			  amqp->address);
		return true;
	default:
		closed_by_broker(amqp, "wait for messages", method, error);
		return true;
	}
}

static void take_header(nova_amqp *amqp, const amqp_frame_t *frame)
{
	const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
	struct content *content = &amqp->content;

	content->has_header = true;
	content->expected = frame->payload.properties.body_size;
	if (properties->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
		copy_short(&content->content_type, properties->content_type);
	if (properties->_flags & AMQP_BASIC_CONTENT_ENCODING_FLAG)
		copy_short(&content->content_encoding, properties->content_encoding);
	if (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		copy_short(&content->message_id, properties->message_id);
}

static void take_body(nova_amqp *amqp, amqp_bytes_t fragment)
{
	amqp->content.received += fragment.len;
	if (amqp->content.expected <= amqp->max_body && amqp->content.received <= amqp->content.expected)
		g_byte_array_append(amqp->body, fragment.bytes, (unsigned)fragment.len);
}

/* Returns true when the message under way is complete. */
static bool finish_content(nova_amqp *amqp, nova_amqp_event *event)
{
	struct content *content = &amqp->content;

	if (content->type == NOVA_AMQP_NOTHING || !content->has_header || content->received < content->expected)
		return false;
	*event = (nova_amqp_event){
		.type = content->type,
		.tag = content->tag,
		.content_type = content->content_type,
		.content_encoding = content->content_encoding,
		.message_id = content->message_id,
		.text = content->text,
		.body = (const char *)amqp->body->data,
		.length = amqp->body->len,
		.full_length = content->expected,
		.oversized = content->expected > amqp->max_body,
	};
	content->type = NOVA_AMQP_NOTHING;
	return true;
}

static bool take_frame(nova_amqp *amqp, const amqp_frame_t *frame, nova_amqp_event *event, GError **error)
{
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return take_method(amqp, &frame->payload.method, event, error);
	case AMQP_FRAME_HEADER:
		take_header(amqp, frame);
		return finish_content(amqp, event);
	case AMQP_FRAME_BODY:
		take_body(amqp, frame->payload.body_fragment);
		return finish_content(amqp, event);
	default:
		return false;
	}
}

bool nova_amqp_next(nova_amqp *amqp, nova_amqp_event *ret_event, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct timeval now = { 0 };
	nova_amqp_event event = { 0 };
	bool complete = false;

	while (!complete) {
		amqp_frame_t frame;
		int status = amqp_simple_wait_frame_noblock(amqp->state, &frame, &now);

		if (status == AMQP_STATUS_TIMEOUT)
			break;
		if (status != AMQP_STATUS_OK)
			return library_error(amqp, "wait for messages", status, error);
		complete = take_frame(amqp, &frame, &event, &problem);
		/* Everything kept was copied; without this memory grows with every frame. */
		amqp_maybe_release_buffers(amqp->state);
	}
	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	*ret_event = event;
	return true;
}
