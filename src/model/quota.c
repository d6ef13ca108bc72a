/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quota.h"

NOVA_NAMES(nova_quota_names, "quota", NOVA_QUOTA__COUNT, [NOVA_QUOTA_INSTANCES] = "instances",
	   [NOVA_QUOTA_CORES] = "cores", [NOVA_QUOTA_RAM] = "ram", [NOVA_QUOTA_KEY_PAIRS] = "key_pairs",
	   [NOVA_QUOTA_METADATA_ITEMS] = "metadata_items", [NOVA_QUOTA_SERVER_GROUPS] = "server_groups",
	   [NOVA_QUOTA_SERVER_GROUP_MEMBERS] = "server_group_members");

bool nova_quota_fits(const nova_quotas *limits, const nova_quotas *used, nova_quota quota, int64_t wanted)
{
	return limits->of[quota] == NOVA_QUOTA_UNLIMITED || wanted <= limits->of[quota] - used->of[quota];
}

int64_t nova_quota_servers(const nova_quotas *limits, const nova_quotas *used, int64_t vcpus, int64_t memory_mb,
			   int64_t count)
{
	const struct {
		nova_quota quota;
		int64_t each;
	} needs[] = { { NOVA_QUOTA_INSTANCES, 1 }, { NOVA_QUOTA_CORES, vcpus }, { NOVA_QUOTA_RAM, memory_mb } };

	for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
		int64_t limit = limits->of[needs[i].quota];

		if (limit != NOVA_QUOTA_UNLIMITED && needs[i].each > 0)
			count = MIN(count, MAX(limit - used->of[needs[i].quota], 0) / needs[i].each);
	}
	return count;
}

/* In the order of Nova's text: by name. */
bool nova_quota_check_servers(const nova_quotas *limits, const nova_quotas *used, int64_t vcpus, int64_t memory_mb,
			      int64_t count, GError **error)
{
	const struct {
		nova_quota quota;
		int64_t wanted;
	} needs[] = { { NOVA_QUOTA_CORES, vcpus * count },
		      { NOVA_QUOTA_INSTANCES, count },
		      { NOVA_QUOTA_RAM, memory_mb * count } };
	g_autoptr(GString) over = g_string_new(NULL);
	int64_t wanted = 0, have = 0, limit = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
		if (nova_quota_fits(limits, used, needs[i].quota, needs[i].wanted))
			continue;
		if (over->len == 0) {
			wanted = needs[i].wanted;
			have = used->of[needs[i].quota];
			limit = limits->of[needs[i].quota];
		}
		g_string_append_printf(over, "%s%s", over->len ? ", " : "",
				       nova_names_get(&nova_quota_names, (int)needs[i].quota));
	}
	return over->len == 0 ||
	       nova_fail(error, NOVA_FAULT_FORBIDDEN,
			 "Quota exceeded for %s: Requested %" G_GINT64_FORMAT ", but already used %" G_GINT64_FORMAT
			 " of %" G_GINT64_FORMAT " %s",
			 over->str, wanted, have, limit, over->str);
}
