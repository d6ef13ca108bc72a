/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/migrate_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static nova_migrate_pace pace_of(const char *text, int64_t memory_mb)
{
	g_autoptr(nova_conf) conf = nova_conf_parse(text, "test.conf", NULL, NULL);

	assert_non_null(conf);
	return nova_migrate_pace_new(conf, memory_mb);
}

/* Nova's ladder for the defaults (500 ms, 10 steps, 75 s for each GiB), for a
 * guest of 3 GiB: a step every 225 s. */
static void test_ladder_grows_to_the_limit(void **state)
{
	static const struct {
		int64_t seconds;
		int want_ms; /* 0: no new step */
	} steps[] = {
		{ 0, 0 },     { 224, 0 },    { 225, 95 },   { 226, 0 },    { 450, 140 },  { 675, 185 },
		{ 900, 230 }, { 1125, 275 }, { 1350, 320 }, { 1575, 365 }, { 1800, 410 }, { 2025, 455 },
		{ 2250, 500 }, { 2475, 0 },  { 999999, 0 },
	};
	nova_migrate_pace pace = pace_of("", 3072);

	(void)state;
	assert_int_equal(nova_migrate_pace_downtime(&pace, 0), 50);
	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		assert_int_equal(nova_migrate_pace_step_at(&pace, steps[i].seconds), steps[i].want_ms);
}

static void test_a_late_look_takes_several_steps_at_once(void **state)
{
	nova_migrate_pace pace = pace_of("", 3072);

	(void)state;
	assert_int_equal(nova_migrate_pace_step_at(&pace, 1000), 230);
	assert_int_equal(nova_migrate_pace_step_at(&pace, 1001), 0);
}

static void test_small_guests_count_as_two_gib(void **state)
{
	nova_migrate_pace small = pace_of("", 64), large = pace_of("", 4097);

	(void)state;
	assert_int_equal(small.gib, 2);
	assert_int_equal(small.timeout_s, 1600);
	assert_int_equal(large.gib, 5);
}

static void test_zero_means_no_timeout(void **state)
{
	nova_migrate_pace pace = pace_of("[libvirt]\nlive_migration_completion_timeout = 0\n", 64);

	(void)state;
	pace.started_usec = 1; /* as long ago as can be */
	assert_false(nova_migrate_pace_is_over(&pace));
	pace.timeout_s = 0;
	assert_false(nova_migrate_pace_is_over(&pace));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladder_grows_to_the_limit),
		cmocka_unit_test(test_a_late_look_takes_several_steps_at_once),
		cmocka_unit_test(test_small_guests_count_as_two_gib),
		cmocka_unit_test(test_zero_means_no_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
