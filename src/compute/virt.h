/* SPDX-License-Identifier: Apache-2.0
 *
 * virt.h - what the compute service asks of a hypervisor.  Only the virt_* files behind it know libvirt;
 * nothing here names libvirt's types.
 *
 * A nova_virt may be used from any thread.  Every call has a deadline in ms and returns by then: a call
 * that libvirt or QEMU does not answer is abandoned (its thread is counted, and the connection replaced)
 * and the fault is HYPERVISOR, text "... does not answer".  A call that got an answer never leaves doubt
 * between "no such domain" and "could not ask": the first is NOVA_SEEN_ABSENT, the second an error.
 * Errors carry libvirt's own text.  An act that was abandoned may still happen later, when a libvirtd that
 * hung goes on: look before acting again.
 *
 * A guest whose QEMU does not answer cannot use up the threads: while two calls for it are abandoned,
 * further ones that would need it fail at once (looking and destroying still work).
 *
 * The process must ignore SIGPIPE: libvirt's event thread writes to sockets whose other end may be gone.
 *
 * Domains are transient and named by the instance's uuid.  Their <metadata> carries, in the project's
 * namespace, the ownership token and the operation that made them (model/domain_xml.h).
 */
#pragma once

#include "common/conf.h"
#include "common/error.h"
#include "model/decide.h"
#include "model/host.h"
#include "model/instance.h"

typedef struct nova_virt nova_virt;

/* Wake-up calls, from threads of nova_virt's, one at a time: return quickly, do not call back into it. */
typedef struct nova_virt_events {
	/* May come while nova_virt_open() is still at work. */
	/* A domain changed its life: look at it.  `rebooted' for a guest's own reboot. */
	void (*domain)(const char *instance_uuid, bool rebooted, void *user);
	/* The connection to libvirt came (true) or went. */
	void (*connection)(bool up, void *user);
	void *user;
} nova_virt_events;

/* Opens [libvirt] connection_uri with keepalive; libvirt's event thread is started once per process and
 * runs to its end.  `events' may be NULL and is copied.  Keeps a reference to `conf'; of the migration
 * options only those are read from it that a reload does not change.  Fails when libvirt does not answer now; a
 * connection that breaks later is opened again by itself, for ever, at least every 5 s. */
nova_virt *nova_virt_open(nova_conf *conf, const nova_virt_events *events, int deadline_ms, GError **error);
/* No event function is called any more once it returns, within a few seconds also when libvirt hangs. */
void nova_virt_close(nova_virt *virt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_virt, nova_virt_close)

/* A cheap round trip to libvirt; false: it does not answer. */
bool nova_virt_ping(nova_virt *virt, int deadline_ms, GError **error);
/* The same to the libvirt of another host; also what opens and warms the connection. */
bool nova_virt_ping_host(nova_virt *virt, const char *address, int deadline_ms, GError **error);
/* Calls abandoned so far that have not returned; a health figure. */
unsigned nova_virt_stuck_calls(const nova_virt *virt);

/* libvirt's host UUID, of this host (address NULL) or another.  Caller frees. */
char *nova_virt_host_uuid(nova_virt *virt, const char *address, int deadline_ms, GError **error);
/* Everything but pool_*, ratios and reservations, which come from the configuration and the storage. */
bool nova_virt_inventory(nova_virt *virt, nova_inventory *ret, int deadline_ms, GError **error);

/* Whom this host's QEMU runs as, by libvirt's configuration; *ret_known false when it does not say. */
bool nova_virt_qemu_user(nova_virt *virt, bool *ret_known, uint32_t *ret_uid, uint32_t *ret_gid, int deadline_ms,
			 GError **error);

/* The exact versioned machine type behind an alias ("pc" -> "pc-i440fx-7.2"), the name itself when it is
 * one already.  CONFIG when this host's QEMU does not have it.  Caller frees. */
char *nova_virt_machine(nova_virt *virt, const char *machine, int deadline_ms, GError **error);

/* The <cpu> element of a running guest, on this host or another (address), for nova_virt_cpu_fits().
 * *ret is NULL when the guest has none.  Absent is INSTANCE_NOT_FOUND. */
bool nova_virt_guest_cpu(nova_virt *virt, const char *address, const char *instance_uuid, char **ret,
			 int deadline_ms, GError **error);
/* Whether this host can run a guest with that <cpu> on that machine type (NULL cpu: only the machine type
 * is looked at); refused with MIGRATION_PRE_CHECK and libvirt's reason.  Emulated guests (virt_type qemu)
 * are only refused for their machine type. */
bool nova_virt_cpu_fits(nova_virt *virt, const char *cpu_xml, const char *machine, int deadline_ms,
			GError **error);

/* At least one port of QEMU's migration range (49152-49215) can be bound on this host. */
bool nova_virt_migration_ports(GError **error);
/* Whether packets from here come to that range at another host's address: the last of its ports, which libvirt gives
 * out last, is knocked at, and a refusal is an answer.  False: MIGRATION_PRE_CHECK, also when the name is not found. */
bool nova_virt_migration_ports_answer(const char *address, int deadline_ms, GError **error);

/* ---- looking ---- */

/* `address' NULL: this host; else the libvirt of the host at that address, over the URI template
 * [libvirt] live_migration_uri.  Connections to other hosts are kept warm and have a keepalive.
 * `name' is the domain's name, for the end reason of one that is gone, which is looked up in libvirt's
 * log on this host; NULL or with an address: ret->end stays UNKNOWN.  ret->boot_changed is left false:
 * the caller knows boot ids.  A running domain whose QEMU does not say whether it has a job counts as having one. */
bool nova_virt_observe(nova_virt *virt, const char *address, const char *instance_uuid, const char *name,
		       nova_domain_view *ret, int deadline_ms, GError **error);

/* Whether a domain of that name but another uuid is on this host: *ret_uuid is its uuid, NULL when there is
 * none.  Caller frees. */
bool nova_virt_namesake(nova_virt *virt, const char *name, const char *instance_uuid, char **ret_uuid,
			int deadline_ms, GError **error);

typedef struct nova_virt_domain {
	char *uuid, *name;
	nova_domain_view view;
} nova_virt_domain;
void nova_virt_domain_free(nova_virt_domain *domain);
/* Every domain of this host, ours or not (token -1); *ret: of nova_virt_domain, owns them.  Jobs and end
 * reasons are not looked up. */
bool nova_virt_list(nova_virt *virt, GPtrArray **ret, int deadline_ms, GError **error);

/* ---- memory in a file ---- */

/* Writes the guest's memory into the file `path' and ends it; one that runs is stopped at once, so the file fits its
 * disk.  When it fails, the guest is as it was.  May take long: nova_virt_observe() shows a job meanwhile, also after
 * the caller has given up or ended, because libvirt goes on. */
bool nova_virt_save(nova_virt *virt, const char *instance_uuid, const char *path, int deadline_ms, GError **error);

/* Makes a domain of the file, whose processors stand; it carries the token, the operation and this host, and writes its
 * console to `console_log'.  CONFLICT, and nothing done, for a file that is not of this guest with this token, or not
 * whole. */
bool nova_virt_restore(nova_virt *virt, const char *instance_uuid, const char *path, int64_t token, int64_t operation,
		       const char *console_log, int deadline_ms, GError **error);

/* What the hypervisor counts about a guest of this host, as JSON text: {"state": "running"|"paused"|..., "stats":
 * {libvirt's names of its domain statistics: numbers}}.  Absent is INSTANCE_NOT_FOUND.  Caller frees. */
char *nova_virt_stats(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error);

/* The pid of the domain's QEMU on this host, checked to be that QEMU (its command line names the uuid),
 * as a pidfd; -1 and an error when it cannot be had.  The caller closes it. */
int nova_virt_pidfd(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error);
/* Lets that process go on if a signal has stopped it; false: it was not stopped, or there is none, which
 * *ret_seen tells apart. */
bool nova_virt_wake(nova_virt *virt, const char *instance_uuid, bool *ret_seen, int deadline_ms);

/* ---- acting on this host (address NULL) or, where a parameter says so, on the other ---- */

/* Starts a transient domain from `xml' (model/domain_xml.h); CONFLICT when its uuid or name is taken. */
bool nova_virt_create(nova_virt *virt, const char *xml, int deadline_ms, GError **error);
/* Idempotent: absent is success.  Also removes a definition without a process. */
bool nova_virt_destroy(nova_virt *virt, const char *address, const char *instance_uuid, int deadline_ms,
		       GError **error);
/* ACPI power button; returns at once.  Absent is INSTANCE_NOT_FOUND. */
bool nova_virt_shutdown(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error);
/* Asks the guest to reboot; it is over when events->domain says so (rebooted true). */
bool nova_virt_reboot(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error);
/* Starts the CPUs of a domain that is PAUSED_USER; one that runs already is success.  Any other state is
 * INSTANCE_STATE and nothing is done: libvirt would hold the call for 30 s on an incoming domain. */
bool nova_virt_resume(nova_virt *virt, const char *address, const char *instance_uuid, int deadline_ms,
		      GError **error);
/* The same for a source which its migration left PAUSED_MIGRATION: only for a rollback, after the
 * destination is verified absent. */
bool nova_virt_resume_source(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error);
bool nova_virt_suspend(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error);
/* Rewrites the token and operation in the domain's metadata; its host becomes this host, with an address
 * it stays what it is. */
bool nova_virt_set_owner(nova_virt *virt, const char *address, const char *instance_uuid, int64_t token,
			 int64_t operation, int deadline_ms, GError **error);

/* ---- outgoing live migration ---- */

typedef struct nova_virt_migration nova_virt_migration;

typedef struct nova_virt_migrate_request {
	const char *instance_uuid;
	const char *dest_address;    /* libvirt of the destination */
	const char *dest_host;       /* its host name, for the metadata; NULL: left as it is */
	const char *migrate_host;    /* address its QEMU listens on; NULL: libvirt's choice */
	int64_t dest_token;          /* token the destination's domain carries: the row's + 1 */
	int64_t operation;
	const char *dest_console_log; /* serial log path on the destination */
	unsigned flags;              /* nova_migrate_flags.bits for the mode (model/migrate_flags.h) */
	int64_t bandwidth_mib_s;     /* 0: no cap */
	int max_downtime_ms;         /* first step of the ladder; 0: QEMU's default */
} nova_virt_migrate_request;

/* Starts the migrate call in a thread of its own on a connection of its own, and opens another for
 * control; warms the connection to the destination that a resume will need.  The request is copied; the
 * returned object belongs to the caller. */
nova_virt_migration *nova_virt_migrate(nova_virt *virt, const nova_virt_migrate_request *request,
				       GError **error);
/* Takes control of an outgoing job somebody else started (the daemon before us); has no call of its own. */
nova_virt_migration *nova_virt_migration_adopt(nova_virt *virt, const char *instance_uuid,
					       const char *dest_address, GError **error);

/* True when the migrate call has returned (always true for an adopted job); *ret_error, may be NULL,
 * is set to what it said if it failed (caller frees), else to NULL.  What it said never decides anything. */
bool nova_virt_migration_returned(nova_virt_migration *migration, char **ret_error);

typedef struct nova_virt_progress {
	bool job;                    /* a job is active */
	int64_t memory_total, memory_processed, memory_remaining;
	int64_t disk_total, disk_processed, disk_remaining;
	int iteration;
	int64_t dirty_rate, rate;    /* bytes per second */
	int64_t expected_downtime_ms;
} nova_virt_progress;
bool nova_virt_migration_progress(nova_virt_migration *migration, nova_virt_progress *ret, int deadline_ms,
				  GError **error);
/* Statistics of the finished job as the destination keeps them; -1 where libvirt does not say. */
bool nova_virt_migration_completed(nova_virt_migration *migration, int64_t *ret_downtime_ms,
				   int64_t *ret_total_ms, int deadline_ms, GError **error);
/* No active job is success: look at both sides for what became of it. */
bool nova_virt_migration_abort(nova_virt_migration *migration, int deadline_ms, GError **error);
bool nova_virt_migration_set_downtime(nova_virt_migration *migration, int ms, int deadline_ms, GError **error);
bool nova_virt_migration_set_bandwidth(nova_virt_migration *migration, int64_t mib_s, int deadline_ms,
				       GError **error);
/* Waits at most `ms' for the source's QEMU to end, a libvirt event for this domain or the call's return;
 * true: QEMU is dead (seen through a pidfd, not by libvirt's word).  Returns at once for news that came
 * since the last wait; the call's return counts as news once. */
bool nova_virt_migration_wait(nova_virt_migration *migration, int ms);
/* When libvirt last told that the source's CPUs were stopped for the switch (CLOCK_BOOTTIME), once; else 0.  A hint:
 * the switch may still fail and the source go on. */
int64_t nova_virt_migration_take_stopped(nova_virt_migration *migration);
bool nova_virt_migration_source_dead(const nova_virt_migration *migration);
/* False when QEMU's pid could not be watched: then only "domain absent" proves its death. */
bool nova_virt_migration_watches_source(const nova_virt_migration *migration);
/* SIGSTOP, SIGCONT, SIGKILL to the source's QEMU through the pidfd; for a source whose libvirt is gone. */
bool nova_virt_migration_signal_source(nova_virt_migration *migration, int signal, GError **error);
/* Abandons what still runs and frees.  Before nova_virt_close(). */
void nova_virt_migration_free(nova_virt_migration *migration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_virt_migration, nova_virt_migration_free)
