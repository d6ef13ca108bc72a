/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

#include "unit.h"

static void test_fail_sets_the_error_and_says_false(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(nova_fail(&error, NOVA_FAULT_NO_VALID_HOST, "no room for %d MiB", 64));
	assert_fault(error, NOVA_FAULT_NO_VALID_HOST);
	assert_string_equal(error->message, "no room for 64 MiB");
	assert_false(nova_fail(NULL, NOVA_FAULT_INTERNAL, "nobody listens"));
}

static void test_foreign_errors_are_internal(void **state)
{
	g_autoptr(GError) error = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");

	(void)state;
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_INTERNAL);
	assert_int_equal(nova_error_fault(NULL), NOVA_FAULT_INTERNAL);
	assert_false(nova_error_is(error, NOVA_FAULT_INTERNAL));
}

static void test_wire_names_are_unique_and_come_back(void **state)
{
	(void)state;
	for (int a = 0; a < NOVA_FAULT__COUNT; a++) {
		assert_int_equal(nova_fault_from_wire_name(nova_fault_wire_name(a)), a);
		assert_in_range(nova_fault_http_status(a), 400, 504);
	}
	assert_int_equal(nova_fault_from_wire_name("SomethingElse"), NOVA_FAULT_INTERNAL);
	assert_int_equal(nova_fault_from_wire_name(NULL), NOVA_FAULT_INTERNAL);
}

/* A caller may repeat what failed for want of a partner, never what was wrong. */
static void test_what_may_be_retried(void **state)
{
	(void)state;
	assert_true(nova_fault_is_retryable(NOVA_FAULT_DATABASE));
	assert_true(nova_fault_is_retryable(NOVA_FAULT_MESSAGING));
	assert_true(nova_fault_is_retryable(NOVA_FAULT_DEADLINE));
	assert_false(nova_fault_is_retryable(NOVA_FAULT_CONFIG));
	assert_false(nova_fault_is_retryable(NOVA_FAULT_FENCED));
	assert_false(nova_fault_is_retryable(NOVA_FAULT_BAD_REQUEST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_sets_the_error_and_says_false),
		cmocka_unit_test(test_foreign_errors_are_internal),
		cmocka_unit_test(test_wire_names_are_unique_and_come_back),
		cmocka_unit_test(test_what_may_be_retried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
