/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include "common/error.h"

#include <string.h>

static void free_tokener(struct json_tokener *tokener)
{
	if (tokener)
		json_tokener_free(tokener);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_tokener, free_tokener)

/* What json-c takes even in strict mode: NaN, Infinity and keys in single quotes, which need characters that JSON does
 * not have outside strings; control characters inside them; and \u0000, behind which readers of C strings would not
 * look: two names for one thing. */
static const char *find_liberty(const char *text, size_t length)
{
	static const char allowed[] = " \t\r\n{}[]:,0123456789+-.eEtrufalsn";
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		if (in_string && g_ascii_iscntrl(text[i]) && text[i] != 0x7f)
			return "a control character in a string";
		if (in_string && text[i] == '\\') {
			if (length - i > 5 && memcmp(text + i, "\\u0000", 6) == 0)
				return "a NUL character in a string";
			i++;
		} else if (text[i] == '"') {
			in_string = !in_string;
		} else if (!in_string && (!text[i] || !strchr(allowed, text[i]))) {
			return "a character that may stand in strings only";
		}
	}
	return NULL;
}

json_object *nova_json_parse(const char *text, size_t length, unsigned max_depth, GError **error)
{
	g_autoptr(json_tokener) tokener = json_tokener_new_ex((int)max_depth);
	g_autoptr(json_object) value = NULL;
	enum json_tokener_error problem;
	const char *liberty;
	size_t parsed;

	if (length >= INT32_MAX || !g_utf8_validate(text, (ssize_t)length, NULL)) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "not JSON: not UTF-8 text");
		return NULL;
	}
	liberty = find_liberty(text, length);
	if (liberty) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "not JSON: %s", liberty);
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	value = json_tokener_parse_ex(tokener, text, (int)length);
	problem = json_tokener_get_error(tokener);
	/* A number at the top is complete only when something follows it. */
	if (problem == json_tokener_continue) {
		value = json_tokener_parse_ex(tokener, "\n", 1);
		problem = json_tokener_get_error(tokener);
		parsed = length;
	} else {
		parsed = json_tokener_get_parse_end(tokener);
	}
	if (problem != json_tokener_success) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "not JSON: %s at byte %zu",
			  problem == json_tokener_continue ? "unexpected end" : json_tokener_error_desc(problem),
			  parsed);
		return NULL;
	}
	while (parsed < length && strchr(" \t\r\n", text[parsed]))
		parsed++;
	if (parsed < length) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "not JSON: more after the end at byte %zu", parsed);
		return NULL;
	}
	if (!value) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "null where a JSON value is wanted");
		return NULL;
	}
	return g_steal_pointer(&value);
}

static json_object *step(json_object *from, const char *key)
{
	json_object *to = NULL;
	char *end = NULL;
	uint64_t index;

	if (json_object_is_type(from, json_type_object))
		return json_object_object_get_ex(from, key, &to) ? to : NULL;
	if (!json_object_is_type(from, json_type_array) || !g_ascii_isdigit(key[0]))
		return NULL;
	index = g_ascii_strtoull(key, &end, 10);
	return *end ? NULL : json_object_array_get_idx(from, index);
}

json_object *nova_json_find(json_object *root, const char *path)
{
	g_auto(GStrv) keys = g_strsplit(path, ".", -1);

	for (size_t i = 0; root && keys[i]; i++)
		root = step(root, keys[i]);
	return root;
}

static bool refuse(const char *path, json_object *value, const char *want, GError **error)
{
	if (!value)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' is missing", path);
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' must be %s, not %s", path, want,
			 json_type_to_name(json_object_get_type(value)));
}

bool nova_json_get_str(json_object *root, const char *path, const char **ret_value, GError **error)
{
	json_object *value = nova_json_find(root, path);

	if (!json_object_is_type(value, json_type_string))
		return refuse(path, value, "a string", error);
	*ret_value = json_object_get_string(value);
	return true;
}

bool nova_json_get_int(json_object *root, const char *path, int64_t min, int64_t max, int64_t *ret_value,
		       GError **error)
{
	json_object *value = nova_json_find(root, path);
	int64_t number;

	if (!value || !json_object_is_type(value, json_type_int))
		return refuse(path, value, "an integer", error);
	number = json_object_get_int64(value);
	/* A larger one is given out as INT64_MAX. */
	if (number < min || number > max || (number > 0 && json_object_get_uint64(value) > INT64_MAX))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "'%s' must be from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, path, min, max);
	*ret_value = number;
	return true;
}

bool nova_json_get_double(json_object *root, const char *path, double *ret_value, GError **error)
{
	json_object *value = nova_json_find(root, path);

	if (!value || (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int)))
		return refuse(path, value, "a number", error);
	*ret_value = json_object_get_double(value);
	return true;
}

bool nova_json_get_bool(json_object *root, const char *path, bool *ret_value, GError **error)
{
	json_object *value = nova_json_find(root, path);

	if (!value || !json_object_is_type(value, json_type_boolean))
		return refuse(path, value, "a boolean", error);
	*ret_value = json_object_get_boolean(value);
	return true;
}

static bool get_typed(json_object *root, const char *path, enum json_type type, const char *want,
		      json_object **ret_value, GError **error)
{
	json_object *value = nova_json_find(root, path);

	if (!value || !json_object_is_type(value, type))
		return refuse(path, value, want, error);
	*ret_value = value;
	return true;
}

bool nova_json_get_object(json_object *root, const char *path, json_object **ret_value, GError **error)
{
	return get_typed(root, path, json_type_object, "an object", ret_value, error);
}

bool nova_json_get_array(json_object *root, const char *path, json_object **ret_value, GError **error)
{
	return get_typed(root, path, json_type_array, "an array", ret_value, error);
}

bool nova_json_opt_str(json_object *root, const char *path, const char *fallback, const char **ret_value,
		       GError **error)
{
	if (nova_json_find(root, path))
		return nova_json_get_str(root, path, ret_value, error);
	*ret_value = fallback;
	return true;
}

bool nova_json_opt_int(json_object *root, const char *path, int64_t min, int64_t max, int64_t fallback,
		       int64_t *ret_value, GError **error)
{
	if (nova_json_find(root, path))
		return nova_json_get_int(root, path, min, max, ret_value, error);
	*ret_value = fallback;
	return true;
}

bool nova_json_opt_bool(json_object *root, const char *path, bool fallback, bool *ret_value, GError **error)
{
	if (nova_json_find(root, path))
		return nova_json_get_bool(root, path, ret_value, error);
	*ret_value = fallback;
	return true;
}

void nova_json_add(json_object *object, const char *key, json_object *value)
{
	json_object_object_add(object, key, value);
}

void nova_json_add_str(json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

void nova_json_add_int(json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

void nova_json_add_double(json_object *object, const char *key, double value)
{
	json_object_object_add(object, key, json_object_new_double(value));
}

void nova_json_add_bool(json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void nova_json_add_null(json_object *object, const char *key)
{
	json_object_object_add(object, key, NULL);
}

const char *nova_json_text(json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

char *nova_json_dup_text(json_object *object, size_t *ret_length)
{
	size_t length;
	const char *text = json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

	if (ret_length)
		*ret_length = length;
	return g_strndup(text, length);
}
