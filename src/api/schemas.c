/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas.h"

#define M(name, schema) { name, &(schema), false, 0, 0 }
#define M_SINCE(name, schema, since) { name, &(schema), false, since, 0 }
#define M_UNTIL(name, schema, until) { name, &(schema), false, 0, until }
#define REQUIRED(name, schema) { name, &(schema), true, 0, 0 }
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- servers ---- */

static const nova_schema flavor_ref = { .types = NOVA_JSON_STRING | NOVA_JSON_INT, .min_length = 1 };
static const nova_schema image_ref = {
	.types = NOVA_JSON_STRING, .pattern = "^(|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})$"
};
static const nova_schema positive = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING, .pattern = "^[0-9]*$", .min_length = 1, .max_length = 9,
	.ranged = true, .minimum = 1, .maximum = 1000000,
};
static const nova_schema short_text = { .types = NOVA_JSON_STRING, .max_length = 255 };
static const nova_schema disk_config = { .types = NOVA_JSON_STRING, .words = WORDS("AUTO", "MANUAL") };
static const nova_schema ipv4 = { .types = NOVA_JSON_STRING, .format = NOVA_FORMAT_IPV4 };
static const nova_schema ipv6 = { .types = NOVA_JSON_STRING, .format = NOVA_FORMAT_IPV6 };
static const nova_schema user_data = {
	.types = NOVA_JSON_STRING | NOVA_JSON_NULL, .max_length = 65535, .format = NOVA_FORMAT_BASE64
};
static const nova_schema tag = { .types = NOVA_JSON_STRING, .min_length = 1, .max_length = 60, .pattern = "^[^,/]*$" };
static const nova_schema tags = { .types = NOVA_JSON_ARRAY, .items = &tag, .max_items = 50 };
static const nova_schema certificates = { .types = NOVA_JSON_ARRAY | NOVA_JSON_NULL, .max_items = 50 };
static const nova_schema list_of_anything = { .types = NOVA_JSON_ARRAY };
static const nova_schema zone = {
	.types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255, .format = NOVA_FORMAT_NAME
};

static const nova_schema_member security_group_members[] = { M("name", short_text), { 0 } };
static const nova_schema security_group = { .types = NOVA_JSON_OBJECT, .members = security_group_members };
static const nova_schema security_groups = { .types = NOVA_JSON_ARRAY, .items = &security_group };

static const nova_schema fixed_ip = { .any_of = (const nova_schema *const[]){ &ipv4, &ipv6, NULL } };
static const nova_schema nullable_uuid = { .types = NOVA_JSON_STRING | NOVA_JSON_NULL, .format = NOVA_FORMAT_UUID };
static const nova_schema_member network_members[] = {
	M("fixed_ip", fixed_ip),
	M("port", nullable_uuid),
	M("uuid", nova_schema_uuid),
	{ "tag", &tag, false, 32, 36 },
	M_SINCE("tag", tag, 42),
	{ 0 },
};
static const nova_schema network = { .types = NOVA_JSON_OBJECT, .members = network_members };
static const nova_schema network_list = { .types = NOVA_JSON_ARRAY, .items = &network };
static const nova_schema network_word = { .types = NOVA_JSON_STRING, .words = WORDS("none", "auto") };
static const nova_schema networks_or_word = {
	.any_of = (const nova_schema *const[]){ &network_list, &network_word, NULL }
};

static const nova_schema boot_index = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING | NOVA_JSON_NULL, .pattern = "^-?[0-9]+$"
};
static const nova_schema source_type = {
	.types = NOVA_JSON_STRING, .words = WORDS("volume", "image", "snapshot", "blank")
};
static const nova_schema destination_type = { .types = NOVA_JSON_STRING, .words = WORDS("local", "volume") };
static const nova_schema_member device_members[] = {
	M("uuid", nova_schema_text),
	M("source_type", source_type),
	M("destination_type", destination_type),
	M("boot_index", boot_index),
	M("delete_on_termination", nova_schema_boolean),
	M("volume_size", nova_schema_any),
	M("volume_id", nova_schema_any),
	M("snapshot_id", nova_schema_any),
	M("image_id", nova_schema_any),
	M("virtual_name", short_text),
	M("device_name", nova_schema_any),
	M("guest_format", nova_schema_any),
	M("device_type", nova_schema_any),
	M("disk_bus", nova_schema_any),
	M("no_device", nova_schema_any),
	M("connection_info", nova_schema_any),
	M_SINCE("tag", tag, 42),
	M_SINCE("volume_type", nova_schema_any, 67),
	{ 0 },
};
static const nova_schema device = { .types = NOVA_JSON_OBJECT, .members = device_members };
static const nova_schema devices = { .types = NOVA_JSON_ARRAY, .items = &device };

static const nova_schema_member create_members[] = {
	REQUIRED("name", nova_schema_name),
	M("imageRef", image_ref),
	REQUIRED("flavorRef", flavor_ref),
	M("adminPass", nova_schema_text),
	M("metadata", nova_schema_metadata),
	M_UNTIL("networks", network_list, 36),
	{ "networks", &networks_or_word, true, 37, 0 },
	M("OS-DCF:diskConfig", disk_config),
	M("accessIPv4", ipv4),
	M("accessIPv6", ipv6),
	M_UNTIL("personality", list_of_anything, 56),
	M("availability_zone", zone),
	M("block_device_mapping", list_of_anything),
	M("block_device_mapping_v2", devices),
	M("config_drive", nova_schema_boolean),
	M("key_name", nova_schema_name),
	M("min_count", positive),
	M("max_count", positive),
	M("return_reservation_id", nova_schema_boolean),
	M("security_groups", security_groups),
	M("user_data", user_data),
	M_SINCE("description", nova_schema_description, 19),
	M_SINCE("tags", tags, 52),
	M_SINCE("trusted_image_certificates", certificates, 63),
	M_SINCE("host", nova_schema_host, 74),
	M_SINCE("hypervisor_hostname", nova_schema_host, 74),
	{ 0 },
};
static const nova_schema create_server = { .types = NOVA_JSON_OBJECT, .members = create_members };
static const nova_schema uuid_list = { .types = NOVA_JSON_ARRAY, .items = &nova_schema_uuid };
static const nova_schema uuids = { .any_of = (const nova_schema *const[]){ &nova_schema_uuid, &uuid_list, NULL } };
static const nova_schema hint_query = { .types = NOVA_JSON_STRING | NOVA_JSON_OBJECT };
static const nova_schema hint_cidr = { .types = NOVA_JSON_STRING, .pattern = "^/[0-9a-f.:]+$" };
static const nova_schema_member hint_members[] = {
	M("group", nova_schema_uuid),
	M("different_host", uuids),
	M("same_host", uuids),
	M("query", hint_query),
	M("build_near_host_ip", fixed_ip),
	M("cidr", hint_cidr),
	{ 0 },
};
static const nova_schema hints = { .types = NOVA_JSON_OBJECT, .members = hint_members, .open = true };
static const nova_schema_member create_top[] = {
	REQUIRED("server", create_server),
	M("os:scheduler_hints", hints),
	M("OS-SCH-HNT:scheduler_hints", hints),
	{ 0 },
};
const nova_schema nova_schema_server_create = { .types = NOVA_JSON_OBJECT, .members = create_top };

static const nova_schema_member update_members[] = {
	M("name", nova_schema_name),
	M("OS-DCF:diskConfig", disk_config),
	M("accessIPv4", ipv4),
	M("accessIPv6", ipv6),
	M_SINCE("description", nova_schema_description, 19),
	{ 0 },
};
static const nova_schema update_server = { .types = NOVA_JSON_OBJECT, .members = update_members };
static const nova_schema_member update_top[] = { REQUIRED("server", update_server), { 0 } };
const nova_schema nova_schema_server_update = { .types = NOVA_JSON_OBJECT, .members = update_top };

/* ---- server actions ---- */

static const nova_schema boolean_or_auto = {
	.types = NOVA_JSON_BOOL | NOVA_JSON_STRING, .boolean = true, .words = WORDS("auto")
};
static const nova_schema_member migrate_members[] = {
	{ "block_migration", &nova_schema_boolean, true, 0, 24 },
	{ "block_migration", &boolean_or_auto, true, 25, 0 },
	{ "disk_over_commit", &nova_schema_boolean, true, 0, 24 },
	REQUIRED("host", nova_schema_host),
	{ "force", &nova_schema_boolean, false, 30, 67 },
	{ 0 },
};
const nova_schema nova_schema_migrate_live = { .types = NOVA_JSON_OBJECT, .members = migrate_members };

static const nova_schema reboot_type = {
	.types = NOVA_JSON_STRING, .words = WORDS("HARD", "Hard", "hard", "SOFT", "Soft", "soft")
};
static const nova_schema_member reboot_members[] = { REQUIRED("type", reboot_type), { 0 } };
const nova_schema nova_schema_reboot = { .types = NOVA_JSON_OBJECT, .members = reboot_members };

static const nova_schema console_length = {
	.types = NOVA_JSON_INT | NOVA_JSON_STRING | NOVA_JSON_NULL, .pattern = "^-?[0-9]+$", .max_length = 9,
	.ranged = true, .minimum = -1, .maximum = INT32_MAX,
};
static const nova_schema_member console_members[] = { M("length", console_length), { 0 } };
const nova_schema nova_schema_console_output = { .types = NOVA_JSON_OBJECT, .members = console_members };

static const nova_schema_member force_members[] = { REQUIRED("force_complete", nova_schema_null), { 0 } };
const nova_schema nova_schema_force_complete = { .types = NOVA_JSON_OBJECT, .members = force_members };

static const nova_schema rebuild_image = { .types = NOVA_JSON_STRING, .format = NOVA_FORMAT_UUID };
static const nova_schema nullable_name = {
	.types = NOVA_JSON_STRING | NOVA_JSON_NULL, .min_length = 1, .max_length = 255, .format = NOVA_FORMAT_NAME
};
static const nova_schema_member rebuild_members[] = {
	REQUIRED("imageRef", rebuild_image),
	M("name", nova_schema_name),
	M("adminPass", nova_schema_text),
	M("metadata", nova_schema_metadata),
	M("preserve_ephemeral", nova_schema_boolean),
	M("OS-DCF:diskConfig", disk_config),
	M("accessIPv4", ipv4),
	M("accessIPv6", ipv6),
	M_UNTIL("personality", list_of_anything, 56),
	M_SINCE("description", nova_schema_description, 19),
	M_SINCE("key_name", nullable_name, 54),
	M_SINCE("user_data", user_data, 57),
	M_SINCE("trusted_image_certificates", certificates, 63),
	{ 0 },
};
const nova_schema nova_schema_rebuild = { .types = NOVA_JSON_OBJECT, .members = rebuild_members };

static const nova_schema_member resize_members[] = {
	REQUIRED("flavorRef", flavor_ref),
	M("OS-DCF:diskConfig", disk_config),
	{ 0 },
};
const nova_schema nova_schema_resize = { .types = NOVA_JSON_OBJECT, .members = resize_members };

static const nova_schema locked_reason = { .types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255 };
static const nova_schema_member lock_members[] = { M("locked_reason", locked_reason), { 0 } };
const nova_schema nova_schema_lock = { .types = NOVA_JSON_OBJECT | NOVA_JSON_NULL, .members = lock_members };

static const nova_schema reset_word = { .types = NOVA_JSON_STRING, .words = WORDS("active", "error") };
static const nova_schema_member reset_members[] = { REQUIRED("state", reset_word), { 0 } };
const nova_schema nova_schema_reset_state = { .types = NOVA_JSON_OBJECT, .members = reset_members };

#define CONSOLE_SCHEMA(name, ...)                                                                                     \
	static const nova_schema name##_type = { .types = NOVA_JSON_STRING, .words = WORDS(__VA_ARGS__) };            \
	static const nova_schema_member name##_members[] = { REQUIRED("type", name##_type), { 0 } };                  \
	const nova_schema nova_schema_##name = { .types = NOVA_JSON_OBJECT, .members = name##_members }
CONSOLE_SCHEMA(vnc_console, "novnc", "xvpvnc");
CONSOLE_SCHEMA(spice_console, "spice-html5");
CONSOLE_SCHEMA(serial_console, "serial");
CONSOLE_SCHEMA(rdp_console, "rdp-html5");

static const nova_schema protocol = {
	.types = NOVA_JSON_STRING, .words = WORDS("vnc", "spice", "rdp", "serial", "mks")
};
static const nova_schema protocol_old = {
	.types = NOVA_JSON_STRING, .words = WORDS("vnc", "spice", "rdp", "serial")
};
static const nova_schema console_type = {
	.types = NOVA_JSON_STRING, .words = WORDS("novnc", "xvpvnc", "rdp-html5", "spice-html5", "serial", "webmks")
};
static const nova_schema console_type_old = {
	.types = NOVA_JSON_STRING, .words = WORDS("novnc", "xvpvnc", "rdp-html5", "spice-html5", "serial")
};
static const nova_schema_member remote_members[] = {
	{ "protocol", &protocol_old, true, 0, 7 },
	{ "protocol", &protocol, true, 8, 0 },
	{ "type", &console_type_old, true, 0, 7 },
	{ "type", &console_type, true, 8, 0 },
	{ 0 },
};
static const nova_schema remote_console = { .types = NOVA_JSON_OBJECT, .members = remote_members };
static const nova_schema_member remote_top[] = { REQUIRED("remote_console", remote_console), { 0 } };
const nova_schema nova_schema_remote_console = { .types = NOVA_JSON_OBJECT, .members = remote_top };

/* ---- services ---- */

static const nova_schema reason = {
	.types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255, .format = NOVA_FORMAT_NAME
};
static const nova_schema service_status = { .types = NOVA_JSON_STRING, .words = WORDS("enabled", "disabled") };
static const nova_schema_member service_members[] = {
	M("status", service_status),
	M("disabled_reason", reason),
	M("forced_down", nova_schema_boolean),
	{ 0 },
};
const nova_schema nova_schema_service_update = { .types = NOVA_JSON_OBJECT, .members = service_members };

static const nova_schema service_host = {
	.types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255, .pattern = "^[a-zA-Z0-9-._]*$"
};
static const nova_schema service_binary = { .types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255 };
static const nova_schema_member old_service_members[] = {
	REQUIRED("host", service_host),
	REQUIRED("binary", service_binary),
	M("disabled_reason", reason),
	M_SINCE("forced_down", nova_schema_boolean, 11),
	{ 0 },
};
const nova_schema nova_schema_service_update_old = { .types = NOVA_JSON_OBJECT, .members = old_service_members };

/* ---- queries ---- */

static const nova_schema_member migration_params[] = {
	M("hidden", nova_schema_text),
	M("host", nova_schema_text),
	M("instance_uuid", nova_schema_text),
	M("source_compute", nova_schema_text),
	M("status", nova_schema_text),
	M("migration_type", nova_schema_text),
	M_SINCE("limit", nova_schema_digits, 59),
	M_SINCE("marker", nova_schema_uuid, 59),
	M_SINCE("changes-since", nova_schema_date_time, 59),
	M_SINCE("changes-before", nova_schema_date_time, 66),
	M_SINCE("user_id", nova_schema_text, 80),
	M_SINCE("project_id", nova_schema_text, 80),
	{ 0 },
};
const nova_query_schema nova_migration_query_schema = { .params = migration_params, .strict_since = 59 };

static const nova_schema_member action_params[] = {
	M_SINCE("limit", nova_schema_digits, 58),
	M_SINCE("marker", nova_schema_text, 58),
	M_SINCE("changes-since", nova_schema_date_time, 58),
	M_SINCE("changes-before", nova_schema_date_time, 66),
	{ 0 },
};
const nova_query_schema nova_action_query_schema = { .params = action_params, .strict_since = 58 };

static const nova_schema_member placement_params[] = {
	M("host", nova_schema_text),
	{ 0 },
};
const nova_query_schema nova_placement_query_schema = { .params = placement_params, .strict_since = 1 };

static const nova_schema_member flavor_params[] = {
	M("limit", nova_schema_digits),
	M("marker", nova_schema_text),
	M("is_public", nova_schema_text),
	M("minRam", nova_schema_text),
	M("minDisk", nova_schema_text),
	M("sort_key", nova_schema_text),
	M("sort_dir", nova_schema_text),
	{ 0 },
};
const nova_query_schema nova_flavor_query_schema = { .params = flavor_params, .strict_since = 75 };

static const nova_schema_member hypervisor_params[] = {
	M_SINCE("limit", nova_schema_digits, 33),
	M_SINCE("marker", nova_schema_text, 33),
	M_SINCE("hypervisor_hostname_pattern", nova_schema_text, 53),
	M_SINCE("with_servers", nova_schema_boolean, 53),
	{ 0 },
};
const nova_query_schema nova_hypervisor_query_schema = { .params = hypervisor_params, .strict_since = 53 };

static const nova_schema_member service_params[] = {
	M("host", nova_schema_text),
	M("binary", nova_schema_text),
	{ 0 },
};
const nova_query_schema nova_service_query_schema = { .params = service_params, .strict_since = 75 };
