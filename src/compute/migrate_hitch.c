/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/migrate_hitch.h"

#include "common/deadline.h"
#include "common/log.h"
#include "compute/migrate.h"

#define KNOCK_MS 2000
#define USEC_PER_MS INT64_C(1000)

void nova_migrate_hitch_note(nova_migrate_hitch *hitch, int64_t asked_usec, bool answered, int64_t sent)
{
	if (!hitch->first_usec)
		hitch->first_usec = asked_usec;
	if (answered)
		hitch->mute_usec = 0;
	else if (!hitch->mute_usec)
		hitch->mute_usec = asked_usec;
	hitch->begun = hitch->begun || (answered && sent > 0);
}

/* Whose it is and what; no text: there is no hitch. */
typedef struct finding {
	nova_blocked blocked;
	const char *host;
	char *text;
} finding;

static bool is_over(int64_t since_usec, int64_t ms)
{
	return since_usec && nova_boottime_usec() - since_usec >= ms * USEC_PER_MS;
}

/* Nothing was sent yet. */
static finding find_out_why_not_begun(nova_migrate_hitch *hitch, const nova_operation *op)
{
	g_autoptr(GError) error = NULL;
	bool mute = is_over(hitch->mute_usec, NOVA_HITCH_MS);

	if (!hitch->knock_usec || is_over(hitch->knock_usec, NOVA_HITCH_MS)) {
		hitch->knock_usec = nova_boottime_usec();
		if (!nova_virt_migration_ports_answer(op->dest_address, KNOCK_MS, &error))
			return (finding){ NOVA_BLOCKED_DEST_UNREACHABLE, op->dest_host, g_strdup(error->message) };
	}
	if (!mute && !is_over(hitch->first_usec, NOVA_HITCH_BEGIN_MS))
		return (finding){ .text = NULL };
	return (finding){ NOVA_BLOCKED_HYPERVISOR, op->source_host,
			  g_strdup_printf("no memory was sent yet: QEMU of the guest on host '%s' does not answer, or "
					  "its connection to a migration port of host '%s' is not answered",
					  op->source_host, op->dest_host) };
}

/* Bytes were sent and are not any more: the host behind them is gone, or only the guest's QEMU there. */
static finding find_out_why_still(nova_step *step)
{
	const nova_operation *op = step->op;
	nova_domain_view view;

	nova_migrate_ask_dest(step, &view);
	if (view.seen == NOVA_SEEN_UNKNOWN)
		return (finding){ NOVA_BLOCKED_DEST_UNREACHABLE, op->dest_host,
				  g_strdup_printf("nothing is sent any more, and host '%s' does not answer",
						  op->dest_host) };
	return (finding){ NOVA_BLOCKED_HYPERVISOR, op->dest_host,
			  g_strdup_printf("nothing is sent any more: QEMU of the guest on host '%s' takes no memory",
					  op->dest_host) };
}

static finding look(nova_migrate_hitch *hitch, nova_step *step, int64_t still_ms)
{
	const nova_operation *op = step->op;

	if (!hitch->begun)
		return is_over(hitch->first_usec, NOVA_HITCH_MS) ? find_out_why_not_begun(hitch, op) :
								   (finding){ .text = NULL };
	if (is_over(hitch->mute_usec, NOVA_HITCH_MS))
		return (finding){ NOVA_BLOCKED_HYPERVISOR, op->source_host,
				  g_strdup_printf("QEMU of the guest on host '%s' does not answer", op->source_host) };
	return still_ms >= NOVA_HITCH_MS ? find_out_why_still(step) : (finding){ .text = NULL };
}

/* What was shown stays so until the copy gets somewhere. */
static bool goes_on(const nova_migrate_hitch *hitch, int64_t still_ms)
{
	return !hitch->first_usec ||
	       (hitch->begun && !is_over(hitch->mute_usec, NOVA_HITCH_MS) && still_ms < NOVA_HITCH_MS);
}

bool nova_migrate_hitch_show(nova_migrate_hitch *hitch, nova_step *step, int64_t still_ms)
{
	if (step->op->blocked != NOVA_BLOCKED_NO)
		return !goes_on(hitch, still_ms);
	const finding found = look(hitch, step, still_ms);
	g_autofree char *text = found.text;
	const nova_log_tags tags = nova_step_tags(step);

	if (!text)
		return false;
	nova_log_warning(&tags, "the copy gets nowhere: %s", text);
	if (nova_step_block(step, found.blocked, found.host, text, NULL, 0, NULL) == NOVA_STEP_ERROR)
		nova_migrate_reload(step, NULL);
	return true;
}
