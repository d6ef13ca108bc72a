/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf_local.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

char *nova_conf_local_host(void)
{
	struct utsname name;

	/* Not g_get_host_name(), which answers for a process's whole life what it saw first. */
	return g_strdup(uname(&name) == 0 && name.nodename[0] ? name.nodename : "localhost");
}

/* Connecting a datagram socket only looks up the route.  The address is one of those set aside for
 * documentation (RFC 5737), so that even a misuse would reach nobody. */
char *nova_conf_local_address(void)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in self = { .sin_family = AF_INET };
	socklen_t length = sizeof(self);
	char text[INET_ADDRSTRLEN] = "127.0.0.1";
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return g_strdup(text);
	peer.sin_addr.s_addr = htonl(0xc0000201);
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&self, &length) == 0)
		inet_ntop(AF_INET, &self.sin_addr, text, sizeof(text));
	close(fd);
	return g_strdup(text);
}
