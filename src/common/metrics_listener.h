/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_listener.h - GET /metrics and GET /healthcheck of a daemon.
 *
 * One thread, one connection after the other, each with a deadline; it needs no HTTP library, so that every daemon can
 * have it.  It knows no secrets and asks for none: what may connect is for the network to decide, so it is off unless
 * metrics_listen says where.
 */
#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct nova_metrics_source {
	/* Sets what is looked up and not counted, before each answer; or NULL.  The listener's thread; may block. */
	void (*collect)(void *data);
	/* Whether the daemon can do its work; else *ret_why (the caller frees it) says what keeps it.  NULL: it can. */
	bool (*is_well)(void *data, char **ret_why);
	void *data;
} nova_metrics_source;

typedef struct nova_metrics_listener nova_metrics_listener;

/* `where': "ADDRESS:PORT", "[ADDRESS]:PORT"; port 0: the system chooses.  The source is copied.  CONFIG. */
nova_metrics_listener *nova_metrics_listener_new(const char *where, const nova_metrics_source *source, GError **error);
uint16_t nova_metrics_listener_port(const nova_metrics_listener *listener);
void nova_metrics_listener_free(nova_metrics_listener *listener); /* NULL is fine */

/* Whether `where' can be read. */
bool nova_metrics_listener_check(const char *where, GError **error);
