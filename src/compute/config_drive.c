/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of a config drive.  Which versions have which files and members is that of Nova's metadata service;
 * images_config.c writes them to an ISO.
 */
#include "compute/config_drive.h"

#include "common/json.h"
#include "compute/images_job.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EC2_VERSION "2009-04-04"
#define SEED_BYTES  512

/* Since when there is what. */
enum { SEED = 1, VENDOR = 2, PROJECT = 3, DEVICES = 4, VENDOR_2 = 5, DEDICATED = 8,
	LAST = NOVA_CONFIG_DRIVE_VERSIONS - 1 };

const char *const nova_config_drive_versions[NOVA_CONFIG_DRIVE_VERSIONS] = {
	"2012-08-10",	    [SEED] = "2013-04-04", [VENDOR] = "2013-10-17", [PROJECT] = "2015-10-15",
	[DEVICES] = "2016-06-30", [VENDOR_2] = "2016-10-06", "2017-02-22",  "2018-08-27",
	[DEDICATED] = "2020-10-14",
};

/* ---- documents ---- */

static void add_keys(json_object *root, const nova_config_drive *drive)
{
	json_object *keys, *key, *by_name;

	if (!drive->public_key || !drive->instance->key_name)
		return;
	by_name = json_object_new_object();
	nova_json_add_str(by_name, drive->instance->key_name, drive->public_key);
	nova_json_add(root, "public_keys", by_name);
	key = json_object_new_object();
	nova_json_add_str(key, "name", drive->instance->key_name);
	nova_json_add_str(key, "type", "ssh");
	nova_json_add_str(key, "data", drive->public_key);
	keys = json_object_new_array();
	json_object_array_add(keys, key);
	nova_json_add(root, "keys", keys);
}

/* A guest that has just been born has nothing else to seed its random numbers with. */
static void add_seed(json_object *root)
{
	unsigned char seed[SEED_BYTES];
	g_autofree char *text = NULL;

	for (size_t have = 0; have < sizeof(seed);) {
		ssize_t n = getrandom(seed + have, sizeof(seed) - have, 0);

		if (n > 0)
			have += (size_t)n;
	}
	text = g_base64_encode(seed, sizeof(seed));
	nova_json_add_str(root, "random_seed", text);
}

char *nova_config_drive_meta_data(const nova_config_drive *drive, int version)
{
	const nova_instance *instance = drive->instance;
	g_autoptr(json_object) root = json_object_new_object();
	json_object *meta = json_tokener_parse(instance->metadata_json ? instance->metadata_json : "{}");

	nova_json_add_str(root, "uuid", instance->uuid);
	nova_json_add_str(root, "availability_zone", instance->zone && *instance->zone ? instance->zone : NULL);
	nova_json_add_str(root, "name", instance->name);
	nova_json_add_str(root, "hostname", instance->hostname);
	nova_json_add_int(root, "launch_index", instance->launch_index);
	if (meta && json_object_object_length(meta) > 0)
		nova_json_add(root, "meta", json_object_get(meta));
	json_object_put(meta);
	add_keys(root, drive);
	if (version >= SEED)
		add_seed(root);
	if (version >= PROJECT)
		nova_json_add_str(root, "project_id", instance->project_id);
	if (version >= DEVICES)
		nova_json_add(root, "devices", json_object_new_array());
	if (version >= DEDICATED)
		nova_json_add(root, "dedicated_cpus", json_object_new_array());
	return nova_json_dup_text(root, NULL);
}

static const nova_network *network_of(const nova_config_drive *drive, const nova_address *address)
{
	for (unsigned i = 0; drive->networks && i < drive->networks->len; i++) {
		const nova_network *network = drive->networks->pdata[i];

		if (g_strcmp0(network->label, address->network) == 0)
			return network;
	}
	return NULL;
}

/* "10.0.0.0/24": "255.255.255.0" */
static void add_mask(json_object *object, const char *cidr)
{
	const char *slash = cidr ? strchr(cidr, '/') : NULL;
	int bits = slash ? atoi(slash + 1) : 32;
	struct in_addr mask = { .s_addr = htonl(bits > 0 ? UINT32_MAX << (32 - MIN(bits, 32)) : 0) };
	char text[INET_ADDRSTRLEN];

	nova_json_add_str(object, "netmask", inet_ntop(AF_INET, &mask, text, sizeof(text)));
}

static json_object *routes_of(const nova_network *network)
{
	json_object *routes = json_object_new_array(), *route;

	if (!network || !network->gateway)
		return routes;
	route = json_object_new_object();
	nova_json_add_str(route, "network", "0.0.0.0");
	nova_json_add_str(route, "netmask", "0.0.0.0");
	nova_json_add_str(route, "gateway", network->gateway);
	json_object_array_add(routes, route);
	return routes;
}

static char *link_of(const nova_address *address)
{
	g_auto(GStrv) parts = g_strsplit(address->mac, ":", -1);
	g_autofree char *plain = g_strjoinv("", parts);

	return g_strconcat("tap", plain, NULL);
}

static void add_link(json_object *links, const nova_address *address)
{
	json_object *link = json_object_new_object();
	g_autofree char *id = link_of(address);

	nova_json_add_str(link, "id", id);
	nova_json_add_str(link, "vif_id", id);
	nova_json_add_str(link, "type", "bridge");
	nova_json_add_null(link, "mtu");
	nova_json_add_str(link, "ethernet_mac_address", address->mac);
	json_object_array_add(links, link);
}

static void add_network(json_object *networks, const nova_config_drive *drive, const nova_address *address)
{
	const nova_network *network = network_of(drive, address);
	json_object *object = json_object_new_object();
	g_autofree char *link = link_of(address);
	g_autofree char *id = g_strdup_printf("network%zu", json_object_array_length(networks));

	nova_json_add_str(object, "id", id);
	nova_json_add_str(object, "type", address->version == 6 ? "ipv6" : "ipv4");
	nova_json_add_str(object, "link", link);
	nova_json_add_str(object, "ip_address", address->address);
	if (address->version != 6) {
		add_mask(object, network ? network->cidr : NULL);
		nova_json_add(object, "routes", routes_of(network));
	}
	nova_json_add_str(object, "network_id", network ? network->uuid : NULL);
	nova_json_add(object, "services", json_object_new_array());
	json_object_array_add(networks, object);
}

char *nova_config_drive_network_data(const nova_config_drive *drive)
{
	const GPtrArray *addresses = drive->instance->addresses;
	g_autoptr(json_object) root = json_object_new_object();
	g_autoptr(GHashTable) cards = g_hash_table_new(g_str_hash, g_str_equal);
	json_object *links = json_object_new_array(), *networks = json_object_new_array();

	nova_json_add(root, "links", links);
	nova_json_add(root, "networks", networks);
	nova_json_add(root, "services", json_object_new_array());
	for (unsigned i = 0; addresses && i < addresses->len; i++) {
		const nova_address *address = addresses->pdata[i];

		if (g_hash_table_add(cards, address->mac))
			add_link(links, address);
		add_network(networks, drive, address);
	}
	return nova_json_dup_text(root, NULL);
}

static const char *first_address(const nova_instance *instance)
{
	for (unsigned i = 0; instance->addresses && i < instance->addresses->len; i++)
		if (((const nova_address *)instance->addresses->pdata[i])->version == 4)
			return ((const nova_address *)instance->addresses->pdata[i])->address;
	return "";
}

char *nova_config_drive_ec2_meta_data(const nova_config_drive *drive)
{
	const nova_instance *instance = drive->instance;
	g_autoptr(json_object) root = json_object_new_object();
	g_autofree char *id = g_strdup_printf("i-%08" G_GINT64_MODIFIER "x", instance->id);
	json_object *part;

	nova_json_add_str(root, "ami-id", instance->image_id);
	nova_json_add_int(root, "ami-launch-index", instance->launch_index);
	nova_json_add_str(root, "hostname", instance->hostname);
	nova_json_add_str(root, "instance-action", "none");
	nova_json_add_str(root, "instance-id", id);
	nova_json_add_str(root, "instance-type", instance->flavor_name);
	nova_json_add_str(root, "local-hostname", instance->hostname);
	nova_json_add_str(root, "local-ipv4", first_address(instance));
	nova_json_add_str(root, "public-hostname", instance->hostname);
	nova_json_add_str(root, "public-ipv4", "");
	nova_json_add_str(root, "reservation-id", instance->reservation_id);
	part = json_object_new_object();
	nova_json_add_str(part, "availability-zone", instance->zone);
	nova_json_add(root, "placement", part);
	part = json_object_new_array();
	json_object_array_add(part, json_object_new_string("default"));
	nova_json_add(root, "security-groups", part);
	if (drive->public_key && instance->key_name) {
		json_object *keys = json_object_new_object();
		g_autofree char *name = g_strconcat("0=", instance->key_name, NULL);

		part = json_object_new_object();
		nova_json_add_str(part, "_name", name);
		nova_json_add_str(part, "openssh-key", drive->public_key);
		nova_json_add(keys, "0", part);
		nova_json_add(root, "public-keys", keys);
	}
	return nova_json_dup_text(root, NULL);
}

/* ---- where they are on the disk ---- */

/* Takes `content' over; to be given its paths. */
static nova_images_part *add_part(GPtrArray *parts, GBytes *content)
{
	nova_images_part *part = nova_images_part_new(content);

	g_ptr_array_add(parts, part);
	return part;
}

static GBytes *bytes_of(char *text)
{
	return g_bytes_new_take(text, strlen(text));
}

/* The file in every version from `since' on, and in "latest". */
static void place(nova_images_part *part, int since, const char *name)
{
	for (int v = since; v <= LAST; v++)
		g_ptr_array_add(part->paths,
				g_strdup_printf("openstack/%s/%s", nova_config_drive_versions[v], name));
	g_ptr_array_add(part->paths, g_strdup_printf("openstack/latest/%s", name));
}

static void place_ec2(nova_images_part *part, const char *name)
{
	g_ptr_array_add(part->paths, g_strdup_printf("ec2/" EC2_VERSION "/%s", name));
	g_ptr_array_add(part->paths, g_strdup_printf("ec2/latest/%s", name));
}

static GPtrArray *parts_of(const nova_config_drive *drive)
{
	const char *user_data = drive->instance->user_data;
	GPtrArray *parts = g_ptr_array_new_with_free_func(nova_images_part_free);

	for (int v = 0; v <= LAST; v++) {
		nova_images_part *part = add_part(parts, bytes_of(nova_config_drive_meta_data(drive, v)));

		if (v == LAST)
			place(part, v, "meta_data.json");
		else
			g_ptr_array_add(part->paths, g_strdup_printf("openstack/%s/meta_data.json",
								     nova_config_drive_versions[v]));
	}
	place(add_part(parts, bytes_of(nova_config_drive_network_data(drive))), PROJECT, "network_data.json");
	place(add_part(parts, g_bytes_new_static("{}", 2)), VENDOR, "vendor_data.json");
	place(add_part(parts, g_bytes_new_static("{\"static\": {}}", 14)), VENDOR_2, "vendor_data2.json");
	place_ec2(add_part(parts, bytes_of(nova_config_drive_ec2_meta_data(drive))), "meta-data.json");
	if (user_data && *user_data) {
		size_t length;
		unsigned char *raw = g_base64_decode(user_data, &length);
		nova_images_part *part = add_part(parts, g_bytes_new_take(raw, length));

		place(part, 0, "user_data");
		place_ec2(part, "user-data");
	}
	return parts;
}

bool nova_config_drive_make(nova_conf *conf, const nova_config_drive *drive, int deadline_ms, GError **error)
{
	g_autofree char *path = nova_config_drive_path(conf, drive->instance->uuid);

	return nova_images_make_iso(conf, drive->instance->uuid, path, parts_of(drive), deadline_ms, error);
}

char *nova_config_drive_path(const nova_conf *conf, const char *instance_uuid)
{
	g_autofree char *lower = g_ascii_strdown(instance_uuid, -1);

	return g_strdup_printf("%s/%s/config.iso", conf->instances_path, lower);
}
