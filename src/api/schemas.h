/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.h - bodies and queries of the routes.
 */
#pragma once

#include "api/schema.h"

extern const nova_schema nova_schema_server_create;
extern const nova_schema nova_schema_server_update;
extern const nova_schema nova_schema_migrate_live;  /* values of actions */
extern const nova_schema nova_schema_reboot;
extern const nova_schema nova_schema_console_output;
extern const nova_schema nova_schema_force_complete;
extern const nova_schema nova_schema_rebuild;
extern const nova_schema nova_schema_resize;
extern const nova_schema nova_schema_lock;            /* from 2.73 */
extern const nova_schema nova_schema_reset_state;
extern const nova_schema nova_schema_vnc_console;     /* up to 2.5, as the next three */
extern const nova_schema nova_schema_spice_console;
extern const nova_schema nova_schema_serial_console;
extern const nova_schema nova_schema_rdp_console;
extern const nova_schema nova_schema_remote_console;  /* from 2.6 */
extern const nova_schema nova_schema_service_update;     /* from 2.53 */
extern const nova_schema nova_schema_service_update_old; /* enable, disable … up to 2.52 */

/* schemas_resources.c */
extern const nova_schema nova_schema_keypair;
extern const nova_schema nova_schema_quota_set;
extern const nova_schema nova_schema_server_group;
extern const nova_schema nova_schema_server_metadata;
extern const nova_schema nova_schema_server_meta; /* one item */
extern const nova_schema nova_schema_server_tags;
extern const nova_schema nova_schema_flavor;
extern const nova_schema nova_schema_flavor_update;
extern const nova_schema nova_schema_flavor_action;
extern const nova_schema nova_schema_flavor_specs;
extern const nova_schema nova_schema_flavor_spec; /* one */
extern const nova_schema nova_schema_aggregate;
extern const nova_schema nova_schema_aggregate_update;
extern const nova_schema nova_schema_aggregate_action;
extern const nova_query_schema nova_group_query_schema;
extern const nova_query_schema nova_keypair_list_query_schema;
extern const nova_query_schema nova_keypair_query_schema; /* of one */
extern const nova_query_schema nova_quota_query_schema;
extern const nova_query_schema nova_limits_query_schema;
extern const nova_query_schema nova_usage_list_query_schema;
extern const nova_query_schema nova_usage_query_schema; /* of one project */

extern const nova_query_schema nova_migration_query_schema;
extern const nova_query_schema nova_action_query_schema;
extern const nova_query_schema nova_placement_query_schema;
extern const nova_query_schema nova_flavor_query_schema;
extern const nova_query_schema nova_hypervisor_query_schema;
extern const nova_query_schema nova_service_query_schema;
