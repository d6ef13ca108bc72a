/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/reconcile_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HERE 7
#define ELSEWHERE 8

enum where { NO_ROW, ON_THIS_HOST, ON_ANOTHER_HOST, DELETED };

/* One guest in the database and on this host, and what is right, written by hand.  The row's token is 5. */
static const struct plan_case {
	const char *label;
	enum where where;
	nova_vm_state vm_state;
	nova_power_state power;
	bool busy, wanted, boot_changed, resume;
	nova_observed seen;
	int64_t token;
	nova_end_reason end;
	nova_reconcile_action want;
	nova_vm_state want_vm;
	nova_power_state want_power;
	bool leftover;
} cases[] = {
	{ .label = "runs, as the row says", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_RUNNING, .token = 5, .want = NOVA_RECONCILE_NOTHING },
	{ .label = "shut itself down", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE, .power = NOVA_POWER_RUNNING,
	  .seen = NOVA_SEEN_ABSENT, .end = NOVA_END_SHUTDOWN, .want = NOVA_RECONCILE_OBSERVE,
	  .want_vm = NOVA_VM_STOPPED, .want_power = NOVA_POWER_SHUTDOWN },
	{ .label = "crashed", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE, .power = NOVA_POWER_RUNNING,
	  .seen = NOVA_SEEN_ABSENT, .end = NOVA_END_CRASHED, .want = NOVA_RECONCILE_OBSERVE,
	  .want_vm = NOVA_VM_STOPPED, .want_power = NOVA_POWER_CRASHED },
	{ .label = "a crash that is known stays known", .where = ON_THIS_HOST, .vm_state = NOVA_VM_STOPPED,
	  .power = NOVA_POWER_CRASHED, .seen = NOVA_SEEN_ABSENT, .end = NOVA_END_UNKNOWN,
	  .want = NOVA_RECONCILE_NOTHING },
	{ .label = "paused behind our back", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_PAUSED_OTHER, .token = 5, .want = NOVA_RECONCILE_OBSERVE,
	  .want_vm = NOVA_VM_PAUSED, .want_power = NOVA_POWER_PAUSED },
	{ .label = "a server in error stays in error", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ERROR,
	  .power = NOVA_POWER_NOSTATE, .seen = NOVA_SEEN_RUNNING, .token = 5, .want = NOVA_RECONCILE_OBSERVE,
	  .want_vm = NOVA_VM_ERROR, .want_power = NOVA_POWER_RUNNING },
	{ .label = "a server with a new size waits for its user", .where = ON_THIS_HOST, .vm_state = NOVA_VM_RESIZED,
	  .power = NOVA_POWER_NOSTATE, .seen = NOVA_SEEN_RUNNING, .token = 5, .want = NOVA_RECONCILE_OBSERVE,
	  .want_vm = NOVA_VM_RESIZED, .want_power = NOVA_POWER_RUNNING },
	{ .label = "host booted, policy off", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .wanted = true, .boot_changed = true, .seen = NOVA_SEEN_ABSENT,
	  .want = NOVA_RECONCILE_OBSERVE, .want_vm = NOVA_VM_STOPPED, .want_power = NOVA_POWER_SHUTDOWN },
	{ .label = "host booted, policy on", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .wanted = true, .boot_changed = true, .resume = true,
	  .seen = NOVA_SEEN_ABSENT, .want = NOVA_RECONCILE_START, .want_vm = NOVA_VM_STOPPED,
	  .want_power = NOVA_POWER_SHUTDOWN },
	{ .label = "host booted, stopped before", .where = ON_THIS_HOST, .vm_state = NOVA_VM_STOPPED,
	  .power = NOVA_POWER_SHUTDOWN, .wanted = true, .boot_changed = true, .resume = true,
	  .seen = NOVA_SEEN_ABSENT, .want = NOVA_RECONCILE_NOTHING },
	{ .label = "daemon restarted only: never started", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .wanted = true, .resume = true, .seen = NOVA_SEEN_ABSENT,
	  .end = NOVA_END_SHUTDOWN, .want = NOVA_RECONCILE_OBSERVE, .want_vm = NOVA_VM_STOPPED,
	  .want_power = NOVA_POWER_SHUTDOWN },
	{ .label = "an operation is active", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE, .busy = true,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_ABSENT, .want = NOVA_RECONCILE_NOTHING },
	{ .label = "older copy on the owner's host", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_RUNNING, .token = 4, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "newer copy on the owner's host", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_RUNNING, .token = 6, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "left standing by a migration", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_PAUSED_MIGRATION, .token = 5, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "moved away since", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE, .seen = NOVA_SEEN_RUNNING,
	  .token = 4, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "the owner's token, another owner", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .seen = NOVA_SEEN_RUNNING, .token = 5, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "incoming, its migration is over", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .seen = NOVA_SEEN_PAUSED_MIGRATION, .token = 6, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "incoming and running, its migration is over", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .seen = NOVA_SEEN_RUNNING, .token = 6, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "incoming, its migration is active", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .busy = true, .seen = NOVA_SEEN_PAUSED_USER, .token = 6, .want = NOVA_RECONCILE_NOTHING },
	{ .label = "deleted", .where = DELETED, .vm_state = NOVA_VM_DELETED, .seen = NOVA_SEEN_RUNNING, .token = 5,
	  .want = NOVA_RECONCILE_DESTROY },
	{ .label = "unknown to the database", .where = NO_ROW, .seen = NOVA_SEEN_RUNNING, .token = 5,
	  .want = NOVA_RECONCILE_LEAVE },
	{ .label = "somebody else's domain", .where = NO_ROW, .seen = NOVA_SEEN_RUNNING, .token = -1,
	  .want = NOVA_RECONCILE_LEAVE },
	{ .label = "somebody else's domain with a guest's uuid", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_RUNNING, .token = -1, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "could not be asked", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_UNKNOWN, .token = 5, .want = NOVA_RECONCILE_NOTHING },
	{ .label = "stale definition of a guest that moved away", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .seen = NOVA_SEEN_STOPPED, .token = 4, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "definition that an incoming migration left", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .seen = NOVA_SEEN_STOPPED, .token = 6, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "definition with the owner's token elsewhere", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .seen = NOVA_SEEN_STOPPED, .token = 5, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "stale definition, its migration is active", .where = ON_ANOTHER_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .busy = true, .seen = NOVA_SEEN_STOPPED, .token = 4, .want = NOVA_RECONCILE_NOTHING },
	{ .label = "definition of a guest that has ended", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_STOPPED, .token = 5, .end = NOVA_END_CRASHED,
	  .want = NOVA_RECONCILE_OBSERVE, .want_vm = NOVA_VM_STOPPED, .want_power = NOVA_POWER_CRASHED,
	  .leftover = true },
	{ .label = "definition of a guest known to have ended", .where = ON_THIS_HOST, .vm_state = NOVA_VM_STOPPED,
	  .power = NOVA_POWER_SHUTDOWN, .seen = NOVA_SEEN_STOPPED, .token = 5, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "host booted, policy on, a definition is there", .where = ON_THIS_HOST, .vm_state = NOVA_VM_ACTIVE,
	  .power = NOVA_POWER_RUNNING, .wanted = true, .boot_changed = true, .resume = true, .seen = NOVA_SEEN_STOPPED,
	  .token = 4, .want = NOVA_RECONCILE_START, .want_vm = NOVA_VM_STOPPED, .want_power = NOVA_POWER_SHUTDOWN,
	  .leftover = true },
	{ .label = "definition of a deleted guest", .where = DELETED, .vm_state = NOVA_VM_DELETED,
	  .seen = NOVA_SEEN_STOPPED, .token = 5, .want = NOVA_RECONCILE_DESTROY },
	{ .label = "definition the database does not know", .where = NO_ROW, .seen = NOVA_SEEN_STOPPED, .token = 5,
	  .want = NOVA_RECONCILE_LEAVE },
	{ .label = "somebody else's definition", .where = NO_ROW, .seen = NOVA_SEEN_STOPPED, .token = -1,
	  .want = NOVA_RECONCILE_LEAVE },
	{ .label = "somebody else's definition with the uuid of a guest that ended", .where = ON_THIS_HOST,
	  .vm_state = NOVA_VM_ACTIVE, .power = NOVA_POWER_RUNNING, .seen = NOVA_SEEN_STOPPED, .token = -1,
	  .want = NOVA_RECONCILE_OBSERVE, .want_vm = NOVA_VM_STOPPED, .want_power = NOVA_POWER_SHUTDOWN },
	{ .label = "the same, known", .where = ON_THIS_HOST, .vm_state = NOVA_VM_STOPPED, .power = NOVA_POWER_SHUTDOWN,
	  .seen = NOVA_SEEN_STOPPED, .token = -1, .want = NOVA_RECONCILE_LEAVE },
	{ .label = "suspended: nothing of it is here", .where = ON_THIS_HOST, .vm_state = NOVA_VM_SUSPENDED,
	  .power = NOVA_POWER_SHUTDOWN, .seen = NOVA_SEEN_ABSENT, .end = NOVA_END_SAVED,
	  .want = NOVA_RECONCILE_NOTHING },
	{ .label = "suspended, the host was booted", .where = ON_THIS_HOST, .vm_state = NOVA_VM_SUSPENDED,
	  .power = NOVA_POWER_SHUTDOWN, .wanted = true, .boot_changed = true, .resume = true, .seen = NOVA_SEEN_ABSENT,
	  .want = NOVA_RECONCILE_NOTHING },
	{ .label = "suspended, and resumed behind our back", .where = ON_THIS_HOST, .vm_state = NOVA_VM_SUSPENDED,
	  .power = NOVA_POWER_SHUTDOWN, .seen = NOVA_SEEN_RUNNING, .token = 5, .want = NOVA_RECONCILE_OBSERVE,
	  .want_vm = NOVA_VM_ACTIVE, .want_power = NOVA_POWER_RUNNING },
	{ .label = "being built", .where = ON_THIS_HOST, .vm_state = NOVA_VM_BUILDING, .seen = NOVA_SEEN_ABSENT,
	  .want = NOVA_RECONCILE_NOTHING },
};

static void test_each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct plan_case *c = &cases[i];
		nova_instance row = {
			.vm_state = c->vm_state,
			.power_state = c->power,
			.busy = c->busy,
			.wanted_power = c->wanted,
			.token = 5,
			.host_id = c->where == ON_ANOTHER_HOST ? ELSEWHERE : HERE,
			.deleted_us = c->where == DELETED ? 1 : 0,
		};
		const nova_reconcile_facts facts = {
			.row = c->where == NO_ROW ? NULL : &row,
			.host_id = HERE,
			.view = { .seen = c->seen, .token = c->token, .end = c->end },
			.boot_changed = c->boot_changed,
			.resume = c->resume,
		};
		nova_reconcile_plan plan = nova_reconcile_decide(&facts);

		print_message("  %s\n", c->label);
		assert_int_equal(plan.action, c->want);
		assert_int_equal(plan.why != NULL, c->want != NOVA_RECONCILE_NOTHING);
		if (c->want != NOVA_RECONCILE_OBSERVE && c->want != NOVA_RECONCILE_START)
			continue;
		assert_int_equal(plan.vm_state, c->want_vm);
		assert_int_equal(plan.power, c->want_power);
		assert_int_equal(plan.leftover, c->leftover);
	}
}

/* Whatever else is true: only a domain with a token is ever destroyed, never one whose guest has an active
 * operation, and never the owner's. */
static void test_only_known_stale_copies_are_destroyed(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 16; bits++)
		for (nova_observed seen = 0; seen < NOVA_SEEN__COUNT; seen++)
			for (int64_t token = -1; token <= 7; token++)
				for (nova_vm_state vm = 0; vm < NOVA_VM__COUNT; vm++) {
					nova_instance row = {
						.vm_state = vm,
						.busy = bits & 1,
						.host_id = bits & 2 ? HERE : ELSEWHERE,
						.token = 5,
					};
					const nova_reconcile_facts facts = {
						.row = &row,
						.host_id = HERE,
						.view = { .seen = seen, .token = token },
						.boot_changed = bits & 4,
						.resume = bits & 8,
					};
					nova_reconcile_plan plan = nova_reconcile_decide(&facts);

					if (plan.action != NOVA_RECONCILE_DESTROY)
						continue;
					assert_true(token >= 0);
					assert_false(row.busy);
					/* Of the owner's only what has no process. */
					assert_false(vm != NOVA_VM_DELETED && token == 5 && seen != NOVA_SEEN_STOPPED);
					assert_false(vm == NOVA_VM_BUILDING && row.host_id == HERE && token == 5);
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_case),
		cmocka_unit_test(test_only_known_stale_copies_are_destroyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
