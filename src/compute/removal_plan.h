/* SPDX-License-Identifier: Apache-2.0
 *
 * removal_plan.h - may a guest's files be removed now?  Pure; the one rule about the one act that cannot be taken back.
 *
 * Yes only when all of this is known: a delete, the undoing of a build, or a rebuild is what the guest's only active
 * operation does; nobody but this host has a claim on it; no host that may have a domain of it has one;
 * and instances_path is the file system that its disk was booked on.  Whatever is unknown is a no.
 */
#pragma once

#include "model/decide.h"
#include "model/operation.h"

typedef struct nova_removal_facts {
	nova_op_kind kind;          /* of the operation that asks, and its state */
	nova_op_state state;
	int64_t other_operation;    /* another active one of the guest; 0: none */
	const char *host;           /* this host */
	const char *claimant;       /* another host with a claim on the guest; NULL: none */
	nova_observed here;         /* what this host's hypervisor has of it */
	/* The other host of its last migration that had the permit (NULL: none), and what is there.  That migration did
	 * not end before the domain it left behind was verified gone; so UNKNOWN is no objection, a domain is. */
	const char *former_host;
	nova_observed there;
	const char *disk_fsid;      /* of the pool its disk is booked on; NULL: not known, or more than one */
	const char *host_fsid;      /* of this host's instances_path */
} nova_removal_facts;

typedef struct nova_removal_plan {
	bool allowed;
	nova_blocked blocked;       /* what it waits for; NOVA_BLOCKED_NO: nothing, it must not be asked for at all */
	const char *blocked_host;   /* one of the facts' */
	const char *why;            /* constant text; NULL when allowed */
} nova_removal_plan;

nova_removal_plan nova_removal_decide(const nova_removal_facts *facts);
