/* SPDX-License-Identifier: Apache-2.0
 *
 * libvirt's event loop, and its errors as ours.
 */
#include "compute/virt_link.h"

#include <unistd.h>

/* libvirt prints errors on stderr unless told otherwise; here they travel as GError. */
static void ignore_error(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

static void *run_loop(void *data)
{
	(void)data;
	for (;;) {
		/* It only fails when poll(2) does; then it must not spin. */
		if (virEventRunDefaultImpl() < 0)
			usleep(10000);
	}
	return NULL;
}

/* The loop sleeps until a descriptor or a timer of libvirt's wakes it; with this timer it also notices what a
 * thread has registered while it slept, if ever a wake-up is lost. */
static void tick(int timer, void *data)
{
	(void)timer;
	(void)data;
}

static bool start_loop(GError **error)
{
	xmlInitParser();
	if (virInitialize() < 0)
		return nova_virt_fail(error, "cannot start libvirt's client library");
	virSetErrorFunc(NULL, ignore_error);
	if (virEventRegisterDefaultImpl() < 0 || virEventAddTimeout(60000, tick, NULL, NULL) < 0)
		return nova_virt_fail(error, "cannot register libvirt's event loop");
	g_thread_unref(g_thread_new("virt-events", run_loop, NULL));
	return true;
}

bool nova_virt_loop_start(GError **error)
{
	static GMutex lock;
	static bool started;
	bool ok;

	g_mutex_lock(&lock);
	if (!started)
		started = start_loop(error);
	ok = started;
	g_mutex_unlock(&lock);
	return ok;
}

bool nova_virt_fail(GError **error, const char *format, ...)
{
	const virError *last = virGetLastError();
	nova_fault fault = NOVA_FAULT_HYPERVISOR;
	g_autofree char *what = NULL;
	va_list args;

	if (last && last->code == VIR_ERR_NO_DOMAIN)
		fault = NOVA_FAULT_INSTANCE_NOT_FOUND;
	else if (last && last->code == VIR_ERR_OPERATION_INVALID)
		fault = NOVA_FAULT_INSTANCE_STATE;
	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	return nova_fail(error, fault, "%s: %s", what,
			 last && last->message ? last->message : "libvirt does not say why");
}

virDomainPtr nova_virt_lookup(virConnectPtr conn, const char *uuid, GError **error)
{
	virDomainPtr domain = virDomainLookupByUUIDString(conn, uuid);
	const virError *last;

	if (domain)
		return domain;
	last = virGetLastError();
	if (!last || last->code != VIR_ERR_NO_DOMAIN)
		nova_virt_fail(error, "cannot look for domain %s", uuid);
	return NULL;
}

virConnectPtr nova_virt_connect(const char *uri, const nova_conf *conf, GError **error)
{
	virConnectPtr conn = virConnectOpen(uri);

	if (!conn) {
		nova_virt_fail(error, "cannot connect to libvirt at '%s'", uri);
		/* Whatever libvirt calls it: without a connection nobody was asked. */
		if (error && *error)
			(*error)->code = NOVA_FAULT_HYPERVISOR;
		return NULL;
	}
	/* Refused only by libvirtds too old to have it, and then TCP's own timeouts have to do. */
	if (conf->libvirt_keepalive_interval > 0)
		virConnectSetKeepAlive(conn, (int)conf->libvirt_keepalive_interval,
				       (unsigned)conf->libvirt_keepalive_count);
	return conn;
}
