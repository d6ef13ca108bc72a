/* SPDX-License-Identifier: Apache-2.0
 *
 * instance.h - one server (guest) as the database knows it, and the rules on its states.
 *
 * A value type: whoever holds a nova_instance owns it and everything in it; not shared between threads.
 */
#pragma once

#include "model/flow.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum nova_vm_state {
	NOVA_VM_BUILDING,
	NOVA_VM_ACTIVE,
	NOVA_VM_PAUSED,
	NOVA_VM_STOPPED,
	NOVA_VM_SUSPENDED, /* its memory is in a file of the operation `saved_operation' */
	NOVA_VM_RESIZED,   /* by the operation `resized_by'; waits to be confirmed or reverted */
	NOVA_VM_ERROR,
	NOVA_VM_DELETED,
	NOVA_VM__COUNT
} nova_vm_state;

/* Nova's numbers (nova/objects/fields.py InstancePowerState); they are on the API. */
typedef enum nova_power_state {
	NOVA_POWER_NOSTATE = 0,
	NOVA_POWER_RUNNING = 1,
	NOVA_POWER_PAUSED = 3,
	NOVA_POWER_SHUTDOWN = 4,
	NOVA_POWER_CRASHED = 6,
	NOVA_POWER_SUSPENDED = 7,
} nova_power_state;

typedef struct nova_address {
	char *network;  /* label, e.g. "private" */
	char *address;  /* text form of the IP */
	int version;    /* 4 or 6 */
	char *mac;      /* aa:bb:cc:dd:ee:ff */
	char *bridge;   /* on every compute host */
} nova_address;

typedef struct nova_instance {
	int64_t id;             /* internal; instance_name is instance-%08x of it */
	char *uuid;
	char *project_id, *user_id;
	char *name;             /* display_name */
	char *description;      /* NULL: none */
	char *hostname;
	nova_vm_state vm_state;
	nova_power_state power_state; /* as last observed */
	bool wanted_power;      /* the user wants it on; a host that stops never changes this */
	bool delete_requested;
	int64_t token;          /* ownership: +1 at every change of host; also in the domain's metadata */
	int host_id;            /* 0: none */
	char *host, *node;      /* names of the host; NULL: none */
	char *zone;             /* availability zone of the host, "" when none */
	bool host_up, host_disabled, host_forced_down; /* its host; up: lease valid and not forced down */
	char *server_group;     /* uuid; NULL: in none */
	/* the flavor as it was when the server was created */
	int64_t flavor_id;      /* integer row id of the flavor, also when it is deleted */
	char *flavorid, *flavor_name;
	int vcpus;
	int64_t memory_mb, root_gb, ephemeral_gb, swap_mb;
	char *extra_specs_json; /* "{}" when none */
	char *image_id;
	char *machine;          /* machine type, fixed at the first boot: guests keep it over moves; NULL before */
	char *metadata_json;    /* "{}" when none */
	char *tags_json;        /* "[]" when none */
	char *key_name, *user_data, *config_drive;
	char *reservation_id;
	int launch_index;
	char *access_ip_v4, *access_ip_v6;
	int64_t saved_operation; /* the suspend whose file holds the guest's memory; 0: none does */
	char *locked_by;        /* "owner" (its project) or "admin"; NULL: not locked */
	char *locked_reason;    /* NULL: none given */
	char *fault_message, *fault_details; /* NULL: no fault */
	int fault_code;
	int64_t fault_created_us;
	int64_t created_us, updated_us, launched_us, terminated_us, deleted_us; /* usec since 1970, 0: never */
	GPtrArray *addresses;   /* of nova_address, owned; never NULL */
	/* the active operation, if any: task_state and progress are views of it */
	bool busy;
	nova_op_kind op_kind;
	nova_op_state op_state;
	int64_t op_id;
	int progress;           /* percent of the active operation, 0..100 */
} nova_instance;

nova_instance *nova_instance_new(void);
void nova_instance_free(nova_instance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_instance, nova_instance_free)

nova_address *nova_address_new(const char *network, const char *address, int version, const char *mac,
			       const char *bridge);
void nova_address_free(nova_address *address);

const char *nova_vm_state_name(nova_vm_state state); /* "active", … as Nova spells it */
bool nova_vm_state_from_name(const char *name, nova_vm_state *ret);

/* The active operation's task_state; NULL when idle. */
const char *nova_instance_task_state(const nova_instance *instance);

/* Nova's server status ("ACTIVE", "MIGRATING", …), from vm_state and task_state. */
const char *nova_instance_status(nova_vm_state vm_state, const char *task_state);

/* "instance-0000002a", the name of the libvirt domain.  Caller frees. */
char *nova_instance_domain_name(int64_t id);

/* Whether an operation of `kind' may begin, or be recorded to begin later, on the server as it is: what the matrix says
 * (model/matrix.h).  False sets INSTANCE_STATE with Nova's wording, `action' being the API's action word:
 * "Cannot 'os-stop' instance UUID while it is in vm_state stopped". */
bool nova_instance_may_begin(const nova_instance *instance, nova_op_kind kind, const char *action,
			     GError **error);
/* The vm_states in which `kind' may begin, as a bit mask (1u << NOVA_VM_x). */
unsigned nova_op_kind_vm_states(nova_op_kind kind);
