/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - what the broker tests share: one broker for all of them, a service written in C that a
 * Python peer can stand in for, and a raw sender of whatever bytes a test likes.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "common/json.h"
#include "rpc/client.h"
#include "rpc/server.h"

/* The broker of the whole run. */
extern test_broker *the_broker;

/* Group of each file. */
int run_oslo_tests(void);
int run_message_tests(void);
int run_outage_tests(void);

/* What the test service heard. */
typedef struct test_service {
	GMutex lock;
	GPtrArray *noted; /* JSON texts of note()'s argument, in order of arrival */
	nova_rpc_endpoint endpoints[2];
	nova_rpc_server *server;
} test_service;

nova_bus *test_bus_new(const nova_bus_options *overrides); /* transport_url and heartbeat are filled in; connected */

/* Methods echo, context, note, notes, fail, slow, newer as oslo_peer.py's endpoint; listening. */
test_service *test_service_new(nova_bus *bus, const char *topic, const char *host, unsigned workers);
/* The same, but does not wait until it listens. */
test_service *test_service_start(nova_bus *bus, const char *topic, const char *host, unsigned workers);
void test_service_free(test_service *service);
size_t test_service_count(test_service *service, const char *json); /* NULL: all */
/* Waits up to 30 s for so many notes of this value. */
void test_service_wait(test_service *service, const char *json, size_t count);

/* Calls and gives the result as JSON text, or fails the test.  Free with g_free(). */
char *test_call(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args);
/* Calls and wants this fault; returns the text of the error, free with g_free(). */
char *test_call_fails(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args,
		      unsigned timeout_ms, nova_fault fault);
void test_cast(nova_bus *bus, const nova_rpc_target *target, const char *method, const char *args);

/* Polls until check(data) or 30 s; fails the test with `what' otherwise. */
void test_wait_until(bool (*check)(void *data), void *data, const char *what);

typedef struct raw_message {
	const char *exchange, *routing_key, *content_type, *content_encoding;
	const void *body;
	size_t length;
} raw_message;

/* A connection of rabbitmq-c's own, for messages nova-lite would never send. */
typedef struct raw_sender raw_sender;
raw_sender *raw_sender_new(void);
void raw_sender_free(raw_sender *sender);
void raw_send(raw_sender *sender, const raw_message *message);
/* Makes a queue that keeps what is published to a fanout exchange of this name. */
void raw_make_dead_letters(raw_sender *sender, const char *exchange, const char *queue);
/* Messages in the queue now. */
size_t raw_count(raw_sender *sender, const char *queue);
