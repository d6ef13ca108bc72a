/* SPDX-License-Identifier: Apache-2.0 */
#include "common/deadline.h"

#include "unit.h"

static void test_remaining_counts_down(void **state)
{
	nova_deadline d = nova_deadline_in_ms(30);

	(void)state;
	assert_false(nova_deadline_is_expired(d));
	assert_in_range(nova_deadline_remaining_ms(d), 1, 30);
	g_usleep(31000);
	assert_true(nova_deadline_is_expired(d));
	assert_int_equal(nova_deadline_remaining_ms(d), 0);
	assert_int_equal(nova_deadline_poll_ms(d, 1000), 0);
}

static void test_remaining_is_rounded_up(void **state)
{
	int64_t began, left;

	(void)state;
	/* 99.9 ms left must not become a wait of 99.  Looked at again when something got in between. */
	do {
		began = nova_boottime_usec();
		left = nova_deadline_remaining_ms((nova_deadline){ began + 99900 });
	} while (nova_boottime_usec() - began > 500);
	assert_int_equal(left, 100);
}

static void test_never_and_extremes(void **state)
{
	nova_deadline never = nova_deadline_never();

	(void)state;
	assert_false(nova_deadline_is_expired(never));
	assert_true(nova_deadline_is_never(never));
	assert_true(nova_deadline_remaining_ms(never) == INT64_MAX);
	assert_int_equal(nova_deadline_poll_ms(never, 250), 250);
	assert_true(nova_deadline_is_never(nova_deadline_in_ms(INT64_MAX)));
	assert_true(nova_deadline_is_expired(nova_deadline_in_ms(0)));
	assert_true(nova_deadline_is_expired(nova_deadline_in_ms(-5)));
}

static void test_the_nearer_one(void **state)
{
	nova_deadline soon = nova_deadline_in_ms(10), late = nova_deadline_in_ms(10000);

	(void)state;
	assert_int_equal(nova_deadline_min(soon, late).at_usec, soon.at_usec);
	assert_int_equal(nova_deadline_min(nova_deadline_never(), late).at_usec, late.at_usec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remaining_counts_down),
		cmocka_unit_test(test_remaining_is_rounded_up),
		cmocka_unit_test(test_never_and_extremes),
		cmocka_unit_test(test_the_nearer_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
