/* SPDX-License-Identifier: Apache-2.0 */
#include "db/flavors.h"

#include "common/uuid.h"
#include "db/tx.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

static nova_network *read_network(nova_result *row)
{
	nova_network *network = nova_network_new();

	network->id = (int)nova_result_int(row, "id");
	network->uuid = nova_result_dup(row, "uuid");
	network->label = nova_result_dup(row, "label");
	network->cidr = nova_result_dup(row, "cidr");
	network->gateway = nova_result_dup(row, "gateway");
	network->bridge = nova_result_dup(row, "bridge");
	network->total = nova_result_int(row, "total");
	network->used = nova_result_int(row, "used");
	return network;
}

typedef struct create_arg {
	const char *label, *cidr, *gateway, *bridge;
	char uuid[NOVA_UUID_SIZE];
} create_arg;

/* Two networks of one installation, and installations beside each other, get MACs that are far apart. */
static int64_t mac_base(const char *uuid)
{
	return (int64_t)(g_str_hash(uuid) & 0xffffff);
}

static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	const create_arg *c = arg;
	g_autoptr(nova_result) overlap = NULL;
	g_autoptr(nova_result) made = NULL;
	g_autoptr(GError) why = NULL;

	if (!nova_tx_one(tx, NOVA_Q_NETWORK_OVERLAP, NOVA_ARGS(nova_arg_text(c->cidr)), &overlap, error))
		return false;
	if (overlap)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "%s overlaps network '%s' (%s)", c->cidr,
				 nova_result_text(overlap, "label"), nova_result_text(overlap, "cidr"));
	if (!nova_tx_one(tx, NOVA_Q_NETWORK_CREATE,
			 NOVA_ARGS(nova_arg_text(c->uuid), nova_arg_text(c->label), nova_arg_text(c->cidr),
				   nova_arg_text(c->gateway), nova_arg_text(c->bridge)),
			 &made, &why)) {
		if (strcmp(nova_tx_constraint(tx), "networks_label_key") == 0)
			return nova_fail(error, NOVA_FAULT_CONFLICT, "a network '%s' exists already",
					 c->label);
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	if (!made)
		return nova_fail(error, NOVA_FAULT_INTERNAL, "network '%s' was not made", c->label);
	return nova_tx_run(
		tx, NOVA_Q_NETWORK_FILL,
		NOVA_ARGS(nova_arg_int(nova_result_int(made, "id")), nova_arg_int(mac_base(c->uuid))), NULL,
		error);
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const create_arg *create = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_NETWORK_PROOF, NOVA_ARGS(nova_arg_text(create->uuid)), &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

/* A word people and domain definitions can use as it is. */
static bool is_word(const char *text)
{
	if (!text || !*text || strlen(text) > 255)
		return false;
	for (const char *c = text; *c; c++)
		if (!g_ascii_isgraph(*c) && *c != ' ')
			return false;
	return true;
}

static bool check_cidr(const char *cidr, const char *gateway, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(cidr ? cidr : "", "/", 2);
	struct in_addr address, door;
	guint64 bits;

	if (g_strv_length(parts) != 2 || inet_pton(AF_INET, parts[0], &address) != 1 ||
	    !g_ascii_string_to_unsigned(parts[1], 10, 0, 32, &bits, NULL))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' is no IPv4 network such as 10.0.0.0/24",
				 cidr ? cidr : "");
	if (bits < 16 || bits > 30)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "network %s: the prefix must be from /16 to /30", cidr);
	uint32_t mask = ~(UINT32_MAX >> bits);

	if (ntohl(address.s_addr) & ~mask)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "network %s has host bits set to the right of the mask", cidr);
	if (gateway &&
	    (inet_pton(AF_INET, gateway, &door) != 1 || (ntohl(door.s_addr) & mask) != ntohl(address.s_addr)))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "gateway '%s' is no address of %s", gateway,
				 cidr);
	return true;
}

bool nova_networks_create(nova_db *db, const char *label, const char *cidr, const char *gateway,
			  const char *bridge, char **ret_uuid, GError **error)
{
	static const nova_job job = { .name = "creation of a network",
				      .run = run_create,
				      .proof = prove_create };
	create_arg create = { .label = label, .cidr = cidr, .gateway = gateway, .bridge = bridge };

	if (!is_word(label) || !is_word(bridge))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "a network needs a label and a bridge of printable ASCII");
	if (!check_cidr(cidr, gateway, error))
		return false;
	nova_uuid_new(create.uuid);
	if (!nova_tx_do(db, &job, &create, error))
		return false;
	if (ret_uuid)
		*ret_uuid = g_strdup(create.uuid);
	return true;
}

bool nova_networks_list(nova_db *db, GPtrArray **ret, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_NETWORKS_ALL, NOVA_NO_ARGS, &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_network_free);

	while (nova_result_next(rows))
		g_ptr_array_add(list, read_network(rows));
	*ret = list;
	return true;
}

nova_network *nova_networks_find(nova_db *db, const char *uuid_or_label, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!uuid_or_label ||
	    !nova_db_one(db, NOVA_Q_NETWORK_GET, NOVA_ARGS(nova_arg_text(uuid_or_label)), &row, error) ||
	    !row)
		return NULL;
	return read_network(row);
}
