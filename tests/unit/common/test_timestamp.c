/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timestamp.h"

#include "unit.h"

#include <stdlib.h>
#include <time.h>

#define S G_GINT64_CONSTANT(1000000)
#define T G_GINT64_CONSTANT(1795165474) /* 2026-11-20T09:04:34Z, by date(1) */

static void test_formats(void **state)
{
	char text[NOVA_TIMESTAMP_SIZE];

	(void)state;
	assert_string_equal(nova_timestamp_z(T * S + 5, text), "2026-11-20T09:04:34Z");
	assert_string_equal(nova_timestamp_micro(T * S, text), "2026-11-20T09:04:34.000000");
	assert_string_equal(nova_timestamp_micro(T * S + 123456, text), "2026-11-20T09:04:34.123456");
	assert_string_equal(nova_timestamp_micro(-1, text), "1969-12-31T23:59:59.999999");
	assert_string_equal(nova_timestamp_z(0, text), "1970-01-01T00:00:00Z");
}

static const struct {
	const char *text;
	int64_t want; /* -1: refused */
} cases[] = {
	{ "2026-11-20T09:04:34Z", T * S },
	{ "2026-11-20T09:04:34", T * S },
	{ "2026-11-20 09:04:34", T * S },
	{ "2026-11-20T09:04:34.5Z", T * S + 500000 },
	{ "2026-11-20T09:04:34.123456", T * S + 123456 },
	{ "2026-11-20T09:04:34.1234567899Z", T * S + 123456 },
	{ "2026-11-20T11:04:34+02:00", T * S },
	{ "2026-11-20T11:04:34+0200", T * S },
	{ "2026-11-20T07:04:34-02", T * S },
	{ "2026-11-20T09:04Z", (T - 34) * S },
	{ "2026-11-20", G_GINT64_CONSTANT(1795132800) * S },
	{ "2024-02-29", G_GINT64_CONSTANT(1709164800) * S },
	{ "1970-01-01", 0 },
	{ "2026-02-29", -1 },
	{ "2100-02-29", -1 },
	{ "2026-04-31", -1 },
	{ "2026-13-01", -1 },
	{ "2026-00-01", -1 },
	{ "2026-11-20T24:00:00Z", -1 },
	{ "2026-11-20T09:60:00Z", -1 },
	{ "2026-11-20T09:04:34.Z", -1 },
	{ "2026-11-20T09:04:34X", -1 },
	{ "2026-11-20T09:04:34+2", -1 },
	{ "2026-11-20T09:04:34Zx", -1 },
	{ "2026-11-20T", -1 },
	{ "2026-11-2", -1 },
	{ "1969-12-31", -1 },
	{ "99999-01-01", -1 },
	{ "yesterday", -1 },
	{ "", -1 },
	{ NULL, -1 },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		int64_t usec = -1;
		bool ok = nova_timestamp_parse(cases[i].text, &usec, &error);

		print_message("  %s\n", cases[i].text ? cases[i].text : "NULL");
		assert_int_equal(ok, cases[i].want >= 0);
		assert_true(usec == cases[i].want);
		if (!ok)
			assert_fault(error, NOVA_FAULT_BAD_REQUEST);
	}
}

/* Whatever the time zone of the machine is. */
static void test_time_zone_does_not_matter(void **state)
{
	char text[NOVA_TIMESTAMP_SIZE];
	int64_t usec = 0;

	(void)state;
	setenv("TZ", "America/New_York", 1);
	tzset();
	assert_string_equal(nova_timestamp_z(T * S, text), "2026-11-20T09:04:34Z");
	assert_true(nova_timestamp_parse("2026-11-20T09:04:34", &usec, NULL));
	assert_true(usec == T * S);
	assert_true(llabs(nova_timestamp_now_usec() - (int64_t)time(NULL) * S) < 2 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_time_zone_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
