/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the API's tables as doc/api.md; run by tools/generate.
 */
#include "api/router.h"

int main(void)
{
	nova_routes_print(stdout);
	return ferror(stdout) ? 1 : 0;
}
