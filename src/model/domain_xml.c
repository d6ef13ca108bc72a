/* SPDX-License-Identifier: Apache-2.0 */
#include "model/domain_xml.h"

#include <stdarg.h>
#include <string.h>

/* Appends text in which every %s is escaped for use as XML text or between single quotes. */
static void append(GString *xml, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void append(GString *xml, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_markup_vprintf_escaped(format, args);
	va_end(args);
	g_string_append(xml, text);
}

static bool check(const nova_domain_spec *spec, GError **error)
{
	const char *wrong = NULL;

	if (!spec->uuid || !*spec->uuid)
		wrong = "it has no uuid";
	else if (!spec->machine || !*spec->machine)
		wrong = "it has no machine type";
	else if (spec->vcpus < 1)
		wrong = "it has no vcpus";
	else if (spec->memory_mb < 1)
		wrong = "it has no memory";
	else if (!spec->disk || spec->disk[0] != '/')
		wrong = "the path of its disk is not absolute";
	else if (spec->config_drive && spec->config_drive[0] != '/')
		wrong = "the path of its config drive is not absolute";
	else if (!spec->console_log || spec->console_log[0] != '/')
		wrong = "the path of its console log is not absolute";
	else if (spec->cpu == NOVA_DOMAIN_CPU_CUSTOM && (!spec->cpu_model || !*spec->cpu_model))
		wrong = "its cpu has no model";
	else if (spec->cpu == NOVA_DOMAIN_CPU_HOST_MODEL && !spec->kvm)
		wrong = "an emulated guest cannot have the host's cpu";
	if (wrong)
		return nova_fail(error, NOVA_FAULT_INTERNAL, "cannot define instance %s: %s",
				 spec->uuid ? spec->uuid : "?", wrong);
	return true;
}

static void append_metadata(GString *xml, const nova_domain_spec *spec)
{
	append(xml, "    <nova:instance xmlns:nova='" NOVA_DOMAIN_XMLNS "'>"
	       "<nova:token>%" G_GINT64_FORMAT "</nova:token>"
	       "<nova:operation>%" G_GINT64_FORMAT "</nova:operation>", spec->token, spec->operation);
	if (spec->host)
		append(xml, "<nova:host>%s</nova:host>", spec->host);
	append(xml, "</nova:instance>\n");
}

char *nova_domain_metadata_xml(int64_t token, int64_t operation, const char *host)
{
	GString *xml = g_string_new(NULL);

	append(xml, "<instance><token>%" G_GINT64_FORMAT "</token><operation>%" G_GINT64_FORMAT "</operation>", token,
	       operation);
	if (host)
		append(xml, "<host>%s</host>", host);
	append(xml, "</instance>");
	return g_string_free(xml, FALSE);
}

static void append_cpu(GString *xml, const nova_domain_spec *spec)
{
	switch (spec->cpu) {
	case NOVA_DOMAIN_CPU_DEFAULT:
		break;
	case NOVA_DOMAIN_CPU_HOST_MODEL:
		append(xml, "  <cpu mode='host-model' check='partial'/>\n");
		break;
	case NOVA_DOMAIN_CPU_CUSTOM:
		append(xml, "  <cpu mode='custom' match='exact' check='partial'>\n"
		       "    <model fallback='forbid'>%s</model>\n  </cpu>\n", spec->cpu_model);
		break;
	}
}

/* The timers most guests keep time best with; the HPET is an emulated one nobody needs.  The PIT's policy
 * is a property of KVM's. */
static void append_clock(GString *xml, const nova_domain_spec *spec)
{
	append(xml, "  <clock offset='utc'>\n    <timer name='rtc' tickpolicy='catchup'/>\n");
	if (spec->kvm)
		append(xml, "    <timer name='pit' tickpolicy='delay'/>\n");
	append(xml, "    <timer name='hpet' present='no'/>\n  </clock>\n");
}

static void append_network(GString *xml, const nova_domain_spec *spec)
{
	for (unsigned i = 0; spec->addresses && i < spec->addresses->len; i++) {
		const nova_address *address = g_ptr_array_index(spec->addresses, i);
		bool seen = false;

		/* One card can have several addresses. */
		for (unsigned j = 0; j < i && !seen; j++)
			seen = strcmp(((const nova_address *)g_ptr_array_index(spec->addresses, j))->mac,
				      address->mac) == 0;
		if (seen)
			continue;
		/* No boot ROM: its size belongs to the machine's ABI and differs between hosts' packages. */
		append(xml, "    <interface type='bridge'>\n"
		       "      <mac address='%s'/>\n"
		       "      <source bridge='%s'/>\n"
		       "      <model type='virtio'/>\n"
		       "      <rom enabled='no'/>\n"
		       "    </interface>\n", address->mac, address->bridge);
	}
}

static void append_sysinfo(GString *xml, const nova_domain_spec *spec)
{
	if (!spec->hostname)
		return;
	append(xml, "  <sysinfo type='smbios'>\n    <oemStrings>\n"
	       "      <entry>nova-lite.hostname=%s</entry>\n", spec->hostname);
	for (unsigned i = 0; spec->addresses && i < spec->addresses->len; i++) {
		const nova_address *address = g_ptr_array_index(spec->addresses, i);

		append(xml, "      <entry>nova-lite.address=%s</entry>\n", address->address);
	}
	append(xml, "    </oemStrings>\n  </sysinfo>\n");
}

static void append_devices(GString *xml, const nova_domain_spec *spec)
{
	/* cache=none: libvirt takes no other for a migration, and no host may keep pages of a disk that moves. */
	append(xml, "  <devices>\n"
	       "    <disk type='file' device='disk'>\n"
	       "      <driver name='qemu' type='qcow2' cache='none' io='threads' discard='unmap'/>\n"
	       "      <source file='%s'/>\n"
	       "      <target dev='vda' bus='virtio'/>\n"
	       "    </disk>\n", spec->disk);
	/* A virtio disk and not a CD-ROM: every guest that finds its root finds it, whatever the machine type, and the
	 * drives after the root stay free.  Read only, it may be open on both hosts of a migration. */
	if (spec->config_drive)
		append(xml, "    <disk type='file' device='disk'>\n"
		       "      <driver name='qemu' type='raw' cache='none' io='threads'/>\n"
		       "      <source file='%s'/>\n"
		       "      <target dev='vdz' bus='virtio'/>\n"
		       "      <readonly/>\n"
		       "    </disk>\n", spec->config_drive);
	append_network(xml, spec);
	append(xml, "    <serial type='file'>\n"
	       "      <source path='%s' append='on'/>\n"
	       "      <target port='0'/>\n"
	       "    </serial>\n"
	       "    <console type='file'>\n"
	       "      <source path='%s' append='on'/>\n"
	       "      <target type='serial' port='0'/>\n"
	       "    </console>\n", spec->console_log, spec->console_log);
	append(xml, "    <rng model='virtio'>\n"
	       "      <backend model='random'>/dev/urandom</backend>\n"
	       "    </rng>\n"
	       "    <controller type='usb' model='none'/>\n"
	       "    <memballoon model='none'/>\n"
	       "  </devices>\n");
}

char *nova_domain_xml(const nova_domain_spec *spec, GError **error)
{
	g_autofree char *name = NULL;
	GString *xml;

	if (!check(spec, error))
		return NULL;
	name = nova_instance_domain_name(spec->instance_id);
	xml = g_string_new(NULL);
	append(xml, "<domain type='%s'>\n  <name>%s</name>\n  <uuid>%s</uuid>\n", spec->kvm ? "kvm" : "qemu", name,
	       spec->uuid);
	append(xml, "  <metadata>\n");
	append_metadata(xml, spec);
	append(xml, "  </metadata>\n  <memory unit='MiB'>%" G_GINT64_FORMAT "</memory>\n  <vcpu>%d</vcpu>\n",
	       spec->memory_mb, spec->vcpus);
	append_sysinfo(xml, spec);
	append(xml, "  <os>\n    <type arch='x86_64' machine='%s'>hvm</type>\n    <boot dev='hd'/>\n", spec->machine);
	if (spec->hostname)
		append(xml, "    <smbios mode='sysinfo'/>\n");
	append(xml, "  </os>\n");
	append(xml, "  <features>\n    <acpi/>\n    <apic/>\n  </features>\n");
	append_cpu(xml, spec);
	append_clock(xml, spec);
	append(xml, "  <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n"
	       "  <on_crash>destroy</on_crash>\n");
	append_devices(xml, spec);
	append(xml, "</domain>\n");
	return g_string_free(xml, FALSE);
}
