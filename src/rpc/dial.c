/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/dial.h"

#include "common/error.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0 or an errno. */
static int finish_connect(int fd, int64_t deadline_usec)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int problem = 0;

	for (;;) {
		int64_t left_ms = (deadline_usec - g_get_monotonic_time()) / 1000;
		int ready = left_ms > 0 ? poll(&wait, 1, (int)left_ms) : 0;

		if (ready == 0)
			return ETIMEDOUT;
		if (ready > 0)
			break;
		if (errno != EINTR)
			return errno;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) < 0 ? errno : problem;
}

/* Returns the socket, or -1 with *ret_problem. */
static int dial_one(const struct addrinfo *address, int64_t deadline_usec, int *ret_problem)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);

	if (fd < 0) {
		*ret_problem = errno;
		return -1;
	}
	*ret_problem = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
	if (*ret_problem == EINPROGRESS)
		*ret_problem = finish_connect(fd, deadline_usec);
	if (*ret_problem == 0)
		return fd;
	close(fd);
	return -1;
}

int nova_dial(const char *host, unsigned port, unsigned timeout_ms, GError **error)
{
	int64_t deadline_usec = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	g_autofree char *service = g_strdup_printf("%u", port);
	struct addrinfo *list = NULL;
	int problem = getaddrinfo(host, service, &hints, &list);
	int fd = -1;

	if (problem != 0) {
		nova_fail(error, NOVA_FAULT_MESSAGING, "cannot resolve '%s': %s", host, gai_strerror(problem));
		return -1;
	}
	for (const struct addrinfo *address = list; address && fd < 0; address = address->ai_next)
		fd = dial_one(address, deadline_usec, &problem);
	freeaddrinfo(list);
	if (fd < 0)
		nova_fail(error, NOVA_FAULT_MESSAGING, "cannot connect to %s port %u: %s", host, port,
			  g_strerror(problem));
	return fd;
}
