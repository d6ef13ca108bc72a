/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server.h"

#include "common/fault_point.h"
#include "common/json.h"
#include "common/log.h"
#include "common/workers.h"
#include "rpc/dispatch.h"
#include "rpc/listener.h"
#include "rpc/reject_log.h"

#include <stdatomic.h>
#include <string.h>

enum {
	DEFAULT_WORKERS = 4,
	MAX_HOST_QUEUE = 255,
	/* After a reconnect requests of the lost connection still wait while new ones come in. */
	QUEUE_PER_PREFETCH = 8,
	MIN_BEAT_MS = 1000,
	NO_BEAT_MS = INT32_MAX,
};

struct nova_rpc_server {
	nova_bus *bus;
	char *topic;
	nova_rpc_endpoint *endpoints; /* the caller's, then the pings */
	size_t n_endpoints;
	nova_workers *workers;
	nova_listener *listener;
	atomic_bool stopping;
	bool is_stopped;

	GMutex lock;
	nova_reject_log failure_log;
	GQueue jobs; /* every request accepted and not finished, for the signs of life */
};

typedef struct job {
	nova_rpc_server *server;
	nova_rpc_message *message;
	nova_delivery delivery;
	int64_t next_beat_usec; /* 0: none wanted */
	GList *link; /* in server->jobs */
} job;

static void free_job(void *data)
{
	job *self = data;

	g_mutex_lock(&self->server->lock);
	g_queue_delete_link(&self->server->jobs, self->link);
	g_mutex_unlock(&self->server->lock);
	nova_rpc_message_free(self->message);
	g_free(self);
}

/* What is to go back, or what is wrong with it: a result may be too long or no UTF-8. */
static bool is_sendable(nova_bus *bus, const nova_rpc_reply *reply, GError **error)
{
	g_autoptr(GBytes) body = nova_envelope_encode_reply(reply, "");
	size_t length;
	const char *text = g_bytes_get_data(body, &length);

	if (length > bus->options.max_body)
		return nova_fail(error, NOVA_FAULT_TOO_LARGE, "the answer has %zu bytes, the limit is %zu", length,
				 bus->options.max_body);
	if (!g_utf8_validate(text, (gssize)length, NULL))
		return nova_fail(error, NOVA_FAULT_INTERNAL, "the answer is no valid UTF-8");
	return true;
}

static void answer(nova_rpc_server *server, const nova_rpc_message *message, json_object *result, GError *failure)
{
	g_autoptr(GError) unsendable = NULL;
	g_autoptr(GError) error = NULL;
	nova_log_tags tags = { .request_id = message->context->request_id };
	nova_rpc_reply reply = { .msg_id = message->msg_id, .result = result, .failure = failure, .ending = true };

	if (!is_sendable(server->bus, &reply, &unsendable))
		reply.failure = unsendable;
	if (!nova_bus_send_reply(server->bus, &reply, message->reply_queue, &error))
		nova_log_warning(&tags, "no answer to '%s', its caller will time out: %s", message->method,
				 error->message);
}

/* Of a message nobody waits for an answer to. */
static void log_failure(nova_rpc_server *server, const nova_rpc_message *message, const GError *failure)
{
	nova_log_tags tags = { .request_id = message->context->request_id };
	unsigned left_out = 0;
	bool may;

	g_mutex_lock(&server->lock);
	may = nova_reject_log_may(&server->failure_log, &left_out);
	g_mutex_unlock(&server->lock);
	if (may)
		nova_log_warning(&tags,
				 "message '%s' to '%s' could not be handled: %s (and %u others since the last such "
				 "line)", message->method, server->topic, failure->message, left_out);
}

static void run_job(void *data)
{
	job *self = data;
	nova_rpc_server *server = self->server;
	g_autoptr(json_object) result = NULL;
	g_autoptr(GError) failure = NULL;

	/* Not acknowledged, so the broker gives it to the next server. */
	if (atomic_load(&server->stopping))
		return;
	unsigned copies = nova_fault_point_copies("rpc:deliver");

	nova_listener_ack(server->listener, self->delivery);
	if (copies == 0)
		return;
	nova_dispatch(server->endpoints, server->n_endpoints, self->message, &result, &failure);
	if (copies > 1) {
		g_clear_pointer(&result, json_object_put);
		g_clear_error(&failure);
		nova_dispatch(server->endpoints, server->n_endpoints, self->message, &result, &failure);
	}
	if (self->message->msg_id)
		answer(server, self->message, result, failure);
	else if (failure)
		log_failure(server, self->message, failure);
}

static int64_t beat_usec(const nova_rpc_message *message)
{
	return MAX(message->monitor_s * INT64_C(1000000) / 2, MIN_BEAT_MS * INT64_C(1000));
}

static bool accept_request(void *owner, nova_rpc_message *message, nova_delivery delivery)
{
	nova_rpc_server *server = owner;
	job *self = g_new0(job, 1);

	self->server = server;
	self->message = message;
	self->delivery = delivery;
	if (message->msg_id && message->monitor_s)
		self->next_beat_usec = g_get_monotonic_time() + beat_usec(message);
	g_mutex_lock(&server->lock);
	g_queue_push_tail(&server->jobs, self);
	self->link = g_queue_peek_tail_link(&server->jobs);
	g_mutex_unlock(&server->lock);
	return nova_workers_submit(server->workers, NULL, run_job, self, free_job, NULL);
}

static void send_beat(nova_rpc_server *server, const nova_rpc_message *message)
{
	nova_rpc_reply reply = { .msg_id = message->msg_id };

	/* A full queue drops this one; the next follows soon. */
	nova_bus_send_reply(server->bus, &reply, message->reply_queue, NULL);
}

/* Signs of life for all who asked for them, whether their request runs or waits for a worker. */
static int send_beats(void *owner)
{
	nova_rpc_server *server = owner;
	int64_t now = g_get_monotonic_time();
	int64_t next = INT64_MAX;

	g_mutex_lock(&server->lock);
	for (GList *item = server->jobs.head; item; item = item->next) {
		job *self = item->data;

		if (!self->next_beat_usec)
			continue;
		if (self->next_beat_usec <= now) {
			send_beat(server, self->message);
			self->next_beat_usec = now + beat_usec(self->message);
		}
		next = MIN(next, self->next_beat_usec);
	}
	g_mutex_unlock(&server->lock);
	return next == INT64_MAX ? NO_BEAT_MS : (int)MIN((next - now) / 1000 + 1, NO_BEAT_MS);
}

static bool run_pong(nova_rpc_request *request, GError **error)
{
	(void)error;
	request->result = json_object_new_string("pong");
	return true;
}

static bool run_ping(nova_rpc_request *request, GError **error)
{
	nova_rpc_server *server = request->service;

	(void)error;
	request->result = json_object_new_object();
	nova_json_add_str(request->result, "service", server->topic);
	nova_json_add(request->result, "arg", json_object_get(nova_json_find(request->args, "arg")));
	return true;
}

static const nova_rpc_method oslo_methods[] = {
	{ .name = "oslo_rpc_server_ping", .kind = NOVA_RPC_CALL, .run = run_pong, .doc = "Answers \"pong\"." },
	{ 0 },
};

static const nova_rpc_method base_methods[] = {
	{
		.name = "ping",
		.kind = NOVA_RPC_CALL,
		.args = NOVA_RPC_ARGS({ "arg", NOVA_RPC_ANY, true }),
		.run = run_ping,
		.doc = "Answers with the service's topic and the argument.",
	},
	{ 0 },
};

static void copy_endpoints(nova_rpc_server *server, const nova_rpc_server_options *options)
{
	server->endpoints = g_new0(nova_rpc_endpoint, options->n_endpoints + 2);
	for (size_t i = 0; i < options->n_endpoints; i++)
		server->endpoints[server->n_endpoints++] = options->endpoints[i];
	server->endpoints[server->n_endpoints++] =
		(nova_rpc_endpoint){ .namespace_ = "baseapi", .major = 1, .methods = base_methods, .service = server };
	if (options->rpc_ping)
		server->endpoints[server->n_endpoints++] = (nova_rpc_endpoint){ .major = 1, .methods = oslo_methods };
}

nova_rpc_server *nova_rpc_server_start(nova_bus *bus, const nova_rpc_server_options *options, GError **error)
{
	nova_rpc_server *server;
	nova_listener_settings settings = {
		.bus = bus,
		.topic = options->topic,
		.host = options->host,
		.accept = accept_request,
		.tick = send_beats,
	};

	if (!options->topic || !*options->topic || !options->host || !*options->host ||
	    strlen(options->topic) + strlen(options->host) + 1 > MAX_HOST_QUEUE) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			  "a message server needs a topic and a host name of at most %d bytes together",
			  MAX_HOST_QUEUE - 1);
		return NULL;
	}
	server = g_new0(nova_rpc_server, 1);
	server->bus = bus;
	server->topic = g_strdup(options->topic);
	g_mutex_init(&server->lock);
	g_queue_init(&server->jobs);
	copy_endpoints(server, options);
	server->workers = nova_workers_new("rpc-worker", options->workers ? options->workers : DEFAULT_WORKERS,
					   (size_t)bus->options.prefetch * QUEUE_PER_PREFETCH);
	/* Published under the lock that every job takes first: a job needs the listener to acknowledge. */
	settings.owner = server;
	g_mutex_lock(&server->lock);
	server->listener = nova_listener_start(&settings);
	g_mutex_unlock(&server->lock);
	return server;
}

bool nova_rpc_server_is_listening(nova_rpc_server *server)
{
	return nova_link_is_up(nova_listener_link(server->listener)) && !atomic_load(&server->stopping);
}

bool nova_rpc_server_wait_listening(nova_rpc_server *server, unsigned timeout_ms)
{
	return nova_link_wait_up(nova_listener_link(server->listener),
				 g_get_monotonic_time() + (int64_t)timeout_ms * 1000);
}

bool nova_rpc_server_stop(nova_rpc_server *server, unsigned timeout_ms)
{
	bool drained;

	if (server->is_stopped)
		return true;
	server->is_stopped = true;
	atomic_store(&server->stopping, true);
	nova_listener_pause(server->listener);
	/* The listener lives until the handlers are done: callers still get their signs of life. */
	drained = nova_workers_drain(server->workers, nova_deadline_in_ms(timeout_ms));
	nova_listener_stop(server->listener, timeout_ms);
	return drained;
}

void nova_rpc_server_free(nova_rpc_server *server)
{
	if (!server)
		return;
	nova_rpc_server_stop(server, 2000);
	nova_workers_free(server->workers);
	nova_listener_free(server->listener);
	g_mutex_clear(&server->lock);
	g_free(server->endpoints);
	g_free(server->topic);
	g_free(server);
}
