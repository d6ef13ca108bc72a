/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fault_point.h"

#include "common/error.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define HOLD_LOOK_US 10000

typedef enum action { ACT_EXIT, ACT_STOP, ACT_SLEEP, ACT_ERROR, ACT_HOLD, ACT_DROP, ACT_DUP } action;

const char *const nova_fault_point_names[] = {
#include "common/fault_names.inc"
	NULL,
};

typedef struct point {
	char *name;
	action act;
	uint64_t sleep_ms;
	char *file; /* of hold */
	uint64_t first, last; /* passings, from 1 */
	uint64_t percent; /* of these */
	uint64_t passed;
} point;

static GMutex lock; /* points and their counters */
static GPtrArray *points;
static int armed = -1; /* atomic; -1: environment not read yet.  Keeps the usual case free of the lock. */

static void free_point(void *data)
{
	point *p = data;

	g_free(p->name);
	g_free(p->file);
	g_free(p);
}

static bool parse_count(const char **text, uint64_t *ret_value)
{
	char *end = NULL;

	if (!g_ascii_isdigit(**text))
		return false;
	*ret_value = g_ascii_strtoull(*text, &end, 10);
	*text = end;
	return true;
}

static bool parse_file(const char **text, point *p)
{
	const char *end = strchr(*text, ')');

	if (!end || **text != '/')
		return false;
	p->file = g_strndup(*text, (size_t)(end - *text));
	*text = end + 1;
	return true;
}

static bool parse_action(const char **text, point *p)
{
	static const struct {
		const char *word;
		action act;
	} words[] = {
		{ "exit", ACT_EXIT },	 { "stop", ACT_STOP },	 { "error", ACT_ERROR },
		{ "sleep(", ACT_SLEEP }, { "hold(", ACT_HOLD },	 { "drop", ACT_DROP },
		{ "dup", ACT_DUP },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (!g_str_has_prefix(*text, words[i].word))
			continue;
		*text += strlen(words[i].word);
		p->act = words[i].act;
		if (p->act == ACT_HOLD)
			return parse_file(text, p);
		if (p->act != ACT_SLEEP)
			return true;
		if (!parse_count(text, &p->sleep_ms) || **text != ')')
			return false;
		(*text)++;
		return true;
	}
	return false;
}

static bool parse_when(const char **text, point *p)
{
	p->first = 1;
	p->last = UINT64_MAX;
	p->percent = 100;
	if (**text != ':')
		return true;
	(*text)++;
	if (!parse_count(text, &p->first))
		return false;
	if (strcmp(*text, "%") == 0) {
		p->percent = p->first;
		p->first = 1;
		(*text)++;
		return p->percent <= 100;
	}
	if (**text != '-') {
		p->last = p->first;
		return true;
	}
	(*text)++;
	return !**text || (parse_count(text, &p->last) && p->last >= p->first);
}

static point *parse_point(const char *text)
{
	const char *equals = strchr(text, '=');
	point *p;

	if (!equals || equals == text)
		return NULL;
	p = g_new0(point, 1);
	p->name = g_strndup(text, (size_t)(equals - text));
	text = equals + 1;
	if (!parse_action(&text, p) || !parse_when(&text, p) || *text) {
		free_point(p);
		return NULL;
	}
	return p;
}

/* Lock held. */
static bool arm(const char *spec, GError **error)
{
	g_auto(GStrv) words = g_strsplit(spec ? spec : "", ",", -1);
	bool ok = true;

	g_clear_pointer(&points, g_ptr_array_unref);
	points = g_ptr_array_new_with_free_func(free_point);
	for (size_t i = 0; ok && words[i]; i++) {
		point *p;

		if (!g_strstrip(words[i])[0])
			continue;
		p = parse_point(words[i]);
		if (p)
			g_ptr_array_add(points, p);
		else
			ok = nova_fail(error, NOVA_FAULT_CONFIG, "NOVA_LITE_FAULT: '%s' is not POINT=ACTION[:WHEN], "
				       "ACTION exit, stop, error, sleep(MS), hold(/FILE), drop or dup, "
				       "WHEN N, N-M, N- or P%%",
				       words[i]);
	}
	if (!ok)
		g_ptr_array_set_size(points, 0);
	g_atomic_int_set(&armed, points->len > 0);
	return ok;
}

bool nova_fault_points_set(const char *spec, GError **error)
{
	bool ok;

	g_mutex_lock(&lock);
	ok = arm(spec, error);
	g_mutex_unlock(&lock);
	return ok;
}

/* The first armed point that does not exist, or NULL. */
static char *find_unknown(void)
{
	char *unknown = NULL;

	g_mutex_lock(&lock);
	for (size_t i = 0; i < points->len && !unknown; i++) {
		const point *p = points->pdata[i];

		if (!g_strv_contains(nova_fault_point_names, p->name))
			unknown = g_strdup(p->name);
	}
	g_mutex_unlock(&lock);
	return unknown;
}

bool nova_fault_points_check(bool *ret_armed, GError **error)
{
	if (!nova_fault_points_set(g_getenv("NOVA_LITE_FAULT"), error))
		return false;
	g_autofree char *unknown = find_unknown();

	if (unknown) {
		nova_fault_points_set(NULL, NULL);
		return nova_fail(error, NOVA_FAULT_CONFIG, "NOVA_LITE_FAULT: there is no fault point '%s'; "
				 "'nova-lite-manage flow faults' lists them", unknown);
	}
	*ret_armed = g_atomic_int_get(&armed) > 0;
	return true;
}

/* Counts this passing at every row of that name; a copy of the first row that is due goes to
 * *ret_due. */
static bool is_due(const char *name, point *ret_due)
{
	bool due = false;

	g_mutex_lock(&lock);
	if (g_atomic_int_get(&armed) < 0)
		arm(g_getenv("NOVA_LITE_FAULT"), NULL);
	for (size_t i = 0; i < points->len; i++) {
		point *p = points->pdata[i];

		if (strcmp(p->name, name) != 0)
			continue;
		p->passed++;
		if (!due && p->passed >= p->first && p->passed <= p->last &&
		    (p->percent == 100 || (uint64_t)g_random_int_range(0, 100) < p->percent)) {
			*ret_due = *p;
			ret_due->file = g_strdup(p->file);
			due = true;
		}
	}
	g_mutex_unlock(&lock);
	return due;
}

static void hold(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	close(fd);
	while (access(file, F_OK) == 0)
		g_usleep(HOLD_LOOK_US);
}

/* Does what stops or delays; what is then to become of the caller's doing is returned. */
static action pass(const char *name)
{
	point due = { 0 };

	if (g_atomic_int_get(&armed) == 0 || !is_due(name, &due))
		return ACT_SLEEP;
	switch (due.act) {
	case ACT_EXIT:
		_exit(70);
	case ACT_STOP:
		raise(SIGSTOP); /* to this thread: it would go on for a while if another one took the signal */
		break;
	case ACT_SLEEP:
		g_usleep(due.sleep_ms * 1000);
		break;
	case ACT_HOLD:
		hold(due.file);
		g_free(due.file);
		break;
	default:
		break;
	}
	return due.act;
}

bool nova_fault_point(const char *name, GError **error)
{
	if (pass(name) != ACT_ERROR)
		return true;
	return nova_fail(error, NOVA_FAULT_INTERNAL, "fault point '%s'", name);
}

unsigned nova_fault_point_copies(const char *name)
{
	switch (pass(name)) {
	case ACT_ERROR:
	case ACT_DROP:
		return 0;
	case ACT_DUP:
		return 2;
	default:
		return 1;
	}
}

void nova_fault_point_pass(const char *name)
{
	g_autoptr(GError) error = NULL;

	nova_fault_point(name, &error);
}
