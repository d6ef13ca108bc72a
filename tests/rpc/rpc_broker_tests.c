/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests that need a broker, on one throw-away RabbitMQ.  A group's name as argument runs only it:
 * messages, oslo or outages.
 */
#include "fixture.h"

static int run_in_broker(const char *group)
{
	int failed = 0;

	the_broker = test_broker_new();
	if (!group || strcmp(group, "messages") == 0)
		failed += run_message_tests();
	if (!group || strcmp(group, "oslo") == 0)
		failed += run_oslo_tests();
	if (!group || strcmp(group, "outages") == 0)
		failed += run_outage_tests();
	test_broker_free(the_broker);
	return failed;
}

int main(int argc, char **argv)
{
	return run_in_broker(argc > 1 ? argv[1] : NULL) == 0 ? 0 : 1;
}
