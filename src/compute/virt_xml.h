/* SPDX-License-Identifier: Apache-2.0
 *
 * virt_xml.h - reading and editing libvirt's documents.  No libvirt calls, no I/O.  Internal to the virt_* files.
 */
#pragma once

#include "common/error.h"

#include <stdint.h>

/* What a domain's metadata element says; host may be NULL. */
typedef struct nova_virt_owner {
	int64_t token, operation;
	char *host;
} nova_virt_owner;

/* Reads our metadata element, with or without its namespace prefix.  False: it is not one. */
bool nova_virt_xml_owner(const char *xml, nova_virt_owner *ret);
/* The same from a whole definition. */
bool nova_virt_xml_domain_owner(const char *xml, nova_virt_owner *ret);

/* The definition of a running domain made into that of its destination: the metadata (host NULL: left as it is)
 * and the path of file-backed serial ports and consoles (console_log NULL: left) are replaced, everything
 * else stays byte for byte, as the migration's ABI check wants it.  INTERNAL for a document without
 * our metadata.  Caller frees. */
char *nova_virt_xml_retarget(const char *xml, int64_t token, int64_t operation, const char *host,
			     const char *console_log, GError **error);

/* The text of a child of the document's root; NULL: none.  Caller frees. */
char *nova_virt_xml_child_text(const char *xml, const char *name);

/* The <cpu> element of a domain, for comparisons; NULL: it has none.  Caller frees. */
char *nova_virt_xml_guest_cpu(const char *xml);

/* From the host's capabilities document: Nova's cpu_info as JSON text, the host's <cpu> element, and the machine
 * types (x86_64, hvm, for domains of `type' "qemu" or "kvm") as a comma separated list.  Caller frees each. */
bool nova_virt_xml_capabilities(const char *xml, const char *type, char **ret_cpu_info, char **ret_cpu,
				char **ret_machines, GError **error);

/* The host's UUID from the same document; NULL: it has none.  Caller frees. */
char *nova_virt_xml_host_uuid(const char *xml);

/* Whom its QEMU of that type runs as, "+UID:+GID" of the DAC security model; false: it does not say. */
bool nova_virt_xml_qemu_user(const char *xml, const char *type, uint32_t *ret_uid, uint32_t *ret_gid);

/* The exact machine type behind `machine' in the same document; NULL: there is none.  Caller frees. */
char *nova_virt_xml_machine(const char *xml, const char *type, const char *machine);
