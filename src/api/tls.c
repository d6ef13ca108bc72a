/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <time.h>

#define MAX_CHAIN  8u
#define MAX_FILE   (256u * 1024)
#define SOON_S	   (7 * 86400)
#define TIME_CHARS 32

/* One certificate and its key; GnuTLS borrows both for handshakes that may still run when the next one is shown. */
typedef struct shown {
	gnutls_pcert_st chain[MAX_CHAIN];
	unsigned n_chain;
	gnutls_privkey_t key;
	gnutls_datum_t cert_text; /* to see whether a file has changed */
	gnutls_datum_t key_text;
} shown;

static struct {
	GMutex lock;
	GPtrArray *all; /* of shown; the last one counts */
} state;

static void shown_free(void *data)
{
	shown *s = data;

	for (unsigned i = 0; i < s->n_chain; i++)
		gnutls_pcert_deinit(&s->chain[i]);
	if (s->key)
		gnutls_privkey_deinit(s->key);
	if (s->key_text.data)
		gnutls_memset(s->key_text.data, 0, s->key_text.size);
	g_free(s->cert_text.data);
	g_free(s->key_text.data);
	g_free(s);
}

static bool read_file(const char *what, const char *file, gnutls_datum_t *ret, GError **error)
{
	g_autoptr(GError) local = NULL;
	char *text = NULL;
	size_t size = 0;

	if (!g_file_get_contents(file, &text, &size, &local))
		return nova_fail(error, NOVA_FAULT_CONFIG, "the TLS %s cannot be read: %s", what, local->message);
	ret->data = (unsigned char *)text;
	ret->size = (unsigned)MIN(size, MAX_FILE + 1);
	if (size > MAX_FILE)
		return nova_fail(error, NOVA_FAULT_CONFIG, "the TLS %s '%s' has more than %u bytes", what, file,
				 MAX_FILE);
	return true;
}

static bool judge(int code, const char *what, const char *file, GError **error)
{
	return code >= 0 || nova_fail(error, NOVA_FAULT_CONFIG, "the TLS %s '%s' cannot be used: %s", what, file,
				      gnutls_strerror(code));
}

/* The library would find out with the first client. */
static bool check_pair(const shown *s, const char *cert_file, const char *key_file, GError **error)
{
	gnutls_certificate_credentials_t credentials;
	int code = gnutls_certificate_allocate_credentials(&credentials);

	if (code == 0) {
		code = gnutls_certificate_set_x509_key_mem2(credentials, &s->cert_text, &s->key_text,
							    GNUTLS_X509_FMT_PEM, NULL, 0);
		gnutls_certificate_free_credentials(credentials);
	}
	if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return nova_fail(error, NOVA_FAULT_CONFIG, "the TLS key '%s' is not that of the certificate '%s'",
				 key_file, cert_file);
	return judge(code, "certificate", cert_file, error);
}

static char *when(time_t at)
{
	struct tm utc;
	char text[TIME_CHARS];

	gmtime_r(&at, &utc);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
	return g_strdup(text);
}

static char *warning_of(const shown *s, const char *file)
{
	time_t now = time(NULL), begins, ends;
	gnutls_x509_crt_t crt;
	g_autofree char *at = NULL;
	char *text = NULL;

	if (gnutls_x509_crt_init(&crt) != 0)
		return NULL;
	if (gnutls_x509_crt_import(crt, &s->cert_text, GNUTLS_X509_FMT_PEM) == 0) {
		begins = gnutls_x509_crt_get_activation_time(crt);
		ends = gnutls_x509_crt_get_expiration_time(crt);
		at = when(begins > now ? begins : ends);
		if (begins > now)
			text = g_strdup_printf("the TLS certificate '%s' is not valid before %s", file, at);
		else if (ends < now)
			text = g_strdup_printf("the TLS certificate '%s' is not valid any more since %s", file, at);
		else if (ends < now + SOON_S)
			text = g_strdup_printf("the TLS certificate '%s' is valid until %s only", file, at);
	}
	gnutls_x509_crt_deinit(crt);
	return text;
}

static bool import(shown *s, const char *cert_file, const char *key_file, GError **error)
{
	unsigned n = MAX_CHAIN;
	int code;

	code = gnutls_pcert_list_import_x509_raw(s->chain, &n, &s->cert_text, GNUTLS_X509_FMT_PEM, 0);
	if (!judge(code, "certificate", cert_file, error))
		return false;
	s->n_chain = n;
	code = gnutls_privkey_init(&s->key);
	if (code == 0)
		code = gnutls_privkey_import_x509_raw(s->key, &s->key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
	return judge(code, "key", key_file, error) && check_pair(s, cert_file, key_file, error);
}

static bool is_same(const gnutls_datum_t *a, const gnutls_datum_t *b)
{
	return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool nova_tls_load(const char *cert_file, const char *key_file, char **ret_warning, GError **error)
{
	shown *s = g_new0(shown, 1), *last = NULL;

	*ret_warning = NULL;
	if (!read_file("certificate", cert_file, &s->cert_text, error) ||
	    !read_file("key", key_file, &s->key_text, error) || !import(s, cert_file, key_file, error)) {
		shown_free(s);
		return false;
	}
	*ret_warning = warning_of(s, cert_file);
	g_mutex_lock(&state.lock);
	if (!state.all)
		state.all = g_ptr_array_new_with_free_func(shown_free);
	if (state.all->len > 0)
		last = state.all->pdata[state.all->len - 1];
	if (last && is_same(&last->cert_text, &s->cert_text) && is_same(&last->key_text, &s->key_text))
		shown_free(s);
	else
		g_ptr_array_add(state.all, s);
	g_mutex_unlock(&state.lock);
	return true;
}

static int retrieve(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
		    const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **chain,
		    unsigned *n_chain, gnutls_privkey_t *key)
{
	shown *last;

	(void)session;
	(void)names;
	(void)n_names;
	(void)algorithms;
	(void)n_algorithms;
	g_mutex_lock(&state.lock);
	last = state.all->pdata[state.all->len - 1];
	g_mutex_unlock(&state.lock);
	*chain = last->chain;
	*n_chain = last->n_chain;
	*key = last->key;
	return 0;
}

void *nova_tls_callback(void)
{
	return (void *)retrieve;
}

void nova_tls_unload(void)
{
	g_mutex_lock(&state.lock);
	g_clear_pointer(&state.all, g_ptr_array_unref);
	g_mutex_unlock(&state.lock);
}
