/* ACL lists: what a connection may do, and what a list in a request becomes. */
#include <stdlib.h>
#include <sys/auxv.h>

#include "jute/utf8.h"
#include "server/auth/auth_impl.h"
#include "util/check.h"
#include "util/hash.h"

enum {
    /* A list up to this long is compared pair by pair for duplicates. */
    SMALL_LIST = 16,
    /* Entries with a null that are compared with those before them. */
    NULLS_COMPARED = 64,
};

/* ---- 6.2: may they? */

static bool id_matches(const struct auth_conf *conf, enum auth_scheme scheme, struct jute_bytes id,
                       struct jute_bytes pattern)
{
    if (scheme == SCHEME_IP)
        return auth_ip_matches(id, pattern);
    if (jute_bytes_equal(id, pattern))
        return true;
    if (scheme == SCHEME_SASL)
        return jute_is_text(id, "super") ||
               (conf->let_any_sasl != NULL && jute_is_text(pattern, conf->let_any_sasl));
    if (scheme == SCHEME_X509)
        return conf->x509_super_user != NULL && jute_is_text(id, conf->x509_super_user);
    return false;
}

static bool entry_allows(const struct auth_conf *conf, const struct idset *ids,
                         const struct jute_acl *acl)
{
    enum auth_scheme scheme = auth_scheme_of(acl->scheme);
    struct jute_bytes text;
    struct jute_bytes id;

    if (scheme == SCHEME_WORLD)
        return jute_is_text(acl->id, "anyone");
    if (acl->id.len < 0 || !auth_is_registered(conf, scheme))
        return false;
    for (size_t i = 0; i < idset_count(ids); i++) {
        if (idset_scheme_at(ids, i) != scheme)
            continue;
        idset_at(ids, i, &text, &id);
        if (id_matches(conf, scheme, id, acl->id))
            return true;
    }
    return false;
}

bool auth_allows(const struct auth_conf *conf, const struct idset *ids, struct jute_vector acls,
                 int32_t perm)
{
    struct jute_in walk = jute_walk(acls);
    struct jute_acl acl;

    if (conf->skip_acl || acls.count <= 0 || idset_is_super(ids))
        return true;
    while (jute_next_acl(&walk, &acl))
        if ((acl.perms & perm) != 0 && entry_allows(conf, ids, &acl))
            return true;
    return false;
}

/* ---- 6.3: duplicates. A set of the entries so far, by their place in the list. */

struct acl_set {
    struct jute_acl *items; /* Those kept. */
    size_t count;
    uint32_t *slots; /* Index into items, plus 1; NULL for a small list. */
    size_t mask;
    uint64_t seed;
};

static bool acls_equal(const struct jute_acl *a, const struct jute_acl *b)
{
    return a->perms == b->perms && jute_bytes_equal(a->scheme, b->scheme) &&
           jute_bytes_equal(a->id, b->id);
}

/* No result depends on it; without it, entries that collide could be prepared. */
static uint64_t hash_seed(void)
{
    uint64_t seed = 0;
    const void *random = (const void *)getauxval(AT_RANDOM);

    if (random != NULL)
        memcpy(&seed, random, sizeof seed);
    return seed;
}

static uint64_t acl_hash(const struct acl_set *set, const struct jute_acl *a)
{
    uint64_t h = hash_u64(set->seed, (uint32_t)a->perms);

    h = a->scheme.len > 0 ? hash_bytes(h, a->scheme.at, (size_t)a->scheme.len) : h;
    return a->id.len > 0 ? hash_bytes(h, a->id.at, (size_t)a->id.len) : h;
}

static void acl_set_put(struct acl_set *set, const struct jute_acl *acl)
{
    if (set->slots == NULL) {
        for (size_t i = 0; i < set->count; i++)
            if (acls_equal(&set->items[i], acl))
                return;
    } else {
        size_t slot = acl_hash(set, acl) & set->mask;

        for (; set->slots[slot] != 0; slot = (slot + 1) & set->mask)
            if (acls_equal(&set->items[set->slots[slot] - 1], acl))
                return;
        set->slots[slot] = (uint32_t)set->count + 1;
    }
    set->items[set->count++] = *acl;
}

/* In ZK an entry without a scheme, or without an id, can't even be compared with an
 * earlier one that equals it so far: the request fails in another way. */
static bool null_breaks_comparison(const struct acl_set *set, const struct jute_acl *acl)
{
    if (acl->scheme.len >= 0 && acl->id.len >= 0)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        const struct jute_acl *other = &set->items[i];

        if (acl->perms == other->perms &&
            (acl->scheme.len < 0 || jute_bytes_equal(acl->scheme, other->scheme)))
            return true;
    }
    return false;
}

static void acl_set_init(struct acl_set *set, size_t count)
{
    *set = (struct acl_set){ .items = zk_xcalloc(count, sizeof set->items[0]) };
    if (count <= SMALL_LIST)
        return;
    set->seed = hash_seed();
    set->mask = 64;
    while (set->mask < count * 2)
        set->mask *= 2;
    set->slots = zk_xcalloc(set->mask, sizeof set->slots[0]);
    set->mask--;
}

static void acl_set_done(struct acl_set *set)
{
    free(set->items);
    free(set->slots);
}

/* Fills the set with the list, each entry once, the first one kept. */
static enum zk_err drop_duplicates(struct acl_set *set, struct jute_vector acls)
{
    struct jute_in walk = jute_walk(acls);
    struct jute_acl acl;
    size_t nulls = 0;

    acl_set_init(set, (size_t)acls.count);
    while (jute_next_acl(&walk, &acl)) {
        /* A list with a null fails in any case: only how is the question, and not one to
         * spend the square of a hostile list's length on. */
        if (nulls < NULLS_COMPARED && null_breaks_comparison(set, &acl))
            return ZK_MARSHALLING_ERROR;
        nulls += acl.scheme.len < 0 || acl.id.len < 0;
        acl_set_put(set, &acl);
    }
    return ZK_OK;
}

/* ---- 6.3: entries. */

/* The list that a request's list becomes. */
struct fixed_list {
    struct bytes *out;
    size_t begin;
    int32_t count;
};

static enum zk_err append_acl(struct fixed_list *list, const struct jute_acl *acl)
{
    if (list->out->len - list->begin + 12 + (size_t)acl->scheme.len + (size_t)acl->id.len >
        ACL_BYTES_MAX)
        return ZK_INVALID_ACL;
    jute_write_acl(list->out, *acl);
    list->count++;
    return ZK_OK;
}

static enum zk_err expand_auth(struct fixed_list *list, const struct auth_conf *conf,
                               const struct idset *ids, int32_t perms)
{
    struct jute_acl acl = { .perms = perms };
    enum zk_err err = ZK_INVALID_ACL; /* Until somebody is found. */

    for (size_t i = 0; i < idset_count(ids); i++) {
        enum auth_scheme scheme = idset_scheme_at(ids, i);

        if (!auth_is_identity(scheme) || !auth_is_registered(conf, scheme))
            continue;
        idset_at(ids, i, &acl.scheme, &acl.id);
        err = append_acl(list, &acl);
        if (err != ZK_OK)
            return err;
    }
    return err;
}

/* No part of `primary[/host]@realm` holds another '/' or '@'; without '@' anything goes. */
static bool sasl_is_valid(struct jute_bytes id)
{
    const uint8_t *at = id.len > 0 ? memchr(id.at, '@', (size_t)id.len) : NULL;

    if (at == NULL)
        return true;

    const uint8_t *end = id.at + id.len;
    const uint8_t *slash = memchr(id.at, '/', (size_t)(at - id.at));

    if (memchr(at + 1, '@', (size_t)(end - at - 1)) != NULL ||
        memchr(at + 1, '/', (size_t)(end - at - 1)) != NULL)
        return false;
    return slash == NULL || memchr(slash + 1, '/', (size_t)(at - slash - 1)) == NULL;
}

static bool form_is_valid(enum auth_scheme scheme, struct jute_bytes id)
{
    switch (scheme) {
    case SCHEME_IP:
        return auth_ip_is_valid(id);
    case SCHEME_DIGEST:
        return auth_digest_is_valid(id);
    case SCHEME_SASL:
        return sasl_is_valid(id);
    case SCHEME_X509:
        return auth_x509_is_valid(id);
    case SCHEME_UNKNOWN:
    case SCHEME_WORLD:
    case SCHEME_AUTH:
    case SCHEME_SUPER:
    case SCHEME_ENSEMBLE:
        break;
    }
    return false;
}

static enum zk_err fix_entry(struct fixed_list *list, const struct auth_conf *conf,
                             const struct idset *ids, const struct jute_acl *acl)
{
    enum auth_scheme scheme = auth_scheme_of(acl->scheme);

    if (acl->scheme.len < 0)
        return ZK_INVALID_ACL;
    if (scheme == SCHEME_AUTH)
        return expand_auth(list, conf, ids, acl->perms);
    if (scheme != SCHEME_WORLD && (scheme == SCHEME_ENSEMBLE || !auth_is_registered(conf, scheme)))
        return ZK_INVALID_ACL;
    if (acl->id.len < 0)
        return ZK_MARSHALLING_ERROR;
    if (scheme == SCHEME_WORLD ? !jute_is_text(acl->id, "anyone") : !form_is_valid(scheme, acl->id))
        return ZK_INVALID_ACL;
    return append_acl(list, acl);
}

static enum zk_err fix_list(const struct auth_conf *conf, const struct idset *ids,
                            struct jute_vector acls, struct bytes *out)
{
    struct fixed_list list = { .out = out, .begin = out->len };
    struct acl_set set;
    enum zk_err err = drop_duplicates(&set, acls);

    jute_write_i32(out, 0);
    for (size_t i = 0; i < set.count && err == ZK_OK; i++)
        err = fix_entry(&list, conf, ids, &set.items[i]);
    acl_set_done(&set);
    if (err != ZK_OK)
        out->len = list.begin;
    else
        (void)jute_store32(out->at + list.begin, (uint32_t)list.count);
    return err;
}

/* ---- Text as ZK keeps it. */

static bool text_is_valid(struct jute_bytes text)
{
    return text.len <= 0 || utf8_is_as_written(text.at, (size_t)text.len);
}

static bool list_is_text(struct jute_vector acls)
{
    struct jute_in walk = jute_walk(acls);
    struct jute_acl acl;

    while (jute_next_acl(&walk, &acl))
        if (!text_is_valid(acl.scheme) || !text_is_valid(acl.id))
            return false;
    return true;
}

static void write_repaired(struct bytes *out, struct jute_bytes text)
{
    size_t begin = out->len;

    jute_write_i32(out, text.len);
    if (text.len <= 0)
        return;
    utf8_as_written(out, text.at, (size_t)text.len);
    (void)jute_store32(out->at + begin, (uint32_t)(out->len - begin - 4));
}

static enum zk_err fix_repaired_list(const struct auth_conf *conf, const struct idset *ids,
                                     struct jute_vector acls, struct bytes *out)
{
    struct jute_in walk = jute_walk(acls);
    struct bytes elements = { 0 };
    struct jute_acl acl;

    while (jute_next_acl(&walk, &acl)) {
        jute_write_i32(&elements, acl.perms);
        write_repaired(&elements, acl.scheme);
        write_repaired(&elements, acl.id);
    }

    enum zk_err err = fix_list(conf, ids, jute_vector_of(&elements, acls.count), out);

    bytes_done(&elements);
    return err;
}

/* The list that nearly every request has: any perms, world:anyone. */
static bool is_open_list(struct jute_vector acls)
{
    static const uint8_t anyone[] = { 0, 0, 0, 5,   'w', 'o', 'r', 'l', 'd', 0,
                                      0, 0, 6, 'a', 'n', 'y', 'o', 'n', 'e' };

    return acls.count == 1 && acls.len == 4 + sizeof anyone &&
           memcmp(acls.at + 4, anyone, sizeof anyone) == 0;
}

enum zk_err auth_fix_acls(const struct auth_conf *conf, const struct idset *ids,
                          struct jute_vector acls, struct bytes *out)
{
    if (acls.count <= 0)
        return ZK_INVALID_ACL;
    if (is_open_list(acls)) {
        jute_write_acls(out, acls);
        return ZK_OK;
    }
    if (!list_is_text(acls))
        return fix_repaired_list(conf, ids, acls, out);
    return fix_list(conf, ids, acls, out);
}

/* ---- 3.11. */

void auth_mask_acls(struct jute_vector acls, struct bytes *out)
{
    struct jute_in walk = jute_walk(acls);
    struct jute_acl acl;

    jute_write_i32(out, acls.count);
    while (jute_next_acl(&walk, &acl)) {
        const uint8_t *colon = NULL;

        if (acl.id.len > 0 && auth_scheme_of(acl.scheme) == SCHEME_DIGEST)
            colon = memchr(acl.id.at, ':', (size_t)acl.id.len);
        if (colon == NULL) {
            jute_write_acl(out, acl);
            continue;
        }

        size_t user_len = (size_t)(colon - acl.id.at);

        jute_write_i32(out, acl.perms);
        jute_write_str(out, acl.scheme);
        jute_write_i32(out, (int32_t)user_len + 2);
        bytes_put(out, acl.id.at, user_len);
        bytes_put(out, ":x", 2);
    }
}
