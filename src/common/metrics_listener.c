/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics_listener.h"

#include "common/deadline.h"
#include "common/listen_socket.h"
#include "common/metrics.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES  4096
#define HEAD_MS	    2000
#define ANSWER_MS   5000

struct nova_metrics_listener {
	nova_metrics_source source;
	int fd, stop; /* stop: readable once the thread is to end */
	uint16_t port;
	GThread *thread;
};

/* Ready before the deadline, and nobody wants us to stop. */
static bool wait_for(const nova_metrics_listener *listener, int fd, short events, nova_deadline deadline)
{
	struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = listener->stop, .events = POLLIN } };
	int n;

	do {
		n = poll(fds, G_N_ELEMENTS(fds), nova_deadline_poll_ms(deadline, 60000));
	} while ((n < 0 && errno == EINTR) || (n == 0 && !nova_deadline_is_expired(deadline)));
	return n > 0 && !fds[1].revents;
}

/* Reads up to the empty line; false: none came in time, or too much. */
static bool read_head(const nova_metrics_listener *listener, int client, char head[HEAD_BYTES + 1])
{
	nova_deadline deadline = nova_deadline_in_ms(HEAD_MS);
	size_t have = 0;

	head[0] = '\0';
	while (!strstr(head, "\r\n\r\n")) {
		ssize_t n;

		if (have == HEAD_BYTES || !wait_for(listener, client, POLLIN, deadline))
			return false;
		n = recv(client, head + have, HEAD_BYTES - have, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		have += (size_t)MAX(n, 0);
		head[have] = '\0';
	}
	return true;
}

static void write_all(const nova_metrics_listener *listener, int client, const GString *text)
{
	nova_deadline deadline = nova_deadline_in_ms(ANSWER_MS);
	size_t done = 0;

	while (done < text->len && wait_for(listener, client, POLLOUT, deadline)) {
		ssize_t n = send(client, text->str + done, text->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		done += (size_t)MAX(n, 0);
	}
}

static const char *make_body(const nova_metrics_listener *listener, const char *path, GString *body)
{
	const nova_metrics_source *source = &listener->source;
	g_autofree char *why = NULL;

	if (strcmp(path, "/metrics") == 0) {
		if (source->collect)
			source->collect(source->data);
		nova_metrics_print(body);
		return "200 OK";
	}
	if (strcmp(path, "/healthcheck") == 0) {
		bool well = !source->is_well || source->is_well(source->data, &why);

		g_string_append_printf(body, "%s\n", well ? "OK" : why ? why : "not well");
		return well ? "200 OK" : "503 Service Unavailable";
	}
	g_string_append(body, "There are /metrics and /healthcheck.\n");
	return "404 Not Found";
}

static void answer(const nova_metrics_listener *listener, int client)
{
	char head[HEAD_BYTES + 1];
	g_autoptr(GString) body = g_string_new(NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	const char *status = "405 Method Not Allowed";
	char *end;

	if (!read_head(listener, client, head))
		return;
	if (g_str_has_prefix(head, "GET /")) {
		end = head + strcspn(head, "\r\n");
		*end = '\0';
		end = head + 4 + strcspn(head + 4, " ?");
		*end = '\0';
		status = make_body(listener, head + 4, body);
	} else {
		g_string_append(body, "Only GET is served.\n");
	}
	g_string_printf(text,
			"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
			"Content-Length: %zu\r\nConnection: close\r\n\r\n",
			status, body->len);
	g_string_append_len(text, body->str, (ssize_t)body->len);
	write_all(listener, client, text);
	shutdown(client, SHUT_WR);
}

static void *run(void *data)
{
	nova_metrics_listener *listener = data;
	struct pollfd fds[] = { { .fd = listener->fd, .events = POLLIN }, { .fd = listener->stop, .events = POLLIN } };

	while (!fds[1].revents) {
		int client;

		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 || fds[1].revents || !fds[0].revents)
			continue;
		client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				g_usleep(100000); /* it stays readable: do not spin */
			continue;
		}
		answer(listener, client);
		close(client);
	}
	return NULL;
}

/* The address and port of "ADDRESS:PORT"; the address is the caller's to free. */
static bool split(const char *where, char **ret_address, uint16_t *ret_port, GError **error)
{
	const char *colon = strrchr(where, ':');
	uint64_t port;

	if (!colon || colon == where || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "metrics_listen is '%s', but must be ADDRESS:PORT, such as 127.0.0.1:9774", where);
	if (where[0] == '[' && colon[-1] == ']')
		*ret_address = g_strndup(where + 1, (size_t)(colon - where) - 2);
	else
		*ret_address = g_strndup(where, (size_t)(colon - where));
	*ret_port = (uint16_t)port;
	return true;
}

bool nova_metrics_listener_check(const char *where, GError **error)
{
	g_autofree char *address = NULL;
	uint16_t port;

	return !*where || split(where, &address, &port, error);
}

nova_metrics_listener *nova_metrics_listener_new(const char *where, const nova_metrics_source *source, GError **error)
{
	g_autofree char *address = NULL;
	uint16_t port;
	int fd;

	if (!split(where, &address, &port, error))
		return NULL;
	fd = nova_listen_socket(address, port, error);
	if (fd < 0)
		return NULL;
	nova_metrics_listener *listener = g_new0(nova_metrics_listener, 1);

	listener->source = *source;
	listener->fd = fd;
	listener->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	listener->port = nova_listen_socket_port(fd);
	listener->thread = g_thread_new("metrics", run, listener);
	return listener;
}

uint16_t nova_metrics_listener_port(const nova_metrics_listener *listener)
{
	return listener->port;
}

void nova_metrics_listener_free(nova_metrics_listener *listener)
{
	if (!listener)
		return;
	eventfd_write(listener->stop, 1);
	g_thread_join(listener->thread);
	close(listener->fd);
	close(listener->stop);
	g_free(listener);
}
