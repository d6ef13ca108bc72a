/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/password_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* The first line of a stream without its end; NULL: none, or too long. */
static nova_secret *read_line(FILE *in)
{
	char line[NOVA_PASSWORD_MAX + 3]; /* one more than allowed, so that too much is seen as too much */
	nova_secret *copy;

	if (!fgets(line, sizeof line, in)) {
		explicit_bzero(line, sizeof line);
		return NULL;
	}
	line[strcspn(line, "\r\n")] = '\0';
	copy = g_strdup(line);
	explicit_bzero(line, sizeof line);
	return copy;
}

static nova_secret *ask(const char *prompt)
{
	struct termios shown, hidden;
	bool hide = tcgetattr(STDIN_FILENO, &shown) == 0;
	nova_secret *line;

	fputs(prompt, stderr);
	fflush(stderr);
	if (hide) {
		hidden = shown;
		hidden.c_lflag &= (tcflag_t)~ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	line = read_line(stdin);
	if (hide)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	return line;
}

static nova_secret *ask_twice(GError **error)
{
	g_autoptr(nova_secret) first = ask("Password: ");
	g_autoptr(nova_secret) second = first ? ask("Again: ") : NULL;

	if (!second || strcmp(first, second) != 0) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "the two passwords differ");
		return NULL;
	}
	return g_steal_pointer(&first);
}

static nova_secret *read_file(const char *path, GError **error)
{
	FILE *in = fopen(path, "re");
	nova_secret *line;

	if (!in) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s: %s", path, g_strerror(errno));
		return NULL;
	}
	setvbuf(in, NULL, _IONBF, 0); /* no copy of it in a buffer */
	line = read_line(in);
	fclose(in);
	if (!line)
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s: there is no password in it", path);
	return line;
}

nova_secret *nova_password_input(const char *file, GError **error)
{
	bool from_stdin = !file || strcmp(file, "-") == 0;
	g_autoptr(nova_secret) password = NULL;

	setvbuf(stdin, NULL, _IONBF, 0);
	if (!from_stdin)
		password = read_file(file, error);
	else if (!file && isatty(STDIN_FILENO))
		password = ask_twice(error);
	else if (!(password = read_line(stdin)))
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "there is no password on standard input");
	if (!password || !nova_password_check(password, error))
		return NULL;
	return g_steal_pointer(&password);
}
