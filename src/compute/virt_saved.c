/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's memory in a file, and back.  libvirt writes into the file's head whether it is whole, and the definition,
 * with the owner's token.
 */
#include "compute/virt_hub.h"
#include "compute/virt_xml.h"

/* text: path */
static bool save(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);

	if (!domain)
		return *error ? false : nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND,
						  "instance %s has no domain on this host", call->uuid);
	if (virDomainSaveFlags(domain, call->text, NULL, VIR_DOMAIN_SAVE_RUNNING) < 0)
		return nova_virt_fail(error, "cannot save the memory of instance %s", call->uuid);
	return true;
}

bool nova_virt_save(nova_virt *virt, const char *instance_uuid, const char *path, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, NULL, error);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(save, instance_uuid);

	call->text = g_strdup(path);
	call->needs_guest = true;
	return link && nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error);
}

/* The definition in the file, if the file is whole and of this owner. */
static char *read_own(virConnectPtr conn, const char *uuid, const char *path, int64_t token, GError **error)
{
	g_autofree char *xml = virDomainSaveImageGetXMLDesc(conn, path, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE);
	g_autofree char *of = NULL;
	g_autoptr(GError) failure = NULL;
	nova_virt_owner owner = { 0 };

	if (!xml) {
		nova_virt_fail(&failure, "cannot read the saved memory of instance %s", uuid);
		nova_fail(error, NOVA_FAULT_CONFLICT, "%s", failure->message);
		return NULL;
	}
	of = nova_virt_xml_child_text(xml, "uuid");
	if (!of || g_ascii_strcasecmp(of, uuid) != 0) {
		nova_fail(error, NOVA_FAULT_CONFLICT, "the file %s holds the memory of guest %s, not of %s", path,
			  of ? of : "unknown", uuid);
		return NULL;
	}
	if (!nova_virt_xml_domain_owner(xml, &owner)) {
		nova_fail(error, NOVA_FAULT_CONFLICT, "the file %s holds a guest that nova-lite did not make", path);
		return NULL;
	}
	g_free(owner.host);
	if (owner.token != token) {
		nova_fail(error, NOVA_FAULT_CONFLICT,
			  "the file %s is of ownership token %" G_GINT64_FORMAT
			  ", and the guest's is %" G_GINT64_FORMAT, path, owner.token, token);
		return NULL;
	}
	return g_steal_pointer(&xml);
}

typedef struct restore_args {
	char *path, *host, *console_log;
} restore_args;

static void restore_args_free(void *data)
{
	restore_args *args = data;

	g_free(args->path);
	g_free(args->host);
	g_free(args->console_log);
	g_free(args);
}

/* number[0]: token, number[1]: operation; object: restore_args */
static bool restore(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	const restore_args *args = call->object;
	g_autofree char *old = read_own(conn, call->uuid, args->path, call->number[0], error);
	g_autofree char *xml = NULL;

	if (!old)
		return false;
	xml = nova_virt_xml_retarget(old, call->number[0], call->number[1], args->host, args->console_log, error);
	if (!xml)
		return false;
	if (virDomainRestoreFlags(conn, args->path, xml, VIR_DOMAIN_SAVE_PAUSED) < 0)
		return nova_virt_fail(error, "cannot load the saved memory of instance %s", call->uuid);
	return true;
}

bool nova_virt_restore(nova_virt *virt, const char *instance_uuid, const char *path, int64_t token, int64_t operation,
		       const char *console_log, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, NULL, error);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(restore, instance_uuid);
	restore_args *args = g_new0(restore_args, 1);

	args->path = g_strdup(path);
	args->host = g_strdup(virt->conf->host);
	args->console_log = g_strdup(console_log);
	call->number[0] = token;
	call->number[1] = operation;
	call->object = args;
	call->free_object = restore_args_free;
	return link && nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error);
}
