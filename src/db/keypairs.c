/* SPDX-License-Identifier: Apache-2.0 */
#include "db/keypairs.h"

#include "db/tx.h"

#include <string.h>

void nova_keypair_free(nova_keypair *keypair)
{
	if (!keypair)
		return;
	g_free(keypair->user_id);
	g_free(keypair->name);
	g_free(keypair->type);
	g_free(keypair->public_key);
	g_free(keypair->fingerprint);
	g_free(keypair);
}

static nova_keypair *read_keypair(nova_result *row)
{
	nova_keypair *keypair = g_new0(nova_keypair, 1);

	keypair->id = nova_result_int(row, "id");
	keypair->user_id = nova_result_dup(row, "user_id");
	keypair->name = nova_result_dup(row, "name");
	keypair->type = nova_result_dup(row, "type");
	keypair->public_key = nova_result_dup(row, "public_key");
	keypair->fingerprint = nova_result_dup(row, "fingerprint");
	keypair->created_us = nova_result_int(row, "created_us");
	return keypair;
}

typedef struct create_arg {
	const char *user_id, *name, *public_key, *fingerprint;
	int64_t limit;
} create_arg;

static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	const create_arg *create = arg;
	nova_arg user = nova_arg_text(create->user_id), name = nova_arg_text(create->name);
	g_autoptr(nova_result) locked = NULL;
	g_autoptr(nova_result) count = NULL;
	g_autoptr(GError) why = NULL;

	if (!nova_tx_one(tx, NOVA_Q_KEYPAIR_LOCK, NOVA_ARGS(user), &locked, error) ||
	    !nova_tx_one(tx, NOVA_Q_KEYPAIR_COUNT, NOVA_ARGS(user), &count, error))
		return false;
	if (create->limit >= 0 && nova_result_int(count, "n") >= create->limit)
		return nova_fail(error, NOVA_FAULT_FORBIDDEN, "Quota exceeded, too many key pairs.");
	if (nova_tx_run(tx, NOVA_Q_KEYPAIR_CREATE,
			NOVA_ARGS(user, name, nova_arg_text(create->public_key), nova_arg_text(create->fingerprint)),
			NULL, &why))
		return true;
	if (strcmp(nova_tx_constraint(tx), "keypairs_name") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "Key pair '%s' already exists.", create->name);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const create_arg *create = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_KEYPAIR_PROOF,
			 NOVA_ARGS(nova_arg_text(create->user_id), nova_arg_text(create->name),
				   nova_arg_text(create->fingerprint)),
			 &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

bool nova_keypairs_create(nova_db *db, const char *user_id, const char *name, const char *public_key,
			  const char *fingerprint, int64_t limit, GError **error)
{
	static const nova_job job = { .name = "creation of a key pair", .run = run_create, .proof = prove_create };
	create_arg create = { .user_id = user_id,
			      .name = name,
			      .public_key = public_key,
			      .fingerprint = fingerprint,
			      .limit = limit };

	return nova_tx_do(db, &job, &create, error);
}

nova_keypair *nova_keypairs_find(nova_db *db, const char *user_id, const char *name, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_KEYPAIR_GET, NOVA_ARGS(nova_arg_text(user_id), nova_arg_text(name)), &row, error) ||
	    !row)
		return NULL;
	return read_keypair(row);
}

static bool check_marker(nova_db *db, const char *user_id, const char *marker, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_keypair) last = nova_keypairs_find(db, user_id, marker, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return last || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
}

bool nova_keypairs_list(nova_db *db, const char *user_id, const char *marker, int limit, GPtrArray **ret,
			GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if ((marker && !check_marker(db, user_id, marker, error)) ||
	    !nova_db_run(db, NOVA_Q_KEYPAIRS_OF_USER,
			 NOVA_ARGS(nova_arg_text(user_id), nova_arg_text(marker), nova_arg_int(limit)), &rows, error))
		return false;
	*ret = g_ptr_array_new_with_free_func((GDestroyNotify)nova_keypair_free);
	while (nova_result_next(rows))
		g_ptr_array_add(*ret, read_keypair(rows));
	return true;
}

bool nova_keypairs_delete(nova_db *db, const char *user_id, const char *name, bool *ret_found, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_KEYPAIR_DELETE, NOVA_ARGS(nova_arg_text(user_id), nova_arg_text(name)), &row,
			 error))
		return false;
	*ret_found = row != NULL;
	return true;
}

bool nova_keypairs_of_instance(nova_db *db, const char *uuid, char **ret, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_KEYPAIR_OF_INSTANCE, NOVA_ARGS(nova_arg_text(uuid)), &row, error))
		return false;
	*ret = row ? nova_result_dup(row, "key_data") : NULL;
	return true;
}
