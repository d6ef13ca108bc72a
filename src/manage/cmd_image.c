/* SPDX-License-Identifier: Apache-2.0 */
#include "common/uuid.h"
#include "db/flavors.h"
#include "manage/command.h"
#include "manage/image_file.h"
#include "manage/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

bool nova_cmd_image_add(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *format = NULL;
	g_autofree char *id = NULL;
	int min_disk = 0, min_ram = 0;
	const GOptionEntry entries[] = {
		{ "disk-format", 0, 0, G_OPTION_ARG_STRING, &format,
		  "qcow2 or raw; left out: what the file says it is", "FORMAT" },
		{ "min-disk", 0, 0, G_OPTION_ARG_INT, &min_disk,
		  "Smallest root disk that fits, in GiB", "GB" },
		{ "min-ram", 0, 0, G_OPTION_ARG_INT, &min_ram, "Least memory it needs, in MiB",
		  "MB" },
		{ "id", 0, 0, G_OPTION_ARG_STRING, &id, "Its uuid; left out: a new one", "UUID" },
		{ 0 },
	};
	nova_image_facts facts = { 0 };
	char made[NOVA_UUID_SIZE];

	if (!nova_command_parse(manage, entries, 2, 2, &argc, &argv, error))
		return false;
	if (min_disk < 0 || min_ram < 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "image '%s': --min-disk and --min-ram must not be below 0",
				 argv[1]);
	if (id && !nova_uuid_is_valid(id))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "image '%s': --id '%s' is not a uuid", argv[1], id);
	nova_uuid_new(made);

	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);
	g_autoptr(nova_image) image = nova_image_new();

	if (!db)
		return false;
	image->id = id ? g_ascii_strdown(id, -1) : g_strdup(made);
	g_autoptr(nova_image) known = nova_images_find(db, image->id, error);

	if (known)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "there is an image %s already: '%s'",
				 image->id, known->name);
	if (error && *error)
		return false;
	if (!nova_image_file_probe(argv[2], format, &facts, error))
		return false;
	image->name = g_strdup(argv[1]);
	image->status = g_strdup("active");
	image->disk_format = facts.format;
	image->virtual_size = facts.virtual_size;
	image->container_format = g_strdup("bare");
	image->visibility = g_strdup("public");
	image->owner = g_strdup("");
	image->min_disk = min_disk;
	image->min_ram = min_ram;
	image->file = g_strdup(image->id);
	image->properties_json = g_strdup("{}");
	if (!nova_image_file_store(argv[2], manage->conf->glance_store_datadir, image->file,
				   &image->size, &image->checksum, error))
		return false;
	if (!nova_images_create(db, image, error)) {
		g_autofree char *path =
			g_build_filename(manage->conf->glance_store_datadir, image->file, NULL);

		unlink(path);
		return false;
	}
	printf("%s\n", image->id);
	return true;
}

bool nova_cmd_image_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) images = NULL;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_images_list(db, NULL, &images, error))
		return false;
	nova_table *table = nova_table_new(
		(const char *[]) { "ID", "NAME", "FORMAT", "SIZE", "DISK", "STATUS", NULL });

	for (unsigned i = 0; i < images->len; i++) {
		const nova_image *image = g_ptr_array_index(images, i);
		g_autofree char *size =
			g_format_size_full((uint64_t)image->size, G_FORMAT_SIZE_IEC_UNITS);
		g_autofree char *disk =
			g_format_size_full((uint64_t)image->virtual_size, G_FORMAT_SIZE_IEC_UNITS);

		nova_table_add(table, (const char *[]) { image->id, image->name, image->disk_format,
							 size, disk, image->status });
	}
	nova_table_print(table, stdout);
	nova_table_free(table);
	return true;
}
