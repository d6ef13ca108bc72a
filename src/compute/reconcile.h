/* SPDX-License-Identifier: Apache-2.0
 *
 * reconcile.h - keeps the database's picture of this host's guests and the hypervisor's together.
 *
 * A thread compares them at the start, after every reconnect and new lease, when a guest changes its
 * life, and every sync_power_state_interval (operation_active_poll_interval while this host takes part in
 * an operation): idle guests whose state has changed are recorded, stale copies are destroyed, unknown
 * domains are left alone and named once, guests that ran before the host was booted are started by
 * policy (reconcile_plan.h has the rules).  What it finds it acts on in the guest's own queue, after
 * looking again.  It also kicks the operations that wait for this host, reports the inventory, and is
 * the backup of a migration whose source daemon has died (backup.h).
 *
 * Any thread may wake it; the rest is for the main thread.
 */
#pragma once

#include "compute/compute.h"

nova_reconciler *nova_reconciler_new(nova_compute *compute);
void nova_reconciler_start(nova_reconciler *reconciler);
/* Look soon. */
void nova_reconciler_wake(nova_reconciler *reconciler);
/* Waits for a pass that runs. */
void nova_reconciler_stop(nova_reconciler *reconciler);
void nova_reconciler_free(nova_reconciler *reconciler);

/* Reports what the host has: at the start, then every update_resources_interval. */
bool nova_compute_report(nova_compute *compute, GError **error);
