/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.h - the story of one migration in plain words, from what the service keeps of it.  Pure.
 */
#pragma once

#include "common/json_auto.h"

/* `migration' as GET /nova-lite/migrations/{id} answers it: who asked, every step with its time and how long it took,
 * which hosts were refused and why, what each hypervisor said, how it ended or what it waits for now.  Members that
 * are missing are left out of the story.  Free with g_free(). */
char *nova_explain(json_object *migration);
