/* SPDX-License-Identifier: Apache-2.0 */
#include "api/ssh_key.h"

#include "common/error.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define BITS	 2048
#define LONGEST	 16384 /* an RSA key of 16384 bits has 2800 characters */
#define COMMENT	 "Generated-by-nova-lite"
#define TYPE_RSA "ssh-rsa"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

static const char *const types[] = { TYPE_RSA,
				     "ssh-dss",
				     "ssh-ed25519",
				     "ecdsa-sha2-nistp256",
				     "ecdsa-sha2-nistp384",
				     "ecdsa-sha2-nistp521",
				     "sk-ssh-ed25519@openssh.com",
				     "sk-ecdsa-sha2-nistp256@openssh.com",
				     NULL };

/* ---- reading ---- */

/* A blob is a sequence of strings, each with its length before it; the first is the type. */
static bool is_blob(const unsigned char *blob, size_t size, const char *type)
{
	unsigned parts = 0;

	while (size >= 4) {
		size_t n = (size_t)blob[0] << 24 | (size_t)blob[1] << 16 | (size_t)blob[2] << 8 | blob[3];

		blob += 4;
		size -= 4;
		if (n > size || (parts == 0 && (n != strlen(type) || memcmp(blob, type, n) != 0)))
			return false;
		blob += n;
		size -= n;
		parts++;
	}
	return size == 0 && parts >= 2;
}

static char *colons(const char *hex)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; hex[i] && hex[i + 1]; i += 2)
		g_string_append_printf(out, "%s%c%c", i ? ":" : "", hex[i], hex[i + 1]);
	return g_string_free(out, FALSE);
}

char *nova_ssh_key_fingerprint(const char *public_key, GError **error)
{
	g_autofree char *line = g_strstrip(g_strdup(public_key));
	g_auto(GStrv) words = g_strsplit_set(line, " \t", 3);
	g_autofree unsigned char *blob = NULL;
	g_autofree char *sum = NULL;
	g_autofree char *again = NULL;
	size_t size = 0;

	if (strlen(line) <= LONGEST && !strpbrk(line, "\r\n") && g_strv_length(words) >= 2 &&
	    g_strv_contains(types, words[0]) && *words[1]) {
		blob = g_base64_decode(words[1], &size);
		again = g_base64_encode(blob, size);
	}
	/* GLib passes over what is no base64; what comes back must be what was there. */
	if (!blob || strcmp(again, words[1]) != 0 || !is_blob(blob, size, words[0])) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Keypair data is invalid: failed to generate fingerprint");
		return NULL;
	}
	sum = g_compute_checksum_for_data(G_CHECKSUM_MD5, blob, size);
	return colons(sum);
}

/* ---- making ---- */

static bool crypto_failed(const char *what, GError **error)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	return nova_fail(error, NOVA_FAULT_INTERNAL, "libcrypto could not %s: %s", what, text);
}

static void append_string(GByteArray *blob, const void *bytes, size_t n)
{
	const unsigned char length[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
					  (unsigned char)n };

	g_byte_array_append(blob, length, sizeof length);
	g_byte_array_append(blob, bytes, (unsigned)n);
}

/* As a positive number: with a zero byte before a first bit that is set. */
static void append_number(GByteArray *blob, const BIGNUM *number)
{
	size_t n = (size_t)BN_num_bytes(number);
	g_autofree unsigned char *bytes = g_malloc0(n + 1);

	BN_bn2bin(number, bytes + 1);
	if (n > 0 && (bytes[1] & 0x80))
		append_string(blob, bytes, n + 1);
	else
		append_string(blob, bytes + 1, n);
}

static char *public_line(const EVP_PKEY *key, GError **error)
{
	g_autoptr(GByteArray) blob = g_byte_array_new();
	g_autoptr(BIGNUM) e = NULL;
	g_autoptr(BIGNUM) n = NULL;
	g_autofree char *text = NULL;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1) {
		crypto_failed("read a public key", error);
		return NULL;
	}
	append_string(blob, TYPE_RSA, strlen(TYPE_RSA));
	append_number(blob, e);
	append_number(blob, n);
	text = g_base64_encode(blob->data, blob->len);
	return g_strconcat(TYPE_RSA " ", text, " " COMMENT, NULL);
}

bool nova_ssh_key_generate(char **ret_private, char **ret_public, GError **error)
{
	g_autoptr(EVP_PKEY) key = EVP_RSA_gen(BITS);
	g_autoptr(BIO) out = BIO_new(BIO_s_secmem());
	char *bytes = NULL, *line;
	long n;

	if (!key || !out ||
	    PEM_write_bio_PrivateKey_traditional(out, key, NULL, NULL, 0, NULL, NULL) != 1)
		return crypto_failed("make a key pair", error);
	line = public_line(key, error);
	if (!line)
		return false;
	n = BIO_get_mem_data(out, &bytes);
	*ret_private = g_strndup(bytes, (size_t)n);
	*ret_public = line;
	return true;
}

void nova_ssh_key_forget(char *private_key)
{
	if (!private_key)
		return;
	OPENSSL_cleanse(private_key, strlen(private_key));
	g_free(private_key);
}
