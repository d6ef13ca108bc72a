/* SPDX-License-Identifier: Apache-2.0
 *
 * removal.h - what the books say about a guest whose files are to be removed.
 */
#pragma once

#include "db/db.h"

typedef struct nova_removal_books {
	int64_t other_operation;    /* an active one beside the one that asks; 0: none */
	char *claimant;             /* name of another host with a claim on it; NULL: none */
	char *disk_fsid;            /* of the one pool its disk is booked on; NULL: none, or more */
	/* Of its last migration that had the permit, the host that is not the one that asks; NULL: none. */
	char *former_host, *former_address;
} nova_removal_books;
void nova_removal_books_clear(nova_removal_books *books);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(nova_removal_books, nova_removal_books_clear)

/* For an operation on host `host_id'.  One snapshot.  Any thread. */
bool nova_removal_read(nova_db *db, const char *instance_uuid, int64_t operation, int host_id, nova_removal_books *ret,
		       GError **error);
