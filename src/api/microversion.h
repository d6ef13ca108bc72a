/* SPDX-License-Identifier: Apache-2.0
 *
 * microversion.h - which version of the Compute API a request speaks.
 *
 * The major version is always 2, so a microversion is just its minor number: 34 is 2.34.  Nova's rules: either
 * of two headers names it, the newer one (OpenStack-API-Version) wins; none means 2.1; `latest' means the highest.
 * Pure.
 */
#pragma once

#include "common/error.h"

/* The highest this program implements; [api] max_microversion may offer less. */
#define NOVA_MICROVERSION_MIN 1u
#define NOVA_MICROVERSION_MAX 87u

typedef struct nova_microversion {
	unsigned minor;      /* valid when parsing succeeded */
	unsigned major;      /* what was asked for: not always 2 */
	bool echo;           /* the request named a readable version (or none): answers repeat it */
} nova_microversion;

/* Reads the two headers (either may be NULL).  BAD_REQUEST for an unreadable one, and then nothing is echoed;
 * NOT_ACCEPTABLE for one outside 2.1 .. 2.max, and then *ret is what was asked for, to be echoed. */
bool nova_microversion_negotiate(const char *api_version, const char *nova_version, unsigned max,
				 nova_microversion *ret, GError **error);

/* "2.87" -> 87.  CONFIG when it is not of that form or above NOVA_MICROVERSION_MAX. */
bool nova_microversion_parse_max(const char *text, unsigned *ret_minor, GError **error);
