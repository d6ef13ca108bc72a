/* SPDX-License-Identifier: Apache-2.0
 *
 * at_once.h - operations that are over in the transaction of their request: no host has to do anything.
 * Any thread; see db.h for general faults.  INSTANCE_NOT_FOUND when there is no such server.
 */
#pragma once

#include "db/instances.h"

/* Locks the server (`by_owner': somebody of its project does it; `reason' may be NULL).  Somebody of its project
 * changes nothing about a lock that is there; an admin of another one takes it over. */
bool nova_instances_set_lock(nova_db *db, const char *uuid, bool by_owner, const char *reason,
			     const nova_requester *by, GError **error);
bool nova_instances_unlock(nova_db *db, const char *uuid, const nova_requester *by, GError **error);

/* Writes a vm_state by hand; ACTIVE also clears the fault.  INSTANCE_STATE while an operation works on the server: it
 * comes to its end by itself, and what it has begun cannot be forgotten. */
/* The server keeps its new size.  INSTANCE_STATE unless it waits for that. */
bool nova_instances_confirm_resize(nova_db *db, const char *uuid, const nova_requester *by, GError **error);

bool nova_instances_reset_state(nova_db *db, const char *uuid, nova_vm_state vm_state, const nova_requester *by,
				GError **error);
