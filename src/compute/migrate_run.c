/* SPDX-License-Identifier: Apache-2.0
 *
 * Live migration, the copy and the switch, on the source.
 *
 * One thread for each migration runs this loop from the committed permit to the flip or the decision to
 * go back.  It starts the copy (or adopts one that a daemon before it has started) and watches it.  As
 * soon as anything is over or out of the ordinary it looks at both hosts and does what nova_decide()
 * says; while the source stands still at the switch it looks every few milliseconds.
 *
 * The database may be away during all of it.  Going forward needs nobody's leave: the permit excludes
 * everyone else, and once the source is dead the destination is the only copy.  What ends a domain that
 * might still be the guest needs a fresh lease.
 */
#include "compute/flows.h"

#include "common/deadline.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "compute/console.h"
#include "compute/guest.h"
#include "compute/migrate.h"
#include "compute/migrate_hitch.h"
#include "compute/migrate_pace.h"
#include "compute/migrate_scribe.h"
#include "compute/shared_proof.h"
#include "model/migrate_flags.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TICK_MS 500        /* between two looks at a copy that goes well */
#define ABORT_MS 5000      /* how long libvirt may take to end an aborted copy */
#define WISH_TICK_MS 50    /* between two looks for a wish while nothing else is new */
#define SWITCH_TICK_MS 10  /* at the switch */
#define SETTLE_MS 10000    /* how long a switch is looked at that often */
#define LINGER_MS 400      /* how long the end of the source is waited for before anybody is asked */
#define EARLY_TICK_MS 2    /* between two looks whether the destination is complete, which cost it about 1 ms */
#define CALL_MS 2000       /* for one question about the running job */
#define ACT_MS 10000
#define STOP_LOOK_MS 100   /* between stopping a source that nobody ends and looking at it again */
#define KILL_WAIT_MS 2000
#define BLOCKED_MS 1000
#define SWITCH_BLOCKED_MS 100
#define FLIP_FIRST_MS 100
#define STARTED_LATE "the service was restarted before the copy had begun; it is started now"
#define FLIP_LAST_MS 2000
#define USEC_PER_MS INT64_C(1000)

struct copy {
	nova_step *step;
	nova_virt_migration *migration; /* NULL: nothing to hold on to */
	nova_scribe *scribe;
	nova_migrate_pace pace;
	nova_migrate_hitch hitch;
	nova_migrate_look look;
	int64_t switch_usec;    /* CLOCK_BOOTTIME when the guest was first seen standing still; 0 */
	int64_t dead_usec;      /* when the source was seen to be dead; 0 */
	int64_t resumed_usec;   /* when the guest was seen running on the destination; 0 */
	bool adopted;           /* a daemon before this one made the migrate call: its return is not seen here */
	bool awake;             /* its QEMU is not one that a daemon before this one has stopped */
	bool aborting, forced;
	int64_t abort_usec;     /* when the copy was first aborted; 0 */
	bool tried;             /* to start the destination at once */
	const char *abort_why;  /* NULL: by request */
	const char *earlier;    /* an act on the way that the journal shall tell of; NULL */
	char *call_error;       /* what the migrate call said */
	int percent;            /* never goes back */
};

static int64_t now_usec(void)
{
	return nova_boottime_usec();
}

static nova_log_tags tags_of(const struct copy *copy)
{
	return nova_step_tags(copy->step);
}

/* ---- starting ---- */

static bool start_copy(struct copy *copy, GError **error)
{
	nova_step *step = copy->step;
	const nova_operation *op = step->op;
	int64_t token = step->instance->token + 1;
	g_autofree char *log = nova_console_path(step->conf, op->instance_uuid, token);
	g_autofree char *note = NULL;
	unsigned flags;

	if (!nova_migrate_flags_parse((const char *const *)step->conf->live_migration_flag, op->strict, &flags, &note,
				      error) ||
	    !nova_fault_point("compute:migrating:call", error) || !nova_step_may_act(step, error))
		return false;
	const nova_virt_migrate_request request = {
		.instance_uuid = op->instance_uuid,
		.dest_address = op->dest_address,
		.dest_host = op->dest_host,
		.dest_token = token,
		.operation = op->id,
		.dest_console_log = log,
		.flags = flags,
		.bandwidth_mib_s = step->conf->live_migration_bandwidth,
		.max_downtime_ms = nova_migrate_pace_downtime(&copy->pace, 0),
	};

	copy->migration = nova_virt_migrate(step->compute->virt, &request, error);
	if (!copy->migration)
		return false;
	const nova_log_tags tags = tags_of(copy);
	g_autofree char *text = nova_migrate_flags_text(flags);

	nova_log_info(&tags, "copying to '%s' with %s, bandwidth %" G_GINT64_FORMAT " MiB/s%s", op->dest_host, text,
		      step->conf->live_migration_bandwidth, step->conf->live_migration_bandwidth ? "" : " (no cap)");
	return true;
}

static bool is_in_journal(const struct copy *copy, const char *message)
{
	g_autoptr(GPtrArray) journal = NULL;

	if (!nova_operations_journal(copy->step->compute->db, copy->step->op->id, &journal, NULL))
		return true; /* as far as we know */
	for (unsigned i = 0; i < journal->len; i++)
		if (g_strcmp0(((const nova_journal_entry *)g_ptr_array_index(journal, i))->message, message) == 0)
			return true;
	return false;
}

/* A daemon before us died between the permit and the copy: both hosts answer, the guest is on the source as it was,
 * no job works on it and the destination has nothing.  The copy is then started after all, once.  Had the call been
 * made and failed, this is a second try; were it still on its way into libvirt, libvirt would refuse the
 * later of the two, because a domain has one job and a host one domain of a uuid.  The journal is written
 * first, so that whatever kills the daemon here does not do so for ever. */
static bool never_began(struct copy *copy)
{
	nova_step *step = copy->step;
	const nova_operation *op = step->op;
	nova_observed as_before = op->pre_power == NOVA_POWER_PAUSED ? NOVA_SEEN_PAUSED_USER : NOVA_SEEN_RUNNING;
	nova_migrate_look *look = &copy->look;

	if (step->memory->tries++ > 0 || nova_migrate_is_unwanted(step))
		return false;
	nova_migrate_look_at(step, NULL, look);
	if (look->source.seen != as_before || look->source.job || look->source.token != step->instance->token ||
	    look->dest.seen != NOVA_SEEN_ABSENT || is_in_journal(copy, STARTED_LATE))
		return false;
	look->verdict = (nova_verdict){ .action = NOVA_DO_MONITOR, .why = STARTED_LATE };
	g_autofree char *evidence = nova_migrate_evidence(step, look, NULL, NULL);
	nova_fence fence = nova_step_fence(step);

	return nova_operations_note(step->compute->db, &fence, step->op, NOVA_BLOCKED_NO, NULL, 0, STARTED_LATE,
				    evidence, NULL);
}

/* The permit was committed by this process a moment ago: nothing was started yet.  Otherwise somebody
 * before us may have.  FENCED: the host lost its lease before libvirt was called, so a step that looks at
 * both hosts first must do it. */
static bool begin(struct copy *copy, GError **error)
{
	nova_step *step = copy->step;
	g_autoptr(GError) failed = NULL;
	bool fresh = step->permitted_seq == step->op->seq;

	step->permitted_seq = 0;
	step->memory->locks_proven = false;
	if (fresh)
		step->memory->tries++;
	else
		fresh = never_began(copy);
	const nova_log_tags tags = tags_of(copy);

	if (fresh && !start_copy(copy, &failed)) {
		nova_log_warning(&tags, "the copy could not be started: %s", failed->message);
		if (nova_error_is(failed, NOVA_FAULT_FENCED)) {
			step->memory->tries = 0;
			g_propagate_error(error, g_steal_pointer(&failed));
			return false;
		}
		copy->call_error = g_strdup(failed->message);
	} else if (!fresh) {
		copy->adopted = true;
		copy->migration = nova_virt_migration_adopt(step->compute->virt, step->op->instance_uuid,
							   step->op->dest_address, &failed);
		nova_log_info(&tags, "took up a migration begun earlier%s%s", copy->migration ? "" : ": ",
			      copy->migration ? "" : failed->message);
	}
	step->memory->locks_proven = nova_proof_image_lock(step->compute->db, step->op->id, NULL);
	return true;
}

/* ---- a copy that goes well ---- */

static void report(struct copy *copy, const nova_virt_progress *seen)
{
	nova_progress progress = {
		.memory_total = seen->memory_total,
		.memory_processed = seen->memory_processed,
		.memory_remaining = seen->memory_remaining,
		.disk_total = seen->disk_total,
		.disk_processed = seen->disk_processed,
		.disk_remaining = seen->disk_remaining,
		.iteration = seen->iteration,
		.dirty_rate = seen->dirty_rate,
		.rate = seen->rate,
		.expected_downtime_ms = seen->expected_downtime_ms,
	};

	if (seen->memory_total > 0) {
		int64_t left = CLAMP(seen->memory_remaining, 0, seen->memory_total);

		copy->percent = MAX(copy->percent, (int)MIN(99, 100 - left * 100 / seen->memory_total));
	}
	progress.percent = copy->percent;
	nova_scribe_progress(copy->scribe, &progress);
}

/* libvirt ends an aborted copy when the destination has answered, which a QEMU that hangs there never does.  The guest
 * runs here and what has arrived there is incomplete: it may be ended, as the rollback would do first of all. */
static void end_hung_dest(struct copy *copy)
{
	const nova_operation *op = copy->step->op;
	const nova_log_tags tags = tags_of(copy);
	g_autoptr(GError) error = NULL;
	nova_domain_view view;

	if (!nova_virt_observe(copy->step->compute->virt, op->dest_address, op->instance_uuid, NULL, &view, CALL_MS,
			       NULL) ||
	    view.seen != NOVA_SEEN_PAUSED_MIGRATION || view.operation != op->id)
		return;
	nova_log_warning(&tags, "the aborted copy does not end: ending what has arrived on '%s'", op->dest_host);
	if (!nova_migrate_empty_dest(copy->step, &error))
		nova_log_warning(&tags, "it could not be ended, trying again: %s", error->message);
}

static void abort_copy(struct copy *copy, const char *why)
{
	g_autoptr(GError) error = NULL;
	const nova_log_tags tags = tags_of(copy);

	if (!copy->aborting) {
		nova_log_info(&tags, "aborting the copy: %s", why ? why : "requested");
		copy->abort_usec = now_usec();
	}
	copy->aborting = true;
	copy->abort_why = why;
	if (!nova_virt_migration_abort(copy->migration, CALL_MS, &error))
		nova_log_debug(&tags, "abort, trying again: %s", error->message);
	else if (now_usec() - copy->abort_usec > ABORT_MS * USEC_PER_MS)
		end_hung_dest(copy);
}

/* Pausing the guest lets the copy catch up; libvirt takes that as the moment to switch. */
static void force_copy(struct copy *copy, const char *why)
{
	g_autoptr(GError) error = NULL;
	const nova_log_tags tags = tags_of(copy);

	nova_log_info(&tags, "pausing the guest so that the copy can finish: %s", why);
	copy->forced = nova_virt_suspend(copy->step->compute->virt, copy->step->op->instance_uuid, ACT_MS, &error);
	if (!copy->forced)
		nova_log_warning(&tags, "the guest could not be paused, trying again: %s", error->message);
}

static void keep_pace(struct copy *copy)
{
	int step_ms = nova_migrate_pace_step(&copy->pace);
	nova_pace_verdict verdict = nova_migrate_pace_judge(&copy->pace);

	if (step_ms > 0)
		nova_virt_migration_set_downtime(copy->migration, step_ms, CALL_MS, NULL);
	if (copy->aborting || nova_scribe_wants_abort(copy->scribe))
		abort_copy(copy, copy->abort_why);
	else if (!copy->forced && nova_scribe_wants_force(copy->scribe))
		force_copy(copy, "requested");
	else if (verdict == NOVA_PACE_STALLED) /* a paused guest would not help */
		abort_copy(copy, nova_pace_verdict_text(verdict));
	else if (!copy->forced && verdict != NOVA_PACE_GOOD) {
		if (copy->step->conf->live_migration_timeout_action == NOVA_TIMEOUT_FORCE_COMPLETE)
			force_copy(copy, nova_pace_verdict_text(verdict));
		else
			abort_copy(copy, nova_pace_verdict_text(verdict));
	}
}

static bool call_is_over(const struct copy *copy)
{
	return !copy->adopted && nova_virt_migration_returned(copy->migration, NULL);
}

/* One question to the job.  False: not simply going on; look at both hosts. */
static bool copy_goes_on(struct copy *copy)
{
	nova_virt_progress seen;
	nova_domain_view view;

	if (!copy->migration || call_is_over(copy) || nova_virt_migration_source_dead(copy->migration))
		return false;
	int64_t stopped = nova_virt_migration_take_stopped(copy->migration);

	if (stopped && !copy->switch_usec) {
		copy->switch_usec = stopped;
		return false;
	}
	if (!nova_virt_observe(copy->step->compute->virt, NULL, copy->step->op->instance_uuid, NULL, &view, CALL_MS,
			       NULL))
		return false;
	if (view.seen == NOVA_SEEN_PAUSED_MIGRATION && !copy->switch_usec)
		copy->switch_usec = now_usec();
	if (view.seen == NOVA_SEEN_PAUSED_MIGRATION || view.seen == NOVA_SEEN_ABSENT)
		return false;
	int64_t asked = now_usec();
	bool answered = nova_virt_migration_progress(copy->migration, &seen, CALL_MS, NULL);

	nova_migrate_hitch_note(&copy->hitch, asked, answered, answered ? seen.memory_processed : 0);
	if (!answered || (copy->adopted && !seen.job))
		return false;
	if (seen.job && seen.memory_total > 0)
		report(copy, &seen);
	if (seen.job)
		nova_migrate_pace_note(&copy->pace, seen.memory_processed + seen.disk_processed, seen.memory_remaining,
				       seen.iteration);
	keep_pace(copy);
	return true;
}

/* ---- the switch ---- */

static void note_switch(struct copy *copy)
{
	bool stands = copy->look.source.seen == NOVA_SEEN_PAUSED_MIGRATION ||
		      (copy->look.source.seen != NOVA_SEEN_RUNNING && copy->look.dest.seen == NOVA_SEEN_PAUSED_USER);

	if (stands && !copy->switch_usec)
		copy->switch_usec = now_usec();
	else if (copy->look.source.seen == NOVA_SEEN_RUNNING)
		copy->switch_usec = 0;
}

static bool is_switching(const struct copy *copy)
{
	return copy->switch_usec && now_usec() - copy->switch_usec < SETTLE_MS * USEC_PER_MS;
}

static void note_death(struct copy *copy, bool dead)
{
	if (dead && !copy->dead_usec)
		copy->dead_usec = now_usec();
}

static bool signal_source(struct copy *copy, int signo, GError **error)
{
	if (copy->migration && nova_virt_migration_watches_source(copy->migration))
		return nova_virt_migration_signal_source(copy->migration, signo, error);
	int fd = nova_virt_pidfd(copy->step->compute->virt, copy->step->op->instance_uuid, CALL_MS, error);

	if (fd < 0)
		return false;
	long sent = syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);

	close(fd);
	return sent == 0 || nova_fail(error, NOVA_FAULT_HYPERVISOR, "the source's QEMU could not be signalled");
}

/* The destination is complete and nobody ends the source.  It is stopped first, so that whatever the next
 * look finds stays true, and killed only if it still stands where the switch has left it. */
static bool stop_source(struct copy *copy, GError **error)
{
	const nova_log_tags tags = tags_of(copy);
	nova_domain_view view;

	nova_log_warning(&tags, "the destination is complete but the source was not ended, ending it");
	if (!signal_source(copy, SIGSTOP, error))
		return false;
	nova_fault_point_pass("compute:migrating:stopped");
	g_usleep(STOP_LOOK_MS * USEC_PER_MS);
	if (!nova_virt_observe(copy->step->compute->virt, NULL, copy->step->op->instance_uuid, NULL, &view, CALL_MS,
			       error) ||
	    view.seen != NOVA_SEEN_PAUSED_MIGRATION) {
		signal_source(copy, SIGCONT, NULL);
		return error && *error ? false : true; /* it went on meanwhile: the next look decides */
	}
	if (!signal_source(copy, SIGKILL, error))
		return false;
	for (int64_t until = now_usec() + KILL_WAIT_MS * USEC_PER_MS; now_usec() < until;)
		if (copy->migration ? nova_virt_migration_wait(copy->migration, SWITCH_TICK_MS) :
				     (g_usleep(SWITCH_TICK_MS * USEC_PER_MS), false))
			break;
	return true;
}

/* A daemon before us may have ended just there: the process it has stopped could neither be ended by libvirt at once
 * nor go on with the guest. */
static void wake_source(struct copy *copy)
{
	const nova_log_tags tags = tags_of(copy);

	if (!copy->adopted || copy->awake)
		return;
	if (nova_virt_wake(copy->step->compute->virt, copy->step->op->instance_uuid, &copy->awake, CALL_MS))
		nova_log_warning(&tags, "the source's QEMU was left stopped, letting it go on");
}

static void note_resumed(struct copy *copy)
{
	const nova_log_tags tags = tags_of(copy);

	if (copy->resumed_usec)
		return;
	copy->resumed_usec = now_usec();
	if (copy->switch_usec && !copy->dead_usec)
		nova_log_info(&tags, "the destination ran %d ms after the pause, the source's image lock was free",
			      (int)((copy->resumed_usec - copy->switch_usec) / USEC_PER_MS));
	else if (copy->switch_usec)
		nova_log_info(&tags, "the source ended %d ms after the pause was seen, the destination ran %d ms later",
			      (int)((copy->dead_usec - copy->switch_usec) / USEC_PER_MS),
			      (int)((copy->resumed_usec - copy->dead_usec) / USEC_PER_MS));
}

/* QEMU starts the CPUs only with the lock on the guest's disk, which the destination has seen work.  The source
 * stands still: if it was let go meanwhile, it holds the lock and the destination stays as it is; if not, the
 * destination takes it and the source can never go on.  Either way one of the two runs, so the end of the source's
 * process, which takes the longer the more memory it gives back, need not be waited for. */
static bool may_start_early(const struct copy *copy)
{
	const nova_operation *op = copy->step->op;

	return op->strict && op->pre_power == NOVA_POWER_RUNNING && copy->step->memory->locks_proven && !copy->tried;
}

static void start_early(struct copy *copy, int call_ms)
{
	const nova_operation *op = copy->step->op;
	nova_virt *virt = copy->step->compute->virt;
	nova_domain_view view;

	if (!nova_virt_observe(virt, op->dest_address, op->instance_uuid, NULL, &view, call_ms, NULL) ||
	    view.seen != NOVA_SEEN_PAUSED_USER || view.operation != op->id)
		return;
	copy->tried = true;
	if (nova_fault_point("compute:migrating:resume", NULL) &&
	    nova_virt_resume(virt, op->dest_address, op->instance_uuid, CALL_MS, NULL))
		note_resumed(copy);
}

/* The guest has just been paused for the switch.  Its process will end within milliseconds; libvirt, while
 * it ends it, would keep a question waiting for 200 ms.  So the source's is not asked: the pidfd tells. */
static void linger(struct copy *copy)
{
	int64_t until = copy->switch_usec + LINGER_MS * USEC_PER_MS;

	nova_fault_point_pass("compute:migrating:switch");
	if (!copy->migration || !nova_virt_migration_watches_source(copy->migration))
		return;
	while (now_usec() < until && !copy->dead_usec && !call_is_over(copy)) {
		bool early = may_start_early(copy);

		if (early)
			start_early(copy, LINGER_MS);
		note_death(copy, nova_virt_migration_wait(copy->migration, early ? EARLY_TICK_MS : SWITCH_TICK_MS));
	}
}

/* The source has just died.  If the destination is complete there is only one thing to do, and every
 * question first would lengthen the guest's pause; if it is not complete, nova_virt_resume() leaves it
 * alone.  The look that follows sees what came of it. */
static void resume_at_once(struct copy *copy)
{
	const nova_operation *op = copy->step->op;

	if (!copy->dead_usec || copy->tried || !op->strict || op->pre_power == NOVA_POWER_PAUSED ||
	    !nova_fault_point("compute:migrating:resume", NULL))
		return;
	copy->tried = true;
	if (nova_virt_resume(copy->step->compute->virt, op->dest_address, op->instance_uuid, CALL_MS, NULL))
		note_resumed(copy);
}

static bool take_over(struct copy *copy, GError **error)
{
	if (!nova_fault_point("compute:migrating:resume", error) || !nova_migrate_resume_dest(copy->step, error))
		return false;
	note_resumed(copy);
	copy->look.dest.seen =
		copy->step->op->pre_power == NOVA_POWER_PAUSED ? NOVA_SEEN_PAUSED_USER : NOVA_SEEN_RUNNING;
	return true;
}

/* The pause as the guest felt it: what QEMU measured, or what we saw, whichever is longer.  QEMU's word
 * ends where a strict switch leaves the guest paused, so without our own look it is not known. */
static int64_t downtime_ms(struct copy *copy)
{
	int64_t seen =
		copy->switch_usec && copy->resumed_usec ? (copy->resumed_usec - copy->switch_usec) / USEC_PER_MS : -1;
	int64_t downtime = -1, total = -1;

	if (seen < 0 && copy->step->op->strict)
		return -1;
	if (copy->migration)
		nova_virt_migration_completed(copy->migration, &downtime, &total, CALL_MS, NULL);
	return MAX(seen, downtime);
}

/* Until it is committed, however long the database is away: the guest runs already. */
static nova_step_end flip(struct copy *copy, GError **error)
{
	nova_step *step = copy->step;
	int64_t downtime = downtime_ms(copy);
	g_autofree char *evidence = nova_migrate_evidence(step, &copy->look, copy->call_error, copy->earlier);
	bool said = false;

	if (!nova_fault_point("compute:migrating:flip", error))
		return NOVA_STEP_ERROR;
	for (int pause_ms = FLIP_FIRST_MS; !nova_step_is_stopping(step); pause_ms = MIN(FLIP_LAST_MS, pause_ms * 2)) {
		g_autoptr(GError) failed = NULL;
		nova_fence fence = nova_step_fence(step);

		if (nova_operations_flip(step->compute->db, &fence, step->op, downtime, evidence, &failed))
			return nova_step_committed(NOVA_OPS_MIGRATING);
		if (nova_error_is(failed, NOVA_FAULT_INTERNAL)) { /* refused for a reason that will stay */
			g_propagate_error(error, g_steal_pointer(&failed));
			return NOVA_STEP_ERROR;
		}
		if (!said) { /* made anew: reading the row again frees what earlier tags point to */
			const nova_log_tags tags = tags_of(copy);

			nova_log_warning(&tags,
					 "the guest runs on '%s', which could not be recorded yet, trying again: %s",
					 step->op->dest_host, failed->message);
		}
		said = true;
		g_usleep((unsigned long)(pause_ms * USEC_PER_MS));
		if (!nova_migrate_reload(step, NULL))
			continue;
		if (step->op->state != NOVA_OPS_MIGRATING)
			return NOVA_STEP_MOVED; /* it was committed after all */
	}
	return nova_step_wait(step, 0);
}

static nova_step_end go_back(struct copy *copy, GError **error)
{
	g_autoptr(GError) stale = NULL;
	g_autofree char *evidence = nova_migrate_evidence(copy->step, &copy->look, copy->call_error,
							  copy->earlier);
	const char *why = copy->look.verdict.why;

	if (copy->step->memory->split)
		why = NOVA_MIGRATE_SPLIT;
	else if (nova_migrate_is_unwanted(copy->step) || (copy->aborting && !copy->abort_why))
		why = "aborted on request";
	else if (copy->abort_why)
		why = copy->abort_why;
	else if (copy->call_error)
		why = copy->call_error;
	nova_step_end end = nova_step_advance(copy->step, NOVA_OPS_ROLLBACK, why, evidence, &stale);

	/* A wish that was written into the row meanwhile: once more with the row as it is. */
	if (end == NOVA_STEP_ERROR && nova_error_is(stale, NOVA_FAULT_STALE) && nova_migrate_reload(copy->step, NULL) &&
	    copy->step->op->state == NOVA_OPS_MIGRATING)
		return nova_step_advance(copy->step, NOVA_OPS_ROLLBACK, why, evidence, error);
	if (stale)
		g_propagate_error(error, g_steal_pointer(&stale));
	return end;
}

static bool try_dest(struct copy *copy)
{
	g_autoptr(GError) error = NULL;
	const nova_log_tags tags = tags_of(copy);

	if (take_over(copy, &error)) {
		/* It holds the image's lock now: the source cannot run again and may not be left behind. */
		signal_source(copy, SIGKILL, NULL);
		return true;
	}
	nova_log_warning(&tags, "the source cannot be asked, and the destination may not run either: %s",
			 error->message);
	return false;
}

/* Says once in the row what the migration waits for, and goes on looking. */
static void show_blocked(struct copy *copy, nova_blocked blocked)
{
	g_autoptr(GError) error = NULL;

	copy->look.verdict.blocked = blocked;
	if (nova_migrate_block(copy->step, &copy->look, &error) == NOVA_STEP_ERROR)
		nova_migrate_reload(copy->step, NULL);
	g_usleep((unsigned long)(is_switching(copy) ? SWITCH_BLOCKED_MS : BLOCKED_MS) * USEC_PER_MS);
}

/* What it waited for answers again. */
static void show_going_on(struct copy *copy)
{
	nova_step *step = copy->step;
	nova_fence fence = nova_step_fence(step);

	if (step->op->blocked == NOVA_BLOCKED_NO || is_switching(copy))
		return;
	if (!nova_operations_note(step->compute->db, &fence, step->op, NOVA_BLOCKED_NO, NULL, 0, "it goes on", NULL,
				  NULL))
		nova_migrate_reload(step, NULL);
}

/* Says in the row whether the copy gets anywhere. */
static void show_pace(struct copy *copy)
{
	if (!nova_migrate_hitch_show(&copy->hitch, copy->step, copy->pace.still_usec / USEC_PER_MS))
		show_going_on(copy);
}

/* ---- the loop ---- */

enum turn { TURN_ON, TURN_END };

static int pause_after(const struct copy *copy)
{
	bool dead = copy->migration && nova_virt_migration_source_dead(copy->migration);

	return is_switching(copy) || dead ? SWITCH_TICK_MS : TICK_MS;
}

static bool has_new_wish(struct copy *copy)
{
	return (!copy->aborting && nova_scribe_wants_abort(copy->scribe)) ||
	       (!copy->forced && nova_scribe_wants_force(copy->scribe));
}

/* Waits for news of the copy, or for a wish: somebody who rings wants to be heard now.  A wait that ends early has
 * news. */
static void wait_for_news(struct copy *copy, int ms)
{
	int64_t until = now_usec() + ms * USEC_PER_MS;
	bool early = false;

	do {
		bool dead = copy->migration && nova_virt_migration_source_dead(copy->migration);
		int64_t began = now_usec();
		int slice = (int)CLAMP((until - began) / USEC_PER_MS, 1, WISH_TICK_MS);

		if (copy->migration && !dead)
			note_death(copy, nova_virt_migration_wait(copy->migration, slice));
		else
			g_usleep((unsigned long)(slice * USEC_PER_MS));
		early = now_usec() - began < slice * USEC_PER_MS;
		if (nova_step_was_kicked(copy->step))
			nova_scribe_look(copy->scribe);
	} while (!early && now_usec() < until && !has_new_wish(copy));
	if (copy->migration && !copy->call_error)
		nova_virt_migration_returned(copy->migration, &copy->call_error);
}

/* Does what the look says.  TURN_END: *ret is the step's end. */
static enum turn act(struct copy *copy, nova_step_end *ret, GError **error)
{
	nova_step *step = copy->step;
	g_autoptr(GError) failed = NULL;

	switch (copy->look.verdict.action) {
	case NOVA_DO_TAKE_OVER:
		if (!take_over(copy, &failed))
			break;
		*ret = flip(copy, error);
		return TURN_END;
	case NOVA_DO_RESTART_ON_DEST: /* it ended there: so it had come there */
		*ret = flip(copy, error);
		return TURN_END;
	case NOVA_DO_FLIP:
		note_resumed(copy);
		*ret = flip(copy, error);
		return TURN_END;
	case NOVA_DO_TRY_DEST:
		if (!try_dest(copy))
			show_blocked(copy, NOVA_BLOCKED_SOURCE_UNREACHABLE);
		break;
	case NOVA_DO_STOP_SOURCE:
		copy->earlier = nova_verdict_action_name(NOVA_DO_STOP_SOURCE);
		stop_source(copy, &failed);
		break;
	case NOVA_DO_ROLL_BACK:
		*ret = go_back(copy, error);
		return TURN_END;
	case NOVA_DO_GUEST_ENDED:
		*ret = nova_migrate_guest_ended(step, &copy->look, error);
		return TURN_END;
	case NOVA_DO_SPLIT:
		step->memory->split = true;
		copy->earlier = nova_verdict_action_name(NOVA_DO_SPLIT);
		nova_migrate_end_split(step, &copy->look, &failed);
		break;
	case NOVA_DO_BLOCK:
		show_blocked(copy, copy->look.verdict.blocked);
		break;
	case NOVA_DO_MONITOR:
		if (copy->migration)
			copy_goes_on(copy);
		show_pace(copy);
		break;
	default:
		break;
	}
	if (failed) {
		const nova_log_tags tags = tags_of(copy);

		nova_log_warning(&tags, "%s: %s, trying again", nova_verdict_action_name(copy->look.verdict.action),
				 failed->message);
	}
	return TURN_ON;
}

static nova_step_end watch(struct copy *copy, GError **error)
{
	nova_step_end end = NOVA_STEP_WAIT;

	for (;;) {
		if (nova_step_is_stopping(copy->step) && !copy->switch_usec)
			return nova_step_wait(copy->step,
					      0); /* the copy goes on in libvirt, the next start adopts it */
		if (nova_step_was_kicked(copy->step))
			nova_scribe_look(copy->scribe);
		if (nova_step_is_outdated(copy->step) && nova_migrate_reload(copy->step, NULL) &&
		    copy->step->op->state != NOVA_OPS_MIGRATING)
			return NOVA_STEP_MOVED; /* somebody decided while this host had no lease */
		if (!copy_goes_on(copy)) {
			if (copy->switch_usec)
				linger(copy);
			resume_at_once(copy);
			wake_source(copy);
			nova_migrate_look_at(copy->step, copy->migration, &copy->look);
			note_switch(copy);
			if (act(copy, &end, error) == TURN_END)
				return end;
			if (copy->step->op->state != NOVA_OPS_MIGRATING)
				return NOVA_STEP_MOVED;
		} else {
			show_pace(copy);
		}
		wait_for_news(copy, pause_after(copy));
	}
}

/* How long the copy may already have run: a restart of the daemon gives it no new time. */
static int64_t permit_age_ms(nova_step *step)
{
	int64_t age = 0;

	if (step->permitted_seq != step->op->seq)
		nova_operations_age_ms(step->compute->db, step->op->id, NOVA_OPS_MIGRATING, &age, NULL);
	return age;
}

nova_step_end nova_migrate_migrating(nova_step *step, GError **error)
{
	struct copy copy = { .step = step };

	copy.pace = nova_migrate_pace_new(step->conf, step->instance->memory_mb, permit_age_ms(step));
	copy.scribe = nova_scribe_new(step);
	nova_step_end end = begin(&copy, error) ? watch(&copy, error) : NOVA_STEP_ERROR;

	nova_scribe_free(copy.scribe);
	nova_virt_migration_free(copy.migration);
	g_free(copy.call_error);
	return end;
}
