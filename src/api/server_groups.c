/* SPDX-License-Identifier: Apache-2.0 */
#include "db/server_groups.h"
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>

#define MOST_OFFSET 1000000

static json_object *view(const nova_request *r, const nova_server_group *group)
{
	const char *policy = nova_names_get(&nova_group_policy_names, (int)group->policy);
	json_object *object = json_object_new_object(), *members = json_object_new_array();

	for (char **member = group->members; *member; member++)
		json_object_array_add(members, json_object_new_string(*member));
	nova_json_add_str(object, "id", group->uuid);
	nova_json_add_str(object, "name", group->name);
	if (r->version >= 64) {
		json_object *rules = json_object_new_object();

		if (group->max_per_host)
			nova_json_add_int(rules, "max_server_per_host", group->max_per_host);
		nova_json_add_str(object, "policy", policy);
		nova_json_add(object, "rules", rules);
	} else {
		json_object *policies = json_object_new_array();

		json_object_array_add(policies, json_object_new_string(policy));
		nova_json_add(object, "policies", policies);
		nova_json_add(object, "metadata", json_object_new_object());
	}
	nova_json_add(object, "members", members);
	if (r->version >= 13) {
		nova_json_add_str(object, "project_id", group->project_id);
		nova_json_add_str(object, "user_id", group->user_id);
	}
	return object;
}

static bool not_found(const char *uuid, GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Instance group %s could not be found.", uuid);
}

bool nova_server_groups_index(nova_request *r, GError **error)
{
	const char *offset = nova_request_param(r, "offset");
	const char *project = r->context->project_id;
	g_autoptr(GPtrArray) groups = NULL;
	json_object *list;
	int64_t skip = offset ? g_ascii_strtoll(offset, NULL, 10) : 0;

	if (nova_request_param(r, "all_projects")) {
		if (!nova_request_must(r, "os_compute_api:os-server-groups:index:all_projects", error))
			return false;
		project = NULL;
	}
	if (!nova_server_groups_list(r->api->db, project, nova_paging_limit(r), (int)MIN(skip, MOST_OFFSET), &groups,
				     error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < groups->len; i++)
		json_object_array_add(list, view(r, groups->pdata[i]));
	return nova_reply_member(r, 200, "server_groups", list);
}

static bool answer(nova_request *r, const char *uuid, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_server_group) group =
		nova_server_groups_find(r->api->db, uuid, nova_request_scope(r), &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return group ? nova_reply_member(r, 200, "server_group", view(r, group)) : not_found(uuid, error);
}

bool nova_server_groups_show(nova_request *r, GError **error)
{
	return answer(r, r->ids[0], error);
}

/* The schema has made sure that there is one policy, and which words it may be. */
bool nova_server_groups_make(nova_request *r, GError **error)
{
	json_object *wish = nova_json_find(r->body, "server_group");
	json_object *policies = nova_json_find(wish, "policies");
	json_object *policy = policies ? json_object_array_get_idx(policies, 0) : nova_json_find(wish, "policy");
	json_object *most = nova_json_find(wish, "rules.max_server_per_host");
	const nova_quotas defaults = nova_request_quotas(r);
	const nova_server_group group = {
		.name = (char *)json_object_get_string(nova_json_find(wish, "name")),
		.project_id = (char *)r->context->project_id,
		.user_id = (char *)r->context->user_id,
		.policy = (nova_group_policy)nova_names_find(&nova_group_policy_names, json_object_get_string(policy)),
		.max_per_host = most ? (int)g_ascii_strtoll(json_object_get_string(most), NULL, 10) : 0,
	};
	g_autofree char *uuid = NULL;

	if (nova_json_find(wish, "rules") && group.policy != NOVA_GROUP_ANTI_AFFINITY)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Only anti-affinity policy supports rules.");
	if (most && group.max_per_host < 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "max_server_per_host must be at least 1");
	return nova_server_groups_create(r->api->db, &group, &defaults, &uuid, error) && answer(r, uuid, error);
}

bool nova_server_groups_remove(nova_request *r, GError **error)
{
	bool found = false;

	if (!nova_server_groups_delete(r->api->db, r->ids[0], nova_request_scope(r), &found, error))
		return false;
	return found ? nova_reply_empty(r, 204) : not_found(r->ids[0], error);
}
