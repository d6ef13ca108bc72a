/* SPDX-License-Identifier: Apache-2.0 */
#include "api/view_identity.h"

#include "common/json.h"
#include "common/timestamp.h"

#define REGION "RegionOne"

static json_object *links_to(const char *base, const char *collection, const char *id)
{
	json_object *links = json_object_new_object();
	g_autofree char *href = g_strdup_printf("%s/identity/v3/%s/%s", base, collection, id);

	nova_json_add_str(links, "self", href);
	return links;
}

static json_object *named(const char *id, const char *name)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "id", id);
	nova_json_add_str(object, "name", name);
	return object;
}

static json_object *in_domain(const char *id, const char *name)
{
	json_object *object = named(id, name);

	nova_json_add(object, "domain", named(NOVA_DOMAIN_ID, NOVA_DOMAIN_NAME));
	return object;
}

/* ---- versions ---- */

static json_object *version_document(const char *base)
{
	json_object *version = json_object_new_object(), *types = json_object_new_array();
	json_object *type = json_object_new_object(), *links = json_object_new_array();
	json_object *link = json_object_new_object();
	g_autofree char *href = g_strconcat(base, "/identity/v3/", NULL);

	nova_json_add_str(version, "id", "v3.14");
	nova_json_add_str(version, "status", "stable");
	nova_json_add_str(version, "updated", "2020-04-07T00:00:00Z");
	nova_json_add_str(link, "rel", "self");
	nova_json_add_str(link, "href", href);
	json_object_array_add(links, link);
	nova_json_add(version, "links", links);
	nova_json_add_str(type, "base", "application/json");
	nova_json_add_str(type, "type", "application/vnd.openstack.identity-v3+json");
	json_object_array_add(types, type);
	nova_json_add(version, "media-types", types);
	return version;
}

json_object *nova_view_identity_version(const char *base)
{
	json_object *body = json_object_new_object();

	nova_json_add(body, "version", version_document(base));
	return body;
}

json_object *nova_view_identity_versions(const char *base)
{
	json_object *body = json_object_new_object(), *versions = json_object_new_object();
	json_object *values = json_object_new_array();

	json_object_array_add(values, version_document(base));
	nova_json_add(versions, "values", values);
	nova_json_add(body, "versions", versions);
	return body;
}

/* ---- tokens ---- */

json_object *nova_view_catalog(const char *base)
{
	static const struct {
		const char *type, *name, *path;
	} services[] = {
		{ "compute", "nova", "/v2.1" },
		{ "identity", "keystone", "/identity" },
		{ "image", "glance", "/image" },
	};
	static const char *const interfaces[] = { "public", "internal", "admin" };
	json_object *catalog = json_object_new_array();

	for (size_t s = 0; s < G_N_ELEMENTS(services); s++) {
		json_object *service = json_object_new_object(), *endpoints = json_object_new_array();
		g_autofree char *url = g_strconcat(base, services[s].path, NULL);

		for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++) {
			json_object *endpoint = json_object_new_object();
			g_autofree char *id = g_strdup_printf("%s-%s", services[s].type, interfaces[i]);

			nova_json_add_str(endpoint, "id", id);
			nova_json_add_str(endpoint, "interface", interfaces[i]);
			nova_json_add_str(endpoint, "region", REGION);
			nova_json_add_str(endpoint, "region_id", REGION);
			nova_json_add_str(endpoint, "url", url);
			json_object_array_add(endpoints, endpoint);
		}
		nova_json_add_str(service, "id", services[s].type);
		nova_json_add_str(service, "type", services[s].type);
		nova_json_add_str(service, "name", services[s].name);
		nova_json_add(service, "endpoints", endpoints);
		json_object_array_add(catalog, service);
	}
	return catalog;
}

static void add_time(json_object *object, const char *key, int64_t usec)
{
	char text[NOVA_TIMESTAMP_SIZE];
	g_autofree char *zoned = g_strconcat(nova_timestamp_micro(usec, text), "Z", NULL);

	nova_json_add_str(object, key, zoned);
}

static json_object *roles_of(nova_roles roles)
{
	json_object *list = json_object_new_array();

	for (int role = 0; role < NOVA_ROLE__COUNT; role++) {
		const char *name = nova_names_get(&nova_role_names, role);

		if (nova_roles_include(roles, (nova_role)role))
			json_object_array_add(list, named(name, name));
	}
	return list;
}

json_object *nova_view_token(const char *base, const nova_token *token, bool catalog)
{
	json_object *object = json_object_new_object(), *user = in_domain(token->user_id, token->user_name);
	json_object *methods = json_object_new_array(), *audit = json_object_new_array();
	g_auto(GStrv) words = g_strsplit(token->methods, ",", 0);

	for (char **word = words; *word; word++)
		json_object_array_add(methods, json_object_new_string(*word));
	json_object_array_add(audit, json_object_new_string(token->audit_id));
	if (g_strcmp0(token->audit_id, token->chain_id) != 0)
		json_object_array_add(audit, json_object_new_string(token->chain_id));
	nova_json_add(object, "methods", methods);
	nova_json_add_null(user, "password_expires_at");
	nova_json_add(object, "user", user);
	nova_json_add(object, "audit_ids", audit);
	add_time(object, "expires_at", token->expires_us);
	add_time(object, "issued_at", token->issued_us);
	if (!token->project_id)
		return object;
	nova_json_add(object, "project", in_domain(token->project_id, token->project_name));
	nova_json_add_bool(object, "is_domain", false);
	nova_json_add(object, "roles", roles_of(token->roles));
	if (catalog)
		nova_json_add(object, "catalog", nova_view_catalog(base));
	return object;
}

/* ---- the rest ---- */

json_object *nova_view_user(const char *base, const nova_user *user)
{
	json_object *object = named(user->id, user->name);

	nova_json_add_str(object, "domain_id", NOVA_DOMAIN_ID);
	nova_json_add_bool(object, "enabled", user->enabled);
	if (user->default_project_id)
		nova_json_add_str(object, "default_project_id", user->default_project_id);
	nova_json_add_null(object, "password_expires_at");
	nova_json_add(object, "options", json_object_new_object());
	nova_json_add(object, "links", links_to(base, "users", user->id));
	return object;
}

json_object *nova_view_project(const char *base, const nova_project *project)
{
	json_object *object = named(project->id, project->name);

	nova_json_add_str(object, "description", project->description);
	nova_json_add_str(object, "domain_id", NOVA_DOMAIN_ID);
	nova_json_add_str(object, "parent_id", NOVA_DOMAIN_ID);
	nova_json_add_bool(object, "is_domain", false);
	nova_json_add_bool(object, "enabled", project->enabled);
	nova_json_add(object, "tags", json_object_new_array());
	nova_json_add(object, "options", json_object_new_object());
	nova_json_add(object, "links", links_to(base, "projects", project->id));
	return object;
}

json_object *nova_view_role(const char *base, nova_role role)
{
	const char *name = nova_names_get(&nova_role_names, (int)role);
	json_object *object = named(name, name);

	nova_json_add_null(object, "domain_id");
	nova_json_add_null(object, "description");
	nova_json_add(object, "options", json_object_new_object());
	nova_json_add(object, "links", links_to(base, "roles", name));
	return object;
}

json_object *nova_view_domain(const char *base)
{
	json_object *object = named(NOVA_DOMAIN_ID, NOVA_DOMAIN_NAME);

	nova_json_add_str(object, "description", "The only domain");
	nova_json_add_bool(object, "enabled", true);
	nova_json_add(object, "tags", json_object_new_array());
	nova_json_add(object, "options", json_object_new_object());
	nova_json_add(object, "links", links_to(base, "domains", NOVA_DOMAIN_ID));
	return object;
}

json_object *nova_view_assignment(const char *base, const nova_assignment *a, bool names)
{
	const char *role = nova_names_get(&nova_role_names, (int)a->role);
	json_object *object = json_object_new_object(), *scope = json_object_new_object();
	json_object *links = json_object_new_object(), *role_object = json_object_new_object(), *user, *project;
	g_autofree char *href = g_strdup_printf("%s/identity/v3/projects/%s/users/%s/roles/%s", base, a->project_id,
						a->user_id, role);

	if (names) {
		user = in_domain(a->user_id, a->user_name);
		project = in_domain(a->project_id, a->project_name);
		nova_json_add_str(role_object, "name", role);
	} else {
		user = json_object_new_object();
		project = json_object_new_object();
		nova_json_add_str(user, "id", a->user_id);
		nova_json_add_str(project, "id", a->project_id);
	}
	nova_json_add_str(role_object, "id", role);
	nova_json_add(scope, "project", project);
	nova_json_add(object, "scope", scope);
	nova_json_add(object, "user", user);
	nova_json_add(object, "role", role_object);
	nova_json_add_str(links, "assignment", href);
	nova_json_add(object, "links", links);
	return object;
}
