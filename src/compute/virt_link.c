/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/virt_link.h"

#include <string.h>

/* Abandoned calls that need a guest's QEMU, before further ones are refused. */
#define MAX_STUCK_FOR_GUEST 2
/* Connections of one link, with those whose calls hang, and how many idle ones are kept. */
#define MAX_CONNECTIONS 32
#define MAX_IDLE 4
/* A libvirtd that hangs lets connections hang in being opened: so many at once, more after this time. */
#define MAX_OPENINGS 4
#define OPEN_PATIENCE_USEC (30 * G_USEC_PER_SEC)

struct nova_virt_link {
	char *uri, *who;
	nova_conf *conf;

	GMutex lock;
	GCond changed;
	GPtrArray *idle;           /* of virConnectPtr, the last used one last */
	unsigned connections;      /* idle and in use */
	unsigned openings;         /* attempts that have not returned */
	int64_t opening_since;     /* of the last one */
	int64_t used_at;
	bool closed;
};

static nova_offload_group calls = { .what = "libvirt", .fault = NOVA_FAULT_HYPERVISOR, .max_stuck = 200 };
static nova_offload_group retirements = { .what = "libvirt", .fault = NOVA_FAULT_HYPERVISOR, .max_stuck = G_MAXUINT };

/* ---- guests that do not answer ---- */

static GMutex guests_lock;
static GHashTable *guests; /* uuid -> number of abandoned calls */

static unsigned count_stuck_guest(const char *uuid, int change)
{
	unsigned n;

	g_mutex_lock(&guests_lock);
	if (!guests)
		guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	n = GPOINTER_TO_UINT(g_hash_table_lookup(guests, uuid)) + (unsigned)change;
	if (n == 0)
		g_hash_table_remove(guests, uuid);
	else if (change != 0)
		g_hash_table_insert(guests, g_strdup(uuid), GUINT_TO_POINTER(n));
	g_mutex_unlock(&guests_lock);
	return n;
}

/* ---- calls ---- */

nova_virt_call *nova_virt_call_new(nova_virt_run run, const char *uuid)
{
	nova_virt_call *call = g_atomic_rc_box_new0(nova_virt_call);

	call->run = run;
	call->uuid = g_strdup(uuid);
	return call;
}

static void call_clear(void *data)
{
	nova_virt_call *call = data;

	g_free(call->uuid);
	g_free(call->text);
	g_free(call->result);
	if (call->object && call->free_object)
		call->free_object(call->object);
	nova_virt_link_unref(call->link);
}

void nova_virt_call_unref(nova_virt_call *call)
{
	if (call)
		g_atomic_rc_box_release_full(call, call_clear);
}

/* ---- connections ---- */

typedef struct retirement {
	virConnectPtr conn;
} retirement;

/* Closing asks the server, so it may take as long as the keepalive lets it. */
static bool retire(void *args, GError **error)
{
	(void)error;
	virConnectClose(((retirement *)args)->conn);
	return true;
}

static void start_retirement(virConnectPtr conn)
{
	retirement *r = g_atomic_rc_box_new0(retirement);
	nova_offload_call call = { .group = &retirements, .who = "libvirt", .work = retire, .args = r };

	r->conn = conn;
	nova_offload_start(&call);
}

/* An idle connection that lives; broken ones are given up on the way. */
static virConnectPtr take_idle_locked(nova_virt_link *link)
{
	while (link->idle->len > 0) {
		virConnectPtr conn = g_ptr_array_steal_index(link->idle, link->idle->len - 1);

		if (virConnectIsAlive(conn) == 1)
			return conn;
		start_retirement(conn);
		link->connections--;
	}
	return NULL;
}

static bool may_open_locked(const nova_virt_link *link)
{
	return link->connections + link->openings < MAX_CONNECTIONS &&
	       (link->openings < MAX_OPENINGS ||
		g_get_monotonic_time() - link->opening_since > OPEN_PATIENCE_USEC);
}

/* Called with the lock, which is released while libvirt works. */
static virConnectPtr open_locked(nova_virt_link *link, GError **error)
{
	virConnectPtr conn;

	link->openings++;
	link->opening_since = g_get_monotonic_time();
	g_mutex_unlock(&link->lock);
	conn = nova_virt_connect(link->uri, link->conf, error);
	g_mutex_lock(&link->lock);
	link->openings--;
	if (conn)
		link->connections++;
	g_cond_broadcast(&link->changed);
	return conn;
}

static virConnectPtr acquire(nova_virt_link *link, nova_deadline deadline, GError **error)
{
	int64_t until = g_get_monotonic_time() + MIN(nova_deadline_remaining_ms(deadline), 86400000) * 1000;
	virConnectPtr conn = NULL;

	g_mutex_lock(&link->lock);
	link->used_at = g_get_monotonic_time();
	for (;;) {
		if (link->closed) {
			nova_fail(error, NOVA_FAULT_HYPERVISOR, "%s is not asked: the connection was closed",
				  link->who);
			break;
		}
		conn = take_idle_locked(link);
		if (conn)
			break;
		if (may_open_locked(link)) {
			conn = open_locked(link, error);
			break;
		}
		if (!g_cond_wait_until(&link->changed, &link->lock, until)) {
			nova_fail(error, NOVA_FAULT_HYPERVISOR, "%s does not answer: no connection is free", link->who);
			break;
		}
	}
	g_mutex_unlock(&link->lock);
	return conn;
}

static void release(nova_virt_link *link, virConnectPtr conn)
{
	g_mutex_lock(&link->lock);
	if (!link->closed && link->idle->len < MAX_IDLE && virConnectIsAlive(conn) == 1) {
		g_ptr_array_add(link->idle, conn);
	} else {
		link->connections--;
		start_retirement(conn);
	}
	g_cond_broadcast(&link->changed);
	g_mutex_unlock(&link->lock);
}

/* ---- calling ---- */

static bool run_once(nova_virt_call *call, bool *ret_broken, GError **error)
{
	virConnectPtr conn = acquire(call->link, call->deadline, error);
	bool ok;

	*ret_broken = false;
	if (!conn)
		return false;
	/* Nobody waits any more: what was asked must not happen now. */
	if (nova_offload_is_abandoned())
		ok = nova_fail(error, NOVA_FAULT_HYPERVISOR, "abandoned");
	else
		ok = call->run(conn, call, error);
	*ret_broken = !ok && virConnectIsAlive(conn) != 1;
	release(call->link, conn);
	return ok;
}

static bool work(void *args, GError **error)
{
	nova_virt_call *call = args;
	GError *first = NULL;
	bool broken;

	if (run_once(call, &broken, &first))
		return true;
	if (broken && call->only_looks && !nova_offload_is_abandoned() && !nova_deadline_is_expired(call->deadline)) {
		g_clear_error(&first);
		return run_once(call, &broken, error);
	}
	g_propagate_error(error, first);
	return false;
}

static void late(void *args)
{
	nova_virt_call *call = args;

	if (call->uuid && call->needs_guest)
		count_stuck_guest(call->uuid, -1);
}

bool nova_virt_link_call(nova_virt_link *link, nova_virt_call *call, nova_deadline deadline, bool *ret_abandoned,
			 GError **error)
{
	nova_offload_call offload = {
		.group = &calls, .who = link->who, .work = work, .late = late, .args = call, .clear = call_clear,
	};
	bool counts = call->uuid && call->needs_guest, abandoned = false, ok;

	if (ret_abandoned)
		*ret_abandoned = false;
	if (counts && count_stuck_guest(call->uuid, 0) >= MAX_STUCK_FOR_GUEST)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR,
				 "QEMU of instance %s does not answer: earlier calls for it have "
				 "not come back",
				 call->uuid);
	call->link = nova_virt_link_ref(link);
	call->deadline = deadline;
	/* Counted before it is abandoned, so that late() never takes away what was not added. */
	if (counts)
		count_stuck_guest(call->uuid, 1);
	ok = nova_offload_run(&offload, deadline, &abandoned, error);
	if (!abandoned && counts)
		count_stuck_guest(call->uuid, -1);
	if (ret_abandoned)
		*ret_abandoned = abandoned;
	return ok;
}

void nova_virt_link_start(nova_virt_link *link, nova_virt_call *call)
{
	nova_offload_call offload = {
		.group = &calls, .who = link->who, .work = work, .args = call, .clear = call_clear,
	};

	call->link = nova_virt_link_ref(link);
	call->deadline = nova_deadline_in_ms(30000);
	nova_offload_start(&offload);
}

/* ---- the link ---- */

nova_virt_link *nova_virt_link_new(const char *uri, const char *who, const nova_conf *conf)
{
	nova_virt_link *link = g_atomic_rc_box_new0(nova_virt_link);

	link->uri = g_strdup(uri);
	link->who = g_strdup(who);
	link->conf = nova_conf_ref(conf);
	g_mutex_init(&link->lock);
	g_cond_init(&link->changed);
	link->idle = g_ptr_array_new();
	link->used_at = g_get_monotonic_time();
	return link;
}

nova_virt_link *nova_virt_link_ref(nova_virt_link *link)
{
	return g_atomic_rc_box_acquire(link);
}

static void link_clear(void *data)
{
	nova_virt_link *link = data;

	g_assert(link->idle->len == 0);
	g_ptr_array_unref(link->idle);
	g_free(link->uri);
	g_free(link->who);
	nova_conf_unref(link->conf);
	g_mutex_clear(&link->lock);
	g_cond_clear(&link->changed);
}

void nova_virt_link_unref(nova_virt_link *link)
{
	if (link)
		g_atomic_rc_box_release_full(link, link_clear);
}

void nova_virt_link_close(nova_virt_link *link)
{
	if (!link)
		return;
	g_mutex_lock(&link->lock);
	link->closed = true;
	while (link->idle->len > 0)
		start_retirement(g_ptr_array_steal_index(link->idle, link->idle->len - 1));
	g_cond_broadcast(&link->changed);
	g_mutex_unlock(&link->lock);
	nova_virt_link_unref(link);
}

int64_t nova_virt_link_used_at(nova_virt_link *link)
{
	int64_t at;

	g_mutex_lock(&link->lock);
	at = link->used_at;
	g_mutex_unlock(&link->lock);
	return at;
}

unsigned nova_virt_links_stuck(void)
{
	return nova_offload_stuck(&calls);
}
