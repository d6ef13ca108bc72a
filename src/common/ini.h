/* SPDX-License-Identifier: Apache-2.0
 *
 * ini.h - the file syntax of oslo.config, as a stream of assignments.
 *
 *	[group]			key = value	key: value
 *	# comment		; comment	(whole lines only)
 *	an indented line continues the value of the line above; the parts are joined with a newline
 *	a blank line ends a value; blanks around keys and values are dropped; one pair of quotes around a
 *	value on its first line is dropped
 * A key before any group is an error.  Nothing is cut, expanded or converted here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* One assignment.  The strings belong to the parser and live until the callback returns. */
typedef struct nova_ini_entry {
	const char *group;
	const char *key;
	const char *value;
	const char *file;
	unsigned line; /* where the key stands, from 1 */
} nova_ini_entry;

/* Called once for each assignment, in order. */
typedef void (*nova_ini_callback)(const nova_ini_entry *entry, void *data);

/* Reads `length' bytes of text; `file' is only for errors.  Fails (CONFIG) with "file:line: reason"
 * at the first thing that is not oslo.config syntax or not UTF-8. */
bool nova_ini_parse(const char *text, size_t length, const char *file, nova_ini_callback callback, void *data,
		    GError **error);
