/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_point.h - places where a test can make a daemon die, hang or fail.
 *
 *	if (!nova_fault_point("compute:prepare", error))
 *		return false;
 *
 * Inert unless the environment variable NOVA_LITE_FAULT names the point:
 *	NOVA_LITE_FAULT="POINT=ACTION[:WHEN][,...]"
 * ACTION is exit (the process ends at once, as if killed), stop (as by SIGSTOP), sleep(MS), error
 * (the call fails with INTERNAL) or hold(FILE): makes FILE and waits until somebody removes it, while
 * the rest of the process goes on.  Where a message passes, drop loses it and dup doubles it.
 * WHEN is N (only the N-th passing), N-M, N- or P% (by chance); left out it is every passing.
 * Example: the first 29 preparations fail, and the process dies before the flip:
 *	NOVA_LITE_FAULT="compute:prepare=error:1-29,compute:flip=exit"
 * For tests only: a service that starts with it says so in its log.  Any thread; passings are
 * counted for the process.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* True: go on.  False only for the action error. */
bool nova_fault_point(const char *name, GError **error);

/* The same where nothing can fail: error is ignored. */
void nova_fault_point_pass(const char *name);

/* Where a message passes: how many of it go on, 0, 1 or 2. */
unsigned nova_fault_point_copies(const char *name);

/* Every point there is, sorted, NULL at the end; made from the sources by tools/fault-points. */
extern const char *const nova_fault_point_names[];

/* Reads the variable; fails (CONFIG) when it is malformed or names a point that does not exist, in which
 * case no point is armed. Services call it first, so that a misspelled one does not go unnoticed. */
bool nova_fault_points_check(bool *ret_armed, GError **error);

/* For tests: arm these points (NULL: none) instead of the environment's and start counting anew. */
bool nova_fault_points_set(const char *spec, GError **error);
