/* SPDX-License-Identifier: Apache-2.0
 *
 * storage.h - checks on instances_path that survive a storage that hangs.
 *
 * Each check runs in a child process of its own and is over by its deadline: a child that hangs in a dead
 * NFS mount is killed, or, where not even that helps, left behind and counted.  With
 * NOVA_STORAGE_MAX_STUCK children left behind further checks fail at once.  The fault is STORAGE, except
 * where said.  Any thread.
 */
#pragma once

#include "common/error.h"
#include "common/uuid.h"

#include <stdint.h>

#define NOVA_STORAGE_MAX_STUCK 8
#define NOVA_STORAGE_FSID_FILE ".nova-lite-fsid"
#define NOVA_STORAGE_TRASH ".trash"

typedef struct nova_storage_view {
	char kind[32];              /* "nfs", "glusterfs", "local", or the kernel's name for a network file system */
	bool shared;                /* a file system libvirt takes as shared: it may be mounted on several hosts */
	bool mounted;               /* the directory or one above it (not /) is a mount point */
	uint32_t uid, gid, mode;
	int64_t total_gb, free_gb;  /* GiB */
	char fsid[NOVA_UUID_SIZE];  /* of the file system, by its NOVA_STORAGE_FSID_FILE; "": it has none */
} nova_storage_view;

/* That `path' is a directory, readable, writable (a file was made, synced, read back and removed) and
 * searchable, and what is known of it. */
bool nova_storage_check(const char *path, nova_storage_view *ret, int deadline_ms, GError **error);

/* The identity of the file system behind `path': the uuid in .nova-lite-fsid, made by whoever comes first.
 * Caller frees. */
char *nova_storage_fsid(const char *path, int deadline_ms, GError **error);

/* Proves that file locks work there: a child's exclusive OFD lock must exclude a second child's.  On
 * shared storage this is about this host's client; image locks rest on the same. */
bool nova_storage_locks_work(const char *path, int deadline_ms, GError **error);

/* The shared-storage proof: one host leaves a nonce (letters, digits, '-' only, BAD_REQUEST otherwise), the
 * other looks for it.  seen() asks the server, not a cache: it opens the directory entry anew. */
bool nova_storage_nonce_put(const char *path, const char *nonce, int deadline_ms, GError **error);
bool nova_storage_nonce_seen(const char *path, const char *nonce, bool *ret_seen, int deadline_ms, GError **error);
bool nova_storage_nonce_remove(const char *path, const char *nonce, int deadline_ms, GError **error); /* idempotent */

#define NOVA_STORAGE_NONCE_SIZE 65
#define NOVA_STORAGE_NONCES_MOST 12

/* Some of the nonces that lie there; with `count' at its most there may be more. */
typedef struct nova_storage_nonces {
	unsigned count;
	char names[NOVA_STORAGE_NONCES_MOST][NOVA_STORAGE_NONCE_SIZE];
} nova_storage_nonces;
bool nova_storage_nonce_list(const char *path, nova_storage_nonces *ret, int deadline_ms, GError **error);

#define NOVA_STORAGE_GROUPS 32

/* Whom a QEMU runs as: `groups' are its supplementary ones. */
typedef struct nova_storage_user {
	uint32_t uid, gid;
	int n_groups;
	uint32_t groups[NOVA_STORAGE_GROUPS];
} nova_storage_user;
/* With the groups that the system's user database gives them. */
void nova_storage_user_find(uint32_t uid, uint32_t gid, nova_storage_user *ret);

/* That this host can open a guest's disk as its QEMU will: read-write, O_DIRECT, taking no lock and
 * changing nothing.  As `user'; NULL, or in a process that is not root: as this process. */
bool nova_storage_disk_opens(const char *disk, const nova_storage_user *user, int deadline_ms, GError **error);

/* Whether this host sees the lock by which a running QEMU keeps other writers from its image.  Seen from another
 * host than the guest's it proves that image locks hold between the two: QEMU on this host will not start
 * the guest's CPUs while the other's may write.  Takes no lock. */
bool nova_storage_disk_is_locked(const char *disk, bool *ret_locked, int deadline_ms, GError **error);

/* Makes the directory `path' (mode 0711, one level) if it is missing. */
bool nova_storage_make_dir(const char *path, int deadline_ms, GError **error);

/* Children left behind that still hang. */
unsigned nova_storage_stuck(void);
