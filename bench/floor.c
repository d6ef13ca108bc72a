/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor of a daemon's memory: a program that is linked with the same libraries and does nothing.
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
