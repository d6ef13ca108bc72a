/* SPDX-License-Identifier: Apache-2.0
 *
 * offload.h - calls that may never come back, made so that their caller does.
 *
 * libvirt calls and file operations have no deadline of their own.  Each runs on a thread of a pool; a
 * caller whose deadline passes goes away, the thread stays until the call returns and is counted as stuck.
 *
 * `args' is an atomic reference counted box (g_atomic_rc_box_new0()): caller and thread hold a reference
 * each, so that an abandoned call still has what it works on.  The caller may look into it only when the
 * call was not abandoned.  Any thread.
 */
#pragma once

#include "common/deadline.h"
#include "common/error.h"

typedef bool (*nova_offload_work)(void *args, GError **error);

/* Calls that are counted and limited together. */
typedef struct nova_offload_group {
	const char *what;           /* for errors: "storage" */
	nova_fault fault;           /* of a call that does not come back */
	unsigned max_stuck;         /* with so many stuck, further calls fail at once */
	unsigned stuck;             /* atomic */
} nova_offload_group;

typedef struct nova_offload_call {
	nova_offload_group *group;  /* lives for ever */
	const char *who;            /* what does not answer, for errors: "libvirt of HostB" */
	nova_offload_work work;     /* on the pool's thread */
	void (*late)(void *args);   /* NULL, or: an abandoned call came back; on the pool's thread */
	void *args;
	GDestroyNotify clear;       /* what is in args, when the last reference goes; may be NULL */
} nova_offload_call;

/* Runs it.  False: work's error, or, with *ret_abandoned (may be NULL) true, group->fault with text "... does not
 * answer". */
bool nova_offload_run(const nova_offload_call *call, nova_deadline deadline, bool *ret_abandoned, GError **error);

/* Runs it without waiting for it; takes over the caller's reference to args.  Its error goes nowhere. */
void nova_offload_start(const nova_offload_call *call);

unsigned nova_offload_stuck(const nova_offload_group *group);

/* For work(): its caller is gone, so nothing more should be begun. */
bool nova_offload_is_abandoned(void);
