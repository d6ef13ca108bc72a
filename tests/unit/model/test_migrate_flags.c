/* SPDX-License-Identifier: Apache-2.0 */
#include "model/migrate_flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define P NOVA_MIGRATE_PEER2PEER
#define L NOVA_MIGRATE_LIVE
#define A NOVA_MIGRATE_ABORT_ON_ERROR

/* want 0: refused, and `text' is in the error; else `text' (NULL: nothing) is in the note. */
static const struct {
	const char *label, *flags;
	bool strict;
	unsigned want;
	const char *text;
} cases[] = {
	{ "the usual", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE", false, P | L | A, NULL },
	{ "the usual, strict", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE", true, P | L | A | NOVA_MIGRATE_PAUSED,
	  NULL },
	{ "blanks after commas, one dropped",
	  "VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PEER2PEER,  VIR_MIGRATE_LIVE ", false, P | L | A,
	  "VIR_MIGRATE_UNDEFINE_SOURCE has no effect" },
	{ "two dropped for one reason",
	  "VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PERSIST_DEST, VIR_MIGRATE_PEER2PEER, "
	  "VIR_MIGRATE_LIVE",
	  false, P | L | A, "VIR_MIGRATE_PERSIST_DEST and VIR_MIGRATE_UNDEFINE_SOURCE have no effect" },
	{ "protection is always on", "VIR_MIGRATE_CHANGE_PROTECTION, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_LIVE", false,
	  P | L | A, "VIR_MIGRATE_CHANGE_PROTECTION has no effect" },
	{ "no LIVE", "VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PEER2PEER", true, P | A | NOVA_MIGRATE_PAUSED,
	  "stand still" },
	{ "twice", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_LIVE", false, P | L | A, NULL },
	{ "empty item", "VIR_MIGRATE_PEER2PEER,,VIR_MIGRATE_LIVE,", false, P | L | A, NULL },
	{ "explicit ABORT_ON_ERROR", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_ABORT_ON_ERROR", false,
	  P | L | A, NULL },
	{ "auto-converge", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_AUTO_CONVERGE", true,
	  P | L | A | NOVA_MIGRATE_PAUSED | NOVA_MIGRATE_AUTO_CONVERGE, NULL },
	{ "compressed", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_COMPRESSED", true,
	  P | L | A | NOVA_MIGRATE_PAUSED | NOVA_MIGRATE_COMPRESSED, NULL },
	{ "TLS", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_TLS", true,
	  P | L | A | NOVA_MIGRATE_PAUSED | NOVA_MIGRATE_TLS, NULL },
	{ "TLS and parallel", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_TLS,VIR_MIGRATE_PARALLEL", true,
	  P | L | A | NOVA_MIGRATE_PAUSED | NOVA_MIGRATE_TLS | NOVA_MIGRATE_PARALLEL, NULL },
	{ "parallel and auto-converge",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_PARALLEL,"
	  "VIR_MIGRATE_AUTO_CONVERGE",
	  false, P | L | A | NOVA_MIGRATE_PARALLEL | NOVA_MIGRATE_AUTO_CONVERGE, NULL },
	{ "zero-copy and parallel",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_PARALLEL,VIR_MIGRATE_ZEROCOPY", false,
	  P | L | A | NOVA_MIGRATE_PARALLEL | NOVA_MIGRATE_ZEROCOPY, NULL },
	{ "post-copy", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_POSTCOPY", false,
	  P | L | A | NOVA_MIGRATE_POSTCOPY, NULL },

	{ "no flags at all", "", false, 0, "VIR_MIGRATE_PEER2PEER is missing" },
	{ "no PEER2PEER", "VIR_MIGRATE_LIVE", false, 0, "VIR_MIGRATE_PEER2PEER is missing" },
	{ "misspelled", "VIR_MIGRATE_PEER2PER,VIR_MIGRATE_LIVE", false, 0, "did you mean 'VIR_MIGRATE_PEER2PEER'" },
	{ "short form", "VIR_MIGRATE_PEER2PEER,live", false, 0, "did you mean 'VIR_MIGRATE_LIVE'" },
	{ "nothing like it", "qqqqqqqqqqqqqq", false, 0, "no flag 'qqqqqqqqqqqqqq'" },
	{ "tunnelled", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_TUNNELLED", false, 0, "VIR_MIGRATE_TLS" },
	{ "paused", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_PAUSED", false, 0,
	  "live_migration_strict_switchover" },
	{ "disk copy", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_NON_SHARED_DISK", false, 0,
	  "shared storage" },
	{ "incremental disk copy", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_NON_SHARED_INC", false, 0,
	  "shared storage" },
	{ "synchronous writes", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES",
	  false, 0, "copies disks" },
	{ "unsafe", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_UNSAFE", false, 0, "knows as shared" },
	{ "offline", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_OFFLINE", false, 0, "does not run" },
	{ "RDMA", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_RDMA_PIN_ALL", false, 0, "rdma:" },
	{ "post-copy resume", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_POSTCOPY_RESUME", false, 0,
	  "repairs" },
	{ "post-copy, strict", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_POSTCOPY", true, 0,
	  "live_migration_strict_switchover = false" },
	{ "post-copy and parallel",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_POSTCOPY,VIR_MIGRATE_PARALLEL", false, 0,
	  "before 10.1" },
	{ "post-copy and auto-converge",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_POSTCOPY,"
	  "VIR_MIGRATE_AUTO_CONVERGE",
	  false, 0, "remove one" },
	{ "post-copy without LIVE", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_POSTCOPY", false, 0, "add VIR_MIGRATE_LIVE" },
	{ "compressed and parallel",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_COMPRESSED,VIR_MIGRATE_PARALLEL", false, 0, "xbzrle" },
	{ "zero-copy alone", "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_ZEROCOPY", false, 0,
	  "add VIR_MIGRATE_PARALLEL" },
	{ "zero-copy and TLS",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_ZEROCOPY,VIR_MIGRATE_PARALLEL,"
	  "VIR_MIGRATE_TLS",
	  false, 0, "non-TLS" },
	{ "zero-copy and post-copy",
	  "VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE,VIR_MIGRATE_ZEROCOPY,VIR_MIGRATE_POSTCOPY", false, 0,
	  "remove one" },
};

static void test_combinations(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) names = g_strsplit(cases[i].flags, ",", -1);
		g_autoptr(GError) error = NULL;
		g_autofree char *note = NULL;
		unsigned bits = 0;
		bool ok = nova_migrate_flags_parse((const char *const *)names, cases[i].strict, &bits, &note, &error);

		print_message("  %s\n", cases[i].label);
		assert_int_equal(ok, cases[i].want != 0);
		assert_int_equal(bits, cases[i].want);
		if (!ok) {
			assert_true(nova_error_is(error, NOVA_FAULT_CONFIG));
			if (!strstr(error->message, cases[i].text))
				fail_msg("'%s' is not in: %s", cases[i].text, error->message);
		} else if (!cases[i].text) {
			assert_null(note);
		} else if (!note || !strstr(note, cases[i].text)) {
			fail_msg("'%s' is not in: %s", cases[i].text, note);
		}
	}
}

/* Each flag of the table, added to the usual ones, is treated as its row says; each row says why. */
static void test_every_row(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (const nova_migrate_flag_row *row = nova_migrate_flag_table; row->name; row++) {
		const char *names[] = { "VIR_MIGRATE_PEER2PEER", "VIR_MIGRATE_LIVE", row->name, NULL };
		g_autoptr(GError) error = NULL;
		unsigned bits = 0;
		bool ok;

		assert_true(g_str_has_prefix(row->name, "VIR_MIGRATE_"));
		assert_int_equal(seen & row->bit, 0);
		seen |= row->bit;
		assert_int_equal(row->why != NULL, row->rule != NOVA_FLAG_PASSED);
		ok = nova_migrate_flags_parse(names, false, &bits, NULL, &error);
		if (row->rule == NOVA_FLAG_REFUSED) {
			assert_false(ok);
			assert_non_null(strstr(error->message, row->why));
		} else if (row->bit != NOVA_MIGRATE_ZEROCOPY) {
			assert_true(ok);
			assert_int_equal((bits & row->bit) != 0, row->rule == NOVA_FLAG_PASSED);
		}
	}
	assert_int_equal(seen, (1u << 21) - 1);
}

static void test_text(void **state)
{
	g_autofree char *some = nova_migrate_flags_text(P | L | A);
	g_autofree char *none = nova_migrate_flags_text(0);

	(void)state;
	assert_string_equal(some, "LIVE, PEER2PEER, ABORT_ON_ERROR");
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
