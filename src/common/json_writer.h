/* SPDX-License-Identifier: Apache-2.0
 *
 * json_writer.h - JSON text written from the front to the back, for answers with thousands of members.
 *
 * The same bytes as nova_json_dup_text() of a tree would give, without the tree: compact, slashes as they are, UTF-8 as
 * it comes.  The caller sees to it that brackets match.  One thread at a time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nova_json_writer {
	GString *text;
	bool more; /* something stands before in this object or array */
} nova_json_writer;

/* `expected': bytes it will probably be. */
void nova_json_writer_init(nova_json_writer *w, size_t expected);

/* The text; free with g_free().  The writer must not be used any more. */
char *nova_json_writer_finish(nova_json_writer *w, size_t *ret_length);

void nova_json_writer_drop(nova_json_writer *w); /* without text */

/* An object '{' or an array '['.  `key', here and below: NULL in an array and at the top. */
void nova_json_begin(nova_json_writer *w, const char *key, char bracket);
void nova_json_end(nova_json_writer *w, char bracket); /* '}' or ']' */

void nova_json_put_str(nova_json_writer *w, const char *key, const char *value); /* UTF-8; NULL: null */
void nova_json_put_int(nova_json_writer *w, const char *key, int64_t value);
void nova_json_put_bool(nova_json_writer *w, const char *key, bool value);

/* A value that is JSON text already, as PostgreSQL keeps it; blanks between its parts are left out. */
void nova_json_put_text(nova_json_writer *w, const char *key, const char *text);
