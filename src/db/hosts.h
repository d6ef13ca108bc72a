/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts.h - compute hosts: registration, lease, inventory, lists.  Any thread; see db.h for faults.
 */
#pragma once

#include "db/db.h"
#include "model/host.h"

/* What a compute service says of itself when it starts. */
typedef struct nova_host_identity {
	const char *name;              /* [DEFAULT] host */
	const char *uuid;              /* libvirt's host UUID */
	const char *boot_id;
	const char *my_ip, *migration_address;
	const char *hypervisor_hostname;
	int lease_seconds;             /* service_down_time */
	int64_t epoch;                 /* that of the daemon's last registration; 0: it has just been started */
} nova_host_identity;

/* The evidence in the journal lines that re-own operations after a boot of their host. */
#define NOVA_HOSTS_BOOTED "{\"booted\": true}"

/* Registers the daemon: creates the host's row if need be, adds one to its epoch, takes the lease, and
 * in the same transaction re-owns every active operation this host must act on (seq + 1, journalled,
 * no longer blocked).
 * *ret_boot_changed: the machine was booted since the last registration.
 * CONFLICT: another host uuid holds the name, or the uuid is known under another name (a renamed host
 * would orphan its guests); the text says what to do.
 * LEASE_HELD (retryable): the lease is valid and is another daemon's: that of a machine with the same name and
 * uuid but another boot (a copy of this one, or this one before a boot a moment ago), or, for a daemon that was
 * fenced off (identity->epoch), of whoever registered since.  Only one of two claimants ever acts; the second
 * gets its turn when the lease has run out. */
bool nova_hosts_register(nova_db *db, const nova_host_identity *identity, nova_fence *ret_fence,
			 bool *ret_boot_changed, GError **error);

/* Extends the lease by `seconds' from the database's now.  `health' NULL: healthy.  FENCED: another
 * registration has taken over; the daemon must stop acting and register anew or exit. */
bool nova_hosts_renew(nova_db *db, const nova_fence *fence, int seconds, const char *health,
		      bool storage_ok, GError **error);

/* Gives the lease up at an orderly stop, so that the service shows as down at once. */
bool nova_hosts_release(nova_db *db, const nova_fence *fence, GError **error);

/* Whether a host has a valid lease at the moment; forced_down does not matter. */
bool nova_hosts_has_lease(nova_db *db, int id, bool *ret_valid, GError **error);

/* Stores totals and computes capacity.  A capacity below what is claimed is clamped to it, so that the
 * host simply gets nothing new.  Creates or updates the pool row of inventory->pool_fsid. */
bool nova_hosts_report(nova_db *db, const nova_fence *fence, const nova_inventory *inventory, GError **error);

/* Every host, by name, without running_vms.  *ret_hosts: of nova_host, owns them. */
bool nova_hosts_list(nova_db *db, GPtrArray **ret_hosts, GError **error);
/* With running_vms, at most `limit' (0: all): those whose name comes after `after' (NULL: from the first) and whose
 * hypervisor's host name contains `pattern' (NULL: any). */
bool nova_hosts_page(nova_db *db, const char *after, int limit, const char *pattern, GPtrArray **ret_hosts,
		     GError **error);

/* NULL with no error: no such host. */
nova_host *nova_hosts_find(nova_db *db, const char *name, GError **error);
nova_host *nova_hosts_find_by_uuid(nova_db *db, const char *uuid, GError **error);
nova_host *nova_hosts_find_by_id(nova_db *db, int id, GError **error);

/* HOST_NOT_FOUND when there is none of that name. */
bool nova_hosts_set_disabled(nova_db *db, const char *name, bool disabled, const char *reason, GError **error);
/* Gives a host another name.  INSTANCE_STATE while its daemon runs or an operation is active on it, CONFLICT when
 * the new name is taken. */
bool nova_hosts_rename(nova_db *db, const char *name, const char *new_name, GError **error);
bool nova_hosts_set_forced_down(nova_db *db, const char *name, bool forced_down, GError **error);

/* What the instances on a host may use at most, per project (describe_resource, os-hosts). */
typedef struct nova_project_usage {
	char *project_id;
	int64_t vcpus, memory_mb, disk_gb; /* disk: root + ephemeral */
} nova_project_usage;
void nova_project_usage_free(nova_project_usage *usage);

/* *ret_projects: of nova_project_usage, by project id, owns them. */
bool nova_hosts_usage(nova_db *db, int host_id, GPtrArray **ret_projects, GError **error);
