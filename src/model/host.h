/* SPDX-License-Identifier: Apache-2.0
 *
 * host.h - a compute host as the database knows it: identity, capacity, use, liveness.
 *
 * Value types; the holder owns them.  Not shared between threads.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What a compute service reports of its host.  Totals are what the machine has. */
typedef struct nova_inventory {
	char *hypervisor_hostname;
	char *hypervisor_type;     /* "QEMU" */
	int hypervisor_version;    /* 7002000 form */
	int libvirt_version;       /* the same form */
	char *cpu_info_json;       /* object: arch, model, vendor, features, topology */
	char *cpu_xml;             /* libvirt's host CPU, for comparisons; NULL: not known */
	char *machines;            /* comma separated machine types of its QEMU */
	int vcpus;
	int64_t memory_mb;
	int reserved_vcpus;
	int64_t reserved_memory_mb, reserved_disk_gb;
	double cpu_ratio, ram_ratio, disk_ratio;
	int max_migrations;        /* per direction; 0: no limit */
	char *pool_fsid;           /* identity of the file system under instances_path */
	char *pool_kind;           /* "nfs", "glusterfs", "local", … for people */
	int64_t pool_total_gb, pool_free_gb;
} nova_inventory;

void nova_inventory_clear(nova_inventory *inventory);

typedef struct nova_host {
	int id;
	char *name;                /* [DEFAULT] host: the service's name, case-sensitive */
	char *uuid;                /* libvirt's host UUID, the public hypervisor id */
	int service_id;            /* integer id on os-services up to 2.52 */
	char *service_uuid;
	char *zone;                /* availability zone */
	char *my_ip, *migration_address; /* address other hosts reach its libvirtd and QEMU at */
	nova_inventory inventory;
	bool disabled, forced_down;
	char *disabled_reason;     /* NULL: none given */
	bool storage_ok;
	char *health;              /* NULL: healthy; else what is wrong, for people */
	/* capacity after reservation and allocation ratio, and what claims hold of it */
	int cap_vcpus, used_vcpus;
	int64_t cap_memory_mb, used_memory_mb;
	int pool_id;               /* disk is a property of the pool, counted once however many hosts share it */
	int64_t pool_cap_gb, pool_used_gb;
	bool pool_shared;          /* more than one host has it */
	int running_vms;           /* instances whose host this is */
	int incoming, outgoing;    /* migrations that hold a slot */
	/* liveness, by the database's clock */
	int64_t epoch;
	bool up;                   /* lease valid and not forced down */
	char *boot_id;
	int64_t seen_us;           /* last renewal, usec since 1970; 0: never */
} nova_host;

nova_host *nova_host_new(void);
void nova_host_free(nova_host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_host, nova_host_free)

/* Capacity: (total - reserved) * ratio, never negative, rounded down. */
int nova_host_cap_vcpus(const nova_inventory *inventory);
int64_t nova_host_cap_memory_mb(const nova_inventory *inventory);
int64_t nova_host_cap_disk_gb(const nova_inventory *inventory);
