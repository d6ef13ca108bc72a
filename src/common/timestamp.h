/* SPDX-License-Identifier: Apache-2.0
 *
 * timestamp.h - points in time as Nova writes them.
 *
 * Inside the program a time is microseconds since the epoch, UTC, in an int64_t named ..._usec; 0 means
 * "none".  Durations and deadlines are elsewhere (deadline.h): this clock can be set back.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NOVA_TIMESTAMP_SIZE 40

int64_t nova_timestamp_now_usec(void);

/* "2026-11-20T09:04:34Z": servers and most of the compute API. */
const char *nova_timestamp_z(int64_t usec, char ret_text[NOVA_TIMESTAMP_SIZE]);

/* "2026-11-20T09:04:34.000000": services, migrations, launched_at and all RPC payloads. */
const char *nova_timestamp_micro(int64_t usec, char ret_text[NOVA_TIMESTAMP_SIZE]);

/* Reads ISO 8601: date and time separated by 'T' or a blank, seconds and their fraction optional,
 * then nothing (UTC), 'Z' or an offset such as +02:00; or a date alone.  Years 1970 to 9999.  Fails
 * with BAD_REQUEST. */
bool nova_timestamp_parse(const char *text, int64_t *ret_usec, GError **error);
