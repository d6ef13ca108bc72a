/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput().  Built with --enable-fuzzing it is a libFuzzer
 * program; built without, replay.c gives it a main() that runs it over corpus/NAME, which `make check' does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), in every build. */
#define fuzz_expect(what)                                                                   \
	do {                                                                                \
		if (!(what)) {                                                              \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);  \
			abort();                                                            \
		}                                                                           \
	} while (0)
