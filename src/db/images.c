/* SPDX-License-Identifier: Apache-2.0 */
#include "db/flavors.h"

#include "common/uuid.h"
#include "db/tx.h"

#include <string.h>

static nova_image *read_image(nova_result *row)
{
	nova_image *image = nova_image_new();

	image->id = nova_result_dup(row, "id");
	image->name = nova_result_dup(row, "name");
	image->status = nova_result_dup(row, "status");
	image->disk_format = nova_result_dup(row, "disk_format");
	image->container_format = nova_result_dup(row, "container_format");
	image->visibility = nova_result_dup(row, "visibility");
	image->owner = nova_result_dup(row, "owner");
	image->size = nova_result_int(row, "size");
	image->virtual_size = nova_result_int(row, "virtual_size");
	image->checksum = nova_result_dup(row, "checksum");
	image->min_disk = (int)nova_result_int(row, "min_disk");
	image->min_ram = (int)nova_result_int(row, "min_ram");
	image->file = nova_result_dup(row, "file");
	image->properties_json = nova_result_dup(row, "properties");
	image->created_us = nova_result_int(row, "created_us");
	image->updated_us = nova_result_int(row, "updated_us");
	return image;
}

static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	const nova_image *i = arg;
	g_autoptr(GError) why = NULL;

	if (nova_tx_run(tx, NOVA_Q_IMAGE_CREATE,
			NOVA_ARGS(nova_arg_text(i->id), nova_arg_text(i->name), nova_arg_text(i->status),
				  nova_arg_text(i->disk_format), nova_arg_text(i->container_format),
				  nova_arg_text(i->visibility), nova_arg_text(i->owner),
				  nova_arg_int(i->size), nova_arg_int(i->virtual_size),
				  nova_arg_text(i->checksum), nova_arg_int(i->min_disk),
				  nova_arg_int(i->min_ram), nova_arg_text(i->file),
				  nova_arg_text(i->properties_json)),
			NULL, &why))
		return true;
	if (strcmp(nova_tx_constraint(tx), "images_pkey") == 0)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "an image with the id %s exists already", i->id);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const nova_image *image = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_IMAGE_PROOF, NOVA_ARGS(nova_arg_text(image->id)), &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

bool nova_images_create(nova_db *db, const nova_image *image, GError **error)
{
	static const nova_job job = { .name = "creation of an image",
				      .run = run_create,
				      .proof = prove_create };

	if (!nova_uuid_is_valid(image->id))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' is no uuid",
				 image->id ? image->id : "");
	return nova_tx_do(db, &job, (void *)image, error);
}

nova_image *nova_images_find(nova_db *db, const char *id, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_uuid_is_valid(id) ||
	    !nova_db_one(db, NOVA_Q_IMAGE_GET, NOVA_ARGS(nova_arg_text(id)), &row, error) || !row)
		return NULL;
	return read_image(row);
}

bool nova_images_list(nova_db *db, const char *name, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_IMAGES_ALL, NOVA_ARGS(nova_arg_text(name)), &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_image_free);

	while (nova_result_next(rows))
		g_ptr_array_add(list, read_image(rows));
	*ret = list;
	return true;
}
