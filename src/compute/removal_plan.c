/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/removal_plan.h"

#include <glib.h>

static nova_removal_plan no(nova_blocked blocked, const char *host, const char *why)
{
	return (nova_removal_plan){ .blocked = blocked, .blocked_host = host, .why = why };
}

static bool is_removal(const nova_removal_facts *facts)
{
	return (facts->kind == NOVA_OP_DELETE && facts->state == NOVA_OPS_DELETING) ||
	       (facts->kind == NOVA_OP_BUILD && facts->state == NOVA_OPS_UNDOING) ||
	       (facts->kind == NOVA_OP_REBUILD && facts->state == NOVA_OPS_REPLACING);
}

nova_removal_plan nova_removal_decide(const nova_removal_facts *facts)
{
	if (!is_removal(facts))
		return no(NOVA_BLOCKED_NO, NULL,
			  "only a delete, the undoing of a build, or a rebuild removes a guest's files");
	if (facts->other_operation)
		return no(NOVA_BLOCKED_NO, NULL, "another operation of the guest is active");
	if (facts->claimant)
		return no(NOVA_BLOCKED_NO, NULL, "another host has a claim on the guest");
	if (facts->here == NOVA_SEEN_UNKNOWN)
		return no(NOVA_BLOCKED_HYPERVISOR, facts->host, "it is not known whether the guest is gone here");
	if (facts->here != NOVA_SEEN_ABSENT)
		return no(NOVA_BLOCKED_HYPERVISOR, facts->host, "the guest is still here");
	if (facts->former_host && facts->there != NOVA_SEEN_ABSENT && facts->there != NOVA_SEEN_UNKNOWN)
		return no(NOVA_BLOCKED_HYPERVISOR, facts->former_host,
			  "the other host of its last migration still has a domain of the guest");
	if (!facts->disk_fsid)
		return no(NOVA_BLOCKED_STORAGE, facts->host, "it is not known on which file system its disk is");
	if (!facts->host_fsid || g_ascii_strcasecmp(facts->disk_fsid, facts->host_fsid) != 0)
		return no(NOVA_BLOCKED_STORAGE, facts->host,
			  "its disk is on another file system than this host's instances_path");
	return (nova_removal_plan){ .allowed = true };
}
