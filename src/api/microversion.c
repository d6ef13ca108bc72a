/* SPDX-License-Identifier: Apache-2.0 */
#include "api/microversion.h"

#include <string.h>

#define SERVICE "compute"
#define MAX_DIGITS 6 /* of one number: keeps it in range, and nobody means more */

/* Digits without a leading zero (unless it is the only one and `zero' allows that). */
static bool take_number(const char **text, bool zero, unsigned *ret)
{
	size_t n = strspn(*text, "0123456789");

	if (n == 0 || n > MAX_DIGITS || (**text == '0' && (n > 1 || !zero)))
		return false;
	*ret = (unsigned)g_ascii_strtoull(*text, NULL, 10);
	*text += n;
	return true;
}

static bool parse(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	unsigned major, minor;

	if (!take_number(&text, false, &major) || *text++ != '.' || !take_number(&text, true, &minor) || *text)
		return false;
	*ret_major = major;
	*ret_minor = minor;
	return true;
}

/* "identity 3.1, compute 2.34" -> "2.34"; NULL when our service is not in the list.  Caller frees. */
static char *version_of_service(const char *header)
{
	g_auto(GStrv) parts = header ? g_strsplit(header, ",", 32) : NULL;

	for (char **part = parts; part && *part; part++) {
		const char *word = g_strstrip(*part);
		size_t n = strlen(SERVICE);

		if (g_ascii_strncasecmp(word, SERVICE, n) == 0 && g_ascii_isspace(word[n]))
			return g_strstrip(g_strdup(word + n + 1));
	}
	return NULL;
}

bool nova_microversion_negotiate(const char *api_version, const char *nova_version, unsigned max,
				 nova_microversion *ret, GError **error)
{
	g_autofree char *asked = version_of_service(api_version);

	*ret = (nova_microversion){ .major = 2, .minor = NOVA_MICROVERSION_MIN, .echo = true };
	if (!asked && nova_version)
		asked = g_strstrip(g_strdup(nova_version));
	if (!asked)
		return true;
	if (strcmp(asked, "latest") == 0) {
		ret->minor = max;
		return true;
	}
	if (!parse(asked, &ret->major, &ret->minor)) {
		ret->echo = false;
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.",
				 asked);
	}
	if (ret->major != 2 || ret->minor < NOVA_MICROVERSION_MIN || ret->minor > max)
		return nova_fail(error, NOVA_FAULT_NOT_ACCEPTABLE,
				 "Version %u.%u is not supported by the API. Minimum is 2.%u and maximum is 2.%u.",
				 ret->major, ret->minor, NOVA_MICROVERSION_MIN, max);
	return true;
}

bool nova_microversion_parse_max(const char *text, unsigned *ret_minor, GError **error)
{
	unsigned major, minor;

	if (!parse(text, &major, &minor) || major != 2 || minor < NOVA_MICROVERSION_MIN ||
	    minor > NOVA_MICROVERSION_MAX)
		return nova_fail(error, NOVA_FAULT_CONFIG,
				 "[api] max_microversion is '%s'; it must be between 2.%u and 2.%u", text,
				 NOVA_MICROVERSION_MIN, NOVA_MICROVERSION_MAX);
	*ret_minor = minor;
	return true;
}
