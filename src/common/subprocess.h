/* SPDX-License-Identifier: Apache-2.0
 *
 * subprocess.h - run another program: no shell, a deadline, bounded output.
 *
 * For qemu-img and for looking at files that may hang (a dead NFS server): the caller waits no
 * longer than the deadline. The child gets /dev/null as input, no other descriptors, default
 * signals, LC_ALL=C and its own process group; at the deadline the whole group is killed.  A child
 * the kernel cannot end yet (stuck in I/O) is left to a thread that collects it.  Any thread.
 */
#pragma once

#include "common/deadline.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nova_subprocess {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	nova_deadline deadline;
	size_t max_output;	 /* bytes kept of each of stdout and stderr; 0: 64 KiB */
	int64_t max_memory_mb;	 /* address space, 0: no limit.  For programs that read files from strangers. */
	int64_t max_cpu_s;	 /* cpu seconds, 0: no limit */
	bool output_may_be_cut;	 /* else output beyond max_output kills the child and fails */
} nova_subprocess;

typedef struct nova_subprocess_result {
	int exit_status; /* of exit(3), or 128 + signal number */
	char *out, *err; /* NUL-terminated; free with nova_subprocess_result_done() */
	size_t out_length, err_length;
} nova_subprocess_result;

/* Runs it to its end.  True whatever its exit status is.  Fails with NOT_FOUND when the program
 * cannot be started, DEADLINE, TOO_LARGE for too much output, INTERNAL otherwise. */
bool nova_subprocess_run(const nova_subprocess *command, nova_subprocess_result *ret_result, GError **error);

/* Runs it and wants exit status 0: else INTERNAL with the program's name, status and the last line
 * of its stderr. `ret_out' (may be NULL) gets stdout; free with g_free(). */
bool nova_subprocess_check(const nova_subprocess *command, char **ret_out, GError **error);

void nova_subprocess_result_done(nova_subprocess_result *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(nova_subprocess_result, nova_subprocess_result_done)
