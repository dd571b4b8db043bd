/* The digest scheme: `user:` and the base64 of a hash of `user:password`. libcrypto is
 * first touched here: most servers never pay for its tables. */
#include "server/auth/auth_impl.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "jute/utf8.h"

enum { ALGORITHM_NAME_MAX = 64 };

/* The algorithm by Java's name, kept: one server uses one. */
static const EVP_MD *find_algorithm(const char *name)
{
    static char cached_name[ALGORITHM_NAME_MAX];
    static EVP_MD *cached;

    if (name == NULL || strcasecmp(name, "SHA") == 0)
        name = "SHA1";
    if (cached != NULL && strcmp(cached_name, name) == 0)
        return cached;
    if (strlen(name) >= sizeof cached_name)
        return NULL;

    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);

    /* Java has no digest of variable length. */
    if (md != NULL && EVP_MD_get_size(md) > 0) {
        EVP_MD_free(cached);
        cached = md;
        (void)snprintf(cached_name, sizeof cached_name, "%s", name);
        return cached;
    }
    EVP_MD_free(md);
    return NULL;
}

bool auth_digest_is_known(const char *algorithm)
{
    /* The default needs no question, and so no library at the start. */
    return algorithm == NULL || strcasecmp(algorithm, "SHA1") == 0 ||
           find_algorithm(algorithm) != NULL;
}

static bool append_digest(struct bytes *out, const EVP_MD *md, const uint8_t *at, size_t len)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;

    if (EVP_Digest(at, len, hash, &hash_len, md, NULL) != 1)
        return false;

    const uint8_t *colon = len > 0 ? memchr(at, ':', len) : NULL;

    /* In the form that ACLs are kept in, so that they match. */
    utf8_as_written(out, at, colon != NULL ? (size_t)(colon - at) : len);
    bytes_put(out, ":", 1);

    /* Four characters for each three bytes begun, and a NUL. */
    uint8_t *text = bytes_room(out, (size_t)(hash_len + 2) / 3 * 4 + 1);

    bytes_added(out, (size_t)EVP_EncodeBlock(text, hash, (int)hash_len));
    return true;
}

bool auth_digest_id(struct bytes *out, const char *algorithm, struct jute_bytes user_password)
{
    const EVP_MD *md = find_algorithm(algorithm);
    size_t len = user_password.len > 0 ? (size_t)user_password.len : 0;

    if (md == NULL)
        return false;
    if (utf8_is_valid(user_password.at, len))
        return append_digest(out, md, user_password.at, len);

    /* Java hashes the text that it made of the bytes. */
    struct bytes text = { 0 };

    utf8_repair(&text, user_password.at, len);

    bool ok = append_digest(out, md, text.at, text.len);

    bytes_done(&text);
    return ok;
}

/* Two parts when split at colons; empty parts at the end do not count. */
bool auth_digest_is_valid(struct jute_bytes id)
{
    int32_t len = id.len;

    while (len > 0 && id.at[len - 1] == ':')
        len--;

    const uint8_t *colon = len > 0 ? memchr(id.at, ':', (size_t)len) : NULL;

    return colon != NULL && memchr(colon + 1, ':', (size_t)(id.at + len - colon - 1)) == NULL;
}
