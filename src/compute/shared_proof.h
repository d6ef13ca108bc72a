/* SPDX-License-Identifier: Apache-2.0
 *
 * shared_proof.h - the proof that both hosts of a migration see the same instances_path.
 *
 * The destination leaves an empty file with a random name, and the name in the operation's journal; the
 * source looks for it and leaves the answer, the same name with "-back", which the destination looks for
 * before it agrees.  Only a file that was seen proves anything: not seen means "not the same", after
 * enough tries for a network file system's caches.  Nothing here needs the broker.
 *
 * The files are the only ones a migration ever removes.  Each host removes those it made: at the next
 * step, or, when the operation went another way, at the next sweep.  Those that a daemon left behind when it ended
 * are found by the next daemon that starts, on any host, and swept when their operation no longer needs them.
 *
 * Any thread.
 */
#pragma once

#include "compute/step.h"

typedef struct nova_proofs nova_proofs;

nova_proofs *nova_proofs_new(void);
void nova_proofs_free(nova_proofs *proofs);

/* A new name for the journal, and its file. */
bool nova_proof_ask(nova_step *step, char **ret_nonce, GError **error);
/* The name in the journal.  NOT_SHARED_STORAGE when there is none. */
char *nova_proof_asked(nova_step *step, GError **error);
/* What the destination writes into the journal when it agrees: the name, the file system's identity, and whether
 * it saw the lock of the source's QEMU on the guest's disk.  Caller frees. */
char *nova_proof_agree(nova_step *step, const char *nonce, bool image_lock);
/* Whether the destination saw that lock: then QEMU itself lets only one of the two hosts run the guest.  False
 * also when the journal cannot be read, which sets the error. */
bool nova_proof_image_lock(nova_db *db, int64_t operation, GError **error);
/* Answers a name that was seen. */
bool nova_proof_answer(nova_step *step, const char *nonce, GError **error);
bool nova_proof_seen(nova_step *step, const char *nonce, bool *ret_seen, GError **error);
bool nova_proof_answer_seen(nova_step *step, const char *nonce, bool *ret_seen, GError **error);

/* Removes this host's files of an operation. */
void nova_proof_forget(nova_step *step);
/* Finds what lies there, for the sweep.  False: not all of it could be listed, ask again after a sweep. */
bool nova_proofs_recall(nova_compute *compute);
/* Removes the files of every operation that does not need them any more.  False: some are left. */
bool nova_proofs_sweep(nova_compute *compute);
