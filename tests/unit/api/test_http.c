/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server over real sockets: what is kept alive, what is bounded, what is decoded.
 */
#include "api/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define MAX_BODY 4096

/* Answers with what it was asked; "/slow" takes half a second, "/wait" waits outside the workers. */
static void serve(void *user, const nova_http_request *request, nova_http_reply *reply)
{
	GString *text = g_string_new(NULL);
	nova_http **http = user;

	if (strcmp(request->path, "/slow") == 0)
		g_usleep(G_USEC_PER_SEC / 2);
	if (strcmp(request->path, "/wait") == 0) {
		assert_true(nova_http_wait_begin(*http));
		g_usleep(G_USEC_PER_SEC);
		nova_http_wait_end(*http);
	}
	g_string_append_printf(text, "%s %s peer=%s body=%zu", request->method, request->path, request->peer,
			       request->body_size);
	for (unsigned i = 0; i < request->query->len; i++) {
		const nova_http_pair *pair = request->query->pdata[i];

		g_string_append_printf(text, " [%s=%s]", pair->name, pair->value);
	}
	reply->status = request->too_large ? 413 : request->bad_query ? 400 : 200;
	reply->body_size = text->len;
	reply->body = g_string_free(text, FALSE);
	nova_http_reply_header(reply, "Vary", "One");
	nova_http_reply_header(reply, "Vary", "Two");
}

static nova_http *server;

static int start(void **state)
{
	const nova_http_options options = {
		.listen = "127.0.0.1",
		.workers = 2,
		.max_connections = 64,
		.timeout_s = 1,
		.max_body = MAX_BODY,
		.serve = serve,
		.user = &server,
	};

	(void)state;
	return nova_http_start(&options, &server, NULL) ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	g_clear_pointer(&server, nova_http_stop);
	return 0;
}

static int dial(void)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(nova_http_port(server)),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One whole response, read by its Content-Length; NULL when the connection ended before one began. */
static char *hear(int fd)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (;;) {
		const char *body = strstr(text->str, "\r\n\r\n");
		const char *length = body ? strstr(text->str, "Content-Length: ") : NULL;
		char c;

		if (body && length &&
		    strlen(body + 4) >= g_ascii_strtoull(length + strlen("Content-Length: "), NULL, 10))
			return g_string_free(g_steal_pointer(&text), FALSE);
		if (recv(fd, &c, 1, 0) != 1)
			return NULL;
		g_string_append_c(text, c);
	}
}

static void expect(int fd, const char *request, const char *status, const char *part)
{
	g_autofree char *answer = NULL;

	say(fd, request);
	answer = hear(fd);
	assert_non_null(answer);
	if (!g_str_has_prefix(answer, status) || !strstr(answer, part))
		fail_msg("'%s' is not '%s' with '%s'", answer, status, part);
}

/* Three requests with three methods on one connection, none of which is told to close. */
static void test_connections_are_kept(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 3; i++) {
		expect(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "GET /a peer=127.0.0.1 body=0");
		expect(fd, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200", "POST /b");
		expect(fd, "DELETE /c HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "DELETE /c");
	}
	say(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	{
		g_autofree char *answer = hear(fd);

		assert_non_null(answer);
		assert_null(strstr(answer, "Connection: close"));
		assert_non_null(strstr(answer, "Vary: One\r\n"));
		assert_non_null(strstr(answer, "Vary: Two\r\n"));
	}
	close(fd);
}

static void test_queries_are_decoded(void **state)
{
	int fd = dial();

	(void)state;
	expect(fd, "GET /p%20q?name=a+b%2Bc&empty=&none&x=%C3%A9 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200",
	       "GET /p%20q peer=127.0.0.1 body=0 [name=a b+c] [empty=] [none=] [x=\xc3\xa9]");
	expect(fd, "GET /?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400", "GET /");
	expect(fd, "GET /?a=%00 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400", "GET /");
	expect(fd, "GET /?a=%ff HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400", "GET /");
	close(fd);
}

static void test_announced_body_too_large(void **state)
{
	g_autofree char *body = g_strnfill(MAX_BODY + 1, 'x');
	g_autofree char *request =
		g_strdup_printf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n%s", body);
	int fd = dial();

	(void)state;
	expect(fd, request, "HTTP/1.1 413", "POST /");
	close(fd);
	/* Answered unread: its sender waits for that, or it is out of all reason. */
	fd = dial();
	expect(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\nExpect: 100-continue\r\n\r\n",
	       "HTTP/1.1 413", "POST /");
	close(fd);
	fd = dial();
	expect(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n", "HTTP/1.1 413", "POST /");
	close(fd);
	fd = dial();
	expect(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 4", "");
	close(fd);
}

static void test_chunked_body_too_large(void **state)
{
	g_autofree char *piece = g_strnfill(3000, 'x');
	g_autofree char *request = g_strdup_printf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
						   "bb8\r\n%s\r\nbb8\r\n%s\r\n0\r\n\r\n",
						   piece, piece);
	int fd = dial();

	(void)state;
	expect(fd, request, "HTTP/1.1 413", "POST /");
	close(fd);
}

static void test_largest_body(void **state)
{
	g_autofree char *body = g_strnfill(MAX_BODY, 'x');
	g_autofree char *request =
		g_strdup_printf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4096\r\n\r\n%s", body);
	int fd = dial();

	(void)state;
	expect(fd, request, "HTTP/1.1 200", "body=4096");
	close(fd);
}

static void test_headers_are_bounded(void **state)
{
	g_autofree char *long_value = g_strnfill(100000, 'x');
	g_autofree char *request = g_strdup_printf("GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", long_value);
	int fd = dial();
	g_autofree char *answer = NULL;

	(void)state;
	(void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
	answer = hear(fd);
	assert_true(!answer || !g_str_has_prefix(answer, "HTTP/1.1 200"));
	close(fd);
}

static void test_garbage_does_no_harm(void **state)
{
	static const char *const garbage[] = {
		"\r\n\r\n\r\n",           "GET\r\n\r\n",
		"\x16\x03\x01\x02",       "GET / HTTP/9.9\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(garbage); i++) {
		int fd = dial();

		say(fd, garbage[i]);
		shutdown(fd, SHUT_WR);
		g_free(hear(fd));
		close(fd);
	}
	test_connections_are_kept(state);
}

/* A client that sends nothing more is let go. */
static void test_idle_connections_end(void **state)
{
	int fd = dial();
	char c;

	(void)state;
	say(fd, "GET / HT");
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
}

/* More requests at once than workers, and requests that wait do not take the workers away. */
static void test_waiting_takes_no_worker(void **state)
{
	int waiting[8], fd;
	int64_t begun = g_get_monotonic_time();

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++) {
		waiting[i] = dial();
		say(waiting[i], "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	g_usleep(200000);
	fd = dial();
	expect(fd, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "GET /quick");
	assert_true(g_get_monotonic_time() - begun < 900000);
	for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++) {
		g_autofree char *answer = hear(waiting[i]);

		assert_non_null(answer);
		close(waiting[i]);
	}
	assert_true(g_get_monotonic_time() - begun < 2500000);
	close(fd);
}

/* Stopping lets the request that runs finish and be answered, and hangs on nobody. */
static void test_stop_during_a_request(void **state)
{
	int fd = dial(), idle = dial();
	int64_t begun = g_get_monotonic_time();
	g_autofree char *answer = NULL;

	say(fd, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	say(idle, "GET / HT");
	g_usleep(100000);
	stop(state);
	assert_true(g_get_monotonic_time() - begun < G_USEC_PER_SEC);
	answer = hear(fd);
	assert_non_null(answer);
	assert_true(g_str_has_prefix(answer, "HTTP/1.1 200"));
	close(fd);
	close(idle);
	assert_int_equal(start(state), 0);
}

static void test_address_in_use(void **state)
{
	const nova_http_options options = { .listen = "127.0.0.1", .port = nova_http_port(server), .workers = 1,
					    .max_connections = 8, .timeout_s = 1, .max_body = 1, .serve = serve };
	g_autoptr(GError) error = NULL;
	nova_http *second = NULL;

	(void)state;
	assert_false(nova_http_start(&options, &second, &error));
	assert_null(second);
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_CONFIG);
	assert_non_null(strstr(error->message, "127.0.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_are_kept),  cmocka_unit_test(test_queries_are_decoded),
		cmocka_unit_test(test_announced_body_too_large), cmocka_unit_test(test_chunked_body_too_large),
		cmocka_unit_test(test_largest_body),	       cmocka_unit_test(test_headers_are_bounded),
		cmocka_unit_test(test_garbage_does_no_harm),  cmocka_unit_test(test_idle_connections_end),
		cmocka_unit_test(test_waiting_takes_no_worker), cmocka_unit_test(test_stop_during_a_request),
		cmocka_unit_test(test_address_in_use),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
