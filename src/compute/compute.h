/* SPDX-License-Identifier: Apache-2.0
 *
 * compute.h - the parts of one nova-lite-compute, as main.c puts them together.
 *
 * Made by main.c before any thread starts; the pointers never change while threads run, and each part
 * says in its own header which threads may use it.  Parts come up in the order they are listed.
 */
#pragma once

#include "common/lockfile.h"
#include "common/service.h"
#include "compute/virt.h"
#include "db/db.h"
#include "rpc/bus.h"
#include "rpc/server.h"

typedef struct nova_lease nova_lease;
typedef struct nova_engine nova_engine;
typedef struct nova_reconciler nova_reconciler;
typedef struct nova_methods nova_methods;
typedef struct nova_proofs nova_proofs;

typedef struct nova_compute {
	nova_service *service;
	char *host;              /* [DEFAULT] host: our name */
	char *boot_id;
	char *fsid;              /* of the file system that instances_path must be, lower case */
	int storage_well;        /* atomic; what the last check of it has found: host_storage.h */
	bool was_slow;           /* lease thread: the last self-check was not answered in time */
	int locks_tried;         /* atomic; host_storage.c has looked whether file locks work there */
	nova_lockfile *lockfile;
	nova_virt *virt;
	nova_db *db;
	nova_bus *bus;
	nova_lease *lease;
	bool boot_changed;       /* the machine was booted since the daemon ran last */
	nova_proofs *proofs;
	nova_engine *engine;
	nova_reconciler *reconciler;
	nova_methods *methods;
	nova_rpc_server *server;
	struct nova_metrics_listener *metrics; /* NULL: not wanted */
} nova_compute;

/* The daemon's present configuration; a reference of the caller's. */
nova_conf *nova_compute_conf(const nova_compute *compute);

/* [libvirt] call_timeout in ms. */
int nova_compute_call_ms(const nova_conf *conf);
