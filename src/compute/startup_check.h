/* SPDX-License-Identifier: Apache-2.0
 *
 * startup_check.h - what must be right on a host before it may take guests.
 *
 * Each wrong thing is named with the reason and what to do.  Its storage is host_storage.h's.  Main thread, at the
 * start.
 */
#pragma once

#include "compute/compute.h"

/* Combinations of options that libvirt or QEMU would refuse or misuse; pure. */
bool nova_startup_check_options(const nova_conf *conf, GError **error);

/* The host's name and the migration ports.  CONFIG: somebody must change something. */
bool nova_startup_check(const nova_compute *compute, GError **error);
