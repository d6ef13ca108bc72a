/* SPDX-License-Identifier: Apache-2.0 */
#include "api/throttle.h"

#include <arpa/inet.h>
#include <string.h>

#define FORGET_US  (15 * 60 * G_USEC_PER_SEC)
#define LONGEST_S  60
#define MOST_SHIFT 6 /* 2^6 is beyond LONGEST_S */

typedef struct record {
	unsigned failures;
	int64_t last_us, until_us;
} record;

struct nova_throttle {
	GHashTable *records; /* key -> record */
};

nova_throttle *nova_throttle_new(void)
{
	nova_throttle *throttle = g_new0(nova_throttle, 1);

	throttle->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return throttle;
}

void nova_throttle_free(nova_throttle *throttle)
{
	if (!throttle)
		return;
	g_hash_table_unref(throttle->records);
	g_free(throttle);
}

int64_t nova_throttle_wait_us(const nova_throttle *throttle, const char *key, int64_t now_us)
{
	const record *r = g_hash_table_lookup(throttle->records, key);

	return r && r->until_us > now_us ? r->until_us - now_us : 0;
}

/* Room for one more. */
static void evict(nova_throttle *throttle, int64_t now_us)
{
	GHashTableIter iter;
	void *key, *value;
	const char *oldest = NULL;
	int64_t oldest_us = INT64_MAX;

	if (g_hash_table_size(throttle->records) < NOVA_THROTTLE_KEYS)
		return;
	g_hash_table_iter_init(&iter, throttle->records);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const record *r = value;

		if (now_us - r->last_us > FORGET_US) {
			g_hash_table_iter_remove(&iter);
		} else if (r->last_us < oldest_us) {
			oldest = key;
			oldest_us = r->last_us;
		}
	}
	if (g_hash_table_size(throttle->records) >= NOVA_THROTTLE_KEYS)
		g_hash_table_remove(throttle->records, oldest);
}

void nova_throttle_failed(nova_throttle *throttle, const char *key, unsigned free_failures, int64_t now_us)
{
	record *r = g_hash_table_lookup(throttle->records, key);

	if (!r) {
		evict(throttle, now_us);
		r = g_new0(record, 1);
		g_hash_table_insert(throttle->records, g_strdup(key), r);
	}
	if (now_us - r->last_us > FORGET_US)
		r->failures = 0;
	r->failures++;
	r->last_us = now_us;
	if (r->failures > free_failures) {
		unsigned shift = MIN(r->failures - free_failures - 1, MOST_SHIFT);

		r->until_us = now_us + MIN(1 << shift, LONGEST_S) * G_USEC_PER_SEC;
	}
}

void nova_throttle_succeeded(nova_throttle *throttle, const char *key)
{
	g_hash_table_remove(throttle->records, key);
}

unsigned nova_throttle_size(const nova_throttle *throttle)
{
	return g_hash_table_size(throttle->records);
}

char *nova_throttle_network(const char *address)
{
	struct in6_addr six;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, address, &six) != 1)
		return g_strdup(address);
	memset(six.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &six, text, sizeof text);
	return g_strconcat(text, "/64", NULL);
}
