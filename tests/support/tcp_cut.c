/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_cut.h"

#include <arpa/inet.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DELAY_USEC 150000

struct tcp_cut {
	int fd, port, server_port;
	char *word;
	GThread *acceptor;
	GMutex lock;
	GPtrArray *threads; /* of GThread */
	cut_how how;
	int count;
	int stopping;
};

typedef struct pair {
	tcp_cut *cut;
	int client, server;
} pair;

static int listen_anywhere(int *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		g_assert_not_reached();
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static bool send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		length -= (size_t)n;
	}
	return true;
}

/* What is armed, if the word is in `data'; disarms. */
static cut_how triggered(tcp_cut *cut, const char *data, size_t length)
{
	if (!memmem(data, length, cut->word, strlen(cut->word)))
		return CUT_NOTHING;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&cut->lock);
	cut_how how = cut->how;

	cut->how = CUT_NOTHING;
	cut->count += how != CUT_NOTHING;
	return how;
}

/* The server's answer, read and forgotten. */
static void swallow(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buffer[4096];

	if (poll(&p, 1, 2000) > 0 && recv(fd, buffer, sizeof(buffer), 0) < 0)
		return;
}

/* False: the pair is to be closed. */
static bool from_client(pair *p)
{
	char buffer[65536];
	ssize_t n = recv(p->client, buffer, sizeof(buffer), 0);

	if (n <= 0)
		return false;
	switch (triggered(p->cut, buffer, (size_t)n)) {
	case CUT_NOTHING:
		return send_all(p->server, buffer, (size_t)n);
	case CUT_BEFORE:
		return false;
	case CUT_DELAYED:
		shutdown(p->client, SHUT_RDWR);
		g_usleep(DELAY_USEC);
		break;
	case CUT_ANSWER:
		break;
	}
	if (send_all(p->server, buffer, (size_t)n))
		swallow(p->server);
	return false;
}

static bool from_server(pair *p)
{
	char buffer[65536];
	ssize_t n = recv(p->server, buffer, sizeof(buffer), 0);

	return n > 0 && send_all(p->client, buffer, (size_t)n);
}

static void *pump(void *arg)
{
	pair *p = arg;
	bool open = true;

	while (open && !g_atomic_int_get(&p->cut->stopping)) {
		struct pollfd fds[2] = { { .fd = p->client, .events = POLLIN },
					 { .fd = p->server, .events = POLLIN } };

		if (poll(fds, 2, 100) <= 0)
			continue;
		if (fds[0].revents)
			open = from_client(p);
		if (open && fds[1].revents)
			open = from_server(p);
	}
	close(p->client);
	close(p->server);
	g_free(p);
	return NULL;
}

static void *accept_all(void *arg)
{
	tcp_cut *cut = arg;

	while (!g_atomic_int_get(&cut->stopping)) {
		struct sockaddr_in to = { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					  .sin_port = htons((uint16_t)cut->server_port) };
		struct pollfd p = { .fd = cut->fd, .events = POLLIN };

		if (poll(&p, 1, 100) <= 0)
			continue;
		pair *made = g_new0(pair, 1);

		made->cut = cut;
		made->client = accept(cut->fd, NULL, NULL);
		made->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (made->client < 0 || connect(made->server, (struct sockaddr *)&to, sizeof(to))) {
			close(made->client);
			close(made->server);
			g_free(made);
			continue;
		}
		g_ptr_array_add(cut->threads, g_thread_new("cut", pump, made));
	}
	return NULL;
}

tcp_cut *tcp_cut_new(int server_port, const char *word)
{
	tcp_cut *cut = g_new0(tcp_cut, 1);

	cut->fd = listen_anywhere(&cut->port);
	cut->server_port = server_port;
	cut->word = g_strdup(word);
	cut->threads = g_ptr_array_new();
	g_mutex_init(&cut->lock);
	cut->acceptor = g_thread_new("cut", accept_all, cut);
	return cut;
}

void tcp_cut_free(tcp_cut *cut)
{
	g_atomic_int_set(&cut->stopping, 1);
	g_thread_join(cut->acceptor);
	for (unsigned i = 0; i < cut->threads->len; i++)
		g_thread_join(cut->threads->pdata[i]);
	g_ptr_array_unref(cut->threads);
	close(cut->fd);
	g_mutex_clear(&cut->lock);
	g_free(cut->word);
	g_free(cut);
}

int tcp_cut_port(const tcp_cut *cut)
{
	return cut->port;
}

void tcp_cut_arm(tcp_cut *cut, cut_how how)
{
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&cut->lock);

	cut->how = how;
}

int tcp_cut_count(tcp_cut *cut)
{
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&cut->lock);

	return cut->count;
}
