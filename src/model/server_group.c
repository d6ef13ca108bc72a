/* SPDX-License-Identifier: Apache-2.0 */
#include "model/server_group.h"

NOVA_NAMES(nova_group_policy_names, "policy", NOVA_GROUP__COUNT, [NOVA_GROUP_AFFINITY] = "affinity",
	   [NOVA_GROUP_ANTI_AFFINITY] = "anti-affinity", [NOVA_GROUP_SOFT_AFFINITY] = "soft-affinity",
	   [NOVA_GROUP_SOFT_ANTI_AFFINITY] = "soft-anti-affinity");

void nova_server_group_free(nova_server_group *group)
{
	if (!group)
		return;
	g_free(group->uuid);
	g_free(group->project_id);
	g_free(group->user_id);
	g_free(group->name);
	g_strfreev(group->members);
	g_free(group);
}

nova_wishes *nova_wishes_new(void)
{
	nova_wishes *wishes = g_new0(nova_wishes, 1);

	wishes->max_per_host = 1;
	wishes->others = g_hash_table_new(NULL, NULL);
	wishes->same = g_hash_table_new(NULL, NULL);
	wishes->apart = g_hash_table_new(NULL, NULL);
	return wishes;
}

void nova_wishes_free(nova_wishes *wishes)
{
	if (!wishes)
		return;
	g_free(wishes->zone);
	g_hash_table_unref(wishes->others);
	g_hash_table_unref(wishes->same);
	g_hash_table_unref(wishes->apart);
	g_free(wishes);
}

int nova_wishes_others_on(const nova_wishes *wishes, int host_id)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(wishes->others, GINT_TO_POINTER(host_id)));
}

int nova_wishes_others(const nova_wishes *wishes)
{
	GHashTableIter iter;
	void *count;
	int sum = 0;

	g_hash_table_iter_init(&iter, wishes->others);
	while (g_hash_table_iter_next(&iter, NULL, &count))
		sum += GPOINTER_TO_INT(count);
	return sum;
}
