/* SPDX-License-Identifier: Apache-2.0 */
#include "model/matrix.h"

#include "common/error.h"

#include <inttypes.h>
#include <string.h>

#define IN(s) (1u << NOVA_VM_##s)
#define PLAIN (IN(BUILDING) | IN(ACTIVE) | IN(PAUSED) | IN(STOPPED) | IN(SUSPENDED) | IN(ERROR))
#define LIVING (PLAIN | IN(RESIZED))
#define AT(s) NOVA_OPS_BIT(s)
#define ALL_STATES UINT_MAX
#define ANY_KIND NOVA_OP__COUNT
#define NO_KIND NOVA_OP__COUNT

/* ---- requests: what they are called, and when they may begin on an idle server ---- */

static const struct ask_row {
	const char *name;
	const char *word;     /* as Nova's 409 spells it */
	const char *method;   /* as Nova's 400 spells it; NULL: has none */
	unsigned accepted;    /* HTTP status */
	nova_op_kind kind;    /* begins it; NO_KIND */
	unsigned vm_states;   /* of an idle server in which it may begin */
	bool built;           /* this version has it */
	bool at_once;         /* over in the transaction of the request */
} asks[] = {
	[NOVA_ASK_NONE] = { "", "", NULL, 0, NO_KIND, 0, false, false },
	[NOVA_ASK_ABORT] = { "abort", "abort live migration", "abort live migration", 202, NO_KIND, 0, true, false },
	[NOVA_ASK_FORCE_COMPLETE] = { "force complete", "force_complete", "force complete", 202, NO_KIND, 0, true,
				      false },
	[NOVA_ASK_DELETE] = { "delete", "delete", NULL, 204, NOVA_OP_DELETE,
			      LIVING, true, false },
	[NOVA_ASK_START] = { "start", "start", NULL, 202, NOVA_OP_START, IN(STOPPED), true, false },
	[NOVA_ASK_STOP] = { "stop", "stop", NULL, 202, NOVA_OP_STOP, IN(ACTIVE) | IN(ERROR), true, false },
	[NOVA_ASK_REBOOT_SOFT] = { "reboot soft", "reboot", NULL, 202, NOVA_OP_REBOOT_SOFT, IN(ACTIVE), true, false },
	[NOVA_ASK_REBOOT_HARD] = { "reboot hard", "reboot", NULL, 202, NOVA_OP_REBOOT_HARD,
				   IN(ACTIVE) | IN(PAUSED) | IN(STOPPED) | IN(SUSPENDED) | IN(ERROR), true, false },
	[NOVA_ASK_LIVE_MIGRATE] = { "live-migrate", "os-migrateLive", NULL, 202, NOVA_OP_LIVE_MIGRATION,
				    IN(ACTIVE) | IN(PAUSED), true, false },
	[NOVA_ASK_PAUSE] = { "pause", "pause", NULL, 202, NOVA_OP_PAUSE, IN(ACTIVE), true, false },
	[NOVA_ASK_UNPAUSE] = { "unpause", "unpause", NULL, 202, NOVA_OP_UNPAUSE, IN(PAUSED), true, false },
	[NOVA_ASK_SUSPEND] = { "suspend", "suspend", NULL, 202, NOVA_OP_SUSPEND, IN(ACTIVE), true, false },
	[NOVA_ASK_RESUME] = { "resume", "resume", NULL, 202, NOVA_OP_RESUME, IN(SUSPENDED), true, false },
	[NOVA_ASK_RESIZE] = { "resize", "resize", NULL, 202, NOVA_OP_RESIZE, IN(ACTIVE) | IN(STOPPED), true,
			      false },
	[NOVA_ASK_MIGRATE] = { "migrate (cold)", "migrate", NULL, 202, NO_KIND, 0, false, false },
	[NOVA_ASK_REBUILD] = { "rebuild", "rebuild", NULL, 202, NOVA_OP_REBUILD, IN(ACTIVE) | IN(STOPPED) | IN(ERROR),
			       true, false },
	[NOVA_ASK_EVACUATE] = { "evacuate", "evacuate", NULL, 202, NO_KIND, 0, false, false },
	[NOVA_ASK_LOCK] = { "lock", "lock", NULL, 202, NOVA_OP_LOCK, LIVING, true, true },
	[NOVA_ASK_UNLOCK] = { "unlock", "unlock", NULL, 202, NOVA_OP_UNLOCK, LIVING, true, true },
	[NOVA_ASK_RESET_STATE] = { "reset state", "os-resetState", NULL, 202, NOVA_OP_RESET_STATE, PLAIN, true,
				   true },
	[NOVA_ASK_CONFIRM_RESIZE] = { "confirm resize", "confirmResize", NULL, 204, NOVA_OP_RESIZE_CONFIRM, IN(RESIZED),
				      true, true },
	[NOVA_ASK_REVERT_RESIZE] = { "revert resize", "revertResize", NULL, 202, NOVA_OP_RESIZE_REVERT, IN(RESIZED),
				     true, false },
};
G_STATIC_ASSERT(G_N_ELEMENTS(asks) == NOVA_ASK__COUNT);

/* A build has no request of its own: it begins with its server. */
#define BUILD_STATES IN(BUILDING)

/* ---- answers ---- */

static const struct answer_row {
	const char *name;
	nova_fault fault; /* of a refusal; accepted ones have text NULL */
	const char *text; /* {words} are filled in; the cell's doc follows after a colon when there is one */
	const char *doc;
} answers[] = {
	[NOVA_ANSWER_BEGINS] = { "begins", 0, NULL, "The operation begins." },
	[NOVA_ANSWER_ENDS] = { "ends it", 0, NULL,
			       "A flag in the operation's row. Whoever acts next ends the operation before anything "
			       "was touched; no state can be entered past it." },
	[NOVA_ANSWER_TURNS_BACK] = { "turns it back", 0, NULL,
				     "A flag in the operation's row. What was begun is undone, then the operation "
				     "ends. The answer to an abort waits until it is known whether the switch came "
				     "first, at most 5 s." },
	[NOVA_ANSWER_HURRIES] = { "hurries it", 0, NULL,
				  "A flag in the operation's row. The guest is paused so that the copy can finish; if "
				  "the migration fails nevertheless, the guest goes on where it was." },
	[NOVA_ANSWER_WAITS] = { "waits for it", 0, NULL,
				"Recorded in the server's row; begins in the transaction that ends the operation." },
	[NOVA_ANSWER_JOINS] = { "joins it", 0, NULL, "It is under way already." },
	[NOVA_ANSWER_BUSY] = { "busy", NOVA_FAULT_INSTANCE_STATE,
			       "Cannot '{action}' instance {instance} while it is in task_state {task}",
			       "An operation works on the server. Nothing is recorded." },
	[NOVA_ANSWER_STATE] = { "wrong state", NOVA_FAULT_INSTANCE_STATE,
				"Cannot '{action}' instance {instance} while it is in vm_state {vm}",
				"The server is idle and its vm_state does not allow it." },
	[NOVA_ANSWER_NO_MIGRATION] = { "no migration", NOVA_FAULT_INSTANCE_STATE,
				       "Instance {instance} is in an invalid state for '{action}'",
				       "No live migration of the server is in progress." },
	[NOVA_ANSWER_TOO_EARLY] = { "too early", NOVA_FAULT_MIGRATION_STATE,
				    "Migration {migration} state of instance {instance} is {status}. Cannot {method} "
				    "while the migration is in this state.",
				    "Nothing is recorded; ask again when memory is being copied." },
	[NOVA_ANSWER_TOO_LATE] = { "too late", NOVA_FAULT_MIGRATION_STATE,
				   "Migration {migration} state of instance {instance} is {status}. Cannot {method} "
				   "while the migration is in this state: too late, {doc}.",
				   "How the migration ends is settled. Nothing is recorded." },
	[NOVA_ANSWER_NOT_BUILT] = { "not built", NOVA_FAULT_NOT_IMPLEMENTED,
				    "This version of nova-lite does not have the action '{action}'.",
				    "This version does not have it." },
	[NOVA_ANSWER_AT_ONCE] = { "at once", 0, NULL,
				  "Done in the transaction of the request, whatever works on the server." },
};
G_STATIC_ASSERT(G_N_ELEMENTS(answers) == NOVA_ANSWER__COUNT);

/* ---- the table: the first row that fits ---- */

#define UNTOUCHED (AT(REQUESTED) | AT(CLAIMED) | AT(CHECKED) | AT(PREPARING) | AT(PREPARED))
#define OVER (AT(DONE) | AT(FAILED) | AT(CANCELLED) | AT(ERROR))

static const struct busy_row {
	nova_ask ask;      /* NONE: any */
	nova_op_kind kind; /* ANY_KIND */
	unsigned states;
	nova_answer answer;
	const char *doc;
} busy_rows[] = {
	{ NOVA_ASK_ABORT, NOVA_OP_LIVE_MIGRATION, UNTOUCHED, NOVA_ANSWER_ENDS, "the guest is not touched" },
	{ NOVA_ASK_ABORT, NOVA_OP_LIVE_MIGRATION, AT(MIGRATING), NOVA_ANSWER_TURNS_BACK,
	  "the guest stays on the source; if the switch comes first: too late" },
	{ NOVA_ASK_ABORT, NOVA_OP_LIVE_MIGRATION, AT(SWITCHED) | AT(CLEANING), NOVA_ANSWER_TOO_LATE,
	  "the guest runs on its destination" },
	{ NOVA_ASK_ABORT, NOVA_OP_LIVE_MIGRATION, AT(ROLLBACK), NOVA_ANSWER_TOO_LATE,
	  "it is being rolled back already and the guest stays on the source" },
	{ NOVA_ASK_ABORT, NOVA_OP_LIVE_MIGRATION, OVER, NOVA_ANSWER_TOO_LATE, "it has ended" },
	{ NOVA_ASK_ABORT, ANY_KIND, ALL_STATES, NOVA_ANSWER_NO_MIGRATION, NULL },

	{ NOVA_ASK_FORCE_COMPLETE, NOVA_OP_LIVE_MIGRATION, UNTOUCHED, NOVA_ANSWER_TOO_EARLY, NULL },
	{ NOVA_ASK_FORCE_COMPLETE, NOVA_OP_LIVE_MIGRATION, AT(MIGRATING), NOVA_ANSWER_HURRIES, NULL },
	{ NOVA_ASK_FORCE_COMPLETE, NOVA_OP_LIVE_MIGRATION, AT(SWITCHED) | AT(CLEANING), NOVA_ANSWER_TOO_LATE,
	  "the guest runs on its destination" },
	{ NOVA_ASK_FORCE_COMPLETE, NOVA_OP_LIVE_MIGRATION, AT(ROLLBACK), NOVA_ANSWER_TOO_LATE,
	  "it is being rolled back" },
	{ NOVA_ASK_FORCE_COMPLETE, NOVA_OP_LIVE_MIGRATION, OVER, NOVA_ANSWER_TOO_LATE, "it has ended" },
	{ NOVA_ASK_FORCE_COMPLETE, ANY_KIND, ALL_STATES, NOVA_ANSWER_NO_MIGRATION, NULL },

	{ NOVA_ASK_DELETE, NOVA_OP_DELETE, ALL_STATES, NOVA_ANSWER_JOINS, NULL },
	{ NOVA_ASK_DELETE, NOVA_OP_BUILD, AT(REQUESTED) | AT(CLAIMED), NOVA_ANSWER_ENDS, "nothing was made yet" },
	{ NOVA_ASK_DELETE, NOVA_OP_BUILD, AT(SPAWNING) | AT(UNDOING), NOVA_ANSWER_TURNS_BACK,
	  "what was made is removed and no other host is tried" },
	{ NOVA_ASK_DELETE, NOVA_OP_LIVE_MIGRATION, UNTOUCHED, NOVA_ANSWER_ENDS, "then the server is deleted" },
	{ NOVA_ASK_DELETE, NOVA_OP_LIVE_MIGRATION, AT(MIGRATING), NOVA_ANSWER_TURNS_BACK,
	  "or forward, if the switch comes first; then the server is deleted where it is" },
	{ NOVA_ASK_DELETE, NOVA_OP_RESIZE, AT(REQUESTED) | AT(CLAIMED), NOVA_ANSWER_ENDS,
	  "then the server is deleted" },
	{ NOVA_ASK_DELETE, ANY_KIND, ALL_STATES, NOVA_ANSWER_WAITS, NULL },

	{ NOVA_ASK_LOCK, ANY_KIND, ALL_STATES, NOVA_ANSWER_AT_ONCE, NULL },
	{ NOVA_ASK_UNLOCK, ANY_KIND, ALL_STATES, NOVA_ANSWER_AT_ONCE, NULL },

	{ NOVA_ASK_NONE, ANY_KIND, ALL_STATES, NOVA_ANSWER_BUSY, NULL },
};

const char *nova_ask_name(nova_ask ask)
{
	return asks[ask].name;
}

const char *nova_answer_name(nova_answer answer)
{
	return answers[answer].name;
}

unsigned nova_ask_accepted_status(nova_ask ask)
{
	return asks[ask].accepted;
}

nova_ask nova_ask_of_kind(nova_op_kind kind)
{
	for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++)
		if (asks[ask].kind == kind)
			return ask;
	return NOVA_ASK_NONE;
}

unsigned nova_op_kind_vm_states(nova_op_kind kind)
{
	return kind == NOVA_OP_BUILD ? BUILD_STATES : asks[nova_ask_of_kind(kind)].vm_states;
}

nova_cell nova_matrix_busy(nova_ask ask, nova_op_kind kind, nova_op_state state)
{
	const struct busy_row *row = busy_rows;

	while (!((row->ask == ask || row->ask == NOVA_ASK_NONE) && (row->kind == kind || row->kind == ANY_KIND) &&
		 (row->states & (1u << state))))
		row++; /* the last one fits all */
	return (nova_cell){ row->answer, row->doc };
}

nova_cell nova_matrix_idle(nova_ask ask, nova_vm_state vm_state)
{
	const struct ask_row *row = &asks[ask];

	if (!row->built)
		return (nova_cell){ NOVA_ANSWER_NOT_BUILT, NULL };
	if (row->kind == NO_KIND)
		return (nova_cell){ NOVA_ANSWER_NO_MIGRATION, NULL };
	if (!(row->vm_states & (1u << vm_state)))
		return (nova_cell){ NOVA_ANSWER_STATE, NULL };
	return (nova_cell){ row->at_once ? NOVA_ANSWER_AT_ONCE : NOVA_ANSWER_BEGINS, NULL };
}

bool nova_answer_ends(nova_answer answer)
{
	return answer == NOVA_ANSWER_ENDS || answer == NOVA_ANSWER_TURNS_BACK;
}

bool nova_operation_is_unwanted(const nova_operation *op, bool delete_requested)
{
	bool by_abort = nova_answer_ends(nova_matrix_busy(NOVA_ASK_ABORT, op->kind, op->state).answer);
	bool by_delete = nova_answer_ends(nova_matrix_busy(NOVA_ASK_DELETE, op->kind, op->state).answer);

	/* A delete that ends the operation has set its flag too. */
	return (op->abort_requested && (by_abort || by_delete)) || (delete_requested && by_delete);
}

char **nova_matrix_flag_states(nova_ask ask)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of((nova_op_kind)kind)->rows; row->doc; row++) {
			nova_answer answer = nova_matrix_busy(ask, (nova_op_kind)kind, row->state).answer;

			if ((nova_answer_ends(answer) || answer == NOVA_ANSWER_HURRIES) &&
			    !(row->flags & NOVA_FLOW_TERMINAL))
				g_ptr_array_add(words, g_strconcat(nova_op_kind_name((nova_op_kind)kind), "/",
								   nova_op_state_name(row->state), NULL));
		}
	g_ptr_array_add(words, NULL);
	g_ptr_array_set_free_func(words, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

/* ---- refusing ---- */

static char *fill(nova_ask ask, const nova_cell *cell, const nova_refusal_facts *facts)
{
	char number[24];
	const char *text = answers[cell->answer].text;
	GString *out = g_string_new(NULL);

	g_snprintf(number, sizeof(number), "%" PRId64, facts->migration);
	const struct {
		const char *word, *value;
	} words[] = {
		{ "{instance}", facts->instance_uuid },
		{ "{action}", facts->action ? facts->action : asks[ask].word },
		{ "{method}", asks[ask].method },
		{ "{task}", facts->task_state },
		{ "{vm}", nova_vm_state_name(facts->vm_state) },
		{ "{migration}", number },
		{ "{status}", facts->status },
		{ "{doc}", cell->doc },
	};

	while (*text) {
		size_t i = 0;

		while (i < G_N_ELEMENTS(words) && !g_str_has_prefix(text, words[i].word))
			i++;
		if (i < G_N_ELEMENTS(words)) {
			g_string_append(out, words[i].value ? words[i].value : "none");
			text += strlen(words[i].word);
		} else {
			g_string_append_c(out, *text++);
		}
	}
	return g_string_free(out, FALSE);
}

bool nova_cell_check(nova_ask ask, nova_cell cell, const nova_refusal_facts *facts, GError **error)
{
	if (!answers[cell.answer].text)
		return true;
	g_autofree char *text = fill(ask, &cell, facts);

	return nova_fail(error, answers[cell.answer].fault, "%s", text);
}

/* ---- printing ---- */

static unsigned status_of(nova_ask ask, nova_answer answer)
{
	return answers[answer].text ? nova_fault_http_status(answers[answer].fault) : asks[ask].accepted;
}

/* Requests that are refused whatever works on the server share a column. */
static bool is_always_busy(nova_ask ask)
{
	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (const nova_flow_row *row = nova_flow_of((nova_op_kind)kind)->rows; row->doc; row++)
			if (nova_matrix_busy(ask, (nova_op_kind)kind, row->state).answer != NOVA_ANSWER_BUSY)
				return false;
	return true;
}

static void append_cell(GString *out, nova_ask ask, nova_cell cell)
{
	g_string_append_printf(out, " %u %s%s%s |", status_of(ask, cell.answer), answers[cell.answer].name,
			       cell.doc ? ": " : "", cell.doc ? cell.doc : "");
}

static void append_kind(GString *out, nova_op_kind kind)
{
	if (nova_flow_of(kind)->rows->flags & NOVA_FLOW_TERMINAL) /* over as it begins */
		return;
	g_string_append_printf(out, "\n### While %s works on the server\n\n| state |", nova_op_kind_name(kind));
	for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++)
		if (!is_always_busy(ask))
			g_string_append_printf(out, " %s |", asks[ask].name);
	g_string_append(out, " everything else |\n|---|");
	for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++)
		if (!is_always_busy(ask))
			g_string_append(out, "---|");
	g_string_append(out, "---|\n");
	for (const nova_flow_row *row = nova_flow_of(kind)->rows; row->doc; row++) {
		if (row->flags & NOVA_FLOW_TERMINAL)
			continue;
		g_string_append_printf(out, "| %s |", nova_op_state_name(row->state));
		for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++)
			if (!is_always_busy(ask))
				append_cell(out, ask, nova_matrix_busy(ask, kind, row->state));
		append_cell(out, NOVA_ASK_START, nova_matrix_busy(NOVA_ASK_START, kind, row->state));
		g_string_append_c(out, '\n');
	}
}

static void append_idle(GString *out)
{
	g_string_append(out, "\n## A server without an operation\n\n| vm_state |");
	for (nova_vm_state vm = 0; vm < NOVA_VM_DELETED; vm++)
		g_string_append_printf(out, " %s |", nova_vm_state_name(vm));
	g_string_append(out, "\n|---|");
	for (nova_vm_state vm = 0; vm < NOVA_VM_DELETED; vm++)
		g_string_append(out, "---|");
	for (nova_ask ask = NOVA_ASK_NONE + 1; ask < NOVA_ASK__COUNT; ask++) {
		g_string_append_printf(out, "\n| %s |", asks[ask].name);
		for (nova_vm_state vm = 0; vm < NOVA_VM_DELETED; vm++)
			append_cell(out, ask, nova_matrix_idle(ask, vm));
	}
	g_string_append_c(out, '\n');
}

char *nova_matrix_markdown(void)
{
	GString *out = g_string_new("## Answers\n\n| answer | HTTP | what it means | what a user reads |\n"
				    "|---|---|---|---|\n");

	for (nova_answer a = 0; a < NOVA_ANSWER__COUNT; a++) {
		g_autofree char *status =
			answers[a].text ? g_strdup_printf("%u", nova_fault_http_status(answers[a].fault)) :
					  g_strdup("202, DELETE of a server 204");

		g_string_append_printf(out, "| %s | %s | %s | %s |\n", answers[a].name, status, answers[a].doc,
				       answers[a].text ? answers[a].text : "");
	}
	g_string_append(out, "\n## A server on which an operation works\n\nEverything else:");
	for (nova_ask ask = NOVA_ASK_NONE + 1, n = 0; ask < NOVA_ASK__COUNT; ask++)
		if (is_always_busy(ask))
			g_string_append_printf(out, "%s %s", n++ ? "," : "", asks[ask].name);
	g_string_append(out, ".\n");
	for (int kind = 0; kind < NOVA_OP__COUNT; kind++)
		append_kind(out, (nova_op_kind)kind);
	append_idle(out);
	return g_string_free(out, FALSE);
}
