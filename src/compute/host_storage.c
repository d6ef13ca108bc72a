/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/host_storage.h"

#include "common/fault_point.h"
#include "common/log.h"
#include "db/hosts.h"

#include <unistd.h>

#define OPEN_MS 3000
#define LOCKS_MS 5000
#define FSID_MS 10000 /* once in a host's life */
#define SEARCHABLE_BY_OTHERS 0001

static void warn(const nova_compute *compute, const nova_conf *conf, const nova_storage_view *view)
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
}

/* Once, by whoever finds the storage well first. */
static void try_locks(nova_compute *compute, const nova_conf *conf)
{
	const nova_log_tags tags = { .host = compute->host };
	g_autoptr(GError) failed = NULL;

	if (!g_atomic_int_compare_and_exchange(&compute->locks_tried, false, true))
		return;
	bool work = nova_fault_point("compute:locks", &failed) &&
		    nova_storage_locks_work(conf->instances_path, LOCKS_MS, &failed);

	if (!work)
		nova_log_warning(
			&tags,
			"file locks do not work on instances_path '%s': QEMU's image locks protect nothing there; "
			"check the mount's lock options: %s",
			conf->instances_path, failed->message);
}

static bool is_ours(const nova_compute *compute, const nova_conf *conf, const nova_storage_view *view, GError **error)
{
	if (g_ascii_strcasecmp(view->fsid, compute->fsid) == 0)
		return true;
	if (!*view->fsid)
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "instances_path '%s' is not this host's file system %s: it has no %s. Is it mounted?",
				 conf->instances_path, compute->fsid, NOVA_STORAGE_FSID_FILE);
	return nova_fail(error, NOVA_FAULT_STORAGE,
			 "instances_path '%s' is the file system %s, not this host's %s: mount that one; a host "
			 "without guests takes another one when its service is started",
			 conf->instances_path, view->fsid, compute->fsid);
}

bool nova_host_storage_was_well(nova_compute *compute)
{
	return g_atomic_int_get(&compute->storage_well);
}

bool nova_host_storage_check(nova_compute *compute, nova_storage_view *ret, int deadline_ms, GError **error)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	nova_storage_view view;
	bool well = nova_storage_check(conf->instances_path, &view, deadline_ms, error) &&
		    is_ours(compute, conf, &view, error);

	g_atomic_int_set(&compute->storage_well, well);
	if (!well)
		return false;
	try_locks(compute, conf);
	if (ret)
		*ret = view;
	return true;
}

/* A host nobody knows yet: it takes the identity that is there, or makes one. */
static bool introduce(nova_compute *compute, const nova_conf *conf, GError **error)
{
	g_autofree char *fsid = nova_storage_fsid(conf->instances_path, FSID_MS, error);

	if (!fsid)
		return false;
	compute->fsid = g_ascii_strdown(fsid, -1);
	return true;
}

static void recall(nova_compute *compute, const nova_conf *conf, const nova_host *known, const nova_storage_view *view)
{
	const nova_log_tags tags = { .host = compute->host };
	const char *recorded = known->inventory.pool_fsid;
	bool another = view && *view->fsid && g_ascii_strcasecmp(view->fsid, recorded) != 0;

	if (another && known->running_vms == 0)
		nova_log_warning(&tags, "instances_path '%s' is the file system %s now, it was %s: no guest is at home "
				 "on this host, taking it", conf->instances_path, view->fsid, recorded);
	compute->fsid = g_ascii_strdown(another && known->running_vms == 0 ? view->fsid : recorded, -1);
}

bool nova_host_storage_open(nova_compute *compute, GError **error)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	g_autoptr(GError) database = NULL;
	g_autoptr(GError) storage = NULL;
	g_autoptr(nova_host) known = nova_hosts_find(compute->db, compute->host, &database);
	nova_storage_view view;

	if (database) {
		g_propagate_error(error, g_steal_pointer(&database));
		return false;
	}
	bool works = nova_storage_check(conf->instances_path, &view, OPEN_MS, &storage);

	g_clear_pointer(&compute->fsid, g_free);
	if (known && known->inventory.pool_fsid) {
		recall(compute, conf, known, works ? &view : NULL);
	} else if (!works) {
		g_propagate_error(error, g_steal_pointer(&storage));
		return false;
	} else if (!introduce(compute, conf, error)) {
		return false;
	}
	if (works)
		warn(compute, conf, &view);
	if (!storage)
		nova_host_storage_check(compute, NULL, OPEN_MS, &storage);
	if (storage)
		nova_log_warning(&(nova_log_tags){ .host = compute->host },
				 "starting without storage, nothing new comes here until it works: %s",
				 storage->message);
	return true;
}
