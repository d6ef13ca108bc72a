/* SPDX-License-Identifier: Apache-2.0
 *
 * view_identity.h - users, projects and tokens in the shape of the Identity API v3.  Pure; returned objects belong
 * to the caller.  `base' is "http://host:port".
 */
#pragma once

#include "model/identity.h"

#include <json-c/json.h>

/* The document of version 3, and the list of versions with it. */
json_object *nova_view_identity_version(const char *base);
json_object *nova_view_identity_versions(const char *base);

/* Where each service is: compute, identity, image. */
json_object *nova_view_catalog(const char *base);

/* What a token stands for; never the token. */
json_object *nova_view_token(const char *base, const nova_token *token, bool catalog);

json_object *nova_view_user(const char *base, const nova_user *user);
json_object *nova_view_project(const char *base, const nova_project *project);
json_object *nova_view_role(const char *base, nova_role role);
json_object *nova_view_domain(const char *base);
json_object *nova_view_assignment(const char *base, const nova_assignment *assignment, bool names);
