/* SPDX-License-Identifier: Apache-2.0 */
#include "db/flavors.h"
#include "manage/command.h"
#include "manage/table.h"

#include <inttypes.h>
#include <stdio.h>

bool nova_cmd_flavor_create(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *id = NULL;
	int64_t ram = 0, disk = 0, ephemeral = 0, swap = 0;
	int vcpus = 1;
	const GOptionEntry entries[] = {
		{ "ram", 0, 0, G_OPTION_ARG_INT64, &ram, "Memory in MiB", "MB" },
		{ "disk", 0, 0, G_OPTION_ARG_INT64, &disk,
		  "Size of the root disk in GiB; 0: as large as the image", "GB" },
		{ "vcpus", 0, 0, G_OPTION_ARG_INT, &vcpus, "Virtual cpus", "N" },
		{ "ephemeral", 0, 0, G_OPTION_ARG_INT64, &ephemeral,
		  "Size of the ephemeral disk in GiB", "GB" },
		{ "swap", 0, 0, G_OPTION_ARG_INT64, &swap, "Size of the swap disk in MiB", "MB" },
		{ "id", 0, 0, G_OPTION_ARG_STRING, &id, "Public id; left out: a new uuid", "ID" },
		{ 0 },
	};

	if (!nova_command_parse(manage, entries, 1, 1, &argc, &argv, error))
		return false;
	if (ram < 1 || vcpus < 1 || disk < 0 || ephemeral < 0 || swap < 0)
		return nova_fail(
			error, NOVA_FAULT_BAD_REQUEST,
			"flavor '%s': --ram and --vcpus must be at least 1, sizes not below 0",
			argv[1]);
	if (ephemeral || swap)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "flavor '%s': ephemeral and swap disks are not supported; use a "
				 "larger --disk",
				 argv[1]);
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);
	g_autoptr(nova_flavor) flavor = nova_flavor_new();
	g_autofree char *made = NULL;

	flavor->flavorid = g_steal_pointer(&id);
	flavor->name = g_strdup(argv[1]);
	flavor->vcpus = vcpus;
	flavor->memory_mb = ram;
	flavor->root_gb = disk;
	if (!db || !nova_flavors_create(db, flavor, &made, error))
		return false;
	printf("%s\n", made);
	return true;
}

bool nova_cmd_flavor_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) flavors = NULL;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_flavors_list(db, &flavors, error))
		return false;
	nova_table *table = nova_table_new(
		(const char *[]) { "ID", "NAME", "VCPUS", "RAM(MB)", "DISK(GB)", NULL });

	for (unsigned i = 0; i < flavors->len; i++) {
		const nova_flavor *flavor = g_ptr_array_index(flavors, i);
		g_autofree char *vcpus = g_strdup_printf("%d", flavor->vcpus);
		g_autofree char *ram = g_strdup_printf("%" PRId64, flavor->memory_mb);
		g_autofree char *disk = g_strdup_printf("%" PRId64, flavor->root_gb);

		nova_table_add(table, (const char *[]) { flavor->flavorid, flavor->name, vcpus, ram,
							 disk });
	}
	nova_table_print(table, stdout);
	nova_table_free(table);
	return true;
}

bool nova_cmd_network_create(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *bridge = NULL;
	g_autofree char *gateway = NULL;
	g_autofree char *uuid = NULL;
	const GOptionEntry entries[] = {
		{ "bridge", 0, 0, G_OPTION_ARG_STRING, &bridge,
		  "Bridge on every compute host; left out: [DEFAULT] flat_network_bridge", "NAME" },
		{ "gateway", 0, 0, G_OPTION_ARG_STRING, &gateway, "Address that guests do not get",
		  "IP" },
		{ 0 },
	};

	if (!nova_command_parse(manage, entries, 2, 2, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_networks_create(db, argv[1], argv[2], gateway,
					 bridge ? bridge : manage->conf->flat_network_bridge, &uuid,
					 error))
		return false;
	printf("%s\n", uuid);
	return true;
}

bool nova_cmd_network_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) networks = NULL;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_networks_list(db, &networks, error))
		return false;
	nova_table *table = nova_table_new((const char *[]) { "ID", "NAME", "CIDR", "GATEWAY",
							      "BRIDGE", "USED", "TOTAL", NULL });

	for (unsigned i = 0; i < networks->len; i++) {
		const nova_network *n = g_ptr_array_index(networks, i);
		g_autofree char *used = g_strdup_printf("%" PRId64, n->used);
		g_autofree char *total = g_strdup_printf("%" PRId64, n->total);

		nova_table_add(table, (const char *[]) { n->uuid, n->label, n->cidr, n->gateway,
							 n->bridge, used, total });
	}
	nova_table_print(table, stdout);
	nova_table_free(table);
	return true;
}
