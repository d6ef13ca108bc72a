/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request.h"

#include "api/policy.h"
#include "api/schema.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "db/operations.h"
#include "rpc/actor.h"
#include "rpc/doorbell.h"

#include <string.h>

const char *nova_request_param(const nova_request *r, const char *name)
{
	for (unsigned i = 0; i < r->http->query->len; i++) {
		const nova_http_pair *pair = r->http->query->pdata[i];

		if (strcmp(pair->name, name) == 0)
			return pair->value;
	}
	return NULL;
}

bool nova_request_flag(const nova_request *r, const char *name)
{
	const char *value = nova_request_param(r, name);
	bool flag = false;

	return value && (!*value || (nova_schema_read_bool(value, &flag) && flag));
}

nova_requester nova_request_by(const nova_request *r)
{
	return (nova_requester){
		.request_id = r->context->request_id,
		.project_id = r->context->project_id,
		.user_id = r->context->user_id,
	};
}

bool nova_request_may(const nova_request *r, const char *policy)
{
	return nova_policy_allows(r->conf, r->roles, policy);
}

bool nova_request_must(const nova_request *r, const char *policy, GError **error)
{
	return nova_policy_check(r->conf, r->roles, policy, error);
}

bool nova_request_check_lock(const nova_request *r, GError **error)
{
	return !r->server->locked_by || r->context->is_admin ||
	       nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "Instance %s is locked", r->server->uuid);
}

static json_object *call(nova_request *r, const char *topic, const char *host, const char *method, json_object *args,
			 GError **error)
{
	const nova_rpc_target target = {
		.topic = topic,
		.server = host,
		.namespace_ = NOVA_RPC_NAMESPACE,
		.version = NOVA_RPC_VERSION,
	};
	json_object *result = NULL;
	bool ok;

	if (!nova_http_wait_begin(r->api->http)) {
		nova_fail(error, NOVA_FAULT_MESSAGING, "Too many requests wait for other services. Please try again.");
		return NULL;
	}
	ok = nova_rpc_call(r->api->bus, &target, method, args, r->context,
			   (unsigned)r->conf->rpc_response_timeout * 1000u, &result, error);
	nova_http_wait_end(r->api->http);
	return ok ? result : NULL;
}

json_object *nova_request_ask_host(nova_request *r, const char *method, json_object *args, GError **error)
{
	return call(r, NOVA_RPC_TOPIC_COMPUTE, r->server->host, method, args, error);
}

json_object *nova_request_ask_scheduler(nova_request *r, const char *method, json_object *args, GError **error)
{
	return call(r, NOVA_RPC_TOPIC_SCHEDULER, NULL, method, args, error);
}

const char *nova_request_scope(const nova_request *r)
{
	return r->context->is_admin ? NULL : r->context->project_id;
}

nova_instance *nova_request_find_server(nova_request *r, const char *uuid, bool deleted, GError **error)
{
	GError *failure = NULL;
	nova_instance *server = nova_instances_find(r->api->db, uuid, nova_request_scope(r), deleted, &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!server)
		nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.", uuid);
	return server;
}

nova_operation *nova_request_begin(nova_request *r, const nova_op_request *request, GError **error)
{
	nova_operation *op = nova_fault_point("api:begin:before", error) ?
				     nova_operations_begin(r->api->db, request, error) :
				     NULL;

	if (op)
		nova_fault_point_pass("api:begin:committed");
	return op;
}

void nova_request_ring(nova_request *r, const nova_operation *op)
{
	g_autoptr(GError) error = NULL;

	if (r->api->bus && !nova_actor_ring(r->api->bus, op, r->context, &error))
		nova_log_warning(&((nova_log_tags){ .request_id = r->context->request_id,
						    .instance = op->instance_uuid,
						    .operation = op->id }),
				 "could not ring for the operation, whoever acts finds it at the next poll: %s",
				 error->message);
}

void nova_request_ring_id(nova_request *r, int64_t operation)
{
	g_autoptr(nova_operation) op = nova_operations_find(r->api->db, operation, NULL);

	if (op)
		nova_request_ring(r, op);
}
