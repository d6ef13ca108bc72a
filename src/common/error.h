/* SPDX-License-Identifier: Apache-2.0
 *
 * error.h - the one way a function reports failure.
 *
 * A function that can fail returns bool, or a pointer that is NULL on failure, and takes
 * `GError **error' as its last parameter.  On failure it sets *error exactly once; on success it
 * leaves *error and every output parameter's old value alone.  Functions below the service layer
 * never log: the caller that decides what happens next does.  Allocation failure is not reported
 * here; it aborts the process.  Every text names the thing, the reason and, where a user can do
 * something, what to do.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum nova_fault {
#define FAULT(id, http, wire, retry) NOVA_FAULT_##id,
#include "common/fault.def"
#undef FAULT
	NOVA_FAULT__COUNT
} nova_fault;

#define NOVA_ERROR (nova_error_quark())
GQuark nova_error_quark(void);

/* Sets *error (when error is not NULL) and returns false, so that the exit stays visible where it
 * happens:	return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "no flavor '%s'", name);  */
bool nova_fail(GError **error, nova_fault fault, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The fault of an error; errors from other domains count as NOVA_FAULT_INTERNAL. */
nova_fault nova_error_fault(const GError *error);

/* True when error is set and carries this fault. */
bool nova_error_is(const GError *error, nova_fault fault);

unsigned nova_fault_http_status(nova_fault fault);
const char *nova_fault_wire_name(nova_fault fault);
bool nova_fault_is_retryable(nova_fault fault);

/* The fault named `wire_name' by a remote peer; INTERNAL when we do not know it. */
nova_fault nova_fault_from_wire_name(const char *wire_name);
