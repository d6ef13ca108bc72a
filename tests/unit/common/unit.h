/* SPDX-License-Identifier: Apache-2.0
 *
 * unit.h - cmocka with the headers it wants first, and two assertions about errors.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

#define assert_ok(expression, error) \
	do { \
		if (!(expression)) \
			fail_msg("%s: %s", #expression, (error) ? (error)->message : "no error set"); \
		assert_null(error); \
	} while (0)

#define assert_fault(error, fault) \
	do { \
		assert_non_null(error); \
		if (!nova_error_is((error), (fault))) \
			fail_msg("fault %d, not %d: %s", (error)->code, (fault), (error)->message); \
	} while (0)

#define assert_contains(text, part) \
	do { \
		if (!strstr((text), (part))) \
			fail_msg("no '%s' in '%s'", (part), (text)); \
	} while (0)
