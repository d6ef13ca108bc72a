/* SPDX-License-Identifier: Apache-2.0
 *
 * placement.h - what is to be placed: one guest, its needs, and hosts that are out of the question.
 *
 * Pure value; borrowed strings live as long as the operation and instance they come from.
 */
#pragma once

#include "model/host.h"
#include "model/instance.h"
#include "model/operation.h"
#include "model/server_group.h"

typedef struct nova_placement {
	nova_op_kind kind;          /* NOVA_OP_BUILD, NOVA_OP_LIVE_MIGRATION or NOVA_OP_RESIZE */
	const char *instance_uuid;
	int vcpus;
	int64_t memory_mb, disk_gb;
	const char *machine;        /* machine type a running guest needs; NULL: not fixed yet */
	const nova_host *source;    /* of a migration or a resize; NULL for a build */
	bool same_host;             /* it may stay there */
	const char *requested_host; /* only this host; NULL: any */
	const nova_wishes *wishes;  /* zone and group; NULL: none */
} nova_placement;

/* `source' is the host the guest is on, or NULL. */
nova_placement nova_placement_of(const nova_operation *op, const nova_instance *instance,
				 const nova_host *source);
