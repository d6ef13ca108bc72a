/* SPDX-License-Identifier: Apache-2.0 */
#include "db/removal.h"

#include "db/tx.h"

void nova_removal_books_clear(nova_removal_books *books)
{
	g_clear_pointer(&books->claimant, g_free);
	g_clear_pointer(&books->disk_fsid, g_free);
	g_clear_pointer(&books->former_host, g_free);
	g_clear_pointer(&books->former_address, g_free);
}

bool nova_removal_read(nova_db *db, const char *instance_uuid, int64_t operation, int host_id, nova_removal_books *ret,
		       GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_REMOVAL_BOOKS,
			 NOVA_ARGS(nova_arg_text(instance_uuid), nova_arg_int(operation), nova_arg_int(host_id)), &row,
			 error))
		return false;
	if (!row)
		return nova_fail(error, NOVA_FAULT_DATABASE, "the books on instance %s could not be read",
				 instance_uuid);
	*ret = (nova_removal_books){
		.other_operation = nova_result_int(row, "other_operation"),
		.claimant = nova_result_dup(row, "claimant"),
		.disk_fsid = nova_result_dup(row, "disk_fsid"),
		.former_host = nova_result_dup(row, "former_host"),
		.former_address = nova_result_dup(row, "former_address"),
	};
	return true;
}
