/* SPDX-License-Identifier: Apache-2.0
 *
 * labels.h - metadata and tags of servers.  Any thread; see db.h for faults.  Each function is one statement, so that
 * two that change different items of the same server both count.
 */
#pragma once

#include "db/db.h"

#define NOVA_TAGS_MOST 50 /* of one server */

/* Sets the members of `items' (JSON text of an object of strings; NULL: none) and removes `drop' (NULL: nothing), after
 * removing everything when `replace'.  *ret_metadata: JSON text of all there is then, caller frees.  FORBIDDEN when
 * that would be more than `limit' (-1: any number); INSTANCE_NOT_FOUND. */
bool nova_labels_set_metadata(nova_db *db, const char *uuid, bool replace, const char *items, const char *drop,
			      int64_t limit, char **ret_metadata, GError **error);

/* All tags: JSON text of an array of strings.  INSTANCE_NOT_FOUND. */
bool nova_labels_set_tags(nova_db *db, const char *uuid, const char *tags, GError **error);

/* *ret_new false: it has it already, or, with *ret_full, so many others that there is no room. */
bool nova_labels_add_tag(nova_db *db, const char *uuid, const char *tag, bool *ret_new, bool *ret_full, GError **error);

/* *ret_found false: it did not have it. */
bool nova_labels_drop_tag(nova_db *db, const char *uuid, const char *tag, bool *ret_found, GError **error);
