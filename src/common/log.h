/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - one line for each thing an operator should know.
 *
 * Only daemons and commands log; functions below them report through GError.  Names go in quotes, a
 * warning ends with what happens next ("..., retrying in 4 s").  The tags become a key=value tail:
 *	<4>could not reach the broker, retrying in 4 s req=req-1f... instance=9a... host=HostB operation=17
 * Before nova_log_open() lines go to standard error at level info.  Every function may be called
 * from any thread; a line is written with one write(2), so lines never mix.  Control characters in
 * the text are written as \n, \t or \xNN: nobody can forge a line.
 */
#pragma once

#include "common/names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum nova_log_level {
	NOVA_LOG_ERROR,
	NOVA_LOG_WARNING,
	NOVA_LOG_INFO,
	NOVA_LOG_DEBUG,
	NOVA_LOG__COUNT
} nova_log_level;

extern const nova_names nova_log_level_names;

/* Every member may be left out (NULL or 0).  Borrowed for the call. */
typedef struct nova_log_tags {
	const char *request_id;
	const char *instance; /* uuid */
	const char *host;
	int64_t operation; /* operations.id */
} nova_log_tags;

/* Writes a line.  `tags' may be NULL. */
void nova_log(nova_log_level level, const nova_log_tags *tags, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define nova_log_error(tags, ...) nova_log(NOVA_LOG_ERROR, tags, __VA_ARGS__)
#define nova_log_warning(tags, ...) nova_log(NOVA_LOG_WARNING, tags, __VA_ARGS__)
#define nova_log_info(tags, ...) nova_log(NOVA_LOG_INFO, tags, __VA_ARGS__)
#define nova_log_debug(tags, ...) nova_log(NOVA_LOG_DEBUG, tags, __VA_ARGS__)

/* True when a line of this level would be written: guard work that only a log line needs. */
bool nova_log_enabled(nova_log_level level);
void nova_log_set_level(nova_log_level level);

/* Sends further lines to `file' (appending, mode 0640, with local time and level in words), or to
 * standard error when file is NULL or "".  Fails when the file cannot be opened; the old
 * destination then stays. */
bool nova_log_open(const char *file, GError **error);

/* Opens the current file anew, after a log rotation.  Nothing to do for standard error. */
bool nova_log_reopen(GError **error);
