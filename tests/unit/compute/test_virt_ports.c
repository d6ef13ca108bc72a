/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/compute/scratch.h"

#include "compute/virt.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define HERE "127.0.79.7" /* loopback, and nobody else's */
#define LAST_PORT 49215
#define CALLERS 4 /* more than a backlog of 0 takes */

static void test_a_refusal_is_an_answer(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_ok(nova_virt_migration_ports_answer(HERE, 5000, &error), error);
}

static void test_a_name_that_is_not_found_refuses(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(nova_virt_migration_ports_answer("no-such-host.invalid", 5000, &error));
	assert_fault(error, NOVA_FAULT_MIGRATION_PRE_CHECK);
	assert_non_null(strstr(error->message, "no-such-host.invalid"));
}

/* A socket whose queue is full drops what knocks, as a firewall does. */
static void test_silence_refuses_in_time(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(LAST_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), callers[CALLERS];
	g_autoptr(GError) error = NULL;
	int64_t began;

	(void)state;
	assert_int_equal(inet_pton(AF_INET, HERE, &address.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(callers[i] >= 0);
		connect(callers[i], (struct sockaddr *)&address, sizeof(address));
	}
	began = g_get_monotonic_time();
	assert_false(nova_virt_migration_ports_answer(HERE, 300, &error));
	assert_true(g_get_monotonic_time() - began < 5 * G_USEC_PER_SEC);
	assert_fault(error, NOVA_FAULT_MIGRATION_PRE_CHECK);
	assert_non_null(strstr(error->message, "49152 to 49215"));
	assert_non_null(strstr(error->message, "no answer"));
	for (int i = 0; i < CALLERS; i++)
		close(callers[i]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_refusal_is_an_answer),
		cmocka_unit_test(test_a_name_that_is_not_found_refuses),
		cmocka_unit_test(test_silence_refuses_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
