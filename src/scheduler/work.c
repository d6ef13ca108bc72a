/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/scheduler.h"

#include "common/context.h"
#include "common/fault_point.h"
#include "common/json.h"
#include "db/hosts.h"
#include "db/instances.h"
#include "db/operations.h"
#include "db/server_groups.h"
#include "model/matrix.h"
#include "rpc/actor.h"
#include "scheduler/explain.h"
#include "scheduler/select.h"

#include <string.h>

/* Every host may be lost to another scheduler between reading and booking; then read again, this often. */
#define ROUNDS 3

/* More would not be read; the answer also has to fit into a message. */
#define EXPLAINED_HOSTS 200

static json_object *trace_of(const nova_selection *selection)
{
	json_object *trace = json_object_new_object();
	json_object *candidates = json_object_new_array(), *refused = json_object_new_array();

	for (unsigned i = 0; i < selection->candidates->len; i++) {
		const nova_candidate *c = &g_array_index(selection->candidates, nova_candidate, i);
		json_object *row = json_object_new_object();

		nova_json_add_str(row, "host", c->host->name);
		nova_json_add_double(row, "weight", c->weight);
		json_object_array_add(candidates, row);
	}
	for (unsigned i = 0; i < selection->refusals->len; i++) {
		const nova_refusal *r = g_ptr_array_index(selection->refusals, i);
		json_object *row = json_object_new_object();

		nova_json_add_str(row, "host", r->host->name);
		nova_json_add_str(row, "filter", r->filter);
		nova_json_add_str(row, "reason", r->why);
		json_object_array_add(refused, row);
	}
	nova_json_add(trace, "candidates", candidates);
	nova_json_add(trace, "refused", refused);
	if (selection->fitting > selection->candidates->len || selection->refusing > selection->refusals->len) {
		nova_json_add_int(trace, "fitting", selection->fitting);
		nova_json_add_int(trace, "refusing", selection->refusing);
	}
	return trace;
}

/* The end of a migration for which no host was found is evidence too: neither hypervisor was asked to do anything. */
static void add_untouched(json_object *trace, const nova_operation *op)
{
	json_object *source = json_object_new_object(), *dest = json_object_new_object();

	nova_json_add_str(source, "host", op->source_host);
	nova_json_add_bool(source, "touched", false);
	nova_json_add_bool(dest, "touched", false);
	nova_json_add(trace, "source", source);
	nova_json_add(trace, "dest", dest);
}

static GHashTable *tried_hosts(nova_scheduler *scheduler, const nova_operation *op, GError **error)
{
	g_autoptr(GPtrArray) attempts = NULL;
	GHashTable *tried;

	if (!nova_operations_attempts(scheduler->db, op->id, &attempts, error))
		return NULL;
	tried = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	for (unsigned i = 0; i < attempts->len; i++) {
		const nova_attempt *attempt = g_ptr_array_index(attempts, i);

		g_hash_table_insert(tried, GINT_TO_POINTER(attempt->host_id), g_strdup(attempt->reason));
	}
	return tried;
}

static const nova_host *host_of_id(const GPtrArray *hosts, int id)
{
	for (unsigned i = 0; i < hosts->len; i++) {
		const nova_host *host = g_ptr_array_index(hosts, i);

		if (host->id == id)
			return host;
	}
	return NULL;
}

static void ring(nova_scheduler *scheduler, const nova_operation *op, const nova_context *context)
{
	g_autoptr(GError) error = NULL;

	if (!nova_actor_ring(scheduler->bus, op, context, &error))
		nova_log_warning(&(nova_log_tags){ .request_id = op->request_id, .operation = op->id },
				 "could not ring '%s': %s; it will find the operation when it polls",
				 nova_operation_actor_host(op), error->message);
}

static bool cancel(nova_scheduler *scheduler, nova_operation *op, bool delete_requested, GError **error)
{
	if (!nova_fault_point("scheduler:requested:after", error) ||
	    !nova_scheduler_cancel(scheduler, op,
				   delete_requested ? "deleted before a host was chosen" :
						      "aborted on request before a host was chosen",
				   error))
		return false;
	nova_fault_point_pass("scheduler:requested:committed");
	return true;
}

static nova_select_options options_of(const nova_scheduler *scheduler, const nova_conf *conf, GRand *rand)
{
	return (nova_select_options){
		.filters = scheduler->filters,
		.cpu_multiplier = conf->filter_scheduler_cpu_weight_multiplier,
		.ram_multiplier = conf->filter_scheduler_ram_weight_multiplier,
		.disk_multiplier = conf->filter_scheduler_disk_weight_multiplier,
		.soft_affinity_multiplier = conf->filter_scheduler_soft_affinity_weight_multiplier,
		.soft_anti_affinity_multiplier = conf->filter_scheduler_soft_anti_affinity_weight_multiplier,
		.subset_size = (unsigned)conf->filter_scheduler_host_subset_size,
		.rand = rand,
	};
}

/* One look at all hosts and one try to book each candidate; *ret_done false: all were lost to others. */
static bool choose(nova_scheduler *scheduler, nova_operation *op, const nova_instance *instance,
		   const nova_context *context, bool last_round, bool *ret_done, GError **error)
{
	g_autoptr(nova_conf) conf = nova_service_conf(scheduler->service);
	g_autoptr(GRand) rand = g_rand_new();
	g_autoptr(GPtrArray) hosts = NULL;
	g_autoptr(GHashTable) tried = NULL;

	if (!nova_hosts_list(scheduler->db, &hosts, error))
		return false;
	tried = tried_hosts(scheduler, op, error);
	if (!tried)
		return false;

	g_autoptr(nova_wishes) wishes = nova_instances_wishes(scheduler->db, instance->uuid, error);
	nova_placement placement = nova_placement_of(op, instance, host_of_id(hosts, op->source_host_id));

	if (!wishes)
		return false;
	placement.wishes = wishes;
	placement.same_host = conf->allow_resize_to_same_host;
	const nova_select_options options = options_of(scheduler, conf, rand);
	g_autoptr(nova_selection) selection = nova_select(hosts, &placement, tried, &options);
	g_autoptr(json_object) trace = trace_of(selection);
	bool may_try = (int64_t)g_hash_table_size(tried) < conf->scheduler_max_attempts;

	for (unsigned i = 0; may_try && i < selection->candidates->len; i++) {
		const nova_host *host = g_array_index(selection->candidates, nova_candidate, i).host;
		bool taken = false;

		if (!nova_fault_point("scheduler:requested:after", error) ||
		    !nova_operations_claim(scheduler->db, op, host->id, nova_json_text(trace), &taken, error))
			return false;
		if (!taken)
			continue;
		/* The row was read anew: its strings are others than before. */
		nova_log_info(&(nova_log_tags){ op->request_id, op->instance_uuid, NULL, op->id },
			      "%s: '%s' chosen among %u hosts that fit of %u", nova_op_kind_name(op->kind),
			      host->name, selection->fitting, hosts->len);
		nova_fault_point_pass("scheduler:requested:committed");
		ring(scheduler, op, context);
		*ret_done = true;
		return true;
	}
	if (may_try && selection->candidates->len > 0 && !last_round)
		return true;

	g_autofree char *reason = nova_selection_reason(selection, &placement);

	if (!may_try) {
		g_autofree char *more = g_strdup_printf("%s (%u hosts tried, [scheduler] max_attempts)", reason,
							g_hash_table_size(tried));

		g_free(reason);
		reason = g_steal_pointer(&more);
	}
	if (op->kind == NOVA_OP_LIVE_MIGRATION)
		add_untouched(trace, op);
	if (!nova_fault_point("scheduler:requested:after", error) ||
	    !nova_operations_no_valid_host(scheduler->db, op, reason, nova_json_text(trace), error))
		return false;
	nova_fault_point_pass("scheduler:requested:committed");
	nova_log_warning(&(nova_log_tags){ op->request_id, op->instance_uuid, NULL, op->id }, "%s: %s",
			 nova_op_kind_name(op->kind), reason);
	*ret_done = true;
	return true;
}

static bool work(nova_scheduler *scheduler, int64_t id, GError **error)
{
	g_autoptr(nova_operation) op = nova_operations_find(scheduler->db, id, error);
	bool done = false;

	if (!op)
		return error == NULL || *error == NULL; /* deleted meanwhile: nothing to do */
	if (nova_operation_actor(op) != NOVA_ACTOR_SCHEDULER)
		return true;

	g_autoptr(nova_instance) instance = nova_instances_find(scheduler->db, op->instance_uuid, NULL, true, error);
	g_autoptr(nova_context) context =
		nova_context_new_with_id(op->request_id, op->user_id, op->project_id, true);

	if (!instance || !nova_fault_point("scheduler:requested:before", error))
		return false;
	if (nova_operation_is_unwanted(op, instance->delete_requested))
		return cancel(scheduler, op, instance->delete_requested, error);
	for (unsigned round = 1; round <= ROUNDS && !done; round++)
		if (!choose(scheduler, op, instance, context, round == ROUNDS, &done, error))
			return false;
	return true;
}

void nova_scheduler_work(nova_scheduler *scheduler, int64_t id)
{
	g_autoptr(GError) error = NULL;

	if (work(scheduler, id, &error))
		return;
	/* Somebody else moved it on: theirs now. */
	if (!error || nova_error_is(error, NOVA_FAULT_STALE))
		return;
	nova_log_warning(&(nova_log_tags){ .operation = id }, "could not schedule: %s; trying again at the next poll",
			 error->message);
}

json_object *nova_scheduler_explain(nova_scheduler *scheduler, const char *instance_uuid, const char *host,
				    GError **error)
{
	g_autoptr(nova_conf) conf = nova_service_conf(scheduler->service);
	g_autoptr(GRand) rand = g_rand_new();
	g_autoptr(GPtrArray) hosts = NULL;
	g_autoptr(GError) failed = NULL;
	g_autoptr(nova_instance) instance =
		nova_instances_find(scheduler->db, instance_uuid, NULL, false, &failed);

	if (!instance) {
		if (failed)
			g_propagate_error(error, g_steal_pointer(&failed));
		else
			nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "Instance %s could not be found.",
				  instance_uuid);
		return NULL;
	}
	if (!nova_hosts_list(scheduler->db, &hosts, error))
		return NULL;
	const nova_host *source = host_of_id(hosts, instance->host_id);
	const nova_operation wish = {
		.kind = source ? NOVA_OP_LIVE_MIGRATION : NOVA_OP_BUILD,
		.requested_host = (char *)host,
	};
	nova_placement placement = nova_placement_of(&wish, instance, source);
	g_autoptr(nova_wishes) wishes = nova_instances_wishes(scheduler->db, instance_uuid, error);

	if (!wishes)
		return NULL;
	placement.wishes = wishes;
	const nova_select_options options = options_of(scheduler, conf, rand);

	return nova_explain_placement(hosts, &placement, &options, EXPLAINED_HOSTS);
}
