/* SPDX-License-Identifier: Apache-2.0 */
#include "model/decide.h"

#include <string.h>

static const char *const seen_names[] = {
	[NOVA_SEEN_UNKNOWN] = "unknown",
	[NOVA_SEEN_ABSENT] = "absent",
	[NOVA_SEEN_RUNNING] = "running",
	[NOVA_SEEN_PAUSED_USER] = "paused (user)",
	[NOVA_SEEN_PAUSED_MIGRATION] = "paused (migrating)",
	[NOVA_SEEN_PAUSED_OTHER] = "paused (other)",
	[NOVA_SEEN_STOPPED] = "shut off",
};
G_STATIC_ASSERT(G_N_ELEMENTS(seen_names) == NOVA_SEEN__COUNT);

static const char *const end_names[] = {
	[NOVA_END_UNKNOWN] = "unknown",	  [NOVA_END_SHUTDOWN] = "shutdown",   [NOVA_END_CRASHED] = "crashed",
	[NOVA_END_MIGRATED] = "migrated", [NOVA_END_DESTROYED] = "destroyed", [NOVA_END_FAILED] = "failed",
	[NOVA_END_SAVED] = "saved",
};
G_STATIC_ASSERT(G_N_ELEMENTS(end_names) == NOVA_END__COUNT);

static const char *const action_names[] = {
	[NOVA_DO_WAIT] = "wait",
	[NOVA_DO_MONITOR] = "monitor",
	[NOVA_DO_TAKE_OVER] = "take over",
	[NOVA_DO_STOP_SOURCE] = "stop source",
	[NOVA_DO_TRY_DEST] = "try destination",
	[NOVA_DO_FLIP] = "flip",
	[NOVA_DO_ROLL_BACK] = "roll back",
	[NOVA_DO_GUEST_ENDED] = "guest ended",
	[NOVA_DO_RESTART_ON_DEST] = "restart on destination",
	[NOVA_DO_CLEAN_SOURCE] = "clean source",
	[NOVA_DO_SPLIT] = "split",
	[NOVA_DO_BLOCK] = "block",
};
G_STATIC_ASSERT(G_N_ELEMENTS(action_names) == NOVA_DO__COUNT);

#define SEEN(s) (1u << NOVA_SEEN_##s)
#define GONE (SEEN(ABSENT) | SEEN(STOPPED))
#define PAUSED (SEEN(PAUSED_USER) | SEEN(PAUSED_MIGRATION) | SEEN(PAUSED_OTHER))
/* The source goes on as before: its CPUs run, or stand still for a reason that is not the migration. */
#define ALIVE (SEEN(RUNNING) | SEEN(PAUSED_USER) | SEEN(PAUSED_OTHER))
/* A domain whose CPUs have been started; an I/O error pauses only what ran. */
#define STARTED (SEEN(RUNNING) | SEEN(PAUSED_OTHER))
#define ANY ((1u << NOVA_SEEN__COUNT) - 1)

#define JOB (1u << 0)         /* an outgoing job is active on the source */
#define NO_JOB (1u << 1)      /* none is */
#define CALL (1u << 2)        /* our own migrate call has not returned */
#define WAS_RUNNING (1u << 3) /* the guest ran before the migration */
#define WAS_PAUSED (1u << 4)
#define LOCKS (1u << 5)       /* strict, and image locks are proven */
#define HANDED_OVER (1u << 6) /* the source's libvirt ended it because the destination had confirmed */
#define UNEXPLAINED (1u << 7) /* why the source ended is not known */

/* The decision, first row that fits.  `steady_ms': both views have been the same for at least this long. */
static const struct rule {
	nova_op_state state;
	unsigned source, dest; /* SEEN masks */
	unsigned needs;
	int64_t steady_ms;
	nova_verdict_action action;
	nova_blocked blocked;
	bool dest_wins;
	const char *why;
} rules[] = {
#define RULE(st, s, d, need, steady, act, block, wins, text)                                     \
	{ NOVA_OPS_##st, s, d, need, steady, NOVA_DO_##act, NOVA_BLOCKED_##block, wins, text }

	/* The permit is out, the flip is not committed.  Source still there with a job. */
	RULE(MIGRATING, SEEN(RUNNING), SEEN(RUNNING), JOB, 0, SPLIT, NO, false,
	     "both copies run; the source is the owner"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), STARTED, JOB, NOVA_DECIDE_ORPHAN_MS, FLIP, NO, false,
	     "the destination runs and the source stands still; its manager did not end it"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), STARTED, JOB, 0, WAIT, NO, false,
	     "the destination has started; the source is about to be ended"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_USER), JOB, NOVA_DECIDE_SWITCH_MS, STOP_SOURCE,
	     NO, false, "the destination is complete, the source has not been ended in time"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_USER), JOB, 0, WAIT, NO, false,
	     "the destination is complete; the source is about to be ended"),
	RULE(MIGRATING, ALIVE | SEEN(PAUSED_MIGRATION), ANY, JOB, 0, MONITOR, NO, false,
	     "the copy goes on"),

	/* No job on the source, and it is alive. */
	RULE(MIGRATING, ALIVE, ANY & ~SEEN(RUNNING), NO_JOB | CALL, 0, WAIT, NO, false,
	     "the migrate call is starting or ending"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), GONE | SEEN(PAUSED_MIGRATION) | SEEN(UNKNOWN), NO_JOB | CALL,
	     0, WAIT, NO, false, "the migrate call is ending"),
	RULE(MIGRATING, ALIVE, SEEN(RUNNING), NO_JOB, 0, SPLIT, NO, false,
	     "both copies exist and the destination runs; the source is the owner"),
	RULE(MIGRATING, ALIVE, SEEN(UNKNOWN), NO_JOB, 0, BLOCK, DEST_UNREACHABLE, false,
	     "the guest is on the source; the destination cannot be asked whether it is clean"),
	RULE(MIGRATING, ALIVE, ANY, NO_JOB, 0, ROLL_BACK, NO, false,
	     "the migration ended without a switch; the guest is on the source"),

	/* The source stands still at the switch and has no job. */
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), STARTED, NO_JOB, 0, FLIP, NO, false,
	     "the destination runs; the source was not ended"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_USER), NO_JOB | CALL, NOVA_DECIDE_SWITCH_MS,
	     STOP_SOURCE, NO, false, "the destination is complete, the source has not been ended in time"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_USER), NO_JOB | CALL, 0, WAIT, NO, false,
	     "the destination is complete; the source is about to be ended"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_USER), NO_JOB, 0, STOP_SOURCE, NO, false,
	     "the destination is complete, the confirmation to the source was lost"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), GONE, NO_JOB, 0, ROLL_BACK, NO, false,
	     "the switch failed; the source holds the guest"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_MIGRATION), NO_JOB, NOVA_DECIDE_ORPHAN_MS,
	     ROLL_BACK, NO, false, "the destination never became complete; the source holds the guest"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(PAUSED_MIGRATION), NO_JOB, 0, WAIT, NO, false,
	     "the end of the copy may still be arriving"),
	RULE(MIGRATING, SEEN(PAUSED_MIGRATION), SEEN(UNKNOWN), NO_JOB, 0, BLOCK, DEST_UNREACHABLE, false,
	     "the source stands still at the switch and the destination cannot be asked"),

	/* The source has gone. */
	RULE(MIGRATING, GONE, STARTED, 0, 0, FLIP, NO, false, "the destination runs and the source is gone"),
	RULE(MIGRATING, GONE, SEEN(PAUSED_USER), 0, 0, TAKE_OVER, NO, false,
	     "the source is gone and the destination is complete"),
	RULE(MIGRATING, GONE, SEEN(PAUSED_MIGRATION), 0, NOVA_DECIDE_ORPHAN_MS, GUEST_ENDED, NO, false,
	     "the source ended in mid-copy; the destination is incomplete"),
	RULE(MIGRATING, GONE, SEEN(PAUSED_MIGRATION), 0, 0, WAIT, NO, false,
	     "the source is gone; the end of the copy may still be arriving"),
	RULE(MIGRATING, GONE, GONE, HANDED_OVER, 0, RESTART_ON_DEST, NO, false,
	     "the source handed the guest over, and it ended on the destination"),
	RULE(MIGRATING, GONE, GONE, UNEXPLAINED, NOVA_DECIDE_REASON_MS, GUEST_ENDED, NO, false,
	     "the guest is on neither host"),
	RULE(MIGRATING, GONE, GONE, UNEXPLAINED, 0, WAIT, NO, false,
	     "the guest is on neither host; why it ended on the source is about to be known"),
	RULE(MIGRATING, GONE, GONE, 0, 0, GUEST_ENDED, NO, false, "the guest is on neither host"),
	RULE(MIGRATING, GONE, SEEN(UNKNOWN), 0, 0, BLOCK, DEST_UNREACHABLE, false,
	     "the source is gone and the destination cannot be asked"),

	/* The source cannot be asked. */
	RULE(MIGRATING, SEEN(UNKNOWN), STARTED, 0, 0, FLIP, NO, false,
	     "the destination runs, so it owns the guest; the source must be cleaned before use"),
	RULE(MIGRATING, SEEN(UNKNOWN), SEEN(PAUSED_USER), LOCKS | WAS_RUNNING, NOVA_DECIDE_SWITCH_MS,
	     TRY_DEST, NO, false, "the destination is complete and the source cannot be asked: the image lock decides"),
	RULE(MIGRATING, SEEN(UNKNOWN), SEEN(PAUSED_USER), LOCKS | WAS_RUNNING, 0, WAIT, NO, false,
	     "the destination is complete; the source is about to answer"),
	RULE(MIGRATING, SEEN(UNKNOWN), ANY, 0, 0, BLOCK, SOURCE_UNREACHABLE, false,
	     "the source cannot be asked"),

	/* The flip is committed: the destination owns the guest, what is left on the source may only be
	 * destroyed. */
	RULE(SWITCHED, STARTED, STARTED, 0, 0, SPLIT, NO, true, "both copies run; the destination is the owner"),
	RULE(SWITCHED, SEEN(RUNNING), SEEN(PAUSED_USER), 0, 0, SPLIT, NO, true,
	     "the source goes on although the destination is the owner"),
	RULE(SWITCHED, SEEN(UNKNOWN), SEEN(PAUSED_USER), WAS_RUNNING, 0, BLOCK, SOURCE_UNREACHABLE, false,
	     "the destination is the owner and stands still; the source cannot be asked"),
	RULE(SWITCHED, ANY, SEEN(PAUSED_USER), WAS_RUNNING, 0, TAKE_OVER, NO, false,
	     "the destination is the owner and has to be started"),
	RULE(SWITCHED, ANY, STARTED | SEEN(PAUSED_USER), 0, 0, CLEAN_SOURCE, NO, false,
	     "the destination owns the guest and is well"),
	RULE(SWITCHED, SEEN(UNKNOWN), GONE, 0, 0, BLOCK, SOURCE_UNREACHABLE, false,
	     "the guest ended on the destination; the source cannot be asked"),
	RULE(SWITCHED, ANY, GONE, 0, 0, RESTART_ON_DEST, NO, false,
	     "the guest ended on the destination after the switch"),
	RULE(SWITCHED, ANY, SEEN(PAUSED_MIGRATION), 0, NOVA_DECIDE_ORPHAN_MS, BLOCK, HYPERVISOR, false,
	     "the destination owns the guest but its hypervisor still calls it incoming"),
	RULE(SWITCHED, ANY, SEEN(PAUSED_MIGRATION), 0, 0, WAIT, NO, false, "the destination is settling"),
	RULE(SWITCHED, ANY, SEEN(UNKNOWN), 0, 0, BLOCK, DEST_UNREACHABLE, false,
	     "the destination owns the guest and cannot be asked"),

	/* Going back was decided while the source was alive. */
	RULE(ROLLBACK, SEEN(UNKNOWN), ANY, 0, 0, BLOCK, SOURCE_UNREACHABLE, false,
	     "the source cannot be asked"),
	RULE(ROLLBACK, ALIVE, SEEN(RUNNING), 0, 0, SPLIT, NO, false, "both copies exist; the source is the owner"),
	RULE(ROLLBACK, SEEN(PAUSED_MIGRATION) | GONE, STARTED, 0, 0, FLIP, NO, false,
	     "the destination runs after all and the source does not"),
	RULE(ROLLBACK, ANY, SEEN(UNKNOWN), 0, 0, BLOCK, DEST_UNREACHABLE, false,
	     "the destination cannot be asked whether it is clean"),
	RULE(ROLLBACK, GONE, ANY, 0, 0, GUEST_ENDED, NO, false,
	     "the guest ended on the source while the migration was rolled back"),
	RULE(ROLLBACK, ANY, ANY, 0, 0, ROLL_BACK, NO, false, "the guest stays on the source"),
#undef RULE
};

const char *nova_observed_name(nova_observed seen)
{
	return seen_names[seen];
}

static bool index_of(const char *const *names, size_t n, const char *name, unsigned *ret)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (unsigned)i;
			return true;
		}
	return false;
}

bool nova_observed_from_name(const char *name, nova_observed *ret)
{
	unsigned i;

	if (!index_of(seen_names, G_N_ELEMENTS(seen_names), name, &i))
		return false;
	*ret = (nova_observed)i;
	return true;
}

const char *nova_end_reason_name(nova_end_reason reason)
{
	return end_names[reason];
}

bool nova_end_reason_from_name(const char *name, nova_end_reason *ret)
{
	unsigned i;

	if (!index_of(end_names, G_N_ELEMENTS(end_names), name, &i))
		return false;
	*ret = (nova_end_reason)i;
	return true;
}

const char *nova_verdict_action_name(nova_verdict_action action)
{
	return action_names[action];
}

nova_verdict nova_decide(const nova_migration_facts *facts)
{
	unsigned have = (facts->source.job ? JOB : NO_JOB) | (facts->call_active ? CALL : 0) |
			(facts->pre_power == NOVA_POWER_PAUSED ? WAS_PAUSED : WAS_RUNNING) |
			(facts->strict && facts->locks_proven ? LOCKS : 0) |
			(facts->source.end == NOVA_END_MIGRATED ? HANDED_OVER : 0) |
			(facts->source.end == NOVA_END_UNKNOWN ? UNEXPLAINED : 0);

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		const struct rule *rule = &rules[i];

		if (rule->state == facts->state && (rule->source & (1u << facts->source.seen)) &&
		    (rule->dest & (1u << facts->dest.seen)) && (rule->needs & ~have) == 0 &&
		    facts->steady_ms >= rule->steady_ms)
			return (nova_verdict){ .action = rule->action,
					       .blocked = rule->blocked,
					       .dest_wins = rule->dest_wins,
					       .why = rule->why };
	}
	return (nova_verdict){ .action = NOVA_DO_WAIT, .why = "no rule for this state" };
}

static void append_set(GString *out, unsigned mask)
{
	if (mask == ANY) {
		g_string_append(out, "any");
		return;
	}
	const char *separator = "";

	for (unsigned i = 0; i < NOVA_SEEN__COUNT; i++)
		if (mask & (1u << i)) {
			g_string_append_printf(out, "%s%s", separator, seen_names[i]);
			separator = ", ";
		}
}

char *nova_decide_markdown(void)
{
	static const char *const need_names[] = { "job", "no job", "call not returned",
						  "guest was running", "guest was paused",
						  "strict, locks proven", "ended by a migration",
						  "its end unexplained" };
	GString *out = g_string_new("| row | source | destination | and | verdict | meaning |\n"
				    "|---|---|---|---|---|---|\n");

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		const struct rule *rule = &rules[i];
		const char *separator = "";

		g_string_append_printf(out, "| %s | ", nova_op_state_name(rule->state));
		append_set(out, rule->source);
		g_string_append(out, " | ");
		append_set(out, rule->dest);
		g_string_append(out, " | ");
		for (unsigned n = 0; n < G_N_ELEMENTS(need_names); n++)
			if (rule->needs & (1u << n)) {
				g_string_append_printf(out, "%s%s", separator, need_names[n]);
				separator = ", ";
			}
		if (rule->steady_ms)
			g_string_append_printf(out, "%sfor %" G_GINT64_FORMAT " ms", separator,
					       rule->steady_ms);
		g_string_append_printf(out, " | %s%s%s | %s |\n", action_names[rule->action],
				       rule->blocked ? ": " : "",
				       rule->blocked ? nova_blocked_name(rule->blocked) : "", rule->why);
	}
	return g_string_free(out, FALSE);
}
