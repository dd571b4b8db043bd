#include "server/tree/path.h"

#include "util/check.h"

/* Bytes of the well-formed character at p, or 0 when a path may not hold it. Of what
 * is forbidden, all above U+007F is recognised by the bytes; what would need four of
 * them is two surrogates to ZK. */
static size_t legal_char(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (p[0] < 0xe0) /* U+0080 to U+009F. */
        return left >= 2 && p[0] >= 0xc2 && !(p[0] == 0xc2 && p[1] < 0xa0) ? 2 : 0;
    if (p[0] >= 0xf0 || left < 3)
        return 0;

    uint32_t c = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);

    return c < 0xd800 || (c > 0xf8ff && c < 0xfff0) ? 3 : 0;
}

static bool is_dots(const uint8_t *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Where the component at p ends, or NULL if it has a forbidden character. */
static const uint8_t *legal_end(const uint8_t *p, const uint8_t *end)
{
    while (p != end && *p != '/') {
        size_t len = legal_char(p, (size_t)(end - p));

        if (len == 0)
            return NULL;
        p += len;
    }
    return p;
}

bool path_is_valid(struct jute_bytes path)
{
    if (path.len < 1 || path.at[0] != '/')
        return false;

    const uint8_t *end = path.at + path.len;
    const uint8_t *p = path.at;

    if (path.len == 1)
        return true;
    while (p != end) {
        const uint8_t *name = p + 1;

        p = legal_end(name, end);
        if (p == NULL || p == name || is_dots(name, (size_t)(p - name)))
            return false;
    }
    return true;
}

bool path_has_nul(struct jute_bytes path)
{
    return path.len > 0 && memchr(path.at, 0, (size_t)path.len) != NULL;
}

bool path_is_plausible(struct jute_bytes path)
{
    return path.len > 0 && memchr(path.at, '/', (size_t)path.len) != NULL && !path_has_nul(path);
}

bool path_is_reserved(struct jute_bytes path)
{
    return jute_is_text(path, "/") || jute_is_text(path, "/zookeeper") ||
           jute_is_text(path, "/zookeeper/quota") || jute_is_text(path, "/zookeeper/config");
}

static int32_t last_slash(struct jute_bytes path)
{
    const uint8_t *slash = path.len > 0 ? memrchr(path.at, '/', (size_t)path.len) : NULL;

    zk_assert(slash != NULL);
    return (int32_t)(slash - path.at);
}

struct jute_bytes path_parent(struct jute_bytes path)
{
    return (struct jute_bytes){ .at = path.at, .len = last_slash(path) };
}

struct jute_bytes path_last(struct jute_bytes path)
{
    int32_t start = last_slash(path) + 1;

    return (struct jute_bytes){ .at = path.at + start, .len = path.len - start };
}
