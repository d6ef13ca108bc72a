/* SPDX-License-Identifier: Apache-2.0
 *
 * caretaker.h - what becomes of an operation while the host that must act on it is down.
 *
 * The host's lease has run out: it changes nothing any more until it has registered anew and looked again.  What
 * nobody has acted on yet can be taken back in its stead; everything else may have been begun on a host that cannot be
 * asked, and waits for it, visibly.  Pure, any thread.
 */
#pragma once

#include "model/operation.h"

typedef enum nova_care_action {
	NOVA_CARE_NOTHING,   /* a scheduler's or nobody's turn, or shown already */
	NOVA_CARE_NEXT_HOST, /* back to the scheduler without this host */
	NOVA_CARE_CANCEL,    /* an abort was asked for and nothing was touched */
	NOVA_CARE_BLOCK,     /* show that it waits, and for whom */
} nova_care_action;

typedef struct nova_care {
	nova_care_action action;
	nova_blocked blocked; /* with NOVA_CARE_BLOCK */
	const char *host;     /* the one that is down; borrowed from the operation */
} nova_care;

/* For an operation whose actor's lease has run out.  Total. */
nova_care nova_care_decide(const nova_operation *op);
