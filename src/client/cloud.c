/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cloud.h"

#include "client/yaml_file.h"
#include "common/json.h"

#include <string.h>

/* One row each: the member, its variable, and where entries of clouds.yaml have it (in `auth' or beside it). */
static const struct setting {
	size_t offset;
	const char *variable, *key;
} settings[] = {
#define SETTING(member, variable, key) { offsetof(nova_cloud, member), variable, key }
	SETTING(auth_type, "OS_AUTH_TYPE", "auth_type"),
	SETTING(auth_url, "OS_AUTH_URL", "auth_url"),
	SETTING(endpoint, "OS_ENDPOINT", "compute_endpoint_override"),
	SETTING(token, "OS_TOKEN", "token"),
	SETTING(username, "OS_USERNAME", "username"),
	SETTING(user_domain_name, "OS_USER_DOMAIN_NAME", "user_domain_name"),
	SETTING(user_domain_id, "OS_USER_DOMAIN_ID", "user_domain_id"),
	SETTING(password, "OS_PASSWORD", "password"),
	SETTING(project_name, "OS_PROJECT_NAME", "project_name"),
	SETTING(project_id, "OS_PROJECT_ID", "project_id"),
	SETTING(project_domain_name, "OS_PROJECT_DOMAIN_NAME", "project_domain_name"),
	SETTING(project_domain_id, "OS_PROJECT_DOMAIN_ID", "project_domain_id"),
	SETTING(interface, "OS_INTERFACE", "interface"),
	SETTING(cacert, "OS_CACERT", "cacert"),
#undef SETTING
};

static char **member_of(nova_cloud *cloud, const struct setting *setting)
{
	return (char **)((char *)cloud + setting->offset);
}

static const char *env(const char *name)
{
	const char *value = g_getenv(name);

	return value && *value ? value : NULL;
}

static void take_environment(nova_cloud *cloud)
{
	static const char *const yes[] = { "1", "t", "true", "y", "yes", "on", NULL };
	g_autofree char *insecure = g_ascii_strdown(env("OS_INSECURE") ? env("OS_INSECURE") : "", -1);

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		*member_of(cloud, &settings[i]) = g_strdup(env(settings[i].variable));
	if (!cloud->endpoint)
		cloud->endpoint = g_strdup(env("NOVA_LITE_ENDPOINT"));
	cloud->insecure = g_strv_contains(yes, insecure);
}

static const char *text_of(json_object *entry, const char *key)
{
	g_autofree char *in_auth = g_strconcat("auth.", key, NULL);
	json_object *value = nova_json_find(entry, in_auth);

	if (!value)
		value = nova_json_find(entry, key);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* auth.domain_name stands for both domains where they are not said. */
static void take_common_domain(nova_cloud *cloud, json_object *entry)
{
	const char *name = text_of(entry, "domain_name"), *id = text_of(entry, "domain_id");

	if (!id)
		id = text_of(entry, "default_domain");
	if (!cloud->user_domain_name && !cloud->user_domain_id) {
		cloud->user_domain_name = g_strdup(name);
		cloud->user_domain_id = g_strdup(name ? NULL : id);
	}
	if (!cloud->project_domain_name && !cloud->project_domain_id) {
		cloud->project_domain_name = g_strdup(name);
		cloud->project_domain_id = g_strdup(name ? NULL : id);
	}
}

static void take_entry(nova_cloud *cloud, json_object *entry)
{
	const char *verify = text_of(entry, "verify");

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		*member_of(cloud, &settings[i]) = g_strdup(text_of(entry, settings[i].key));
	if (!cloud->endpoint)
		cloud->endpoint = g_strdup(text_of(entry, "endpoint"));
	if (!cloud->password)
		cloud->password = g_strdup(env("OS_PASSWORD"));
	take_common_domain(cloud, entry);
	cloud->insecure = verify && (g_ascii_strcasecmp(verify, "false") == 0 || g_ascii_strcasecmp(verify, "no") == 0);
}

/* The first of NAME.yaml, .yml and .json on the search path; NULL with an error, or without when none is there. */
static json_object *find_file(const char *variable, const char *name, char **ret_path, GError **error)
{
	static const char *const endings[] = { "yaml", "yml", "json" };
	g_autofree char *user = g_build_filename(g_get_user_config_dir(), "openstack", NULL);
	const char *const directories[] = { ".", user, "/etc/openstack" };

	if (env(variable)) {
		*ret_path = g_strdup(env(variable));
		return nova_yaml_file(*ret_path, NULL, error);
	}
	for (size_t d = 0; d < G_N_ELEMENTS(directories); d++) {
		for (size_t e = 0; e < G_N_ELEMENTS(endings); e++) {
			g_autofree char *file = g_strconcat(name, ".", endings[e], NULL);
			g_autofree char *path = g_build_filename(directories[d], file, NULL);
			bool absent = false;
			json_object *root = nova_yaml_file(path, &absent, error);

			if (absent)
				continue;
			*ret_path = g_steal_pointer(&path);
			return root;
		}
	}
	*ret_path = NULL;
	return NULL;
}

/* Puts what `more' says over what `base' says; members that are objects one by one. */
static void merge(json_object *base, json_object *more)
{
	if (!json_object_is_type(base, json_type_object) || !json_object_is_type(more, json_type_object))
		return;
	json_object_object_foreach(more, key, value)
	{
		json_object *old = NULL;

		if (json_object_is_type(value, json_type_object) && json_object_object_get_ex(base, key, &old) &&
		    json_object_is_type(old, json_type_object))
			merge(old, value);
		else
			nova_json_add(base, key, json_object_get(value));
	}
}

/* "lab, test" */
static char *names_in(json_object *clouds)
{
	GString *out = g_string_new(NULL);

	if (json_object_is_type(clouds, json_type_object)) {
		json_object_object_foreach(clouds, key, value)
		{
			(void)value;
			g_string_append_printf(out, "%s%s", out->len ? ", " : "", key);
		}
	}
	return g_string_free(out, FALSE);
}

static nova_cloud *load_entry(const char *name, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autofree char *path = NULL;
	g_autofree char *secure_path = NULL;
	g_autoptr(json_object) root = find_file("OS_CLIENT_CONFIG_FILE", "clouds", &path, &local);
	g_autoptr(json_object) secure =
		local ? NULL : find_file("OS_CLIENT_SECURE_FILE", "secure", &secure_path, &local);
	json_object *clouds = NULL, *entry = NULL;
	nova_cloud *cloud;

	if (local) {
		g_propagate_error(error, g_steal_pointer(&local));
		return NULL;
	}
	if (!root) {
		nova_fail(error, NOVA_FAULT_CONFIG,
			  "the cloud '%s' is asked for, and there is no clouds.yaml in the current directory, in "
			  "~/.config/openstack or in /etc/openstack",
			  name);
		return NULL;
	}
	if (secure)
		merge(root, secure);
	json_object_object_get_ex(root, "clouds", &clouds);
	if (!json_object_is_type(clouds, json_type_object) || !json_object_object_get_ex(clouds, name, &entry) ||
	    !json_object_is_type(entry, json_type_object)) {
		g_autofree char *names = names_in(clouds);

		nova_fail(error, NOVA_FAULT_CONFIG, "there is no cloud '%s' in %s; there are: %s", name, path,
			  *names ? names : "none");
		return NULL;
	}
	cloud = g_new0(nova_cloud, 1);
	cloud->name = g_strdup(name);
	take_entry(cloud, entry);
	return cloud;
}

nova_cloud *nova_cloud_load(const char *name, GError **error)
{
	nova_cloud *cloud;

	if (!name)
		name = env("OS_CLOUD");
	if (name)
		return load_entry(name, error);
	cloud = g_new0(nova_cloud, 1);
	take_environment(cloud);
	return cloud;
}

void nova_cloud_free(nova_cloud *cloud)
{
	if (!cloud)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		g_free(*member_of(cloud, &settings[i]));
	g_free(cloud->name);
	g_free(cloud);
}

char *nova_cloud_blame(const nova_cloud *cloud, const char *variable)
{
	if (!cloud->name)
		return g_strdup(variable);
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		if (strcmp(settings[i].variable, variable) == 0)
			return g_strdup_printf("%s of the cloud '%s'", settings[i].key, cloud->name);
	return g_strdup_printf("the cloud '%s'", cloud->name);
}
