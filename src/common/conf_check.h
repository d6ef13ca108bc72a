/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_check.h - options that are each in range but make no sense together.
 *
 * nova_conf_load() and nova_conf_reload() call this last.  Rules that need libvirt's or QEMU's
 * knowledge (live_migration_flag) are not here.
 */
#pragma once

#include "common/conf.h"

/* Adds one line to `problems' (char *, owned by the array) for every rule that is broken. */
void nova_conf_check(const nova_conf *conf, GPtrArray *problems);
