/* SPDX-License-Identifier: Apache-2.0
 *
 * lockfile.h - at most one process of a kind on a machine.
 *
 * The lock is the kernel's (flock) and goes with the process, however it ends; the file stays and
 * holds the pid of the last holder, for people.
 */
#pragma once

#include <glib.h>

typedef struct nova_lockfile nova_lockfile;

/* NULL and CONFLICT when another process holds it (the text names its pid), CONFIG when it cannot
 * be opened. */
nova_lockfile *nova_lockfile_take(const char *path, GError **error);

void nova_lockfile_free(nova_lockfile *lockfile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_lockfile, nova_lockfile_free)
