/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - what a request body or query may contain, as tables, and the check against them.
 *
 * The rules and the texts are those of Nova's JSON schemas and the Python validator behind them: the first
 * violation is reported, members in the table's order first, then missing ones, then unknown ones.  A member
 * exists in a range of microversions; outside of it it is unknown, so one table serves every version.
 * Everything is constant and may be used from any thread.
 */
#pragma once

#include "api/http.h"
#include "common/error.h"

#include <json-c/json.h>

enum {
	NOVA_JSON_NULL = 1 << 0,
	NOVA_JSON_BOOL = 1 << 1,
	NOVA_JSON_STRING = 1 << 2,
	NOVA_JSON_INT = 1 << 3,
	NOVA_JSON_OBJECT = 1 << 4,
	NOVA_JSON_ARRAY = 1 << 5,
};

typedef enum nova_schema_format {
	NOVA_FORMAT_NONE,
	NOVA_FORMAT_NAME,      /* printable, no blank at either end */
	NOVA_FORMAT_UUID,
	NOVA_FORMAT_DATE_TIME,
	NOVA_FORMAT_REGEX,
	NOVA_FORMAT_BASE64,
	NOVA_FORMAT_IPV4,
	NOVA_FORMAT_IPV6,
	NOVA_FORMAT__COUNT
} nova_schema_format;

typedef struct nova_schema nova_schema;

typedef struct nova_schema_member {
	const char *name; /* NULL ends the table */
	const nova_schema *schema;
	bool required;
	unsigned since, until; /* minor versions, inclusive; 0: no limit */
} nova_schema_member;

struct nova_schema {
	unsigned types;             /* NOVA_JSON_x; 0: any */
	bool boolean;               /* one of Nova's spellings of a boolean … */
	const char *const *words;   /* … and, or only, one of these; NULL-terminated */
	size_t min_length, max_length; /* of strings, in characters; 0: no limit */
	const char *pattern;        /* searched for in strings */
	nova_schema_format format;
	bool ranged;
	int64_t minimum, maximum;   /* of integers, when ranged */
	const nova_schema_member *members; /* of objects; NULL: anything goes */
	bool open;                  /* other members are allowed too */
	const char *key_pattern;    /* other members are allowed when their name matches … */
	const nova_schema *value;   /* … and their value conforms */
	const nova_schema *items;   /* of arrays; NULL: anything */
	size_t min_items, max_items; /* 0: no limit */
	const nova_schema *const *any_of; /* NULL-terminated; the only rule when present */
};

/* A query: parameters with a schema for their text. */
typedef struct nova_query_schema {
	const nova_schema_member *params;
	unsigned strict_since; /* from this microversion on others are refused; 0: never */
	bool underscore;       /* those beginning with '_' never are */
} nova_query_schema;

/* BAD_REQUEST with Nova's text. */
bool nova_schema_check_body(const nova_schema *schema, json_object *body, unsigned version, GError **error);
bool nova_schema_check_query(const nova_query_schema *schema, GPtrArray *query, unsigned version, GError **error);

/* One of Nova's spellings of a boolean. */
bool nova_schema_read_bool(const char *text, bool *ret);
/* The same for a JSON value that passed a `boolean' schema. */
bool nova_schema_bool(json_object *value);

/* ---- types that many requests share ---- */

extern const nova_schema nova_schema_any;
extern const nova_schema nova_schema_boolean;
extern const nova_schema nova_schema_name;       /* 1 to 255 characters, printable */
extern const nova_schema nova_schema_description;
extern const nova_schema nova_schema_host;       /* host name or null */
extern const nova_schema nova_schema_uuid;
extern const nova_schema nova_schema_null;
extern const nova_schema nova_schema_digits;     /* ^[0-9]*$ */
extern const nova_schema nova_schema_text;       /* any string */
extern const nova_schema nova_schema_regex;
extern const nova_schema nova_schema_date_time;
extern const nova_schema nova_schema_metadata;
