/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/virt_link.h"

#include <string.h>

/* libvirtd serves five requests of one connection at a time: with four that hang it is as good as dead. */
#define MAX_STUCK_IN_CONNECTION 4
/* Abandoned calls that need a guest's QEMU, before further ones are refused. */
#define MAX_STUCK_FOR_GUEST 2
/* A connection that does not open is tried again beside it after this long, then twice as long, ... */
#define OPEN_PATIENCE_USEC (10 * G_USEC_PER_SEC)
#define MAX_OPENINGS 8

struct nova_virt_link {
	char *uri, *who;
	nova_conf *conf;
	nova_virt_link_hooks hooks;
	bool has_hooks;

	GMutex lock;
	GCond changed;
	virConnectPtr conn;        /* NULL: none */
	uint64_t generation;       /* of conn */
	unsigned stuck;            /* calls that hang in conn */
	unsigned openings;         /* attempts that have not returned */
	int64_t opening_since;     /* of the last one */
	unsigned failures;         /* attempts that failed, ever */
	GError *failure;           /* of the last one */
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

/* ---- giving a connection up ---- */

typedef struct retirement {
	virConnectPtr conn;
	nova_virt_link_hooks hooks;
	bool has_hooks;
} retirement;

static void on_close(virConnectPtr conn, int reason, void *opaque);

/* Deregistering asks the server, so it may take as long as the keepalive lets it. */
static bool retire(void *args, GError **error)
{
	retirement *r = args;

	(void)error;
	if (r->has_hooks && r->hooks.retire)
		r->hooks.retire(r->conn, r->hooks.user);
	virConnectUnregisterCloseCallback(r->conn, on_close);
	virConnectClose(r->conn);
	if (r->has_hooks)
		g_atomic_rc_box_release_full(r->hooks.user, r->hooks.clear_user);
	return true;
}

static void start_retirement(nova_virt_link *link, virConnectPtr conn)
{
	retirement *r = g_atomic_rc_box_new0(retirement);
	nova_offload_call call = { .group = &retirements, .who = "libvirt", .work = retire, .args = r };

	r->conn = conn;
	r->hooks = link->hooks;
	r->has_hooks = link->has_hooks;
	if (r->has_hooks)
		g_atomic_rc_box_acquire(r->hooks.user);
	nova_offload_start(&call);
}

/* Takes the connection of this generation away from the link, once.  Called without the lock. */
static void drop(nova_virt_link *link, uint64_t generation)
{
	virConnectPtr conn = NULL;

	g_mutex_lock(&link->lock);
	if (link->conn && link->generation == generation) {
		conn = link->conn;
		link->conn = NULL;
		link->stuck = 0;
	}
	g_mutex_unlock(&link->lock);
	if (!conn)
		return;
	if (link->has_hooks && link->hooks.down)
		link->hooks.down(link->hooks.user);
	start_retirement(link, conn);
}

typedef struct watch {
	nova_virt_link *link;
	uint64_t generation;
} watch;

static void watch_free(void *data)
{
	watch *w = data;

	nova_virt_link_unref(w->link);
	g_free(w);
}

static void on_close(virConnectPtr conn, int reason, void *opaque)
{
	watch *w = opaque;

	(void)conn;
	(void)reason;
	drop(w->link, w->generation);
}

/* ---- opening ---- */

static virConnectPtr open_connection(nova_virt_link *link, uint64_t generation, GError **error)
{
	virConnectPtr conn = nova_virt_connect(link->uri, link->conf, error);
	watch *w;

	if (!conn)
		return NULL;
	w = g_new0(watch, 1);
	w->link = nova_virt_link_ref(link);
	w->generation = generation;
	if (virConnectRegisterCloseCallback(conn, on_close, w, watch_free) < 0)
		watch_free(w);
	if (link->has_hooks && link->hooks.opened)
		link->hooks.opened(conn, link->hooks.user);
	return conn;
}

static int64_t patience(const nova_virt_link *link)
{
	return (int64_t)OPEN_PATIENCE_USEC << (link->openings - 1);
}

/* Opens the connection.  Called with the lock, which is released while libvirt works; afterwards the link has
 * a connection or a new failure. */
static void open_locked(nova_virt_link *link)
{
	uint64_t generation = ++link->generation;
	GError *error = NULL;
	virConnectPtr conn;

	link->openings++;
	link->opening_since = g_get_monotonic_time();
	g_mutex_unlock(&link->lock);
	conn = open_connection(link, generation, &error);
	g_mutex_lock(&link->lock);
	link->openings--;
	if (conn && (link->conn || link->closed || link->generation != generation)) {
		/* It took so long that another attempt overtook this one. */
		start_retirement(link, conn);
	} else if (conn) {
		link->conn = conn;
		link->stuck = 0;
		if (link->has_hooks && link->hooks.up) {
			g_mutex_unlock(&link->lock);
			link->hooks.up(link->hooks.user);
			g_mutex_lock(&link->lock);
		}
	} else {
		link->failures++;
		g_clear_error(&link->failure);
		link->failure = error;
	}
	g_cond_broadcast(&link->changed);
}

/* A reference to the link's connection, which is opened if need be.  However many callers wait, one tries. */
static virConnectPtr acquire(nova_virt_link *link, nova_deadline deadline, uint64_t *ret_generation, GError **error)
{
	int64_t until = g_get_monotonic_time() + MIN(nova_deadline_remaining_ms(deadline), 86400000) * 1000;
	virConnectPtr conn = NULL;
	unsigned failures;

	g_mutex_lock(&link->lock);
	failures = link->failures;
	link->used_at = g_get_monotonic_time();
	for (;;) {
		if (link->closed) {
			nova_fail(error, NOVA_FAULT_HYPERVISOR,
				  "%s is not asked: the connection was closed", link->who);
			break;
		}
		if (link->conn && virConnectIsAlive(link->conn) == 1) {
			conn = link->conn;
			virConnectRef(conn);
			*ret_generation = link->generation;
			break;
		}
		if (link->conn) {
			/* Broken, and the event thread has not said so yet. */
			uint64_t generation = link->generation;

			g_mutex_unlock(&link->lock);
			drop(link, generation);
			g_mutex_lock(&link->lock);
			continue;
		}
		if (link->failures != failures) {
			if (error)
				*error = g_error_copy(link->failure);
			break;
		}
		if (link->openings == 0 ||
		    (link->openings < MAX_OPENINGS && g_get_monotonic_time() - link->opening_since > patience(link))) {
			open_locked(link);
		} else if (!g_cond_wait_until(&link->changed, &link->lock, until)) {
			nova_fail(error, NOVA_FAULT_HYPERVISOR, "%s does not answer: the connection is not open yet",
				  link->who);
			break;
		}
	}
	g_mutex_unlock(&link->lock);
	return conn;
}

/* ---- calling ---- */

static bool run_once(nova_virt_call *call, bool *ret_broken, GError **error)
{
	g_autoptr(virConnect) conn = acquire(call->link, call->deadline, &call->generation, error);
	bool ok;

	*ret_broken = false;
	if (!conn)
		return false;
	/* Nobody waits any more: what was asked must not happen now. */
	if (nova_offload_is_abandoned())
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "abandoned");
	ok = call->run(conn, call, error);
	*ret_broken = !ok && virConnectIsAlive(conn) != 1;
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
	nova_virt_link *link = call->link;

	if (call->uuid && call->needs_guest)
		count_stuck_guest(call->uuid, -1);
	g_mutex_lock(&link->lock);
	call->came_back = true;
	if (call->counted && link->generation == call->generation && link->stuck > 0)
		link->stuck--;
	g_mutex_unlock(&link->lock);
}

/* Counts an abandoned call; a connection with too many of them is given up. */
static void count_stuck(nova_virt_link *link, nova_virt_call *call)
{
	uint64_t generation;
	bool full;

	g_mutex_lock(&link->lock);
	generation = call->generation;
	if (link->conn && link->generation == generation && !call->came_back) {
		link->stuck++;
		call->counted = true;
	}
	full = link->conn && link->stuck >= MAX_STUCK_IN_CONNECTION;
	g_mutex_unlock(&link->lock);
	if (full)
		drop(link, generation);
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
	if (abandoned)
		count_stuck(link, call);
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

nova_virt_link *nova_virt_link_new(const char *uri, const char *who, const nova_conf *conf,
				   const nova_virt_link_hooks *hooks)
{
	nova_virt_link *link = g_atomic_rc_box_new0(nova_virt_link);

	link->uri = g_strdup(uri);
	link->who = g_strdup(who);
	link->conf = nova_conf_ref(conf);
	if (hooks) {
		link->hooks = *hooks;
		link->has_hooks = true;
		g_atomic_rc_box_acquire(link->hooks.user);
	}
	g_mutex_init(&link->lock);
	g_cond_init(&link->changed);
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

	g_assert(!link->conn);
	if (link->has_hooks)
		g_atomic_rc_box_release_full(link->hooks.user, link->hooks.clear_user);
	g_free(link->uri);
	g_free(link->who);
	nova_conf_unref(link->conf);
	g_clear_error(&link->failure);
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
	uint64_t generation;

	if (!link)
		return;
	g_mutex_lock(&link->lock);
	link->closed = true;
	generation = link->generation;
	g_cond_broadcast(&link->changed);
	g_mutex_unlock(&link->lock);
	drop(link, generation);
	nova_virt_link_unref(link);
}

bool nova_virt_link_is_up(nova_virt_link *link)
{
	bool up;

	g_mutex_lock(&link->lock);
	up = link->conn && virConnectIsAlive(link->conn) == 1;
	g_mutex_unlock(&link->lock);
	return up;
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
