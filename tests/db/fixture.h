/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - hosts, servers and operations for tests of the stores.  Every function fails the test when
 * something goes wrong.
 */
#pragma once

#include "pg_cluster.h"

#include "db/flavors.h"
#include "db/hosts.h"
#include "db/instances.h"
#include "db/operations.h"
#include "db/services.h"

#define FSID_SHARED "5b1c0c1e-3c7e-4b8e-9d6a-0a1b2c3d4e5f"

/* Fails the test with the error's text unless `good'. */
void must(bool good, GError **error);
/* MUST(nova_hosts_list(db, &list, &must_error)); */
#define MUST(call)                                     \
	do {                                           \
		g_autoptr(GError) must_error = NULL;   \
		must((call), &must_error);             \
	} while (0)

/* Fails the test unless `error' is set and this fault; clears it. */
void must_fault(GError **error, nova_fault fault);

/* Registers a host (uuid made of the name) and reports this capacity on the pool of FSID_SHARED. */
nova_fence fixture_host(nova_db *db, const char *name, int vcpus, int64_t memory_mb, int64_t pool_gb);
nova_fence fixture_register(nova_db *db, const char *name);
void fixture_report(nova_db *db, const nova_fence *fence, int vcpus, int64_t memory_mb, int64_t pool_gb);

/* A server of 1 vcpu, 512 MiB, 1 GiB; its build is requested.  Free with g_free(). */
char *fixture_server(nova_db *db, const char *name, int network_id, int64_t *ret_operation);

/* The same, built: active on that host. */
char *fixture_built(nova_db *db, const char *name, const nova_fence *host);

nova_operation *fixture_operation(nova_db *db, int64_t id);
nova_instance *fixture_instance(nova_db *db, const char *uuid);

/* Begins a live migration and takes it to this state (requested … migrating). */
nova_operation *fixture_migration(nova_db *db, const char *uuid, const nova_fence *source, const nova_fence *dest,
				  nova_op_state until);

/* From switched to done. */
void fixture_complete(nova_db *db, const nova_fence *source, nova_operation *op);

/* Fails unless, for every host and pool, the counters are the sums of the claims, and claims fit the
 * instances and operations there are. */
void fixture_audit(pg_cluster *cluster, const char *database);
