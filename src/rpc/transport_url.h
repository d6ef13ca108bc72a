/* SPDX-License-Identifier: Apache-2.0
 *
 * transport_url.h - the broker list out of [DEFAULT] transport_url, as oslo.messaging reads it.
 *
 *	rabbit://user:password@host1:port,user:password@host2:port/virtual_host
 *
 * Schemes rabbit and amqp; either every host has credentials or none has (then guest/guest); user,
 * password and virtual host may hold percent escapes; IPv6 addresses stand in brackets; a missing
 * port is 5672; an empty virtual host is "/".  Query parameters are refused: the options they would
 * set have names of their own.  Pure.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

typedef struct nova_broker {
	char *host;
	unsigned port;
	char *user, *password;
} nova_broker;

typedef struct nova_transport_url {
	nova_broker *brokers; /* at least one */
	size_t n_brokers;
	char *virtual_host;
} nova_transport_url;

/* CONFIG on error; the text never repeats the URL, which holds a password. */
nova_transport_url *nova_transport_url_parse(const char *text, GError **error);
void nova_transport_url_free(nova_transport_url *url);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_transport_url, nova_transport_url_free)
