/* SPDX-License-Identifier: Apache-2.0 */
#include "common/context.h"

#include "common/uuid.h"
#include "unit.h"

static void test_uuids(void **state)
{
	char a[NOVA_UUID_SIZE], b[NOVA_UUID_SIZE];

	(void)state;
	nova_uuid_new(a);
	nova_uuid_new(b);
	assert_string_not_equal(a, b);
	assert_true(nova_uuid_is_valid(a));
	assert_int_equal(a[14], '4');
	assert_true(nova_uuid_is_valid("9A3F2C60-1B7D-4E55-8A0B-0C1D2E3F4A5B"));
	assert_false(nova_uuid_is_valid("9a3f2c601b7d4e558a0b0c1d2e3f4a5b"));
	assert_false(nova_uuid_is_valid("9a3f2c60-1b7d-4e55-8a0b-0c1d2e3f4a5"));
	assert_false(nova_uuid_is_valid("9a3f2c60-1b7d-4e55-8a0b-0c1d2e3f4a5b "));
	assert_false(nova_uuid_is_valid("9a3f2c60-1b7d-4e55-8a0b-0c1d2e3f4a5g"));
	assert_false(nova_uuid_is_valid("../../../../../../etc/passwd-ab-cdef"));
	assert_false(nova_uuid_is_valid(""));
	assert_false(nova_uuid_is_valid(NULL));
}

static void test_request_ids(void **state)
{
	g_autofree char *id = nova_request_id_new();

	(void)state;
	assert_true(nova_request_id_is_valid(id));
	assert_int_equal(strlen(id), 40);
	assert_false(nova_request_id_is_valid(id + 4));
	assert_false(nova_request_id_is_valid("req-"));
	assert_false(nova_request_id_is_valid("req-x\r\nSet-Cookie: a"));
	assert_false(nova_request_id_is_valid(NULL));
}

static void test_contexts(void **state)
{
	g_autoptr(nova_context) user = nova_context_new("ann", "lab", false);
	g_autoptr(nova_context) copy = nova_context_copy(user);
	g_autoptr(nova_context) admin = nova_context_new_admin();
	g_autoptr(nova_context) given = nova_context_new_with_id("req-1", NULL, "lab", true);

	(void)state;
	assert_string_equal(copy->request_id, user->request_id);
	assert_string_equal(copy->user_id, "ann");
	assert_string_equal(copy->project_id, "lab");
	assert_false(copy->is_admin);
	assert_true(admin->is_admin);
	assert_string_equal(admin->user_id, "");
	assert_string_not_equal(admin->request_id, user->request_id);
	assert_string_equal(given->request_id, "req-1");
	assert_string_equal(given->user_id, "");
	nova_context_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uuids),
		cmocka_unit_test(test_request_ids),
		cmocka_unit_test(test_contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
