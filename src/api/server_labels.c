/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing the metadata and tags of a server.
 */
#include "db/labels.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>

#define TAG_LENGTH 60

/* Nova's states for it; `idle': and nothing is being done with the server. */
static bool check_state(const nova_request *r, const char *action, bool idle, GError **error)
{
	static const char *const states[] = { "active", "paused", "suspended", "stopped", NULL };
	const char *state = nova_vm_state_name(r->server->vm_state);
	const char *task = nova_instance_task_state(r->server);

	if (!g_strv_contains(states, state))
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot '%s' instance %s while it is in vm_state %s", action, r->server->uuid, state);
	if (idle && task)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot '%s' instance %s while it is in task_state %s", action, r->server->uuid, task);
	return true;
}

/* ---- metadata ---- */

/* *ret: all metadata as it is afterwards. */
static bool change(nova_request *r, bool replace, json_object *items, const char *drop, json_object **ret,
		   GError **error)
{
	const nova_quotas defaults = nova_request_quotas(r);
	g_autofree char *after = NULL;
	nova_quotas limits;

	if (!check_state(r, drop ? "delete metadata" : "update metadata", true, error) ||
	    !nova_quotas_limits(r->api->db, r->server->project_id, &defaults, &limits, error) ||
	    !nova_labels_set_metadata(r->api->db, r->server->uuid, replace, items ? nova_json_text(items) : NULL, drop,
				      limits.of[NOVA_QUOTA_METADATA_ITEMS], &after, error))
		return false;
	*ret = nova_view_parsed(after, "{}");
	return true;
}

static bool set_all(nova_request *r, bool replace, GError **error)
{
	json_object *after;

	return change(r, replace, nova_json_find(r->body, "metadata"), NULL, &after, error) &&
	       nova_reply_member(r, 200, "metadata", after);
}

bool nova_server_metadata_replace(nova_request *r, GError **error)
{
	return set_all(r, true, error);
}

bool nova_server_metadata_merge(nova_request *r, GError **error)
{
	return set_all(r, false, error);
}

bool nova_server_metadata_set(nova_request *r, GError **error)
{
	json_object *meta = nova_json_find(r->body, "meta"), *value, *after;

	if (json_object_object_length(meta) != 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Request body contains too many items");
	if (!json_object_object_get_ex(meta, r->ids[1], &value))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Request body and URI mismatch");
	if (!change(r, false, meta, NULL, &after, error))
		return false;
	json_object_put(after);
	return nova_reply_member(r, 200, "meta", json_object_get(meta));
}

bool nova_server_metadata_drop(nova_request *r, GError **error)
{
	g_autoptr(json_object) before = nova_view_parsed(r->server->metadata_json, "{}");
	json_object *after;

	if (!json_object_object_get_ex(before, r->ids[1], NULL))
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Metadata item was not found");
	if (!change(r, false, NULL, r->ids[1], &after, error))
		return false;
	json_object_put(after);
	return nova_reply_empty(r, 204);
}

/* ---- tags ---- */

/* Each once, in the order given. */
static json_object *unique(json_object *given)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	json_object *tags = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(given); i++) {
		const char *tag = json_object_get_string(json_object_array_get_idx(given, i));

		if (g_hash_table_add(seen, (void *)tag))
			json_object_array_add(tags, json_object_new_string(tag));
	}
	return tags;
}

bool nova_server_tags_replace(nova_request *r, GError **error)
{
	g_autoptr(json_object) tags = unique(nova_json_find(r->body, "tags"));

	if (!check_state(r, "update tags", false, error) ||
	    !nova_labels_set_tags(r->api->db, r->server->uuid, nova_json_text(tags), error))
		return false;
	return nova_reply_member(r, 200, "tags", json_object_get(tags));
}

bool nova_server_tags_clear(nova_request *r, GError **error)
{
	return check_state(r, "delete tags", false, error) &&
	       nova_labels_set_tags(r->api->db, r->server->uuid, "[]", error) && nova_reply_empty(r, 204);
}

static bool check_tag(const char *tag, GError **error)
{
	if (strpbrk(tag, ",/"))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Tag '%s' is invalid. It must be a non empty string without characters '/' and ','.",
				 tag);
	return g_utf8_strlen(tag, -1) <= TAG_LENGTH ||
	       nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Tag '%s' is too long. Maximum length of a tag is %d", tag,
			 TAG_LENGTH);
}

bool nova_server_tags_add(nova_request *r, GError **error)
{
	const char *tag = r->ids[1];
	g_autofree char *escaped = g_uri_escape_string(tag, NULL, FALSE);
	g_autofree char *location = g_strdup_printf("%s/v2.1/servers/%s/tags/%s", r->base, r->server->uuid, escaped);
	bool added, full;

	if (!check_tag(tag, error) || !check_state(r, "update tag", false, error) ||
	    !nova_labels_add_tag(r->api->db, r->server->uuid, tag, &added, &full, error))
		return false;
	if (full)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "The number of tags exceeded the per-server limit %d",
				 NOVA_TAGS_MOST);
	if (!added)
		return nova_reply_empty(r, 204);
	nova_http_reply_header(r->reply, "Location", location);
	return nova_reply_empty(r, 201);
}

bool nova_server_tags_drop(nova_request *r, GError **error)
{
	bool found;

	if (!check_state(r, "delete tag", false, error) ||
	    !nova_labels_drop_tag(r->api->db, r->server->uuid, r->ids[1], &found, error))
		return false;
	return found ? nova_reply_empty(r, 204) :
		       nova_fail(error, NOVA_FAULT_NOT_FOUND, "Server %s has no tag '%s'", r->server->uuid, r->ids[1]);
}
