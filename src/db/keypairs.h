/* SPDX-License-Identifier: Apache-2.0
 *
 * keypairs.h - public keys users have given a name.  They belong to a user, not to a project.  Any thread; see db.h
 * for faults.
 */
#pragma once

#include "db/db.h"

typedef struct nova_keypair {
	int64_t id;
	char *user_id, *name, *type;
	char *public_key;  /* one line as in authorized_keys */
	char *fingerprint; /* MD5, with colons */
	int64_t created_us;
} nova_keypair;

void nova_keypair_free(nova_keypair *keypair);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_keypair, nova_keypair_free)

/* limit: how many a user may have, -1 any number.  CONFLICT: the name is taken; FORBIDDEN: too many. */
bool nova_keypairs_create(nova_db *db, const char *user_id, const char *name, const char *public_key,
			  const char *fingerprint, int64_t limit, GError **error);

/* NULL with no error: there is none. */
nova_keypair *nova_keypairs_find(nova_db *db, const char *user_id, const char *name, GError **error);

/* By name, those after `marker' (NULL: from the first).  BAD_REQUEST "marker [x] not found".  *ret: of nova_keypair. */
bool nova_keypairs_list(nova_db *db, const char *user_id, const char *marker, int limit, GPtrArray **ret,
			GError **error);

/* *ret_found false: there was none. */
bool nova_keypairs_delete(nova_db *db, const char *user_id, const char *name, bool *ret_found, GError **error);

/* The public key a server was created with, whatever became of the key pair since; *ret NULL: none.  Caller frees. */
bool nova_keypairs_of_instance(nova_db *db, const char *uuid, char **ret, GError **error);
