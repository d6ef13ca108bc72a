/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients read of a server besides the server itself.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>

bool nova_server_ips(nova_request *r, GError **error)
{
	nova_json_writer w;

	(void)error;
	nova_json_writer_init(&w, 256);
	nova_json_begin(&w, NULL, '{');
	nova_view_addresses(&w, "addresses", r->server, false);
	nova_json_end(&w, '}');
	return nova_reply_written(r, 200, &w);
}

bool nova_server_ips_one(nova_request *r, GError **error)
{
	nova_json_writer w;
	bool found;

	nova_json_writer_init(&w, 256);
	nova_json_begin(&w, NULL, '{');
	found = nova_view_addresses_of(&w, r->ids[1], r->server, r->ids[1], false);
	nova_json_end(&w, '}');
	if (found)
		return nova_reply_written(r, 200, &w);
	nova_json_writer_drop(&w);
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Instance is not a member of specified network");
}

bool nova_server_metadata(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_member(r, 200, "metadata", nova_view_parsed(r->server->metadata_json, "{}"));
}

bool nova_server_metadata_one(nova_request *r, GError **error)
{
	g_autoptr(json_object) all = nova_view_parsed(r->server->metadata_json, "{}");
	json_object *value, *meta;

	if (!json_object_object_get_ex(all, r->ids[1], &value))
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Metadata item was not found");
	meta = json_object_new_object();
	nova_json_add(meta, r->ids[1], json_object_get(value));
	return nova_reply_member(r, 200, "meta", meta);
}

bool nova_server_tags(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_member(r, 200, "tags", nova_view_parsed(r->server->tags_json, "[]"));
}

bool nova_server_tags_one(nova_request *r, GError **error)
{
	g_autoptr(json_object) tags = nova_view_parsed(r->server->tags_json, "[]");

	for (size_t i = 0; i < json_object_array_length(tags); i++)
		if (g_strcmp0(json_object_get_string(json_object_array_get_idx(tags, i)), r->ids[1]) == 0)
			return nova_reply_empty(r, 204);
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Server %s has no tag '%s'", r->server->uuid, r->ids[1]);
}

bool nova_server_topology(nova_request *r, GError **error)
{
	json_object *body = json_object_new_object();

	(void)error;
	nova_json_add(body, "nodes", json_object_new_array());
	nova_json_add_null(body, "pagesize_kb");
	return nova_reply_json(r, 200, body);
}

bool nova_server_interfaces(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_member(r, 200, "interfaceAttachments", json_object_new_array());
}

bool nova_server_volumes(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_member(r, 200, "volumeAttachments", json_object_new_array());
}

bool nova_server_interface_attach(nova_request *r, GError **error)
{
	(void)r;
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
			 "This cloud attaches no further interfaces: a server keeps the network it was created with.");
}

bool nova_server_volume_attach(nova_request *r, GError **error)
{
	(void)r;
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "This cloud has no volumes.");
}

/* Guests have no way to send one: that takes Nova's metadata service. */
bool nova_server_password_show(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_member(r, 200, "password", json_object_new_string(""));
}

bool nova_server_password_clear(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_empty(r, 204);
}

bool nova_server_security_groups(nova_request *r, GError **error)
{
	(void)error;
	return nova_reply_member(r, 200, "security_groups", json_object_new_array());
}
