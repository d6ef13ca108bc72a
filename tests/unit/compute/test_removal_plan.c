/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/removal_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HERE "HostB"
#define THERE "HostC"
#define POOL "00000000-1111-4222-8333-444444444444"
#define OTHER_POOL "00000000-1111-4222-8333-444444444445"

/* All that must be known and right; each case spoils one thing. */
static nova_removal_facts good(void)
{
	return (nova_removal_facts){
		.kind = NOVA_OP_DELETE,
		.state = NOVA_OPS_DELETING,
		.host = HERE,
		.here = NOVA_SEEN_ABSENT,
		.former_host = THERE,
		.there = NOVA_SEEN_ABSENT,
		.disk_fsid = POOL,
		.host_fsid = POOL,
	};
}

static void expect_no(nova_removal_facts facts, nova_blocked blocked, const char *host, const char *why)
{
	nova_removal_plan plan = nova_removal_decide(&facts);

	assert_false(plan.allowed);
	assert_int_equal(plan.blocked, blocked);
	if (host)
		assert_string_equal(plan.blocked_host, host);
	else
		assert_null(plan.blocked_host);
	if (!strstr(plan.why, why))
		fail_msg("'%s' is not in: %s", why, plan.why);
}

static void test_what_is_allowed(void **state)
{
	nova_removal_facts facts = good();

	(void)state;
	assert_true(nova_removal_decide(&facts).allowed);
	facts.former_host = NULL; /* it never moved */
	assert_true(nova_removal_decide(&facts).allowed);
	facts = good();
	facts.there = NOVA_SEEN_UNKNOWN; /* verified gone when the migration ended; off since */
	assert_true(nova_removal_decide(&facts).allowed);
	facts = good();
	facts.kind = NOVA_OP_BUILD;
	facts.state = NOVA_OPS_UNDOING;
	facts.former_host = NULL;
	assert_true(nova_removal_decide(&facts).allowed);
	facts = good();
	facts.kind = NOVA_OP_REBUILD; /* its disk alone */
	facts.state = NOVA_OPS_REPLACING;
	assert_true(nova_removal_decide(&facts).allowed);
}

/* Every kind of operation in every state but the three: in particular no state of a migration. */
static void test_only_a_delete_or_an_undone_build(void **state)
{
	unsigned allowed = 0, looked = 0;

	(void)state;
	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (int op_state = 0; op_state < NOVA_OPS__COUNT; op_state++) {
			nova_removal_facts facts = good();
			bool right = (kind == NOVA_OP_DELETE && op_state == NOVA_OPS_DELETING) ||
				     (kind == NOVA_OP_BUILD && op_state == NOVA_OPS_UNDOING) ||
				     (kind == NOVA_OP_REBUILD && op_state == NOVA_OPS_REPLACING);

			facts.kind = (nova_op_kind)kind;
			facts.state = (nova_op_state)op_state;
			if (!right)
				expect_no(facts, NOVA_BLOCKED_NO, NULL, "only a delete");
			allowed += nova_removal_decide(&facts).allowed;
			looked++;
		}
	assert_int_equal(allowed, 3);
	assert_true(looked > 100);
}

static void test_one_thing_wrong_is_enough(void **state)
{
	nova_removal_facts facts = good();

	(void)state;
	facts.other_operation = 17;
	expect_no(facts, NOVA_BLOCKED_NO, NULL, "another operation");
	facts = good();
	facts.claimant = THERE;
	expect_no(facts, NOVA_BLOCKED_NO, NULL, "claim");
	facts = good();
	facts.disk_fsid = NULL;
	expect_no(facts, NOVA_BLOCKED_STORAGE, HERE, "not known");
	facts = good();
	facts.host_fsid = NULL;
	expect_no(facts, NOVA_BLOCKED_STORAGE, HERE, "another file system");
	facts = good();
	facts.host_fsid = OTHER_POOL;
	expect_no(facts, NOVA_BLOCKED_STORAGE, HERE, "another file system");
}

static void test_a_domain_anywhere_is_in_the_way(void **state)
{
	unsigned looked = 0;

	(void)state;
	for (int seen = 0; seen < NOVA_SEEN__COUNT; seen++) {
		nova_removal_facts facts = good();

		if (seen == NOVA_SEEN_ABSENT)
			continue;
		facts.here = (nova_observed)seen;
		expect_no(facts, NOVA_BLOCKED_HYPERVISOR, HERE, "here");
		looked++;
		if (seen == NOVA_SEEN_UNKNOWN)
			continue;
		facts = good();
		facts.there = (nova_observed)seen;
		expect_no(facts, NOVA_BLOCKED_HYPERVISOR, THERE, "other host");
	}
	assert_true(looked >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_allowed),
		cmocka_unit_test(test_only_a_delete_or_an_undone_build),
		cmocka_unit_test(test_one_thing_wrong_is_enough),
		cmocka_unit_test(test_a_domain_anywhere_is_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
