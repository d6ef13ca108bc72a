/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - reading JSON that a stranger wrote, and writing ours.
 *
 * A json_object belongs to one thread at a time.  Getters take a path of keys and array indexes
 * with dots, such as "server.networks.0.uuid"; a key that contains a dot is not reachable this way.
 * They fail with BAD_REQUEST and a text that names the path.  A JSON null counts as absent.
 * Strings and objects they give out are borrowed from the root.
 */
#pragma once

#include "common/json_auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses exactly one JSON value of `length' bytes that nests at most `max_depth' deep: valid UTF-8
 * without NUL characters in strings, no comments, no NaN, nothing after it.  NULL and BAD_REQUEST
 * otherwise. */
json_object *nova_json_parse(const char *text, size_t length, unsigned max_depth, GError **error);

/* The value at a path, or NULL when anything on the way is absent or null. */
json_object *nova_json_find(json_object *root, const char *path);

/* Required values: absent or of another type is an error. */
bool nova_json_get_str(json_object *root, const char *path, const char **ret_value, GError **error);
bool nova_json_get_int(json_object *root, const char *path, int64_t min, int64_t max, int64_t *ret_value,
		       GError **error);
bool nova_json_get_double(json_object *root, const char *path, double *ret_value, GError **error);
bool nova_json_get_bool(json_object *root, const char *path, bool *ret_value, GError **error);
bool nova_json_get_object(json_object *root, const char *path, json_object **ret_value, GError **error);
bool nova_json_get_array(json_object *root, const char *path, json_object **ret_value, GError **error);

/* Optional values: `fallback' when absent, still an error when of another type. */
bool nova_json_opt_str(json_object *root, const char *path, const char *fallback, const char **ret_value,
		       GError **error);
bool nova_json_opt_int(json_object *root, const char *path, int64_t min, int64_t max, int64_t fallback,
		       int64_t *ret_value, GError **error);
bool nova_json_opt_bool(json_object *root, const char *path, bool fallback, bool *ret_value, GError **error);

/* Members of an object being built; `object' takes over `value'.  A NULL string becomes null. */
void nova_json_add(json_object *object, const char *key, json_object *value);
void nova_json_add_str(json_object *object, const char *key, const char *value);
void nova_json_add_int(json_object *object, const char *key, int64_t value);
void nova_json_add_double(json_object *object, const char *key, double value);
void nova_json_add_bool(json_object *object, const char *key, bool value);
void nova_json_add_null(json_object *object, const char *key);

/* Compact text without escaped slashes.  Borrowed: valid until the object changes, is asked again
 * or goes. */
const char *nova_json_text(json_object *object);

/* A copy of its own, with its length if wanted; free with g_free(). */
char *nova_json_dup_text(json_object *object, size_t *ret_length);
