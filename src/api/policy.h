/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - who may do what: one table of Nova's policy names, each with the rule it has unless [policy] override
 * says otherwise.  Routes and actions name a policy; handlers ask about what is only a part of an answer.  Pure.
 *
 * That a server of somebody else does not exist for a caller is not decided here but by the lookup, which is
 * bound to the caller's project unless the caller has the role admin.
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"
#include "model/identity.h"

/* Who: those with at least this role in the project the thing belongs to, and whoever has the role admin. */
typedef enum nova_rule {
	NOVA_RULE_ANY, /* whoever has a valid token */
	NOVA_RULE_READER,
	NOVA_RULE_MEMBER,
	NOVA_RULE_MANAGER,
	NOVA_RULE_ADMIN,
	NOVA_RULE_NOBODY,
	NOVA_RULE__COUNT
} nova_rule;

extern const nova_names nova_rule_names;

typedef struct nova_policy {
	const char *name;
	nova_rule rule;
	const char *doc; /* for those no route or action names */
} nova_policy;

extern const nova_policy nova_policies[]; /* ends with a row without a name */

/* NULL: there is no such policy. */
const nova_policy *nova_policy_find(const char *name);

/* The rule in effect.  The policy must exist. */
nova_rule nova_policy_rule(const nova_conf *conf, const char *policy);

bool nova_rule_allows(nova_rule rule, nova_roles roles);

bool nova_policy_allows(const nova_conf *conf, nova_roles roles, const char *policy);

/* FORBIDDEN with Nova's text, which names the policy. */
bool nova_policy_check(const nova_conf *conf, nova_roles roles, const char *policy, GError **error);

/* CONFIG for an override that names no policy or no rule. */
bool nova_policy_check_conf(const nova_conf *conf, GError **error);
