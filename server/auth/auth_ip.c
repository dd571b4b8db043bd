/* Addresses in ACLs, read the way ZK's IP provider reads them: with Java's parseInt, one
 * `::`, and no IPv4 tail in an IPv6 address. */
#include "server/auth/auth_impl.h"

#include <limits.h>

struct ip_address {
    uint8_t at[16];
    int len; /* 4 or 16. */
};

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return INT_MAX;
}

/* Java's Integer.parseInt: an optional sign, any number of leading zeros. */
static bool parse_int(int *ret, struct jute_bytes text, int base)
{
    bool is_negative = text.len > 0 && text.at[0] == '-';
    int32_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;
    int64_t v = 0;

    if (i == text.len)
        return false;
    for (; i < text.len; i++) {
        int d = digit_of(text.at[i]);

        if (d >= base)
            return false;
        v = v * base + d;
        if (v > (int64_t)INT32_MAX + 1)
            return false;
    }
    v = is_negative ? -v : v;
    *ret = (int)v;
    return v <= INT32_MAX;
}

/* Cuts the text before the first c off *rest; without one, all of it, and *rest is null. */
static struct jute_bytes cut_at(struct jute_bytes *rest, char c)
{
    struct jute_bytes part = *rest;
    const uint8_t *p = rest->len > 0 ? memchr(rest->at, c, (size_t)rest->len) : NULL;

    if (p == NULL) {
        *rest = (struct jute_bytes){ .len = -1 };
        return part;
    }
    part.len = (int32_t)(p - part.at);
    rest->at += part.len + 1;
    rest->len -= part.len + 1;
    return part;
}

static bool parse_ipv4(struct ip_address *ret, struct jute_bytes text)
{
    int v;

    ret->len = 4;
    for (int i = 0; i < 4; i++) {
        if (text.len < 0 || !parse_int(&v, cut_at(&text, '.'), 10) || v < 0 || v > 255)
            return false;
        ret->at[i] = (uint8_t)v;
    }
    return text.len < 0;
}

/* Groups of up to four digits between colons; returns how many, or -1. */
static int parse_groups(uint16_t groups[8], struct jute_bytes text)
{
    int count = 0;
    int v;

    while (text.len >= 0) {
        struct jute_bytes part = cut_at(&text, ':');

        if (count == 8 || part.len > 4 || !parse_int(&v, part, 16))
            return -1;
        groups[count++] = (uint16_t)v;
    }
    return count;
}

static const uint8_t *find_double_colon(struct jute_bytes text)
{
    return text.len >= 2 ? memmem(text.at, (size_t)text.len, "::", 2) : NULL;
}

static bool parse_ipv6(struct ip_address *ret, struct jute_bytes text)
{
    uint16_t groups[8] = { 0 };
    uint16_t tail[8];
    int tail_count = 0;
    const uint8_t *gap = find_double_colon(text);
    struct jute_bytes head = text;

    if (gap != NULL) {
        struct jute_bytes rest = { .at = gap + 2, .len = (int32_t)(text.at + text.len - gap - 2) };

        head.len = (int32_t)(gap - text.at);
        if (find_double_colon(rest) != NULL)
            return false;
        tail_count = rest.len > 0 ? parse_groups(tail, rest) : 0;
    }

    int count = gap != NULL && head.len == 0 ? 0 : parse_groups(groups, head);

    if (count < 0 || tail_count < 0)
        return false;
    if (gap == NULL ? count != 8 : count + tail_count >= 8)
        return false;
    for (int i = 0; i < tail_count; i++)
        groups[8 - tail_count + i] = tail[i];
    ret->len = 16;
    for (size_t i = 0; i < 8; i++) {
        ret->at[2 * i] = (uint8_t)(groups[i] >> 8);
        ret->at[2 * i + 1] = (uint8_t)groups[i];
    }
    return true;
}

static bool parse_address(struct ip_address *ret, struct jute_bytes text)
{
    if (text.len > 0 && memchr(text.at, ':', (size_t)text.len) != NULL)
        return parse_ipv6(ret, text);
    return parse_ipv4(ret, text);
}

/* `addr` or `addr/bits`. */
static bool parse_pattern(struct ip_address *ret, int *ret_bits, struct jute_bytes pattern)
{
    struct jute_bytes address = cut_at(&pattern, '/');

    if (!parse_address(ret, address))
        return false;
    *ret_bits = ret->len * 8;
    if (pattern.len < 0)
        return true;
    return parse_int(ret_bits, pattern, 10) && *ret_bits >= 0 && *ret_bits <= ret->len * 8;
}

bool auth_ip_is_valid(struct jute_bytes id)
{
    struct ip_address a;
    int bits;

    return parse_pattern(&a, &bits, id);
}

bool auth_ip_matches(struct jute_bytes id, struct jute_bytes pattern)
{
    struct ip_address want;
    struct ip_address have;
    int bits;

    if (!parse_pattern(&want, &bits, pattern) || !parse_address(&have, id) || want.len != have.len)
        return false;
    if (memcmp(want.at, have.at, (size_t)bits / 8) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    return (want.at[bits / 8] ^ have.at[bits / 8]) >> (8 - bits % 8) == 0;
}
