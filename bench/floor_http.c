/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor of an HTTP request: libmicrohttpd with the threads of nova-lite-api and a handler that does nothing.
 *
 *	floor_http WORKERS	serves on a port of the system's choice, which it prints
 *
 * As there, a request is handed to a worker while its connection is suspended, and answered on a later call.
 */
#include <glib.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static GThreadPool *workers;
static char served, handed;

static void work(void *connection, void *user)
{
	(void)user;
	MHD_resume_connection(connection);
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *data, size_t *size, void **state)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	(void)cls, (void)url, (void)method, (void)version, (void)data, (void)size;
	if (!*state) {
		*state = &handed;
		return MHD_YES;
	}
	if (*state == &handed) {
		*state = &served;
		MHD_suspend_connection(connection);
		g_thread_pool_push(workers, connection, NULL);
		return MHD_YES;
	}
	response = MHD_create_response_from_buffer(2, (char *)"{}", MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon;

	workers = g_thread_pool_new(work, NULL, argc > 1 ? atoi(argv[1]) : 4, FALSE, NULL);
	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, NULL,
				  MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_END);
	if (!daemon) {
		fputs("libmicrohttpd does not start\n", stderr);
		return 1;
	}
	printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	for (;;)
		pause();
}
