/* SPDX-License-Identifier: Apache-2.0 */
#include "db/server_groups.h"

#include "common/uuid.h"
#include "db/quota_tx.h"
#include "db/tx.h"

static bool read_policy(const char *word, nova_group_policy *ret, GError **error)
{
	int policy = nova_names_find(&nova_group_policy_names, word);

	if (policy < 0)
		return nova_fail(error, NOVA_FAULT_INTERNAL,
				 "the database holds policy '%s', which this program does not know", word);
	*ret = (nova_group_policy)policy;
	return true;
}

static nova_server_group *read_group(nova_result *row, GError **error)
{
	g_autoptr(nova_server_group) group = g_new0(nova_server_group, 1);
	const char *members;

	group->id = nova_result_int(row, "id");
	group->uuid = nova_result_dup(row, "uuid");
	group->project_id = nova_result_dup(row, "project_id");
	group->user_id = nova_result_dup(row, "user_id");
	group->name = nova_result_dup(row, "name");
	if (!read_policy(nova_result_text(row, "policy"), &group->policy, error))
		return NULL;
	group->max_per_host = (int)nova_result_int(row, "max_per_host");
	members = nova_result_text(row, "members");
	group->members = members ? g_strsplit(members, " ", -1) : g_new0(char *, 1);
	return g_steal_pointer(&group);
}

/* ---- create ---- */

typedef struct create_arg {
	const nova_server_group *group;
	const nova_quotas *defaults;
	char uuid[NOVA_UUID_SIZE];
} create_arg;

/* Groups of a project are made one after the other: the row of its usage is the lock. */
static bool run_create(nova_tx *tx, void *arg, GError **error)
{
	const create_arg *create = arg;
	const nova_server_group *group = create->group;
	nova_arg project = nova_arg_text(group->project_id);
	g_autoptr(nova_result) usage = NULL;
	g_autoptr(nova_result) count = NULL;
	nova_quotas limits, used = { 0 };

	if (!nova_tx_one(tx, NOVA_Q_USAGE_LOCK, NOVA_ARGS(project), &usage, error) ||
	    !nova_quota_tx_limits(tx, group->project_id, create->defaults, &limits, error) ||
	    !nova_tx_one(tx, NOVA_Q_GROUPS_COUNT, NOVA_ARGS(project), &count, error))
		return false;
	used.of[NOVA_QUOTA_SERVER_GROUPS] = nova_result_int(count, "n");
	if (!nova_quota_fits(&limits, &used, NOVA_QUOTA_SERVER_GROUPS, 1))
		return nova_fail(error, NOVA_FAULT_FORBIDDEN, "Quota exceeded, too many server groups.");
	return nova_tx_run(tx, NOVA_Q_GROUP_CREATE,
			   NOVA_ARGS(nova_arg_text(create->uuid), project, nova_arg_text(group->user_id),
				     nova_arg_text(group->name),
				     nova_arg_text(nova_names_get(&nova_group_policy_names, (int)group->policy)),
				     nova_arg_id(group->max_per_host)),
			   NULL, error);
}

static bool prove_create(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	const create_arg *create = arg;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_GROUP_PROOF, NOVA_ARGS(nova_arg_text(create->uuid)), &row, error))
		return false;
	*ret_committed = row != NULL;
	return true;
}

bool nova_server_groups_create(nova_db *db, const nova_server_group *group, const nova_quotas *defaults,
			       char **ret_uuid, GError **error)
{
	static const nova_job job = { .name = "creation of a server group", .run = run_create, .proof = prove_create };
	create_arg create = { .group = group, .defaults = defaults };

	nova_uuid_new(create.uuid);
	if (!nova_tx_do(db, &job, &create, error))
		return false;
	*ret_uuid = g_strdup(create.uuid);
	return true;
}

/* ---- read ---- */

nova_server_group *nova_server_groups_find(nova_db *db, const char *uuid, const char *project_id, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_uuid_is_valid(uuid) ||
	    !nova_db_run(db, NOVA_Q_GROUPS_LIST,
			 NOVA_ARGS(nova_arg_text(uuid), nova_arg_text(project_id), nova_arg_int(1), nova_arg_int(0)),
			 &rows, error) ||
	    !nova_result_next(rows))
		return NULL;
	return read_group(rows, error);
}

bool nova_server_groups_list(nova_db *db, const char *project_id, int limit, int offset, GPtrArray **ret,
			     GError **error)
{
	g_autoptr(nova_result) rows = NULL;
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_server_group_free);

	if (!nova_db_run(db, NOVA_Q_GROUPS_LIST,
			 NOVA_ARGS(nova_arg_null(), nova_arg_text(project_id), nova_arg_int(limit),
				   nova_arg_int(offset)),
			 &rows, error))
		return false;
	while (nova_result_next(rows)) {
		nova_server_group *group = read_group(rows, error);

		if (!group)
			return false;
		g_ptr_array_add(list, group);
	}
	*ret = g_steal_pointer(&list);
	return true;
}

static bool read_neighbours(nova_db *db, const char *uuid, nova_wishes *wishes, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_INSTANCE_NEIGHBOURS, NOVA_ARGS(nova_arg_text(uuid)), &rows, error))
		return false;
	while (nova_result_next(rows)) {
		wishes->beside = nova_result_bool(rows, "wanted");
		if (nova_result_is_null(rows, "host_id"))
			continue;
		void *host = GINT_TO_POINTER((int)nova_result_int(rows, "host_id"));

		if (nova_result_bool(rows, "same"))
			g_hash_table_add(wishes->same, host);
		if (nova_result_bool(rows, "apart"))
			g_hash_table_add(wishes->apart, host);
	}
	return true;
}

nova_wishes *nova_instances_wishes(nova_db *db, const char *uuid, GError **error)
{
	g_autoptr(nova_wishes) wishes = nova_wishes_new();
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_INSTANCE_WISHES, NOVA_ARGS(nova_arg_text(uuid)), &rows, error) ||
	    !read_neighbours(db, uuid, wishes, error))
		return NULL;
	while (nova_result_next(rows)) {
		const char *policy;

		if (!wishes->zone)
			wishes->zone = nova_result_dup(rows, "zone");
		policy = nova_result_text(rows, "policy");
		if (!policy)
			continue;
		if (!read_policy(policy, &wishes->policy, error))
			return NULL;
		wishes->grouped = true;
		wishes->max_per_host = (int)nova_result_int(rows, "max_per_host");
		if (!nova_result_is_null(rows, "host_id")) {
			int host = (int)nova_result_int(rows, "host_id");

			g_hash_table_insert(wishes->others, GINT_TO_POINTER(host),
					    GINT_TO_POINTER((int)nova_result_int(rows, "members")));
		}
	}
	return g_steal_pointer(&wishes);
}

/* ---- delete ---- */

typedef struct delete_arg {
	const char *uuid, *project_id;
	bool found;
} delete_arg;

static bool run_delete(nova_tx *tx, void *arg, GError **error)
{
	delete_arg *del = arg;
	nova_arg uuid = nova_arg_text(del->uuid), project = nova_arg_text(del->project_id);
	g_autoptr(nova_result) members = NULL;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_run(tx, NOVA_Q_GROUP_RELEASE, NOVA_ARGS(uuid, project), &members, error) ||
	    !nova_tx_one(tx, NOVA_Q_GROUP_DELETE, NOVA_ARGS(uuid, project), &row, error))
		return false;
	del->found = row != NULL;
	return true;
}

bool nova_server_groups_delete(nova_db *db, const char *uuid, const char *project_id, bool *ret_found, GError **error)
{
	static const nova_job job = { .name = "deletion of a server group", .run = run_delete };
	delete_arg del = { .uuid = uuid, .project_id = project_id };

	if (nova_uuid_is_valid(uuid) && !nova_tx_do(db, &job, &del, error))
		return false;
	*ret_found = del.found;
	return true;
}
