/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of strangers' text against text that is almost right: thousands of mutations of good samples, always the
 * same ones.  Whatever comes, a reader answers with a value or with one error, and (with sanitizers) touches nothing
 * that is not its own. */
#include "common/conf.h"
#include "common/fault_point.h"
#include "common/json.h"
#include "common/timestamp.h"
#include "unit.h"

typedef bool (*reader)(const char *text, size_t length, GError **error);

static bool read_conf(const char *text, size_t length, GError **error)
{
	g_autofree char *copy = g_strndup(text, length);
	g_autoptr(nova_conf) conf = nova_conf_parse(copy, "f", NULL, error);

	return conf != NULL;
}

static bool read_json(const char *text, size_t length, GError **error)
{
	g_autoptr(json_object) value = nova_json_parse(text, length, 8, error);
	g_autoptr(json_object) again = NULL;
	g_autofree char *copy = NULL;
	size_t copy_length = 0;

	if (!value)
		return false;
	/* What was accepted can be written and read again. */
	copy = nova_json_dup_text(value, &copy_length);
	again = nova_json_parse(copy, copy_length, 8, NULL);
	assert_non_null(again);
	return true;
}

static bool read_timestamp(const char *text, size_t length, GError **error)
{
	g_autofree char *copy = g_strndup(text, length);
	char written[NOVA_TIMESTAMP_SIZE];
	int64_t usec = 0, again = 0;

	if (!nova_timestamp_parse(copy, &usec, error))
		return false;
	assert_true(nova_timestamp_parse(nova_timestamp_micro(usec, written), &again, NULL) || usec < 0);
	assert_true(again == usec || usec < 0);
	return true;
}

static bool read_fault_points(const char *text, size_t length, GError **error)
{
	g_autofree char *copy = g_strndup(text, length);

	return nova_fault_points_set(copy, error);
}

static const struct {
	const char *label, *sample;
	reader read;
} subjects[] = {
	{ "configuration",
	  "# c\n[DEFAULT]\nhost = \"a\"\nstate_path: /x/$host\nmy_ip = ${live_migration_inbound_addr}$$\n\n"
	  "[libvirt]\nlive_migration_flag = A,\n  B\nlive_migration_inbound_addr = h\ncpu_mode = none\n"
	  "[database]\nmax_pool_size = 7\n", read_conf },
	{ "JSON", "{\"a\": [1, -2.5e3, true, null, {\"b\\u00e9\\n\": \"\\\"x\\\\\"}], \"c\": {}}", read_json },
	{ "time", "2026-11-20T09:04:34.123456+02:00", read_timestamp },
	{ "fault points", "a:b=error:1-5,c=sleep(20),d=exit,e=stop:3-", read_fault_points },
};

static GString *mutate(GRand *random, const char *sample)
{
	static const char spice[] = "\n\t ${}[]=:\"'\\,.-+0179eEaZ\0\x80\xff";
	GString *text = g_string_new(sample);

	for (int edits = g_rand_int_range(random, 1, 6); edits > 0 && text->len > 0; edits--) {
		size_t at = (size_t)g_rand_int_range(random, 0, (int)text->len);
		char c = spice[g_rand_int_range(random, 0, (int)sizeof(spice))];

		switch (g_rand_int_range(random, 0, 4)) {
		case 0:
			text->str[at] = c;
			break;
		case 1:
			g_string_insert_c(text, (ssize_t)at, c);
			break;
		case 2:
			g_string_erase(text, (ssize_t)at, 1);
			break;
		default:
			g_string_truncate(text, at);
		}
	}
	return text;
}

static void test_mutations(void **state)
{
	GRand *random = g_rand_new_with_seed(20261120);

	(void)state;
	for (size_t s = 0; s < G_N_ELEMENTS(subjects); s++) {
		unsigned accepted = 0, refused = 0;

		for (int i = 0; i < 3000; i++) {
			g_autoptr(GString) text = mutate(random, subjects[s].sample);
			g_autoptr(GError) error = NULL;

			if (subjects[s].read(text->str, text->len, &error)) {
				assert_null(error);
				accepted++;
			} else {
				assert_non_null(error);
				assert_true(error->message[0] != '\0');
				refused++;
			}
		}
		print_message("  %s: %u accepted, %u refused\n", subjects[s].label, accepted, refused);
		/* Otherwise the mutations are too tame or too wild to show anything. */
		assert_true(accepted > 20 && refused > 200);
	}
	assert_true(nova_fault_points_set(NULL, NULL));
	g_rand_free(random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
