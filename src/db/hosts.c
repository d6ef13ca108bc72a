/* SPDX-License-Identifier: Apache-2.0 */
#include "db/hosts.h"

#include "common/uuid.h"
#include "db/fence.h"
#include "db/rows.h"
#include "db/tx.h"

#include <inttypes.h>
#include <string.h>

/* ---- registration ---- */

typedef struct registration {
	const nova_host_identity *identity;
	int64_t tried; /* epoch of a run whose COMMIT may or may not have taken effect */
	nova_fence fence;
	bool boot_changed;
} registration;

/* The host's id, or 0 when there is no row yet; CONFLICT when name and uuid belong to different hosts. */
static bool find_row(nova_tx *tx, const nova_host_identity *who, int *ret_id, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	*ret_id = 0;
	if (!nova_tx_run(tx, NOVA_Q_HOSTS_NAMESAKES,
			 NOVA_ARGS(nova_arg_text(who->name), nova_arg_text(who->uuid)), &rows, error))
		return false;
	while (nova_result_next(rows)) {
		int id = (int)nova_result_int(rows, "id");
		const char *name = nova_result_text(rows, "name");
		const char *uuid = nova_result_text(rows, "uuid");

		if (strcmp(name, who->name) != 0)
			return nova_fail(
				error, NOVA_FAULT_CONFLICT,
				"this machine (host uuid %s) is registered as '%s' and now calls itself "
				"'%s': its "
				"guests would be orphaned; set [DEFAULT] host = %s, or rename the host with "
				"'nova-lite-manage service rename %s %s', or, if this is a copy of that machine, "
				"give it a host uuid of its own (host_uuid in libvirtd.conf)",
				who->uuid, name, who->name, name, name, who->name);
		if (g_ascii_strcasecmp(uuid, who->uuid) != 0)
			return nova_fail(error, NOVA_FAULT_CONFLICT,
					 "host name '%s' belongs to another machine (host uuid %s, this one "
					 "has %s): give "
					 "this one another name in [DEFAULT] host, or restore its host uuid "
					 "(host_uuid in "
					 "libvirtd.conf) if it is the same machine",
					 name, uuid, who->uuid);
		*ret_id = id;
	}
	return true;
}

/* A valid lease is only taken over from the same machine: by a daemon that has just been started (the one before
 * it on this boot is dead, the lock file says), or by the one that holds it. */
static bool check_holder(nova_tx *tx, const registration *reg, int id, GError **error)
{
	const nova_host_identity *who = reg->identity;
	g_autoptr(nova_result) held = NULL;

	if (!nova_tx_one(tx, NOVA_Q_LEASE_LOOK, NOVA_ARGS(nova_arg_int(id)), &held, error))
		return false;
	if (!held || !nova_result_bool(held, "valid"))
		return true;
	int64_t epoch = nova_result_int(held, "epoch");
	const char *boot = nova_result_text(held, "boot_id");
	int left = (int)nova_result_int(held, "left_s");

	if (*boot && g_strcmp0(boot, who->boot_id) != 0)
		return nova_fail(error, NOVA_FAULT_LEASE_HELD,
				 "another machine holds the lease of host '%s' (boot id %s, this one has %s), for %d s "
				 "more; if that is this machine before it was booted, the lease runs out; if it is a "
				 "copy of this one (same host uuid %s), give one of them a host_uuid in libvirtd.conf "
				 "and a name in [DEFAULT] host of its own",
				 who->name, boot, who->boot_id ? who->boot_id : "none", left, who->uuid);
	if (who->epoch && epoch != who->epoch && epoch != reg->tried)
		return nova_fail(error, NOVA_FAULT_LEASE_HELD,
				 "another nova-lite-compute has registered as host '%s' since (epoch %" PRId64
				 ", this one had %" PRId64 ") and holds the lease for %d s more: stop one of the two",
				 who->name, epoch, who->epoch, left);
	return true;
}

/* Lease first, operations next, the host's row last: the order everybody locks in. */
static bool run_register(nova_tx *tx, void *arg, GError **error)
{
	registration *reg = arg;
	const nova_host_identity *who = reg->identity;
	g_autoptr(nova_result) lease = NULL;
	int id;

	if (!find_row(tx, who, &id, error))
		return false;
	if (!id) {
		g_autoptr(nova_result) made = NULL;

		if (!nova_tx_one(tx, NOVA_Q_HOST_CREATE,
				 NOVA_ARGS(nova_arg_text(who->name), nova_arg_text(who->uuid)), &made, error))
			return false;
		if (made)
			id = (int)nova_result_int(made, "id");
		else if (!find_row(tx, who, &id, error)) /* another registration was faster */
			return false;
	}
	if (!check_holder(tx, reg, id, error))
		return false;
	if (!nova_tx_run(tx, NOVA_Q_HOST_REVIVE, NOVA_ARGS(nova_arg_int(id)), NULL, error) ||
	    !nova_tx_one(tx, NOVA_Q_LEASE_TAKE_OVER,
			 NOVA_ARGS(nova_arg_int(id), nova_arg_text(who->boot_id ? who->boot_id : ""),
				   nova_arg_int(who->lease_seconds)),
			 &lease, error))
		return false;
	if (!lease)
		return nova_fail(error, NOVA_FAULT_DATABASE, "host '%s' has no lease row", who->name);
	int64_t epoch = nova_result_int(lease, "epoch");
	const char *old_boot = nova_result_text(lease, "old_boot_id");
	bool boot_changed = *old_boot && g_strcmp0(old_boot, who->boot_id) != 0;
	g_autofree char *message =
		g_strdup_printf("the daemon of host '%s' registered anew, epoch %" PRId64 "%s", who->name,
				epoch, boot_changed ? ", after a boot" : "");

	if (!nova_tx_run(tx, NOVA_Q_OPERATIONS_REOWN,
			 NOVA_ARGS(nova_arg_int(id), nova_arg_int(epoch), nova_arg_text(message),
				   nova_arg_text(boot_changed ? NOVA_HOSTS_BOOTED : NULL)),
			 NULL, error) ||
	    !nova_tx_run(tx, NOVA_Q_HOST_INTRODUCE,
			 NOVA_ARGS(nova_arg_int(id), nova_arg_text(who->my_ip),
				   nova_arg_text(who->migration_address),
				   nova_arg_text(who->hypervisor_hostname)),
			 NULL, error))
		return false;
	reg->fence = (nova_fence) { .host_id = id, .epoch = epoch };
	reg->tried = epoch;
	reg->boot_changed = boot_changed;
	return true;
}

bool nova_hosts_register(nova_db *db, const nova_host_identity *identity, nova_fence *ret_fence,
			 bool *ret_boot_changed, GError **error)
{
	/* No proof: registering once more only costs an epoch. */
	static const nova_job job = { .name = "registration of a host", .run = run_register };
	registration reg = { .identity = identity };

	if (!identity->name || !*identity->name || !nova_uuid_is_valid(identity->uuid))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "a host needs a name and a uuid ('%s' is none)",
				 identity->uuid ? identity->uuid : "");
	if (!nova_tx_do(db, &job, &reg, error))
		return false;
	*ret_fence = reg.fence;
	if (ret_boot_changed)
		*ret_boot_changed = reg.boot_changed;
	return true;
}

/* ---- the lease ---- */

bool nova_hosts_renew(nova_db *db, const nova_fence *fence, int seconds, const char *health, bool storage_ok,
		      GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_LEASE_RENEW,
			 NOVA_ARGS(nova_arg_int(fence->host_id), nova_arg_int(fence->epoch),
				   nova_arg_int(seconds), nova_arg_text(health), nova_arg_bool(storage_ok)),
			 &row, error))
		return false;
	return row || nova_fence_refuse(db, fence, error);
}

bool nova_hosts_release(nova_db *db, const nova_fence *fence, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_LEASE_RELEASE,
			 NOVA_ARGS(nova_arg_int(fence->host_id), nova_arg_int(fence->epoch)), &row, error))
		return false;
	return row || nova_fence_refuse(db, fence, error);
}

bool nova_hosts_has_lease(nova_db *db, int id, bool *ret_valid, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, NOVA_Q_FENCE_LOOK, NOVA_ARGS(nova_arg_int(id)), &row, error))
		return false;
	*ret_valid = row && nova_result_bool(row, "valid");
	return true;
}

/* ---- inventory ---- */

typedef struct report {
	const nova_fence *fence;
	const nova_inventory *inventory;
} report;

/* The row of the pool, written only when something about it is new: hosts that share it would queue for it.
 */
static bool put_pool(nova_tx *tx, const nova_inventory *inv, int *ret_pool, GError **error)
{
	g_autoptr(nova_result) row = NULL;
	int64_t cap = nova_host_cap_disk_gb(inv);

	if (!nova_tx_one(tx, NOVA_Q_POOL_GET, NOVA_ARGS(nova_arg_text(inv->pool_fsid)), &row, error))
		return false;
	if (row && g_strcmp0(nova_result_text(row, "kind"), inv->pool_kind) == 0 &&
	    nova_result_int(row, "total_gb") == inv->pool_total_gb && nova_result_int(row, "cap_gb") == cap) {
		*ret_pool = (int)nova_result_int(row, "id");
		return true;
	}
	g_clear_pointer(&row, nova_result_free);
	if (!nova_tx_one(tx, NOVA_Q_POOL_PUT,
			 NOVA_ARGS(nova_arg_text(inv->pool_fsid),
				   nova_arg_text(inv->pool_kind ? inv->pool_kind : "local"),
				   nova_arg_int(inv->pool_total_gb), nova_arg_int(cap)),
			 &row, error))
		return false;
	*ret_pool = row ? (int)nova_result_int(row, "id") : 0;
	return true;
}

static bool run_report(nova_tx *tx, void *arg, GError **error)
{
	const report *rep = arg;
	const nova_inventory *inv = rep->inventory;
	int host = rep->fence->host_id;
	int pool = 0;

	if (!nova_fence_hold(tx, rep->fence, error) ||
	    !nova_tx_run(tx, NOVA_Q_HOST_LOCK, NOVA_ARGS(nova_arg_int(host)), NULL, error) ||
	    (inv->pool_fsid && !put_pool(tx, inv, &pool, error)))
		return false;
	return nova_tx_run(
		tx, NOVA_Q_HOST_REPORT,
		NOVA_ARGS(nova_arg_int(host), nova_arg_text(inv->hypervisor_hostname),
			  nova_arg_text(inv->hypervisor_type), nova_arg_int(inv->hypervisor_version),
			  nova_arg_int(inv->libvirt_version), nova_arg_text(inv->cpu_info_json),
			  nova_arg_text(inv->cpu_xml), nova_arg_text(inv->machines), nova_arg_int(inv->vcpus),
			  nova_arg_int(inv->memory_mb), nova_arg_int(inv->reserved_vcpus),
			  nova_arg_int(inv->reserved_memory_mb), nova_arg_int(inv->reserved_disk_gb),
			  nova_arg_float(inv->cpu_ratio), nova_arg_float(inv->ram_ratio),
			  nova_arg_float(inv->disk_ratio), nova_arg_int(nova_host_cap_vcpus(inv)),
			  nova_arg_int(nova_host_cap_memory_mb(inv)), nova_arg_id(pool),
			  nova_arg_int(inv->pool_free_gb), nova_arg_int(inv->max_migrations)),
		NULL, error);
}

bool nova_hosts_report(nova_db *db, const nova_fence *fence, const nova_inventory *inventory, GError **error)
{
	static const nova_job job = { .name = "report of a host's resources", .run = run_report };
	report rep = { .fence = fence, .inventory = inventory };

	if (inventory->pool_fsid && !nova_uuid_is_valid(inventory->pool_fsid))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' in .nova-lite-fsid is no uuid",
				 inventory->pool_fsid);
	return nova_tx_do(db, &job, &rep, error);
}

/* ---- reading ---- */

bool nova_hosts_list(nova_db *db, GPtrArray **ret_hosts, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_HOSTS_ALL, NOVA_NO_ARGS, &rows, error))
		return false;
	*ret_hosts = nova_rows_hosts(rows);
	return true;
}

bool nova_hosts_page(nova_db *db, const char *after, int limit, const char *pattern, GPtrArray **ret_hosts,
		     GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_HOSTS_PAGE,
			 NOVA_ARGS(nova_arg_text(after), nova_arg_id(limit), nova_arg_text(pattern)), &rows, error))
		return false;
	*ret_hosts = nova_rows_hosts(rows);
	return true;
}

static nova_host *find_host(nova_db *db, nova_query_id query, nova_arg key, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	if (!nova_db_one(db, query, &key, 1, &row, error) || !row)
		return NULL;
	return nova_row_host(row);
}

nova_host *nova_hosts_find(nova_db *db, const char *name, GError **error)
{
	return name ? find_host(db, NOVA_Q_HOST_GET_BY_NAME, nova_arg_text(name), error) : NULL;
}

nova_host *nova_hosts_find_by_uuid(nova_db *db, const char *uuid, GError **error)
{
	return nova_uuid_is_valid(uuid) ? find_host(db, NOVA_Q_HOST_GET_BY_UUID, nova_arg_text(uuid), error)
					: NULL;
}

nova_host *nova_hosts_find_by_id(nova_db *db, int id, GError **error)
{
	return find_host(db, NOVA_Q_HOST_GET_BY_ID, nova_arg_int(id), error);
}

void nova_project_usage_free(nova_project_usage *usage)
{
	if (!usage)
		return;
	g_free(usage->project_id);
	g_free(usage);
}

bool nova_hosts_usage(nova_db *db, int host_id, GPtrArray **ret_projects, GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_HOST_USAGE, NOVA_ARGS(nova_arg_int(host_id)), &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_project_usage_free);

	while (nova_result_next(rows)) {
		nova_project_usage *usage = g_new0(nova_project_usage, 1);

		usage->project_id = nova_result_dup(rows, "project_id");
		usage->vcpus = nova_result_int(rows, "vcpus");
		usage->memory_mb = nova_result_int(rows, "memory_mb");
		usage->disk_gb = nova_result_int(rows, "disk_gb");
		g_ptr_array_add(list, usage);
	}
	*ret_projects = list;
	return true;
}

/* ---- what an administrator sets ---- */

static bool host_must_exist(const nova_result *row, const char *name, GError **error)
{
	return row ||
	       nova_fail(error, NOVA_FAULT_HOST_NOT_FOUND, "Compute host %s could not be found.", name);
}

bool nova_hosts_set_disabled(nova_db *db, const char *name, bool disabled, const char *reason, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	return nova_db_one(db, NOVA_Q_HOST_SET_DISABLED,
			   NOVA_ARGS(nova_arg_text(name), nova_arg_bool(disabled), nova_arg_text(reason)),
			   &row, error) &&
	       host_must_exist(row, name, error);
}

bool nova_hosts_rename(nova_db *db, const char *name, const char *new_name, GError **error)
{
	GError *failed = NULL;
	g_autoptr(nova_result) row = NULL;
	g_autoptr(nova_host) host = nova_hosts_find(db, name, &failed);
	g_autoptr(nova_host) taken = failed ? NULL : nova_hosts_find(db, new_name, &failed);

	if (failed) {
		g_propagate_error(error, failed);
		return false;
	}
	if (!host)
		return nova_fail(error, NOVA_FAULT_HOST_NOT_FOUND, "Compute host %s could not be found.", name);
	if (taken)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "There is a compute host %s already.", new_name);
	if (!nova_db_one(db, NOVA_Q_HOST_RENAME, NOVA_ARGS(nova_arg_text(name), nova_arg_text(new_name)), &row, error))
		return false;
	return row || nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				"Compute host %s cannot be renamed now: stop its nova-lite-compute, and let the "
				"operations end that are active on it.", name);
}

bool nova_hosts_set_forced_down(nova_db *db, const char *name, bool forced_down, GError **error)
{
	g_autoptr(nova_result) row = NULL;

	return nova_db_one(db, NOVA_Q_HOST_SET_FORCED_DOWN,
			   NOVA_ARGS(nova_arg_text(name), nova_arg_bool(forced_down)), &row, error) &&
	       host_must_exist(row, name, error);
}
