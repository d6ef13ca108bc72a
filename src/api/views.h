/* SPDX-License-Identifier: Apache-2.0
 *
 * views.h - rows of the model as the API shows them: exactly Nova's keys for each microversion.
 *
 * Extensions never add keys to these objects.  Pure: everything a view needs is passed in.  Returned objects
 * belong to the caller.
 */
#pragma once

#include "common/json_writer.h"
#include "db/services.h"
#include "model/flavor.h"
#include "model/host.h"
#include "model/instance.h"
#include "model/operation.h"

#include <json-c/json.h>

/* Under what circumstances a thing is shown. */
typedef struct nova_view {
	const char *base;  /* "http://host:port" */
	unsigned version;  /* minor microversion */
	bool admin;        /* has the role */
	bool attributes;   /* may see OS-EXT-SRV-ATTR:* */
	bool host_status;
	bool migration_hosts;
	bool events;       /* host and traceback of events, and below 2.51 the events */
	bool event_details;
} nova_view;

/* [self, bookmark] of BASE/v2.1/COLLECTION/ID. */
json_object *nova_view_links(const nova_view *view, const char *collection, const char *id);

/* Adds "YYYY-MM-DDTHH:MM:SS.ffffff", or null for 0. */
void nova_view_add_time(json_object *object, const char *key, int64_t usec);

/* The same for what is written at once: everything of which there may be thousands in one answer. */
void nova_view_put_links(const nova_view *view, nova_json_writer *w, const char *collection, const char *id);
void nova_view_put_bookmark(const nova_view *view, nova_json_writer *w, const char *collection, const char *id);
void nova_view_put_time(nova_json_writer *w, const char *key, int64_t usec);

/* A member that is JSON text in the database; `fallback' ("{}") when the text is NULL or unreadable. */
json_object *nova_view_parsed(const char *json_text, const char *fallback);

/* ---- servers (view_server.c) ---- */

typedef enum nova_server_form {
	NOVA_SERVER_SHOW,
	NOVA_SERVER_LISTED,  /* in the detail list: no server_groups */
	NOVA_SERVER_UPDATED, /* answer to PUT below 2.75: without what needs other services */
} nova_server_form;

/* `key', here and below: as in json_writer.h. */
void nova_view_server(const nova_view *view, nova_json_writer *w, const char *key, const nova_instance *server,
		      nova_server_form form);
void nova_view_server_brief(const nova_view *view, nova_json_writer *w, const nova_instance *server);
/* {label: [{addr, version, …}]}; `extended' adds type and MAC. */
void nova_view_addresses(nova_json_writer *w, const char *key, const nova_instance *server, bool extended);
/* The list of one label; false, and nothing written: the server has no address there. */
bool nova_view_addresses_of(nova_json_writer *w, const char *key, const nova_instance *server, const char *label,
			    bool extended);
/* Hides the host's name but is equal for equal hosts of a project.  "" without a host.  Caller frees. */
char *nova_view_host_id(const char *project_id, const char *host);

/* ---- operations: migrations and actions (view_migration.c, view_action.c) ---- */

/* Nova's migration status of the operation. */
const char *nova_view_migration_status(const nova_operation *op);
json_object *nova_view_server_migration(const nova_view *view, const nova_operation *op);
json_object *nova_view_migration(const nova_view *view, const nova_operation *op);
/* The project's own resource: all there is to say of a migration, ended or not.  journal (of nova_journal_entry) may
 * be NULL. */
json_object *nova_view_migration_story(const nova_view *view, const nova_operation *op, const GPtrArray *journal);

json_object *nova_view_action(const nova_view *view, const nova_operation *op);
/* With events, made from the journal (of nova_journal_entry, oldest first). */
json_object *nova_view_action_detail(const nova_view *view, const nova_operation *op, const GPtrArray *journal);

/* ---- hosts (view_hypervisor.c, view_service.c) ---- */

/* `servers': of nova_instance on that host; NULL: they are not asked for. */
void nova_view_hypervisor(const nova_view *view, nova_json_writer *w, const char *key, const nova_host *host,
			  bool detail, const GPtrArray *servers);
json_object *nova_view_statistics(const GPtrArray *hosts);
/* os-hosts rows of one host; projects: of nova_project_usage. */
json_object *nova_view_host_resources(const nova_host *host, const GPtrArray *projects);

/* `health': with what its heartbeats say of its host, which Nova's resource does not have. */
void nova_view_service(const nova_view *view, nova_json_writer *w, const char *key, const nova_service *service,
		       bool health);
json_object *nova_view_zones(const GPtrArray *services, bool detail);

/* ---- flavors and images (view_flavor.c, view_image.c) ---- */

json_object *nova_view_flavor(const nova_view *view, const nova_flavor *flavor);
json_object *nova_view_flavor_brief(const nova_view *view, const nova_flavor *flavor);

json_object *nova_view_image(const nova_image *image);                                 /* Glance v2 */
json_object *nova_view_image_proxy(const nova_view *view, const nova_image *image,
				   bool detail); /* compute, up to 2.35 */
