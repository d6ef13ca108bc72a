/* SPDX-License-Identifier: Apache-2.0
 *
 * throttle.h - who has failed too often has to wait before the next try.
 *
 * Failures are counted by key (a user at an address; an address).  The first few are free; each further one
 * doubles the wait, from one second to a minute.  A quarter of an hour without a failure, or a success, clears the
 * key.  At most NOVA_THROTTLE_KEYS are remembered; then the one whose last failure is longest ago is forgotten.
 * Pure: the caller passes the time.  Not locked.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NOVA_THROTTLE_KEYS 4096

typedef struct nova_throttle nova_throttle;

nova_throttle *nova_throttle_new(void);
void nova_throttle_free(nova_throttle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_throttle, nova_throttle_free)

/* Microseconds this key has to wait still; 0: none. */
int64_t nova_throttle_wait_us(const nova_throttle *throttle, const char *key, int64_t now_us);

/* `free_failures' cost nothing. */
void nova_throttle_failed(nova_throttle *throttle, const char *key, unsigned free_failures, int64_t now_us);
void nova_throttle_succeeded(nova_throttle *throttle, const char *key);

unsigned nova_throttle_size(const nova_throttle *throttle);

/* The part of an address that one customer of a provider has: all of IPv4, the first 64 bits of IPv6.  Free with
 * g_free(). */
char *nova_throttle_network(const char *address);
