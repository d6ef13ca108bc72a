/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of an operation whose host is down: every state of every kind, written by hand.
 */
#include "model/caretaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* n: to the next host, S and D: blocked, source or destination host unreachable, -: nothing.  After the slash the same
 * when an abort was asked for; x: cancelled. */
static const struct expected {
	nova_op_kind kind;
	const char *state, *care;
} table[] = {
	{ NOVA_OP_BUILD, "requested", "-/-" },
	{ NOVA_OP_BUILD, "claimed", "n/x" },
	{ NOVA_OP_BUILD, "spawning", "D/D" },
	{ NOVA_OP_BUILD, "undoing", "D/D" },
	{ NOVA_OP_DELETE, "requested", "S/S" },
	{ NOVA_OP_DELETE, "deleting", "S/S" },
	{ NOVA_OP_START, "requested", "S/S" },
	{ NOVA_OP_START, "starting", "S/S" },
	{ NOVA_OP_STOP, "requested", "S/S" },
	{ NOVA_OP_STOP, "stopping", "S/S" },
	{ NOVA_OP_REBOOT_SOFT, "requested", "S/S" },
	{ NOVA_OP_REBOOT_SOFT, "rebooting", "S/S" },
	{ NOVA_OP_REBOOT_SOFT, "rebooting-hard", "S/S" },
	{ NOVA_OP_REBOOT_HARD, "requested", "S/S" },
	{ NOVA_OP_REBOOT_HARD, "rebooting-hard", "S/S" },
	{ NOVA_OP_PAUSE, "requested", "S/S" },
	{ NOVA_OP_PAUSE, "pausing", "S/S" },
	{ NOVA_OP_UNPAUSE, "requested", "S/S" },
	{ NOVA_OP_UNPAUSE, "unpausing", "S/S" },
	{ NOVA_OP_SUSPEND, "requested", "S/S" },
	{ NOVA_OP_SUSPEND, "suspending", "S/S" },
	{ NOVA_OP_RESUME, "requested", "S/S" },
	{ NOVA_OP_RESUME, "resuming", "S/S" },
	{ NOVA_OP_REBUILD, "requested", "S/S" },
	{ NOVA_OP_REBUILD, "rebuilding", "S/S" },
	{ NOVA_OP_REBUILD, "replacing", "S/S" },
	{ NOVA_OP_REBUILD, "spawning", "S/S" },
	{ NOVA_OP_RESIZE, "requested", "-/-" },
	{ NOVA_OP_RESIZE, "claimed", "n/x" },
	{ NOVA_OP_RESIZE, "stopping", "S/S" },
	{ NOVA_OP_RESIZE, "switched", "D/D" },
	{ NOVA_OP_RESIZE, "rollback", "S/S" },
	{ NOVA_OP_RESIZE_REVERT, "requested", "S/S" },
	{ NOVA_OP_RESIZE_REVERT, "stopping", "S/S" },
	{ NOVA_OP_RESIZE_REVERT, "switched", "D/D" },
	{ NOVA_OP_LIVE_MIGRATION, "requested", "-/-" },
	{ NOVA_OP_LIVE_MIGRATION, "claimed", "n/x" },
	{ NOVA_OP_LIVE_MIGRATION, "checked", "S/x" },
	{ NOVA_OP_LIVE_MIGRATION, "preparing", "n/x" },
	{ NOVA_OP_LIVE_MIGRATION, "prepared", "S/x" },
	{ NOVA_OP_LIVE_MIGRATION, "migrating", "S/S" },
	{ NOVA_OP_LIVE_MIGRATION, "switched", "S/S" },
	{ NOVA_OP_LIVE_MIGRATION, "cleaning", "S/S" },
	{ NOVA_OP_LIVE_MIGRATION, "rollback", "S/S" },
};

/* Terminal states, and those a kind does not have: nothing. */
static const char *by_hand(nova_op_kind kind, nova_op_state state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].kind == kind && strcmp(table[i].state, nova_op_state_name(state)) == 0)
			return table[i].care;
	return "-/-";
}

static char letter(const nova_operation *op)
{
	const nova_care care = nova_care_decide(op);

	switch (care.action) {
	case NOVA_CARE_NEXT_HOST:
		assert_string_equal(care.host, "there");
		return 'n';
	case NOVA_CARE_CANCEL:
		return 'x';
	case NOVA_CARE_BLOCK:
		assert_string_equal(care.host,
				    care.blocked == NOVA_BLOCKED_DEST_UNREACHABLE ? "there" : "here");
		return care.blocked == NOVA_BLOCKED_DEST_UNREACHABLE ? 'D' : 'S';
	default:
		return '-';
	}
}

static void test_every_state_of_every_kind(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (unsigned at = 0; at < NOVA_OPS__COUNT; at++) {
			nova_operation op = { .kind = kind, .state = at, .source_host = (char *)"here",
					      .dest_host = (char *)"there" };
			char seen[4] = { letter(&op), '/', '-', 0 };

			op.abort_requested = true;
			seen[2] = letter(&op);
			if (strcmp(seen, by_hand(kind, at)) != 0)
				fail_msg("%s %s: %s, not %s", nova_op_kind_name(kind), nova_op_state_name(at), seen,
					 by_hand(kind, at));
		}
}

static void test_what_is_shown_is_not_shown_again(void **state)
{
	nova_operation op = { .kind = NOVA_OP_LIVE_MIGRATION,
			      .state = NOVA_OPS_MIGRATING,
			      .source_host = (char *)"here",
			      .dest_host = (char *)"there",
			      .blocked = NOVA_BLOCKED_SOURCE_UNREACHABLE,
			      .blocked_host = (char *)"here" };

	(void)state;
	assert_int_equal(nova_care_decide(&op).action, NOVA_CARE_NOTHING);
	op.blocked_host = (char *)"there";
	assert_int_equal(nova_care_decide(&op).action, NOVA_CARE_BLOCK);
	op.blocked_host = (char *)"here";
	op.blocked = NOVA_BLOCKED_DEST_UNREACHABLE; /* the source's last words: now it is the one that is missed */
	assert_int_equal(nova_care_decide(&op).action, NOVA_CARE_BLOCK);
	op.state = NOVA_OPS_PREPARED;
	op.blocked = NOVA_BLOCKED_SOURCE_UNREACHABLE;
	op.abort_requested = true;
	assert_int_equal(nova_care_decide(&op).action, NOVA_CARE_CANCEL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_state_of_every_kind),
		cmocka_unit_test(test_what_is_shown_is_not_shown_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
