/* SPDX-License-Identifier: Apache-2.0
 *
 * services.h - every service with its state, for os-services and `service list'.  A compute service is
 * its host's row and its lease; a controller service keeps a row of its own.  Any thread.
 */
#pragma once

#include "db/db.h"

typedef struct nova_service {
	int id;
	char *uuid, *binary, *host, *zone;
	bool disabled, forced_down, up;
	char *disabled_reason; /* NULL */
	char *health;          /* of a host, what is wrong with it; NULL: nothing */
	int64_t updated_us;    /* last sign of life; 0: never */
} nova_service;
void nova_service_free(nova_service *service);

/* A controller service says that it lives; creates its row the first time. */
bool nova_services_beat(nova_db *db, const char *binary, const char *host, GError **error);

/* host, binary NULL: any.  `down_seconds' ([DEFAULT] service_down_time) decides for controller services,
 * the lease for compute services.  *ret: of nova_service, by binary and host. */
bool nova_services_list(nova_db *db, const char *host, const char *binary, int down_seconds, GPtrArray **ret,
			GError **error);

typedef enum nova_service_end {
	NOVA_SERVICE_GONE,  /* nobody sees it until it registers anew */
	NOVA_SERVICE_ALIVE, /* it is up, and would be back at once */
	NOVA_SERVICE_BUSY,  /* a host with servers, or with operations under way */
} nova_service_end;

/* Deletes one.  NOT_FOUND.  What history says of a host stays. */
bool nova_services_delete(nova_db *db, const nova_service *service, int down_seconds, nova_service_end *ret,
			  GError **error);
