/* SPDX-License-Identifier: Apache-2.0
 *
 * operations.h - operations: begin, read, and every way one moves on.  Each function is one transaction.
 * Any thread; see db.h for general faults.
 *
 * Moving on: the caller holds a nova_operation as it read it.  A write names its id, seq and state; when
 * the row has changed since, nothing happens and the fault is STALE (read it again).  Writes of a compute
 * service carry its fence: FENCED when its epoch is old, its lease has run out, or it is not the owner.
 * On success the function updates `op' in place to what was committed (state, seq, hosts …), so that the
 * caller can go on and ring the next actor's doorbell.  A transition the flow table does not allow is
 * INTERNAL and changes nothing.  Each change writes one journal row (message, evidence as JSON text; both
 * may be NULL).
 *
 * The owner after a change is the actor of the new state by the flow table: owner_host_id is that host
 * and owner_epoch its present epoch.
 */
#pragma once

#include "db/db.h"
#include "db/instances.h"
#include "model/flavor.h"
#include "model/operation.h"

/* ---- begin and read ---- */

/* What a rebuild makes of its server; NULL leaves a member as it is, unless its flag is set. */
typedef struct nova_rebuild {
	const char *image_id;          /* required */
	const char *name, *metadata_json, *access_ip_v4, *access_ip_v6;
	bool set_description, set_key, set_user_data;
	const char *description, *key_name, *key_data, *user_data;
} nova_rebuild;

typedef struct nova_op_request {
	nova_op_kind kind;             /* any but BUILD and DELETE */
	const char *instance_uuid;
	const char *project_id;        /* NULL: of any project */
	const char *action;            /* API word, for the error text */
	const char *requested_host;    /* live migration: NULL any */
	bool strict;
	const nova_flavor *flavor;     /* of a resize: the new one; borrowed */
	const nova_quotas *quotas;     /* of a resize and its reverting: the configuration's; NULL: nobody counts */
	const nova_rebuild *rebuild;   /* of a rebuild: written in the same transaction; borrowed */
	nova_requester by;
} nova_op_request;

/* Begins an operation if the instance's state allows it (see nova_instance_may_begin).  source_host is
 * the instance's host.  INSTANCE_NOT_FOUND, INSTANCE_STATE (wrong state or busy). */
nova_operation *nova_operations_begin(nova_db *db, const nova_op_request *request, GError **error);

/* NULL with no error: no such operation.  Host names, addresses and progress are filled in. */
nova_operation *nova_operations_find(nova_db *db, int64_t id, GError **error);

nova_operation *nova_operations_find_by_uuid(nova_db *db, const char *uuid, GError **error);

/* The active operation of an instance; NULL with no error: idle. */
nova_operation *nova_operations_find_active(nova_db *db, const char *instance_uuid, GError **error);

/* Active operations that a host must act on now: it is the owner, not_before has passed.
 * *ret: of nova_operation. */
bool nova_operations_of_host(nova_db *db, int host_id, GPtrArray **ret, GError **error);
/* Every active operation in which a host takes part as source or destination. */
bool nova_operations_involving_host(nova_db *db, int host_id, GPtrArray **ret, GError **error);
/* Those that wait for a scheduler. */
bool nova_operations_for_scheduler(nova_db *db, int limit, GPtrArray **ret, GError **error);

/* Those whose owner's lease has run out, with an id above `after', in the order of ids.  A hint. */
bool nova_operations_of_absent(nova_db *db, int64_t after, int limit, GPtrArray **ret, GError **error);
/* In how many ms the next lease runs out on which an active operation depends, if it is not renewed; -1: none. */
bool nova_operations_next_lapse(nova_db *db, int64_t *ret_ms, GError **error);

typedef struct nova_operation_query {
	const char *instance_uuid, *host, *source_host, *project_id, *user_id, *request_id;
	const char *status;            /* Nova's migration status */
	const char *migration_type;    /* Nova's: live-migration, resize; NULL: any */
	bool migrations_only;          /* kinds Nova lists as migrations */
	bool active_only;
	int64_t changes_since_us, changes_before_us;
	const char *marker;            /* operation uuid */
	int limit;
} nova_operation_query;
/* Newest first. */
bool nova_operations_list(nova_db *db, const nova_operation_query *query, GPtrArray **ret, GError **error);

/* *ret: of nova_journal_entry, oldest first. */
bool nova_operations_journal(nova_db *db, int64_t id, GPtrArray **ret, GError **error);

/* Ms since the operation was last moved into `state', by the database's clock.  False with no error: it never was. */
bool nova_operations_age_ms(nova_db *db, int64_t id, nova_op_state state, int64_t *ret, GError **error);

/* ---- wishes: flags in the row, honoured by whoever works on it ---- */

/* MIGRATION_NOT_FOUND; MIGRATION_STATE when it is finished or past the switch ("too late"). */
bool nova_operations_request_abort(nova_db *db, const char *instance_uuid, int64_t id, GError **error);
bool nova_operations_request_force(nova_db *db, const char *instance_uuid, int64_t id, GError **error);

/* ---- moving on ----
 *
 * Without a fence a scheduler writes: to a row that waits for a scheduler, or, for a note, a refusal or a
 * cancellation, in place of the host that must act.  The statement itself then proves that this host's lease has run
 * out; FENCED while it has not.
 */

/* The plain step: from op->state to `to', nothing else changes. */
bool nova_operations_advance(nova_db *db, const nova_fence *fence, nova_operation *op, nova_op_state to,
			     const char *message, const char *evidence, GError **error);

/* A note in the journal and, if given, a blocked reason shown to users (NOVA_BLOCKED_NO clears it);
 * the state stays.  not_before_ms: come back after that many ms (0: at once). */
bool nova_operations_note(nova_db *db, const nova_fence *fence, nova_operation *op, nova_blocked blocked,
			  const char *blocked_host, int not_before_ms, const char *message, const char *evidence,
			  GError **error);

/* requested -> claimed (scheduler): books vcpus, memory (and for a build the disk on the host's pool) on
 * the host, sets dest_host.  The booking re-checks in its WHERE: lease valid, not disabled, not forced
 * down, storage ok, room, and the policy of its server group.  *ret_taken false: the host will not do any more, nothing
 * changed, take the next.  `trace' is the decision as JSON text. */
bool nova_operations_claim(nova_db *db, nova_operation *op, int dest_host_id, const char *trace,
			   bool *ret_taken, GError **error);

/* requested -> error (scheduler): nothing fits.  For a build the instance becomes vm_state error with
 * this fault; a migration leaves its guest as it is. */
bool nova_operations_no_valid_host(nova_db *db, nova_operation *op, const char *reason, const char *trace,
				   GError **error);

/* Hosts this operation has already tried in vain, as nova_attempt. */
typedef struct nova_attempt {
	int host_id;
	char *host, *reason;
} nova_attempt;
void nova_attempt_free(nova_attempt *attempt);
bool nova_operations_attempts(nova_db *db, int64_t id, GPtrArray **ret, GError **error);

/* claimed|checked|preparing -> requested: the destination refused.  Releases its claim (and slots), notes
 * the host as tried.  Live migration: only while the guest has not been touched. */
bool nova_operations_refuse(nova_db *db, const nova_fence *fence, nova_operation *op, const char *reason,
			    const char *evidence, GError **error);

/* checked -> preparing: takes a slot on both hosts (rows locked in id order).  *ret_taken false: one of
 * them is full; nothing changed; *ret_why (caller frees) says which. */
bool nova_operations_take_slots(nova_db *db, const nova_fence *fence, nova_operation *op, bool *ret_taken,
				char **ret_why, GError **error);

/* For a migration in state checked: how many older ones, that wait for a slot of the same hosts and could have it, must
 * take theirs before it is this one's turn; 0: it may try. */
bool nova_operations_slots_ahead(nova_db *db, int64_t id, int *ret_ahead, GError **error);

/* Takes the slots from up to `limit' migrations that have been blocked for this long, so that others need not wait for
 * what they wait for.  They go on without, and for a while there is one more than max_migrations.
 * *ret_ids: of int64_t, theirs; caller frees. */
bool nova_operations_free_stuck_slots(nova_db *db, int seconds, int limit, GArray **ret_ids, GError **error);

/* prepared -> migrating, the permit: only while no abort and no delete is requested; records pre_power.
 * *ret_granted false: an abort or delete came first, nothing changed. */
bool nova_operations_permit(nova_db *db, const nova_fence *fence, nova_operation *op,
			    nova_power_state pre_power, const char *evidence, bool *ret_granted,
			    GError **error);

/* migrating -> switched, the flip: instance.host = dest, token + 1, claims H->O then I->H, power_state,
 * downtime.  Safe to repeat: when it was already committed (STALE and the row says switched) the caller
 * reads it again and goes on. */
bool nova_operations_flip(nova_db *db, const nova_fence *fence, nova_operation *op, int64_t downtime_ms,
			  const char *evidence, GError **error);

/* The same by the destination, whose fence it is, in place of a source whose lease has run out: the caller has seen the
 * guest run there and be this operation's.  The operation then waits for the source, blocked.  FENCED while the
 * source's lease is valid. */
bool nova_operations_flip_by_dest(nova_db *db, const nova_fence *fence, nova_operation *op, const char *evidence,
				  GError **error);

/* Any state -> terminal.  Releases what the operation holds: the incoming claim (failed, cancelled,
 * error), the outgoing claim (done after a flip), slots, and begins the waiting delete operation if one
 * was requested (*ret_delete: its id, else 0; may be NULL).  What happens to the instance is `outcome'. */
typedef struct nova_op_outcome {
	nova_op_state state;           /* terminal */
	const char *reason;            /* required unless DONE */
	bool set_vm_state;             /* else vm_state stays */
	nova_vm_state vm_state;
	bool set_power;
	nova_power_state power_state;
	bool set_wanted_power, wanted_power;
	bool launched;                 /* sets launched_at, first time only */
	bool release_home;             /* build failed before anything runs: claims, host and disk claim go */
	bool image_back;               /* rebuild: the disk is the old one, and so is the image again */
	bool deleted;                  /* delete done: deleted_at, addresses, every claim, host go */
	int fault_code;                /* 0: clears the instance's fault when DONE, else leaves it */
	const char *fault_message, *fault_details;
	int64_t total_ms;              /* -1: not known */
} nova_op_outcome;
bool nova_operations_finish(nova_db *db, const nova_fence *fence, nova_operation *op,
			    const nova_op_outcome *outcome, const char *evidence, int64_t *ret_delete,
			    GError **error);

/* spawning: records the machine type the guest was first started with and that the host is its home. */
bool nova_operations_set_machine(nova_db *db, const nova_fence *fence, const nova_operation *op,
				 const char *machine, GError **error);

/* Progress of a running copy: unlogged, unfenced in seq (only fence), cheap. */
typedef struct nova_progress {
	int64_t memory_total, memory_processed, memory_remaining; /* bytes */
	int64_t disk_total, disk_processed, disk_remaining;
	int percent, iteration;
	int64_t dirty_rate, rate;      /* bytes per second */
	int64_t expected_downtime_ms;
} nova_progress;
bool nova_operations_progress(nova_db *db, const nova_fence *fence, int64_t id, const nova_progress *progress,
			      GError **error);
