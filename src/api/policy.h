/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - who may do what: a rule for each route and action, under Nova's policy names.  Pure.
 *
 * That a server of somebody else does not exist for a caller is not decided here but by the lookup, which is
 * bound to the caller's project.
 */
#pragma once

#include "common/context.h"
#include "common/error.h"

typedef enum nova_rule {
	NOVA_RULE_ANY,    /* whoever has a valid token */
	NOVA_RULE_READER, /* of the project the thing belongs to */
	NOVA_RULE_MEMBER, /* the same, for changes */
	NOVA_RULE_ADMIN,
	NOVA_RULE__COUNT
} nova_rule;

const char *nova_rule_name(nova_rule rule);

/* FORBIDDEN with Nova's text, which names the policy. */
bool nova_policy_check(const nova_context *caller, nova_rule rule, const char *policy, GError **error);
