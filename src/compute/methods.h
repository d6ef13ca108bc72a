/* SPDX-License-Identifier: Apache-2.0
 *
 * methods.h - what others may ask a compute service: namespace nova_lite, version 1.0.
 *
 * Doorbells (casts, {operation, seq}): every name the flow tables give for the source or destination,
 * and live_migration_abort and live_migration_force_complete for flags that were set in the row.  All of
 * them say only "look at the operation".
 * Questions (calls): observe_domain, get_console_output, rollback_live_migration_at_destination.
 *
 * Handlers run in the server's threads and may block.
 */
#pragma once

#include "compute/compute.h"
#include "rpc/method.h"

nova_methods *nova_methods_new(nova_compute *compute);
/* The server that uses it must be gone. */
void nova_methods_free(nova_methods *methods);

/* Points into `methods'. */
nova_rpc_endpoint nova_methods_endpoint(const nova_methods *methods);
