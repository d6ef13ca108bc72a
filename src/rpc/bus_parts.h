/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_parts.h - what is inside a bus, for the other files of src/rpc only.
 */
#pragma once

#include "rpc/bus.h"
#include "rpc/replies.h"
#include "rpc/sender.h"

typedef struct nova_bus_counters {
	GMutex lock;
	uint64_t received, rejected, duplicates;
} nova_bus_counters;

struct nova_bus {
	nova_bus_options options; /* strings owned, defaults filled in */
	nova_transport_url *url;
	nova_sender *sender;
	nova_replies *replies;
	nova_bus_counters counters; /* of all servers */
	bool is_started, is_stopped;
};

/* A name for one more connection of this process, and the settings that go with it; strings are
 * borrowed from the bus and from connection_name. */
nova_amqp_settings nova_bus_amqp_settings(const nova_bus *bus, const char *connection_name);
char *nova_bus_connection_name(const nova_bus *bus, const char *role);

/* Queues an answer to a call.  Errors are the caller's to log. */
bool nova_bus_send_reply(nova_bus *bus, const nova_rpc_reply *reply, const char *queue, GError **error);
