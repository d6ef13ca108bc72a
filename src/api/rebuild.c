/* SPDX-License-Identifier: Apache-2.0
 *
 * The action `rebuild': a new disk from an image, under the server's name, address and size.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/schema.h"
#include "common/json.h"
#include "db/flavors.h"
#include "db/keypairs.h"

/* What is given, NULL for null; false: it is not given. */
static bool is_given(const nova_request *r, const char *key, const char **ret)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(r->args, key, &value))
		return false;
	*ret = value ? json_object_get_string(value) : NULL;
	return true;
}

/* What this version cannot do is refused, not forgotten. */
static bool check_limits(const nova_request *r, GError **error)
{
	json_object *value = NULL;

	if (json_object_object_get_ex(r->args, "preserve_ephemeral", &value) && nova_schema_bool(value))
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
				 "This version of nova-lite has no ephemeral disks that could be preserved.");
	if (json_object_object_get_ex(r->args, "personality", &value) && json_object_array_length(value) > 0)
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
				 "This version of nova-lite puts no files into servers (personality).");
	if (json_object_object_get_ex(r->args, "trusted_image_certificates", &value) && value)
		return nova_fail(error, NOVA_FAULT_NOT_IMPLEMENTED,
				 "This version of nova-lite verifies no image signatures.");
	return true;
}

static bool check_metadata(nova_request *r, json_object *metadata, GError **error)
{
	const nova_quotas defaults = nova_request_quotas(r);
	nova_quotas limits;

	if (!metadata)
		return true;
	if (!nova_quotas_limits(r->api->db, r->server->project_id, &defaults, &limits, error))
		return false;
	int64_t most = limits.of[NOVA_QUOTA_METADATA_ITEMS];

	return most < 0 || json_object_object_length(metadata) <= most ||
	       nova_fail(error, NOVA_FAULT_FORBIDDEN, "Maximum number of metadata items exceeds %" G_GINT64_FORMAT,
			 most);
}

static nova_image *take_image(nova_request *r, GError **error)
{
	const char *ref = json_object_get_string(nova_json_find(r->args, "imageRef"));
	GError *failure = NULL;
	g_autoptr(nova_image) image = nova_images_find(r->api->db, ref, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	if (!image) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Cannot find image for rebuild");
		return NULL;
	}
	return nova_server_image_fits(image, r->server->memory_mb, r->server->root_gb, error) ?
		       g_steal_pointer(&image) :
		       NULL;
}

/* Of who asks, as Nova has it: keys belong to users, servers to projects. */
static bool take_keypair(nova_request *r, const char *name, nova_keypair **ret, GError **error)
{
	GError *failure = NULL;

	if (!name)
		return true;
	*ret = nova_keypairs_find(r->api->db, r->context->user_id, name, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return *ret || nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Keypair %s not found for user %s", name,
				 r->context->user_id);
}

static bool answer(nova_request *r, GError **error)
{
	nova_view view = nova_request_view(r);
	g_autofree char *location = g_strdup_printf("%s/v2.1/servers/%s", r->base, r->server->uuid);
	g_autoptr(nova_instance) now = nova_request_find_server(r, r->server->uuid, false, error);
	g_autofree char *text = NULL;
	nova_json_writer w;
	const char *password = NULL;
	json_object *server;
	size_t length;

	if (!now)
		return false;
	nova_json_writer_init(&w, 2048);
	nova_view_server(&view, &w, NULL, now, NOVA_SERVER_UPDATED);
	text = nova_json_writer_finish(&w, &length);
	server = nova_json_parse(text, length, 32, error); /* this answer has members that no other has */
	if (!server)
		return false;
	if (r->version >= 54 && r->version < 75)
		nova_json_add_str(server, "key_name", now->key_name);
	if (r->version >= 57)
		nova_json_add_str(server, "user_data", now->user_data);
	is_given(r, "adminPass", &password);
	nova_server_add_password(server, password);
	nova_http_reply_header(r->reply, "Location", location);
	return nova_reply_member(r, 202, "server", server);
}

bool nova_action_rebuild(nova_request *r, GError **error)
{
	json_object *metadata = nova_json_find(r->args, "metadata");
	g_autofree char *metadata_text = metadata ? nova_json_dup_text(metadata, NULL) : NULL;
	nova_rebuild rebuild = { .metadata_json = metadata_text };
	g_autoptr(nova_image) image = NULL;
	g_autoptr(nova_keypair) keypair = NULL;
	g_autoptr(nova_operation) op = NULL;
	const nova_op_request request = {
		.kind = NOVA_OP_REBUILD,
		.instance_uuid = r->server->uuid,
		.project_id = nova_request_scope(r),
		.action = "rebuild",
		.rebuild = &rebuild,
		.by = nova_request_by(r),
	};

	is_given(r, "name", &rebuild.name);
	is_given(r, "accessIPv4", &rebuild.access_ip_v4);
	is_given(r, "accessIPv6", &rebuild.access_ip_v6);
	rebuild.set_description = is_given(r, "description", &rebuild.description);
	rebuild.set_key = is_given(r, "key_name", &rebuild.key_name);
	rebuild.set_user_data = is_given(r, "user_data", &rebuild.user_data);
	if (!nova_instance_may_begin(r->server, NOVA_OP_REBUILD, "rebuild", error) || !check_limits(r, error) ||
	    !check_metadata(r, metadata, error) || !take_keypair(r, rebuild.key_name, &keypair, error))
		return false;
	image = take_image(r, error);
	if (!image)
		return false;
	rebuild.image_id = image->id;
	rebuild.key_data = keypair ? keypair->public_key : NULL;
	op = nova_request_begin(r, &request, error);
	if (!op)
		return false;
	nova_request_ring(r, op);
	return answer(r, error);
}
