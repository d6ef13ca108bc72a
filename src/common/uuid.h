/* SPDX-License-Identifier: Apache-2.0
 *
 * uuid.h - the identifiers of instances, images, networks and requests.
 */
#pragma once

#include <stdbool.h>

#define NOVA_UUID_SIZE 37 /* with the final NUL */

/* Writes a new random (version 4) uuid, lower case with hyphens. */
void nova_uuid_new(char ret_uuid[NOVA_UUID_SIZE]);

/* 8-4-4-4-12 hexadecimal digits in either case; NULL is not one. */
bool nova_uuid_is_valid(const char *text);
