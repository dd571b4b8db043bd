#include "server/auth/auth_impl.h"

#include "jute/utf8.h"
#include "util/check.h"

enum auth_scheme auth_scheme_of(struct jute_bytes text)
{
    static const struct {
        const char *name;
        int32_t len;
        enum auth_scheme scheme;
    } names[] = {
        { "world", 5, SCHEME_WORLD },   { "ip", 2, SCHEME_IP },
        { "digest", 6, SCHEME_DIGEST }, { "auth", 4, SCHEME_AUTH },
        { "sasl", 4, SCHEME_SASL },     { "x509", 4, SCHEME_X509 },
        { "super", 5, SCHEME_SUPER },   { "ensemble", 8, SCHEME_ENSEMBLE },
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (text.len == names[i].len && memcmp(text.at, names[i].name, (size_t)text.len) == 0)
            return names[i].scheme;
    return SCHEME_UNKNOWN;
}

bool auth_is_registered(const struct auth_conf *conf, enum auth_scheme scheme)
{
    switch (scheme) {
    case SCHEME_IP:
        return true;
    case SCHEME_DIGEST:
        return conf->digest_enabled;
    case SCHEME_SASL:
        return conf->sasl_provider;
    case SCHEME_X509:
        return conf->x509_provider;
    case SCHEME_ENSEMBLE:
        return conf->ensemble_provider;
    case SCHEME_UNKNOWN:
    case SCHEME_WORLD:
    case SCHEME_AUTH:
    case SCHEME_SUPER:
        break;
    }
    return false;
}

bool auth_is_identity(enum auth_scheme scheme)
{
    return scheme == SCHEME_DIGEST || scheme == SCHEME_SASL || scheme == SCHEME_X509;
}

bool auth_next_name(const char **list, struct jute_bytes *ret)
{
    const char *p = *list;

    if (p == NULL)
        return false;
    p += strspn(p, ", \t");

    size_t len = strcspn(p, ",");

    *list = p + len;
    while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
        len--;
    *ret = (struct jute_bytes){ .at = (const uint8_t *)p, .len = (int32_t)len };
    return len > 0;
}

const char *auth_conf_check(const struct auth_conf *conf)
{
    const char *list = conf->enforced_schemes;
    struct jute_bytes name;
    size_t count = 0;

    while (auth_next_name(&list, &name)) {
        if (!auth_is_registered(conf, auth_scheme_of(name)))
            return "enforce.auth.schemes names a scheme that is not enabled";
        count++;
    }
    if (conf->enforced_schemes != NULL && count == 0)
        return "enforce.auth.enabled needs a scheme in enforce.auth.schemes";
    if (conf->digest_enabled && !auth_digest_is_known(conf->digest_algorithm))
        return "DigestAuthenticationProvider.digestAlg is not a known digest algorithm";
    return NULL;
}

/* Does not tell by its time how much of a guess was right. */
static bool is_super_digest(const struct auth_conf *conf, const struct bytes *id)
{
    if (conf->super_digest == NULL || strlen(conf->super_digest) != id->len)
        return false;

    uint8_t differs = 0;

    for (size_t i = 0; i < id->len; i++)
        differs |= (uint8_t)(id->at[i] ^ (uint8_t)conf->super_digest[i]);
    return differs == 0;
}

static enum auth_answer digest_packet(const struct auth_conf *conf, struct idset **ids,
                                      struct jute_bytes data)
{
    struct bytes id = { 0 };

    if (data.len < 0 || data.len > AUTH_IDS_BYTES_MAX ||
        !auth_digest_id(&id, conf->digest_algorithm, data)) {
        bytes_done(&id);
        return AUTH_FAILED;
    }

    struct idset *before = idset_ref(*ids);
    const struct jute_bytes nothing = { .at = id.at, .len = 0 };
    int r = is_super_digest(conf, &id) ? auth_idset_add(ids, jute_text("super"), nothing) : 0;

    if (r >= 0)
        r = auth_idset_add(ids, jute_text("digest"),
                           (struct jute_bytes){ .at = id.at, .len = (int32_t)id.len });
    bytes_done(&id);
    if (r < 0) { /* All or nothing. */
        (void)idset_unref(*ids);
        *ids = before;
        return AUTH_FAILED;
    }
    (void)idset_unref(before);
    return AUTH_OK;
}

static enum auth_answer ensemble_packet(const struct auth_conf *conf, struct jute_bytes data)
{
    const char *list = conf->ensemble_names;
    struct jute_bytes name;

    if (data.len <= 0 || list == NULL)
        return AUTH_OK;
    while (auth_next_name(&list, &name))
        if (jute_bytes_equal(name, data))
            return AUTH_OK;
    return AUTH_CLOSE;
}

enum auth_answer auth_packet(const struct auth_conf *conf, struct idset **ids,
                             struct jute_bytes scheme, struct jute_bytes data)
{
    enum auth_scheme s = auth_scheme_of(scheme);

    if (!auth_is_registered(conf, s))
        return AUTH_FAILED;
    switch (s) {
    case SCHEME_IP: /* The connection has its address since it began. */
        return AUTH_OK;
    case SCHEME_DIGEST:
        return digest_packet(conf, ids, data);
    case SCHEME_ENSEMBLE:
        return ensemble_packet(conf, data);
    case SCHEME_SASL: /* Has an opcode of its own. */
    case SCHEME_X509: /* Asks for the certificate of a TLS connection. */
    case SCHEME_UNKNOWN:
    case SCHEME_WORLD:
    case SCHEME_AUTH:
    case SCHEME_SUPER:
        break;
    }
    return AUTH_FAILED;
}

bool auth_is_enough(const struct auth_conf *conf, const struct idset *ids)
{
    const char *list = conf->enforced_schemes;
    struct jute_bytes name;
    struct jute_bytes scheme;
    struct jute_bytes id;

    if (list == NULL)
        return true;
    while (auth_next_name(&list, &name)) {
        for (size_t i = 0; i < idset_count(ids); i++) {
            idset_at(ids, i, &scheme, &id);
            if (jute_bytes_equal(scheme, name))
                return true;
        }
    }
    return false;
}

struct jute_bytes idset_user_at(const struct auth_conf *conf, const struct idset *s, size_t index)
{
    enum auth_scheme scheme = idset_scheme_at(s, index);
    struct jute_bytes text;
    struct jute_bytes id;

    idset_at(s, index, &text, &id);
    if (!auth_is_registered(conf, scheme))
        return (struct jute_bytes){ .at = id.at, .len = 0 };
    if (scheme == SCHEME_DIGEST) {
        const uint8_t *colon = id.len > 0 ? memchr(id.at, ':', (size_t)id.len) : NULL;

        if (colon != NULL)
            id.len = (int32_t)(colon - id.at);
    }
    return id;
}
