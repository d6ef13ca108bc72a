/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - the HTTP server: connections, limits, bodies; the only file that knows libmicrohttpd.
 *
 * A few I/O threads (epoll) read requests and write replies.  A complete request is handed to a pool of
 * worker threads, where `serve' may block on the database or on a broker; its connection is suspended
 * meanwhile.  Requests of one connection are answered one after the other, and connections are kept
 * alive.  Everything a stranger can size is bounded: headers, body, connections, idle time, the time for the
 * headers of a request and for all of it, a TLS handshake among it.
 *
 * Ownership: a request belongs to the server and lives until `serve' has returned; `serve' fills the
 * reply, which the server then sends and frees.
 */
#pragma once

#include "common/error.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* A header or a query parameter, decoded. */
typedef struct nova_http_pair {
	char *name, *value; /* never NULL */
} nova_http_pair;

/* The last free function is for GPtrArray. */
nova_http_pair *nova_http_pair_new(const char *name, const char *value);
void nova_http_pair_free(nova_http_pair *pair);

typedef struct nova_http_request {
	const char *method;       /* upper case as sent; HEAD arrives as GET */
	const char *path;         /* as sent, percent escapes and all; begins with '/' */
	GPtrArray *headers;       /* of nova_http_pair */
	GPtrArray *query;         /* of nova_http_pair, in the order sent */
	const char *body;         /* followed by a NUL that is not part of it */
	size_t body_size;
	bool too_large;           /* the body exceeded the limit and is not here */
	bool bad_query;           /* the query could not be decoded */
	char peer[INET6_ADDRSTRLEN];  /* the client's address as text; v4-mapped ones as IPv4 */
	char local[INET6_ADDRSTRLEN]; /* the address it connected to */
} nova_http_request;

/* The first header of that name in any case; NULL: none. */
const char *nova_http_header(const nova_http_request *request, const char *name);

typedef struct nova_http_reply {
	unsigned status;
	GPtrArray *headers;  /* of nova_http_pair; a name may occur more than once */
	char *body;          /* NULL: empty; owned */
	size_t body_size;
	int fd;              /* >= 0: the body is this file from its beginning; owned */
	uint64_t fd_size;
} nova_http_reply;

void nova_http_reply_header(nova_http_reply *reply, const char *name, const char *value);

typedef void (*nova_http_serve)(void *user, const nova_http_request *request, nova_http_reply *reply);

typedef struct nova_http_options {
	const char *listen;      /* address */
	uint16_t port;           /* 0: the system chooses */
	unsigned workers;        /* threads that run `serve' */
	unsigned max_connections;
	unsigned timeout_s;      /* idle connections; headers may take twice that to arrive, a request four times */
	size_t max_body;
	bool tls;                /* with what nova_tls_load() has loaded */
	nova_http_serve serve;
	void *user;
} nova_http_options;

typedef struct nova_http nova_http;

/* Listens and serves at once.  *ret is set before the first request can come.  CONFIG when it cannot listen there. */
bool nova_http_start(const nova_http_options *options, nova_http **ret, GError **error);

uint16_t nova_http_port(const nova_http *http);
void nova_http_set_max_body(nova_http *http, size_t max_body);

/* A request that is going to wait for others rather than work announces it, so that a spare thread takes
 * its place among the workers.  False: too many wait already; nothing was taken. */
bool nova_http_wait_begin(nova_http *http);
void nova_http_wait_end(nova_http *http);

/* The server is about to stop: a request that waits should answer with what it knows. */
bool nova_http_is_stopping(nova_http *http);

/* Takes no new connections, lets the requests that run finish, closes.  NULL is fine. */
void nova_http_stop(nova_http *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_http, nova_http_stop)

/* Percent decoding; NULL for a broken escape, a NUL or bytes that are no UTF-8.  Caller frees. */
char *nova_http_unescape(const char *text);
