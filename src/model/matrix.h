/* SPDX-License-Identifier: Apache-2.0
 *
 * matrix.h - what becomes of a request about a server: the operation x state matrix, as one table.
 *
 * A request meets a server that is idle (then its vm_state decides) or one on which an operation works (then
 * the kind and state of that operation decide).  The API asks this table what to answer and the database layer
 * in which states a flag may be written; the actors of an operation ask it whether a flag in the row ends the
 * operation in the state it is in.  `nova-lite-manage flow requests' prints it (doc/requests.md).
 *
 * Flags live in the operation's row and survive every restart: abort_requested (an abort, or a delete that ends
 * the operation), force_requested; and in the instance's row: delete_requested.
 *
 * Pure and constant; any thread.
 */
#pragma once

#include "model/instance.h"
#include "model/operation.h"

typedef enum nova_ask {
	NOVA_ASK_NONE, /* not about the server's operations */
	NOVA_ASK_ABORT,
	NOVA_ASK_FORCE_COMPLETE,
	NOVA_ASK_DELETE,
	NOVA_ASK_START,
	NOVA_ASK_STOP,
	NOVA_ASK_REBOOT_SOFT,
	NOVA_ASK_REBOOT_HARD,
	NOVA_ASK_LIVE_MIGRATE,
	NOVA_ASK_PAUSE,
	NOVA_ASK_UNPAUSE,
	NOVA_ASK_SUSPEND,
	NOVA_ASK_RESUME,
	NOVA_ASK_RESIZE,
	NOVA_ASK_MIGRATE,
	NOVA_ASK_REBUILD,
	NOVA_ASK_EVACUATE,
	NOVA_ASK_LOCK,
	NOVA_ASK_UNLOCK,
	NOVA_ASK_RESET_STATE,
	NOVA_ASK_CONFIRM_RESIZE,
	NOVA_ASK_REVERT_RESIZE,
	NOVA_ASK__COUNT
} nova_ask;

typedef enum nova_answer {
	NOVA_ANSWER_BEGINS,       /* idle: an operation of this kind begins */
	NOVA_ANSWER_ENDS,         /* flag: whoever acts next ends the operation, nothing was touched */
	NOVA_ANSWER_TURNS_BACK,   /* flag: what was begun is undone, then the operation ends */
	NOVA_ANSWER_HURRIES,      /* flag: the copy is made to finish */
	NOVA_ANSWER_WAITS,        /* recorded: begins when the operation has ended */
	NOVA_ANSWER_JOINS,        /* what was asked for is under way already */
	NOVA_ANSWER_BUSY,         /* 409: an operation works on the server */
	NOVA_ANSWER_STATE,        /* 409: the server's vm_state does not allow it */
	NOVA_ANSWER_NO_MIGRATION, /* 409: no live migration is in progress */
	NOVA_ANSWER_TOO_EARLY,    /* 400 */
	NOVA_ANSWER_TOO_LATE,     /* 400 */
	NOVA_ANSWER_NOT_BUILT,    /* 501: not in this version */
	NOVA_ANSWER_AT_ONCE,      /* done in the transaction of the request, beside whatever works on the server */
	NOVA_ANSWER__COUNT
} nova_answer;

typedef struct nova_cell {
	nova_answer answer;
	const char *doc; /* what happens or why not, a clause for people; NULL: the answer says it all */
} nova_cell;

const char *nova_ask_name(nova_ask ask);          /* "abort", "reboot hard", … */
nova_ask nova_ask_of_kind(nova_op_kind kind);     /* what begins it; NONE for a build */
unsigned nova_ask_accepted_status(nova_ask ask);  /* HTTP status when it is accepted */
const char *nova_answer_name(nova_answer answer); /* "ends", "too late", … */

/* A server on which an operation of this kind is in this state; total. */
nova_cell nova_matrix_busy(nova_ask ask, nova_op_kind kind, nova_op_state state);
/* A server without an operation; total. */
nova_cell nova_matrix_idle(nova_ask ask, nova_vm_state vm_state);

/* Whether a flag written into the row of an operation ends it in this state. */
bool nova_answer_ends(nova_answer answer);

/* What an actor asks before it goes on: do the flags of this operation, and a delete of its server, end it in the
 * state it is in? */
bool nova_operation_is_unwanted(const nova_operation *operation, bool delete_requested);

/* "kind/state" of every cell of an ask in which it writes a flag into the operation's row (it ends or hurries
 * the operation), NULL-terminated.  Free with g_strfreev(). */
char **nova_matrix_flag_states(nova_ask ask);

/* What the refusal of a cell says, in Nova's wording; members that the answer does not name may be NULL. */
typedef struct nova_refusal_facts {
	const char *instance_uuid;
	const char *action;   /* the API's word; NULL: the ask's own */
	const char *task_state;
	nova_vm_state vm_state;
	int64_t migration;
	const char *status;   /* Nova's word for the migration's state */
} nova_refusal_facts;

/* True when the cell accepts; else false and the error the user gets. */
bool nova_cell_check(nova_ask ask, nova_cell cell, const nova_refusal_facts *facts, GError **error);

/* The table as Markdown.  Caller frees. */
char *nova_matrix_markdown(void);
