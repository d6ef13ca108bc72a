/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"
#include "db/instances.h"

#include <string.h>

#define PAGE	  1000
#define MAX_PAGES 100

typedef struct usage {
	int64_t instances, cores, memory_mb;
} usage;

static bool sum_usage(nova_request *r, const char *project, usage *ret, GError **error)
{
	g_autofree char *marker = NULL;
	bool more = true;

	for (int page = 0; more && page < MAX_PAGES; page++) {
		const nova_instance_query query = { .project_id = project, .marker = marker, .limit = PAGE };
		g_autoptr(GPtrArray) servers = NULL;

		if (!nova_instances_list(r->api->db, &query, &servers, error))
			return false;
		for (unsigned i = 0; i < servers->len; i++) {
			const nova_instance *server = servers->pdata[i];

			ret->instances++;
			ret->cores += server->vcpus;
			ret->memory_mb += server->memory_mb;
		}
		more = servers->len == PAGE;
		if (more) {
			g_free(marker);
			marker = g_strdup(((nova_instance *)servers->pdata[PAGE - 1])->uuid);
		}
	}
	return true;
}

/* There are no quotas: -1 is "no limit". */
bool nova_limits_show(nova_request *r, GError **error)
{
	const char *tenant = nova_request_param(r, "tenant_id");
	usage used = { 0 };
	json_object *limits, *absolute;

	if (tenant && strcmp(tenant, r->context->project_id) != 0 &&
	    !nova_request_must(r, "os_compute_api:limits:other_project", error))
		return false;
	if (!sum_usage(r, tenant ? tenant : r->context->project_id, &used, error))
		return false;
	limits = json_object_new_object();
	absolute = json_object_new_object();
	nova_json_add_int(absolute, "maxTotalInstances", -1);
	nova_json_add_int(absolute, "maxTotalCores", -1);
	nova_json_add_int(absolute, "maxTotalRAMSize", -1);
	nova_json_add_int(absolute, "maxServerMeta", 128);
	if (r->version <= 38)
		nova_json_add_int(absolute, "maxImageMeta", 128);
	if (r->version <= 56) {
		nova_json_add_int(absolute, "maxPersonality", 0);
		nova_json_add_int(absolute, "maxPersonalitySize", 0);
	}
	nova_json_add_int(absolute, "maxTotalKeypairs", 0);
	nova_json_add_int(absolute, "maxServerGroups", 0);
	nova_json_add_int(absolute, "maxServerGroupMembers", 0);
	if (r->version <= 35) {
		nova_json_add_int(absolute, "maxTotalFloatingIps", -1);
		nova_json_add_int(absolute, "maxSecurityGroups", -1);
		nova_json_add_int(absolute, "maxSecurityGroupRules", -1);
	}
	nova_json_add_int(absolute, "totalRAMUsed", used.memory_mb);
	nova_json_add_int(absolute, "totalCoresUsed", used.cores);
	nova_json_add_int(absolute, "totalInstancesUsed", used.instances);
	if (r->version <= 35) {
		nova_json_add_int(absolute, "totalFloatingIpsUsed", 0);
		nova_json_add_int(absolute, "totalSecurityGroupsUsed", 0);
	}
	nova_json_add_int(absolute, "totalServerGroupsUsed", 0);
	nova_json_add(limits, "rate", json_object_new_array());
	nova_json_add(limits, "absolute", absolute);
	return nova_reply_member(r, 200, "limits", limits);
}
