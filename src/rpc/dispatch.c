/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/dispatch.h"

bool nova_dispatch(const nova_rpc_endpoint *endpoints, size_t n_endpoints, const nova_rpc_message *message,
		   struct json_object **ret_result, GError **error)
{
	const nova_rpc_endpoint *endpoint;
	const nova_rpc_method *method =
		nova_rpc_method_find(endpoints, n_endpoints, message->namespace_, message->version, message->method,
				     &endpoint, error);
	nova_rpc_request request = { 0 };

	if (!method || !nova_rpc_method_check_args(method, message->args, error))
		return false;
	request.service = endpoint->service;
	request.method = method->name;
	request.args = message->args;
	request.context = message->context;
	request.namespace_ = message->namespace_;
	request.version = message->version ? message->version : "1.0";
	request.is_call = message->msg_id != NULL;
	if (!method->run(&request, error)) {
		json_object_put(request.result);
		if (error && !*error)
			nova_fail(error, NOVA_FAULT_INTERNAL, "%s failed without giving a reason", method->name);
		return false;
	}
	*ret_result = request.result;
	return true;
}
