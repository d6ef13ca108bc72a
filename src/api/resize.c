/* SPDX-License-Identifier: Apache-2.0
 *
 * The actions resize, confirmResize and revertResize.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"
#include "db/at_once.h"
#include "db/flavors.h"

#include <string.h>

#define GIB ((int64_t)1 << 30)

static nova_flavor *take_flavor(nova_request *r, GError **error)
{
	const char *ref = json_object_get_string(nova_json_find(r->args, "flavorRef"));
	const char *slash = strrchr(ref, '/');
	GError *failure = NULL;
	nova_flavor *flavor =
		nova_flavors_find_for(r->api->db, slash ? slash + 1 : ref, nova_request_scope(r), &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!flavor)
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Flavor %s could not be found.", ref);
	return flavor;
}

/* Disks grow and never shrink; what the server's image asks for it has already got. */
static bool check_flavor(const nova_instance *server, const nova_flavor *flavor, GError **error)
{
	if (flavor->disabled)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Flavor %s could not be found.", flavor->flavorid);
	if (flavor->id == server->flavor_id)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "When resizing, instances must change flavor!");
	if (flavor->root_gb == 0 && server->root_gb != 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Server disk was unable to be resized because: Resize to zero disk flavor is not "
				 "allowed.");
	if (flavor->root_gb < server->root_gb)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Server disk was unable to be resized because: Unable to resize disk down: the flavor "
				 "has %" G_GINT64_FORMAT " GB, the server %" G_GINT64_FORMAT " GB.",
				 flavor->root_gb, server->root_gb);
	if (flavor->ephemeral_gb != server->ephemeral_gb || flavor->swap_mb != server->swap_mb)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Server disk was unable to be resized because: ephemeral and swap of the flavor must "
				 "be the server's.");
	return true;
}

static bool check_image(nova_request *r, const nova_flavor *flavor, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_image) image = nova_images_find(r->api->db, r->server->image_id, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (image && flavor->memory_mb < image->min_ram)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Flavor's memory is too small for requested image.");
	if (image && flavor->root_gb > 0 && image->virtual_size > flavor->root_gb * GIB)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Flavor's disk is too small for requested image. Flavor disk is %" G_GINT64_FORMAT
				 " bytes, image is %" G_GINT64_FORMAT " bytes.",
				 flavor->root_gb * GIB, image->virtual_size);
	return true;
}

static bool begin(nova_request *r, const nova_op_request *request, GError **error)
{
	g_autoptr(nova_operation) op = nova_request_begin(r, request, error);

	if (!op)
		return false;
	nova_request_ring(r, op);
	return nova_reply_empty(r, 202);
}

bool nova_action_resize(nova_request *r, GError **error)
{
	const nova_quotas quotas = nova_request_quotas(r);
	g_autoptr(nova_flavor) flavor = NULL;

	if (!nova_instance_may_begin(r->server, NOVA_OP_RESIZE, "resize", error))
		return false;
	flavor = take_flavor(r, error);
	if (!flavor || !check_flavor(r->server, flavor, error) || !check_image(r, flavor, error))
		return false;
	const nova_op_request request = {
		.kind = NOVA_OP_RESIZE,
		.instance_uuid = r->server->uuid,
		.project_id = nova_request_scope(r),
		.action = "resize",
		.flavor = flavor,
		.quotas = &quotas,
		.by = nova_request_by(r),
	};

	return begin(r, &request, error);
}

bool nova_action_revert_resize(nova_request *r, GError **error)
{
	const nova_quotas quotas = nova_request_quotas(r);
	const nova_op_request request = {
		.kind = NOVA_OP_RESIZE_REVERT,
		.instance_uuid = r->server->uuid,
		.project_id = nova_request_scope(r),
		.action = "revertResize",
		.quotas = &quotas,
		.by = nova_request_by(r),
	};

	return nova_instance_may_begin(r->server, NOVA_OP_RESIZE_REVERT, "revertResize", error) &&
	       begin(r, &request, error);
}

bool nova_action_confirm_resize(nova_request *r, GError **error)
{
	const nova_requester by = nova_request_by(r);

	return nova_instances_confirm_resize(r->api->db, r->server->uuid, &by, error) && nova_reply_empty(r, 204);
}
