/* SPDX-License-Identifier: Apache-2.0 */
#include "api/policy.h"

#include <string.h>

NOVA_NAMES(nova_rule_names, "rule", NOVA_RULE__COUNT, [NOVA_RULE_ANY] = "any", [NOVA_RULE_READER] = "reader",
	   [NOVA_RULE_MEMBER] = "member", [NOVA_RULE_MANAGER] = "manager", [NOVA_RULE_ADMIN] = "admin",
	   [NOVA_RULE_NOBODY] = "nobody");

#define P	   "os_compute_api:"
#define ALLOW(who, policy) { policy, NOVA_RULE_##who, NULL }

const nova_policy nova_policies[] = {
	/* servers */
	ALLOW(READER, P "servers:index"),
	ALLOW(READER, P "servers:detail"),
	ALLOW(READER, P "servers:show"),
	ALLOW(MEMBER, P "servers:create"),
	ALLOW(MEMBER, P "servers:update"),
	ALLOW(MEMBER, P "servers:delete"),
	ALLOW(MEMBER, P "servers:start"),
	ALLOW(MEMBER, P "servers:stop"),
	ALLOW(MEMBER, P "servers:reboot"),
	ALLOW(MEMBER, P "servers:rebuild"),
	ALLOW(MEMBER, P "servers:resize"),
	ALLOW(MEMBER, P "servers:confirm_resize"),
	ALLOW(MEMBER, P "servers:revert_resize"),
	ALLOW(MEMBER, P "servers:create_image"),
	ALLOW(MEMBER, P "servers:trigger_crash_dump"),
	{ P "servers:index:get_all_tenants", NOVA_RULE_ADMIN, "`all_tenants` in `GET /servers`" },
	{ P "servers:detail:get_all_tenants", NOVA_RULE_ADMIN, "`all_tenants` in `GET /servers/detail`" },
	{ P "servers:allow_all_filters", NOVA_RULE_ADMIN,
	  "filters and sort keys about hosts and the like; without it they are passed over, as Nova does" },
	{ P "servers:create:forced_host", NOVA_RULE_ADMIN, "`availability_zone` ZONE:HOST in `POST /servers`" },
	{ "compute:servers:create:requested_destination", NOVA_RULE_ADMIN,
	  "`host` and `hypervisor_hostname` in `POST /servers`" },
	{ P "os-extended-server-attributes", NOVA_RULE_ADMIN, "`OS-EXT-SRV-ATTR:*` of servers" },
	{ P "servers:show:host_status", NOVA_RULE_ADMIN, "`host_status` of servers" },
	ALLOW(READER, P "ips:index"),
	ALLOW(READER, P "ips:show"),
	ALLOW(READER, P "server-metadata:index"),
	ALLOW(READER, P "server-metadata:show"),
	ALLOW(READER, P "os-server-tags:index"),
	ALLOW(READER, P "os-server-tags:show"),
	ALLOW(MEMBER, P "server-metadata:create"),
	ALLOW(MEMBER, P "server-metadata:update_all"),
	ALLOW(MEMBER, P "server-metadata:update"),
	ALLOW(MEMBER, P "server-metadata:delete"),
	ALLOW(MEMBER, P "os-server-tags:update_all"),
	ALLOW(MEMBER, P "os-server-tags:update"),
	ALLOW(MEMBER, P "os-server-tags:delete_all"),
	ALLOW(MEMBER, P "os-server-tags:delete"),
	ALLOW(READER, "compute:server:topology:index"),
	ALLOW(READER, P "os-attach-interfaces:list"),
	ALLOW(READER, P "os-volumes-attachments:index"),
	ALLOW(MEMBER, P "os-attach-interfaces:create"),
	ALLOW(MEMBER, P "os-volumes-attachments:create"),
	ALLOW(READER, P "os-security-groups:list"),
	ALLOW(MEMBER, P "os-security-groups:add"),
	ALLOW(MEMBER, P "os-security-groups:remove"),
	ALLOW(MEMBER, P "os-console-output"),
	ALLOW(MEMBER, P "os-remote-consoles"),
	ALLOW(MEMBER, P "os-deferred-delete:force"),
	ALLOW(MEMBER, P "os-deferred-delete:restore"),
	ALLOW(MEMBER, P "os-pause-server:pause"),
	ALLOW(MEMBER, P "os-pause-server:unpause"),
	ALLOW(MEMBER, P "os-suspend-server:suspend"),
	ALLOW(MEMBER, P "os-suspend-server:resume"),
	ALLOW(MEMBER, P "os-lock-server:lock"),
	ALLOW(MEMBER, P "os-lock-server:unlock"),
	{ P "os-lock-server:unlock:unlock_override", NOVA_RULE_ADMIN,
	  "`unlock` of what an admin of another project has locked" },
	ALLOW(ADMIN, P "os-server-diagnostics"),
	ALLOW(READER, P "os-server-password:show"),
	ALLOW(MEMBER, P "os-server-password:clear"),
	ALLOW(ADMIN, P "os-instance-usage-audit-log:list"),
	ALLOW(ADMIN, P "os-instance-usage-audit-log:show"),
	ALLOW(MEMBER, P "os-admin-password"),
	ALLOW(MEMBER, P "os-create-backup"),
	ALLOW(MEMBER, P "os-shelve:shelve"),
	ALLOW(ADMIN, P "os-shelve:shelve_offload"),
	ALLOW(MEMBER, P "os-shelve:unshelve"),
	ALLOW(MEMBER, P "os-rescue"),
	ALLOW(MEMBER, P "os-unrescue"),
	ALLOW(MEMBER, P "os-multinic:add"),
	ALLOW(MEMBER, P "os-multinic:remove"),
	ALLOW(MEMBER, P "os-floating-ips:add"),
	ALLOW(MEMBER, P "os-floating-ips:remove"),

	/* moving them */
	ALLOW(MANAGER, P "os-migrate-server:migrate"),
	ALLOW(MANAGER, P "os-migrate-server:migrate_live"),
	{ P "os-migrate-server:migrate_live:host", NOVA_RULE_ADMIN, "`host` in `os-migrateLive`" },
	ALLOW(ADMIN, P "os-evacuate"),
	ALLOW(ADMIN, P "os-admin-actions:reset_state"),
	ALLOW(ADMIN, P "os-admin-actions:inject_network_info"),
	ALLOW(MANAGER, P "servers:migrations:index"),
	{ P "servers:migrations:index:host", NOVA_RULE_ADMIN, "names of hosts in a server's migrations" },
	ALLOW(ADMIN, P "servers:migrations:show"),
	ALLOW(MANAGER, P "servers:migrations:delete"),
	ALLOW(MANAGER, P "servers:migrations:force_complete"),
	ALLOW(MANAGER, P "os-migrations:index"),
	{ P "os-migrations:index:all_projects", NOVA_RULE_ADMIN,
	  "migrations of every project in `GET /os-migrations`" },
	{ P "os-migrations:index:host", NOVA_RULE_ADMIN,
	  "names of hosts in `GET /os-migrations`, and filters by them" },
	ALLOW(ADMIN, "nova_lite:servers:migrations:index"),
	ALLOW(ADMIN, "nova_lite:servers:migrations:show"),
	ALLOW(ADMIN, "nova_lite:servers:placement"),
	ALLOW(READER, P "os-instance-actions:list"),
	ALLOW(READER, P "os-instance-actions:show"),
	{ P "os-instance-actions:events", NOVA_RULE_ADMIN,
	  "`host` and `traceback` of events, and below 2.51 the events" },
	{ P "os-instance-actions:events:details", NOVA_RULE_ADMIN, "`details` of events" },

	/* hosts */
	ALLOW(ADMIN, P "os-services:list"),
	ALLOW(ADMIN, P "os-services:update"),
	ALLOW(ADMIN, P "os-services:delete"),
	ALLOW(ADMIN, P "os-hypervisors:list"),
	ALLOW(ADMIN, P "os-hypervisors:list-detail"),
	ALLOW(ADMIN, P "os-hypervisors:statistics"),
	ALLOW(ADMIN, P "os-hypervisors:show"),
	ALLOW(ADMIN, P "os-hypervisors:uptime"),
	ALLOW(ADMIN, P "os-hypervisors:search"),
	ALLOW(ADMIN, P "os-hypervisors:servers"),
	ALLOW(ADMIN, P "os-hosts:list"),
	ALLOW(ADMIN, P "os-hosts:show"),
	ALLOW(ADMIN, P "os-hosts:update"),
	ALLOW(ADMIN, P "os-hosts:start"),
	ALLOW(ADMIN, P "os-hosts:shutdown"),
	ALLOW(ADMIN, P "os-hosts:reboot"),
	ALLOW(ANY, P "os-availability-zone:list"),
	ALLOW(ADMIN, P "os-availability-zone:detail"),
	ALLOW(ADMIN, P "os-aggregates:index"),
	ALLOW(ADMIN, P "os-aggregates:show"),
	ALLOW(ADMIN, P "os-aggregates:create"),
	ALLOW(ADMIN, P "os-aggregates:update"),
	ALLOW(ADMIN, P "os-aggregates:delete"),
	ALLOW(ANY, P "os-aggregates:action"), /* each has its own */
	{ P "os-aggregates:add_host", NOVA_RULE_ADMIN, "`add_host` in `POST /os-aggregates/{id}/action`" },
	{ P "os-aggregates:remove_host", NOVA_RULE_ADMIN, "`remove_host` in `POST /os-aggregates/{id}/action`" },
	{ P "os-aggregates:set_metadata", NOVA_RULE_ADMIN, "`set_metadata` in `POST /os-aggregates/{id}/action`" },

	/* catalogues and small things */
	ALLOW(ANY, P "flavors"),
	{ P "flavors:index:all", NOVA_RULE_ADMIN, "`is_public` in `GET /flavors`" },
	ALLOW(ADMIN, P "os-flavor-manage:create"),
	ALLOW(ADMIN, P "os-flavor-manage:update"),
	ALLOW(ADMIN, P "os-flavor-manage:delete"),
	ALLOW(ADMIN, P "os-flavor-access"),
	ALLOW(ANY, P "os-flavor-access:action"), /* each has its own */
	{ P "os-flavor-access:add_tenant_access", NOVA_RULE_ADMIN, "`addTenantAccess` in `POST /flavors/{id}/action`" },
	{ P "os-flavor-access:remove_tenant_access", NOVA_RULE_ADMIN,
	  "`removeTenantAccess` in `POST /flavors/{id}/action`" },
	ALLOW(ADMIN, P "os-flavor-extra-specs:create"),
	ALLOW(ADMIN, P "os-flavor-extra-specs:update"),
	ALLOW(ADMIN, P "os-flavor-extra-specs:delete"),
	ALLOW(READER, P "os-flavor-extra-specs:index"),
	ALLOW(READER, P "os-flavor-extra-specs:show"),
	ALLOW(ANY, P "images"),
	ALLOW(ANY, P "limits"),
	{ P "limits:other_project", NOVA_RULE_ADMIN, "`tenant_id` in `GET /limits`" },
	ALLOW(ANY, P "extensions"),
	ALLOW(READER, P "os-server-groups:index"),
	{ P "os-server-groups:index:all_projects", NOVA_RULE_ADMIN, "`all_projects` in `GET /os-server-groups`" },
	ALLOW(READER, P "os-server-groups:show"),
	ALLOW(MEMBER, P "os-server-groups:create"),
	ALLOW(MEMBER, P "os-server-groups:delete"),
	ALLOW(ANY, P "os-keypairs:index"),
	ALLOW(ANY, P "os-keypairs:show"),
	ALLOW(ANY, P "os-keypairs:create"),
	ALLOW(ANY, P "os-keypairs:delete"),
	{ P "os-keypairs:other_users", NOVA_RULE_ADMIN, "`user_id` of somebody else in `/os-keypairs`" },
	ALLOW(READER, P "os-quota-sets:show"),
	ALLOW(ADMIN, P "os-quota-sets:detail"),
	ALLOW(ANY, P "os-quota-sets:defaults"),
	ALLOW(ADMIN, P "os-quota-sets:update"),
	ALLOW(ADMIN, P "os-quota-sets:delete"),
	ALLOW(ADMIN, P "os-simple-tenant-usage:list"),
	ALLOW(READER, P "os-simple-tenant-usage:show"),
	ALLOW(ANY, "get_images"),
	ALLOW(ANY, "get_image"),
	ALLOW(ANY, "download_image"),

	/* identity */
	ALLOW(ANY, "identity:get_auth_catalog"),
	ALLOW(ANY, "identity:get_auth_projects"),
	ALLOW(ANY, "identity:get_auth_domains"),
	ALLOW(ANY, "identity:token"),
	{ "identity:validate_token", NOVA_RULE_ADMIN, "tokens of others in `GET /auth/tokens`" },
	{ "identity:revoke_token", NOVA_RULE_ADMIN, "tokens of others in `DELETE /auth/tokens`" },
	ALLOW(ADMIN, "identity:list_users"),
	ALLOW(ANY, "identity:get_own_user"),
	{ "identity:get_user", NOVA_RULE_ADMIN, "other users than oneself" },
	ALLOW(ADMIN, "identity:list_projects"),
	ALLOW(ANY, "identity:get_own_project"),
	{ "identity:get_project", NOVA_RULE_ADMIN, "projects one has no role in" },
	ALLOW(ADMIN, "identity:list_roles"),
	ALLOW(ADMIN, "identity:get_role"),
	ALLOW(ADMIN, "identity:list_role_assignments"),
	ALLOW(ANY, "identity:list_domains"),
	ALLOW(ANY, "identity:get_domain"),
	{ NULL, 0, NULL },
};

const nova_policy *nova_policy_find(const char *name)
{
	for (const nova_policy *policy = nova_policies; policy->name; policy++)
		if (strcmp(policy->name, name) == 0)
			return policy;
	return NULL;
}

/* "NAME=RULE" for that name: the rule, else NULL. */
static const char *override_of(const char *item, const char *name)
{
	size_t n = strlen(name);

	return strncmp(item, name, n) == 0 && item[n] == '=' ? item + n + 1 : NULL;
}

nova_rule nova_policy_rule(const nova_conf *conf, const char *policy)
{
	const nova_policy *row = nova_policy_find(policy);
	nova_rule rule;

	g_assert(row);
	rule = row->rule;
	for (char **item = conf->policy_override; *item; item++) {
		const char *word = override_of(*item, policy);
		int found = word ? nova_names_find(&nova_rule_names, word) : -1;

		if (found >= 0)
			rule = (nova_rule)found;
	}
	return rule;
}

bool nova_rule_allows(nova_rule rule, nova_roles roles)
{
	switch (rule) {
	case NOVA_RULE_ANY:
		return true;
	case NOVA_RULE_READER:
		return nova_roles_include(roles, NOVA_ROLE_READER);
	case NOVA_RULE_MEMBER:
		return nova_roles_include(roles, NOVA_ROLE_MEMBER);
	case NOVA_RULE_MANAGER:
		return nova_roles_include(roles, NOVA_ROLE_MANAGER);
	case NOVA_RULE_ADMIN:
		return nova_roles_include(roles, NOVA_ROLE_ADMIN);
	case NOVA_RULE_NOBODY:
	case NOVA_RULE__COUNT:
		break;
	}
	return false;
}

bool nova_policy_allows(const nova_conf *conf, nova_roles roles, const char *policy)
{
	return nova_rule_allows(nova_policy_rule(conf, policy), roles);
}

bool nova_policy_check(const nova_conf *conf, nova_roles roles, const char *policy, GError **error)
{
	return nova_policy_allows(conf, roles, policy) ||
	       nova_fail(error, NOVA_FAULT_FORBIDDEN, "Policy doesn't allow %s to be performed.", policy);
}

bool nova_policy_check_conf(const nova_conf *conf, GError **error)
{
	for (char **item = conf->policy_override; *item; item++) {
		const char *equals = strchr(*item, '=');
		g_autofree char *name = g_strndup(*item, equals ? (size_t)(equals - *item) : strlen(*item));
		g_autofree char *rules = nova_names_list(&nova_rule_names);

		if (!equals || nova_names_find(&nova_rule_names, equals + 1) < 0)
			return nova_fail(error, NOVA_FAULT_CONFIG,
					 "[policy] override: '%s' is not POLICY=RULE; a rule is %s", *item, rules);
		if (!nova_policy_find(name))
			return nova_fail(error, NOVA_FAULT_CONFIG,
					 "[policy] override: there is no policy '%s'; doc/api.md lists them", name);
	}
	return true;
}
