/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies and queries of what is no server: key pairs, quotas, usage, groups, aggregates.
 */
#include "api/schemas.h"

#define M(name, schema) { name, &(schema), false, 0, 0 }
#define M_SINCE(name, schema, since) { name, &(schema), false, since, 0 }
#define M_UNTIL(name, schema, until) { name, &(schema), false, 0, until }
#define REQUIRED(name, schema) { name, &(schema), true, 0, 0 }
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- key pairs ---- */

static const nova_schema keypair_type = { .types = NOVA_JSON_STRING, .words = WORDS("ssh", "x509") };
static const nova_schema public_key = { .types = NOVA_JSON_STRING, .max_length = 65535 };
static const nova_schema user_id = { .types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255 };
static const nova_schema_member keypair_members[] = {
	REQUIRED("name", nova_schema_name),
	M("public_key", public_key),
	M_SINCE("type", keypair_type, 2),
	M_SINCE("user_id", user_id, 10),
	{ 0 },
};
static const nova_schema keypair = { .types = NOVA_JSON_OBJECT, .members = keypair_members };
static const nova_schema_member keypair_top[] = { REQUIRED("keypair", keypair), { 0 } };
const nova_schema nova_schema_keypair = { .types = NOVA_JSON_OBJECT, .members = keypair_top };

static const nova_schema_member keypair_list_params[] = {
	M_SINCE("user_id", nova_schema_text, 10),
	M_SINCE("limit", nova_schema_digits, 35),
	M_SINCE("marker", nova_schema_text, 35),
	{ 0 },
};
const nova_query_schema nova_keypair_list_query_schema = { .params = keypair_list_params, .strict_since = 75 };
static const nova_schema_member keypair_params[] = { M_SINCE("user_id", nova_schema_text, 10), { 0 } };
const nova_query_schema nova_keypair_query_schema = { .params = keypair_params, .strict_since = 75 };

/* ---- quotas ---- */

static const nova_schema limit = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING, .pattern = "^-?[0-9]+$", .max_length = 10,
	.ranged = true, .minimum = -1, .maximum = INT32_MAX,
};
static const nova_schema_member quota_members[] = {
	M("instances", limit),
	M("cores", limit),
	M("ram", limit),
	M("key_pairs", limit),
	M("metadata_items", limit),
	M("server_groups", limit),
	M("server_group_members", limit),
	M_UNTIL("fixed_ips", limit, 35),
	M_UNTIL("floating_ips", limit, 35),
	M_UNTIL("security_groups", limit, 35),
	M_UNTIL("security_group_rules", limit, 35),
	M_UNTIL("injected_files", limit, 56),
	M_UNTIL("injected_file_content_bytes", limit, 56),
	M_UNTIL("injected_file_path_bytes", limit, 56),
	M("force", nova_schema_boolean),
	{ 0 },
};
static const nova_schema quota_set = { .types = NOVA_JSON_OBJECT, .members = quota_members };
static const nova_schema_member quota_top[] = { REQUIRED("quota_set", quota_set), { 0 } };
const nova_schema nova_schema_quota_set = { .types = NOVA_JSON_OBJECT, .members = quota_top };

static const nova_schema_member quota_params[] = { M("user_id", nova_schema_text), { 0 } };
const nova_query_schema nova_quota_query_schema = { .params = quota_params, .strict_since = 75 };

static const nova_schema_member limits_params[] = {
	M("reserved", nova_schema_text),
	M("tenant_id", nova_schema_text),
	{ 0 },
};
const nova_query_schema nova_limits_query_schema = { .params = limits_params, .strict_since = 75 };

/* ---- usage ---- */

static const nova_schema_member usage_list_params[] = {
	M("detailed", nova_schema_text),
	M("start", nova_schema_text),
	M("end", nova_schema_text),
	M_SINCE("limit", nova_schema_digits, 40),
	M_SINCE("marker", nova_schema_text, 40),
	{ 0 },
};
const nova_query_schema nova_usage_list_query_schema = { .params = usage_list_params, .strict_since = 75 };
static const nova_schema_member usage_params[] = {
	M("start", nova_schema_text),
	M("end", nova_schema_text),
	M_SINCE("limit", nova_schema_digits, 40),
	M_SINCE("marker", nova_schema_text, 40),
	{ 0 },
};
const nova_query_schema nova_usage_query_schema = { .params = usage_params, .strict_since = 75 };

/* ---- server groups ---- */

static const nova_schema hard_policy = { .types = NOVA_JSON_STRING, .words = WORDS("anti-affinity", "affinity") };
static const nova_schema any_policy = {
	.types = NOVA_JSON_STRING, .words = WORDS("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity")
};
static const nova_schema hard_policies = {
	.types = NOVA_JSON_ARRAY, .items = &hard_policy, .min_items = 1, .max_items = 1
};
static const nova_schema any_policies = {
	.types = NOVA_JSON_ARRAY, .items = &any_policy, .min_items = 1, .max_items = 1
};
static const nova_schema positive = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING, .pattern = "^[0-9]*$", .min_length = 1, .max_length = 9,
	.ranged = true, .minimum = 1, .maximum = INT32_MAX,
};
static const nova_schema_member rules_members[] = { M("max_server_per_host", positive), { 0 } };
static const nova_schema rules = { .types = NOVA_JSON_OBJECT, .members = rules_members };
static const nova_schema_member group_members[] = {
	REQUIRED("name", nova_schema_name),
	{ "policies", &hard_policies, true, 0, 14 },
	{ "policies", &any_policies, true, 15, 63 },
	{ "policy", &any_policy, true, 64, 0 },
	M_SINCE("rules", rules, 64),
	{ 0 },
};
static const nova_schema group = { .types = NOVA_JSON_OBJECT, .members = group_members };
static const nova_schema_member group_top[] = { REQUIRED("server_group", group), { 0 } };
const nova_schema nova_schema_server_group = { .types = NOVA_JSON_OBJECT, .members = group_top };

static const nova_schema_member group_params[] = {
	M("all_projects", nova_schema_text),
	M("limit", nova_schema_digits),
	M("offset", nova_schema_digits),
	{ 0 },
};
const nova_query_schema nova_group_query_schema = { .params = group_params, .strict_since = 75 };

/* ---- aggregates ---- */

/* A zone's name must not look like ZONE:HOST. */
static const nova_schema zone = {
	.types = NOVA_JSON_STRING | NOVA_JSON_NULL, .min_length = 1, .max_length = 255, .pattern = "^[^:]*$",
	.format = NOVA_FORMAT_NAME,
};
static const nova_schema_member aggregate_members[] = {
	REQUIRED("name", nova_schema_name),
	M("availability_zone", zone),
	{ 0 },
};
static const nova_schema aggregate = { .types = NOVA_JSON_OBJECT, .members = aggregate_members };
static const nova_schema_member aggregate_top[] = { REQUIRED("aggregate", aggregate), { 0 } };
const nova_schema nova_schema_aggregate = { .types = NOVA_JSON_OBJECT, .members = aggregate_top };

static const nova_schema_member aggregate_update_members[] = {
	M("name", nova_schema_name),
	M("availability_zone", zone),
	{ 0 },
};
static const nova_schema aggregate_update = { .types = NOVA_JSON_OBJECT, .members = aggregate_update_members };
static const nova_schema_member aggregate_update_top[] = { REQUIRED("aggregate", aggregate_update), { 0 } };
const nova_schema nova_schema_aggregate_update = { .types = NOVA_JSON_OBJECT, .members = aggregate_update_top };

static const nova_schema host_name = {
	.types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255, .pattern = "^[a-zA-Z0-9-._]*$"
};
static const nova_schema_member host_members[] = { REQUIRED("host", host_name), { 0 } };
static const nova_schema host_object = { .types = NOVA_JSON_OBJECT, .members = host_members };
static const nova_schema metadata_value = { .types = NOVA_JSON_STRING | NOVA_JSON_NULL, .max_length = 255 };
static const nova_schema_member metadata_zone[] = { M("availability_zone", zone), { 0 } };
static const nova_schema metadata = {
	.types = NOVA_JSON_OBJECT, .members = metadata_zone, .key_pattern = "^[a-zA-Z0-9-_:. ]{1,255}$",
	.value = &metadata_value,
};
static const nova_schema_member metadata_members[] = { REQUIRED("metadata", metadata), { 0 } };
static const nova_schema metadata_object = { .types = NOVA_JSON_OBJECT, .members = metadata_members };
static const nova_schema_member aggregate_acts[] = {
	M("add_host", host_object),
	M("remove_host", host_object),
	M("set_metadata", metadata_object),
	{ 0 },
};
const nova_schema nova_schema_aggregate_action = { .types = NOVA_JSON_OBJECT, .members = aggregate_acts };

/* ---- labels of servers ---- */

static const nova_schema_member server_metadata_top[] = { REQUIRED("metadata", nova_schema_metadata), { 0 } };
const nova_schema nova_schema_server_metadata = { .types = NOVA_JSON_OBJECT, .members = server_metadata_top };
static const nova_schema_member server_meta_top[] = { REQUIRED("meta", nova_schema_metadata), { 0 } };
const nova_schema nova_schema_server_meta = { .types = NOVA_JSON_OBJECT, .members = server_meta_top };

static const nova_schema tag = { .types = NOVA_JSON_STRING, .min_length = 1, .max_length = 60, .pattern = "^[^,/]*$" };
static const nova_schema tags = { .types = NOVA_JSON_ARRAY, .items = &tag, .max_items = 50 };
static const nova_schema_member tags_top[] = { REQUIRED("tags", tags), { 0 } };
const nova_schema nova_schema_server_tags = { .types = NOVA_JSON_OBJECT, .members = tags_top };

/* ---- flavors ---- */

static const nova_schema flavor_id = {
	.types = NOVA_JSON_STRING | NOVA_JSON_INT | NOVA_JSON_NULL, .min_length = 1, .max_length = 255,
	.pattern = "^(?! )[a-zA-Z0-9. _-]+(?<! )$",
};
static const nova_schema size_from_1 = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING, .pattern = "^[0-9]+$", .max_length = 10,
	.ranged = true, .minimum = 1, .maximum = INT32_MAX,
};
static const nova_schema size_from_0 = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING, .pattern = "^[0-9]+$", .max_length = 10,
	.ranged = true, .minimum = 0, .maximum = INT32_MAX,
};
static const nova_schema flavor_description = { .types = NOVA_JSON_STRING | NOVA_JSON_NULL, .max_length = 65535 };
static const nova_schema_member flavor_members[] = {
	REQUIRED("name", nova_schema_name),
	REQUIRED("ram", size_from_1),
	REQUIRED("vcpus", size_from_1),
	REQUIRED("disk", size_from_0),
	M("id", flavor_id),
	M("OS-FLV-EXT-DATA:ephemeral", size_from_0),
	M("swap", size_from_0),
	M("rxtx_factor", nova_schema_any),
	M("os-flavor-access:is_public", nova_schema_boolean),
	M_SINCE("description", flavor_description, 55),
	{ 0 },
};
static const nova_schema flavor = { .types = NOVA_JSON_OBJECT, .members = flavor_members };
static const nova_schema_member flavor_top[] = { REQUIRED("flavor", flavor), { 0 } };
const nova_schema nova_schema_flavor = { .types = NOVA_JSON_OBJECT, .members = flavor_top };

static const nova_schema_member flavor_update_members[] = { REQUIRED("description", flavor_description), { 0 } };
static const nova_schema flavor_update = { .types = NOVA_JSON_OBJECT, .members = flavor_update_members };
static const nova_schema_member flavor_update_top[] = { REQUIRED("flavor", flavor_update), { 0 } };
const nova_schema nova_schema_flavor_update = { .types = NOVA_JSON_OBJECT, .members = flavor_update_top };

static const nova_schema tenant = { .types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255 };
static const nova_schema_member tenant_members[] = { REQUIRED("tenant", tenant), { 0 } };
static const nova_schema tenant_object = { .types = NOVA_JSON_OBJECT, .members = tenant_members };
static const nova_schema_member flavor_acts[] = {
	M("addTenantAccess", tenant_object),
	M("removeTenantAccess", tenant_object),
	{ 0 },
};
const nova_schema nova_schema_flavor_action = { .types = NOVA_JSON_OBJECT, .members = flavor_acts };

static const nova_schema spec_value = { .types = NOVA_JSON_STRING | NOVA_JSON_INT, .max_length = 255 };
static const nova_schema_member no_members[] = { { 0 } };
const nova_schema nova_schema_flavor_spec = {
	.types = NOVA_JSON_OBJECT, .members = no_members, .key_pattern = "^[a-zA-Z0-9-_:. ]{1,255}$",
	.value = &spec_value,
};
static const nova_schema_member specs_top[] = { REQUIRED("extra_specs", nova_schema_flavor_spec), { 0 } };
const nova_schema nova_schema_flavor_specs = { .types = NOVA_JSON_OBJECT, .members = specs_top };
