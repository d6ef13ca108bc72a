/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/shared_proof.h"

#include "common/fault_point.h"
#include "common/json.h"
#include "compute/storage.h"

#include <string.h>

#define FILE_MS 5000
#define JSON_DEPTH 8

struct made {
	int64_t operation;
	char *nonce;
	bool found; /* and not made: it may be another host's, and needed still when this one needs its own no longer */
};

struct nova_proofs {
	GMutex lock;
	GPtrArray *made; /* of struct made */
};

static void made_free(void *data)
{
	struct made *made = data;

	g_free(made->nonce);
	g_free(made);
}

nova_proofs *nova_proofs_new(void)
{
	nova_proofs *proofs = g_new0(nova_proofs, 1);

	g_mutex_init(&proofs->lock);
	proofs->made = g_ptr_array_new_with_free_func(made_free);
	return proofs;
}

void nova_proofs_free(nova_proofs *proofs)
{
	if (!proofs)
		return;
	g_ptr_array_unref(proofs->made);
	g_mutex_clear(&proofs->lock);
	g_free(proofs);
}

static int is_it(const void *element, const void *nonce)
{
	const struct made *made = element;

	return strcmp(made->nonce, nonce) == 0;
}

static void remember(nova_proofs *proofs, int64_t operation, const char *nonce, bool found)
{
	unsigned i;

	g_mutex_lock(&proofs->lock);
	if (g_ptr_array_find_with_equal_func(proofs->made, nonce, is_it, &i)) {
		struct made *made = g_ptr_array_index(proofs->made, i);

		made->found = made->found && found;
	} else {
		struct made *made = g_new(struct made, 1);

		*made = (struct made){ operation, g_strdup(nonce), found };
		g_ptr_array_add(proofs->made, made);
	}
	g_mutex_unlock(&proofs->lock);
}

/* Remembered before it is made: what was never made is removed in vain, which does no harm. */
static bool put(nova_step *step, const char *nonce, GError **error)
{
	remember(step->compute->proofs, step->op->id, nonce, false);
	return nova_fault_point("compute:proof:put", error) &&
	       nova_storage_nonce_put(step->conf->instances_path, nonce, FILE_MS, error);
}

bool nova_proof_ask(nova_step *step, char **ret_nonce, GError **error)
{
	g_autofree char *random = g_uuid_string_random();
	g_autofree char *nonce = g_strdup_printf("%" G_GINT64_FORMAT "-%s", step->op->id, random);

	if (!put(step, nonce, error))
		return false;
	*ret_nonce = g_steal_pointer(&nonce);
	return true;
}

/* What the destination wrote into the journal when it agreed to take the guest; NULL with no error: nothing. */
static json_object *agreement(nova_db *db, int64_t operation, GError **error)
{
	g_autoptr(GPtrArray) journal = NULL;

	if (!nova_operations_journal(db, operation, &journal, error))
		return NULL;
	for (unsigned i = journal->len; i > 0; i--) {
		const nova_journal_entry *entry = g_ptr_array_index(journal, i - 1);

		if (entry->to == NOVA_OPS_CHECKED && entry->from != entry->to && entry->evidence_json)
			return nova_json_parse(entry->evidence_json, strlen(entry->evidence_json), JSON_DEPTH, NULL);
	}
	return NULL;
}

char *nova_proof_asked(nova_step *step, GError **error)
{
	g_autoptr(GError) failed = NULL;
	g_autoptr(json_object) root = agreement(step->compute->db, step->op->id, &failed);
	const char *nonce;

	if (root && nova_json_get_str(root, "nonce", &nonce, NULL))
		return g_strdup(nonce);
	if (failed)
		g_propagate_error(error, g_steal_pointer(&failed));
	else
		nova_fail(error, NOVA_FAULT_NOT_SHARED_STORAGE, "the destination left no file to look for");
	return NULL;
}

char *nova_proof_agree(nova_step *step, const char *nonce, bool image_lock)
{
	g_autoptr(json_object) root = json_object_new_object();

	nova_json_add_str(root, "nonce", nonce);
	nova_json_add_str(root, "fsid", step->compute->fsid);
	nova_json_add_bool(root, "image_lock", image_lock);
	return nova_json_dup_text(root, NULL);
}

bool nova_proof_image_lock(nova_db *db, int64_t operation, GError **error)
{
	g_autoptr(json_object) root = agreement(db, operation, error);
	bool seen = false;

	return root && nova_json_get_bool(root, "image_lock", &seen, NULL) && seen;
}

static char *answer_to(const char *nonce)
{
	return g_strconcat(nonce, "-back", NULL);
}

bool nova_proof_answer(nova_step *step, const char *nonce, GError **error)
{
	g_autofree char *answer = answer_to(nonce);

	return put(step, answer, error);
}

bool nova_proof_seen(nova_step *step, const char *nonce, bool *ret_seen, GError **error)
{
	if (!nova_storage_nonce_seen(step->conf->instances_path, nonce, ret_seen, FILE_MS, error))
		return false;
	*ret_seen = *ret_seen && nova_fault_point("compute:proof:seen", NULL); /* error: as if it were not there */
	return true;
}

bool nova_proof_answer_seen(nova_step *step, const char *nonce, bool *ret_seen, GError **error)
{
	g_autofree char *answer = answer_to(nonce);

	return nova_proof_seen(step, answer, ret_seen, error);
}

/* Takes the files this host made for an operation (0: all files) off the list. */
static GPtrArray *take_made(nova_proofs *proofs, int64_t operation)
{
	GPtrArray *taken = g_ptr_array_new_with_free_func(made_free);

	g_mutex_lock(&proofs->lock);
	for (unsigned i = proofs->made->len; i > 0; i--) {
		const struct made *made = g_ptr_array_index(proofs->made, i - 1);

		if (!operation || (made->operation == operation && !made->found))
			g_ptr_array_add(taken, g_ptr_array_steal_index_fast(proofs->made, i - 1));
	}
	g_mutex_unlock(&proofs->lock);
	return taken;
}

static void keep(nova_proofs *proofs, GPtrArray *taken, unsigned i)
{
	g_mutex_lock(&proofs->lock);
	g_ptr_array_add(proofs->made, g_steal_pointer(&g_ptr_array_index(taken, i)));
	g_mutex_unlock(&proofs->lock);
}

void nova_proof_forget(nova_step *step)
{
	g_autoptr(GPtrArray) taken = take_made(step->compute->proofs, step->op->id);

	g_ptr_array_set_free_func(taken, NULL);
	for (unsigned i = 0; i < taken->len; i++) {
		struct made *made = g_ptr_array_index(taken, i);

		if (nova_storage_nonce_remove(step->conf->instances_path, made->nonce, FILE_MS, NULL))
			made_free(made);
		else
			keep(step->compute->proofs, taken, i); /* the next sweep tries again */
	}
}

static bool is_needed(nova_compute *compute, int64_t operation)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_find(compute->db, operation, &error);

	if (!op)
		return error != NULL;
	return op->state == NOVA_OPS_CLAIMED || op->state == NOVA_OPS_CHECKED || op->state == NOVA_OPS_PREPARING;
}

bool nova_proofs_recall(nova_compute *compute)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	nova_storage_nonces list = { 0 };

	if (!nova_storage_nonce_list(conf->instances_path, &list, FILE_MS, NULL))
		return false;
	for (unsigned i = 0; i < list.count; i++) {
		int64_t operation = g_ascii_strtoll(list.names[i], NULL, 10);

		if (operation > 0)
			remember(compute->proofs, operation, list.names[i], true);
	}
	return list.count < NOVA_STORAGE_NONCES_MOST;
}

bool nova_proofs_sweep(nova_compute *compute)
{
	g_autoptr(nova_conf) conf = nova_compute_conf(compute);
	g_autoptr(GPtrArray) taken = take_made(compute->proofs, 0);
	bool clean = true;

	g_ptr_array_set_free_func(taken, NULL);
	for (unsigned i = 0; i < taken->len; i++) {
		struct made *made = g_ptr_array_index(taken, i);

		if (!is_needed(compute, made->operation) &&
		    nova_storage_nonce_remove(conf->instances_path, made->nonce, FILE_MS, NULL)) {
			made_free(made);
			continue;
		}
		keep(compute->proofs, taken, i);
		clean = false;
	}
	return clean;
}
