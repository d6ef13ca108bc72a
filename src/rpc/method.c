/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/method.h"

#include <json-c/json.h>
#include <string.h>

static bool parse_number(const char **text, unsigned *ret_number)
{
	unsigned number = 0;
	const char *p = *text;

	if (!g_ascii_isdigit(*p))
		return false;
	for (; g_ascii_isdigit(*p); p++) {
		if (number > 99999)
			return false;
		number = number * 10 + (unsigned)(*p - '0');
	}
	*text = p;
	*ret_number = number;
	return true;
}

bool nova_rpc_version_parse(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	unsigned major, minor;

	if (!parse_number(&text, &major) || *text++ != '.' || !parse_number(&text, &minor) || *text)
		return false;
	*ret_major = major;
	*ret_minor = minor;
	return true;
}

static const nova_rpc_method *find_row(const nova_rpc_method *methods, const char *name)
{
	if (name[0] == '_')
		return NULL;
	for (const nova_rpc_method *m = methods; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

const nova_rpc_method *nova_rpc_method_find(const nova_rpc_endpoint *endpoints, size_t n_endpoints,
					    const char *namespace_, const char *version, const char *name,
					    const nova_rpc_endpoint **ret_endpoint, GError **error)
{
	unsigned major, minor;
	bool fits = false;

	if (!version)
		version = "1.0";
	if (!nova_rpc_version_parse(version, &major, &minor)) {
		nova_fail(error, NOVA_FAULT_UNSUPPORTED_VERSION, "'%s' is no interface version", version);
		return NULL;
	}
	for (size_t i = 0; i < n_endpoints; i++) {
		const nova_rpc_endpoint *endpoint = &endpoints[i];
		const nova_rpc_method *method;

		if (g_strcmp0(endpoint->namespace_, namespace_) != 0 || endpoint->major != major ||
		    minor > endpoint->minor)
			continue;
		fits = true;
		method = find_row(endpoint->methods, name);
		if (method && method->since <= minor) {
			*ret_endpoint = endpoint;
			return method;
		}
	}
	/* The sentences of oslo.messaging: its users search their logs for them. */
	if (fits)
		nova_fail(error, NOVA_FAULT_NO_SUCH_METHOD,
			  "Endpoint does not support RPC method %s", name);
	else
		nova_fail(error, NOVA_FAULT_UNSUPPORTED_VERSION,
			  "Endpoint does not support RPC version %s. Attempted method: %s", version, name);
	return NULL;
}

static bool type_fits(const nova_rpc_arg *arg, struct json_object *value)
{
	if (arg->type == NOVA_RPC_ANY)
		return true;
	if (arg->type == json_type_double && json_object_is_type(value, json_type_int))
		return true;
	return json_object_is_type(value, arg->type);
}

static bool is_known(const nova_rpc_method *method, const char *name)
{
	for (const nova_rpc_arg *arg = method->args; arg && arg->name; arg++)
		if (strcmp(arg->name, name) == 0)
			return true;
	return false;
}

bool nova_rpc_method_check_args(const nova_rpc_method *method, struct json_object *args, GError **error)
{
	for (const nova_rpc_arg *arg = method->args; arg && arg->name; arg++) {
		struct json_object *value = NULL;

		json_object_object_get_ex(args, arg->name, &value);
		if (!value && arg->optional)
			continue;
		if (!value)
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s needs an argument '%s'",
					 method->name, arg->name);
		if (!type_fits(arg, value))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "argument '%s' of %s must be of type %s, not %s", arg->name, method->name,
					 json_type_to_name(arg->type),
					 json_type_to_name(json_object_get_type(value)));
	}
	json_object_object_foreach(args, name, unused)
	{
		(void)unused;
		if (!is_known(method, name))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s has no argument '%.64s'",
					 method->name, name);
	}
	return true;
}
