/* SPDX-License-Identifier: Apache-2.0
 *
 * backup.h - the destination's daemon as the backup of a migration's source.
 *
 * The source's daemon makes the switch and records it.  When it dies, or its host does, two things may be left undone
 * that this host can do:
 *
 *	the guest is complete here and stands still: it is started.  The source must be known to be gone, by the
 *	word of its hypervisor; or QEMU's image lock, which this host has seen at work, decides who may run.
 *
 *	the guest runs here: the flip, once the source's lease has run out.  Host, token and claims change under
 *	this host's fence.  Before that the flip is the source's to record.
 *
 * What both hosts have is judged by nova_decide(), as the source judges it.  Thread: the reconciler's.
 */
#pragma once

#include "compute/compute.h"
#include "compute/virt.h"
#include "model/operation.h"

typedef struct nova_backup nova_backup;

nova_backup *nova_backup_new(nova_compute *compute);
void nova_backup_free(nova_backup *backup);

/* A pass begins with these active operations (NULL: not known); what was remembered of others is forgotten. */
void nova_backup_begin(nova_backup *backup, const GPtrArray *operations);

/* One migration in state migrating towards this host; `domain' is what the host has of the guest, or NULL. */
void nova_backup_look(nova_backup *backup, const nova_operation *op, const nova_virt_domain *domain);

/* A copy is complete and has not been started: look again in a fraction of a second. */
bool nova_backup_is_watching(const nova_backup *backup);
