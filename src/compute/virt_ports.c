/* SPDX-License-Identifier: Apache-2.0
 *
 * The ports that memory is sent to: whether one is free here, and whether another host's are reached from here.
 */
#include "compute/offload.h"
#include "compute/virt.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* libvirt's default range for QEMU's incoming migrations; it takes the first free one. */
#define PORT_MIN 49152
#define PORT_MAX 49215
#define MAX_STUCK 32

/* ---- here ---- */

static bool can_bind(int port)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_ANY_INIT,
	};
	struct sockaddr_in address4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	bool ok;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return false;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		ok = bind(fd, (struct sockaddr *)&address4, sizeof(address4)) == 0;
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		ok = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	}
	/* Another's socket that listens makes this fail even where bind() does not. */
	ok = ok && listen(fd, 1) == 0;
	close(fd);
	return ok;
}

bool nova_virt_migration_ports(GError **error)
{
	for (int port = PORT_MIN; port <= PORT_MAX; port++)
		if (can_bind(port))
			return true;
	return nova_fail(
		error, NOVA_FAULT_MIGRATION_PRE_CHECK,
		"none of the ports %d to %d is free on this host: no migration can come in; `ss -ltnp' says who holds "
		"them",
		PORT_MIN, PORT_MAX);
}

/* ---- there ---- */

typedef struct knock {
	char *host;
	nova_deadline deadline;
} knock;

static void knock_clear(void *data)
{
	g_free(((knock *)data)->host);
}

/* 0: somebody is there, also if it is only to refuse; else an errno. */
static int knock_at(const struct addrinfo *address, int patience_ms)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), said = 0;
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(said);

	if (fd < 0)
		return errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
		said = errno;
	if (said == EINPROGRESS) {
		int n = poll(&poll_fd, 1, patience_ms);

		said = n == 0 ? ETIMEDOUT : n < 0 ? errno : 0;
		if (n > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &said, &length);
	}
	close(fd);
	return said == ECONNREFUSED ? 0 : said;
}

static bool run_knock(void *args, GError **error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	g_autofree char *port = g_strdup_printf("%d", PORT_MAX);
	const knock *k = args;
	struct addrinfo *all = NULL;
	int left = 0, said = EHOSTUNREACH, rc = getaddrinfo(k->host, port, &hints, &all);

	if (rc != 0)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "its name is not found: %s", gai_strerror(rc));
	for (const struct addrinfo *a = all; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = all; a && said != 0; a = a->ai_next, left--) {
		int patience_ms = nova_deadline_poll_ms(k->deadline, 60000) / left;

		said = knock_at(a, MAX(1, patience_ms));
	}
	freeaddrinfo(all);
	return said == 0 ||
	       nova_fail(error, NOVA_FAULT_HYPERVISOR, "port %d: %s", PORT_MAX,
			 said == ETIMEDOUT ? "no answer" : g_strerror(said));
}

bool nova_virt_migration_ports_answer(const char *address, int deadline_ms, GError **error)
{
	static nova_offload_group group = {
		.what = "name service", .fault = NOVA_FAULT_HYPERVISOR, .max_stuck = MAX_STUCK,
	};
	knock *k = g_atomic_rc_box_new0(knock);
	nova_offload_call call = { .group = &group, .who = address, .work = run_knock, .args = k,
				   .clear = knock_clear };
	g_autoptr(GError) failed = NULL;

	k->host = g_strdup(address);
	k->deadline = nova_deadline_in_ms(deadline_ms);
	/* A little later than the work itself gives up, so that its words are heard. */
	bool ok = nova_offload_run(&call, nova_deadline_in_ms(deadline_ms + 500), NULL, &failed);

	g_atomic_rc_box_release_full(k, knock_clear);
	return ok || nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
			       "the ports that memory is sent to, %d to %d at '%s', do not answer (%s): open them in "
			       "the firewalls between the hosts",
			       PORT_MIN, PORT_MAX, address, failed->message);
}
