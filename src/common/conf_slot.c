/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf.h"

struct nova_conf_slot {
	GMutex lock; /* protects current; held for a pointer's worth of work only */
	nova_conf *current;
};

nova_conf_slot *nova_conf_slot_new(nova_conf *conf)
{
	nova_conf_slot *slot = g_new0(nova_conf_slot, 1);

	g_mutex_init(&slot->lock);
	slot->current = conf;
	return slot;
}

void nova_conf_slot_free(nova_conf_slot *slot)
{
	if (!slot)
		return;
	nova_conf_unref(slot->current);
	g_mutex_clear(&slot->lock);
	g_free(slot);
}

nova_conf *nova_conf_slot_get(nova_conf_slot *slot)
{
	nova_conf *conf;

	g_mutex_lock(&slot->lock);
	conf = nova_conf_ref(slot->current);
	g_mutex_unlock(&slot->lock);
	return conf;
}

void nova_conf_slot_set(nova_conf_slot *slot, nova_conf *conf)
{
	nova_conf *old;

	g_mutex_lock(&slot->lock);
	old = slot->current;
	slot->current = conf;
	g_mutex_unlock(&slot->lock);
	nova_conf_unref(old);
}
