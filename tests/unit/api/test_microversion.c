/* SPDX-License-Identifier: Apache-2.0 */
#include "api/microversion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* What Nova answered to these headers; 0: 400, 1: 406. */
static const struct {
	const char *label, *api, *nova;
	unsigned want_minor;
	int fault; /* 0: fine */
	bool echo;
} cases[] = {
	{ "none", NULL, NULL, 1, 0, true },
	{ "old header", NULL, "2.34", 34, 0, true },
	{ "new header", "compute 2.34", NULL, 34, 0, true },
	{ "the newer header wins", "compute 2.34", "2.20", 34, 0, true },
	{ "other services in the list", "identity 3.7, compute 2.53,volume 3.0", NULL, 53, 0, true },
	{ "only other services", "volume 3.0", NULL, 1, 0, true },
	{ "other service, old header", "volume 3.0", "2.9", 9, 0, true },
	{ "service in capitals", "Compute 2.3", NULL, 3, 0, true },
	{ "latest", "compute latest", NULL, 87, 0, true },
	{ "latest in the old header", NULL, "latest", 87, 0, true },
	{ "garbage", "compute abc", NULL, 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "leading zero", NULL, "2.01", 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "major zero", NULL, "0.1", 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "three numbers", NULL, "2.1.1", 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "no minor", NULL, "2", 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "too many digits", NULL, "2.99999999999999999999", 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "empty", NULL, "", 0, NOVA_FAULT_BAD_REQUEST, false },
	{ "too high", "compute 2.999", NULL, 999, NOVA_FAULT_NOT_ACCEPTABLE, true },
	{ "just too high", "compute 2.88", NULL, 88, NOVA_FAULT_NOT_ACCEPTABLE, true },
	{ "too low", "compute 2.0", NULL, 0, NOVA_FAULT_NOT_ACCEPTABLE, true },
	{ "another major", "compute 3.1", NULL, 1, NOVA_FAULT_NOT_ACCEPTABLE, true },
};

static void test_negotiation(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		nova_microversion version;
		bool ok = nova_microversion_negotiate(cases[i].api, cases[i].nova, 87, &version, &error);

		print_message("%s\n", cases[i].label);
		assert_int_equal(ok, cases[i].fault == 0);
		assert_int_equal(version.echo, cases[i].echo);
		if (cases[i].echo)
			assert_int_equal(version.minor, cases[i].want_minor);
		if (cases[i].fault)
			assert_int_equal(nova_error_fault(error), cases[i].fault);
	}
}

static void test_texts_are_novas(void **state)
{
	g_autoptr(GError) garbage = NULL;
	g_autoptr(GError) high = NULL;
	nova_microversion version;

	(void)state;
	assert_false(nova_microversion_negotiate("compute abc", NULL, 87, &version, &garbage));
	assert_string_equal(garbage->message,
			    "API Version String abc is of invalid format. Must be of format MajorNum.MinorNum.");
	assert_false(nova_microversion_negotiate("compute 2.999", NULL, 87, &version, &high));
	assert_string_equal(high->message,
			    "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.87.");
}

static void test_offered_maximum(void **state)
{
	unsigned minor = 0;

	(void)state;
	assert_true(nova_microversion_parse_max("2.87", &minor, NULL));
	assert_int_equal(minor, 87);
	assert_true(nova_microversion_parse_max("2.1", &minor, NULL));
	assert_int_equal(minor, 1);
	assert_false(nova_microversion_parse_max("2.88", &minor, NULL));
	assert_false(nova_microversion_parse_max("3.1", &minor, NULL));
	assert_false(nova_microversion_parse_max("", &minor, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_texts_are_novas),
		cmocka_unit_test(test_offered_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
