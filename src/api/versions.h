/* SPDX-License-Identifier: Apache-2.0
 *
 * versions.h - the version documents, which clients ask for before they have a token.
 */
#pragma once

#include <json-c/json.h>

/* GET /: {"versions": [v2.1]}.  `max' is the highest minor version offered. */
json_object *nova_versions_list(const char *base, unsigned max);

/* GET /v2.1: {"version": {…}}. */
json_object *nova_versions_detail(const char *base, unsigned max);

/* 300 for a path nobody knows: {"choices": […]}. */
json_object *nova_versions_choices(const char *base, const char *path);

/* GET /image: {"versions": […]} of the image API. */
json_object *nova_versions_images(const char *base);
