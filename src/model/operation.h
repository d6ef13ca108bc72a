/* SPDX-License-Identifier: Apache-2.0
 *
 * operation.h - one row of `operations', as an actor holds it while it works on it.
 *
 * A value type; the holder owns it.  `seq' is the row's version: every committed change adds one, and
 * a write that names an old seq changes nothing.
 */
#pragma once

#include "model/flow.h"
#include "model/instance.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Why an operation cannot go on at the moment.  Nothing else ever blocks one. */
typedef enum nova_blocked {
	NOVA_BLOCKED_NO,
	NOVA_BLOCKED_SOURCE_UNREACHABLE,
	NOVA_BLOCKED_DEST_UNREACHABLE,
	NOVA_BLOCKED_HYPERVISOR,     /* libvirt or QEMU does not answer */
	NOVA_BLOCKED_STORAGE,
	NOVA_BLOCKED_FLIP_REFUSED,   /* the database refused the flip */
	NOVA_BLOCKED_FENCING,        /* waits for a host to be fenced */
	NOVA_BLOCKED__COUNT
} nova_blocked;

const char *nova_blocked_name(nova_blocked blocked); /* "source host unreachable", … ; NULL for NO */
bool nova_blocked_from_name(const char *name, nova_blocked *ret);

typedef struct nova_operation {
	int64_t id;              /* the integer migration id of the API */
	char *uuid;
	nova_op_kind kind;
	nova_op_state state;
	int seq;
	char *instance_uuid;
	char *project_id, *user_id, *request_id;
	int source_host_id, dest_host_id; /* 0: none (yet) */
	char *source_host, *dest_host;    /* names */
	char *source_node, *dest_node;
	char *source_address, *dest_address; /* migration_address of each */
	char *requested_host;    /* the user named a destination; NULL: any */
	int64_t owner_epoch;     /* epoch of the host that must act; 0 for the scheduler */
	bool abort_requested, force_requested;
	bool strict;             /* strict switchover */
	nova_power_state pre_power; /* the guest's state before the migration: paused stays paused */
	int attempts;            /* destinations tried */
	nova_blocked blocked;
	char *blocked_host;      /* whom it waits for; NULL */
	char *reason;            /* why it ended as it did, or why the last try failed; NULL */
	int64_t not_before_us;   /* nothing to do before this time; 0 */
	int64_t downtime_ms, total_ms; /* of a finished migration; -1: not known */
	int64_t created_us, changed_us, finished_us;
	/* latest progress, 0 where not known */
	int64_t memory_total, memory_processed, memory_remaining; /* bytes */
	int64_t disk_total, disk_processed, disk_remaining;
	int64_t rate, dirty_rate; /* bytes per second */
	int iteration, percent;
	/* flavor row ids for os-migrations */
	int64_t flavor_id;
	/* of a resize or its reverting; 0 and NULL for others */
	int64_t former_flavor_id, wanted_flavor_id;
	int wanted_vcpus;
	int64_t wanted_memory_mb, wanted_disk_gb;
	bool ran;                /* the guest ran before the resize: it runs after it */
	char *outcome;           /* of a finished resize: "reverting", "confirmed", "reverted"; NULL: none yet */
} nova_operation;

nova_operation *nova_operation_new(void);
void nova_operation_free(nova_operation *operation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_operation, nova_operation_free)

/* Who must act now, and that host's name (NULL for the scheduler or nobody). */
nova_op_actor nova_operation_actor(const nova_operation *operation);
const char *nova_operation_actor_host(const nova_operation *operation);
int nova_operation_actor_host_id(const nova_operation *operation);

/* One line of an operation's journal. */
typedef struct nova_journal_entry {
	int seq;
	int64_t at_us;
	char *host;             /* who wrote it; NULL: a controller service */
	char *actor;            /* "scheduler", "source", "dest", "api" */
	nova_op_state from, to; /* equal: a note, no change of state */
	char *message;          /* for people; NULL */
	char *evidence_json;    /* what was observed; NULL */
} nova_journal_entry;

void nova_journal_entry_free(nova_journal_entry *entry);
