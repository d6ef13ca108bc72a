/* SPDX-License-Identifier: Apache-2.0
 *
 * virt_hub.h - what the parts of one nova_virt share, and how libvirt's events reach whoever waits for them.
 * Internal to the virt_* files.
 */
#pragma once

#include "compute/virt.h"
#include "compute/virt_link.h"

#define NOVA_VIRT_SUBSCRIPTIONS 3

/* Outlives its nova_virt while connections still hold on to it: an atomic rc box. */
typedef struct nova_virt_hub {
	GMutex calling;            /* held while an event function runs, and to change them; outermost */
	nova_virt_events events;   /* all NULL once closed */
	GMutex lock;               /* of the rest; nothing is called with it */
	GCond wake;                /* of the keeper */
	bool closed;
	virConnectPtr conn;        /* the events come through it; NULL: none */
	int ids[NOVA_VIRT_SUBSCRIPTIONS]; /* of the event callbacks in it; -1: not registered */
	unsigned openings;         /* attempts that have not returned */
	int64_t opening_since;     /* of the last one */
	GPtrArray *listeners;      /* of nova_virt_listener, borrowed */
} nova_virt_hub;

nova_virt_hub *nova_virt_hub_new(const nova_virt_events *events);
void nova_virt_hub_unref(void *hub);
/* Opens the connection unless there is one, and registers for events. */
bool nova_virt_hub_connect(nova_virt_hub *hub, nova_conf *conf, int deadline_ms, GError **error);
bool nova_virt_hub_is_connected(nova_virt_hub *hub);
/* No event function is called any more. */
void nova_virt_hub_close(nova_virt_hub *hub);

/* Wants to be woken by events of one domain: a semaphore-like eventfd is counted up. */
typedef struct nova_virt_listener {
	const char *uuid;
	int eventfd;
	int64_t stopped_usec; /* under the hub's lock: when its CPUs were last stopped for a switch; 0 */
} nova_virt_listener;

void nova_virt_hub_listen(nova_virt_hub *hub, nova_virt_listener *listener);
void nova_virt_hub_unlisten(nova_virt_hub *hub, nova_virt_listener *listener);
/* listener->stopped_usec, which becomes 0. */
int64_t nova_virt_hub_take_stopped(nova_virt_hub *hub, nova_virt_listener *listener);

struct nova_virt {
	nova_conf *conf;
	nova_virt_hub *hub;
	nova_virt_link *local;
	GMutex lock;
	GHashTable *remotes;       /* address -> nova_virt_link; under lock */
	GThread *keeper;
};

/* The link to this host (address NULL) or another, a new reference; NULL and BAD_REQUEST for an address that
 * cannot be part of a URI. */
nova_virt_link *nova_virt_get_link(nova_virt *virt, const char *address, GError **error);

/* The URI of another host's libvirt by the template.  Caller frees. */
char *nova_virt_uri(const nova_conf *conf, const char *address, GError **error);

/* A name or address that can stand in a URI: letters, digits, '.', '-', '_', or an IPv6 address. */
bool nova_virt_address_is_valid(const char *address);
/* The same as it stands there: IPv6 in brackets.  Caller frees. */
char *nova_virt_address_in_uri(const char *address);
