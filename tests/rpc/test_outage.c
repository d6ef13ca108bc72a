/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker goes away, comes back, refuses, or stops listening, while messages flow.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* A sender that never pauses for long: casts numbered from 0, until told to stop. */
typedef struct cast_load {
	nova_bus *bus;
	nova_rpc_target target;
	GThread *thread;
	unsigned sent; /* accepted by nova_rpc_cast() */
	bool stop;
} cast_load;

static void *send_load(void *data)
{
	cast_load *load = data;

	while (!__atomic_load_n(&load->stop, __ATOMIC_ACQUIRE)) {
		g_autoptr(json_object) args = json_object_new_object();

		nova_json_add_int(args, "x", load->sent);
		if (nova_rpc_cast(load->bus, &load->target, "note", args, NULL, NULL))
			__atomic_add_fetch(&load->sent, 1, __ATOMIC_RELEASE);
		g_usleep(2000);
	}
	return NULL;
}

static void start_load(cast_load *load, nova_bus *bus, const char *topic, const char *host)
{
	load->bus = bus;
	load->target = (nova_rpc_target){ .topic = topic, .server = host };
	load->thread = g_thread_new("load", send_load, load);
}

static void end_load(cast_load *load)
{
	__atomic_store_n(&load->stop, true, __ATOMIC_RELEASE);
	g_thread_join(load->thread);
}

/* How often each number below `sent' arrived. */
static void count_arrivals(test_service *service, unsigned sent, unsigned *ret_missing, unsigned *ret_repeated)
{
	g_autofree unsigned *times = g_new0(unsigned, sent);

	g_mutex_lock(&service->lock);
	for (size_t i = 0; i < service->noted->len; i++) {
		uint64_t number = g_ascii_strtoull(service->noted->pdata[i], NULL, 10);

		if (number < sent)
			times[number]++;
	}
	g_mutex_unlock(&service->lock);
	*ret_missing = *ret_repeated = 0;
	for (unsigned i = 0; i < sent; i++) {
		*ret_missing += times[i] == 0;
		*ret_repeated += times[i] > 1;
	}
}

static unsigned missing_of(test_service *service, unsigned sent)
{
	unsigned missing, repeated;

	count_arrivals(service, sent, &missing, &repeated);
	return missing;
}

static void wait_for_all(test_service *service, unsigned sent)
{
	for (int i = 0; i < 3000 && missing_of(service, sent) > 0; i++)
		g_usleep(10000);
}

static void print_stats(nova_bus *bus, const char *who)
{
	nova_bus_stats s;

	nova_bus_get_stats(bus, &s);
	print_message("  %s: %lu sent, %lu confirmed, %lu returned, %lu resent, %lu dropped, %lu duplicates, %lu "
		      "connects\n",
		      who, (unsigned long)s.sent, (unsigned long)s.confirmed, (unsigned long)s.returned,
		      (unsigned long)s.resent, (unsigned long)s.dropped, (unsigned long)s.duplicates,
		      (unsigned long)s.connects);
}

/* Transient queues: what the broker held is lost with it, but what was sent while it was away arrives,
 * and nothing arrives twice. */
static void test_stop_app_under_load(void **state)
{
	nova_bus *client = test_bus_new(&(nova_bus_options){ .queue_limit = 10000 });
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "outage", "host1", 2);
	nova_rpc_target target = { .topic = "outage", .server = "host1" };
	cast_load load = { 0 };
	unsigned before, missing, repeated;

	(void)state;
	start_load(&load, client, "outage", "host1");
	g_usleep(500000);
	g_free(test_broker_ctl(the_broker, "stop_app", NULL, NULL, NULL));
	before = __atomic_load_n(&load.sent, __ATOMIC_ACQUIRE);
	assert_false(nova_bus_is_connected(client));
	g_usleep(500000);
	g_free(test_broker_ctl(the_broker, "start_app", NULL, NULL, NULL));
	for (int i = 0; i < 100 && !nova_rpc_call(client, &target, "echo", NULL, NULL, 5000, NULL, NULL); i++)
		g_usleep(100000); /* until the server has declared its queues again */
	end_load(&load);
	assert_true(load.sent > before + 100);
	for (int i = 0; i < 3000 && missing_of(service, load.sent) > missing_of(service, before); i++)
		g_usleep(10000);
	count_arrivals(service, load.sent, &missing, &repeated);
	print_message("  %u casts, %u of them before the outage was over, %u lost with the broker\n", load.sent, before,
		      missing);
	print_stats(client, "sender");
	assert_int_equal(missing, missing_of(service, before));
	assert_true(missing < 100);
	assert_int_equal(repeated, 0);
	test_service_free(service);
	nova_bus_free(bus);
	nova_bus_free(client);
}

/* Durable queues and SIGKILL: every cast that was accepted arrives, once. */
static void test_kill_under_load(void **state)
{
	nova_bus_options durable = { .queue_limit = 10000, .durable_queues = true, .control_exchange = "nova-durable" };
	nova_bus *client = test_bus_new(&durable);
	nova_bus *bus = test_bus_new(&durable);
	test_service *service = test_service_new(bus, "durable", "host1", 2);
	nova_rpc_target target = { .topic = "durable", .server = "host1" };
	cast_load load = { 0 };
	unsigned missing, repeated;
	nova_bus_stats stats;
	char *result;

	(void)state;
	start_load(&load, client, "durable", "host1");
	g_usleep(500000);
	test_broker_kill(the_broker);
	g_usleep(200000);
	assert_false(nova_bus_is_connected(client));
	test_broker_start(the_broker);
	result = test_call(client, &target, "echo", "{\"x\":\"back\"}");
	assert_string_equal(result, "\"back\"");
	g_free(result);
	end_load(&load);
	wait_for_all(service, load.sent);
	count_arrivals(service, load.sent, &missing, &repeated);
	print_message("  %u casts\n", load.sent);
	print_stats(client, "sender");
	print_stats(bus, "server");
	assert_int_equal(missing, 0);
	assert_int_equal(repeated, 0);
	nova_bus_get_stats(client, &stats);
	assert_int_equal(stats.connects, 2);
	assert_true(stats.resent > 0);
	test_service_free(service);
	nova_bus_free(bus);
	nova_bus_free(client);
}

static void fill_queue(nova_bus *bus, unsigned *ret_accepted, GError **error)
{
	nova_rpc_target target = { .topic = "blocked", .server = "host1" };
	g_autofree char *text = g_strnfill(20000, 'x');
	g_autoptr(json_object) args = json_object_new_object();

	nova_json_add_str(args, "x", text);
	while (*ret_accepted < 5000 && nova_rpc_cast(bus, &target, "note", args, NULL, error))
		(*ret_accepted)++;
}

static bool is_blocked(void *data)
{
	nova_bus_stats stats;

	nova_bus_get_stats(data, &stats);
	return stats.blocked;
}

static void set_memory_limit(const char *a, const char *b)
{
	g_free(test_broker_ctl(the_broker, "set_vm_memory_high_watermark", a, b, NULL));
}

/* A service can stop while the broker does not read. */
static void check_blocked_stop(void)
{
	nova_bus *bus = test_bus_new(NULL);
	nova_rpc_target target = { .topic = "blocked", .server = "host1" };
	int64_t begun;

	set_memory_limit("absolute", "1000");
	test_cast(bus, &target, "note", "{\"x\":0}");
	test_wait_until(is_blocked, bus, "the sender knows that it is blocked");
	begun = g_get_monotonic_time();
	nova_bus_stop(bus, 1000);
	assert_true(g_get_monotonic_time() - begun < 2500000);
	nova_bus_free(bus);
	set_memory_limit("0.4", NULL);
}

/* A broker short of memory stops reading: senders are not held up, the queue is bounded, and all that
 * was accepted arrives when the broker reads again. */
static void test_blocked_broker(void **state)
{
	nova_bus *client = test_bus_new(&(nova_bus_options){ .queue_limit = 100 });
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "blocked", "host1", 2);
	nova_rpc_target target = { .topic = "blocked", .server = "host1" };
	g_autoptr(GError) error = NULL;
	unsigned accepted = 0;
	int64_t begun;
	char *text;

	(void)state;
	set_memory_limit("absolute", "1000");
	test_cast(client, &target, "note", "{\"x\":0}"); /* the broker tells only those who send */
	test_wait_until(is_blocked, client, "the sender knows that it is blocked");
	begun = g_get_monotonic_time();
	fill_queue(client, &accepted, &error);
	assert_true(g_get_monotonic_time() - begun < 1000000);
	assert_in_range(accepted, 98, 100);
	assert_true(nova_error_is(error, NOVA_FAULT_MESSAGING));
	assert_false(nova_bus_is_connected(client));
	begun = g_get_monotonic_time();
	text = test_call_fails(client, &target, "echo", "{}", 300, NOVA_FAULT_MESSAGING);
	g_free(text);
	set_memory_limit("0.4", NULL);
	test_service_wait(service, NULL, accepted + 1);
	check_blocked_stop();
	test_service_free(service);
	nova_bus_free(bus);
	nova_bus_free(client);
}

/* Somebody deletes a queue under a server: it notices and declares it again. */
static void test_deleted_queue(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	test_service *service = test_service_new(bus, "deleted", "host1", 1);
	nova_rpc_target target = { .topic = "deleted", .server = "host1" };

	(void)state;
	g_free(test_broker_ctl(the_broker, "delete_queue", "deleted.host1", NULL, NULL));
	/* Sent while there is no queue: returned, kept, tried again. */
	test_cast(bus, &target, "note", "{\"x\":1}");
	test_service_wait(service, "1", 1);
	test_service_free(service);
	nova_bus_free(bus);
}

/* Nothing to say for longer than the broker's patience. */
static void test_idle_connections(void **state)
{
	nova_bus *bus = test_bus_new(&(nova_bus_options){ .heartbeat_s = 1 });
	test_service *service = test_service_new(bus, "idle", "host1", 1);
	nova_rpc_target target = { .topic = "idle", .server = "host1" };
	nova_bus_stats stats;

	(void)state;
	g_free(test_call(bus, &target, "notes", NULL));
	g_usleep(5000000);
	assert_true(nova_rpc_server_is_listening(service->server));
	g_free(test_call(bus, &target, "notes", NULL));
	nova_bus_get_stats(bus, &stats);
	assert_int_equal(stats.connects, 1);
	test_service_free(service);
	nova_bus_free(bus);
}

static bool is_away(void *data)
{
	return !nova_bus_is_connected(data);
}

/* A broker that is frozen keeps its connections open: only missing heartbeats tell. */
static void test_frozen_broker(void **state)
{
	nova_bus *bus = test_bus_new(&(nova_bus_options){ .heartbeat_s = 1, .connect_timeout_ms = 1000 });
	test_service *service = test_service_new(bus, "frozen", "host1", 1);
	nova_rpc_target target = { .topic = "frozen", .server = "host1" };

	(void)state;
	test_broker_pause(the_broker);
	test_cast(bus, &target, "note", "{\"x\":1}");
	test_wait_until(is_away, bus, "the connection is given up");
	test_cast(bus, &target, "note", "{\"x\":2}");
	test_broker_resume(the_broker);
	test_service_wait(service, "1", 1);
	test_service_wait(service, "2", 1);
	assert_int_equal(test_service_count(service, NULL), 2);
	test_service_free(service);
	nova_bus_free(bus);
}

/* Something listens at the port and never says a word. */
static void test_silent_broker(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_autofree char *url = NULL;
	nova_bus_options options = { .connect_timeout_ms = 500 };
	nova_rpc_target target = { .topic = "silent" };
	nova_bus *bus;
	int64_t begun;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	options.transport_url = url = g_strdup_printf("rabbit://127.0.0.1:%u/", ntohs(address.sin_port));
	bus = nova_bus_new(&options, NULL);
	nova_bus_start(bus);
	begun = g_get_monotonic_time();
	g_free(test_call_fails(bus, &target, "echo", "{}", 700, NOVA_FAULT_MESSAGING_TIMEOUT));
	nova_bus_free(bus);
	assert_true(g_get_monotonic_time() - begun < 3000000);
	close(fd);
}

/* The first broker of the list is dead, the second not. */
static void test_second_broker(void **state)
{
	g_autofree char *url = g_strdup_printf("rabbit://guest:guest@127.0.0.1:1,guest:guest@127.0.0.1:%u/",
					       test_broker_port(the_broker));
	nova_bus *bus = test_bus_new(&(nova_bus_options){ .transport_url = url });

	(void)state;
	nova_bus_free(bus);
}

/* Errors that trying again will not cure must neither crash nor hang, also not at the end. */
static void test_refused(void **state)
{
	g_autofree char *url =
		g_strdup_printf("rabbit://guest:wrong@127.0.0.1:%u/", test_broker_port(the_broker));
	nova_bus_options options = { .transport_url = url };
	nova_bus *bus = nova_bus_new(&options, NULL);
	nova_rpc_target target = { .topic = "refused" };
	int64_t begun;
	char *text;

	(void)state;
	nova_bus_start(bus);
	assert_false(nova_bus_wait_connected(bus, 500));
	test_cast(bus, &target, "note", "{\"x\":1}");
	text = test_call_fails(bus, &target, "notes", "{}", 200, NOVA_FAULT_MESSAGING_TIMEOUT);
	g_free(text);
	begun = g_get_monotonic_time();
	nova_bus_free(bus);
	assert_true(g_get_monotonic_time() - begun < 2000000);
}

/* Two services that disagree about durability: the later one says so and waits, nothing else breaks. */
static void test_other_properties(void **state)
{
	nova_bus *bus = test_bus_new(NULL);
	nova_bus_options durable = { .transport_url = test_broker_url(the_broker), .durable_queues = true };
	nova_bus *other = nova_bus_new(&durable, NULL);
	test_service *service = test_service_new(bus, "disagree", "host1", 1);
	test_service *second = test_service_start(other, "disagree", "host1", 1);
	nova_rpc_target target = { .topic = "disagree" };

	(void)state;
	nova_bus_start(other);
	assert_false(nova_rpc_server_wait_listening(second->server, 500));
	g_free(test_call(bus, &target, "notes", NULL));
	test_service_free(second);
	test_service_free(service);
	nova_bus_free(other);
	nova_bus_free(bus);
}

int run_outage_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_broker),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_other_properties),
		cmocka_unit_test(test_deleted_queue),
		cmocka_unit_test(test_idle_connections),
		cmocka_unit_test(test_silent_broker),
		cmocka_unit_test(test_frozen_broker),
		cmocka_unit_test(test_blocked_broker),
		cmocka_unit_test(test_stop_app_under_load),
		cmocka_unit_test(test_kill_under_load),
	};

	return cmocka_run_group_tests_name("outages", tests, NULL, NULL);
}
