/* SPDX-License-Identifier: Apache-2.0 */
#include "model/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The tables once more, written by hand: from state, the states that may follow. */
static const struct edge {
	nova_op_kind kind;
	const char *from, *to;
} edges[] = {
	{ NOVA_OP_BUILD, "requested", "claimed error cancelled" },
	{ NOVA_OP_BUILD, "claimed", "requested spawning error cancelled" },
	{ NOVA_OP_BUILD, "spawning", "undoing done" },
	{ NOVA_OP_BUILD, "undoing", "requested error cancelled" },
	{ NOVA_OP_DELETE, "requested", "deleting" },
	{ NOVA_OP_DELETE, "deleting", "done error" },
	{ NOVA_OP_START, "requested", "starting" },
	{ NOVA_OP_START, "starting", "done error" },
	{ NOVA_OP_STOP, "requested", "stopping" },
	{ NOVA_OP_STOP, "stopping", "done error" },
	{ NOVA_OP_REBOOT_SOFT, "requested", "rebooting" },
	{ NOVA_OP_REBOOT_SOFT, "rebooting", "rebooting-hard done error" },
	{ NOVA_OP_REBOOT_SOFT, "rebooting-hard", "done error" },
	{ NOVA_OP_REBOOT_HARD, "requested", "rebooting-hard" },
	{ NOVA_OP_REBOOT_HARD, "rebooting-hard", "done error" },
	{ NOVA_OP_PAUSE, "requested", "pausing" },
	{ NOVA_OP_PAUSE, "pausing", "done error" },
	{ NOVA_OP_UNPAUSE, "requested", "unpausing" },
	{ NOVA_OP_UNPAUSE, "unpausing", "done error" },
	{ NOVA_OP_SUSPEND, "requested", "suspending" },
	{ NOVA_OP_SUSPEND, "suspending", "done error" },
	{ NOVA_OP_RESUME, "requested", "resuming" },
	{ NOVA_OP_RESUME, "resuming", "done error" },
	{ NOVA_OP_REBUILD, "requested", "rebuilding" },
	{ NOVA_OP_REBUILD, "rebuilding", "replacing error" },
	{ NOVA_OP_REBUILD, "replacing", "spawning done error" },
	{ NOVA_OP_REBUILD, "spawning", "done error" },
	{ NOVA_OP_RESIZE, "requested", "claimed error cancelled" },
	{ NOVA_OP_RESIZE, "claimed", "requested stopping error cancelled" },
	{ NOVA_OP_RESIZE, "stopping", "switched rollback" },
	{ NOVA_OP_RESIZE, "switched", "done rollback" },
	{ NOVA_OP_RESIZE, "rollback", "error" },
	{ NOVA_OP_RESIZE_REVERT, "requested", "stopping" },
	{ NOVA_OP_RESIZE_REVERT, "stopping", "switched error" },
	{ NOVA_OP_RESIZE_REVERT, "switched", "done error" },
	{ NOVA_OP_LIVE_MIGRATION, "requested", "claimed error cancelled" },
	{ NOVA_OP_LIVE_MIGRATION, "claimed", "requested checked error cancelled" },
	{ NOVA_OP_LIVE_MIGRATION, "checked", "requested preparing error cancelled" },
	{ NOVA_OP_LIVE_MIGRATION, "preparing", "requested prepared error cancelled" },
	{ NOVA_OP_LIVE_MIGRATION, "prepared", "migrating error cancelled" },
	{ NOVA_OP_LIVE_MIGRATION, "migrating", "switched rollback failed" },
	{ NOVA_OP_LIVE_MIGRATION, "switched", "cleaning error" },
	{ NOVA_OP_LIVE_MIGRATION, "cleaning", "done" },
	{ NOVA_OP_LIVE_MIGRATION, "rollback", "switched failed cancelled" },
};

static bool listed(const char *list, const char *word)
{
	g_auto(GStrv) words = g_strsplit(list, " ", -1);

	return g_strv_contains((const char *const *)words, word);
}

static const char *by_hand(nova_op_kind kind, const char *from)
{
	for (size_t i = 0; i < G_N_ELEMENTS(edges); i++)
		if (edges[i].kind == kind && strcmp(edges[i].from, from) == 0)
			return edges[i].to;
	return "";
}

static void test_edges_are_those_written_by_hand(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (unsigned from = 0; from < NOVA_OPS__COUNT; from++)
			for (unsigned to = 0; to < NOVA_OPS__COUNT; to++)
				if (nova_flow_may_follow(kind, from, to) !=
				    listed(by_hand(kind, nova_op_state_name(from)), nova_op_state_name(to)))
					fail_msg("%s: %s -> %s", nova_op_kind_name(kind),
						 nova_op_state_name(from), nova_op_state_name(to));
}

static void test_every_state_that_may_follow_has_a_row(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of(kind)->rows; row->doc; row++)
			for (unsigned to = 0; to < NOVA_OPS__COUNT; to++)
				if (row->next & (1u << to))
					assert_non_null(nova_flow_row_of(kind, to));
}

/* Every state that is not terminal has an actor, a doorbell and a task_state; terminal ones have none. */
static void test_rows_are_complete(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of(kind)->rows; row->doc; row++) {
			bool end = row->flags & NOVA_FLOW_TERMINAL;

			assert_int_equal(end, nova_op_state_is_terminal(row->state));
			assert_int_equal(end, row->actor == NOVA_ACTOR_NONE);
			assert_int_equal(end, row->doorbell == NULL);
			assert_int_equal(end, row->task_state == NULL);
			assert_int_equal(end, row->next == 0);
			if (kind == NOVA_OP_LIVE_MIGRATION)
				assert_non_null(row->status);
		}
}

/* From every state a terminal one can be reached. */
static void test_no_state_is_a_trap(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < NOVA_OP__COUNT; kind++) {
		unsigned reaches = 0, before;

		for (unsigned s = NOVA_OPS_DONE; s < NOVA_OPS__COUNT; s++)
			reaches |= 1u << s;
		do {
			before = reaches;
			for (const nova_flow_row *row = nova_flow_of(kind)->rows; row->doc; row++)
				if (row->next & reaches)
					reaches |= 1u << row->state;
		} while (reaches != before);
		for (const nova_flow_row *row = nova_flow_of(kind)->rows; row->doc; row++)
			assert_true(reaches & (1u << row->state));
	}
}

static void test_migration_status_is_novas(void **state)
{
	static const char *const want[][2] = {
		{ "requested", "accepted" }, { "claimed", "accepted" },	  { "checked", "queued" },
		{ "preparing", "preparing" }, { "prepared", "preparing" }, { "migrating", "running" },
		{ "switched", "running" },   { "cleaning", "running" },	  { "rollback", "running" },
		{ "done", "completed" },     { "failed", "failed" },	  { "cancelled", "cancelled" },
		{ "error", "error" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
		nova_op_state s;

		assert_true(nova_op_state_from_name(want[i][0], &s));
		assert_string_equal(nova_flow_row_of(NOVA_OP_LIVE_MIGRATION, s)->status, want[i][1]);
	}
}

static void test_names_go_both_ways(void **state)
{
	nova_op_kind kind;
	nova_op_state s = NOVA_OPS_CLAIMED;

	(void)state;
	for (unsigned i = 0; i < NOVA_OP__COUNT; i++) {
		assert_true(nova_op_kind_from_name(nova_op_kind_name(i), &kind));
		assert_int_equal(kind, i);
	}
	for (unsigned i = 0; i < NOVA_OPS__COUNT; i++) {
		assert_true(nova_op_state_from_name(nova_op_state_name(i), &s));
		assert_int_equal(s, i);
	}
	s = NOVA_OPS_CLAIMED;
	assert_false(nova_op_state_from_name("nonsense", &s));
	assert_false(nova_op_state_from_name(NULL, &s));
	assert_int_equal(s, NOVA_OPS_CLAIMED);
}

static void test_diagram_names_every_edge(void **state)
{
	g_autofree char *text = nova_flow_mermaid(NOVA_OP_LIVE_MIGRATION);

	(void)state;
	assert_non_null(strstr(text, "[*] --> requested\n"));
	assert_non_null(strstr(text, "migrating --> switched: source\n"));
	assert_non_null(strstr(text, "claimed --> checked: dest\n"));
	assert_non_null(strstr(text, "done --> [*]\n"));
	assert_null(strstr(text, "cleaning --> requested"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges_are_those_written_by_hand),
		cmocka_unit_test(test_every_state_that_may_follow_has_a_row),
		cmocka_unit_test(test_rows_are_complete),
		cmocka_unit_test(test_no_state_is_a_trap),
		cmocka_unit_test(test_migration_status_is_novas),
		cmocka_unit_test(test_names_go_both_ways),
		cmocka_unit_test(test_diagram_names_every_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
