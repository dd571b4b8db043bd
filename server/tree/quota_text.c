#include "server/tree/quota_text.h"

/* As Java's Long.parseLong() does it for ASCII. */
static bool parse_number(int64_t *ret, const uint8_t *p, const uint8_t *end)
{
    bool negative = p < end && *p == '-';
    int64_t v = 0;

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return false;

        int64_t digit = negative ? -(*p - '0') : *p - '0';

        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *ret = v;
    return true;
}

/* key=value, where what follows a second '=' does not matter and trailing ones are
 * not there: so "key=" is not a pair, but "key==x" has an empty value, which is -1. */
static bool parse_pair(struct quota_text *q, const uint8_t *p, const uint8_t *end)
{
    while (end > p && end[-1] == '=')
        end--;

    const uint8_t *eq = memchr(p, '=', (size_t)(end - p));

    if (eq == NULL)
        return false;

    struct jute_bytes key = { .at = p, .len = (int32_t)(eq - p) };
    const uint8_t *value = eq + 1;
    const uint8_t *stop = memchr(value, '=', (size_t)(end - value));
    int64_t v = -1;

    if (stop == NULL)
        stop = end;
    if (stop > value && !parse_number(&v, value, stop))
        return false;
    return quota_text_set(q, key, v);
}

static bool is_separator(uint8_t c)
{
    return c == ',' || c == ';';
}

bool quota_text_parse(struct quota_text *ret, struct jute_bytes text)
{
    ret->count = 0;
    if (text.len <= 0)
        return text.len == 0;

    const uint8_t *p = text.at;
    const uint8_t *end = text.at + text.len;

    while (end > p && is_separator(end[-1]))
        end--;
    while (p < end) {
        const uint8_t *start = p;

        while (p < end && !is_separator(*p))
            p++;
        /* Separators in front leave an empty pair, which is none. */
        if (!parse_pair(ret, start, p))
            return false;
        while (p < end && is_separator(*p))
            p++;
    }
    return true;
}

static struct quota_pair *find(const struct quota_text *q, struct jute_bytes key)
{
    for (int i = 0; i < q->count; i++)
        if (jute_bytes_equal(q->pairs[i].key, key))
            return (struct quota_pair *)(uintptr_t)&q->pairs[i];
    return NULL;
}

int64_t quota_text_get(const struct quota_text *q, const char *key)
{
    const struct quota_pair *pair = find(q, jute_text(key));

    return pair != NULL ? pair->value : -1;
}

bool quota_text_set(struct quota_text *q, struct jute_bytes key, int64_t value)
{
    struct quota_pair *pair = find(q, key);

    if (pair == NULL) {
        if (q->count == QUOTA_KEYS_MAX)
            return false;
        pair = &q->pairs[q->count++];
        pair->key = key;
    }
    pair->value = value;
    return true;
}

static void write_number(struct bytes *out, int64_t v)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do {
        digits[--at] = (uint8_t)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (v < 0)
        digits[--at] = '-';
    bytes_put(out, digits + at, sizeof digits - at);
}

static bool is_before(struct jute_bytes a, struct jute_bytes b)
{
    size_t len = (size_t)(a.len < b.len ? a.len : b.len);
    int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

    return order != 0 ? order < 0 : a.len < b.len;
}

/* The pair with the next key after `prev` in order, without the two that come first. */
static const struct quota_pair *next_pair(const struct quota_text *q, const struct quota_pair *prev)
{
    const struct quota_pair *next = NULL;

    for (int i = 0; i < q->count; i++) {
        const struct quota_pair *pair = &q->pairs[i];

        if (jute_is_text(pair->key, "count") || jute_is_text(pair->key, "bytes") ||
            (prev != NULL && !is_before(prev->key, pair->key)))
            continue;
        if (next == NULL || is_before(pair->key, next->key))
            next = pair;
    }
    return next;
}

void quota_text_write(const struct quota_text *q, struct bytes *out)
{
    bytes_put(out, "count=", 6);
    write_number(out, quota_text_get(q, "count"));
    bytes_put(out, ",bytes=", 7);
    write_number(out, quota_text_get(q, "bytes"));

    const struct quota_pair *pair = next_pair(q, NULL);

    if (pair != NULL)
        bytes_put(out, "=", 1);
    for (; pair != NULL; pair = next_pair(q, pair)) {
        bytes_put(out, ";", 1);
        bytes_put(out, pair->key.at, (size_t)pair->key.len);
        bytes_put(out, "=", 1);
        write_number(out, pair->value);
    }
}
