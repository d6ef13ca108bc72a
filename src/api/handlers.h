/* SPDX-License-Identifier: Apache-2.0
 *
 * handlers.h - what the rows of the route and action tables run.  See request.h for what a handler may expect.
 */
#pragma once

#include "api/request.h"
#include "api/views.h"
#include "db/quotas.h"

/* How this request's answers look. */
nova_view nova_request_view(const nova_request *r);

/* servers.c */
bool nova_servers_index(nova_request *r, GError **error);
bool nova_servers_detail(nova_request *r, GError **error);
bool nova_servers_show(nova_request *r, GError **error);
bool nova_servers_update(nova_request *r, GError **error);
bool nova_servers_remove(nova_request *r, GError **error);
/* server_create.c */
bool nova_servers_boot(nova_request *r, GError **error);
/* server_parts.c: small sub-resources */
bool nova_server_ips(nova_request *r, GError **error);
bool nova_server_ips_one(nova_request *r, GError **error);
bool nova_server_metadata(nova_request *r, GError **error);
bool nova_server_metadata_one(nova_request *r, GError **error);
bool nova_server_tags(nova_request *r, GError **error);
bool nova_server_tags_one(nova_request *r, GError **error);
bool nova_server_topology(nova_request *r, GError **error);
bool nova_server_interfaces(nova_request *r, GError **error);
bool nova_server_volumes(nova_request *r, GError **error);
bool nova_server_security_groups(nova_request *r, GError **error);
/* server_labels.c */
bool nova_server_metadata_replace(nova_request *r, GError **error);
bool nova_server_metadata_merge(nova_request *r, GError **error);
bool nova_server_metadata_set(nova_request *r, GError **error);
bool nova_server_metadata_drop(nova_request *r, GError **error);
bool nova_server_tags_replace(nova_request *r, GError **error);
bool nova_server_tags_clear(nova_request *r, GError **error);
bool nova_server_tags_add(nova_request *r, GError **error);
bool nova_server_tags_drop(nova_request *r, GError **error);
/* actions.c, live_migrate.c */
bool nova_action_start(nova_request *r, GError **error);
bool nova_action_stop(nova_request *r, GError **error);
bool nova_action_reboot(nova_request *r, GError **error);
bool nova_action_pause(nova_request *r, GError **error);
bool nova_action_unpause(nova_request *r, GError **error);
bool nova_action_suspend(nova_request *r, GError **error);
bool nova_action_resume(nova_request *r, GError **error);
bool nova_action_console_output(nova_request *r, GError **error);
bool nova_action_force_delete(nova_request *r, GError **error);
bool nova_action_live_migrate(nova_request *r, GError **error);
/* migrations.c */
bool nova_server_migrations_index(nova_request *r, GError **error);
bool nova_server_migrations_show(nova_request *r, GError **error);
bool nova_server_migrations_abort(nova_request *r, GError **error);
bool nova_server_migrations_force(nova_request *r, GError **error);
bool nova_migrations_index(nova_request *r, GError **error);
bool nova_server_placement(nova_request *r, GError **error);
bool nova_migration_stories_index(nova_request *r, GError **error);
bool nova_migration_stories_show(nova_request *r, GError **error);
bool nova_migration_stories_find(nova_request *r, GError **error);
/* server_create.c, too: BAD_REQUEST for an image that a server of this size cannot have */
bool nova_server_image_fits(const nova_image *image, int64_t memory_mb, int64_t root_gb, GError **error);
/* server_create.c, too: adds adminPass to what a create or a rebuild answers: `given', or NULL for a random one, which
 * is kept nowhere */
void nova_server_add_password(json_object *server, const char *given);
/* rebuild.c */
bool nova_action_rebuild(nova_request *r, GError **error);
/* resize.c */
bool nova_action_resize(nova_request *r, GError **error);
bool nova_action_confirm_resize(nova_request *r, GError **error);
bool nova_action_revert_resize(nova_request *r, GError **error);
/* server_marks.c: what needs no host */
bool nova_action_lock(nova_request *r, GError **error);
bool nova_action_unlock(nova_request *r, GError **error);
bool nova_action_reset_state(nova_request *r, GError **error);
bool nova_action_remote_console(nova_request *r, GError **error);
bool nova_server_remote_console(nova_request *r, GError **error);
/* diagnostics.c */
bool nova_server_diagnostics(nova_request *r, GError **error);
/* keystone.c */
bool nova_identity_token_create(nova_request *r, GError **error);
bool nova_identity_token_show(nova_request *r, GError **error);
bool nova_identity_token_delete(nova_request *r, GError **error);
bool nova_identity_catalog(nova_request *r, GError **error);
bool nova_identity_own_projects(nova_request *r, GError **error);
bool nova_identity_projects(nova_request *r, GError **error);
bool nova_identity_projects_of_user(nova_request *r, GError **error);
bool nova_identity_project(nova_request *r, GError **error);
bool nova_identity_users(nova_request *r, GError **error);
bool nova_identity_user(nova_request *r, GError **error);
bool nova_identity_roles(nova_request *r, GError **error);
bool nova_identity_role(nova_request *r, GError **error);
bool nova_identity_role_assignments(nova_request *r, GError **error);
bool nova_identity_domains(nova_request *r, GError **error);
bool nova_identity_domain(nova_request *r, GError **error);
/* instance_actions.c */
bool nova_instance_actions_index(nova_request *r, GError **error);
bool nova_instance_actions_show(nova_request *r, GError **error);
/* services.c */
bool nova_services_index(nova_request *r, GError **error);
bool nova_services_health(nova_request *r, GError **error);
bool nova_services_update(nova_request *r, GError **error);
bool nova_services_update_old(nova_request *r, GError **error);
bool nova_zones_index(nova_request *r, GError **error);
bool nova_zones_detail(nova_request *r, GError **error);
bool nova_hosts_index(nova_request *r, GError **error);
bool nova_hosts_show(nova_request *r, GError **error);
bool nova_services_remove(nova_request *r, GError **error);
bool nova_hosts_act(nova_request *r, GError **error);
bool nova_audit_log_index(nova_request *r, GError **error);
bool nova_audit_log_show(nova_request *r, GError **error);
bool nova_server_interface_attach(nova_request *r, GError **error);
bool nova_server_volume_attach(nova_request *r, GError **error);
bool nova_server_password_show(nova_request *r, GError **error);
bool nova_server_password_clear(nova_request *r, GError **error);
/* hypervisors.c */
bool nova_hypervisors_index(nova_request *r, GError **error);
bool nova_hypervisors_detail(nova_request *r, GError **error);
bool nova_hypervisors_show(nova_request *r, GError **error);
bool nova_hypervisors_statistics(nova_request *r, GError **error);
bool nova_hypervisors_uptime(nova_request *r, GError **error);
bool nova_hypervisors_search(nova_request *r, GError **error);
bool nova_hypervisors_servers(nova_request *r, GError **error);
/* flavor_list.c */
bool nova_flavors_index(nova_request *r, GError **error);
bool nova_flavors_detail(nova_request *r, GError **error);
bool nova_flavors_show(nova_request *r, GError **error);
bool nova_flavors_specs(nova_request *r, GError **error);
bool nova_flavors_specs_one(nova_request *r, GError **error);
/* flavor_changes.c */
bool nova_flavors_make(nova_request *r, GError **error);
bool nova_flavors_update(nova_request *r, GError **error);
bool nova_flavors_remove(nova_request *r, GError **error);
bool nova_flavors_specs_add(nova_request *r, GError **error);
bool nova_flavors_specs_set(nova_request *r, GError **error);
bool nova_flavors_specs_drop(nova_request *r, GError **error);
bool nova_flavors_access_index(nova_request *r, GError **error);
bool nova_flavors_act(nova_request *r, GError **error);
/* image_list.c */
bool nova_images_index(nova_request *r, GError **error);
bool nova_images_show(nova_request *r, GError **error);
bool nova_images_file(nova_request *r, GError **error);
bool nova_images_proxy_index(nova_request *r, GError **error);
bool nova_images_proxy_detail(nova_request *r, GError **error);
bool nova_images_proxy_show(nova_request *r, GError **error);
/* keypairs.c */
bool nova_keypairs_index(nova_request *r, GError **error);
bool nova_keypairs_show(nova_request *r, GError **error);
bool nova_keypairs_make(nova_request *r, GError **error);
bool nova_keypairs_remove(nova_request *r, GError **error);
/* quota_sets.c, limits.c, usage.c */
nova_quotas nova_request_quotas(const nova_request *r); /* the configuration's */
bool nova_quota_sets_show(nova_request *r, GError **error);
bool nova_quota_sets_detail(nova_request *r, GError **error);
bool nova_quota_sets_defaults(nova_request *r, GError **error);
bool nova_quota_sets_update(nova_request *r, GError **error);
bool nova_quota_sets_reset(nova_request *r, GError **error);
bool nova_limits_show(nova_request *r, GError **error);
bool nova_usage_index(nova_request *r, GError **error);
bool nova_usage_show(nova_request *r, GError **error);
/* server_groups.c */
bool nova_server_groups_index(nova_request *r, GError **error);
bool nova_server_groups_show(nova_request *r, GError **error);
bool nova_server_groups_make(nova_request *r, GError **error);
bool nova_server_groups_remove(nova_request *r, GError **error);
/* aggregates.c */
bool nova_aggregates_index(nova_request *r, GError **error);
bool nova_aggregates_show(nova_request *r, GError **error);
bool nova_aggregates_make(nova_request *r, GError **error);
bool nova_aggregates_update(nova_request *r, GError **error);
bool nova_aggregates_remove(nova_request *r, GError **error);
bool nova_aggregates_act(nova_request *r, GError **error);
/* extensions.c */
bool nova_extensions_index(nova_request *r, GError **error);
bool nova_extensions_show(nova_request *r, GError **error);
