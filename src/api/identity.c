/* SPDX-License-Identifier: Apache-2.0 */
#include "api/identity.h"

#include "api/throttle.h"
#include "common/deadline.h"
#include "common/log.h"
#include "common/password.h"

#include <string.h>

#define MAX_CACHED	   10000
#define FREE_FAILURES	   5  /* of a user at an address */
#define FREE_FROM_ADDRESS  20 /* of all users at an address */
#define VERIFY_MS	   10000 /* longest wait for a turn to verify */
#define AUDIT_ID_CHARS	   22

typedef struct cached {
	nova_token *token;
	nova_deadline until;
} cached;

struct nova_identity {
	nova_db *db;
	GMutex lock; /* of all below; held for moments only */
	GHashTable *tokens; /* digest -> cached */
	unsigned revocations; /* a lookup that began before one may not be remembered */
	nova_throttle *throttle;
	GCond turn;
	unsigned verifying, most_verifying;
	nova_secret *key; /* of this process, for the digests of basic credentials */
};

static void free_cached(void *data)
{
	cached *c = data;

	nova_token_free(c->token);
	g_free(c);
}

nova_identity *nova_identity_new(nova_db *db)
{
	nova_identity *identity = g_new0(nova_identity, 1);

	identity->db = db;
	g_mutex_init(&identity->lock);
	g_cond_init(&identity->turn);
	identity->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_cached);
	identity->throttle = nova_throttle_new();
	identity->most_verifying = MAX(1, g_get_num_processors() / 2);
	identity->key = nova_secret_new();
	return identity;
}

void nova_identity_free(nova_identity *identity)
{
	if (!identity)
		return;
	g_hash_table_unref(identity->tokens);
	nova_throttle_free(identity->throttle);
	g_cond_clear(&identity->turn);
	g_mutex_clear(&identity->lock);
	nova_secret_free(identity->key);
	g_free(identity);
}

/* ---- the cache ---- */

static nova_token *cache_find(nova_identity *identity, const char *digest, unsigned *ret_revocations)
{
	g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&identity->lock);
	const cached *c = g_hash_table_lookup(identity->tokens, digest);

	(void)locked;
	*ret_revocations = identity->revocations;
	if (!c)
		return NULL;
	if (!nova_deadline_is_expired(c->until))
		return nova_token_copy(c->token);
	g_hash_table_remove(identity->tokens, digest);
	return NULL;
}

static void drop_expired(GHashTable *tokens)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, tokens);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (nova_deadline_is_expired(((cached *)value)->until))
			g_hash_table_iter_remove(&iter);
}

static void cache_add(nova_identity *identity, const nova_conf *conf, const char *digest, const nova_token *token,
		      unsigned revocations)
{
	g_autoptr(GMutexLocker) locked = g_mutex_locker_new(&identity->lock);
	cached *c;

	(void)locked;
	if (conf->token_cache_time == 0 || revocations != identity->revocations)
		return;
	if (g_hash_table_size(identity->tokens) >= MAX_CACHED)
		drop_expired(identity->tokens);
	if (g_hash_table_size(identity->tokens) >= MAX_CACHED)
		g_hash_table_remove_all(identity->tokens);
	c = g_new0(cached, 1);
	c->token = nova_token_copy(token);
	c->until = nova_deadline_in_ms(MIN(conf->token_cache_time * 1000, token->remaining_us / 1000));
	g_hash_table_replace(identity->tokens, g_strdup(digest), c);
}

nova_token *nova_identity_find(nova_identity *identity, const nova_conf *conf, const char *token, GError **error)
{
	g_autofree char *digest = NULL;
	unsigned revocations;
	nova_token *found;

	if (!nova_secret_is_well_formed(token))
		return NULL;
	digest = nova_secret_digest(token);
	found = cache_find(identity, digest, &revocations);
	if (found)
		return found;
	found = nova_tokens_find(identity->db, digest, error);
	if (found)
		cache_add(identity, conf, digest, found, revocations);
	return found;
}

bool nova_identity_revoke(nova_identity *identity, const char *token, GError **error)
{
	g_autofree char *digest = nova_secret_digest(token);
	bool done = nova_tokens_revoke(identity->db, digest, error);

	g_mutex_lock(&identity->lock);
	identity->revocations++;
	g_hash_table_remove(identity->tokens, digest);
	g_mutex_unlock(&identity->lock);
	return done;
}

/* ---- passwords ---- */

typedef struct keys {
	char *user, *address;
} keys;

static void clear_keys(keys *k)
{
	g_free(k->user);
	g_free(k->address);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(keys, clear_keys)

static keys keys_of(const nova_login *login)
{
	g_autofree char *network = nova_throttle_network(login->address);

	return (keys){
		.user = g_strdup_printf("%s\n%s\n%s", login->user_id ? "id" : "name",
					login->user_id ? login->user_id : login->user_name, network),
		.address = g_strdup(network),
	};
}

/* With the lock held. */
static bool must_wait(nova_identity *identity, const keys *k, unsigned *ret_retry_s, GError **error)
{
	int64_t now = nova_boottime_usec();
	int64_t wait = MAX(nova_throttle_wait_us(identity->throttle, k->user, now),
			   nova_throttle_wait_us(identity->throttle, k->address, now));

	if (wait == 0)
		return false;
	*ret_retry_s = (unsigned)((wait + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
	nova_fail(error, NOVA_FAULT_TOO_MANY_REQUESTS, "Too many failed logins. Please try again in %u s.",
		  *ret_retry_s);
	return true;
}

/* With the lock held: waits for a turn; `k' may have failed meanwhile. */
static bool take_turn(nova_identity *identity, const keys *k, unsigned *ret_retry_s, GError **error)
{
	int64_t end = g_get_monotonic_time() + VERIFY_MS * G_TIME_SPAN_MILLISECOND;

	while (identity->verifying >= identity->most_verifying)
		if (!g_cond_wait_until(&identity->turn, &identity->lock, end)) {
			*ret_retry_s = 1;
			return nova_fail(error, NOVA_FAULT_TOO_MANY_REQUESTS,
					 "Too many users log in at the same time. Please try again.");
		}
	if (must_wait(identity, k, ret_retry_s, error))
		return false;
	identity->verifying++;
	return true;
}

static bool verify(nova_identity *identity, const keys *k, const nova_login *login, const nova_user *user,
		   bool *ret_right, unsigned *ret_retry_s, GError **error)
{
	bool turn, right;

	g_mutex_lock(&identity->lock);
	turn = !must_wait(identity, k, ret_retry_s, error) && take_turn(identity, k, ret_retry_s, error);
	g_mutex_unlock(&identity->lock);
	if (!turn)
		return false;
	right = nova_password_verify(login->password, user ? user->password_hash : NULL) && user->enabled;
	g_mutex_lock(&identity->lock);
	identity->verifying--;
	g_cond_signal(&identity->turn);
	if (right) {
		nova_throttle_succeeded(identity->throttle, k->user);
	} else {
		nova_throttle_failed(identity->throttle, k->user, FREE_FAILURES, nova_boottime_usec());
		nova_throttle_failed(identity->throttle, k->address, FREE_FROM_ADDRESS, nova_boottime_usec());
	}
	g_mutex_unlock(&identity->lock);
	*ret_right = right;
	return true;
}

nova_user *nova_identity_login(nova_identity *identity, nova_http *http, const nova_login *login,
			       unsigned *ret_retry_s, GError **error)
{
	g_auto(keys) k = keys_of(login);
	const char *named = login->user_id ? login->user_id : login->user_name;
	g_autoptr(nova_user) user = NULL;
	GError *failure = NULL;
	bool right = false, verified;

	if (http && !nova_http_wait_begin(http)) {
		*ret_retry_s = 1;
		nova_fail(error, NOVA_FAULT_TOO_MANY_REQUESTS, "Too many requests wait already. Please try again.");
		return NULL;
	}
	user = nova_users_find_exactly(identity->db, login->user_id, login->user_name, &failure);
	verified = !failure && verify(identity, &k, login, user, &right, ret_retry_s, error);
	if (http)
		nova_http_wait_end(http);
	if (failure)
		g_propagate_error(error, failure);
	if (!verified)
		return NULL;
	if (right)
		return g_steal_pointer(&user);
	nova_log_warning(&((nova_log_tags){ .request_id = login->request_id }), "login of '%.64s' from %s failed%s",
			 named, login->address, user && !user->enabled ? ": the user is disabled" : "");
	nova_fail(error, NOVA_FAULT_UNAUTHORIZED, "The request you have made requires authentication.");
	return NULL;
}

/* ---- basic ---- */

/* What the credentials are remembered by: no use to anybody without this process's key. */
static char *digest_of(const nova_identity *identity, const nova_login *login)
{
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, (const unsigned char *)identity->key, strlen(identity->key));
	char *digest;

	g_hmac_update(hmac, (const unsigned char *)login->user_name, (gssize)strlen(login->user_name) + 1);
	g_hmac_update(hmac, (const unsigned char *)login->password, -1);
	digest = g_strconcat("basic:", g_hmac_get_string(hmac), NULL);
	g_hmac_unref(hmac);
	return digest;
}

nova_token *nova_identity_basic(nova_identity *identity, nova_http *http, const nova_conf *conf,
				const nova_login *login, unsigned *ret_retry_s, GError **error)
{
	g_autofree char *digest = digest_of(identity, login);
	unsigned revocations;
	g_autoptr(nova_token) token = cache_find(identity, digest, &revocations);
	g_autoptr(nova_user) user = NULL;

	if (token)
		return g_steal_pointer(&token);
	user = nova_identity_login(identity, http, login, ret_retry_s, error);
	if (!user)
		return NULL;
	token = g_new0(nova_token, 1);
	token->user_id = g_strdup(user->id);
	token->user_name = g_strdup(user->name);
	token->methods = g_strdup("password");
	token->remaining_us = INT64_MAX;
	if (user->default_project_id) {
		g_autoptr(nova_project) project = nova_projects_find(identity->db, user->default_project_id, error);

		if (!project || !nova_assignments_of(identity->db, user->id, project->id, &token->roles, error))
			return NULL;
		if (project->enabled && token->roles) {
			token->project_id = g_strdup(project->id);
			token->project_name = g_strdup(project->name);
		}
	}
	cache_add(identity, conf, digest, token, revocations);
	return g_steal_pointer(&token);
}

/* ---- issuing ---- */

nova_token *nova_identity_issue(nova_identity *identity, const nova_conf *conf, const char *user_id,
				const char *project_id, const char *parent, const nova_token *parent_token,
				char **ret_token, GError **error)
{
	g_autoptr(nova_secret) secret = nova_secret_new();
	g_autofree char *digest = nova_secret_digest(secret);
	g_autofree char *audit = nova_secret_new();
	g_autofree char *parent_digest = parent ? nova_secret_digest(parent) : NULL;
	const nova_token_request request = {
		.digest = digest,
		.user_id = user_id,
		.project_id = project_id,
		.methods = parent ? "password,token" : "password",
		.audit_id = audit,
		.chain_id = parent_token ? parent_token->chain_id : audit,
		.parent_digest = parent_digest,
		.seconds = conf->token_expiration,
	};
	nova_token *token;

	audit[AUDIT_ID_CHARS] = '\0';
	if (!nova_tokens_create(identity->db, &request, error))
		return NULL;
	token = nova_tokens_find(identity->db, digest, error);
	if (token)
		*ret_token = g_steal_pointer(&secret);
	return token;
}
