/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.h - a throw-away RabbitMQ for tests.
 *
 * A private node: own node name, ports, directories, cookie and epmd, all on the loopback address, so
 * that it neither meets nor disturbs another broker on the machine.  Everything is below one new
 * directory in /tmp and gone after test_broker_free(); when the test dies the kernel ends the broker.
 * Functions fail the running cmocka test when something goes wrong.
 */
#pragma once

#include <stdbool.h>

typedef struct test_broker test_broker;

/* Starts epmd and the broker and waits until it speaks AMQP (some 5 s). */
test_broker *test_broker_new(void);
void test_broker_free(test_broker *broker);

/* rabbit://guest:guest@127.0.0.1:PORT/ */
const char *test_broker_url(const test_broker *broker);
unsigned test_broker_port(const test_broker *broker);

/* Runs rabbitmqctl with up to four words; returns what it printed, free with g_free(). */
char *test_broker_ctl(test_broker *broker, const char *a, const char *b, const char *c, const char *d);

void test_broker_kill(test_broker *broker); /* SIGKILL, as a power failure */
void test_broker_pause(test_broker *broker); /* SIGSTOP: connections stay open, nobody answers */
void test_broker_resume(test_broker *broker);
void test_broker_start(test_broker *broker); /* again after a kill; waits until it is ready */
