/* SPDX-License-Identifier: Apache-2.0 */
#include "api/policy.h"

static const char *const rule_names[] = {
	[NOVA_RULE_ANY] = "any",
	[NOVA_RULE_READER] = "reader",
	[NOVA_RULE_MEMBER] = "member",
	[NOVA_RULE_ADMIN] = "admin",
};
G_STATIC_ASSERT(G_N_ELEMENTS(rule_names) == NOVA_RULE__COUNT);

const char *nova_rule_name(nova_rule rule)
{
	return rule_names[rule];
}

bool nova_policy_check(const nova_context *caller, nova_rule rule, const char *policy, GError **error)
{
	if (rule != NOVA_RULE_ADMIN || caller->is_admin)
		return true;
	return nova_fail(error, NOVA_FAULT_FORBIDDEN, "Policy doesn't allow %s to be performed.", policy);
}
