/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/failure.h"

#include "common/error.h"
#include "common/json.h"

#include <string.h>

/* Python adds its traceback.  More than this is not looked into: parsing takes up to a hundred times
 * the memory of the text. */
enum { MAX_FAILURE = 256 * 1024 };

/* Where Python finds the classes that are not in nova.exception. */
static const char *module_of(nova_fault fault)
{
	switch (fault) {
	case NOVA_FAULT_NO_SUCH_METHOD:
	case NOVA_FAULT_UNSUPPORTED_VERSION:
		return "oslo_messaging.rpc.dispatcher";
	case NOVA_FAULT_MESSAGING:
	case NOVA_FAULT_MESSAGING_TIMEOUT:
	case NOVA_FAULT_UNDELIVERABLE:
		return "oslo_messaging.exceptions";
	case NOVA_FAULT_DATABASE:
	case NOVA_FAULT_DATABASE_CONFLICT:
		return "oslo_db.exception";
	case NOVA_FAULT_NOT_IMPLEMENTED:
		return "builtins";
	default:
		return "nova.exception";
	}
}

/* At most NOVA_FAILURE_MAX_TEXT bytes of valid UTF-8. */
static char *clean_text(const char *text)
{
	return g_utf8_make_valid(text, (gssize)strnlen(text, NOVA_FAILURE_MAX_TEXT));
}

char *nova_failure_encode(const GError *error)
{
	nova_fault fault = nova_error_fault(error);
	g_autoptr(json_object) object = json_object_new_object();
	json_object *args = json_object_new_array();
	g_autofree char *text = clean_text(error->message);

	json_object_array_add(args, json_object_new_string(text));
	nova_json_add_str(object, "class", nova_fault_wire_name(fault));
	nova_json_add_str(object, "module", module_of(fault));
	nova_json_add_str(object, "message", text);
	nova_json_add(object, "tb", json_object_new_array());
	nova_json_add(object, "args", args);
	nova_json_add(object, "kwargs", json_object_new_object());
	return nova_json_dup_text(object, NULL);
}

GError *nova_failure_decode(const char *text, unsigned max_depth)
{
	size_t length = strlen(text);
	g_autoptr(json_object) object = length <= MAX_FAILURE ? nova_json_parse(text, length, max_depth, NULL) : NULL;
	g_autofree char *shown = NULL;
	const char *class, *message;
	GError *error = NULL;
	nova_fault fault;

	if (!object || !nova_json_get_str(object, "class", &class, NULL) ||
	    !nova_json_opt_str(object, "message", "", &message, NULL)) {
		nova_fail(&error, NOVA_FAULT_INTERNAL, "the peer failed and its error could not be read");
		return error;
	}
	shown = clean_text(message);
	fault = nova_fault_from_wire_name(class);
	if (fault != NOVA_FAULT_INTERNAL || strcmp(class, nova_fault_wire_name(fault)) == 0)
		nova_fail(&error, fault, "%s", shown);
	else
		nova_fail(&error, fault, "%.128s: %s", class, shown);
	return error;
}
