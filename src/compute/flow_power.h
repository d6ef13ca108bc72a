/* SPDX-License-Identifier: Apache-2.0
 *
 * flow_power.h - what the steps that change a guest's power share.
 */
#pragma once

#include "compute/step.h"

/* Ends the operation in error; the server's vm_state stays and its fault says WHAT: CAUSE. */
nova_step_end nova_power_give_up(nova_step *step, const char *what, const GError *cause, GError **error);

/* A failed look or act: wait where it says nothing about the guest, else end the operation.  Takes `cause'. */
nova_step_end nova_power_failed(nova_step *step, const char *what, GError *cause, GError **error);

/* The end of an operation after which the guest runs. */
nova_step_end nova_power_runs(nova_step *step, GError **error);

/* Presses the guest's power button, and again after a while; memory->mark is when it was pressed last. */
void nova_power_press(nova_step *step);

/* The row names this host as the owner (anything else would be a bug of whoever changed it), and the domain, if there
 * is one, is of this project's making. */
bool nova_power_owns(const nova_step *step, const nova_domain_view *view, GError **error);
