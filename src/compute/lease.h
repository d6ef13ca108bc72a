/* SPDX-License-Identifier: Apache-2.0
 *
 * lease.h - this host's lease in the database: the one measure of whether the daemon may act.
 *
 * A thread of its own, with a database connection of its own, renews the lease every report_interval
 * after a self-check.  The lease in the database counts by the database's clock; the daemon's own
 * deadline counts by CLOCK_BOOTTIME from before the renewal was sent, less a margin, so that it always
 * ends first, also when the daemon was stopped or the host suspended in between.  Before an act that
 * cannot be taken back (destroy, start, flip, remove files) nova_lease_is_fresh() must hold.
 *
 * When another registration has taken over, or the lease ran out by the daemon's own clock, the daemon
 * registers anew: a higher epoch, so that whatever the old one still tries changes nothing; `renewed'
 * then tells the owner to look at everything again.
 *
 * Threads: nova_lease_is_fresh(), nova_lease_look() and nova_lease_fence() from any; the rest from the main thread.
 */
#pragma once

#include "common/conf.h"
#include "db/hosts.h"

typedef struct nova_lease nova_lease;

typedef struct nova_lease_hooks {
	/* The self-check, in the lease thread; must return within a few seconds.  False: do not renew at
	 * all, the daemon itself is broken.  *ret_health (caller frees) NULL: healthy. */
	bool (*check)(char **ret_health, bool *ret_storage_ok, void *user);
	/* Registered anew: the fence is another one; look at everything again. */
	void (*renewed)(void *user);
	void *user;
} nova_lease_hooks;

/* `identity' is copied.  Opens the connection's pool; touches no network. */
nova_lease *nova_lease_new(nova_conf *conf, const nova_host_identity *identity,
			   const nova_lease_hooks *hooks, GError **error);

/* Registers the host: the first lease and epoch.  Before nova_lease_start().  Faults as
 * nova_hosts_register(). */
bool nova_lease_register(nova_lease *lease, bool *ret_boot_changed, GError **error);

/* Starts the thread. */
void nova_lease_start(nova_lease *lease);

/* Whether this daemon may act now. */
bool nova_lease_is_fresh(nova_lease *lease);
/* The same as a fault: FENCED with a text that says since when. */
bool nova_lease_check(nova_lease *lease, GError **error);
/* And whether it is still the registration of that epoch: between two registrations the lease had lapsed,
 * and another host may have decided on what the caller knows. */
bool nova_lease_check_epoch(nova_lease *lease, int64_t epoch, GError **error);

/* Seconds since the last renewal (-1: there was none) and until the lease ends by this daemon's clock (0: it has). */
void nova_lease_look(nova_lease *lease, double *ret_age_s, double *ret_left_s);

/* What every write to the database carries. */
nova_fence nova_lease_fence(nova_lease *lease);

/* A write was refused as FENCED: find out at once instead of at the next renewal. */
void nova_lease_doubt(nova_lease *lease);

/* Stops the thread and, when `release', gives the lease up, so that the host shows as down at once.
 * From then on the lease is not fresh. */
void nova_lease_stop(nova_lease *lease, bool release);
void nova_lease_free(nova_lease *lease);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_lease, nova_lease_free)
