/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/virt_hub.h"

#include <string.h>
#include <unistd.h>

/* A connection that does not open is tried again beside it after this long. */
#define OPEN_PATIENCE_USEC (30 * G_USEC_PER_SEC)
#define MAX_OPENINGS 8
/* How long a close waits for libvirtd. */
#define CLOSE_PATIENCE_MS 2000

static nova_offload_group connects = { .what = "libvirt", .fault = NOVA_FAULT_HYPERVISOR, .max_stuck = MAX_OPENINGS };
static nova_offload_group retirements = { .what = "libvirt", .fault = NOVA_FAULT_HYPERVISOR, .max_stuck = G_MAXUINT };

/* ---- the hub ---- */

nova_virt_hub *nova_virt_hub_new(const nova_virt_events *events)
{
	nova_virt_hub *hub = g_atomic_rc_box_new0(nova_virt_hub);

	g_mutex_init(&hub->calling);
	g_mutex_init(&hub->lock);
	g_cond_init(&hub->wake);
	hub->listeners = g_ptr_array_new();
	if (events)
		hub->events = *events;
	return hub;
}

static void hub_clear(void *data)
{
	nova_virt_hub *hub = data;

	g_ptr_array_unref(hub->listeners);
	g_mutex_clear(&hub->calling);
	g_mutex_clear(&hub->lock);
	g_cond_clear(&hub->wake);
}

void nova_virt_hub_unref(void *hub)
{
	g_atomic_rc_box_release_full(hub, hub_clear);
}

void nova_virt_hub_listen(nova_virt_hub *hub, nova_virt_listener *listener)
{
	g_mutex_lock(&hub->lock);
	g_ptr_array_add(hub->listeners, listener);
	g_mutex_unlock(&hub->lock);
}

void nova_virt_hub_unlisten(nova_virt_hub *hub, nova_virt_listener *listener)
{
	g_mutex_lock(&hub->lock);
	g_ptr_array_remove_fast(hub->listeners, listener);
	g_mutex_unlock(&hub->lock);
}

/* ---- events ---- */

enum { REBOOTED = 1 << 0, STOPPED_FOR_SWITCH = 1 << 1 };

static void wake_listeners(nova_virt_hub *hub, const char *uuid, unsigned what)
{
	int64_t now = nova_boottime_usec();

	g_mutex_lock(&hub->lock);
	for (unsigned i = 0; i < hub->listeners->len; i++) {
		nova_virt_listener *listener = g_ptr_array_index(hub->listeners, i);
		uint64_t one = 1;

		if (strcmp(listener->uuid, uuid) != 0)
			continue;
		if (what & STOPPED_FOR_SWITCH)
			listener->stopped_usec = now;
		/* Can only fail when the count is full, and then the listener is woken anyway. */
		if (write(listener->eventfd, &one, sizeof(one)) < 0)
			continue;
	}
	g_mutex_unlock(&hub->lock);
}

int64_t nova_virt_hub_take_stopped(nova_virt_hub *hub, nova_virt_listener *listener)
{
	int64_t stopped;

	g_mutex_lock(&hub->lock);
	stopped = listener->stopped_usec;
	listener->stopped_usec = 0;
	g_mutex_unlock(&hub->lock);
	return stopped;
}

static void tell(nova_virt_hub *hub, virDomainPtr domain, unsigned what)
{
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (virDomainGetUUIDString(domain, uuid) < 0)
		return;
	wake_listeners(hub, uuid, what);
	g_mutex_lock(&hub->calling);
	if (hub->events.domain)
		hub->events.domain(uuid, what & REBOOTED, hub->events.user);
	g_mutex_unlock(&hub->calling);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *hub)
{
	bool stopped = event == VIR_DOMAIN_EVENT_SUSPENDED && detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED;

	(void)conn;
	tell(hub, domain, stopped ? STOPPED_FOR_SWITCH : 0);
	return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr domain, void *hub)
{
	(void)conn;
	tell(hub, domain, REBOOTED);
}

static void on_job_completed(virConnectPtr conn, virDomainPtr domain, virTypedParameterPtr params, int n, void *hub)
{
	(void)conn;
	(void)params;
	(void)n;
	tell(hub, domain, 0);
}

static const struct {
	int id;
	virConnectDomainEventGenericCallback callback;
} subscriptions[] = {
	{ VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
	{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
	{ VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed) },
};

static void tell_connection(nova_virt_hub *hub, bool is_up)
{
	g_mutex_lock(&hub->calling);
	if (hub->events.connection)
		hub->events.connection(is_up, hub->events.user);
	g_mutex_unlock(&hub->calling);
}

/* ---- the connection they come through ---- */

/* What has to be undone with a connection; an atomic rc box. */
typedef struct retirement {
	virConnectPtr conn;
	int ids[NOVA_VIRT_SUBSCRIPTIONS];
} retirement;

G_STATIC_ASSERT(G_N_ELEMENTS(subscriptions) == NOVA_VIRT_SUBSCRIPTIONS);

static void on_close(virConnectPtr conn, int reason, void *hub);

/* Deregistering asks the server, so it may take as long as the keepalive lets it.  It must be over before the
 * connection ends: libvirtd 9.0 can die of a client that leaves while it deregisters. */
static bool retire(void *args, GError **error)
{
	retirement *r = args;

	(void)error;
	for (size_t i = 0; i < G_N_ELEMENTS(r->ids); i++)
		if (r->ids[i] >= 0)
			virConnectDomainEventDeregisterAny(r->conn, r->ids[i]);
	virConnectUnregisterCloseCallback(r->conn, on_close);
	virConnectClose(r->conn);
	return true;
}

/* Waits `patience_ms' for it to be over (0: not at all). */
static void start_retirement(virConnectPtr conn, const int *ids, int patience_ms)
{
	retirement *r = g_atomic_rc_box_new0(retirement);
	nova_offload_call call = { .group = &retirements, .who = "libvirt", .work = retire, .args = r };

	r->conn = conn;
	memcpy(r->ids, ids, sizeof(r->ids));
	if (patience_ms > 0) {
		nova_offload_run(&call, nova_deadline_in_ms(patience_ms), NULL, NULL);
		g_atomic_rc_box_release(r);
	} else {
		nova_offload_start(&call);
	}
}

/* Takes the connection (NULL: whichever it is) away from the hub, once. */
static void drop(nova_virt_hub *hub, virConnectPtr conn, int patience_ms)
{
	int ids[NOVA_VIRT_SUBSCRIPTIONS];
	virConnectPtr old = NULL;

	g_mutex_lock(&hub->lock);
	if (hub->conn && (!conn || hub->conn == conn)) {
		old = hub->conn;
		memcpy(ids, hub->ids, sizeof(ids));
		hub->conn = NULL;
		g_cond_signal(&hub->wake);
	}
	g_mutex_unlock(&hub->lock);
	if (!old)
		return;
	tell_connection(hub, false);
	start_retirement(old, ids, patience_ms);
}

static void on_close(virConnectPtr conn, int reason, void *hub)
{
	(void)reason;
	drop(hub, conn, 0);
}

/* What cannot be registered is left to the polls of whoever waits for it. */
static void subscribe(virConnectPtr conn, nova_virt_hub *hub, int *ret_ids)
{
	for (size_t i = 0; i < G_N_ELEMENTS(subscriptions); i++) {
		ret_ids[i] = virConnectDomainEventRegisterAny(conn, NULL, subscriptions[i].id,
							      subscriptions[i].callback,
							      g_atomic_rc_box_acquire(hub), nova_virt_hub_unref);
		if (ret_ids[i] < 0)
			nova_virt_hub_unref(hub);
	}
	if (virConnectRegisterCloseCallback(conn, on_close, g_atomic_rc_box_acquire(hub), nova_virt_hub_unref) < 0)
		nova_virt_hub_unref(hub);
}

typedef struct opening {
	nova_virt_hub *hub;
	nova_conf *conf;
} opening;

static void opening_clear(void *data)
{
	opening *o = data;

	nova_virt_hub_unref(o->hub);
	nova_conf_unref(o->conf);
}

static bool open_connection(void *args, GError **error)
{
	opening *o = args;
	nova_virt_hub *hub = o->hub;
	virConnectPtr conn = nova_virt_connect(o->conf->libvirt_connection_uri, o->conf, error);
	int ids[NOVA_VIRT_SUBSCRIPTIONS];
	bool taken = false;

	if (conn)
		subscribe(conn, hub, ids);
	g_mutex_lock(&hub->lock);
	hub->openings--;
	/* It may have taken so long that another attempt overtook this one. */
	if (conn && !hub->closed && !hub->conn) {
		hub->conn = conn;
		memcpy(hub->ids, ids, sizeof(ids));
		taken = true;
	}
	g_mutex_unlock(&hub->lock);
	if (taken)
		tell_connection(hub, true);
	else if (conn)
		start_retirement(conn, ids, 0);
	return conn != NULL;
}

bool nova_virt_hub_is_connected(nova_virt_hub *hub)
{
	virConnectPtr broken = NULL;
	bool connected;

	g_mutex_lock(&hub->lock);
	connected = hub->conn && virConnectIsAlive(hub->conn) == 1;
	if (hub->conn && !connected)
		broken = hub->conn;
	g_mutex_unlock(&hub->lock);
	if (broken)
		drop(hub, broken, 0);
	return connected;
}

bool nova_virt_hub_connect(nova_virt_hub *hub, nova_conf *conf, int deadline_ms, GError **error)
{
	nova_offload_call call = { .group = &connects, .who = "libvirt of this host", .work = open_connection,
				   .clear = opening_clear };
	opening *o;
	bool ok;

	if (nova_virt_hub_is_connected(hub))
		return true;
	g_mutex_lock(&hub->lock);
	ok = hub->openings == 0 || g_get_monotonic_time() - hub->opening_since > OPEN_PATIENCE_USEC;
	if (ok) {
		hub->openings++;
		hub->opening_since = g_get_monotonic_time();
	}
	g_mutex_unlock(&hub->lock);
	if (!ok)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR,
				 "libvirt of this host does not answer: the connection for events is not open yet");
	o = g_atomic_rc_box_new0(opening);
	o->hub = g_atomic_rc_box_acquire(hub);
	o->conf = nova_conf_ref(conf);
	call.args = o;
	ok = nova_offload_run(&call, nova_deadline_in_ms(deadline_ms), NULL, error);
	g_atomic_rc_box_release_full(o, opening_clear);
	return ok;
}

void nova_virt_hub_close(nova_virt_hub *hub)
{
	g_mutex_lock(&hub->calling);
	memset(&hub->events, 0, sizeof(hub->events));
	g_mutex_unlock(&hub->calling);
	g_mutex_lock(&hub->lock);
	hub->closed = true;
	g_cond_signal(&hub->wake);
	g_mutex_unlock(&hub->lock);
	drop(hub, NULL, CLOSE_PATIENCE_MS);
}
