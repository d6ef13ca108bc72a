/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service_notify.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void nova_service_notify(const char *state)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	g_autofree char *text = NULL;
	size_t length = path ? strlen(path) : 0;
	int fd;

	if (length == 0 || length >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	memcpy(to.sun_path, path, length);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	/* Type=notify-reload wants to know since when. */
	text = g_strcmp0(state, "RELOADING=1") == 0 ?
	       g_strdup_printf("%s\nMONOTONIC_USEC=%" G_GINT64_FORMAT, state, g_get_monotonic_time()) :
	       g_strdup(state);
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}

int64_t nova_service_watchdog_usec(void)
{
	const char *usec = g_getenv("WATCHDOG_USEC"), *pid = g_getenv("WATCHDOG_PID");
	int64_t value;

	if (!usec || (pid && g_ascii_strtoll(pid, NULL, 10) != getpid()))
		return 0;
	value = g_ascii_strtoll(usec, NULL, 10);
	return value > 0 ? value : 0;
}
