/* SPDX-License-Identifier: Apache-2.0
 *
 * probe.h - a little work in a child process, for system calls that may never return.
 *
 * The child is forked from a process with threads: work() may only make system calls (async-signal-safe
 * functions), on what it is given.  It has no descriptors but 0 to 2.  Any thread.
 */
#pragma once

#include "common/error.h"

#include <stddef.h>

/* What went wrong where; part of every result. */
typedef struct nova_probe_outcome {
	int error;                  /* errno; 0: all is well */
	int step;                   /* of work()'s own numbering */
} nova_probe_outcome;

/* Fills *result (zeroed, result_size bytes, at most 1 KiB) and returns how it went. */
typedef nova_probe_outcome (*nova_probe_work)(const void *args, void *result);

/* Runs work(args) in a child.  True: it came back; *ret_outcome and *result say with what.  False (STORAGE): "WHAT
 * does not answer", the child was killed or, where even that does not help, left behind; or there is
 * no child to be had. */
bool nova_probe_run(nova_probe_work work, const void *args, void *result, size_t result_size, const char *what,
		    int deadline_ms, nova_probe_outcome *ret_outcome, GError **error);

/* Children left behind that still hang. */
unsigned nova_probe_stuck(void);
