/* SPDX-License-Identifier: Apache-2.0
 *
 * A nova_virt: its links to this host and others.
 */
#include "compute/virt_hub.h"

#include <string.h>

/* Connections to other hosts that nobody used for this long are closed, and at most so many are kept. */
#define REMOTE_IDLE_USEC (15 * 60 * G_USEC_PER_SEC)
#define MAX_REMOTES 256
#define RECONNECT_MIN_USEC (200 * 1000)
#define RECONNECT_MAX_USEC (5 * G_USEC_PER_SEC)
#define RECONNECT_DEADLINE_MS 5000
#define KEEP_USEC (30 * G_USEC_PER_SEC)

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
		link = nova_virt_link_new(uri, who, virt->conf);
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
		int64_t now = g_get_monotonic_time();
		bool connected;

		g_mutex_unlock(&virt->hub->lock);
		connected = nova_virt_hub_connect(virt->hub, virt->conf, RECONNECT_DEADLINE_MS, NULL);
		g_mutex_lock(&virt->lock);
		g_hash_table_foreach_remove(virt->remotes, is_idle, &now);
		g_mutex_unlock(&virt->lock);
		pause = connected ? RECONNECT_MIN_USEC : MIN(pause * 2, RECONNECT_MAX_USEC);
		g_mutex_lock(&virt->hub->lock);
		/* Woken by the loss of the connection, or closed. */
		if (!virt->hub->closed && !(connected && !virt->hub->conn))
			g_cond_wait_until(&virt->hub->wake, &virt->hub->lock,
					  g_get_monotonic_time() + (connected ? KEEP_USEC : pause));
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
	nova_deadline deadline = nova_deadline_in_ms(deadline_ms);
	g_autofree char *template = NULL;
	nova_virt_call *warm;
	nova_virt *virt;

	/* Every address fits the template, or none does. */
	template = nova_virt_uri(conf, "host", error);
	if (!template || !nova_virt_loop_start(error))
		return NULL;
	virt = g_new0(nova_virt, 1);
	virt->conf = nova_conf_ref(conf);
	virt->hub = nova_virt_hub_new(events);
	g_mutex_init(&virt->lock);
	virt->remotes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)nova_virt_link_close);
	virt->local = nova_virt_link_new(conf->libvirt_connection_uri, "libvirt of this host", conf);
	if (!nova_virt_hub_connect(virt->hub, conf, (int)nova_deadline_remaining_ms(deadline), error) ||
	    !ping_link(virt->local, (int)nova_deadline_remaining_ms(deadline), error)) {
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
	nova_virt_hub_close(virt->hub);
	if (virt->keeper)
		g_thread_join(virt->keeper);
	nova_virt_link_close(virt->local);
	g_hash_table_unref(virt->remotes);
	g_mutex_clear(&virt->lock);
	nova_virt_hub_unref(virt->hub);
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
