/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate_hitch.h - a copy that goes on for libvirt and gets nowhere is shown as blocked, with the host that holds it
 * up.
 *
 * Three things look like a copy to everybody who only looks at the domains:
 * - libvirt connects to the destination's migration port while it holds QEMU's monitor.  When a firewall drops the
 *   packets, that lasts until TCP gives up (about two minutes): the job is active with nothing sent, and an abort
 *   is not carried out before.
 * - The source's QEMU does not answer.
 * - The destination's QEMU takes nothing.
 * Nothing is ended here: the guest runs on the source, and whatever it was may pass.
 *
 * One thread.
 */
#pragma once

#include "compute/step.h"

/* For how long before it is shown. */
#define NOVA_HITCH_MS 5000
/* The same for a copy that has not begun although the ports answer: the destination's QEMU may be slow to start. */
#define NOVA_HITCH_BEGIN_MS 30000

/* CLOCK_BOOTTIME; 0: not at all */
typedef struct nova_migrate_hitch {
	int64_t first_usec; /* since when the job is asked */
	int64_t mute_usec;  /* since when in vain */
	int64_t knock_usec; /* when the ports were last knocked at */
	bool begun;         /* memory was seen to be sent */
} nova_migrate_hitch;

/* The job was asked at `asked_usec' (CLOCK_BOOTTIME); what came of it, and bytes sent so far. */
void nova_migrate_hitch_note(nova_migrate_hitch *hitch, int64_t asked_usec, bool answered, int64_t sent);

/* `still_ms': for how long no byte was sent.  True: there is a hitch and the row says so, or cannot be written now. */
bool nova_migrate_hitch_show(nova_migrate_hitch *hitch, nova_step *step, int64_t still_ms);
