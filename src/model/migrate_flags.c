/* SPDX-License-Identifier: Apache-2.0 */
#include "model/migrate_flags.h"

#include "common/names.h"

#include <string.h>

#define PREFIX "VIR_MIGRATE_"

const nova_migrate_flag_row nova_migrate_flag_table[] = {
	{ "VIR_MIGRATE_LIVE", NOVA_MIGRATE_LIVE, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_PEER2PEER", NOVA_MIGRATE_PEER2PEER, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_TUNNELLED", NOVA_MIGRATE_TUNNELLED, NOVA_FLAG_REFUSED,
	  "memory sent through libvirt's own connection is copied by both daemons, falls behind a busy guest, and "
	  "excludes a migration address and parallel streams; remove it, and use VIR_MIGRATE_TLS where the data must "
	  "be encrypted" },
	{ "VIR_MIGRATE_PERSIST_DEST", NOVA_MIGRATE_PERSIST_DEST, NOVA_FLAG_DROPPED,
	  "guests have no persistent definition: the database keeps it" },
	{ "VIR_MIGRATE_UNDEFINE_SOURCE", NOVA_MIGRATE_UNDEFINE_SOURCE, NOVA_FLAG_DROPPED,
	  "guests have no persistent definition: the database keeps it" },
	{ "VIR_MIGRATE_PAUSED", NOVA_MIGRATE_PAUSED, NOVA_FLAG_REFUSED,
	  "the guest would stay paused on its new host; use live_migration_strict_switchover, which sets the flag and "
	  "then starts the guest" },
	{ "VIR_MIGRATE_NON_SHARED_DISK", NOVA_MIGRATE_NON_SHARED_DISK, NOVA_FLAG_REFUSED,
	  "guests migrate with their disks on shared storage; copying a disk onto itself would destroy it" },
	{ "VIR_MIGRATE_NON_SHARED_INC", NOVA_MIGRATE_NON_SHARED_INC, NOVA_FLAG_REFUSED,
	  "guests migrate with their disks on shared storage; copying a disk onto itself would destroy it" },
	{ "VIR_MIGRATE_CHANGE_PROTECTION", NOVA_MIGRATE_CHANGE_PROTECTION, NOVA_FLAG_DROPPED,
	  "libvirt always protects the definition during a peer-to-peer migration" },
	{ "VIR_MIGRATE_UNSAFE", NOVA_MIGRATE_UNSAFE, NOVA_FLAG_REFUSED,
	  "it switches off libvirt's check that the disk is on shared storage without a host cache, and with it what "
	  "keeps a guest's disk intact; put instances_path on storage that libvirt knows as shared" },
	{ "VIR_MIGRATE_OFFLINE", NOVA_MIGRATE_OFFLINE, NOVA_FLAG_REFUSED,
	  "it moves the definition of a guest that does not run, and libvirt refuses it together with "
	  "VIR_MIGRATE_LIVE" },
	{ "VIR_MIGRATE_COMPRESSED", NOVA_MIGRATE_COMPRESSED, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_ABORT_ON_ERROR", NOVA_MIGRATE_ABORT_ON_ERROR, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_AUTO_CONVERGE", NOVA_MIGRATE_AUTO_CONVERGE, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_RDMA_PIN_ALL", NOVA_MIGRATE_RDMA_PIN_ALL, NOVA_FLAG_REFUSED,
	  "it only has a meaning with an rdma: migration address, and ours are tcp:" },
	{ "VIR_MIGRATE_POSTCOPY", NOVA_MIGRATE_POSTCOPY, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_TLS", NOVA_MIGRATE_TLS, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_PARALLEL", NOVA_MIGRATE_PARALLEL, NOVA_FLAG_PASSED, NULL },
	{ "VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES", NOVA_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES, NOVA_FLAG_REFUSED,
	  "it belongs to a migration that copies disks, and libvirt refuses it without one" },
	{ "VIR_MIGRATE_POSTCOPY_RESUME", NOVA_MIGRATE_POSTCOPY_RESUME, NOVA_FLAG_REFUSED,
	  "it repairs one broken post-copy migration and cannot be the rule for all; libvirt refuses it for a "
	  "migration that is not broken" },
	{ "VIR_MIGRATE_ZEROCOPY", NOVA_MIGRATE_ZEROCOPY, NOVA_FLAG_PASSED, NULL },
	{ NULL, 0, NOVA_FLAG_PASSED, NULL },
};

/* Sets of flags that libvirt or QEMU refuse, or accept and then get wrong. */
static const struct {
	unsigned together; /* all of these ... */
	unsigned without;  /* ... and none of these */
	const char *why;
} conflicts[] = {
	{ NOVA_MIGRATE_POSTCOPY | NOVA_MIGRATE_PAUSED, 0,
	  "VIR_MIGRATE_POSTCOPY needs live_migration_strict_switchover = false: post-copy runs the guest on the "
	  "destination while the source still holds its memory, a strict switch starts it only when the source is "
	  "gone" },
	{ NOVA_MIGRATE_POSTCOPY | NOVA_MIGRATE_PARALLEL, 0,
	  "VIR_MIGRATE_POSTCOPY with VIR_MIGRATE_PARALLEL: QEMU before 10.1 accepts both and then loses pages; "
	  "remove one of them" },
	{ NOVA_MIGRATE_POSTCOPY | NOVA_MIGRATE_AUTO_CONVERGE, 0,
	  "VIR_MIGRATE_POSTCOPY with VIR_MIGRATE_AUTO_CONVERGE: one slows the guest down until the copy converges, "
	  "the "
	  "other makes that needless; remove one of them" },
	{ NOVA_MIGRATE_POSTCOPY, NOVA_MIGRATE_LIVE,
	  "VIR_MIGRATE_POSTCOPY without VIR_MIGRATE_LIVE: a guest that is paused for the whole copy has nothing left "
	  "to copy afterwards; add VIR_MIGRATE_LIVE" },
	{ NOVA_MIGRATE_COMPRESSED | NOVA_MIGRATE_PARALLEL, 0,
	  "VIR_MIGRATE_COMPRESSED with VIR_MIGRATE_PARALLEL: QEMU accepts xbzrle with parallel streams but does not "
	  "support it; remove one of them" },
	{ NOVA_MIGRATE_ZEROCOPY | NOVA_MIGRATE_POSTCOPY, 0,
	  "VIR_MIGRATE_ZEROCOPY with VIR_MIGRATE_POSTCOPY: pages still being sent would be given up; remove one of "
	  "them" },
	{ NOVA_MIGRATE_ZEROCOPY, NOVA_MIGRATE_PARALLEL,
	  "VIR_MIGRATE_ZEROCOPY without VIR_MIGRATE_PARALLEL: QEMU has zero-copy only for non-compressed non-TLS "
	  "multifd; add VIR_MIGRATE_PARALLEL" },
	{ NOVA_MIGRATE_ZEROCOPY | NOVA_MIGRATE_TLS, 0,
	  "VIR_MIGRATE_ZEROCOPY with VIR_MIGRATE_TLS: QEMU has zero-copy only for non-compressed non-TLS multifd; "
	  "remove one of them" },
	{ 0, NOVA_MIGRATE_PEER2PEER,
	  "VIR_MIGRATE_PEER2PEER is missing: without it libvirt's client would drive the migration, and the guest "
	  "would "
	  "be left paused on both hosts if it died; add VIR_MIGRATE_PEER2PEER" },
};

static const nova_migrate_flag_row *find_row(const char *name)
{
	for (const nova_migrate_flag_row *row = nova_migrate_flag_table; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static bool fail_unknown(const char *name, GError **error)
{
	/* Compared without the prefix, which would make all of them look alike; "live" and "peer2peer" are the short
	 * forms people know from virsh. */
	const char *names[G_N_ELEMENTS(nova_migrate_flag_table)];
	g_autofree char *upper = g_ascii_strup(name, -1);
	const char *nearest;
	size_t n = 0;

	for (const nova_migrate_flag_row *row = nova_migrate_flag_table; row->name; row++)
		names[n++] = row->name + strlen(PREFIX);
	names[n] = NULL;
	nearest = nova_names_nearest(g_str_has_prefix(upper, PREFIX) ? upper + strlen(PREFIX) : upper, names);
	if (nearest)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "[libvirt] live_migration_flag: no flag '%s', did you mean '" PREFIX "%s'?", name,
				 nearest);
	return nova_fail(error, NOVA_FAULT_CONFIG,
			 "[libvirt] live_migration_flag: no flag '%s'; the names are those of libvirt's "
			 "virDomainMigrateFlags, "
			 "such as VIR_MIGRATE_LIVE",
			 name);
}

static void add_note(GString *notes, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_note(GString *notes, const char *format, ...)
{
	va_list args;

	if (notes->len > 0)
		g_string_append(notes, "; ");
	va_start(args, format);
	g_string_append_vprintf(notes, format, args);
	va_end(args);
}

/* The names that were dropped, those with the same reason together: "A and B have no effect (why)". */
static void note_dropped(unsigned dropped, GString *notes)
{
	for (const nova_migrate_flag_row *row = nova_migrate_flag_table; row->name; row++) {
		g_autoptr(GString) names = NULL;
		bool several = false;

		if (!(dropped & row->bit))
			continue;
		names = g_string_new(row->name);
		dropped &= ~(unsigned)row->bit;
		for (const nova_migrate_flag_row *other = row + 1; other->name; other++)
			if ((dropped & other->bit) && strcmp(other->why, row->why) == 0) {
				g_string_append_printf(names, " and %s", other->name);
				dropped &= ~(unsigned)other->bit;
				several = true;
			}
		add_note(notes, "%s %s no effect (%s)", names->str, several ? "have" : "has", row->why);
	}
}

bool nova_migrate_flags_parse(const char *const *names, bool strict, unsigned *ret_bits, char **ret_note,
			      GError **error)
{
	g_autoptr(GString) notes = g_string_new(NULL);
	unsigned bits = NOVA_MIGRATE_ABORT_ON_ERROR, dropped = 0;

	for (size_t i = 0; names && names[i]; i++) {
		g_autofree char *name = g_strstrip(g_strdup(names[i]));
		const nova_migrate_flag_row *row;

		if (!*name)
			continue;
		row = find_row(name);
		if (!row)
			return fail_unknown(name, error);
		if (row->rule == NOVA_FLAG_REFUSED)
			return nova_fail(error, NOVA_FAULT_CONFIG,
					 "[libvirt] live_migration_flag: %s is not possible: %s", row->name,
					 row->why);
		if (row->rule == NOVA_FLAG_DROPPED)
			dropped |= row->bit;
		else
			bits |= row->bit;
	}
	if (strict)
		bits |= NOVA_MIGRATE_PAUSED;
	for (size_t i = 0; i < G_N_ELEMENTS(conflicts); i++)
		if ((bits & conflicts[i].together) == conflicts[i].together &&
		    (conflicts[i].without == 0 || !(bits & conflicts[i].without)))
			return nova_fail(error, NOVA_FAULT_CONFIG, "[libvirt] live_migration_flag: %s",
					 conflicts[i].why);

	note_dropped(dropped, notes);
	if (!(bits & NOVA_MIGRATE_LIVE))
		add_note(notes, "VIR_MIGRATE_LIVE is missing: guests stand still during the whole copy");
	*ret_bits = bits;
	if (ret_note)
		*ret_note = notes->len > 0 ? g_string_free(g_steal_pointer(&notes), FALSE) : NULL;
	return true;
}

char *nova_migrate_flags_text(unsigned bits)
{
	GString *text = g_string_new(NULL);

	for (const nova_migrate_flag_row *row = nova_migrate_flag_table; row->name; row++)
		if (bits & row->bit)
			g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", row->name + strlen(PREFIX));
	return g_string_free(text, FALSE);
}
