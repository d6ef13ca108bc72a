/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/seen.h"

struct nova_seen {
	GHashTable *set; /* borrows the ring's strings */
	char **ring; /* owns; NULL where not filled yet */
	size_t capacity, next;
};

nova_seen *nova_seen_new(size_t capacity)
{
	nova_seen *seen = g_new0(nova_seen, 1);

	seen->set = g_hash_table_new(g_str_hash, g_str_equal);
	seen->ring = g_new0(char *, capacity);
	seen->capacity = capacity;
	return seen;
}

void nova_seen_free(nova_seen *seen)
{
	if (!seen)
		return;
	g_hash_table_destroy(seen->set);
	for (size_t i = 0; i < seen->capacity; i++)
		g_free(seen->ring[i]);
	g_free(seen->ring);
	g_free(seen);
}

bool nova_seen_check(nova_seen *seen, const char *id)
{
	char **slot = &seen->ring[seen->next];

	if (g_hash_table_contains(seen->set, id))
		return true;
	if (*slot) {
		g_hash_table_remove(seen->set, *slot);
		g_free(*slot);
	}
	*slot = g_strdup(id);
	g_hash_table_add(seen->set, *slot);
	seen->next = (seen->next + 1) % seen->capacity;
	return false;
}

void nova_seen_forget_last(nova_seen *seen)
{
	char **slot;

	seen->next = (seen->next + seen->capacity - 1) % seen->capacity;
	slot = &seen->ring[seen->next];
	if (*slot)
		g_hash_table_remove(seen->set, *slot);
	g_clear_pointer(slot, g_free);
}
