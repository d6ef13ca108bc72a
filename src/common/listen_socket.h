/* SPDX-License-Identifier: Apache-2.0
 *
 * listen_socket.h - a TCP socket that listens.
 */
#pragma once

#include "common/error.h"

#include <stdint.h>

/* Listens on an address (IPv6 ones also take IPv4 clients) and port (0: the system chooses); non-blocking.  -1 and
 * CONFIG when that cannot be. */
int nova_listen_socket(const char *address, uint16_t port, GError **error);

/* The port a socket has. */
uint16_t nova_listen_socket_port(int fd);
