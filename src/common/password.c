/* SPDX-License-Identifier: Apache-2.0 */
#include "common/password.h"

#include <crypt.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define METHOD	     "$y$" /* yescrypt at libxcrypt's default cost */
#define SECRET_BYTES 32
#define SECRET_CHARS 43

/* A hash like any other whose password nobody knows. */
static const char *nobodys_hash(void)
{
	static GMutex lock;
	static char *hash;

	g_mutex_lock(&lock);
	if (!hash) {
		g_autoptr(nova_secret) password = nova_secret_new();

		hash = nova_password_hash(password, NULL);
	}
	g_mutex_unlock(&lock);
	return hash ? hash : METHOD;
}

bool nova_password_check(const char *password, GError **error)
{
	size_t length = strlen(password);

	if (length == 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "the password is empty");
	if (length > NOVA_PASSWORD_MAX)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "the password is longer than %d bytes",
				 NOVA_PASSWORD_MAX);
	for (const char *c = password; *c; c++)
		if (g_ascii_iscntrl(*c))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "the password contains a control character");
	return true;
}

/* crypt_r() with memory of its own, wiped afterwards.  NULL: the method is unknown. */
static char *run_crypt(const char *password, const char *setting)
{
	struct crypt_data *data = g_new0(struct crypt_data, 1);
	const char *hash = crypt_r(password, setting, data);
	char *copy = hash && *hash != '*' ? g_strdup(hash) : NULL;

	explicit_bzero(data, sizeof *data);
	g_free(data);
	return copy;
}

char *nova_password_hash(const char *password, GError **error)
{
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	char *hash = NULL;

	if (crypt_gensalt_rn(METHOD, 0, NULL, 0, salt, sizeof salt))
		hash = run_crypt(password, salt);
	if (!hash)
		nova_fail(error, NOVA_FAULT_INTERNAL, "libcrypt cannot make a yescrypt hash: %s", g_strerror(errno));
	return hash;
}

bool nova_password_verify(const char *password, const char *hash)
{
	const char *against = hash ? hash : nobodys_hash();
	g_autofree char *made = strlen(password) <= NOVA_PASSWORD_MAX ? run_crypt(password, against) : NULL;

	return hash && made && nova_secret_equals(made, hash);
}

char *nova_secret_new(void)
{
	unsigned char bytes[SECRET_BYTES];
	char *text;

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		g_error("getrandom: %s", g_strerror(errno));
	text = g_base64_encode(bytes, sizeof bytes);
	explicit_bzero(bytes, sizeof bytes);
	text[SECRET_CHARS] = '\0'; /* the padding */
	g_strdelimit(text, "+", '-');
	g_strdelimit(text, "/", '_');
	return text;
}

bool nova_secret_is_well_formed(const char *text)
{
	size_t n = 0;

	while (n <= SECRET_CHARS && (g_ascii_isalnum(text[n]) || text[n] == '-' || text[n] == '_'))
		n++;
	return n == SECRET_CHARS && !text[n];
}

char *nova_secret_digest(const char *secret)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
}

bool nova_secret_equals(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differ = 0;

	if (n != strlen(b))
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

void nova_secret_free(nova_secret *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
}
