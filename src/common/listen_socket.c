/* SPDX-License-Identifier: Apache-2.0 */
#include "common/listen_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int nova_listen_socket(const char *address, uint16_t port, GError **error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	g_autofree char *service = g_strdup_printf("%u", port);
	int status = getaddrinfo(address, service, &hints, &found);
	int fd, one = 1, zero = 0;

	if (status != 0) {
		nova_fail(error, NOVA_FAULT_CONFIG, "cannot listen on '%s': %s", address, gai_strerror(status));
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (found->ai_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	}
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 511) != 0) {
		nova_fail(error, NOVA_FAULT_CONFIG, "cannot listen on %s port %u: %s", address, port,
			  g_strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

uint16_t nova_listen_socket_port(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port :
						     ((struct sockaddr_in *)&address)->sin_port);
}
