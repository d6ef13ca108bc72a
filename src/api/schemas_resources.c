/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies and queries of what is no server: key pairs, quotas, usage.
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
