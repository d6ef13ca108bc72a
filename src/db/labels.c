/* SPDX-License-Identifier: Apache-2.0 */
#include "db/labels.h"

#include "db/tx.h"

#include <inttypes.h>

static bool not_found(const char *uuid, GError **error)
{
	return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.", uuid);
}

bool nova_labels_set_metadata(nova_db *db, const char *uuid, bool replace, const char *items, const char *drop,
			      int64_t limit, char **ret_metadata, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_result) there = NULL;

	if (!nova_db_one(db, NOVA_Q_LABELS_METADATA,
			 NOVA_ARGS(nova_arg_text(uuid), nova_arg_bool(replace), nova_arg_text(items),
				   nova_arg_text(drop), nova_arg_int(limit)),
			 &row, error))
		return false;
	if (row) {
		*ret_metadata = nova_result_dup(row, "metadata");
		return true;
	}
	if (!nova_db_one(db, NOVA_Q_LABELS_TAGS, NOVA_ARGS(nova_arg_text(uuid), nova_arg_null()), &there, error))
		return false;
	return there ? nova_fail(error, NOVA_FAULT_FORBIDDEN, "Maximum number of metadata items exceeds %" PRId64,
				 limit) :
		       not_found(uuid, error);
}

bool nova_labels_set_tags(nova_db *db, const char *uuid, const char *tags, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_LABELS_SET_TAGS, NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(tags)), &row, error))
		return false;
	return row || not_found(uuid, error);
}

bool nova_labels_add_tag(nova_db *db, const char *uuid, const char *tag, bool *ret_new, bool *ret_full, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_result) there = NULL;

	if (!nova_db_one(db, NOVA_Q_LABELS_ADD_TAG,
			 NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(tag), nova_arg_int(NOVA_TAGS_MOST)), &row, error))
		return false;
	*ret_new = row != NULL;
	*ret_full = false;
	if (row)
		return true;
	if (!nova_db_one(db, NOVA_Q_LABELS_TAGS, NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(tag)), &there, error))
		return false;
	if (!there)
		return not_found(uuid, error);
	*ret_full = !nova_result_bool(there, "has");
	return true;
}

bool nova_labels_drop_tag(nova_db *db, const char *uuid, const char *tag, bool *ret_found, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_LABELS_DROP_TAG, NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(tag)), &row, error))
		return false;
	*ret_found = row != NULL;
	return true;
}
