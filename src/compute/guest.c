/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/guest.h"

#include "common/json.h"
#include "compute/config_drive.h"
#include "compute/console.h"
#include "compute/images.h"
#include "db/flavors.h"
#include "db/keypairs.h"
#include "model/domain_xml.h"

#define PING_MS 3000
#define HYPERVISOR_PAUSE_MS 2000
#define MEMORY_MS 10000

bool nova_guest_look(nova_step *step, nova_domain_view *ret, GError **error)
{
	g_autofree char *name = nova_instance_domain_name(step->instance->id);

	return nova_virt_observe(step->compute->virt, NULL, step->op->instance_uuid, name, ret,
				 nova_compute_call_ms(step->conf), error);
}

bool nova_guest_is_owner(const nova_step *step, const nova_domain_view *view)
{
	return !nova_guest_is_gone(view) && view->token == step->instance->token;
}

bool nova_guest_is_foreign(const nova_domain_view *view)
{
	return !nova_guest_is_gone(view) && view->token < 0;
}

bool nova_guest_is_gone(const nova_domain_view *view)
{
	return view->seen == NOVA_SEEN_ABSENT;
}

static nova_domain_cpu cpu_of(const nova_conf *conf)
{
	switch (conf->libvirt_cpu_mode) {
	case NOVA_CPU_HOST_MODEL:
		return NOVA_DOMAIN_CPU_HOST_MODEL;
	case NOVA_CPU_CUSTOM:
		return NOVA_DOMAIN_CPU_CUSTOM;
	case NOVA_CPU_NONE:
	default:
		return NOVA_DOMAIN_CPU_DEFAULT;
	}
}

/* The machine type is part of what the guest sees and must be the same on every host it will ever run
 * on: it is fixed before the first start. */
static bool fix_machine(nova_step *step, GError **error)
{
	nova_fence fence = nova_step_fence(step);

	if (step->instance->machine)
		return true;
	g_autofree char *machine = nova_virt_machine(step->compute->virt, step->conf->libvirt_machine_type,
						     nova_compute_call_ms(step->conf), error);

	if (!machine || !nova_operations_set_machine(step->compute->db, &fence, step->op, machine, error))
		return false;
	step->instance->machine = g_steal_pointer(&machine);
	return true;
}

static bool has_config_drive(const nova_instance *instance)
{
	return instance->config_drive && *instance->config_drive;
}

bool nova_guest_make_config_drive(nova_step *step, int deadline_ms, GError **error)
{
	nova_config_drive drive = { .instance = step->instance };
	g_autoptr(GPtrArray) networks = NULL;
	g_autofree char *key = NULL;

	if (!has_config_drive(step->instance))
		return true;
	if (!nova_keypairs_of_instance(step->compute->db, step->instance->uuid, &key, error) ||
	    !nova_networks_list(step->compute->db, &networks, error))
		return false;
	drive.public_key = key;
	drive.networks = networks;
	return nova_config_drive_make(step->conf, &drive, deadline_ms, error);
}

static char *definition(const nova_step *step, GError **error)
{
	const nova_instance *instance = step->instance;
	g_autofree char *disk = nova_images_disk_path(step->conf, instance->uuid);
	g_autofree char *log = nova_console_path(step->conf, instance->uuid, instance->token);
	g_autofree char *drive =
		has_config_drive(instance) ? nova_config_drive_path(step->conf, instance->uuid) : NULL;
	const nova_domain_spec spec = {
		.instance_id = instance->id,
		.hostname = instance->hostname,
		.uuid = instance->uuid,
		.kvm = step->conf->libvirt_virt_type == NOVA_VIRT_KVM,
		.machine = instance->machine,
		.vcpus = instance->vcpus,
		.memory_mb = instance->memory_mb,
		.cpu = cpu_of(step->conf),
		.cpu_model = step->conf->libvirt_cpu_models[0],
		.disk = disk,
		.config_drive = drive,
		.console_log = log,
		.addresses = instance->addresses,
		.token = instance->token,
		.operation = step->op->id,
		.host = step->compute->host,
	};

	return nova_domain_xml(&spec, error);
}

bool nova_guest_start(nova_step *step, GError **error)
{
	nova_domain_view view;

	if (!fix_machine(step, error))
		return false;
	g_autofree char *xml = definition(step, error);

	if (!xml || !nova_step_may_act(step, error) ||
	    !nova_virt_create(step->compute->virt, xml, nova_compute_call_ms(step->conf), error) ||
	    !nova_guest_look(step, &view, error))
		return false;
	if (view.seen != NOVA_SEEN_RUNNING)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "the guest was started but is '%s'",
				 nova_observed_name(view.seen));
	/* It was suspended, and has been booted instead.  What stays is only space: this operation's end takes the
	 * file's name from the row. */
	if (step->instance->saved_operation)
		nova_images_memory_remove(step->conf, step->instance->uuid, step->instance->saved_operation, MEMORY_MS,
					  NULL);
	return true;
}

bool nova_guest_end(nova_step *step, GError **error)
{
	nova_domain_view view;

	if (!nova_step_may_act(step, error) ||
	    !nova_virt_destroy(step->compute->virt, NULL, step->op->instance_uuid, nova_compute_call_ms(step->conf),
			       error) ||
	    !nova_guest_look(step, &view, error))
		return false;
	if (!nova_guest_is_gone(&view))
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "the guest was ended but is still '%s'",
				 nova_observed_name(view.seen));
	return true;
}

bool nova_guest_must_wait(nova_step *step, const GError *cause)
{
	switch (nova_error_fault(cause)) {
	case NOVA_FAULT_DATABASE:
	case NOVA_FAULT_DATABASE_CONFLICT:
	case NOVA_FAULT_FENCED:
	case NOVA_FAULT_STALE:
		return true;
	case NOVA_FAULT_HYPERVISOR:
		return !nova_virt_ping(step->compute->virt, PING_MS, NULL);
	default:
		return false;
	}
}

nova_step_end nova_guest_wait_for_it(nova_step *step, GError *cause, GError **error)
{
	if (!nova_error_is(cause, NOVA_FAULT_HYPERVISOR)) {
		g_propagate_error(error, cause);
		return NOVA_STEP_ERROR;
	}
	g_autoptr(GError) owned = cause;

	return nova_step_block(step, NOVA_BLOCKED_HYPERVISOR, step->compute->host, owned->message, NULL,
			       HYPERVISOR_PAUSE_MS, error);
}

char *nova_guest_evidence(const char *host, const nova_domain_view *view)
{
	g_autoptr(json_object) root = json_object_new_object();

	nova_json_add_str(root, "host", host);
	nova_json_add_str(root, "seen", nova_observed_name(view->seen));
	if (nova_guest_is_gone(view)) {
		nova_json_add_str(root, "end", nova_end_reason_name(view->end));
	} else {
		nova_json_add_int(root, "token", view->token);
		nova_json_add_int(root, "operation", view->operation);
	}
	return nova_json_dup_text(root, NULL);
}
