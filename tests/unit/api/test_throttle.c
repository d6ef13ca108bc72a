/* SPDX-License-Identifier: Apache-2.0 */
#include "api/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define S      INT64_C(1000000)
#define FREE_ONES 5
#define BEGIN  (1000 * S)
#define MINUTE (60 * S)

static void fail_often(nova_throttle *t, const char *key, unsigned times, int64_t now)
{
	for (unsigned i = 0; i < times; i++)
		nova_throttle_failed(t, key, FREE_ONES, now);
}

/* The wait after n failures, in seconds, by hand. */
static void test_waits_double_up_to_a_minute(void **state)
{
	static const int want[] = { 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60 };

	(void)state;
	for (unsigned n = 0; n < G_N_ELEMENTS(want); n++) {
		g_autoptr(nova_throttle) t = nova_throttle_new();

		fail_often(t, "alice", n, BEGIN);
		assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN), want[n] * S);
		assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN + want[n] * S), 0);
		assert_int_equal(nova_throttle_wait_us(t, "bob", BEGIN), 0);
	}
}

static void test_a_great_many_failures_do_not_overflow(void **state)
{
	g_autoptr(nova_throttle) t = nova_throttle_new();

	(void)state;
	fail_often(t, "alice", 100000, BEGIN);
	assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN), MINUTE);
}

static void test_success_and_time_clear(void **state)
{
	g_autoptr(nova_throttle) t = nova_throttle_new();

	(void)state;
	fail_often(t, "alice", 10, BEGIN);
	nova_throttle_succeeded(t, "alice");
	assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN), 0);
	fail_often(t, "alice", 5, BEGIN);
	assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN), 0);
	fail_often(t, "alice", 1, BEGIN + 14 * MINUTE); /* the sixth */
	assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN + 14 * MINUTE), S);
	fail_often(t, "alice", 5, BEGIN + 30 * MINUTE); /* more than a quarter of an hour later */
	assert_int_equal(nova_throttle_wait_us(t, "alice", BEGIN + 30 * MINUTE), 0);
}

static void test_memory_is_bounded_and_keeps_the_latest(void **state)
{
	g_autoptr(nova_throttle) t = nova_throttle_new();

	(void)state;
	for (unsigned i = 0; i < NOVA_THROTTLE_KEYS + 100; i++) {
		g_autofree char *key = g_strdup_printf("user%u", i);

		fail_often(t, key, 6, BEGIN + i);
	}
	assert_int_equal(nova_throttle_size(t), NOVA_THROTTLE_KEYS);
	assert_int_equal(nova_throttle_wait_us(t, "user99", BEGIN), 0);
	assert_true(nova_throttle_wait_us(t, "user100", BEGIN) > 0);
	fail_often(t, "later", 1, BEGIN + 20 * MINUTE);
	assert_int_equal(nova_throttle_size(t), 1);
}

static void test_networks(void **state)
{
	static const struct {
		const char *address, *network;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:2::9", "2001:db8:1:2::/64" },
		{ "::1", "::/64" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *network = nova_throttle_network(cases[i].address);

		assert_string_equal(network, cases[i].network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_double_up_to_a_minute),
		cmocka_unit_test(test_a_great_many_failures_do_not_overflow),
		cmocka_unit_test(test_success_and_time_clear),
		cmocka_unit_test(test_memory_is_bounded_and_keeps_the_latest),
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
