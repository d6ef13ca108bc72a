/* SPDX-License-Identifier: Apache-2.0
 *
 * A nova_virt's connections and events.
 */
#include "compute/virt_hub.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Connections to other hosts that nobody used for this long are closed, and at most so many are kept. */
#define REMOTE_IDLE_USEC (15 * 60 * G_USEC_PER_SEC)
#define MAX_REMOTES 256
#define RECONNECT_MIN_USEC (200 * 1000)
#define RECONNECT_MAX_USEC (5 * G_USEC_PER_SEC)

/* ---- events ---- */

static void hub_clear(void *data)
{
	nova_virt_hub *hub = data;

	g_ptr_array_unref(hub->listeners);
	g_hash_table_unref(hub->subscriptions);
	g_mutex_clear(&hub->calling);
	g_mutex_clear(&hub->lock);
	g_cond_clear(&hub->wake);
}

static void hub_unref(void *hub)
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

static void wake_listeners(nova_virt_hub *hub, const char *uuid)
{
	g_mutex_lock(&hub->lock);
	for (unsigned i = 0; i < hub->listeners->len; i++) {
		const nova_virt_listener *listener = g_ptr_array_index(hub->listeners, i);
		uint64_t one = 1;

		/* Can only fail when the count is full, and then the listener is woken anyway. */
		if (strcmp(listener->uuid, uuid) == 0 && write(listener->eventfd, &one, sizeof(one)) < 0)
			continue;
	}
	g_mutex_unlock(&hub->lock);
}

static void tell(nova_virt_hub *hub, virDomainPtr domain, bool rebooted)
{
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (virDomainGetUUIDString(domain, uuid) < 0)
		return;
	wake_listeners(hub, uuid);
	g_mutex_lock(&hub->calling);
	if (hub->events.domain)
		hub->events.domain(uuid, rebooted, hub->events.user);
	g_mutex_unlock(&hub->calling);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *hub)
{
	(void)conn;
	(void)event;
	(void)detail;
	tell(hub, domain, false);
	return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr domain, void *hub)
{
	(void)conn;
	tell(hub, domain, true);
}

static void on_job_completed(virConnectPtr conn, virDomainPtr domain, virTypedParameterPtr params, int n, void *hub)
{
	(void)conn;
	(void)params;
	(void)n;
	tell(hub, domain, false);
}

static const struct {
	int id;
	virConnectDomainEventGenericCallback callback;
} subscriptions[] = {
	{ VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
	{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
	{ VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed) },
};

/* What cannot be registered is left to the polls of whoever waits for it. */
static void opened(virConnectPtr conn, void *user)
{
	nova_virt_hub *hub = user;
	int *ids = g_new(int, G_N_ELEMENTS(subscriptions));

	for (size_t i = 0; i < G_N_ELEMENTS(subscriptions); i++) {
		ids[i] = virConnectDomainEventRegisterAny(conn, NULL, subscriptions[i].id, subscriptions[i].callback,
							  g_atomic_rc_box_acquire(hub), hub_unref);
		if (ids[i] < 0)
			hub_unref(hub);
	}
	g_mutex_lock(&hub->lock);
	g_hash_table_insert(hub->subscriptions, conn, ids);
	g_mutex_unlock(&hub->lock);
}

static void retire(virConnectPtr conn, void *user)
{
	nova_virt_hub *hub = user;
	g_autofree int *ids = NULL;

	g_mutex_lock(&hub->lock);
	g_hash_table_steal_extended(hub->subscriptions, conn, NULL, (void **)&ids);
	g_mutex_unlock(&hub->lock);
	for (size_t i = 0; ids && i < G_N_ELEMENTS(subscriptions); i++)
		if (ids[i] >= 0)
			virConnectDomainEventDeregisterAny(conn, ids[i]);
}

static void tell_connection(nova_virt_hub *hub, bool is_up)
{
	g_mutex_lock(&hub->lock);
	hub->lost = !is_up;
	g_cond_signal(&hub->wake);
	g_mutex_unlock(&hub->lock);
	g_mutex_lock(&hub->calling);
	if (hub->events.connection)
		hub->events.connection(is_up, hub->events.user);
	g_mutex_unlock(&hub->calling);
}

static void up(void *hub)
{
	tell_connection(hub, true);
}

static void down(void *hub)
{
	tell_connection(hub, false);
}

/* ---- addresses ---- */

bool nova_virt_address_is_valid(const char *address)
{
	bool colon = address && strchr(address, ':') != NULL;

	if (!address || !*address || *address == '-' || strlen(address) > 253)
		return false;
	for (const char *c = address; *c; c++)
		if (colon ? !g_ascii_isxdigit(*c) && *c != ':' && *c != '.'
			  : !g_ascii_isalnum(*c) && !strchr(".-_", *c))
			return false;
	return true;
}

char *nova_virt_address_in_uri(const char *address)
{
	return strchr(address, ':') ? g_strdup_printf("[%s]", address) : g_strdup(address);
}

char *nova_virt_uri(const nova_conf *conf, const char *address, GError **error)
{
	g_autofree char *host = NULL;
	g_auto(GStrv) parts = NULL;

	if (!nova_virt_address_is_valid(address)) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' cannot be the address of a host's libvirt",
			  address ? address : "");
		return NULL;
	}
	host = nova_virt_address_in_uri(address);
	parts = g_strsplit(conf->live_migration_uri, "%s", -1);
	return g_strjoinv(host, parts);
}

nova_virt_link *nova_virt_get_link(nova_virt *virt, const char *address, GError **error)
{
	g_autofree char *uri = NULL, *who = NULL;
	nova_virt_link *link;

	if (!address)
		return nova_virt_link_ref(virt->local);
	uri = nova_virt_uri(virt->conf, address, error);
	if (!uri)
		return NULL;
	g_mutex_lock(&virt->lock);
	link = g_hash_table_lookup(virt->remotes, address);
	if (!link && g_hash_table_size(virt->remotes) < MAX_REMOTES) {
		who = g_strdup_printf("libvirt of '%s'", address);
		link = nova_virt_link_new(uri, who, virt->conf, NULL);
		g_hash_table_insert(virt->remotes, g_strdup(address), link);
	}
	if (link)
		nova_virt_link_ref(link);
	g_mutex_unlock(&virt->lock);
	if (!link)
		nova_fail(error, NOVA_FAULT_HYPERVISOR,
			  "libvirt of '%s' is not asked: connections to %d other hosts are open",
			  address, MAX_REMOTES);
	return link;
}

/* ---- the keeper: opens the local connection again, closes idle ones ---- */

static bool ping(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	unsigned long version;

	(void)call;
	if (virConnectGetLibVersion(conn, &version) < 0)
		return nova_virt_fail(error, "libvirt does not answer");
	return true;
}

static bool ping_link(nova_virt_link *link, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(ping, NULL);

	call->only_looks = true;
	return nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error);
}

static int is_idle(void *key, void *value, void *now)
{
	(void)key;
	return *(int64_t *)now - nova_virt_link_used_at(value) > REMOTE_IDLE_USEC;
}

static void *keep(void *data)
{
	nova_virt *virt = data;
	int64_t pause = RECONNECT_MIN_USEC;

	g_mutex_lock(&virt->hub->lock);
	while (!virt->hub->closed) {
		bool lost = virt->hub->lost;
		int64_t now = g_get_monotonic_time();

		g_mutex_unlock(&virt->hub->lock);
		if (lost || !nova_virt_link_is_up(virt->local))
			lost = !ping_link(virt->local, 5000, NULL);
		g_mutex_lock(&virt->lock);
		g_hash_table_foreach_remove(virt->remotes, is_idle, &now);
		g_mutex_unlock(&virt->lock);
		pause = lost ? MIN(pause * 2, RECONNECT_MAX_USEC) : RECONNECT_MIN_USEC;
		g_mutex_lock(&virt->hub->lock);
		if (!virt->hub->closed && (lost || !virt->hub->lost))
			g_cond_wait_until(&virt->hub->wake, &virt->hub->lock,
					  g_get_monotonic_time() + (lost ? pause : 30 * G_USEC_PER_SEC));
	}
	g_mutex_unlock(&virt->hub->lock);
	return NULL;
}

/* ---- open and close ---- */

/* The first question for a QEMU's capabilities starts that QEMU several times; asked now, the first migration
 * that comes in need not wait for it. */
static bool warm_up(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	char *capabilities = virConnectGetDomainCapabilities(conn, NULL, "x86_64", NULL, call->text, 0);

	(void)error;
	free(capabilities);
	return true;
}

nova_virt *nova_virt_open(nova_conf *conf, const nova_virt_events *events, int deadline_ms, GError **error)
{
	nova_virt_link_hooks hooks = { .opened = opened, .up = up, .down = down, .retire = retire,
				       .clear_user = hub_clear };
	g_autofree char *template = NULL;
	nova_virt_call *warm;
	nova_virt *virt;

	/* Every address fits the template, or none does. */
	template = nova_virt_uri(conf, "host", error);
	if (!template || !nova_virt_loop_start(error))
		return NULL;
	virt = g_new0(nova_virt, 1);
	virt->conf = nova_conf_ref(conf);
	virt->hub = g_atomic_rc_box_new0(nova_virt_hub);
	g_mutex_init(&virt->hub->calling);
	g_mutex_init(&virt->hub->lock);
	g_cond_init(&virt->hub->wake);
	virt->hub->listeners = g_ptr_array_new();
	virt->hub->subscriptions = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	if (events)
		virt->hub->events = *events;
	g_mutex_init(&virt->lock);
	virt->remotes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)nova_virt_link_close);
	hooks.user = virt->hub;
	virt->local = nova_virt_link_new(conf->libvirt_connection_uri, "libvirt of this host", conf, &hooks);
	if (!ping_link(virt->local, deadline_ms, error)) {
		nova_virt_close(virt);
		return NULL;
	}
	warm = nova_virt_call_new(warm_up, NULL);
	warm->text = g_strdup(conf->libvirt_virt_type == NOVA_VIRT_KVM ? "kvm" : "qemu");
	nova_virt_link_start(virt->local, warm);
	virt->keeper = g_thread_new("virt-keeper", keep, virt);
	return virt;
}

void nova_virt_close(nova_virt *virt)
{
	if (!virt)
		return;
	g_mutex_lock(&virt->hub->calling);
	memset(&virt->hub->events, 0, sizeof(virt->hub->events));
	g_mutex_unlock(&virt->hub->calling);
	g_mutex_lock(&virt->hub->lock);
	virt->hub->closed = true;
	g_cond_signal(&virt->hub->wake);
	g_mutex_unlock(&virt->hub->lock);
	if (virt->keeper)
		g_thread_join(virt->keeper);
	nova_virt_link_close(virt->local);
	g_hash_table_unref(virt->remotes);
	g_mutex_clear(&virt->lock);
	g_atomic_rc_box_release_full(virt->hub, hub_clear);
	nova_conf_unref(virt->conf);
	g_free(virt);
}

bool nova_virt_ping(nova_virt *virt, int deadline_ms, GError **error)
{
	return ping_link(virt->local, deadline_ms, error);
}

bool nova_virt_ping_host(nova_virt *virt, const char *address, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, address, error);

	return link && ping_link(link, deadline_ms, error);
}

unsigned nova_virt_stuck_calls(const nova_virt *virt)
{
	(void)virt;
	return nova_virt_links_stuck();
}
