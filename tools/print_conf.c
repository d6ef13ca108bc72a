/* SPDX-License-Identifier: Apache-2.0
 *
 * print_conf - writes what is generated from the option table: `print_conf sample' or `print_conf man'.
 * For the build only; users have `nova-lite-manage config'.
 */
#include "common/conf.h"

#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		nova_conf_print_sample(stdout);
	else if (argc == 2 && strcmp(argv[1], "man") == 0)
		nova_conf_print_man(stdout);
	else
		return 2;
	return ferror(stdout) || fflush(stdout) != 0;
}
