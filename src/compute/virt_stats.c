/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hypervisor counts about a guest.
 */
#include "common/json.h"
#include "compute/virt_hub.h"

#include <string.h>

static const char *state_name(int state)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
		return "running";
	case VIR_DOMAIN_PAUSED:
		return "paused";
	case VIR_DOMAIN_CRASHED:
		return "crashed";
	case VIR_DOMAIN_PMSUSPENDED:
		return "suspended";
	default:
		return "shutdown";
	}
}

static void add_param(json_object *stats, const virTypedParameter *param)
{
	switch (param->type) {
	case VIR_TYPED_PARAM_INT:
		nova_json_add_int(stats, param->field, param->value.i);
		break;
	case VIR_TYPED_PARAM_UINT:
		nova_json_add_int(stats, param->field, param->value.ui);
		break;
	case VIR_TYPED_PARAM_LLONG:
		nova_json_add_int(stats, param->field, param->value.l);
		break;
	case VIR_TYPED_PARAM_ULLONG:
		nova_json_add_int(stats, param->field, (int64_t)MIN(param->value.ul, (uint64_t)INT64_MAX));
		break;
	case VIR_TYPED_PARAM_STRING:
		nova_json_add_str(stats, param->field, param->value.s);
		break;
	default:
		break;
	}
}

/* result: JSON text */
static bool take_stats(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	const unsigned wanted = VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_INTERFACE |
				VIR_DOMAIN_STATS_BLOCK;
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);
	g_autoptr(json_object) root = NULL;
	virDomainStatsRecordPtr *records = NULL;
	virDomainPtr only[] = { domain, NULL };
	json_object *stats;
	int state;

	if (!domain)
		return *error ? false : nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND,
						  "instance %s has no domain on this host", call->uuid);
	if (virDomainGetState(domain, &state, NULL, 0) < 0 || virDomainListGetStats(only, wanted, &records, 0) < 1)
		return nova_virt_fail(error, "cannot read the counters of instance %s", call->uuid);
	root = json_object_new_object();
	stats = json_object_new_object();
	nova_json_add_str(root, "state", state_name(state));
	for (int i = 0; i < records[0]->nparams; i++)
		add_param(stats, &records[0]->params[i]);
	nova_json_add(root, "stats", stats);
	virDomainStatsRecordListFree(records);
	g_free(call->result);
	call->result = nova_json_dup_text(root, NULL);
	return true;
}

char *nova_virt_stats(nova_virt *virt, const char *instance_uuid, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(virt, NULL, error);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(take_stats, instance_uuid);

	call->needs_guest = true;
	call->only_looks = true;
	if (!link || !nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return NULL;
	return g_steal_pointer(&call->result);
}
