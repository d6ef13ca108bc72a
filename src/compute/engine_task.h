/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_task.h - one operation in the engine's hand; shared by engine.c and step.c only.
 *
 * engine->lock guards state, again and due_usec.  The rest belongs to whoever runs the task (RUNNING);
 * nobody reads it meanwhile.
 */
#pragma once

#include "compute/step.h"

typedef enum nova_engine_task_state {
	NOVA_TASK_QUEUED,
	NOVA_TASK_RUNNING,
	NOVA_TASK_WAITING, /* until due_usec */
} nova_engine_task_state;

typedef struct nova_engine_task {
	int64_t id;
	char *instance;
	nova_engine *engine;
	nova_engine_task_state state;
	bool again;        /* kicked while it ran */
	int64_t due_usec;  /* CLOCK_BOOTTIME */

	int pause_ms;
	unsigned failures; /* in a row */
	char *last_error;  /* as logged */
	int permitted_seq;
	nova_step_memory memory;
} nova_engine_task;

bool nova_engine_task_was_kicked(nova_engine_task *task);
bool nova_engine_task_is_stopping(nova_engine_task *task);
