/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timestamp.h"

#include "common/error.h"

#include <string.h>
#include <time.h>

#define USEC G_GINT64_CONSTANT(1000000)

int64_t nova_timestamp_now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * USEC + now.tv_nsec / 1000;
}

/* Also right before 1970: the fraction always counts forward. */
static size_t format(int64_t usec, char *text, int64_t *ret_fraction)
{
	int64_t fraction = usec % USEC;
	time_t seconds;
	struct tm tm;

	if (fraction < 0)
		fraction += USEC;
	seconds = (time_t)((usec - fraction) / USEC);
	gmtime_r(&seconds, &tm);
	*ret_fraction = fraction;
	return strftime(text, NOVA_TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
}

const char *nova_timestamp_z(int64_t usec, char ret_text[NOVA_TIMESTAMP_SIZE])
{
	int64_t fraction;
	size_t n = format(usec, ret_text, &fraction);

	g_strlcpy(ret_text + n, "Z", NOVA_TIMESTAMP_SIZE - n);
	return ret_text;
}

const char *nova_timestamp_micro(int64_t usec, char ret_text[NOVA_TIMESTAMP_SIZE])
{
	int64_t fraction;
	size_t n = format(usec, ret_text, &fraction);

	g_snprintf(ret_text + n, NOVA_TIMESTAMP_SIZE - n, ".%06d", (int)fraction);
	return ret_text;
}

/* Exactly `digits' digits within [min, max]; moves *text behind them. */
static bool number(const char **text, int digits, int min, int max, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (!g_ascii_isdigit((*text)[i]))
			return false;
		value = value * 10 + ((*text)[i] - '0');
	}
	*text += digits;
	*ret_value = value;
	return value >= min && value <= max;
}

static bool skip(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool parse_fraction(const char **text, int64_t *ret_usec)
{
	int64_t unit = USEC / 10, usec = 0;

	if (!g_ascii_isdigit(**text))
		return false;
	for (; g_ascii_isdigit(**text); (*text)++, unit /= 10)
		usec += unit * (**text - '0');
	*ret_usec = usec;
	return true;
}

/* "Z", "+hh:mm", "+hhmm", "+hh" or nothing. */
static bool parse_zone(const char **text, int *ret_minutes)
{
	int hours = 0, minutes = 0, sign = **text == '-' ? -1 : 1;

	*ret_minutes = 0;
	if (!**text || skip(text, 'Z'))
		return true;
	if (!skip(text, '+') && !skip(text, '-'))
		return false;
	if (!number(text, 2, 0, 23, &hours))
		return false;
	if ((skip(text, ':') || **text) && !number(text, 2, 0, 59, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool parse(const char *text, int64_t *ret_usec)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	struct tm tm = { 0 };
	int64_t fraction = 0;
	int year, month, zone = 0;
	bool leap;

	if (!number(&text, 4, 1970, 9999, &year) || !skip(&text, '-') || !number(&text, 2, 1, 12, &month) ||
	    !skip(&text, '-') || !number(&text, 2, 1, 31, &tm.tm_mday))
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (tm.tm_mday > days[month - 1] + (month == 2 && leap))
		return false;
	if (*text) {
		if (!skip(&text, 'T') && !skip(&text, ' '))
			return false;
		if (!number(&text, 2, 0, 23, &tm.tm_hour) || !skip(&text, ':') || !number(&text, 2, 0, 59, &tm.tm_min))
			return false;
		if (skip(&text, ':') && !number(&text, 2, 0, 59, &tm.tm_sec))
			return false;
		if (skip(&text, '.') && !parse_fraction(&text, &fraction))
			return false;
		if (!parse_zone(&text, &zone))
			return false;
	}
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*ret_usec = ((int64_t)timegm(&tm) - zone * 60) * USEC + fraction;
	return *text == '\0';
}

bool nova_timestamp_parse(const char *text, int64_t *ret_usec, GError **error)
{
	int64_t usec;

	if (!text || !parse(text, &usec))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%.40s' is not a time such as 2026-11-20T09:04:34Z",
				 text ? text : "");
	*ret_usec = usec;
	return true;
}
