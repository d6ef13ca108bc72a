/* SPDX-License-Identifier: Apache-2.0
 *
 * What this host has and can run.
 */
#include "compute/virt_hub.h"
#include "compute/virt_xml.h"

#include <string.h>

static const char *type_name(const nova_virt *virt)
{
	return virt->conf->libvirt_virt_type == NOVA_VIRT_KVM ? "kvm" : "qemu";
}

static bool ask(nova_virt *virt, nova_virt_call *call, int deadline_ms, GError **error)
{
	call->only_looks = true;
	return nova_virt_link_call(virt->local, call, nova_deadline_in_ms(deadline_ms), NULL, error);
}

/* result: the capabilities document */
static bool read_capabilities(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	char *xml = virConnectGetCapabilities(conn);

	if (!xml)
		return nova_virt_fail(error, "cannot read this host's capabilities");
	g_free(call->result);
	call->result = g_strdup(xml);
	free(xml);
	return true;
}

/* result: the host's UUID */
static bool read_host_uuid(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	if (!read_capabilities(conn, call, error))
		return false;
	call->object = nova_virt_xml_host_uuid(call->result);
	call->free_object = g_free;
	if (!call->object)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "libvirt does not tell this host's UUID");
	return true;
}

char *nova_virt_host_uuid(nova_virt *virt, const char *address, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(read_host_uuid, NULL);
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, address, error);

	call->only_looks = true;
	if (!link || !nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return NULL;
	return g_steal_pointer(&call->object);
}

static void inventory_free(void *data)
{
	nova_inventory_clear(data);
	g_free(data);
}

/* text: domain type; object: nova_inventory */
static bool take_inventory(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	nova_inventory *inventory;
	unsigned long version = 0, lib_version = 0;
	virNodeInfo node;
	char *name;

	if (!call->object) {
		call->object = g_new0(nova_inventory, 1);
		call->free_object = inventory_free;
	}
	inventory = call->object;
	nova_inventory_clear(inventory);
	if (virNodeGetInfo(conn, &node) < 0 || virConnectGetVersion(conn, &version) < 0 ||
	    virConnectGetLibVersion(conn, &lib_version) < 0)
		return nova_virt_fail(error, "cannot take this host's inventory");
	if (!read_capabilities(conn, call, error) ||
	    !nova_virt_xml_capabilities(call->result, call->text, &inventory->cpu_info_json, &inventory->cpu_xml,
					&inventory->machines, error))
		return false;
	name = virConnectGetHostname(conn);
	if (!name)
		return nova_virt_fail(error, "cannot read this host's name");
	inventory->hypervisor_hostname = g_strdup(name);
	free(name);
	inventory->hypervisor_type = g_strdup("QEMU");
	inventory->hypervisor_version = (int)version;
	inventory->libvirt_version = (int)lib_version;
	inventory->vcpus = (int)node.cpus;
	inventory->memory_mb = (int64_t)(node.memory / 1024);
	return true;
}

bool nova_virt_inventory(nova_virt *virt, nova_inventory *ret, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(take_inventory, NULL);

	call->text = g_strdup(type_name(virt));
	if (!ask(virt, call, deadline_ms, error))
		return false;
	*ret = *(nova_inventory *)call->object;
	memset(call->object, 0, sizeof(nova_inventory));
	return true;
}

bool nova_virt_qemu_user(nova_virt *virt, bool *ret_known, uint32_t *ret_uid, uint32_t *ret_gid, int deadline_ms,
			 GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(read_capabilities, NULL);

	if (!ask(virt, call, deadline_ms, error))
		return false;
	*ret_known = nova_virt_xml_qemu_user(call->result, type_name(virt), ret_uid, ret_gid);
	return true;
}

char *nova_virt_machine(nova_virt *virt, const char *machine, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(read_capabilities, NULL);
	char *found;

	if (!ask(virt, call, deadline_ms, error))
		return NULL;
	found = nova_virt_xml_machine(call->result, type_name(virt), machine);
	if (!found)
		nova_fail(error, NOVA_FAULT_CONFIG, "this host's QEMU has no machine type '%s' for guests of type '%s'",
			  machine, type_name(virt));
	return found;
}

/* text: the guest's <cpu>; result: machine type */
static bool compare_cpu(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	int verdict = virConnectCompareHypervisorCPU(conn, NULL, "x86_64", call->result, "kvm", call->text,
						     VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
	const virError *last = virGetLastError();

	if (verdict == VIR_CPU_COMPARE_IDENTICAL || verdict == VIR_CPU_COMPARE_SUPERSET)
		return true;
	/* Where it cannot be compared, libvirt finds out when the guest arrives. */
	if (verdict < 0 && last && last->code == VIR_ERR_NO_SUPPORT)
		return true;
	if (verdict < 0 && last && last->code != VIR_ERR_CPU_INCOMPATIBLE)
		return nova_virt_fail(error, "cannot compare the guest's cpu with this host's");
	return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
			 "this host's cpu does not offer what the guest's needs%s%s",
			 last && last->message ? ": " : "",
			 last && last->message ? last->message : "");
}

bool nova_virt_cpu_fits(nova_virt *virt, const char *cpu_xml, const char *machine, int deadline_ms, GError **error)
{
	nova_deadline deadline = nova_deadline_in_ms(deadline_ms);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(compare_cpu, NULL);
	g_autoptr(GError) failure = NULL;
	g_autofree char *exact = NULL;

	exact = nova_virt_machine(virt, machine, deadline_ms, &failure);
	if (!exact) {
		if (nova_error_is(failure, NOVA_FAULT_CONFIG))
			failure->code = NOVA_FAULT_MIGRATION_PRE_CHECK;
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	if (!cpu_xml || virt->conf->libvirt_virt_type != NOVA_VIRT_KVM)
		return true;
	call->text = g_strdup(cpu_xml);
	call->result = g_steal_pointer(&exact);
	return ask(virt, call, (int)nova_deadline_remaining_ms(deadline), error);
}
