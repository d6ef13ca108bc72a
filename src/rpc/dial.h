/* SPDX-License-Identifier: Apache-2.0
 *
 * dial.h - a TCP connection with a deadline, and with a reason when there is none.
 *
 * rabbitmq-c's own connect says "a socket error occurred" for everything; an operator needs to read
 * "Connection refused" or "Name or service not known".
 */
#pragma once

#include <glib.h>

/* Tries the addresses of `host' one after the other within timeout_ms (looking the name up is up to
 * the resolver).  Returns a non-blocking, close-on-exec socket, or -1 with MESSAGING. */
int nova_dial(const char *host, unsigned port, unsigned timeout_ms, GError **error);
