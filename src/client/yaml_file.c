/* SPDX-License-Identifier: Apache-2.0 */
#include "client/yaml_file.h"

#include "common/json.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#define MAX_BYTES  (1u << 20)
#define MAX_DEPTH  16u
#define MAX_VALUES 10000u

typedef struct reader {
	yaml_document_t document;
	unsigned values;
} reader;

static bool is_null(const yaml_node_t *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       g_strv_contains(words, (const char *)node->data.scalar.value);
}

static json_object *convert(reader *r, int id, unsigned depth, GError **error);

static json_object *convert_sequence(reader *r, const yaml_node_t *node, unsigned depth, GError **error)
{
	g_autoptr(json_object) list = json_object_new_array();

	for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
		g_autoptr(GError) local = NULL;
		json_object *value = convert(r, *i, depth + 1, &local);

		if (local) {
			g_propagate_error(error, g_steal_pointer(&local));
			return NULL;
		}
		json_object_array_add(list, value);
	}
	return g_steal_pointer(&list);
}

static json_object *convert_mapping(reader *r, const yaml_node_t *node, unsigned depth, GError **error)
{
	g_autoptr(json_object) object = json_object_new_object();

	for (yaml_node_pair_t *i = node->data.mapping.pairs.start; i < node->data.mapping.pairs.top; i++) {
		g_autoptr(GError) local = NULL;
		const yaml_node_t *key = yaml_document_get_node(&r->document, i->key);
		json_object *value;

		if (!key || key->type != YAML_SCALAR_NODE) {
			nova_fail(error, NOVA_FAULT_CONFIG, "line %zu: a key is no plain word",
				  node->start_mark.line + 1);
			return NULL;
		}
		value = convert(r, i->value, depth + 1, &local);
		if (local) {
			g_propagate_error(error, g_steal_pointer(&local));
			return NULL;
		}
		nova_json_add(object, (const char *)key->data.scalar.value, value);
	}
	return g_steal_pointer(&object);
}

/* NULL without an error: null. */
static json_object *convert(reader *r, int id, unsigned depth, GError **error)
{
	const yaml_node_t *node = yaml_document_get_node(&r->document, id);

	if (!node)
		return NULL;
	if (depth > MAX_DEPTH || ++r->values > MAX_VALUES) {
		nova_fail(error, NOVA_FAULT_CONFIG, "line %zu: more than %u levels or %u values",
			  node->start_mark.line + 1, MAX_DEPTH, MAX_VALUES);
		return NULL;
	}
	switch (node->type) {
	case YAML_SCALAR_NODE:
		return is_null(node) ? NULL :
				       json_object_new_string_len((const char *)node->data.scalar.value,
								  (int)node->data.scalar.length);
	case YAML_SEQUENCE_NODE:
		return convert_sequence(r, node, depth, error);
	case YAML_MAPPING_NODE:
		return convert_mapping(r, node, depth, error);
	default:
		return NULL;
	}
}

static json_object *parse(const char *path, const char *text, size_t size, GError **error)
{
	g_autoptr(GError) local = NULL;
	json_object *root = NULL;
	yaml_parser_t parser;
	reader r = { 0 };

	if (!yaml_parser_initialize(&parser)) {
		nova_fail(error, NOVA_FAULT_INTERNAL, "libyaml cannot be initialised");
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (yaml_parser_load(&parser, &r.document)) {
		root = convert(&r, 1, 0, &local);
		if (!root && !local)
			nova_fail(&local, NOVA_FAULT_CONFIG, "it is empty");
		yaml_document_delete(&r.document);
	} else {
		nova_fail(&local, NOVA_FAULT_CONFIG, "line %zu: %s", parser.problem_mark.line + 1,
			  parser.problem ? parser.problem : "it cannot be read");
	}
	yaml_parser_delete(&parser);
	if (local)
		nova_fail(error, NOVA_FAULT_CONFIG, "%s: %s", path, local->message);
	return root;
}

json_object *nova_yaml_file(const char *path, bool *ret_absent, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autofree char *text = NULL;
	size_t size = 0;

	if (ret_absent)
		*ret_absent = false;
	if (!g_file_get_contents(path, &text, &size, &local)) {
		if (ret_absent && g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			*ret_absent = true;
		else
			nova_fail(error, NOVA_FAULT_CONFIG, "%s", local->message);
		return NULL;
	}
	if (size > MAX_BYTES) {
		nova_fail(error, NOVA_FAULT_CONFIG, "%s: more than %u bytes", path, MAX_BYTES);
		return NULL;
	}
	return parse(path, text, size, error);
}
