/* SPDX-License-Identifier: Apache-2.0 */
#include "db/db.h"
#include "manage/command.h"

#include <stdio.h>

bool nova_cmd_db_sync(nova_manage *manage, int argc, char **argv, GError **error)
{
	int from, to;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_db_sync(db, &from, &to, error))
		return false;
	if (from == to)
		printf("The schema is at version %d already.\n", to);
	else
		printf("The schema went from version %d to %d.\n", from, to);
	return true;
}

bool nova_cmd_db_version(nova_manage *manage, int argc, char **argv, GError **error)
{
	int have, want;

	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_db_version(db, &have, &want, error))
		return false;
	printf("%d\n", have);
	if (have != want)
		fprintf(stderr, "This program knows version %d: run nova-lite-manage db sync.\n",
			want);
	return true;
}
