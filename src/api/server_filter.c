/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server_filter.h"

#include "api/paging.h"
#include "common/json.h"
#include "common/timestamp.h"

#include <stdlib.h>
#include <string.h>

#define ALL_FILTERS "os_compute_api:servers:allow_all_filters"
#define MAX_PASSES 50 /* pages read to fill one page when some conditions are applied here */

struct nova_server_filter {
	nova_instance_query query;
	int limit;
	bool nothing;       /* a condition that cannot hold */
	GPtrArray *statuses, *tags; /* NULL-terminated once complete */
	GPtrArray *conditions;      /* of condition, applied here */
};

typedef enum condition_kind {
	CONDITION_REGEX,
	CONDITION_POWER,
	CONDITION_INDEX,
	CONDITION_TAGS_ANY,
	CONDITION_NOT_TAGS,
	CONDITION_NOT_TAGS_ANY,
} condition_kind;

typedef struct condition {
	condition_kind kind;
	const char *field; /* of CONDITION_REGEX */
	GRegex *regex;
	int number;
	char **words;
} condition;

static const nova_schema locked_schema = { .types = NOVA_JSON_STRING, .boolean = true };

#define TEXT(n) { n, &nova_schema_text, false, 0, 0 }
#define REGEX(n) { n, &nova_schema_regex, false, 0, 0 }
static const nova_schema_member params[] = {
	{ "limit", &nova_schema_digits, false, 0, 0 },
	TEXT("marker"),
	TEXT("sort_key"),
	{ "sort_dir",
	  &(const nova_schema){ .types = NOVA_JSON_STRING, .words = (const char *const[]){ "asc", "desc", NULL } },
	  false, 0, 0 },
	TEXT("all_tenants"),
	TEXT("project_id"),
	TEXT("tenant_id"),
	TEXT("user_id"),
	TEXT("host"),
	REGEX("node"),
	REGEX("name"),
	TEXT("status"),
	TEXT("vm_state"),
	TEXT("task_state"),
	TEXT("power_state"),
	TEXT("image"),
	TEXT("image_ref"),
	TEXT("flavor"),
	REGEX("ip"),
	REGEX("ip6"),
	REGEX("reservation_id"),
	{ "changes-since", &nova_schema_date_time, false, 0, 0 },
	{ "changes-before", &nova_schema_date_time, false, 66, 0 },
	TEXT("deleted"),
	TEXT("soft_deleted"),
	TEXT("uuid"),
	TEXT("launch_index"),
	REGEX("availability_zone"),
	TEXT("config_drive"),
	TEXT("key_name"),
	REGEX("created_at"),
	REGEX("launched_at"),
	REGEX("terminated_at"),
	REGEX("progress"),
	REGEX("hostname"),
	{ "locked", &locked_schema, false, 73, 0 },
	{ "tags", &nova_schema_text, false, 26, 0 },
	{ "tags-any", &nova_schema_text, false, 26, 0 },
	{ "not-tags", &nova_schema_text, false, 26, 0 },
	{ "not-tags-any", &nova_schema_text, false, 26, 0 },
	REGEX("display_name"),
	REGEX("display_description"),
	REGEX("description"),
	REGEX("locked_by"),
	REGEX("access_ip_v4"),
	REGEX("access_ip_v6"),
	REGEX("root_device_name"),
	REGEX("kernel_id"),
	REGEX("ramdisk_id"),
	REGEX("auto_disk_config"),
	{ 0 },
};
#undef TEXT
#undef REGEX

const nova_query_schema nova_server_query_schema = { .params = params, .strict_since = 75, .underscore = true };

/* Every status a server can have; others are refused or match nothing. */
static const char *const statuses[] = {
	"ACTIVE",  "BUILD",   "DELETED", "ERROR",  "HARD_REBOOT",	"MIGRATING", "PASSWORD",     "PAUSED",
	"REBOOT",  "REBUILD", "RESCUE",	 "RESIZE", "REVERT_RESIZE",	"SHELVED",   "SHELVED_OFFLOADED", "SHUTOFF",
	"SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE", NULL,
};

/* Conditions that are applied here as regular expressions on one of the server's fields. */
static const char *const regex_fields[] = {
	"node",	    "availability_zone", "hostname",	"key_name",	"config_drive",	       "display_name",
	"description", "display_description", "access_ip_v4", "access_ip_v6", "created_at", "launched_at",
	"terminated_at", "progress", "locked_by", NULL,
};

/* Fields every server has the same value in: a pattern that does not match it matches nothing. */
static const struct {
	const char *name, *value;
} constant_fields[] = {
	{ "kernel_id", "" }, { "ramdisk_id", "" }, { "auto_disk_config", "False" },
	{ "root_device_name", "/dev/vda" },
};

static const char *const ignored_fields[] = { "metadata",	  "system_metadata", "info_cache",  "services",
					      "security_groups", "pci_devices",	    "block_device_mapping", NULL };

static void free_condition(void *data)
{
	condition *c = data;

	g_clear_pointer(&c->regex, g_regex_unref);
	g_strfreev(c->words);
	g_free(c);
}

void nova_server_filter_free(nova_server_filter *filter)
{
	if (!filter)
		return;
	g_ptr_array_unref(filter->statuses);
	g_ptr_array_unref(filter->tags);
	g_ptr_array_unref(filter->conditions);
	g_free(filter);
}

static condition *add_condition(nova_server_filter *filter, condition_kind kind)
{
	condition *c = g_new0(condition, 1);

	c->kind = kind;
	g_ptr_array_add(filter->conditions, c);
	return c;
}

/* ---- reading the parameters ---- */

/* Filters about hosts and other insides, which need a right of their own; from 2.83 on some do not. */
static const struct {
	const char *name;
	unsigned free_since; /* 0: never */
} guarded[] = {
	{ "user_id", 83 },	 { "host", 0 },		  { "node", 0 },		{ "uuid", 0 },
	{ "image_ref", 0 },	 { "launch_index", 0 },	  { "vm_state", 83 },		{ "task_state", 83 },
	{ "power_state", 83 },	 { "deleted", 0 },	  { "soft_deleted", 0 },	{ "availability_zone", 83 },
	{ "config_drive", 83 },	 { "key_name", 83 },	  { "created_at", 83 },		{ "launched_at", 83 },
	{ "terminated_at", 83 }, { "progress", 83 },	  { "hostname", 90 },		{ "display_name", 0 },
	{ "description", 0 },	 { "locked_by", 0 },	  { "display_description", 0 }, { "access_ip_v4", 0 },
	{ "access_ip_v6", 0 },	 { "root_device_name", 0 }, { "kernel_id", 0 },		{ "ramdisk_id", 0 },
	{ "auto_disk_config", 0 },
};

/* A parameter, or NULL when it is not there or not for this caller: as Nova does, it is passed over then. */
static const char *filter_param(const nova_request *r, const char *name)
{
	const char *value = nova_request_param(r, name);

	for (size_t i = 0; value && i < G_N_ELEMENTS(guarded); i++)
		if (strcmp(guarded[i].name, name) == 0 &&
		    (!guarded[i].free_since || r->version < guarded[i].free_since) && !nova_request_may(r, ALL_FILTERS))
			return NULL;
	return value;
}

static bool add_status(const nova_request *r, nova_server_filter *filter, const char *value, GError **error)
{
	g_autofree char *upper = g_ascii_strup(value, -1);

	for (const char *const *status = statuses; *status; status++)
		if (strcmp(upper, *status) == 0) {
			g_ptr_array_add(filter->statuses, (void *)*status);
			if (strcmp(upper, "DELETED") != 0)
				return true;
			filter->query.deleted = true;
			return nova_request_may(r, ALL_FILTERS) ||
			       nova_fail(error, NOVA_FAULT_FORBIDDEN, "Only administrators may list deleted instances");
		}
	if (r->version >= 38)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid status value");
	filter->nothing = true;
	return true;
}

static bool read_statuses(const nova_request *r, nova_server_filter *filter, GError **error)
{
	for (unsigned i = 0; i < r->http->query->len; i++) {
		const nova_http_pair *pair = r->http->query->pdata[i];

		if (strcmp(pair->name, "status") == 0 && !add_status(r, filter, pair->value, error))
			return false;
	}
	if (filter->statuses->len > 0) {
		g_ptr_array_add(filter->statuses, NULL);
		filter->query.statuses = (const char *const *)filter->statuses->pdata;
	}
	return true;
}

static bool read_regexes(const nova_request *r, nova_server_filter *filter, GError **error)
{
	for (const char *const *field = regex_fields; *field; field++) {
		const char *pattern = filter_param(r, *field);
		g_autoptr(GRegex) regex = pattern ? g_regex_new(pattern, 0, 0, NULL) : NULL;
		condition *c;

		if (!pattern)
			continue;
		if (!regex)
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid regular expression for %s: %s", *field,
					 pattern);
		c = add_condition(filter, CONDITION_REGEX);
		c->field = *field;
		c->regex = g_steal_pointer(&regex);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(constant_fields); i++) {
		const char *pattern = filter_param(r, constant_fields[i].name);

		if (pattern && !g_regex_match_simple(pattern, constant_fields[i].value, 0, 0))
			filter->nothing = true;
	}
	return true;
}

static void read_tags(const nova_request *r, nova_server_filter *filter)
{
	static const struct {
		const char *name;
		condition_kind kind;
	} lists[] = {
		{ "tags-any", CONDITION_TAGS_ANY },
		{ "not-tags", CONDITION_NOT_TAGS },
		{ "not-tags-any", CONDITION_NOT_TAGS_ANY },
	};
	const char *all = nova_request_param(r, "tags");

	if (r->version < 26)
		return;
	if (all) {
		g_auto(GStrv) words = g_strsplit(all, ",", 50);

		for (char **word = words; *word; word++)
			g_ptr_array_add(filter->tags, g_strdup(*word));
		g_ptr_array_add(filter->tags, NULL);
		filter->query.tags = (const char *const *)filter->tags->pdata;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		const char *value = nova_request_param(r, lists[i].name);

		if (value)
			add_condition(filter, lists[i].kind)->words = g_strsplit(value, ",", 50);
	}
}

static bool read_times(const nova_request *r, nova_server_filter *filter, GError **error)
{
	const char *since = nova_request_param(r, "changes-since");
	const char *before = r->version >= 66 ? nova_request_param(r, "changes-before") : NULL;

	if (since && !nova_timestamp_parse(since, &filter->query.changes_since_us, error))
		return false;
	if (before && !nova_timestamp_parse(before, &filter->query.changes_before_us, error))
		return false;
	if (since && before && filter->query.changes_since_us > filter->query.changes_before_us)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "The value of changes-since must be less than or equal to changes-before.");
	return true;
}

static bool read_sort(const nova_request *r, nova_server_filter *filter, GError **error)
{
	const char *key = nova_request_param(r, "sort_key");
	const char *dir = nova_request_param(r, "sort_dir");

	filter->query.ascending = dir && strcmp(dir, "asc") == 0;
	if (!key)
		return true;
	if ((strcmp(key, "host") == 0 || strcmp(key, "node") == 0) && !nova_request_may(r, ALL_FILTERS))
		return nova_fail(error, NOVA_FAULT_FORBIDDEN, "Only administrators can sort servers by %s", key);
	if (g_strv_contains(nova_instance_sort_keys, key)) {
		filter->query.sort_key = key;
		return true;
	}
	/* Nova has more keys than make sense; those it knows sort by the default here. */
	if (key[strspn(key, "abcdefghijklmnopqrstuvwxyz_0123456789")] == '\0' && r->version < 75)
		return true;
	return nova_fail(
		error, NOVA_FAULT_BAD_REQUEST,
		"Invalid input for query parameters sort_key. Value: %s. '%s' is not a key servers can be sorted by",
		key, key);
}

static bool read_scope(const nova_request *r, nova_server_filter *filter, bool detail, GError **error)
{
	const char *project = nova_request_param(r, "project_id");

	if (!nova_request_flag(r, "all_tenants")) {
		filter->query.project_id = r->context->project_id;
		return true;
	}
	if (!nova_request_must(r,
			       detail ? "os_compute_api:servers:detail:get_all_tenants" :
					"os_compute_api:servers:index:get_all_tenants",
			       error))
		return false;
	filter->query.project_id = project ? project : nova_request_param(r, "tenant_id");
	return true;
}

static bool read_ignored(const nova_request *r, GError **error)
{
	for (const char *const *name = ignored_fields; *name; name++)
		if (nova_request_param(r, *name))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid filter field: %s.", *name);
	return true;
}

static void read_exact(const nova_request *r, nova_server_filter *filter)
{
	nova_instance_query *query = &filter->query;
	const char *power = filter_param(r, "power_state"), *index = filter_param(r, "launch_index");
	const char *locked = r->version >= 73 ? nova_request_param(r, "locked") : NULL;
	bool flag = false;

	query->user_id = filter_param(r, "user_id");
	query->host = filter_param(r, "host");
	query->name_regex = nova_request_param(r, "name");
	query->uuid = filter_param(r, "uuid");
	query->image = nova_request_param(r, "image");
	if (!query->image)
		query->image = filter_param(r, "image_ref");
	query->flavorid = nova_request_param(r, "flavor");
	query->ip_regex = nova_request_param(r, "ip");
	query->reservation_id = nova_request_param(r, "reservation_id");
	query->vm_state = filter_param(r, "vm_state");
	query->task_state = filter_param(r, "task_state");
	query->deleted = query->deleted || (filter_param(r, "deleted") && nova_request_flag(r, "deleted"));
	if (power)
		add_condition(filter, CONDITION_POWER)->number = atoi(power);
	if (index)
		add_condition(filter, CONDITION_INDEX)->number = atoi(index);
	if (locked && nova_schema_read_bool(locked, &flag))
		query->locked = flag ? 1 : -1;
	if (nova_request_param(r, "ip6") ||
	    (filter_param(r, "soft_deleted") && nova_request_flag(r, "soft_deleted")))
		filter->nothing = true; /* no server has any of these */
}

nova_server_filter *nova_server_filter_new(const nova_request *r, GError **error)
{
	g_autoptr(nova_server_filter) filter = g_new0(nova_server_filter, 1);
	bool detail = strstr(r->http->path, "/detail") != NULL;

	filter->statuses = g_ptr_array_new();
	filter->tags = g_ptr_array_new_with_free_func(g_free);
	filter->conditions = g_ptr_array_new_with_free_func(free_condition);
	if (!read_ignored(r, error) || !read_scope(r, filter, detail, error) || !read_statuses(r, filter, error) ||
	    !read_times(r, filter, error) || !read_sort(r, filter, error) || !read_regexes(r, filter, error))
		return NULL;
	read_exact(r, filter);
	read_tags(r, filter);
	filter->query.marker = nova_request_param(r, "marker");
	filter->limit = nova_paging_limit(r);
	return g_steal_pointer(&filter);
}

int nova_server_filter_limit(const nova_server_filter *filter)
{
	return filter->limit;
}

/* ---- applying them ---- */

static char *field_text(const nova_instance *server, const char *field)
{
	char time[NOVA_TIMESTAMP_SIZE];
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "node", server->node },
		{ "availability_zone", server->zone },
		{ "hostname", server->hostname },
		{ "key_name", server->key_name },
		{ "config_drive", server->config_drive },
		{ "display_name", server->name },
		{ "description", server->description },
		{ "display_description", server->description },
		{ "access_ip_v4", server->access_ip_v4 },
		{ "access_ip_v6", server->access_ip_v6 },
		{ "locked_by", server->locked_by },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (strcmp(texts[i].name, field) == 0)
			return g_strdup(texts[i].value ? texts[i].value : "");
	if (strcmp(field, "created_at") == 0)
		return g_strdup(nova_timestamp_z(server->created_us, time));
	if (strcmp(field, "launched_at") == 0 && server->launched_us)
		return g_strdup(nova_timestamp_z(server->launched_us, time));
	if (strcmp(field, "terminated_at") == 0 && server->terminated_us)
		return g_strdup(nova_timestamp_z(server->terminated_us, time));
	if (strcmp(field, "progress") == 0)
		return g_strdup_printf("%d", server->progress);
	return g_strdup("");
}

static bool has_tag(const nova_instance *server, const char *tag)
{
	const char *text = server->tags_json ? server->tags_json : "[]";
	g_autoptr(json_object) tags = nova_json_parse(text, strlen(text), 4, NULL);
	size_t n = json_object_get_type(tags) == json_type_array ? json_object_array_length(tags) : 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(tags, i)), tag) == 0)
			return true;
	return false;
}

static void count_tags(const nova_instance *server, char *const *words, size_t *ret_has, size_t *ret_all)
{
	for (*ret_has = *ret_all = 0; words[*ret_all]; (*ret_all)++)
		*ret_has += has_tag(server, words[*ret_all]);
}

static bool holds(const condition *c, const nova_instance *server)
{
	g_autofree char *text = NULL;
	size_t has, all;

	switch (c->kind) {
	case CONDITION_REGEX:
		text = field_text(server, c->field);
		return g_regex_match(c->regex, text, 0, NULL);
	case CONDITION_POWER:
		return (int)server->power_state == c->number;
	case CONDITION_INDEX:
		return server->launch_index == c->number;
	default:
		break;
	}
	count_tags(server, c->words, &has, &all);
	return c->kind == CONDITION_TAGS_ANY ? has > 0 : c->kind == CONDITION_NOT_TAGS ? has < all : has == 0;
}

static bool passes(const nova_server_filter *filter, const nova_instance *server)
{
	for (unsigned i = 0; i < filter->conditions->len; i++)
		if (!holds(filter->conditions->pdata[i], server))
			return false;
	return true;
}

static void free_server(void *server)
{
	nova_instance_free(server);
}

bool nova_server_filter_run(nova_server_filter *filter, nova_db *db, GPtrArray **ret, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_server);
	g_autofree char *marker = g_strdup(filter->query.marker);
	bool more = filter->limit > 0 && !filter->nothing;

	for (int pass = 0; more && pass < MAX_PASSES && (int)found->len < filter->limit; pass++) {
		g_autoptr(GPtrArray) page = NULL;
		nova_instance_query query = filter->query;

		query.marker = marker;
		query.limit = filter->limit;
		if (!nova_instances_list(db, &query, &page, error))
			return false;
		more = filter->conditions->len > 0 && (int)page->len == filter->limit;
		if (page->len > 0) {
			g_free(marker);
			marker = g_strdup(((nova_instance *)page->pdata[page->len - 1])->uuid);
		}
		for (unsigned i = 0; i < page->len && (int)found->len < filter->limit; i++)
			if (passes(filter, page->pdata[i]))
				g_ptr_array_add(found, g_steal_pointer((nova_instance **)&page->pdata[i]));
	}
	*ret = g_steal_pointer(&found);
	return true;
}
