/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/console.h"

#include "common/deadline.h"
#include "common/uuid.h"
#include "compute/offload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static nova_offload_group calls = { .what = "console", .fault = NOVA_FAULT_STORAGE, .max_stuck = 16 };

typedef struct reading {
	char *dir;
	int lines;
	GString *text;
} reading;

static void reading_clear(void *data)
{
	reading *r = data;

	g_free(r->dir);
	g_string_free(r->text, TRUE);
}

static char *guest_dir(const nova_conf *conf, const char *instance_uuid)
{
	g_autofree char *lower = g_ascii_strdown(instance_uuid, -1);

	return g_build_filename(conf->instances_path, lower, NULL);
}

char *nova_console_path(const nova_conf *conf, const char *instance_uuid, int64_t token)
{
	g_autofree char *dir = guest_dir(conf, instance_uuid);

	return g_strdup_printf("%s/console.%" G_GINT64_FORMAT ".log", dir, token);
}

/* The token of "console.TOKEN.log"; 0: another file. */
static int64_t token_of(const char *name)
{
	char *end = NULL;
	int64_t token;

	if (!g_str_has_prefix(name, "console.") || !g_ascii_isdigit(name[strlen("console.")]))
		return 0;
	token = g_ascii_strtoll(name + strlen("console."), &end, 10);
	return strcmp(end, ".log") == 0 && token > 0 && token < G_MAXINT64 ? token : 0;
}

static int newest_first(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

static GArray *find_tokens(DIR *dir)
{
	GArray *tokens = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		int64_t token = token_of(entry->d_name);

		if (token > 0)
			g_array_append_val(tokens, token);
	}
	g_array_sort(tokens, newest_first);
	if (tokens->len > NOVA_CONSOLE_MAX_FILES)
		g_array_set_size(tokens, NOVA_CONSOLE_MAX_FILES);
	return tokens;
}

/* Puts the end of a file, at most `max' bytes of it, before the text. */
static bool prepend_tail(int dir, const char *name, size_t max, GString *text, GError **error)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	g_autofree char *buffer = g_malloc(max);
	size_t n = 0;
	off_t size;

	if (fd < 0 && errno == ENOENT)
		return true;
	size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size < 0 || lseek(fd, MAX(size - (off_t)max, 0), SEEK_SET) < 0) {
		nova_fail(error, NOVA_FAULT_STORAGE, "cannot read the console log %s: %s", name, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (n < max) {
		ssize_t got = read(fd, buffer + n, max - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	g_string_prepend_len(text, buffer, (gssize)n);
	return true;
}

/* Where the last `lines' lines begin; a last line without its end counts. */
static size_t start_of_lines(const GString *text, int lines)
{
	size_t at = text->len;

	if (at > 0 && text->str[at - 1] == '\n')
		at--;
	while (at > 0) {
		if (text->str[at - 1] == '\n' && --lines <= 0)
			break;
		at--;
	}
	return at;
}

static bool read_logs(void *data, GError **error)
{
	reading *r = data;
	DIR *dir = opendir(r->dir);
	g_autoptr(GArray) tokens = NULL;
	bool ok = true;

	if (!dir && errno == ENOENT)
		return true;
	if (!dir)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot open %s: %s", r->dir, g_strerror(errno));
	tokens = find_tokens(dir);
	for (unsigned i = 0; ok && i < tokens->len && r->text->len < NOVA_CONSOLE_MAX_BYTES; i++) {
		g_autofree char *name = g_strdup_printf("console.%" G_GINT64_FORMAT ".log",
							g_array_index(tokens, int64_t, i));

		ok = prepend_tail(dirfd(dir), name, NOVA_CONSOLE_MAX_BYTES - r->text->len, r->text, error);
		if (r->lines >= 0 && start_of_lines(r->text, r->lines) > 0)
			break;
	}
	closedir(dir);
	return ok;
}

/* Text that JSON can carry. */
static char *clean(const char *text, size_t length)
{
	g_autofree char *without_nul = g_malloc(length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
		if (text[i] != '\0')
			without_nul[n++] = text[i];
	without_nul[n] = '\0';
	return g_utf8_make_valid(without_nul, (gssize)n);
}

char *nova_console_tail(nova_conf *conf, const char *instance_uuid, int lines, int deadline_ms, GError **error)
{
	nova_offload_call call = {
		.group = &calls, .who = "the console log", .work = read_logs, .clear = reading_clear
	};
	reading *r;
	char *text = NULL;
	size_t from;

	if (!nova_uuid_is_valid(instance_uuid)) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%.80s' is not a uuid", instance_uuid);
		return NULL;
	}
	if (lines == 0)
		return g_strdup("");
	r = g_atomic_rc_box_new0(reading);
	r->dir = guest_dir(conf, instance_uuid);
	r->lines = lines;
	r->text = g_string_new(NULL);
	call.args = r;
	if (nova_offload_run(&call, nova_deadline_in_ms(deadline_ms), NULL, error)) {
		from = lines < 0 ? 0 : start_of_lines(r->text, lines);
		text = clean(r->text->str + from, r->text->len - from);
	}
	g_atomic_rc_box_release_full(r, reading_clear);
	return text;
}
