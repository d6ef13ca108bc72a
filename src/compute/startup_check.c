/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/startup_check.h"

#include "common/fault_point.h"
#include "common/log.h"
#include "compute/storage.h"
#include "model/migrate_flags.h"

#include <netdb.h>
#include <unistd.h>

#define FILE_MS 10000
#define SEARCHABLE_BY_OTHERS 0001

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

static void warn_about_storage(const nova_compute *compute, const nova_conf *conf, const nova_storage_view *view)
{
	const nova_log_tags tags = { .host = compute->host };

	if (!view->shared)
		nova_log_warning(
			&tags,
			"instances_path '%s' is on a file system of this host alone ('%s'): its guests cannot be "
			"live-migrated; mount the shared directory there",
			conf->instances_path, view->kind);
	if (view->uid != geteuid())
		nova_log_warning(
			&tags,
			"instances_path '%s' belongs to uid %u, not to the uid %u this service runs as: give it "
			"the same owner and ids on every host",
			conf->instances_path, view->uid, geteuid());
	if (!(view->mode & SEARCHABLE_BY_OTHERS))
		nova_log_warning(
			&tags,
			"instances_path '%s' has mode %03o: QEMU, if it runs as another user, cannot reach the "
			"disks; run chmod o+x on it",
			conf->instances_path, view->mode & 0777);
	if (!compute->locks_work)
		nova_log_warning(
			&tags,
			"file locks do not work on instances_path '%s': QEMU's image locks protect nothing there; "
			"check the mount's lock options",
			conf->instances_path);
}

static bool check_storage(nova_compute *compute, const nova_conf *conf, GError **error)
{
	g_autoptr(GError) no_locks = NULL;
	nova_storage_view view;

	if (!nova_storage_check(conf->instances_path, &view, FILE_MS, error))
		return false;
	char *fsid = nova_storage_fsid(conf->instances_path, FILE_MS, error);

	if (!fsid)
		return false;
	g_free(compute->fsid);
	compute->fsid = fsid;
	compute->locks_work = nova_fault_point("compute:locks", &no_locks) &&
			      nova_storage_locks_work(conf->instances_path, FILE_MS, &no_locks);
	warn_about_storage(compute, conf, &view);
	return true;
}

bool nova_startup_check(nova_compute *compute, GError **error)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);

	return check_name(compute, error) && check_storage(compute, conf, error) && nova_virt_migration_ports(error);
}
