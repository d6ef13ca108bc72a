/* SPDX-License-Identifier: Apache-2.0
 *
 * Live migration, the destination's part before the copy.  Nothing here touches the guest, and nothing
 * is made that another try or another host would stumble over.
 */
#include "compute/flows.h"

#include "common/deadline.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "compute/guest.h"
#include "compute/host_storage.h"
#include "compute/images.h"
#include "compute/migrate.h"
#include "compute/shared_proof.h"
#include "compute/storage.h"
#include "db/hosts.h"

#include <unistd.h>

#define FILE_MS 10000
#define TRY_PAUSE_MS 1000 /* between two tries of the preparation; live_migration_retry_count counts them */

/* ---- claimed: can this host take the guest? ---- */

/* The name belongs to the guest's row, so another domain of this name is not this deployment's. */
static bool check_name(nova_step *step, GError **error)
{
	g_autofree char *name = nova_instance_domain_name(step->instance->id);
	g_autofree char *other = NULL;

	if (!nova_virt_namesake(step->compute->virt, name, step->op->instance_uuid, &other,
				nova_compute_call_ms(step->conf), error))
		return false;
	if (other)
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
				 "host '%s' has another domain named '%s' (uuid %s): rename or remove that one",
				 step->compute->host, name, other);
	return true;
}

/* A domain of this uuid that is here already: a leftover is removed, anything else refuses. */
static bool check_namesake(nova_step *step, GError **error)
{
	nova_domain_view view;

	if (!check_name(step, error) || !nova_guest_look(step, &view, error))
		return false;
	if (nova_guest_is_gone(&view))
		return true;
	if (nova_guest_is_foreign(&view))
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
				 "host '%s' has a domain with this uuid that nova-lite did not make",
				 step->compute->host);
	if (view.token == step->instance->token ||
	    (view.token > step->instance->token && view.seen == NOVA_SEEN_RUNNING))
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
				 "host '%s' already has this guest, '%s' with token %" G_GINT64_FORMAT,
				 step->compute->host, nova_observed_name(view.seen), view.token);
	/* An older token: it lives elsewhere since.  A newer one that never ran: an incoming domain whose
	 * migration ended without a switch. */
	return nova_guest_end(step, error);
}

static bool check_source(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autoptr(nova_host) source = nova_hosts_find_by_id(step->compute->db, step->op->source_host_id, &failed);
	g_autoptr(nova_host) own =
		failed ? NULL : nova_hosts_find_by_id(step->compute->db, step->op->dest_host_id, &failed);

	if (!source || !own) {
		if (failed)
			g_propagate_error(error, g_steal_pointer(&failed));
		else
			nova_fail(error, NOVA_FAULT_HOST_NOT_FOUND, "the source or destination host has no row");
		return false;
	}
	if (own->inventory.hypervisor_version < source->inventory.hypervisor_version)
		return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
				 "QEMU %d on '%s' is older than QEMU %d on '%s'", own->inventory.hypervisor_version,
				 own->name, source->inventory.hypervisor_version, source->name);
	if (g_strcmp0(source->inventory.pool_fsid, step->compute->fsid) != 0)
		return nova_fail(error, NOVA_FAULT_NOT_SHARED_STORAGE,
				 "hosts '%s' and '%s' do not share their instances_path: its file systems have "
				 "different identities",
				 source->name, own->name);
	return true;
}

static bool check_cpu(nova_step *step, GError **error)
{
	int call_ms = nova_compute_call_ms(step->conf);
	g_autofree char *cpu = NULL;

	if (step->conf->libvirt_virt_type == NOVA_VIRT_KVM &&
	    !nova_virt_guest_cpu(step->compute->virt, step->op->source_address, step->op->instance_uuid, &cpu, call_ms,
				 error))
		return false;
	return nova_virt_cpu_fits(step->compute->virt, cpu, step->instance->machine, call_ms, error);
}

/* As QEMU's own user: with another uid than on the source, or root that the storage takes for nobody, the guest would
 * get I/O errors after it has moved. */
static bool check_disk(nova_step *step, GError **error)
{
	g_autofree char *disk = nova_images_disk_path(step->conf, step->op->instance_uuid);
	g_autoptr(GError) failed = NULL;
	nova_storage_user user;
	uint32_t uid, gid;
	bool known;

	if (!nova_virt_qemu_user(step->compute->virt, &known, &uid, &gid, nova_compute_call_ms(step->conf), error))
		return false;
	if (!known)
		return nova_storage_disk_opens(disk, NULL, FILE_MS, error);
	nova_storage_user_find(uid, gid, &user);
	if (nova_storage_disk_opens(disk, &user, FILE_MS, &failed))
		return true;
	return nova_fail(error, NOVA_FAULT_STORAGE,
			 "%s (as uid %u, gid %u, which QEMU on host '%s' runs as)", failed->message, uid, gid,
			 step->compute->host);
}

/* Not seen is no reason to refuse: the switch then waits for the source's end. */
static bool see_image_lock(nova_step *step)
{
	g_autofree char *disk = nova_images_disk_path(step->conf, step->op->instance_uuid);
	const nova_log_tags tags = nova_step_tags(step);
	g_autoptr(GError) error = NULL;
	bool locked = false;

	if (!nova_fault_point("compute:image-lock", &error) ||
	    !nova_storage_disk_is_locked(disk, &locked, FILE_MS, &error) || !locked)
		nova_log_info(&tags,
			      "the image lock of the guest's QEMU on '%s' is not seen from here%s%s: the switch will "
			      "wait for that QEMU's end",
			      step->op->source_host, error ? ": " : "", error ? error->message : "");
	return locked;
}

nova_step_end nova_migrate_claimed(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autofree char *nonce = NULL;

	if (nova_migrate_is_unwanted(step))
		return nova_migrate_cancel(step, error);
	if (!check_namesake(step, &failed) ||
	    !nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, &failed) ||
	    !check_source(step, &failed) || !check_cpu(step, &failed) || !nova_virt_migration_ports(&failed) ||
	    !check_disk(step, &failed) || !nova_proof_ask(step, &nonce, &failed)) {
		if (nova_guest_must_wait(step, failed) && !nova_error_is(failed, NOVA_FAULT_HYPERVISOR)) {
			g_propagate_error(error, g_steal_pointer(&failed));
			return NOVA_STEP_ERROR;
		}
		return nova_step_refuse(step, failed->message, NULL, error);
	}
	g_autofree char *evidence = nova_proof_agree(step, nonce, see_image_lock(step));

	return nova_step_advance(step, NOVA_OPS_CHECKED, "the destination can take the guest", evidence, error);
}

/* ---- preparing ---- */

static bool check_bridges(const nova_step *step, GError **error)
{
	const GPtrArray *addresses = step->instance->addresses;

	for (unsigned i = 0; i < addresses->len; i++) {
		const nova_address *address = g_ptr_array_index(addresses, i);
		g_autofree char *path = g_strdup_printf("/sys/class/net/%s/bridge", address->bridge);

		if (access(path, F_OK) != 0)
			return nova_fail(error, NOVA_FAULT_MIGRATION_PRE_CHECK,
					 "host '%s' has no bridge '%s' for network '%s'", step->compute->host,
					 address->bridge, address->network);
	}
	return true;
}

bool nova_migrate_can_take_off(nova_step *step, GError **error)
{
	return check_namesake(step, error) &&
	       nova_host_storage_check(step->compute, NULL, NOVA_HOST_STORAGE_MS, error) && check_source(step, error) &&
	       check_bridges(step, error) && check_disk(step, error);
}

static bool check_answer(nova_step *step, GError **error)
{
	g_autofree char *nonce = nova_proof_asked(step, error);
	bool seen = false;

	if (!nonce || !nova_proof_answer_seen(step, nonce, &seen, error))
		return false;
	if (!seen)
		return nova_fail(error, NOVA_FAULT_NOT_SHARED_STORAGE,
				 "host '%s' does not see in instances_path what '%s' has written there",
				 step->compute->host, step->op->source_host);
	return true;
}

static bool prepare(nova_step *step, GError **error)
{
	return nova_fault_point("compute:preparing:try", error) && check_bridges(step, error) &&
	       check_answer(step, error) && check_disk(step, error);
}

nova_step_end nova_migrate_preparing(nova_step *step, GError **error)
{
	nova_step_memory *memory = step->memory;
	int64_t now = nova_boottime_usec();
	g_autoptr(GError) failed = NULL;

	if (nova_migrate_is_unwanted(step))
		return nova_migrate_cancel(step, error);
	if (now < memory->mark) /* kicked before the next try is due */
		return nova_step_wait(step, (int)((memory->mark - now) / 1000) + 1);
	if (prepare(step, &failed)) {
		nova_proof_forget(step);
		return nova_step_advance(step, NOVA_OPS_PREPARED, NULL, NULL, error);
	}
	if (nova_error_is(failed, NOVA_FAULT_DATABASE) || nova_error_is(failed, NOVA_FAULT_DATABASE_CONFLICT)) {
		g_propagate_error(error, g_steal_pointer(&failed));
		return NOVA_STEP_ERROR;
	}
	if (++memory->tries < step->conf->live_migration_retry_count) {
		memory->mark = nova_boottime_usec() + TRY_PAUSE_MS * INT64_C(1000);
		return nova_step_wait(step, TRY_PAUSE_MS);
	}
	nova_proof_forget(step);
	return nova_step_refuse(step, failed->message, NULL, error);
}
