/* SPDX-License-Identifier: Apache-2.0
 *
 * guest.h - what several flows do with a guest on this host: look, start, end, remove its files.
 *
 * Every act is preceded by a look: whose domain it is says the ownership token in its metadata.  A domain
 * of this uuid without a token is nobody we know and is never touched.
 */
#pragma once

#include "compute/step.h"

/* What this host's hypervisor has of the step's instance. */
bool nova_guest_look(nova_step *step, nova_domain_view *ret, GError **error);

/* The domain is the owner's: same token as the row. */
bool nova_guest_is_owner(const nova_step *step, const nova_domain_view *view);
/* There is a domain, and it is none that this project made. */
bool nova_guest_is_foreign(const nova_domain_view *view);
bool nova_guest_is_gone(const nova_domain_view *view);

/* Makes sure that its config drive is there, when its row wants one. */
bool nova_guest_make_config_drive(nova_step *step, int deadline_ms, GError **error);

/* Starts the guest from its row with the present token and this operation in its metadata; fixes its
 * machine type the first time.  It must be gone, its disk there.  Verified running when true. */
bool nova_guest_start(nova_step *step, GError **error);

/* Ends it and verifies that it is gone. */
bool nova_guest_end(nova_step *step, GError **error);

/* A failure that says nothing about the guest: the database, the fence, or a hypervisor that does not
 * answer at all.  Such a step is tried again, not given up.  When the hypervisor is the reason, the
 * operation shows it. */
bool nova_guest_must_wait(nova_step *step, const GError *cause);
nova_step_end nova_guest_wait_for_it(nova_step *step, GError *cause, GError **error);

/* What was seen, as JSON for the journal.  Caller frees. */
char *nova_guest_evidence(const char *host, const nova_domain_view *view);
