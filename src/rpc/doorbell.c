/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/doorbell.h"

#include "common/json.h"

#include <string.h>

nova_doorbell nova_doorbell_read(const nova_rpc_request *request)
{
	return (nova_doorbell){
		.operation = json_object_get_int64(nova_json_find(request->args, "operation")),
		.seq = json_object_get_int64(nova_json_find(request->args, "seq")),
	};
}

static json_object *doorbell_args(int64_t operation, int64_t seq)
{
	json_object *args = json_object_new_object();

	nova_json_add_int(args, "operation", operation);
	nova_json_add_int(args, "seq", seq);
	return args;
}

static bool ring(nova_bus *bus, const nova_rpc_target *target, const char *method, int64_t operation, int64_t seq,
		 const struct nova_context *context, GError **error)
{
	g_autoptr(json_object) args = doorbell_args(operation, seq);

	return nova_rpc_cast(bus, target, method, args, context, error);
}

bool nova_doorbell_ring(nova_bus *bus, const char *topic, const char *host, const char *method, int64_t operation,
			int64_t seq, const struct nova_context *context, GError **error)
{
	nova_rpc_target target = {
		.topic = topic,
		.server = host,
		.namespace_ = NOVA_RPC_NAMESPACE,
		.version = NOVA_RPC_VERSION,
	};

	return ring(bus, &target, method, operation, seq, context, error);
}

bool nova_doorbell_ring_all(nova_bus *bus, const char *topic, const char *method, int64_t operation, int64_t seq,
			    const struct nova_context *context, GError **error)
{
	nova_rpc_target target = {
		.topic = topic,
		.fanout = true,
		.namespace_ = NOVA_RPC_NAMESPACE,
		.version = NOVA_RPC_VERSION,
	};

	return ring(bus, &target, method, operation, seq, context, error);
}

void nova_domain_report_clear(nova_domain_report *report)
{
	g_free(report->state);
	g_free(report->reason);
	g_free(report->token);
	*report = (nova_domain_report){ 0 };
}

struct json_object *nova_domain_report_to_json(const nova_domain_report *report)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "state", report->state);
	nova_json_add_str(object, "reason", report->reason);
	nova_json_add_str(object, "token", report->token);
	nova_json_add_int(object, "operation", report->operation);
	nova_json_add_bool(object, "job", report->job);
	return object;
}

static bool read_report(json_object *object, nova_domain_report *ret_report, GError **error)
{
	const char *state, *reason, *token;
	int64_t operation;
	bool job;

	if (!nova_json_get_str(object, "state", &state, error) ||
	    !nova_json_opt_str(object, "reason", NULL, &reason, error) ||
	    !nova_json_opt_str(object, "token", NULL, &token, error) ||
	    !nova_json_opt_int(object, "operation", 0, INT64_MAX, 0, &operation, error) ||
	    !nova_json_opt_bool(object, "job", false, &job, error)) {
		g_prefix_error(error, "answer of another host: ");
		return false;
	}
	*ret_report = (nova_domain_report){
		.state = g_strdup(state),
		.reason = g_strdup(reason),
		.token = g_strdup(token),
		.operation = operation,
		.job = job,
	};
	return true;
}

static nova_rpc_target compute_on(const char *host)
{
	return (nova_rpc_target){
		.topic = NOVA_RPC_TOPIC_COMPUTE,
		.server = host,
		.namespace_ = NOVA_RPC_NAMESPACE,
		.version = NOVA_RPC_VERSION,
	};
}

bool nova_rpc_observe_domain(nova_bus *bus, const char *host, const char *instance_uuid,
			     const struct nova_context *context, unsigned timeout_ms, nova_domain_report *ret_report,
			     GError **error)
{
	nova_rpc_target target = compute_on(host);
	g_autoptr(json_object) args = json_object_new_object();
	g_autoptr(json_object) result = NULL;

	nova_json_add_str(args, "instance", instance_uuid);
	return nova_rpc_call(bus, &target, NOVA_RPC_OBSERVE_DOMAIN, args, context, timeout_ms, &result, error) &&
	       read_report(result, ret_report, error);
}

bool nova_rpc_rollback_destination(nova_bus *bus, const char *host, int64_t operation, int64_t seq,
				   const struct nova_context *context, unsigned timeout_ms, GError **error)
{
	nova_rpc_target target = compute_on(host);
	g_autoptr(json_object) args = doorbell_args(operation, seq);

	return nova_rpc_call(bus, &target, NOVA_RPC_ROLLBACK_DESTINATION, args, context, timeout_ms, NULL, error);
}
