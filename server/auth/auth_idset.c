#include "server/auth/auth_impl.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/check.h"

/* Ids lie in the order in which ZK's set of them iterates: it is visible, since `auth` in
 * an ACL becomes one entry an id, and two lists in another order are two lists. The set
 * is a hash table there: 16 chains, doubled when three quarters are used, walked in the
 * order of the chains, each chain in the order of arrival. */
enum { CHAINS_MIN = 16 };

struct idset_entry {
    uint32_t hash; /* Java's, spread. */
    uint16_t at;   /* Of the scheme in the text; the id follows. */
    uint16_t scheme_len, id_len;
    uint16_t scheme; /* enum auth_scheme */
};

struct idset {
    uint32_t refs;
    uint16_t count;
    bool is_super;
    uint32_t text_len;
    struct idset_entry entries[]; /* The text lies behind them. */
};

static const uint8_t *text_of(const struct idset *s)
{
    return (const uint8_t *)(s->entries + s->count);
}

/* ---- Java's hash of an Id. */

/* Takes the next character off valid UTF-8. */
static uint32_t next_character(struct jute_bytes *text)
{
    uint32_t c = *text->at++;
    int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

    text->len--;
    if (more > 0)
        c &= 0x3fu >> more;
    for (; more > 0 && text->len > 0; more--, text->len--)
        c = c << 6 | (*text->at++ & 0x3fu);
    return c;
}

/* h * 31 + each UTF-16 unit. */
static uint32_t java_string_hash(struct jute_bytes text)
{
    uint32_t h = 0;

    while (text.len > 0) {
        uint32_t c = next_character(&text);

        if (c > 0xffff) {
            h = h * 31 + (0xd800u + ((c - 0x10000u) >> 10));
            c = 0xdc00u + ((c - 0x10000u) & 0x3ffu);
        }
        h = h * 31 + c;
    }
    return h;
}

static uint32_t java_id_hash(struct jute_bytes scheme, struct jute_bytes id)
{
    uint32_t h = (17u * 37u + java_string_hash(scheme)) * 37u + java_string_hash(id);

    return (h ^ h >> 16) & 0x7fffffffu;
}

static uint32_t chains_for(size_t count)
{
    uint32_t chains = CHAINS_MIN;

    while (count >= (size_t)chains / 4 * 3)
        chains *= 2;
    return chains;
}

/* ---- Building. */

static struct idset *idset_alloc(size_t count, size_t text_len)
{
    struct idset *s = zk_xmalloc(sizeof *s + count * sizeof s->entries[0] + text_len);

    *s = (struct idset){ .refs = 1, .count = (uint16_t)count, .text_len = (uint32_t)text_len };
    return s;
}

static struct idset_entry entry_of(struct jute_bytes scheme, struct jute_bytes id, size_t at)
{
    return (struct idset_entry){
        .hash = java_id_hash(scheme, id),
        .at = (uint16_t)at,
        .scheme_len = (uint16_t)scheme.len,
        .id_len = (uint16_t)id.len,
        .scheme = (uint16_t)auth_scheme_of(scheme),
    };
}

/* Stable, and nearly sorted input: at most AUTH_IDS_MAX entries. */
static void sort_by_chain(struct idset *s)
{
    uint32_t mask = chains_for(s->count) - 1;

    for (size_t i = 1; i < s->count; i++) {
        struct idset_entry e = s->entries[i];
        size_t k = i;

        for (; k > 0 && (s->entries[k - 1].hash & mask) > (e.hash & mask); k--)
            s->entries[k] = s->entries[k - 1];
        s->entries[k] = e;
    }
}

/* A copy of old (NULL: empty) with one more. */
static struct idset *idset_with(const struct idset *old, struct jute_bytes scheme,
                                struct jute_bytes id)
{
    size_t count = old != NULL ? old->count : 0;
    size_t text_len = old != NULL ? old->text_len : 0;
    struct idset *s = idset_alloc(count + 1, text_len + (size_t)scheme.len + (size_t)id.len);
    uint8_t *text = (uint8_t *)(s->entries + s->count);

    if (old != NULL) {
        memcpy(s->entries, old->entries, count * sizeof s->entries[0]);
        memcpy(text, text_of(old), text_len);
        s->is_super = old->is_super;
    }
    s->entries[count] = entry_of(scheme, id, text_len);
    s->is_super = s->is_super || s->entries[count].scheme == SCHEME_SUPER;
    if (scheme.len > 0)
        memcpy(text + text_len, scheme.at, (size_t)scheme.len);
    if (id.len > 0)
        memcpy(text + text_len + scheme.len, id.at, (size_t)id.len);
    sort_by_chain(s);
    return s;
}

static bool idset_has(const struct idset *s, struct jute_bytes scheme, struct jute_bytes id)
{
    struct jute_bytes has_scheme;
    struct jute_bytes has_id;

    for (size_t i = 0; i < s->count; i++) {
        idset_at(s, i, &has_scheme, &has_id);
        if (jute_bytes_equal(has_scheme, scheme) && jute_bytes_equal(has_id, id))
            return true;
    }
    return false;
}

int auth_idset_add(struct idset **set, struct jute_bytes scheme, struct jute_bytes id)
{
    const struct idset *old = *set;
    size_t more = (size_t)scheme.len + (size_t)id.len;

    if (idset_has(old, scheme, id))
        return 0;
    if (old->count >= AUTH_IDS_MAX || more > AUTH_IDS_BYTES_MAX - old->text_len)
        return -1;

    struct idset *s = idset_with(old, scheme, id);

    (void)idset_unref(*set);
    *set = s;
    return 1;
}

struct idset *idset_of_ids(struct jute_vector ids)
{
    struct jute_in walk = jute_walk(ids);
    struct idset *s = ids.count <= AUTH_IDS_MAX ? idset_alloc(0, 0) : NULL;
    struct jute_id id;

    while (s != NULL && ids.count > 0 && jute_next_id(&walk, &id))
        if (id.scheme.len < 0 || id.id.len < 0 || auth_idset_add(&s, id.scheme, id.id) < 0)
            s = idset_unref(s);
    return s;
}

/* ---- Addresses. */

/* Java prints all eight groups, without leading zeros. A mapped IPv4 address is an
 * IPv4 address to it. The zone of a link-local address is left out, unlike in Java:
 * with it no ACL could match. */
static int print_ipv6(char *ret, size_t size, const uint8_t a[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (memcmp(a, mapped, sizeof mapped) == 0)
        return snprintf(ret, size, "%d.%d.%d.%d", a[12], a[13], a[14], a[15]);

    int len = 0;

    for (int i = 0; i < 16; i += 2)
        len += snprintf(ret + len, size - (size_t)len, i > 0 ? ":%x" : "%x", a[i] << 8 | a[i + 1]);
    return len;
}

struct idset *idset_of_address(const struct sockaddr *peer)
{
    char text[64] = "0.0.0.0"; /* No network address at all: nobody's. */

    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
        uint32_t a = ntohl(in->sin_addr.s_addr);

        (void)snprintf(text, sizeof text, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
                       a & 255);
    } else if (peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)peer;

        (void)print_ipv6(text, sizeof text, in6->sin6_addr.s6_addr);
    }
    return idset_with(NULL, jute_text("ip"), jute_text(text));
}

/* ---- Access. */

struct idset *idset_ref(struct idset *s)
{
    s->refs++;
    return s;
}

struct idset *idset_unref(struct idset *s)
{
    if (s != NULL && --s->refs == 0)
        free(s);
    return NULL;
}

size_t idset_count(const struct idset *s)
{
    return s->count;
}

void idset_at(const struct idset *s, size_t index, struct jute_bytes *ret_scheme,
              struct jute_bytes *ret_id)
{
    zk_assert(index < s->count);

    const struct idset_entry *e = &s->entries[index];
    const uint8_t *at = text_of(s) + e->at;

    *ret_scheme = (struct jute_bytes){ .at = at, .len = e->scheme_len };
    *ret_id = (struct jute_bytes){ .at = at + e->scheme_len, .len = e->id_len };
}

enum auth_scheme idset_scheme_at(const struct idset *s, size_t index)
{
    return (enum auth_scheme)s->entries[index].scheme;
}

bool idset_is_super(const struct idset *s)
{
    return s->is_super;
}
