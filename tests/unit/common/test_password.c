/* SPDX-License-Identifier: Apache-2.0 */
#include "common/password.h"

#include "unit.h"

#include <time.h>

static void test_a_hash_knows_its_password(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *one = nova_password_hash("correct horse", &error);
	g_autofree char *two = nova_password_hash("correct horse", &error);

	(void)state;
	assert_ok(one && two, error);
	assert_true(g_str_has_prefix(one, "$y$"));
	assert_string_not_equal(one, two); /* salted */
	assert_true(nova_password_verify("correct horse", one));
	assert_true(nova_password_verify("correct horse", two));
	assert_false(nova_password_verify("correct horsf", one));
	assert_false(nova_password_verify("", one));
	assert_null(strstr(one, "correct"));
}

/* Hashes made elsewhere by the methods libxcrypt reads; the values are those of crypt(5)'s test vectors. */
static void test_other_methods_verify(void **state)
{
	const char *bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

	(void)state;
	assert_true(nova_password_verify("U*U", bcrypt));
	assert_false(nova_password_verify("U*V", bcrypt));
}

static void test_what_is_no_hash_fits_nothing(void **state)
{
	static const char *const broken[] = { "", "*", "*0", "x", "$y$", "$nothing$abc", "secret" };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
		assert_false(nova_password_verify("secret", broken[i]));
}

/* Processor time, so that a busy machine changes nothing. */
static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static int64_t fastest_us(const char *hash)
{
	int64_t best = G_MAXINT64;

	for (int i = 0; i < 5; i++) {
		int64_t begun = now_us();

		assert_false(nova_password_verify("guess", hash));
		best = MIN(best, now_us() - begun);
	}
	return best;
}

/* Who asks cannot tell by the clock whether there is such a user. */
static void test_no_user_costs_as_much_as_a_wrong_password(void **state)
{
	g_autofree char *hash = nova_password_hash("secret", NULL);
	int64_t known, unknown;

	(void)state;
	assert_false(nova_password_verify("guess", NULL)); /* makes the hash it compares with */
	known = fastest_us(hash);
	unknown = fastest_us(NULL);
	print_message("  wrong password %.1f ms, no user %.1f ms\n", (double)known / 1000, (double)unknown / 1000);
	assert_true(unknown > known / 2 && unknown < known * 2);
	assert_true(known > 1000);
}

static void test_passwords_that_cannot_be(void **state)
{
	g_autofree char *longest = g_strnfill(NOVA_PASSWORD_MAX, 'x');
	g_autofree char *too_long = g_strnfill(NOVA_PASSWORD_MAX + 1, 'x');
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_ok(nova_password_check(longest, &error), error);
	assert_ok(nova_password_check("p\xc3\xa4ss w\xc3\xb6rd", &error), error);
	assert_false(nova_password_check(too_long, &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
	assert_null(strstr(error->message, "xxx"));
	g_clear_error(&error);
	assert_false(nova_password_check("", &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
	g_clear_error(&error);
	assert_false(nova_password_check("a\nb", &error));
	assert_fault(error, NOVA_FAULT_BAD_REQUEST);
}

static void test_secrets(void **state)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *digest = nova_secret_digest("abc");

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char *secret = nova_secret_new();

		assert_int_equal(strlen(secret), 43);
		assert_true(nova_secret_is_well_formed(secret));
		assert_true(g_hash_table_add(seen, secret));
	}
	assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_false(nova_secret_is_well_formed(""));
	assert_false(nova_secret_is_well_formed("short"));
	assert_false(nova_secret_is_well_formed("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));  /* 44 */
	assert_true(nova_secret_is_well_formed("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));	 /* 43 */
	assert_false(nova_secret_is_well_formed("AAAAAAAAAAAAAAAAAAAAA'AAAAAAAAAAAAAAAAAAAAA"));
	assert_true(nova_secret_equals("same", "same"));
	assert_false(nova_secret_equals("same", "sane"));
	assert_false(nova_secret_equals("same", "same "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hash_knows_its_password),
		cmocka_unit_test(test_other_methods_verify),
		cmocka_unit_test(test_what_is_no_hash_fits_nothing),
		cmocka_unit_test(test_no_user_costs_as_much_as_a_wrong_password),
		cmocka_unit_test(test_passwords_that_cannot_be),
		cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
