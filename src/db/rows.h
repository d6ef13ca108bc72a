/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - from a row of a view (host_rows, instance_rows, operation_rows) to its value type.
 *
 * The result stands on the row.  A word of an enumeration that this program does not know (only possible
 * when the schema is not the one nova_db_check() wants) fails with INTERNAL.
 */
#pragma once

#include "db/query.h"
#include "model/host.h"
#include "model/instance.h"
#include "model/operation.h"

#include "common/error.h"

nova_host *nova_row_host(nova_result *row);
nova_instance *nova_row_instance(nova_result *row, GError **error);
nova_operation *nova_row_operation(nova_result *row, GError **error);

/* Every row of a result; the arrays own what is in them. */
GPtrArray *nova_rows_hosts(nova_result *result);
GPtrArray *nova_rows_instances(nova_result *result, GError **error);
GPtrArray *nova_rows_operations(nova_result *result, GError **error);
