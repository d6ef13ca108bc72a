/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/startup_check.h"

#include "model/migrate_flags.h"

#include <netdb.h>

bool nova_startup_check_options(const nova_conf *conf, GError **error)
{
	g_autofree char *note = NULL;
	unsigned bits;

	if (!nova_migrate_flags_parse((const char *const *)conf->live_migration_flag,
				      conf->live_migration_strict_switchover, &bits, &note, error))
		return nova_conf_blame(conf, "libvirt", "live_migration_flag", error);
	if (conf->libvirt_cpu_mode == NOVA_CPU_HOST_MODEL && conf->libvirt_virt_type != NOVA_VIRT_KVM) {
		nova_fail(error, NOVA_FAULT_CONFIG,
			  "[libvirt] cpu_mode = host-model needs [libvirt] virt_type = kvm: an emulated cpu is not the "
			  "host's");
		return nova_conf_blame(conf, "libvirt", "cpu_mode", error);
	}
	return true;
}

static bool check_name(const nova_compute *compute, GError **error)
{
	struct addrinfo *found = NULL;
	int code = getaddrinfo(compute->host, NULL, NULL, &found);

	/* Retryable: name service may be away for the moment, or come up after us at boot. */
	if (code != 0)
		return nova_fail(
			error, NOVA_FAULT_SERVICE_AWAY,
			"the host's name '%s' does not resolve (%s): if that lasts, add it to DNS or to /etc/hosts on "
			"every host",
			compute->host, gai_strerror(code));
	freeaddrinfo(found);
	return true;
}

static void warn_about_ports(const nova_compute *compute)
{
	g_autoptr(GError) taken = NULL;

	if (!nova_virt_migration_ports(&taken))
		nova_log_warning(&(nova_log_tags){ .host = compute->host }, "%s", taken->message);
}

bool nova_startup_check(const nova_compute *compute, GError **error)
{
	if (!check_name(compute, error))
		return false;
	warn_about_ports(compute); /* that may pass, and the guests that are here need their service */
	return true;
}
