/* SPDX-License-Identifier: Apache-2.0
 *
 * host_storage.h - the file system this host's guests live on: which one it must be, and whether it works.
 *
 * A directory that is not mounted looks like an empty file system that works.  So the identity of the file
 * system (storage.h) is recorded with the host, and instances_path works only while it is that one.  A
 * host that is known keeps its identity: one that was started while its storage was not there comes up,
 * says so, and is well as soon as it is mounted.  It takes up another identity only while no guest is
 * at home on it, and never makes one.
 */
#pragma once

#include "compute/compute.h"
#include "compute/storage.h"

/* At the start, with the database up: fills compute->fsid.  Main thread.  STORAGE: only of a host that is new. */
bool nova_host_storage_open(nova_compute *compute, GError **error);

/* How long a check may take: one before work that would be refused for nothing if the storage is only slow. */
#define NOVA_HOST_STORAGE_MS 5000

/* That instances_path works and is this host's file system.  STORAGE, with a text that says what to do.  `ret' may
 * be NULL.  Any thread. */
bool nova_host_storage_check(nova_compute *compute, nova_storage_view *ret, int deadline_ms, GError **error);

/* What the last check has found; asks nobody.  For work that can wait.  Any thread. */
bool nova_host_storage_was_well(nova_compute *compute);
