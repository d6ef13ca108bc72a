/* SPDX-License-Identifier: Apache-2.0
 *
 * instances.h - servers: create, read, list, delete, and what a compute service observes of them.
 * Any thread; see db.h for faults.
 */
#pragma once

#include "db/db.h"
#include "model/instance.h"
#include "model/quota.h"

/* What a new server needs besides its own row. */
typedef struct nova_instance_plan {
	int network_id;             /* it gets an address there; 0: no network */
	const char *requested_host; /* NULL: any */
	const char *zone;           /* availability zone it must be in; NULL: any */
	const char *group;          /* uuid of a server group of its project; NULL: none */
	const char *const *same_host_as, *const *not_host_of; /* uuids of servers; NULL: it does not matter */
	const char *key_data;       /* public key of its key_name; NULL: none */
	const nova_quotas *quotas;  /* the configuration's limits; NULL: nobody counts */
} nova_instance_plan;

/* Who asks; recorded with the operation. */
typedef struct nova_requester {
	const char *request_id, *project_id, *user_id;
} nova_requester;

/* Stores a new server (its uuid, names, flavor and image fields filled by the caller) and begins its build
 * operation, in one transaction, in which its project's quotas are held.  NO_MORE_ADDRESSES when the network is full;
 * FORBIDDEN, in Nova's words, when a quota or the group is; BAD_REQUEST: there is no such group. */
bool nova_instances_create(nova_db *db, const nova_instance *instance, const nova_instance_plan *plan,
			   const nova_requester *by, int64_t *ret_operation, GError **error);

/* One server with its addresses and active operation; deleted ones only when asked for.
 * NULL with no error: no such server (also for text that is no uuid).
 * project_id not NULL: a server of another project does not exist. */
nova_instance *nova_instances_find(nova_db *db, const char *uuid, const char *project_id, bool deleted,
				   GError **error);

/* A list query; zero values mean "no such condition".  All strings are borrowed. */
typedef struct nova_instance_query {
	const char *project_id;
	const char *user_id;
	const char *name_regex;      /* unanchored; BAD_REQUEST when PostgreSQL cannot read it */
	const char *uuid, *host, *image, *flavorid, *ip_regex, *reservation_id;
	const char *const *statuses; /* NULL-terminated API statuses, any of them ("ACTIVE", …) */
	const char *vm_state, *task_state; /* task_state "none"/"None": idle */
	const char *const *tags;     /* NULL-terminated, all of them */
	int64_t changes_since_us, changes_before_us; /* include deleted servers */
	int locked;                  /* 1: only locked ones, -1: only others */
	bool deleted;                /* only deleted ones */
	const char *sort_key;        /* NULL: created_at; one of nova_instance_sort_keys[] */
	bool ascending;
	const char *marker;          /* uuid of the last server of the page before */
	int limit;                   /* > 0 */
} nova_instance_query;
extern const char *const nova_instance_sort_keys[]; /* NULL-terminated */

/* Keyset paging.  BAD_REQUEST "marker [x] not found".  *ret: of nova_instance, owns them. */
bool nova_instances_list(nova_db *db, const nova_instance_query *query, GPtrArray **ret, GError **error);

/* Every instance whose home is this host and is not deleted (with active operation), for the reconciler. */
bool nova_instances_on_host(nova_db *db, int host_id, GPtrArray **ret, GError **error);

/* A DELETE request: begins a delete operation, or, when another operation is active, sets
 * delete_requested and asks that operation to abort; it is deleted when that ends.  *ret_operation: the
 * delete operation, 0 when it waits.  Repeating it is fine.  INSTANCE_NOT_FOUND. */
bool nova_instances_delete(nova_db *db, const char *uuid, const char *project_id, const nova_requester *by,
			   int64_t *ret_operation, GError **error);

/* What a reconciler saw while no operation is active: sets power_state and vm_state, only while the
 * instance is idle, its host is the writer's and its token is `token'; otherwise nothing changes and
 * *ret_changed is false. */
bool nova_instances_observe(nova_db *db, const nova_fence *fence, const char *uuid, int64_t token,
			    nova_power_state power, nova_vm_state vm_state, bool *ret_changed, GError **error);

/* PUT /servers/{id}: NULL leaves a field alone. */
bool nova_instances_update(nova_db *db, const char *uuid, const char *name, const char *description,
			   const char *access_ip_v4, const char *access_ip_v6, GError **error);
