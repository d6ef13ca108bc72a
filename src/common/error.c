/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

#include <stdarg.h>
#include <string.h>

static const struct fault_row {
	unsigned http;
	const char *wire;
	bool retry;
} faults[] = {
#define FAULT(id, http, wire, retry) [NOVA_FAULT_##id] = { http, wire, retry },
#include "common/fault.def"
#undef FAULT
};
G_STATIC_ASSERT(G_N_ELEMENTS(faults) == NOVA_FAULT__COUNT);

G_DEFINE_QUARK(nova-error-quark, nova_error)

bool nova_fail(GError **error, nova_fault fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(NOVA_ERROR, (int)fault, format, args);
	va_end(args);
	return false;
}

nova_fault nova_error_fault(const GError *error)
{
	if (!error || error->domain != NOVA_ERROR || error->code < 0 || error->code >= NOVA_FAULT__COUNT)
		return NOVA_FAULT_INTERNAL;
	return (nova_fault)error->code;
}

bool nova_error_is(const GError *error, nova_fault fault)
{
	return error && error->domain == NOVA_ERROR && error->code == (int)fault;
}

unsigned nova_fault_http_status(nova_fault fault)
{
	return faults[fault].http;
}

const char *nova_fault_wire_name(nova_fault fault)
{
	return faults[fault].wire;
}

bool nova_fault_is_retryable(nova_fault fault)
{
	return faults[fault].retry;
}

nova_fault nova_fault_from_wire_name(const char *wire_name)
{
	for (size_t i = 0; wire_name && i < NOVA_FAULT__COUNT; i++)
		if (strcmp(faults[i].wire, wire_name) == 0)
			return (nova_fault)i;
	return NOVA_FAULT_INTERNAL;
}
