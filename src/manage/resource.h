/* SPDX-License-Identifier: Apache-2.0
 *
 * resource.h - `service describe_resource' and `service list' as text.
 *
 * The columns are those of the classic nova-manage: total is what the host has, used_now what is
 * booked on it including what is reserved for the host itself, used_max the sum over the servers it
 * has if each used all it may, then that sum by project. Columns grow when a name needs it.  Pure.
 */
#pragma once

#include "db/hosts.h"
#include "db/services.h"

/* projects: of nova_project_usage.  Caller frees. */
char *nova_resource_text(const nova_host *host, const GPtrArray *projects);

/* services: of nova_service.  Caller frees. */
char *nova_service_text(const GPtrArray *services);
