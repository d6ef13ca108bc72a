/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include "unit.h"

static const struct {
	const char *label, *text;
	bool ok;
} parse_cases[] = {
	{ "object", "{\"a\": 1}", true },
	{ "array", "[1, 2]", true },
	{ "blanks around", " \r\n\t{} \n", true },
	{ "number alone", "17", true },
	{ "string alone", "\"x\"", true },
	{ "unicode escape", "[\"\\u00e9\"]", true },
	{ "capital in a string", "[\"NaN and Infinity\", \"\\\"N\"]", true },
	{ "eight deep", "[[[[[[[1]]]]]]]", true },
	{ "nothing", "", false },
	{ "blanks", "  ", false },
	{ "null alone", "null", false },
	{ "nine deep", "[[[[[[[[[1]]]]]]]]]", false },
	{ "unfinished", "{\"a\": 1", false },
	{ "two values", "{} {}", false },
	{ "junk behind", "{}x", false },
	{ "comment", "{} /* x */", false },
	{ "single quotes", "{'a': 1}", false },
	{ "trailing comma", "[1,]", false },
	{ "bare word", "hello", false },
	{ "not a number", "[NaN]", false },
	{ "infinite", "[-Infinity]", false },
	{ "literal in capitals", "[TRUE]", false },
	{ "unclosed string", "[\"a", false },
	{ "unknown escape", "[\"\\x41\"]", false },
	{ "leading zero", "[01]", false },
	{ "minus alone", "[-]", false },
	{ "plus", "[+1]", false },
	{ "half an exponent", "[1e]", false },
	{ "unpaired surrogate", "[\"\\ud800\"]", true },
	{ "latin-1", "[\"\351\"]", false },
	{ "escaped nul", "[\"a\\u0000b\"]", false },
	{ "escaped nul deep down", "{\"a\": [{\"b\": \"\\u0000\"}]}", false },
	{ "escaped nul in a key", "{\"a\\u0000b\": 1}", false },
	{ "a backslash and u0000", "[\"\\\\u0000\"]", true },
	{ "control character", "[\"a\nb\"]", false },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(parse_cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(json_object) value =
			nova_json_parse(parse_cases[i].text, strlen(parse_cases[i].text), 8, &error);

		print_message("  %s\n", parse_cases[i].label);
		if (parse_cases[i].ok) {
			assert_ok(value, error);
		} else {
			assert_null(value);
			assert_fault(error, NOVA_FAULT_BAD_REQUEST);
		}
	}
}

static void test_length_is_obeyed(void **state)
{
	g_autoptr(json_object) value = nova_json_parse("[1]junk", 3, 8, NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_non_null(value);
	assert_null(nova_json_parse("[\"a\0b\"]", 7, 8, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
}

static json_object *sample(void)
{
	const char text[] = "{\"server\": {\"name\": \"vm1\", \"networks\": [{\"uuid\": \"u\"}], \"nothing\": null,"
			    " \"ram\": 64, \"ratio\": 1.5, \"big\": 18446744073709551615, \"on\": true}}";
	json_object *value = nova_json_parse(text, strlen(text), 8, NULL);

	assert_non_null(value);
	return value;
}

static void test_getters(void **state)
{
	g_autoptr(json_object) root = sample();
	json_object *part = NULL;
	const char *text = NULL;
	int64_t number = 0;
	double real = 0;
	bool truth = false;

	(void)state;
	assert_true(nova_json_get_str(root, "server.networks.0.uuid", &text, NULL));
	assert_string_equal(text, "u");
	assert_true(nova_json_get_int(root, "server.ram", 0, 64, &number, NULL));
	assert_int_equal(number, 64);
	assert_true(nova_json_get_double(root, "server.ratio", &real, NULL) && real == 1.5);
	assert_true(nova_json_get_double(root, "server.ram", &real, NULL) && real == 64);
	assert_true(nova_json_get_bool(root, "server.on", &truth, NULL) && truth);
	assert_true(nova_json_get_object(root, "server", &part, NULL));
	assert_true(nova_json_get_array(root, "server.networks", &part, NULL));
	assert_null(nova_json_find(root, "server.networks.1"));
	assert_null(nova_json_find(root, "server.networks.x"));
	assert_null(nova_json_find(root, "server.networks.-1"));
	assert_null(nova_json_find(root, "server.name.deeper"));
}

static void test_getters_name_the_path(void **state)
{
	g_autoptr(json_object) root = sample();
	g_autoptr(GError) missing = NULL;
	g_autoptr(GError) wrong = NULL;
	g_autoptr(GError) range = NULL;
	g_autoptr(GError) huge = NULL;
	const char *text = "kept";
	int64_t number = 7;
	bool truth;

	(void)state;
	assert_false(nova_json_get_str(root, "server.image", &text, &missing));
	assert_string_equal(missing->message, "'server.image' is missing");
	assert_false(nova_json_get_str(root, "server.ram", &text, &wrong));
	assert_string_equal(wrong->message, "'server.ram' must be a string, not int");
	assert_false(nova_json_get_int(root, "server.ram", 0, 63, &number, &range));
	assert_string_equal(range->message, "'server.ram' must be from 0 to 63");
	assert_false(nova_json_get_int(root, "server.big", 0, INT64_MAX, &number, &huge));
	assert_false(nova_json_get_int(root, "server.ratio", 0, 9, &number, NULL));
	assert_false(nova_json_get_bool(root, "server.ram", &truth, NULL));
	assert_string_equal(text, "kept");
	assert_int_equal(number, 7);
}

static void test_optional_values(void **state)
{
	g_autoptr(json_object) root = sample();
	const char *text = NULL;
	int64_t number = 0;
	bool truth = false;

	(void)state;
	assert_true(nova_json_opt_str(root, "server.none", "fallback", &text, NULL));
	assert_string_equal(text, "fallback");
	assert_true(nova_json_opt_str(root, "server.nothing", "null counts as absent", &text, NULL));
	assert_string_equal(text, "null counts as absent");
	assert_true(nova_json_opt_int(root, "server.none", 0, 9, 5, &number, NULL) && number == 5);
	assert_true(nova_json_opt_int(root, "server.ram", 0, 99, 5, &number, NULL) && number == 64);
	assert_true(nova_json_opt_bool(root, "server.none", true, &truth, NULL) && truth);
	assert_false(nova_json_opt_int(root, "server.name", 0, 9, 5, &number, NULL));
	assert_false(nova_json_opt_bool(root, "server.name", true, &truth, NULL));
}

static void test_text(void **state)
{
	g_autoptr(json_object) root = json_object_new_object();
	g_autofree char *copy = NULL;
	size_t length = 0;

	(void)state;
	nova_json_add_str(root, "url", "http://a/b");
	nova_json_add_str(root, "none", NULL);
	nova_json_add_int(root, "n", INT64_MIN);
	nova_json_add_bool(root, "t", true);
	nova_json_add_double(root, "d", 0.5);
	nova_json_add_null(root, "z");
	nova_json_add(root, "l", json_object_new_array());
	assert_string_equal(nova_json_text(root), "{\"url\":\"http://a/b\",\"none\":null,\"n\":-9223372036854775808,"
						  "\"t\":true,\"d\":0.5,\"z\":null,\"l\":[]}");
	copy = nova_json_dup_text(root, &length);
	assert_int_equal(length, strlen(copy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_length_is_obeyed),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_getters_name_the_path),
		cmocka_unit_test(test_optional_values),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
