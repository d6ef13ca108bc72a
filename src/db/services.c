/* SPDX-License-Identifier: Apache-2.0 */
#include "db/services.h"

#include "db/tx.h"

#include <string.h>

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

/* ---- delete ---- */

typedef struct delete_arg {
	const nova_service *service;
	int down_seconds;
	nova_service_end end;
} delete_arg;

static bool not_found(const nova_service *service, GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Service %s could not be found.", service->uuid);
}

static bool forget_host(nova_tx *tx, delete_arg *del, GError **error)
{
	g_autoptr(nova_result) host = NULL;
	g_autoptr(nova_result) lease = NULL;
	g_autoptr(nova_result) row = NULL;

	if (!nova_tx_one(tx, NOVA_Q_HOST_OF_SERVICE, NOVA_ARGS(nova_arg_text(del->service->uuid)), &host, error))
		return false;
	if (!host)
		return not_found(del->service, error);
	nova_arg id = nova_arg_int(nova_result_int(host, "id"));

	if (!nova_tx_one(tx, NOVA_Q_LEASE_LOOK, NOVA_ARGS(id), &lease, error) ||
	    !nova_tx_one(tx, NOVA_Q_HOST_FORGET, NOVA_ARGS(id), &row, error))
		return false;
	del->end = row ? NOVA_SERVICE_GONE : lease && nova_result_bool(lease, "valid") ? NOVA_SERVICE_ALIVE :
											  NOVA_SERVICE_BUSY;
	return !row || (nova_tx_run(tx, NOVA_Q_LEASE_VOID, NOVA_ARGS(id), NULL, error) &&
			nova_tx_run(tx, NOVA_Q_HOST_LEAVE_AGGREGATES, NOVA_ARGS(id), NULL, error));
}

static bool run_delete(nova_tx *tx, void *arg, GError **error)
{
	delete_arg *del = arg;
	g_autoptr(nova_result) row = NULL;

	if (strcmp(del->service->binary, "nova-compute") == 0)
		return forget_host(tx, del, error);
	if (!nova_tx_one(tx, NOVA_Q_SERVICE_FORGET,
			 NOVA_ARGS(nova_arg_text(del->service->uuid), nova_arg_int(del->down_seconds)), &row, error))
		return false;
	del->end = row ? NOVA_SERVICE_GONE : NOVA_SERVICE_ALIVE;
	return true;
}

/* A second run finds it gone, which is no failure of the first: the caller has just seen it. */
static bool prove_delete(nova_tx *tx, void *arg, bool *ret_committed, GError **error)
{
	delete_arg *del = arg;
	g_autoptr(nova_result) host = NULL;

	if (strcmp(del->service->binary, "nova-compute") != 0) {
		*ret_committed = false;
		return true;
	}
	if (!nova_tx_one(tx, NOVA_Q_HOST_OF_SERVICE, NOVA_ARGS(nova_arg_text(del->service->uuid)), &host, error))
		return false;
	*ret_committed = host == NULL;
	if (!host)
		del->end = NOVA_SERVICE_GONE;
	return true;
}

bool nova_services_delete(nova_db *db, const nova_service *service, int down_seconds, nova_service_end *ret,
			  GError **error)
{
	static const nova_job job = { .name = "deletion of a service", .run = run_delete, .proof = prove_delete };
	delete_arg del = { .service = service, .down_seconds = down_seconds };

	if (!nova_tx_do(db, &job, &del, error))
		return false;
	*ret = del.end;
	return true;
}
