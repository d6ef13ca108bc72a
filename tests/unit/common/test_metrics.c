/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics.h"

#include "common/listen_socket.h"
#include "common/metrics_listener.h"
#include "unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static char *text_now(void)
{
	GString *out = g_string_new(NULL);

	nova_metrics_print(out);
	return g_string_free(out, FALSE);
}

static void assert_has(const char *text, const char *line)
{
	g_autofree char *whole = g_strconcat("\n", line, "\n", NULL);

	if (!strstr(text, whole))
		fail_msg("'%s' is not in:\n%s", line, text);
}

/* ---- counting ---- */

static void test_what_is_not_declared_does_not_count(void **state)
{
	g_autofree char *text = NULL;

	(void)state;
	nova_metric_add(NOVA_METRIC_DB_WAITS, 0, 0, 1);
	nova_metric_observe(NOVA_METRIC_DB_SECONDS, 0, 1);
	text = text_now();
	assert_string_equal(text, "");
}

static void test_text(void **state)
{
	static const char *const routes[] = { "GET /a", "odd \"\\", "other", NULL };
	static const char *const codes[] = { "200", "other", NULL };
	g_autofree char *text = NULL;

	(void)state;
	nova_metrics_declare(NOVA_METRIC_HTTP_REQUESTS, routes, codes);
	nova_metrics_declare(NOVA_METRIC_RPC_CONNECTED, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_DB_WAITS, NULL, NULL);
	nova_metrics_declare(NOVA_METRIC_DB_WAITS, routes, NULL); /* too late */
	nova_metric_add(NOVA_METRIC_HTTP_REQUESTS, 0, 0, 2);
	nova_metric_add(NOVA_METRIC_HTTP_REQUESTS, 1, 1, 1);
	nova_metric_add(NOVA_METRIC_HTTP_REQUESTS, 99, 99, 7); /* never beyond the labels there are */
	nova_metric_set(NOVA_METRIC_RPC_CONNECTED, 0, 0, 0.5);
	text = text_now();
	assert_string_equal(text, "# HELP nova_lite_http_requests_total Requests answered, by route and HTTP status.\n"
				  "# TYPE nova_lite_http_requests_total counter\n"
				  "nova_lite_http_requests_total{route=\"GET /a\",status=\"200\"} 2\n"
				  "nova_lite_http_requests_total{route=\"odd \\\"\\\\\",status=\"other\"} 1\n"
				  "nova_lite_http_requests_total{route=\"other\",status=\"other\"} 7\n"
				  "# HELP nova_lite_rpc_connected 1 while the message broker can be reached.\n"
				  "# TYPE nova_lite_rpc_connected gauge\n"
				  "nova_lite_rpc_connected 0.5\n"
				  "# HELP nova_lite_db_pool_waits_total Times all connections were in use and somebody "
				  "had to wait.\n"
				  "# TYPE nova_lite_db_pool_waits_total counter\n"
				  "nova_lite_db_pool_waits_total 0\n");
	nova_metric_clear(NOVA_METRIC_RPC_CONNECTED);
	g_free(text);
	text = text_now();
	assert_has(text, "nova_lite_rpc_connected 0");
}

static void test_histograms_add_up(void **state)
{
	g_autofree char *text = NULL;

	(void)state;
	nova_metrics_declare(NOVA_METRIC_DB_SECONDS, NULL, NULL);
	nova_metric_observe(NOVA_METRIC_DB_SECONDS, 0, 0.001); /* a bound belongs to its bucket */
	nova_metric_observe(NOVA_METRIC_DB_SECONDS, 0, 0.2);
	nova_metric_observe(NOVA_METRIC_DB_SECONDS, 0, 1e6);
	text = text_now();
	assert_has(text, "nova_lite_db_statement_seconds_bucket{le=\"0.001\"} 1");
	assert_has(text, "nova_lite_db_statement_seconds_bucket{le=\"0.1\"} 1");
	assert_has(text, "nova_lite_db_statement_seconds_bucket{le=\"0.25\"} 2");
	assert_has(text, "nova_lite_db_statement_seconds_bucket{le=\"1800\"} 2");
	assert_has(text, "nova_lite_db_statement_seconds_bucket{le=\"+Inf\"} 3");
	assert_has(text, "nova_lite_db_statement_seconds_sum 1000000.201");
	assert_has(text, "nova_lite_db_statement_seconds_count 3");
}

static void *count_many(void *data)
{
	for (int i = 0; i < 100000; i++) {
		nova_metric_add(NOVA_METRIC_OPERATIONS_ENDED, 0, 0, 1);
		nova_metric_observe(NOVA_METRIC_MIGRATION_SECONDS, 0, 1);
	}
	return data;
}

static void test_nothing_is_lost_between_threads(void **state)
{
	static const char *const kinds[] = { "build", NULL }, *const states[] = { "done", NULL };
	GThread *threads[4];
	g_autofree char *text = NULL;

	(void)state;
	nova_metrics_declare(NOVA_METRIC_OPERATIONS_ENDED, kinds, states);
	nova_metrics_declare(NOVA_METRIC_MIGRATION_SECONDS, NULL, NULL);
	for (int i = 0; i < 4; i++)
		threads[i] = g_thread_new("count", count_many, NULL);
	for (int i = 0; i < 4; i++)
		g_thread_join(threads[i]);
	text = text_now();
	assert_has(text, "nova_lite_operations_ended_total{kind=\"build\",state=\"done\"} 400000");
	assert_has(text, "nova_lite_migration_seconds_count 400000");
	assert_has(text, "nova_lite_migration_seconds_sum 400000");
}

/* Prometheus' rules for names, and ours for tables. */
static void test_the_table(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

	(void)state;
	for (int i = 0; i < NOVA_METRIC__COUNT; i++) {
		const nova_metric_row *row = &nova_metric_rows[i];

		print_message("  %s\n", row->name);
		assert_true(g_str_has_prefix(row->name, "nova_lite_"));
		assert_int_equal(row->name[strspn(row->name, letters)], '\0');
		assert_int_equal(g_str_has_suffix(row->name, "_total"), row->type == NOVA_METRIC_COUNTER);
		if (row->type == NOVA_METRIC_HISTOGRAM)
			assert_true(g_str_has_suffix(row->name, "_seconds"));
		assert_true(g_str_has_suffix(row->help, "."));
		assert_null(strpbrk(row->help, "\n\\"));
		assert_int_equal(row->labels[strspn(row->labels, "abcdefghijklmnopqrstuvwxyz_,")], '\0');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(row->name, nova_metric_rows[k].name);
	}
}

/* ---- asking ---- */

static bool well = true;
static int collected;

static void collect(void *data)
{
	(*(int *)data)++;
}

static bool is_well(void *data, char **ret_why)
{
	(void)data;
	if (!well)
		*ret_why = g_strdup("no lease");
	return well;
}

static int connect_to(const nova_metrics_listener *listener)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(nova_metrics_listener_port(listener)),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* What comes until the connection is closed. */
static char *read_all(int fd)
{
	GString *text = g_string_new(NULL);
	char piece[4096];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
		g_string_append_len(text, piece, n);
	close(fd);
	return g_string_free(text, FALSE);
}

static char *request(const nova_metrics_listener *listener, const char *text)
{
	int fd = connect_to(listener);

	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	return read_all(fd);
}

static void test_listener(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET /healthcheck?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n" },
		{ "POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n" },
		{ "\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n" },
	};
	const nova_metrics_source source = { collect, is_well, &collected };
	g_autoptr(GError) error = NULL;
	nova_metrics_listener *listener = nova_metrics_listener_new("127.0.0.1:0", &source, &error);
	g_autofree char *metrics = NULL;
	g_autofree char *ill = NULL;

	(void)state;
	assert_non_null(listener);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *answer = request(listener, cases[i].request);

		if (!g_str_has_prefix(answer, cases[i].answer))
			fail_msg("%s -> %s", cases[i].request, answer);
	}
	assert_int_equal(collected, 0);
	metrics = request(listener, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_int_equal(collected, 1);
	assert_non_null(strstr(metrics, "Content-Type: text/plain; version=0.0.4"));
	assert_non_null(strstr(metrics, "\r\n\r\n# HELP "));
	well = false;
	ill = request(listener, "GET /healthcheck HTTP/1.1\r\n\r\n");
	assert_true(g_str_has_prefix(ill, "HTTP/1.1 503 "));
	assert_non_null(strstr(ill, "\r\n\r\nno lease\n"));
	nova_metrics_listener_free(listener);
}

/* One that says nothing, and one that says too much, are let go; others wait for them no longer than that. */
static void test_rude_clients(void **state)
{
	g_autofree char *much = g_strnfill(5000, 'x');
	const nova_metrics_source source = { 0 };
	nova_metrics_listener *listener = nova_metrics_listener_new("[::1]:0", &source, NULL);
	int64_t begun = g_get_monotonic_time();
	g_autofree char *answer = NULL;
	g_autofree char *nothing = NULL;

	(void)state;
	if (listener) /* without IPv6 there is nothing to see here */
		nova_metrics_listener_free(listener);
	listener = nova_metrics_listener_new("127.0.0.1:0", &source, NULL);
	assert_non_null(listener);
	int silent = connect_to(listener);

	nothing = request(listener, much);
	assert_string_equal(nothing, "");
	answer = request(listener, "GET /healthcheck HTTP/1.1\r\n\r\n");
	assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 OK"));
	assert_true(g_get_monotonic_time() - begun < 4 * G_USEC_PER_SEC);
	close(silent);
	silent = connect_to(listener); /* nobody waits for it at the end */
	begun = g_get_monotonic_time();
	nova_metrics_listener_free(listener);
	assert_true(g_get_monotonic_time() - begun < G_USEC_PER_SEC);
	close(silent);
}

static void test_where(void **state)
{
	static const char *const bad[] = { "9774", ":9774", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "a:b" };

	(void)state;
	assert_true(nova_metrics_listener_check("", NULL));
	assert_true(nova_metrics_listener_check("[::]:9774", NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(nova_metrics_listener_check(bad[i], &error));
		assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
		assert_non_null(strstr(error->message, "ADDRESS:PORT"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_declared_does_not_count),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_histograms_add_up),
		cmocka_unit_test(test_nothing_is_lost_between_threads),
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_rude_clients),
		cmocka_unit_test(test_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
