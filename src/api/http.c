/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http.h"

#include "api/tls.h"
#include "common/listen_socket.h"
#include "common/timer.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define IO_THREADS	   2u
#define CONNECTION_MEMORY (64u * 1024) /* request line and headers must fit into it */
#define MAX_QUERY	   200u
#define READ_AWAY	   8u /* a body of up to so many times the limit is read and thrown away */
#define LAST_REPLIES_MS	   1000
#define MAX_WAITING	   64u /* requests that wait beside the workers */

struct nova_http {
	struct MHD_Daemon *daemon;
	GThreadPool *workers;
	nova_http_serve serve;
	void *user;
	_Atomic size_t max_body;
	unsigned timeout_s;
	uint16_t port;
	GMutex lock;
	unsigned n_workers;
	unsigned waiting; /* under lock */
	bool stopping;	  /* under lock: the workers take nothing more */
	unsigned open;	  /* under lock: exchanges that are not over */
	GCond closed;	  /* one is over */
	GHashTable *lines; /* under lock: line -> itself */
	nova_timer *impatience;
};

/* One connection; libmicrohttpd's socket_context.  It has no limit for the time that headers take: who sends one byte
 * now and then would hold a connection for ever. */
typedef struct line {
	int fd;
	int64_t waiting_since; /* for the headers of a request; 0: they are there */
} line;

/* One request on its way through the server; libmicrohttpd's con_cls. */
typedef struct exchange {
	nova_http *http;
	struct MHD_Connection *connection;
	nova_http_request request;
	nova_http_reply reply;
	GByteArray *body;
	size_t received; /* bytes of the body seen, kept or not */
	int64_t begun;	 /* g_get_monotonic_time() */
	bool served;
} exchange;

nova_http_pair *nova_http_pair_new(const char *name, const char *value)
{
	nova_http_pair *pair = g_new0(nova_http_pair, 1);

	pair->name = g_strdup(name);
	pair->value = g_strdup(value ? value : "");
	return pair;
}

void nova_http_pair_free(nova_http_pair *pair)
{
	if (!pair)
		return;
	g_free(pair->name);
	g_free(pair->value);
	g_free(pair);
}

static void free_pair(void *pair)
{
	nova_http_pair_free(pair);
}

const char *nova_http_header(const nova_http_request *request, const char *name)
{
	for (unsigned i = 0; i < request->headers->len; i++) {
		const nova_http_pair *pair = request->headers->pdata[i];

		if (g_ascii_strcasecmp(pair->name, name) == 0)
			return pair->value;
	}
	return NULL;
}

void nova_http_reply_header(nova_http_reply *reply, const char *name, const char *value)
{
	g_ptr_array_add(reply->headers, nova_http_pair_new(name, value));
}

char *nova_http_unescape(const char *text)
{
	g_autofree char *plain = g_uri_unescape_string(text, NULL); /* refuses %00 and broken escapes */

	if (!plain || !g_utf8_validate(plain, -1, NULL))
		return NULL;
	return g_steal_pointer(&plain);
}

static exchange *exchange_new(nova_http *http, struct MHD_Connection *connection)
{
	exchange *x = g_new0(exchange, 1);

	x->http = http;
	x->connection = connection;
	x->begun = g_get_monotonic_time();
	x->request.headers = g_ptr_array_new_with_free_func(free_pair);
	x->request.query = g_ptr_array_new_with_free_func(free_pair);
	x->reply.headers = g_ptr_array_new_with_free_func(free_pair);
	x->reply.fd = -1;
	x->body = g_byte_array_new();
	return x;
}

static void exchange_free(exchange *x)
{
	g_ptr_array_unref(x->request.headers);
	g_ptr_array_unref(x->request.query);
	g_ptr_array_unref(x->reply.headers);
	g_free((char *)x->request.method);
	g_free((char *)x->request.path);
	g_free(x->reply.body);
	if (x->reply.fd >= 0)
		close(x->reply.fd);
	g_byte_array_unref(x->body);
	g_free(x);
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	g_ptr_array_add(cls, nova_http_pair_new(name, value));
	return MHD_YES;
}

static enum MHD_Result take_query(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	exchange *x = cls;
	g_autofree char *plain_name = nova_http_unescape(name);
	g_autofree char *plain_value = nova_http_unescape(value ? value : "");

	(void)kind;
	if (!plain_name || !plain_value || x->request.query->len >= MAX_QUERY) {
		x->request.bad_query = true;
		return MHD_NO;
	}
	g_ptr_array_add(x->request.query, nova_http_pair_new(plain_name, plain_value));
	return MHD_YES;
}

/* Text form of an address, v4-mapped ones as plain IPv4. */
static void print_address(const struct sockaddr *address, char ret[INET6_ADDRSTRLEN])
{
	ret[0] = '\0';
	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, ret, INET6_ADDRSTRLEN);
	} else if (address->sa_family == AF_INET6) {
		const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(six))
			inet_ntop(AF_INET, six->s6_addr + 12, ret, INET6_ADDRSTRLEN);
		else
			inet_ntop(AF_INET6, six, ret, INET6_ADDRSTRLEN);
	}
}

static void take_addresses(exchange *x)
{
	const union MHD_ConnectionInfo *peer =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_storage local = { 0 };
	socklen_t size = sizeof local;

	if (peer && peer->client_addr)
		print_address(peer->client_addr, x->request.peer);
	if (fd && getsockname(fd->connect_fd, (struct sockaddr *)&local, &size) == 0)
		print_address((const struct sockaddr *)&local, x->request.local);
}

static struct MHD_Response *make_response(exchange *x)
{
	nova_http_reply *reply = &x->reply;
	struct MHD_Response *response;

	if (reply->fd >= 0) {
		response = MHD_create_response_from_fd64(reply->fd_size, reply->fd);
		reply->fd = -1; /* libmicrohttpd closes it */
	} else {
		response = reply->body ? MHD_create_response_from_buffer(reply->body_size, reply->body,
									 MHD_RESPMEM_MUST_FREE) :
					 MHD_create_response_from_buffer(0, (char *)"", MHD_RESPMEM_PERSISTENT);
		if (response)
			reply->body = NULL; /* libmicrohttpd frees it: g_malloc() is malloc() */
	}
	for (unsigned i = 0; response && i < reply->headers->len; i++) {
		const nova_http_pair *pair = reply->headers->pdata[i];

		MHD_add_response_header(response, pair->name, pair->value);
	}
	return response;
}

static enum MHD_Result send_reply(exchange *x)
{
	struct MHD_Response *response = make_response(x);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_response(x->connection, x->reply.status, response);
	MHD_destroy_response(response);
	return result;
}

static void run_request(void *data, void *user)
{
	exchange *x = data;
	nova_http *http = user;

	http->serve(http->user, &x->request, &x->reply);
	x->served = true;
	MHD_resume_connection(x->connection);
}

static uint64_t announced_length(const exchange *x)
{
	const char *length = nova_http_header(&x->request, "Content-Length");

	return length ? g_ascii_strtoull(length, NULL, 10) : 0;
}

/* A sender in the middle of a body that is too large sees a broken connection and not our answer, unless the
 * body is read first.  Not done when the sender waits to be asked for it, or when it is out of all reason. */
static bool is_refused_unread(const exchange *x)
{
	size_t max = x->http->max_body;
	uint64_t length = announced_length(x);

	return length > max && (length > READ_AWAY * max || nova_http_header(&x->request, "Expect"));
}

static void mark_waiting(nova_http *http, struct MHD_Connection *connection, int64_t since)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	line *l = info ? info->socket_context : NULL;

	if (!l)
		return;
	g_mutex_lock(&http->lock);
	l->waiting_since = since;
	g_mutex_unlock(&http->lock);
}

/* Called before the socket is closed, so that a descriptor among the lines is always that of its connection. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	nova_http *http = cls;
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	g_mutex_lock(&http->lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		line *l = g_new0(line, 1);

		l->fd = fd ? fd->connect_fd : -1;
		l->waiting_since = g_get_monotonic_time();
		*socket_context = l;
		g_hash_table_add(http->lines, l);
	} else if (*socket_context) {
		g_hash_table_remove(http->lines, *socket_context);
		*socket_context = NULL;
	}
	g_mutex_unlock(&http->lock);
}

/* Ends connections whose headers do not come; one that is only idle libmicrohttpd has closed by then. */
static void lose_patience(void *data)
{
	nova_http *http = data;
	int64_t before = g_get_monotonic_time() - 2 * (int64_t)http->timeout_s * G_USEC_PER_SEC;
	GHashTableIter i;
	void *key;

	g_mutex_lock(&http->lock);
	g_hash_table_iter_init(&i, http->lines);
	while (g_hash_table_iter_next(&i, &key, NULL)) {
		line *l = key;

		if (l->waiting_since && l->waiting_since < before && l->fd >= 0) {
			shutdown(l->fd, SHUT_RDWR);
			l->waiting_since = 0;
		}
	}
	g_mutex_unlock(&http->lock);
}

/* The first call for a request: headers only.  Answering here would make libmicrohttpd 0.9 close the
 * connection afterwards, so nothing is answered before the next call, except a body far too large, whose
 * connection has to go anyway. */
static enum MHD_Result begin_request(nova_http *http, struct MHD_Connection *connection, const char *url,
				     const char *method, void **con_cls)
{
	exchange *x = exchange_new(http, connection);

	*con_cls = x;
	mark_waiting(http, connection, 0);
	g_mutex_lock(&http->lock);
	http->open++;
	g_mutex_unlock(&http->lock);
	x->request.method = g_strdup(strcmp(method, "HEAD") == 0 ? "GET" : method);
	x->request.path = g_strdup(url);
	MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, x->request.headers);
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_query, x);
	take_addresses(x);
	if (!is_refused_unread(x))
		return MHD_YES;
	x->request.too_large = true;
	x->request.body = "";
	http->serve(http->user, &x->request, &x->reply); /* does not block: nothing is looked up */
	return send_reply(x);
}

/* A piece of the body.  One that is too large is read to the end, within reason, so that its sender can be
 * told. */
static enum MHD_Result take_body(exchange *x, const char *data, size_t *size)
{
	size_t max = x->http->max_body;
	int64_t elapsed_s = (g_get_monotonic_time() - x->begun) / G_USEC_PER_SEC;

	x->received += *size;
	if (elapsed_s > 4 * (int64_t)x->http->timeout_s || x->received > READ_AWAY * max)
		return MHD_NO;
	if (x->received > max) {
		x->request.too_large = true;
		g_byte_array_set_size(x->body, 0);
	} else {
		g_byte_array_append(x->body, (const uint8_t *)data, *size);
	}
	*size = 0;
	return MHD_YES;
}

static enum MHD_Result hand_over(nova_http *http, exchange *x)
{
	g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&http->lock);

	(void)locked;
	if (http->stopping)
		return MHD_NO;
	MHD_suspend_connection(x->connection);
	g_thread_pool_push(http->workers, x, NULL);
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload_data,
				  size_t *upload_data_size, void **con_cls)
{
	nova_http *http = cls;
	exchange *x = *con_cls;

	(void)version;
	if (!x)
		return begin_request(http, connection, url, method, con_cls);
	if (*upload_data_size > 0)
		return take_body(x, upload_data, upload_data_size);
	if (x->served)
		return send_reply(x);
	x->request.body_size = x->body->len;
	g_byte_array_append(x->body, (const uint8_t *)"", 1);
	x->request.body = (const char *)x->body->data;
	return hand_over(http, x);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode why)
{
	nova_http *http = cls;

	(void)why;
	if (!*con_cls)
		return;
	mark_waiting(http, connection, g_get_monotonic_time());
	exchange_free(*con_cls);
	*con_cls = NULL;
	g_mutex_lock(&http->lock);
	http->open--;
	g_cond_signal(&http->closed);
	g_mutex_unlock(&http->lock);
}

/* Keeps escapes as they are: a path is split at its slashes before it is decoded. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

bool nova_http_start(const nova_http_options *options, nova_http **ret, GError **error)
{
	int fd = nova_listen_socket(options->listen, options->port, error);
	struct MHD_OptionItem no_tls[] = { { MHD_OPTION_END, 0, NULL } };
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, nova_tls_callback() },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)NOVA_TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	nova_http *http;

	if (fd < 0)
		return false;
	http = g_new0(nova_http, 1);
	*ret = http;
	g_mutex_init(&http->lock);
	g_cond_init(&http->closed);
	http->serve = options->serve;
	http->user = options->user;
	http->max_body = options->max_body;
	http->timeout_s = options->timeout_s;
	http->port = nova_listen_socket_port(fd);
	http->n_workers = options->workers;
	http->workers = g_thread_pool_new(run_request, http, (int)options->workers, FALSE, NULL);
	http->lines = g_hash_table_new_full(NULL, NULL, g_free, NULL);
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (options->tls ? MHD_USE_TLS : 0), 0, NULL,
		NULL, on_request, http, MHD_OPTION_ARRAY, options->tls ? tls : no_tls, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, IO_THREADS,
		MHD_OPTION_CONNECTION_LIMIT, options->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
		options->timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
	if (http->daemon) {
		http->impatience =
			nova_timer_new("http-patience", MAX(1, http->timeout_s / 4) * 1000, 0, lose_patience, http);
		return true;
	}
	*ret = NULL;
	nova_fail(error, NOVA_FAULT_INTERNAL, "the HTTP server did not start: %s", g_strerror(errno));
	close(fd);
	g_hash_table_unref(http->lines);
	g_thread_pool_free(http->workers, TRUE, TRUE);
	g_mutex_clear(&http->lock);
	g_cond_clear(&http->closed);
	g_free(http);
	return false;
}

uint16_t nova_http_port(const nova_http *http)
{
	return http->port;
}

void nova_http_set_max_body(nova_http *http, size_t max_body)
{
	http->max_body = max_body;
}

bool nova_http_wait_begin(nova_http *http)
{
	g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&http->lock);

	(void)locked;
	if (http->waiting >= MAX_WAITING)
		return false;
	http->waiting++;
	return g_thread_pool_set_max_threads(http->workers, (int)(http->n_workers + http->waiting), NULL);
}

void nova_http_wait_end(nova_http *http)
{
	g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&http->lock);

	(void)locked;
	http->waiting--;
	g_thread_pool_set_max_threads(http->workers, (int)(http->n_workers + http->waiting), NULL);
}

bool nova_http_is_stopping(nova_http *http)
{
	g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&http->lock);

	(void)locked;
	return http->stopping;
}

/* Stopping the daemon cuts connections off: what has been answered should be on its way first. */
static void await_replies(nova_http *http)
{
	int64_t end = g_get_monotonic_time() + LAST_REPLIES_MS * G_TIME_SPAN_MILLISECOND;

	g_mutex_lock(&http->lock);
	while (http->open > 0 && g_cond_wait_until(&http->closed, &http->lock, end))
		;
	g_mutex_unlock(&http->lock);
}

void nova_http_stop(nova_http *http)
{
	int fd;

	if (!http)
		return;
	/* No connection may be suspended when the daemon stops: first the requests that run. */
	fd = MHD_quiesce_daemon(http->daemon);
	g_mutex_lock(&http->lock);
	http->stopping = true;
	g_mutex_unlock(&http->lock);
	g_thread_pool_free(http->workers, FALSE, TRUE);
	await_replies(http);
	nova_timer_free(http->impatience);
	MHD_stop_daemon(http->daemon);
	g_hash_table_unref(http->lines);
	if (fd >= 0)
		close(fd);
	g_mutex_clear(&http->lock);
	g_cond_clear(&http->closed);
	g_free(http);
}
