/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate_flags.h - [libvirt] live_migration_flag: VIR_MIGRATE_* names to the flags of the migrate call.
 *
 * Bit numbers are those of libvirt's virDomainMigrateFlags (public ABI; src/compute asserts that they
 * agree).  What libvirt or QEMU would refuse or misuse is refused here, when the service starts, with the
 * reason, rather than at the first migration.
 *
 * Pure; any thread.
 */
#pragma once

#include "common/error.h"

typedef enum nova_migrate_flag {
	NOVA_MIGRATE_LIVE = 1 << 0,
	NOVA_MIGRATE_PEER2PEER = 1 << 1,
	NOVA_MIGRATE_TUNNELLED = 1 << 2,
	NOVA_MIGRATE_PERSIST_DEST = 1 << 3,
	NOVA_MIGRATE_UNDEFINE_SOURCE = 1 << 4,
	NOVA_MIGRATE_PAUSED = 1 << 5,
	NOVA_MIGRATE_NON_SHARED_DISK = 1 << 6,
	NOVA_MIGRATE_NON_SHARED_INC = 1 << 7,
	NOVA_MIGRATE_CHANGE_PROTECTION = 1 << 8,
	NOVA_MIGRATE_UNSAFE = 1 << 9,
	NOVA_MIGRATE_OFFLINE = 1 << 10,
	NOVA_MIGRATE_COMPRESSED = 1 << 11,
	NOVA_MIGRATE_ABORT_ON_ERROR = 1 << 12,
	NOVA_MIGRATE_AUTO_CONVERGE = 1 << 13,
	NOVA_MIGRATE_RDMA_PIN_ALL = 1 << 14,
	NOVA_MIGRATE_POSTCOPY = 1 << 15,
	NOVA_MIGRATE_TLS = 1 << 16,
	NOVA_MIGRATE_PARALLEL = 1 << 17,
	NOVA_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES = 1 << 18,
	NOVA_MIGRATE_POSTCOPY_RESUME = 1 << 19,
	NOVA_MIGRATE_ZEROCOPY = 1 << 20,
} nova_migrate_flag;

/* Every flag: name as libvirt spells it, and what is done with it.  Ends with a NULL name. */
typedef struct nova_migrate_flag_row {
	const char *name;
	nova_migrate_flag bit;
	enum {
		NOVA_FLAG_PASSED,   /* handed to libvirt */
		NOVA_FLAG_DROPPED,  /* accepted without effect, `why' says why */
		NOVA_FLAG_REFUSED,  /* an error, `why' says why */
	} rule;
	const char *why;
} nova_migrate_flag_row;
extern const nova_migrate_flag_row nova_migrate_flag_table[];

/* The bits of the migrate call for a list of names (a conf list; blanks around a name are ignored, a name
 * given twice is harmless).  `strict' adds PAUSED; ABORT_ON_ERROR is always added.
 * *ret_note: NULL, or one line on what was dropped or is unusual, for the log; caller frees.
 * CONFIG for an unknown name (naming the nearest), a refused one, or a combination that cannot work. */
bool nova_migrate_flags_parse(const char *const *names, bool strict, unsigned *ret_bits, char **ret_note,
			      GError **error);

/* "LIVE, PEER2PEER, ..." of bits, for logs.  Caller frees. */
char *nova_migrate_flags_text(unsigned bits);
