/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations whose host is down.  nova_care_decide() says what becomes of each; the statement that
 * writes it proves that the host's lease has run out, and the row's seq that no other scheduler was
 * faster.
 */
#include "scheduler/scheduler.h"

#include "common/context.h"
#include "common/fault_point.h"
#include "db/operations.h"
#include "db/resizes.h"
#include "model/caretaker.h"
#include "rpc/actor.h"

#define PAGE           256 /* operations read at once */
#define AFTER_LAPSE_MS 50  /* to look when a lease has just run out, not just before */
#define SOONEST_MS     200
#define STUCK_LIMIT    64

static nova_log_tags tags_of(const nova_operation *op)
{
	return (nova_log_tags) { .request_id = op->request_id,
				 .instance = op->instance_uuid,
				 .operation = op->id };
}

/* What begins because this one has ended: its host may be another that is well. */
static void announce(nova_scheduler *scheduler, int64_t id)
{
	g_autoptr(nova_operation) next = id ? nova_operations_find(scheduler->db, id, NULL) : NULL;

	if (!next || nova_op_state_is_terminal(next->state))
		return;
	g_autoptr(nova_context) context =
		nova_context_new_with_id(next->request_id, next->user_id, next->project_id, true);

	nova_actor_ring(scheduler->bus, next, context, NULL); /* its poll would find it */
}

bool nova_scheduler_cancel(nova_scheduler *scheduler, nova_operation *op, const char *reason,
			   GError **error)
{
	bool build = op->kind == NOVA_OP_BUILD;
	const nova_op_outcome outcome = { .state = NOVA_OPS_CANCELLED,
					  .reason = reason,
					  .total_ms = -1,
					  .release_home = build && op->dest_host_id,
					  .set_vm_state = build,
					  .vm_state = NOVA_VM_ERROR };
	int64_t delete_id = 0;

	if (!nova_operations_finish(scheduler->db, NULL, op, &outcome, NULL, &delete_id, error))
		return false;
	const nova_log_tags tags = tags_of(op);

	nova_log_info(&tags, "%s cancelled: %s", nova_op_kind_name(op->kind), reason);
	announce(scheduler, delete_id);
	return true;
}

static bool next_host(nova_scheduler *scheduler, nova_operation *op, const nova_care *care,
		      GError **error)
{
	const nova_log_tags tags = tags_of(op);
	g_autofree char *reason = g_strdup_printf(
		"Compute service of %s went down while it was asked to take the guest: "
		"its lease has run out",
		care->host);

	if (!nova_operations_refuse(scheduler->db, NULL, op, reason, NULL, error))
		return false;
	nova_log_warning(&tags, "%s: %s; looking for another host", nova_op_kind_name(op->kind),
			 reason);
	nova_scheduler_kick(scheduler, op->id);
	return true;
}

static bool block(nova_scheduler *scheduler, nova_operation *op, const nova_care *care,
		  GError **error)
{
	const nova_log_tags tags = tags_of(op);
	g_autofree char *message = g_strdup_printf(
		"the compute service of host '%s', which must act, is down: its lease "
		"has run out; waiting for it",
		care->host);

	if (!nova_operations_note(scheduler->db, NULL, op, care->blocked, care->host, 0, message,
				  NULL, error))
		return false;
	nova_log_warning(&tags, "%s in state %s: %s", nova_op_kind_name(op->kind),
			 nova_op_state_name(op->state), message);
	return true;
}

static bool cancel(nova_scheduler *scheduler, nova_operation *op, const nova_care *care,
		   GError **error)
{
	g_autofree char *reason = g_strdup_printf(
		"aborted on request while host '%s' was down; the guest was not touched",
		care->host);

	return nova_scheduler_cancel(scheduler, op, reason, error);
}

static void care_for(nova_scheduler *scheduler, nova_operation *op)
{
	const nova_care care = nova_care_decide(op);
	const nova_log_tags tags = tags_of(op);
	g_autoptr(GError) error = NULL;
	bool done = true;

	if (care.action != NOVA_CARE_NOTHING)
		nova_fault_point_pass("scheduler:caretaker:before");
	switch (care.action) {
	case NOVA_CARE_NEXT_HOST:
		done = next_host(scheduler, op, &care, &error);
		break;
	case NOVA_CARE_CANCEL:
		done = cancel(scheduler, op, &care, &error);
		break;
	case NOVA_CARE_BLOCK:
		done = block(scheduler, op, &care, &error);
		break;
	case NOVA_CARE_NOTHING:
	default:
		break;
	}
	/* STALE: somebody was faster; FENCED: the host is back. */
	if (!done && !nova_error_is(error, NOVA_FAULT_STALE) &&
	    !nova_error_is(error, NOVA_FAULT_FENCED))
		nova_log_warning(&tags, "host '%s' is down, which could not be recorded yet: %s",
				 care.host, error->message);
}

static bool look(nova_scheduler *scheduler, GError **error)
{
	int64_t after = 0;

	for (;;) {
		g_autoptr(GPtrArray) page = NULL;

		if (!nova_operations_of_absent(scheduler->db, after, PAGE, &page, error))
			return false;
		for (unsigned i = 0; i < page->len; i++) {
			nova_operation *op = g_ptr_array_index(page, i);

			after = op->id;
			care_for(scheduler, op);
		}
		if (page->len < PAGE)
			return true;
	}
}

static bool free_slots(nova_scheduler *scheduler, const nova_conf *conf, GError **error)
{
	g_autoptr(GArray) ids = NULL;

	if (!nova_operations_free_stuck_slots(scheduler->db, (int)conf->service_down_time,
					      STUCK_LIMIT, &ids, error))
		return false;
	for (unsigned i = 0; i < ids->len; i++)
		nova_log_warning(&(nova_log_tags) { .operation = g_array_index(ids, int64_t, i) },
				 "blocked for %" G_GINT64_FORMAT
				 " s: its migration slots were given to others",
				 conf->service_down_time);
	return true;
}

static bool confirm_resizes(nova_scheduler *scheduler, const nova_conf *conf, GError **error)
{
	int confirmed = 0;

	if (conf->resize_confirm_window == 0)
		return true;
	if (!nova_resizes_confirm_overdue(scheduler->db, conf->resize_confirm_window, STUCK_LIMIT, &confirmed, error))
		return false;
	if (confirmed > 0)
		nova_log_info(NULL, "%d resizes were confirmed after [DEFAULT] resize_confirm_window", confirmed);
	return true;
}

/* The next look: soon after the next lease runs out that is not renewed, and every
 * caretaker_interval. */
static int64_t pause_ms(nova_scheduler *scheduler, const nova_conf *conf)
{
	int64_t pause = 1000 * conf->scheduler_caretaker_interval, lapse = -1;

	if (nova_operations_next_lapse(scheduler->db, &lapse, NULL) && lapse >= 0)
		pause = MIN(pause, lapse + AFTER_LAPSE_MS);
	return MAX(pause, SOONEST_MS);
}

void nova_caretaker_run(void *data)
{
	nova_scheduler *scheduler = data;
	g_autoptr(nova_conf) conf = nova_service_conf(scheduler->service);
	nova_timer *timer =
		g_atomic_pointer_get(&scheduler->caretaker); /* NULL in the very first run */
	g_autoptr(GError) error = NULL;

	if (!look(scheduler, &error) || !free_slots(scheduler, conf, &error) ||
	    !confirm_resizes(scheduler, conf, &error))
		nova_log_warning(
			NULL, "could not look for operations whose host is down: %s; trying again",
			error->message);
	if (timer)
		nova_timer_set_interval_ms(timer, pause_ms(scheduler, conf));
}
