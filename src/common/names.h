/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - enumerations that users, the database or the wire spell as words.
 *
 * A table belongs to one enum whose values run from 0 to COUNT - 1.  Declare it beside the enum with
 * `extern const nova_names nova_thing_names;' and define it once:
 *	NOVA_NAMES(nova_thing_names, "thing", NOVA_THING__COUNT, [NOVA_THING_A] = "a", [NOVA_THING_B] = "b");
 * A table with a name too few or too many does not compile; a hole is found by
 * nova_names_are_complete() in the owner's test.  Tables are constant: any thread may use them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct nova_names {
	const char *what; /* for errors: "no virt_type 'xen' ..." */
	const char *const *names;
	size_t count;
} nova_names;

#define NOVA_NAMES(symbol, what_, count_, ...) \
	static const char *const symbol##_list[] = { __VA_ARGS__ }; \
	G_STATIC_ASSERT(G_N_ELEMENTS(symbol##_list) == (count_)); \
	const nova_names symbol = { what_, symbol##_list, (count_) }

/* The word for a value; a value outside the enum is a bug and aborts. */
const char *nova_names_get(const nova_names *names, int value);

/* The value of a word, exactly as spelled; -1 when there is none. */
int nova_names_find(const nova_names *names, const char *word);

/* The same for words a user wrote: the error (BAD_REQUEST) lists the words there are. */
bool nova_names_parse(const nova_names *names, const char *word, int *ret_value, GError **error);

/* "a, b or c"; free with g_free(). */
char *nova_names_list(const nova_names *names);

bool nova_names_are_complete(const nova_names *names);

/* The word of `words' (NULL-terminated) most like `word' by edit distance, or NULL when none is
 * like it: for "unknown option 'reprot_interval', did you mean ...". */
const char *nova_names_nearest(const char *word, const char *const *words);
