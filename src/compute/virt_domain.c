/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at domains and acting on them.
 */
#include "compute/virt_hub.h"
#include "compute/virt_process.h"
#include "compute/virt_xml.h"
#include "model/domain_xml.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* How long a domain's job is asked for before its QEMU counts as not answering. */
#define JOB_PATIENCE_MS 2000

/* ---- looking ---- */

static nova_observed observed(int state, int reason)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
	case VIR_DOMAIN_SHUTDOWN: /* the guest has ended, QEMU is about to */
		return NOVA_SEEN_RUNNING;
	case VIR_DOMAIN_SHUTOFF:
		return NOVA_SEEN_STOPPED;
	case VIR_DOMAIN_PAUSED:
		if (reason == VIR_DOMAIN_PAUSED_USER)
			return NOVA_SEEN_PAUSED_USER;
		/* A domain that is being started is on its way in, as one whose memory arrives. */
		if (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
		    reason == VIR_DOMAIN_PAUSED_STARTING_UP)
			return NOVA_SEEN_PAUSED_MIGRATION;
		return NOVA_SEEN_PAUSED_OTHER;
	default:
		return NOVA_SEEN_PAUSED_OTHER;
	}
}

static nova_end_reason shutoff_reason(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
		return NOVA_END_SHUTDOWN;
	case VIR_DOMAIN_SHUTOFF_DESTROYED:
		return NOVA_END_DESTROYED;
	case VIR_DOMAIN_SHUTOFF_CRASHED:
		return NOVA_END_CRASHED;
	case VIR_DOMAIN_SHUTOFF_MIGRATED:
		return NOVA_END_MIGRATED;
	case VIR_DOMAIN_SHUTOFF_FAILED:
		return NOVA_END_FAILED;
	case VIR_DOMAIN_SHUTOFF_SAVED:
		return NOVA_END_SAVED;
	default:
		return NOVA_END_UNKNOWN;
	}
}

/* The domain vanished between two questions: that is an answer too. */
static bool gone(void)
{
	const virError *last = virGetLastError();

	return last && last->code == VIR_ERR_NO_DOMAIN;
}

/* A transient domain whose process has just ended is on its way out: libvirt refuses to speak of its definition. */
static bool going(virDomainPtr domain)
{
	int active = virDomainIsActive(domain);

	if (active < 0)
		return gone();
	return active == 0 && virDomainIsPersistent(domain) == 0;
}

/* State and owner: no question for QEMU among these, so they are answered also when that hangs. */
static bool view_domain(virDomainPtr domain, nova_domain_view *ret, GError **error)
{
	nova_domain_view view = { .token = -1 };
	nova_virt_owner owner = { 0 };
	g_autofree char *xml = NULL;
	int state, reason;
	bool ending;

	if (virDomainGetState(domain, &state, &reason, 0) < 0) {
		if (!gone())
			return nova_virt_fail(error, "cannot see the state of a domain");
		ret->seen = NOVA_SEEN_ABSENT;
		ret->token = -1;
		return true;
	}
	view.seen = observed(state, reason);
	if (state == VIR_DOMAIN_SHUTOFF)
		view.end = shutoff_reason(reason);
	xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NOVA_DOMAIN_XMLNS, 0);
	ending = !xml && virGetLastError() && virGetLastError()->code == VIR_ERR_OPERATION_INVALID;
	if (!xml && (ending ? going(domain) : gone())) {
		ret->seen = NOVA_SEEN_ABSENT;
		ret->token = -1;
		return true;
	}
	if (ending)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR,
				 "a domain changes its state: its owner cannot be read now");
	if (!xml && virGetLastError() && virGetLastError()->code != VIR_ERR_NO_DOMAIN_METADATA)
		return nova_virt_fail(error, "cannot read the owner of a domain");
	if (xml && nova_virt_xml_owner(xml, &owner)) {
		view.token = owner.token;
		view.operation = owner.operation;
		g_free(owner.host);
	}
	*ret = view;
	return true;
}

static bool look(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);

	if (domain)
		return view_domain(domain, &call->view, error);
	if (*error)
		return false;
	call->view = (nova_domain_view){ .seen = NOVA_SEEN_ABSENT, .token = -1 };
	return true;
}

/* number[0]: 1 for an outgoing job, 0 for none. */
static bool look_for_job(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);
	virDomainJobInfo info;
	int code;

	if (!domain)
		return *error == NULL;
	if (virDomainGetJobInfo(domain, &info) == 0) {
		call->number[0] = info.type == VIR_DOMAIN_JOB_BOUNDED || info.type == VIR_DOMAIN_JOB_UNBOUNDED;
		return true;
	}
	/* Gone, ended, or an incoming domain, which only its source can be asked about. */
	code = virGetLastError() ? virGetLastError()->code : VIR_ERR_OK;
	if (code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_OPERATION_INVALID || code == VIR_ERR_OPERATION_UNSUPPORTED)
		return true;
	return nova_virt_fail(error, "cannot see the job of instance %s", call->uuid);
}

static bool observe_job(nova_virt_link *link, const char *uuid, nova_domain_view *view, nova_deadline deadline,
			GError **error)
{
	nova_deadline patience = nova_deadline_min(deadline, nova_deadline_in_ms(JOB_PATIENCE_MS));
	g_autoptr(nova_virt_call) call = nova_virt_call_new(look_for_job, uuid);
	g_autoptr(GError) failure = NULL;

	call->needs_guest = true;
	call->only_looks = true;
	if (nova_virt_link_call(link, call, patience, NULL, &failure)) {
		view->job = call->number[0] != 0;
		return true;
	}
	if (view->seen == NOVA_SEEN_PAUSED_MIGRATION) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	view->job = view->seen == NOVA_SEEN_RUNNING;
	return true;
}

bool nova_virt_observe(nova_virt *virt, const char *address, const char *instance_uuid, const char *name,
		       nova_domain_view *ret, int deadline_ms, GError **error)
{
	nova_deadline deadline = nova_deadline_in_ms(deadline_ms);
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, address, error);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(look, instance_uuid);
	nova_domain_view view;

	call->only_looks = true;
	if (!link || !nova_virt_link_call(link, call, deadline, NULL, error))
		return false;
	view = call->view;
	if (view.seen != NOVA_SEEN_ABSENT && view.seen != NOVA_SEEN_STOPPED &&
	    !observe_job(link, instance_uuid, &view, deadline, error))
		return false;
	if (view.seen == NOVA_SEEN_ABSENT && name && !address)
		view.end = nova_virt_process_end_reason(NOVA_VIRT_LOG_DIR, name);
	*ret = view;
	return true;
}

void nova_virt_domain_free(nova_virt_domain *domain)
{
	if (!domain)
		return;
	g_free(domain->uuid);
	g_free(domain->name);
	g_free(domain);
}

/* object: a GPtrArray of nova_virt_domain */
static bool list(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)nova_virt_domain_free);
	virDomainPtr *domains = NULL;
	int n = virConnectListAllDomains(conn, &domains, 0);
	bool ok = n >= 0;

	if (!ok)
		nova_virt_fail(error, "cannot list this host's domains");
	for (int i = 0; i < n; i++) {
		g_autoptr(virDomain) domain = domains[i];
		nova_virt_domain *row = g_new0(nova_virt_domain, 1);

		row->uuid = g_malloc(VIR_UUID_STRING_BUFLEN);
		g_ptr_array_add(found, row);
		virDomainGetUUIDString(domain, row->uuid);
		row->name = g_strdup(virDomainGetName(domain));
		ok = ok && view_domain(domain, &row->view, error);
		if (ok && row->view.seen == NOVA_SEEN_ABSENT)
			g_ptr_array_remove_index(found, found->len - 1);
	}
	free(domains);
	if (!ok)
		return false;
	if (call->object)
		g_ptr_array_unref(call->object);
	call->object = g_steal_pointer(&found);
	call->free_object = (GDestroyNotify)g_ptr_array_unref;
	return true;
}

bool nova_virt_list(nova_virt *virt, GPtrArray **ret, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(list, NULL);

	call->only_looks = true;
	if (!nova_virt_link_call(virt->local, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return false;
	*ret = g_steal_pointer(&call->object);
	return true;
}

/* text: a name; result: the uuid of its domain unless that is `uuid' */
static bool find_namesake(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByName(conn, call->text);
	char uuid[VIR_UUID_STRING_BUFLEN];

	g_clear_pointer(&call->result, g_free);
	if (!domain)
		return gone() || nova_virt_fail(error, "cannot look for a domain named '%s'", call->text);
	if (virDomainGetUUIDString(domain, uuid) == 0 && g_ascii_strcasecmp(uuid, call->uuid) != 0)
		call->result = g_strdup(uuid);
	return true;
}

bool nova_virt_namesake(nova_virt *virt, const char *name, const char *instance_uuid, char **ret_uuid,
			int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(find_namesake, instance_uuid);

	call->text = g_strdup(name);
	call->only_looks = true;
	if (!nova_virt_link_call(virt->local, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return false;
	*ret_uuid = g_steal_pointer(&call->result);
	return true;
}

/* result: the domain's name */
static bool find_name(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);

	if (!domain && !*error)
		return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND,
				 "instance %s has no domain on this host", call->uuid);
	if (domain)
		call->result = g_strdup(virDomainGetName(domain));
	return domain != NULL;
}

int nova_virt_pidfd(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(find_name, instance_uuid);

	if (!nova_virt_link_call(virt->local, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return -1;
	return nova_virt_process_open(NOVA_VIRT_RUN_DIR, call->result, instance_uuid, error);
}

bool nova_virt_wake(nova_virt *virt, const char *instance_uuid, bool *ret_seen, int deadline_ms)
{
	int fd = nova_virt_pidfd(virt, instance_uuid, deadline_ms, NULL);
	bool woken = nova_virt_process_is_stopped(fd) && nova_virt_process_signal(fd, SIGCONT, NULL);

	*ret_seen = fd >= 0;
	if (fd >= 0)
		close(fd);
	return woken;
}

/* result: its <cpu> */
static bool read_cpu(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);
	g_autofree char *xml = NULL;

	if (!domain && !*error)
		return nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND,
				 "instance %s has no domain on its host", call->uuid);
	if (!domain)
		return false;
	xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE);
	if (!xml)
		return nova_virt_fail(error, "cannot read the definition of instance %s", call->uuid);
	call->result = nova_virt_xml_guest_cpu(xml);
	return true;
}

bool nova_virt_guest_cpu(nova_virt *virt, const char *address, const char *instance_uuid, char **ret,
			 int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, address, error);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(read_cpu, instance_uuid);

	if (!link || !nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return false;
	*ret = g_steal_pointer(&call->result);
	return true;
}

/* ---- acting ---- */

/* Makes the call for one domain. */
static bool act(nova_virt *virt, const char *address, nova_virt_call *call, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, address, error);

	return link && nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error);
}

static virDomainPtr get(virConnectPtr conn, const nova_virt_call *call, GError **error)
{
	virDomainPtr domain = nova_virt_lookup(conn, call->uuid, error);

	if (!domain && !*error)
		nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "instance %s has no domain there", call->uuid);
	return domain;
}

/* text: the definition; uuid and result (its name) say what must not exist yet */
static bool create(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = virDomainCreateXML(conn, call->text, 0);
	g_autoptr(virDomain) same_uuid = NULL, same_name = NULL;
	g_autoptr(GError) failure = NULL;

	if (domain)
		return true;
	nova_virt_fail(&failure, "cannot start the guest");
	/* libvirt has no code for "exists": look. */
	same_uuid = call->uuid ? virDomainLookupByUUIDString(conn, call->uuid) : NULL;
	same_name = call->result ? virDomainLookupByName(conn, call->result) : NULL;
	if (same_uuid || same_name)
		failure->code = NOVA_FAULT_CONFLICT;
	else if (failure->code == NOVA_FAULT_INSTANCE_STATE)
		failure->code = NOVA_FAULT_HYPERVISOR;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool nova_virt_create(nova_virt *virt, const char *xml, int deadline_ms, GError **error)
{
	g_autofree char *uuid = nova_virt_xml_child_text(xml, "uuid");
	g_autoptr(nova_virt_call) call = nova_virt_call_new(create, uuid);

	call->text = g_strdup(xml);
	call->result = nova_virt_xml_child_text(xml, "name");
	return act(virt, NULL, call, deadline_ms, error);
}

static bool destroy(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	unsigned undefine = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
			    VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);

	if (!domain)
		return *error == NULL;
	/* OPERATION_INVALID: it has no process. */
	if (virDomainDestroy(domain) < 0 && !gone() && virGetLastError()->code != VIR_ERR_OPERATION_INVALID)
		return nova_virt_fail(error, "cannot destroy instance %s", call->uuid);
	if (virDomainIsPersistent(domain) == 1 && virDomainUndefineFlags(domain, undefine) < 0 && !gone())
		return nova_virt_fail(error, "cannot remove the definition of instance %s", call->uuid);
	return true;
}

bool nova_virt_destroy(nova_virt *virt, const char *address, const char *instance_uuid, int deadline_ms,
		       GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(destroy, instance_uuid);

	return act(virt, address, call, deadline_ms, error);
}

static bool shut_down(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);

	if (!domain)
		return false;
	if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0)
		return nova_virt_fail(error, "cannot ask instance %s to shut down", call->uuid);
	return true;
}

bool nova_virt_shutdown(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(shut_down, instance_uuid);

	call->needs_guest = true;
	return act(virt, NULL, call, deadline_ms, error);
}

static bool reboot(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);

	if (!domain)
		return false;
	if (virDomainReboot(domain, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN) < 0)
		return nova_virt_fail(error, "cannot ask instance %s to reboot", call->uuid);
	return true;
}

bool nova_virt_reboot(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(reboot, instance_uuid);

	call->needs_guest = true;
	return act(virt, NULL, call, deadline_ms, error);
}

/* flags: bits of the nova_observed states it may be in */
static bool resume(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);
	nova_observed seen;
	int state, reason;

	if (!domain)
		return false;
	if (virDomainGetState(domain, &state, &reason, 0) < 0)
		return nova_virt_fail(error, "cannot see the state of instance %s", call->uuid);
	seen = observed(state, reason);
	if (seen == NOVA_SEEN_RUNNING)
		return true;
	if (!(call->flags & (1u << seen)))
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "instance %s cannot be resumed while it is %s",
				 call->uuid, nova_observed_name(seen));
	if (virDomainResume(domain) < 0)
		return nova_virt_fail(error, "cannot resume instance %s", call->uuid);
	return true;
}

bool nova_virt_resume(nova_virt *virt, const char *address, const char *instance_uuid, int deadline_ms,
		      GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(resume, instance_uuid);

	call->flags = 1u << NOVA_SEEN_PAUSED_USER;
	call->needs_guest = true;
	return act(virt, address, call, deadline_ms, error);
}

bool nova_virt_resume_source(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(resume, instance_uuid);

	call->flags = 1u << NOVA_SEEN_PAUSED_USER | 1u << NOVA_SEEN_PAUSED_MIGRATION | 1u << NOVA_SEEN_PAUSED_OTHER;
	call->needs_guest = true;
	return act(virt, NULL, call, deadline_ms, error);
}

static bool suspend(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);

	if (!domain)
		return false;
	if (virDomainSuspend(domain) < 0)
		return nova_virt_fail(error, "cannot pause instance %s", call->uuid);
	return true;
}

bool nova_virt_suspend(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(suspend, instance_uuid);

	call->needs_guest = true;
	return act(virt, NULL, call, deadline_ms, error);
}

/* number[0]: token, number[1]: operation; text: host, NULL: as it is */
static bool set_owner(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);
	g_autofree char *old = NULL, *xml = NULL;
	nova_virt_owner owner = { 0 };

	if (!domain)
		return false;
	old = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NOVA_DOMAIN_XMLNS, 0);
	if (!call->text && old && nova_virt_xml_owner(old, &owner))
		call->text = owner.host;
	else
		g_free(owner.host);
	xml = nova_domain_metadata_xml(call->number[0], call->number[1], call->text);
	if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, NOVA_DOMAIN_XMLNS_PREFIX, NOVA_DOMAIN_XMLNS,
				 VIR_DOMAIN_AFFECT_LIVE) < 0)
		return nova_virt_fail(error, "cannot write the owner of instance %s", call->uuid);
	return true;
}

bool nova_virt_set_owner(nova_virt *virt, const char *address, const char *instance_uuid, int64_t token,
			 int64_t operation, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(set_owner, instance_uuid);

	call->number[0] = token;
	call->number[1] = operation;
	if (!address)
		call->text = g_strdup(virt->conf->host);
	return act(virt, address, call, deadline_ms, error);
}
