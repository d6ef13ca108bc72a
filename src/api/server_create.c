/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/policy.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/fault_point.h"
#include "common/json.h"
#include "common/uuid.h"
#include "db/flavors.h"
#include "db/hosts.h"
#include "db/keypairs.h"
#include "db/operations.h"

#include <string.h>

#define GIB		((int64_t)1 << 30)
#define MAX_SERVERS	100 /* in one request */
#define MAX_HOSTNAME	63
#define PASSWORD_LENGTH 12

/* What a request asks for, resolved. */
typedef struct order {
	json_object *server; /* borrowed */
	nova_flavor *flavor;
	nova_image *image;
	int network_id; /* 0: none */
	char *host;	/* NULL: any */
	char *zone;	/* NULL: any */
	const char *group; /* uuid, of the request; NULL: none */
	const char **same_host, **different_host; /* uuids, of the request; NULL: none */
	int64_t min_count, max_count; /* asked for */
	int64_t count;		      /* that fit the quotas: made */
	nova_keypair *keypair;	      /* NULL: none */
	nova_quotas quotas;	      /* of the configuration */
	char reservation[16];
} order;

static void order_done(order *o)
{
	nova_flavor_free(o->flavor);
	nova_image_free(o->image);
	g_free(o->host);
	g_free(o->zone);
	g_free(o->same_host);
	g_free(o->different_host);
	nova_keypair_free(o->keypair);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(order, order_done)

static const char *text_of(json_object *object, const char *key)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value ? json_object_get_string(value) : NULL;
}

static size_t length_of(json_object *object, const char *key)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return json_object_get_type(value) == json_type_array ? json_object_array_length(value) : 0;
}

/* ---- flavor and image ---- */

static bool take_flavor(nova_request *r, order *o, GError **error)
{
	const char *ref = text_of(o->server, "flavorRef");
	const char *slash = strrchr(ref, '/');
	GError *failure = NULL;

	o->flavor = nova_flavors_find_for(r->api->db, slash ? slash + 1 : ref, nova_request_scope(r), &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return o->flavor || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Flavor %s could not be found.", ref);
}

bool nova_server_image_fits(const nova_image *image, int64_t memory_mb, int64_t root_gb, GError **error)
{
	if (strcmp(image->status, "active") != 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Image %s is not active.", image->id);
	if (memory_mb < image->min_ram)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Flavor's memory is too small for requested image.");
	if (root_gb == 0) /* the disk is as large as the image */
		return true;
	if (image->virtual_size > root_gb * GIB)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Flavor's disk is too small for requested image. Flavor disk is %" G_GINT64_FORMAT
				 " bytes, image is %" G_GINT64_FORMAT " bytes.",
				 root_gb * GIB, image->virtual_size);
	if (image->min_disk > root_gb)
		return nova_fail(
			error, NOVA_FAULT_BAD_REQUEST,
			"Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
			"%" G_GINT64_FORMAT " bytes, minimum size is %" G_GINT64_FORMAT " bytes.",
			root_gb * GIB, image->min_disk * GIB);
	return true;
}

static bool take_image(nova_request *r, order *o, GError **error)
{
	const char *ref = text_of(o->server, "imageRef");
	GError *failure = NULL;

	if (!ref || !*ref)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Missing imageRef attribute");
	o->image = nova_images_find(r->api->db, ref, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!o->image)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Can not find requested image");
	return nova_server_image_fits(o->image, o->flavor->memory_mb, o->flavor->root_gb, error);
}

/* Clients describe "root disk from this image" as a block device; anything else needs volumes. */
static bool check_devices(const order *o, GError **error)
{
	const char *image = text_of(o->server, "imageRef");
	json_object *list = nova_json_find(o->server, "block_device_mapping_v2");
	size_t n = length_of(o->server, "block_device_mapping_v2");

	if (length_of(o->server, "block_device_mapping") > 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Block Device Mapping is Invalid: this cloud has no volumes.");
	for (size_t i = 0; i < n; i++) {
		json_object *device = json_object_array_get_idx(list, i);
		const char *destination = text_of(device, "destination_type");

		if (n != 1 || g_strcmp0(text_of(device, "source_type"), "image") != 0 ||
		    (destination && strcmp(destination, "local") != 0) ||
		    g_strcmp0(text_of(device, "uuid"), image) != 0)
			return nova_fail(
				error, NOVA_FAULT_BAD_REQUEST,
				"Block Device Mapping is Invalid: this cloud has no volumes; the only device may be "
				"the root disk, from the image in imageRef to local.");
	}
	return true;
}

/* ---- network ---- */


static bool take_default_network(nova_request *r, order *o, GError **error)
{
	g_autoptr(GPtrArray) networks = NULL;

	if (!nova_networks_list(r->api->db, &networks, error))
		return false;
	if (networks->len > 1)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "Multiple possible networks found, use a Network ID to be more specific.");
	if (networks->len == 1)
		o->network_id = ((nova_network *)networks->pdata[0])->id;
	return true;
}

static bool take_network(nova_request *r, order *o, GError **error)
{
	json_object *wish = nova_json_find(o->server, "networks"), *first;
	g_autoptr(nova_network) network = NULL;
	GError *failure = NULL;
	const char *uuid;

	if (json_object_get_type(wish) == json_type_string && strcmp(json_object_get_string(wish), "none") == 0)
		return true;
	if (json_object_get_type(wish) != json_type_array || json_object_array_length(wish) == 0)
		return take_default_network(r, o, error);
	if (json_object_array_length(wish) > 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "A server can have one network; %zu were given.",
				 json_object_array_length(wish));
	first = json_object_array_get_idx(wish, 0);
	uuid = text_of(first, "uuid");
	if (!uuid || text_of(first, "port") || text_of(first, "fixed_ip"))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Networks are requested by their uuid; ports and fixed addresses cannot be chosen.");
	network = nova_networks_find(r->api->db, uuid, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!network)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Network %s could not be found.", uuid);
	o->network_id = network->id;
	return true;
}

/* ---- where ---- */

static bool check_host(nova_request *r, const char *name, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_host) host = nova_hosts_find(r->api->db, name, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return host || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Compute host %s could not be found.", name);
}

static bool check_zone(nova_request *r, const char *zone, GError **error)
{
	g_autoptr(GPtrArray) hosts = NULL;

	if (!nova_hosts_list(r->api->db, &hosts, error))
		return false;
	for (unsigned i = 0; i < hosts->len; i++)
		if (strcmp(((nova_host *)hosts->pdata[i])->zone, zone) == 0)
			return true;
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "The requested availability zone is not available");
}

#define FORCED	  "os_compute_api:servers:create:forced_host"
#define REQUESTED "compute:servers:create:requested_destination"

/* "zone:host[:node]", or the members of 2.74. */
static bool take_place(nova_request *r, order *o, GError **error)
{
	const char *zone = text_of(o->server, "availability_zone");
	const char *host = text_of(o->server, "host");
	g_auto(GStrv) parts = zone ? g_strsplit(zone, ":", 3) : NULL;

	if (!host)
		host = text_of(o->server, "hypervisor_hostname");
	if (parts && parts[0] && parts[1] && *parts[1]) {
		if (host)
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "Unable to specify a host with availability_zone and with 'host' as well.");
		host = parts[1];
	}
	if (parts && *parts[0] && !check_zone(r, parts[0], error))
		return false;
	if (host &&
	    (!nova_request_must(r, parts && parts[1] ? FORCED : REQUESTED, error) || !check_host(r, host, error)))
		return false;
	o->host = g_strdup(host);
	o->zone = parts && *parts[0] ? g_strdup(parts[0]) : NULL;
	return true;
}

/* ---- the rest ---- */

static bool read_count(const order *o, const char *key, int64_t *ret)
{
	const char *text = text_of(o->server, key);

	if (text)
		*ret = g_ascii_strtoll(text, NULL, 10);
	return text != NULL;
}

static bool take_counts(order *o, GError **error)
{
	bool min, max;

	o->min_count = o->max_count = 1;
	min = read_count(o, "min_count", &o->min_count);
	max = read_count(o, "max_count", &o->max_count);
	if (min && !max)
		o->max_count = o->min_count;
	if (o->min_count < 1 || o->max_count < 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "min_count and max_count must be at least 1");
	if (o->min_count > o->max_count)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "min_count must be <= max_count");
	if (o->max_count > MAX_SERVERS)
		return nova_fail(error, NOVA_FAULT_FORBIDDEN,
				 "Quota exceeded for instances: Requested %" G_GINT64_FORMAT
				 ", but one request may ask for %d at most",
				 o->max_count, MAX_SERVERS);
	return true;
}

/* A uuid, or several: the texts borrowed, the list the caller's. */
static const char **uuids_of(json_object *value)
{
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 1;
	const char **list = g_new0(const char *, n + 1);

	for (size_t i = 0; i < n; i++)
		list[i] = json_object_get_string(
			json_object_is_type(value, json_type_array) ? json_object_array_get_idx(value, i) : value);
	return list;
}

/* The group is looked up where the server joins it, the others by whoever chooses a host. */
static bool take_hints(order *o, json_object *hints, GError **error)
{
	if (!hints)
		return true;
	json_object_object_foreach(hints, key, value)
	{
		if (strcmp(key, "group") == 0)
			o->group = json_object_get_string(value);
		else if (strcmp(key, "same_host") == 0)
			o->same_host = uuids_of(value);
		else if (strcmp(key, "different_host") == 0)
			o->different_host = uuids_of(value);
		else
			return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
					 "This version of nova-lite does not follow the scheduler hint '%s'; it knows "
					 "'group', 'same_host' and 'different_host'.",
					 key);
	}
	return true;
}

/* What this version cannot do is refused, not forgotten. */
static bool check_limits(nova_request *r, order *o, GError **error)
{
	json_object *groups = nova_json_find(o->server, "security_groups"), *hints = NULL;

	if (length_of(o->server, "personality") > 0)
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
				 "This version of nova-lite puts no files into servers (personality); pass them in "
				 "user_data, as Nova wants it from 2.57 on.");
	if (length_of(o->server, "trusted_image_certificates") > 0)
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
				 "This version of nova-lite verifies no image signatures.");
	for (size_t i = 0; i < length_of(o->server, "security_groups"); i++) {
		const char *name = text_of(json_object_array_get_idx(groups, i), "name");

		if (name && strcmp(name, "default") != 0)
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Security group %s not found for project %s.",
					 name, r->context->project_id);
	}
	if (!json_object_object_get_ex(r->body, "os:scheduler_hints", &hints))
		json_object_object_get_ex(r->body, "OS-SCH-HNT:scheduler_hints", &hints);
	return take_hints(o, hints, error);
}

static bool take_keypair(nova_request *r, order *o, GError **error)
{
	const char *name = text_of(o->server, "key_name");
	GError *failure = NULL;

	if (!name)
		return true;
	o->keypair = nova_keypairs_find(r->api->db, r->context->user_id, name, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return o->keypair || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid key_name provided.");
}

/* How many may be made, from min_count to max_count.  What is read here may change: each server is counted again in
 * the transaction that makes it. */
static bool take_quotas(nova_request *r, order *o, GError **error)
{
	json_object *metadata = nova_json_find(o->server, "metadata");
	int items = metadata ? json_object_object_length(metadata) : 0;
	const nova_flavor *flavor = o->flavor;
	nova_quotas limits, used;

	o->quotas = nova_request_quotas(r);
	if (!nova_quotas_limits(r->api->db, r->context->project_id, &o->quotas, &limits, error) ||
	    !nova_quotas_usage(r->api->db, r->context->project_id, NULL, &used, error))
		return false;
	if (limits.of[NOVA_QUOTA_METADATA_ITEMS] >= 0 && items > limits.of[NOVA_QUOTA_METADATA_ITEMS])
		return nova_fail(error, NOVA_FAULT_FORBIDDEN,
				 "Maximum number of metadata items exceeds %" G_GINT64_FORMAT,
				 limits.of[NOVA_QUOTA_METADATA_ITEMS]);
	o->count = nova_quota_servers(&limits, &used, flavor->vcpus, flavor->memory_mb, o->max_count);
	return o->count >= o->min_count || nova_quota_check_servers(&limits, &used, flavor->vcpus, flavor->memory_mb,
								    o->min_count, error);
}

static void random_text(char *ret, size_t n, const char *alphabet)
{
	size_t letters = strlen(alphabet);

	for (size_t i = 0; i < n; i++)
		ret[i] = alphabet[g_random_int_range(0, (int32_t)letters)];
	ret[n] = '\0';
}

void nova_server_add_password(json_object *server, const char *given)
{
	char password[PASSWORD_LENGTH + 1];

	random_text(password, PASSWORD_LENGTH, "23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ");
	nova_json_add_str(server, "adminPass", given ? given : password);
}

/* A host name from a display name: "cap 2.93" -> "cap-2-93".  Caller frees. */
static char *hostname_of(const char *name, const char *uuid)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (const char *p = name; *p && out->len < MAX_HOSTNAME; p++) {
		if (g_ascii_isalnum(*p))
			g_string_append_c(out, g_ascii_tolower(*p));
		else if (strchr(" _.-", *p) && out->len > 0)
			g_string_append_c(out, '-');
	}
	while (out->len > 0 && out->str[out->len - 1] == '-')
		g_string_truncate(out, out->len - 1);
	return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : g_strconcat("server-", uuid, NULL);
}

static void copy_flavor(nova_instance *server, const nova_flavor *flavor)
{
	server->flavor_id = flavor->id;
	server->flavorid = g_strdup(flavor->flavorid);
	server->flavor_name = g_strdup(flavor->name);
	server->vcpus = flavor->vcpus;
	server->memory_mb = flavor->memory_mb;
	server->root_gb = flavor->root_gb;
	server->ephemeral_gb = flavor->ephemeral_gb;
	server->swap_mb = flavor->swap_mb;
	server->extra_specs_json = g_strdup(flavor->extra_specs_json ? flavor->extra_specs_json : "{}");
}

/* Tags without repetition, as JSON text.  Caller frees. */
static char *tags_of(const order *o)
{
	json_object *given = nova_json_find(o->server, "tags");
	g_autoptr(json_object) tags = json_object_new_array();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < length_of(o->server, "tags"); i++) {
		const char *tag = json_object_get_string(json_object_array_get_idx(given, i));

		if (g_hash_table_add(seen, (void *)tag))
			json_object_array_add(tags, json_object_new_string(tag));
	}
	return nova_json_dup_text(tags, NULL);
}

/* Asked for, or the image cannot do without, or every server has one. */
static bool wants_config_drive(const nova_request *r, const order *o)
{
	const char *text = o->image->properties_json;
	g_autoptr(json_object) properties = json_tokener_parse(text ? text : "{}");
	json_object *given = NULL;

	if (json_object_object_get_ex(o->server, "config_drive", &given) && nova_schema_bool(given))
		return true;
	return r->conf->force_config_drive ||
	       (properties && g_strcmp0(text_of(properties, "img_config_drive"), "mandatory") == 0);
}

static nova_instance *new_server(const nova_request *r, const order *o, int64_t index)
{
	nova_instance *server = nova_instance_new();
	json_object *metadata = nova_json_find(o->server, "metadata");
	const char *name = text_of(o->server, "name");
	char uuid[NOVA_UUID_SIZE];

	nova_uuid_new(uuid);
	server->uuid = g_strdup(uuid);
	server->project_id = g_strdup(r->context->project_id);
	server->user_id = g_strdup(r->context->user_id);
	server->name = o->max_count > 1 ? g_strdup_printf("%s-%" G_GINT64_FORMAT, name, index + 1) : g_strdup(name);
	server->description = g_strdup(r->version < 19 ? server->name : text_of(o->server, "description"));
	server->hostname = hostname_of(server->name, uuid);
	server->vm_state = NOVA_VM_BUILDING;
	server->wanted_power = true;
	copy_flavor(server, o->flavor);
	server->image_id = g_strdup(o->image->id);
	server->metadata_json = metadata ? nova_json_dup_text(metadata, NULL) : g_strdup("{}");
	server->tags_json = tags_of(o);
	server->key_name = g_strdup(text_of(o->server, "key_name"));
	server->user_data = g_strdup(text_of(o->server, "user_data"));
	server->config_drive = g_strdup(wants_config_drive(r, o) ? "True" : "");
	server->reservation_id = g_strdup(o->reservation);
	server->launch_index = (int)index;
	server->access_ip_v4 = g_strdup(text_of(o->server, "accessIPv4"));
	server->access_ip_v6 = g_strdup(text_of(o->server, "accessIPv6"));
	return server;
}

/* Creates them one after the other; when one cannot be, those before it are deleted again. */
static bool create_all(nova_request *r, const order *o, char **ret_first, GError **error)
{
	g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
	nova_requester by = nova_request_by(r);
	const nova_instance_plan plan = {
		.network_id = o->network_id,
		.requested_host = o->host,
		.zone = o->zone,
		.group = o->group,
		.same_host_as = o->same_host,
		.not_host_of = o->different_host,
		.key_data = o->keypair ? o->keypair->public_key : NULL,
		.quotas = &o->quotas,
	};

	for (int64_t i = 0; i < o->count; i++) {
		g_autoptr(nova_instance) server = new_server(r, o, i);
		int64_t operation = 0;

		if (nova_fault_point("api:begin:before", error) &&
		    nova_instances_create(r->api->db, server, &plan, &by, &operation, error)) {
			nova_fault_point_pass("api:begin:committed");
			g_ptr_array_add(made, g_strdup(server->uuid));
			nova_request_ring_id(r, operation);
			continue;
		}
		if ((int64_t)made->len >= o->min_count) {
			g_clear_error(error);
			break;
		}
		for (unsigned k = 0; k < made->len; k++)
			nova_instances_delete(r->api->db, made->pdata[k], NULL, &by, &operation, NULL);
		return false;
	}
	*ret_first = g_strdup(made->pdata[0]);
	return true;
}

static json_object *groups_of(const order *o)
{
	json_object *given = nova_json_find(o->server, "security_groups"), *list, *group;

	if (length_of(o->server, "security_groups") > 0)
		return json_object_get(given);
	list = json_object_new_array();
	group = json_object_new_object();
	nova_json_add_str(group, "name", "default");
	json_object_array_add(list, group);
	return list;
}

static bool answer(nova_request *r, const order *o, const char *uuid)
{
	nova_view view = nova_request_view(r);
	json_object *server, *by_reservation = NULL;
	g_autofree char *location = g_strdup_printf("%s/v2.1/servers/%s", r->base, uuid);

	if (json_object_object_get_ex(o->server, "return_reservation_id", &by_reservation) &&
	    nova_schema_bool(by_reservation))
		return nova_reply_member(r, 202, "reservation_id", json_object_new_string(o->reservation));
	server = json_object_new_object();
	nova_json_add_str(server, "id", uuid);
	nova_json_add(server, "links", nova_view_links(&view, "servers", uuid));
	nova_json_add_str(server, "OS-DCF:diskConfig", "MANUAL");
	nova_json_add(server, "security_groups", groups_of(o));
	nova_server_add_password(server, text_of(o->server, "adminPass"));
	nova_http_reply_header(r->reply, "Location", location);
	return nova_reply_member(r, 202, "server", server);
}

bool nova_servers_boot(nova_request *r, GError **error)
{
	g_auto(order) o = { .server = nova_json_find(r->body, "server") };
	g_autofree char *uuid = NULL;

	memcpy(o.reservation, "r-", 2);
	random_text(o.reservation + 2, 8, "abcdefghijklmnopqrstuvwxyz0123456789");
	if (!take_counts(&o, error) || !check_limits(r, &o, error) || !check_devices(&o, error) ||
	    !take_place(r, &o, error) || !take_flavor(r, &o, error) || !take_image(r, &o, error) ||
	    !take_network(r, &o, error) || !take_keypair(r, &o, error) || !take_quotas(r, &o, error) ||
	    !create_all(r, &o, &uuid, error))
		return false;
	return answer(r, &o, uuid);
}
