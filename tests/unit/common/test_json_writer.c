/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_writer.h"

#include "common/json.h"
#include "unit.h"

static char *finish(nova_json_writer *w)
{
	size_t length;
	char *text = nova_json_writer_finish(w, &length);

	assert_int_equal(strlen(text), length);
	return text;
}

static void test_commas_stand_between(void **state)
{
	nova_json_writer w;
	g_autofree char *text = NULL;

	(void)state;
	nova_json_writer_init(&w, 0);
	nova_json_begin(&w, NULL, '{');
	nova_json_begin(&w, "empty", '{');
	nova_json_end(&w, '}');
	nova_json_begin(&w, "list", '[');
	nova_json_put_int(&w, NULL, INT64_MIN);
	nova_json_put_int(&w, NULL, INT64_MAX);
	nova_json_begin(&w, NULL, '[');
	nova_json_end(&w, ']');
	nova_json_put_str(&w, NULL, NULL);
	nova_json_end(&w, ']');
	nova_json_put_bool(&w, "yes", true);
	nova_json_put_bool(&w, "no", false);
	nova_json_put_str(&w, "", "");
	nova_json_end(&w, '}');
	text = finish(&w);
	assert_string_equal(text, "{\"empty\":{},\"list\":[-9223372036854775808,9223372036854775807,[],null],"
				  "\"yes\":true,\"no\":false,\"\":\"\"}");
}

/* Whatever is in a string comes out as json-c writes it, and is read back as it was. */
static void test_strings_are_those_of_a_tree(void **state)
{
	static const char *const values[] = {
		"plain",
		"a/b",
		"\"quoted\" \\ back",
		"\b\f\n\r\t",
		"\x01\x1f\x7f",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xe2\x80\xa8",
		"</script> & '",
		"",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autoptr(json_object) tree = json_object_new_object();
		g_autoptr(json_object) back = NULL;
		g_autofree char *text = NULL;
		g_autofree char *want = NULL;
		nova_json_writer w;

		nova_json_add_str(tree, values[i], values[i]);
		want = nova_json_dup_text(tree, NULL);
		nova_json_writer_init(&w, 1);
		nova_json_begin(&w, NULL, '{');
		nova_json_put_str(&w, values[i], values[i]);
		nova_json_end(&w, '}');
		text = finish(&w);
		assert_string_equal(text, want);
		back = nova_json_parse(text, strlen(text), 4, NULL);
		assert_non_null(back);
		assert_true(json_object_equal(back, tree));
	}
}

/* Every character that must not stand in a string as it is. */
static void test_control_characters(void **state)
{
	(void)state;
	for (int c = 1; c < 0x20; c++) {
		const char value[] = { (char)c, 0 };
		g_autoptr(json_object) tree = json_object_new_string(value);
		g_autofree char *want = nova_json_dup_text(tree, NULL);
		g_autofree char *text = NULL;
		nova_json_writer w;

		nova_json_writer_init(&w, 0);
		nova_json_put_str(&w, NULL, value);
		text = finish(&w);
		assert_string_equal(text, want);
	}
}

static void test_stored_text_loses_its_blanks_only(void **state)
{
	static const struct {
		const char *stored, *want;
	} cases[] = {
		{ "{}", "{}" },
		{ "{\"a b\": \"c  d\", \"e\": [1, 2.50, null]}", "{\"a b\":\"c  d\",\"e\":[1,2.50,null]}" },
		{ "[\"\\\" x\", \"\\\\\", \" \"]", "[\"\\\" x\",\"\\\\\",\" \"]" },
		{ " [\n\t1 ,\r2 ] ", "[1,2]" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = NULL;
		nova_json_writer w;

		nova_json_writer_init(&w, 0);
		nova_json_put_text(&w, NULL, cases[i].stored);
		text = finish(&w);
		assert_string_equal(text, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commas_stand_between),
		cmocka_unit_test(test_strings_are_those_of_a_tree),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_stored_text_loses_its_blanks_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
