/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"
#include "model/matrix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The matrix written by hand.  Letters: e ends it, t turns it back, h hurries it, w waits for it, j joins it, b busy,
 * n no migration, a at once, < too early, > too late.  Columns in the order of nova_ask: abort, force complete,
 * delete, then start stop reboot-soft reboot-hard live-migrate pause unpause suspend resume resize migrate rebuild
 * evacuate lock unlock reset-state confirm-resize revert-resize. */
static const struct row {
	nova_op_kind kind;
	nova_op_state state;
	const char *cells;
} rows[] = {
	{ NOVA_OP_BUILD, NOVA_OPS_REQUESTED, "nnebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_BUILD, NOVA_OPS_CLAIMED, "nnebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_BUILD, NOVA_OPS_SPAWNING, "nntbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_BUILD, NOVA_OPS_UNDOING, "nntbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_DELETE, NOVA_OPS_REQUESTED, "nnjbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_DELETE, NOVA_OPS_DELETING, "nnjbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_START, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_START, NOVA_OPS_STARTING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_STOP, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_STOP, NOVA_OPS_STOPPING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBOOT_SOFT, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBOOT_SOFT, NOVA_OPS_REBOOTING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBOOT_SOFT, NOVA_OPS_REBOOTING_HARD, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBOOT_HARD, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBOOT_HARD, NOVA_OPS_REBOOTING_HARD, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_PAUSE, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_PAUSE, NOVA_OPS_PAUSING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_UNPAUSE, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_UNPAUSE, NOVA_OPS_UNPAUSING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_SUSPEND, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_SUSPEND, NOVA_OPS_SUSPENDING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESUME, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESUME, NOVA_OPS_RESUMING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBUILD, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBUILD, NOVA_OPS_REBUILDING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBUILD, NOVA_OPS_REPLACING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_REBUILD, NOVA_OPS_SPAWNING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE, NOVA_OPS_REQUESTED, "nnebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE, NOVA_OPS_CLAIMED, "nnebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE, NOVA_OPS_STOPPING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE, NOVA_OPS_SWITCHED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE, NOVA_OPS_ROLLBACK, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE_REVERT, NOVA_OPS_REQUESTED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE_REVERT, NOVA_OPS_STOPPING, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_RESIZE_REVERT, NOVA_OPS_SWITCHED, "nnwbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_REQUESTED, "e<ebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLAIMED, "e<ebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CHECKED, "e<ebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARING, "e<ebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_PREPARED, "e<ebbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_MIGRATING, "thtbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_SWITCHED, ">>wbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_CLEANING, ">>wbbbbbbbbbbbbbaabbb" },
	{ NOVA_OP_LIVE_MIGRATION, NOVA_OPS_ROLLBACK, ">>wbbbbbbbbbbbbbaabbb" },
};

/* An idle server by hand; columns: building active paused stopped suspended resized error.  y begins, a at once, .
 * wrong state, n no migration, - not in this version. */
static const char *const idle[NOVA_ASK__COUNT] = {
	[NOVA_ASK_ABORT] = "nnnnnnn",	   [NOVA_ASK_FORCE_COMPLETE] = "nnnnnnn", [NOVA_ASK_DELETE] = "yyyyyyy",
	[NOVA_ASK_START] = "...y...",	   [NOVA_ASK_STOP] = ".y....y",	        [NOVA_ASK_REBOOT_SOFT] = ".y.....",
	[NOVA_ASK_REBOOT_HARD] = ".yyyy.y", [NOVA_ASK_LIVE_MIGRATE] = ".yy....",  [NOVA_ASK_PAUSE] = ".y.....",
	[NOVA_ASK_UNPAUSE] = "..y....",	   [NOVA_ASK_SUSPEND] = ".y.....",       [NOVA_ASK_RESUME] = "....y..",
	[NOVA_ASK_RESIZE] = ".y.y...",	   [NOVA_ASK_MIGRATE] = "-------",       [NOVA_ASK_REBUILD] = ".y.y..y",
	[NOVA_ASK_EVACUATE] = "-------",	   [NOVA_ASK_LOCK] = "aaaaaaa",	        [NOVA_ASK_UNLOCK] = "aaaaaaa",
	[NOVA_ASK_RESET_STATE] = "aaaaa.a",	   [NOVA_ASK_CONFIRM_RESIZE] = ".....a.",
	[NOVA_ASK_REVERT_RESIZE] = ".....y.",
};

static const struct {
	char letter;
	nova_answer answer;
	unsigned status; /* 0: accepted */
} letters[] = {
	{ 'y', NOVA_ANSWER_BEGINS, 0 },
	{ 'e', NOVA_ANSWER_ENDS, 0 },
	{ 't', NOVA_ANSWER_TURNS_BACK, 0 },
	{ 'h', NOVA_ANSWER_HURRIES, 0 },
	{ 'w', NOVA_ANSWER_WAITS, 0 },
	{ 'j', NOVA_ANSWER_JOINS, 0 },
	{ 'a', NOVA_ANSWER_AT_ONCE, 0 },
	{ 'b', NOVA_ANSWER_BUSY, 409 },
	{ '.', NOVA_ANSWER_STATE, 409 },
	{ 'n', NOVA_ANSWER_NO_MIGRATION, 409 },
	{ '<', NOVA_ANSWER_TOO_EARLY, 400 },
	{ '>', NOVA_ANSWER_TOO_LATE, 400 },
	{ '-', NOVA_ANSWER_NOT_BUILT, 501 },
};

static const nova_refusal_facts facts = {
	.instance_uuid = "9a1c5e0e-0000-4000-8000-000000000001",
	.task_state = "migrating",
	.vm_state = NOVA_VM_ACTIVE,
	.migration = 7,
	.status = "running",
};

static void check_cell(nova_ask ask, nova_cell cell, char letter, const char *where)
{
	g_autoptr(GError) error = NULL;
	size_t i = 0;

	while (letters[i].letter != letter)
		assert_true(++i < G_N_ELEMENTS(letters));
	if (cell.answer != letters[i].answer)
		fail_msg("%s, %s: %s, by hand %s", where, nova_ask_name(ask), nova_answer_name(cell.answer),
			 nova_answer_name(letters[i].answer));
	assert_int_equal(nova_cell_check(ask, cell, &facts, &error), letters[i].status == 0);
	assert_int_equal(error == NULL, letters[i].status == 0);
	if (error) {
		assert_int_equal(nova_fault_http_status(nova_error_fault(error)), letters[i].status);
		assert_null(strchr(error->message, '{'));
		assert_null(strstr(error->message, "none"));
	}
}

static void test_every_cell_is_the_one_written_by_hand(void **state)
{
	size_t cells = 0, live = 0;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_int_equal(strlen(rows[i].cells), NOVA_ASK__COUNT - 1);
		assert_non_null(nova_flow_row_of(rows[i].kind, rows[i].state));
		for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++)
			check_cell(ask, nova_matrix_busy(ask, rows[i].kind, rows[i].state),
				   rows[i].cells[ask - 1], nova_op_state_name(rows[i].state));
		cells += NOVA_ASK__COUNT - 1;
	}
	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of((nova_op_kind)kind)->rows; row->doc; row++)
			live += row->flags & NOVA_FLOW_TERMINAL ? 0 : 1;
	assert_int_equal(cells, live * (NOVA_ASK__COUNT - 1));
}

static void test_an_idle_server(void **state)
{
	(void)state;
	for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++)
		for (nova_vm_state vm = 0; vm < NOVA_VM_DELETED; vm++)
			check_cell(ask, nova_matrix_idle(ask, vm), idle[ask][vm], nova_vm_state_name(vm));
}

static void test_a_migration_that_has_ended(void **state)
{
	static const nova_op_state ends[] = { NOVA_OPS_DONE, NOVA_OPS_FAILED, NOVA_OPS_CANCELLED, NOVA_OPS_ERROR };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
		for (nova_ask ask = NOVA_ASK_ABORT; ask <= NOVA_ASK_FORCE_COMPLETE; ask++)
			check_cell(ask, nova_matrix_busy(ask, NOVA_OP_LIVE_MIGRATION, ends[i]), '>', "end");
}

static void test_users_read_novas_words(void **state)
{
	static const struct {
		nova_ask ask;
		nova_op_state at;
		const char *want;
	} cases[] = {
		{ NOVA_ASK_PAUSE, NOVA_OPS_MIGRATING,
		  "Cannot 'pause' instance 9a1c5e0e-0000-4000-8000-000000000001 while it is in task_state migrating" },
		{ NOVA_ASK_FORCE_COMPLETE, NOVA_OPS_CHECKED,
		  "Migration 7 state of instance 9a1c5e0e-0000-4000-8000-000000000001 is running. Cannot force "
		  "complete while the migration is in this state." },
		{ NOVA_ASK_ABORT, NOVA_OPS_SWITCHED,
		  "Migration 7 state of instance 9a1c5e0e-0000-4000-8000-000000000001 is running. Cannot abort live "
		  "migration while the migration is in this state: too late, the guest runs on its destination." },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(nova_cell_check(cases[i].ask,
					     nova_matrix_busy(cases[i].ask, NOVA_OP_LIVE_MIGRATION, cases[i].at),
					     &facts, &error));
		assert_string_equal(error->message, cases[i].want);
	}
}

/* The states in which a flag may be written, and in which an actor honours it, are the same. */
static void test_flags_are_written_where_they_are_honoured(void **state)
{
	static const char *const abortable[] = {
		"live-migration/requested", "live-migration/claimed",  "live-migration/checked",
		"live-migration/preparing", "live-migration/prepared", "live-migration/migrating",
	};
	g_auto(GStrv) aborts = nova_matrix_flag_states(NOVA_ASK_ABORT);
	g_auto(GStrv) forces = nova_matrix_flag_states(NOVA_ASK_FORCE_COMPLETE);
	g_auto(GStrv) deletes = nova_matrix_flag_states(NOVA_ASK_DELETE);

	(void)state;
	assert_int_equal(g_strv_length(aborts), G_N_ELEMENTS(abortable));
	for (size_t i = 0; i < G_N_ELEMENTS(abortable); i++) {
		assert_string_equal(aborts[i], abortable[i]);
		assert_true(g_strv_contains((const char *const *)deletes, abortable[i]));
	}
	assert_int_equal(g_strv_length(forces), 1);
	assert_string_equal(forces[0], "live-migration/migrating");
	assert_int_equal(g_strv_length(deletes), G_N_ELEMENTS(abortable) + 6); /* and builds, and early resizes */
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		nova_operation op = { .kind = rows[i].kind, .state = rows[i].state };
		bool ends = rows[i].cells[2] == 'e' || rows[i].cells[2] == 't';

		assert_false(nova_operation_is_unwanted(&op, false));
		assert_int_equal(nova_operation_is_unwanted(&op, true), ends);
		op.abort_requested = true;
		assert_int_equal(nova_operation_is_unwanted(&op, false), ends);
	}
}

static void test_every_kind_has_its_request(void **state)
{
	(void)state;
	assert_int_equal(nova_ask_of_kind(NOVA_OP_BUILD), NOVA_ASK_NONE);
	assert_int_equal(nova_ask_of_kind(NOVA_OP_DELETE), NOVA_ASK_DELETE);
	assert_int_equal(nova_ask_of_kind(NOVA_OP_LIVE_MIGRATION), NOVA_ASK_LIVE_MIGRATE);
	assert_int_equal(nova_ask_of_kind(NOVA_OP_REBOOT_HARD), NOVA_ASK_REBOOT_HARD);
	assert_int_equal(nova_ask_accepted_status(NOVA_ASK_DELETE), 204);
	assert_int_equal(nova_ask_accepted_status(NOVA_ASK_ABORT), 202);
}

static void test_the_printed_table_names_every_state(void **state)
{
	g_autofree char *text = nova_matrix_markdown();

	(void)state;
	assert_non_null(strstr(text, "| migrating | 202 turns it back"));
	assert_non_null(strstr(text, "400 too late: the guest runs on its destination"));
	assert_non_null(strstr(text, "| migrate (cold) | 501 not built |"));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *line = g_strdup_printf("\n| %s |", nova_op_state_name(rows[i].state));

		assert_non_null(strstr(text, line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell_is_the_one_written_by_hand),
		cmocka_unit_test(test_an_idle_server),
		cmocka_unit_test(test_a_migration_that_has_ended),
		cmocka_unit_test(test_users_read_novas_words),
		cmocka_unit_test(test_flags_are_written_where_they_are_honoured),
		cmocka_unit_test(test_every_kind_has_its_request),
		cmocka_unit_test(test_the_printed_table_names_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
