/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/unit.h"

#include "compute/offload.h"

static nova_offload_group group = { .what = "test", .fault = NOVA_FAULT_HYPERVISOR, .max_stuck = 3 };

typedef struct box {
	int sleep_ms, answer;
	bool fail, saw_abandoned;
} box;

static int cleared, came_late;

static void clear(void *args)
{
	(void)args;
	g_atomic_int_inc(&cleared);
}

static void late(void *args)
{
	(void)args;
	g_atomic_int_inc(&came_late);
}

static bool work(void *args, GError **error)
{
	box *b = args;

	g_usleep((unsigned long)b->sleep_ms * 1000);
	b->saw_abandoned = nova_offload_is_abandoned();
	if (b->fail)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "it is so");
	b->answer = 42;
	return true;
}

static nova_offload_call call_of(box *b)
{
	return (nova_offload_call){ .group = &group, .who = "libvirt of HostB", .work = work, .late = late, .args = b,
				    .clear = clear };
}

static bool is_soon(int *counter, int want)
{
	for (int i = 0; i < 200 && g_atomic_int_get(counter) != want; i++)
		g_usleep(10000);
	return g_atomic_int_get(counter) == want;
}

static void test_an_answer_comes_back(void **state)
{
	box *b = g_atomic_rc_box_new0(box);
	nova_offload_call call = call_of(b);
	g_autoptr(GError) error = NULL;
	bool abandoned = true;

	(void)state;
	cleared = 0;
	assert_ok(nova_offload_run(&call, nova_deadline_in_ms(5000), &abandoned, &error), error);
	assert_false(abandoned);
	assert_int_equal(b->answer, 42);
	assert_false(b->saw_abandoned);
	b->fail = true;
	assert_false(nova_offload_run(&call, nova_deadline_never(), &abandoned, &error));
	assert_false(abandoned);
	assert_fault(error, NOVA_FAULT_CONFLICT);
	g_atomic_rc_box_release_full(b, clear);
	assert_true(is_soon(&cleared, 1));
}

static void test_an_abandoned_call_is_counted_until_it_returns(void **state)
{
	box *b = g_atomic_rc_box_new0(box);
	nova_offload_call call = call_of(b);
	g_autoptr(GError) error = NULL;
	bool abandoned = false;
	int64_t begun = g_get_monotonic_time();

	(void)state;
	cleared = came_late = 0;
	b->sleep_ms = 300;
	assert_false(nova_offload_run(&call, nova_deadline_in_ms(50), &abandoned, &error));
	assert_true(g_get_monotonic_time() - begun < 250 * 1000);
	assert_true(abandoned);
	assert_fault(error, NOVA_FAULT_HYPERVISOR);
	assert_non_null(strstr(error->message, "libvirt of HostB does not answer"));
	assert_int_equal(nova_offload_stuck(&group), 1);
	assert_true(is_soon(&came_late, 1));
	assert_int_equal(nova_offload_stuck(&group), 0);
	assert_true(b->saw_abandoned);
	g_atomic_rc_box_release_full(b, clear);
	assert_true(is_soon(&cleared, 1));
}

static void test_too_many_stuck_calls_refuse_further_ones(void **state)
{
	box *slow = g_atomic_rc_box_new0(box), *quick = g_atomic_rc_box_new0(box);
	nova_offload_call slow_call = call_of(slow), quick_call = call_of(quick);
	g_autoptr(GError) error = NULL;

	(void)state;
	came_late = 0;
	slow->sleep_ms = 300;
	for (int i = 0; i < 3; i++)
		assert_false(nova_offload_run(&slow_call, nova_deadline_in_ms(10), NULL, NULL));
	assert_false(nova_offload_run(&quick_call, nova_deadline_in_ms(1000), NULL, &error));
	assert_fault(error, NOVA_FAULT_HYPERVISOR);
	assert_int_equal(quick->answer, 0);
	g_clear_error(&error);
	assert_true(is_soon(&came_late, 3));
	assert_ok(nova_offload_run(&quick_call, nova_deadline_in_ms(1000), NULL, &error), error);
	g_atomic_rc_box_release_full(slow, clear);
	g_atomic_rc_box_release_full(quick, clear);
}

static void test_start_does_not_wait(void **state)
{
	box *b = g_atomic_rc_box_new0(box);
	nova_offload_call call = call_of(b);

	(void)state;
	cleared = 0;
	b->sleep_ms = 50;
	nova_offload_start(&call);
	assert_int_equal(g_atomic_int_get(&cleared), 0);
	assert_true(is_soon(&cleared, 1));
	for (int i = 0; i < 500 && nova_offload_stuck(&group) > 0; i++) /* the thread counts itself out last */
		g_usleep(10000);
	assert_int_equal(nova_offload_stuck(&group), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_comes_back),
		cmocka_unit_test(test_an_abandoned_call_is_counted_until_it_returns),
		cmocka_unit_test(test_too_many_stuck_calls_refuse_further_ones),
		cmocka_unit_test(test_start_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
