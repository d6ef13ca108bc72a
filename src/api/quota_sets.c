/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/router.h"
#include "common/json.h"
#include "db/identity.h"

#include <string.h>

/* Nova's resources that this cloud does not have, with what is shown of each. */
static const struct {
	const char *name;
	unsigned until;
	int64_t limit;
} constants[] = {
	{ "fixed_ips", 35, -1 },
	{ "floating_ips", 35, -1 },
	{ "security_groups", 35, -1 },
	{ "security_group_rules", 35, -1 },
	{ "injected_files", 56, 0 },
	{ "injected_file_content_bytes", 56, 0 },
	{ "injected_file_path_bytes", 56, 0 },
};

nova_quotas nova_request_quotas(const nova_request *r)
{
	return (nova_quotas){ .of = {
		[NOVA_QUOTA_INSTANCES] = r->conf->quota_instances,
		[NOVA_QUOTA_CORES] = r->conf->quota_cores,
		[NOVA_QUOTA_RAM] = r->conf->quota_ram,
		[NOVA_QUOTA_KEY_PAIRS] = r->conf->quota_key_pairs,
		[NOVA_QUOTA_METADATA_ITEMS] = r->conf->quota_metadata_items,
		[NOVA_QUOTA_SERVER_GROUPS] = r->conf->quota_server_groups,
		[NOVA_QUOTA_SERVER_GROUP_MEMBERS] = r->conf->quota_server_group_members,
	} };
}

/* A quota set; `used' NULL: numbers, else {limit, in_use, reserved}; project NULL: without the id. */
static json_object *view_set(const nova_request *r, const char *project, const nova_quotas *limits,
			     const nova_quotas *used)
{
	json_object *set = json_object_new_object();

	if (project)
		nova_json_add_str(set, "id", project);
	for (size_t i = 0; i < G_N_ELEMENTS(constants) + NOVA_QUOTA__COUNT; i++) {
		bool ours = i < NOVA_QUOTA__COUNT;
		size_t k = ours ? 0 : i - NOVA_QUOTA__COUNT;
		const char *name = ours ? nova_names_get(&nova_quota_names, (int)i) : constants[k].name;
		int64_t limit = ours ? limits->of[i] : constants[k].limit;
		json_object *detail;

		if (!ours && r->version > constants[k].until)
			continue;
		if (!used) {
			nova_json_add_int(set, name, limit);
			continue;
		}
		detail = json_object_new_object();
		nova_json_add_int(detail, "limit", limit);
		nova_json_add_int(detail, "in_use", ours ? used->of[i] : 0);
		nova_json_add_int(detail, "reserved", 0);
		nova_json_add(set, name, detail);
	}
	return set;
}

/* Those of another project are the administrators'. */
static bool check_project(const nova_request *r, GError **error)
{
	return strcmp(r->ids[0], r->context->project_id) == 0 || r->context->is_admin ||
	       nova_fail(error, NOVA_FAULT_FORBIDDEN, "Policy doesn't allow %s to be performed.", r->route->policy);
}

static bool answer(nova_request *r, bool detail, bool with_id, GError **error)
{
	const nova_quotas defaults = nova_request_quotas(r);
	const char *user = nova_request_param(r, "user_id");
	nova_quotas limits, used;

	if (!nova_quotas_limits(r->api->db, r->ids[0], &defaults, &limits, error) ||
	    (detail && !nova_quotas_usage(r->api->db, r->ids[0], user, &used, error)))
		return false;
	if (detail && !user)
		used.of[NOVA_QUOTA_KEY_PAIRS] = 0; /* as Nova: they are a user's, not the project's */
	return nova_reply_member(r, 200, "quota_set",
				 view_set(r, with_id ? r->ids[0] : NULL, &limits, detail ? &used : NULL));
}

bool nova_quota_sets_show(nova_request *r, GError **error)
{
	return check_project(r, error) && answer(r, false, true, error);
}

bool nova_quota_sets_detail(nova_request *r, GError **error)
{
	return check_project(r, error) && answer(r, true, true, error);
}

bool nova_quota_sets_defaults(nova_request *r, GError **error)
{
	const nova_quotas defaults = nova_request_quotas(r);

	(void)error;
	return nova_reply_member(r, 200, "quota_set", view_set(r, r->ids[0], &defaults, NULL));
}

/* Of a number or digits, which the schema has checked. */
static int64_t number_of(json_object *value)
{
	int64_t n = g_ascii_strtoll(json_object_get_string(value), NULL, 10);

	return n < NOVA_QUOTA_UNLIMITED ? INT64_MIN : n;
}

static bool read_change(const nova_request *r, nova_quotas *ret, bool *ret_force, GError **error)
{
	json_object *wish = nova_json_find(r->body, "quota_set"), *value;

	*ret_force = json_object_object_get_ex(wish, "force", &value) && nova_schema_bool(value);
	for (int q = 0; q < NOVA_QUOTA__COUNT; q++) {
		const char *name = nova_names_get(&nova_quota_names, q);

		ret->of[q] = json_object_object_get_ex(wish, name, &value) ? number_of(value) : NOVA_QUOTA_KEEP;
		/* Digits in a string have no range in the schema. */
		if (ret->of[q] > NOVA_QUOTA_MOST ||
		    (ret->of[q] < NOVA_QUOTA_UNLIMITED && ret->of[q] != NOVA_QUOTA_KEEP))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "Quota limit %" G_GINT64_FORMAT " for %s must be in the range of -1 and %d.",
					 ret->of[q], name, NOVA_QUOTA_MOST);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(constants); i++)
		if (json_object_object_get_ex(wish, constants[i].name, &value) &&
		    number_of(value) != constants[i].limit)
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "The quota of %s cannot be changed: this cloud does not have them.",
					 constants[i].name);
	if (nova_request_param(r, "user_id"))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Quotas are those of a project; single users have none of their own.");
	return true;
}

static bool project_exists(nova_request *r, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_project) project = NULL;

	if (r->conf->api_auth != NOVA_AUTH_BUILTIN)
		return true;
	project = nova_projects_find(r->api->db, r->ids[0], &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	return (project && strcmp(project->id, r->ids[0]) == 0) ||
	       nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Project ID %s is not a valid project.", r->ids[0]);
}

bool nova_quota_sets_update(nova_request *r, GError **error)
{
	nova_quotas change;
	bool force;

	return read_change(r, &change, &force, error) && project_exists(r, error) &&
	       nova_quotas_update(r->api->db, r->ids[0], &change, force, error) && answer(r, false, false, error);
}

bool nova_quota_sets_reset(nova_request *r, GError **error)
{
	return nova_quotas_forget(r->api->db, r->ids[0], error) && nova_reply_empty(r, 202);
}
