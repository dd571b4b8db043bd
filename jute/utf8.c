#include "jute/utf8.h"

static const uint8_t REPLACEMENT[] = { 0xef, 0xbf, 0xbd };

struct utf8_part {
    size_t len;
    bool is_valid;
};

static bool is_continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the character that a lead byte announces; 0 for no lead byte. */
static size_t announced(uint8_t lead)
{
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/* Whether `second` may follow `lead`: no overlong forms, nothing above U+10FFFF.
 * Surrogates pass here, see next_part(). */
static bool may_follow(uint8_t lead, uint8_t second)
{
    if (lead == 0xe0)
        return second >= 0xa0 && second <= 0xbf;
    if (lead == 0xf0)
        return second >= 0x90 && second <= 0xbf;
    if (lead == 0xf4)
        return second >= 0x80 && second <= 0x8f;
    return is_continuation(second);
}

/* The part at the front of the bytes, of which there is at least one: a character,
 * or what Java replaces as one. */
static struct utf8_part next_part(const uint8_t *at, size_t len)
{
    if (at[0] < 0x80)
        return (struct utf8_part){ 1, true };

    size_t want = announced(at[0]);

    if (want == 0 || len < 2 || !may_follow(at[0], at[1]))
        return (struct utf8_part){ 1, false };
    for (size_t have = 2; have < want; have++)
        if (have == len || !is_continuation(at[have]))
            return (struct utf8_part){ have, false };
    /* Java takes an encoded surrogate in whole and replaces it once. */
    return (struct utf8_part){ want, at[0] != 0xed || at[1] < 0xa0 };
}

/* Length of the run of ASCII at the front, by eight bytes at a time. */
static size_t ascii_run(const uint8_t *at, size_t len)
{
    size_t i = 0;
    uint64_t v;

    for (; len - i >= sizeof v; i += sizeof v) {
        memcpy(&v, at + i, sizeof v);
        if ((v & 0x8080808080808080u) != 0)
            break;
    }
    while (i < len && at[i] < 0x80)
        i++;
    return i;
}

/* Length of the valid front. */
static size_t valid_run(const uint8_t *at, size_t len)
{
    size_t i = 0;

    for (;;) {
        i += ascii_run(at + i, len - i);
        if (i == len)
            return i;

        struct utf8_part part = next_part(at + i, len - i);

        if (!part.is_valid)
            return i;
        i += part.len;
    }
}

bool utf8_is_valid(const uint8_t *at, size_t len)
{
    return len == 0 || valid_run(at, len) == len;
}

void utf8_repair(struct bytes *out, const uint8_t *at, size_t len)
{
    while (len > 0) {
        size_t run = valid_run(at, len);

        bytes_put(out, at, run);
        at += run;
        len -= run;
        if (len > 0) {
            struct utf8_part part = next_part(at, len);

            bytes_put(out, REPLACEMENT, sizeof REPLACEMENT);
            at += part.len;
            len -= part.len;
        }
    }
}

static bool has_long_form(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] >= 0xf0)
            return true;
    return false;
}

bool utf8_is_as_written(const uint8_t *at, size_t len)
{
    return utf8_is_valid(at, len) && !has_long_form(at, len);
}

static void put_surrogate(struct bytes *out, uint32_t unit)
{
    const uint8_t three[] = { (uint8_t)(0xe0 | unit >> 12), (uint8_t)(0x80 | (unit >> 6 & 0x3f)),
                              (uint8_t)(0x80 | (unit & 0x3f)) };

    bytes_put(out, three, sizeof three);
}

void utf8_as_written(struct bytes *out, const uint8_t *at, size_t len)
{
    struct bytes text = { 0 };

    utf8_repair(&text, at, len);
    for (size_t i = 0; i < text.len;) {
        const uint8_t *p = text.at + i;

        if (*p < 0xf0) {
            bytes_put(out, p, 1);
            i++;
            continue;
        }
        uint32_t c = (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
                     (uint32_t)(p[2] & 0x3f) << 6 | (uint32_t)(p[3] & 0x3f);
        c -= 0x10000;
        put_surrogate(out, 0xd800 + (c >> 10));
        put_surrogate(out, 0xdc00 + (c & 0x3ff));
        i += 4;
    }
    bytes_done(&text);
}

/* The surrogate that begins here, or 0. */
static uint32_t surrogate_at(const uint8_t *p, const uint8_t *end)
{
    if (end - p < 3 || p[0] != 0xed || p[1] < 0xa0)
        return 0;
    return (uint32_t)(p[0] & 0xf) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (uint32_t)(p[2] & 0x3f);
}

void utf8_as_shown(struct bytes *out, const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len;

    for (const uint8_t *p = at; p < end;) {
        uint32_t high = surrogate_at(p, end);
        uint32_t low = high != 0 && high < 0xdc00 ? surrogate_at(p + 3, end) : 0;

        if (low < 0xdc00) {
            bytes_put(out, p++, 1);
            continue;
        }
        uint32_t c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        const uint8_t four[] = { (uint8_t)(0xf0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 0x3f)),
                                 (uint8_t)(0x80 | (c >> 6 & 0x3f)), (uint8_t)(0x80 | (c & 0x3f)) };
        bytes_put(out, four, sizeof four);
        p += 6;
    }
}
