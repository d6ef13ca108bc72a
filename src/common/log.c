/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINE 8192

NOVA_NAMES(nova_log_level_names, "log level", NOVA_LOG__COUNT, [NOVA_LOG_ERROR] = "error",
	   [NOVA_LOG_WARNING] = "warning", [NOVA_LOG_INFO] = "info", [NOVA_LOG_DEBUG] = "debug");

static const int priorities[] = {
	/* syslog(3) */
	[NOVA_LOG_ERROR] = 3, [NOVA_LOG_WARNING] = 4, [NOVA_LOG_INFO] = 6, [NOVA_LOG_DEBUG] = 7
};
G_STATIC_ASSERT(G_N_ELEMENTS(priorities) == NOVA_LOG__COUNT);

static int threshold = NOVA_LOG_INFO; /* atomic */

static struct {
	GMutex lock; /* held across the write, so that a reopen cannot close under it */
	char *file; /* NULL: standard error */
	int fd;
} sink = { .fd = STDERR_FILENO };

bool nova_log_enabled(nova_log_level level)
{
	return (int)level <= g_atomic_int_get(&threshold);
}

void nova_log_set_level(nova_log_level level)
{
	g_atomic_int_set(&threshold, (int)level);
}

/* Bytes above 127 pass: names are UTF-8. */
static void append_clean(GString *line, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			g_string_append(line, "\\n");
		else if (*text == '\t')
			g_string_append(line, "\\t");
		else if (g_ascii_iscntrl(*text))
			g_string_append_printf(line, "\\x%02x", (unsigned char)*text);
		else
			g_string_append_c(line, *text);
	}
}

static void append_tag(GString *line, const char *key, const char *value)
{
	if (!value || !value[0])
		return;
	g_string_append_printf(line, " %s=", key);
	append_clean(line, value);
}

static void append_head(GString *line, nova_log_level level, bool to_file)
{
	struct timespec now;
	struct tm local;
	char text[32];

	if (!to_file) {
		g_string_append_printf(line, "<%d>", priorities[level]);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	g_string_append_printf(line, "%s.%03ld %s ", text, now.tv_nsec / 1000000,
			       nova_names_get(&nova_log_level_names, (int)level));
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* a full disk must not stop the service, and there is nobody to tell */
		text += n;
		length -= (size_t)n;
	}
}

void nova_log(nova_log_level level, const nova_log_tags *tags, const char *format, ...)
{
	g_autoptr(GString) line = NULL;
	g_autofree char *text = NULL;
	int saved_errno = errno;
	va_list args;

	if (!nova_log_enabled(level))
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);

	line = g_string_sized_new(256);
	g_mutex_lock(&sink.lock);
	append_head(line, level, sink.file != NULL);
	append_clean(line, text);
	if (line->len > MAX_LINE) {
		g_string_truncate(line, MAX_LINE);
		g_string_append(line, "...");
	}
	if (tags) {
		append_tag(line, "req", tags->request_id);
		append_tag(line, "instance", tags->instance);
		append_tag(line, "host", tags->host);
		if (tags->operation)
			g_string_append_printf(line, " operation=%" G_GINT64_FORMAT, tags->operation);
	}
	g_string_append_c(line, '\n');
	write_all(sink.fd, line->str, line->len);
	g_mutex_unlock(&sink.lock);
	errno = saved_errno;
}

/* Takes over `file' and puts `fd' in the place of the present destination. */
static void replace_sink(char *file, int fd)
{
	g_mutex_lock(&sink.lock);
	if (sink.fd != STDERR_FILENO)
		close(sink.fd);
	g_free(sink.file);
	sink.file = file;
	sink.fd = fd;
	g_mutex_unlock(&sink.lock);
}

bool nova_log_open(const char *file, GError **error)
{
	int fd;

	if (!file || !file[0]) {
		replace_sink(NULL, STDERR_FILENO);
		return true;
	}
	fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0)
		return nova_fail(error, NOVA_FAULT_CONFIG, "cannot open the log file '%s': %s", file,
				 g_strerror(errno));
	replace_sink(g_strdup(file), fd);
	return true;
}

bool nova_log_reopen(GError **error)
{
	g_autofree char *file = NULL;

	g_mutex_lock(&sink.lock);
	file = g_strdup(sink.file);
	g_mutex_unlock(&sink.lock);
	return !file || nova_log_open(file, error);
}
