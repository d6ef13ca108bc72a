/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema.h"

#include "api/pyrepr.h"
#include "common/json_auto.h"
#include "common/timestamp.h"
#include "common/uuid.h"

#include <arpa/inet.h>
#include <string.h>

static const char *const true_words[] = { "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes" };
static const char *const false_words[] = { "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no" };

const nova_schema nova_schema_any = { 0 };
const nova_schema nova_schema_boolean = { .types = NOVA_JSON_BOOL | NOVA_JSON_STRING, .boolean = true };
const nova_schema nova_schema_name = {
	.types = NOVA_JSON_STRING, .min_length = 1, .max_length = 255, .format = NOVA_FORMAT_NAME
};
const nova_schema nova_schema_description = { .types = NOVA_JSON_STRING | NOVA_JSON_NULL,
					      .max_length = 255,
					      .pattern = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]*$" };
const nova_schema nova_schema_host = {
	.types = NOVA_JSON_STRING | NOVA_JSON_NULL, .min_length = 1, .max_length = 255, .pattern = "^[a-zA-Z0-9-._]*$"
};
const nova_schema nova_schema_uuid = { .types = NOVA_JSON_STRING, .format = NOVA_FORMAT_UUID };
const nova_schema nova_schema_null = { .types = NOVA_JSON_NULL };
const nova_schema nova_schema_digits = { .types = NOVA_JSON_STRING, .pattern = "^[0-9]*$" };
const nova_schema nova_schema_text = { .types = NOVA_JSON_STRING };
const nova_schema nova_schema_regex = { .types = NOVA_JSON_STRING, .format = NOVA_FORMAT_REGEX };
const nova_schema nova_schema_date_time = { .types = NOVA_JSON_STRING, .format = NOVA_FORMAT_DATE_TIME };

static const nova_schema metadata_value = { .types = NOVA_JSON_STRING, .max_length = 255 };
static const nova_schema_member no_members[] = { { 0 } };
const nova_schema nova_schema_metadata = {
	.types = NOVA_JSON_OBJECT,
	.members = no_members,
	.key_pattern = "^[a-zA-Z0-9-_:. ]{1,255}$",
	.value = &metadata_value,
};

static const struct {
	const char *name; /* as the validator calls the type */
	unsigned bit;
} type_names[] = {
	{ "object", NOVA_JSON_OBJECT }, { "array", NOVA_JSON_ARRAY },   { "boolean", NOVA_JSON_BOOL },
	{ "string", NOVA_JSON_STRING }, { "integer", NOVA_JSON_INT }, { "null", NOVA_JSON_NULL },
};

static const char *const format_names[] = {
	[NOVA_FORMAT_NONE] = "",	   [NOVA_FORMAT_NAME] = "name",	    [NOVA_FORMAT_UUID] = "uuid",
	[NOVA_FORMAT_DATE_TIME] = "date-time", [NOVA_FORMAT_REGEX] = "regex", [NOVA_FORMAT_BASE64] = "base64",
	[NOVA_FORMAT_IPV4] = "ipv4",	   [NOVA_FORMAT_IPV6] = "ipv6",
};
G_STATIC_ASSERT(G_N_ELEMENTS(format_names) == NOVA_FORMAT__COUNT);

/* One check: where we are, and where the error goes. */
typedef struct check {
	unsigned version;
	bool query;
	GError **error;
} check;

bool nova_schema_read_bool(const char *text, bool *ret)
{
	for (size_t i = 0; i < G_N_ELEMENTS(true_words); i++)
		if (strcmp(text, true_words[i]) == 0 || strcmp(text, false_words[i]) == 0) {
			*ret = strcmp(text, true_words[i]) == 0;
			return true;
		}
	return false;
}

bool nova_schema_bool(json_object *value)
{
	bool ret = false;

	if (json_object_get_type(value) == json_type_boolean)
		return json_object_get_boolean(value);
	if (json_object_get_type(value) == json_type_string)
		nova_schema_read_bool(json_object_get_string(value), &ret);
	return ret;
}

/* "Invalid input for field/attribute state. Value: nope. 'nope' is not one of …"; at the top of the document
 * only the validator's message. */
static bool complain(const check *c, const char *where, json_object *value, const char *message)
{
	g_autofree char *text = NULL;

	if (!where)
		return nova_fail(c->error, NOVA_FAULT_BAD_REQUEST, "%s", message);
	text = nova_pystr(value);
	return nova_fail(c->error, NOVA_FAULT_BAD_REQUEST, "Invalid input for %s %s. Value: %s. %s",
			 c->query ? "query parameters" : "field/attribute", where, text, message);
}

/* The same for "REPR tail". */
static bool complain_of(const check *c, const char *where, json_object *value, const char *tail)
{
	g_autoptr(GString) message = g_string_new(NULL);

	nova_pyrepr_append(message, value);
	g_string_append(message, tail);
	return complain(c, where, value, message->str);
}

static unsigned type_bit(json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return NOVA_JSON_NULL;
	case json_type_boolean:
		return NOVA_JSON_BOOL;
	case json_type_string:
		return NOVA_JSON_STRING;
	case json_type_int:
		return NOVA_JSON_INT;
	case json_type_object:
		return NOVA_JSON_OBJECT;
	case json_type_array:
		return NOVA_JSON_ARRAY;
	default:
		return 0;
	}
}

static bool check_type(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	g_autoptr(GString) tail = NULL;
	const char *separator = " ";

	if (!schema->types || (schema->types & type_bit(value)))
		return true;
	tail = g_string_new(" is not of type");
	for (size_t i = 0; i < G_N_ELEMENTS(type_names); i++)
		if (schema->types & type_names[i].bit) {
			g_string_append_printf(tail, "%s'%s'", separator, type_names[i].name);
			separator = ", ";
		}
	return complain_of(c, where, value, tail->str);
}

static void append_words(GString *list, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list->str[list->len - 1] != '[')
			g_string_append(list, ", ");
		nova_pyrepr_append_string(list, words[i]);
	}
}

static bool check_words(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	const char *text = json_object_get_type(value) == json_type_string ? json_object_get_string(value) : NULL;
	size_t n_words = schema->words ? g_strv_length((char **)schema->words) : 0;
	g_autoptr(GString) tail = NULL;
	bool ignored;

	if (!schema->boolean && !schema->words)
		return true;
	if (schema->boolean && (json_object_get_type(value) == json_type_boolean ||
				(text && nova_schema_read_bool(text, &ignored))))
		return true;
	if (text && schema->words && g_strv_contains(schema->words, text))
		return true;
	tail = g_string_new(" is not one of [");
	if (schema->boolean) {
		g_string_append(tail, "True");
		append_words(tail, true_words, G_N_ELEMENTS(true_words));
		g_string_append(tail, ", False");
		append_words(tail, false_words, G_N_ELEMENTS(false_words));
	}
	append_words(tail, schema->words, n_words);
	g_string_append_c(tail, ']');
	return complain_of(c, where, value, tail->str);
}

static bool matches(const char *pattern, const char *text)
{
	g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOLLAR_ENDONLY, 0, NULL);

	return regex && g_regex_match(regex, text, 0, NULL);
}

static bool is_name(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || g_ascii_isspace(text[0]) || g_ascii_isspace(text[n - 1]))
		return false;
	for (const char *p = text; *p; p = g_utf8_next_char(p))
		if (!g_unichar_isprint(g_utf8_get_char(p)))
			return false;
	return true;
}

static bool is_base64(const char *text)
{
	size_t n = 0, padding = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '\n' || *p == '\r')
			continue;
		if (*p == '=')
			padding++;
		else if (padding || !(g_ascii_isalnum(*p) || *p == '+' || *p == '/'))
			return false;
		n++;
	}
	return n % 4 == 0 && padding <= 2;
}

static bool is_regex(const char *text)
{
	g_autoptr(GRegex) regex = g_regex_new(text, 0, 0, NULL);

	return regex != NULL;
}

static bool has_format(nova_schema_format format, const char *text)
{
	struct in6_addr address;
	int64_t usec;

	switch (format) {
	case NOVA_FORMAT_NAME:
		return is_name(text);
	case NOVA_FORMAT_UUID:
		return nova_uuid_is_valid(text);
	case NOVA_FORMAT_DATE_TIME:
		return nova_timestamp_parse(text, &usec, NULL);
	case NOVA_FORMAT_REGEX:
		return is_regex(text);
	case NOVA_FORMAT_BASE64:
		return is_base64(text);
	case NOVA_FORMAT_IPV4:
		return inet_pton(AF_INET, text, &address) == 1;
	case NOVA_FORMAT_IPV6:
		return inet_pton(AF_INET6, text, &address) == 1;
	default:
		return true;
	}
}

static bool check_string(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	const char *text = json_object_get_string(value);
	size_t length = (size_t)g_utf8_strlen(text, -1);
	g_autofree char *tail = NULL;

	if (schema->min_length && length < schema->min_length)
		return complain_of(c, where, value, " is too short");
	if (schema->max_length && length > schema->max_length)
		return complain_of(c, where, value, " is too long");
	if (schema->pattern && !matches(schema->pattern, text)) {
		tail = g_strdup_printf(" does not match '%s'", schema->pattern);
		return complain_of(c, where, value, tail);
	}
	if (has_format(schema->format, text))
		return true;
	if (schema->format == NOVA_FORMAT_NAME)
		return nova_fail(
			c->error, NOVA_FAULT_BAD_REQUEST,
			"An invalid 'name' value was provided. The name must be: printable characters. Can not "
			"start or end with whitespace.");
	tail = g_strdup_printf(" is not a '%s'", format_names[schema->format]);
	return complain_of(c, where, value, tail);
}

static bool check_int(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	int64_t number = json_object_get_int64(value);
	g_autofree char *tail = NULL;

	if (!schema->ranged || (number >= schema->minimum && number <= schema->maximum))
		return true;
	tail = number < schema->minimum ?
		       g_strdup_printf(" is less than the minimum of %" G_GINT64_FORMAT, schema->minimum) :
		       g_strdup_printf(" is greater than the maximum of %" G_GINT64_FORMAT, schema->maximum);
	return complain_of(c, where, value, tail);
}

static bool exists(const nova_schema_member *member, unsigned version)
{
	return version >= member->since && (!member->until || version <= member->until);
}

static const nova_schema_member *find_member(const nova_schema_member *members, const char *name, unsigned version)
{
	for (const nova_schema_member *m = members; m->name; m++)
		if (exists(m, version) && strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* "Additional properties are not allowed ('a', 'b' were unexpected)", or the form with a pattern. */
static bool complain_of_extras(const check *c, json_object *value, const char *where, GPtrArray *extras,
			       const char *pattern)
{
	g_autoptr(GString) list = g_string_new(NULL);
	g_autofree char *message = NULL;

	for (unsigned i = 0; i < extras->len; i++) {
		if (i > 0)
			g_string_append(list, ", ");
		nova_pyrepr_append_string(list, extras->pdata[i]);
	}
	if (pattern)
		message = g_strdup_printf("%s %s not match any of the regexes: '%s'", list->str,
					  extras->len > 1 ? "do" : "does", pattern);
	else
		message = g_strdup_printf("Additional properties are not allowed (%s %s unexpected)", list->str,
					  extras->len > 1 ? "were" : "was");
	return complain(c, where, value, message);
}

static bool check_value(const check *c, const nova_schema *schema, json_object *value, const char *where);

static bool check_members(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	for (const nova_schema_member *m = schema->members; m->name; m++) {
		json_object *member;

		if (exists(m, c->version) && json_object_object_get_ex(value, m->name, &member) &&
		    !check_value(c, m->schema, member, m->name))
			return false;
	}
	for (const nova_schema_member *m = schema->members; m->name; m++) {
		g_autofree char *message = NULL;

		if (!exists(m, c->version) || !m->required || json_object_object_get_ex(value, m->name, NULL))
			continue;
		message = g_strdup_printf("'%s' is a required property", m->name);
		return complain(c, where, value, message);
	}
	return true;
}

static bool check_object(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	g_autoptr(GPtrArray) extras = g_ptr_array_new();

	if (!schema->members)
		return true;
	if (!check_members(c, schema, value, where))
		return false;
	json_object_object_foreach(value, key, member)
	{
		if (find_member(schema->members, key, c->version))
			continue;
		if (!schema->key_pattern || !matches(schema->key_pattern, key))
			g_ptr_array_add(extras, key);
		else if (!check_value(c, schema->value, member, key))
			return false;
	}
	if (schema->open || extras->len == 0)
		return true;
	return complain_of_extras(c, value, where, extras, schema->key_pattern);
}

static bool check_array(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	size_t n = json_object_array_length(value);

	if (schema->min_items && n < schema->min_items)
		return complain_of(c, where, value, " is too short");
	if (schema->max_items && n > schema->max_items)
		return complain_of(c, where, value, " is too long");
	for (size_t i = 0; schema->items && i < n; i++) {
		char index[24];

		g_snprintf(index, sizeof index, "%zu", i);
		if (!check_value(c, schema->items, json_object_array_get_idx(value, i), index))
			return false;
	}
	return true;
}

static bool check_any_of(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	const check quiet = { .version = c->version, .query = c->query };

	for (const nova_schema *const *one = schema->any_of; *one; one++)
		if (check_value(&quiet, *one, value, where))
			return true;
	return complain_of(c, where, value, " is not valid under any of the given schemas");
}

static bool check_value(const check *c, const nova_schema *schema, json_object *value, const char *where)
{
	if (schema->any_of)
		return check_any_of(c, schema, value, where);
	if (!check_type(c, schema, value, where) || !check_words(c, schema, value, where))
		return false;
	switch (json_object_get_type(value)) {
	case json_type_string:
		return check_string(c, schema, value, where);
	case json_type_int:
		return check_int(c, schema, value, where);
	case json_type_object:
		return check_object(c, schema, value, where);
	case json_type_array:
		return check_array(c, schema, value, where);
	default:
		return true;
	}
}

bool nova_schema_check_body(const nova_schema *schema, json_object *body, unsigned version, GError **error)
{
	const check c = { .version = version, .error = error };

	return check_value(&c, schema, body, NULL);
}

bool nova_schema_check_query(const nova_query_schema *schema, GPtrArray *query, unsigned version, GError **error)
{
	const check c = { .version = version, .query = true, .error = error };
	g_autoptr(GPtrArray) extras = g_ptr_array_new();

	for (unsigned i = 0; i < query->len; i++) {
		const nova_http_pair *pair = query->pdata[i];
		const nova_schema_member *param = find_member(schema->params, pair->name, version);
		g_autoptr(json_object) value = NULL;

		if (!param) {
			if (schema->strict_since && version >= schema->strict_since &&
			    !(schema->underscore && pair->name[0] == '_'))
				g_ptr_array_add(extras, pair->name);
			continue;
		}
		value = json_object_new_string(pair->value);
		if (!check_value(&c, param->schema, value, pair->name))
			return false;
	}
	if (extras->len == 0)
		return true;
	return complain_of_extras(&c, NULL, NULL, extras, schema->underscore ? "^_" : NULL);
}
