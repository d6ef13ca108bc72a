/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/reconcile_plan.h"

static nova_reconcile_plan nothing(void)
{
	return (nova_reconcile_plan){ .action = NOVA_RECONCILE_NOTHING };
}

static nova_reconcile_plan leave(const char *why)
{
	return (nova_reconcile_plan){ .action = NOVA_RECONCILE_LEAVE, .why = why };
}

static nova_reconcile_plan destroy(const char *why)
{
	return (nova_reconcile_plan){ .action = NOVA_RECONCILE_DESTROY, .why = why };
}

/* A server in error, or with a new size, stays so until its user does something; only its power is recorded. */
static nova_reconcile_plan observe(const nova_instance *row, nova_power_state power, nova_vm_state vm_state,
				   const char *why)
{
	if (row->vm_state == NOVA_VM_ERROR || row->vm_state == NOVA_VM_RESIZED)
		vm_state = row->vm_state;
	if (row->power_state == power && row->vm_state == vm_state)
		return nothing();
	return (nova_reconcile_plan){
		.action = NOVA_RECONCILE_OBSERVE,
		.power = power,
		.vm_state = vm_state,
		.why = why,
	};
}

static bool is_gone(const nova_domain_view *view)
{
	return view->seen == NOVA_SEEN_ABSENT || view->seen == NOVA_SEEN_STOPPED;
}

static bool ran(const nova_instance *row)
{
	return row->vm_state == NOVA_VM_ACTIVE || row->vm_state == NOVA_VM_PAUSED;
}

/* Guests have no definition but while they run: one without a process is a leftover (of another program, or of a
 * migration made by hand), and an autostart in it would bring a second copy to life. */
static bool is_leftover(const nova_domain_view *view)
{
	return view->seen == NOVA_SEEN_STOPPED && view->token >= 0;
}

/* The owner's host has no domain of it. */
static nova_reconcile_plan gone_here(const nova_reconcile_facts *facts)
{
	const nova_instance *row = facts->row;

	if (row->vm_state == NOVA_VM_BUILDING || row->vm_state == NOVA_VM_SUSPENDED)
		return nothing();
	if (facts->boot_changed && facts->resume && row->wanted_power && ran(row))
		return (nova_reconcile_plan){
			.action = NOVA_RECONCILE_START,
			.power = NOVA_POWER_SHUTDOWN,
			.vm_state = NOVA_VM_STOPPED,
			.why = "the host was booted; the guest ran before",
		};
	if (facts->boot_changed && ran(row))
		return observe(row, NOVA_POWER_SHUTDOWN, NOVA_VM_STOPPED, "the host was booted");
	if (facts->view.end == NOVA_END_CRASHED || facts->view.end == NOVA_END_FAILED)
		return observe(row, NOVA_POWER_CRASHED, NOVA_VM_STOPPED, "the guest's process ended unexpectedly");
	if (row->power_state == NOVA_POWER_CRASHED) /* known already */
		return observe(row, NOVA_POWER_CRASHED, NOVA_VM_STOPPED, "the guest's process ended unexpectedly");
	return observe(row, NOVA_POWER_SHUTDOWN, NOVA_VM_STOPPED, "the guest has shut itself down");
}

static nova_reconcile_plan owned_here(const nova_reconcile_facts *facts)
{
	const nova_instance *row = facts->row;

	if (is_gone(&facts->view)) {
		nova_reconcile_plan plan = gone_here(facts);

		if (row->vm_state == NOVA_VM_BUILDING || !is_leftover(&facts->view))
			return plan;
		if (plan.action == NOVA_RECONCILE_NOTHING)
			return destroy("a definition without a process");
		plan.leftover = true; /* it says what became of the guest; when that is recorded, it goes */
		return plan;
	}
	if (facts->view.token < row->token)
		return destroy("its token is older than the row's: a copy from an earlier stay");
	if (facts->view.token > row->token)
		return leave("its token is newer than the row's, although this host owns the guest");
	switch (facts->view.seen) {
	case NOVA_SEEN_RUNNING:
		return observe(row, NOVA_POWER_RUNNING, NOVA_VM_ACTIVE, "the guest runs");
	case NOVA_SEEN_PAUSED_USER:
	case NOVA_SEEN_PAUSED_OTHER:
		return observe(row, NOVA_POWER_PAUSED, NOVA_VM_PAUSED, "the guest is paused");
	default:
		return leave("it stands as a migration has left it, but no migration is active");
	}
}

static nova_reconcile_plan owned_elsewhere(const nova_reconcile_facts *facts)
{
	if (facts->view.token < facts->row->token)
		return destroy("the guest has moved to another host since");
	if (facts->view.token == facts->row->token)
		return leave("it carries the owner's token, but another host is the owner");
	if (facts->view.seen == NOVA_SEEN_RUNNING)
		return leave("it runs with a newer token than the row's, and no migration is active");
	return destroy("it came from a migration that ended without a switch");
}

/* Left alone, whatever its uuid; a definition only says that nothing of the guest runs here. */
static nova_reconcile_plan foreign(const nova_reconcile_facts *facts)
{
	const nova_instance *row = facts->row;
	nova_reconcile_plan plan = nothing();

	if (row && facts->view.seen == NOVA_SEEN_STOPPED && row->host_id == facts->host_id && !row->busy &&
	    row->vm_state != NOVA_VM_DELETED && !row->deleted_us)
		plan = gone_here(facts);
	return plan.action == NOVA_RECONCILE_NOTHING ? leave("nova-lite did not make it") : plan;
}

nova_reconcile_plan nova_reconcile_decide(const nova_reconcile_facts *facts)
{
	const nova_instance *row = facts->row;
	bool absent = facts->view.seen == NOVA_SEEN_ABSENT;

	if (!absent && facts->view.token < 0)
		return foreign(facts);
	if (facts->view.seen == NOVA_SEEN_UNKNOWN)
		return nothing();
	if (!row)
		return absent ? nothing() : leave("the database knows no such server");
	if (row->busy)
		return nothing(); /* the operation knows better */
	if (row->vm_state == NOVA_VM_DELETED || row->deleted_us)
		return absent ? nothing() : destroy("the server is deleted");
	if (row->host_id == facts->host_id)
		return owned_here(facts);
	return absent ? nothing() : owned_elsewhere(facts);
}
