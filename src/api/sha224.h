/* SPDX-License-Identifier: Apache-2.0
 *
 * sha224.h - SHA-224 (FIPS 180-4), which Nova uses for hostId and GLib does not have.  Pure.
 */
#pragma once

/* The digest of a string in lower-case hex.  Caller frees. */
char *nova_sha224(const char *text);
