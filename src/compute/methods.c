/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/methods.h"

#include "common/json.h"
#include "common/log.h"
#include "compute/console.h"
#include "compute/engine.h"
#include "compute/lease.h"
#include "db/operations.h"
#include "model/flow.h"
#include "rpc/doorbell.h"

#include <string.h>

#define CONSOLE_MS 10000
#define DIAGNOSTICS_DEPTH 4

struct nova_methods {
	nova_compute *compute;
	GArray *rows; /* of nova_rpc_method, ends with a NULL name */
};

static bool run_doorbell(nova_rpc_request *request, GError **error)
{
	nova_compute *compute = request->service;

	(void)error;
	nova_engine_kick(compute->engine, nova_doorbell_read(request).operation, NULL);
	return true;
}

/* ---- observe_domain ---- */

/* Only for the end reason of a guest that is gone: without the database that stays unknown. */
static char *domain_name(nova_compute *compute, const char *uuid)
{
	g_autoptr(nova_instance) row = nova_instances_find(compute->db, uuid, NULL, true, NULL);

	return row ? nova_instance_domain_name(row->id) : NULL;
}

static bool run_observe(nova_rpc_request *request, GError **error)
{
	nova_compute *compute = request->service;
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	const char *uuid;
	nova_domain_view view;

	if (!nova_json_get_str(request->args, "instance", &uuid, error) ||
	    !nova_virt_observe(compute->virt, NULL, uuid, NULL, &view, nova_compute_call_ms(conf), error))
		return false;
	if (view.seen == NOVA_SEEN_ABSENT) {
		g_autofree char *name = domain_name(compute, uuid);

		if (name &&
		    !nova_virt_observe(compute->virt, NULL, uuid, name, &view, nova_compute_call_ms(conf), error))
			return false;
	}
	g_autofree char *token = view.token >= 0 ? g_strdup_printf("%" G_GINT64_FORMAT, view.token) : NULL;
	const nova_domain_report report = {
		.state = (char *)nova_observed_name(view.seen),
		.reason = view.end != NOVA_END_UNKNOWN ? (char *)nova_end_reason_name(view.end) : NULL,
		.token = token,
		.operation = view.operation,
		.job = view.job,
	};

	request->result = nova_domain_report_to_json(&report);
	return true;
}

/* ---- get_console_output ---- */

static bool run_console(nova_rpc_request *request, GError **error)
{
	nova_compute *compute = request->service;
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	const char *uuid;
	int64_t lines;

	if (!nova_json_get_str(request->args, "instance", &uuid, error) ||
	    !nova_json_opt_int(request->args, "length", -1, INT_MAX, -1, &lines, error))
		return false;
	g_autofree char *text = nova_console_tail(conf, uuid, (int)lines, CONSOLE_MS, error);

	if (!text)
		return false;
	request->result = json_object_new_object();
	nova_json_add_str(request->result, "output", text);
	return true;
}

/* ---- get_instance_diagnostics ---- */

static bool run_diagnostics(nova_rpc_request *request, GError **error)
{
	nova_compute *compute = request->service;
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	const char *uuid;

	if (!nova_json_get_str(request->args, "instance", &uuid, error))
		return false;
	g_autofree char *text = nova_virt_stats(compute->virt, uuid, nova_compute_call_ms(conf), error);

	if (!text)
		return false;
	request->result = nova_json_parse(text, strlen(text), DIAGNOSTICS_DEPTH, error);
	if (!request->result)
		return false;
	nova_json_add_str(request->result, "hypervisor", conf->libvirt_virt_type == NOVA_VIRT_KVM ? "kvm" : "qemu");
	return true;
}

/* ---- rollback_live_migration_at_destination ---- */

/* The source has committed that it goes back.  What this migration has made here is destroyed, and only
 * that: the row must say so and be as the source has seen it, and the domain must carry the operation. */
static bool run_rollback(nova_rpc_request *request, GError **error)
{
	nova_compute *compute = request->service;
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	g_autoptr(GError) failed = NULL;
	int call_ms = nova_compute_call_ms(conf);
	nova_domain_view view;
	nova_doorbell bell = nova_doorbell_read(request);
	int64_t id = bell.operation;
	g_autoptr(nova_operation) op = nova_operations_find(compute->db, id, &failed);

	if (failed) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return false;
	}
	if (!op || op->kind != NOVA_OP_LIVE_MIGRATION ||
	    (op->state != NOVA_OPS_ROLLBACK && op->state != NOVA_OPS_MIGRATING && op->state != NOVA_OPS_FAILED &&
	     op->state != NOVA_OPS_CANCELLED) ||
	    op->dest_host_id != nova_lease_fence(compute->lease).host_id)
		return nova_fail(
			error, NOVA_FAULT_MIGRATION_STATE,
			"operation %" G_GINT64_FORMAT " is no migration to this host that may be emptied here", id);
	/* Late, or not from the source: it asks as the row is now. */
	if (bell.seq != op->seq)
		return nova_fail(error, NOVA_FAULT_STALE,
				 "operation %" G_GINT64_FORMAT " is at step %d by now, not at %" G_GINT64_FORMAT, id,
				 op->seq, bell.seq);
	if (!nova_virt_observe(compute->virt, NULL, op->instance_uuid, NULL, &view, call_ms, error))
		return false;
	if (view.seen == NOVA_SEEN_ABSENT)
		return true;
	if (view.operation != id)
		return nova_fail(error, NOVA_FAULT_CONFLICT,
				 "the domain here was not made by operation %" G_GINT64_FORMAT, id);
	if (!nova_lease_check(compute->lease, error) ||
	    !nova_virt_destroy(compute->virt, NULL, op->instance_uuid, call_ms, error) ||
	    !nova_virt_observe(compute->virt, NULL, op->instance_uuid, NULL, &view, call_ms, error))
		return false;
	if (view.seen != NOVA_SEEN_ABSENT)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "the domain was destroyed but is still '%s'",
				 nova_observed_name(view.seen));
	return true;
}

static const nova_rpc_method questions[] = {
	{
		.name = NOVA_RPC_OBSERVE_DOMAIN,
		.kind = NOVA_RPC_CALL,
		.args = NOVA_OBSERVE_DOMAIN_ARGS,
		.run = run_observe,
		.doc = "What this host's hypervisor knows about a guest.",
	},
	{
		.name = "get_console_output",
		.kind = NOVA_RPC_CALL,
		.args = NOVA_RPC_ARGS({ "instance", json_type_string, false }, { "length", json_type_int, true }),
		.run = run_console,
		.doc = "The last lines of a guest's serial console.",
	},
	{
		.name = "get_instance_diagnostics",
		.kind = NOVA_RPC_CALL,
		.args = NOVA_RPC_ARGS({ "instance", json_type_string, false }),
		.run = run_diagnostics,
		.doc = "What the hypervisor counts about a guest.",
	},
	{
		.name = NOVA_RPC_ROLLBACK_DESTINATION,
		.kind = NOVA_RPC_CALL,
		.args = NOVA_DOORBELL_ARGS,
		.run = run_rollback,
		.doc = "Destroys what a migration that goes back has made here, and verifies it.",
	},
};

/* Flags that a user sets in the row of a running migration. */
static const char *const wishes[] = { "live_migration_abort", "live_migration_force_complete" };

static bool has(const GArray *rows, const char *name)
{
	for (unsigned i = 0; i < rows->len; i++)
		if (strcmp(g_array_index(rows, nova_rpc_method, i).name, name) == 0)
			return true;
	return false;
}

static void add_doorbell(GArray *rows, const char *name, const char *doc)
{
	static const nova_rpc_arg args[] = { { "operation", json_type_int, false },
					     { "seq", json_type_int, false },
					     { 0 } };
	const nova_rpc_method row = {
		.name = name,
		.kind = NOVA_RPC_CAST,
		.args = args,
		.run = run_doorbell,
		.doc = doc,
	};

	if (!has(rows, name))
		g_array_append_val(rows, row);
}

nova_methods *nova_methods_new(nova_compute *compute)
{
	nova_methods *methods = g_new0(nova_methods, 1);

	methods->compute = compute;
	methods->rows = g_array_new(true, true, sizeof(nova_rpc_method));
	g_array_append_vals(methods->rows, questions, G_N_ELEMENTS(questions));
	for (nova_op_kind kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of(kind)->rows; row->doc; row++)
			if (row->doorbell && (row->actor == NOVA_ACTOR_SOURCE || row->actor == NOVA_ACTOR_DEST))
				add_doorbell(methods->rows, row->doorbell, row->doc);
	for (size_t i = 0; i < G_N_ELEMENTS(wishes); i++)
		add_doorbell(methods->rows, wishes[i], "A wish was written into the row of a migration.");
	return methods;
}

void nova_methods_free(nova_methods *methods)
{
	if (!methods)
		return;
	g_array_unref(methods->rows);
	g_free(methods);
}

nova_rpc_endpoint nova_methods_endpoint(const nova_methods *methods)
{
	return (nova_rpc_endpoint){
		.namespace_ = NOVA_RPC_NAMESPACE,
		.major = NOVA_RPC_VERSION_MAJOR,
		.minor = NOVA_RPC_VERSION_MINOR,
		.methods = &g_array_index(methods->rows, nova_rpc_method, 0),
		.service = methods->compute,
	};
}
