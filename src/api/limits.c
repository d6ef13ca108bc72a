/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>

/* -1 is "no limit", or "there is nothing to limit". */
bool nova_limits_show(nova_request *r, GError **error)
{
	const char *tenant = nova_request_param(r, "tenant_id");
	const char *project = tenant ? tenant : r->context->project_id;
	const nova_quotas defaults = nova_request_quotas(r);
	nova_quotas limit, used;
	json_object *limits, *absolute;

	if (strcmp(project, r->context->project_id) != 0 &&
	    !nova_request_must(r, "os_compute_api:limits:other_project", error))
		return false;
	if (!nova_quotas_limits(r->api->db, project, &defaults, &limit, error) ||
	    !nova_quotas_usage(r->api->db, project, NULL, &used, error))
		return false;
	limits = json_object_new_object();
	absolute = json_object_new_object();
	nova_json_add_int(absolute, "maxTotalInstances", limit.of[NOVA_QUOTA_INSTANCES]);
	nova_json_add_int(absolute, "maxTotalCores", limit.of[NOVA_QUOTA_CORES]);
	nova_json_add_int(absolute, "maxTotalRAMSize", limit.of[NOVA_QUOTA_RAM]);
	nova_json_add_int(absolute, "maxServerMeta", limit.of[NOVA_QUOTA_METADATA_ITEMS]);
	if (r->version <= 38)
		nova_json_add_int(absolute, "maxImageMeta", limit.of[NOVA_QUOTA_METADATA_ITEMS]);
	if (r->version <= 56) {
		nova_json_add_int(absolute, "maxPersonality", 0);
		nova_json_add_int(absolute, "maxPersonalitySize", 0);
	}
	nova_json_add_int(absolute, "maxTotalKeypairs", limit.of[NOVA_QUOTA_KEY_PAIRS]);
	nova_json_add_int(absolute, "maxServerGroups", limit.of[NOVA_QUOTA_SERVER_GROUPS]);
	nova_json_add_int(absolute, "maxServerGroupMembers", limit.of[NOVA_QUOTA_SERVER_GROUP_MEMBERS]);
	if (r->version <= 35) {
		nova_json_add_int(absolute, "maxTotalFloatingIps", -1);
		nova_json_add_int(absolute, "maxSecurityGroups", -1);
		nova_json_add_int(absolute, "maxSecurityGroupRules", -1);
	}
	nova_json_add_int(absolute, "totalRAMUsed", used.of[NOVA_QUOTA_RAM]);
	nova_json_add_int(absolute, "totalCoresUsed", used.of[NOVA_QUOTA_CORES]);
	nova_json_add_int(absolute, "totalInstancesUsed", used.of[NOVA_QUOTA_INSTANCES]);
	if (r->version <= 35) {
		nova_json_add_int(absolute, "totalFloatingIpsUsed", 0);
		nova_json_add_int(absolute, "totalSecurityGroupsUsed", 0);
	}
	nova_json_add_int(absolute, "totalServerGroupsUsed", used.of[NOVA_QUOTA_SERVER_GROUPS]);
	nova_json_add(limits, "rate", json_object_new_array());
	nova_json_add(limits, "absolute", absolute);
	return nova_reply_member(r, 200, "limits", limits);
}
