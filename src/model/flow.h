/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.h - what an operation is, and the tables it walks through.
 *
 * Everything a user can ask for is one row in `operations'.  Each kind of operation is one constant
 * table of states: who acts in the state, which doorbell tells the actor, and what may follow.  The
 * compare-and-swap into a state commits before anything is done in it, so that whoever restarts can
 * continue from the row.  The API's task_state, migration status and instance action events are views
 * of these tables; so are the diagrams of `nova-lite-manage flow' and doc/flows.md.
 *
 * Pure: no I/O, no locks.  Everything here is constant and may be used from any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum nova_op_kind {
	NOVA_OP_BUILD,
	NOVA_OP_DELETE,
	NOVA_OP_START,
	NOVA_OP_STOP,
	NOVA_OP_REBOOT_SOFT,
	NOVA_OP_REBOOT_HARD,
	NOVA_OP_LIVE_MIGRATION,
	NOVA_OP_PAUSE,
	NOVA_OP_UNPAUSE,
	NOVA_OP_SUSPEND,
	NOVA_OP_RESUME,
	NOVA_OP_REBUILD,
	NOVA_OP_RESIZE,
	NOVA_OP_RESIZE_REVERT,
	NOVA_OP_LOCK, /* this and the next three are over in the transaction of their request */
	NOVA_OP_UNLOCK,
	NOVA_OP_RESET_STATE,
	NOVA_OP_RESIZE_CONFIRM,
	NOVA_OP__COUNT
} nova_op_kind;

typedef enum nova_op_state {
	NOVA_OPS_REQUESTED,  /* accepted; a scheduler (or the only host concerned) must take it up */
	NOVA_OPS_CLAIMED,    /* a destination's resources are claimed */
	NOVA_OPS_CHECKED,    /* the destination has agreed; waits for a slot on both hosts */
	NOVA_OPS_PREPARING,  /* the destination makes ready what the guest needs there */
	NOVA_OPS_PREPARED,   /* the source looks once more before it starts to copy */
	NOVA_OPS_MIGRATING,  /* the permit: only source and destination may own the guest until the end */
	NOVA_OPS_SWITCHED,   /* committed: the destination owns the guest */
	NOVA_OPS_CLEANING,   /* the source removes what it still has of the guest */
	NOVA_OPS_ROLLBACK,   /* the guest stays on the source; the destination is emptied */
	NOVA_OPS_SPAWNING,   /* build: disk, domain; rebuild: domain */
	NOVA_OPS_UNDOING,    /* build: removes what a failed try has made */
	NOVA_OPS_DELETING,
	NOVA_OPS_STARTING,
	NOVA_OPS_STOPPING,
	NOVA_OPS_REBOOTING,
	NOVA_OPS_REBOOTING_HARD,
	NOVA_OPS_PAUSING,
	NOVA_OPS_UNPAUSING,
	NOVA_OPS_SUSPENDING,
	NOVA_OPS_RESUMING,
	NOVA_OPS_REBUILDING, /* rebuild: a new disk is made beside the old one */
	NOVA_OPS_REPLACING,  /* rebuild: it takes the old one's place */
	/* terminal states: the row never changes again */
	NOVA_OPS_DONE,
	NOVA_OPS_FAILED,
	NOVA_OPS_CANCELLED,
	NOVA_OPS_ERROR,
	NOVA_OPS__COUNT
} nova_op_state;

/* Who must act in a state.  SOURCE is operations.source_host (for one-host operations: the instance's
 * host), DEST is operations.dest_host. */
typedef enum nova_op_actor {
	NOVA_ACTOR_NONE,
	NOVA_ACTOR_SCHEDULER,
	NOVA_ACTOR_SOURCE,
	NOVA_ACTOR_DEST,
	NOVA_ACTOR__COUNT
} nova_op_actor;

enum {
	NOVA_FLOW_PERMIT = 1 << 0, /* the guest may be on either host: nothing else may start it */
	NOVA_FLOW_TERMINAL = 1 << 1,
};

#define NOVA_OPS_BIT(s) (1u << NOVA_OPS_##s)

typedef struct nova_flow_row {
	nova_op_state state;
	nova_op_actor actor;
	const char *doorbell;   /* method in namespace nova_lite that wakes the actor; NULL: nobody */
	const char *status;     /* what Nova calls a migration in this state; NULL for other kinds */
	const char *task_state; /* the instance's task_state meanwhile; NULL in terminal states */
	const char *event;      /* instance action event that covers this state; NULL: none */
	unsigned next;          /* NOVA_OPS_BIT of every state that may follow */
	unsigned flags;
	const char *doc;        /* one line for people */
} nova_flow_row;

typedef struct nova_flow {
	nova_op_kind kind;
	const char *action;       /* Nova's instance action word: create, live-migration, … */
	const char *doc;
	const nova_flow_row *rows; /* ends with a row whose doc is NULL; the first is the initial state */
} nova_flow;

/* The table of a kind; never NULL. */
const nova_flow *nova_flow_of(nova_op_kind kind);

/* The row of a state in a kind's table; NULL when the kind has no such state. */
const nova_flow_row *nova_flow_row_of(nova_op_kind kind, nova_op_state state);

bool nova_flow_may_follow(nova_op_kind kind, nova_op_state from, nova_op_state to);
bool nova_op_state_is_terminal(nova_op_state state);

/* A resize or the reverting of one: the guest, switched off, changes its flavor, and its host maybe. */
bool nova_op_kind_resizes(nova_op_kind kind);

/* Names as stored in the database (`live-migration', `migrating', `source', …).  The *_from_name
 * functions return false for a name they do not know and then leave *ret alone. */
const char *nova_op_kind_name(nova_op_kind kind);
const char *nova_op_state_name(nova_op_state state);
const char *nova_op_actor_name(nova_op_actor actor);
bool nova_op_kind_from_name(const char *name, nova_op_kind *ret);
bool nova_op_state_from_name(const char *name, nova_op_state *ret);

/* A kind's table as a Mermaid state diagram, for people.  Caller frees. */
char *nova_flow_mermaid(nova_op_kind kind);
