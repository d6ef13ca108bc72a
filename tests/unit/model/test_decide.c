/* SPDX-License-Identifier: Apache-2.0 */
#include "model/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The whole decision written by hand.  Rows: the source, columns: the destination, both in the order
 *   U unknown, - absent, R running, P paused (user), M paused (migrating), O paused (other), S shut off
 * Letters: w wait, m monitor, T take over, K stop source, Y try destination, F flip, B roll back,
 * E guest ended, X restart on destination, C clean source, ! split,
 * s blocked on the source, d blocked on the destination, h blocked on the hypervisor. */
typedef const char *grid[NOVA_SEEN__COUNT];

static const struct hand {
	const char *label;
	nova_op_state state;
	bool job, call, strict_and_locks, was_paused;
	int64_t steady_ms;
	grid want;
} hands[] = {
	{ "copying", NOVA_OPS_MIGRATING, true, true, true, false, 0,
	  /* U--R-P-M-O-S order: U - R P M O S */
	  { "ssFwsFs", "dEFTwFE", "mm!mmmm", "mmmmmmm", "mmwwmwm", "mmmmmmm", "dEFTwFE" } },
	{ "copying, nothing has moved for long", NOVA_OPS_MIGRATING, true, true, true, false, 60000,
	  { "ssFYsFs", "dEFTEFE", "mm!mmmm", "mmmmmmm", "mmFKmFm", "mmmmmmm", "dEFTEFE" } },
	{ "no job, our call has not returned", NOVA_OPS_MIGRATING, false, true, true, false, 0,
	  { "ssFwsFs", "dEFTwFE", "ww!wwww", "ww!wwww", "wwFwwFw", "ww!wwww", "dEFTwFE" } },
	{ "no job, our call hangs", NOVA_OPS_MIGRATING, false, true, true, false, 60000,
	  { "ssFYsFs", "dEFTEFE", "ww!wwww", "ww!wwww", "wwFKwFw", "ww!wwww", "dEFTEFE" } },
	{ "no job, no call", NOVA_OPS_MIGRATING, false, false, true, false, 0,
	  { "ssFwsFs", "dEFTwFE", "dB!BBBB", "dB!BBBB", "dBFKwFB", "dB!BBBB", "dEFTwFE" } },
	{ "no job, no call, for long", NOVA_OPS_MIGRATING, false, false, true, false, 60000,
	  { "ssFYsFs", "dEFTEFE", "dB!BBBB", "dB!BBBB", "dBFKBFB", "dB!BBBB", "dEFTEFE" } },
	{ "locks not proven: an unknown source blocks", NOVA_OPS_MIGRATING, false, false, false, false, 60000,
	  { "ssFssFs", "dEFTEFE", "dB!BBBB", "dB!BBBB", "dBFKBFB", "dB!BBBB", "dEFTEFE" } },
	{ "a paused guest cannot be tried", NOVA_OPS_MIGRATING, false, false, true, true, 60000,
	  { "ssFssFs", "dEFTEFE", "dB!BBBB", "dB!BBBB", "dBFKBFB", "dB!BBBB", "dEFTEFE" } },
	{ "switched", NOVA_OPS_SWITCHED, false, false, true, false, 0,
	  { "dsCswCs", "dXCTwCX", "dX!!w!X", "dXCTwCX", "dXCTwCX", "dX!Tw!X", "dXCTwCX" } },
	{ "switched, for long", NOVA_OPS_SWITCHED, false, false, true, false, 60000,
	  { "dsCshCs", "dXCThCX", "dX!!h!X", "dXCThCX", "dXCThCX", "dX!Th!X", "dXCThCX" } },
	{ "switched, the guest was paused", NOVA_OPS_SWITCHED, false, false, true, true, 0,
	  { "dsCCwCs", "dXCCwCX", "dX!!w!X", "dXCCwCX", "dXCCwCX", "dX!Cw!X", "dXCCwCX" } },
	{ "rollback", NOVA_OPS_ROLLBACK, false, false, true, false, 0,
	  { "sssssss", "dEFEEFE", "dB!BBBB", "dB!BBBB", "dBFBBFB", "dB!BBBB", "dEFEEFE" } },
	{ "rollback, the job has not ended", NOVA_OPS_ROLLBACK, true, true, true, false, 60000,
	  { "sssssss", "dEFEEFE", "dB!BBBB", "dB!BBBB", "dBFBBFB", "dB!BBBB", "dEFEEFE" } },
};

static char letter(nova_verdict verdict)
{
	static const char letters[NOVA_DO__COUNT] = {
		[NOVA_DO_WAIT] = 'w',	     [NOVA_DO_MONITOR] = 'm',	      [NOVA_DO_TAKE_OVER] = 'T',
		[NOVA_DO_STOP_SOURCE] = 'K', [NOVA_DO_TRY_DEST] = 'Y',	      [NOVA_DO_FLIP] = 'F',
		[NOVA_DO_ROLL_BACK] = 'B',   [NOVA_DO_GUEST_ENDED] = 'E',     [NOVA_DO_RESTART_ON_DEST] = 'X',
		[NOVA_DO_CLEAN_SOURCE] = 'C', [NOVA_DO_SPLIT] = '!',
	};

	if (verdict.action != NOVA_DO_BLOCK)
		return letters[verdict.action];
	switch (verdict.blocked) {
	case NOVA_BLOCKED_SOURCE_UNREACHABLE:
		return 's';
	case NOVA_BLOCKED_DEST_UNREACHABLE:
		return 'd';
	case NOVA_BLOCKED_HYPERVISOR:
		return 'h';
	default:
		return '?';
	}
}

static void test_the_whole_decision(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(hands); i++) {
		const struct hand *h = &hands[i];

		print_message("  %s\n", h->label);
		for (unsigned s = 0; s < NOVA_SEEN__COUNT; s++)
			for (unsigned d = 0; d < NOVA_SEEN__COUNT; d++) {
				nova_migration_facts facts = {
					.state = h->state,
					.pre_power = h->was_paused ? NOVA_POWER_PAUSED : NOVA_POWER_RUNNING,
					.strict = h->strict_and_locks,
					.locks_proven = h->strict_and_locks,
					.call_active = h->call,
					.steady_ms = h->steady_ms,
					.source = { .seen = s, .job = h->job, .end = NOVA_END_CRASHED },
					.dest = { .seen = d },
				};
				nova_verdict verdict = nova_decide(&facts);

				if (letter(verdict) != h->want[s][d])
					fail_msg("%s: source %s, destination %s: want %c, got %c (%s)", h->label,
						 nova_observed_name(s), nova_observed_name(d), h->want[s][d],
						 letter(verdict), verdict.why);
			}
	}
}

/* Safety, whatever the inputs: nothing that starts, ends or gives away a copy happens while a copy that
 * may be running could not be asked, nor back to the source once it is gone. */
static void test_no_verdict_can_make_two_or_none(void **state)
{
	static const nova_op_state states[] = { NOVA_OPS_MIGRATING, NOVA_OPS_SWITCHED, NOVA_OPS_ROLLBACK };

	(void)state;
	for (unsigned n = 0; n < 3u * 7 * 7 * 2 * 2 * 2 * 2 * 2 * 2 * NOVA_END__COUNT; n++) {
		unsigned r = n;
		nova_migration_facts facts = { .state = states[r % 3] };

		r /= 3;
		facts.source.seen = r % 7, r /= 7;
		facts.dest.seen = r % 7, r /= 7;
		facts.source.job = r % 2, r /= 2;
		facts.call_active = r % 2, r /= 2;
		facts.strict = r % 2, r /= 2;
		facts.locks_proven = r % 2, r /= 2;
		facts.pre_power = r % 2 ? NOVA_POWER_PAUSED : NOVA_POWER_RUNNING, r /= 2;
		facts.steady_ms = r % 2 ? 100000 : 0, r /= 2;
		facts.source.end = r % NOVA_END__COUNT;

		nova_verdict v = nova_decide(&facts);
		bool source_alive = facts.source.seen == NOVA_SEEN_RUNNING ||
				    facts.source.seen == NOVA_SEEN_PAUSED_OTHER;

		assert_non_null(v.why);
		assert_string_not_equal(v.why, "no rule for this state");
		assert_int_equal(v.action == NOVA_DO_BLOCK, v.blocked != NOVA_BLOCKED_NO);
		if (v.action == NOVA_DO_TAKE_OVER) {
			assert_int_equal(facts.dest.seen, NOVA_SEEN_PAUSED_USER);
			assert_int_not_equal(facts.source.seen, NOVA_SEEN_UNKNOWN);
			if (facts.state == NOVA_OPS_MIGRATING)
				assert_false(source_alive);
		}
		if (v.action == NOVA_DO_TRY_DEST)
			assert_true(facts.locks_proven && facts.strict &&
				    facts.dest.seen == NOVA_SEEN_PAUSED_USER);
		if (v.action == NOVA_DO_ROLL_BACK) {
			assert_int_not_equal(facts.dest.seen, NOVA_SEEN_UNKNOWN);
			assert_int_not_equal(facts.dest.seen, NOVA_SEEN_RUNNING);
			assert_int_not_equal(facts.source.seen, NOVA_SEEN_ABSENT);
			assert_int_not_equal(facts.source.seen, NOVA_SEEN_UNKNOWN);
			assert_int_not_equal(facts.state, NOVA_OPS_SWITCHED);
		}
		if (v.action == NOVA_DO_GUEST_ENDED || v.action == NOVA_DO_RESTART_ON_DEST) {
			assert_int_not_equal(facts.dest.seen, NOVA_SEEN_RUNNING);
			assert_int_not_equal(facts.dest.seen, NOVA_SEEN_UNKNOWN);
			assert_int_not_equal(facts.source.seen, NOVA_SEEN_UNKNOWN);
		}
		if (v.action == NOVA_DO_FLIP) {
			assert_true(facts.dest.seen == NOVA_SEEN_RUNNING ||
				    facts.dest.seen == NOVA_SEEN_PAUSED_OTHER);
			assert_false(source_alive);
		}
		if (v.action == NOVA_DO_STOP_SOURCE)
			assert_int_equal(facts.source.seen, NOVA_SEEN_PAUSED_MIGRATION);
	}
}

/* On neither host, before the flip: why the source ended tells whether the guest had left it. */
static void test_ended_on_both(void **state)
{
	static const struct {
		nova_end_reason end;
		int64_t steady_ms;
		nova_verdict_action want;
	} rows[] = {
		{ NOVA_END_MIGRATED, 0, NOVA_DO_RESTART_ON_DEST },
		{ NOVA_END_CRASHED, 0, NOVA_DO_GUEST_ENDED },
		{ NOVA_END_SHUTDOWN, 0, NOVA_DO_GUEST_ENDED },
		{ NOVA_END_UNKNOWN, 0, NOVA_DO_WAIT },
		{ NOVA_END_UNKNOWN, NOVA_DECIDE_REASON_MS, NOVA_DO_GUEST_ENDED },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const nova_migration_facts facts = {
			.state = NOVA_OPS_MIGRATING,
			.pre_power = NOVA_POWER_RUNNING,
			.steady_ms = rows[i].steady_ms,
			.source = { .seen = NOVA_SEEN_ABSENT, .end = rows[i].end },
			.dest = { .seen = NOVA_SEEN_ABSENT },
		};

		assert_int_equal(nova_decide(&facts).action, rows[i].want);
	}
}

static void test_names_go_both_ways(void **state)
{
	nova_observed seen = NOVA_SEEN_STOPPED;
	nova_end_reason end = NOVA_END_FAILED;

	(void)state;
	for (unsigned i = 0; i < NOVA_SEEN__COUNT; i++) {
		assert_true(nova_observed_from_name(nova_observed_name(i), &seen));
		assert_int_equal(seen, i);
	}
	for (unsigned i = 0; i < NOVA_END__COUNT; i++) {
		assert_true(nova_end_reason_from_name(nova_end_reason_name(i), &end));
		assert_int_equal(end, i);
	}
	assert_false(nova_observed_from_name("nonsense", &seen));
	for (unsigned i = 0; i < NOVA_DO__COUNT; i++)
		assert_non_null(nova_verdict_action_name(i));
}

static void test_the_table_can_be_printed(void **state)
{
	g_autofree char *text = nova_decide_markdown();

	(void)state;
	assert_non_null(strstr(text, "| migrating | paused (migrating) | paused (user) | no job | stop source |"));
	assert_non_null(strstr(text, "block: source host unreachable"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_whole_decision),
		cmocka_unit_test(test_no_verdict_can_make_two_or_none),
		cmocka_unit_test(test_ended_on_both),
		cmocka_unit_test(test_names_go_both_ways),
		cmocka_unit_test(test_the_table_can_be_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
