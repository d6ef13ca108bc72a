/* SPDX-License-Identifier: Apache-2.0
 *
 * domain_xml.h - what a guest is made of, as a libvirt domain definition.
 *
 * Pure: the same spec gives the same text, byte for byte.  Everything the guest can see (machine type,
 * disk and network models, cpu) is named explicitly and does not depend on the host, so that the guest
 * can move; the host's part is the paths, the bridge and the metadata.
 *
 * The metadata element, in namespace NOVA_DOMAIN_XMLNS, is how a hypervisor knows whose a domain is:
 *	<nova:instance xmlns:nova="..."><nova:token>N</nova:token><nova:operation>N</nova:operation>
 *	<nova:host>NAME</nova:host></nova:instance>
 *
 * A guest can read its name and addresses in the SMBIOS OEM strings "nova-lite.hostname=NAME" and
 * "nova-lite.address=IP", before it has any network.
 */
#pragma once

#include "common/error.h"
#include "model/instance.h"

#define NOVA_DOMAIN_XMLNS "http://nova-lite.org/xmlns/instance/1.0"
#define NOVA_DOMAIN_XMLNS_PREFIX "nova"

typedef enum nova_domain_cpu {
	NOVA_DOMAIN_CPU_DEFAULT,    /* the hypervisor's: every host can run it */
	NOVA_DOMAIN_CPU_HOST_MODEL, /* virt_type kvm only */
	NOVA_DOMAIN_CPU_CUSTOM      /* cpu_model */
} nova_domain_cpu;

/* All borrowed.  Strings are escaped here. */
typedef struct nova_domain_spec {
	int64_t instance_id;        /* names the domain: nova_instance_domain_name() */
	const char *uuid;
	bool kvm;                   /* else emulated */
	const char *machine;        /* exact versioned machine type */
	int vcpus;
	int64_t memory_mb;
	nova_domain_cpu cpu;
	const char *cpu_model;
	const char *disk;           /* path of a qcow2 file */
	const char *config_drive;   /* path of a raw file the guest can only read; NULL: none */
	const char *console_log;    /* path of the serial console's file, appended to */
	const GPtrArray *addresses; /* of nova_address; one network card for each mac; NULL: none */
	int64_t token, operation;
	const char *host;           /* the host that starts it */
	const char *hostname;       /* told to the guest, with its addresses; NULL: nothing is told */
} nova_domain_spec;

/* The definition; INTERNAL for a spec no domain can be made of (no machine, relative path, ...).
 * Caller frees. */
char *nova_domain_xml(const nova_domain_spec *spec, GError **error);

/* The metadata element as virDomainSetMetadata() wants it, which adds the namespace (to the element itself only);
 * `host' may be NULL.  Caller frees. */
char *nova_domain_metadata_xml(int64_t token, int64_t operation, const char *host);
