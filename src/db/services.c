/* SPDX-License-Identifier: Apache-2.0 */
#include "db/services.h"

#include "db/tx.h"

void nova_service_free(nova_service *service)
{
	if (!service)
		return;
	g_free(service->uuid);
	g_free(service->binary);
	g_free(service->host);
	g_free(service->zone);
	g_free(service->disabled_reason);
	g_free(service->health);
	g_free(service);
}

bool nova_services_beat(nova_db *db, const char *binary, const char *host, GError **error)
{
	return nova_db_run(db, NOVA_Q_SERVICE_BEAT, NOVA_ARGS(nova_arg_text(binary), nova_arg_text(host)),
			   NULL, error);
}

bool nova_services_list(nova_db *db, const char *host, const char *binary, int down_seconds, GPtrArray **ret,
			GError **error)
{
	g_autoptr(nova_result) rows = NULL;

	if (!nova_db_run(db, NOVA_Q_SERVICES_ALL,
			 NOVA_ARGS(nova_arg_text(host), nova_arg_text(binary), nova_arg_int(down_seconds)),
			 &rows, error))
		return false;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)nova_service_free);

	while (nova_result_next(rows)) {
		nova_service *service = g_new0(nova_service, 1);

		service->id = (int)nova_result_int(rows, "id");
		service->uuid = nova_result_dup(rows, "uuid");
		service->binary = nova_result_dup(rows, "binary_name");
		service->host = nova_result_dup(rows, "host");
		service->zone = nova_result_dup(rows, "zone");
		service->disabled = nova_result_bool(rows, "disabled");
		service->disabled_reason = nova_result_dup(rows, "disabled_reason");
		service->health = nova_result_dup(rows, "health");
		service->forced_down = nova_result_bool(rows, "forced_down");
		service->up = nova_result_bool(rows, "up");
		service->updated_us = nova_result_int(rows, "updated_us");
		g_ptr_array_add(list, service);
	}
	*ret = list;
	return true;
}
