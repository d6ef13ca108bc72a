/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/step.h"

#include "common/deadline.h"
#include "common/fault_point.h"
#include "compute/engine_task.h"
#include "compute/lease.h"

bool nova_step_was_kicked(nova_step *step)
{
	return nova_engine_task_was_kicked(step->task);
}

bool nova_step_is_stopping(nova_step *step)
{
	return nova_engine_task_is_stopping(step->task);
}

int64_t nova_step_age_ms(const nova_step *step)
{
	return (nova_boottime_usec() - step->memory->entered_usec) / 1000;
}

nova_fence nova_step_fence(const nova_step *step)
{
	return nova_lease_fence(step->compute->lease);
}

bool nova_step_is_outdated(const nova_step *step)
{
	return nova_step_fence(step).epoch != step->epoch;
}

bool nova_step_may_act(nova_step *step, GError **error)
{
	return nova_lease_check_epoch(step->compute->lease, step->epoch, error);
}

nova_step_end nova_step_wait(nova_step *step, int ms)
{
	step->wait_ms = ms;
	return NOVA_STEP_WAIT;
}

bool nova_step_may_commit(const nova_step *step, GError **error)
{
	g_autofree char *point = g_strdup_printf("compute:%s:after", nova_op_state_name(step->op->state));

	return nova_fault_point(point, error);
}

/* The outcome is committed whatever happens next: only the process may end here. */
nova_step_end nova_step_committed(nova_op_state from)
{
	g_autofree char *point = g_strdup_printf("compute:%s:committed", nova_op_state_name(from));

	nova_fault_point_pass(point);
	return NOVA_STEP_MOVED;
}

nova_step_end nova_step_advance(nova_step *step, nova_op_state to, const char *message, const char *evidence,
				GError **error)
{
	nova_fence fence = nova_step_fence(step);
	nova_op_state from = step->op->state;

	if (!nova_step_may_commit(step, error) ||
	    !nova_operations_advance(step->compute->db, &fence, step->op, to, message, evidence, error))
		return NOVA_STEP_ERROR;
	return nova_step_committed(from);
}

nova_step_end nova_step_finish(nova_step *step, const nova_op_outcome *outcome, const char *evidence,
			       GError **error)
{
	nova_fence fence = nova_step_fence(step);
	nova_op_state from = step->op->state;

	if (!nova_step_may_commit(step, error) ||
	    !nova_operations_finish(step->compute->db, &fence, step->op, outcome, evidence, &step->follow_up, error))
		return NOVA_STEP_ERROR;
	return nova_step_committed(from);
}

nova_step_end nova_step_refuse(nova_step *step, const char *reason, const char *evidence, GError **error)
{
	nova_fence fence = nova_step_fence(step);
	nova_op_state from = step->op->state;

	if (!nova_step_may_commit(step, error) ||
	    !nova_operations_refuse(step->compute->db, &fence, step->op, reason, evidence, error))
		return NOVA_STEP_ERROR;
	return nova_step_committed(from);
}

nova_step_end nova_step_block(nova_step *step, nova_blocked blocked, const char *host, const char *message,
			      const char *evidence, int wait_ms, GError **error)
{
	nova_fence fence = nova_step_fence(step);

	if (step->op->blocked == blocked && g_strcmp0(step->op->blocked_host, host) == 0)
		return nova_step_wait(step, wait_ms);
	if (!nova_operations_note(step->compute->db, &fence, step->op, blocked, host, 0, message, evidence, error))
		return NOVA_STEP_ERROR;
	return nova_step_wait(step, wait_ms);
}

char *nova_step_why(nova_step *step)
{
	g_autoptr(GPtrArray) journal = NULL;

	if (nova_operations_journal(step->compute->db, step->op->id, &journal, NULL))
		for (unsigned i = journal->len; i > 0; i--) {
			const nova_journal_entry *entry = g_ptr_array_index(journal, i - 1);

			if (entry->to == step->op->state && entry->from != entry->to && entry->message)
				return g_strdup(entry->message);
		}
	return g_strdup(step->op->reason ? step->op->reason : "the reason was not recorded");
}

nova_log_tags nova_step_tags(const nova_step *step)
{
	return (nova_log_tags){
		.request_id = step->op->request_id,
		.instance = step->op->instance_uuid,
		.host = step->compute->host,
		.operation = step->op->id,
	};
}
