/* SPDX-License-Identifier: Apache-2.0
 *
 * startup_check.h - what must be right on a host before it may take guests.
 *
 * Each wrong thing is named with the reason and what to do.  What only limits the host (no shared
 * storage, no file locks) is a warning.  Main thread, at the start.
 */
#pragma once

#include "compute/compute.h"

/* Combinations of options that libvirt or QEMU would refuse or misuse; pure. */
bool nova_startup_check_options(const nova_conf *conf, GError **error);

/* The host's name, its instances_path and the migration ports; fills compute->fsid and locks_work.
 * CONFIG: somebody must change something.  STORAGE: it may come back by itself. */
bool nova_startup_check(nova_compute *compute, GError **error);
