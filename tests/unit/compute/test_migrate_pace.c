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
	return nova_migrate_pace_new(conf, memory_mb, 0);
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
	assert_int_equal(nova_migrate_pace_judge(&pace), NOVA_PACE_GOOD);
}

/* A copy that an earlier daemon has begun gets no new time. */
static void test_time_counts_from_the_permit(void **state)
{
	g_autoptr(nova_conf) conf =
		nova_conf_parse("[libvirt]\nlive_migration_completion_timeout = 10\n", "test.conf", NULL, NULL);
	nova_migrate_pace fresh = nova_migrate_pace_new(conf, 64, 0), late = nova_migrate_pace_new(conf, 64, 15000),
			  over = nova_migrate_pace_new(conf, 64, 20001);

	(void)state;
	assert_int_equal(nova_migrate_pace_judge(&fresh), NOVA_PACE_GOOD); /* 10 s for each of 2 GiB */
	assert_int_equal(nova_migrate_pace_judge(&late), NOVA_PACE_GOOD);
	assert_int_equal(nova_migrate_pace_judge_at(&late, late.started_usec + 19999999), NOVA_PACE_GOOD);
	assert_int_equal(nova_migrate_pace_judge_at(&late, late.started_usec + 20000000), NOVA_PACE_OVER_TIME);
	assert_int_equal(nova_migrate_pace_judge(&over), NOVA_PACE_OVER_TIME);
}

#define MIB (INT64_C(1) << 20)
#define SEC INT64_C(1000000)
#define WATCH "[libvirt]\nlive_migration_completion_timeout = 0\nlive_migration_progress_timeout = 10\n" \
	      "live_migration_convergence_timeout = 10\n"

/* Looks twice a second for `seconds' from *now on; mib_s 0: not a byte moves. */
static nova_pace_verdict look_for(nova_migrate_pace *pace, int64_t *now, int64_t *sent, int seconds, int mib_s,
				  int64_t remaining, int round)
{
	for (int i = 0; i < 2 * seconds; i++) {
		*now += SEC / 2;
		*sent += mib_s * MIB / 2;
		nova_migrate_pace_note_at(pace, *sent, MAX(remaining - i * mib_s * MIB / 2, 1), round, *now);
	}
	return nova_migrate_pace_judge_at(pace, *now);
}

static void test_no_byte_is_a_stall(void **state)
{
	nova_migrate_pace pace = pace_of(WATCH, 64);
	int64_t now = 1000 * SEC, sent = 0;

	(void)state;
	assert_int_equal(look_for(&pace, &now, &sent, 5, 10, 500 * MIB, 1), NOVA_PACE_GOOD);
	assert_int_equal(look_for(&pace, &now, &sent, 9, 0, 450 * MIB, 1), NOVA_PACE_GOOD);
	sent++; /* one byte is life */
	assert_int_equal(look_for(&pace, &now, &sent, 10, 0, 450 * MIB, 1), NOVA_PACE_GOOD);
	assert_int_equal(look_for(&pace, &now, &sent, 1, 0, 450 * MIB, 1), NOVA_PACE_STALLED);
	assert_int_equal(look_for(&pace, &now, &sent, 1, 1, 450 * MIB, 1), NOVA_PACE_GOOD);
}

/* The connection was never made: nothing was ever transferred. */
static void test_a_copy_that_never_begins_is_a_stall(void **state)
{
	nova_migrate_pace pace = pace_of(WATCH, 64);
	int64_t now = 1000 * SEC, sent = 0;

	(void)state;
	assert_int_equal(look_for(&pace, &now, &sent, 10, 0, 0, 0), NOVA_PACE_GOOD);
	assert_int_equal(look_for(&pace, &now, &sent, 1, 0, 0, 0), NOVA_PACE_STALLED);
}

static void test_time_that_was_not_watched_does_not_count(void **state)
{
	nova_migrate_pace pace = pace_of(WATCH, 64);

	(void)state;
	nova_migrate_pace_note_at(&pace, 5 * MIB, 100 * MIB, 1, 1000 * SEC);
	nova_migrate_pace_note_at(&pace, 5 * MIB, 100 * MIB, 1, 2000 * SEC);
	assert_int_equal(pace.still_usec, NOVA_PACE_GAP_USEC);
	assert_int_equal(nova_migrate_pace_judge_at(&pace, 2000 * SEC), NOVA_PACE_GOOD);
}

/* What remains goes up and down in each round: only what rounds begin with says whether it gets less. */
static void test_rounds_that_get_no_smaller_do_not_converge(void **state)
{
	nova_migrate_pace pace = pace_of(WATCH, 64);
	int64_t now = 1000 * SEC, sent = 0;

	(void)state;
	assert_int_equal(look_for(&pace, &now, &sent, 60, 10, 600 * MIB, 1), NOVA_PACE_GOOD); /* long, but the first */
	assert_int_equal(look_for(&pace, &now, &sent, 8, 10, 80 * MIB, 2), NOVA_PACE_GOOD);
	assert_int_equal(look_for(&pace, &now, &sent, 8, 10, 80 * MIB, 3), NOVA_PACE_GOOD);
	assert_int_equal(look_for(&pace, &now, &sent, 8, 10, 81 * MIB, 4), NOVA_PACE_GOOD); /* one round was stale */
	assert_int_equal(look_for(&pace, &now, &sent, 1, 10, 80 * MIB, 5), NOVA_PACE_NOT_CONVERGING);
}

static void test_rounds_that_get_smaller_converge(void **state)
{
	nova_migrate_pace pace = pace_of(WATCH, 64);
	int64_t now = 1000 * SEC, sent = 0;

	(void)state;
	for (int round = 1; round < 20; round++)
		assert_int_equal(look_for(&pace, &now, &sent, 8, 10, (200 - round) * MIB, round), NOVA_PACE_GOOD);
	/* A round as long as all those before is no standstill either. */
	assert_int_equal(look_for(&pace, &now, &sent, 600, 10, 500 * MIB, 20), NOVA_PACE_GOOD);
}

static void test_zero_watches_nothing(void **state)
{
	nova_migrate_pace pace = pace_of("[libvirt]\nlive_migration_completion_timeout = 0\n"
					 "live_migration_progress_timeout = 0\n",
					 64);
	int64_t now = 1000 * SEC, sent = 0;

	(void)state;
	for (int round = 1; round < 10; round++)
		assert_int_equal(look_for(&pace, &now, &sent, 100, 0, 80 * MIB, round), NOVA_PACE_GOOD);
}

static void test_every_verdict_has_words(void **state)
{
	(void)state;
	assert_null(nova_pace_verdict_text(NOVA_PACE_GOOD));
	for (nova_pace_verdict v = NOVA_PACE_STALLED; v <= NOVA_PACE_OVER_TIME; v++)
		assert_non_null(nova_pace_verdict_text(v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladder_grows_to_the_limit),
		cmocka_unit_test(test_a_late_look_takes_several_steps_at_once),
		cmocka_unit_test(test_small_guests_count_as_two_gib),
		cmocka_unit_test(test_zero_means_no_timeout),
		cmocka_unit_test(test_time_counts_from_the_permit),
		cmocka_unit_test(test_no_byte_is_a_stall),
		cmocka_unit_test(test_a_copy_that_never_begins_is_a_stall),
		cmocka_unit_test(test_time_that_was_not_watched_does_not_count),
		cmocka_unit_test(test_rounds_that_get_no_smaller_do_not_converge),
		cmocka_unit_test(test_rounds_that_get_smaller_converge),
		cmocka_unit_test(test_zero_watches_nothing),
		cmocka_unit_test(test_every_verdict_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
