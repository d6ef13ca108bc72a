/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timer.h"

#include "unit.h"

typedef struct clock {
	GMutex lock;
	GCond ticked;
	unsigned ticks;
	unsigned run_usec;
} clock_face;

static void tick(void *data)
{
	clock_face *c = data;

	g_mutex_lock(&c->lock);
	c->ticks++;
	g_cond_broadcast(&c->ticked);
	g_mutex_unlock(&c->lock);
	g_usleep(c->run_usec);
}

/* True when the count is reached within a time. */
static bool wait_ticks(clock_face *c, unsigned want, int64_t ms)
{
	int64_t until = g_get_monotonic_time() + ms * 1000;
	bool reached;

	g_mutex_lock(&c->lock);
	while (c->ticks < want && g_cond_wait_until(&c->ticked, &c->lock, until))
		;
	reached = c->ticks >= want;
	g_mutex_unlock(&c->lock);
	return reached;
}

static void test_runs_at_once_and_again(void **state)
{
	clock_face c = { 0 };
	int64_t began = g_get_monotonic_time();
	nova_timer *t = nova_timer_new("test", 20, 0, tick, &c);

	(void)state;
	assert_true(wait_ticks(&c, 1, 1000));
	assert_true(wait_ticks(&c, 4, 5000));
	assert_true(g_get_monotonic_time() - began >= 3 * 20000);
	nova_timer_free(t);
}

static void test_wake_ends_the_pause(void **state)
{
	clock_face c = { 0 };
	nova_timer *t = nova_timer_new("test", 3600000, 20, tick, &c);

	(void)state;
	assert_true(wait_ticks(&c, 1, 1000));
	assert_false(wait_ticks(&c, 2, 30));
	nova_timer_wake(t);
	assert_true(wait_ticks(&c, 2, 1000));
	nova_timer_free(t);
}

/* News that come during a run were perhaps not seen by it. */
static void test_wake_during_a_run_is_remembered(void **state)
{
	clock_face c = { .run_usec = 50000 };
	nova_timer *t = nova_timer_new("test", 3600000, 0, tick, &c);

	(void)state;
	assert_true(wait_ticks(&c, 1, 1000));
	nova_timer_wake(t);
	assert_true(wait_ticks(&c, 2, 1000));
	nova_timer_free(t);
}

static void test_a_shorter_interval_takes_effect_now(void **state)
{
	clock_face c = { 0 };
	nova_timer *t = nova_timer_new("test", 3600000, 0, tick, &c);

	(void)state;
	assert_true(wait_ticks(&c, 1, 1000));
	g_usleep(10000);
	nova_timer_set_interval_ms(t, 5);
	assert_true(wait_ticks(&c, 3, 1000));
	nova_timer_free(t);
}

static void test_free_does_not_wait_for_the_pause(void **state)
{
	clock_face c = { 0 };
	int64_t began = g_get_monotonic_time();
	nova_timer *t = nova_timer_new("test", 3600000, 0, tick, &c);

	(void)state;
	assert_true(wait_ticks(&c, 1, 1000));
	nova_timer_free(t);
	nova_timer_free(NULL);
	assert_true(g_get_monotonic_time() - began < 2000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_at_once_and_again),
		cmocka_unit_test(test_wake_ends_the_pause),
		cmocka_unit_test(test_wake_during_a_run_is_remembered),
		cmocka_unit_test(test_a_shorter_interval_takes_effect_now),
		cmocka_unit_test(test_free_does_not_wait_for_the_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
