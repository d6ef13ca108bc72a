/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing: a configuration file, from its bytes to what the services check of it before they start. */
#include "api/serve.h"
#include "common/conf.h"
#include "db/db.h"
#include "fuzz.h"
#include "model/migrate_flags.h"
#include "rpc/bus.h"

#include <string.h>

static FILE *nowhere;

static void check(const nova_conf *conf)
{
	g_autoptr(GError) db = NULL, bus = NULL, api = NULL, flags = NULL;
	g_autofree char *note = NULL;
	unsigned bits;

	fuzz_expect(nova_db_check_conf(conf, &db) == !db);
	fuzz_expect(nova_bus_check_conf(conf, &bus) == !bus);
	fuzz_expect(nova_serve_check_conf(conf, &api) == !api);
	fuzz_expect(nova_migrate_flags_parse((const char *const *)conf->live_migration_flag,
					     conf->live_migration_strict_switchover, &bits, &note, &flags) == !flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_auto(GStrv) warnings = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_conf) conf = nova_conf_parse(text, "fuzz.conf", &warnings, &error);

	fuzz_expect(!conf == !!error);
	if (!conf) {
		fuzz_expect(g_utf8_validate(error->message, -1, NULL));
		return 0;
	}
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	nova_conf_print_dump(conf, nowhere);
	check(conf);
	return 0;
}
