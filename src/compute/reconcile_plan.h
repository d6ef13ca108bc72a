/* SPDX-License-Identifier: Apache-2.0
 *
 * reconcile_plan.h - what to do about one guest on this host when no operation works on it.
 *
 * Pure: the row as the database has it, the domain as the hypervisor has it, and the host's history in;
 * one action out.  The rule behind all of them: the row says who owns the guest, the token says whether
 * a domain is the owner's; an older one may only be destroyed, an unknown one is left alone.
 */
#pragma once

#include "model/decide.h"
#include "model/instance.h"

typedef enum nova_reconcile_action {
	NOVA_RECONCILE_NOTHING,
	NOVA_RECONCILE_OBSERVE, /* record power and vm_state */
	NOVA_RECONCILE_START,   /* record, then begin a start: it ran before the host went down */
	NOVA_RECONCILE_DESTROY, /* a stale copy, or a definition without a process */
	NOVA_RECONCILE_LEAVE,   /* not ours to judge: say so once */
	NOVA_RECONCILE__COUNT
} nova_reconcile_action;

typedef struct nova_reconcile_facts {
	const nova_instance *row;    /* NULL: the database has no such instance, not even a deleted one */
	int host_id;                 /* this host */
	nova_domain_view view;       /* ABSENT or STOPPED: nothing runs here */
	bool boot_changed;           /* this host was booted since the daemon ran last */
	bool resume;                 /* resume_guests_state_on_host_boot */
} nova_reconcile_facts;

typedef struct nova_reconcile_plan {
	nova_reconcile_action action;
	nova_power_state power;      /* with OBSERVE and START */
	nova_vm_state vm_state;
	const char *why;             /* constant text; NULL with NOTHING */
	bool leftover;               /* with OBSERVE and START: afterwards remove the definition without a process */
} nova_reconcile_plan;

nova_reconcile_plan nova_reconcile_decide(const nova_reconcile_facts *facts);
