/* SPDX-License-Identifier: Apache-2.0
 *
 * console.h - the serial console logs of a guest.
 *
 * Each owner of a guest writes a file of its own, console.TOKEN.log in the guest's directory: two QEMUs
 * that write one file on a network file system would overwrite each other's bytes at a move.  A reader
 * sees them as one text, in token order.
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"

#include <stdint.h>

/* Most that is ever returned, and most files that are looked at (the newest). */
#define NOVA_CONSOLE_MAX_BYTES (100 * 1024)
#define NOVA_CONSOLE_MAX_FILES 1000

/* Path of the log that the owner with this token writes; pure.  Caller frees. */
char *nova_console_path(const nova_conf *conf, const char *instance_uuid, int64_t token);

/* The last `lines' lines (below 0: all) of the console, at most NOVA_CONSOLE_MAX_BYTES of it, as valid UTF-8
 * without NUL.  A guest without logs yet has an empty console.  STORAGE when it cannot be read by the deadline.
 * Caller frees. */
char *nova_console_tail(nova_conf *conf, const char *instance_uuid, int lines, int deadline_ms, GError **error);
