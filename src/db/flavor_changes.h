/* SPDX-License-Identifier: Apache-2.0
 *
 * flavor_changes.h - what an administrator changes of a flavor that exists, and who may use it.  Servers keep a copy of
 * the flavor they were made of: nothing here touches them.  Any thread; see db.h for faults.  Flavors are named by
 * flavorid; each function sets *ret_found, false: there is no such flavor.
 */
#pragma once

#include "db/db.h"

#include <glib.h>

bool nova_flavors_delete(nova_db *db, const char *flavorid, bool *ret_found, GError **error);

/* NULL: none. */
bool nova_flavors_describe(nova_db *db, const char *flavorid, const char *description, bool *ret_found, GError **error);

/* Sets the members of `specs' (JSON text of an object of strings; NULL: none) and removes `drop' (NULL: nothing). */
bool nova_flavors_set_specs(nova_db *db, const char *flavorid, const char *specs, const char *drop, bool *ret_found,
			    GError **error);

/* Projects that may use a flavor that is not public.  *ret: of char *, sorted, owns them. */
bool nova_flavors_access(nova_db *db, const char *flavorid, GPtrArray **ret, GError **error);

/* CONFLICT: it has it already. */
bool nova_flavors_access_add(nova_db *db, const char *flavorid, const char *project_id, bool *ret_found,
			     GError **error);

/* *ret_found false: there is no such access. */
bool nova_flavors_access_remove(nova_db *db, const char *flavorid, const char *project_id, bool *ret_found,
				GError **error);
