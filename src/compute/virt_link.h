/* SPDX-License-Identifier: Apache-2.0
 *
 * virt_link.h - the connections to one libvirtd: opened when needed, kept alive, replaced when they break.
 * Internal to the virt_* files.
 *
 * A call has a connection for itself.  libvirt before 10.0 may forget a thread that begins a call while another
 * one waits for its answer on the same connection, until something else happens there; and libvirtd serves
 * five requests of one connection at a time, so that calls which hang would block the others.
 *
 * A link is counted; its maker ends it with nova_virt_link_close().  Any thread may call through it.
 */
#pragma once

#include "common/conf.h"
#include "common/deadline.h"
#include "common/error.h"
#include "compute/offload.h"
#include "compute/virt_auto.h"
#include "model/decide.h"

typedef struct nova_virt_link nova_virt_link;

/* `who' is the name for errors: "libvirt of this host". */
nova_virt_link *nova_virt_link_new(const char *uri, const char *who, const nova_conf *conf);
nova_virt_link *nova_virt_link_ref(nova_virt_link *link);
void nova_virt_link_unref(nova_virt_link *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_virt_link, nova_virt_link_unref)
/* By its maker, instead of unref: gives the connections up without waiting for anything; calls fail from now on. */
void nova_virt_link_close(nova_virt_link *link);

/* One call: what run() needs and what it answers.  A box of g_atomic_rc_box_new0(nova_virt_call), made by
 * nova_virt_call_new() and freed with nova_virt_call_unref(). */
typedef struct nova_virt_call nova_virt_call;
typedef bool (*nova_virt_run)(virConnectPtr conn, nova_virt_call *call, GError **error);

struct nova_virt_call {
	nova_virt_run run;
	char *uuid;             /* of the domain it is about; NULL: none */
	bool needs_guest;       /* it asks QEMU, and hangs if that hangs */
	bool only_looks;        /* may be made again when the connection broke under it */
	/* what goes in and comes out; each run() says which it uses */
	char *text;
	int64_t number[3];
	unsigned flags;
	char *result;
	void *object;
	GDestroyNotify free_object;
	nova_domain_view view;
	/* the link's own */
	nova_virt_link *link;
	nova_deadline deadline;
};

nova_virt_call *nova_virt_call_new(nova_virt_run run, const char *uuid);
void nova_virt_call_unref(nova_virt_call *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_virt_call, nova_virt_call_unref)

/* Makes the call and waits for its answer.  Only on true (or on a false that was not *ret_abandoned, which may
 * be NULL) may the caller look at what came out. */
bool nova_virt_link_call(nova_virt_link *link, nova_virt_call *call, nova_deadline deadline, bool *ret_abandoned,
			 GError **error);
/* The same without waiting; takes over the reference. */
void nova_virt_link_start(nova_virt_link *link, nova_virt_call *call);

/* Monotonic usec of the last call. */
int64_t nova_virt_link_used_at(nova_virt_link *link);

/* Stuck calls of all links of the process. */
unsigned nova_virt_links_stuck(void);

/* Starts libvirt's event thread, once; silences libvirt's own printing of errors. */
bool nova_virt_loop_start(GError **error);

/* Opens a connection of one's own with keepalive (blocks as long as libvirt does). */
virConnectPtr nova_virt_connect(const char *uri, const nova_conf *conf, GError **error);

/* Sets *error from libvirt's last error of this thread: "WHAT: TEXT".  NO_DOMAIN becomes INSTANCE_NOT_FOUND,
 * OPERATION_INVALID INSTANCE_STATE, anything else HYPERVISOR. */
bool nova_virt_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Looks a domain up; NULL with *error NULL: there is none. */
virDomainPtr nova_virt_lookup(virConnectPtr conn, const char *uuid, GError **error);
